"""ClientHello: versions, its form, suites, compression, session ids."""

from __future__ import annotations

import os
from collections.abc import Callable

from cases import REFUSED, SERVED, World, add, case, finish, meet
from wire import (
    CLIENT_HELLO,
    EMPTY_RENEGOTIATION_SCSV,
    FALLBACK_SCSV,
    GREASE,
    HANDSHAKE,
    KEY_SHARE,
    OF_TLS12,
    OF_TLS13,
    P256,
    P384,
    PADDING,
    RENEGOTIATION,
    TLS12,
    TLS13,
    VERSIONS,
    X25519,
    Hello,
    groups,
    hello12,
    message,
    number,
    numbers,
    vector,
    versions,
)

Change = Callable[[Hello], Hello]


def of13(change: Change) -> Callable[[World], str]:
    """An honest hello of TLS 1.3 but for one change."""

    def talk(world: World) -> str:
        peer = world.peer()
        return meet(peer, change(peer.hello13()))

    return talk


def of12(change: Change) -> Callable[[World], str]:
    """The same of TLS 1.2."""
    return lambda world: meet(world.peer(), change(hello12()))


def _honest() -> None:
    for suite in OF_TLS13:
        for group, words in ((X25519, "X25519"), (P256, "P-256"), (P384, "P-384")):

            def talk(world: World, suite: int = suite, group: int = group) -> str:
                peer = world.peer()
                result = meet(peer, peer.hello13(share=group, suites=(suite,)))
                assert peer.suite == suite
                return result

            add(f"TLS 1.3, suite {suite:#06x}, {words}", "RFC 8446 4.1.1", SERVED, talk)
    for suite in OF_TLS12:

        def talk12(world: World, suite: int = suite) -> str:
            peer = world.peer()
            result = meet(peer, hello12(suites=(suite,)))
            assert peer.suite == suite
            return result

        add(f"TLS 1.2, suite {suite:#06x}", "RFC 5246 7.4.1.3", SERVED, talk12)
        for group, words in ((X25519, "X25519"), (P256, "P-256"), (P384, "P-384")):
            alone = of12(lambda hello, s=suite, g=group: hello.but(suites=(s,)).with_(groups(g)))
            # The list is also that of the curves of certificates, and the server's is on P-256.
            fits = suite in (0xCCA8, 0xC02F, 0xC030) or group == P256
            expected = SERVED if fits else ("handshake_failure",)
            add(f"TLS 1.2, suite {suite:#06x}, {words} only", "RFC 8422 5.1", expected, alone, long=True)


