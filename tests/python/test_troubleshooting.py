"""docs/troubleshooting.md is made of the header and of what the tests heard, and leaves no status out."""

from __future__ import annotations

import re
import sys
import unittest

from support import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import troubleshooting

# Nothing in the refusals table: they need a defect, another libssl, a signal, or a machine without memory.
WITHOUT_A_LINE = {"INTERNAL", "FOREIGN_LIBSSL", "UNVERIFIED", "IO", "INTERRUPTED", "NO_MEMORY"}


def entries() -> dict[str, str]:
    """What the page says of each status."""
    page = troubleshooting.PAGE.read_text()
    return {name: text for name, text in re.findall(r"^### (\w+)\n(.*?)(?=^#|^<!--)", page, re.MULTILINE | re.DOTALL)}


class Troubleshooting(unittest.TestCase):
    def test_the_page_is_current(self) -> None:
        page = troubleshooting.PAGE.read_text()
        self.assertEqual(page, troubleshooting.with_statuses(page), "run make header")

    def test_every_status_has_a_meaning_and_something_to_do(self) -> None:
        lines = (ROOT / "tests/data/statuses.txt").read_text().splitlines()
        failures = {name.removeprefix("HOSTLOCK_E_") for name, _ in map(str.split, lines) if "_E_" in name}
        self.assertGreater(len(failures), 50)
        self.assertEqual(set(entries()), failures)
        for name, text in entries().items():
            meaning, _, advice = text.partition("**What to do.**")
            self.assertGreater(len(meaning.split()), 3, name)
            self.assertGreater(len(advice.split()), 3, name)
            self.assertNotIn("*", meaning + advice, name)

    def test_every_status_that_a_test_brings_about_is_shown_as_it_looks(self) -> None:
        shown = {name for name, text in entries().items() if "```text\n" in text}
        self.assertEqual(set(entries()) - shown, WITHOUT_A_LINE)


if __name__ == "__main__":
    unittest.main()
