"""TLS 1.2 after the hello: messages left out, repeated, moved or falsified; renegotiation; tickets."""

from __future__ import annotations

import os
from collections.abc import Callable

from about_groups import bad_points
from cases import REFUSED, SERVED, World, add, case, finish
from flights import Conversation
from keys import Share
from wire import (
    CCS,
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    CERTIFICATE_STATUS,
    CERTIFICATE_VERIFY,
    CLIENT_KEY_EXCHANGE,
    EMPTY_RENEGOTIATION_SCSV,
    EMS,
    ENCRYPTED_EXTENSIONS,
    END_OF_EARLY_DATA,
    FINISHED,
    HANDSHAKE,
    HELLO_REQUEST,
    KEY_UPDATE,
    NEW_SESSION_TICKET,
    OF_TLS12,
    P256,
    P384,
    RENEGOTIATION,
    SERVER_HELLO,
    SERVER_HELLO_DONE,
    SERVER_KEY_EXCHANGE,
    TICKET,
    X25519,
    Hello,
    flipped,
    groups,
    hello12,
    message,
    number,
    renegotiation,
    vector,
)

HONEST = ("exchange", "ccs", "finished")
NAMES = {
    HELLO_REQUEST: "HelloRequest",
    SERVER_HELLO: "ServerHello",
    3: "HelloVerifyRequest",
    NEW_SESSION_TICKET: "NewSessionTicket",
    END_OF_EARLY_DATA: "EndOfEarlyData",
    ENCRYPTED_EXTENSIONS: "EncryptedExtensions",
    CERTIFICATE: "Certificate",
    SERVER_KEY_EXCHANGE: "ServerKeyExchange",
    CERTIFICATE_REQUEST: "CertificateRequest",
    SERVER_HELLO_DONE: "ServerHelloDone",
    CERTIFICATE_VERIFY: "CertificateVerify",
    FINISHED: "Finished",
    CERTIFICATE_STATUS: "CertificateStatus",
    23: "SupplementalData",
    KEY_UPDATE: "KeyUpdate",
    25: "CompressedCertificate",
    67: "NextProtocol",
    99: "a message of type 99",
    254: "MessageHash",
    255: "a message of type 255",
}


def flight(*steps: str, tamper: dict[str, Callable[[bytes], bytes]] | None = None) -> Callable[[World], str]:
    """A client whose flight has these steps."""

    def talk(world: World) -> str:
        peer = world.peer()
        peer.tamper = tamper or {}
        peer.start12()
        peer.flight12(steps)
        peer.hear_finished12()
        return peer.echoed()

    return talk


