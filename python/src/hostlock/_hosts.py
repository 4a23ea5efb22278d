"""Which host a plain socket was connected to, and whether that still says whom a TLS connection over it must reach.

It does while nothing has passed in the clear. Where something has, the socket may lead through a proxy that was told
the true target, and the name of the proxy would vouch for anybody behind it. So the kernel's count of bytes is
compared with what Python's own methods sent, and those must end with the command that begins TLS on the same host
(STARTTLS)."""

import collections
import os
import socket
import struct

# Not from `threading`, which costs a millisecond at the start and takes part in the end of a program.
try:
    from _thread import RLock
    from _thread import allocate_lock as Lock  # noqa: N812
except ImportError:  # Python 2
    from threading import Lock, RLock

MYPY = False
if MYPY:
    from typing import Any, Iterable, Optional, Text, Union

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
