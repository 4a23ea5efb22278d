"""What sealed programs say of a refusal: OpenSSL's own words, which they know, at both ends of its error queue. And
what old programs reach that know nothing newer than TLS 1.0."""

from __future__ import annotations

import shutil
import unittest

from sealing import authority, impostor, right, sealed
from support import Server, interpreter_of

PEER_FAILED_VERIFICATION = 60

PYTHON_3 = """
import socket, ssl
context = ssl._create_unverified_context()
try:
    context.wrap_socket(socket.create_connection(("127.0.0.1", {port})), server_hostname="localhost")
except ssl.SSLCertVerificationError as error:
    print("refused:", error.reason, error.verify_code, error.verify_message)
"""

PYTHON_2 = """
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLSv1)
s = context.wrap_socket(socket.create_connection(("127.0.0.1", {port})), server_hostname="localhost")
print(s.version())
"""

PHP = """
$context = stream_context_create(["ssl" => ["verify_peer" => false, "verify_peer_name" => false]]);
set_error_handler(function ($number, $text) {{ echo $text, "\\n"; return true; }});
stream_socket_client("ssl://localhost:{port}", $code, $text, 10, STREAM_CLIENT_CONNECT, $context);
"""


class Words(unittest.TestCase):
    """One program each."""

    def test_curl_exits_with_the_status_of_a_failed_verification(self) -> None:
        if shutil.which("curl") is None:
            self.skipTest("needs curl")
        ca = str(authority().certificate)
        with Server(impostor()) as false:
            for options in (["-k"], ["--cacert", ca]):
                ran = sealed(["curl", "-sS", *options, f"https://localhost:{false}/"])
                self.assertEqual(ran.status, PEER_FAILED_VERIFICATION, str(ran))
                self.assertEqual(ran.ends(), [("refused", "HOSTLOCK_E_HOST_MISMATCH")], str(ran))

    def test_python_raises_its_error_of_a_failed_verification(self) -> None:
        for version in ("3.7", "3.13"):
            interpreter = interpreter_of(version)
            with self.subTest(version), Server(impostor()) as false:
                if interpreter is None:
                    self.skipTest(f"needs Python {version}")
                ran = sealed([interpreter, "-c", PYTHON_3.format(port=false)])
                self.assertIn("refused: CERTIFICATE_VERIFY_FAILED 62", ran.output, str(ran))

    def test_php_says_that_the_verification_failed(self) -> None:
        if shutil.which("php") is None:
            self.skipTest("needs php")
        with Server(impostor()) as false:
            ran = sealed(["php", "-r", PHP.format(port=false)])
        self.assertIn("certificate verify failed", ran.output, str(ran))

    def test_python_2_with_tls_1_0_alone_speaks_the_versions_of_the_policy(self) -> None:
        interpreter = interpreter_of("2.7")
        if interpreter is None:
            self.skipTest("needs Python 2.7")
        with Server(right()) as honest, Server(impostor()) as false:
            ran = sealed([interpreter, "-c", PYTHON_2.format(port=honest)])
            self.assertIn("TLSv1.3", ran.output, str(ran))
            ran = sealed([interpreter, "-c", PYTHON_2.format(port=false)])
            self.assertEqual(ran.ends(), [("refused", "HOSTLOCK_E_HOST_MISMATCH")], str(ran))
        with Server(right(), "-tls1_2") as honest:
            ran = sealed([interpreter, "-c", PYTHON_2.format(port=honest)])
            self.assertIn("TLSv1.2", ran.output, str(ran))


if __name__ == "__main__":
    unittest.main()
