"""What a Python program hears of a refusal: from Python's own words, and from the thread's last error."""

from __future__ import annotations

import json
import sys
import unittest
from pathlib import Path
from typing import Any

from support import ROOT, Authority, Server, library, must


class Words(unittest.TestCase):
    authority: Authority

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = Authority("Words CA")

    def heard(self, pem: Path, *name: str) -> dict[str, Any]:
        with Server(pem) as port:
            command: list[str | Path] = [sys.executable, "-B", ROOT / "tests/python/nameless.py", str(port)]
            heard = must([*command, self.authority.certificate, *name], HOSTLOCK_LIBRARY=str(library()))
        answer: dict[str, Any] = json.loads(heard)
        return answer

    def test_without_a_host_python_does_not_say_that_the_certificate_is_for_another(self) -> None:
        heard = self.heard(self.authority.issue("localhost"))
        self.assertIn("application verification failure", heard["python"])
        self.assertNotIn("not valid for", heard["python"])
        self.assertEqual(heard["hostlock"]["status"], "HOSTLOCK_E_NO_HOST")

    def test_a_refusal_is_the_last_error_where_the_connection_is_lost(self) -> None:
        heard = self.heard(self.authority.issue("impostor.example"), "localhost")
        self.assertEqual(heard["hostlock"]["status"], "HOSTLOCK_E_HOST_MISMATCH")
        self.assertEqual(heard["hostlock"]["names"], ["impostor.example"])
        self.assertTrue(heard["hostlock"]["hint"].startswith("this may be an impostor"))

    def test_a_subject_in_json_has_no_quotes_of_its_own(self) -> None:
        heard = self.heard(self.authority.issue("localhost", days=-1), "localhost")
        self.assertEqual(heard["hostlock"]["status"], "HOSTLOCK_E_EXPIRED")
        subject = heard["hostlock"]["certificate"]["subject"]
        self.assertTrue(subject.startswith("CN=") and '"' not in subject, subject)


if __name__ == "__main__":
    unittest.main()
