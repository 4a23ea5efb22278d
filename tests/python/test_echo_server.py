"""examples/echo_server.c: whom it serves, what a silent client costs, and how its certificate is renewed."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest
from pathlib import Path

from support import LONG_ENOUGH, Authority, example, scratch


class EchoServer(unittest.TestCase):
    authority: Authority
    certificate: Path
    device: Path

    def setUp(self) -> None:
        self.authority, self.devices = Authority("Echo CA"), Authority("Device CA")
        self.certificate = scratch() / "echo.pem"
        shutil.copy(self.authority.issue("localhost"), self.certificate)
        self.device = self.devices.issue("device-7.example", usage="clientAuth")
        program = str(example("echo_server"))
        files = [str(self.certificate), str(self.certificate), str(self.devices.certificate)]
        self.server = subprocess.Popen([program, "0", "localhost", *files], stderr=subprocess.PIPE, bufsize=0)
        self.addCleanup(self.stop)
        self.port = int(self.line("listening on ").rsplit(" ", 1)[1])

    def stop(self) -> None:
        self.server.kill()
        self.server.wait()
        assert self.server.stderr is not None
        self.server.stderr.close()

    def line(self, part: str) -> str:
        """The next line of the server's that has it."""
        assert self.server.stderr is not None
        while select.select([self.server.stderr], [], [], LONG_ENOUGH)[0]:
            said = self.server.stderr.readline().decode()
            if part in said or not said:
                return said
        raise AssertionError(f"the server does not say {part!r}")

    def connect(self, certificate: Path | None) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if certificate is not None:
            context.load_cert_chain(certificate)
        plain = socket.create_connection(("127.0.0.1", self.port), LONG_ENOUGH)
        try:
            return context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)
        except BaseException:
            plain.close()
            raise

    def echoed(self, connection: ssl.SSLSocket, data: bytes) -> bool:
        connection.sendall(data)
        back = b""
        while len(back) < len(data):
            if not (part := connection.recv(65536)):
                return False
            back += part
        return back == data

    def test_devices_are_served_and_others_are_not(self) -> None:
        connections = [self.connect(self.device) for _ in range(20)]
        for connection in connections:
            self.assertTrue(self.echoed(connection, os.urandom(30_000)))
        self.assertIn("device-7.example", self.line("device-7.example"))
        for certificate in (None, self.authority.issue("stranger.example", usage="clientAuth")):
            with self.assertRaises((ssl.SSLError, ConnectionError)), self.connect(certificate) as refused:
                self.echoed(refused, b"x")
        self.assertTrue(self.echoed(connections[0], b"still here"))
        for connection in connections:
            connection.unwrap().close()

    def test_a_silent_client_is_cut_off_and_holds_nobody_up(self) -> None:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), LONG_ENOUGH) as silent:
            with self.connect(self.device) as connection:
                self.assertTrue(self.echoed(connection, b"meanwhile"))
            self.assertLess(time.monotonic() - began, 4)
            self.assertEqual(silent.recv(100), b"")
        self.assertIn("5000 ms are over", self.line("5000 ms"))

    def test_a_renewed_certificate_is_shown_after_a_hangup_and_no_client_is_lost(self) -> None:
        before = self.connect(self.device)
        old = before.getpeercert(binary_form=True)
        shutil.copy(self.authority.issue("localhost", days=19), self.certificate)
        self.server.send_signal(signal.SIGHUP)
        self.line("read again")
        after = self.connect(self.device)
        self.assertNotEqual(after.getpeercert(binary_form=True), old)
        self.certificate.write_text("damaged")
        self.server.send_signal(signal.SIGHUP)
        self.assertIn("neither PEM", self.line("echo.pem"))
        for connection in (before, after, self.connect(self.device)):
            self.assertTrue(self.echoed(connection, b"served"))
            connection.unwrap().close()
