"""`make demo` tells the truth: hostlock is right, and who was fooled is what the impostor's server received."""

from __future__ import annotations

import re
import sys
import unittest

from support import run


class Demo(unittest.TestCase):
    def test_hostlock_reaches_the_bank_and_is_never_fooled_where_the_others_are(self) -> None:
        outcome = run([sys.executable, "demo/demo.py"])
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)
        rows = re.findall(r"^  (.{44}) (sent the password|REFUSED) +(FOOLED|refused)", outcome.stdout, re.MULTILINE)
        self.assertEqual([good for _, good, _ in rows], ["sent the password"] * 5)
        fooled = {title.strip() for title, _, bad in rows if bad == "FOOLED"}
        self.assertEqual([title for title in fooled if "hostlock" in title], [])
        for title in (row[0].strip() for row in rows):
            logged = re.findall(rf"^  {re.escape(title)}: +(.*)$", outcome.stdout, re.MULTILINE)[0]
            self.assertEqual("password=swordfish" in logged, title in fooled)
        self.assertEqual(outcome.stdout.count('the certificate is for "evil.example", not for "bank.example"'), 3)


if __name__ == "__main__":
    unittest.main()
