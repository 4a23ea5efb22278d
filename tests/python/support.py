"""What the Python tests share: real certificates made by the openssl command, real servers, an installed hostlock."""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import re
import select
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = ROOT / "include/hostlock.h"
LONG_ENOUGH = 60
BUILDERS = ("cargo", "make", "scripts/generated-header", "scripts/private")


def run(command: Sequence[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command without input; its status and output are for the caller to judge."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=1200 if str(command[0]) in BUILDERS else LONG_ENOUGH,
        check=False,
    )


def must(command: Sequence[str | Path], **environment: str) -> str:
    """The output of a command that has to succeed."""
    outcome = run(command, **environment)
    if outcome.returncode != 0:
        raise AssertionError(f"{command} ended with {outcome.returncode}:\n{outcome.stdout}{outcome.stderr}")
    return outcome.stdout


@functools.cache
def scratch() -> Path:
    """A directory for this run, removed at its end."""
    directory = Path(tempfile.mkdtemp(prefix="hostlock-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@functools.cache
def built() -> Path:
    """The directory of the library, the initialiser and the command as this source tree builds them. `make test` has
    built them, and names the place."""
    if named := os.environ.get("HOSTLOCK_LIB_DIR"):
        return Path(named)
    must(["cargo", "build", "--quiet"])
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"


@functools.cache
def library() -> Path:
    """The shared library of `built`, or the one that HOSTLOCK_LIBRARY names."""
    named = os.environ.get("HOSTLOCK_LIBRARY")
    return Path(named) if named else built() / "libhostlock.so"


@functools.cache
def installed() -> Path:
    """The prefix of a copy that `make install` put into an empty directory. Nobody writes there: the files of one run
    of scripts/python_tests.py, which names the place, share it."""
    place = Path(os.environ.get("HOSTLOCK_TESTS_SHARE") or scratch())
    prefix, complete = place / "installed", place / "installed.complete"
    with (place / "installed.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            must(["make", "install", f"PREFIX={prefix}", "DESTDIR="])
            complete.touch()
    return prefix


def pkg_config(*arguments: str) -> list[str]:
    """What pkg-config says about the installed copy."""
    return must(["pkg-config", *arguments], PKG_CONFIG_PATH=str(installed() / "lib/pkgconfig")).split()


@functools.cache
def example(name: str, *packages: str) -> Path:
    """examples/NAME.c, built against the installed copy as its first lines say."""
    program = scratch() / name
    flags = pkg_config("--cflags", "--libs", "hostlock", *packages)
    must(["cc", ROOT / f"examples/{name}.c", *flags, f"-Wl,-rpath,{installed()}/lib", "-o", program])
    return program


class Authority:
    """A certification authority, and what it issues: PEM files that hold a certificate and its key."""

    def __init__(self, name: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="ca-", dir=scratch()))
        self.key, self.certificate = self.directory / "ca.key", self.directory / "ca.pem"
        usage = "keyUsage=critical,keyCertSign,cRLSign"
        self._request(name, self.key, self.certificate, "-x509", "-days", "30", "-addext", usage)

    def issue(self, name: str, *, days: int = 20, extra: str = "", usage: str = "serverAuth") -> Path:
        """A certificate for the DNS name `name`; a negative `days` makes it expired."""
        stem = self.directory / f"{name}{days}"
        key, request, pem = stem.with_suffix(".key"), stem.with_suffix(".csr"), stem.with_suffix(".pem")
        self._request(name, key, request, "-new")
        extensions = stem.with_suffix(".ext")
        extensions.write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage={usage}\n{extra}")
        issuer: list[str | Path] = ["-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", str(days)]
        must(["openssl", "x509", "-req", "-in", request, *issuer, "-extfile", extensions, "-out", pem])
        pem.write_text(pem.read_text() + key.read_text())
        return pem

    def revocation_list(self) -> Path:
        """A CRL on which nothing stands."""
        index, config, crl = (self.directory / name for name in ("index.txt", "crl.cnf", "crl.pem"))
        index.touch()
        config.write_text(f"[ca]\ndefault_ca=it\n[it]\ndatabase={index}\ndefault_md=sha256\ndefault_crl_days=7\n")
        must(
            [
                "openssl",
                "ca",
                "-gencrl",
                "-config",
                config,
                "-keyfile",
                self.key,
                "-cert",
                self.certificate,
                "-out",
                crl,
            ]
        )
        return crl

    def _request(self, name: str, key: Path, out: Path, *arguments: str) -> None:
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        must(["openssl", "req", *arguments, *curve, "-subj", f"/CN={name}", "-keyout", key, "-out", out])


def pin(pem: Path) -> str:
    """The pin of a certificate's key, made by the pipeline that the header gives."""
    pipeline = (
        "openssl x509 -in {} -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"
    )
    return "sha256/" + must(["sh", "-c", pipeline.format(pem)]).strip()


class Server:
    """`openssl s_server` on a free port of 127.0.0.1, for the time of a `with`; it answers GET with a status page."""

    def __init__(self, pem: Path, *arguments: str) -> None:
        self.command = ["openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", str(pem), *arguments]

    def __enter__(self) -> int:
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
        assert self.process.stdout is not None
        said = b""
        while select.select([self.process.stdout], [], [], LONG_ENOUGH)[0]:
            said += (part := os.read(self.process.stdout.fileno(), 4096))
            if port := re.search(rb"ACCEPT .*:(\d+)\n", said):
                return int(port[1])
            if not part:
                break
        self.__exit__(None, None, None)
        raise AssertionError(f"{' '.join(self.command)} did not begin to listen:\n{said.decode(errors='replace')}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def interpreter_of(version: str) -> Path | None:
    """Python `version` from PATH or ~/.pyenv/versions; None where it is not installed."""
    on_path = shutil.which(f"python{version}")
    homes = Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")
    candidates = [Path(on_path), *homes] if on_path else [*homes]
    return next((path for path in candidates if run([path, "-c", "import ctypes"]).returncode == 0), None)
