"""The bank of the demo, and its impostor: TLS for HTTP, PostgreSQL and plain lines, with a log of what was sent."""

from __future__ import annotations

import queue
import re
import socket
import ssl
import struct
import threading
from pathlib import Path

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
LONG_ENOUGH = 60


class Server:
    """Logs, for each client, what it received or how the handshake ended."""

    def __init__(self, pem: Path, address: str, port: int, greeting: str) -> None:
        self.log: queue.Queue[str] = queue.Queue()
        self.greeting = greeting
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem)
        self.listener = socket.create_server((address, port))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            plain, _ = self.listener.accept()
            plain.settimeout(LONG_ENOUGH)
            try:
                self._serve(plain)
            except OSError as error:
                self.log.put(f"received nothing; the client left: {getattr(error, 'reason', None) or error}")

    def _serve(self, plain: socket.socket) -> None:
        speaks_postgres = plain.recv(8, socket.MSG_PEEK) == SSL_REQUEST
        if speaks_postgres:
            plain.recv(8)
            plain.sendall(b"S")
        with self.context.wrap_socket(plain, server_side=True) as tls:
            received = self._postgres(tls) if speaks_postgres else self._http_or_line(tls)
        self.log.put(f"received {received!r}" if received else "received nothing")

    def _http_or_line(self, tls: ssl.SSLSocket) -> str:
        received = tls.recv(4096)
        is_http = received.startswith(b"POST ")
        while is_http and b"\r\n\r\npassword=" not in received and (more := tls.recv(4096)):
            received += more
        body = self.greeting.encode() + b"\n"
        head = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) if is_http else b""
        if received:
            tls.sendall(head + body)
        return received.partition(b"\r\n\r\n")[2].decode() if is_http else received.decode(errors="replace").strip()

    def _postgres(self, tls: ssl.SSLSocket) -> str:
        """As much of PostgreSQL's protocol as `psql -c` needs: log in with a password, one query with one row."""

        def send(kind: bytes, body: bytes) -> None:
            tls.sendall(kind + struct.pack("!i", len(body) + 4) + body)

        def receive() -> bytes:
            (length,) = struct.unpack("!i", exactly(tls, 4))
            return exactly(tls, length - 4)

        receive()
        send(b"R", struct.pack("!i", 3))
        exactly(tls, 1)
        password = receive().rstrip(b"\0").decode(errors="replace")
        send(b"R", struct.pack("!i", 0))
        send(b"Z", b"I")
        exactly(tls, 1)
        receive()
        send(b"T", struct.pack("!h", 1) + b"greeting\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0))
        send(b"D", struct.pack("!hi", 1, len(self.greeting)) + self.greeting.encode())
        send(b"C", b"SELECT 1\0")
        send(b"Z", b"I")
        return f"password={password}"


def exactly(tls: ssl.SSLSocket, count: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < count:
        if not (more := tls.recv(count - len(data))):
            raise ConnectionError("the client left")
        data += more
    return data


def tidy(logged: str) -> str:
    """A line of OpenSSL's, without where in its source it stands."""
    return re.sub(r" \(_ssl\.c:\d+\)", "", logged)
