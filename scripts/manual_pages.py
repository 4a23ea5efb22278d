"""Writes the manual pages of section 3 from the header: hostlock(3), one page for each of its sections, and a link for
each function, so that `man hostlock_connect` opens. And hostlock-cc(1) from the comment at its head. They come to lie
in man3 and man1 of the directory.

usage: manual_pages.py DIRECTORY
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "include/hostlock.h"
COMPILER = ROOT / "scripts/hostlock-cc.in"

BANNER = re.compile(r"/\*\n \* =+\n \* (?P<title>.*?): (?P<summary>.*?)\n \* =+\n(?P<body>.*?)(?: \*/)", re.DOTALL)
ENTRY = re.compile(
    r"""/\*\*(?P<doc>(?:(?!\*/).)*)\*/\n(?P<code>enum\ \w+\ \{.*?\};|\#define\ [^\n]*\n|(?:"[^"]*"|[^";])*;)""",
    re.DOTALL | re.VERBOSE,
)
VALUE = re.compile(r"/\*\*(?P<doc>.*?)\*/\s*(?P<name>\w+) = (?P<number>-?\d+)(?:,|\s*\})", re.DOTALL)
FUNCTION = re.compile(r"\b(hostlock_\w+)\(")


@dataclass
class Section:
    """A section of the header: what it says of itself, and what it declares."""

    title: str
    summary: str
    text: str
    entries: list[tuple[str, str]] = field(default_factory=list)

    @property
    def page(self) -> str:
        """The name of its page."""
        noun = re.sub(r"\w+'s |\.txt$", "", self.title)
        return "hostlock-" + re.sub(r"[^a-z]+", "-", noun.lower()).strip("-")

    def functions(self) -> list[str]:
        """What it declares, in its order."""
        return [match[1] for code, _ in self.entries if (match := FUNCTION.search(code))]


def plain(comment: str) -> str:
    """The text of a comment without its stars."""
    return "\n".join(re.sub(r"^ *\* ?", "", line).rstrip() for line in comment.strip().splitlines()).strip()


def sections(header: str) -> list[Section]:
    """The sections of the header, in their order."""
    found = []
    banners = list(BANNER.finditer(header))
    ends = [banner.start() for banner in banners[1:]] + [header.index("#ifdef __cplusplus\n}")]
    for banner, end in zip(banners, ends, strict=True):
        part = header[banner.end() : end]
        entries = [(clean(entry["code"]), plain(entry["doc"])) for entry in ENTRY.finditer(part)]
        summary = plain(banner["summary"]).replace("\n", " ")
        found.append(Section(banner["title"], summary, plain(banner["body"]), entries))
    return found


def clean(code: str) -> str:
    """A declaration as a reader of the page wants it: without what only the compiler looks at."""
    code = re.sub(r"HOSTLOCK_MUST_USE\s+", "", code)
    return re.sub(r"HOSTLOCK_INSECURE\(.*?\)\s+", "", code, flags=re.DOTALL).strip()


