"""What a judgement stands on: authorities and certificates made for it, and the server under judgement."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from keys import Identity
from wire import ECDSA_SHA256, ECDSA_SHA384, PSS_SHA256

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = """
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[server]
subjectAltName=DNS:localhost
extendedKeyUsage=serverAuth
keyUsage=critical,digitalSignature
[other]
subjectAltName=DNS:other.example
extendedKeyUsage=serverAuth
keyUsage=critical,digitalSignature
[client]
subjectAltName=DNS:client.example
extendedKeyUsage=clientAuth
keyUsage=critical,digitalSignature
[no_usage]
subjectAltName=DNS:client.example
extendedKeyUsage=clientAuth
keyUsage=critical,keyEncipherment
"""
RSA, EC = ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), ("-algorithm", "EC", "-pkeyopt")
P256, P384 = (*EC, "ec_paramgen_curve:P-256"), (*EC, "ec_paramgen_curve:P-384")
#: Name: issuer, section, kind of key, days that it holds.
CERTIFICATES: dict[str, tuple[str, str, tuple[str, ...], int]] = {
    "root": ("", "ca", P256, 30),
    "intermediate": ("root", "ca", P256, 30),
    "server-rsa": ("intermediate", "server", RSA, 20),
    "server-ec": ("intermediate", "server", P256, 20),
    "other-rsa": ("intermediate", "other", RSA, 20),
    "client-root": ("", "ca", P256, 30),
    "client-ca": ("client-root", "ca", P256, 30),
    "client-rsa": ("client-ca", "client", RSA, 20),
    "client-ec": ("client-ca", "client", P256, 20),
    "client-p384": ("client-ca", "client", P384, 20),
    "client-expired": ("client-ca", "client", P256, -1),
    "client-as-server": ("client-ca", "server", P256, 20),
    "client-no-signing": ("client-ca", "no_usage", P256, 20),
    "client-of-another": ("intermediate", "client", P256, 20),
}
SCHEMES: dict[tuple[str, ...], tuple[int, ...]] = {RSA: (PSS_SHA256,), P256: (ECDSA_SHA256,), P384: (ECDSA_SHA384,)}


def openssl(*words: str | Path) -> str:
    ran = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"{words}: {ran.stderr}")
    return ran.stdout


class Certificates:
    """The certificates, in a folder; those of clients also as identities."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = folder / "openssl.cnf"
        config.write_text(CONFIG)
        for name, (issuer, section, kind, days) in CERTIFICATES.items():
            key, request, pem = (folder / f"{name}.{end}" for end in ("key", "csr", "crt"))
            openssl("genpkey", *kind, "-out", key)
            openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
            by: list[str | Path] = ["-CA", folder / f"{issuer}.crt", "-CAkey", folder / f"{issuer}.key"]
            by = [*by, "-CAcreateserial"] if issuer else ["-key", key]
            extended: list[str | Path] = ["-extfile", config, "-extensions", section]
            openssl("x509", "-req", "-in", request, *by, "-days", str(days), *extended, "-out", pem)
            if issuer and section != "ca":
                between = (folder / f"{issuer}.crt").read_text()
                (folder / f"{name}.pem").write_text(pem.read_text() + between)
        self.identities: dict[str, Identity] = {}
        for name, (issuer, _, kind, _) in CERTIFICATES.items():
            if name.startswith("client-") and issuer and name != "client-ca":
                chain = [ssl.PEM_cert_to_DER_cert((folder / f"{each}.crt").read_text()) for each in (name, issuer)]
                self.identities[name] = Identity(chain, folder / f"{name}.key", SCHEMES[kind])


class Server:
    """The program of server.c, for the time of a `with`."""

    def __init__(
        self, program: Path, certificates: Certificates, auth: str, timeout_s: float, wrapper: tuple[str, ...] = ()
    ) -> None:
        folder = certificates.folder
        pairs = [folder / f"server-{kind}.{end}" for kind in ("ec", "rsa") for end in ("pem", "key")]
        asked: list[str | Path] = []
        if auth == "names":
            for host, kind in (("localhost", "server-rsa"), ("other.example", "other-rsa")):
                asked += [host, folder / f"{kind}.pem", folder / f"{kind}.key"]
        elif auth != "plain":
            asked = [folder / "client-root.crt"]
        self.environment = {**os.environ, "TIMEOUT_MS": str(round(1000 * timeout_s))}
        self.command = [*wrapper, str(program), auth, *map(str, [*pairs, *asked])]
        self.said: dict[int, str] = {}
        self.heard = threading.Condition()

    def __enter__(self) -> Server:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, env=self.environment, text=True)
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        if not first.startswith("port "):
            raise RuntimeError(f"the server did not begin: {first!r}")
        self.port = int(first.split()[1])
        self.left = ""
        self.reader = threading.Thread(target=self._listen, daemon=True)
        self.reader.start()
        return self

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.heard:
                first, _, rest = line.strip().partition(" ")
                if first == "left":
                    self.left = rest
                else:
                    self.said[int(first)] = rest
                self.heard.notify_all()

    def words_of(self, port: int) -> str:
        """What the server said of the client at this port, once it is done with it."""
        with self.heard:
            self.heard.wait_for(lambda: port in self.said, 10)
            return self.said.pop(port, "")

    def end(self) -> str:
        """How the server ends when it is told to: "" where all is well."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        status = self.process.wait(120)
        self.reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        if status != 0 or self.left != "0":
            return f"the server ended with status {status} and {self.left or 'nobody knows how many'} connections left"
        return ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def built(folder: Path) -> Path:
    """server.c, against the library of this tree."""
    library = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"
    program = folder / "server"
    (folder / "libhostlock.so.0").symlink_to(library / "libhostlock.so")
    sources = [ROOT / "tests/judges_tls/server.c", f"-I{ROOT}/include", folder / "libhostlock.so.0"]
    flags = ["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", f"-Wl,-rpath,{folder}", "-pthread", "-o", program]
    subprocess.run(["cc", *map(str, [*sources, *flags])], check=True, timeout=60, stdout=sys.stderr)
    return program
