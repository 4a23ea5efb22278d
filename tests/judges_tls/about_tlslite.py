"""tlslite-ng's own client, which checks the server's signatures, too."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from cases import SERVED, World, add
from tlslite.api import X509, HandshakeSettings, TLSConnection, X509CertChain  # type: ignore[import-not-found]

VERSIONS = {"1.3": (3, 4), "1.2": (3, 3)}


def visit(world: World, settings: Any, session: Any = None, identity: str | None = None) -> Any:
    """A connection over which an echo has come."""
    plain = socket.create_connection(("127.0.0.1", world.port), 5 * world.timeout_s)
    connection = TLSConnection(plain)
    shown: dict[str, Any] = {}
    if identity is not None:
        own = world.identities[identity]
        chain = []
        for each in own.chain:
            certificate = X509()
            certificate.parse(ssl.DER_cert_to_PEM_cert(each))
            chain.append(certificate)
        shown = {"certChain": X509CertChain(chain), "privateKey": own.key}
    connection.handshakeClientCert(session=session, settings=settings, serverName="localhost", **shown)
    connection.send(b"hello")
    assert connection.recv(100) == b"hello"
    assert settings.minVersion == connection.version, connection.version
    connection.close()
    plain.close()
    return connection


def settings_of(version: str) -> Any:
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = VERSIONS[version]
    settings.certificate_compression_send = settings.certificate_compression_receive = []
    return settings


def _list() -> None:
    for version in VERSIONS:
        for cipher in ("aes256gcm", "aes128gcm", "chacha20-poly1305"):

            def plain(world: World, version: str = version, cipher: str = cipher) -> str:
                settings = settings_of(version)
                settings.cipherNames = [cipher]
                visit(world, settings)
                return "served"

            add(f"tlslite-ng's client, {cipher}, TLS {version}", "RFC 8446, RFC 5246", SERVED, plain)
        for curve in ("x25519", "secp256r1", "secp384r1"):

            def by_curve(world: World, version: str = version, curve: str = curve) -> str:
                settings = settings_of(version)
                # The key of the server's other certificate is on P-256.
                settings.eccCurves = sorted({curve, "secp256r1"}, key=lambda name: name != curve)
                settings.keyShares = [curve]
                visit(world, settings)
                return "served"

            add(f"tlslite-ng's client, {curve}, TLS {version}", "RFC 8446, RFC 8422", SERVED, by_curve)
        for identity in ("client-rsa", "client-ec"):

            def mutual(world: World, version: str = version, identity: str = identity) -> str:
                visit(world, settings_of(version), identity=identity)
                return "served"

            add(f"tlslite-ng's client with {identity}, TLS {version}", "RFC 8446 4.4", SERVED, mutual, server="require")

        def again(world: World, version: str = version) -> str:
            first = visit(world, settings_of(version))
            second = visit(world, settings_of(version), first.session)
            return "resumed" if second.resumed else "full"

        add(f"tlslite-ng's client comes again, TLS {version}", "RFC 8446 4.6.1, RFC 5077", "resumed", again)


_list()
