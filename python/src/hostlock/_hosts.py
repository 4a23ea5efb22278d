"""Which host a plain socket was connected to, and whether that still says whom a TLS connection over it must reach.
Connections of `ssl` are told where the program itself does not tell (a numeric address, the target of `connect`), and
why they are refused goes into the exception.

It says so while nothing has passed in the clear. Where something has, the socket may lead through a proxy that was told
the true target, and the name of the proxy would vouch for anybody behind it. So the kernel's count of bytes is
compared with what Python's own methods sent, and those must end with the command that begins TLS on the same host
(STARTTLS)."""

import _socket
import _ssl
import collections
import os
import socket
import struct
import sys

from ._errors import add_facts, facts_at
from ._library import find_conn, find_ctx, lib

if sys.version_info >= (3,):
    import ssl
else:
    # The standard library's, and not the one beside this file. `absolute_import` would say so too, but is a module that
    # has to be loaded.
    ssl = __import__("ssl", level=0)

# Not from `threading`, which costs a millisecond at the start and takes part in the end of a program.
try:
    from _thread import RLock, allocate_lock
except ImportError:  # Python 2
    from threading import Lock as allocate_lock  # noqa: N813
    from threading import RLock

new_lock = allocate_lock

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterable, Optional, Text, Union

_SO_COOKIE = 57
_TCP_INFO = 11
_SIOCOUTQ = 0x5411
_BYTES_ACKED = 120  # in struct tcp_info
_MOST = 10000
_HEAD, _TAIL = 16, 64

# "a1 STARTTLS", "STLS", "AUTH TLS" (FTP): what the last line in the clear says.
_BEGINS_TLS = b"(?i)(?:^|\n)(?:[!-~]{1,20} )?(?:STARTTLS|STLS|AUTH (?:TLS|SSL|TLS-C|TLS-P))\r?\n$"
# HTTP's CONNECT, and the versions with which SOCKS begins.
_NAMES_A_TARGET = b"(?i)CONNECT |[\x04\x05]"


def _after_fork():
    # type: () -> None
    """Another thread of the parent may have held the lock."""
    global _lock  # noqa: PLW0603
    _lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Plain(object):
    """What is known of a socket before TLS."""

    __slots__ = ("head", "host", "is_target", "sent", "tail")

    def __init__(self, host, is_target):
        # type: (bytes, bool) -> None
        self.host = host
        self.is_target = is_target
        self.sent = 0
        self.head = self.tail = b""


# The addresses, packed, to which a name led when Python looked it up.
_found = set()  # type: set[bytes]
_MOST_FOUND = 100000

_known = collections.OrderedDict()  # type: collections.OrderedDict[bytes, Plain]
# A signal handler may connect while the lock is held.
_lock = RLock()


def _cookie(sock):
    # type: (Any) -> Optional[bytes]
    """The kernel's number for this socket, which it gives to no other one."""
    try:
        return sock.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8)  # type: ignore[no-any-return]
    except (OSError, IOError, ValueError, TypeError, AttributeError):
        return None


def _passed(sock):
    # type: (Any) -> Optional[int]
    """How many bytes were given to the kernel to be sent; None where it does not say."""
    import fcntl

    try:
        # In this order an acknowledgement between the two makes the sum too large, and never too small.
        queued = struct.unpack("i", fcntl.ioctl(sock.fileno(), _SIOCOUTQ, b"\0\0\0\0"))[0]
        told = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
        acknowledged = struct.unpack_from("Q", told, _BYTES_ACKED)[0]
    except (OSError, IOError, ValueError, TypeError, AttributeError, struct.error):
        return None
    # The first is for the SYN.
    return max(queued + acknowledged - 1, 0)  # type: ignore[no-any-return]


def encoded(host):
    # type: (Union[bytes, bytearray, Text, None]) -> Optional[bytes]
    """A host for the library; None where it is empty, or no ASCII."""
    if isinstance(host, (bytes, bytearray)):
        return bytes(host) or None
    try:
        return host.encode("ascii") or None if host else None
    except (UnicodeError, AttributeError):
        return None


def packed(host):
    # type: (Any) -> Optional[bytes]
    """An IP address in text as the network has it, one of IPv4 always in the same form; None for anything else."""
    try:
        text = host if isinstance(host, str) else host.decode("ascii")
        if ":" not in text:
            return socket.inet_pton(socket.AF_INET, text)
        address = socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
    except (OSError, IOError, ValueError, AttributeError, TypeError):
        return None
    return address[12:] if address.startswith(b"\0" * 10 + b"\xff\xff") else address


def looked_up(name, addresses):
    # type: (Any, Iterable[Any]) -> None
    """Remembers what the lookup of a name gave. Nothing is ever forgotten."""
    if not name or packed(name) is not None:
        return
    for address in addresses:
        key = packed(address)
        if key is not None and len(_found) < _MOST_FOUND:
            _found.add(key)


