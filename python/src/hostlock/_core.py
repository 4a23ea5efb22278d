"""Connections by hostlock's own functions: verified before the first byte, without the `ssl` module."""

import _ssl
import sys
import time
from _ctypes import byref

from ._errors import ConnectError, Error, Facts, check, exception, facts_of_last, raise_last
from ._library import c_type, lib, place, taken, undeclared

MYPY = False
if MYPY:
    import socket
    from types import TracebackType
    from typing import Any, Dict, Optional, Text, Tuple, Type, Union

    Bytes = Union[bytes, bytearray, memoryview]
    Name = Union[bytes, Text]

_WANT_READ, _WANT_WRITE = -1, -2
_DEFAULT_TIMEOUT = 30.0
_AT_ONCE = 65536
# Not all of it: signals have their turn in between.
_AT_ONCE_OUT = 1 << 20
_LONGEST_POLL = 2**31 - 1

# A clock that is set meanwhile must neither end a wait nor draw it out; Python 2 has no other one.
_now = getattr(time, "monotonic", time.time)

# `unicode` in Python 2, where `str` is bytes.
_TEXT = type(b"".decode("ascii"))
_char, _text_at, _address, _length = c_type("c"), c_type("z"), c_type("P"), c_type("L")

_read, _write = undeclared("hostlock_read"), undeclared("hostlock_write")
_write_many = undeclared("hostlock_write_many")


def _words(text):
    # type: (Name) -> bytes
    """Text for C, where a NUL inside would end it too early."""
    if not isinstance(text, (bytes, _TEXT)):
        raise TypeError("text is wanted here, and not {}".format(type(text).__name__))
    found = text if isinstance(text, bytes) else text.encode("utf-8")
    if b"\0" in found:
        raise ValueError("a NUL in {!r}".format(text))
    return found


def _path(name):
    # type: (Any) -> bytes
    """The name of a file, also of a path object."""
    if hasattr(name, "__fspath__"):
        name = name.__fspath__()
    if not isinstance(name, (bytes, _TEXT)):
        raise TypeError("the name of a file is wanted here, and not {}".format(type(name).__name__))
    if isinstance(name, _TEXT) and sys.version_info >= (3,):
        name = name.encode(sys.getfilesystemencoding(), "surrogateescape")
    return _words(name)


def _octets(data):
    # type: (Any) -> bytes
    """What is in a buffer. A number is none, though bytes(5) are five zeros; nor is a list."""
    if isinstance(data, bytes):
        return data
    if sys.version_info < (3,):
        if isinstance(data, _TEXT):
            return data.encode("ascii")
        if not isinstance(data, memoryview):
            data = bytearray(buffer(data))  # type: ignore[name-defined]  # noqa: F821
    return memoryview(data).tobytes()


