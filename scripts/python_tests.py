"""Runs the test files of a directory, each in a process of its own and as many at once as there are processors, and
shows what each printed when it has ended. They ask for nothing of each other, but for the installed copy that all
read; those that take long come first.

usage: python_tests.py DIRECTORY
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

# They build, install or run many programs.
LONGEST = (
    "test_package_wheel",
    "test_starttls",
    "test_package_seeds",
    "test_header",
    "test_seal_ends",
    "test_package_bindings",
    "test_installed",
    "test_examples",
    "test_seal_programs",
    "test_shadow",
    "test_package_protocols",
    "test_docs",
)


def run(directory: Path, module: str) -> tuple[str, int, str, float]:
    """The module, how it ended, what it printed, and how many seconds it took."""
    begun = time.monotonic()
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-m", "unittest", "-v", module],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return module, outcome.returncode, outcome.stdout, time.monotonic() - begun


def main(directory: Path) -> int:
    """0 where every file passed."""
    modules = sorted(file.stem for file in directory.glob("test_*.py"))
    modules.sort(key=lambda module: LONGEST.index(module) if module in LONGEST else len(LONGEST))
    failed = 0
    share = tempfile.mkdtemp(prefix="hostlock-share-")
    os.environ["HOSTLOCK_TESTS_SHARE"] = share
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for ended in as_completed([pool.submit(run, directory, module) for module in modules]):
            module, status, printed, seconds = ended.result()
            print(f"# {module}: {seconds:.0f} s\n{printed}", flush=True)
            failed += status != 0
    shutil.rmtree(share, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
