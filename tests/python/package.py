"""What the tests of the Python package share: it is used as its source stands, with the library of this source tree."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

from support import ROOT, Authority, interpreter_of, library, must, run, scratch

SOURCE = ROOT / "python/src"
# The oldest and the newest on which the parts differ, and the distribution's.
VERSIONS = ("2.7", "3.8", "3.11", "3.13")


@functools.cache
def interpreters() -> dict[str, Path]:
    """Those that are installed and have an ssl module of the system's libssl; or those that HOSTLOCK_PYTHONS names
    ("3.11,3.14=/its/path")."""
    if named := os.environ.get("HOSTLOCK_PYTHONS"):
        pairs = [word.partition("=") for word in named.split(",")]
        paths = {version: Path(path) if path else interpreter_of(version) for version, _, path in pairs}
        return {version: path for version, path in paths.items() if path}
    found = {version: interpreter_of(version) for version in VERSIONS}
    # The distribution's has the distribution's M2Crypto and pyOpenSSL.
    found["Debian's"] = Path("/usr/bin/python3")
    return {
        version: path for version, path in found.items() if path and run([path, "-c", "import ssl"]).returncode == 0
    }


def python(
    version: str, script: str | Path, *arguments: str | Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a file, or a text, by Python `version` with the package on its path."""
    what: list[str | Path] = [script] if isinstance(script, Path) else ["-c", script]
    world = {"PYTHONPATH": str(SOURCE), "HOSTLOCK_LIBRARY": str(library()), "PYTHONWARNINGS": "ignore", **environment}
    return run([interpreters()[version], *what, *arguments], **world)


@functools.cache
def foreign(version: str) -> dict[str, str]:
    """What makes Python `version` one with an OpenSSL of its own inside, as standalone builds are: an `_ssl` whose
    libssl and libcrypto are copies under other names, which the loader and hostlock take for others. The folder that
    HOSTLOCK_STANDALONE names has a true one."""
    if standalone := os.environ.get("HOSTLOCK_STANDALONE"):
        return {"PYTHONPATH": f"{standalone}{os.pathsep}{SOURCE}"}
    folder = scratch() / f"foreign-{version}"
    folder.mkdir()
    where = (
        "import _ssl; print(_ssl.__file__);"
        "print([line.split()[-1] for line in open('/proc/self/maps') if 'lib%s.so.3' in line][0])"
    )
    for name in ("ssl", "crypto"):
        module, library_of_it = must([interpreters()[version], "-c", where % name]).split()
        files = {Path(module).name: module, f"lib{name[:-1]}x.so.3": library_of_it}
        for new, old in files.items():
            words = Path(old).read_bytes()
            for one in ("ssl", "crypto"):
                words = words.replace(b"lib%b.so.3\0" % one.encode(), b"lib%bx.so.3\0" % one[:-1].encode())
            (folder / new).write_bytes(words)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{SOURCE}", "LD_LIBRARY_PATH": str(folder)}


class Cast:
    """The servers' certificates: the right one for `localhost`, and those that must be refused."""

    def __init__(self) -> None:
        self.authority = Authority("Package CA")
        self.roots = self.authority.certificate
        # Python 3.13 asks for these by VERIFY_X509_STRICT.
        keys = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid"
        self.right = self.authority.issue("localhost", extra=keys)
        self.false = {
            "HOST_MISMATCH": self.authority.issue("other.example", extra=keys),
            "EXPIRED": self.authority.issue("localhost", days=-1, extra=keys),
            "UNKNOWN_ISSUER": Authority("Nobody's CA").issue("localhost"),
            "SELF_SIGNED": self._self_signed(),
            "NOT_YET_VALID": self._not_yet_valid(),
        }

    def _self_signed(self) -> Path:
        stem = self.authority.directory / "self"
        key, pem = stem.with_suffix(".key"), stem.with_suffix(".pem")
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        must(
            [
                "openssl",
                "req",
                "-x509",
                *curve,
                *names,
                "-addext",
                "basicConstraints=CA:FALSE",
                "-keyout",
                key,
                "-out",
                pem,
            ]
        )
        pem.write_text(pem.read_text() + key.read_text())
        return pem

    def _not_yet_valid(self) -> Path:
        """Issued by `openssl ca`, which takes a beginning."""
        home: Path = self.authority.directory / "later"
        home.mkdir()
        (home / "index.txt").touch()
        config = home / "ca.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=it\n[it]\ndatabase={home}/index.txt\nnew_certs_dir={home}\ndefault_md=sha256\nrand_serial=yes\n"
            "policy=any\nx509_extensions=ext\n[any]\ncommonName=supplied\n"
            "[ext]\nsubjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n"
        )
        key, request, pem = home / "leaf.key", home / "leaf.csr", home / "leaf.pem"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        must(["openssl", "req", "-new", *curve, "-subj", "/CN=localhost", "-keyout", key, "-out", request])
        dates = ["-startdate", "20900101000000Z", "-enddate", "20910101000000Z"]
        signer: list[str | Path] = ["-cert", self.authority.certificate, "-keyfile", self.authority.key]
        must(["openssl", "ca", "-batch", "-notext", "-config", config, *signer, *dates, "-in", request, "-out", pem])
        pem.write_text(pem.read_text() + key.read_text())
        return pem


@functools.cache
def cast() -> Cast:
    """The one of this run."""
    return Cast()
