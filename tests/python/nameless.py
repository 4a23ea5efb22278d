"""A client of Python's ssl on a hardened context, which says what it was refused with: nameless.py PORT CA-FILE [NAME].

Without NAME it names no host. Python keeps no SSL of a handshake that failed: only the thread's last error is left.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import socket
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "examples"))

harden = importlib.import_module("harden")


def refusal(port: int, authority: str, name: str | None) -> str:
    """Python's own words for the refusal."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority)
    context.check_hostname = False
    harden.harden(context)
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            context.wrap_socket(connection, server_hostname=name)
    except ssl.SSLError as error:
        return str(error)
    raise AssertionError("nothing was refused")


def main() -> None:
    """Prints Python's words, and hostlock's error as JSON."""
    words = refusal(int(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    harden.lib.hostlock_error_json.restype = ctypes.c_char_p
    harden.lib.hostlock_error_json.argtypes = [ctypes.c_void_p]
    error = json.loads(harden.lib.hostlock_error_json(harden.lib.hostlock_last_error()))
    print(json.dumps({"python": words, "hostlock": error}))


if __name__ == "__main__":
    main()
