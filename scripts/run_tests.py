"""Runs every suite, goes on after a failure, says how each went and how long it took, and how to repeat each failure
alone, and ends with one line of totals: N passed, N failed, N skipped.

usage: run_tests.py [--long] [SUITE ...]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITES = {
    "rust": ["cargo", "test", "--workspace", "--no-fail-fast"],
    "c": ["sh", "-c", "cargo build --quiet && c-tests/run"],
    "drop-in": ["sh", "-c", "cargo build --quiet && c-tests/dropin/run"],
    "textbook": ["sh", "-c", "cargo build --quiet && c-tests/textbook/run"],
    "python": [sys.executable, "scripts/python_tests.py", "tests/python"],
}
# These take minutes. Whether they ended well is the one claim of those that are no test runners.
LONG_SUITES = {
    "fuzz": ["sh", "-c", "fuzz/run && echo 'ok - every fuzz target ran for its time and found nothing'"],
    "judges-tls": ["sh", "-c", "cargo build --quiet && python3 scripts/judges_tls.py"],
    "rebuild": [sys.executable, "scripts/rebuild_test.py"],
    "deb": ["sh", "-c", "scripts/deb && scripts/deb-test"],
    "private-rust": ["scripts/private", "test", "--no-fail-fast"],
    "private-python": [sys.executable, "-W", "error", "-m", "unittest", "discover", "-v", "-s", "tests/private"],
}


@dataclass
class Tally:
    """How many tests passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def count(lines: Iterable[str]) -> Tally:
    """Adds up what cargo, TAP and unittest report."""
    tally = Tally()
    ran = 0
    for line in lines:
        if cargo := re.match(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", line):
            tally += Tally(*map(int, cargo.groups()))
        elif re.match(r"ok\b.*# *skip", line, re.IGNORECASE):
            tally.skipped += 1
        elif re.match(r"ok\b", line):
            tally.passed += 1
        elif re.match(r"not ok\b", line):
            tally.failed += 1
        elif unittest := re.match(r"Ran (\d+) tests? in", line):
            ran = int(unittest[1])
        elif ran and re.match(r"(OK|FAILED)\b", line):
            facts = {name: int(number) for name, number in re.findall(r"(failures|errors|skipped)=(\d+)", line)}
            failed, skipped = facts.get("failures", 0) + facts.get("errors", 0), facts.get("skipped", 0)
            tally += Tally(max(ran - failed - skipped, 0), failed, skipped)
            ran = 0
    return tally


def repeat(lines: Iterable[str]) -> list[str]:
    """For each failed test that cargo, TAP or unittest reported: the command that runs it alone."""
    found: dict[str, None] = {}
    binary = program = ""
    for line in lines:
        if running := re.match(r" +Running (?:unittests )?(\S+)\.rs \(", line):
            path = running[1].removesuffix("/main")
            kinds = {"src/lib": "--lib", "src": "--bins"}
            binary = kinds.get(path, f"--test {path.rsplit('/', 1)[-1]}")
        elif line.startswith("   Doc-tests"):
            binary = "--doc"
        elif test := re.match(r"test (\S+)(?: - .*)? \.\.\. FAILED", line):
            found[f"cargo test --workspace {binary} {test[1]}"] = None
        elif (heading := re.match(r"# (\w+)\b", line)) and (ROOT / "c-tests" / f"{heading[1]}.c").exists():
            program = heading[1]
        elif re.match(r"not ok\b", line) and program:
            found[f"cargo build && c-tests/run {program}"] = None
        elif test := re.match(r"(?:FAIL|ERROR): \w+ \((test_[\w.]+)\)", line):
            found[f"cd tests/python && python3 -m unittest -v {test[1]}"] = None
    return list(found)


def spell(seconds: float) -> str:
    """A length of time as one reads it."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def run(name: str, command: list[str]) -> tuple[Tally, list[str]]:
    """One suite: shows what it prints. Ending badly, or without a single test, is a failure of its own. With the tally
    come the commands that repeat what failed."""
    print(f"\n== {name}: {' '.join(command)}", flush=True)
    lines: list[str] = []
    try:
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line)
        ended = process.returncode
    except OSError as error:
        print(error)
        ended = 127
    tally = count(lines)
    if tally.failed == 0 and (ended != 0 or tally.passed == 0):
        print(f"the {name} suite ended with status {ended} after {tally.passed} tests")
        tally.failed = 1
    return tally, repeat(lines) if tally.failed else []


def main(arguments: list[str]) -> int:
    """Runs the suites named in `arguments`, or all; 0 when nothing failed."""
    os.environ["HOSTLOCK_LIB_DIR"] = str(ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug")
    suites = {name: list(command) for name, command in {**SUITES, **LONG_SUITES}.items()}
    usual = list(SUITES)
    if "--long" in arguments:
        os.environ["HOSTLOCK_LONG"] = "1"
        suites["rust"] += ["--", "--include-ignored"]
        usual = list(suites)
    chosen = [name for name in arguments if name != "--long"] or usual
    if unknown := [name for name in chosen if name not in suites]:
        print(f"unknown suite {unknown[0]!r}: the suites are {', '.join(suites)}", file=sys.stderr)
        return 2
    total = Tally()
    parts = []
    commands = []
    begun = time.monotonic()
    for name in chosen:
        before = time.monotonic()
        tally, again = run(name, suites[name])
        parts.append(f"{name}: {tally}, in {spell(time.monotonic() - before)}")
        print(f"\n{parts[-1]}", flush=True)
        total += tally
        commands += again
    if commands:
        print("\nto repeat what failed:\n    " + "\n    ".join(commands))
    print("\n" + "\n".join([*parts, f"in all {spell(time.monotonic() - begun)}"]) if len(parts) > 1 else "")
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
