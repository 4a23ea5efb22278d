"""A capture of hostlock's connections is read by tshark and by ssldump with the key log, and not without."""

from __future__ import annotations

import contextlib
import ctypes
import select
import shutil
import signal
import subprocess
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

from support import LONG_ENOUGH, Authority, Server, library, run, scratch

POINTER = ctypes.c_void_p
REQUEST = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"


@contextlib.contextmanager
def capturing(port: int, to: Path) -> Iterator[None]:
    """What passes on the loopback interface at this port."""
    command = ["tshark", "-i", "lo", "-f", f"tcp port {port}", "-w", str(to)]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as tshark:
        assert tshark.stderr is not None
        said = b""
        try:
            while b"Capturing on" not in said:
                if not select.select([tshark.stderr], [], [], LONG_ENOUGH)[0]:
                    break
                line = tshark.stderr.readline()
                if not line:
                    raise unittest.SkipTest(f"nothing can be captured here: {said.decode(errors='replace')}")
                said += line
            # It says so a little before it does.
            time.sleep(1)
            yield
            time.sleep(1)
        finally:
            tshark.send_signal(signal.SIGINT)
            tshark.wait(LONG_ENOUGH)


def talk(authority: Authority, port: int, keys: Path) -> bytes:
    lib = ctypes.CDLL(str(library()))
    lib.hostlock_client_new.restype = POINTER
    for name in ("hostlock_read", "hostlock_write_all"):
        getattr(lib, name).restype = ctypes.c_ssize_t
        getattr(lib, name).argtypes = [POINTER, ctypes.c_char_p, ctypes.c_size_t]
    ctx = POINTER(lib.hostlock_client_new(None))
    assert lib.hostlock_ctx_trust_file(ctx, str(authority.certificate).encode()) == 0
    assert lib.hostlock_insecure_keylog_file(ctx, str(keys).encode(), b"to read a capture") == 0
    connection = POINTER()
    assert lib.hostlock_connect(ctx, b"localhost", port, ctypes.byref(connection)) == 0
    assert lib.hostlock_write_all(connection, REQUEST, len(REQUEST)) == len(REQUEST)
    room, page = ctypes.create_string_buffer(16384), b""
    while (got := lib.hostlock_read(connection, room, 16384)) > 0:
        page += room.raw[:got]
    lib.hostlock_conn_free(connection)
    lib.hostlock_ctx_free(ctx)
    return page


class Capture(unittest.TestCase):
    def read(self, version: str) -> tuple[Path, Path, int]:
        if shutil.which("tshark") is None:
            self.skipTest("tshark is not installed")
        authority = Authority(f"Capture CA {version}")
        capture, keys = scratch() / f"{version}.pcapng", scratch() / f"{version}.keys"
        with Server(authority.issue("localhost"), f"-{version}") as port:
            with capturing(port, capture):
                page = talk(authority, port, keys)
            self.assertIn(b"</HTML>", page)
            command = ["tshark", "-r", str(capture), "-d", f"tcp.port=={port},tls", "-Y", "http"]
            shown = ["-T", "fields", "-e", "http.request.full_uri", "-e", "http.file_data"]
            with_keys = run([*command, "-o", f"tls.keylog_file:{keys}", *shown]).stdout
            self.assertIn("http://localhost/", with_keys.replace("https:", "http:"))
            self.assertEqual(run([*command, *shown]).stdout, "", "without the keys nothing is seen")
        return capture, keys, port

    def test_tshark_reads_tls_1_3(self) -> None:
        self.read("tls1_3")

    def test_tshark_and_ssldump_read_tls_1_2(self) -> None:
        capture, keys, _ = self.read("tls1_2")
        ssldump = shutil.which("ssldump", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
        if ssldump is None:
            self.skipTest("ssldump is not installed")
        plain = scratch() / "plain.pcap"
        run(["tshark", "-r", str(capture), "-F", "pcap", "-w", str(plain)])
        said = run([ssldump, "-d", "-r", plain, "-l", keys]).stdout
        self.assertIn("GET / HTTP/1.0", said)


if __name__ == "__main__":
    unittest.main()
