"""`make demo` tells the truth: hostlock is right, and who was fooled is what the impostor's server received."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from support import ROOT

sys.path.insert(0, str(ROOT / "demo"))
import demo

FOOLED, SAFE = "FOOLED: sent it", "refused, sent nothing"
ROW = re.compile(
    rf"^  (.{{39}}) (reached|NOT REACHED) +({FOOLED}|{SAFE})(?: +(reached|NOT REACHED) +({FOOLED}|{SAFE}))?$", re.M
)


def rows(text: str) -> dict[str, tuple[str, ...]]:
    """The rows of its tables by program, without the versions of Python."""
    return {re.sub(r"Python [\d.]+", "Python", row[0]).strip(): row[1:] for row in ROW.findall(text)}


class Demo(unittest.TestCase):
    first: str
    printed: str

    @classmethod
    def setUpClass(cls) -> None:
        command = [sys.executable, "demo/demo.py"]
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            assert running.stdout is not None
            cls.first = running.stdout.readline() if running.poll() is None else ""
            cls.printed = cls.first + running.stdout.read()
        if running.returncode != 0:
            raise AssertionError(cls.printed)

    def test_it_says_at_once_what_it_does_and_at_the_end_what_to_try(self) -> None:
        self.assertTrue(self.first.startswith("A bank"), self.printed)
        self.assertEqual(re.findall(r"^\[\d/\d\]", self.printed, re.MULTILINE), ["[1/3]", "[2/3]", "[3/3]"])
        self.assertEqual(len(self.printed.rpartition("\nTry next:\n")[2].splitlines()), 3)

    def test_hostlock_reaches_the_bank_and_is_never_fooled_where_the_others_are(self) -> None:
        found = rows(self.printed)
        sealed = {name: cells for name, cells in found.items() if cells[2]}
        written = {name: cells for name, cells in found.items() if not cells[2]}
        self.assertGreaterEqual(len(sealed), 2)
        self.assertEqual(set(sealed.values()), {("reached", FOOLED, "reached", SAFE)})
        self.assertEqual(list(written.values()), [("reached", SAFE, "", "")] * 3)
        self.assertIn('the certificate is for "evil.example", not for "bank.example"\n  hint: ', self.printed)

    def test_who_was_fooled_is_what_the_impostor_received(self) -> None:
        logged = re.findall(r"^  (\S.*?|  under hostlock run): +(received .*)$", self.printed, re.MULTILINE)
        heard = [name for name, words in logged if "password=swordfish" in words]
        fooled = [name.strip() for name in re.findall(rf"^  (.{{39}}) reached +{FOOLED}", self.printed, re.MULTILINE)]
        self.assertEqual(heard, fooled)
        self.assertGreater(len(logged), len(heard))

    def test_the_readme_shows_what_it_prints(self) -> None:
        readme = (ROOT / "README.md").read_text()
        shown, printed = rows(readme), rows(self.printed)
        self.assertEqual(len(shown), 8)
        # A program that is not on this machine is passed over.
        self.assertEqual({name: cells for name, cells in shown.items() if name in printed}, printed)
        words = re.findall(r"^the certificate is for .*\nhint: .*$", readme, re.MULTILINE)[0]
        self.assertIn(words.replace("\n", "\n  "), self.printed)

    def test_a_program_that_is_not_here_is_named_and_passed_over(self) -> None:
        said = io.StringIO()
        with mock.patch("shutil.which", return_value=None), contextlib.redirect_stdout(said):
            found = [client.title for client in demo.victims(Path("nowhere"))]
        self.assertIn("OpenSSL in C, as textbooks write it", found)
        for name in ("curl", "psql"):
            self.assertIn(f"passed over: {name} is not installed\n", said.getvalue())
            self.assertFalse([title for title in found if name in title])


if __name__ == "__main__":
    unittest.main()