def _versions() -> None:
    for version in (0x0000, 0x0002, 0x0200, 0x02FF, 0x0300, 0x0301, 0x0302):
        add(
            f"a client of version {version:#06x} at most is refused",
            "RFC 5246 E.1, RFC 8996 5",
            "protocol_version",
            of12(lambda hello, version=version: hello.but(version=version)),
        )
    for version in (0x0304, 0x0305, 0x03FF, 0x0400, 0x7F1C, 0xFFFF):

        def newer(world: World, version: int = version) -> str:
            peer = world.peer()
            result = meet(peer, hello12(version=version))
            assert peer.server.version == TLS12
            return result

        add(f"a client of version {version:#06x} without the extension gets TLS 1.2", "RFC 8446 4.1.2", SERVED, newer)
    for words, offered, expected in (
        ("TLS 1.1 and 1.0", (0x0302, 0x0301), "protocol_version"),
        ("SSL 3", (0x0300,), "protocol_version"),
        ("drafts only", (0x7F1C, 0x7F17), "protocol_version"),
        ("GREASE only", GREASE[:2], "protocol_version"),
        ("TLS 1.4 only", (0x0305,), "protocol_version"),
        ("GREASE before TLS 1.3", (GREASE[3], TLS13), "served"),
        ("TLS 1.3 after 1.2", (TLS12, TLS13), "served"),
        ("TLS 1.3 after 126 others", (*range(0x0400, 0x047E), TLS13), "served"),
        ("TLS 1.3 twice", (TLS13, TLS13), "served"),
    ):
        add(
            f"supported_versions: {words}",
            "RFC 8446 4.2.1",
            expected,
            of13(lambda hello, offered=offered: hello.with_(versions(*offered))),
        )
    add(
        "supported_versions with TLS 1.2 alone",
        "RFC 8446 4.2.1",
        SERVED,
        of12(lambda hello: hello.with_(versions(TLS12))),
    )
    for words, body in (
        ("empty list", b"\x00"),
        ("no list", b""),
        ("odd length", b"\x03\x03\x04\x03"),
        ("octets behind the list", b"\x02\x03\x04\x00"),
        ("a list cut off", b"\x04\x03\x04"),
    ):
        add(
            f"supported_versions: {words}",
            "RFC 8446 4.2.1, 6.2",
            "decode_error",
            of13(lambda hello, body=body: hello.with_((VERSIONS, body))),
        )
    for version in (0x0301, 0x0302, 0x0304, 0x0505):
        add(
            f"legacy_version {version:#06x} beside supported_versions is ignored",
            "RFC 8446 4.2.1",
            SERVED,
            of13(lambda hello, version=version: hello.but(version=version)),
        )
    add(
        "legacy_version of SSL 3 beside supported_versions",
        "RFC 8446 D.5",
        "protocol_version",
        of13(lambda hello: hello.but(version=0x0300)),
    )
    for version in (0x0300, 0x0301, 0x0302, 0x0304, 0x03FF):

        def versioned(world: World, version: int = version) -> str:
            peer = world.peer()
            peer.record_version = version
            peer.say_hello(peer.hello13())
            peer.record_version = TLS12
            peer.hear_hello()
            return finish(peer)

        add(f"record version {version:#06x} of the hello is ignored", "RFC 8446 5.1", SERVED, versioned)


@case("TLS 1.2 with a server of 1.3 carries the mark of a downgrade", "RFC 8446 4.1.3", SERVED)
def _(world: World) -> str:
    peer = world.peer()
    result = meet(peer, hello12())
    assert peer.server.random[24:] == b"DOWNGRD\x01", peer.server.random.hex()
    return result


@case("TLS 1.3 carries no mark of a downgrade, and echoes what it must", "RFC 8446 4.1.3", SERVED)
def _(world: World) -> str:
    peer = world.peer()
    result = meet(peer, peer.hello13())
    assert not peer.server.random[24:].startswith(b"DOWNGRD")
    assert peer.server.session == peer.hello.session
    assert peer.server.compression == 0
    assert set(peer.server.extensions) == {VERSIONS, KEY_SHARE}
    assert all(version == TLS12 for _, version, _ in peer.records), peer.records
    return result


@case("a fallback to TLS 1.2 that says so is refused", "RFC 7507 3", "inappropriate_fallback")
def _(world: World) -> str:
    return meet(world.peer(), hello12(suites=(*OF_TLS12, FALLBACK_SCSV)))


@case("the fallback's mark beside TLS 1.3 does no harm", "RFC 7507 3", SERVED)
def _(world: World) -> str:
    peer = world.peer()
    return meet(peer, peer.hello13(suites=(*OF_TLS13, FALLBACK_SCSV)))


def _ssl2() -> None:
    for words, suites in (
        ("with suites of TLS", b"\x00\xc0\x2f\x00\xcc\xa8\x00\x13\x03"),
        ("with suites of SSL 2", b"\x07\x00\xc0\x05\x00\x80\x01\x00\x80"),
    ):
        for version in (0x0002, 0x0300, 0x0301, 0x0303, 0x0304):

            def talk(world: World, version: int = version, suites: bytes = suites) -> str:
                peer = world.peer()
                body = b"\x01" + number(version, 2) + number(len(suites), 2) + b"\x00\x00\x00\x10" + suites
                body += os.urandom(16)
                peer.raw(number(0x8000 | len(body), 2) + body)
                return peer.outcome()

            name = f"a hello of SSL 2, version {version:#06x}, {words}"
            add(name, "RFC 6176 3, RFC 8446 D.5", REFUSED, talk, long=version not in (2, 0x0303))


