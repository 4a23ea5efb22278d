"""Runs every suite, goes on after a failure, says how each went and how long it took, and how to repeat each failure
alone, and ends with one line of totals: N passed, N failed, N skipped.

Suites wait much, for their peers and for the linker: so they run in two lanes, side by side, and all test one build.
What they print does not mix: the first that has not ended is shown as it goes, the others when it is their turn.

usage: run_tests.py [--long] [SUITE ...]
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
SUITES = {
    "rust": ["cargo", "test", "--workspace", "--no-fail-fast"],
    "c": ["c-tests/run"],
    "drop-in": ["c-tests/dropin/run"],
    "textbook": ["c-tests/textbook/run"],
    "python": [sys.executable, "scripts/python_tests.py", "tests/python"],
}
# In the second lane, behind the build of what `make install` installs, which Python's tests need.
BESIDE = ("python", "drop-in", "textbook")
# As the tests in Rust need the library. One that is closed would be compiled for the others alone.
BUILD = ["cargo", "build", "--features", "hostlock/internals"]
# Who starts this in the background has a shell ignore signals, which is inherited, and tests send them.
UNDISTURBED = ["env", "--default-signal=HUP,INT,QUIT"]
# These take minutes, and run one after the other in the end. Of those that are no test runners, whether they ended well
# is the one claim.
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


class Suite:
    """One suite: what it printed, how it went, the commands that repeat what failed, and how long it took: by the
    clock, and of the processors' time, which says more on a machine that is busy."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name, self.command = name, command
        self.printed: queue.Queue[str | None] = queue.Queue()
        self.tally, self.again, self.seconds, self.processor = Tally(), list[str](), 0.0, 0.0

    def run(self) -> None:
        """Runs it to its end. Ending badly, or without a single test, is a failure of its own."""
        begun = time.monotonic()
        lines: list[str] = []
        try:
            process = subprocess.Popen(
                [*UNDISTURBED, *self.command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    self.printed.put(line)
                    lines.append(line)
            _, status, usage = os.wait4(process.pid, 0)
            ended = process.returncode = os.waitstatus_to_exitcode(status)
            self.processor = usage.ru_utime + usage.ru_stime
        except OSError as error:
            self.printed.put(f"{error}\n")
            ended = 127
        self.tally = count(lines)
        if self.tally.failed == 0 and (ended != 0 or self.tally.passed == 0):
            words = f"the {self.name} suite ended with status {ended} after {self.tally.passed} tests\n"
            self.printed.put(words)
            self.tally.failed = 1
        if self.tally.failed:
            self.again = repeat(lines) or [f"python3 scripts/run_tests.py {self.name}"]
        self.seconds = time.monotonic() - begun
        self.printed.put(None)

    def show(self) -> None:
        """Prints what it prints, until it has ended."""
        print(f"\n== {self.name}: {' '.join(self.command)}", flush=True)
        while (line := self.printed.get()) is not None:
            print(line, end="", flush=True)
        print(f"\n{self}", flush=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.tally}, in {spell(self.seconds)} ({self.processor:.0f} s of processor time)"


def built() -> Path | None:
    """The directory of a build of the library that stays as it is, whatever cargo builds meanwhile."""
    if subprocess.run(BUILD, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        return None
    place = TARGET / "under-test"
    place.mkdir(exist_ok=True)
    for name in ("libhostlock.so", "libhostlock_preload.so", "hostlock"):
        # A new file each time: what runs may have the old one open.
        shutil.copy2(TARGET / "debug" / name, place / f"{name}.new")
        (place / f"{name}.new").replace(place / name)
    return place


def release() -> None:
    """Builds what `make install` installs. Where it fails, Python's tests will say so."""
    command = ["make", "--no-print-directory", "release"]
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def main(arguments: list[str]) -> int:
    """Runs the suites named in `arguments`, or all; 0 when nothing failed."""
    commands = {name: list(command) for name, command in {**SUITES, **LONG_SUITES}.items()}
    usual = list(SUITES)
    if "--long" in arguments:
        os.environ["HOSTLOCK_LONG"] = "1"
        commands["rust"] += ["--", "--include-ignored"]
        usual = list(commands)
    chosen = [name for name in arguments if name != "--long"] or usual
    if unknown := [name for name in chosen if name not in commands]:
        print(f"unknown suite {unknown[0]!r}: the suites are {', '.join(commands)}", file=sys.stderr)
        return 2
    begun = time.monotonic()
    print(f"building, then: {', '.join(chosen)}", flush=True)
    if (place := built()) is None:
        print("the library does not build\n0 passed, 1 failed")
        return 1
    os.environ["HOSTLOCK_LIB_DIR"] = str(place)
    print(f"built in {spell(time.monotonic() - begun)}", flush=True)

    suites = [Suite(name, commands[name]) for name in chosen]
    first: list[Callable[[], None]] = [
        suite.run for suite in suites if suite.name in SUITES and suite.name not in BESIDE
    ]
    beside: list[Callable[[], None]] = [suite.run for suite in suites if suite.name in BESIDE]
    if "python" in chosen:
        beside.insert(0, release)
    lanes = [threading.Thread(target=drive, args=[lane], daemon=True) for lane in (first, beside)]
    last = threading.Thread(
        target=drive, args=[[suite.run for suite in suites if suite.name in LONG_SUITES], lanes], daemon=True
    )
    for lane in [*lanes, last]:
        lane.start()
    for suite in suites:
        suite.show()

    total = sum((suite.tally for suite in suites), Tally())
    if again := [command for suite in suites for command in suite.again]:
        print("\nto repeat what failed:\n    " + "\n    ".join(again))
    parts = [str(suite) for suite in suites]
    spent = sum(os.times()[:4])
    parts.append(f"in all {spell(time.monotonic() - begun)} ({spent:.0f} s of processor time)")
    print("\n" + "\n".join(parts) if len(suites) > 1 else "")
    print(total)
    return 1 if total.failed else 0


def drive(lane: Iterable[Callable[[], None]], after: Iterable[threading.Thread] = ()) -> None:
    """Does what stands in a lane, one after the other, when those before it have ended."""
    for other in after:
        other.join()
    for step in lane:
        step()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