def escape(text: str, *, is_code: bool = False) -> str:
    """Text as roff takes it literally, what stands between stars in italic; in code they are pointers."""
    names = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
    text = "".join(names.get(letter, letter) for letter in text)
    if not is_code:
        text = re.sub(r"(?<!\S)\*(\w[^*]*(?<!\s))\*(?!\w)", r"\\fI\1\\fR", text)
    return "\n".join("\\&" + line if line.startswith((".", "\\(aq")) else line for line in text.splitlines())


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a comment; lines that are indented stay as they are."""
    for block in re.split(r"\n\s*\n", text):
        if all(line.startswith(("  ", "\t")) for line in block.splitlines()):
            yield f".PP\n.nf\n.RS 4\n{escape(textwrap.dedent(block), is_code=True)}\n.RE\n.fi\n"
        else:
            yield f".PP\n{escape(block)}\n"


def literal(code: str) -> str:
    """Code as it stands."""
    code = escape(code, is_code=True)
    return f".PP\n.nf\n.B\n{code}\n.fi\n" if "\n" not in code else f".PP\n.nf\n\\fB{code}\\fR\n.fi\n"


def head(names: list[str], version: str, line: str, section: int = 3) -> str:
    """How a page begins that goes by these names."""
    title = f'.TH "{names[0].upper()}" {section} "" "hostlock {version}" "hostlock"\n.nh\n'
    return f"{title}.SH NAME\n{escape(', '.join(names))} \\- {escape(line)}\n"


def page_of(section: Section, version: str) -> str:
    """The page of a section."""
    page = [head([section.page, *section.functions()], version, section.summary)]
    page += [".SH SYNOPSIS\n", literal("#include <hostlock.h>")]
    page += [literal(code) for code, _ in section.entries if not code.startswith("enum ")]
    page += [".SH DESCRIPTION\n", *paragraphs(section.text)]
    for code, doc in section.entries:
        if code.startswith("enum "):
            page += paragraphs(doc)
            page += [
                f'.TP\n.BR {escape(value["name"])} " ({escape(value["number"])})"\n{escape(plain(value["doc"]))}\n'
                for value in VALUE.finditer(code)
            ]
            continue
        name = match[1] if (match := FUNCTION.search(code)) else code.split()[1]
        page += [f".SS {escape(name)}\n", *paragraphs(doc)]
    page.append('.SH "SEE ALSO"\n.BR hostlock (3),\n.BR hostlock (1)\n')
    return "".join(page)


def overview(header: str, parts: list[Section], version: str) -> str:
    """hostlock(3), from what stands at the top of the header."""
    top = plain(header[header.index("/*") + 2 : header.index("*/")])
    title, rest = top.split("\n\n", 1)
    line = title.removeprefix("hostlock: ").rstrip(".")
    listed = [f".TP\n.BR {escape(part.page)} (3)\n{escape(part.summary)}\n" for part in parts]
    page = [
        head(["hostlock"], version, line),
        ".SH SYNOPSIS\n",
        literal("cc program.c $(pkg-config --cflags --libs hostlock)"),
    ]
    page.append(".SH DESCRIPTION\n")
    for block in re.split(r"\n\s*\n(?=\S)", rest):
        if block.startswith("Sections, each"):
            page += [".PP\nThe functions, each section on a page of its own:\n", *listed]
        elif not block.startswith("This file is generated"):
            page += paragraphs(block)
    page.append('.SH "SEE ALSO"\n.BR hostlock (1)\n')
    return "".join(page)


def write(directory: Path, version: str) -> list[str]:
    """Writes all pages, and answers their names."""
    header = HEADER.read_text()
    parts = sections(header)
    directory.mkdir(parents=True, exist_ok=True)
    pages = {"hostlock": overview(header, parts, version)} | {part.page: page_of(part, version) for part in parts}
    for part in parts:
        pages |= {function: f".so man3/{part.page}.3\n" for function in part.functions()}
    for name, text in pages.items():
        (directory / f"{name}.3").write_text(text)
    return sorted(pages)


def write_compilers(directory: Path, version: str) -> list[str]:
    """Writes the pages of section 1 that are not about the command `hostlock`, and answers their names."""
    comment = COMPILER.read_text().split("\n", 1)[1].split("# shellcheck", 1)[0]
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in comment.splitlines())
    names = ["hostlock-cc", "hostlock-c++"]
    page = [head(names, version, "compile code that is written for OpenSSL, and harden what it makes", section=1)]
    page += [".SH SYNOPSIS\n", *(f".PP\n.B {escape(name)}\n[\\fIargument of the compiler\\fR ...]\n" for name in names)]
    page += [".SH DESCRIPTION\n", *paragraphs(text)]
    page.append('.SH "SEE ALSO"\n.BR hostlock (1),\n.BR hostlock (3)\n')
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "hostlock-cc.1").write_text("".join(page))
    (directory / "hostlock-c++.1").write_text(".so man1/hostlock-cc.1\n")
    return names


def version_of_cargo() -> str:
    """The version in Cargo.toml."""
    match = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert match
    return match[1]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]) / "man3", version_of_cargo())
    write_compilers(Path(sys.argv[1]) / "man1", version_of_cargo())
