"""`ssl` of an interpreter whose OpenSSL is out of reach (standalone builds have one of their own inside): its clients'
connections are judged when the handshake is complete and before the first byte of the program passes, whoever makes the
handshake: `do_handshake`, or the first read or write.

What `ssl` calls its connection in C is wrapped by an object that stands aside once the verdict is good. What the
program's own settings refuse is refused before; the verdict never loosens. A client's own certificate has left by then,
and staples are not seen. Sessions are not resumed, as a resumed one shows no chain."""

from __future__ import absolute_import

import _socket
import _ssl
import collections
import socket
import ssl
import threading
import weakref

from . import _hosts
from ._errors import Error, Facts, add_facts, native
from ._verdict import Anchors, split_der

MYPY = False
if MYPY:
    from typing import Any, Dict, List, Optional

_NO_RENEGOTIATION = getattr(ssl, "OP_NO_RENEGOTIATION", 1 << 30)
_CHECKS_CRLS, _OF_ALL = 4, 8  # VERIFY_CRL_CHECK_LEAF is the one, VERIFY_CRL_CHECK_CHAIN both
_UNKNOWN_ISSUER = "HOSTLOCK_E_UNKNOWN_ISSUER"
_ONLY_ITS_OWN = (
    "this Python shows only the server's own certificate, so that chains with intermediates cannot be judged: use "
    "Python 3.10 or later, or one whose ssl module uses the system's OpenSSL"
)

_anchors = weakref.WeakKeyDictionary()  # type: weakref.WeakKeyDictionary[Any, Anchors]
_lock = threading.RLock()


class Tally(object):
    """What was seen under `inject`."""

    def __init__(self):
        # type: () -> None
        self.refuses = True
        self.policy = None  # type: Optional[str]
        self.exceptions = []  # type: List[bytes]
        self.connections = self.excepted = 0
        self.reasons = collections.Counter()  # type: collections.Counter[Any]

    def report(self):
        # type: () -> Dict[str, Any]
        """For `hostlock.report()`."""
        return {
            "mode": "enforce" if self.refuses else "report-only",
            "connections": self.connections,
            "excepted": self.excepted,
            "refused" if self.refuses else "would_be_refused": sum(self.reasons.values()),
            "reasons": dict(self.reasons),
        }


tally = Tally()


def anchors_of(context):
    # type: (Any) -> Anchors
    """What a context trusts; what it was told before anybody watched is what it lists."""
    with _lock:
        found = _anchors.get(context)
        if found is None:
            found = Anchors(tally.policy)
            for certificate in context.get_ca_certs(True):
                found.add_data(certificate)
            _anchors[context] = found
        return found


def watch_trust(kind, base):
    # type: (Any, Any) -> None
    """Has a class of contexts note what it is told to trust, besides what `base` does with it."""

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        # type: (Any, Any, Any, Any) -> None
        anchors = anchors_of(self)
        base.load_verify_locations(self, cafile, capath, cadata)
        if cafile is not None:
            anchors.add_file(cafile)
        if capath is not None:
            anchors.add_dir(capath)
        if cadata is not None:
            if isinstance(cadata, (bytes, bytearray)) and not bytes(cadata).lstrip().startswith(b"-----"):
                for one in split_der(cadata):
                    anchors.add_data(one)
            else:
                anchors.add_data(cadata if isinstance(cadata, bytes) else cadata.encode("ascii"))

    def set_default_verify_paths(self):
        # type: (Any) -> None
        anchors = anchors_of(self)
        base.set_default_verify_paths(self)
        anchors.add_system()

    kind.load_verify_locations, kind.set_default_verify_paths = load_verify_locations, set_default_verify_paths


def judge(kind, base, is_sealed):
    # type: (Any, Any, bool) -> None
    """Has the connections of a class of contexts judged, that `base` makes. `is_sealed`: under `inject`, whose
    exceptions and mode of reporting hold."""

    def _wrap_socket(self, sock, server_side=False, server_hostname=None, *rest, **more):
        # type: (Any, Any, Any, Any, *Any, **Any) -> Any
        if not server_side:
            _prepare(self, more)
        connection = base._wrap_socket(self, sock, server_side, server_hostname, *rest, **more)
        return connection if server_side else judged(connection, self, sock, server_hostname, is_sealed)

    def _wrap_bio(self, incoming, outgoing, server_side=False, server_hostname=None, *rest, **more):
        # type: (Any, Any, Any, Any, Any, *Any, **Any) -> Any
        if not server_side:
            _prepare(self, more)
        connection = base._wrap_bio(self, incoming, outgoing, server_side, server_hostname, *rest, **more)
        return connection if server_side else judged(connection, self, None, server_hostname, is_sealed)

    kind._wrap_socket = _wrap_socket
    if hasattr(base, "_wrap_bio"):
        kind._wrap_bio = _wrap_bio


def _prepare(context, more):
    # type: (Any, Dict[str, Any]) -> None
    """Nothing may come later that was not judged: no other certificate by a renegotiation, no session."""
    if not context.options & _NO_RENEGOTIATION:
        context.options |= _NO_RENEGOTIATION
    if "session" in more:
        more["session"] = None


def judged(connection, context, sock, server_hostname, is_sealed):
    # type: (Any, Any, Any, Any, bool) -> Judged
    """The connection of a client, to be judged once."""
    if isinstance(connection, Judged):
        connection.is_sealed = connection.is_sealed and is_sealed
        return connection
    host = _hosts.encoded(server_hostname)
    if server_hostname and host is None:
        # Named, and no host: it is refused as such.
        host = server_hostname.encode("utf-8")
    return Judged(connection, context, sock, host, is_sealed)


