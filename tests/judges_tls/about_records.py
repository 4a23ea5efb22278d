"""Records: their types, lengths and pieces, alerts among them, and what does not open."""

from __future__ import annotations

from collections.abc import Callable

from cases import REFUSED, SERVED, World, add, finish, meet
from flights import Conversation
from wire import (
    ALERT,
    CCS,
    CLIENT_HELLO,
    DATA,
    FINISHED,
    HANDSHAKE,
    HEARTBEAT,
    Hello,
    flipped,
    hello12,
    message,
    number,
)

UNKNOWN = (0, 1, 19, 25, 26, 99, 128, 255)


def hello_of(peer: Conversation, version: str) -> Hello:
    return peer.hello13() if version == "1.3" else hello12()


def done(world: World, version: str) -> Conversation:
    """A connection whose handshake is complete."""
    peer = world.peer()
    if version == "1.3":
        peer.done13()
    else:
        peer.done12()
    return peer


def _pieces() -> None:
    for version in ("1.3", "1.2"):
        for size in (1, 2, 3, 4, 5, 16, 64, 100):

            def talk(world: World, size: int = size, version: str = version) -> str:
                peer = world.peer()
                return meet(peer, hello_of(peer, version), size)

            add(f"a hello in records of {size} octets, TLS {version}", "RFC 8446 5.1, RFC 5246 6.2.1", SERVED, talk)

        def slowly(world: World, version: str = version) -> str:
            peer = world.peer()
            hello = hello_of(peer, version)
            whole = hello.message()
            peer.hello, peer.transcript = hello, whole
            for octet in b"\x16\x03\x01" + number(len(whole), 2) + whole:
                peer.raw(bytes((octet,)))
            peer.hear_hello()
            return finish(peer)

        add(f"a hello in segments of one octet, TLS {version}", "RFC 8446 5.1", SERVED, slowly)

        def flight(world: World, version: str = version) -> str:
            peer = world.peer()
            if version == "1.3":
                peer.start13()
                peer.flight13(pieces=1)
            else:
                peer.start12()
                peer.flight12(pieces=1)
                peer.hear_finished12()
            return peer.echoed()

        add(f"our flight in records of one octet, TLS {version}", "RFC 8446 5.1, RFC 5246 6.2.1", SERVED, flight)

    def joined(world: World) -> str:
        peer = world.peer(None)
        peer.start12()
        peer.handshake(peer.exchange12(), (1, 3))
        peer.flight12(["ccs", "finished"])
        peer.hear_finished12()
        return peer.echoed()

    add("a ClientKeyExchange in three records", "RFC 5246 6.2.1", SERVED, joined)


