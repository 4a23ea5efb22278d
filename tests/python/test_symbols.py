"""The shared library shows the world what the header declares, and nothing else."""

from __future__ import annotations

import re
import sys
import unittest

from support import HEADER, ROOT, library, must

sys.path.insert(0, str(ROOT / "scripts"))
from deb_symbols import SYMBOLS, written
from manual_pages import version_of_cargo

COMMITTED = ROOT / "tests/data/symbols.txt"


class Symbols(unittest.TestCase):
    exported: list[str]
    dynamic: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.exported = sorted(line.split()[2] for line in must(["nm", "-D", "--defined-only", library()]).splitlines())
        cls.dynamic = must(["readelf", "--dynamic", "--wide", library()])

    def test_the_exported_names_are_the_committed_ones(self) -> None:
        self.assertEqual(self.exported, COMMITTED.read_text().split(), "where it is meant: make symbols")

    def test_the_debian_package_tells_the_version_of_each(self) -> None:
        listed = re.findall(r"^ (\w+)@Base \d+\.\d+\.\d+$", SYMBOLS.read_text(), re.MULTILINE)
        self.assertEqual(listed, self.exported, "where it is meant: make symbols")

    def test_a_name_of_an_older_version_keeps_that_in_the_debian_package(self) -> None:
        before = "libhostlock.so.0 libhostlock0 #MINVER#\n hostlock_gone@Base 0.1.0\n hostlock_old@Base 0.1.0\n"
        after = "libhostlock.so.0 libhostlock0 #MINVER#\n hostlock_new@Base 0.2.0\n hostlock_old@Base 0.1.0\n"
        self.assertEqual(written(["hostlock_new", "hostlock_old"], before, "0.2.0"), after)

    def test_the_debian_package_has_the_crates_version(self) -> None:
        self.assertIn(f"hostlock ({version_of_cargo()}) ", (ROOT / "debian/changelog").read_text().splitlines()[0])

    def test_every_exported_name_begins_with_hostlock(self) -> None:
        self.assertEqual([name for name in self.exported if not name.startswith("hostlock_")], [])

    def test_what_is_exported_is_what_the_header_declares(self) -> None:
        code = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
        self.assertEqual(self.exported, sorted(set(re.findall(r"\b(hostlock_\w+)\(", code))))

    def test_the_soname_is_that_of_the_first_abi(self) -> None:
        self.assertRegex(self.dynamic, r"\(SONAME\)\s+Library soname: \[libhostlock\.so\.0\]")

    def test_it_is_never_unloaded_because_openssl_keeps_its_callbacks(self) -> None:
        self.assertRegex(self.dynamic, r"\(FLAGS_1\).*\bNODELETE\b")

    def test_it_is_bound_at_load_time(self) -> None:
        self.assertRegex(self.dynamic, r"\(FLAGS\).*\bBIND_NOW\b")

    def test_it_links_the_systems_libssl(self) -> None:
        self.assertRegex(self.dynamic, r"\(NEEDED\)\s+Shared library: \[libssl\.so\.3\]")


if __name__ == "__main__":
    unittest.main()
