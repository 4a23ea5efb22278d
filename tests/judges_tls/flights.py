"""Honest handshakes of both versions in steps, each of which a conversation may leave out, repeat, move or falsify."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence

from keys import Direction, Identity, Share, digest, direction13, expand, hash_of, key_length, mac, prf
from peer import Ended, Peer
from wire import (
    CCS,
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    CERTIFICATE_VERIFY,
    CLIENT_KEY_EXCHANGE,
    ECDSA_SHA256,
    ENCRYPTED_EXTENSIONS,
    EVERY_SIGNATURE,
    FINISHED,
    HANDSHAKE,
    KEY_SHARE,
    KEY_UPDATE,
    MESSAGE_HASH,
    NEW_SESSION_TICKET,
    P256,
    P384,
    PSS_SHA256,
    RETRY,
    SERVER_HELLO,
    SERVER_HELLO_DONE,
    SERVER_KEY_EXCHANGE,
    TLS13,
    VERSIONS,
    X25519,
    Hello,
    Reader,
    groups,
    hello12,
    key_share,
    message,
    name,
    number,
    psk_modes,
    server_name,
    signatures,
    vector,
    versions,
)

Tamper = dict[str, Callable[[bytes], bytes]]
OWN = (ECDSA_SHA256, PSS_SHA256)


class Server:
    """What a ServerHello says."""

    def __init__(self, body: bytes) -> None:
        reader = Reader(body)
        self.version, self.random = reader.number(2), reader.take(32)
        self.session, self.suite, self.compression = reader.vector(1), reader.number(2), reader.number(1)
        self.extensions = reader.extensions()
        self.retry = self.random == RETRY
        if VERSIONS in self.extensions:
            self.version = int.from_bytes(self.extensions[VERSIONS], "big")


class Conversation(Peer):
    """A peer that knows the handshake: what it has agreed on so far, and the steps of its own flight."""

    def __init__(self, port: int, identity: Identity | None, patience: float) -> None:
        super().__init__(port, patience)
        self.identity = identity
        self.hello = Hello()
        self.server = Server(bytes(38))
        self.suite = 0
        self.asked: dict[int, bytes] | None = None
        self.ask_context = b""
        self.messages: dict[int, bytes] = {}
        self.tickets: list[bytes] = []
        self.key_updates = 0
        self.tamper: Tamper = {}
        self.scheme: int | None = None
        self.shares: dict[int, Share] = {}
        self.psk = b""
        self.asked_late = b""

    # Either version.

    def say_hello(self, hello: Hello, pieces: int | None = None) -> None:
        self.hello = hello
        self.handshake(hello.message(), pieces)

    def hear_hello(self) -> Server:
        self.server = Server(self.expect(SERVER_HELLO))
        self.suite = self.server.suite
        return self.server

    def falsified(self, step: str, whole: bytes) -> bytes:
        change = self.tamper.get(step)
        return change(whole) if change else whole

    def choose_scheme(self) -> int:
        """A scheme of our key that the server takes."""
        assert self.identity is not None
        return self.scheme or self.identity.schemes[0]

    # TLS 1.3.

    def hello13(self, share: int = X25519, **changes: object) -> Hello:
        """What an honest client of TLS 1.3 says, with a share of one group."""
        self.shares[share] = Share(share)
        listed = (
            server_name(name(b"localhost")),
            groups(X25519, P256, P384),
            signatures(*EVERY_SIGNATURE),
            versions(TLS13),
            psk_modes(1),
            key_share((share, self.shares[share].public)),
        )
        return Hello(session=os.urandom(32), extensions=listed).but(**changes)

    def retried(self, hello: Hello) -> Hello:
        """The second ClientHello that a HelloRetryRequest asks for; the transcript begins again (RFC 8446 4.4.1)."""
        self.say_hello(hello)
        assert self.hear_hello().retry, "no HelloRetryRequest came"
        first = self.hello.message()
        tail = self.transcript[len(first) :]
        self.transcript = message(MESSAGE_HASH, digest(self.suite, first)) + tail
        group = int.from_bytes(self.server.extensions[KEY_SHARE], "big")
        self.shares = {group: Share(group)}
        again = hello.with_(key_share((group, self.shares[group].public)))
        for kind, body in self.server.extensions.items():
            if kind not in (KEY_SHARE, VERSIONS):
                again = again.with_((kind, body))
        return again

    def keys13(self) -> None:
        """The handshake's keys out of the ServerHello."""
        reader = Reader(self.server.extensions[KEY_SHARE])
        share = self.shares[reader.number(2)]
        secret = share.shared(reader.vector(2))
        size = hashlib.new(hash_of(self.suite)).digest_size
        early = mac(self.suite, bytes(size), self.psk or bytes(size))
        empty = digest(self.suite, b"")
        handshake = mac(self.suite, expand(self.suite, early, b"derived", empty), secret)
        seen = digest(self.suite, self.transcript)
        self.client_secret = expand(self.suite, handshake, b"c hs traffic", seen)
        self.server_secret = expand(self.suite, handshake, b"s hs traffic", seen)
        self.master = mac(self.suite, expand(self.suite, handshake, b"derived", empty), bytes(size))
        self.reading = direction13(self.suite, self.server_secret)

    def hear_flight13(self) -> None:
        """From EncryptedExtensions to Finished, which is checked."""
        while True:
            before = self.transcript
            found = self.next_message()
            self.messages[found[0]] = found[4:]
            if found[0] == CERTIFICATE_REQUEST:
                reader = Reader(found[4:])
                self.ask_context, self.asked = reader.vector(1), reader.extensions()
            if found[0] == FINISHED:
                assert found[4:] == self._finished13(self.server_secret, before), "the server's Finished is wrong"
                break
        assert ENCRYPTED_EXTENSIONS in self.messages
        seen = digest(self.suite, self.transcript)
        self.client_application = expand(self.suite, self.master, b"c ap traffic", seen)
        self.server_application = expand(self.suite, self.master, b"s ap traffic", seen)
        self.reading = direction13(self.suite, self.server_application)
        self.writing = direction13(self.suite, self.client_secret)

    def start13(self, hello: Hello | None = None, pieces: int | None = None) -> None:
        """Everything up to our own flight."""
        self.say_hello(hello or self.hello13(), pieces)
        self.after_hello13()

    def after_hello13(self) -> None:
        """What follows our hello."""
        server = self.hear_hello()
        assert server.version == TLS13 and not server.retry, f"not TLS 1.3 at once: {server.version:#x}"
        self.keys13()
        self.hear_flight13()

    def _finished13(self, secret: bytes, transcript: bytes) -> bytes:
        key = expand(self.suite, secret, b"finished", b"")
        return mac(self.suite, key, digest(self.suite, transcript))

    def certificate13(self) -> bytes:
        chain = self.identity.chain if self.identity else []
        entries = b"".join(vector(3, each) + vector(2, b"") for each in chain)
        return message(CERTIFICATE, vector(1, self.ask_context) + vector(3, entries))

    def signed13(self, role: bytes = b"client") -> bytes:
        words = b"TLS 1.3, " + role + b" CertificateVerify"
        return b" " * 64 + words + b"\x00" + digest(self.suite, self.transcript)

    def verify13(self) -> bytes:
        assert self.identity is not None
        scheme = self.choose_scheme()
        return message(CERTIFICATE_VERIFY, number(scheme, 2) + vector(2, self.identity.sign(scheme, self.signed13())))

    def flight13(self, steps: Sequence[str] | None = None, pieces: int | None = None) -> None:
        """Our own flight; the steps are those of an honest client unless others are named."""
        if steps is None:
            steps = ["certificate"] * (self.asked is not None)
            steps += ["verify"] * (self.asked is not None and self.identity is not None) + ["finished"]
        made: dict[str, Callable[[], bytes]] = {
            "certificate": self.certificate13,
            "verify": self.verify13,
            "finished": lambda: message(FINISHED, self._finished13(self.client_secret, self.transcript)),
        }
        for step in steps:
            self.handshake(self.falsified(step, made[step]()), pieces)
        self.writing = direction13(self.suite, self.client_application)

    def done13(self, hello: Hello | None = None) -> None:
        self.start13(hello)
        self.flight13()

    def late_message(self, body: bytes) -> None:
        """Tickets, new keys, and questions after the handshake."""
        reader = Reader(body)
        while reader.more():
            kind, found = reader.number(1), reader.vector(3)
            if kind == NEW_SESSION_TICKET:
                self.tickets.append(found)
            elif kind == KEY_UPDATE:
                self.key_updates += 1
                self.server_application = expand(self.suite, self.server_application, b"traffic upd", b"")
                self.reading = direction13(self.suite, self.server_application)
            elif kind == CERTIFICATE_REQUEST:
                self.asked_late = message(kind, found)
                inner = Reader(found)
                self.ask_context, self.asked = inner.vector(1), inner.extensions()

    def new_keys(self, how: int = 0) -> None:
        """A KeyUpdate, and what is sent from then on under the new keys (RFC 8446 4.6.3)."""
        self.record(HANDSHAKE, message(KEY_UPDATE, bytes((how,))))
        self.turn_keys()

    def turn_keys(self) -> None:
        """Has what is sent be under the next keys."""
        self.client_application = expand(self.suite, self.client_application, b"traffic upd", b"")
        self.writing = direction13(self.suite, self.client_application)

    def resumption(self) -> bytes:
        """The secret of the tickets, of the transcript with our Finished."""
        return expand(self.suite, self.master, b"res master", digest(self.suite, self.transcript))

    # TLS 1.2.

    def start12(self, hello: Hello | None = None, pieces: int | None = None) -> None:
        """Everything up to our own flight."""
        self.say_hello(hello or hello12(), pieces)
        self.after_hello12()

    def after_hello12(self) -> None:
        server = self.hear_hello()
        assert server.version == 0x0303, f"not TLS 1.2: {server.version:#x}"
        self.hear_flight12()

    def hear_flight12(self) -> None:
        while (found := self.next_message())[0] != SERVER_HELLO_DONE:
            self.messages[found[0]] = found[4:]
            if found[0] == CERTIFICATE_REQUEST:
                reader = Reader(found[4:])
                reader.vector(1)
                self.asked = {13: reader.vector(2), 47: reader.vector(2)}
        reader = Reader(self.messages[SERVER_KEY_EXCHANGE])
        assert reader.number(1) == 3
        self.share = Share(reader.number(2))
        self.their_share = reader.vector(1)

    def keys12(self) -> None:
        """The master secret and the keys, at the moment of our ChangeCipherSpec."""
        if not hasattr(self, "master"):
            secret = self.share.shared(self.their_share)
            seen = digest(self.suite, self.transcript)
            if 23 in self.server.extensions:
                self.master = prf(self.suite, secret, b"extended master secret", seen, 48)
            else:
                self.master = prf(self.suite, secret, b"master secret", self.hello.random + self.server.random, 48)

    def directions12(self) -> tuple[Direction, Direction]:
        size = key_length(self.suite)
        fixed = 12 if self.suite in (0xCCA8, 0xCCA9) else 4
        seed = self.server.random + self.hello.random
        block = Reader(prf(self.suite, self.master, b"key expansion", seed, 2 * (size + fixed)))
        keys = block.take(size), block.take(size)
        fixeds = block.take(fixed), block.take(fixed)
        ours, theirs = (Direction(self.suite, keys[side], fixeds[side], False) for side in (0, 1))
        return ours, theirs

    def _finished12(self, label: bytes) -> bytes:
        return prf(self.suite, self.master, label, digest(self.suite, self.transcript), 12)

    def certificate12(self) -> bytes:
        chain = self.identity.chain if self.identity else []
        return message(CERTIFICATE, vector(3, b"".join(vector(3, each) for each in chain)))

    def exchange12(self) -> bytes:
        return message(CLIENT_KEY_EXCHANGE, vector(1, self.share.public))

    def verify12(self) -> bytes:
        assert self.identity is not None
        scheme = self.choose_scheme()
        signature = self.identity.sign(scheme, self.transcript)
        return message(CERTIFICATE_VERIFY, number(scheme, 2) + vector(2, signature))

    def finish12(self) -> bytes:
        self.keys12()
        self.client_finished = self._finished12(b"client finished")
        return message(FINISHED, self.client_finished)

    def flight12(self, steps: Sequence[str] | None = None, pieces: int | None = None) -> None:
        """Our own flight; "ccs" also puts the keys to use."""
        if steps is None:
            steps = ["certificate"] * (self.asked is not None) + ["exchange"]
            steps += ["verify"] * (self.asked is not None and self.identity is not None) + ["ccs", "finished"]
        made: dict[str, Callable[[], bytes]] = {
            "certificate": self.certificate12,
            "exchange": self.exchange12,
            "verify": self.verify12,
            "finished": self.finish12,
        }
        for step in steps:
            if step == "ccs":
                self.record(CCS, self.falsified(step, b"\x01"))
                self.keys12()
                self.writing, self.next_reading = self.directions12()
            else:
                self.handshake(self.falsified(step, made[step]()), pieces)
                if step == "exchange":
                    # The extended master secret is of the messages up to here (RFC 7627 4).
                    self.keys12()

    def hear_finished12(self) -> None:
        """The server's last flight, whose Finished is checked."""
        while True:
            kind, body = self.next_record()
            if kind == CCS:
                break
            self.pending += body
            while self.pending:
                size = 4 + int.from_bytes(self.pending[1:4], "big")
                self.transcript += self.pending[:size]
                if self.pending[0] == NEW_SESSION_TICKET:
                    self.tickets.append(self.pending[8:size][2:])
                self.pending = self.pending[size:]
        self.keys12()
        if not hasattr(self, "next_reading"):
            self.next_writing, self.next_reading = self.directions12()
        self.reading = self.next_reading
        expected = self._finished12(b"server finished")
        assert self.expect(FINISHED) == expected, "the server's Finished is wrong"
        self.server_finished = expected

    def done12(self, hello: Hello | None = None) -> None:
        self.start12(hello)
        self.flight12()
        self.hear_finished12()

    def resume12(self, hello: Hello, master: bytes, suite: int) -> bool:
        """Whether the server takes up the session whose ticket is in the hello; then the handshake is complete."""
        self.say_hello(hello)
        server = self.hear_hello()
        if server.session != hello.session or not hello.session:
            self.hear_flight12()
            return False
        assert server.suite == suite
        self.master = master
        self.hear_finished12()
        self.record(CCS, b"\x01")
        self.writing = self.next_writing
        self.handshake(message(FINISHED, self._finished12(b"client finished")))
        return True


def ended(peer: Conversation, step: Callable[[], object]) -> str:
    """How the server ended the connection during a step; "" where it did not."""
    try:
        step()
    except Ended as how:
        return how.how
    return ""
