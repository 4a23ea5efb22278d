"""The programs of the seeds (examples/seeds), unchanged but for one line at their top or another import: the right
host is reached by its name, and everyone else is refused. As they are, they believe an impostor."""

from __future__ import annotations

import re
import tempfile
import unittest
from pathlib import Path

from package import cast, interpreters, python
from support import ROOT, Server, scratch

SEEDS = ROOT / "examples/seeds"
ANSWER = "HTTP/1.0 200 ok"
NEEDS = {"m2crypto_client.py": "M2Crypto", "pyopenssl_client.py": "OpenSSL"}


def variant(name: str, *changes: tuple[str, str]) -> Path:
    """A seed with a line at its top, or with words replaced."""
    text = (SEEDS / name).read_text()
    for old, new in changes:
        assert re.search(old, text, re.MULTILINE), old
        text = re.sub(old, new, text, count=1, flags=re.MULTILINE)
    file = Path(tempfile.mkdtemp(prefix="seed-", dir=scratch())) / name
    file.write_text(text)
    return file


def injected(name: str) -> Path:
    """With `hostlock.inject()` before its first import."""
    return variant(name, (r"^import ", "import hostlock; hostlock.inject()\nimport "))


class Seeds(unittest.TestCase):
    def check(self, version: str, seed: Path, plain: Path | None) -> None:
        """`seed` is safe, and `plain`, which is what it was before, is not."""
        roots, world = cast().roots, {"SSL_CERT_FILE": str(cast().roots)}
        with Server(cast().right) as port:
            good = python(version, seed, "localhost", str(port), roots, **world)
            self.assertIn(ANSWER, good.stdout, good.stderr)
            number = python(version, seed, "127.0.0.1", str(port), roots, **world)
            self.assertNotIn(ANSWER, number.stdout)
            self.assertIn('not for "127.0.0.1"', number.stderr)
        for why, pem in cast().false.items():
            with self.subTest(why=why), Server(pem) as port:
                bad = python(version, seed, "localhost", str(port), roots, **world)
                self.assertNotIn(ANSWER, bad.stdout)
                self.assertIn("certificate verify failed", bad.stderr.lower())
                if plain and why == "HOST_MISMATCH":
                    believed = python(version, plain, "localhost", str(port), roots)
                    self.assertIn(ANSWER, believed.stdout, believed.stderr)

    def each(self, name: str, seed: Path) -> None:
        module = NEEDS.get(name, "ssl")
        ran = 0
        for version in interpreters():
            if python(version, f"import {module}").returncode != 0:
                continue
            has_wrap_socket = python(version, "import ssl; ssl.wrap_socket").returncode == 0
            uses_it = "ssl.wrap_socket" in seed.read_text()
            if uses_it and not has_wrap_socket and "from hostlock import ssl" not in seed.read_text():
                continue
            with self.subTest(version=version):
                self.check(version, seed, SEEDS / name if has_wrap_socket or not uses_it else None)
            ran += 1
        if not ran:
            self.skipTest(f"needs {module}")

    def test_wrap_socket_is_safe_under_inject(self) -> None:
        self.each("wrap_socket.py", injected("wrap_socket.py"))

    def test_a_context_without_a_host_is_safe_under_inject(self) -> None:
        self.each("context.py", injected("context.py"))

    def test_a_client_that_verifies_nothing_is_safe_under_inject(self) -> None:
        self.each("unverified.py", injected("unverified.py"))

    def test_wrap_socket_is_safe_with_another_import(self) -> None:
        self.each("wrap_socket.py", variant("wrap_socket.py", (r"^import ssl$", "from hostlock import ssl")))

    def test_a_context_without_a_host_is_safe_with_another_import(self) -> None:
        self.each("context.py", variant("context.py", (r"^import ssl$", "from hostlock import ssl")))

    def test_m2crypto_without_its_check_is_safe_under_inject(self) -> None:
        self.each("m2crypto_client.py", injected("m2crypto_client.py"))

    def test_m2crypto_without_its_check_is_safe_hardened(self) -> None:
        hardened = (r"^connection = ", "from hostlock import m2crypto; m2crypto.harden(context)\nconnection = ")
        self.each("m2crypto_client.py", variant("m2crypto_client.py", hardened))

    def test_pyopenssl_is_safe_under_inject(self) -> None:
        self.each("pyopenssl_client.py", injected("pyopenssl_client.py"))

    def test_pyopenssl_is_safe_hardened(self) -> None:
        hardened = (r"^connection = ", "from hostlock import pyopenssl; pyopenssl.harden(context)\nconnection = ")
        self.each("pyopenssl_client.py", variant("pyopenssl_client.py", hardened))

    def test_who_resolves_the_name_itself_names_no_host_and_is_refused(self) -> None:
        seed = injected("resolve_first.py")
        for version in interpreters():
            if python(version, "import ssl; ssl.wrap_socket").returncode != 0:
                continue
            with self.subTest(version=version), Server(cast().right) as port:
                lost = python(version, seed, "localhost", str(port), cast().roots)
                self.assertNotIn(ANSWER, lost.stdout)
                self.assertIn("no host was named for this connection", lost.stderr)

    def test_the_scripts_of_the_seeds_are_no_scripts_of_ours(self) -> None:
        for file in SEEDS.glob("*.py"):
            self.assertNotIn("hostlock", file.read_text(), file.name)


if __name__ == "__main__":
    unittest.main()