class Context(object):
    """What connections rest on: a policy, trust anchors, revocation lists. Share it; it is safe to use from threads."""

    def __init__(self, policy=None):
        # type: (Optional[str]) -> None
        self._ctx = None  # type: Any
        ctx = lib.hostlock_client_new(None if policy is None else _words(policy))
        if not ctx:
            raise_last()
        self._ctx = ctx

    def __del__(self):
        # type: () -> None
        # At the end of the interpreter the library may be gone already.
        if self._ctx and lib is not None:
            lib.hostlock_ctx_free(self._ctx)
            self._ctx = None

    def trust_file(self, path):
        # type: (Name) -> None
        """Trusts the certificates of a PEM file, and none of the system's."""
        check(lib.hostlock_ctx_trust_file(self._ctx, _path(path)))

    def trust_dir(self, path):
        # type: (Name) -> None
        """Trusts the certificates in the files of a directory."""
        check(lib.hostlock_ctx_trust_dir(self._ctx, _path(path)))

    def trust_data(self, data):
        # type: (Bytes) -> None
        """Trusts certificates in memory, PEM or DER."""
        data = data if type(data) is bytes else _octets(data)
        check(lib.hostlock_ctx_trust_mem(self._ctx, data, len(data)))

    def trust_system(self):
        # type: () -> None
        """Trusts the system's roots; a context does so by itself where it was told of no others."""
        check(lib.hostlock_ctx_trust_system(self._ctx))

    def trust_bundled(self):
        # type: () -> None
        """Trusts the roots that are in the library."""
        check(lib.hostlock_ctx_trust_bundled(self._ctx))

    def add_pin(self, pin):
        # type: (Name) -> None
        """Demands that the chain holds a key, "sha256/" and its hash in base64; others may be named besides."""
        check(lib.hostlock_ctx_add_pin(self._ctx, _words(pin)))

    def add_crl_file(self, path):
        # type: (Name) -> None
        """Reads revocation lists from a PEM or DER file."""
        check(lib.hostlock_ctx_add_crl_file(self._ctx, _path(path)))

    def add_crl_data(self, data):
        # type: (Bytes) -> None
        """Reads revocation lists in memory, PEM or DER."""
        data = data if type(data) is bytes else _octets(data)
        check(lib.hostlock_ctx_add_crl_mem(self._ctx, data, len(data)))

    def set_crl_mode(self, mode):
        # type: (Name) -> None
        """Which certificates must be known as not revoked: "leaf" or "chain", with "+soft" or "+expired" behind it."""
        check(lib.hostlock_ctx_set_crl_mode(self._ctx, _words(mode)))

    def set_verify_time(self, unix_seconds):
        # type: (int) -> None
        """Verifies for that moment in place of now."""
        seconds = int(unix_seconds)
        # ctypes cuts a larger number to 64 bits.
        if abs(seconds) >= 1 << 63:
            raise ValueError("{} is no time".format(seconds))
        check(lib.hostlock_ctx_set_verify_time(self._ctx, seconds))

    def connect(self, host, port, timeout=_DEFAULT_TIMEOUT):
        # type: (Name, int, Optional[float]) -> Connection
        """A connection to `port` of `host`: it is verified, or this raises. Resolving, connecting and the handshake
        take no longer than `timeout` seconds; None waits for ever."""
        import socket

        in_ascii = ascii_host(host)
        if timeout is not None and not timeout > 0:
            raise ValueError("connecting needs time: more than 0 seconds, or None, and not {!r}".format(timeout))
        # libc cuts a larger number to 16 bits, and an empty one to 0.
        is_number = str(port).lstrip("-").isdigit()
        if port is None or isinstance(port, (bool, float)) or (is_number and not 0 < int(port) < 65536):
            raise ValueError("a port is a number from 1 to 65535, and not {!r}".format(port))
        deadline = None if timeout is None else _now() + timeout
        name = in_ascii.decode("ascii")
        try:
            sock = socket.create_connection((name, port), timeout)
        except socket.timeout:
            words = 'nothing came of the connection to "{}" port {} within {:g} s'.format(name, port, timeout or 0)
            raise exception(Facts({"status": "HOSTLOCK_E_TIMEOUT", "code": -62, "host": name, "message": words}))
        except (socket.error, UnicodeError) as error:
            code = -60 if isinstance(error, (socket.gaierror, UnicodeError)) else -61
            status = "HOSTLOCK_E_RESOLVE" if code == -60 else "HOSTLOCK_E_CONNECT"
            words = 'cannot connect to "{}" port {}: {}'.format(name, port, error)
            raise _with_facts(
                ConnectError(1, str(words)), Facts({"status": status, "code": code, "host": name, "message": words})
            )
        try:
            left = None if deadline is None else max(deadline - _now(), 0.001)
            connection = self.wrap(sock, in_ascii, left)
        except BaseException:
            sock.close()
            raise
        connection.timeout = timeout
        return connection

    def wrap(self, sock, host, timeout=_DEFAULT_TIMEOUT):
        # type: (socket.socket, Name, Optional[float]) -> Connection
        """The same over a connected socket, which belongs to the connection from then on and becomes non-blocking."""
        return Connection(self, sock, host, timeout)

    def verify_chain(self, chain, host):
        # type: (Bytes, Name) -> None
        """Judges a chain as a handshake would, and raises where it is not valid for `host`. `chain` is PEM, the
        peer's own certificate first, or one certificate as DER. Staples come with a handshake, and are missing
        here."""
        chain = _octets(chain)
        check(lib.hostlock_ctx_verify_chain(self._ctx, chain, len(chain), _reference(host)))

    def verify_peer(self, chain, host, version, cipher, staple=b""):
        # type: (Bytes, Name, Name, Name, Bytes) -> None
        """Judges a handshake that another TLS library made, when it is complete and before the first byte of data:
        raises where the chain is not valid for `host`, or version or suite are not those of the policy. `chain` is what
        the peer sent, PEM or DER, its own certificate first; `version` and `cipher` are OpenSSL's names ("TLSv1.3",
        "TLS_AES_256_GCM_SHA384"); `staple` is the OCSP response that came with it. Where it raises, close the
        connection."""
        chain, staple = _octets(chain), _octets(staple)
        agreed = (_words(version), _words(cipher), staple, len(staple))
        check(lib.hostlock_ctx_verify_peer(self._ctx, chain, len(chain), _reference(host), *agreed))


