"""`hostlock.inject()`: seals the process, and tells the seal which host each connection of Python's is for.

The seal is libhostlock's: every `SSL_CTX` of the process verifies chain and host, whatever the program sets on it.
Python's part is to name hosts that the program itself does not hand to OpenSSL (a numeric address, the target of
`connect`), and to put the reason of a refusal into the exception. What names nothing here is refused there."""

import _socket
import _ssl
import os
import socket
import sys
import warnings

if sys.version_info >= (3,):
    import ssl
else:
    # The standard library's, and not the one beside this file. `absolute_import` would say so too, but is a module that has
    # to be loaded.
    ssl = __import__("ssl", level=0)

from . import _hosts
from ._errors import Facts, add_facts, check, exception, facts_at, raise_last
from ._library import IN_PLACE, find_conn, find_ctx, lib, mode, taken

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterable, Optional, Tuple, Union

_E_UNSUPPORTED = -7
_lock = _hosts.Lock()
_done = []  # type: list[str]

# The class whose base is the one in C, whatever `ssl.SSLContext` has become by now.
Standard = next((kind for kind in _ssl._SSLContext.__subclasses__() if kind.__module__ == "ssl"), ssl.SSLContext)  # type: Any


def inject(policy=None, report_only=None, allow=()):
    # type: (Optional[str], Optional[str], Iterable[Tuple[str, str]]) -> None
    """Makes every TLS connection of this process safe, for good: certificates must be valid, and for the host that was
    asked for. Call it first; contexts that exist already are sealed too. Processes that `multiprocessing` starts are
    injected likewise; other programs are not.

    `report_only` is the reason why nothing is refused and everything reported (`hostlock.report()`). `allow` are
    exceptions, each a pair of what ("host:NAME", "address:IP", "sha256:HEX") and why. Raises where the process cannot
    be sealed."""
    # What `hostlock.ssl` needs of this module needs none of these.
    from . import _children, _imports

    with _lock:
        allow = list(allow)
        exceptions = [(_bytes(what), _bytes(reason)) for what, reason in allow]
        if mode != IN_PLACE:
            _prepare_afterwards(policy, report_only, exceptions)
        for what, why in exceptions:
            _sealed(lib.hostlock_insecure_seal_allow(what, why))
        name = None if policy is None else _bytes(policy)
        if report_only is None:
            _sealed(lib.hostlock_seal_process(name))
            _done.append("enforce")
            # libpq's own default goes on in plain text where TLS is refused, and sends the password.
            os.environ.setdefault("PGSSLMODE", "require")
        else:
            _sealed(lib.hostlock_insecure_seal_report_only(name, _bytes(report_only)))
        if mode == IN_PLACE:
            _seal_what_exists()
        watch()
        if "contexts" not in _done:
            _done.append("contexts")
            if mode == IN_PLACE:
                name_hosts(Standard, _ssl._SSLContext)
            else:
                from . import _afterwards

                _afterwards.watch_trust(Standard, _ssl._SSLContext)
                _afterwards.judge(Standard, _ssl._SSLContext, is_sealed=True)
            for module, prepare in _OTHERS.items():
                _imports.when_imported(module, prepare)
            for module in _WITH_ANOTHER_LIBSSL:
                _imports.when_imported(module, _warn_of_another_libssl)
        _children.calls.append({"policy": policy, "report_only": report_only, "allow": allow})


def _sealed(status):
    # type: (int) -> None
    """Raises where the seal failed. A libhostlock with an OpenSSL of its own inside has none; then nothing else of the
    process may make connections."""
    if mode != IN_PLACE and status == _E_UNSUPPORTED:
        _done.append("unsealed")
    else:
        check(status)


def _prepare_afterwards(policy, report_only, exceptions):
    # type: (Optional[str], Optional[str], Iterable[Tuple[bytes, bytes]]) -> None
    """Where the interpreter's OpenSSL is out of reach; the seal is for the others of the process."""
    from . import _afterwards
    from ._core import Context

    Context(policy)
    hosts = [what[5:].lower() for what, _ in exceptions if what.startswith(b"host:")]
    if len(hosts) < len(list(exceptions)):
        words = "connections that are judged afterwards have no exceptions but host:NAME"
        raise exception(Facts({"status": "HOSTLOCK_E_UNSUPPORTED", "code": -7, "message": words}))
    _afterwards.tally.policy, _afterwards.tally.exceptions = policy, hosts
    # Who once asked for refusals has them, as with the seal.
    _afterwards.tally.refuses = report_only is None or "enforce" in _done
    if "warned" not in _done:
        _done.append("warned")
        from ._verdict import WARNING

        words = "this interpreter has an OpenSSL of its own inside ({}): {}".format(ssl.OPENSSL_VERSION, WARNING)
        warnings.warn(words, RuntimeWarning, stacklevel=3)


