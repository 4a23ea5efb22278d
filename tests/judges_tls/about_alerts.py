"""Alerts of the client, and messages that lie across a change of keys."""

from __future__ import annotations

import time

from about_records import done, hello_of
from cases import REFUSED, SERVED, World, add, case, meet
from wire import (
    ALERT,
    CCS,
    DATA,
    FINISHED,
    HANDSHAKE,
    KEY_UPDATE,
    message,
)


def _alerts() -> None:
    for words, body in (("one octet", b"\x02"), ("three octets", b"\x02\x00\x00"), ("two alerts", b"\x01\x5a\x02\x00")):

        def first(world: World, body: bytes = body) -> str:
            peer = world.peer()
            peer.plain(ALERT, body)
            return peer.outcome()

        add(f"an alert of {words} instead of a hello", "RFC 8446 5.1, RFC 5246 7.2", REFUSED, first)
        for version in ("1.3", "1.2"):

            def after(world: World, version: str = version, body: bytes = body) -> str:
                peer = done(world, version)
                peer.record(ALERT, body)
                return peer.outcome()

            add(f"an alert of {words} after the handshake, TLS {version}", "RFC 8446 5.1, RFC 5246 7.2", REFUSED, after)
    for version in ("1.3", "1.2"):
        for level, code in ((2, 40), (2, 255), (2, 0)):

            def fatal(world: World, version: str = version, level: int = level, code: int = code) -> str:
                peer = done(world, version)
                peer.record(ALERT, bytes((level, code)))
                return peer.outcome()

            add(f"the fatal alert {code}, TLS {version}", "RFC 8446 6.2, RFC 5246 7.2.2", "closed|close_notify", fatal)

        def closes(world: World, version: str = version) -> str:
            peer = done(world, version)
            peer.record(ALERT, b"\x01\x00")
            return peer.outcome()

        add(f"close_notify is answered, TLS {version}", "RFC 8446 6.1, RFC 5246 7.2.1", "close_notify", closes)

        def closes_first(world: World, version: str = version) -> str:
            peer = world.peer()
            peer.plain(ALERT, b"\x01\x00")
            peer.say_hello(hello_of(peer, version))
            return peer.outcome()

        add(f"close_notify before the hello, TLS {version}", "RFC 8446 6.1", (*REFUSED, "close_notify"), closes_first)
        for count, expected in ((1, (*SERVED, *REFUSED)), (3000, REFUSED)):

            def warned(world: World, version: str = version, count: int = count) -> str:
                peer = world.peer()
                for _ in range(count):
                    peer.plain(ALERT, b"\x01\x5a")
                return meet(peer, hello_of(peer, version))

            add(f"{count} warnings before the hello, TLS {version}", "RFC 8446 6, RFC 5246 7.2.2", expected, warned)

            def warned_after(world: World, version: str = version, count: int = count) -> str:
                peer = done(world, version)
                for _ in range(count):
                    peer.record(ALERT, b"\x01\x5a")
                return peer.echoed()

            add(f"{count} warnings after the handshake, TLS {version}", "RFC 8446 6.1", expected, warned_after)

        def unknown(world: World, version: str = version) -> str:
            peer = done(world, version)
            peer.record(ALERT, b"\x01\xc8")
            return peer.echoed()

        expected = (
            ("closed", "close_notify", "unexpected_message", "illegal_parameter")
            if version == "1.3"
            else (*SERVED, *REFUSED)
        )
        add(f"a warning that nobody knows, TLS {version}", "RFC 8446 6, RFC 5246 7.2.2", expected, unknown)
        for level in (0, 3, 255):

            def levels(world: World, version: str = version, level: int = level) -> str:
                peer = done(world, version)
                peer.record(ALERT, bytes((level, 40)))
                return peer.outcome()

            add(
                f"an alert of level {level}, TLS {version}",
                "RFC 8446 6, RFC 5246 7.2",
                (*REFUSED, "close_notify"),
                levels,
            )
        for kind, words in ((ALERT, "an alert"), (CCS, "a ChangeCipherSpec"), (DATA, "data")):

            def mixed(world: World, version: str = version, kind: int = kind) -> str:
                peer = world.peer()
                whole = hello_of(peer, version).message()
                peer.plain(HANDSHAKE, whole[:40])
                peer.plain(kind, {ALERT: b"\x01\x5a", CCS: b"\x01", DATA: b"data"}[kind])
                peer.plain(HANDSHAKE, whole[40:])
                peer.hear_hello()
                return "served"

            add(f"{words} within a hello, TLS {version}", "RFC 8446 5.1", REFUSED, mixed)

    def clear_alert(world: World) -> str:
        peer = world.peer()
        peer.start13()
        peer.plain(ALERT, b"\x02\x28")
        return peer.outcome()

    # A client that could not make the keys has no other way (RFC 8446 D.4 and 5).
    add("an alert in the clear in the place of Finished", "RFC 8446 6", (*REFUSED, "close_notify"), clear_alert)

    @case("after close_notify nothing is read any more", "RFC 8446 6.1", "close_notify")
    def _(world: World) -> str:
        peer = done(world, "1.3")
        peer.record(ALERT, b"\x01\x00")
        peer.record(DATA, b"ping")
        return peer.outcome()


def _boundaries() -> None:
    """A message may not lie across a change of keys (RFC 8446 5.1)."""
    rest = {
        "the first octet of another message": b"\x14",
        "a head of another message": b"\x14\x00\x00\x20",
        "a whole other message": message(KEY_UPDATE, b"\x00"),
        "a hello": None,
    }
    for words, more in rest.items():

        def behind_hello(world: World, more: bytes | None = more) -> str:
            peer = world.peer()
            whole = peer.hello13().message()
            peer.plain(HANDSHAKE, whole + (whole if more is None else more))
            peer.hear_hello()
            return peer.outcome()

        add(f"{words} behind a hello", "RFC 8446 5.1", "unexpected_message", behind_hello)

        def behind_finished(world: World, more: bytes | None = more) -> str:
            peer = world.peer()
            peer.start13()
            finished = message(FINISHED, peer._finished13(peer.client_secret, peer.transcript))
            peer.record(HANDSHAKE, finished + (peer.hello.message() if more is None else more))
            return peer.outcome()

        add(f"{words} behind Finished", "RFC 8446 5.1", "unexpected_message", behind_finished)

        def behind_update(world: World, more: bytes | None = more) -> str:
            peer = done(world, "1.3")
            update = message(KEY_UPDATE, b"\x00")
            peer.record(HANDSHAKE, update + (peer.hello.message() if more is None else more))
            return peer.outcome()

        add(f"{words} behind a KeyUpdate", "RFC 8446 5.1", "unexpected_message", behind_update)

    def later(world: World) -> str:
        peer = done(world, "1.3")
        update = message(KEY_UPDATE, b"\x00")
        peer.record(HANDSHAKE, update[:2])
        time.sleep(0.1)
        peer.record(DATA, b"data")
        peer.record(HANDSHAKE, update[2:])
        return peer.outcome()

    add("data within a KeyUpdate", "RFC 8446 5.1", "unexpected_message", later)


for listing in (_alerts, _boundaries):
    listing()
