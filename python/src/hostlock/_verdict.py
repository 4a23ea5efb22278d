"""What is needed to judge a handshake that somebody else's OpenSSL made: what the other's context trusts, as far as it
was told by functions that can be watched."""

from __future__ import absolute_import

import threading

from ._core import Context

MYPY = False
if MYPY:
    from typing import Any, Callable, List, Optional, Union

WARNING = (
    "hostlock judges after the handshake, before the first byte of the program: a client certificate has left by then, "
    "and stapled OCSP answers are not seen"
)


class Anchors(object):
    """What a context trusts. Where nothing was told, that is the system's roots."""

    def __init__(self, policy=None):
        # type: (Optional[str]) -> None
        self.policy = policy
        #: Whether all that the context trusts is known.
        self.is_known = True
        self._steps = []  # type: List[Callable[[Context], None]]
        self._crls = []  # type: List[bytes]
        self._made = None  # type: Optional[Context]
        self._crl_mode = None  # type: Optional[str]
        self._lock = threading.Lock()

    def add_file(self, path):
        # type: (Any) -> None
        """The file is read now, as OpenSSL does."""
        with open(path, "rb") as file:
            self.add_data(file.read())

    def add_data(self, data):
        # type: (bytes) -> None
        """PEM with any number of certificates and CRLs, or one certificate as DER."""
        if b"-----BEGIN X509 CRL-----" in data:
            with self._lock:
                self._crls.append(data)
                self._made = None
            if b"CERTIFICATE-----" not in data:
                return
        self._add(lambda context: context.trust_data(data))

    def add_dir(self, path):
        # type: (Any) -> None
        """A directory of certificates."""
        self._add(lambda context: context.trust_dir(path))

    def add_system(self):
        # type: () -> None
        """The system's roots."""
        self._add(lambda context: context.trust_system())

    def _add(self, step):
        # type: (Callable[[Context], None]) -> None
        with self._lock:
            self._steps.append(step)
            self._made = None

    def context(self, crl_mode=None):
        # type: (Optional[str]) -> Context
        """A context that trusts the same. `crl_mode`, "leaf" or "chain": which certificates a CRL must speak for."""
        with self._lock:
            if self._made is None or self._crl_mode != crl_mode:
                made = Context(self.policy)
                for step in self._steps:
                    step(made)
                if crl_mode is not None:
                    # As in OpenSSL they count for nothing where nobody asks for them.
                    for data in self._crls:
                        made.add_crl_data(data)
                    made.set_crl_mode(crl_mode)
                self._made, self._crl_mode = made, crl_mode
            return self._made


def split_der(data):
    # type: (Union[bytes, bytearray]) -> List[bytes]
    """Certificates in DER that stand one behind the other. What is none is left as it is, for the library to refuse."""
    found, rest = [], bytearray(data)
    while len(rest) > 4 and rest[0] == 0x30:
        size = rest[1] + 2
        if rest[1] > 0x80:
            count = rest[1] - 0x80
            size = 2 + count
            for place, byte in enumerate(reversed(rest[2:size])):
                size += byte << (8 * place)
        found.append(bytes(rest[:size]))
        rest = rest[size:]
    return found + ([bytes(rest)] if rest else [])
