"""The totals that `make test` ends with are the sum of what the suites reported."""

from __future__ import annotations

import subprocess
import sys
import unittest

from support import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from run_tests import Tally, count, repeat, spell


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

    def test_an_unknown_suite_is_refused(self) -> None:
        outcome = subprocess.run(
            [sys.executable, ROOT / "scripts/run_tests.py", "nonsense"], capture_output=True, text=True, check=False
        )
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("the suites are rust, c, ", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
