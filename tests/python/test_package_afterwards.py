"""Interpreters with an OpenSSL of their own inside: hostlock judges their connections after the handshake, whoever
makes it, and nothing of the program reaches an impostor before."""

from __future__ import annotations

import contextlib
import json
import socketserver
import ssl
import tempfile
import threading
import unittest
from pathlib import Path

from package import cast, foreign, interpreters, python
from support import Authority, Server, must, scratch
from test_package_inject import BY_NUMBER, CLIENTS, UNNAMED, Spoken

MISMATCH = "HOSTLOCK_E_HOST_MISMATCH"
PREAMBLE = """
import hostlock, json, socket, ssl, sys, warnings
{}
def context(**more):
    made = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_CLIENT", ssl.PROTOCOL_SSLv23))
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made
def dialled(port=None):
    return socket.create_connection(("localhost", port or int(sys.argv[1])), 20)
def tried(function):
    try:
        function()
    except Exception as error:
        facts = getattr(error, "hostlock", None)
        return facts.status if facts else repr(error)
    return "ok"
"""
INJECT = PREAMBLE.format("hostlock.inject()")
# Each begins a connection that makes no handshake of its own, and then says or hears something.
FIRST_WORDS = """
import asyncio, io
def implicit():
    return context().wrap_socket(dialled(), do_handshake_on_connect=False)
def in_memory(act):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls, sock = context().wrap_bio(incoming, outgoing, server_hostname="localhost"), dialled()
    while True:
        try:
            return act(tls)
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(20000))
        finally:
            if outgoing.pending:
                sock.sendall(outgoing.read())
def without_waiting():
    tls = implicit()
    tls.setblocking(False)
    while True:
        try:
            return tls.send(b"secret")
        except ssl.SSLWantReadError:
            select.select([tls], [], [], 20)
def connected():
    tls = context().wrap_socket(socket.socket())
    try:
        tls.connect(("localhost", int(sys.argv[1])))
    except ssl.SSLError as error:
        try:
            tls.sendall(b"secret")
        except OSError:
            pass
        raise error
def in_asyncio():
    async def talk():
        _, writer = await asyncio.open_connection("localhost", int(sys.argv[1]), ssl=context())
        writer.write(b"secret")
        await writer.drain()
        writer.close()
    asyncio.run(talk())
def resumed():
    made = context()
    first = made.wrap_socket(dialled(int(sys.argv[2])))
    first.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    first.recv(100)
    session = first.session
    assert session is not None
    second = made.wrap_socket(dialled(), session=session)
    assert not second.session_reused
    second.sendall(b"secret")
import select
WAYS = {
    "send": lambda: implicit().send(b"secret"),
    "sendall": lambda: implicit().sendall(b"secret"),
    "write": lambda: implicit().write(b"secret"),
    "sendfile": lambda: implicit().sendfile(io.BytesIO(b"secret")),
    "recv": lambda: implicit().recv(10),
    "recv_into": lambda: implicit().recv_into(bytearray(10)),
    "read": lambda: implicit().read(10),
    "makefile": lambda: implicit().makefile("rb").read(10),
    "unwrap": lambda: implicit().unwrap().sendall(b"secret"),
    "do_handshake": lambda: implicit().do_handshake(),
    "without waiting": without_waiting,
    "connect, and on after its failure": connected,
    "memory, do_handshake": lambda: in_memory(lambda tls: tls.do_handshake()),
    "memory, write": lambda: in_memory(lambda tls: tls.write(b"secret")),
    "memory, read": lambda: in_memory(lambda tls: tls.read(10)),
    "memory, unwrap": lambda: in_memory(lambda tls: tls.unwrap()),
    "asyncio": in_asyncio,
    "a session": resumed,
}
print(json.dumps({name: tried(way) for name, way in WAYS.items()}))
"""


class Listening(socketserver.ThreadingTCPServer):
    """A TLS server that says a word and remembers all that it hears, inside of TLS and after its end."""

    daemon_threads = True

    def __init__(self, pem: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Listener)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(str(pem))
        self.heard, self.ended = bytearray(), 0
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Listener(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Listening)
        with contextlib.suppress(OSError), server.context.wrap_socket(self.request, server_side=True) as tls:
            tls.settimeout(20)
            tls.sendall(b"hello, you")
            while part := tls.recv(1000):
                server.heard += part
            with tls.unwrap() as sock:
                while part := sock.recv(1000):
                    server.heard += part
        server.ended += 1


def versions() -> list[str]:
    return sorted(set(interpreters()) - {"2.7", "Debian's"})


