"""Contexts of Python's ssl, of M2Crypto and of pyOpenSSL, hardened through their pointers by examples/harden.py."""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path

from support import ROOT, Authority, Server, installed, run

# Debian's packages of the two bindings are for Debian's own Python.
DEBIANS = Path("/usr/bin/python3")
MODULES = {"ssl": "ssl", "m2crypto": "M2Crypto", "pyopenssl": "OpenSSL.SSL"}


def interpreter(kind: str) -> Path | None:
    """A Python that has the binding; for ssl, the one that runs the tests."""
    candidates = [Path(sys.executable)] if kind == "ssl" else [DEBIANS, Path(sys.executable)]
    has = ["-c", f"import {MODULES[kind]}"]
    return next((path for path in candidates if path.exists() and run([path, *has]).returncode == 0), None)


def client(kind: str, python: Path, port: int, authority: Authority) -> subprocess.CompletedProcess[str]:
    script = ROOT / "examples/harden.py"
    library = str(installed() / "lib/libhostlock.so.0")
    options: list[str | Path] = [python, "-B", "-W", "ignore"]
    return run([*options, script, kind, "localhost", str(port), authority.certificate], HOSTLOCK_LIBRARY=library)


class Hardened(unittest.TestCase):
    authority: Authority

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = Authority("Hardened CA")

    def each(self, pem: Path, *arguments: str, page: bool, refused: bool = False) -> None:
        with Server(pem, *arguments) as port:
            for kind, module in MODULES.items():
                with self.subTest(binding=kind):
                    python = interpreter(kind)
                    if python is None:
                        self.skipTest(f"no Python here has {module}")
                    outcome = client(kind, python, port, self.authority)
                    self.assertEqual(outcome.returncode, 0 if page else 1, outcome.stderr)
                    self.assertEqual(outcome.stdout.startswith("HTTP/1.0 200 ok"), page)
                    # M2Crypto shows the oldest entry of OpenSSL's queue, the others the newest: both are libssl's.
                    self.assertIn("certificate verify failed" if refused else "", outcome.stderr)

    def test_the_right_host_is_read_on_both_versions(self) -> None:
        pem = self.authority.issue("localhost")
        self.each(pem, "-tls1_2", page=True)
        self.each(pem, "-tls1_3", page=True)

    def test_a_valid_certificate_of_another_host_is_refused(self) -> None:
        self.each(self.authority.issue("impostor.example"), page=False, refused=True)

    def test_an_expired_certificate_is_refused(self) -> None:
        self.each(self.authority.issue("localhost", days=-1), page=False, refused=True)

    def test_a_certificate_of_an_unknown_ca_is_refused(self) -> None:
        self.each(Authority("A stranger").issue("localhost"), page=False, refused=True)

    def test_a_server_of_tls_1_1_is_refused(self) -> None:
        pem = self.authority.issue("localhost")
        self.each(pem, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", page=False)


if __name__ == "__main__":
    unittest.main()
