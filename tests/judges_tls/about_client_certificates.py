"""Mutual TLS: certificates that are missing, malformed or another's."""

from __future__ import annotations

import os
from collections.abc import Callable

from cases import REFUSED, SERVED, World, add
from client_flights import V12, V13, schemes, talk_with
from flights import Conversation
from wire import (
    CERTIFICATE,
    ECDSA_SHA1,
    ECDSA_SHA256,
    ECDSA_SHA384,
    ED25519,
    EMS,
    EVERY_SIGNATURE,
    PKCS1_SHA1,
    PKCS1_SHA256,
    PKCS1_SHA384,
    PKCS1_SHA512,
    PSS_SHA256,
    PSS_SHA384,
    PSS_SHA512,
    flipped,
    hello12,
    message,
    number,
    vector,
)


def _honest() -> None:
    rfc = "RFC 8446 4.4, RFC 5246 7.4.8"
    for version in (V13, V12):
        for server in ("require", "optional"):
            for identity in ("client-rsa", "client-ec", "client-p384"):
                name = f"{identity} is let in ({server}), TLS {version}"
                add(name, rfc, SERVED, talk_with(version, identity), server=server)
        no_one = "certificate_required" if version == V13 else "handshake_failure"
        section = "RFC 8446 4.4.2.4" if version == V13 else "RFC 5246 7.4.6"
        add(f"nobody is not let in, TLS {version}", section, no_one, talk_with(version, None), server="require")
        add(
            f"nobody is let in where that is optional, TLS {version}",
            section,
            SERVED,
            talk_with(version, None),
            server="optional",
        )
        good: tuple[tuple[str, int], ...] = (
            *(("client-rsa", scheme) for scheme in (PSS_SHA256, PSS_SHA384, PSS_SHA512)),
            *(("client-rsa", scheme) for scheme in (PKCS1_SHA256, PKCS1_SHA384, PKCS1_SHA512)),
            *(("client-ec", scheme) for scheme in (ECDSA_SHA256, ECDSA_SHA384, PKCS1_SHA256, PSS_SHA256, ED25519)),
            *(("client-p384", scheme) for scheme in (ECDSA_SHA256, ECDSA_SHA384)),
            *(("client-rsa", scheme) for scheme in (PKCS1_SHA1, 0x0101, 0x0301, 0x0809, ECDSA_SHA256)),
            ("client-ec", ECDSA_SHA1),
        )
        for identity, scheme in good:
            pkcs1 = scheme in (PKCS1_SHA256, PKCS1_SHA384, PKCS1_SHA512)
            fits = {
                "client-rsa": scheme in (PSS_SHA256, PSS_SHA384, PSS_SHA512) or (pkcs1 and version == V12),
                "client-ec": scheme == ECDSA_SHA256 or (scheme == ECDSA_SHA384 and version == V12),
                "client-p384": scheme == ECDSA_SHA384 or (scheme == ECDSA_SHA256 and version == V12),
            }[identity]
            name = f"{identity} signs by {scheme:#06x}, TLS {version}"
            # TLS 1.2 names no alert for a scheme that was not asked for.
            wrong = ("illegal_parameter", "decrypt_error") + (("handshake_failure",) if version == V12 else ())
            expected = SERVED if fits else wrong

            def signing(world: World, version: str = version, identity: str = identity, scheme: int = scheme) -> str:
                def named(peer: Conversation) -> None:
                    peer.scheme = scheme
                    assert peer.identity is not None
                    own = peer.identity
                    # Of a scheme that the key has not, the name alone is sent.
                    ec = hasattr(own.key, "d") is False
                    if (ec and scheme in (PKCS1_SHA256, PSS_SHA256, ED25519)) or (
                        not ec and scheme in (0x0809, ECDSA_SHA256)
                    ):
                        real = own.schemes[0]
                        peer.tamper = {"verify": lambda whole: whole[:4] + number(scheme, 2) + whole[6:]}
                        peer.scheme = real

                return talk_with(version, identity, prepare=named)(world)

            says = "" if fits else "HOSTLOCK_E_PROTOCOL"
            add(name, "RFC 8446 4.2.3, 4.4.3, RFC 5246 7.4.8", expected, signing, server="require", says=says)