def is_found(host):
    # type: (Any) -> bool
    """Whether it is an address that a name led to. Who connects to it meant the name, and which name is not certain:
    the address must not count in its place, as DNS chose it, and public CAs issue certificates for addresses too."""
    key = packed(host)
    return key is not None and (key in _found or len(_found) >= _MOST_FOUND)


def note(sock, host, is_target=False):
    # type: (Any, Any, bool) -> None
    """Remembers where a socket was connected to; a host that cannot be checked is none. `is_target`: whoever says it
    told a proxy of just that host, so that what passed in the clear does not matter."""
    cookie, name = _cookie(sock), encoded(host)
    if cookie is None:
        return
    with _lock:
        _known.pop(cookie, None)
        if name is not None:
            _known[cookie] = Plain(name, is_target)
        while len(_known) > _MOST:
            _known.popitem(last=False)


def sent(sock, data, count=None):
    # type: (Any, Any, Optional[int]) -> None
    """Remembers that a method of Python's sent `data`, or so many bytes of it, in the clear."""
    if not _known:
        return
    plain = _known.get(_cookie(sock) or b"")
    if plain is None:
        return
    try:
        data = memoryview(data).tobytes()[:count]
    except TypeError:
        # The kernel has counted it, so the host counts no more.
        return
    with _lock:
        plain.sent += len(data)
        if len(plain.head) < _HEAD:
            plain.head = (plain.head + data)[:_HEAD]
        plain.tail = (plain.tail + data)[-_TAIL:]


def of(sock):
    # type: (Any) -> Optional[bytes]
    """The host that a socket leads to, where that is certain."""
    plain = _known.get(_cookie(sock) or b"")
    if plain is None:
        return None
    if plain.is_target:
        return plain.host
    passed = _passed(sock)
    if passed is None or passed > plain.sent:
        return None
    if passed == 0:
        return plain.host
    import re

    return None if re.match(_NAMES_A_TARGET, plain.head) or not re.search(_BEGINS_TLS, plain.tail) else plain.host


# Naming them


# The class whose base is the one in C, whatever `ssl.SSLContext` has become by now.
Standard = next((kind for kind in _ssl._SSLContext.__subclasses__() if kind.__module__ == "ssl"), ssl.SSLContext)  # type: Any
_watched = []  # type: list[bool]


def watch():
    # type: () -> None
    """Notes from now on where sockets are connected to, and puts the reasons of refusals into exceptions."""
    if not _watched:
        _watched.append(True)
        kind = getattr(socket, "_socketobject", socket.socket)  # type: Any
        _watch_lookups()
        _watch_connect(kind)
        _watch_sends(kind)
        _watch_create_connection()
        _explain_refusals()


