"""A client on a socket that sends what it is told to, right or wrong, and says what the server made of it."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterable

from keys import Direction
from wire import ALERT, ALERTS, CCS, CERTIFICATE_STATUS, DATA, HANDSHAKE, NEW_SESSION_TICKET, cut, number


class Ended(Exception):  # noqa: N818 # it is no error here
    """The server ended the connection: by an alert, or its name in words."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Peer:
    """One connection, with what it has sent and received of the handshake."""

    def __init__(self, port: int, patience: float) -> None:
        self.patience = patience
        self.socket = socket.create_connection(("127.0.0.1", port), patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self.socket.getsockname()[1]
        self.transcript = b""
        self.writing: Direction | None = None
        self.reading: Direction | None = None
        self.record_version = 0x0303
        #: Of each record that came: outer type, version, length.
        self.records: list[tuple[int, int, int]] = []
        self.explicit_nonces: list[bytes] = []
        self.warnings: list[str] = []
        self.pending = b""

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Ends the connection without a goodbye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    # What is sent.

    def raw(self, data: bytes) -> None:
        """To a server that has gone nothing can be sent; what it said before it went is read all the same."""
        with contextlib.suppress(OSError):
            self.socket.sendall(data)

    def plain(self, kind: int, data: bytes, version: int | None = None) -> None:
        """One record in the clear."""
        version = self.record_version if version is None else version
        self.raw(bytes((kind,)) + number(version, 2) + number(len(data), 2) + data)

    def sealed(self, kind: int, data: bytes, padding: int = 0) -> bytes:
        """One record under the keys in use."""
        assert self.writing is not None
        if self.writing.tls13:
            return self.writing.seal(kind, data + bytes((kind,)) + bytes(padding))
        return self.writing.seal(kind, data)

    def record(self, kind: int, data: bytes, padding: int = 0) -> None:
        if self.writing is None:
            self.plain(kind, data)
        else:
            self.raw(self.sealed(kind, data, padding))

    def handshake(self, message: bytes, pieces: Iterable[int] | int | None = None) -> None:
        """A handshake message, in one record or in pieces of so many octets."""
        self.transcript += message
        if pieces is None:
            pieces = 16384
        if isinstance(pieces, int):
            parts = cut(message, pieces)
        else:
            parts = []
            for size in pieces:
                parts.append(message[:size])
                message = message[size:]
            parts.append(message)
        for part in parts:
            self.record(HANDSHAKE, part)

    # What is received.

    def _receive(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            try:
                part = self.socket.recv(size - len(got))
            except ConnectionResetError:
                raise Ended("reset") from None
            except (TimeoutError, socket.timeout):
                raise Ended("silence") from None
            if not part:
                raise Ended("closed" if not got else "closed within a record")
            got += part
        return got

    def next_record(self) -> tuple[int, bytes]:
        """The next record but those of TLS 1.3's compatibility, opened; alerts end it, but for warnings of TLS 1.2."""
        while True:
            head = self._receive(5)
            kind, version, length = head[0], int.from_bytes(head[1:3], "big"), int.from_bytes(head[3:], "big")
            self.records.append((kind, version, length))
            body = self._receive(length)
            if self.reading is not None and self.reading.tls13 and kind == CCS:
                continue
            if self.reading is not None and not (self.reading.tls13 and kind == ALERT):
                if self.reading.explicit:
                    self.explicit_nonces.append(body[:8])
                body = self.reading.open(head, body)
                if self.reading.tls13:
                    stripped = body.rstrip(b"\x00")
                    kind, body = stripped[-1], stripped[:-1]
            if kind == ALERT:
                words = ALERTS.get(body[1], str(body[1]))
                if body[0] == 1 and body[1] != 0:
                    self.warnings.append(words)
                    if words == "no_renegotiation":
                        raise Ended(words)
                    continue
                raise Ended(words)
            return kind, body

    def next_message(self) -> bytes:
        """The next handshake message, which counts in the transcript."""
        while len(self.pending) < 4 or len(self.pending) < 4 + int.from_bytes(self.pending[1:4], "big"):
            kind, body = self.next_record()
            if kind == CCS and self.reading is None:
                continue
            if kind != HANDSHAKE:
                raise AssertionError(f"a record of type {kind} where a handshake message belongs")
            self.pending += body
        size = 4 + int.from_bytes(self.pending[1:4], "big")
        whole, self.pending = self.pending[:size], self.pending[size:]
        self.transcript += whole
        return whole

    def expect(self, kind: int) -> bytes:
        """The body of the next message, which must be of this type."""
        while (found := self.next_message())[0] != kind:
            # These two come or do not.
            if found[0] not in (CERTIFICATE_STATUS, NEW_SESSION_TICKET):
                raise AssertionError(f"message {found[0]} where {kind} belongs")
        return found[4:]

    def hears(self) -> bool:
        """Whether something has come."""
        return bool(select.select([self.socket], [], [], 0.05)[0])

    # What became of it.

    def outcome(self) -> str:
        """How the server ends the connection, in the name of its alert; "served" where it echoes, "silence" where
        nothing comes."""
        end = time.monotonic() + self.patience
        try:
            while time.monotonic() < end:
                kind, body = self.next_record()
                if kind == DATA:
                    return "served"
                if kind == HANDSHAKE:
                    self.late_message(body)
        except Ended as ended:
            return ended.how
        return "silence"

    def drained(self) -> str:
        """How the connection ends, whatever comes until then; it is not opened."""
        try:
            while True:
                head = self._receive(5)
                self._receive(int.from_bytes(head[3:], "big"))
        except Ended as ended:
            return ended.how

    def echoed(self, data: bytes = b"ping") -> str:
        """ "served" where application data come back as they went, else how the server ends the connection."""
        self.record(DATA, data)
        back = b""
        try:
            while len(back) < len(data):
                kind, body = self.next_record()
                if kind == DATA:
                    back += body
                elif kind == HANDSHAKE:
                    self.late_message(body)
        except Ended as ended:
            return ended.how
        return "served" if back == data else f"served {back!r}"

    def late_message(self, body: bytes) -> None:
        """What comes after the handshake."""
