"""The standard library's clients, verified: each function answers an object of the standard library whose connection
leads to the host that was asked for, or raises.

    from hostlock import protocols
    with protocols.smtp("mail.example") as session:
        session.send_message(message)

Names are those of URL schemes. `smtp`, `ftp`, `imap`, `pop3` and `nntp` begin in the clear and are encrypted when the
function returns (STARTTLS, AUTH TLS, STLS); a server that offers no TLS is an error. The ones with an s are encrypted
from the first byte. `context` is one of `hostlock.ssl`, such as `ssl.create_default_context(cafile="company-ca.pem")`;
without it the system's roots count. `timeout` is in seconds; None waits for ever. Python 3.8 and later."""

from __future__ import absolute_import

import contextlib
import sys

from . import ssl

MYPY = False
if MYPY:
    import ftplib
    import http.client
    import imaplib
    import poplib
    import smtplib
    from typing import Any, Callable, Dict, Iterator, Optional
    from xmlrpc.client import ServerProxy

__all__ = ["ftp", "https", "imap", "imaps", "nntp", "nntps", "pop3", "pop3s", "smtp", "smtps", "xmlrpc"]

_TIMEOUT = 30.0


def _verifying(context):
    # type: (Optional[ssl.SSLContext]) -> ssl.SSLContext
    """Nothing else is taken: what is made here is verified."""
    if context is None:
        return ssl.create_default_context()
    if not isinstance(context, ssl.SSLContext):
        raise TypeError("context must be one of hostlock.ssl, not {!r}".format(context))
    return context


@contextlib.contextmanager
def _closed_on_failure(close):
    # type: (Callable[[], Any]) -> Iterator[None]
    """Where the handshake was refused the descriptor is gone already, which is no second failure."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            close()
        raise


def https(host, port=443, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> http.client.HTTPSConnection
    """An `http.client.HTTPSConnection`. It connects at its first request; behind a proxy (`set_tunnel`) the host is
    the tunnel's."""
    import http.client

    return http.client.HTTPSConnection(host, port, timeout=timeout, context=_verifying(context))


def smtp(host, port=587, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> smtplib.SMTP
    """An `smtplib.SMTP` after STARTTLS."""
    import smtplib

    context = _verifying(context)
    session = smtplib.SMTP(host, port, **_within(timeout))
    with _closed_on_failure(session.close):
        session.starttls(context=context)
        session.ehlo_or_helo_if_needed()
    return session


def smtps(host, port=465, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> smtplib.SMTP_SSL
    """An `smtplib.SMTP_SSL`."""
    import smtplib

    return smtplib.SMTP_SSL(host, port, context=_verifying(context), **_within(timeout))


def ftp(host, port=21, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> ftplib.FTP_TLS
    """An `ftplib.FTP_TLS` after AUTH TLS, before `login`. Its data channels are encrypted, and verified for the same
    host; `prot_c` raises."""
    import ftplib

    class Session(ftplib.FTP_TLS):
        """Whose data channels are never in the clear."""

        _hostlock_protects = False

        def prot_p(self):
            # type: () -> str
            answer = ftplib.FTP_TLS.prot_p(self)
            self._hostlock_protects = True
            return answer

        def prot_c(self):
            # type: () -> str
            raise ValueError("data channels of hostlock.protocols are encrypted; ftplib.FTP_TLS has others")

        def ntransfercmd(self, cmd, rest=None):
            # type: (str, Any) -> Any
            if not self._hostlock_protects:
                self.prot_p()
            return ftplib.FTP_TLS.ntransfercmd(self, cmd, rest)

    session = Session(context=_verifying(context), **_within(timeout))
    with _closed_on_failure(session.close):
        session.connect(host, port)
        session.auth()
    return session


def imap(host, port=143, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> imaplib.IMAP4
    """An `imaplib.IMAP4` after STARTTLS. On Python 3.8 `timeout` is that of the socket module."""
    import imaplib

    context = _verifying(context)
    session = imaplib.IMAP4(host, port, **_imap_within(timeout))
    with _closed_on_failure(session.shutdown):
        session.starttls(ssl_context=context)
    return session


def imaps(host, port=993, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> imaplib.IMAP4_SSL
    """An `imaplib.IMAP4_SSL`. On Python 3.8 `timeout` is that of the socket module."""
    import imaplib

    return imaplib.IMAP4_SSL(host, port, ssl_context=_verifying(context), **_imap_within(timeout))


def pop3(host, port=110, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> poplib.POP3
    """A `poplib.POP3` after STLS."""
    import poplib

    context = _verifying(context)
    session = poplib.POP3(host, port, **_within(timeout))
    with _closed_on_failure(session.close):
        session.stls(context=context)
    return session


def pop3s(host, port=995, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> poplib.POP3_SSL
    """A `poplib.POP3_SSL`."""
    import poplib

    return poplib.POP3_SSL(host, port, context=_verifying(context), **_within(timeout))


def xmlrpc(uri, timeout=_TIMEOUT, context=None, **more):
    # type: (str, Optional[float], Optional[ssl.SSLContext], **Any) -> ServerProxy
    """An `xmlrpc.client.ServerProxy` of an https URI; `more` is for it (`allow_none`, `headers`)."""
    from xmlrpc.client import SafeTransport, ServerProxy

    if not uri.lower().startswith("https://"):
        raise ValueError("no https URI: {!r}".format(uri))
    use_datetime = more.get("use_datetime", False) or more.get("use_builtin_types", False)

    class Transport(SafeTransport):
        """With a limit of time."""

        def make_connection(self, host):
            # type: (Any) -> Any
            connection = SafeTransport.make_connection(self, host)
            connection.timeout = timeout
            return connection

    headers = {"headers": more.pop("headers")} if "headers" in more else {}
    transport = Transport(use_datetime, more.get("use_builtin_types", False), context=_verifying(context), **headers)
    return ServerProxy(uri, transport, **more)


def nntp(host, port=119, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> Any
    """An `nntplib.NNTP` after STARTTLS. Python 3.13 and later have no nntplib (ImportError)."""
    import nntplib

    context = _verifying(context)
    session = nntplib.NNTP(host, port, **_within(timeout))
    with _closed_on_failure(session._close):  # type: ignore[attr-defined]
        session.starttls(context)
    return session


def nntps(host, port=563, timeout=_TIMEOUT, context=None):
    # type: (str, int, Optional[float], Optional[ssl.SSLContext]) -> Any
    """An `nntplib.NNTP_SSL`. Python 3.13 and later have no nntplib (ImportError)."""
    import nntplib

    return nntplib.NNTP_SSL(host, port, ssl_context=_verifying(context), **_within(timeout))


def _within(timeout):
    # type: (Optional[float]) -> Dict[str, Any]
    """The argument of the standard library's, where None is what waits for ever too."""
    return {"timeout": timeout}


def _imap_within(timeout):
    # type: (Optional[float]) -> Dict[str, Any]
    return {"timeout": timeout} if sys.version_info >= (3, 9) else {}
