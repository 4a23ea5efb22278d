"""Pre-shared keys of TLS 1.3: tickets, binders, modes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from cases import SERVED, World, add, finish
from flights import Conversation
from keys import digest, expand, mac
from wire import (
    EARLY_DATA,
    KEY_SHARE,
    PSK,
    PSK_MODES,
    Hello,
    Reader,
    flipped,
    key_share,
    number,
    psk,
    psk_modes,
    vector,
)


@dataclass(frozen=True)
class Session:
    """What a ticket gives."""

    ticket: bytes
    secret: bytes
    suite: int
    add: int

    def binder(self, head: bytes) -> bytes:
        """Over the hello up to the binders (RFC 8446 4.2.11.2)."""
        size = len(self.secret)
        early = mac(self.suite, bytes(size), self.secret)
        key = expand(self.suite, early, b"res binder", digest(self.suite, b""))
        return mac(self.suite, expand(self.suite, key, b"finished", b""), digest(self.suite, head))


def session(world: World, suite: int = 0x1303, hello: Callable[[Hello], Hello] = lambda hello: hello) -> list[Session]:
    """The tickets of a new session."""
    peer = world.peer()
    peer.done13(hello(peer.hello13(suites=(suite,))))
    resumption = peer.resumption()
    assert peer.echoed() == "served"
    assert peer.tickets, "no ticket came"
    found = []
    for each in peer.tickets:
        reader = Reader(each)
        _, age_add, nonce, ticket = reader.number(4), reader.number(4), reader.vector(1), reader.vector(2)
        found.append(Session(ticket, expand(suite, resumption, b"resumption", nonce), suite, age_add))
    return found


def offered(hello: Hello, sessions: list[Session], age: int = 0, bend: Callable[[bytes], bytes] = lambda b: b) -> Hello:
    """The hello with these sessions, each with its binder."""
    identities = [(each.ticket, (age + each.add) % 2**32) for each in sessions]
    empty = [bytes(len(each.secret)) for each in sessions]
    draft = hello.with_(psk(identities, empty)).message()
    head = draft[: len(draft) - 2 - sum(len(each) + 1 for each in empty)]
    return hello.with_(psk(identities, [bend(each.binder(head)) for each in sessions]))


def resumes(peer: Conversation, hello: Hello, sessions: list[Session]) -> str:
    """ "resumed" or "full", and whether the server serves then."""
    peer.say_hello(hello)
    server = peer.hear_hello()
    chosen = server.extensions.get(PSK)
    if chosen is not None:
        peer.psk = sessions[int.from_bytes(chosen, "big")].secret
    result = finish(peer)
    return result if result != "served" else f"{'full' if chosen is None else 'resumed'}"


def talk_with(
    change: Callable[[Hello], Hello] = lambda hello: hello,
    of_ticket: Callable[[Session], Session] = lambda session: session,
    suite: int = 0x1303,
    age: int = 0,
    bend: Callable[[bytes], bytes] = lambda binder: binder,
) -> Callable[[World], str]:
    def talk(world: World) -> str:
        sessions = [of_ticket(session(world, suite)[0])]
        peer = world.peer()
        return resumes(peer, offered(change(peer.hello13(suites=(suite,))), sessions, age, bend), sessions)

    return talk


def _list() -> None:
    rfc = "RFC 8446 4.2.11"
    for suite in (0x1301, 0x1302, 0x1303):
        add(f"a ticket resumes, suite {suite:#06x}", rfc, "resumed", talk_with(suite=suite))
    for words, age in (("no age", 0), ("an age of a week", 7 * 86_400_000), ("an age that never was", 2**31)):
        # Ages count where early data are taken only (RFC 8446 8.3).
        add(f"a ticket with {words}", rfc, "resumed|full", talk_with(age=age))
    for at in (0, 15, 31):
        bent = talk_with(bend=lambda binder, at=at: flipped(binder, at))
        add(f"a binder with octet {at} changed", rfc, "decrypt_error", bent)
    for size in (32, 64):
        wrong = talk_with(bend=lambda _, size=size: bytes(size))
        add(f"a binder of {size} zeros", rfc, "decrypt_error|illegal_parameter|decode_error", wrong)
    add("a binder of 31 octets", rfc, "decode_error|illegal_parameter|decrypt_error", talk_with(bend=lambda b: b[:31]))
    add(
        "a binder with an octet more",
        rfc,
        "decode_error|illegal_parameter|decrypt_error",
        talk_with(bend=lambda b: b + b"x"),
    )
    for words, change in (
        ("cut off by one octet", lambda t: t[:-1]),
        ("with an octet behind", lambda t: t + b"\x00"),
        ("of one octet", lambda t: t[:1]),
        ("of another key's name", lambda t: flipped(t, 0)),
        ("with its vector changed", lambda t: flipped(t, 16)),
        ("with its text changed", lambda t: flipped(t, 60)),
        ("with its MAC changed", lambda t: flipped(t, -1)),
        ("of rubbish", lambda t: os.urandom(len(t))),
        ("of 30,000 octets", lambda t: (t * 300)[:30000]),
    ):
        name = f"a ticket {words} makes a full handshake, TLS 1.3"
        add(name, "RFC 8446 4.2.11", "full", talk_with(of_ticket=lambda s, c=change: replace(s, ticket=c(s.ticket))))
    add(
        "a ticket for a suite of another hash makes a full handshake",
        rfc,
        "full",
        talk_with(lambda h: h.but(suites=(0x1302,))),
    )
    same_hash = talk_with(lambda h: h.but(suites=(0x1301,)))
    add("a ticket for another suite of the same hash", rfc, "resumed|full", same_hash)
    no_modes = talk_with(lambda hello: hello.without(PSK_MODES))
    add("a ticket without psk_key_exchange_modes", "RFC 8446 4.2.9, 9.2", "missing_extension", no_modes)
    add("a ticket in the mode without (EC)DHE", "RFC 8446 4.2.9", "full", talk_with(lambda h: h.with_(psk_modes(0))))
    add("a ticket in unknown modes", "RFC 8446 4.2.9", "full", talk_with(lambda h: h.with_(psk_modes(7, 99))))
    add(
        "a ticket in both modes is resumed with (EC)DHE",
        "RFC 8446 4.2.9",
        "resumed",
        talk_with(lambda h: h.with_(psk_modes(0, 1))),
    )
    no_share = talk_with(lambda hello: hello.without(KEY_SHARE))
    add("a ticket in a hello without key_share", "RFC 8446 9.2", "missing_extension", no_share)

    def several(world: World) -> str:
        good, other = session(world)[0], session(world)[0]
        bad = replace(other, ticket=os.urandom(len(other.ticket)))
        peer = world.peer()
        return resumes(peer, offered(peer.hello13(), [bad, good]), [bad, good])

    add("a bad ticket before a good one", rfc, "resumed|full", several)

    def many(world: World) -> str:
        good = session(world)[0]
        bad = [replace(good, ticket=os.urandom(60)) for _ in range(400)]
        peer = world.peer()
        return resumes(peer, offered(peer.hello13(), [*bad, good]), [*bad, good])

    add("400 bad tickets before a good one", rfc, "resumed|full", many)

    def twice(world: World) -> str:
        one = session(world)
        results = set()
        for _ in range(2):
            peer = world.peer()
            results.add(resumes(peer, offered(peer.hello13(), one[:1]), one))
        return "|".join(sorted(results))

    # Single use is a choice of the server's (RFC 8446 8.1, C.4), and clients' here.
    add("a ticket twice", "RFC 8446 8, C.4", ("resumed", "full|resumed"), twice)

    def malformed(body: Callable[[Session], bytes]) -> Callable[[World], str]:
        def talk(world: World) -> str:
            one = session(world)[0]
            peer = world.peer()
            peer.say_hello(peer.hello13().with_((PSK, body(one))))
            peer.hear_hello()
            return finish(peer)

        return talk

    decode = "decode_error|illegal_parameter"
    rows: tuple[tuple[str, Callable[[Session], bytes]], ...] = (
        ("no body", lambda _: b""),
        ("no identity", lambda _: psk([], [bytes(32)])[1]),
        ("an empty identity", lambda _: psk([(b"", 0)], [bytes(32)])[1]),
        ("no binder", lambda s: psk([(s.ticket, 0)], [])[1]),
        ("two binders", lambda s: psk([(s.ticket, 0)], [bytes(32)] * 2)[1]),
        ("one binder for two identities", lambda s: psk([(s.ticket, 0)] * 2, [bytes(32)])[1]),
        ("the identities cut off", lambda s: vector(2, vector(2, s.ticket) + b"\x00\x00")),
        ("octets behind the binders", lambda s: psk([(s.ticket, 0)], [bytes(32)])[1] + b"\x00"),
        ("an empty binder", lambda s: psk([(s.ticket, 0)], [b""])[1]),
        (
            "the binders' length too great",
            lambda s: vector(2, vector(2, s.ticket) + bytes(4)) + number(900, 2) + bytes(33),
        ),
    )
    for words, body in rows:
        expected = decode + ("|decrypt_error" if "binder" in words else "")
        add(f"pre_shared_key with {words}", "RFC 8446 4.2.11, 6.2", expected, malformed(body))

    def not_last(world: World) -> str:
        one = session(world)
        peer = world.peer()
        hello = offered(peer.hello13(), one[:1])
        return resumes(peer, hello.with_((0x4321, b"")), one)

    add("pre_shared_key before another extension", rfc, "illegal_parameter", not_last)

    def retried(world: World) -> str:
        one = session(world)[0]
        peer = world.peer()
        second = peer.retried(offered(peer.hello13().with_(key_share()), [one]))
        # The binder is over the first hello's digest, too.
        base = second.without(PSK)
        draft = base.with_(psk([(one.ticket, one.add)], [bytes(len(one.secret))])).message()
        head = peer.transcript + draft[: len(draft) - 3 - len(one.secret)]
        return resumes(peer, base.with_(psk([(one.ticket, one.add)], [one.binder(head)])), [one])

    add("a ticket resumes after a HelloRetryRequest", "RFC 8446 4.1.4, 4.2.11.2", "resumed", retried)

    def stale(world: World) -> str:
        one = session(world)[0]
        peer = world.peer()
        second = peer.retried(offered(peer.hello13().with_(key_share()), [one]))
        return resumes(peer, second, [one])

    add("the first hello's binder in the second hello", "RFC 8446 4.2.11.2", "decrypt_error", stale)

    def early(world: World) -> str:
        one = session(world)[0]
        peer = world.peer()
        peer.say_hello(offered(peer.hello13().with_((EARLY_DATA, b"")), [one]))
        peer.plain(23, os.urandom(200))
        server = peer.hear_hello()
        if PSK in server.extensions:
            peer.psk = one.secret
        result = finish(peer)
        assert EARLY_DATA not in Reader(peer.messages[8]).extensions()
        return result

    add(
        "early data with a ticket are not taken",
        "RFC 8446 4.2.10",
        (*SERVED, "bad_record_mac", "unexpected_message"),
        early,
    )

    def external(world: World) -> str:
        peer = world.peer()
        one = Session(b"Client_identity", bytes(32), 0x1303, 0)
        return resumes(peer, offered(peer.hello13(), [one]), [one])

    add("a key that was never agreed on makes a full handshake", rfc, "full", external)

    def renewed(world: World) -> str:
        one = session(world)
        for _ in range(3):
            peer = world.peer()
            peer.say_hello(offered(peer.hello13(suites=(0x1303,)), one[:1]))
            assert PSK in peer.hear_hello().extensions
            peer.psk = one[0].secret
            peer.keys13()
            peer.hear_flight13()
            peer.flight13()
            secret = peer.resumption()
            assert peer.echoed() == "served" and peer.tickets
            reader = Reader(peer.tickets[0])
            _, age_add, nonce, ticket = reader.number(4), reader.number(4), reader.vector(1), reader.vector(2)
            one = [Session(ticket, expand(0x1303, secret, b"resumption", nonce), 0x1303, age_add)]
        return "resumed"

    add("each resumption brings a ticket for the next", "RFC 8446 4.6.1, C.4", "resumed", renewed)


_list()
