"""What else is in the process that `inject` seals: another copy of libhostlock, libpq with its way back into plain
text, and wheels with an OpenSSL of their own."""

from __future__ import annotations

import json
import os
import shutil
import unittest

from package import SOURCE, cast, interpreters, python
from sealing import environment, events, new_log
from support import Server, library, run, scratch

REACH = """
import hostlock, socket, ssl, sys
hostlock.inject()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
try:
    context.wrap_socket(socket.create_connection(("localhost", int(sys.argv[1]))))
    print("ok")
except ssl.SSLError as error:
    print(error.hostlock.status)
"""


class Copies(unittest.TestCase):
    def test_under_hostlock_run_the_package_takes_the_library_that_is_there(self) -> None:
        """A wheel brings a copy of its own; two seals in one process called each other without an end."""
        place = scratch() / "with a library"
        shutil.copytree(SOURCE / "hostlock", place / "hostlock", ignore=shutil.ignore_patterns("*.so*"))
        shutil.copy(library(), place / "hostlock/libhostlock.so.0")
        for certificate, said in ((cast().right, "ok"), (cast().false["HOST_MISMATCH"], "HOSTLOCK_E_HOST_MISMATCH")):
            with self.subTest(said=said), Server(certificate) as port:
                log = new_log()
                world = environment(log, PYTHONPATH=str(place), SSL_CERT_FILE=str(cast().roots))
                world.pop("HOSTLOCK_LIBRARY", None)
                ran = run([interpreters()["3.11"], "-c", REACH, str(port)], **world)
                self.assertEqual((ran.returncode, ran.stdout.strip()), (0, said), ran.stderr)
                self.assertEqual(len([e for e in events(log) if e["event"] in ("connected", "refused")]), 1)

    def test_a_second_copy_that_was_named_is_an_error(self) -> None:
        second = scratch() / "second.so"
        shutil.copy(library(), second)
        world = environment(new_log(), PYTHONPATH=str(SOURCE), HOSTLOCK_LIBRARY=str(second))
        ran = run([interpreters()["3.11"], "-c", "import hostlock"], **world)
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("ImportError: hostlock: another copy of libhostlock.so.0 is in this process already", ran.stderr)


class Plain(unittest.TestCase):
    def test_libpq_is_told_not_to_go_on_in_plain_text(self) -> None:
        shows = "; import os; print(os.environ.get('PGSSLMODE'))"
        unset = {name: value for name, value in os.environ.items() if name != "PGSSLMODE"}
        for script, more, said in (
            ("import hostlock; hostlock.inject()", {}, "require"),
            ("import hostlock; hostlock.inject()", {"PGSSLMODE": "prefer"}, "prefer"),
            ("import hostlock; hostlock.inject(report_only='to see')", {}, "None"),
        ):
            for version in interpreters():
                with self.subTest(script=script, version=version):
                    ran = python(version, script + shows, **{**unset, **more})
                    self.assertEqual(ran.stdout.strip(), said, ran.stderr)


class Wheels(unittest.TestCase):
    def test_a_wheel_with_an_openssl_of_its_own_is_warned_of(self) -> None:
        place = scratch() / "wheels"
        place.mkdir()
        where = "import _ssl; print(next(line.split()[-1] for line in open('/proc/self/maps') if '/libssl.so' in line))"
        original = run([interpreters()["3.11"], "-c", where]).stdout.strip()
        copy = place / "libssl-8bd944e8.so.3"
        shutil.copy(original, copy)
        (place / "pycurl.py").write_text(f"import ctypes\nctypes.CDLL({str(copy)!r})\n")
        (place / "psycopg2").mkdir()
        (place / "psycopg2/__init__.py").touch()
        (place / "psycopg2/_psycopg.py").touch()
        script = (
            "import hostlock, json, warnings\nhostlock.inject()\n"
            "with warnings.catch_warnings(record=True) as seen:\n"
            "    warnings.simplefilter('always')\n    import psycopg2._psycopg\n    import pycurl\n"
            "print(json.dumps([[w.category.__name__, str(w.message)] for w in seen]))"
        )
        for version in (version for version in interpreters() if version != "2.7"):
            with self.subTest(version=version):
                ran = python(version, script, PYTHONPATH=f"{place}{os.pathsep}{SOURCE}")
                self.assertEqual(ran.returncode, 0, ran.stderr)
                [[kind, words]] = json.loads(ran.stdout)
                self.assertEqual(kind, "RuntimeWarning")
                self.assertTrue(words.startswith("pycurl has an OpenSSL of its own (libssl-8bd944e8.so.3)"), words)


if __name__ == "__main__":
    unittest.main()
