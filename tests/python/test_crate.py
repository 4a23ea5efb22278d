"""The crates as `cargo package` makes them build by themselves, from nothing but what they hold."""

from __future__ import annotations

import os
import sys
import tarfile
import unittest

from support import ROOT, must, run

sys.path.insert(0, str(ROOT / "scripts"))
from manual_pages import version_of_cargo

PACKAGE = ["cargo", "package", "--quiet", "--allow-dirty"]


@unittest.skipUnless(os.environ.get("HOSTLOCK_LONG"), "compiles the library anew: make test-long")
class Crate(unittest.TestCase):
    def test_they_are_verified_and_the_librarys_holds_nothing_else(self) -> None:
        # Cargo's cache may have all that it needs, and the machine no network; or neither.
        if run([*PACKAGE, "--offline"]).returncode != 0:
            must(PACKAGE)
        name = f"hostlock-{version_of_cargo()}"
        made = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / f"package/{name}.crate"
        with tarfile.open(made) as crate:
            inside = {path.removeprefix(f"{name}/") for path in crate.getnames()}
        self.assertLessEqual({"Cargo.toml", "LICENSE-MIT", "LICENSE-APACHE", "README.md", "include/hostlock.h"}, inside)
        self.assertEqual([path for path in inside if path.startswith(("tests", "c-tests", "cli", "docs", "fuzz"))], [])


if __name__ == "__main__":
    unittest.main()
