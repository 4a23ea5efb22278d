"""A piece of work of Python's as the package `hostlock` does it, and as the standard module does it, in turns; the Rust side
of the bench runs it. Prints four medians in nanoseconds: hostlock's time and the standard module's by the clock, and the
same of the processor's time of this thread. hostlock's is the standard module's times the median of the pairs' ratios.

usage: python.py PIECE PAIRS      (PKI: the directory HOSTLOCK_BENCH_PYTHON_PKI, with server, key and ca)"""

import os
import socket
import ssl as standard
import sys
import threading
import time
from statistics import median

import hostlock
from hostlock import ssl as ours

HOST = "bench.example"
RECORDS, SMALL = 50, 100
BULK = 128 << 10
BEFORE = 10  # pairs that are not counted
CLOCKS = (time.perf_counter_ns, getattr(time, "thread_time_ns", time.perf_counter_ns))


def file(name):
    return os.path.join(os.environ["HOSTLOCK_BENCH_PYTHON_PKI"], name)


def server_context():
    context = standard.SSLContext(standard.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file("server"), file("key"))
    # A handshake each time, and nothing that arrives behind it.
    context.num_tickets = 0
    return context


class Took:
    """What is inside of `with` is timed."""

    def __init__(self):
        self.nanoseconds = [0, 0]

    def __enter__(self):
        self.before = [clock() for clock in CLOCKS]

    def __exit__(self, *_):
        after = [clock() for clock in CLOCKS]
        self.nanoseconds = [sum + end - begin for sum, end, begin in zip(self.nanoseconds, after, self.before)]


def pair(by_connection, module):
    """A client and a server that have made their handshake, over sockets that hold BULK bytes."""
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        end.settimeout(30)
    served = []
    context = server_context()
    thread = threading.Thread(target=lambda: served.append(context.wrap_socket(ends[1], server_side=True)))
    thread.start()
    if by_connection:
        trusting = hostlock.Context()
        trusting.trust_file(file("ca"))
        client = trusting.wrap(ends[0], HOST)
    else:
        client = module.create_default_context(cafile=file("ca")).wrap_socket(ends[0], server_hostname=HOST)
    thread.join()
    return client, served[0]


def contexts(module):
    """One context that rests on the system's roots, where the process has made others just before: what the other kind
    has left of the allocator's memory is not part of it."""

    def step(took):
        for _ in range(3):
            module.create_default_context()
        with took:
            module.create_default_context()

    return step


def handshakes(module):
    """The client's part of a handshake over memory, as asyncio makes it; what the server does is left out."""
    client_side, server_side = module.create_default_context(cafile=file("ca")), server_context()

    def step(took):
        to_client, to_server = standard.MemoryBIO(), standard.MemoryBIO()
        server = server_side.wrap_bio(to_server, to_client, server_side=True)
        ends, client = [False, False], None
        while not all(ends):
            with took:
                client = client or client_side.wrap_bio(to_client, to_server, server_hostname=HOST)
                ends[0] = shaken(client)
            ends[1] = shaken(server)

    return step


def shaken(side):
    try:
        side.do_handshake()
    except standard.SSLWantReadError:
        return False
    return True


def reads(by_connection, length, portion, ahead=False):
    """`length` bytes that have arrived, written in portions; what the other end does is left out."""

    def of(module):
        client, server = pair(by_connection and module is ours, module)
        if ahead and module is ours:
            client.set_read_ahead()
        data = os.urandom(portion)

        def step(took):
            for _ in range(length // portion):
                server.sendall(data)
            left = length
            with took:
                while left:
                    left -= len(client.recv(65536))

        return step

    return of


def reads_into(module):
    """BULK bytes into the program's own buffer, by `recv_into`."""
    client, server = pair(module is ours, module)
    data, room = os.urandom(BULK), bytearray(65536)

    def step(took):
        server.sendall(data)
        left = BULK
        with took:
            while left:
                left -= client.recv_into(room)

    return step


def writes(by_connection):
    """BULK bytes by one `sendall`; what the other end does is left out."""

    def of(module):
        client, server = pair(by_connection and module is ours, module)
        data = os.urandom(BULK)

        def step(took):
            with took:
                client.sendall(data)
            left = BULK
            while left:
                left -= len(server.recv(65536))

        return step

    return of


PIECES = {
    "context": contexts,
    "handshake": handshakes,
    "read": reads(False, BULK, BULK),
    "write": writes(False),
    "read by Connection": reads(True, BULK, BULK),
    "read into by Connection": reads_into,
    "write by Connection": writes(True),
    "small records": reads(True, RECORDS * SMALL, SMALL, ahead=True),
    "records of 1 KiB": reads(True, RECORDS * 1024, 1024, ahead=True),
}


def measured(piece, pairs):
    steps = [PIECES[piece](ours), PIECES[piece](standard)]
    figures = []
    for _ in range(pairs + BEFORE):
        took = [Took(), Took()]
        for step, each in zip(steps, took):
            step(each)
        figures.append([each.nanoseconds for each in took])
    for which in range(len(CLOCKS)):
        counted = [(mine[which], theirs[which]) for mine, theirs in figures[BEFORE:]]
        theirs = median(standards for _, standards in counted)
        yield theirs * median(mine / standards for mine, standards in counted if standards)
        yield theirs


if __name__ == "__main__":
    print(*(int(figure) for figure in measured(sys.argv[1], int(sys.argv[2]))))
