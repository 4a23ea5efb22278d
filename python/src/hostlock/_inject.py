"""`hostlock.inject()`: seals the process, and tells the seal which host each connection of Python's is for.

The seal is libhostlock's: every `SSL_CTX` of the process verifies chain and host, whatever the program sets on it.
Python's part is to name hosts that the program itself does not hand to OpenSSL (a numeric address, the target of
`connect`), and to put the reason of a refusal into the exception. What names nothing here is refused there."""

from __future__ import absolute_import

import _ssl
import gc
import os
import ssl
import warnings

from . import _children, _hosts, _imports
from ._core import Context
from ._errors import Facts, check, exception, raise_last
from ._library import IN_PLACE, find_ctx, lib, mode, taken

MYPY = False
if MYPY:
    from typing import Any, Iterable, Optional, Tuple, Union

_E_UNSUPPORTED = -7
_lock = _hosts.new_lock()
_done = []  # type: list[str]


def inject(policy=None, report_only=None, allow=()):
    # type: (Optional[str], Optional[str], Iterable[Tuple[str, str]]) -> None
    """Makes every TLS connection of this process safe, for good: certificates must be valid, and for the host that was
    asked for. Call it first; contexts that exist already are sealed too. Processes that `multiprocessing` starts are
    injected likewise; other programs are not.

    `report_only` is the reason why nothing is refused and everything reported (`hostlock.report()`). `allow` are
    exceptions, each a pair of what ("host:NAME", "address:IP", "sha256:HEX") and why. Raises where the process cannot
    be sealed."""
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
        _hosts.watch()
        if "contexts" not in _done:
            _done.append("contexts")
            if mode == IN_PLACE:
                _hosts.name_hosts(_hosts.Standard, _ssl._SSLContext)
            else:
                from . import _afterwards

                _afterwards.watch_trust(_hosts.Standard, _ssl._SSLContext)
                _afterwards.judge(_hosts.Standard, _ssl._SSLContext, is_sealed=True)
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
    for found in gc.get_objects():
        # Not by isinstance: it asks objects for their class, and lazy ones would wake up.
        if issubclass(type(found), _ssl._SSLContext):
            ctx = find_ctx(found)
            if ctx is None:
                raise_last()
            check(lib.hostlock_seal_ctx(ctx))


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
    "multiprocessing.spawn": _children.prepare,
    "twisted.internet._sslverify": _prepare_twisted,
}
