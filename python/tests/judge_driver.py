"""Runs one suite of somebody else's (scripts/judges.py), each test under a limit of time, and prints one line of JSON:
for each test "ok", "skipped", or what went wrong. By every Python from 3.8 on.

usage: judge_driver.py plainly|waived|policy unittest MODULE ...
       judge_driver.py plainly|waived|policy pytest ARGUMENT ..."""

import contextlib
import faulthandler
import json
import os
import re
import signal
import sys
import traceback
import unittest

HOW, KIND, ARGUMENTS = sys.argv[1], sys.argv[2], sys.argv[3:]
LIMIT = 20
OUTCOMES = {}
# A test may close or replace what is written to.
ANSWER = os.fdopen(os.dup(1), "w")

if HOW != "plainly":
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import hostlock

        hostlock.inject(report_only="a judge looks at the path of the data" if HOW == "waived" else None)
        # What is said at its import would be an error to suites that take warnings for errors.
        with contextlib.suppress(ImportError):
            import OpenSSL.SSL  # noqa: F401


class TooLong(BaseException):
    """The limit of a test."""


def too_long(number, frame):
    raise TooLong("longer than its limit")


def begin():
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    # What no exception ends.
    faulthandler.dump_traceback_later(LIMIT * 3, exit=True)


def end():
    signal.alarm(0)
    faulthandler.cancel_dump_traceback_later()


def words_of(error):
    """The status of hostlock's refusal where there is one, else the exception in a line."""
    seen, words = error, None
    while seen is not None and words is None:
        facts = getattr(seen, "hostlock", None)
        words = facts.status if facts is not None and hasattr(facts, "status") else None
        seen = seen.__cause__ or seen.__context__
    line = "".join(traceback.format_exception_only(type(error), error)).strip().splitlines()
    return words or re.sub(r"0x[0-9a-f]+|\d{4,}", "N", line[0] if line else "")[:200]


class Result(unittest.TestResult):
    def startTest(self, test):  # noqa: N802
        super().startTest(test)
        begin()

    def stopTest(self, test):  # noqa: N802
        end()
        super().stopTest(test)

    def note(self, test, words):
        OUTCOMES.setdefault(re.sub(r" \(.*", "", test.id()), words)

    def addSuccess(self, test):  # noqa: N802
        self.note(test, "ok")

    def addSkip(self, test, reason):  # noqa: N802
        self.note(test, "skipped")

    def addError(self, test, error):  # noqa: N802
        OUTCOMES[re.sub(r" \(.*", "", test.id())] = words_of(error[1])
        print("=" * 30, test.id(), file=sys.stderr)
        traceback.print_exception(*error)

    addFailure = addError  # noqa: N815

    def addExpectedFailure(self, test, error):  # noqa: N802
        self.note(test, "ok")

    def addUnexpectedSuccess(self, test):  # noqa: N802
        self.note(test, "ok")

    def addSubTest(self, test, subtest, error):  # noqa: N802
        if error is not None:
            self.addError(test, error)


def by_unittest():
    loader = unittest.TestLoader()
    for name in ARGUMENTS:
        module = __import__(name, fromlist=["x"])
        suite = module.suite() if hasattr(module, "suite") else loader.loadTestsFromModule(module)
        suite.run(Result())


def by_pytest():
    import pytest

    class Plugin:
        """Notes what became of each test."""

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(self, item):
            begin()

        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(self, item, call):
            outcome = yield
            if call.excinfo is not None:
                outcome.get_result().words = words_of(call.excinfo.value)

        def pytest_runtest_logreport(self, report):
            if report.when == "teardown":
                end()
            if (report.when == "call" or report.outcome != "passed") and OUTCOMES.get(report.nodeid) in (None, "ok"):
                words = {"passed": "ok", "skipped": "skipped"}
                OUTCOMES[report.nodeid] = words.get(report.outcome) or getattr(report, "words", "failed")

    sys.stdout = sys.stderr
    # Python 3.11 fails now and then where pytest parses a test's source for its own kind of traceback (gh-106905).
    pytest.main(["-q", "--tb=native", "-p", "no:cacheprovider", *ARGUMENTS], plugins=[Plugin()])


try:
    (by_unittest if KIND == "unittest" else by_pytest)()
finally:
    print(json.dumps(OUTCOMES), file=ANSWER)
    ANSWER.flush()
    os._exit(0)