def _order() -> None:
    rfc = "RFC 5246 7.3, 7.4, 7.1"
    rows: tuple[tuple[str, tuple[str, ...], str | tuple[str, ...]], ...] = (
        ("no ClientKeyExchange", ("ccs", "finished"), "unexpected_message"),
        ("no ChangeCipherSpec", ("exchange", "finished"), "unexpected_message"),
        ("only Finished", ("finished",), "unexpected_message"),
        ("ClientKeyExchange twice", ("exchange", "exchange", "ccs", "finished"), "unexpected_message"),
        ("ChangeCipherSpec before ClientKeyExchange", ("ccs", "exchange", "finished"), "unexpected_message"),
        ("a Certificate that nobody asked for", ("certificate", *HONEST), "unexpected_message"),
        ("Finished before ChangeCipherSpec", ("exchange", "finished", "ccs"), "unexpected_message"),
        (
            "Finished before and after ChangeCipherSpec",
            ("exchange", "finished", "ccs", "finished"),
            "unexpected_message",
        ),
    )
    for words, steps, expected in rows:
        add(f"{words}, TLS 1.2", rfc, expected, flight(*steps))

    def twice(world: World) -> str:
        peer = world.peer()
        peer.start12()
        peer.flight12(["exchange", "ccs"])
        peer.record(CCS, b"\x01")
        peer.flight12(["finished"])
        return peer.outcome()

    add("ChangeCipherSpec twice, TLS 1.2", rfc, "unexpected_message", twice)

    def twice_clear(world: World) -> str:
        peer = world.peer()
        peer.start12()
        peer.flight12(["exchange"])
        peer.record(CCS, b"\x01")
        peer.flight12(["ccs", "finished"])
        return peer.outcome()

    add("ChangeCipherSpec twice in the clear, TLS 1.2", rfc, "unexpected_message|bad_record_mac", twice_clear)

    def first(world: World) -> str:
        peer = world.peer()
        peer.plain(CCS, b"\x01")
        peer.say_hello(hello12())
        return peer.outcome()

    add("ChangeCipherSpec before the hello", rfc, "unexpected_message", first)

    def after_hello(world: World) -> str:
        peer = world.peer()
        peer.start12()
        peer.plain(CCS, b"\x01")
        peer.flight12(["exchange", "finished"])
        return peer.outcome()

    add("ChangeCipherSpec at once after the ServerHello (CVE-2014-0224)", rfc, "unexpected_message", after_hello)

    def after(world: World) -> str:
        peer = world.peer()
        peer.done12()
        peer.record(CCS, b"\x01")
        return peer.outcome()

    add("ChangeCipherSpec after the handshake, TLS 1.2", rfc, "unexpected_message", after)

    for words, body in (
        ("0", b"\x00"),
        ("2", b"\x02"),
        ("255", b"\xff"),
        ("nothing", b""),
        ("01 01", b"\x01\x01"),
        ("01 00", b"\x01\x00"),
    ):
        talk = flight(*HONEST, tamper={"ccs": lambda _, body=body: body})
        add(f"ChangeCipherSpec with {words}, TLS 1.2", "RFC 5246 7.1", REFUSED, talk)
    add(
        "Finished in the clear behind ChangeCipherSpec",
        "RFC 5246 7.1",
        "bad_record_mac|decode_error|unexpected_message|record_overflow|internal_error",
        _clear_finished,
    )
    for kind, words in NAMES.items():

        def in_flight(world: World, kind: int = kind) -> str:
            peer = world.peer()
            peer.start12()
            peer.handshake(message(kind, bytes(4)))
            return peer.outcome()

        name_ = f"{words} in the place of ClientKeyExchange"
        add(name_, "RFC 5246 7.4", "unexpected_message", in_flight, long=kind in (3, 25, 67, 23, 8))

        def instead(world: World, kind: int = kind) -> str:
            peer = world.peer()
            peer.plain(HANDSHAKE, message(kind, bytes(4)))
            return peer.outcome()

        add(f"{words} in the place of a hello", "RFC 5246 7.4, RFC 8446 4", "unexpected_message", instead)
        if kind != FINISHED:

            def last(world: World, kind: int = kind) -> str:
                peer = world.peer()
                peer.start12()
                peer.flight12(["exchange", "ccs"])
                peer.handshake(message(kind, bytes(4)))
                return peer.outcome()

            add(f"{words} in the place of Finished, TLS 1.2", "RFC 5246 7.4", "unexpected_message", last)

        def afterwards(world: World, kind: int = kind) -> str:
            peer = world.peer()
            peer.done12()
            peer.record(HANDSHAKE, message(kind, bytes(4)))
            return peer.outcome()

        add(f"{words} after the handshake, TLS 1.2", "RFC 5246 7.4", "unexpected_message", afterwards)

    def hello_again(world: World) -> str:
        peer = world.peer()
        peer.start12()
        peer.handshake(hello12().message())
        return peer.outcome()

    add("a second hello in the place of ClientKeyExchange", "RFC 5246 7.4", "unexpected_message", hello_again)
    for kind in (CLIENT_KEY_EXCHANGE, FINISHED):

        def huge(world: World, kind: int = kind) -> str:
            peer = world.peer()
            peer.start12()
            if kind == FINISHED:
                peer.flight12(["exchange", "ccs"])
            peer.record(HANDSHAKE, bytes((kind,)) + number(0xFFFFFF, 3) + bytes(1000))
            return peer.outcome()

        add(f"a message of type {kind} that claims 16 MiB, TLS 1.2", "RFC 5246 7.4", REFUSED, huge)


def _clear_finished(world: World) -> str:
    peer = world.peer()
    peer.start12()
    peer.flight12(["exchange"])
    peer.record(CCS, b"\x01")
    peer.handshake(peer.finish12())
    return peer.outcome()


def _finished() -> None:
    for at in range(12):
        talk = flight(*HONEST, tamper={"finished": lambda whole, at=at: flipped(whole, 4 + at)})
        name_ = f"Finished with octet {at} changed, TLS 1.2"
        add(name_, "RFC 5246 7.4.9", "decrypt_error", talk, long=at not in (0, 11))
    for size in (0, 1, 11, 13, 24, 200):
        talk = flight(
            *HONEST,
            tamper={"finished": lambda whole, size=size: message(FINISHED, (whole[4:] + bytes(200))[:size])},
        )
        add(
            f"Finished of {size} octets, TLS 1.2",
            "RFC 5246 7.4.9, 7.2.2",
            "decode_error|decrypt_error|illegal_parameter",
            talk,
        )


