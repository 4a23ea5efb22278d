"""Clients with a certificate, and how their flights differ from an honest one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cases import World
from flights import Conversation
from wire import SIGNATURES

V12, V13 = "1.2", "1.3"
Prepare = Callable[[Conversation], object]


def talk_with(
    version: str,
    identity: str | None,
    steps: Sequence[str] | None = None,
    tamper: dict[str, Callable[[bytes], bytes]] | None = None,
    prepare: Prepare = lambda _: None,
) -> Callable[[World], str]:
    """A client with this certificate and this flight; `prepare` sees the connection before its flight."""

    def talk(world: World) -> str:
        peer = world.peer(identity)
        peer.tamper = tamper or {}
        if version == V13:
            peer.start13()
            prepare(peer)
            peer.flight13(steps)
        else:
            peer.start12()
            prepare(peer)
            peer.flight12(steps)
            peer.hear_finished12()
        return peer.echoed()

    return talk


def schemes(peer: Conversation) -> list[int]:
    """What the server takes."""
    assert peer.asked is not None
    body = peer.asked[SIGNATURES]
    body = body[2:] if peer.server.version == 0x0304 else body
    return [int.from_bytes(body[at : at + 2], "big") for at in range(0, len(body), 2)]