def is_address(host):
    # type: (Any) -> bool
    """Whether it is an IP address, which SNI does not carry."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host if isinstance(host, str) else host.decode("ascii"))
            return True
        except (OSError, IOError, ValueError, AttributeError, TypeError):
            pass
    return False


def _give(context, connection, host):
    # type: (Any, Any, Optional[bytes]) -> None
    """Names the host of a connection that names none itself. Where it cannot be given, the seal refuses the
    connection."""
    if host is None:
        return
    conn = _conn_of(context, connection)
    if conn is not None:
        lib.hostlock_conn_set_fallback_host(conn, host)


def _conn_of(context, connection):
    # type: (Any, Any) -> Optional[int]
    """The `SSL *` behind an object of `_ssl`; Python 3.6 has an SSLObject in between."""
    inner = getattr(connection, "_sslobj", connection)
    ctx = find_ctx(context)
    return None if ctx is None or inner is None else find_conn(inner, ctx)


def _name(context, connection, server_hostname, sock):
    # type: (Any, Any, Any, Any) -> None
    if not server_hostname:
        _give(context, connection, of(sock) if sock is not None else None)
    elif is_address(server_hostname):
        _give(context, connection, encoded(server_hostname))
    # A DNS name is sent as SNI, which is what the seal goes by.


def name_hosts(kind, base):
    # type: (Any, Any) -> None
    """Has a class of contexts name the host of each connection that it makes as `base` does."""

    def _wrap_socket(self, sock, server_side=False, server_hostname=None, *rest, **more):
        # type: (Any, Any, Any, Any, *Any, **Any) -> Any
        connection = base._wrap_socket(self, sock, server_side, server_hostname, *rest, **more)
        if not server_side:
            _name(self, connection, server_hostname, sock)
        return connection

    kind._wrap_socket = _wrap_socket

    if hasattr(base, "_wrap_bio"):

        def _wrap_bio(self, incoming, outgoing, server_side=False, server_hostname=None, *rest, **more):
            # type: (Any, Any, Any, Any, Any, *Any, **Any) -> Any
            connection = base._wrap_bio(self, incoming, outgoing, server_side, server_hostname, *rest, **more)
            if not server_side:
                _name(self, connection, server_hostname, None)
            return connection

        kind._wrap_bio = _wrap_bio


def _connected(sock, address):
    # type: (Any, Any) -> None
    """A socket was told to connect to `address`; where TLS lies on it already, the host is known only now."""
    if not isinstance(address, tuple) or len(address) < 2:
        return
    note(sock, None if is_found(address[0]) else address[0])
    connection = getattr(sock, "_sslobj", None)
    if connection is not None and not getattr(sock, "server_hostname", None):
        _name(sock.context, connection, None, sock)


def _watch_connect(kind):
    # type: (Any) -> None
    connect, connect_ex = kind.connect, kind.connect_ex

    def connect_(self, address):
        # type: (Any, Any) -> Any
        # A handshake may follow at once, so the host is noted before anything can fail; a non-blocking socket raises.
        try:
            return connect(self, address)
        finally:
            _connected(self, address)

    def connect_ex_(self, address):
        # type: (Any, Any) -> Any
        status = connect_ex(self, address)
        _connected(self, address)
        return status

    connect_.__name__, connect_ex_.__name__ = "connect", "connect_ex"
    kind.connect, kind.connect_ex = connect_, connect_ex_


def _watch_lookups():
    # type: () -> None
    """Which addresses names lead to. In Python 3 `socket.getaddrinfo` asks the one of `_socket` at each call."""

    def watching(function, addresses):
        # type: (Callable[..., Any], Callable[[Any], Iterable[Any]]) -> Callable[..., Any]
        def watched(*rest, **more):
            # type: (*Any, **Any) -> Any
            answer = function(*rest, **more)
            looked_up(rest[0] if rest else more.get("host"), addresses(answer))
            return answer

        watched.__name__, watched.__doc__ = function.__name__, function.__doc__
        return watched

    kinds = {
        "getaddrinfo": lambda answer: [entry[4][0] for entry in answer],
        "gethostbyname": lambda answer: [answer],
        "gethostbyname_ex": lambda answer: answer[2],
    }  # type: dict[str, Callable[[Any], Iterable[Any]]]
    for name, addresses in kinds.items():
        function = getattr(_socket, name)
        watched = watching(function, addresses)
        for module in (_socket, socket):
            if getattr(module, name) is function:
                setattr(module, name, watched)


def _watch_sends(kind):
    # type: (Any) -> None
    """What Python sends in the clear. On Python 2 `send` belongs to each object, and stays unseen: the kernel counts
    it."""
    send, sendall = getattr(kind, "send", None), kind.sendall
    if isinstance(kind, type) and hasattr(socket, "_socketobject"):
        send = None

    def send_(self, data, *flags):
        # type: (Any, Any, *Any) -> int
        count = send(self, data, *flags)  # type: ignore[misc]
        if type(self) is kind:
            sent(self, data, count)
        return count  # type: ignore[no-any-return]

    def sendall_(self, data, *flags):
        # type: (Any, Any, *Any) -> Any
        done = sendall(self, data, *flags)
        if type(self) is kind:
            sent(self, data)
        return done

    send_.__name__, sendall_.__name__ = "send", "sendall"
    if send is not None:
        kind.send = send_
    kind.sendall = sendall_


def _watch_create_connection():
    # type: () -> None
    create_connection = socket.create_connection

    def create_connection_(address, *rest, **more):
        # type: (Any, *Any, **Any) -> Any
        sock = create_connection(address, *rest, **more)
        # It connected to a number; the name is what the caller knows.
        _connected(sock, address)
        return sock

    create_connection_.__name__ = "create_connection"
    socket.create_connection = create_connection_
    # Python up to 3.9 has it by its name there too.
    if getattr(ssl, "create_connection", None) is create_connection:
        ssl.create_connection = create_connection_  # type: ignore[attr-defined]


# Words


def _explain(error, context, connection):
    # type: (Any, Any, Any) -> None
    """Puts the reason of a refusal into the exception that `ssl` raised for it."""
    conn = _conn_of(context, connection)
    facts = facts_at(lib.hostlock_conn_error(conn)) if conn is not None else None
    if facts is None:
        return
    add_facts(error, facts)
    message = facts.message if isinstance(facts.message, str) else facts.message.encode("utf-8")
    reason = getattr(error, "reason", None) or "CERTIFICATE_VERIFY_FAILED"
    words = "[SSL: {}] {}: {}".format(reason, reason.replace("_", " ").lower(), message)
    error.args = (error.args[0] if error.args else 1, words)
    error.strerror = words
    if hasattr(error, "verify_message"):
        error.verify_message = message


def _explain_refusals():
    # type: () -> None
    kinds = [ssl.SSLSocket] + ([ssl.SSLObject] if hasattr(ssl, "SSLObject") else [])

    def explaining(method):
        # type: (Callable[..., Any]) -> Callable[..., Any]
        def explained(self, *rest, **more):
            # type: (Any, *Any, **Any) -> Any
            try:
                return method(self, *rest, **more)
            except ssl.SSLError as error:
                if not hasattr(error, "hostlock") and not isinstance(
                    error, (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLZeroReturnError)
                ):
                    _explain(error, self.context, self._sslobj)
                raise

        explained.__name__ = method.__name__
        explained.__doc__ = method.__doc__
        return explained

    for kind in kinds:
        kind.do_handshake = explaining(kind.do_handshake)  # type: ignore[method-assign]
