"""The paths through M2Crypto and pyOpenSSL on which a host can be named: each under hostlock.inject()."""

from __future__ import annotations

import contextlib
import functools
import os
import socketserver
import ssl
import subprocess
import threading
import unittest
from pathlib import Path

from package import SOURCE, cast, interpreters, python
from support import Authority, Server, run, scratch
from test_package_protocols import FTP, Script

DEBIAN = "Debian's"

M2CRYPTO = """
import hostlock, socket, sys
hostlock.inject()
from M2Crypto import SSL, httpslib, m2
port = int(sys.argv[1])
def connection():
    context = SSL.Context("tls")
    context.load_verify_locations(sys.argv[2])
    made = SSL.Connection(context)
    made.set_post_connection_check_callback(None)
    return made
def by_connect(name):
    made = connection()
    made.connect((name, port))
    return made.read(8)
def by_set1_host(name, sni=None):
    made = connection()
    if sni:
        made.set_tlsext_host_name(sni)
    made.set1_host(name)
    made.connect(("127.0.0.1", port))
    return made.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
def by_sni(name):
    made = connection()
    made.set_tlsext_host_name(name)
    made.connect(("127.0.0.1", port))
def by_connect_ssl():
    made = connection()
    made.socket.connect(("localhost", port))
    made.setup_ssl()
    made.set_connect_state()
    made.connect_ssl()
def by_httpslib(name):
    context = SSL.Context("tls")
    context.load_verify_locations(sys.argv[2])
    page = httpslib.HTTPSConnection(name, port, ssl_context=context)
    page.request("GET", "/")
    return page.getresponse().status
def by_proxy(name):
    context = SSL.Context("tls")
    context.load_verify_locations(sys.argv[2])
    page = httpslib.ProxyHTTPSConnection("localhost", int(sys.argv[3]), ssl_context=context)
    page.putrequest("GET", "https://%s:%d/" % (name, port))
    page.endheaders()
def by_checker(name):
    try:
        return by_connect(name)
    except SSL.Checker.WrongHost as error:
        assert isinstance(error, SSL.SSLError) and (error.expectedHost, error.actualHost) == (name, "localhost")
        raise
try:
    print("ok", eval(sys.argv[4]))
except Exception as error:
    print(error.hostlock.status if hasattr(error, "hostlock") else repr(error))
"""

M2CRYPTO_FTP = """
import hostlock, sys
hostlock.inject()
from M2Crypto import SSL, ftpslib
class Lines:
    def readline(self, most):
        line = b""
        while not line.endswith(b"\\n"):
            line += session.sock.read(1)
        return line.decode()
    def close(self):
        pass
context = SSL.Context("tls")
context.load_verify_locations(sys.argv[2])
session = ftpslib.FTP_TLS(ssl_ctx=context)
try:
    session.connect("localhost", int(sys.argv[1]))
    session.auth_tls()
    # On Python 3 M2Crypto reads bytes where ftplib takes text.
    session.file = Lines()
    session.login("me", "secret")
    session.prot_p()
    print(session.transfercmd("RETR file").read(100).decode())
except SSL.SSLError as error:
    print(error.hostlock.status)
"""

M2CRYPTO_SERVER = """
import hostlock, socket, socketserver, ssl, sys, threading
hostlock.inject()
from M2Crypto import SSL
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.write(b"hello")
        self.request.close()
context = SSL.Context("tls")
context.load_cert_chain(sys.argv[1])
server = SSL.SSLServer(("127.0.0.1", 0), Handler, context)
threading.Thread(target=server.handle_request, daemon=True).start()
sock = socket.create_connection(("localhost", server.server_address[1]), 20)
print(ssl.create_default_context().wrap_socket(sock, server_hostname="localhost").recv(5).decode())
"""

