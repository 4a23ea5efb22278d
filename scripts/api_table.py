"""Writes "the C API at a glance" into README.md: the functions of the header by section, so that it cannot go stale."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- api: written by `make header` -->\n", "<!-- /api -->\n"


def sections() -> dict[str, str]:
    """The section of each function, as the files of src/ffi name themselves."""
    found = {}
    for source in (ROOT / "src/ffi").glob("*.rs"):
        text = source.read_text()
        if title := re.match(r'//! Section "(.*?)"', text):
            found.update(dict.fromkeys(re.findall(r"\bfn (hostlock_\w+)\(", text), title[1]))
    return found


def table() -> str:
    """The table in Markdown, in the order of the header."""
    code = re.sub(r"/\*.*?\*/", "", (ROOT / "include/hostlock.h").read_text(), flags=re.DOTALL)
    section_of = sections()
    rows: dict[str, list[str]] = {}
    for function in re.findall(r"\b(hostlock_\w+)\(", code):
        rows.setdefault(section_of[function], []).append(f"`{function}`")
    lines = [f"| {title} | {' '.join(functions)} |\n" for title, functions in rows.items()]
    return "| section | functions |\n| --- | --- |\n" + "".join(lines)


def with_table(readme: str) -> str:
    """`readme` with the table of now between its two marks."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
