"""The second hello of TLS 1.3, which a HelloRetryRequest asks for (RFC 8446 4.1.4)."""

from __future__ import annotations

import os
from collections.abc import Callable

from cases import REFUSED, SERVED, World, add, case, meet
from flights import Conversation
from wire import (
    CCS,
    COOKIE,
    EARLY_DATA,
    FINISHED,
    GREASE,
    HANDSHAKE,
    KEY_SHARE,
    P256,
    P384,
    SERVER_NAME,
    SIGNATURES,
    TLS12,
    X25519,
    Hello,
    groups,
    hello12,
    key_share,
    message,
    name,
    number,
    server_name,
    vector,
    versions,
)


def _retry() -> None:
    def again(change: Callable[[Conversation, Hello], Hello] = lambda _, hello: hello) -> Callable[[World], str]:
        """A client whose first hello has no share; its second one is changed."""

        def talk(world: World) -> str:
            peer = world.peer()
            return meet(peer, change(peer, peer.retried(peer.hello13().with_(key_share()))))

        return talk

    rfc = "RFC 8446 4.1.2, 4.1.4"
    add("a hello without shares gets a HelloRetryRequest", rfc, SERVED, again())

    @case("a share of an unknown group gets a HelloRetryRequest", rfc, SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        first = peer.hello13().with_(groups(GREASE[0], P384), key_share((GREASE[0], b"\x00")))
        return meet(peer, peer.retried(first))

    @case("the HelloRetryRequest asks for a group that was offered", rfc, SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        second = peer.retried(peer.hello13().with_(groups(P384, P256), key_share()))
        assert int.from_bytes(peer.server.extensions[KEY_SHARE], "big") in (P384, P256)
        assert peer.server.session == peer.hello.session
        return meet(peer, second)

    @case("ChangeCipherSpec between the two hellos is dropped", "RFC 8446 D.4", SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        second = peer.retried(peer.hello13().with_(key_share()))
        peer.plain(CCS, b"\x01")
        return meet(peer, second)

    def other_share(peer: Conversation, hello: Hello) -> Hello:
        peer.hello13(share=P256)
        return hello.with_(key_share((P256, peer.shares[P256].public)))

    def two_shares(peer: Conversation, hello: Hello) -> Hello:
        kept = dict(hello.extensions or ())[KEY_SHARE][2:]
        more = number(P256, 2) + vector(2, b"\x04" + bytes(64))
        return hello.with_((KEY_SHARE, vector(2, kept + more)))

    changes: tuple[tuple[str, Callable[[Conversation, Hello], Hello]], ...] = (
        ("the share of another group", other_share),
        ("two shares", two_shares),
        ("no share again", lambda _, hello: hello.with_(key_share())),
        ("no key_share", lambda _, hello: hello.without(KEY_SHARE)),
        ("another random", lambda _, hello: hello.but(random=os.urandom(32))),
        ("another session id", lambda _, hello: hello.but(session=os.urandom(32))),
        ("another legacy_version", lambda _, hello: hello.but(version=0x0302)),
        ("other suites", lambda peer, hello: hello.but(suites=(0x1301 if peer.suite != 0x1301 else 0x1303,))),
        ("more suites", lambda _, hello: hello.but(suites=(*hello.suites, 0x1304))),
        ("other groups", lambda _, hello: hello.with_(groups(X25519))),
        ("another name", lambda _, hello: hello.with_(server_name(name(b"other.example")))),
        ("no name", lambda _, hello: hello.without(SERVER_NAME)),
        ("an extension more", lambda _, hello: hello.with_((0x4321, b"x"))),
        ("a cookie that nobody gave", lambda _, hello: hello.with_((COOKIE, vector(2, b"x" * 20)))),
        ("early_data", lambda _, hello: hello.with_((EARLY_DATA, b""))),
        ("TLS 1.2 only", lambda _, hello: hello.with_(versions(TLS12)).but(suites=(0xCCA8, *hello.suites))),
        ("no signature_algorithms", lambda _, hello: hello.without(SIGNATURES)),
        ("compression", lambda _, hello: hello.but(compressions=b"\x00\x01")),
    )
    for words, change in changes:
        expected: str = "illegal_parameter"
        if words in ("no key_share", "no signature_algorithms"):
            expected = "illegal_parameter|missing_extension"
        if words == "TLS 1.2 only":
            expected = "illegal_parameter|protocol_version"
        add(f"a second hello with {words}", rfc, expected, again(change))

    @case("a hello of TLS 1.2 after a HelloRetryRequest", rfc, REFUSED)
    def _(world: World) -> str:
        peer = world.peer()
        peer.retried(peer.hello13().with_(key_share()))
        peer.say_hello(hello12())
        return peer.outcome()

    @case("Finished after a HelloRetryRequest", rfc, "unexpected_message")
    def _(world: World) -> str:
        peer = world.peer()
        peer.retried(peer.hello13().with_(key_share()))
        peer.plain(HANDSHAKE, message(FINISHED, bytes(32)))
        return peer.outcome()

    @case("each ServerHello of TLS 1.3 has another random and share", "RFC 8446 4.1.3", SERVED)
    def _(world: World) -> str:
        seen = set()
        for _ in range(6):
            peer = world.peer()
            assert meet(peer, peer.hello13()) == "served"
            seen |= {peer.server.random, peer.server.extensions[KEY_SHARE]}
        return "served" if len(seen) == 12 else "the same again"


_retry()