class Afterwards(unittest.TestCase):
    def says(self, version: str, script: str, *arguments: str, **more: str) -> str:
        world = {"SSL_CERT_FILE": str(cast().roots), **foreign(version), **more}
        ran = python(version, script, *arguments, **world)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.strip()

    def outcomes(self, version: str, how: str, port: int) -> dict[str, str]:
        with Spoken(port) as spoken:
            world = {"SSL_CERT_FILE": str(cast().roots), **foreign(version)}
            ran = python(version, CLIENTS, how, str(port), str(spoken.server_address[1]), **world)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        found: dict[str, str] = json.loads(ran.stdout)
        return found

    def test_the_mode_says_so(self) -> None:
        for version in interpreters():
            self.assertEqual(self.says(version, "import hostlock; print(hostlock.mode)"), "afterwards")

    def test_in_every_way_of_connecting_only_the_host_that_was_asked_for_is_believed(self) -> None:
        for version in interpreters():
            for how in ("inject", "ssl"):
                with (
                    self.subTest(version=version, how=how),
                    Server(cast().right) as good,
                    Server(cast().false["HOST_MISMATCH"]) as bad,
                ):
                    right, wrong = self.outcomes(version, how, good), self.outcomes(version, how, bad)
                    for name in right:
                        expected = MISMATCH if name in BY_NUMBER else "ok"
                        self.assertEqual(right[name], "HOSTLOCK_E_NO_HOST" if name in UNNAMED else expected, name)
                        self.assertEqual(wrong[name], "HOSTLOCK_E_NO_HOST" if name in UNNAMED else MISMATCH, name)

    def test_nothing_of_the_program_reaches_an_impostor_whoever_makes_the_handshake(self) -> None:
        for version in versions():
            with (
                self.subTest(version=version),
                Listening(cast().false["HOST_MISMATCH"]) as impostor,
                Server(cast().right) as right,
            ):
                said = self.says(version, INJECT + FIRST_WORDS, str(impostor.server_address[1]), str(right))
                outcomes = json.loads(said)
                self.assertEqual(outcomes, dict.fromkeys(outcomes, MISMATCH))
                self.assertGreaterEqual(len(outcomes), 18)
                self.assertEqual(bytes(impostor.heard), b"")
                self.assertGreater(impostor.ended, 0)
            with self.subTest(version=version), Listening(cast().right) as good, Server(cast().right) as right:
                said = self.says(version, INJECT + FIRST_WORDS, str(good.server_address[1]), str(right))
                outcomes = json.loads(said)
                # These leave unread what the server said, which OpenSSL complains of.
                for name in ("unwrap", "memory, unwrap"):
                    self.assertRegex(outcomes.pop(name), "ok|SSL")
                self.assertEqual(outcomes, dict.fromkeys(outcomes, "ok"))
                self.assertIn(b"secret", good.heard)

    def test_each_false_certificate_is_refused_and_so_are_old_suites(self) -> None:
        script = INJECT + "print(tried(lambda: context().wrap_socket(dialled()).sendall(b'secret')))"
        for version in interpreters():
            for why, pem in cast().false.items():
                with self.subTest(version=version, why=why), Server(pem) as port:
                    self.assertEqual(self.says(version, script, str(port)), f"HOSTLOCK_E_{why}")
            old = "made = context(); made.set_ciphers('AES128-SHA256:ECDHE-ECDSA-AES128-SHA256')\n"
            weak = INJECT + old + "print(tried(lambda: made.wrap_socket(dialled())))"
            with (
                self.subTest(version=version, why="suite"),
                Server(cast().right, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256") as port,
            ):
                self.assertEqual(self.says(version, weak, str(port)), "HOSTLOCK_E_NO_COMMON_CIPHER")

    def test_a_chain_with_an_intermediate_is_judged_whole_or_refused_with_the_reason(self) -> None:
        middle, leaf = intermediate()
        script = (
            INJECT
            + """
try:
    context().wrap_socket(dialled()).sendall(b"secret")
    print("ok")
except ssl.SSLError as error:
    print("%s %s" % (error.hostlock.status, error.hostlock.hint))
"""
        )
        with Server(leaf, "-cert_chain", str(middle)) as port:
            for version in interpreters():
                with self.subTest(version=version):
                    said = self.says(version, script, str(port))
                    if version in ("2.7", "3.8"):
                        self.assertRegex(said, "HOSTLOCK_E_UNKNOWN_ISSUER this Python shows only .* Python 3.10")
                    else:
                        self.assertEqual(said, "ok")

    def test_a_context_rests_on_what_it_was_told_to_trust_also_before(self) -> None:
        others = Authority("Others' CA").certificate
        script = (
            PREAMBLE.format("")
            + """
from hostlock import ssl as ours
def trusting(module, **what):
    made = module.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.load_verify_locations(**what)
    return made
pem = open(sys.argv[2]).read()
der = ssl.PEM_cert_to_DER_cert(pem)
twice = der + ssl.PEM_cert_to_DER_cert(open(sys.argv[3]).read())
rows = [{"cafile": sys.argv[2]}, {"cadata": pem}, {"cadata": der}, {"cadata": twice}, {"capath": sys.argv[4]}]
rows.append({"cafile": sys.argv[3]})
before = [trusting(ssl, **row) for row in rows if "capath" not in row]
hostlock.inject()
def last(made):
    return tried(lambda: made.wrap_socket(dialled(), server_hostname="localhost"))
print(" ".join(last(made) for made in before))
for module in (ssl, ours):
    print(" ".join(last(trusting(module, **row)) for row in rows))
"""
        )
        folder = Path(tempfile.mkdtemp(prefix="capath-", dir=scratch()))
        (folder / "ca.pem").write_text(cast().roots.read_text())
        unknown = "HOSTLOCK_E_UNKNOWN_ISSUER"
        for version in versions():
            # The system's roots do not have this authority, so that what is accepted was told.
            with self.subTest(version=version), Server(cast().right) as port:
                arguments = (str(port), str(cast().roots), str(others), str(folder))
                said = self.says(version, script, *arguments, SSL_CERT_FILE=str(others)).splitlines()
                self.assertEqual(said[0].split(), ["ok"] * 4 + [unknown])
                self.assertEqual([line.split() for line in said[1:]], [["ok"] * 5 + [unknown]] * 2)

    def test_it_is_said_once_and_reported_and_modes_and_exceptions_hold(self) -> None:
        script = (
            PREAMBLE.format("")
            + """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    hostlock.inject(**eval(sys.argv[2]))
    hostlock.inject(**eval(sys.argv[2]))
print(len([one for one in caught if "client certificate" in str(one.message)]))
print(tried(lambda: context().wrap_socket(dialled())))
print(json.dumps(hostlock.report()["afterwards"]))
"""
        )
        rows = (
            ("{}", MISMATCH, {"mode": "enforce", "connections": 1, "refused": 1}),
            ("{'report_only': 'to look'}", "ok", {"mode": "report-only", "connections": 1, "would_be_refused": 1}),
            ("{'allow': [('host:localhost', 'ours')]}", "ok", {"mode": "enforce", "connections": 1, "excepted": 1}),
            ("{'allow': [('host:bank.example', 'ours')]}", MISMATCH, {"refused": 1}),
        )
        with Server(cast().false["HOST_MISMATCH"]) as port:
            for call, outcome, expected in rows:
                with self.subTest(call=call):
                    said, ended, report = self.says("3.11", script, str(port), call).splitlines()
                    self.assertEqual((said, ended), ("1", outcome))
                    found = json.loads(report)
                    self.assertEqual({name: found.get(name) for name in expected}, expected)
        script = "import hostlock\ntry:\n    hostlock.inject(allow=[('sha256:" + "0" * 64 + "', 'ours')])\n"
        said = self.says("3.11", script + "except hostlock.Error as error:\n    print(error.hostlock.status)")
        self.assertEqual(said, "HOSTLOCK_E_UNSUPPORTED")

    def test_servers_go_on_serving(self) -> None:
        script = (
            INJECT
            + """
import threading
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(sys.argv[1])
listening = socket.create_server(("127.0.0.1", 0))
def serve():
    tls = server.wrap_socket(listening.accept()[0], server_side=True)
    tls.sendall(b"hello")
    tls.close()
threading.Thread(target=serve).start()
sock = socket.create_connection(listening.getsockname())
print(context().wrap_socket(sock, server_hostname="localhost").recv(5))
"""
        )
        for version in versions():
            self.assertEqual(self.says(version, script, str(cast().right)), "b'hello'")


def intermediate() -> tuple[Path, Path]:
    """The certificate of an intermediate of the cast's authority, and one for localhost that it issued."""
    below = Authority("Between")
    request, extensions = below.directory / "ca.csr", below.directory / "ca.ext"
    must(["openssl", "req", "-new", "-key", below.key, "-subj", "/CN=Between", "-out", request])
    extensions.write_text(
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"
        "authorityKeyIdentifier=keyid\n"
    )
    above = cast().authority
    issuer: list[str | Path] = ["-CA", above.certificate, "-CAkey", above.key, "-CAcreateserial", "-days", "20"]
    must(["openssl", "x509", "-req", "-in", request, *issuer, "-extfile", extensions, "-out", below.certificate])
    return below.certificate, below.issue("localhost", extra="subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid")


if __name__ == "__main__":
    unittest.main()
