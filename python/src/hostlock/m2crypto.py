"""M2Crypto, safe in one context or, under `hostlock.inject()`, everywhere. To import this module names, for each
connection of a hardened or sealed context, the host that the program gave to `set1_host`, `set_tlsext_host_name` or
`connect`."""

from __future__ import absolute_import

import sys
import threading

import M2Crypto.SSL.Checker
import M2Crypto.SSL.Connection
from M2Crypto import SSL, m2

from . import _hosts, _imports
from ._errors import check, explain
from ._library import lib

MYPY = False
if MYPY:
    from typing import Any, Optional

_hosts.watch()

# The package of this name gives the class; the module is known by its full name only.
_Connection = sys.modules["M2Crypto.SSL.Connection"].Connection  # type: Any


def harden(context, policy=None):
    # type: (Any, Optional[str]) -> None
    """Makes an `M2Crypto.SSL.Context` verify chain and host, whatever is set on it before or after."""
    check(lib.hostlock_harden(int(context.ctx), None if policy is None else policy.encode("ascii"), None))


# The host of the control connection, while a data channel of FTP is made.
_transfer = threading.local()


class WrongHost(SSL.SSLError, SSL.Checker.WrongHost):  # type: ignore[misc]
    """A refusal for the host's sake, where programs catch the exception of M2Crypto's own check."""

    def __str__(self):
        # type: () -> str
        return str(self.args[0])


# As programs know it, in tracebacks too.
WrongHost.__name__ = WrongHost.__qualname__ = "SSLError"
WrongHost.__module__ = "M2Crypto.SSL"


def _become_wrong_host(error):
    # type: (Any) -> None
    facts = getattr(error, "hostlock", None)
    if type(error) is SSL.SSLError and facts is not None and facts.status == "HOSTLOCK_E_HOST_MISMATCH":
        error.__class__ = WrongHost
        error.expectedHost, error.actualHost = facts.host, ", ".join(facts.names)
        error.fieldName = "subjectAltName"


def _prepare(kind):
    # type: (Any) -> None
    connect_ssl, set1_host = kind.connect_ssl, kind.set1_host
    set_name = kind.set_tlsext_host_name

    def connect_ssl_(self):
        # type: (Any) -> Any
        host = getattr(_transfer, "host", None) or _hosts.of(self.socket)
        if host is not None:
            # It counts where the program names nothing itself, and changes nothing once the handshake has begun.
            lib.hostlock_conn_set_fallback_host(int(self.ssl), host)
        try:
            return connect_ssl(self)
        except Exception as error:
            explain(error, int(self.ssl))
            _become_wrong_host(error)
            raise

    def set1_host_(self, name):
        # type: (Any, Any) -> Any
        done = set1_host(self, name)
        encoded = _hosts.encoded(name)
        # A name that is none is one that no certificate has, and refused as such.
        lib.hostlock_conn_set_host(int(self.ssl), b"" if encoded is None else encoded)
        asked = getattr(self, "_hostlock_name", None)
        if asked is not None:
            m2.ssl_set_tlsext_host_name(self.ssl, asked)
        return done

    def set_tlsext_host_name_(self, name):
        # type: (Any, Any) -> Any
        self._hostlock_name = name
        return set_name(self, name)

    kind.connect_ssl, kind.set1_host, kind.set_tlsext_host_name = connect_ssl_, set1_host_, set_tlsext_host_name_


def _prepare_proxies(kind):
    # type: (Any) -> None
    start_ssl = kind._start_ssl

    def _start_ssl(self):
        # type: (Any) -> Any
        # The proxy was told of this host, and the certificate must be for it.
        _hosts.note(self.sock, self._real_host, is_target=True)
        return start_ssl(self)

    kind._start_ssl = _start_ssl


_prepare(_Connection)


def _with_proxies(module):
    # type: (Any) -> None
    _prepare_proxies(module.ProxyHTTPSConnection)


def _with_transfers(module):
    # type: (Any) -> None
    kind = module.FTP_TLS
    ntransfercmd = kind.ntransfercmd

    def ntransfercmd_(self, *arguments, **more):
        # type: (Any, *Any, **Any) -> Any
        # The server names a numeric address for its data channel, which must be its own all the same.
        _transfer.host = _hosts.encoded(self.host)
        try:
            return ntransfercmd(self, *arguments, **more)
        finally:
            _transfer.host = None

    kind.ntransfercmd = ntransfercmd_


_imports.when_imported("M2Crypto.httpslib", _with_proxies)
_imports.when_imported("M2Crypto.ftpslib", _with_transfers)
