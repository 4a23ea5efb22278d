"""Draws the arrows between the rooms of src/ and fails where one goes up; and fails where files import each other in a
circle, in src/, benches/ and cli/; and where unsafe code stands outside of the rooms for it. See docs/architecture.md.

usage: rooms.py [--arrows]
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SRC = TOP / "src"
UNSAFE_ROOMS = {"libssl", "os", "ffi", "nets"}  # nets holds tests and two macros
CRATES = (SRC, TOP / "benches/src", TOP / "cli/src", TOP / "preload/src")

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
    ("credential",),
    ("chain",),
    ("revocation",),
    ("trust",),
    ("libssl",),
    ("host",),
    ("x509",),
    ("os",),
    ("policy",),
    ("error",),
    ("status", "codes", "role", "json", "moment", "last_digest"),
)
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}

# A file of a crate, as its modules are named.
Module = tuple[str, ...]


def module_of(root: Path, file: Path) -> Module:
    """`chain::rules` of chain/rules.rs; nothing for the root of the crate."""
    parts = file.relative_to(root).with_suffix("").parts
    if parts[-1] == "mod" or parts in (("lib",), ("main",)):
        parts = parts[:-1]
    return parts


def leaves(tree: str, before: Module = ()) -> list[Module]:
    """The paths of a use tree."""
    found: list[Module] = []
    depth, branch = 0, ""
    for letter in tree + ",":
        depth += (letter == "{") - (letter == "}")
        if letter != "," or depth > 0:
            branch += letter
            continue
        inner = re.match(r"((?:\w+::)*)\{(.*)\}$", branch.strip(), re.DOTALL)
        if inner:
            found += leaves(inner[2], (*before, *inner[1].split("::")[:-1]))
        elif branch.strip():
            found.append((*before, *branch.strip().split(" as ")[0].split("::")))
        branch = ""
    return found


def used(module: Module, text: str) -> list[Module]:
    """The paths within its own crate that a file names, outside of its tests."""
    code = re.sub(r"//.*|crate::nets::\w+!", "", text.partition("#[cfg(test)]\nmod tests {")[0])
    uses = re.compile(r"\buse ((?:crate|super|self)\b[^;]*);")
    named = [leaf for tree in uses.findall(code) for leaf in leaves(tree)]
    named += [tuple(path.split("::")) for path in re.findall(r"\b(?:crate|super)(?:::\w+)+", uses.sub("", code))]
    paths = []
    for name in named:
        above, path = module if name[0] != "crate" else (), name
        while path and path[0] in ("crate", "self", "super"):
            above = above[:-1] if path[0] == "super" else above
            path = path[1:]
        paths.append(above + path)
    return paths


def imports(root: Path) -> dict[Module, set[Module]]:
    """Which files each file of a crate uses."""
    files = {module_of(root, file): file for file in sorted(root.rglob("*.rs"))}
    graph: dict[Module, set[Module]] = {}
    for module, file in files.items():
        paths = used(module, file.read_text())
        targets = ({path[:end] for end in range(1, len(path) + 1)} & files.keys() for path in paths)
        graph[module] = {max(found, key=len) for found in targets if found} - {module}
    return graph


def circles(graph: dict[Module, set[Module]]) -> list[list[Module]]:
    """Files that use each other in a circle. What a part uses of the file that it is a part of does not count."""
    below = {file: {other for other in others if file[: len(other)] != other} for file, others in graph.items()}

    def reached(start: Module) -> set[Module]:
        seen: set[Module] = set()
        waiting = list(below[start])
        while waiting:
            file = waiting.pop()
            if file not in seen:
                seen.add(file)
                waiting += below[file]
        return seen

    reach = {file: reached(file) for file in below}
    rings = {frozenset(other for other in reach[file] if file in reach[other]) for file in below if file in reach[file]}
    return [sorted(ring) for ring in rings]


def arrows(graph: dict[Module, set[Module]]) -> dict[tuple[str, str], list[str]]:
    """From which room to which, and the files that do so."""
    drawn: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file, others in graph.items():
        for room in sorted({other[0] for other in others if file and other[0] != file[0]}):
            drawn[file[0], room].append("/".join(file))
    return drawn


def unsafe_files(root: Path) -> list[str]:
    """The files with unsafe code outside of its rooms."""
    code = re.compile(r"^[^/]*\bunsafe (?:\{|fn|impl|extern|trait)", re.MULTILINE)
    files = [file for file in sorted(root.rglob("*.rs")) if file.relative_to(root).parts[0] not in UNSAFE_ROOMS]
    texts = [(file, file.read_text().split("#[cfg(test)]\nmod tests")[0]) for file in files]
    return [str(file.relative_to(TOP)) for file, text in texts if code.search(text)]


def main(arguments: list[str]) -> int:
    """0 where every arrow goes down, no files are in a circle, and unsafe code is where it belongs."""
    graph = imports(SRC)
    unknown = sorted({file[0] for file in graph if file} - FLOOR.keys())
    if unknown:
        print(f"no floor is known for {', '.join(unknown)}", file=sys.stderr)
        return 1
    drawn = arrows(graph)
    if "--arrows" in arguments:
        for (room, other), files in sorted(drawn.items(), key=lambda arrow: FLOOR[arrow[0][0]]):
            print(f"{room} -> {other}: {' '.join(files)}")
    failures = [
        f"an arrow goes up, from {room} to {other}: {', '.join(files)}"
        for (room, other), files in sorted(drawn.items())
        if FLOOR[other] <= FLOOR[room]
    ]
    for root in CRATES:
        rings = circles(imports(root))
        names = [", ".join("/".join(file) for file in ring) for ring in rings]
        failures += [f"{root.relative_to(TOP)}: these files use each other in a circle: {ring}" for ring in names]
    failures += [f"{file}: unsafe code stands in libssl, os and ffi only" for file in unsafe_files(SRC)]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
