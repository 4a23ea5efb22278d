"""Writes debian/libhostlock0.symbols from tests/data/symbols.txt: a name that stood there keeps the version with which
it came, a new one gets the version of Cargo.toml. dpkg-gensymbols derives from it which version a program needs."""

from __future__ import annotations

import re
from pathlib import Path

from manual_pages import version_of_cargo

ROOT = Path(__file__).resolve().parent.parent
EXPORTED = ROOT / "tests/data/symbols.txt"
SYMBOLS = ROOT / "debian/libhostlock0.symbols"


def written(exported: list[str], before: str, version: str) -> str:
    """The file for these exported names, where `before` is what it held."""
    came = dict(re.findall(r"^ (\w+)@Base (\S+)$", before, re.MULTILINE))
    lines = [f" {name}@Base {came.get(name, version)}\n" for name in exported]
    return "libhostlock.so.0 libhostlock0 #MINVER#\n" + "".join(lines)


if __name__ == "__main__":
    SYMBOLS.write_text(written(EXPORTED.read_text().split(), SYMBOLS.read_text(), version_of_cargo()))
