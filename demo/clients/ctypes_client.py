"""ctypes_client.py HOST PORT CA-FILE: the same client on hostlock, by ctypes."""

import ctypes
import os
import sys

lib = ctypes.CDLL(os.environ["HOSTLOCK_LIBRARY"])
pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
for name, answers, takes in (
    ("hostlock_client_new", pointer, [text]),
    ("hostlock_ctx_trust_file", ctypes.c_int, [pointer, text]),
    ("hostlock_connect", ctypes.c_int, [pointer, text, ctypes.c_uint16, ctypes.POINTER(pointer)]),
    ("hostlock_write_all", ctypes.c_ssize_t, [pointer, text, size]),
    ("hostlock_read", ctypes.c_ssize_t, [pointer, text, size]),
    ("hostlock_conn_free", None, [pointer]),
    ("hostlock_ctx_free", None, [pointer]),
    ("hostlock_last_error", pointer, []),
    ("hostlock_error_message", text, [pointer]),
    ("hostlock_error_hint", text, [pointer]),
):
    function = getattr(lib, name)
    function.restype, function.argtypes = answers, takes


def check(answer):
    """Leaves with hostlock's reason where the answer is a failure."""
    if answer is None or answer < 0:
        error = lib.hostlock_last_error()
        message, hint = lib.hostlock_error_message(error), lib.hostlock_error_hint(error)
        sys.exit(f"{message.decode()}\nhint: {hint.decode()}")
    return answer


host, port, ca_file = sys.argv[1:]
context, connection = check(lib.hostlock_client_new(None)), pointer()
check(lib.hostlock_ctx_trust_file(context, ca_file.encode()))
check(lib.hostlock_connect(context, host.encode(), int(port), ctypes.byref(connection)))
check(lib.hostlock_write_all(connection, b"password=swordfish\n", 19))
reply = ctypes.create_string_buffer(256)
print(reply.raw[: check(lib.hostlock_read(connection, reply, len(reply)))].decode(), end="")
lib.hostlock_conn_free(connection)
lib.hostlock_ctx_free(context)
