"""The standard library's `ssl` with contexts that verify chain and host, for a program that changes its import:

    from hostlock import ssl

Contexts are real `ssl.SSLContext`s, hardened in place; sockets are real `ssl.SSLSocket`s. What a program tightens
stays; what it loosens (`verify_mode`, `check_hostname`, old versions) has no effect on its connections. The rest of the
process is left alone, but that it is noted where sockets are connected to; `hostlock.inject()` is for all of it."""

import _ssl
import socket as _socket
import sys as _sys
import warnings as _warnings

from . import _hosts
from ._errors import check as _check
from ._errors import raise_last as _raise_last
from ._library import IN_PLACE as _IN_PLACE
from ._library import find_ctx as _find_ctx
from ._library import lib as _lib
from ._library import mode as _mode

if _sys.version_info >= (3,):
    import ssl as _standard
    from ssl import *  # noqa: F403
    from ssl import Purpose
else:
    # Not this module itself; see `_hosts`.
    _standard = __import__("ssl", level=0)
    globals().update((_name, getattr(_standard, _name)) for _name in dir(_standard) if not _name.startswith("_"))

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional, Text, Union

_hosts.watch()
_in_place = _mode == _IN_PLACE
if not _in_place:
    from ._verdict import WARNING as _WARNING

    _words = "this interpreter has an OpenSSL of its own inside ({}): {}".format(_standard.OPENSSL_VERSION, _WARNING)
    _warnings.warn(_words, RuntimeWarning, stacklevel=2)

# Names without a place in `ssl.__all__` that programs use all the same.
for _name in ("get_server_certificate", "DER_cert_to_PEM_cert", "PEM_cert_to_DER_cert", "OPENSSL_VERSION_INFO"):
    globals().setdefault(_name, getattr(_standard, _name))

CertificateError = _standard.CertificateError  # type: ignore[misc]
_AUTOMATIC = getattr(_standard, "PROTOCOL_TLS_CLIENT", _standard.PROTOCOL_SSLv23)
_EITHER = getattr(_standard, "PROTOCOL_TLS", _standard.PROTOCOL_SSLv23)
_SERVER = getattr(_standard, "PROTOCOL_TLS_SERVER", None)
if _sys.version_info >= (3, 13):
    _FLAGS = _ssl._SSLContext.verify_flags  # type: Any
    _STRICT = int(_standard.VERIFY_X509_PARTIAL_CHAIN) | int(_standard.VERIFY_X509_STRICT)


class SSLContext(_hosts.Standard):  # type: ignore[misc, no-redef]
    """A context that is as safe as one of hostlock's, whatever the program sets on it."""

    def __new__(cls, protocol=None, *rest, **more):  # type: ignore[misc]
        # type: (Any, Any, *Any, **Any) -> SSLContext
        # Without a protocol the standard class serves either side, and so does this one.
        protocol = _EITHER if protocol is None else protocol
        self = _hosts.Standard.__new__(cls, protocol, *rest, **more)
        if not hasattr(self, "protocol"):
            self.protocol = protocol  # Python 2.7 sets it later.
        # One that is not found fails here: it would not be safe.
        if _in_place:
            _check(_lib.hostlock_harden(_handle(self), None, None))
        return self  # type: ignore[no-any-return]

    def __init__(self, protocol=None, *rest, **more):
        # type: (Any, *Any, **Any) -> None
        pass

    def load_default_certs(self, purpose=Purpose.SERVER_AUTH):
        # type: (Any) -> None
        """The system's roots; they are looked up when a server needs them, and `get_ca_certs` does not list them."""
        if not _in_place or self.protocol == _SERVER or purpose != Purpose.SERVER_AUTH:
            _hosts.Standard.load_default_certs(self, purpose)
        else:
            self.set_default_verify_paths()

    # A hardened context that was told of nothing rests on the system's roots. So nothing need be loaded for them until
    # others are named besides.
    _is_told = False
    _wants_system = False

    def set_default_verify_paths(self):
        # type: () -> None
        """The same."""
        if not _in_place or self.protocol == _SERVER:
            _hosts.Standard.set_default_verify_paths(self)
        elif self._is_told:
            _check(_lib.hostlock_ctx_trust_system(_handle(self)))
        else:
            self._wants_system = True

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        # type: (Any, Any, Any) -> None
        """As in the standard library; the system's roots count besides, where they were asked for before."""
        if self._wants_system:
            _check(_lib.hostlock_ctx_trust_system(_handle(self)))
            self._wants_system = False
        self._is_told = True
        _hosts.Standard.load_verify_locations(self, cafile, capath, cadata)


if _in_place:
    _hosts.name_hosts(SSLContext, _hosts.Standard)
else:
    from . import _afterwards

    _afterwards.watch_trust(SSLContext, _hosts.Standard)
    _afterwards.judge(SSLContext, _hosts.Standard, is_sealed=False)