class Judged(object):
    """Stands where `ssl` has its connection in C."""

    def __init__(self, connection, context, sock, host, is_sealed):
        # type: (Any, Any, Any, Optional[bytes], bool) -> None
        self._connection, self._context = connection, context
        self._sock = None if sock is None else weakref.ref(sock)
        self._host, self._is_begun = host, False
        self._refusal = None  # type: Optional[Facts]
        self.is_sealed = is_sealed

    def do_handshake(self):
        # type: () -> None
        """Makes it, or goes on with it, and judges when it is complete."""
        if self._refusal is not None:
            raise _exception(self._refusal)
        if not self._is_begun:
            # Before the first byte of the handshake: afterwards the kernel's count says nothing more.
            self._is_begun = True
            sock = None if self._sock is None else self._sock()
            if self._host is None and sock is not None:
                self._host = _hosts.of(sock)
        self._connection.do_handshake()
        self._judge()
        connection = self._connection
        self.do_handshake, self.read = connection.do_handshake, connection.read  # type: ignore[method-assign]
        self.write, self.shutdown = connection.write, connection.shutdown  # type: ignore[method-assign]

    def read(self, *arguments):
        # type: (*Any) -> Any
        """May make the handshake, which is judged first."""
        self.do_handshake()
        return self._connection.read(*arguments)

    def write(self, data):
        # type: (Any) -> Any
        """The same."""
        self.do_handshake()
        return self._connection.write(data)

    def shutdown(self, *arguments):
        # type: (*Any) -> Any
        """Gives the socket back, over which the program goes on in the clear: with whom is judged first."""
        self.do_handshake()
        return self._connection.shutdown(*arguments)

    def __getattr__(self, name):
        # type: (str) -> Any
        return getattr(self._connection, name)

    @property
    def context(self):
        # type: () -> Any
        """The program's context."""
        return self._connection.context

    @context.setter
    def context(self, context):
        # type: (Any) -> None
        self._connection.context = context
        self._context = context

    @property
    def session(self):
        # type: () -> Any
        """The session; one that is given to be resumed is left out, as it would show no chain."""
        return self._connection.session

    @session.setter
    def session(self, session):
        # type: (Any) -> None
        pass

    @property
    def owner(self):
        # type: () -> Any
        """The object of `ssl` around this one."""
        return self._connection.owner

    @owner.setter
    def owner(self, owner):
        # type: (Any) -> None
        self._connection.owner = owner

    def _judge(self):
        # type: () -> None
        refusal = self._verdict()
        if self.is_sealed:
            tally.connections += 1
            if refusal is not None and (self._host or b"").lower() in tally.exceptions:
                tally.excepted += 1
                return
            if refusal is not None:
                tally.reasons[refusal.message] += 1
            if not tally.refuses:
                return
        if refusal is not None:
            self._refusal = refusal
            sock = None if self._sock is None else self._sock()
            if sock is not None:
                _cut(sock)
            raise _exception(refusal)

    def _verdict(self):
        # type: () -> Optional[Facts]
        connection = self._connection
        chain, is_whole = _chain(connection)
        cipher = connection.cipher()
        if getattr(connection, "session_reused", False):
            words = "a session was resumed, which shows no certificates"
            return Facts({"status": "HOSTLOCK_E_NO_CERTIFICATE", "code": -34, "message": words})
        if self._host is None:
            words = "no host was named for this connection"
            hint = "give server_hostname, or connect the socket by name"
            return Facts({"status": "HOSTLOCK_E_NO_HOST", "code": -11, "message": words, "hint": hint})
        try:
            flags = getattr(self._context, "verify_flags", 0)
            crl_mode = None if not flags & _CHECKS_CRLS else "chain" if flags & _OF_ALL else "leaf"
            context = anchors_of(self._context).context(crl_mode)
            context.verify_peer(chain, self._host, connection.version() or "", cipher[0] if cipher else "")
        except Error as error:
            facts = error.hostlock
            if facts.status == _UNKNOWN_ISSUER and not is_whole:
                facts.hint = _ONLY_ITS_OWN
            return facts
        return None


def _exception(facts):
    # type: (Facts) -> ssl.SSLError
    """What `ssl` raises for a refused certificate. Whoever raises it keeps no name for it, which would keep the
    connection alive."""
    words = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: " + native(facts.message)
    kind = getattr(ssl, "SSLCertVerificationError", ssl.SSLError)  # type: Any
    error = kind(1, words)  # type: ssl.SSLError
    error.library, error.reason = "SSL", "CERTIFICATE_VERIFY_FAILED"
    if kind is not ssl.SSLError:
        facts_of_openssl = {"verify_code": facts.verify_code or 1, "verify_message": native(facts.message)}
        vars(error).update(facts_of_openssl)
    add_facts(error, facts)
    return error


def _chain(connection):
    # type: (Any) -> Any
    """The certificates that the server sent, as DER, and whether that is all of them: Python before 3.10 shows its own
    only."""
    if hasattr(connection, "get_unverified_chain"):
        chain = connection.get_unverified_chain() or []
        return b"".join(one.public_bytes(_ssl.ENCODING_DER) for one in chain), True
    shown = getattr(connection, "getpeercert", None) or connection.peer_certificate
    return shown(True) or b"", False


def _cut(sock):
    # type: (Any) -> None
    """Nothing goes out any more: after a failed `connect` Python's socket would send in the clear."""
    try:
        _socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except (OSError, IOError, TypeError):
        return
