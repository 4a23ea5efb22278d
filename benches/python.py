"""A piece of work of Python's, as the package `hostlock` does it or the standard module; the Rust side of the bench runs
it. Prints the nanoseconds of the fastest step, and 0 (benches/src/step.rs).

usage: python.py PIECE PEER COUNT      (PKI: the directory HOSTLOCK_BENCH_PYTHON_PKI, with server, key and ca)"""

import os
import socket
import sys
import threading
import time

PIECE, PEER, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
HOST = "bench.example"
OURS = PEER == "hostlock"
RECORDS, SMALL = 50, 100
BULK = 128 << 10

if OURS:
    import hostlock
    from hostlock import ssl
else:
    import ssl

import ssl as standard


def file(name):
    return os.path.join(os.environ["HOSTLOCK_BENCH_PYTHON_PKI"], name)


def server_context():
    context = standard.SSLContext(standard.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file("server"), file("key"))
    # A handshake each time, and nothing that arrives behind it.
    context.num_tickets = 0
    return context


def client_context():
    return ssl.create_default_context(cafile=file("ca"))


def connected():
    """Two ends that hold BULK bytes between them, of which the client's is not TLS yet."""
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return ends


def pair(by_connection):
    """A client and a server that have made their handshake."""
    client, server = connected()
    served = []
    context = server_context()
    thread = threading.Thread(target=lambda: served.append(context.wrap_socket(server, server_side=True)))
    thread.start()
    if by_connection:
        trusting = hostlock.Context()
        trusting.trust_file(file("ca"))
        secured = trusting.wrap(client, HOST)
    else:
        secured = client_context().wrap_socket(client, server_hostname=HOST)
    thread.join()
    return secured, served[0]


def contexts():
    """One context that rests on the system's roots, where the process has made others before."""
    for _ in range(COUNT):
        before = time.perf_counter_ns()
        ssl.create_default_context()
        yield time.perf_counter_ns() - before


def handshakes():
    """The client's part of a handshake over memory, as asyncio makes it; what the server does is left out."""
    client_side, server_side = client_context(), server_context()
    for _ in range(COUNT):
        to_client, to_server = standard.MemoryBIO(), standard.MemoryBIO()
        server = server_side.wrap_bio(to_server, to_client, server_side=True)
        took, ends, client = 0, [False, False], None
        while not all(ends):
            before = time.perf_counter_ns()
            client = client or client_side.wrap_bio(to_client, to_server, server_hostname=HOST)
            ends[0] = shaken(client)
            took += time.perf_counter_ns() - before
            ends[1] = shaken(server)
        yield took


def shaken(side):
    try:
        side.do_handshake()
    except standard.SSLWantReadError:
        return False
    return True


def bulk(is_read, by_connection):
    """BULK bytes at once; what the other end does is left out."""
    client, server = pair(by_connection)
    data = os.urandom(BULK)
    for _ in range(COUNT):
        if is_read:
            server.sendall(data)
        before, left = time.perf_counter_ns(), BULK
        if is_read:
            while left:
                left -= len(client.recv(65536))
        else:
            client.sendall(data)
        took = time.perf_counter_ns() - before
        if not is_read:
            while left:
                left -= len(server.recv(65536))
        yield took


def small_records():
    """RECORDS of SMALL bytes that have arrived; by the package's own connection with read-ahead."""
    client, server = pair(OURS)
    if OURS:
        client.set_read_ahead()
    for _ in range(COUNT):
        for _ in range(RECORDS):
            server.sendall(b"x" * SMALL)
        before, left = time.perf_counter_ns(), RECORDS * SMALL
        while left:
            left -= len(client.recv(65536))
        yield time.perf_counter_ns() - before


PIECES = {
    "context": contexts,
    "handshake": handshakes,
    "read": lambda: bulk(True, False),
    "write": lambda: bulk(False, False),
    "read by Connection": lambda: bulk(True, OURS),
    "write by Connection": lambda: bulk(False, OURS),
    "small records": small_records,
}

if __name__ == "__main__":
    print(min(PIECES[PIECE]()), 0)
