"""TLS 1.3 after the hello: the second hello, messages out of turn, Finished, ChangeCipherSpec, new keys, early data."""

from __future__ import annotations

import os
from collections.abc import Callable

from about_tls12 import NAMES
from cases import REFUSED, SERVED, World, add, case, finish, meet
from wire import (
    CCS,
    DATA,
    EARLY_DATA,
    END_OF_EARLY_DATA,
    FINISHED,
    HANDSHAKE,
    KEY_UPDATE,
    flipped,
    key_share,
    message,
    number,
)


def _order() -> None:
    rfc = "RFC 8446 4, 6.2"
    for kind, words in NAMES.items():
        if kind != FINISHED:

            def instead(world: World, kind: int = kind) -> str:
                peer = world.peer()
                peer.start13()
                peer.record(HANDSHAKE, message(kind, bytes(4)))
                return peer.outcome()

            add(f"{words} in the place of Finished, TLS 1.3", rfc, "unexpected_message", instead)
        if kind != KEY_UPDATE:

            def late(world: World, kind: int = kind) -> str:
                peer = world.peer()
                peer.done13()
                peer.record(HANDSHAKE, message(kind, bytes(4)))
                return peer.outcome()

            add(f"{words} after the handshake, TLS 1.3", rfc, "unexpected_message", late)

    def hello(before: bool) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            peer.start13()
            if not before:
                peer.flight13()
            peer.record(HANDSHAKE, peer.hello13().message())
            return peer.outcome()

        return talk

    add("a hello in the place of Finished", rfc, "unexpected_message", hello(True))
    add("a hello after the handshake, TLS 1.3", "RFC 8446 4.1.2", "unexpected_message", hello(False))

    def data(world: World) -> str:
        peer = world.peer()
        peer.start13()
        peer.record(DATA, b"early")
        return peer.outcome()

    add("data under the handshake's keys", "RFC 8446 5, 4.4.4", "unexpected_message", data)

    def data_in_keys(world: World) -> str:
        peer = world.peer()
        peer.start13()
        peer.flight13([])
        peer.record(DATA, b"early")
        return peer.outcome()

    add("data in the place of Finished, TLS 1.3", "RFC 8446 4.4.4", "bad_record_mac|unexpected_message", data_in_keys)

    def clear(kind: int) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            peer.start13()
            finished = message(FINISHED, peer._finished13(peer.client_secret, peer.transcript))
            peer.plain(kind, finished)
            return peer.outcome()

        return talk

    add(
        "Finished in the clear, TLS 1.3",
        "RFC 8446 5",
        "unexpected_message|bad_record_mac|decode_error",
        clear(HANDSHAKE),
    )
    add("Finished in the clear as data, TLS 1.3", "RFC 8446 5.2", "bad_record_mac", clear(DATA))

    def twice(world: World) -> str:
        peer = world.peer()
        peer.start13()
        finished = message(FINISHED, peer._finished13(peer.client_secret, peer.transcript))
        peer.record(HANDSHAKE, finished)
        peer.record(HANDSHAKE, finished)
        return peer.outcome()

    add("Finished twice under the handshake's keys", "RFC 8446 4.4.4", "bad_record_mac|unexpected_message", twice)

    def unasked(world: World) -> str:
        peer = world.peer("client-ec")
        peer.start13()
        peer.flight13(["certificate", "verify", "finished"])
        return peer.outcome()

    add("a Certificate that nobody asked for, TLS 1.3", "RFC 8446 4.4.2", "unexpected_message", unasked)

    def huge(world: World) -> str:
        peer = world.peer()
        peer.start13()
        peer.record(HANDSHAKE, bytes((FINISHED,)) + number(0xFFFFFF, 3) + bytes(1000))
        return peer.outcome()

    add("a Finished that claims 16 MiB, TLS 1.3", rfc, REFUSED, huge)


