"""Fetches pages all at once, in one thread: event_loop.py CA-FILE HOST:PORT ... Plain ctypes and selectors."""

import ctypes
import os
import selectors
import socket
import sys
import time

lib = ctypes.CDLL(os.environ.get("HOSTLOCK_LIBRARY", "libhostlock.so.0"))
WANT_READ, WANT_WRITE = -1, -2
PATIENCE = 10.0  # seconds for whatever is waited for after the handshake

# A pointer is wider than ctypes' default int, so each function is declared: what it answers, what it takes.
pointer, text, place = ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)
status, size, count = ctypes.c_int, ctypes.c_size_t, ctypes.c_ssize_t
for name, answers, takes in (
    ("client_new", pointer, [text]),
    ("ctx_trust_file", status, [pointer, text]),
    ("ctx_free", None, [pointer]),
    ("connect_fd", status, [pointer, ctypes.c_int, text, place]),
    ("handshake", status, [pointer]),
    ("conn_time_left", status, [pointer, ctypes.POINTER(ctypes.c_int)]),
    ("write", count, [pointer, text, size]),
    ("read", count, [pointer, text, size]),
    ("conn_free", None, [pointer]),
    ("last_error", pointer, []),
    ("error_message", text, [pointer]),
):
    function = getattr(lib, f"hostlock_{name}")
    function.restype, function.argtypes = answers, takes


def check(answer):
    """Passes a good answer through; a failure becomes an exception with hostlock's reason."""
    if answer is None or answer < WANT_WRITE:
        raise OSError(lib.hostlock_error_message(lib.hostlock_last_error()).decode())
    return answer


def connected(host, port):
    """A task: it yields what it waits for, and returns a connected socket. Only looking up the addresses waits."""
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        sock.connect_ex(address)
        if (yield sock, selectors.EVENT_WRITE, PATIENCE) and not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return sock
        sock.close()
    raise OSError(f"nobody listens on port {port} of {host}")


def fetch(context, host, port):
    """A task: it yields what it waits for, and returns the page."""
    sock = yield from connected(host, port)
    connection, room = pointer(), ctypes.create_string_buffer(16384)

    def finish(call, *arguments):
        """Makes the call until it wants nothing."""
        while (answer := check(call(connection, *arguments))) < 0:
            left = ctypes.c_int(-1)
            lib.hostlock_conn_time_left(connection, ctypes.byref(left))  # of a handshake; -1 after it
            event = selectors.EVENT_READ if answer == WANT_READ else selectors.EVENT_WRITE
            ready = yield sock, event, left.value / 1000 if left.value >= 0 else PATIENCE
            if not ready and left.value < 0:
                raise OSError(f"{host} says nothing")  # for a handshake the next call says so
        return answer

    try:
        check(lib.hostlock_connect_fd(context, sock.fileno(), host.encode(), ctypes.byref(connection)))
        yield from finish(lib.hostlock_handshake)
        request, page = f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode(), b""
        while request:
            request = request[(yield from finish(lib.hostlock_write, request, len(request))) :]
        # It reads until there is nothing: what is decrypted already never makes the socket readable.
        while got := (yield from finish(lib.hostlock_read, room, len(room))):
            page += room.raw[:got]
        return page  # after 0, the server's own end: nothing was cut off
    finally:
        lib.hostlock_conn_free(connection)
        sock.close()


def run(tasks):
    """Runs tasks side by side, and gives the name and the result or failure of each as it ends."""
    selector, waiting = selectors.DefaultSelector(), {}
    ready = [(name, task, None) for name, task in tasks]
    while ready or waiting:
        for name, task, happened in ready:
            try:
                sock, event, seconds = task.send(happened)
            except StopIteration as end:
                yield name, end.value
            except OSError as failure:
                yield name, failure
            else:
                selector.register(sock, event)
                waiting[sock] = (time.monotonic() + seconds, name, task)
        pause = min((end for end, _, _ in waiting.values()), default=0) - time.monotonic()
        events = {key.fileobj for key, _ in selector.select(max(pause, 0))} if waiting else set()
        over = [sock for sock, (end, _, _) in waiting.items() if sock in events or end <= time.monotonic()]
        ready = [(*waiting.pop(sock)[1:], sock in events) for sock in over if selector.unregister(sock)]


def main(ca_file, *targets):
    context, failed = check(lib.hostlock_client_new(None)), False
    check(lib.hostlock_ctx_trust_file(context, ca_file.encode()))
    for target, page in run((it, fetch(context, it.rpartition(":")[0], int(it.rpartition(":")[2]))) for it in targets):
        if isinstance(page, OSError):
            failed = True
            print(f"{target}: {page}", file=sys.stderr)
        else:
            sys.stdout.buffer.write(page)
    lib.hostlock_ctx_free(context)
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 2 else "usage: event_loop.py CA-FILE HOST:PORT ...")
