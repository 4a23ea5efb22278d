"""`make install LIBDIR=...`: the command finds its initialiser where that was put, and programs find the library."""

from __future__ import annotations

import os
import shutil
import unittest
from pathlib import Path

from support import ROOT, installed, must, scratch


@unittest.skipUnless(os.environ.get("HOSTLOCK_LONG"), "compiles the command anew: make test-long")
class Libdir(unittest.TestCase):
    prefix: Path
    libdir: Path

    @classmethod
    def setUpClass(cls) -> None:
        installed()
        # In a copy of what is built only the command is compiled again, and nobody else's copy is touched.
        target = scratch() / "target"
        target.mkdir()
        built = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release"
        must(["cp", "-a", built, target / "release"])
        cls.prefix, cls.libdir = scratch() / "apart", scratch() / "libraries/of/its/own"
        where = [f"PREFIX={cls.prefix}", f"LIBDIR={cls.libdir}", "DESTDIR="]
        must(["make", "install", *where], CARGO_TARGET_DIR=str(target))
        shutil.rmtree(target)

    def test_the_libraries_lie_there_and_not_under_the_prefix(self) -> None:
        self.assertFalse((self.prefix / "lib").exists())
        for name in ("libhostlock.so.0", "libhostlock.a", "pkgconfig/hostlock.pc", "hostlock/libhostlock_preload.so"):
            self.assertTrue((self.libdir / name).is_file(), name)

    def test_run_finds_its_initialiser_there(self) -> None:
        script = "grep -o '[^ ]*libhostlock_preload.so' /proc/self/maps | sort -u"
        library = {"LD_LIBRARY_PATH": str(self.libdir)}
        said = must([self.prefix / "bin/hostlock", "run", "--", "sh", "-c", script], **library)
        self.assertEqual(said.split(), [str(self.libdir / "hostlock/libhostlock_preload.so")])

    def test_what_a_compiler_is_told_leads_there(self) -> None:
        said = must(["pkg-config", "--libs", "hostlock"], PKG_CONFIG_PATH=str(self.libdir / "pkgconfig"))
        self.assertEqual(said.split(), [f"-L{self.libdir}", "-lhostlock"])
        config = (self.libdir / "cmake/hostlock/hostlock-config.cmake").read_text()
        self.assertIn(f'"{self.libdir}/libhostlock.so.', config)
        program = scratch() / "by-wrapper"
        must([self.prefix / "bin/hostlock-cc", ROOT / "examples/client.c", f"-I{self.prefix}/include", "-o", program])
        self.assertIn(f"{self.libdir}/libhostlock.so.0", must(["ldd", program]))


if __name__ == "__main__":
    unittest.main()
