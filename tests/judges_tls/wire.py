"""The bytes of TLS messages, written by hand so that each of them can be wrong: vectors, extensions, ClientHello."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

TLS12, TLS13 = 0x0303, 0x0304
CCS, ALERT, HANDSHAKE, DATA, HEARTBEAT = 20, 21, 22, 23, 24
# Handshake types (RFC 8446 4, RFC 5246 7.4).
HELLO_REQUEST, CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, END_OF_EARLY_DATA, ENCRYPTED_EXTENSIONS = (
    0,
    1,
    2,
    4,
    5,
    8,
)
CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 11, 12, 13, 14
CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED, CERTIFICATE_STATUS, KEY_UPDATE, MESSAGE_HASH = (
    15,
    16,
    20,
    22,
    24,
    254,
)
# Extensions.
SERVER_NAME, MAX_FRAGMENT, STATUS_REQUEST, GROUPS, POINT_FORMATS, SIGNATURES = 0, 1, 5, 10, 11, 13
HEARTBEATS, ALPN, PADDING, ETM, EMS, RECORD_LIMIT, TICKET = 15, 16, 21, 22, 23, 28, 35
PSK, EARLY_DATA, VERSIONS, COOKIE, PSK_MODES, AUTHORITIES, POST_HANDSHAKE, SIGNATURES_CERT, KEY_SHARE = (
    *(41, 42, 43, 44, 45, 47, 49, 50, 51),
)
RENEGOTIATION = 0xFF01
GREASE = tuple(0x0A0A + 0x1010 * step for step in range(16))
X25519, P256, P384, P521 = 29, 23, 24, 25
# Signature schemes.
PKCS1_SHA256, PKCS1_SHA384, PKCS1_SHA512, ECDSA_SHA256, ECDSA_SHA384 = 0x0401, 0x0501, 0x0601, 0x0403, 0x0503
PSS_SHA256, PSS_SHA384, PSS_SHA512, PKCS1_SHA1, ECDSA_SHA1, ED25519 = 0x0804, 0x0805, 0x0806, 0x0201, 0x0203, 0x0807
OF_TLS13 = (0x1303, 0x1301, 0x1302)
OF_TLS12 = (0xCCA9, 0xCCA8, 0xC02B, 0xC02F, 0xC02C, 0xC030)
EMPTY_RENEGOTIATION_SCSV, FALLBACK_SCSV = 0x00FF, 0x5600
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
ALERTS = {
    **{0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow"},
    **{40: "handshake_failure", 42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked"},
    **{45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca"},
    **{49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version"},
    **{71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled"},
    **{100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension", 112: "unrecognized_name"},
    **{113: "bad_certificate_status_response", 115: "unknown_psk_identity", 116: "certificate_required"},
    120: "no_application_protocol",
}


def number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


def vector(size: int, body: bytes) -> bytes:
    """The body behind its length of `size` octets."""
    return number(len(body), size) + body


def numbers(values: Iterable[int], size: int = 2) -> bytes:
    return b"".join(number(value, size) for value in values)


def message(kind: int, body: bytes) -> bytes:
    """A handshake message."""
    return bytes((kind,)) + vector(3, body)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def flipped(data: bytes, at: int, mask: int = 1) -> bytes:
    """The data with some bits of one octet the other way round."""
    changed = bytearray(data)
    changed[at] ^= mask
    return bytes(changed)


class Reader:
    """Takes a message apart."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        if len(part) != size:
            raise ValueError("the server's message is too short")
        self.at += size
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))

    def more(self) -> bool:
        return self.at < len(self.data)

    def extensions(self) -> dict[int, bytes]:
        inner, found = Reader(self.vector(2) if self.more() else b""), {}
        while inner.more():
            kind = inner.number(2)
            found[kind] = inner.vector(2)
        return found


Extension = tuple[int, bytes]


def name(host: bytes, kind: int = 0) -> bytes:
    """An entry of the server_name extension (RFC 6066 3)."""
    return bytes((kind,)) + vector(2, host)


def server_name(*entries: bytes) -> Extension:
    return SERVER_NAME, vector(2, b"".join(entries))


def groups(*values: int) -> Extension:
    return GROUPS, vector(2, numbers(values))


def signatures(*values: int) -> Extension:
    return SIGNATURES, vector(2, numbers(values))


def versions(*values: int) -> Extension:
    return VERSIONS, vector(1, numbers(values))


def key_share(*shares: tuple[int, bytes]) -> Extension:
    return KEY_SHARE, vector(2, b"".join(number(group, 2) + vector(2, share) for group, share in shares))


def psk_modes(*modes: int) -> Extension:
    return PSK_MODES, vector(1, bytes(modes))


def alpn(*protocols: bytes) -> Extension:
    return ALPN, vector(2, b"".join(vector(1, protocol) for protocol in protocols))


def renegotiation(verify_data: bytes = b"") -> Extension:
    return RENEGOTIATION, vector(1, verify_data)


def psk(identities: Iterable[tuple[bytes, int]], binders: Iterable[bytes]) -> Extension:
    """pre_shared_key (RFC 8446 4.2.11)."""
    listed = b"".join(vector(2, identity) + number(age, 4) for identity, age in identities)
    return PSK, vector(2, listed) + vector(2, b"".join(vector(1, binder) for binder in binders))


EVERY_SIGNATURE = (
    *(ECDSA_SHA256, ECDSA_SHA384, PSS_SHA256, PSS_SHA384, PSS_SHA512, PKCS1_SHA256, PKCS1_SHA384, PKCS1_SHA512),
)


@dataclass(frozen=True)
class Hello:
    """A ClientHello; what a field may not be by its type is in `tail`, `session_field` and their kind."""

    version: int = TLS12
    random: bytes = field(default_factory=lambda: os.urandom(32))
    session: bytes = b""
    suites: tuple[int, ...] = OF_TLS13
    compressions: bytes = b"\x00"
    extensions: tuple[Extension, ...] | None = ()
    #: In place of the field, its length included.
    suites_field: bytes | None = None
    extensions_field: bytes | None = None
    tail: bytes = b""

    def body(self) -> bytes:
        suites = vector(2, numbers(self.suites)) if self.suites_field is None else self.suites_field
        head = number(self.version, 2) + self.random + vector(1, self.session) + suites
        return head + vector(1, self.compressions) + self.extensions_as_sent() + self.tail

    def extensions_as_sent(self) -> bytes:
        if self.extensions_field is not None:
            return self.extensions_field
        if self.extensions is None:
            return b""
        return vector(2, b"".join(number(kind, 2) + vector(2, body) for kind, body in self.extensions))

    def message(self) -> bytes:
        return message(CLIENT_HELLO, self.body())

    def with_(self, *added: Extension) -> Hello:
        """With these in the place of extensions of their kind, or at the end."""
        return replace(self, extensions=tuple({**dict(self.extensions or ()), **dict(added)}.items()))

    def without(self, *kinds: int) -> Hello:
        return replace(self, extensions=tuple(pair for pair in self.extensions or () if pair[0] not in kinds))

    def but(self, **changes: object) -> Hello:
        return replace(self, **changes)  # type: ignore[arg-type]


def hello12(**changes: object) -> Hello:
    """What an honest client of TLS 1.2 says."""
    listed = (
        server_name(name(b"localhost")),
        groups(X25519, P256, P384),
        (POINT_FORMATS, vector(1, b"\x00")),
        signatures(*EVERY_SIGNATURE),
        (EMS, b""),
        renegotiation(),
    )
    return Hello(suites=OF_TLS12, extensions=listed).but(**changes)
