"""pyOpenSSL, safe in one context or, under `hostlock.inject()`, everywhere, where it uses the system's libssl (as
Debian's does). To import this module names the hosts of connections that name none themselves, from the socket's
`connect`."""

from __future__ import absolute_import

from OpenSSL import SSL
from OpenSSL._util import ffi as _ffi
from OpenSSL._util import lib as _openssl

from . import _afterwards_pyopenssl, _hosts
from ._core import ascii_host
from ._errors import CertificateError, check, facts_at
from ._library import lib
from ._refused import become_refused

MYPY = False
if MYPY:
    from typing import Any, Optional, Text, Union

_hosts.watch()


def is_within_reach():
    # type: () -> bool
    """Whether pyOpenSSL's OpenSSL is the one that hostlock uses; the one of the wheels of cryptography is not."""
    return bool(lib.hostlock_check_libssl(_address(_openssl.TLS_method())) == 0)


def harden(context, policy=None):
    # type: (Any, Optional[str]) -> None
    """Makes an `OpenSSL.SSL.Context` verify chain and host. Its callback goes on being called; it can refuse, never
    accept."""
    if not is_within_reach():
        _afterwards_pyopenssl.harden(context, policy)
        return
    name = None if policy is None else policy.encode("ascii")
    check(lib.hostlock_harden(_address(context._context), name, None))


def set_host(connection, host):
    # type: (Any, Union[bytes, Text]) -> None
    """Names the host that a connection must reach, before its handshake; a DNS name is sent as SNI."""
    if not is_within_reach():
        _afterwards_pyopenssl.set_host(connection, ascii_host(host))
        return
    try:
        name = ascii_host(host)
    except CertificateError:
        # The library refuses it too, and then the handshakes of the connection.
        name = host if isinstance(host, bytes) else host.encode("utf-8")
    check(lib.hostlock_conn_set_host(_address(connection._ssl), name))


def judge_everything():
    # type: () -> None
    """From now on the connections of all contexts are judged, where the seal does not reach them."""
    _afterwards_pyopenssl.everywhere.append(True)


def name_clients_of_twisted(kind):
    # type: (Any) -> None
    """Names the numeric address that a `ClientTLSOptions` is for: SNI carries none, and the socket is not OpenSSL's."""
    make = kind.clientConnectionForTLS

    def clientConnectionForTLS(self, protocol):  # noqa: N802
        # type: (Any, Any) -> Any
        connection, host = make(self, protocol), getattr(self, "_hostnameBytes", None)
        if host and _hosts.is_address(host):
            if is_within_reach():
                lib.hostlock_conn_set_fallback_host(_address(connection._ssl), host)
            else:
                connection._hostlock_fallback = host
        return connection

    kind.clientConnectionForTLS = clientConnectionForTLS


def _address(pointer):
    # type: (Any) -> int
    return int(_ffi.cast("uintptr_t", pointer))


def _name(connection):
    # type: (Any) -> None
    """The host of the socket, as it is certain now. What the program names itself, now or later, comes before it."""
    host = None if connection._socket is None else _hosts.of(connection._socket)
    if host is not None:
        connection._hostlock_named = True
        lib.hostlock_conn_set_fallback_host(_address(connection._ssl), host)
    elif getattr(connection, "_hostlock_named", False):
        # Something passed in the clear since: the host is not certain any more, and nobody is taken for it. Once the
        # handshake has begun this changes nothing.
        connection._hostlock_named = False
        lib.hostlock_conn_set_fallback_host(_address(connection._ssl), b"")


def _prepare(kind):
    # type: (Any) -> None
    connect, connect_ex = kind.connect, kind.connect_ex
    set_connect_state, do_handshake = kind.set_connect_state, kind.do_handshake

    def connect_(self, address):
        # type: (Any, Any) -> Any
        try:
            return connect(self, address)
        finally:
            _name(self)

    def connect_ex_(self, address):
        # type: (Any, Any) -> Any
        status = connect_ex(self, address)
        _name(self)
        return status

    def set_connect_state_(self):
        # type: (Any) -> None
        set_connect_state(self)
        _name(self)

    def do_handshake_(self):
        # type: (Any) -> Any
        _name(self)
        try:
            return do_handshake(self)
        except SSL.Error as error:
            if not isinstance(error, (SSL.WantReadError, SSL.WantWriteError)):
                facts = facts_at(lib.hostlock_conn_error(_address(self._ssl)))
                if facts is not None:
                    become_refused(error, facts)
            raise

    kind.connect, kind.connect_ex = connect_, connect_ex_
    kind.set_connect_state, kind.do_handshake = set_connect_state_, do_handshake_
    for name in ("send", "sendall", "write", "recv", "read", "recv_into"):
        if hasattr(kind, name):
            setattr(kind, name, _named_first(getattr(kind, name)))


def _named_first(method):
    # type: (Any) -> Any
    """A read or write that may begin the handshake."""

    def called(self, *arguments, **more):
        # type: (Any, *Any, **Any) -> Any
        if getattr(self, "_hostlock_named", False):
            _name(self)
        return method(self, *arguments, **more)

    called.__name__, called.__doc__ = method.__name__, method.__doc__
    return called


if is_within_reach():
    _prepare(SSL.Connection)
else:
    _afterwards_pyopenssl.prepare()