def _finished() -> None:
    def talk_with(change: Callable[[bytes], bytes], suite: int = 0x1303) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            peer.tamper = {"finished": change}
            peer.start13(peer.hello13(suites=(suite,)))
            peer.flight13()
            return peer.outcome()

        return talk

    for suite, size in ((0x1303, 32), (0x1302, 48)):
        for at in range(size):
            change = talk_with(lambda whole, at=at: flipped(whole, 4 + at, 0x80), suite)
            name_ = f"Finished with octet {at} changed, suite {suite:#06x}"
            add(name_, "RFC 8446 4.4.4", "decrypt_error", change, long=at not in (0, size - 1))
        for other in (0, 1, 12, size - 1, size + 1, 2 * size, 1000):
            change = talk_with(
                lambda whole, other=other: message(FINISHED, (whole[4:] + bytes(1000))[:other]),
                suite,
            )
            name_ = f"Finished of {other} octets, suite {suite:#06x}"
            add(name_, "RFC 8446 4.4.4, 6.2", "decode_error|decrypt_error", change)
    add("Finished of zeros", "RFC 8446 4.4.4", "decrypt_error", talk_with(lambda whole: message(FINISHED, bytes(32))))


def _change_cipher_spec() -> None:
    rfc = "RFC 8446 5, D.4"

    def between(count: int, body: bytes = b"\x01") -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            peer.start13()
            for _ in range(count):
                peer.plain(CCS, body)
            peer.flight13()
            return peer.echoed()

        return talk

    add("ChangeCipherSpec before Finished is dropped", rfc, SERVED, between(1))
    add("32 ChangeCipherSpecs before Finished", rfc, (*SERVED, "unexpected_message"), between(32))
    add(
        "5,000 ChangeCipherSpecs end, or are dropped (CVE-2020-25648)",
        rfc,
        (*SERVED, "unexpected_message"),
        between(5000),
    )
    for words, body in (
        ("0", b"\x00"),
        ("2", b"\x02"),
        ("nothing", b""),
        ("01 01", b"\x01\x01"),
        ("a kibibyte", b"\x01" * 1024),
    ):
        add(f"ChangeCipherSpec with {words}, TLS 1.3", rfc, "unexpected_message", between(1, body))

    def sealed(world: World) -> str:
        peer = world.peer()
        peer.start13()
        peer.record(CCS, b"\x01")
        return peer.outcome()

    add("a sealed ChangeCipherSpec", rfc, "unexpected_message", sealed)

    def after(world: World) -> str:
        peer = world.peer()
        peer.done13()
        assert peer.echoed() == "served"
        peer.plain(CCS, b"\x01")
        return peer.echoed()

    add("ChangeCipherSpec after the handshake, TLS 1.3", rfc, "unexpected_message", after)

    def behind(world: World) -> str:
        peer = world.peer()
        peer.say_hello(peer.hello13())
        peer.plain(CCS, b"\x01")
        peer.hear_hello()
        return finish(peer)

    add("ChangeCipherSpec right behind the hello is dropped", rfc, SERVED, behind)


