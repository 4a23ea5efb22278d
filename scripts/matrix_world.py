"""The servers of the matrix: certificates made by the openssl command, and one port each for HTTP and for the protocols
of mail and files."""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import ssl
import subprocess
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path

HOST = "bank.example"
PROTOCOLS = ("http", "smtp", "imap", "pop3", "ftp")
PLAIN_RSA = ["-newkey", "rsa:2048", "-nodes"]
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
KEYS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
LEAF = KEYS + "extendedKeyUsage=serverAuth\n"
CA = KEYS + "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
# "bank.example", a NUL, ".evil.example", as an only dNSName.
NUL_NAME = b"bank.example\0.evil.example"
NUL_SAN = "DER:" + (bytes((0x30, len(NUL_NAME) + 2, 0x82, len(NUL_NAME))) + NUL_NAME).hex(":")


@dataclass
class Case:
    """A server: whom clients ask for, what its certificate is like, and how it speaks."""

    name: str
    san: str | None = f"DNS:{HOST}"
    host: str = HOST
    subject: str = "/CN=a server"
    must_accept: bool = False
    issuer: str = "root"
    extensions: str = LEAF
    request: list[str] = field(default_factory=lambda: CURVE)
    sign: list[str] = field(default_factory=lambda: ["-days", "20"])
    ciphers: str | None = None
    version: str | None = None
    shows: list[str] = field(default_factory=list)


CASES = [
    Case("good", must_accept=True),
    Case("address in the SAN", san="IP:127.0.0.1", host="127.0.0.1", must_accept=True),
    Case("wildcard", san=f"DNS:*.{HOST}", host=f"www.{HOST}", must_accept=True),
    Case("TLS 1.2 only", version="TLSv1_2", must_accept=True),
    Case("another host", san="DNS:other.example"),
    Case("common name only", san=None, subject=f"/CN={HOST}"),
    Case("text of a SAN in a SAN", san="DNS:other.example\\, DNS:bank.example"),
    Case("NUL in a name", san=NUL_SAN),
    Case("address as a dNSName", san="DNS:127.0.0.1", host="127.0.0.1"),
    Case("address in the common name", san=None, subject="/CN=127.0.0.1", host="127.0.0.1"),
    Case("wildcard for two labels", san=f"DNS:*.{HOST}", host=f"a.www.{HOST}"),
    Case("wildcard in a label", san=f"DNS:w*.{HOST}", host=f"www.{HOST}"),
    Case("wildcard of a whole top-level domain", san="DNS:*.example"),
    Case("wildcard in the middle", san="DNS:www.*.example", host=f"www.{HOST}"),
    Case("wildcard alone", san="DNS:*"),
    Case("self-signed", issuer="self", extensions="extendedKeyUsage=serverAuth\n"),
    Case("unknown root", issuer="unknown"),
    Case("missing intermediate", issuer="intermediate"),
    Case("issued by a leaf", issuer="leaf", shows=["leaf"]),
    Case("against a name constraint", issuer="constrained", shows=["constrained"]),
    Case("expired", sign=["-days", "-1"]),
    Case("not yet valid", sign=[]),
    Case("revoked", subject="/CN=revoked"),
    Case("for clients only", extensions=KEYS + "extendedKeyUsage=clientAuth\n"),
    Case("RSA key of 1024 bits", request=["-newkey", "rsa:1024", "-nodes"]),
    Case("SHA-1 signature", sign=["-days", "20", "-sha1"]),
    Case("TLS 1.1 only", version="TLSv1_1", request=PLAIN_RSA),
    Case("TLS 1.0 only", version="TLSv1", request=PLAIN_RSA),
    Case("anonymous", ciphers="AECDH-AES256-SHA:@SECLEVEL=0", version="TLSv1_2"),
    Case("no encryption", ciphers="ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0", version="TLSv1_2"),
    Case("static RSA", ciphers="AES128-GCM-SHA256:AES128-SHA", version="TLSv1_2", request=PLAIN_RSA),
]


