"""The cryptography of the judge: tlslite-ng's, which is of another make than that of the server judged."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any

from tlslite.keyexchange import ECDHKeyExchange  # type: ignore[import-not-found]
from tlslite.mathtls import PRF_1_2, PRF_1_2_SHA384  # type: ignore[import-not-found]
from tlslite.utils import python_aesgcm, python_chacha20_poly1305  # type: ignore[import-not-found]
from tlslite.utils.cryptomath import HKDF_expand_label  # type: ignore[import-not-found]
from tlslite.utils.keyfactory import parsePEMKey  # type: ignore[import-not-found]
from wire import number, vector

CHACHA = (0x1303, 0xCCA8, 0xCCA9)
OF_SHA384 = (0x1302, 0xC02C, 0xC030)


def hash_of(suite: int) -> str:
    return "sha384" if suite in OF_SHA384 else "sha256"


def digest(suite: int, data: bytes) -> bytes:
    return hashlib.new(hash_of(suite), data).digest()


def mac(suite: int, key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hash_of(suite)).digest()


def expand(suite: int, secret: bytes, label: bytes, context: bytes, size: int | None = None) -> bytes:
    """HKDF-Expand-Label (RFC 8446 7.1)."""
    size = len(secret) if size is None else size
    return bytes(HKDF_expand_label(bytearray(secret), label, context, size, hash_of(suite)))


def prf(suite: int, secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """The PRF of TLS 1.2 (RFC 5246 5)."""
    made = PRF_1_2_SHA384 if suite in OF_SHA384 else PRF_1_2
    return bytes(made(bytearray(secret), label, bytearray(seed), size))


class Share:
    """An ephemeral key of a group."""

    def __init__(self, group: int) -> None:
        self.group = group
        self.exchange = ECDHKeyExchange(group, (3, 4))
        self.private = self.exchange.get_random_private_key()
        self.public = bytes(self.exchange.calc_public_value(self.private))

    def shared(self, theirs: bytes) -> bytes:
        return bytes(self.exchange.calc_shared_key(self.private, bytearray(theirs)))


class Direction:
    """Seals or opens the records of one direction."""

    def __init__(self, suite: int, key: bytes, fixed: bytes, tls13: bool) -> None:
        # In Python, whatever faster ones tlslite-ng would find.
        cipher = python_chacha20_poly1305 if suite in CHACHA else python_aesgcm
        self.aead: Any = cipher.new(bytearray(key))
        self.suite, self.fixed, self.tls13, self.sequence = suite, fixed, tls13, 0
        self.explicit = not tls13 and suite not in CHACHA

    def _nonce(self, explicit: bytes) -> bytes:
        if self.explicit:
            return self.fixed + explicit
        return bytes(a ^ b for a, b in zip(self.fixed, number(self.sequence, 12)))

    def seal(self, kind: int, text: bytes) -> bytes:
        """The whole record; the kind is the inner one where there are two."""
        explicit = number(self.sequence, 8) if self.explicit else b""
        if self.tls13:
            head = b"\x17\x03\x03" + number(len(text) + 16, 2)
            extra = head
        else:
            extra = number(self.sequence, 8) + bytes((kind, 3, 3)) + number(len(text), 2)
            head = bytes((kind, 3, 3)) + number(len(text) + 16 + len(explicit), 2)
        sealed = bytes(self.aead.seal(bytearray(self._nonce(explicit)), bytearray(text), bytearray(extra)))
        self.sequence += 1
        return head + explicit + sealed

    def open(self, head: bytes, body: bytes) -> bytes:
        explicit, sealed = (body[:8], body[8:]) if self.explicit else (b"", body)
        extra = head if self.tls13 else number(self.sequence, 8) + head[:3] + number(len(sealed) - 16, 2)
        text = self.aead.open(bytearray(self._nonce(explicit)), bytearray(sealed), bytearray(extra))
        if text is None:
            raise ValueError("the server's record does not open")
        self.sequence += 1
        return bytes(text)


def key_length(suite: int) -> int:
    return 16 if suite in (0x1301, 0xC02B, 0xC02F) else 32


def direction13(suite: int, secret: bytes) -> Direction:
    """By a traffic secret (RFC 8446 7.3)."""
    key = expand(suite, secret, b"key", b"", key_length(suite))
    return Direction(suite, key, expand(suite, secret, b"iv", b"", 12), True)


class Identity:
    """A certificate with its chain and key; what signs with another key, scheme or padding is asked for by name."""

    def __init__(self, chain: list[bytes], key: Path, schemes: tuple[int, ...]) -> None:
        self.chain, self.schemes = chain, schemes
        self.key: Any = parsePEMKey(key.read_text(), private=True)

    def sign(self, scheme: int, data: bytes, salt: int | None = None) -> bytes:
        """The signature of a scheme, whether or not it may be used; `salt` in octets where it is PSS."""
        names = {1: "md5", 2: "sha1", 3: "sha224", 4: "sha256", 5: "sha384", 6: "sha512"}
        names8 = {4: "sha256", 5: "sha384", 6: "sha512", 9: "sha256"}
        high, low = divmod(scheme, 256)
        name = names8[low] if high == 8 else names[high]
        value = hashlib.new(name, data).digest()
        if hasattr(self.key, "d"):
            if high == 8:
                size = len(value) if salt is None else salt
                return bytes(self.key.sign(bytearray(value), "pss", name, size))
            return bytes(self.key.sign(bytearray(value), "pkcs1", name))
        # A curve's key takes as much of the digest as its order is long.
        return bytes(self.key.private_key.sign_digest(value, sigencode=_der, allow_truncate=True))


def _der(r: int, s: int, _order: int) -> bytes:
    def integer(value: int) -> bytes:
        return b"\x02" + vector(1, number(value, value.bit_length() // 8 + 1))

    return b"\x30" + vector(1, integer(r) + integer(s))
