"""A program is built against the installed copy as its own build system would: find_package and pkg-config, with the
shared library and with the static one."""

from __future__ import annotations

import re
import shutil
import unittest
from pathlib import Path

from support import ROOT, Authority, Server, installed, must, run, scratch

PROGRAMS = sorted(path.stem for path in (ROOT / "examples").glob("*.c"))
CALLS_OPENSSL = ("legacy_client",)
(STATIC_LINE,) = re.findall(r"^ +(cc .*--static.*)$", (ROOT / "docs/install.md").read_text(), re.MULTILINE)
VERSION = re.findall(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[0]


def by_pkg_config(directory: Path, *, static: bool) -> None:
    """The examples as the line at their head has it, or as docs/install.md does."""
    directory.mkdir()
    for name in PROGRAMS:
        also = " openssl" if name in CALLS_OPENSSL else ""
        line = STATIC_LINE if static else "cc program.c $(pkg-config --cflags --libs hostlock) $RPATH -o program"
        line = line.replace(" hostlock", f" hostlock{also}").replace("program.c", str(ROOT / f"examples/{name}.c"))
        line = line.replace("-o program", f"-o {directory / name}")
        must(
            ["sh", "-euc", line],
            PKG_CONFIG_PATH=str(installed() / "lib/pkgconfig"),
            RPATH=f"-Wl,-rpath,{installed()}/lib",
        )


def by_cmake(directory: Path, *, static: bool) -> None:
    """examples/CMakeLists.txt as it stands."""
    target = "hostlock::static" if static else "hostlock::hostlock"
    places = [f"-DCMAKE_PREFIX_PATH={installed()}", f"-DHOSTLOCK={target}"]
    must(["cmake", "-S", ROOT / "examples", "-B", directory, *places])
    must(["cmake", "--build", directory])


class Builds(unittest.TestCase):
    authority: Authority

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = Authority("Builds CA")

    def check(self, directory: Path, *, static: bool) -> None:
        """Each example needs the library or holds it; and tells the host from an impostor."""
        for name in PROGRAMS:
            needed = re.findall(r"Shared library: \[(.*?)\]", must(["readelf", "-d", directory / name]))
            self.assertEqual("libhostlock.so.0" in needed, not static, (name, needed))
            self.assertEqual("libssl.so.3" in needed, static or name in CALLS_OPENSSL, (name, needed))
        for name in ("client", "legacy_client"):
            with Server(self.authority.issue("localhost")) as port:
                page = must([directory / name, "localhost", str(port), self.authority.certificate])
                self.assertIn("</HTML>", page)
            with Server(self.authority.issue("impostor.example")) as port:
                refused = run([directory / name, "localhost", str(port), self.authority.certificate])
                self.assertEqual((refused.returncode, refused.stdout), (1, ""))
                self.assertIn('"impostor.example"', refused.stderr)

    def test_pkg_config_with_the_shared_library(self) -> None:
        by_pkg_config(scratch() / "pc-shared", static=False)
        self.check(scratch() / "pc-shared", static=False)

    def test_pkg_config_with_the_static_library(self) -> None:
        by_pkg_config(scratch() / "pc-static", static=True)
        self.check(scratch() / "pc-static", static=True)

    @unittest.skipUnless(shutil.which("cmake"), "needs cmake")
    def test_find_package_with_the_shared_library(self) -> None:
        by_cmake(scratch() / "cmake-shared", static=False)
        self.check(scratch() / "cmake-shared", static=False)

    @unittest.skipUnless(shutil.which("cmake"), "needs cmake")
    def test_find_package_with_the_static_library(self) -> None:
        by_cmake(scratch() / "cmake-static", static=True)
        self.check(scratch() / "cmake-static", static=True)

    @unittest.skipUnless(shutil.which("cmake"), "needs cmake")
    def test_find_package_takes_no_version_with_another_abi(self) -> None:
        major, minor, patch = VERSION.split(".")
        asked = {
            VERSION: True,
            f"{major}.{minor}": True,
            f"{VERSION} EXACT": True,
            f"{major}.{minor}.{int(patch) + 1}": False,
            f"{major}.{int(minor) + 1}": False,
            f"{int(major) + 1}": False,
            f"{major}.{int(minor) - 1}": False,
        }
        for version, found in asked.items():
            with self.subTest(version=version):
                project = scratch() / f"asks-{version.replace(' ', '-')}"
                project.mkdir()
                lines = ["cmake_minimum_required(VERSION 3.16)", "project(asks LANGUAGES NONE)"]
                lines.append(f"find_package(hostlock {version} REQUIRED)")
                (project / "CMakeLists.txt").write_text("\n".join(lines) + "\n")
                ran = run(["cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={installed()}"])
                self.assertEqual(ran.returncode == 0, found, ran.stderr)
                if not found:
                    self.assertIn(f"version: {VERSION}", ran.stderr)


if __name__ == "__main__":
    unittest.main()
