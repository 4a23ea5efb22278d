"""The code of docs/python.md and of the package's own page runs against a real server, as it stands there."""

from __future__ import annotations

import re
import unittest

from package import cast, interpreters, python
from support import ROOT, Server

PAGES = (ROOT / "docs/python.md", ROOT / "python/README.md")


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

    def test_the_programs_that_are_shown_before_and_after_do_what_the_page_says(self) -> None:
        page = PAGES[0].read_text()
        for name in ("m2crypto", "pyopenssl"):
            block = next(b for b in re.findall(r"^```text\n(.*?)^```", page, re.M | re.S) if f"{name}.harden" in b)
            module = {"m2crypto": "M2Crypto", "pyopenssl": "OpenSSL"}[name]
            if python("Debian's", f"import {module}").returncode != 0:
                self.skipTest(f"needs {module}")
            for pem, expected in ((cast().right, None), (cast().false["HOST_MISMATCH"], 'not for "localhost"')):
                with Server(pem) as port:
                    code = "import socket\n" + block.replace("bank.example", "localhost").replace("443", str(port))
                    # M2Crypto's own check would do for this impostor; hostlock's comes first.
                    ran = python("Debian's", code, SSL_CERT_FILE=str(cast().roots))
                    if expected is None:
                        self.assertEqual(ran.returncode, 0, ran.stderr)
                    else:
                        self.assertIn(expected, ran.stderr)
                        self.assertIn("certificate verify failed: ", ran.stderr)


if __name__ == "__main__":
    unittest.main()
