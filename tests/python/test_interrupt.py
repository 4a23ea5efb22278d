"""Ctrl-C ends a call that waits at once, in a program of plain ctypes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import unittest

from support import LONG_ENOUGH, library

PROGRAM = """
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
lib.hostlock_client_new.restype = ctypes.c_void_p
ctx = ctypes.c_void_p(lib.hostlock_client_new(None))
if sys.argv[3] == "told":
    assert lib.hostlock_ctx_set_on_interrupt(ctx, None, None) == 0
assert lib.hostlock_ctx_set_timeout(ctx, int(sys.argv[4])) == 0
connection = ctypes.c_void_p()
print("waits", flush=True)
try:
    status = lib.hostlock_connect(ctx, b"127.0.0.1", int(sys.argv[2]), ctypes.byref(connection))
    print(status, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


class Interrupt(unittest.TestCase):
    def take(self, told: bool, timeout: int) -> float:
        """How long the program, whose timeout is in milliseconds, takes to end after Ctrl-C: the server is silent."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = str(silent.getsockname()[1])
            command = [sys.executable, "-c", PROGRAM, str(library()), port, "told" if told else "not", str(timeout)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
                assert program.stdout is not None
                self.assertEqual(program.stdout.readline(), "waits\n")
                silent.settimeout(LONG_ENOUGH)
                self.addCleanup(silent.accept()[0].close)
                time.sleep(0.5)
                began = time.monotonic()
                program.send_signal(signal.SIGINT)
                said = program.stdout.read()
                took = time.monotonic() - began
        self.assertTrue(said.endswith("interrupted\n") or said == "-62\n", said)
        return took

    def test_it_ends_the_call_where_the_context_was_told_and_not_before_its_time_otherwise(self) -> None:
        self.assertLess(self.take(told=True, timeout=30000), 15)
        self.assertGreater(self.take(told=False, timeout=4000), 1.5)
