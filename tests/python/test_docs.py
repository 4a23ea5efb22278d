"""The code in README.md and the guide is compiled and run against a real server; their tables and links are true."""

from __future__ import annotations

import ctypes
import os
import re
import runpy
import sys
import unittest
from pathlib import Path
from typing import Any

from support import ROOT, Authority, Server, installed, must, pin, pkg_config, scratch

sys.path.insert(0, str(ROOT / "scripts"))
from api_table import with_table

README, GUIDE = ROOT / "README.md", ROOT / "docs/guide.md"
# What the pages speak of, and what the test has in its place.
STAND_INS = (
    ("wrong.bank.example", "127.0.0.1"),
    ("bank.example", "localhost"),
    ("company-ca.pem", "{ca}"),
    ("company-crl.pem", "{crl}"),
    ("server.pem", "{server}"),
    ("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "{pin}"),
    ("443", "{port}"),
    (
        "if (hostlock_connect_fd(",
        'int fd = tcp_connect("{port}"); fcntl(fd, F_SETFL, O_NONBLOCK);\nif (hostlock_connect_fd(',
    ),
    ("SSL_set_fd(", 'int blocking_fd = tcp_connect("{port}");\nSSL_set_fd('),
)


def blocks(page: Path, language: str) -> list[str]:
    """The code of one language on a page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Docs(unittest.TestCase):
    authority: Authority
    facts: dict[str, str | Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = Authority("Docs CA")
        server = cls.authority.issue("localhost")
        cls.facts = {"ca": cls.authority.certificate, "crl": cls.authority.revocation_list()}
        cls.facts |= {"server": server, "pin": pin(server)}

    def stand_in(self, code: str, port: int) -> str:
        for name, ours in STAND_INS:
            code = code.replace(name, ours.format(port=port, **self.facts))
        return code

    def run_c(self, code: list[str], port: int) -> str:
        """Blocks that begin with #include stand before main, the others make up its body."""
        sockets = f'#include "{ROOT}/demo/clients/tcp.h"\n#include <fcntl.h>\n'
        top = [block for block in code if block.startswith("#include")]
        body = [block for block in code if not block.startswith("#include")]
        program = [sockets, *top, "int main(void)\n{\n", *body, "return 0;\n}\n"]
        source = scratch() / "page.c"
        source.write_text(self.stand_in("\n".join(program), port))
        flags = pkg_config("--cflags", "--libs", "hostlock", "openssl")
        strict = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
        must(["cc", *strict, source, *flags, f"-Wl,-rpath,{installed()}/lib", "-o", scratch() / "page"])
        return must([scratch() / "page"], SSL_CERT_FILE=str(self.authority.certificate))

    def test_the_c_code_of_the_guide_runs_from_top_to_bottom(self) -> None:
        with Server(Path(self.facts["server"])) as port:
            said = self.run_c(blocks(GUIDE, "c"), port)
        self.assertIn("</HTML>", said)
        self.assertIn("\nbank.example\n", said)
        self.assertIn("\nnot 127.0.0.1 but localhost\n", said)

    def test_the_c_code_of_the_readme_runs(self) -> None:
        fail = next(block for block in blocks(GUIDE, "c") if "static int fail" in block)
        free = "hostlock_conn_free(conn); hostlock_ctx_free(ctx); SSL_free(ssl); SSL_CTX_free(legacy);\n"
        with Server(Path(self.facts["server"])) as port:
            self.run_c(["#include <openssl/ssl.h>\n", fail, *blocks(README, "c"), free], port)

    def test_the_python_code_of_both_pages_runs(self) -> None:
        library = str(installed() / "lib/libhostlock.so.0")
        os.environ["HOSTLOCK_LIBRARY"], os.environ["SSL_CERT_FILE"] = library, str(self.authority.certificate)
        self.addCleanup(os.environ.pop, "HOSTLOCK_LIBRARY")
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        for page, names in ((README, runpy.run_path(str(ROOT / "examples/client.py"))), (GUIDE, {})):
            with self.subTest(page=page.name), Server(Path(self.facts["server"])) as port:
                space: dict[str, Any] = dict(names)
                code = self.stand_in("\n".join(blocks(page, "python")), port).replace("libhostlock.so.0", library)
                exec(compile(code, str(page), "exec"), space)
                self.assertIsInstance(space["connection"], ctypes.c_void_p)
                self.assertTrue(page == README or space["page"].startswith(b"HTTP/1.0 200 ok"))

    def test_the_rust_code_of_the_guide_is_the_example_of_the_crate(self) -> None:
        """Which cargo compiles."""
        lines = re.findall(r"^//! ?(.*\n)", (ROOT / "src/lib.rs").read_text(), re.MULTILINE)
        shown = "".join(line for line in lines if not line.startswith("# "))
        example = re.findall(r"^```no_run\n(.*?)^```", shown, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(example), 1)
        self.assertEqual(blocks(GUIDE, "rust"), example)

    def test_the_api_table_is_the_headers(self) -> None:
        self.assertEqual(README.read_text(), with_table(README.read_text()), "run make header")

    def test_every_test_that_a_page_names_is_there(self) -> None:
        tests = {
            file.name for pattern in ("c-tests/**/*.c", "tests/**/*.rs", "tests/**/*.py") for file in ROOT.glob(pattern)
        }
        named = 0
        for page in (ROOT / f"docs/{name}.md" for name in ("migrating", "not-stopped", "threat-model")):
            for row in re.findall(r"^\| .*\| (.*?) \|$", page.read_text(), re.MULTILINE):
                for name in re.findall(r"`(\w+\.(?:c|rs|py))`", row):
                    named += 1
                    self.assertIn(name, tests, page.name)
        self.assertGreater(named, 50)

    def test_every_local_link_leads_somewhere(self) -> None:
        for page in [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *ROOT.glob("docs/*.md")]:
            for link in re.findall(r"\]\((?!https?:)([^)\s]+)", page.read_text()):
                with self.subTest(page=page.name, link=link):
                    name, _, anchor = link.partition("#")
                    target = page.parent / name if name else page
                    self.assertTrue(target.exists())
                    if anchor:
                        self.assertIn(anchor, anchors(target))


if __name__ == "__main__":
    unittest.main()
