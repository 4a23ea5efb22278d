"""pyOpenSSL whose OpenSSL is out of reach (the wheels of cryptography have one of their own inside): judged after the
handshake and before the first byte of the program passes, by pyOpenSSL's public functions.

What the program's own settings refuse is refused before; the verdict of hostlock comes on top, and never loosens. A
client's own certificate has left by then, and staples are not seen."""

from __future__ import absolute_import

from OpenSSL import SSL, crypto

from . import _hosts
from ._core import Context
from ._errors import Error, Facts
from ._refused import refused
from ._verdict import Anchors

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Optional, Tuple

_NO_RENEGOTIATION = 1 << 30

everywhere = []  # type: List[bool]


def _attribute(thing, name, default=None):
    # type: (Any, str, Any) -> Any
    """Of the object itself: a Connection hands what it lacks to its socket."""
    return vars(thing).get(name, default)


def _anchors(context):
    # type: (Any) -> Anchors
    found = _attribute(context, "_hostlock_anchors")
    if found is None:
        found = context._hostlock_anchors = Anchors()
    return found  # type: ignore[no-any-return]


def harden(context, policy):
    # type: (Any, Optional[str]) -> None
    """Has the connections of a context judged; what it was told to trust before this module came is not known."""
    _anchors(context).policy = policy
    Context(policy)
    context._hostlock_judged = True


def set_host(connection, host):
    # type: (Any, bytes) -> None
    """Names the host of a connection."""
    connection._hostlock_host = host
    if not _hosts.is_address(host):
        connection.set_tlsext_host_name(host)


def _is_judged(connection):
    # type: (Any) -> bool
    if _attribute(connection, "_hostlock_is_server"):
        return False
    return bool(everywhere) or bool(_attribute(connection.get_context(), "_hostlock_judged"))


def _refuse(connection, facts):
    # type: (Any, Facts) -> None
    connection._hostlock_refused = facts
    raise refused(facts)


def _begin(connection):
    # type: (Any) -> None
    """Before the first byte of the handshake: afterwards the kernel's count says nothing more."""
    if _attribute(connection, "_hostlock_begun") is None:
        connection._hostlock_begun = True
        sock = connection._socket
        if sock is not None:
            connection._hostlock_fallback = _hosts.of(sock)


def _judge(connection):
    # type: (Any) -> None
    connection._hostlock_done = None
    names = ("_hostlock_host", "_hostlock_sni", "_hostlock_fallback")
    host = next((found for found in (_attribute(connection, name) for name in names) if found), None)  # type: Any
    anchors = _anchors(connection.get_context())
    if host is None:
        _refuse(connection, _facts("NO_HOST", -11, "no host was named for this connection"))
    if not anchors.is_known:
        _refuse(connection, _facts("NO_TRUST_ANCHORS", -40, "the context has a store whose certificates are not known"))
    sent = b"".join(
        crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in connection.get_peer_cert_chain() or ()
    )
    try:
        agreed = (connection.get_protocol_version_name(), connection.get_cipher_name() or "")
        anchors.context().verify_peer(sent, host, *agreed)
    except Error as error:
        _refuse(connection, error.hostlock)
    connection._hostlock_done = True


def _facts(status, code, message):
    # type: (str, int, str) -> Facts
    return Facts({"status": "HOSTLOCK_E_" + status, "code": code, "message": message})


def _judged_first(method, do_handshake):
    # type: (Any, Any) -> Any
    """A function by which a byte of the program could pass."""

    def called(self, *arguments, **more):
        # type: (Any, *Any, **Any) -> Any
        if not _attribute(self, "_hostlock_done") and _is_judged(self):
            do_handshake(self)
        return method(self, *arguments, **more)

    called.__name__, called.__doc__ = method.__name__, method.__doc__
    return called


