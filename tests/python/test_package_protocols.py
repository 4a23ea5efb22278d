"""HTTP, SMTP, FTP with its data channels, IMAP, POP3, XML-RPC and NNTP: under hostlock.inject() the standard library's
own clients verify though nothing asks them to, and hostlock.protocols makes them verified one at a time. Each speaks
its protocol to the end with the right server, and sends an impostor nothing."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import socketserver
import ssl
import threading
import unittest
from collections.abc import Callable, Mapping
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCDispatcher

from package import cast, interpreters, python
from support import ROOT

CLIENT = ROOT / "python/tests/protocols.py"
MISMATCH = "HOSTLOCK_E_HOST_MISMATCH"
# What a client says once it believes.
SECRET = b"GET|POST|PASS|noop|NOOP|DATE"


def context_of(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(pem))
    return context


class Listening(socketserver.ThreadingTCPServer):
    """A server of TLS by the certificate `pem`, for the time of a `with`."""

    daemon_threads = True

    def __init__(self, pem: Path, talk: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), talk)
        self.context = context_of(pem)
        self.heard: list[bytes] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class Script(Listening):
    """A server of lines: for each beginning of a line its answer. TLS begins at the line `begin`, or at once where that
    is None. `data` is the certificate of FTP's data channels."""

    def __init__(self, pem: Path, words: Words, begin: bytes | None, data: Path | None = None) -> None:
        self.greeting, self.answers = words
        self.begin, self.data = begin, context_of(data or pem)
        super().__init__(pem, _Talk)


class _Talk(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Script)
        self.line: socket.socket = self.request
        with contextlib.suppress(OSError):
            if server.begin is None:
                self.line = server.context.wrap_socket(self.line, server_side=True)
            self.talk(server)
        self.line.close()

    def talk(self, server: Script) -> None:
        self.line.sendall(server.greeting)
        while line := self.one_line():
            server.heard.append(line)
            # IMAP's commands bear a tag, which the answer repeats.
            tag, _, rest = line.partition(b" ")
            command = rest if re.match(rb"[A-P]{4}\d", tag) else line
            found = next((answer for word, answer in server.answers.items() if command.upper().startswith(word)), b"")
            if command.startswith(b"PASV"):
                self.listening = socket.create_server(("127.0.0.1", 0))
                port = self.listening.getsockname()[1]
                found = b"227 here (127,0,0,1,%d,%d)\r\n" % divmod(port, 256)
            self.line.sendall(found.replace(b"TAG", tag))
            if server.begin is not None and command.startswith(server.begin):
                self.line = server.context.wrap_socket(self.line, server_side=True)
            if command.startswith(b"RETR"):
                self.serve_file(server)

    def one_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n") and (part := self.line.recv(1)):
            line += part
        return line

    def serve_file(self, server: Script) -> None:
        channel = self.listening.accept()[0]
        self.listening.close()
        with server.data.wrap_socket(channel, server_side=True) as tls:
            tls.sendall(b"what is in the file")
            with contextlib.suppress(OSError):
                tls.unwrap()
        self.line.sendall(b"226 done\r\n")


class Web(Listening):
    """HTTPS: a page for GET; for POST the answer of XML-RPC."""

    def __init__(self, pem: Path) -> None:
        self.calls = SimpleXMLRPCDispatcher()
        self.calls.register_function(lambda one, other: one + other, "add")
        super().__init__(pem, _Page)


class _Page(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Web)
        with contextlib.suppress(OSError), server.context.wrap_socket(self.request, server_side=True) as tls:
            page = tls.makefile("rb")
            request, length = page.readline(), 0
            server.heard.append(request)
            while (line := page.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            data = b"fine"
            if request.startswith(b"POST"):
                data = bytes(server.calls._marshaled_dispatch(page.read(length)))  # type: ignore[arg-type]
            tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(data) + data)


Words = tuple[bytes, dict[bytes, bytes]]
SMTP: Words = (
    b"220 hi\r\n",
    {b"EHLO": b"250-hi\r\n250 STARTTLS\r\n", b"STARTTLS": b"220 go\r\n", b"NOOP": b"250 yes\r\n"},
)
IMAP: Words = (
    b"* OK hi\r\n",
    {
        b"CAPABILITY": b"* CAPABILITY IMAP4REV1 STARTTLS\r\nTAG OK done\r\n",
        b"STARTTLS": b"TAG OK go\r\n",
        b"NOOP": b"TAG OK yes\r\n",
    },
)
POP: Words = (b"+OK hi\r\n", {b"CAPA": b"+OK\r\nSTLS\r\n.\r\n", b"STLS": b"+OK go\r\n", b"NOOP": b"+OK\r\n"})
NNTP: Words = (
    b"200 hi\r\n",
    {
        b"CAPABILITIES": b"101 these\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n",
        b"STARTTLS": b"382 go\r\n",
        b"DATE": b"111 20261128120000\r\n",
    },
)
FTP: Words = (
    b"220 hi\r\n",
    {
        b"AUTH": b"234 go\r\n",
        b"USER": b"331 who\r\n",
        b"PASS": b"230 in\r\n",
        b"PBSZ": b"200 so\r\n",
        b"PROT": b"200 so\r\n",
        b"TYPE": b"200 so\r\n",
        b"RETR": b"150 here\r\n",
        b"QUIT": b"221 bye\r\n",
    },
)
SERVERS: dict[str, Callable[[Path], Listening]] = {
    "https": Web,
    "certificate": Web,
    "urlopen": Web,
    "xmlrpc": Web,
    "smtp": lambda pem: Script(pem, SMTP, b"STARTTLS"),
    "smtps": lambda pem: Script(pem, SMTP, None),
    "imap": lambda pem: Script(pem, IMAP, b"STARTTLS"),
    "imaps": lambda pem: Script(pem, IMAP, None),
    "pop3": lambda pem: Script(pem, POP, b"STLS"),
    "pop3s": lambda pem: Script(pem, POP, None),
    "nntp": lambda pem: Script(pem, NNTP, b"STARTTLS"),
    "nntps": lambda pem: Script(pem, NNTP, None),
    "ftp": lambda pem: Script(pem, FTP, b"AUTH"),
}


