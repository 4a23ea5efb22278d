"""Fetches a page over TLS with hostlock: client.py HOST [PORT [CA-FILE]]. Plain ctypes; Python 2.7 and 3."""

from __future__ import print_function

import ctypes
import os
import sys

lib = ctypes.CDLL(os.environ.get("HOSTLOCK_LIBRARY", "libhostlock.so.0"))

# A pointer is wider than ctypes' default int, so each function is declared: what it answers, and what it takes.
pointer, text = ctypes.c_void_p, ctypes.c_char_p
for name, answers, takes in (
    ("hostlock_client_new", pointer, [text]),
    ("hostlock_ctx_trust_file", ctypes.c_int, [pointer, text]),
    ("hostlock_ctx_free", None, [pointer]),
    ("hostlock_connect", ctypes.c_int, [pointer, text, ctypes.c_uint16, ctypes.POINTER(pointer)]),
    ("hostlock_write_all", ctypes.c_ssize_t, [pointer, text, ctypes.c_size_t]),
    ("hostlock_read", ctypes.c_ssize_t, [pointer, text, ctypes.c_size_t]),
    ("hostlock_conn_free", None, [pointer]),
    ("hostlock_last_error", pointer, []),
    ("hostlock_error_message", text, [pointer]),
    ("hostlock_error_hint", text, [pointer]),
):
    function = getattr(lib, name)
    function.restype, function.argtypes = answers, takes


def check(answer):
    """Passes a good answer through; a negative status or a NULL becomes an exception with hostlock's reason."""
    if answer is None or answer < 0:
        error = lib.hostlock_last_error()
        words = lib.hostlock_error_message(error) + b"\nhint: " + lib.hostlock_error_hint(error)
        raise IOError(words if str is bytes else words.decode("utf-8"))
    return answer


def fetch(host, port=443, ca_file=None):
    """The page "/" of `host`, as bytes with its HTTP header."""
    context = check(lib.hostlock_client_new(None))
    connection = pointer()
    try:
        if ca_file:
            check(lib.hostlock_ctx_trust_file(context, ca_file.encode()))
        check(lib.hostlock_connect(context, host.encode(), port, ctypes.byref(connection)))
        request = "GET / HTTP/1.0\r\nHost: {}\r\n\r\n".format(host).encode()
        check(lib.hostlock_write_all(connection, request, len(request)))
        page, buffer = b"", ctypes.create_string_buffer(4096)
        while True:
            got = check(lib.hostlock_read(connection, buffer, len(buffer)))
            if got == 0:  # the server's own end: nothing was cut off
                return page
            page += buffer.raw[:got]
    finally:
        lib.hostlock_conn_free(connection)
        lib.hostlock_ctx_free(context)


if __name__ == "__main__":
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 443
    if not (2 <= len(sys.argv) <= 4 and 0 < port < 65536):  # ctypes would cut a larger one
        sys.exit("usage: client.py HOST [PORT [CA-FILE]]")
    try:
        page = fetch(sys.argv[1], port, *sys.argv[3:])
    except IOError as error:
        sys.exit(str(error))
    getattr(sys.stdout, "buffer", sys.stdout).write(page)