PYOPENSSL = """
import hostlock, socket, sys
hostlock.inject()
from OpenSSL import SSL, crypto
from hostlock import pyopenssl
port = int(sys.argv[1])
def connection(sock):
    context = SSL.Context(SSL.SSLv23_METHOD)
    context.load_verify_locations(sys.argv[2])
    context.set_verify(SSL.VERIFY_NONE, lambda *what: True)
    return SSL.Connection(context, sock)
def by_roots(roots):
    context = SSL.Context(SSL.SSLv23_METHOD)
    if roots == "store":
        context.get_cert_store().add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, open(sys.argv[2], "rb").read()))
    elif roots:
        context.load_verify_locations(roots)
    made = SSL.Connection(context, socket.create_connection(("localhost", port)))
    made.set_connect_state()
    return shake(made)
def by_second_thought():
    made = connection(socket.create_connection(("localhost", port)))
    made.set_accept_state()
    made.set_connect_state()
    return shake(made)
def shake(made):
    made.do_handshake()
    made.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    return made.recv(8)
def by_connect(name):
    made = connection(socket.socket())
    made.connect((name, port))
    return shake(made)
def by_state(name):
    made = connection(socket.create_connection((name, port)))
    made.set_connect_state()
    return shake(made)
def by_implicit(name):
    made = connection(socket.create_connection((name, port)))
    made.set_connect_state()
    made.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    return made.recv(8)
def by_set_host(name):
    made = connection(socket.create_connection(("127.0.0.1", port)))
    made.set_connect_state()
    pyopenssl.set_host(made, name)
    return shake(made)
def by_sni(name):
    made = connection(socket.create_connection(("127.0.0.1", port)))
    made.set_tlsext_host_name(name)
    made.set_connect_state()
    return shake(made)
def by_proxy(name, go):
    sock = socket.create_connection(("localhost", int(sys.argv[3])))
    made = connection(sock)
    made.set_connect_state()
    sock.sendall(b"CONNECT " + name + b":443 HTTP/1.0\\r\\n\\r\\n")
    assert b"200 go" in sock.recv(100)
    go(made)
try:
    print("ok", eval(sys.argv[4]))
except Exception as error:
    print(error.hostlock.status if hasattr(error, "hostlock") else repr(error))
    if isinstance(error, SSL.Error) and error.args:
        # As programs take it apart.
        assert all(len(one) == 3 for one in error.args[0]) and "verify failed" in error.args[0][-1][2], error.args
"""

MISMATCH = "HOSTLOCK_E_HOST_MISMATCH"


