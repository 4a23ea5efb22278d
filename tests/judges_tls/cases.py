"""The list of conversations: what each is called, what the RFC says of it, and what has to become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flights import Conversation
from keys import Identity
from wire import ALERTS, TLS13, Hello

SERVED = ("served",)
#: Where the RFC names no alert: any fatal one, or the end of the connection.
REFUSED = (*(name for code, name in ALERTS.items() if code not in (0, 90, 100)), "closed")


class World:
    """The server of a conversation, and those who may talk to it."""

    def __init__(self, port: int, identities: dict[str, Identity], timeout_s: float) -> None:
        self.port, self.identities, self.timeout_s = port, identities, timeout_s
        self.peers: list[Conversation] = []

    def peer(self, identity: str | None = None) -> Conversation:
        """A new connection."""
        peer = Conversation(self.port, self.identities[identity] if identity else None, 5 * self.timeout_s)
        self.peers.append(peer)
        return peer

    def close(self) -> None:
        for peer in self.peers:
            peer.close()


@dataclass(frozen=True)
class Case:
    """A conversation, which says in the end what became of it."""

    name: str
    rfc: str
    expected: tuple[str, ...]
    talk: Callable[[World], str]
    #: How the server asks for certificates.
    server: str = "plain"
    #: One of many of its kind: not in the quick list.
    long: bool = field(default=False)
    #: What the server says of it to its own program.
    says: str = ""


CASES: dict[str, Case] = {}


def add(
    name: str,
    rfc: str,
    expected: str | tuple[str, ...],
    talk: Callable[[World], str],
    *,
    server: str = "plain",
    long: bool = False,
    says: str = "",
) -> None:
    """Puts a conversation on the list."""
    assert name not in CASES, name
    allowed = tuple(expected.split("|")) if isinstance(expected, str) else expected
    CASES[name] = Case(name, rfc, allowed, talk, server, long, says)


def case(
    name: str, rfc: str, expected: str | tuple[str, ...], *, server: str = "plain"
) -> Callable[[Callable[[World], str]], None]:
    """The same for a function."""
    return lambda talk: add(name, rfc, expected, talk, server=server)


def finish(peer: Conversation) -> str:
    """After the ServerHello: the rest of an honest handshake, and whether the server serves."""
    if peer.server.version == TLS13:
        assert not peer.server.retry, "a HelloRetryRequest"
        peer.keys13()
        peer.hear_flight13()
        peer.flight13()
    else:
        peer.hear_flight12()
        peer.flight12()
        peer.hear_finished12()
    return peer.echoed()


def meet(peer: Conversation, hello: Hello, pieces: int | None = None) -> str:
    """Says this hello, and is honest in all else."""
    peer.say_hello(hello, pieces)
    peer.hear_hello()
    return finish(peer)
