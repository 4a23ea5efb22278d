"""The packages of `make rebuild-test`: where their sources come from, and how each is built. Nothing here is judged."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

MINUTES = 60


@dataclass(frozen=True)
class Package:
    """A source package of Debian: what it needs to be built (see scripts/need), the commands, what comes of them."""

    name: str
    needs: tuple[str, ...]
    build: str
    programs: tuple[str, ...]


PACKAGES = [
    Package("stunnel4", (), "./configure --disable-libwrap --disable-systemd && make -C src stunnel", ("src/stunnel",)),
    Package("socat", (), "./configure && make socat", ("socat",)),
    Package("w3m", ("libgc",), "./configure --disable-image --disable-nls --disable-mouse && make w3m", ("w3m",)),
    Package(
        "mosquitto",
        (),
        # Its client's contexts are made in its library, which is put into the program.
        'make WITH_SHARED_LIBRARIES=no WITH_STATIC_LIBRARIES=yes WITH_CJSON=no WITH_DOCS=no WITH_SYSTEMD=no CC="$CC"',
        ("src/mosquitto", "client/mosquitto_pub"),
    ),
    Package(
        "nginx",
        (),
        './configure --with-cc="$CC" --with-http_ssl_module --without-http_rewrite_module --without-http_gzip_module'
        " && make -j2",
        ("objs/nginx",),
    ),
    Package(
        "redis",
        (),
        'make -j2 BUILD_TLS=yes MALLOC=libc CC="$CC"',
        ("src/redis-server", "src/redis-cli"),
    ),
]


class UnavailableError(Exception):
    """Why a package cannot be had or built here, for no fault of hostlock's."""


class Sources:
    """The sources of this Debian, fetched by apt-get with lists of its own; a directory with archives, which
    HOSTLOCK_SOURCES names, is asked first."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.refused = ""
        for name in ("lists/partial", "cache/archives/partial"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        lines = source_lines()
        if shutil.which("apt-get") is None or not lines:
            self.refused = "this system has no apt-get with an archive that could have sources"
            return
        (directory / "sources.list").write_text("\n".join(lines) + "\n")
        self.options = ["-o", f"Dir::Etc::SourceList={directory}/sources.list", "-o", "Dir::Etc::SourceParts=/dev/null"]
        self.options += ["-o", f"Dir::State::Lists={directory}/lists", "-o", f"Dir::Cache={directory}/cache"]
        self.options += ["-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2"]
        self.refused = self.apt("update")

    def apt(self, *arguments: str) -> str:
        """ "", or what went wrong."""
        done = subprocess.run(
            ["apt-get", *self.options, *arguments],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10 * MINUTES,
            check=False,
        )
        errors = re.findall(r"^[EW]: (.*)$", done.stderr, re.MULTILINE)
        return "" if done.returncode == 0 else (errors or [f"apt-get {arguments[0]} failed"])[0]

    def archive(self, package: Package) -> Path:
        """The upstream archive of a package."""
        name = package.name.removesuffix("4")
        pattern = f"{name}*[-_][0-9]*.orig.tar.*[!c]"
        if given := os.environ.get("HOSTLOCK_SOURCES"):
            for path in sorted(Path(given).glob(pattern)):
                return path
        if not any(self.directory.glob(pattern)):
            why = self.refused or self.apt("source", "--download-only", "--tar-only", package.name)
            if why:
                raise UnavailableError(f"its source cannot be had: {why}")
        return sorted(self.directory.glob(pattern))[0]


def source_lines() -> list[str]:
    """The archives that apt-get has binary packages of Debian or Ubuntu from, asked for sources, one line each."""
    etc = Path("/etc/apt")
    lines: list[str] = []
    for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        if path.is_file():
            lines += re.findall(r"^deb\s+(.*)$", path.read_text(), re.MULTILINE)
    for path in sorted(etc.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
            if "deb" not in fields.get("Types", "").split() or fields.get("Enabled") == "no":
                continue
            signed = f"[signed-by={fields['Signed-By']}] " if fields.get("Signed-By", "").startswith("/") else ""
            for uri in fields.get("URIs", "").split():
                for suite in fields.get("Suites", "").split():
                    lines.append(f"{signed}{uri} {suite} {fields.get('Components', '')}")
    of_distribution = re.compile(r"/(debian|debian-security|ubuntu|ubuntu-ports)/?\s")
    return [f"deb-src {line}" for line in lines if of_distribution.search(line)]


def build(package: Package, archive: Path, compiler: str, place: Path, reads: list[Path]) -> None:
    """Unpacks and builds a package below `place`, and puts its programs into `place`/bin. What was built from the same
    archive in the same way stays; `reads` are the files that the compiler adds to it."""
    digest = hashlib.sha256(f"{package.build}\0{compiler}".encode())
    for path in (archive, *reads):
        digest.update(path.read_bytes())
    stamp = place / f"{package.name}.built"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    top = place / package.name
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(top, filter="tar") if hasattr(tarfile, "tar_filter") else tar.extractall(top)
    source = next(path for path in top.iterdir() if path.is_dir())
    log = place / f"{package.name}.log"
    with log.open("w") as out:
        done = subprocess.run(
            ["sh", "-ec", package.build],
            cwd=source,
            env={**os.environ, "CC": compiler},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=30 * MINUTES,
            check=False,
        )
    missing = [name for name in package.programs if not (source / name).exists()]
    if done.returncode != 0 or missing:
        said = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise RuntimeError(f"{package.build} ended with {done.returncode}, without {missing}:\n{said}")
    (place / "bin").mkdir(exist_ok=True)
    for name in package.programs:
        shutil.copy2(source / name, place / "bin")
    shutil.rmtree(top)
    stamp.write_text(digest.hexdigest())
