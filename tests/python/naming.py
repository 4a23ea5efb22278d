"""What the tests of learned names share: a world with names of its own, in which a sealed program runs. Only the
program has it: its /etc/hosts is another, in a mount namespace; sockets and servers are the machine's."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from sealing import Ran, authority, sealed
from support import run, scratch

# Two names share an address; `moved` leads elsewhere than it did.
HOSTS = {
    "localhost": "127.0.0.1",
    "one.example": "127.0.0.11",
    "two.example": "127.0.0.12",
    "shared-a.example": "127.0.0.13",
    "shared-b.example": "127.0.0.13",
    "proxy.example": "127.0.0.14",
    "short": "127.0.0.15",
}


@functools.cache
def hosts() -> Path:
    """The file of names."""
    path = Path(tempfile.mkdtemp(prefix="names-", dir=scratch())) / "hosts"
    path.write_text("".join(f"{address} {name}\n" for name, address in HOSTS.items()))
    return path


@functools.cache
def has_namespaces() -> bool:
    """Whether this machine lets a program have names of its own."""
    return run(within(["true"])).returncode == 0


def within(command: Sequence[str | Path]) -> list[str | Path]:
    """A command in that world."""
    mount = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", hosts(), *command]


def named(command: Sequence[str | Path], mode: str = "enforce", **more: str) -> Ran:
    """Runs a command sealed in that world."""
    return sealed(within(command), mode, **more)


@functools.cache
def certificate(name: str) -> Path:
    """A valid certificate for a name."""
    return authority().issue(name)


class Served:
    """A port of this machine, served for the time of a `with`, each client in a thread of its own."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("0.0.0.0", 0))

    def __enter__(self) -> int:
        threading.Thread(target=self._accept, daemon=True).start()
        return int(self.listener.getsockname()[1])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        raise NotImplementedError


class Proxy(Served):
    """A proxy that takes a client to `upstream`, whatever host it was told, for the time of a `with`: by CONNECT, by
    SOCKS, or after any other text that ends in an empty line. It answers none that begins with QUIET."""

    def __init__(self, upstream: int) -> None:
        super().__init__()
        self.upstream = upstream

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            greeted, rest = self._greet(client)
            with greeted, socket.create_connection(("127.0.0.1", self.upstream)) as server:
                server.sendall(rest)
                back = threading.Thread(target=_copy, args=(server, greeted), daemon=True)
                back.start()
                _copy(greeted, server)
                back.join()

    def _greet(self, client: socket.socket) -> tuple[socket.socket, bytes]:
        """The client's side from here on, and what it said more."""
        said, rest = client.recv(4096), b""
        if said[:1] == b"\x05":
            client.sendall(b"\x05\x00")
            client.recv(4096)
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        elif said[:1] == b"\x04":
            client.sendall(b"\x00\x5a" + bytes(6))
        else:
            while b"\r\n\r\n" not in said:
                said += client.recv(4096)
            if not said.startswith(b"QUIET"):
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            rest = said.split(b"\r\n\r\n", 1)[1]
        return client, rest


class TlsProxy(Proxy):
    """The same, to which the client speaks TLS; then it needs no word to be taken to `upstream`."""

    def __init__(self, identity: Path, upstream: int) -> None:
        super().__init__(upstream)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity)

    def _greet(self, client: socket.socket) -> tuple[socket.socket, bytes]:
        return self.context.wrap_socket(client, server_side=True), b""


class Listener(Served):
    """A server that begins TLS, after `starts_with` where there is such, for the time of a `with`; what it was told in
    the clear is kept."""

    def __init__(self, identity: Path, *, starts_with: bytes = b"", answer: bytes = b"") -> None:
        super().__init__()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity)
        self.starts_with, self.answer = starts_with, answer
        self.heard: list[bytes] = []

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.starts_with:
                said = client.recv(len(self.starts_with), socket.MSG_WAITALL)
                if said != self.starts_with:
                    said += client.recv(65536)
                    self.heard.append(said)
                    return
                client.sendall(self.answer)
            if client.recv(1, socket.MSG_PEEK) == b"\x16":
                with self.context.wrap_socket(client, server_side=True) as secure:
                    secure.recv(1000)
                    secure.sendall(b"HTTP/1.0 200 ok\r\n\r\n")
            else:
                self.heard.append(client.recv(65536))


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
