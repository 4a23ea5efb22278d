"""How large the first flight is where libssl knows ML-KEM (OpenSSL 3.5): the figures of docs/openssl-versions.md."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from pathlib import Path

from support import ROOT, run, scratch

# What an Ethernet carries of TCP in one packet, with time stamps.
ONE_PACKET = 1448
HOST = "right.example"

# Prints libcrypto's version, and the bytes of the hello with each list of groups.
CHILD = """
import ctypes, socket, sys
sys.path.insert(0, "tests/python")
from test_ctypes import load
lib = load()
libssl, libcrypto = (ctypes.CDLL(f"lib{name}.so.3") for name in ("ssl", "crypto"))
libssl.SSL_new.restype = libcrypto.OpenSSL_version.restype = ctypes.c_void_p
print(ctypes.string_at(libcrypto.OpenSSL_version(0)).decode())
SSL_CTRL_SET_GROUPS_LIST = 92
for groups in sys.argv[2:]:
    context = ctypes.c_void_p(lib.hostlock_client_new(None))
    if groups != "default":
        assert libssl.SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, ctypes.c_long(0), groups.encode()) == 1, groups
    ours, theirs = socket.socketpair()
    connection = ctypes.c_void_p(libssl.SSL_new(context))
    assert lib.hostlock_conn_set_host(connection, sys.argv[1].encode()) == 0
    libssl.SSL_set_fd(connection, ours.fileno())
    ours.setblocking(False)
    libssl.SSL_connect(connection)
    print(len(theirs.recv(65536)))
    libssl.SSL_free(connection)
    libssl.SSL_CTX_free(context)
"""


def hello_sizes(libraries: Path, *groups: str) -> tuple[str, list[int]]:
    """The version of the OpenSSL in `libraries`, and the size of a hello with each of `groups`."""
    path = f"{libraries}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    outcome = run([sys.executable, "-c", CHILD, HOST, *groups], LD_LIBRARY_PATH=path)
    assert outcome.returncode == 0, outcome.stderr
    version, *sizes = outcome.stdout.splitlines()
    return version, [int(size) for size in sizes]


class HelloSize(unittest.TestCase):
    def test_a_hello_with_two_key_shares_is_two_packets_and_the_way_out_is_one(self) -> None:
        outcome = subprocess.run(
            [sys.executable, "scripts/other_libssls.py"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        bundled = next((Path(line) for line in outcome.stdout.splitlines() if "/3.5/" in line), None)
        if bundled is None:
            self.skipTest(f"skipped: no OpenSSL 3.5: {outcome.stderr.strip()}")
        libraries = scratch() / "openssl-3.5"
        libraries.mkdir()
        for name in ("libssl", "libcrypto"):
            (libraries / f"{name}.so.3").symlink_to(next(bundled.parent.glob(f"{name}-*.so.3")))
        version, sizes = hello_sizes(libraries, "default", "X25519:P-256", "X25519MLKEM768")
        self.assertTrue(version.startswith("OpenSSL 3.5."), version)
        both, classical, hybrid = sizes
        self.assertGreater(both, ONE_PACKET)
        self.assertLess(classical, ONE_PACKET)
        self.assertLess(hybrid, ONE_PACKET)
        text = (ROOT / "docs" / "openssl-versions.md").read_text()
        for size in sizes:
            self.assertIn(f"{size:,} bytes", text, f"{version} sends {sizes}")


if __name__ == "__main__":
    unittest.main()