def _exchange() -> None:
    rfc = "RFC 8422 5.4, 5.11, RFC 5246 7.2.2"
    for group, words in ((X25519, "X25519"), (P256, "P-256"), (P384, "P-384")):
        public = Share(group).public
        for what, point in bad_points(group, public).items():

            def talk(world: World, group: int = group, point: bytes = point) -> str:
                peer = world.peer()
                peer.start12(hello12(suites=(0xCCA8,)).with_(groups(group)))
                assert peer.share.group == group
                peer.handshake(message(CLIENT_KEY_EXCHANGE, vector(1, point)))
                peer.flight12(["ccs", "finished"])
                return peer.outcome()

            name_ = f"ClientKeyExchange of {words}: {what}"
            expected = "illegal_parameter|decode_error|handshake_failure"
            add(name_, rfc, expected, talk, long=group == P384, says="HOSTLOCK_E_PROTOCOL")
    rows: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("empty", lambda _: b""),
        ("no point", lambda _: b"\x00"),
        ("one octet less", lambda body: body[:-1]),
        ("one octet more", lambda body: body + b"\x00"),
        ("a kibibyte more", lambda body: body + bytes(1024)),
        ("its length too great", lambda body: bytes((body[0] + 1,)) + body[1:]),
        ("as static RSA has it", lambda _: vector(2, os.urandom(256))),
        ("as DHE has it", lambda _: vector(2, b"\x01" * 256)),
    )
    for words, change in rows:
        wrong = flight(
            *HONEST,
            tamper={"exchange": lambda whole, change=change: message(CLIENT_KEY_EXCHANGE, change(whole[4:]))},
        )
        add(f"ClientKeyExchange: {words}", rfc, "decode_error|illegal_parameter", wrong)

    @case("ClientKeyExchange of X25519: the unused bit set", "RFC 7748 5", SERVED)
    def _(world: World) -> str:
        peer = world.peer()
        peer.tamper = {"exchange": lambda whole: flipped(whole, -1, 0x80)}
        peer.start12(hello12().with_(groups(X25519, P256)))
        peer.flight12()
        peer.hear_finished12()
        return peer.echoed()

    def fresh(kind: str) -> Callable[[World], str]:
        def talk(world: World) -> str:
            seen = set()
            for _ in range(8):
                peer = world.peer()
                peer.start12()
                seen.add({"random": peer.server.random[:24], "share": peer.their_share}[kind])
                peer.flight12()
                peer.hear_finished12()
            return "served" if len(seen) == 8 else f"only {len(seen)} different ones"

        return talk

    add("each ServerHello has another random", "RFC 5246 7.4.1.3", SERVED, fresh("random"))
    add("each ServerKeyExchange has another share", "RFC 9325 7.4", SERVED, fresh("share"))


def _renegotiation() -> None:
    """The policy refuses it: the warning no_renegotiation, and the connection goes on or ends (RFC 5246 7.2.2)."""
    refused = ("no_renegotiation", *REFUSED)

    def again(change: Callable[[Conversation, Hello], Hello]) -> Callable[[World], str]:
        def talk(world: World) -> str:
            peer = world.peer()
            peer.done12()
            peer.record(HANDSHAKE, change(peer, hello12()).message())
            return peer.outcome()

        return talk

    rows: tuple[tuple[str, Callable[[Conversation, Hello], Hello]], ...] = (
        ("with the right data", lambda peer, hello: hello.with_(renegotiation(peer.client_finished))),
        ("with wrong data", lambda _, hello: hello.with_(renegotiation(bytes(12)))),
        ("with none", lambda _, hello: hello.without(RENEGOTIATION)),
        ("with the SCSV", lambda _, hello: hello.but(suites=(*OF_TLS12, EMPTY_RENEGOTIATION_SCSV))),
        ("to TLS 1.3", lambda peer, _: peer.hello13()),
        (
            "without extended_master_secret",
            lambda peer, hello: hello.without(EMS).with_(renegotiation(peer.client_finished)),
        ),
    )
    for words, change in rows:
        add(f"renegotiation {words} is refused", "RFC 5746 3.7, RFC 5246 7.2.2, RFC 9325 3.5", refused, again(change))

    @case("a connection goes on after a renegotiation that was refused, or ends", "RFC 5246 7.2.2", (*SERVED, *REFUSED))
    def _(world: World) -> str:
        peer = world.peer()
        peer.done12()
        peer.record(HANDSHAKE, hello12().with_(renegotiation(peer.client_finished)).message())
        assert peer.outcome() in refused
        return peer.echoed()

    @case("a flood of renegotiations ends", "RFC 9325 3.5", (*REFUSED, "close_notify", "reset"))
    def _(world: World) -> str:
        peer = world.peer()
        peer.done12()
        whole = hello12().with_(renegotiation(peer.client_finished)).message()
        for _ in range(300):
            peer.record(HANDSHAKE, whole)
        how = peer.outcome()
        while how == "no_renegotiation":
            how = peer.outcome()
        return how


