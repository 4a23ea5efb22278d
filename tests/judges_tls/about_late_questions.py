"""Authentication after the handshake (RFC 8446 4.6.2)."""

from __future__ import annotations

from collections.abc import Callable

from cases import SERVED, World, add
from flights import Conversation
from wire import (
    FINISHED,
    POST_HANDSHAKE,
    flipped,
    message,
)


def _late_questions() -> None:
    """Authentication after the handshake, on a server that takes certificates and demands none."""
    rfc = "RFC 8446 4.6.2, 4.4.2"

    def asked(world: World, identity: str | None) -> Conversation:
        peer = world.peer(identity)
        peer.start13(peer.hello13().with_((POST_HANDSHAKE, b"")))
        who, peer.identity = peer.identity, None
        peer.flight13()
        peer.identity = who
        assert peer.echoed(b"!certificate") == "served"
        assert peer.ask_context
        peer.transcript += peer.asked_late
        return peer

    def answer(peer: Conversation, steps: list[str]) -> str:
        made = {"certificate": peer.certificate13, "verify": peer.verify13}
        for step in steps:
            if step == "finished":
                whole = message(FINISHED, peer._finished13(peer.client_application, peer.transcript))
            else:
                whole = made[step]()
            peer.handshake(peer.falsified(step, whole))
        return peer.echoed()

    def talk_with(
        identity: str | None, steps: list[str], prepare: Callable[[Conversation], object] = lambda _: None
    ) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = asked(world, identity)
            prepare(peer)
            return answer(peer, steps)

        return talk

    whole = ["certificate", "verify", "finished"]
    for identity in ("client-ec", "client-rsa", "client-p384"):
        add(f"{identity} answers after the handshake", rfc, SERVED, talk_with(identity, whole), server="optional")
    rows: tuple[tuple[str, str | None, list[str], Callable[[Conversation], object], str | tuple[str, ...]], ...] = (
        ("no certificate", None, ["certificate", "finished"], lambda _: None, "certificate_required|served"),
        ("no Finished but data", "client-ec", ["certificate", "verify"], lambda _: None, "unexpected_message|served"),
        ("no CertificateVerify", "client-ec", ["certificate", "finished"], lambda _: None, "unexpected_message"),
        (
            "another context",
            "client-ec",
            whole,
            lambda peer: setattr(peer, "ask_context", bytes(len(peer.ask_context))),
            "illegal_parameter|decode_error",
        ),
        (
            "a wrong signature",
            "client-ec",
            whole,
            lambda peer: peer.tamper.update(verify=lambda whole: flipped(whole, -1)),
            "decrypt_error|illegal_parameter",
        ),
        (
            "a wrong Finished",
            "client-ec",
            whole,
            lambda peer: peer.tamper.update(finished=lambda whole: flipped(whole, -1)),
            "decrypt_error",
        ),
        ("a certificate of another CA", "client-of-another", whole, lambda _: None, "unknown_ca"),
    )
    for words, who, steps, prepare, expected in rows:
        name_ = f"an answer after the handshake with {words}"
        add(name_, rfc, expected, talk_with(who, steps, prepare), server="optional")

    def unasked(world: World) -> str:
        peer = world.peer("client-ec")
        peer.start13(peer.hello13().with_((POST_HANDSHAKE, b"")))
        who, peer.identity = peer.identity, None
        peer.flight13()
        peer.identity = who
        assert peer.echoed() == "served"
        return answer(peer, whole)

    add("an answer after the handshake to no question", rfc, "unexpected_message", unasked, server="optional")

    def not_offered(world: World) -> str:
        peer = world.peer()
        peer.done13()
        return peer.echoed(b"!certificate")

    # The server's own call fails, and it says goodbye without a reason that is the client's.
    add(
        "a client that did not offer to answer is not asked", rfc, "closed|close_notify", not_offered, server="optional"
    )


_late_questions()
