"""The Python package where a test must fetch or build an interpreter first: Python 3.14, and a standalone build, which
has an OpenSSL linked into it."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path

from support import ROOT


@unittest.skipUnless(os.environ.get("HOSTLOCK_LONG"), "fetches or builds interpreters: make test-long")
class Long(unittest.TestCase):
    def ran(self, *words: str | Path, folder: Path = ROOT, **world: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *words]
        environment = {**os.environ, **world}
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800, check=False
        )

    def had(self, which: str) -> str:
        """What scripts/other_pythons.py prints; the test is skipped where it cannot be had."""
        told = self.ran(ROOT / "scripts/other_pythons.py", which)
        if told.returncode == 1:
            self.skipTest(told.stderr.strip())
        self.assertEqual(told.returncode, 0, told.stderr)
        return told.stdout.strip()

    def passes(self, *modules: str, **world: str) -> None:
        """Runs other files of tests in another world, of which none may be skipped."""
        ran = self.ran("-W", "error", "-m", "unittest", *modules, folder=Path(__file__).parent, **world)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertRegex(ran.stderr, r"(?m)^OK$")

    def test_on_3_14_the_core_and_inject_hold(self) -> None:
        self.passes("test_package_core", "test_package_inject", HOSTLOCK_PYTHONS=f"3.11,3.14={self.had('newest')}")

    def test_on_3_14_cpythons_own_suite_for_ssl_holds(self) -> None:
        self.had("newest")
        ran = self.ran(ROOT / "scripts/judges.py", "test_ssl-3.14")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("0 of the others are not listed", ran.stdout)

    def test_an_openssl_that_is_linked_into_the_interpreter_is_judged_afterwards(self) -> None:
        self.passes("test_package_afterwards", HOSTLOCK_PYTHONS="3.11", HOSTLOCK_STANDALONE=self.had("standalone"))


if __name__ == "__main__":
    unittest.main()
