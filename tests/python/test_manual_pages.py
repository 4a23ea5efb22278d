"""The manual pages that are made of the header: every function has one, and none makes troff complain."""

from __future__ import annotations

import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from support import ROOT, run, scratch

sys.path.insert(0, str(ROOT / "scripts"))
import manual_pages
from test_ctypes import declarations


def rendered(pages: Path, name: str) -> str:
    """A page as `man` shows it, without its bold and italic."""
    outcome = run(["man", "-M", pages, "3", name], MANWIDTH="200", MANPAGER="cat", MANOPT="")
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


class ManualPages(unittest.TestCase):
    pages: Path
    names: list[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.pages = scratch() / "manual"
        manual_pages.write_compilers(cls.pages / "man1", manual_pages.version_of_cargo())
        cls.names = manual_pages.write(cls.pages / "man3", manual_pages.version_of_cargo())

    def test_every_function_of_the_header_has_a_page_that_says_something_of_it(self) -> None:
        functions = set(declarations())
        self.assertGreater(len(functions), 80)
        self.assertLessEqual(functions, set(self.names))
        for section in manual_pages.sections(manual_pages.HEADER.read_text()):
            text = (self.pages / "man3" / f"{section.page}.3").read_text()
            for function in section.functions():
                described = text.split(f".SS {function}\n", 1)[1].split(".SS ", 1)[0]
                self.assertGreater(len(described.split()), 5, function)

    def test_every_status_stands_in_its_page(self) -> None:
        text = (self.pages / "man3" / "hostlock-statuses.3").read_text()
        header = manual_pages.HEADER.read_text()
        statuses = [value["name"] for value in manual_pages.VALUE.finditer(header)]
        lines = (ROOT / "tests/data/statuses.txt").read_text().splitlines()
        self.assertEqual(statuses, [line.split()[0] for line in lines])
        self.assertNotIn("\n* ", text)
        for status in statuses:
            self.assertIn(f".BR {status} ", text)

    @unittest.skipUnless(shutil.which("man"), "skipped: man is not installed")
    def test_man_opens_the_page_of_a_function_and_the_overview(self) -> None:
        self.assertIn("hostlock_connect_fd(hostlock_ctx *ctx", rendered(self.pages, "hostlock_connect"))
        self.assertIn(" const char *hostlock_conn_version(const hostlock_conn *", rendered(self.pages, "hostlock_read"))
        self.assertIn("hostlock-connections(3)", rendered(self.pages, "hostlock"))

    @unittest.skipUnless(shutil.which("groff"), "skipped: groff is not installed")
    def test_troff_has_nothing_to_say_against_any_page(self) -> None:
        for page in sorted(self.pages.glob("man*/hostlock*")):
            if page.read_text().startswith(".so "):
                continue
            outcome = subprocess.run(
                ["groff", "-man", "-Tutf8", "-ww", "-z", "-rLL=120n", page], capture_output=True, text=True, check=False
            )
            # A long declaration cannot be filled; nothing else is let pass.
            complaints = [line for line in outcome.stderr.splitlines() if "cannot adjust line" not in line]
            self.assertEqual(complaints, [], page.name)


if __name__ == "__main__":
    unittest.main()