def _form() -> None:
    """A hello cut off or with octets behind, its lengths fitting or not."""
    for version in ("1.2", "1.3"):

        def body_of(world: World, version: str = version) -> bytes:
            return (hello12() if version == "1.2" else world.peer().hello13()).body()

        rfc = "RFC 8446 4, 6.2" if version == "1.3" else "RFC 5246 7.2.2"
        for size in (0, 1, 2, 33, 34, 35, 40, 60, 66, 70, 71, 80, 100, -1, -2, -5):

            def shorter(world: World, size: int = size, body_of: Callable[[World], bytes] = body_of) -> str:
                peer = world.peer()
                peer.plain(HANDSHAKE, message(CLIENT_HELLO, body_of(world)[:size]))
                return peer.outcome()

            where = f"after {size} octets" if size >= 0 else f"{-size} octets early"
            add(f"TLS {version} hello cut off {where}", rfc, "decode_error", shorter, long=size % 2 == 0)
        for size in (1, 2, 4, 255, 4096):

            def longer(world: World, size: int = size, body_of: Callable[[World], bytes] = body_of) -> str:
                peer = world.peer()
                peer.plain(HANDSHAKE, message(CLIENT_HELLO, body_of(world) + bytes(size)))
                return peer.outcome()

            add(f"TLS {version} hello with {size} octets behind it", rfc, "decode_error", longer)
        for by in (-1, 1):

            def off(world: World, by: int = by, body_of: Callable[[World], bytes] = body_of) -> str:
                peer = world.peer()
                body = body_of(world)
                at = 2 + 32 + 1 + body[34]
                at += 2 + int.from_bytes(body[at : at + 2], "big")
                at += 1 + body[at]
                length = int.from_bytes(body[at : at + 2], "big") + by
                peer.plain(HANDSHAKE, message(CLIENT_HELLO, body[:at] + number(length, 2) + body[at + 2 :]))
                return peer.outcome()

            add(f"TLS {version} hello whose extensions' length is off by {by}", rfc, "decode_error", off)

    def claims(size: int) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            peer.plain(HANDSHAKE, bytes((CLIENT_HELLO,)) + number(size, 3) + bytes(100))
            return peer.outcome()

        return talk

    for size in (0x1000, 0x20001, 0xFFFFFF):
        add(f"a hello that claims {size} octets and stops is not waited for", "RFC 8446 4", REFUSED, claims(size))

    def padded(size: int) -> Change:
        return lambda hello: hello.with_((PADDING, bytes(size)))

    for size in (0, 1, 256, 512, 16000, 16384, 40000, 65000):
        add(f"padding of {size} octets, TLS 1.3", "RFC 7685 3", SERVED, of13(padded(size)), long=size in (1, 512))
        add(f"padding of {size} octets, TLS 1.2", "RFC 7685 3", SERVED, of12(padded(size)), long=size in (1, 512))
    add("a hello without extensions", "RFC 5246 7.4.1.2", REFUSED, of12(lambda hello: hello.but(extensions=None)))


def _session_ids() -> None:
    for size in (0, 1, 31, 32):

        def echoed(world: World, size: int = size) -> str:
            peer = world.peer()
            result = meet(peer, peer.hello13(session=os.urandom(size)))
            assert peer.server.session == peer.hello.session
            return result

        add(f"a session id of {size} octets is echoed", "RFC 8446 4.1.3", SERVED, echoed)

        def another(world: World, size: int = size) -> str:
            peer = world.peer()
            result = meet(peer, hello12(session=os.urandom(size)))
            assert not size or peer.server.session != peer.hello.session
            return result

        add(f"an unknown session id of {size} octets is not taken up", "RFC 5246 7.4.1.2", SERVED, another)
    for size in (33, 64, 128, 255):
        for words, honest in (("1.3", of13), ("1.2", of12)):
            add(
                f"a session id of {size} octets, TLS {words}",
                "RFC 8446 4.1.2, RFC 5246 7.4.1.2",
                "decode_error|illegal_parameter",
                honest(lambda hello, size=size: hello.but(session=bytes(size))),
                long=size in (64, 128),
            )


