"""What a program under hostlock.inject() starts by `multiprocessing` verifies as the program does, whichever way it is
started."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from package import SOURCE, cast, foreign, interpreters, python
from support import Server

PROGRAM = """
import multiprocessing, socket, ssl, sys, warnings

def outcome(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost").close()
        return "ok"
    except ssl.SSLError as error:
        return error.hostlock.status

# Also what is met by a child that imports this module once more.
AT_IMPORT = outcome(int(sys.argv[2]))

def both(port):
    return [AT_IMPORT, outcome(port)]

if __name__ == "__main__":
    %s
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(*pool.apply(both, (int(sys.argv[2]),)))
"""
INJECT = "import hostlock; hostlock.inject(%s)"


class Children(unittest.TestCase):
    def said(self, version: str, program: str, way: str, port: int, *, by: str = "", **environment: str) -> str:
        with tempfile.TemporaryDirectory() as home:
            file = Path(home) / "program.py"
            file.write_text(program)
            arguments = [str(file), way, str(port)]
            start = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_module('hostlock', run_name='__main__')"
            ran = (
                python(version, start, "hostlock", by, *arguments, SSL_CERT_FILE=str(cast().roots), **environment)
                if by
                else python(version, file, *arguments[1:], SSL_CERT_FILE=str(cast().roots), **environment)
            )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.strip()

    def each(self, expected: str, pem: Path, call: str, ways: tuple[str, ...], by: str = "") -> None:
        with Server(pem) as port:
            for version in sorted(set(interpreters()) - {"2.7"}):
                for way in ways:
                    with self.subTest(version=version, way=way):
                        self.assertEqual(self.said(version, PROGRAM % call, way, port, by=by), expected)

    def test_without_hostlock_a_child_believes_the_impostor(self) -> None:
        self.each("ok ok", cast().false["HOST_MISMATCH"], "pass", ("spawn", "forkserver"))

    def test_a_child_that_is_started_anew_refuses_the_impostor_from_its_first_import_on(self) -> None:
        twice = "HOSTLOCK_E_HOST_MISMATCH HOSTLOCK_E_HOST_MISMATCH"
        self.each(twice, cast().false["HOST_MISMATCH"], INJECT % "", ("spawn", "forkserver"))
        self.each(twice, cast().false["HOST_MISMATCH"], "pass", ("spawn", "forkserver"), by="run")

    def test_a_child_reaches_the_right_host(self) -> None:
        self.each("ok ok", cast().right, INJECT % "", ("fork", "spawn", "forkserver"))

    def test_a_child_keeps_the_exceptions_and_the_mode_of_its_parent(self) -> None:
        for call in ("allow=[('host:localhost', 'a device of ours')]", "report_only='to see what would break'"):
            with self.subTest(call=call):
                self.each("ok ok", cast().false["HOST_MISMATCH"], INJECT % call, ("spawn", "forkserver"))

    def test_a_child_of_an_interpreter_with_its_own_openssl_refuses_too(self) -> None:
        with Server(cast().false["HOST_MISMATCH"]) as port:
            said = self.said("3.11", PROGRAM % (INJECT % ""), "spawn", port, **foreign("3.11"))
        self.assertEqual(said, "HOSTLOCK_E_HOST_MISMATCH HOSTLOCK_E_HOST_MISMATCH")

    def test_a_child_needs_no_way_to_the_package_of_its_own(self) -> None:
        """The program put the package's directory into `sys.path` by itself."""
        program = PROGRAM % ("sys.path.insert(0, sys.argv[3]); " + INJECT % "")
        with Server(cast().false["HOST_MISMATCH"]) as port, tempfile.TemporaryDirectory() as home:
            file = Path(home) / "program.py"
            file.write_text(program)
            roots = str(cast().roots)
            for way in ("spawn", "forkserver"):
                ran = python("3.13", file, way, str(port), str(SOURCE), SSL_CERT_FILE=roots, PYTHONPATH="")
                self.assertEqual(ran.stdout.split(), ["HOSTLOCK_E_HOST_MISMATCH"] * 2, ran.stderr)


if __name__ == "__main__":
    unittest.main()
