"""The Python package where a test must fetch or build an interpreter first: Python 3.14, and a standalone build, which
has an OpenSSL linked into it."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

from support import ROOT, run


@unittest.skipUnless(os.environ.get("HOSTLOCK_LONG"), "fetches or builds interpreters: make test-long")
class Long(unittest.TestCase):
    def had(self, which: str) -> str:
        """What scripts/other_pythons.py prints; the test is skipped where it cannot be had."""
        told = run([sys.executable, ROOT / "scripts/other_pythons.py", which], limit=1200)
        if told.returncode == 1:
            self.skipTest(told.stderr.strip())
        self.assertEqual(told.returncode, 0, told.stderr)
        return told.stdout.strip()

    def passes(self, *modules: str, **world: str) -> None:
        """Runs other files of tests in another world, of which none may be skipped."""
        command = [sys.executable, "-W", "error", "-m", "unittest", *modules]
        ran = run(["env", "-C", Path(__file__).parent, *command], limit=1200, **world)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertRegex(ran.stderr, r"(?m)^OK$")

    def test_on_3_14_the_core_and_inject_hold(self) -> None:
        self.passes("test_package_core", "test_package_inject", HOSTLOCK_PYTHONS=f"3.11,3.14={self.had('newest')}")

    def test_on_3_14_cpythons_own_suite_for_ssl_holds(self) -> None:
        self.had("newest")
        ran = run([sys.executable, ROOT / "scripts/judges.py", "test_ssl-3.14"], limit=1200)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("0 of the others are not listed", ran.stdout)

    def test_an_openssl_that_is_linked_into_the_interpreter_is_judged_afterwards(self) -> None:
        self.passes("test_package_afterwards", HOSTLOCK_PYTHONS="3.11", HOSTLOCK_STANDALONE=self.had("standalone"))


if __name__ == "__main__":
    unittest.main()
