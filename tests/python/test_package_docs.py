"""The code of the pages about Python runs against a real server, as it stands there; programs shown before and after do
what their pages say."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from package import VERSIONS, cast, interpreters, python
from support import ROOT, Server

PAGES = (ROOT / "docs/python.md", ROOT / "python/README.md")
# The page of each reader: the module whose programs it is about, and where that is installed.
READERS = {
    "wrap-socket": ("ssl", VERSIONS),
    "pyopenssl": ("OpenSSL", ("Debian's",)),
    "m2crypto": ("M2Crypto", ("Debian's",)),
}


class Pages(unittest.TestCase):
    def test_the_code_of_the_pages_runs(self) -> None:
        roots = str(cast().roots)
        blocks = [
            block for page in PAGES for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)
        ]
        self.assertGreater(len(blocks), 5)
        with Server(cast().right) as port:
            for block in blocks:
                code = re.sub(r"(?:bank|example)\.(?:example|org)", "localhost", block)
                code = code.replace("443", str(port)).replace("company-ca.pem", roots)
                code = code if "import hostlock" in code else "import hostlock\n" + code
                for version in interpreters():
                    with self.subTest(version=version, block=block):
                        ran = python(version, code, SSL_CERT_FILE=roots)
                        self.assertEqual(ran.returncode, 0, ran.stderr)

    def test_each_reader_s_program_believes_an_impostor_before_and_refuses_him_after_with_the_words_of_the_page(
        self,
    ) -> None:
        for name, (module, versions) in READERS.items():
            page = (ROOT / f"docs/python-{name}.md").read_text()
            programs = re.findall(r"^## (.*?)\n.*?^```python\n(.*?)^```", page, re.M | re.S)
            titles = [title.split(":")[0] for title, _ in programs]
            self.assertEqual(titles, ["Before", *["After"] * (len(programs) - 1)])
            self.assertGreaterEqual(len(programs), 3)
            (words,) = re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)
            said, hint = words.replace("bank.example", "localhost").splitlines()
            for version in versions:
                if version not in interpreters() or python(version, f"import {module}").returncode != 0:
                    continue
                for title, program in programs:
                    with self.subTest(page=name, version=version, title=title):
                        if "import ssl\n" in program and python(version, "import ssl; ssl.wrap_socket").returncode != 0:
                            continue
                        is_before = title == "Before"
                        self.assertEqual(self.ran(version, program, cast().right), "")
                        complaint = self.ran(version, program, cast().false["HOST_MISMATCH"])
                        if is_before:
                            self.assertEqual(complaint, "")
                            continue
                        self.assertIn(said.partition(": ")[2].partition("] ")[2] or said.partition(": ")[2], complaint)
                        if version not in ("2.7", "3.8"):
                            self.assertIn(f"{said}\n{hint}\n", complaint)

    def ran(self, version: str, program: str, pem: Path) -> str:
        """What a program complains of, "" where it read a page."""
        with Server(pem) as port:
            code = program.replace("bank.example", "localhost").replace("443", str(port))
            code = code.replace("company-ca.pem", str(cast().roots))
            outcome = python(version, code, SSL_CERT_FILE=str(cast().roots))
        self.assertEqual(outcome.returncode == 0, "HTTP/1.0 200" in outcome.stdout, outcome.stderr)
        return "" if outcome.returncode == 0 else outcome.stderr


if __name__ == "__main__":
    unittest.main()