def _tickets() -> None:
    def first(world: World, hello: Hello | None = None) -> Conversation:
        """A session with its ticket."""
        peer = world.peer()
        peer.done12((hello or hello12()).with_((TICKET, b"")))
        assert peer.echoed() == "served" and peer.tickets, "no ticket came"
        return peer

    def resumed(
        change: Callable[[Hello], Hello] = lambda hello: hello,
        ticket: Callable[[bytes], bytes] = lambda ticket: ticket,
        expected: bool = True,
    ) -> Callable[[World], str]:
        def talk(world: World) -> str:
            one = first(world)
            two = world.peer()
            offer = hello12(session=os.urandom(32), suites=(one.suite,)).with_((TICKET, ticket(one.tickets[0])))
            if two.resume12(change(offer), one.master, one.suite):
                return ("served" if expected else "resumed ") + ("" if two.echoed() == "served" else " without an echo")
            if expected:
                return "a full handshake"
            return finish_full(two)

        return talk

    def finish_full(peer: Conversation) -> str:
        peer.flight12()
        peer.hear_finished12()
        return peer.echoed()

    add("a ticket resumes, TLS 1.2", "RFC 5077 3.1", SERVED, resumed())
    full = "a ticket {} makes a full handshake, TLS 1.2"
    for words, change in (
        ("cut off by one octet", lambda ticket: ticket[:-1]),
        ("with an octet behind", lambda ticket: ticket + b"\x00"),
        ("of 15 octets", lambda ticket: ticket[:15]),
        ("of 47 octets", lambda ticket: ticket[:47]),
        ("of another key's name", lambda ticket: flipped(ticket, 0)),
        ("with its vector changed", lambda ticket: flipped(ticket, 16)),
        ("with its text changed", lambda ticket: flipped(ticket, 40)),
        ("with its MAC changed", lambda ticket: flipped(ticket, -1)),
        ("of 60,000 octets", lambda ticket: (ticket * 600)[:60000]),
    ):
        add(full.format(words), "RFC 5077 3.2", SERVED, resumed(ticket=change, expected=False))
    add(
        "a ticket whose suite is not offered resumes nothing, TLS 1.2",
        "RFC 5246 7.4.1.2",
        (*SERVED, "illegal_parameter", "handshake_failure"),
        resumed(lambda hello: hello.but(suites=(0xC02F,)), expected=False),
    )
    add(
        "a ticket of a session with extended_master_secret, and none now",
        "RFC 7627 5.3",
        "handshake_failure",
        resumed(lambda hello: hello.without(EMS), expected=False),
    )

    def renewed_without(world: World) -> str:
        one = world.peer()
        one.done12(hello12().without(EMS).with_((TICKET, b"")))
        assert one.echoed() == "served"
        if not one.tickets:
            return "served"
        two = world.peer()
        offer = hello12(session=os.urandom(32), suites=(one.suite,)).with_((TICKET, one.tickets[0]))
        if two.resume12(offer, one.master, one.suite):
            return "resumed"
        return finish_full(two)

    add(
        "a ticket of a session without extended_master_secret, and it now, makes a full handshake",
        "RFC 7627 5.3",
        (*SERVED, "handshake_failure"),
        renewed_without,
    )

    def twice(world: World) -> str:
        one = first(world)
        for _ in range(2):
            two = world.peer()
            offer = hello12(session=os.urandom(32), suites=(one.suite,)).with_((TICKET, one.tickets[0]))
            assert two.resume12(offer, one.master, one.suite)
            assert two.echoed() == "served"
        return "served"

    add("a ticket resumes twice, TLS 1.2", "RFC 5077 3.3", SERVED, twice)

    def in_13(world: World) -> str:
        one = first(world)
        two = world.peer()
        two.say_hello(two.hello13().with_((TICKET, one.tickets[0])))
        two.hear_hello()
        return finish(two)

    add("a ticket of TLS 1.2 in a hello of 1.3 makes a full handshake", "RFC 8446 4.6.1", SERVED, in_13)

    def wrong_finished(world: World) -> str:
        one = first(world)
        two = world.peer()
        offer = hello12(session=os.urandom(32), suites=(one.suite,)).with_((TICKET, one.tickets[0]))
        two.say_hello(offer)
        two.hear_hello()
        two.master = one.master
        two.hear_finished12()
        two.record(CCS, b"\x01")
        two.writing = two.next_writing
        two.handshake(message(FINISHED, bytes(12)))
        return two.outcome()

    add("a wrong Finished in a resumption, TLS 1.2", "RFC 5246 7.4.9", "decrypt_error", wrong_finished)


for listing in (_order, _finished, _exchange, _renegotiation, _tickets):
    listing()
