"""`hostlock doctor` with the Pythons of this machine, and of an installed copy."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path
from typing import Any

from support import ROOT, built, installed, interpreter_of, library, run

VERSIONS = ("2.7", "3.8", "3.11", "3.13")


def doctor(command: Path, **environment: str) -> Any:
    """What the command says."""
    outcome = run([command, "doctor", "--json"], **environment)
    assert outcome.returncode in (0, 1), outcome.stderr
    return json.loads(outcome.stdout)


class Doctor(unittest.TestCase):
    def test_it_tells_of_each_interpreter_what_the_package_says_of_itself(self) -> None:
        found = [path for version in VERSIONS if (path := interpreter_of(version))] or [Path(sys.executable)]
        for interpreter in found:
            with self.subTest(interpreter=interpreter):
                code = "import ssl, sys, hostlock; print(hostlock.mode); print(sys.version.split()[0])"
                code += "; print(ssl.OPENSSL_VERSION)"
                package = {"PYTHONPATH": str(ROOT / "python/src"), "HOSTLOCK_LIBRARY": str(library())}
                said = run([interpreter, "-c", code], **package)
                self.assertEqual(said.returncode, 0, said.stderr)
                pythons = doctor(built() / "hostlock", PATH=f"{interpreter.parent}:/usr/bin", **package)["pythons"]
                told = [[python.get("mode"), python.get("version"), python.get("openssl")] for python in pythons]
                self.assertIn(said.stdout.splitlines(), told)
                self.assertTrue(all(python["package"] for python in pythons if "error" not in python))

    def test_an_installed_copy_is_found_whole(self) -> None:
        seen = doctor(installed() / "bin/hostlock", LD_LIBRARY_PATH=f"{installed()}/lib")
        self.assertEqual(seen["initialiser"], f"{installed()}/lib/hostlock/libhostlock_preload.so")
        self.assertEqual(seen["library"], f"{installed()}/lib/libhostlock.so.0")


if __name__ == "__main__":
    unittest.main()
