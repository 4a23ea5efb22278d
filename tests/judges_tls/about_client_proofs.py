"""Mutual TLS: signatures of a client that prove nothing."""

from __future__ import annotations

from collections.abc import Callable

from cases import World, add
from client_flights import V12, V13, talk_with
from flights import Conversation
from keys import Identity
from wire import (
    CERTIFICATE_VERIFY,
    ECDSA_SHA256,
    PSS_SHA256,
    flipped,
    message,
    number,
    vector,
)


def _proofs() -> None:
    rfc = "RFC 8446 4.4.3, RFC 5246 7.4.8, 7.2.2"

    def body_of(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
        return lambda whole: message(CERTIFICATE_VERIFY, change(whole[4:]))

    for version in (V13, V12):
        for identity in ("client-rsa", "client-ec"):
            for at in (4, 5, 6, 10, 40, -1):
                if identity == "client-ec" and at in (4, 5, 6):
                    continue
                bent = talk_with(version, identity, tamper={"verify": body_of(lambda b, at=at: flipped(b, at, 0x10))})
                name = f"octet {at} of the signature of {identity} changed, TLS {version}"
                add(name, rfc, "decrypt_error", bent, server="require")
            rows: tuple[tuple[str, Callable[[bytes], bytes], str], ...] = (
                ("empty", lambda _: b"", "decode_error"),
                ("one octet", lambda _: b"\x08", "decode_error"),
                ("a scheme alone", lambda b: b[:2], "decode_error"),
                ("an empty signature", lambda b: b[:2] + b"\x00\x00", "decrypt_error|decode_error"),
                ("a signature cut off", lambda b: b[:2] + vector(2, b[4:-1]), "decrypt_error|decode_error"),
                (
                    "a signature with an octet more",
                    lambda b: b[:2] + vector(2, b[4:] + b"\x00"),
                    "decrypt_error|decode_error",
                ),
                ("an octet behind", lambda b: b + b"\x00", "decode_error"),
                ("its length too great", lambda b: b[:2] + number(len(b), 2) + b[4:], "decode_error"),
                ("its length too small", lambda b: b[:2] + number(8, 2) + b[4:], "decode_error"),
                ("a signature of zeros", lambda b: b[:4] + bytes(len(b) - 4), "decrypt_error"),
                ("a signature of ones", lambda b: b[:4] + b"\xff" * (len(b) - 4), "decrypt_error"),
                (
                    "a signature of 16,000 octets",
                    lambda b: b[:2] + vector(2, bytes(16000)),
                    "decrypt_error|decode_error|illegal_parameter",
                ),
                ("a scheme that was not offered", lambda b: b"\xfe\xff" + b[2:], "illegal_parameter"),
            )
            for words, change, expected in rows:
                wrong = talk_with(version, identity, tamper={"verify": body_of(change)})
                add(f"CertificateVerify of {identity}: {words}, TLS {version}", rfc, expected, wrong, server="require")
        for salt in (0, 20, 31, 33, 64):

            def salted(world: World, version: str = version, salt: int = salt) -> str:
                def sign(peer: Conversation) -> None:
                    assert peer.identity is not None
                    own = peer.identity

                    def again(whole: bytes) -> bytes:
                        data = peer.signed13() if version == V13 else peer.transcript
                        return message(CERTIFICATE_VERIFY, whole[4:6] + vector(2, own.sign(PSS_SHA256, data, salt)))

                    peer.tamper = {"verify": again}

                return talk_with(version, "client-rsa", prepare=sign)(world)

            name = f"PSS with a salt of {salt} octets, TLS {version}"
            add(name, "RFC 8446 4.2.3", "decrypt_error", salted, server="require")

        def by_another(world: World, version: str = version) -> str:
            other = world.identities["client-ec"]

            def borrow(peer: Conversation) -> None:
                assert peer.identity is not None
                mixed = Identity.__new__(Identity)
                mixed.chain, mixed.key, mixed.schemes = peer.identity.chain, other.key, other.schemes
                peer.identity = mixed

            return talk_with(version, "client-of-another", prepare=borrow)(world)

        def stolen(world: World, version: str = version) -> str:
            mine = world.identities["client-expired"]

            def borrow(peer: Conversation) -> None:
                assert peer.identity is not None
                mixed = Identity.__new__(Identity)
                mixed.chain, mixed.key, mixed.schemes = peer.identity.chain, mine.key, mine.schemes
                peer.identity = mixed

            return talk_with(version, "client-ec", prepare=borrow)(world)

        add(
            f"a good certificate, signed for by another key, TLS {version}",
            rfc,
            "decrypt_error",
            stolen,
            server="require",
        )
        add(
            f"another CA's certificate, signed for by another key, TLS {version}",
            rfc,
            "unknown_ca|decrypt_error",
            by_another,
            server="require",
        )

    def as_server(world: World) -> str:
        peer = world.peer("client-ec")
        peer.start13()
        own = peer.identity
        assert own is not None
        peer.tamper = {
            "verify": lambda whole: message(
                CERTIFICATE_VERIFY, whole[4:6] + vector(2, own.sign(ECDSA_SHA256, peer.signed13(b"server")))
            )
        }
        peer.flight13()
        return peer.echoed()

    add("a signature in the server's words", "RFC 8446 4.4.3", "decrypt_error", as_server, server="require")

    def of_another_handshake(world: World) -> str:
        first = world.peer("client-ec")
        first.start13()
        kept: list[bytes] = []
        first.tamper = {"verify": lambda whole: kept.append(whole) or whole}
        first.flight13()
        second = world.peer("client-ec")
        second.start13()
        second.tamper = {"verify": lambda _: kept[0]}
        second.flight13()
        return second.echoed()

    add("a signature of another handshake", "RFC 8446 4.4.3", "decrypt_error", of_another_handshake, server="require")


_proofs()
