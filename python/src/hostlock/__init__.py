"""TLS connections that lead to the host that was asked for, or do not come about.

    import hostlock
    hostlock.inject()       # every TLS connection of this process, whoever makes it

or one connection at a time:

    with hostlock.connect("example.org", 443) as connection:
        connection.sendall(b"GET / HTTP/1.0\\r\\nHost: example.org\\r\\n\\r\\n")
        page = connection.read()
"""

from ._core import Connection, Context, certdata_to_pem, connect, verify_chain
from ._errors import CertificateError, ConnectError, Error, Facts, TimeoutError, TruncatedError
from ._inject import inject, report
from ._library import mode

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
