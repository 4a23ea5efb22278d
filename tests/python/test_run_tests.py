"""The totals that `make test` ends with are the sum of what the suites reported."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys
import threading
import time
import unittest

from support import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from run_tests import Suite, Tally, count, drive, repeat, spell


class Totals(unittest.TestCase):
    def test_cargo_tap_and_unittest_lines_are_added_up(self) -> None:
        report = """\
test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
1..3
ok 1 - the right host connects
ok 2 - under another interpreter # SKIP not installed
not ok 3 - an impostor is refused
Ran 9 tests in 0.1s
FAILED (failures=1, errors=2, skipped=1)
Ran 1 test in 0.1s
OK"""
        self.assertEqual(count(report.splitlines()), Tally(passed=14, failed=5, skipped=3))
        self.assertEqual(str(count(report.splitlines())), "14 passed, 5 failed, 3 skipped")

    def test_each_failure_comes_with_the_command_that_repeats_it_alone(self) -> None:
        report = """\
     Running unittests src/lib.rs (target/debug/deps/hostlock-0123)
test chain::rules::tests::a_rule ... FAILED
test chain::rules::tests::another ... ok
     Running tests/audit/main.rs (target/debug/deps/audit-0123)
test contexts::a_weak_one ... FAILED
   Doc-tests hostlock
test src/door/mod.rs - door (line 3) ... FAILED
# hosts on a hardened context of TLS_method()
# a note in between
ok 1 - the right host connects
not ok 2 - an impostor is refused
FAIL: test_a_thing (test_seal_words.Words.test_a_thing)
Traceback (most recent call last):
"""
        self.assertEqual(
            repeat(report.splitlines()),
            [
                "cargo test --workspace --lib chain::rules::tests::a_rule",
                "cargo test --workspace --test audit contexts::a_weak_one",
                "cargo test --workspace --doc src/door/mod.rs",
                "cargo build && c-tests/run hosts",
                "cd tests/python && python3 -m unittest -v test_seal_words.Words.test_a_thing",
            ],
        )

    def test_times_are_spelt_in_minutes_and_seconds(self) -> None:
        self.assertEqual(
            [spell(seconds) for seconds in (0.4, 59.6, 61, 754)], ["0 s", "1 min 00 s", "1 min 01 s", "12 min 34 s"]
        )

    def test_what_suites_print_side_by_side_does_not_mix(self) -> None:
        said = "for number in 1 2 3; do echo ok $number - {}; sleep 0.2; done"
        suites = [Suite(name, ["sh", "-c", said.format(name)]) for name in ("slow", "quick", "last")]
        lanes = [
            threading.Thread(target=drive, args=[[suite.run for suite in lane]]) for lane in (suites[::2], suites[1:2])
        ]
        begun = time.monotonic()
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            for lane in lanes:
                lane.start()
            for suite in suites:
                suite.show()
        self.assertLess(time.monotonic() - begun, sum(suite.seconds for suite in suites))
        lines = [line for line in shown.getvalue().splitlines() if line.startswith("ok")]
        self.assertEqual(lines, [f"ok {n} - {name}" for name in ("slow", "quick", "last") for n in (1, 2, 3)])
        self.assertEqual([str(suite.tally) for suite in suites], ["3 passed, 0 failed"] * 3)

    def test_a_suite_that_cannot_begin_is_a_failure_and_holds_up_nobody(self) -> None:
        suite = Suite("gone", ["./no-such-program"])
        suite.run()
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            suite.show()
        self.assertIn("the gone suite ended with status 127", shown.getvalue())
        self.assertEqual(suite.tally.failed, 1)
        self.assertEqual(suite.again, ["python3 scripts/run_tests.py gone"])

    def test_a_suite_that_was_started_in_the_background_hears_signals(self) -> None:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        suite = Suite("deaf", ["sh", "-c", "kill -INT $$; echo ok 1 - it went on"])
        suite.run()
        self.assertEqual((suite.tally.passed, suite.tally.failed), (0, 1))

    def test_a_suite_says_what_it_took_of_the_clock_and_of_the_processors(self) -> None:
        suite = Suite("busy", ["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; echo ok 1 - counted"])
        suite.run()
        self.assertGreater(suite.processor, 0)
        self.assertRegex(str(suite), r"^busy: 1 passed, 0 failed, in \d+ s \(\d+ s of processor time\)$")

    def test_an_unknown_suite_is_refused(self) -> None:
        outcome = subprocess.run(
            [sys.executable, ROOT / "scripts/run_tests.py", "nonsense"], capture_output=True, text=True, check=False
        )
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("the suites are rust, c, ", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