def watch():
    # type: () -> None
    """Notes from now on where sockets are connected to, and puts the reasons of refusals into exceptions."""
    if "sockets" not in _done:
        _done.append("sockets")
        kind = getattr(socket, "_socketobject", socket.socket)  # type: Any
        _watch_lookups()
        _watch_connect(kind)
        _watch_sends(kind)
        _watch_create_connection()
        _explain_refusals()


def report():
    # type: () -> dict[str, Any]
    """What the seal has seen: contexts, connections, what was refused and why."""
    import json

    found = None if "unsealed" in _done else taken(lib.hostlock_seal_report())
    if found is None and "unsealed" not in _done:
        raise_last()
    report = json.loads(found or "{}")  # type: dict[str, Any]
    if mode != IN_PLACE:
        from . import _afterwards

        report["afterwards"] = _afterwards.tally.report()
    return report


def _bytes(text):
    # type: (Union[str, bytes]) -> bytes
    return text if isinstance(text, bytes) else text.encode("utf-8")


def _seal_what_exists():
    # type: () -> None
    """Contexts that were made before. One that is not found would stay open, so that is a failure."""
    import gc

    for found in gc.get_objects():
        # Not by isinstance: it asks objects for their class, and lazy ones would wake up.
        if issubclass(type(found), _ssl._SSLContext):
            ctx = find_ctx(found)
            if ctx is None:
                raise_last()
            check(lib.hostlock_seal_ctx(ctx))


def _prepare_multiprocessing(module):
    # type: (Any) -> None
    from . import _children

    _children.prepare(module)


def _prepare_m2crypto(module):
    # type: (Any) -> None
    if "unsealed" in _done:
        words = "M2Crypto's OpenSSL is out of reach of this libhostlock, which has one of its own inside"
        raise exception(Facts({"status": "HOSTLOCK_E_FOREIGN_LIBSSL", "code": -8, "message": words}))
    from . import m2crypto


def _prepare_pyopenssl(module):
    # type: (Any) -> None
    from . import pyopenssl

    if not pyopenssl.is_within_reach():
        words = "pyOpenSSL has an OpenSSL of its own inside, which the seal does not reach: "
        if "enforce" in _done:
            from ._verdict import WARNING

            pyopenssl.judge_everything()
            words += WARNING
        else:
            words += "nothing of it is reported"
        warnings.warn(words, RuntimeWarning, stacklevel=2)


def _prepare_twisted(module):
    # type: (Any) -> None
    from . import pyopenssl

    pyopenssl.name_clients_of_twisted(module.ClientTLSOptions)


def _warn_of_another_libssl(module):
    # type: (Any) -> None
    """Wheels bring copies of libssl along. GnuTLS and NSS are often loaded and not used, so they are for the report."""
    if "unsealed" in _done:
        return
    for path in report()["other_tls"]:
        name = os.path.basename(path)
        if path not in _warned and not name.startswith(("libgnutls", "libnss", "libssl3.so")):
            _warned.append(path)
            words = "{} has an OpenSSL of its own ({}), which the seal does not reach: {}".format(
                module.__name__.partition(".")[0], name, "its connections are not verified by hostlock"
            )
            warnings.warn(words, RuntimeWarning, stacklevel=2)


_warned = []  # type: list[str]

# Those whose wheels are known to bring one; of others hostlock.report() tells.
_WITH_ANOTHER_LIBSSL = (
    "_mysql_connector",
    "confluent_kafka.cimpl",
    "curl_cffi._wrapper",
    "grpc._cython.cygrpc",
    "psycopg2._psycopg",
    "psycopg_binary._psycopg",
    "pycurl",
    "pygit2._pygit2",
    "pymssql._mssql",
)

# The libraries beside `ssl`, and what names the hosts of their connections or takes them to other processes.
_OTHERS = {
    "M2Crypto.httpslib": _prepare_m2crypto,
    "M2Crypto.SSL.Connection": _prepare_m2crypto,
    "OpenSSL.SSL": _prepare_pyopenssl,
    "multiprocessing.spawn": _prepare_multiprocessing,
    "twisted.internet._sslverify": _prepare_twisted,
}


# Hosts


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
        _give(context, connection, _hosts.of(sock) if sock is not None else None)
    elif is_address(server_hostname):
        _give(context, connection, _hosts.encoded(server_hostname))
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
    _hosts.note(sock, None if _hosts.is_found(address[0]) else address[0])
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
            _hosts.looked_up(rest[0] if rest else more.get("host"), addresses(answer))
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
            _hosts.sent(self, data, count)
        return count  # type: ignore[no-any-return]

    def sendall_(self, data, *flags):
        # type: (Any, Any, *Any) -> Any
        done = sendall(self, data, *flags)
        if type(self) is kind:
            _hosts.sent(self, data)
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
