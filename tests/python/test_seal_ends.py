"""However a connection of a sealed program ends, the log has one entry of it, and no more than one: whatever the peer
does, and whichever side the program is."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import subprocess
import threading
import time
import unittest
from collections import Counter
from collections.abc import Callable, Iterator

from careless import DEBIAN_PYTHON
from sealing import Event, environment, events, impostor, new_log, right, sealed
from support import LONG_ENOUGH

ENDS = ("connected", "refused", "would_refuse", "excused", "failed", "served")

CLIENT = """
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
plain = socket.create_connection(("127.0.0.1", {port}))
plain.settimeout(1)
try:
    s = context.wrap_socket(plain, server_hostname="localhost")
    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    while s.recv(4096): pass
except OSError as error:
    print(type(error).__name__, error)
"""

IN_MEMORY = """
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
plain = socket.create_connection(("127.0.0.1", {port}))
plain.settimeout(1)
read, write = ssl.MemoryBIO(), ssl.MemoryBIO()
s = context.wrap_bio(read, write, server_hostname="localhost")
try:
    while True:
        try:
            s.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(write.read())
            data = plain.recv(4096)
            read.write(data) if data else read.write_eof()
except OSError as error:
    print(type(error).__name__, error)
"""

Peer = Callable[[socket.socket], None]


def record(kind: int, body: bytes, version: int = 0x0303) -> bytes:
    """One record of TLS."""
    return struct.pack("!BHH", kind, version, len(body)) + body


def alert(description: int, level: int = 2) -> bytes:
    """An alert in a record."""
    return record(21, bytes([level, description]))


SERVER_HELLO = bytes.fromhex("0200002d0303") + bytes(32) + bytes.fromhex("00c02b000005ff01000100")
HELLO_OF_TLS_1_0 = bytes.fromhex("020000260301") + bytes(32) + bytes.fromhex("00c01300")


def says(answer: bytes, *, reset: bool = False, listens: bool = True, stays: bool = False) -> Peer:
    """A peer that reads a hello, answers so, and hangs up in this manner."""

    def behave(connection: socket.socket) -> None:
        if listens:
            connection.recv(4096)
        connection.sendall(answer)
        if stays:
            connection.settimeout(LONG_ENOUGH)
            with contextlib.suppress(OSError):
                while connection.recv(4096):
                    pass
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


PEERS: dict[str, Peer] = {
    "hangs up at once": says(b"", listens=False),
    "hangs up after the hello": says(b""),
    "resets after the hello": says(b"", reset=True),
    "says nothing": says(b"", stays=True),
    "speaks HTTP": says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "speaks HTTP and stays": says(b"HTTP/1.1 400 Bad Request\r\n\r\n", stays=True),
    "speaks SSH": says(b"SSH-2.0-OpenSSH_9.2\r\n", listens=False, stays=True),
    "speaks SMTP": says(b"220 mail.example ESMTP\r\n", listens=False, stays=True),
    "sends three bytes": says(b"\x16\x03\x03"),
    "sends three bytes and stays": says(b"\x16\x03\x03", stays=True),
    "sends zeros": says(bytes(64), stays=True),
    "sends random bytes": says(bytes(range(101, 190)), stays=True),
    "sends too long a record": says(struct.pack("!BHH", 22, 0x0303, 0xFFFF) + bytes(70000), stays=True),
    "sends an empty handshake record": says(record(22, b""), stays=True),
    "sends application data": says(record(23, b"hello"), stays=True),
    "sends a change of cipher only": says(record(20, b"\x01"), stays=True),
    "sends a message that nobody knows": says(record(22, b"\x63\x00\x00\x00"), stays=True),
    "sends a message out of order": says(record(22, b"\x0e\x00\x00\x00"), stays=True),
    "sends half of a hello": says(record(22, SERVER_HELLO)[:30]),
    "sends half of a hello and resets": says(record(22, SERVER_HELLO)[:30], reset=True),
    "sends a hello and hangs up": says(record(22, SERVER_HELLO)),
    "sends a hello and stays": says(record(22, SERVER_HELLO), stays=True),
    "sends a hello and resets": says(record(22, SERVER_HELLO), reset=True),
    "sends a hello and random bytes": says(record(22, SERVER_HELLO) + record(22, bytes(range(99))), stays=True),
    "chooses TLS 1.0": says(record(22, HELLO_OF_TLS_1_0, 0x0301), stays=True),
    "chooses a suite that was not offered": says(
        record(22, SERVER_HELLO.replace(b"\xc0\x2b", b"\x00\x05")), stays=True
    ),
    "sends a hello of SSL 2": says(b"\x80\x0b\x04\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00", stays=True),
    "asks for another hello": says(record(22, b"\x00\x00\x00\x00"), stays=True),
    "says goodbye": says(alert(0, 1)),
    "warns and hangs up": says(alert(112, 1)),
    **{
        f"sends the alert {number}": says(alert(number))
        for number in (10, 20, 40, 42, 46, 47, 48, 50, 51, 70, 71, 80, 86, 112, 116, 120, 255)
    },
}


@contextlib.contextmanager
def peer(behave: Peer) -> Iterator[int]:
    """The port on which each connection is given to `behave`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        behave(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def ends(all_events: list[Event]) -> list[Event]:
    """The entries about connections."""
    return [event for event in all_events if event["event"] in ENDS]


class Clients(unittest.TestCase):
    def check(self, program: str, mode: str) -> None:
        for name, behave in PEERS.items():
            with self.subTest(name), peer(behave) as port:
                ran = sealed([DEBIAN_PYTHON, "-c", program.format(port=port)], mode)
                self.assertEqual(len(ends(ran.events)), 1, str(ran))
                [end] = ends(ran.events)
                self.assertEqual((end["event"], end["host"]), ("failed", "localhost"), str(ran))
                self.assertNotEqual((end["status"], end["message"]), ("HOSTLOCK_OK", ""), str(ran))
                if program is CLIENT:
                    self.assertEqual(end["peer"], f"127.0.0.1:{port}", str(ran))

    def test_each_peer_that_fails_leaves_one_entry(self) -> None:
        self.check(CLIENT, "enforce")

    def test_each_leaves_one_where_the_seal_only_reports(self) -> None:
        self.check(CLIENT, "report")

    def test_each_leaves_one_where_the_connection_is_in_memory(self) -> None:
        self.check(IN_MEMORY, "enforce")

    def test_a_statement_of_why_comes_with_it(self) -> None:
        for name, status in (
            ("hangs up after the hello", "HOSTLOCK_E_TRUNCATED"),
            ("resets after the hello", "HOSTLOCK_E_TRUNCATED"),
            ("sends a hello and resets", "HOSTLOCK_E_TRUNCATED"),
            ("says nothing", "HOSTLOCK_E_CLOSED"),
            ("sends random bytes", "HOSTLOCK_E_PLAINTEXT"),
            ("chooses TLS 1.0", "HOSTLOCK_E_NO_COMMON_VERSION"),
            ("sends the alert 112", "HOSTLOCK_E_ALERT"),
        ):
            with self.subTest(name), peer(PEERS[name]) as port:
                ran = sealed([DEBIAN_PYTHON, "-c", CLIENT.format(port=port)])
                self.assertEqual([end["status"] for end in ends(ran.events)], [status], str(ran))

    def test_a_flood_of_hello_requests_leaves_one_entry(self) -> None:
        for mode, pem, end in (
            ("enforce", right(), "connected"),
            ("report", right(), "connected"),
            ("report", impostor(), "would_refuse"),
        ):
            log = new_log()
            server = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", str(pem), "-tls1_2"]
            with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
                assert process.stdin is not None and process.stdout is not None
                while not (port := re.search(rb"ACCEPT .*:(\d+)", process.stdout.readline())):
                    pass
                address = f"127.0.0.1:{port[1].decode()}"
                client = subprocess.Popen(
                    ["openssl", "s_client", "-connect", address, "-servername", "localhost", "-tls1_2"],
                    env=environment(log, mode),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                while b"Secure Renegotiation" not in process.stdout.readline():
                    pass
                for _ in range(20):
                    process.stdin.write(b"r\n")
                    time.sleep(0.02)
                client.communicate(timeout=LONG_ENOUGH)
                process.kill()
            self.assertEqual([found["event"] for found in ends(events(log))], [end], mode)


class Servers(unittest.TestCase):
    def test_each_client_that_fails_leaves_one_entry(self) -> None:
        clients: dict[str, Peer] = {
            name: says(data, listens=False, reset=reset, stays=stays)
            for name, data, reset, stays in (
                ("hangs up", b"", False, False),
                ("speaks HTTP", b"GET / HTTP/1.0\r\n\r\n", False, True),
                ("sends half of a record", b"\x16\x03\x01\x00", False, False),
                ("sends random bytes", bytes(range(101, 190)), False, True),
                ("sends an alert", alert(40), False, False),
            )
        }
        log = new_log()
        process = subprocess.Popen(
            [DEBIAN_PYTHON, "-c", SERVER, str(right())], env=environment(log), stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for behave in clients.values():
            with socket.create_connection(("127.0.0.1", port)) as connection:
                behave(connection)
            process.stdout.readline()
        process.stdout.close()
        process.kill()
        process.wait()
        self.assertEqual(Counter(end["event"] for end in ends(events(log))), {"failed": len(clients)})


SERVER = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    plain, _ = listener.accept()
    try:
        context.wrap_socket(plain, server_side=True).close()
    except OSError as error:
        plain.close()
    print("next", flush=True)
"""

if __name__ == "__main__":
    unittest.main()