def ascii_host(host):
    # type: (Name) -> bytes
    """The form of a host that is resolved and verified: by IDNA 2008, where Python's own codec makes another host of
    some names. Raises for what is no host."""
    words, room = _words(host), (_char * 256)()
    check(lib.hostlock_host_to_ascii(words, room, len(room)))
    # One that is in ASCII stays: a dot at its end says something to who resolves it.
    return room.value if any(byte > 127 for byte in bytearray(words)) else words


def _reference(host):
    # type: (Name) -> bytes
    words = _words(host)
    return words if words.startswith(b"email:") else ascii_host(words)


def _with_facts(error, facts):
    # type: (Error, Facts) -> Error
    error.hostlock = facts
    return error


class Connection(object):
    """A verified connection over a socket. It waits by itself, so that signals (Ctrl-C) take effect at once."""

    def __init__(self, context, sock, host, timeout=_DEFAULT_TIMEOUT):
        # type: (Context, socket.socket, Name, Optional[float]) -> None
        self._conn = None  # type: Any
        # How `recv` calls: the connection, where to, and how much; and for which size, the one that was asked for last.
        self._call, self._size = None, object()  # type: Any, Any
        # The same for `recv_into`: how a buffer of that size is lent. To make its type takes as long as a record takes.
        self._into = (0, None, None)  # type: Tuple[int, Any, Any]
        if timeout is not None and not timeout > 0:
            words = "a handshake needs time: more than 0 seconds, or None, and not {!r}; set `timeout` afterwards"
            raise ValueError(words.format(timeout))
        #: How many seconds a read or write waits; None for ever; 0 not at all (then `ssl.SSLWantReadError` is raised).
        self.timeout = timeout
        self._sock = sock
        sock.setblocking(False)
        found = place()
        check(lib.hostlock_connect_fd(context._ctx, sock.fileno(), ascii_host(host), byref(found)))
        self._conn = found
        try:
            self._go_on(lib.hostlock_handshake(found), lib.hostlock_handshake)
        except BaseException:
            self._free()
            raise

    def __enter__(self):
        # type: () -> Connection
        return self

    def __exit__(self, kind, error, trace):
        # type: (Optional[Type[BaseException]], Optional[BaseException], Optional[TracebackType]) -> None
        self.close()

    def __del__(self):
        # type: () -> None
        if lib is not None:
            self._free()

    def _free(self):
        # type: () -> None
        conn, self._conn = self._conn, None
        if conn:
            address, conn.value = conn.value, None
            lib.hostlock_conn_free(address)

    def _live(self):
        # type: () -> Any
        if not self._conn:
            raise ValueError("the connection is closed")
        return self._conn

    def _go_on(self, answer, function, *arguments):
        # type: (int, Any, *Any) -> int
        """Waits and calls `function` again, as often as it takes; `answer` is what it said just now."""
        deadline = self._deadline()
        while answer < 0:
            self._wait(answer, deadline)
            answer = function(self._live(), *arguments)
        return answer

    def _deadline(self):
        # type: () -> Optional[float]
        return None if self.timeout is None else _now() + self.timeout

    def _wait(self, wanted, deadline):
        # type: (int, Optional[float]) -> None
        """Waits for what a function of the library asked for, or raises its failure."""
        if wanted not in (_WANT_READ, _WANT_WRITE):
            self._live()
            raise_last()
        left = None if deadline is None else deadline - _now()
        if self.timeout == 0:
            raise _ssl.SSLWantReadError() if wanted == _WANT_READ else _ssl.SSLWantWriteError()
        if left is not None and left <= 0:
            raise exception(
                Facts({"status": "HOSTLOCK_E_TIMEOUT", "code": -62, "message": "nothing came in time from the peer"})
            )
        import select

        poll = select.poll()
        poll.register(self._sock.fileno(), select.POLLIN if wanted == _WANT_READ else select.POLLOUT)
        poll.poll(None if left is None else min(int(left * 1000) + 1, _LONGEST_POLL))

    def recv(self, size=_AT_ONCE):
        # type: (int) -> bytes
        """Up to `size` bytes; b"" only where the peer ended the connection cleanly. Raises TruncatedError where it
        was cut."""
        if size != self._size:
            self._make_room(size)
        got = _read(*self._call)
        if got < 0:
            got = self._go_on(got, _read, *self._call[1:])
        return self._call[1][:got]  # type: ignore[no-any-return]

    def _make_room(self, size):
        # type: (int) -> None
        if not hasattr(size, "__index__"):
            raise TypeError("a read of {!r} bytes".format(size))
        if size <= 0:
            raise ValueError("a read of {} bytes".format(size))
        some = min(size, _AT_ONCE)
        room = None if self._call is None else self._call[1]
        if room is None or len(room) < some:
            room = (_char * some)()
        self._call, self._size = (self._live(), room, _length(some)), size

    def recv_into(self, buffer):
        # type: (Union[bytearray, memoryview]) -> int
        """Reads into a buffer, and answers how many bytes came."""
        size = len(buffer)
        if not size:
            return 0
        last, lend, length = self._into
        if size != last:
            lend, length = (_char * size).from_buffer, _length(size)
            self._into = (size, lend, length)
        room = lend(buffer)
        got = _read(self._conn, room, length)  # type: int
        return got if got >= 0 else self._go_on(got, _read, room, length)

    def set_read_ahead(self, on=True):
        # type: (bool) -> None
        """Whether a read takes the records that have arrived, up to 16 KiB, as far as there is room for them. Many
        small ones then cost little. Who waits with poll or select, and not by these methods, must then read until
        `ssl.SSLWantReadError` comes before: what was taken from the descriptor, no poll tells of."""
        check(lib.hostlock_conn_set_read_ahead(self._live(), bool(on)))

    def read(self, size=-1):
        # type: (int) -> bytes
        """`size` bytes or, without a number, all until the peer's goodbye; fewer only where that comes first."""
        parts, left = [], size  # type: Tuple[Any, int]
        while left != 0:
            part = self.recv(_AT_ONCE if left < 0 else min(left, _AT_ONCE))
            if not part:
                break
            parts.append(part)
            left -= len(part) if left > 0 else 0
        return b"".join(parts)

    def send(self, data):
        # type: (Bytes) -> int
        """Sends some of `data`, and answers how much."""
        data = data if type(data) is bytes else _octets(data)
        if not data:
            return 0
        length = _length(len(data))
        sent = _write(self._conn, data, length)  # type: int
        return sent if sent >= 0 else self._go_on(sent, _write, data, length)

    def sendall(self, data):
        # type: (Bytes) -> None
        """Sends all of `data`."""
        data = data if type(data) is bytes else _octets(data)
        whole, done, deadline = len(data), 0, None
        start = _address.from_buffer(_text_at(data)).value or 0
        while done < whole:
            written, left = _length(), _length(min(whole - done, _AT_ONCE_OUT))
            answer = _write_many(self._conn, _address(start + done), left, byref(written))
            done += written.value
            if answer < 0:
                # The time begins anew with whatever went out.
                if written.value or deadline is None:
                    deadline = self._deadline()
                self._wait(answer, deadline)

    def pending(self):
        # type: () -> int
        """How many bytes can be read without waiting."""
        return int(lib.hostlock_pending(self._live()))

    def fileno(self):
        # type: () -> int
        """The descriptor, for poll or select."""
        return self._sock.fileno()

    def shutdown(self):
        # type: () -> None
        """Says goodbye; the peer's data can still be read."""
        check(lib.hostlock_shutdown(self._live()))

    def close(self):
        # type: () -> None
        """Says goodbye, if that is possible at once, and closes the socket."""
        if self._conn:
            lib.hostlock_shutdown(self._conn)
            self._free()
        self._sock.close()

    def version(self):
        # type: () -> Optional[str]
        """Such as "TLSv1.3"."""
        return _text(lib.hostlock_conn_version(self._live()))

    def cipher(self):
        # type: () -> Optional[str]
        """Such as "TLS_AES_128_GCM_SHA256"."""
        return _text(lib.hostlock_conn_cipher(self._live()))

    def verified_host(self):
        # type: () -> Optional[str]
        """The host that the certificate was verified for."""
        return _text(lib.hostlock_conn_verified_host(self._live()))

    def resumed(self):
        # type: () -> bool
        """Whether it goes on from the session of an earlier connection of its context to the same host."""
        return bool(lib.hostlock_conn_resumed(self._live()))

    def peer_chain(self):
        # type: () -> Optional[Text]
        """The certificates that the peer sent, its own first, as PEM."""
        return taken(lib.hostlock_conn_peer_chain(self._live()))

    def info(self):
        # type: () -> Dict[str, Any]
        """What was agreed: "version", "cipher", "verified_host", "certificate" and more."""
        import json

        return json.loads(taken(lib.hostlock_conn_info(self._live())) or "{}")  # type: ignore[no-any-return]


def _text(found):
    # type: (Optional[bytes]) -> Optional[str]
    return found if found is None or isinstance(found, str) else found.decode("ascii")


_shared = []  # type: list[Context]


def _default():
    # type: () -> Context
    if not _shared:
        _shared.append(Context())
    return _shared[0]


def connect(host, port, timeout=_DEFAULT_TIMEOUT, context=None):
    # type: (Name, int, Optional[float], Optional[Context]) -> Connection
    """A verified connection to `port` of `host`, by the system's roots unless `context` says otherwise."""
    return (context or _default()).connect(host, port, timeout)


def verify_chain(chain, host, context=None):
    # type: (Bytes, Name, Optional[Context]) -> None
    """Raises where a chain in memory is not valid for `host`. See `Context.verify_chain`."""
    (context or _default()).verify_chain(chain, host)


def certdata_to_pem(source, target, purpose="server-auth"):
    # type: (Name, Name, str) -> None
    """Writes the roots of a certdata.txt of Mozilla's as a PEM file. `purpose` is "server-auth", "email" or
    "code-signing"."""
    check(lib.hostlock_certdata_to_pem(_path(source), _path(target), _words(purpose)))