def versions() -> list[str]:
    return sorted(set(interpreters()) - {"2.7", "Debian's"})


class Protocols(unittest.TestCase):
    def outcomes(self, version: str, how: str, servers: Mapping[str, Listening]) -> dict[str, str]:
        ports = [f"{way}={server.server_address[1]}" for way, server in servers.items()]
        ran = python(version, CLIENT, how, *ports, SSL_CERT_FILE=str(cast().roots))
        self.assertEqual(ran.returncode, 0, ran.stderr)
        found: dict[str, str] = json.loads(ran.stdout)
        return found

    def all_of(self, version: str, how: str, pem: Path) -> tuple[dict[str, str], bytes]:
        """How each ended, and all that the servers heard."""
        gone = {"nntp", "nntps"} if version == "3.13" else set()
        if how == "ours":
            gone |= {"certificate", "urlopen"}
        with contextlib.ExitStack() as stack:
            servers = {way: stack.enter_context(made(pem)) for way, made in SERVERS.items() if way not in gone}
            return self.outcomes(version, how, servers), b"".join(b"".join(one.heard) for one in servers.values())

    def each(self, how: str) -> None:
        for version in versions():
            with self.subTest(version=version):
                right, said = self.all_of(version, how, cast().right)
                self.assertEqual(right, dict.fromkeys(right, "ok"))
                self.assertRegex(said, SECRET)
                wrong, said = self.all_of(version, how, cast().false["HOST_MISMATCH"])
                self.assertEqual(wrong, dict.fromkeys(right, MISMATCH))
                self.assertNotRegex(said, SECRET)

    def test_plainly_each_of_them_believes_the_impostor(self) -> None:
        for version in versions():
            with self.subTest(version=version):
                wrong, said = self.all_of(version, "plainly", cast().false["HOST_MISMATCH"])
                self.assertEqual(wrong, dict.fromkeys(wrong, "ok"))
                self.assertRegex(said, SECRET)

    def test_under_inject_each_verifies_though_nobody_asks_it_to(self) -> None:
        self.each("inject")

    def test_each_has_a_verified_constructor(self) -> None:
        self.each("ours")

    def test_a_data_channel_of_ftp_is_verified_like_its_control_connection(self) -> None:
        for version in versions():
            for how, expected in (("plainly", "ok"), ("inject", MISMATCH), ("ours", MISMATCH)):
                with (
                    self.subTest(version=version, how=how),
                    Script(cast().right, FTP, b"AUTH", data=cast().false["HOST_MISMATCH"]) as server,
                ):
                    self.assertEqual(self.outcomes(version, how, {"ftp": server}), {"ftp": expected})

    def test_ours_take_no_context_that_verifies_less_and_no_server_without_tls(self) -> None:
        script = """
import ssl, sys
from hostlock import protocols
def tried(function, *arguments, **more):
    try:
        function(*arguments, **more)
        print("made")
    except Exception as error:
        print(type(error).__name__)
port = int(sys.argv[1])
tried(protocols.https, "localhost", context=ssl.create_default_context())
tried(protocols.xmlrpc, "http://localhost/")
tried(protocols.smtp, "localhost", port)
tried(lambda: protocols.ftp("localhost", int(sys.argv[2])).prot_c())
"""
        nothing: Words = (b"220 hi\r\n", {b"EHLO": b"250 hi\r\n"})
        with Script(cast().right, nothing, b"STARTTLS") as server, Script(cast().right, FTP, b"AUTH") as ftp:
            ports = (str(server.server_address[1]), str(ftp.server_address[1]))
            for version in versions():
                ran = python(version, script, *ports, SSL_CERT_FILE=str(cast().roots))
                self.assertEqual(ran.stdout.split(), ["TypeError", "ValueError", "SMTPNotSupportedError", "ValueError"])


if __name__ == "__main__":
    unittest.main()
