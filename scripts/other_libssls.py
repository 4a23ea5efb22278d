"""Fetches copies of libssl of other versions, for the tests that load two into one process, and prints their paths.

They come out of wheels that bundle one; nothing of them is installed. Without pip, a network or such a wheel for this
machine it prints less, or nothing, and says why on stderr.
"""

from __future__ import annotations

import fnmatch
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = "manylinux2014_x86_64"


@dataclass(frozen=True)
class Wheel:
    """A wheel that is never changed again, and the OpenSSL in it."""

    openssl: str
    requirement: str
    sha256: str
    python: str


WHEELS = (
    Wheel("1.1.1", "psycopg2-binary==2.9.3", "887dd9aac71765ac0d0bac1d0d4b4f2c99d5f5c1382d8b770404f0f3d0ce8a39", "39"),
    Wheel("3.5", "psycopg2-binary==2.9.13", "930e7e58b33a4f9c39e7532d7a40147925cf3372baed4229cbebe0cf3ba9ce6b", "311"),
)


def fetch(wheel: Wheel, directory: Path) -> Path | None:
    """The libssl of `wheel` below `directory`, which keeps it for the next time."""
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
            wanted = Path(scratch, "wheel.txt")
            wanted.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
            target = ["--only-binary", ":all:", "--platform", PLATFORM, "--python-version", wheel.python]
            command = [*pip, *target, "--require-hashes", "--requirement", str(wanted), "--dest", scratch]
            outcome = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
            if outcome.returncode != 0:
                reason = (outcome.stderr.strip() or "pip failed").splitlines()[-1]
                print(f"no OpenSSL {wheel.openssl} from {wheel.requirement}: {reason}", file=sys.stderr)
                return None
            unpacked = Path(scratch, "unpacked")
            for archive in Path(scratch).glob("*.whl"):
                with zipfile.ZipFile(archive) as contents:
                    libraries = fnmatch.filter(contents.namelist(), "*.libs/lib*.so*")
                    contents.extractall(unpacked, libraries)
            unpacked.rename(directory)
    return next(directory.glob("*/libssl*.so*"), None)


def main() -> int:
    """Prints one path a line, those that HOSTLOCK_OTHER_LIBSSL lists among them; 0 in any case."""
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "other-libssls"
    named = [Path(path) for path in os.environ.get("HOSTLOCK_OTHER_LIBSSL", "").split(":") if path]
    machine = os.uname().machine
    if machine != "x86_64":
        print(f"the wheels that are known hold no libssl for {machine}", file=sys.stderr)
    fetched = [fetch(wheel, target / wheel.openssl) for wheel in WHEELS] if machine == "x86_64" else []
    for path in [*named, *fetched]:
        if path is not None:
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
