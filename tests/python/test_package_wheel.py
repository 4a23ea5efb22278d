"""The wheel that `make wheel` makes: it holds the library, serves every Python of this machine, and its
commands run programs that are safe. With PRIVATE=1 it also serves where there is no libssl.so.3."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

from package import cast, interpreters
from support import LONG_ENOUGH, ROOT, Server, installed, must, scratch

SEED = ROOT / "examples/seeds/context.py"


# In mounts of its own: the system's folder of libraries without OpenSSL 3, and then the command.
WITHOUT_LIBSSL = """
mount --make-rprivate /
libraries=$(dirname "$1")
shift
mount -t tmpfs tmpfs /mnt
mkdir /mnt/changes /mnt/work
mount -t overlay overlay -o "lowerdir=$libraries,upperdir=/mnt/changes,workdir=/mnt/work" "$libraries"
rm "$libraries"/libssl.so.3 "$libraries"/libcrypto.so.3
exec "$@"
"""


@functools.cache
def wheel(*settings: str) -> Path:
    """Built once, from the source distribution alone; its tools come from the package index."""
    installed()  # has compiled what the library needs already
    must(["make", "wheel", *settings])
    (made,) = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "wheels").glob("hostlock-*.whl")
    # The next one will lie where this one lies.
    return Path(shutil.copy(made, tempfile.mkdtemp(prefix="wheel-", dir=scratch())))


@functools.cache
def unpacked() -> Path:
    """As an installer would lay it."""
    folder = Path(tempfile.mkdtemp(prefix="site-", dir=scratch()))
    zipfile.ZipFile(wheel()).extractall(folder)
    return folder


def environment(**more: str) -> dict[str, str]:
    """The package that was built, and no library but its own."""
    clean = {name: value for name, value in os.environ.items() if name != "HOSTLOCK_LIBRARY"}
    return {**clean, "PYTHONPATH": str(unpacked()), "PYTHONWARNINGS": "ignore", **more}


def ran(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=LONG_ENOUGH,
        check=False,
    )


@unittest.skipUnless(os.environ.get("HOSTLOCK_LONG"), "compiles the library anew: make test-long")
class Wheel(unittest.TestCase):
    def test_one_wheel_for_all_pythons_holds_the_library_and_the_types_and_no_libssl(self) -> None:
        self.assertRegex(wheel().name, r"^hostlock-[\d.]+-py2\.py3-none-manylinux_2_\d+_\w+\.whl$")
        names = set(zipfile.ZipFile(wheel()).namelist())
        self.assertEqual([name for name in names if "libssl" in name or "libcrypto" in name], [])
        self.assertLessEqual({"hostlock/libhostlock.so.0", "hostlock/py.typed", "hostlock/ssl.py"}, names)
        self.assertFalse((ROOT / "python/src/hostlock/libhostlock.so.0").exists(), "nothing is left in the source")

    def test_its_version_is_the_crates(self) -> None:
        versions = [
            re.search(r'^version = "(.*)"', (ROOT / file).read_text(), re.MULTILINE)
            for file in ("Cargo.toml", "python/pyproject.toml")
        ]
        self.assertEqual(*(found and found[1] for found in versions))

    def test_every_python_here_runs_a_program_by_it_and_refuses_the_impostor(self) -> None:
        with Server(cast().right) as good, Server(cast().false["HOST_MISMATCH"]) as bad:
            for version, path in interpreters().items():
                with self.subTest(version=version):
                    command = (path, "-m", "hostlock", "run", SEED, "localhost")
                    right = ran(*command, str(good), cast().roots)
                    self.assertIn("HTTP/1.0 200 ok", right.stdout, right.stderr)
                    wrong = ran(*command, str(bad), cast().roots)
                    self.assertNotIn("200", wrong.stdout)
                    self.assertIn('not for "localhost"', wrong.stderr)

    def test_the_command_explains_itself_and_runs_modules(self) -> None:
        path = interpreters()["3.11"]
        for arguments in ((), ("run",), ("pth",), ("pth", "everything")):
            outcome = ran(path, "-m", "hostlock", *arguments)
            self.assertEqual(outcome.returncode, 2)
            self.assertIn("usage: ", outcome.stderr)
        for flag in ("-h", "--help"):
            outcome = ran(path, "-m", "hostlock", flag)
            self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))
            self.assertIn("pth install", outcome.stdout)
        self.assertIn("Linux", ran(path, "-m", "hostlock", "run", "-m", "platform").stdout)
        missing = ran(path, "-m", "hostlock", "run", "/nowhere/at/all.py")
        self.assertNotEqual(missing.returncode, 0)

    def test_an_environment_is_safe_from_its_next_program_on_and_stops_what_it_cannot_make_safe(self) -> None:
        home = Path(tempfile.mkdtemp(prefix="venv-", dir=scratch()))
        must([interpreters()["3.11"], "-m", "venv", "--without-pip", home])
        python = home / "bin/python"
        site = Path(must([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
        zipfile.ZipFile(wheel()).extractall(site)
        with Server(cast().false["HOST_MISMATCH"]) as port:
            seed = (SEED, "localhost", str(port), cast().roots)
            self.assertIn("200 ok", ran(python, *seed, PYTHONPATH="").stdout)
            self.assertIn("written", ran(python, "-m", "hostlock", "pth", "install", PYTHONPATH="").stdout)
            safe = ran(python, *seed, PYTHONPATH="")
            self.assertNotIn("200 ok", safe.stdout)
            self.assertIn('not for "localhost"', safe.stderr)
            for flag in ("-E", "-I"):
                self.assertIn("200 ok", ran(python, flag, *seed, PYTHONPATH="").stdout, flag)
            stopped = ran(python, "-c", "print('it ran')", PYTHONPATH="", HOSTLOCK_LIBRARY="/nowhere/at/all.so")
            self.assertEqual((stopped.returncode, stopped.stdout), (125, ""), stopped.stderr)
            self.assertIn("this program is not run", stopped.stderr)
            self.assertIn("removed", ran(python, "-m", "hostlock", "pth", "remove", PYTHONPATH="").stdout)
            self.assertIn("200 ok", ran(python, *seed, PYTHONPATH="").stdout)

    @unittest.skipUnless(os.geteuid() == 0, "only root can take the system's libssl away for one program")
    def test_where_there_is_no_libssl_the_second_library_judges_an_interpreter_with_its_own_openssl(self) -> None:
        told = subprocess.run(
            [sys.executable, ROOT / "scripts/other_pythons.py", "standalone"],
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        if told.returncode == 1:
            self.skipTest(told.stderr.strip())
        self.assertEqual(told.returncode, 0, told.stderr)
        site = Path(tempfile.mkdtemp(prefix="private-", dir=scratch()))
        zipfile.ZipFile(wheel("PRIVATE=1")).extractall(site)
        self.assertTrue((site / "hostlock/libhostlock-private.so.0").exists())
        found = must(["cc", "-print-file-name=libssl.so.3"]).strip()
        python = ("unshare", "--mount", "sh", "-euc", WITHOUT_LIBSSL, "sh", found, interpreters()["3.11"])
        world = {"PYTHONPATH": f"{told.stdout.strip()}{os.pathsep}{site}"}
        with Server(cast().right) as good, Server(cast().false["HOST_MISMATCH"]) as bad:
            mapped = "import hostlock; print(hostlock.mode); print(open('/proc/self/maps').read())"
            shown = ran(*python, "-c", mapped, **world)
            self.assertTrue(shown.stdout.startswith("afterwards\n"), shown.stdout[:80] + shown.stderr)
            self.assertIn("libhostlock-private.so.0", shown.stdout)
            self.assertNotIn("libssl", shown.stdout)
            seed = (*python, "-m", "hostlock", "run", SEED, "localhost")
            right = ran(*seed, str(good), cast().roots, **world)
            self.assertIn("HTTP/1.0 200 ok", right.stdout, right.stderr)
            wrong = ran(*seed, str(bad), cast().roots, **world)
            self.assertNotIn("200", wrong.stdout)
            self.assertIn('not for "localhost"', wrong.stderr)


if __name__ == "__main__":
    unittest.main()
