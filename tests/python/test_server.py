"""Plain clients resume against a server of hostlock_server_new: Python's ssl, the openssl command, nginx in front."""

from __future__ import annotations

import ctypes
import http.client
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest
from pathlib import Path

from support import LONG_ENOUGH, Authority, library, must, scratch

PEM_FILE = 1
POINTER = ctypes.c_void_p
ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}


def load() -> ctypes.CDLL:
    """hostlock, and through it the libssl that it uses."""
    lib = ctypes.CDLL(str(library()))
    for name in ("hostlock_server_new", "SSL_new"):
        getattr(lib, name).restype = POINTER
    return lib


class TlsServer:
    """Serves HTTP by a context of hostlock_server_new, one client after the other, and counts who resumed."""

    def __init__(self, certificate: Path, trusted: Path | None = None) -> None:
        self.lib = load()
        self.ctx = POINTER(self.lib.hostlock_server_new(None))
        name = str(certificate).encode()
        assert self.lib.SSL_CTX_use_certificate_chain_file(self.ctx, name) == 1
        assert self.lib.SSL_CTX_use_PrivateKey_file(self.ctx, name, PEM_FILE) == 1
        if trusted is not None:
            assert self.lib.hostlock_ctx_trust_file(self.ctx, str(trusted).encode()) == 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.resumed: list[bool] = []
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while True:
            try:
                plain, _ = self.listening.accept()
            except OSError:
                return
            plain.settimeout(None)
            connection = POINTER(self.lib.SSL_new(self.ctx))
            self.lib.SSL_set_fd(connection, plain.fileno())
            if self.lib.SSL_accept(connection) == 1:
                self.resumed.append(self.lib.SSL_session_reused(connection) == 1)
                request = ctypes.create_string_buffer(4096)
                if self.lib.SSL_read(connection, request, 4096) > 0:
                    self.lib.SSL_write(connection, ANSWER, len(ANSWER))
                self.lib.SSL_shutdown(connection)
            self.lib.SSL_free(connection)
            plain.close()

    def __enter__(self) -> TlsServer:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(LONG_ENOUGH)
        self.lib.SSL_CTX_free(self.ctx)


class Resumption(unittest.TestCase):
    """With and without a client's certificate, on both versions."""

    authority: Authority
    certificate: Path
    of_client: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = Authority("server-resumption")
        cls.certificate = cls.authority.issue("localhost")
        cls.of_client = cls.authority.issue("client.example", usage="clientAuth")

    def visit(
        self, server: TlsServer, context: ssl.SSLContext, session: ssl.SSLSession | None
    ) -> ssl.SSLSession | None:
        with (
            socket.create_connection(("127.0.0.1", server.port), LONG_ENOUGH) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
        ):
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            received = b""
            while chunk := connection.recv(4096):
                received += chunk
            self.assertEqual(received, ANSWER)
            return connection.session

    def servers(self) -> list[tuple[str, Path | None]]:
        return [("no certificate is asked for", None), ("one is required", self.authority.certificate)]

    def test_pythons_ssl_resumes_with_a_kept_session(self) -> None:
        for words, trusted in self.servers():
            for version, number in VERSIONS.items():
                with self.subTest(words=words, version=version), TlsServer(self.certificate, trusted) as server:
                    context = ssl.create_default_context(cafile=str(self.authority.certificate))
                    context.minimum_version = context.maximum_version = number
                    context.load_cert_chain(self.of_client)
                    session = self.visit(server, context, None)
                    self.visit(server, context, session)
                    self.assertEqual(server.resumed, [False, True])

    def test_the_openssl_command_resumes_with_a_kept_session(self) -> None:
        for words, trusted in self.servers():
            for version, option in {"TLS 1.2": "-tls1_2", "TLS 1.3": "-tls1_3"}.items():
                with self.subTest(words=words, version=version), TlsServer(self.certificate, trusted) as server:
                    kept = scratch() / f"kept{option}-{trusted is None}.pem"
                    for use in ("-sess_out", "-sess_in"):
                        self.s_client(server.port, option, use, kept)
                    self.assertEqual(server.resumed, [False, True])

    def s_client(self, port: int, *arguments: str | Path) -> None:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-cert", self.of_client, "-quiet"]
        ended = subprocess.run(
            [str(part) for part in [*command, *arguments]],
            input=b"GET / HTTP/1.0\r\n\r\n",
            capture_output=True,
            timeout=LONG_ENOUGH,
            check=False,
        )
        self.assertIn(b"ok", ended.stdout, ended.stderr.decode(errors="replace"))

    def test_nginx_in_front_resumes_with_the_session_that_it_keeps(self) -> None:
        must(["scripts/need", "nginx"])
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        for words, trusted in self.servers():
            for version, name in {"TLS 1.2": "TLSv1.2", "TLS 1.3": "TLSv1.3"}.items():
                with self.subTest(words=words, version=version), TlsServer(self.certificate, trusted) as server:
                    prefix = scratch() / f"nginx-{name}-{trusted is None}"
                    prefix.mkdir()
                    front = prefix / "front.socket"
                    (prefix / "nginx.conf").write_text(
                        f"""daemon off; master_process off; pid {prefix}/pid; error_log stderr; events {{}}
                        http {{
                            access_log off; client_body_temp_path {prefix}/b; proxy_temp_path {prefix}/p;
                            fastcgi_temp_path {prefix}/f; uwsgi_temp_path {prefix}/u; scgi_temp_path {prefix}/s;
                            server {{
                                listen unix:{front};
                                location / {{
                                    proxy_pass https://127.0.0.1:{server.port};
                                    proxy_ssl_protocols {name}; proxy_ssl_session_reuse on;
                                    proxy_ssl_certificate {self.of_client}; proxy_ssl_certificate_key {self.of_client};
                                }}
                            }}
                        }}"""
                    )
                    running = subprocess.Popen([nginx, "-p", str(prefix), "-c", str(prefix / "nginx.conf")])
                    try:
                        for _ in range(3):
                            self.assertEqual(self.ask(front), b"ok")
                    finally:
                        running.terminate()
                        running.wait(LONG_ENOUGH)
                    self.assertEqual(server.resumed, [False, True, True])

    def ask(self, front: Path) -> bytes:
        end = time.monotonic() + LONG_ENOUGH
        while True:
            try:
                plain = socket.socket(socket.AF_UNIX)
                plain.settimeout(LONG_ENOUGH)
                plain.connect(str(front))
                break
            except OSError:
                plain.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = plain
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        finally:
            connection.close()


if __name__ == "__main__":
    unittest.main()
