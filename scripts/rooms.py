"""Draws the arrows between the rooms of src/ and fails where one goes up. See docs/architecture.md.

usage: rooms.py [--arrows]
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"

# From the top floor down: a room may use those below it, and itself. The rooms of one line stand side by side.
FLOORS = (
    ("nets",),
    ("ffi", "door"),
    ("seal",),
    ("harden",),
    ("audit",),
    ("connection",),
    ("context",),
    ("handshake",),
    ("guard",),
    ("chain",),
    ("revocation",),
    ("trust",),
    ("libssl",),
    ("host",),
    ("x509",),
    ("os",),
    ("policy",),
    ("error",),
    ("status", "codes", "role", "json", "moment"),
)
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}


def room_of(file: Path) -> str:
    """The room of a file: its folder below src/, or itself."""
    return file.relative_to(SRC).parts[0].removesuffix(".rs")


def used(text: str) -> set[str]:
    """The rooms that a file names."""
    code = re.sub(r"^\s*//.*$|crate::nets::\w+!", "", text, flags=re.MULTILINE)
    rooms = set(re.findall(r"\bcrate::(\w+)", code))
    for group in re.findall(r"\bcrate::\{([^;]*)\};", code):
        rooms.update(re.findall(r"(?:^|,|\{)\s*(\w+)", group))
    return rooms & FLOOR.keys()


def main(arguments: list[str]) -> int:
    """0 where every arrow goes down."""
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in sorted(SRC.rglob("*.rs")):
        room = room_of(file)
        if room == "lib":
            continue
        if room not in FLOOR:
            print(f"src/{file.relative_to(SRC)}: no floor is known for the room {room!r}", file=sys.stderr)
            return 1
        for other in used(file.read_text()) - {room}:
            arrows[room, other].append(str(file.relative_to(SRC)))
    if "--arrows" in arguments:
        for (room, other), files in sorted(arrows.items(), key=lambda arrow: FLOOR[arrow[0][0]]):
            print(f"{room} -> {other}: {' '.join(files)}")
    wrong = {arrow: files for arrow, files in arrows.items() if FLOOR[arrow[1]] <= FLOOR[arrow[0]]}
    for (room, other), files in sorted(wrong.items()):
        print(f"an arrow goes up, from {room} to {other}: {', '.join(files)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
