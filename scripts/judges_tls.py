"""Holds the conversations of tests/judges_tls with a server of hostlock_server_new: see judge.py there, whose arguments
these are. Their cryptography is tlslite-ng's, which comes from the package index once, into TARGET/judges.

usage: judges_tls.py [--quick] [--valgrind] [WORD ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WANTED = ROOT / "scripts/judges-tls-requirements.txt"


def packages() -> Path | None:
    """The folder of tlslite-ng; None without the package index."""
    folder = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "judges/tlslite-ng"
    installed = folder / "installed.txt"
    if not installed.exists() or installed.read_text() != WANTED.read_text():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
        wanted = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(WANTED), "--target", str(folder)]
        if subprocess.run([*pip, *wanted], capture_output=True, timeout=600, check=False).returncode != 0:
            return None
        installed.write_text(WANTED.read_text())
    return folder


def main() -> int:
    """The exit status of the judge; 2 without tlslite-ng."""
    folder = packages()
    if folder is None:
        print("tlslite-ng is not to be had: the package index cannot be reached", file=sys.stderr)
        return 2
    command = [sys.executable, str(ROOT / "tests/judges_tls/judge.py"), *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(folder)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