def _new_keys() -> None:
    rfc = "RFC 8446 4.6.3"

    @case("new keys of the client", rfc, SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        peer.done13()
        peer.new_keys(0)
        result = peer.echoed()
        assert peer.key_updates == 0
        return result

    @case("new keys of the client and of the server", rfc, SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        peer.done13()
        for round_ in range(1, 4):
            peer.new_keys(1)
            assert peer.echoed() == "served"
            assert peer.key_updates == round_, peer.key_updates
        return "served"

    @case("new keys that the server asks for", rfc, SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        peer.done13()
        assert peer.echoed(b"!rekey") == "served"
        assert peer.key_updates == 1
        peer.new_keys(0)
        return peer.echoed()

    for how in (2, 3, 128, 255):

        def wrong(world: World, how: int = how) -> str:
            peer = world.peer()
            peer.done13()
            peer.new_keys(how)
            return peer.outcome()

        add(f"a KeyUpdate that says {how}", rfc, "illegal_parameter", wrong)
    for words, body in (("nothing", b""), ("two octets", b"\x00\x00"), ("a kibibyte", bytes(1024))):

        def malformed(world: World, body: bytes = body) -> str:
            peer = world.peer()
            peer.done13()
            peer.record(HANDSHAKE, message(KEY_UPDATE, body))
            return peer.outcome()

        add(f"a KeyUpdate of {words}", "RFC 8446 6.2", "decode_error|illegal_parameter", malformed)
    for size in (1, 2, 3, 4):

        def pieces(world: World, size: int = size) -> str:
            peer = world.peer()
            peer.done13()
            whole = message(KEY_UPDATE, b"\x00")
            peer.record(HANDSHAKE, whole[:size])
            peer.record(HANDSHAKE, whole[size:-1]) if size < 4 else None
            peer.record(HANDSHAKE, whole[-1:])
            peer.turn_keys()
            return peer.echoed()

        add(f"a KeyUpdate in pieces, the first of {size} octets", rfc, SERVED, pieces)

    def old_keys(world: World) -> str:
        peer = world.peer()
        peer.done13()
        peer.record(HANDSHAKE, message(KEY_UPDATE, b"\x00"))
        peer.record(DATA, b"under the old keys")
        return peer.outcome()

    add("data under the old keys after a KeyUpdate", rfc, "bad_record_mac", old_keys)
    for how in (0, 1):

        def flood(world: World, how: int = how) -> str:
            peer = world.peer()
            peer.done13()
            for _ in range(3000):
                peer.new_keys(how)
            return peer.echoed()

        add(f"3,000 KeyUpdates that say {how}", "RFC 8446 4.6.3, 5.5", (*SERVED, *REFUSED, "reset"), flood)

    def in_12(world: World) -> str:
        peer = world.peer()
        peer.done12()
        peer.record(HANDSHAKE, message(KEY_UPDATE, b"\x00"))
        return peer.outcome()

    add("a KeyUpdate in TLS 1.2", "RFC 5246 7.4", "unexpected_message", in_12)


def _early_data() -> None:
    rfc = "RFC 8446 4.2.10"

    def garbage(count: int, size: int, retried: bool = False) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            hello = peer.hello13().with_((EARLY_DATA, b""))
            if retried:
                second = peer.retried(hello.with_(key_share()))
                for _ in range(count):
                    peer.plain(DATA, os.urandom(size))
                return meet(peer, second.without(EARLY_DATA))
            peer.say_hello(hello)
            for _ in range(count):
                peer.plain(DATA, os.urandom(size))
            peer.hear_hello()
            return finish(peer)

        return talk

    add("early_data and none", rfc, SERVED, garbage(0, 0))
    add(
        "early data that cannot be read are passed over",
        rfc,
        (*SERVED, "bad_record_mac", "unexpected_message"),
        garbage(3, 100),
    )
    add(
        "16 KiB of early data are passed over",
        rfc,
        (*SERVED, "bad_record_mac", "unexpected_message"),
        garbage(1, 16000),
    )
    name_ = "early data before a second hello are passed over"
    add(name_, rfc, (*SERVED, "bad_record_mac", "unexpected_message"), garbage(2, 200, True))
    add("4 MiB of early data end it", rfc, (*REFUSED, "reset"), garbage(260, 16000))

    def unannounced(world: World) -> str:
        peer = world.peer()
        peer.say_hello(peer.hello13())
        peer.plain(DATA, os.urandom(100))
        peer.hear_hello()
        peer.keys13()
        peer.hear_flight13()
        return peer.outcome()

    add("early data without early_data", rfc, "bad_record_mac|unexpected_message", unannounced)

    def end_of(world: World) -> str:
        peer = world.peer()
        peer.start13(peer.hello13().with_((EARLY_DATA, b"")))
        peer.record(HANDSHAKE, message(END_OF_EARLY_DATA, b""))
        return peer.outcome()

    add("EndOfEarlyData where none were taken", "RFC 8446 4.5", "unexpected_message", end_of)

    @case("no ticket permits early data", "RFC 8446 4.6.1", SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        peer.done13()
        result = peer.echoed()
        assert peer.tickets
        for ticket in peer.tickets:
            assert ticket.endswith(b"\x00\x00"), ticket.hex()
        return result


for listing in (_order, _finished, _change_cipher_spec, _new_keys, _early_data):
    listing()