def _order() -> None:
    rfc = "RFC 8446 4.4, RFC 5246 7.4"
    for server in ("require", "optional"):
        rows: tuple[tuple[str, str, str | None, tuple[str, ...], str | tuple[str, ...]], ...] = (
            (V13, "no Certificate", "client-ec", ("verify", "finished"), "unexpected_message"),
            (V13, "only Finished", "client-ec", ("finished",), "unexpected_message"),
            (V13, "no CertificateVerify", "client-ec", ("certificate", "finished"), "unexpected_message"),
            (
                V13,
                "Certificate twice",
                "client-ec",
                ("certificate", "certificate", "verify", "finished"),
                "unexpected_message",
            ),
            (
                V13,
                "CertificateVerify twice",
                "client-ec",
                ("certificate", "verify", "verify", "finished"),
                "unexpected_message",
            ),
            (V13, "CertificateVerify first", "client-ec", ("verify", "certificate", "finished"), "unexpected_message"),
            (V12, "no Certificate", "client-ec", ("exchange", "verify", "ccs", "finished"), "unexpected_message"),
            (
                V12,
                "neither Certificate nor CertificateVerify",
                None,
                ("exchange", "ccs", "finished"),
                "unexpected_message",
            ),
            (
                V12,
                "no CertificateVerify",
                "client-ec",
                ("certificate", "exchange", "ccs", "finished"),
                "unexpected_message",
            ),
            (
                V12,
                "no ClientKeyExchange",
                "client-ec",
                ("certificate", "verify", "ccs", "finished"),
                "unexpected_message",
            ),
            (
                V12,
                "Certificate twice",
                "client-ec",
                ("certificate", "certificate", "exchange", "verify", "ccs", "finished"),
                "unexpected_message",
            ),
            (
                V12,
                "CertificateVerify before ClientKeyExchange",
                "client-ec",
                ("certificate", "verify", "exchange", "ccs", "finished"),
                "unexpected_message",
            ),
            (
                V12,
                "CertificateVerify behind ChangeCipherSpec",
                "client-ec",
                ("certificate", "exchange", "ccs", "verify", "finished"),
                "unexpected_message",
            ),
        )
        for version, words, identity, steps, expected in rows:
            add(f"{words} ({server}), TLS {version}", rfc, expected, talk_with(version, identity, steps), server=server)

        def proof_of_nobody(world: World) -> str:
            peer = world.peer("client-ec")
            peer.start13()
            empty = message(CERTIFICATE, b"\x00" + vector(3, b""))
            peer.tamper = {"certificate": lambda _: empty}
            peer.flight13(["certificate", "verify", "finished"])
            return peer.echoed()

        name = f"an empty Certificate and a CertificateVerify ({server}), TLS 1.3"
        expected = "unexpected_message" if server == "optional" else "certificate_required|unexpected_message"
        add(name, "RFC 8446 4.4.2.4, 4.4.3", expected, proof_of_nobody, server=server)


