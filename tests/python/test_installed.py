"""What `make install` puts where, and that a user's compiler finds it there."""

from __future__ import annotations

import json
import re
import unittest
from pathlib import Path

from support import HEADER, ROOT, example, installed, must, pkg_config, run, scratch

VERSION = re.findall(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[0]
FILES = [
    "bin/hostlock",
    "include/hostlock.h",
    "lib/libhostlock.a",
    "lib/libhostlock.so",
    "lib/libhostlock.so.0",
    f"lib/libhostlock.so.{VERSION}",
    "lib/pkgconfig/hostlock.pc",
]


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir())


class Installed(unittest.TestCase):
    def test_the_files_and_the_links_of_the_soname_are_in_place(self) -> None:
        library = installed() / "lib"
        self.assertEqual(files(installed()), FILES)
        self.assertEqual((library / "libhostlock.so").readlink().name, "libhostlock.so.0")
        self.assertEqual((library / "libhostlock.so.0").readlink().name, f"libhostlock.so.{VERSION}")
        self.assertEqual((installed() / "include/hostlock.h").read_bytes(), HEADER.read_bytes())

    def test_the_command_runs_and_lists_roots(self) -> None:
        listed = json.loads(must([installed() / "bin/hostlock", "roots", "list", "--source", "bundled", "--json"]))
        self.assertGreater(len(listed["roots"]), 100)

    def test_pkg_config_knows_version_and_flags(self) -> None:
        self.assertEqual(pkg_config("--modversion", "hostlock"), [VERSION])
        self.assertEqual(pkg_config("--cflags", "hostlock"), [f"-I{installed()}/include"])
        self.assertEqual(pkg_config("--libs", "hostlock"), [f"-L{installed()}/lib", "-lhostlock"])

    def test_a_staged_install_names_the_final_prefix_and_uninstall_leaves_nothing(self) -> None:
        stage = scratch() / "stage"
        where = ["PREFIX=/opt/hostlock", f"DESTDIR={stage}"]
        must(["make", "install", *where])
        self.assertEqual(files(stage), [f"opt/hostlock/{name}" for name in FILES])
        self.assertIn("prefix=/opt/hostlock\n", (stage / "opt/hostlock/lib/pkgconfig/hostlock.pc").read_text())
        must(["make", "uninstall", *where])
        self.assertEqual(files(stage), [])

    def test_a_program_needs_hostlock_and_not_libssl(self) -> None:
        needed = re.findall(r"Shared library: \[(.*?)\]", must(["readelf", "-d", example("client")]))
        self.assertIn("libhostlock.so.0", needed)
        self.assertEqual([name for name in needed if name.startswith(("libssl", "libcrypto"))], [])

    def test_a_program_can_carry_the_static_library(self) -> None:
        program = scratch() / "static-client"
        flags = [
            flag if flag != "-lhostlock" else "-l:libhostlock.a"
            for flag in pkg_config("--static", "--cflags", "--libs", "hostlock")
        ]
        must(["cc", ROOT / "examples/client.c", *flags, "-o", program])
        self.assertNotIn("libhostlock", must(["readelf", "-d", program]))
        refused = run([program, "a..b"])
        self.assertEqual(refused.returncode, 1)
        self.assertIn("a..b", refused.stderr)


if __name__ == "__main__":
    unittest.main()
