"""Writes the statuses into docs/troubleshooting.md: what each means and what to do, from the comments of the header,
and how it looks, from docs/refusals.md, which the tests write.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from manual_pages import HEADER, VALUE, plain

ROOT = Path(__file__).resolve().parent.parent
PAGE, REFUSALS = ROOT / "docs/troubleshooting.md", ROOT / "docs/refusals.md"
BEGIN, END = "<!-- statuses: written by `make header` -->\n", "<!-- /statuses -->\n"
PREFIX = "HOSTLOCK_E_"
ADVICE = "What to do: "

# Headings, and the numbers below them.
GROUPS = (
    ("The host", range(-12, -9)),
    ("Certificates", (*range(-50, -49), *range(-39, -19))),
    ("The network", range(-69, -59)),
    ("TLS", range(-79, -69)),
    ("Files and keys", range(-49, -39)),
    ("Calls and set-up", range(-9, -2)),
)
# No more lines than that are shown of one status, and the short ones first.
MOST, SHORT = 2, 240


@dataclass
class Status:
    """A failure that the header lists."""

    name: str
    number: int
    meaning: str
    advice: str


@dataclass
class Seen:
    """What a test heard."""

    line: str
    hint: str


def statuses() -> list[Status]:
    """Those that are failures, in the order of the header."""
    found = []
    for value in VALUE.finditer(HEADER.read_text()):
        if not value["name"].startswith(PREFIX):
            continue
        meaning, _, advice = plain(value["doc"]).partition("\n\n")
        if not advice.startswith(ADVICE):
            raise SystemExit(f"the comment of {value['name']} has no paragraph that begins with {ADVICE!r}")
        name = value["name"].removeprefix(PREFIX)
        found.append(Status(name, int(value["number"]), one_line(meaning), one_line(advice.removeprefix(ADVICE))))
    return found


def one_line(text: str) -> str:
    """Text without its line breaks."""
    return " ".join(text.split())


def heard() -> dict[str, list[Seen]]:
    """What the tests heard, by status."""
    found: dict[str, list[Seen]] = {}
    for row in REFUSALS.read_text().splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)]
        if len(cells) == 6 and cells[2].isupper():
            found.setdefault(cells[2], []).append(Seen(cells[3], cells[4]))
    return found


def examples(seen: list[Seen]) -> list[Seen]:
    """A few that differ in their hints."""
    by_hint: dict[str, Seen] = {}
    for one in sorted(seen, key=lambda one: (len(one.line) > SHORT, 'trust anchor "' in one.line)):
        by_hint.setdefault(one.hint, one)
    return list(by_hint.values())[:MOST]


def entry(status: Status, seen: list[Seen]) -> str:
    """What the page says of a status."""
    starts_with_a_name = status.advice.startswith("hostlock ")
    advice = status.advice if starts_with_a_name else status.advice[0].upper() + status.advice[1:]
    text = f"### {status.name}\n\n{textwrap.fill(status.meaning, 118)}\n\n"
    if shown := examples(seen):
        lines = [fold(one.line) + (fold("hint: " + one.hint) if one.hint else "") for one in shown]
        text += "```text\n" + "\n".join(lines) + "```\n\n"
    return text + textwrap.fill(f"**What to do.** {advice}", 118) + "\n\n"


def fold(line: str) -> str:
    """A long line as a terminal shows it."""
    return textwrap.fill(line, 110, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) + "\n"


def chapters() -> str:
    """The statuses under their headings."""
    seen = heard()
    found = statuses()
    text = ""
    for title, numbers in GROUPS:
        members = [status for status in found if status.number in numbers]
        text += f"## {title}\n\n" + "".join(entry(status, seen.get(status.name, [])) for status in members)
    lost = [status.name for status in found if not any(status.number in numbers for _, numbers in GROUPS)]
    if lost:
        raise SystemExit(f"no heading of the page has the numbers of {', '.join(lost)}")
    return text


def with_statuses(page: str) -> str:
    """`page` with the statuses of now between its two marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + "\n" + chapters() + END + after


if __name__ == "__main__":
    PAGE.write_text(with_statuses(PAGE.read_text()))
