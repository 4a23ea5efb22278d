"""Extensions of a ClientHello: unknown, repeated, malformed ones; names, groups, key shares, signatures."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace

from about_hello import of12, of13
from cases import REFUSED, SERVED, World, add, case, finish, meet
from flights import Conversation
from wire import (
    ALPN,
    AUTHORITIES,
    CERTIFICATE_VERIFY,
    COOKIE,
    ECDSA_SHA1,
    ECDSA_SHA256,
    ECDSA_SHA384,
    EMS,
    ENCRYPTED_EXTENSIONS,
    ETM,
    EVERY_SIGNATURE,
    GREASE,
    GROUPS,
    HEARTBEATS,
    KEY_SHARE,
    MAX_FRAGMENT,
    PKCS1_SHA1,
    PKCS1_SHA256,
    PKCS1_SHA384,
    PKCS1_SHA512,
    POST_HANDSHAKE,
    PSK_MODES,
    PSS_SHA256,
    PSS_SHA384,
    PSS_SHA512,
    RECORD_LIMIT,
    SERVER_KEY_EXCHANGE,
    SERVER_NAME,
    SIGNATURES,
    SIGNATURES_CERT,
    STATUS_REQUEST,
    TICKET,
    VERSIONS,
    X25519,
    Extension,
    Hello,
    Reader,
    alpn,
    groups,
    hello12,
    name,
    number,
    numbers,
    psk_modes,
    server_name,
    signatures,
    vector,
)

Row = tuple[str, tuple[Extension, ...], "str | tuple[str, ...]"]


def both(subject: str, rfc: str, rows: tuple[Row, ...], only: str = "") -> None:
    """Rows of extensions that take the place of the honest ones, in both versions."""
    for words, extensions, expected in rows:
        for version, honest in (("1.3", of13), ("1.2", of12)):
            if only in ("", version):
                talk = honest(lambda hello, e=extensions: hello.with_(*e))
                add(f"{subject}: {words}, TLS {version}", rfc, expected, talk)


def _unknown() -> None:
    both(
        "unknown extensions",
        "RFC 8446 4.1.2, RFC 8701",
        (
            ("GREASE, empty", ((GREASE[2], b""),), SERVED),
            ("GREASE with an octet", ((GREASE[7], b"\x00"),), SERVED),
            ("all of GREASE", tuple((kind, b"") for kind in GREASE), SERVED),
            ("one of 16 KiB", ((0x1234, bytes(16384)),), SERVED),
            ("one of 60,000 octets", ((0x1234, bytes(60000)),), SERVED),
            ("a thousand, empty", tuple((0x2000 + kind, b"") for kind in range(1000)), SERVED),
            ("15,000, empty", tuple((0x2000 + kind, b"") for kind in range(15000)), SERVED),
            ("next protocol negotiation", ((13172, b""),), SERVED),
            ("channel id", ((30032, b""),), SERVED),
            ("encrypted hello of GREASE", ((0xFE0D, b"\x00\x00\x01\x00\x01\x05" + vector(2, bytes(32)) * 2),), SERVED),
        ),
    )
    for version, honest in (("1.3", of13), ("1.2", of12)):
        add(
            f"an extension twice: server_name, TLS {version}",
            "RFC 8446 4.2, RFC 5246 7.4.1.4",
            "illegal_parameter|decode_error",
            honest(
                lambda hello: replace(hello, extensions=(server_name(name(b"localhost")), *(hello.extensions or ())))
            ),
        )
        add(
            f"an extension twice: supported_groups, TLS {version}",
            "RFC 8446 4.2, RFC 5246 7.4.1.4",
            "illegal_parameter|decode_error",
            honest(lambda hello: replace(hello, extensions=(groups(X25519), *(hello.extensions or ())))),
        )
        add(
            f"an extension twice: an unknown one, TLS {version}",
            "RFC 8446 4.2, RFC 5246 7.4.1.4",
            "illegal_parameter|decode_error",
            honest(lambda hello: replace(hello, extensions=((0x1234, b""), (0x1234, b""), *(hello.extensions or ())))),
        )
        for seed in range(6):

            def shuffled(hello: Hello, seed: int = seed) -> Hello:
                listed = list(hello.extensions or ())
                random.Random(seed).shuffle(listed)
                return hello.but(extensions=tuple(listed))

            add(f"extensions in another order ({seed}), TLS {version}", "RFC 8446 4.2", SERVED, honest(shuffled))
        for size in (1, 2, 3):
            add(
                f"{size} octets where an extension belongs, TLS {version}",
                "RFC 8446 6.2, RFC 5246 7.2.2",
                "decode_error|illegal_parameter",
                honest(
                    lambda hello, size=size: hello.but(
                        extensions_field=vector(2, hello.extensions_as_sent()[2:] + bytes((0x12,)) * size)
                    )
                ),
            )
        add(
            f"an extension longer than the hello, TLS {version}",
            "RFC 8446 6.2, RFC 5246 7.2.2",
            "decode_error|illegal_parameter",
            honest(lambda h: h.but(extensions_field=vector(2, h.extensions_as_sent()[2:] + b"\x12\x34\xff\xff"))),
        )
    for kind, words in ((VERSIONS, "VERSIONS"), (SERVER_NAME, "server_name")):
        if kind == SERVER_NAME:
            for version, honest in (("1.3", of13), ("1.2", of12)):
                add(
                    f"no {words}, TLS {version}", "RFC 6066 3", SERVED, honest(lambda hello: hello.without(SERVER_NAME))
                )
    # Empty where it may not be.
    for kind, words in (
        (GROUPS, "supported_groups"),
        (SIGNATURES, "signature_algorithms"),
        (KEY_SHARE, "key_share"),
        (PSK_MODES, "psk_key_exchange_modes"),
        (ALPN, "ALPN"),
        (COOKIE, "cookie"),
        (AUTHORITIES, "certificate_authorities"),
        (SIGNATURES_CERT, "signature_algorithms_cert"),
        (STATUS_REQUEST, "status_request"),
    ):
        rfc = "RFC 8446 6.2"
        add(f"{words} without a body, TLS 1.3", rfc, "decode_error", of13(lambda hello, k=kind: hello.with_((k, b""))))
    for kind, words in ((GROUPS, "supported_groups"), (SIGNATURES, "signature_algorithms"), (ALPN, "ALPN")):
        rfc = "RFC 5246 7.2.2"
        expected = "decode_error|illegal_parameter"
        add(f"{words} without a body, TLS 1.2", rfc, expected, of12(lambda hello, k=kind: hello.with_((k, b""))))
    for kind, words in ((EMS, "extended_master_secret"), (ETM, "encrypt_then_mac")):
        rfc = "RFC 7627 5.1, RFC 7366 2"
        expected = "decode_error|illegal_parameter"
        add(f"{words} with a body, TLS 1.2", rfc, expected, of12(lambda hello, k=kind: hello.with_((k, b"\x00"))))
    rfc = "RFC 8446 4.2.6"
    add("post_handshake_auth with a body", rfc, "decode_error", of13(lambda h: h.with_((POST_HANDSHAKE, b"\x00"))))


def _names() -> None:
    broken = "decode_error|illegal_parameter|unrecognized_name"
    both(
        "server_name",
        "RFC 6066 3",
        (
            ("no body", ((SERVER_NAME, b""),), broken),
            ("empty list", (server_name(),), broken),
            ("an empty name", (server_name(name(b"")),), broken),
            ("the list cut off", ((SERVER_NAME, b"\x00\x0c\x00\x00\x09local"),), broken),
            ("octets behind the list", ((SERVER_NAME, vector(2, name(b"localhost")) + b"\x00"),), broken),
            ("a name longer than the list", ((SERVER_NAME, vector(2, b"\x00\xff\xfflocalhost")),), broken),
            ("of an unknown type alone", (server_name(name(b"localhost", 1)),), broken + "|served"),
            ("two names of a host", (server_name(name(b"localhost"), name(b"other")),), broken),
            ("the same name twice", (server_name(name(b"localhost"), name(b"localhost")),), broken),
            ("NUL within", (server_name(name(b"local\x00host")),), broken),
            ("NUL at the end", (server_name(name(b"localhost\x00")),), broken),
            ("256 octets", (server_name(name(b"a" * 256)),), broken),
            ("60,000 octets", (server_name(name(b"a" * 60000)),), broken),
            ("octets that are no ASCII", (server_name(name("localhöst".encode())),), broken + "|served"),
            ("not a name at all", (server_name(name(b"\xff\xfe %s%n ../\x7f")),), broken + "|served"),
            ("an IP address", (server_name(name(b"127.0.0.1")),), broken + "|served"),
            ("a name with a dot at its end", (server_name(name(b"localhost.")),), broken + "|served"),
            ("another name", (server_name(name(b"other.example")),), "served|unrecognized_name"),
            ("capital letters", (server_name(name(b"LOCALHOST")),), SERVED),
        ),
    )


def _chosen(peer: Conversation) -> int:
    """The scheme that the server signs with."""
    if CERTIFICATE_VERIFY in peer.messages:
        return int.from_bytes(peer.messages[CERTIFICATE_VERIFY][:2], "big")
    reader = Reader(peer.messages[SERVER_KEY_EXCHANGE])
    reader.take(3)
    reader.vector(1)
    return reader.number(2)


def _signatures() -> None:
    rfc = "RFC 8446 4.2.3, RFC 5246 7.4.1.4.1"
    nothing = "handshake_failure|insufficient_security"
    for scheme in EVERY_SIGNATURE:
        for version in ("1.3", "1.2"):

            def talk(world: World, scheme: int = scheme, version: str = version) -> str:
                peer = world.peer()
                hello = (peer.hello13() if version == "1.3" else hello12()).with_(signatures(scheme))
                result = meet(peer, hello)
                assert _chosen(peer) == scheme
                return result

            # Neither key of the server is on P-384, and TLS 1.3 signs no PKCS #1.
            good = version == "1.2" or scheme in (ECDSA_SHA256, PSS_SHA256, PSS_SHA384, PSS_SHA512)
            add(f"signature scheme {scheme:#06x} alone, TLS {version}", rfc, SERVED if good else nothing, talk)
    both(
        "signature_algorithms",
        rfc,
        (
            ("empty list", ((SIGNATURES, b"\x00\x00"),), "decode_error|illegal_parameter|handshake_failure"),
            ("odd length", ((SIGNATURES, b"\x00\x03\x08\x04\x04"),), "decode_error|illegal_parameter"),
            ("cut off", ((SIGNATURES, b"\x00\x08\x08\x04"),), "decode_error|illegal_parameter"),
            ("octets behind", ((SIGNATURES, b"\x00\x02\x08\x04\x04"),), "decode_error|illegal_parameter"),
            ("SHA-1 only", (signatures(PKCS1_SHA1, ECDSA_SHA1),), nothing),
            ("MD5 and SHA-224 only", (signatures(0x0101, 0x0103, 0x0301, 0x0303),), nothing),
            ("DSA only", (signatures(0x0202, 0x0402, 0x0502, 0x0602),), nothing),
            ("unassigned and GREASE only", (signatures(0x0000, 0xFE00, *GREASE),), nothing),
            ("anonymous only", (signatures(0x0400, 0x0500),), nothing),
            ("SHA-1 before a good one", (signatures(PKCS1_SHA1, ECDSA_SHA1, PSS_SHA256),), SERVED),
            ("GREASE around", (signatures(GREASE[0], PSS_SHA256, GREASE[9]),), SERVED),
            ("16,000 unassigned and a good one", (signatures(*range(0xA000, 0xDE80), PSS_SHA256),), SERVED),
            ("a good one 1,000 times", (signatures(*[ECDSA_SHA256] * 1000),), SERVED),
        ),
    )
    both(
        "signature_algorithms",
        rfc,
        (("PKCS #1 only", (signatures(PKCS1_SHA256, PKCS1_SHA384, PKCS1_SHA512),), nothing),),
        "1.3",
    )
    add(
        "no signature_algorithms, TLS 1.3",
        "RFC 8446 4.2.3, 9.2",
        "missing_extension",
        of13(lambda h: h.without(SIGNATURES)),
    )
    # Without the list SHA-1 is meant (RFC 5246 7.4.1.4.1), which the policy does not sign.
    add("no signature_algorithms, TLS 1.2", "RFC 9155 4", nothing, of12(lambda h: h.without(SIGNATURES)))
    both(
        "signature_algorithms_cert",
        "RFC 8446 4.2.3",
        (
            ("all", ((SIGNATURES_CERT, vector(2, numbers(EVERY_SIGNATURE))),), SERVED),
            (
                "none that the chain has",
                ((SIGNATURES_CERT, vector(2, number(ECDSA_SHA384, 2))),),
                "served|handshake_failure",
            ),
            ("empty list", ((SIGNATURES_CERT, b"\x00\x00"),), "decode_error|illegal_parameter"),
        ),
        "1.3",
    )


def _small_ones() -> None:
    @case("ALPN: what both know is chosen", "RFC 7301 3.2", SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        result = meet(peer, peer.hello13().with_(alpn(b"spdy/9", b"http/1.1")))
        assert vector(2, vector(1, b"http/1.1")) in peer.messages[ENCRYPTED_EXTENSIONS]
        return result

    broken = "decode_error|illegal_parameter"
    both(
        "ALPN",
        "RFC 7301 3.1, 3.2",
        (
            ("nothing in common", (alpn(b"spdy/9"),), "no_application_protocol"),
            ("the empty list", ((ALPN, b"\x00\x00"),), broken),
            ("an empty name", (alpn(b"", b"h2"),), broken),
            ("an empty name behind", (alpn(b"h2", b""),), broken),
            ("cut off", ((ALPN, b"\x00\x05\x02h2"),), broken),
            ("octets behind", ((ALPN, b"\x00\x03\x02h2\x00"),), broken),
            ("GREASE and one known", (alpn(b"\x0a\x0a", b"h2"),), SERVED),
            ("one of 255 octets", (alpn(b"x" * 255, b"h2"),), SERVED),
            ("ten thousand", (alpn(*[b"x"] * 10000, b"h2"),), SERVED),
        ),
    )
    both(
        "status_request",
        "RFC 6066 8",
        (
            ("honest", ((STATUS_REQUEST, b"\x01\x00\x00\x00\x00"),), SERVED),
            ("of an unknown type", ((STATUS_REQUEST, b"\x09\x00\x00\x00\x00"),), SERVED),
            ("a responder that is none", ((STATUS_REQUEST, b"\x01\x00\x05\x00\x03abc\x00\x00"),), REFUSED + SERVED),
            ("cut off", ((STATUS_REQUEST, b"\x01\x00\x00"),), broken),
            ("octets behind", ((STATUS_REQUEST, b"\x01\x00\x00\x00\x00\x00"),), broken),
        ),
    )
    for code, size in ((1, 512), (2, 1024), (3, 2048), (4, 4096)):
        for version in ("1.3", "1.2"):

            def smaller(world: World, code: int = code, size: int = size, version: str = version) -> str:
                peer = world.peer()
                hello = peer.hello13() if version == "1.3" else hello12()
                peer.say_hello(hello.with_((MAX_FRAGMENT, bytes((code,)))))
                peer.hear_hello()
                result = finish(peer)
                if result == "served":
                    result = peer.echoed(bytes(size))
                assert max(length for _, _, length in peer.records) <= size + 256, peer.records
                return result

            add(f"records of {size} octets at most, TLS {version}", "RFC 6066 4", SERVED, smaller)
    both(
        "max_fragment_length",
        "RFC 6066 4",
        (
            ("0", ((MAX_FRAGMENT, b"\x00"),), "illegal_parameter"),
            ("5", ((MAX_FRAGMENT, b"\x05"),), "illegal_parameter"),
            ("no body", ((MAX_FRAGMENT, b""),), broken),
            ("two octets", ((MAX_FRAGMENT, b"\x01\x01"),), broken),
        ),
    )
    both(
        "extensions that are not supported",
        "RFC 8446 4.1.2",
        (
            ("record_size_limit", ((RECORD_LIMIT, b"\x40\x01"),), SERVED),
            ("compress_certificate", ((27, b"\x02\x00\x02"),), SERVED),
            ("delegated_credentials", ((34, b"\x00\x02\x04\x03"),), SERVED),
            ("certificate types of raw keys", ((19, b"\x02\x02\x00"), (20, b"\x02\x02\x00")), SERVED),
            ("token binding, cached_info", ((24, b"\x01\x00\x01\x02"), (25, b"\x00\x00")), SERVED),
            ("SRP's user", ((12, vector(1, b"user")),), REFUSED + SERVED),
            ("SCTs", ((18, b""),), SERVED),
            ("QUIC's parameters", ((57, b"\x01\x00"),), REFUSED + SERVED),
        ),
    )

    def not_answered(kind: int, body: bytes) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            result = meet(peer, hello12().with_((kind, body)))
            assert kind not in peer.server.extensions
            return result

        return talk

    add("heartbeats are not agreed on", "RFC 6520 2, RFC 9325", SERVED, not_answered(HEARTBEATS, b"\x01"))
    add("encrypt_then_mac is no matter of AEADs", "RFC 7366 3", SERVED, not_answered(ETM, b""))
    add("a ticket is promised to no one who does not ask", "RFC 5077 3.2", SERVED, not_answered(0x1234, b""))

    def master(world: World) -> str:
        peer = world.peer()
        result = meet(peer, hello12())
        assert peer.server.extensions.get(EMS) == b""
        return result

    add("extended_master_secret is answered", "RFC 7627 5.1", SERVED, master)
    add("no extended_master_secret", "RFC 7627 5.1", "served|handshake_failure", of12(lambda h: h.without(EMS)))
    both(
        "psk_key_exchange_modes",
        "RFC 8446 4.2.9",
        (
            ("empty list", ((PSK_MODES, b"\x00"),), "decode_error|illegal_parameter"),
            ("unknown ones", (psk_modes(7, 200, 255),), SERVED),
            ("cut off", ((PSK_MODES, b"\x05\x01"),), "decode_error"),
            ("octets behind", ((PSK_MODES, b"\x01\x01\x00"),), "decode_error"),
        ),
        "1.3",
    )
    both(
        "a cookie that nobody gave",
        "RFC 8446 4.2.2",
        (("of 32 octets", ((COOKIE, vector(2, os.urandom(32))),), REFUSED + SERVED),),
        "1.3",
    )
    both(
        "a session ticket",
        "RFC 5077 3.2",
        (("empty", ((TICKET, b""),), SERVED), ("of rubbish", ((TICKET, os.urandom(200)),), SERVED)),
        "1.2",
    )


for listing in (_unknown, _names, _signatures, _small_ones):
    listing()
