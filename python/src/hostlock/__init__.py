"""TLS connections that lead to the host that was asked for, or do not come about.

    import hostlock
    hostlock.inject()       # every TLS connection of this process, whoever makes it

or one connection at a time:

    with hostlock.connect("example.org", 443) as connection:
        connection.sendall(b"GET / HTTP/1.0\\r\\nHost: example.org\\r\\n\\r\\n")
        page = connection.read()
"""

import sys

from ._library import mode

MYPY = False
if MYPY:
    from typing import Any, List

# Modules that are imported when something of them is asked for: with `ssl`, which one of them needs, they cost more
# than all the rest at the start of a program.
_PLACES = {
    "_core": ("Connection", "Context", "certdata_to_pem", "connect", "verify_chain"),
    "_errors": ("CertificateError", "ConnectError", "Error", "Facts", "TimeoutError", "TruncatedError"),
    "_inject": ("inject", "report"),
}

if MYPY or sys.version_info < (3, 7):
    from ._core import Connection, Context, certdata_to_pem, connect, verify_chain
    from ._errors import CertificateError, ConnectError, Error, Facts, TimeoutError, TruncatedError
    from ._inject import inject, report
else:

    def __getattr__(name):
        # type: (str) -> Any
        for module, names in _PLACES.items():
            if name in names:
                # Not before: `from hostlock import ssl` asks here first, and needs none of it.
                from importlib import import_module

                found = import_module("hostlock." + module)
                globals().update((each, getattr(found, each)) for each in names)
                return globals()[name]
        raise AttributeError("module 'hostlock' has no attribute {!r}".format(name))

    def __dir__():
        # type: () -> List[str]
        return sorted(set(globals()) | set(__all__))


__all__ = [
    "CertificateError",
    "ConnectError",
    "Connection",
    "Context",
    "Error",
    "Facts",
    "TimeoutError",
    "TruncatedError",
    "certdata_to_pem",
    "connect",
    "inject",
    "mode",
    "report",
    "verify_chain",
]
