"""Groups and key shares of a ClientHello (RFC 8446 4.2.7, 4.2.8; RFC 8422)."""

from __future__ import annotations

from collections.abc import Callable

from about_extensions import both
from about_hello import of12, of13
from cases import SERVED, World, add, case, meet
from flights import Conversation
from wire import (
    GREASE,
    GROUPS,
    KEY_SHARE,
    P256,
    P384,
    P521,
    POINT_FORMATS,
    X25519,
    Extension,
    groups,
    key_share,
    vector,
)

#: Points that are none, or whose product is none (RFC 7748 6.1, the orders 1, 2, 4 and 8).
SMALL_ORDERS = {
    "zero": bytes(32),
    "one": b"\x01" + bytes(31),
    "of order eight": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "of order eight again": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    "p - 1": bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    "p": bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    "p + 1": bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
}


def bad_points(group: int, good: bytes) -> dict[str, bytes]:
    """Public values that no honest client sends."""
    if group == X25519:
        wrong = {"31 octets": good[:31], "33 octets": good + b"\x00", "one octet": b"\x01"}
        return {**wrong, **SMALL_ORDERS}
    size = (len(good) - 1) // 2
    x, y = good[1 : 1 + size], good[1 + size :]
    return {
        "not on the curve": b"\x04" + x + bytes((*y[:-1], y[-1] ^ 1)),
        "zero": b"\x04" + bytes(2 * size),
        "above the prime": b"\x04" + b"\xff" * (2 * size),
        "infinity": b"\x00",
        "compressed": bytes((2 + (y[-1] & 1),)) + x,
        "hybrid": bytes((6 + (y[-1] & 1),)) + x + y,
        "of no form": b"\x05" + x + y,
        "cut off": good[:-1],
        "too long": good + b"\x00",
        "without its form": x + y,
        "one octet": b"\x04",
    }


def _shares() -> None:
    for group, words in ((X25519, "X25519"), (P256, "P-256"), (P384, "P-384")):
        example = Conversation.__new__(Conversation)
        example.shares = {}
        good = example.hello13(share=group)
        public = example.shares[group].public
        assert good
        for what, point in bad_points(group, public).items():

            def talk(world: World, group: int = group, point: bytes = point) -> str:
                peer = world.peer()
                return meet(peer, peer.hello13(share=group).with_(key_share((group, point))))

            add(
                f"key share of {words}: {what}",
                "RFC 8446 4.2.8.2, 7.4.2",
                "illegal_parameter|decode_error",
                talk,
                long=group == P384,
            )

    @case("key share of X25519: the unused bit set", "RFC 7748 5", SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        hello = peer.hello13()
        public = peer.shares[X25519].public
        return meet(peer, hello.with_(key_share((X25519, public[:31] + bytes((public[31] | 0x80,))))))

    def shares(change: Callable[[bytes], tuple[Extension, ...]]) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            hello = peer.hello13()
            return meet(peer, hello.with_(*change(peer.shares[X25519].public)))

        return talk

    rows: tuple[tuple[str, str, Callable[[bytes], tuple[Extension, ...]]], ...] = (
        # The server may look for it.
        ("the same group twice", "illegal_parameter|served", lambda p: (key_share((X25519, p), (X25519, p)),)),
        ("a group that is not offered", "illegal_parameter", lambda p: (groups(P384, P256), key_share((X25519, p)))),
        ("an empty share", "decode_error|illegal_parameter", lambda _: (key_share((X25519, b"")),)),
        ("a share cut off", "decode_error", lambda p: ((KEY_SHARE, vector(2, b"\x00\x1d\x00\x20" + p[:20])),)),
        ("octets behind the shares", "decode_error", lambda p: ((KEY_SHARE, key_share((X25519, p))[1] + b"\x00"),)),
        ("the list longer than it is", "decode_error", lambda p: ((KEY_SHARE, b"\xff\xff\x00\x1d" + vector(2, p)),)),
        (
            "GREASE before",
            "served",
            lambda p: (groups(GREASE[0], X25519), key_share((GREASE[0], b"\x00"), (X25519, p))),
        ),
        (
            "an unknown group before",
            "served",
            lambda p: (groups(0x4242, X25519), key_share((0x4242, bytes(1200)), (X25519, p))),
        ),
    )
    for what, expected, change in rows:
        add(f"key_share: {what}", "RFC 8446 4.2.8, 6.2", expected, shares(change))
    rfc = "RFC 8446 9.2"
    add("key_share without supported_groups", rfc, "missing_extension", of13(lambda hello: hello.without(GROUPS)))
    add("supported_groups without key_share", rfc, "missing_extension", of13(lambda hello: hello.without(KEY_SHARE)))
    add("neither of both", rfc, "missing_extension", of13(lambda hello: hello.without(KEY_SHARE, GROUPS)))


def _groups() -> None:
    nothing = "handshake_failure|insufficient_security"
    both(
        "supported_groups",
        "RFC 8446 4.2.7, RFC 8422 5.1",
        (
            ("empty list", ((GROUPS, b"\x00\x00"),), "decode_error|illegal_parameter|handshake_failure"),
            ("odd length", ((GROUPS, b"\x00\x03\x00\x1d\x00"),), "decode_error|illegal_parameter"),
            ("cut off", ((GROUPS, b"\x00\x08\x00\x1d"),), "decode_error|illegal_parameter"),
            ("octets behind", ((GROUPS, b"\x00\x02\x00\x1d\x00"),), "decode_error|illegal_parameter"),
        ),
    )
    families = {
        "old curves": tuple(range(1, 23)),
        "Brainpool": (26, 27, 28, 31, 32, 33),
        "arbitrary curves": (0xFF01, 0xFF02),
        "finite fields": (256, 257, 258, 259, 260),
        "P-521": (P521,),
        "X448": (30,),
        "GREASE": GREASE,
        "unassigned ones": (0, 40, 0x4242, 0xFFFF),
    }
    for family, members in families.items():
        add(
            f"groups: {family} only, TLS 1.2",
            "RFC 8422 5.1, RFC 7919 4",
            nothing,
            of12(lambda hello, m=members: hello.with_(groups(*m))),
        )
        add(
            f"groups: {family} only, TLS 1.3",
            "RFC 8446 4.1.1",
            nothing,
            of13(lambda hello, m=members: hello.with_(groups(*m), key_share((m[0], bytes(65))))),
        )
        add(
            f"groups: {family} and then good ones, TLS 1.3",
            "RFC 8446 4.2.7",
            SERVED,
            of13(lambda hello, m=members: hello.with_(groups(*m, X25519))),
        )
    add(
        "no supported_groups, TLS 1.2",
        "RFC 8422 4",
        "served|handshake_failure",
        of12(lambda hello: hello.without(GROUPS)),
    )
    both(
        "ec_point_formats",
        "RFC 8422 5.1.2",
        (
            ("none", ((POINT_FORMATS, b"\x00"),), "decode_error|illegal_parameter|handshake_failure"),
            ("no body", ((POINT_FORMATS, b""),), "decode_error|illegal_parameter"),
            ("compressed only", ((POINT_FORMATS, b"\x02\x01\x02"),), "illegal_parameter|handshake_failure"),
            ("compressed too", ((POINT_FORMATS, b"\x03\x01\x00\x02"),), SERVED),
        ),
        "1.2",
    )


for listing in (_shares, _groups):
    listing()
