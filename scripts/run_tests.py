"""Runs every suite, goes on after a failure, and ends with one line of totals: N passed, N failed, N skipped.

usage: run_tests.py [--long] [SUITE ...]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITES = {
    "rust": ["cargo", "test", "--workspace", "--no-fail-fast"],
    "c": ["sh", "-c", "cargo build --quiet && c-tests/run"],
    "drop-in": ["sh", "-c", "cargo build --quiet && c-tests/dropin/run"],
    "textbook": ["sh", "-c", "cargo build --quiet && c-tests/textbook/run"],
    "python": [sys.executable, "-W", "error", "-m", "unittest", "discover", "-v", "-s", "tests/python"],
}
# These take minutes. Whether they ended well is the one claim of those that are no test runners.
LONG_SUITES = {
    "fuzz": ["sh", "-c", "fuzz/run && echo 'ok - every fuzz target ran for its time and found nothing'"],
    "rebuild": [sys.executable, "scripts/rebuild_test.py"],
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


def run(name: str, command: list[str]) -> Tally:
    """One suite: shows what it prints. Ending badly, or without a single test, is a failure of its own."""
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
    return tally


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
    for name in chosen:
        tally = run(name, suites[name])
        parts.append(f"{name}: {tally}")
        total += tally
    print("\n" + "\n".join(parts) if len(parts) > 1 else "")
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