class Proxy(socketserver.ThreadingTCPServer):
    """Says 200 to every CONNECT and is itself the server: whoever asked for another host must not take it for that."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Proxied)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cast().right)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Proxied(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        words = b""
        while not words.endswith(b"\r\n\r\n"):
            words += self.request.recv(1)
        self.request.sendall(b"HTTP/1.1 200 go\r\n\r\n")
        assert isinstance(self.server, Proxy)
        with contextlib.suppress(OSError):
            self.server.context.wrap_socket(self.request, server_side=True).close()


@functools.cache
def from_the_index(package: str) -> Path | None:
    """Where a package and what it needs was laid, for Python 3.11; None without the index."""
    site = scratch() / "index"
    command = [str(interpreters()["3.11"]), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, "--target", str(site), package], capture_output=True, timeout=600, check=False)
    return site if done.returncode == 0 else None


class Bindings(unittest.TestCase):
    def says(self, script: str, *arguments: str, version: str = DEBIAN, **environment: str) -> str:
        ran = python(version, script, *arguments, SSL_CERT_FILE=str(cast().roots), **environment)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.strip()

    def rows(self, script: str, rows: tuple[tuple[str, str], ...], version: str = DEBIAN, **environment: str) -> None:
        """Each way reaches the right host, or is refused as the row says; and the impostor is always refused."""
        with Server(cast().right) as good, Server(cast().false["HOST_MISMATCH"]) as bad, Proxy() as proxy:
            for way, expected in rows:
                with self.subTest(way=way):
                    others = (str(cast().roots), str(proxy.server_address[1]), way)
                    said = self.says(script, str(good), *others, version=version, **environment)
                    self.assertRegex(said, f"^{expected}")
                    if "proxy" not in way:
                        said = self.says(script, str(bad), *others, version=version, **environment)
                        self.assertNotRegex(said, "^ok")

    def test_m2crypto_names_its_host_on_every_path(self) -> None:
        if run([interpreters()[DEBIAN], "-c", "import M2Crypto"]).returncode != 0:
            self.skipTest("needs python3-m2crypto")
        self.rows(
            M2CRYPTO,
            (
                ("by_sni('localhost')", "ok"),
                ("by_sni('bank.example')", MISMATCH),
                ("by_checker('127.0.0.1')", MISMATCH),
                ("by_set1_host('localhost')", "ok"),
                ("by_set1_host('localhost', 'other.example')", "ok"),
                ("by_set1_host('bank.example')", MISMATCH),
                ("by_set1_host('bank.example', 'localhost')", MISMATCH),
                ("by_connect_ssl()", "ok"),
                ("by_httpslib('localhost')", "ok 200"),
                ("by_httpslib('127.0.0.1')", MISMATCH),
                ("by_proxy('localhost')", "ok"),
                ("by_proxy('bank.example')", MISMATCH),
            ),
        )

    def test_m2cryptos_files_come_by_verified_channels_and_its_server_serves(self) -> None:
        if run([interpreters()[DEBIAN], "-c", "import M2Crypto"]).returncode != 0:
            self.skipTest("needs python3-m2crypto")
        right, wrong, roots = cast().right, cast().false["HOST_MISMATCH"], str(cast().roots)
        rows = ((right, right, "what is in the file"), (wrong, right, MISMATCH), (right, wrong, MISMATCH))
        for control, data, expected in rows:
            with (
                self.subTest(control=control.name, data=data.name),
                Script(control, FTP, b"AUTH", data=data) as server,
            ):
                self.assertEqual(self.says(M2CRYPTO_FTP, str(server.server_address[1]), roots), expected)
        self.assertEqual(self.says(M2CRYPTO_SERVER, str(right)), "hello")

    def test_pyopenssl_names_its_host_on_every_path(self) -> None:
        if run([interpreters()[DEBIAN], "-c", "import OpenSSL"]).returncode != 0:
            self.skipTest("needs python3-openssl")
        self.rows(
            PYOPENSSL,
            (
                ("by_connect('localhost')", "ok"),
                ("by_connect('127.0.0.1')", MISMATCH),
                ("by_state('localhost')", "ok"),
                ("by_implicit('localhost')", "ok"),
                ("by_set_host('localhost')", "ok"),
                ("by_set_host('bank.example')", MISMATCH),
                ("by_sni(b'localhost')", "ok"),
                ("by_sni(b'bank.example')", MISMATCH),
                # The proxy's name was known, and then it was told of another host: nobody is believed.
                ("by_proxy(b'bank.example', lambda made: made.do_handshake())", "HOSTLOCK_E_BAD_HOST"),
                ("by_proxy(b'bank.example', lambda made: made.sendall(b'secret'))", "Error"),
                ("by_proxy(b'bank.example', lambda made: made.recv(8))", "Error"),
            ),
        )

    def test_pyopenssl_with_an_openssl_of_its_own_is_judged_after_the_handshake(self) -> None:
        site = from_the_index("pyOpenSSL")
        if site is None:
            self.skipTest("needs the package index, for pyOpenSSL")
        others = Authority("Others' CA").certificate
        rows = (
            ("by_connect('localhost')", "ok"),
            ("by_connect('127.0.0.1')", MISMATCH),
            ("by_state('localhost')", "ok"),
            ("by_implicit('localhost')", "ok"),
            ("by_set_host('localhost')", "ok"),
            ("by_set_host('bank.example')", MISMATCH),
            ("by_sni(b'localhost')", "ok"),
            ("by_sni(b'bank.example')", MISMATCH),
            ("by_second_thought()", "ok"),
            ("by_roots(None)", "ok"),
            ("by_roots('store')", "ok"),
            (f"by_roots({str(others)!r})", "HOSTLOCK_E_UNKNOWN_ISSUER"),
            ("by_proxy(b'bank.example', lambda made: made.do_handshake())", "HOSTLOCK_E_NO_HOST"),
            ("by_proxy(b'bank.example', lambda made: made.sendall(b'secret'))", "HOSTLOCK_E_NO_HOST"),
            ("by_proxy(b'bank.example', lambda made: made.recv(8))", "HOSTLOCK_E_NO_HOST"),
        )
        path = os.pathsep.join((str(SOURCE), str(site)))
        self.rows(PYOPENSSL, rows, version="3.11", PYTHONPATH=path)
        hardened = PYOPENSSL.replace("hostlock.inject()\n", "").replace(
            "    return SSL.Connection(context, sock)",
            "    pyopenssl.harden(context)\n    return SSL.Connection(context, sock)",
        )
        # Its roots are loaded before, when nobody watches: these connections rest on the system's.
        self.rows(hardened, rows[:8], version="3.11", PYTHONPATH=path)
        imported = PYOPENSSL.replace("hostlock.inject()\n", "").replace("from OpenSSL", "from hostlock.OpenSSL")
        self.rows(imported, rows[:10], version="3.11", PYTHONPATH=path)
        with Server(cast().false["HOST_MISMATCH"]) as bad:
            only = PYOPENSSL.replace("inject()", "inject(report_only='to look first')")
            arguments = (str(bad), str(cast().roots), "0", "by_connect('localhost')")
            self.assertRegex(self.says(only, *arguments, version="3.11", PYTHONPATH=path), "^ok")


if __name__ == "__main__":
    unittest.main()
