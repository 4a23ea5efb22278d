"""A server of hostlock_server_new does what the RFCs say in conversations that no honest client has: the quick ones of
tests/judges_tls, by tlslite-ng."""

from __future__ import annotations

import subprocess
import sys
import unittest

from support import ROOT, library

SEVERAL_MINUTES = 600


class Judges(unittest.TestCase):
    def test_the_quick_conversations_go_as_the_rfcs_say(self) -> None:
        library()
        command = [sys.executable, str(ROOT / "scripts/judges_tls.py"), "--quick"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=SEVERAL_MINUTES, check=False)
        if ran.returncode == 2:
            self.skipTest(ran.stderr.strip())
        lines = ran.stdout.splitlines()
        wrong = [line for line in lines if not line.startswith("ok - ")]
        self.assertEqual(ran.returncode, 0, "\n".join(wrong) + ran.stderr)
        self.assertGreater(len(lines) - len(wrong), 1000)


if __name__ == "__main__":
    unittest.main()
