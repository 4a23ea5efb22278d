"""Refusals as exceptions that programs catch already: each is an `ssl.SSLError`, those about certificates are what
`ssl` raises for them, and all carry `.hostlock`. They come from the module in C, which `ssl` and `socket` have them
from: these cost more than all that hostlock does at its start."""

import _socket
import _ssl

from ._library import lib

MYPY = False
if MYPY:
    from typing import Any, Dict, List, NoReturn, Optional, Text


class Facts(object):
    """What is known of a failure."""

    def __init__(self, facts):
        # type: (Dict[str, Any]) -> None
        #: Its name in the header, such as "HOSTLOCK_E_HOST_MISMATCH".
        self.status = facts.get("status") or "HOSTLOCK_E_INTERNAL"  # type: str
        #: Its number.
        self.code = facts.get("code", -5)  # type: int
        #: One line that says what is wrong.
        self.message = facts.get("message") or ""  # type: Text
        #: What to do about it, or "".
        self.hint = facts.get("hint") or ""  # type: Text
        #: The host that was asked for, if there was one.
        self.host = facts.get("host")  # type: Optional[Text]
        #: The names in the certificate.
        self.names = facts.get("names") or []  # type: List[Text]
        #: The chain as a drawing in text, or "".
        self.chain = facts.get("chain") or ""  # type: Text
        #: OpenSSL's X509_V_ERR_ number for it, or None.
        self.verify_code = facts.get("x509_code")  # type: Optional[int]

    def __repr__(self):
        # type: () -> str
        return "<hostlock.Facts {}: {}>".format(self.status, self.message)


class Error(_ssl.SSLError):
    """A failure of hostlock."""

    hostlock = Facts({})  # type: Facts

    def __str__(self):
        # type: () -> str
        return native(self.hostlock.message) or super(Error, self).__str__()


class TimeoutError(Error, _socket.timeout):
    """Nothing came in time."""


if hasattr(_ssl, "SSLCertVerificationError"):

    class CertificateError(Error, _ssl.SSLCertVerificationError):
        """The certificate is not valid, or not for the host."""

else:
    # The standard library's, and not the one beside this file.
    ssl = __import__("ssl", level=0)

    class CertificateError(Error, ssl.CertificateError):  # type: ignore[no-redef, name-defined, misc]
        """The certificate is not valid, or not for the host."""


class TruncatedError(Error, _ssl.SSLEOFError):
    """The connection was cut."""


class ConnectError(Error):
    """The host has no address, or nobody listens there."""


E_TIMEOUT, E_TRUNCATED, E_ARG = -62, -63, -3
# BAD_HOST to PIN_MISMATCH and what concerns revocation; files that could not be read lie between them and DISTRUSTED.
_OF_CERTIFICATES = set(range(-39, -9)) | {-40} | set(range(-59, -49))


def facts_at(error):
    # type: (Optional[int]) -> Optional[Facts]
    """What an error of the library says; None for NULL."""
    if not error:
        return None
    import json

    facts = json.loads(lib.hostlock_error_json(error).decode("ascii"))
    facts["chain"] = lib.hostlock_error_chain_text(error).decode("utf-8")
    return Facts(facts)


def exception(facts):
    # type: (Facts) -> Error
    """The exception for a failure."""
    kind = Error
    if facts.code in _OF_CERTIFICATES:
        kind = CertificateError
    elif facts.code == E_TIMEOUT:
        kind = TimeoutError
    elif facts.code == E_TRUNCATED:
        kind = TruncatedError
    error = kind(1, native(facts.message))
    add_facts(error, facts)
    return error


def add_facts(error, facts):
    # type: (BaseException, Facts) -> None
    """Hangs the facts on an exception, and the hint as a note where Python has notes."""
    error.hostlock = facts  # type: ignore[attr-defined]
    if facts.hint and hasattr(error, "add_note"):
        error.add_note("hint: " + facts.hint)


def native(text):
    # type: (Text) -> str
    """Text as `str`, which is bytes on Python 2."""
    return text if isinstance(text, str) else text.encode("utf-8")


def explain(error, conn):
    # type: (BaseException, int) -> None
    """Puts the reason of a refused handshake of the `SSL *` at `conn`, if hostlock refused it, into another library's
    exception."""
    facts = facts_at(lib.hostlock_conn_error(conn))
    if facts is not None:
        add_facts(error, facts)
        error.args = ("certificate verify failed: " + native(facts.message),)


def facts_of_last():
    # type: () -> Facts
    """This thread's last failure."""
    return facts_at(lib.hostlock_last_error()) or Facts({"message": "a failure without a reason"})


def raise_last():
    # type: () -> NoReturn
    """Raises it."""
    raise exception(facts_of_last())


def check(status):
    # type: (int) -> None
    """Raises where a status is a failure."""
    if status != 0:
        raise_last()
