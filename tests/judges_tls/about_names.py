"""A server with names of its own (RFC 6066 3): whose certificate is shown, and sessions that stay with their name."""

from __future__ import annotations

import os

from about_sessions13 import offered, resumes, session
from cases import SERVED, World, add, case, meet
from flights import Conversation
from wire import CERTIFICATE, DATA, SERVER_NAME, TICKET, Extension, Reader, hello12, key_share, name, server_name

OTHER = server_name(name(b"other.example"))


def shown(peer: Conversation) -> bytes:
    """The certificate of the server, whose subject is in it in the clear."""
    reader = Reader(peer.messages[CERTIFICATE])
    if peer.server.version == 0x0304:
        reader.vector(1)
    return Reader(reader.vector(3)).vector(3)


def asked_for(peer: Conversation) -> bytes:
    """The name that the server takes for the one that its client asked for."""
    peer.record(DATA, b"!name")
    while True:
        kind, body = peer.next_record()
        if kind == DATA:
            return body[len("name ") :]


def _list() -> None:
    for version in ("1.3", "1.2"):

        def hello_for(peer: Conversation, version: str, *extensions: Extension) -> str:
            hello = peer.hello13() if version == "1.3" else hello12()
            return meet(peer, hello.with_(*extensions))

        for host, subject in (
            (b"localhost", b"server-rsa"),
            (b"other.example", b"other-rsa"),
            (b"OTHER.example", b"other-rsa"),
        ):

            def talk(world: World, version: str = version, host: bytes = host, subject: bytes = subject) -> str:
                peer = world.peer()
                result = hello_for(peer, version, server_name(name(host)))
                assert subject in shown(peer)
                assert asked_for(peer).lower() == host.lower()
                return result

            add(f"{host.decode()} is shown its certificate, TLS {version}", "RFC 6066 3", SERVED, talk, server="names")
        for words, host in (
            ("unknown", b"unknown.example"),
            ("an IP address", b"127.0.0.1"),
            ("a name with a dot at its end", b"unknown.example."),
            ("no name at all", b"\xff\x00\x01"),
            ("256 octets", b"a" * 256),
        ):

            def stranger(world: World, version: str = version, host: bytes = host) -> str:
                return hello_for(world.peer(), version, server_name(name(host)))

            add(
                f"a name that is {words} is refused, TLS {version}",
                "RFC 6066 3",
                "unrecognized_name",
                stranger,
                server="names",
            )

        def nameless(world: World, version: str = version) -> str:
            peer = world.peer()
            return meet(peer, (peer.hello13() if version == "1.3" else hello12()).without(SERVER_NAME))

        add(f"who names no host gets the default, TLS {version}", "RFC 6066 3", SERVED, nameless, server="names")

    @case(
        "a second hello with another name gets what that name is shown",
        "RFC 8446 4.1.2",
        ("served", "illegal_parameter"),
        server="names",
    )
    def _(world: World) -> str:
        peer = world.peer()
        second = peer.retried(peer.hello13().with_(key_share())).with_(OTHER)
        result = meet(peer, second)
        assert b"other-rsa" in shown(peer)
        assert asked_for(peer) == b"other.example"
        return result

    def ticket12(host: tuple[Extension, ...] | None) -> str:
        return "another name" if host else "no name"

    for change in ((OTHER,), None):

        def resumed12(world: World, change: tuple[Extension, ...] | None = change) -> str:
            one = world.peer()
            one.done12(hello12().with_((TICKET, b"")))
            assert one.echoed() == "served" and one.tickets
            two = world.peer()
            hello = hello12(session=os.urandom(32), suites=(one.suite,)).with_((TICKET, one.tickets[0]))
            hello = hello.with_(*change) if change else hello.without(SERVER_NAME)
            if two.resume12(hello, one.master, one.suite):
                return "resumed"
            two.flight12()
            two.hear_finished12()
            return two.echoed()

        add(
            f"a ticket with {ticket12(change)} resumes nothing, TLS 1.2",
            "RFC 6066 3",
            SERVED,
            resumed12,
            server="names",
        )

        def resumed13(world: World, change: tuple[Extension, ...] | None = change) -> str:
            one = session(world)[:1]
            peer = world.peer()
            hello = peer.hello13(suites=(0x1303,))
            hello = hello.with_(*change) if change else hello.without(SERVER_NAME)
            return resumes(peer, offered(hello, one), one)

        add(
            f"a ticket with {ticket12(change)} resumes nothing, TLS 1.3",
            "RFC 8446 4.6.1",
            "full",
            resumed13,
            server="names",
        )

    @case("a ticket with its own name resumes, TLS 1.3", "RFC 8446 4.6.1", "resumed", server="names")
    def _(world: World) -> str:
        one = session(world)[:1]
        peer = world.peer()
        return resumes(peer, offered(peer.hello13(suites=(0x1303,)), one), one)


_list()