def _handle(context):
    # type: (SSLContext) -> int
    found = _find_ctx(context)
    if found is None:
        _raise_last()
    return found


def create_default_context(  # type: ignore[no-redef]
    purpose=Purpose.SERVER_AUTH, cafile=None, capath=None, cadata=None
):
    # type: (Any, Any, Any, Any) -> SSLContext
    """As in the standard library, but that SSLKEYLOGFILE is not honoured."""
    if purpose == Purpose.CLIENT_AUTH:
        context = SSLContext(_SERVER if _SERVER is not None else _standard.PROTOCOL_SSLv23)
    elif purpose == Purpose.SERVER_AUTH:
        context = SSLContext(_AUTOMATIC)
        # In this order, which Python 2.7 demands.
        context.verify_mode = _standard.CERT_REQUIRED
        context.check_hostname = True
    else:
        raise ValueError("{!r} is no purpose".format(purpose))
    if _sys.version_info >= (3, 13):
        # As numbers: for each new sum of its members an `enum` makes a member more.
        _FLAGS.__set__(context, _FLAGS.__get__(context) | _STRICT)
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    elif context.verify_mode != _standard.CERT_NONE:
        context.load_default_certs(purpose)
    return context


# What the library offers to programs that ask for less: the same, for it gives up nothing.
_create_default_https_context = create_default_context


def _create_unverified_context(protocol=None, **more):
    # type: (Any, **Any) -> SSLContext
    """A context that verifies all the same; the certificates and keys that are named are loaded."""
    context = SSLContext(protocol)
    if more.get("cafile") or more.get("capath") or more.get("cadata"):
        context.load_verify_locations(more.get("cafile"), more.get("capath"), more.get("cadata"))
    if more.get("certfile"):
        context.load_cert_chain(more["certfile"], more.get("keyfile"))
    return context


def wrap_socket(  # type: ignore[no-redef]
    sock,  # type: _socket.socket
    keyfile=None,  # type: Optional[str]
    certfile=None,  # type: Optional[str]
    server_side=False,  # type: bool
    cert_reqs=None,  # type: Any
    ssl_version=None,  # type: Any
    ca_certs=None,  # type: Optional[str]
    do_handshake_on_connect=True,  # type: bool
    suppress_ragged_eofs=True,  # type: bool
    ciphers=None,  # type: Optional[str]
):
    # type: (...) -> _standard.SSLSocket
    """What Python 3.12 removed. The host is the one that the socket is or will be connected to."""
    if server_side and not certfile:
        raise ValueError("certfile must be specified for server-side operations")
    if keyfile and not certfile:
        raise ValueError("certfile must be specified")
    context = SSLContext(ssl_version)
    if hasattr(context, "check_hostname"):
        context.check_hostname = False
    # A client verifies whatever is asked; a server asks its clients for what it is told.
    context.verify_mode = cert_reqs or _standard.CERT_NONE
    if ca_certs:
        context.load_verify_locations(ca_certs)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    if ciphers:
        context.set_ciphers(ciphers)
    return context.wrap_socket(
        sock,
        server_side=server_side,
        do_handshake_on_connect=do_handshake_on_connect,
        suppress_ragged_eofs=suppress_ragged_eofs,
    )


def match_hostname(cert, hostname):  # type: ignore[no-redef]
    # type: (Dict[str, Any], Union[str, Text]) -> None
    """What Python 3.12 removed: raises CertificateError where `cert`, as `getpeercert` gives it, does not list
    `hostname`. A wildcard is the whole first label; the common name counts for nothing (RFC 9525). Connections are
    matched in their handshake already."""
    if not cert:
        raise ValueError("empty or no certificate, match_hostname needs one of a verified connection")
    host = hostname.rstrip(".").lower() if hostname.count(".") else hostname.lower()
    packed, names = _packed(host), []
    for kind, value in cert.get("subjectAltName", ()):
        names.append(value)
        if kind == "IP Address" and packed is not None and _packed(value.strip()) == packed:
            return
        if kind == "DNS" and packed is None and _covers(value.lower(), host):
            return
    listed = ", ".join(repr(name) for name in names) or "no name"
    raise CertificateError("hostname {!r} doesn't match {}".format(hostname, listed))


def _covers(pattern, host):
    # type: (str, str) -> bool
    if pattern == host:
        return bool(host) and "*" not in host
    rest = pattern[1:]
    first, dot, others = host.partition(".")
    return (
        pattern.startswith("*.")
        and "*" not in rest
        and rest.count(".") >= 2
        and bool(first and dot)
        and "." + others == rest
    )


def _packed(host):
    # type: (str) -> Optional[bytes]
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            return _socket.inet_pton(family, host)
        except (OSError, IOError, ValueError):
            pass
    return None