class World:
    """Certificates in a folder, and servers for the time of a `with`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots = self._authority("root")
        self._authority("unknown")
        self._subordinate("intermediate", CA)
        self._subordinate("leaf", LEAF + "subjectAltName=DNS:leaf.example\n")
        self._subordinate("constrained", CA + "nameConstraints=critical,permitted;DNS:other.example\n")
        self.pems = {case.name: self._issue(case) for case in CASES}
        self.crl = self._revoke(self.pems["revoked"])
        self.ports: dict[tuple[str, str], int] = {}

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr}")

    def _authority(self, name: str) -> Path:
        pem = self.folder / f"{name}.pem"
        usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        self._run(
            *("openssl", "req", "-x509", *CURVE, "-days", "30", "-subj", f"/CN={name}", *usage),
            *("-keyout", pem.with_suffix(".key"), "-out", pem),
        )
        return pem

    def _subordinate(self, name: str, extensions: str) -> None:
        case = Case(name, subject=f"/CN={name}", sign=["-days", "25"])
        self._sign(name, case, extensions)

    def _sign(self, name: str, case: Case, extensions: str) -> tuple[Path, Path]:
        request, subject, issuer, how = case.request, case.subject, case.issuer, case.sign
        stem = self.folder / name.replace(" ", "-")
        pem, key, csr, ext = (stem.with_suffix(end) for end in (".pem", ".key", ".csr", ".ext"))
        self._run("openssl", "req", "-new", *request, "-subj", subject, "-keyout", key, "-out", csr)
        ext.write_text(extensions)
        signer: list[str | Path] = ["-CA", self.folder / f"{issuer}.pem", "-CAkey", self.folder / f"{issuer}.key"]
        signer = ["-signkey", key] if issuer == "self" else [*signer, "-CAcreateserial"]
        if how:
            self._run("openssl", "x509", "-req", "-in", csr, *signer, *how, "-extfile", ext, "-out", pem)
        else:
            # Of a later beginning, which only `openssl ca` can give.
            dates = ["-startdate", "20900101000000Z", "-enddate", "20910101000000Z"]
            self._ca(issuer, "-in", csr, *dates, "-extfile", ext, "-out", pem)
        return pem, key

    def _ca(self, issuer: str, *arguments: str | Path) -> None:
        config = self.folder / "ca.cnf"
        (self.folder / "index.txt").touch()
        config.write_text(
            f"[ca]\ndefault_ca=it\n[it]\ndatabase={self.folder}/index.txt\nnew_certs_dir={self.folder}\n"
            "default_md=sha256\nrand_serial=yes\npolicy=any\ndefault_crl_days=7\n[any]\ncommonName=supplied\n"
        )
        pair: list[str | Path] = ["-cert", self.folder / f"{issuer}.pem", "-keyfile", self.folder / f"{issuer}.key"]
        self._run("openssl", "ca", "-batch", "-notext", "-config", config, *pair, *arguments)

    def _issue(self, case: Case) -> Path:
        extensions = case.extensions
        if case.san is not None and case.san.startswith("DER:"):
            extensions += f"subjectAltName={case.san}\n"
        elif case.san is not None:
            kind, _, value = case.san.partition(":")
            extensions += f"subjectAltName=@names\n[names]\n{kind}.1={value}\n"
        name = "server " + case.name
        pem, key = self._sign(name, case, extensions)
        shown = "".join((self.folder / f"{one}.pem").read_text() for one in case.shows)
        pem.write_text(pem.read_text() + shown + key.read_text())
        return pem

    def _revoke(self, pem: Path) -> Path:
        crl = self.folder / "root.crl"
        self._ca("root", "-revoke", pem)
        self._ca("root", "-gencrl", "-out", crl)
        return crl

    def __enter__(self) -> World:
        self._selector = selectors.DefaultSelector()
        for case in CASES:
            context = server_context(case, self.pems[case.name])
            for protocol in PROTOCOLS:
                listening = socket.create_server(("127.0.0.1", 0), backlog=50)
                self.ports[case.name, protocol] = listening.getsockname()[1]
                self._selector.register(listening, selectors.EVENT_READ, (context, protocol))
        self._ends, self._end = socket.socketpair()
        self._selector.register(self._ends, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                client = key.fileobj.accept()[0]  # type: ignore[union-attr]
                threading.Thread(target=answer, args=(client, *key.data), daemon=True).start()


def server_context(case: Case, pem: Path) -> ssl.SSLContext:
    """A context that speaks as badly as the case asks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(case.ciphers or "ALL:@SECLEVEL=0")
    if case.version:
        version = ssl.TLSVersion[case.version]
        with warnings.catch_warnings():
            # That they are deprecated is why they are asked for.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version, context.minimum_version = version, version
    if case.name != "anonymous":
        context.load_cert_chain(pem)
    return context


WORDS = {
    "smtp": (
        b"220 hi\r\n",
        {
            b"EHLO": b"250-hi\r\n250 STARTTLS\r\n",
            b"STARTTLS": b"220 go\r\n",
            b"NOOP": b"250 so\r\n",
            b"QUIT": b"221 so\r\n",
        },
    ),
    "imap": (
        b"* OK hi\r\n",
        {b"CAPABILITY": b"* CAPABILITY IMAP4REV1 STARTTLS\r\nTAG OK so\r\n", b"STARTTLS": b"TAG OK go\r\n"},
    ),
    "pop3": (b"+OK hi\r\n", {b"CAPA": b"+OK\r\nSTLS\r\n.\r\n", b"STLS": b"+OK go\r\n", b"NOOP": b"+OK\r\n"}),
    "ftp": (b"220 hi\r\n", {b"AUTH": b"234 go\r\n", b"USER": b"331 who\r\n", b"PASS": b"230 in\r\n"}),
}
BEGIN = {"smtp": b"STARTTLS", "imap": b"STARTTLS", "pop3": b"STLS", "ftp": b"AUTH"}


def answer(client: socket.socket, context: ssl.SSLContext, protocol: str) -> None:
    """One connection."""
    client.settimeout(20)
    with contextlib.suppress(OSError, ValueError):
        if protocol == "http":
            with context.wrap_socket(client, server_side=True) as tls:
                heard = b""
                while not heard.endswith(b"\r\n\r\n") and (part := tls.recv(4096)):
                    heard += part
                tls.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            return
        greeting, answers = WORDS[protocol]
        client.sendall(greeting)
        while line := one_line(client):
            tag, _, rest = line.partition(b" ")
            command = (rest if re.match(rb"[A-P]{4}\d", tag) else line).upper()
            said = next((found for word, found in answers.items() if command.startswith(word)), b"TAG OK so\r\n")
            client.sendall(said.replace(b"TAG", tag))
            if command.startswith(BEGIN[protocol]):
                client = context.wrap_socket(client, server_side=True)
    client.close()


def one_line(client: socket.socket) -> bytes:
    """As far as it came."""
    line = b""
    while not line.endswith(b"\r\n") and (part := client.recv(1)):
        line += part
    return line
