"""Clients that go away, stall or dribble at every step: each costs the server no more than its timeout."""

from __future__ import annotations

import time
from collections.abc import Callable

from cases import World, add
from flights import Conversation
from wire import CCS, DATA, HANDSHAKE, hello12, number

#: Steps of both versions, each up to the place where the client leaves.
PLACES: dict[str, Callable[[Conversation], object]] = {
    "before a word": lambda _: None,
    "after an octet": lambda peer: peer.raw(b"\x16"),
    "after the head of a record": lambda peer: peer.raw(b"\x16\x03\x01\x02\x00"),
    "in the middle of its hello": lambda peer: peer.raw(b"\x16\x03\x01" + number(400, 2) + hello12().message()[:60]),
    "after its hello, TLS 1.3": lambda peer: peer.say_hello(peer.hello13()),
    "after its hello, TLS 1.2": lambda peer: peer.say_hello(hello12()),
    "after the server's flight, TLS 1.3": lambda peer: peer.start13(),
    "after the server's flight, TLS 1.2": lambda peer: peer.start12(),
    "after ClientKeyExchange": lambda peer: (peer.start12(), peer.flight12(["exchange"])),
    "after ChangeCipherSpec": lambda peer: (peer.start12(), peer.flight12(["exchange", "ccs"])),
    "in the middle of Finished": lambda peer: (
        peer.start12(),
        peer.flight12(["exchange"]),
        peer.record(CCS, b"\x01"),
        peer.raw(b"\x16\x03\x03\x00\x20" + bytes(9)),
    ),
    "after the handshake, TLS 1.3": lambda peer: peer.done13(),
    "after the handshake, TLS 1.2": lambda peer: peer.done12(),
    "in the middle of a record of data": lambda peer: (peer.done13(), peer.raw(peer.sealed(DATA, bytes(100))[:50])),
    "between its two hellos": lambda peer: peer.retried(peer.hello13().with_((51, b"\x00\x00"))),
}


def _leave() -> None:
    for place, go in PLACES.items():
        for words, leave in (("hangs up", Conversation.close), ("resets", Conversation.reset)):

            def talk(
                world: World,
                go: Callable[[Conversation], object] = go,
                leave: Callable[[Conversation], object] = leave,
            ) -> str:
                peer = world.peer()
                go(peer)
                leave(peer)
                return "gone"

            add(f"a client {words} {place}", "RFC 8446 6.1", "gone", talk)

        def stalls(world: World, go: Callable[[Conversation], object] = go) -> str:
            peer = world.peer()
            go(peer)
            begun = time.monotonic()
            how = peer.drained()
            took = time.monotonic() - begun
            assert took < 2 * world.timeout_s + 1, f"{took:.1f} s"
            return how

        add(
            f"a client stalls {place}",
            "RFC 8446 6.1",
            ("closed", "close_notify"),
            stalls,
            long=place.startswith("in the"),
        )


def _dribble() -> None:
    def dribbles(make: Callable[[Conversation], bytes]) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            whole = make(peer)
            begun = time.monotonic()
            for octet in whole:
                peer.raw(bytes((octet,)))
                time.sleep(world.timeout_s / 40)
                if time.monotonic() - begun > 2 * world.timeout_s or peer.hears():
                    break
            how = peer.drained()
            took = time.monotonic() - begun
            assert took < 2 * world.timeout_s + 1, f"{took:.1f} s"
            return how

        return talk

    def as_records(peer: Conversation) -> bytes:
        whole = peer.hello13().message()
        return b"".join(b"\x16\x03\x01\x00\x01" + whole[at : at + 1] for at in range(len(whole)))

    def as_one(peer: Conversation) -> bytes:
        whole = peer.hello13().message()
        return bytes((HANDSHAKE, 3, 1)) + number(len(whole), 2) + whole

    add("a hello that dribbles ends in time", "RFC 8446 D.4", "closed", dribbles(as_one))
    add("a hello that dribbles in records of one octet ends in time", "RFC 8446 D.4", "closed", dribbles(as_records))


_leave()
_dribble()