#: What no server of today takes (RFC 9325 4.2), by the family.
OLD_SUITES = {
    "no encryption": (0x0001, 0x0002, 0x003B, 0xC006, 0xC010),
    "export": (0x0003, 0x0006, 0x0008, 0x000E, 0x0014, 0x0062),
    "RC4": (0x0004, 0x0005, 0xC007, 0xC011),
    "DES": (0x0009, 0x000A, 0x0016, 0xC008, 0xC012),
    "anonymous": (0x0018, 0x001B, 0x0034, 0x003A, 0x00A6, 0xC018, 0xC019),
    "PSK": (0x008C, 0x00A8, 0x00AA, 0xC035, 0xCCAB, 0xCCAC, 0xD001),
    "SRP": (0xC01D, 0xC020, 0xC021),
    "static RSA": (0x002F, 0x0035, 0x003C, 0x003D, 0x009C, 0x009D, 0xC09C, 0xC0A0),
    "static DH and ECDH": (0x0030, 0x0036, 0xC004, 0xC00E, 0xC02D, 0xC031),
    "DHE": (0x0033, 0x0039, 0x0067, 0x006B, 0x009E, 0x009F, 0xCCAA, 0xC09E),
    "ECDHE with CBC": (0xC009, 0xC00A, 0xC013, 0xC014, 0xC023, 0xC024, 0xC027, 0xC028),
    "CCM and CCM-8": (0xC0AC, 0xC0AE, 0xC0AD, 0xC0AF),
    "CAMELLIA and ARIA": (0xC072, 0xC076, 0xC05C, 0xC060),
    "SEED and IDEA": (0x0096, 0x0007),
}


def _suites() -> None:
    nothing = "handshake_failure|insufficient_security"
    for family, suites in OLD_SUITES.items():
        add(
            f"suites of {family} are refused",
            "RFC 5246 7.4.1.3, RFC 9325 4.2",
            nothing,
            of12(lambda hello, suites=suites: hello.but(suites=suites)),
        )
        for suite in suites:
            add(
                f"suite {suite:#06x} ({family}) is refused",
                "RFC 5246 7.4.1.3, RFC 9325 4.2",
                nothing,
                of12(lambda hello, suite=suite: hello.but(suites=(suite,))),
                long=True,
            )
    for words, suites, expected in (
        ("GREASE only", GREASE, nothing),
        ("only of TLS 1.2", OF_TLS12, nothing),
        ("CCM of TLS 1.3 only", (0x1304, 0x1305), nothing),
        ("unassigned ones of TLS 1.3 only", (0x1300, 0x1306, 0x13FF), nothing),
        ("GREASE before", (GREASE[0], *OF_TLS13), "served"),
        ("GREASE between and behind", (0x1303, *GREASE, 0x1301, GREASE[5]), "served"),
        ("the same many times", (0x1303,) * 500, "served"),
        ("all unassigned below 0x8000, and one known", (*range(0x2000, 0x5500), 0x1303), "served"),
    ):
        add(f"TLS 1.3 suites: {words}", "RFC 8446 4.1.1", expected, of13(lambda hello, s=suites: hello.but(suites=s)))
    for words, suites, expected in (
        ("GREASE only", GREASE, nothing),
        ("only of TLS 1.3", OF_TLS13, nothing),
        ("only SCSVs", (EMPTY_RENEGOTIATION_SCSV,), nothing),
        ("0x0000 and one known", (0x0000, 0xCCA8), "served"),
        ("static RSA before a good one", (0x009C, 0x002F, 0xCCA8), "served"),
        ("GREASE around", (GREASE[1], 0xCCA8, GREASE[2]), "served"),
    ):
        add(f"TLS 1.2 suites: {words}", "RFC 5246 7.4.1.3", expected, of12(lambda hello, s=suites: hello.but(suites=s)))
    for words, honest in (("1.3", of13), ("1.2", of12)):
        add(
            f"no suites at all, TLS {words}",
            "RFC 8446 4.1.2, RFC 5246 7.4.1.2",
            "decode_error|illegal_parameter|handshake_failure",
            honest(lambda hello: hello.but(suites=())),
        )
        add(
            f"an odd number of octets of suites, TLS {words}",
            "RFC 8446 4.1.2, RFC 5246 7.4.1.2",
            "decode_error|illegal_parameter",
            honest(lambda hello: hello.but(suites_field=vector(2, numbers(hello.suites) + b"\x13"))),
        )
        add(
            f"one octet of suites, TLS {words}",
            "RFC 8446 4.1.2, RFC 5246 7.4.1.2",
            "decode_error|illegal_parameter",
            honest(lambda hello: hello.but(suites_field=b"\x00\x01\x13")),
        )


