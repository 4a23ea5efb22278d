"""PostgreSQL's clients do not go on in plain text where the seal refuses the server: `hostlock run` sets PGSSLMODE, and
says so, and can be told not to."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import threading
import unittest
from collections.abc import Iterator
from pathlib import Path

from sealing import impostor, new_log
from support import LONG_ENOUGH
from test_seal_command import hostlock

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@contextlib.contextmanager
def postgres(pem: Path) -> Iterator[tuple[int, list[bytes]]]:
    """The port of what speaks as much of PostgreSQL as an impostor needs, and what clients told it in plain text."""
    plain_text: list[bytes] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(pem))

    def serve(connection: socket.socket) -> None:
        connection.settimeout(LONG_ENOUGH)
        first = connection.recv(8, socket.MSG_WAITALL)
        if first == SSL_REQUEST:
            connection.sendall(b"S")
            with contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()
            return
        plain_text.append(first + connection.recv(4096))
        reason = b"SFATAL\0C28000\0Mimpostor\0\0"
        connection.sendall(b"E" + (len(reason) + 4).to_bytes(4, "big") + reason)

    def listen(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1], plain_text
        listener.shutdown(socket.SHUT_RDWR)


class Psql(unittest.TestCase):
    def run_psql(self, *options: str, **environment: str) -> tuple[str, list[bytes], int]:
        """What the summary says, what an impostor heard in plain text, and the status."""
        if shutil.which("psql") is None:
            self.skipTest("needs psql")
        with postgres(impostor()) as (port, plain_text):
            target = f"host=localhost port={port} user=somebody dbname=secrets connect_timeout=20"
            ran = hostlock("run", *options, "--", "psql", target, "-c", "select 1", **environment)
        return ran.stderr, plain_text, ran.returncode

    def test_it_does_not_go_on_in_plain_text(self) -> None:
        said, plain_text, status = self.run_psql()
        self.assertEqual((plain_text, status), ([], 2), said)
        self.assertIn("set: PGSSLMODE=require", said)
        self.assertIn("refused", said)

    def test_it_can_be_told_not_to_set_it(self) -> None:
        said, plain_text, _ = self.run_psql("--keep-pgsslmode")
        self.assertEqual(b"".join(plain_text), b"", said)
        self.assertIn("stopped", said)
        self.assertNotIn("PGSSLMODE", said)

    def test_what_is_set_already_stays_and_a_report_sets_nothing(self) -> None:
        for mode, more, expected in (
            ("--enforce", {"PGSSLMODE": "verify-full"}, "verify-full\n"),
            ("--enforce", {"PGSSLMODE": "disable"}, "disable\n"),
            ("--enforce", {}, "require\n"),
            ("--report", {}, "unset\n"),
        ):
            ran = hostlock("run", mode, "--", "sh", "-c", "echo ${PGSSLMODE-unset}", **more)
            self.assertEqual(ran.stdout, expected, ran)

    def test_a_program_without_libpq_is_not_told_of_postgresql(self) -> None:
        ran = hostlock("run", "--", "sh", "-c", "echo $PGSSLMODE")
        self.assertEqual(ran.stdout, "require\n")
        self.assertNotIn("PGSSLMODE", ran.stderr)

    def test_the_summary_in_json_says_what_was_set(self) -> None:
        summary = new_log()
        hostlock("run", "--json", "--output", summary, "--", "true")
        self.assertEqual(json.loads(summary.read_text())["environment"], {"PGSSLMODE": "require"})


if __name__ == "__main__":
    unittest.main()