def _certificates() -> None:
    rfc = "RFC 8446 4.4.2, 6.2, RFC 5246 7.4.2, 7.2.2"
    for version in (V13, V12):
        for identity, expected in (
            ("client-of-another", "unknown_ca"),
            ("client-expired", "certificate_expired"),
            ("client-as-server", "unsupported_certificate|bad_certificate|certificate_unknown"),
            ("client-no-signing", "unsupported_certificate|bad_certificate|certificate_unknown|illegal_parameter"),
        ):
            for server in ("require", "optional"):
                name = f"{identity} ({server}), TLS {version}"
                add(name, "RFC 8446 4.4.2.4, 6.2", expected, talk_with(version, identity), server=server)

        def entry(data: bytes, version: str = version) -> bytes:
            return vector(3, data) + (b"\x00\x00" if version == V13 else b"")

        def listing(entries: bytes, version: str = version) -> bytes:
            return message(CERTIFICATE, (b"\x00" if version == V13 else b"") + vector(3, entries))

        def with_chain(
            make: Callable[[list[bytes], Callable[[bytes], bytes], Callable[[bytes], bytes]], bytes],
            version: str = version,
            entry: Callable[[bytes], bytes] = entry,
            listing: Callable[[bytes], bytes] = listing,
        ) -> Callable[[World], str]:
            def talk(world: World) -> str:
                chain = world.identities["client-ec"].chain
                return talk_with(version, "client-ec", tamper={"certificate": lambda _: make(chain, entry, listing)})(
                    world
                )

            return talk

        broken = (
            "bad_certificate",
            "decode_error",
            "illegal_parameter",
            "unsupported_certificate",
            "unknown_ca",
            "certificate_unknown",
        )
        rows: tuple[tuple[str, Callable[..., bytes], tuple[str, ...]], ...] = (
            ("no body", lambda *_: message(CERTIFICATE, b""), broken),
            ("a list cut off", lambda _c, _e, _l: message(CERTIFICATE, b"\x00\x00\x00\x40" + bytes(8)), broken),
            ("an empty certificate", lambda _, e, w: w(e(b"")), broken),
            ("rubbish", lambda _, e, w: w(e(os.urandom(500))), broken),
            ("zeros", lambda _, e, w: w(e(bytes(500))), broken),
            ("a certificate cut off", lambda c, e, w: w(e(c[0][:-1])), broken),
            ("half a certificate", lambda c, e, w: w(e(c[0][: len(c[0]) // 2])), broken),
            ("an octet behind the certificate", lambda c, e, w: w(e(c[0] + b"\x00")), broken),
            ("two certificates in one", lambda c, e, w: w(e(c[0] + c[1])), broken),
            ("a length of 16 MiB in DER", lambda c, e, w: w(e(b"\x30\x83\xff\xff\xff" + c[0][4:])), broken),
            ("an indefinite length in DER", lambda c, e, w: w(e(b"\x30\x80" + c[0][4:] + b"\x00\x00")), broken),
            ("another tag in DER", lambda c, e, w: w(e(b"\x31" + c[0][1:])), broken),
            ("10,000 levels of DER", lambda _, e, w: w(e(b"\x30\x80" * 10000)), broken),
            ("rubbish behind a good one", lambda c, e, w: w(e(c[0]) + e(c[1]) + e(os.urandom(200))), broken),
            ("an empty one behind a good one", lambda c, e, w: w(e(c[0]) + e(c[1]) + e(b"")), broken),
            (
                "an octet behind the list",
                lambda c, e, w: message(CERTIFICATE, w(e(c[0]) + e(c[1]))[4:] + b"\x00"),
                broken,
            ),
            ("the intermediate only", lambda c, e, w: w(e(c[1])), (*broken, "decrypt_error")),
            (
                "a signature of the certificate changed",
                lambda c, e, w: w(e(flipped(c[0], -1)) + e(c[1])),
                (*broken, "decrypt_error"),
            ),
            ("no intermediate", lambda c, e, w: w(e(c[0])), ("unknown_ca",)),
            ("the leaf twice", lambda c, e, w: w(e(c[0]) * 2 + e(c[1])), SERVED + broken),
            ("60 intermediates, the same", lambda c, e, w: w(e(c[0]) + e(c[1]) * 60), SERVED + broken),
            ("more than 100 KiB", lambda c, e, w: w(e(c[0]) + e(c[1]) * 400), REFUSED),
            ("16 MiB, as it claims", lambda c, e, w: b"\x0b\xff\xff\xff" + w(e(c[0]) + e(c[1]))[4:], REFUSED),
        )
        for words, make, expected_ in rows:
            add(f"a Certificate of {words}, TLS {version}", rfc, expected_, with_chain(make), server="require")
        for at in (1, 5, 20, 60, 100, 200, 300, 400):

            def bent(world: World, version: str = version, at: int = at) -> str:
                chain = world.identities["client-ec"].chain
                offset = (8 if version == V13 else 7) + 3 + at
                assert at < len(chain[0])
                return talk_with(version, "client-ec", tamper={"certificate": lambda w: flipped(w, offset, 0x41)})(
                    world
                )

            name = f"a certificate with octet {at} changed, TLS {version}"
            add(
                name,
                rfc,
                (*broken, "decrypt_error", "certificate_expired", "bad_certificate"),
                bent,
                server="require",
                long=at % 40 == 20,
            )

    def contexted(world: World) -> str:
        peer = world.peer("client-ec")
        peer.start13()
        peer.ask_context = b"context"
        peer.flight13()
        return peer.echoed()

    add(
        "a Certificate with a context in the handshake",
        "RFC 8446 4.4.2",
        "illegal_parameter|decode_error",
        contexted,
        server="require",
    )
    for kind, words in ((5, "a staple"), (18, "SCTs"), (0x4321, "an unknown extension"), (0, "a server_name")):

        def extended(world: World, kind: int = kind) -> str:
            chain = world.identities["client-ec"].chain
            more = vector(2, number(kind, 2) + vector(2, b"\x00\x01"))
            body = b"\x00" + vector(3, vector(3, chain[0]) + more + vector(3, chain[1]) + b"\x00\x00")
            return talk_with(V13, "client-ec", tamper={"certificate": lambda _: message(CERTIFICATE, body)})(world)

        # None of them is in our CertificateRequest.
        name = f"a Certificate with {words} that nobody asked for"
        add(
            name,
            "RFC 8446 4.2, 4.4.2",
            "unsupported_extension|illegal_parameter|decode_error",
            extended,
            server="require",
        )


def _question() -> None:
    for version in (V13, V12):

        def asks(world: World, version: str = version) -> str:
            peer = world.peer("client-ec")
            if version == V13:
                peer.start13()
            else:
                peer.start12()
            found = schemes(peer)
            assert set(EVERY_SIGNATURE) <= set(found), found
            assert not {PKCS1_SHA1, ECDSA_SHA1, 0x0202, 0x0101, 0x0301, 0x0303} & set(found), found
            assert peer.asked is not None and b"client-root" in peer.asked[47]
            assert peer.ask_context == b""
            if version == V13:
                peer.flight13()
            else:
                peer.flight12()
                peer.hear_finished12()
            return peer.echoed()

        add(
            f"the question names schemes and authorities, TLS {version}",
            "RFC 8446 4.3.2, RFC 5246 7.4.4",
            SERVED,
            asks,
            server="require",
        )

    def old_master(world: World) -> str:
        peer = world.peer("client-ec")
        peer.done12(hello12().without(EMS))
        return peer.echoed()

    add(
        "a client's certificate without extended_master_secret",
        "RFC 7627 5.2",
        (*SERVED, "handshake_failure"),
        old_master,
        server="require",
    )


for listing_ in (_honest, _order, _certificates, _question):
    listing_()
