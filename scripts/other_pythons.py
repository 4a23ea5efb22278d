"""Pythons that are not installed, for the tests that take long: 3.14 out of Debian's newest packages, unpacked into a
folder and never installed; and the `_ssl` of a standalone build, with an OpenSSL linked into it.

usage: other_pythons.py newest          prints the path of a Python 3.14
       other_pythons.py standalone      prints a folder whose `_ssl` is for Python 3.11, to be put on its path

Where it cannot be had, stderr says why, and the status is 1. apt-get works with lists of its own, in TARGET/pythons."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/python"))
from rebuild_packages import MINUTES, Package, Sources, UnavailableError, source_lines
from support import ROOT, interpreter_of

NEWEST = "3.14"
SUITE = "sid"
PYTHON = ("python{}-minimal", "libpython{}-minimal", "libpython{}-stdlib", "libpython{}-testsuite")
LIBRARIES = ("libc6", "libssl3t64", "libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libuuid1", "libzstd1", "zlib1g")
# It finds its loader, its libraries and itself beside it.
START = """#!/bin/sh
root=$(cd "$(dirname "$0")/../.." && pwd)
libraries=$root/usr/lib/$(uname -m)-linux-gnu
exec "$libraries"/ld-linux-*.so.* --argv0 "$root/usr/bin/started" --library-path "$libraries" \\
    "$root/usr/bin/python{}" "$@"
"""
# A machine may lack the headers of what the socket module offers besides.
SOURCE = '#include "pyconfig.h"\n#undef HAVE_BLUETOOTH_BLUETOOTH_H\n#include "_ssl.c"\n'


def newest() -> Path:
    """Python 3.14 in a folder, with its tests and the OpenSSL of its time."""
    home = _home()
    started = home / "newest/usr/bin/started"
    if started.exists():
        return started
    lines = [line for line in source_lines() if "/debian " in line or "/debian/ " in line]
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None or not lines:
        raise UnavailableError("this system has no apt-get with an archive of Debian's")
    for name in ("newest-lists/partial", "newest-cache/archives/partial", "newest-packages"):
        (home / name).mkdir(parents=True, exist_ok=True)
    head, uri = re.match(r"deb-src (\[.*\] )?(\S+)", lines[0]).groups()  # type: ignore[union-attr]
    (home / "newest.list").write_text(f"deb {head or ''}{uri} {SUITE} main\n")
    settings = {
        "Dir::Etc::SourceList": home / "newest.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": home / "newest-lists",
        "Dir::Cache": home / "newest-cache",
        "Dir::State::status": "/dev/null",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "2",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    packages = [name.format(NEWEST) for name in PYTHON] + list(LIBRARIES)
    for command in (["update"], ["download", *packages]):
        done = subprocess.run(
            ["apt-get", *options, *command],
            cwd=home / "newest-packages",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10 * MINUTES,
            check=False,
        )
        if done.returncode != 0:
            said = re.findall(r"^[EW]: (.*)$", done.stderr, re.MULTILINE) or ["apt-get failed"]
            raise UnavailableError(f"Python {NEWEST} cannot be had: {said[0]}")
    for archive in sorted((home / "newest-packages").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", archive, home / "newest"], check=True, timeout=MINUTES)
    started.write_text(START.format(NEWEST))
    started.chmod(0o755)
    return started


def standalone() -> Path:
    """A folder with the `_ssl` of Python 3.11, linked with libssl.a and libcrypto.a, of which it exports nothing."""
    home, python = _home(), interpreter_of("3.11")
    folder = home / "standalone"
    if python is None:
        raise UnavailableError("Python 3.11 is not installed")
    told = "import sysconfig; print(sysconfig.get_path('include')); print(sysconfig.get_config_var('EXT_SUFFIX'))"
    headers, suffix = subprocess.run(
        [python, "-c", told], capture_output=True, text=True, check=True, timeout=MINUTES
    ).stdout.split()
    module = folder / f"_ssl{suffix}"
    if module.exists():
        return folder
    archive = Sources(home / "sources").archive(Package("python3.11", (), "", ()))
    with tarfile.open(archive) as contents:
        wanted = [
            each
            for each in contents.getmembers()
            if re.match(r"[^/]+/Modules/([^/]+\.h|_ssl\b.*|clinic/.*)", each.name)
        ]
        contents.extractall(home / "source", wanted)
    modules = next((home / "source").glob("*/Modules"))
    (modules / "standalone.c").write_text(SOURCE)
    folder.mkdir(exist_ok=True)
    unfinished = home / module.name
    command = ["cc", "-shared", "-fPIC", "-O1", "-w", "-DPy_BUILD_CORE_MODULE", f"-I{headers}", f"-I{headers}/internal"]
    command += [f"-I{modules}", "-o", str(unfinished), str(modules / "standalone.c")]
    command += ["-Wl,-Bsymbolic,--exclude-libs,ALL", "-l:libssl.a", "-l:libcrypto.a", "-ldl", "-lpthread"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=5 * MINUTES, check=False)
    if built.returncode != 0:
        raise UnavailableError(f"_ssl cannot be built here: {built.stderr.strip()[-300:]}")
    unfinished.rename(module)
    return folder


def _home() -> Path:
    """The folder, which no other process fills meanwhile."""
    home = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "pythons"
    home.mkdir(parents=True, exist_ok=True)
    # Given back when this process ends.
    fcntl.flock(os.open(home, os.O_RDONLY), fcntl.LOCK_EX)
    return home


def main(arguments: list[str]) -> int:
    """The exit status."""
    ways = {"newest": newest, "standalone": standalone}
    if len(arguments) != 1 or arguments[0] not in ways:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(ways[arguments[0]]())
    except UnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