def _compression() -> None:
    for words, methods, of_13, of_12 in (
        ("none", b"", "illegal_parameter|decode_error", "decode_error|illegal_parameter"),
        ("deflate only", b"\x01", "illegal_parameter", REFUSED),
        ("unknown ones only", b"\x02\x40\xff", "illegal_parameter", REFUSED),
        ("null and deflate", b"\x00\x01", "illegal_parameter", "served"),
        ("deflate and null", b"\x01\x00", "illegal_parameter", "served"),
        ("null twice", b"\x00\x00", "illegal_parameter", "served"),
        ("all of them", bytes(range(255)), "illegal_parameter", "served"),
    ):
        add(f"compression: {words}, TLS 1.3", "RFC 8446 4.1.2", of_13, of13(lambda h, m=methods: h.but(compressions=m)))

        def talk(world: World, methods: bytes = methods) -> str:
            peer = world.peer()
            result = meet(peer, hello12(compressions=methods))
            assert peer.server.compression == 0
            return result

        add(f"compression: {words}, TLS 1.2", "RFC 5246 7.4.1.2, RFC 9325 3.3", of_12, talk)


def _renegotiation_info() -> None:
    add(
        "the SCSV of renegotiation alone is answered",
        "RFC 5746 3.6",
        SERVED,
        lambda world: _answered(world, hello12(suites=(*OF_TLS12, EMPTY_RENEGOTIATION_SCSV)).without(RENEGOTIATION)),
    )
    add(
        "the extension of renegotiation alone is answered",
        "RFC 5746 3.6",
        SERVED,
        lambda world: _answered(world, hello12()),
    )
    for size in (1, 12, 36):
        add(
            f"renegotiation_info with {size} octets in a first hello",
            "RFC 5746 3.6",
            "handshake_failure",
            of12(lambda hello, size=size: hello.with_((RENEGOTIATION, vector(1, bytes(size))))),
        )
    for words, body in (("empty", b""), ("cut off", b"\x05\x00"), ("with octets behind", b"\x00\x00")):
        add(
            f"renegotiation_info {words}",
            "RFC 5746 3.2, RFC 5246 7.2.2",
            "decode_error|handshake_failure|illegal_parameter",
            of12(lambda hello, body=body: hello.with_((RENEGOTIATION, body))),
        )


def _answered(world: World, hello: Hello) -> str:
    peer = world.peer()
    result = meet(peer, hello)
    assert peer.server.extensions.get(RENEGOTIATION) == b"\x00", peer.server.extensions
    return result


for listing in (_honest, _versions, _ssl2, _form, _session_ids, _suites, _compression, _renegotiation_info):
    listing()
