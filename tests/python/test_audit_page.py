"""The page of `hostlock audit --html`, as a parser and a real browser read it, also of a certificate full of markup."""

from __future__ import annotations

import re
import shutil
import subprocess
import unittest
from html.parser import HTMLParser
from pathlib import Path

from support import LONG_ENOUGH, Authority, Server, built, must, run, scratch

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TRAP = "document.title='owned'"
HOSTILE = f"""
[req]
prompt = no
distinguished_name = name
x509_extensions = more
[name]
CN = "</title></text><script>{TRAP}</script>"
O = "\\"><svg onload={TRAP}>"
[more]
subjectAltName = @names
[names]
DNS.1 = "<img src=x onerror={TRAP}>"
DNS.2 = "'\\" onmouseover={TRAP} x='"
"""
VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Notes the elements, whether they are closed in order, and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> Path:
    """A certificate, with its key, whose names are markup."""
    config, key, pem = (scratch() / f"hostile.{kind}" for kind in ("cnf", "key", "pem"))
    config.write_text(HOSTILE)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    must(["openssl", "req", "-x509", *curve, "-config", config, "-days", "9", "-keyout", key, "-out", pem])
    pem.write_text(pem.read_text() + key.read_text())
    return pem


def page_of(pem: Path, *more: str | Path) -> str:
    """The page about a server that shows this certificate."""
    page = scratch() / "page.html"
    with Server(pem) as port:
        outcome = run([built() / "hostlock", "audit", f"localhost:{port}", "--html", page, *more])
    assert outcome.returncode in (0, 1), outcome.stderr
    return page.read_text()


class Page(unittest.TestCase):
    good: str
    bad: str

    @classmethod
    def setUpClass(cls) -> None:
        authority = Authority("Page CA")
        cls.good = page_of(authority.issue("localhost"), "--ca", authority.certificate)
        cls.bad = page_of(hostile())

    def test_a_parser_finds_it_whole_and_self_contained(self) -> None:
        for page in (self.good, self.bad):
            read = Reader(page)
            self.assertEqual(read.open, [])
            self.assertFalse({"script", "img", "link", "iframe", "object", "a", "form"} & set(read.elements))
            for name, value in read.attributes:
                self.assertFalse(name.startswith("on") or name in ("src", "href", "style"), (name, value))
        self.assertIn("verified", Reader(self.good).text)
        self.assertIn(f"<img src=x onerror={TRAP}>", Reader(self.bad).text)
        self.assertIn(f"<script>{TRAP}</script>", Reader(self.bad).text)

    def test_a_browser_shows_it_and_runs_nothing_of_a_certificate(self) -> None:
        browser = next(filter(None, map(shutil.which, BROWSERS)), None)
        if browser is None:
            self.skipTest("needs chromium")
        for page, title in ((self.good, "verified"), (self.bad, "refused")):
            # Without its own policy, to see that the escaping alone suffices.
            file, picture = scratch() / "browser.html", scratch() / "browser.png"
            file.write_text(re.sub(r"<meta http-equiv=.*\n", "", page))
            options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={scratch() / 'browser'}"]
            shown = subprocess.run(
                [browser, *options, "--virtual-time-budget=2000", "--dump-dom", file.as_uri()],
                capture_output=True,
                text=True,
                timeout=LONG_ENOUGH,
                check=False,
            )
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertRegex(shown.stdout, rf"<title>localhost:\d+: {title}</title>")
            self.assertEqual(re.findall(r"<(?:script|img)\b", shown.stdout), [])
            self.assertEqual(shown.stdout.count("<svg"), 1)
            command = [browser, *options, "--window-size=1000,1600", f"--screenshot={picture}", file.as_uri()]
            subprocess.run(command, capture_output=True, timeout=LONG_ENOUGH, check=True)
            self.assertGreater(picture.stat().st_size, 20_000, "it is not blank")


if __name__ == "__main__":
    unittest.main()