def prepare():
    # type: () -> None
    """Watches pyOpenSSL's classes."""
    kind, context = SSL.Connection, SSL.Context  # type: Tuple[Any, Any]
    connect, connect_ex, connect_state = kind.connect, kind.connect_ex, kind.set_connect_state
    shake, accept_state, set_name, init = (
        kind.do_handshake,
        kind.set_accept_state,
        kind.set_tlsext_host_name,
        kind.__init__,
    )

    def initialise(self, context, *rest, **more):
        # type: (Any, Any, *Any, **Any) -> None
        init(self, context, *rest, **more)
        self._hostlock_done = False
        if hasattr(kind, "set_options"):
            # Another certificate than the one that was judged must not come later.
            self.set_options(_NO_RENEGOTIATION)

    def do_handshake(self):
        # type: (Any) -> Any
        if not _is_judged(self):
            return shake(self)
        if _attribute(self, "_hostlock_refused") is not None:
            _refuse(self, self._hostlock_refused)
        _begin(self)
        answer = shake(self)
        if not _attribute(self, "_hostlock_done"):
            _judge(self)
        return answer

    def set_accept_state(self):
        # type: (Any) -> None
        accept_state(self)
        self._hostlock_is_server = True

    def as_client(method):
        # type: (Any) -> Any
        def called(self, *arguments):
            # type: (Any, *Any) -> Any
            self._hostlock_is_server = False
            return method(self, *arguments)

        called.__name__, called.__doc__ = method.__name__, method.__doc__
        return called

    def set_tlsext_host_name(self, name):
        # type: (Any, bytes) -> None
        set_name(self, name)
        self._hostlock_sni = name

    kind.__init__, kind.do_handshake, kind.set_accept_state = initialise, do_handshake, set_accept_state
    kind.set_tlsext_host_name = set_tlsext_host_name
    kind.connect, kind.connect_ex = as_client(connect), as_client(connect_ex)
    kind.set_connect_state = as_client(connect_state)
    for name in ("send", "sendall", "write", "recv", "read", "recv_into", "export_keying_material"):
        if hasattr(kind, name):
            setattr(kind, name, _judged_first(getattr(kind, name), do_handshake))
    _watch_trust(context)


def _watch_trust(context):
    # type: (Any) -> None
    locations, system = context.load_verify_locations, context.set_default_verify_paths
    get_store, set_store = context.get_cert_store, getattr(context, "set_cert_store", None)
    add_cert, load = crypto.X509Store.add_cert, getattr(crypto.X509Store, "load_locations", None)

    def trust_files(anchors, cafile, capath):
        # type: (Anchors, Any, Any) -> None
        if cafile is not None:
            anchors.add_file(cafile)
        if capath is not None:
            anchors.add_dir(capath)

    def load_verify_locations(self, cafile, capath=None):
        # type: (Any, Any, Any) -> None
        locations(self, cafile, capath)
        trust_files(_anchors(self), cafile, capath)

    def set_default_verify_paths(self):
        # type: (Any) -> None
        system(self)
        _anchors(self).add_system()

    def get_cert_store(self):
        # type: (Any) -> Any
        store = get_store(self)
        if store is not None:
            store._hostlock_anchors = _anchors(self)
        return store

    def set_cert_store(self, store):
        # type: (Any, Any) -> Any
        _anchors(self).is_known = False
        return set_store(self, store)  # type: ignore[misc]

    def add_cert_(self, certificate):
        # type: (Any, Any) -> None
        add_cert(self, certificate)
        anchors = _attribute(self, "_hostlock_anchors")
        if anchors is not None:
            anchors.add_data(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate))

    def load_locations(self, cafile, capath=None):
        # type: (Any, Any, Any) -> None
        load(self, cafile, capath)  # type: ignore[misc]
        anchors = _attribute(self, "_hostlock_anchors")
        if anchors is not None:
            trust_files(anchors, cafile, capath)

    context.load_verify_locations, context.set_default_verify_paths = load_verify_locations, set_default_verify_paths
    context.get_cert_store = get_cert_store
    if set_store is not None:
        context.set_cert_store = set_cert_store
    crypto.X509Store.add_cert = add_cert_
    if load is not None:
        crypto.X509Store.load_locations = load_locations