def _types() -> None:
    for kind in UNKNOWN:

        def first(world: World, kind: int = kind) -> str:
            peer = world.peer()
            peer.plain(kind, b"hello")
            return peer.outcome()

        name = f"a record of type {kind} instead of a hello"
        add(name, "RFC 8446 5, RFC 5246 6", ("unexpected_message", "closed"), first, long=kind in (1, 26, 128))
        for version in ("1.3", "1.2"):

            def between(world: World, kind: int = kind, version: str = version) -> str:
                peer = world.peer()
                peer.say_hello(hello_of(peer, version))
                peer.hear_hello()
                peer.plain(kind, b"hello")
                return peer.outcome()

            # In TLS 1.3 the server's keys are in use by then; it is the alert of the record that counts.
            def after(world: World, kind: int = kind, version: str = version) -> str:
                peer = done(world, version)
                peer.record(kind, b"hello")
                return peer.outcome()

            name = f"a record of type {kind} after the handshake, TLS {version}"
            add(name, "RFC 8446 5, RFC 5246 6", "unexpected_message", after, long=kind in (1, 26, 128))
            if version == "1.2":
                name = f"a record of type {kind} in the handshake, TLS {version}"
                add(name, "RFC 5246 6", "unexpected_message", between, long=kind in (1, 26, 128))

    for version in ("1.3", "1.2"):
        for size in (0, 3, 16384):

            def heartbeat(world: World, size: int = size, version: str = version) -> str:
                peer = done(world, version)
                peer.record(HEARTBEAT, b"\x01" + number(size, 2) + b"abc")
                return peer.outcome()

            name = f"a heartbeat that claims {size} octets, TLS {version}"
            add(name, "RFC 6520 2, 3, RFC 8446 5", "unexpected_message", heartbeat)

    def data_first(world: World) -> str:
        peer = world.peer()
        peer.plain(DATA, b"GET / HTTP/1.0\r\n\r\n")
        return peer.outcome()

    add("application data instead of a hello", "RFC 8446 5, RFC 5246 6", "unexpected_message", data_first)

    def data_between(world: World) -> str:
        peer = world.peer()
        peer.start12()
        peer.plain(DATA, b"GET / HTTP/1.0\r\n\r\n")
        return peer.outcome()

    add("application data in the clear before our flight, TLS 1.2", "RFC 5246 6", "unexpected_message", data_between)

    def data_in_keys(world: World) -> str:
        peer = world.peer()
        peer.start12()
        peer.flight12(["exchange", "ccs"])
        peer.record(DATA, b"early")
        return peer.outcome()

    add("application data in the place of Finished, TLS 1.2", "RFC 5246 6", "unexpected_message", data_in_keys)

    def other_protocols(words: bytes) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            peer.raw(words)
            return peer.outcome()

        return talk

    for words, said in (
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("a proxy's CONNECT", b"CONNECT localhost:443 HTTP/1.1\r\n\r\n"),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("SMTP", b"EHLO localhost\r\n"),
        ("zeros", bytes(64)),
        ("ones", b"\xff" * 64),
        ("a PROXY line", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
    ):
        add(f"{words} instead of TLS", "RFC 8446 5", REFUSED, other_protocols(said))


def _lengths() -> None:
    def empty(kind: int) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            peer.plain(kind, b"")
            return peer.outcome()

        return talk

    for kind, words in ((HANDSHAKE, "handshake"), (ALERT, "alert"), (CCS, "change_cipher_spec"), (DATA, "data")):
        add(f"an empty record ({words}) instead of a hello", "RFC 8446 5.1, RFC 5246 6.2.1", REFUSED, empty(kind))
    for version in ("1.3", "1.2"):

        def within(world: World, version: str = version) -> str:
            peer = world.peer()
            hello = hello_of(peer, version)
            whole = hello.message()
            peer.plain(HANDSHAKE, whole[:20])
            peer.plain(HANDSHAKE, b"")
            peer.plain(HANDSHAKE, whole[20:])
            peer.hear_hello()
            return "served"

        add(f"an empty handshake record within a hello, TLS {version}", "RFC 8446 5.1, RFC 5246 6.2.1", REFUSED, within)
        for kind, words in ((HANDSHAKE, "handshake"), (ALERT, "alert")):

            def sealed_empty(world: World, version: str = version, kind: int = kind) -> str:
                peer = done(world, version)
                peer.record(kind, b"")
                return peer.outcome()

            expected = "unexpected_message" if version == "1.3" else REFUSED
            add(f"an empty sealed record ({words}), TLS {version}", "RFC 8446 5.4", expected, sealed_empty)
        for count in (1, 20):

            def empty_data(world: World, version: str = version, count: int = count) -> str:
                peer = done(world, version)
                for _ in range(count):
                    peer.record(DATA, b"")
                return peer.echoed()

            name = f"{count} empty records of data are no matter, TLS {version}"
            add(name, "RFC 8446 5.1, RFC 5246 6.2.1", SERVED, empty_data)

        def flood(world: World, version: str = version) -> str:
            peer = done(world, version)
            for _ in range(3000):
                peer.record(DATA, b"")
            return peer.outcome()

        add(f"3,000 empty records of data, TLS {version}", "RFC 8446 D.4", REFUSED, flood)
        for size, expected in ((16384, "served"), (16385, "record_overflow")):

            def full(world: World, version: str = version, size: int = size) -> str:
                return done(world, version).echoed(b"x" * size)

            add(f"{size} octets in a record, TLS {version}", "RFC 8446 5.1, 5.4, RFC 5246 6.2.1", expected, full)
    for version, size in (("1.3", 16641), ("1.2", 18433), ("1.3", 65535), ("1.2", 65535)):

        def over(world: World, version: str = version, size: int = size) -> str:
            peer = done(world, version)
            peer.plain(DATA, bytes(size))
            return peer.outcome()

        name = f"a sealed record of {size} octets, TLS {version}"
        add(name, "RFC 8446 5.2, RFC 5246 6.2.3", "record_overflow", over)
    for size in (16385, 20000, 65535):

        def over_clear(world: World, size: int = size) -> str:
            peer = world.peer()
            peer.plain(HANDSHAKE, bytes((CLIENT_HELLO,)) + number(size, 3) + bytes(size - 4))
            return peer.outcome()

        add(f"a record of {size} octets in the clear", "RFC 8446 5.1, RFC 5246 6.2.1", "record_overflow", over_clear)


def _seals() -> None:
    for version in ("1.3", "1.2"):
        for at in (-1, -16, 5, 12):

            def bent(world: World, version: str = version, at: int = at) -> str:
                peer = done(world, version)
                peer.raw(flipped(peer.sealed(DATA, b"a message of some length"), at))
                return peer.outcome()

            name = f"data with octet {at} changed, TLS {version}"
            add(name, "RFC 8446 5.2, RFC 5246 6.2.3.3", "bad_record_mac", bent)
        for size in (0, 1, 15, 16, 17):
            for suite in (0x1303, 0x1301) if version == "1.3" else (0xCCA8, 0xC02F):

                def short(world: World, version: str = version, size: int = size, suite: int = suite) -> str:
                    peer = world.peer()
                    if version == "1.3":
                        peer.done13(peer.hello13(suites=(suite,)))
                    else:
                        peer.done12(hello12(suites=(suite,)))
                    peer.plain(DATA, bytes(size))
                    return peer.outcome()

                expected = "bad_record_mac|decode_error|record_overflow|unexpected_message"
                name = f"a sealed record of {size} octets, suite {suite:#06x}"
                add(name, "RFC 8446 5.2, RFC 5246 6.2.3.3", expected, short)

        def again(world: World, version: str = version) -> str:
            peer = done(world, version)
            record = peer.sealed(DATA, b"once")
            peer.raw(record)
            assert peer.outcome() == "served"
            peer.raw(record)
            return peer.outcome()

        add(f"a record twice, TLS {version}", "RFC 8446 5.2, RFC 5246 6.2.3.3", "bad_record_mac", again)

        def swapped(world: World, version: str = version) -> str:
            peer = done(world, version)
            one, two = peer.sealed(DATA, b"one"), peer.sealed(DATA, b"two")
            peer.raw(two + one)
            return peer.outcome()

        add(
            f"two records in each other's place, TLS {version}", "RFC 8446 5.2, RFC 5246 6.1", "bad_record_mac", swapped
        )

        def other_version(world: World, version: str = version) -> str:
            peer = done(world, version)
            record = peer.sealed(DATA, b"one")
            peer.raw(record[:1] + b"\x03\x01" + record[3:])
            return peer.outcome()

        add(f"another version on a sealed record, TLS {version}", "RFC 8446 5.2, RFC 5246 E.1", REFUSED, other_version)

        def in_the_clear(world: World, version: str = version) -> str:
            peer = done(world, version)
            peer.plain(DATA, b"no secret")
            return peer.outcome()

        add(
            f"data in the clear after the handshake, TLS {version}",
            "RFC 8446 5.2",
            "bad_record_mac|decode_error",
            in_the_clear,
        )
    for suite in (0xC02F, 0xC030):

        def nonces(world: World, suite: int = suite) -> str:
            peer = world.peer()
            peer.done12(hello12(suites=(suite,)))
            results = {peer.echoed(b"some data") for _ in range(20)}
            assert len(set(peer.explicit_nonces)) == len(peer.explicit_nonces) > 20
            return results.pop() if len(results) == 1 else str(results)

        add(f"no nonce of suite {suite:#06x} comes twice", "RFC 5288 3, RFC 9325 7.2.1", SERVED, nonces)


def _padding() -> None:
    for size in (1, 100, 255, 1000, 16380):

        def talk(world: World, size: int = size) -> str:
            peer = done(world, "1.3")
            peer.record(DATA, b"ping"[:3], padding=size)
            return peer.echoed()[:6]

        add(f"data with {size} octets of padding", "RFC 8446 5.4", ("served",), talk)

    def too_much(world: World) -> str:
        peer = done(world, "1.3")
        peer.record(DATA, b"ping", padding=16384 - 3)
        return peer.outcome()

    add("data with padding beyond a record", "RFC 8446 5.4", "record_overflow", too_much)

    def finished(world: World) -> str:
        peer = world.peer()
        peer.start13()
        peer.record(HANDSHAKE, message(FINISHED, peer._finished13(peer.client_secret, peer.transcript)), padding=500)
        peer.flight13([])
        return peer.echoed()

    add("a Finished with padding", "RFC 8446 5.4", SERVED, finished)
    for size in (1, 17, 1000, 16384):

        def nothing(world: World, size: int = size) -> str:
            peer = done(world, "1.3")
            assert peer.writing is not None
            peer.raw(peer.writing.seal(DATA, bytes(size)))
            return peer.outcome()

        add(f"{size} octets of padding and no type", "RFC 8446 5.4", "unexpected_message", nothing)

        def nothing_early(world: World, size: int = size) -> str:
            peer = world.peer()
            peer.start13()
            assert peer.writing is not None
            peer.raw(peer.writing.seal(DATA, bytes(size)))
            return peer.outcome()

        add(f"{size} octets of padding in the place of Finished", "RFC 8446 5.4", "unexpected_message", nothing_early)


for listing in (_pieces, _types, _lengths, _seals, _padding):
    listing()
