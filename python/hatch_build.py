"""Compiles libhostlock into the wheel. It is the system's libssl that it is linked with, and no Python: so one wheel
serves every interpreter of this platform."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildHook(BuildHookInterface):
    """What hatchling calls."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the files are collected. An editable install finds its library by HOSTLOCK_LIBRARY or the system."""
        if version == "editable":
            return
        here = Path(self.root)
        crate = here / "crate" if (here / "crate").is_dir() else here.parent
        target = Path(os.environ.get("CARGO_TARGET_DIR") or crate / "target")
        command = ["cargo", "build", "--release", "--locked", "--lib", "--package", "hostlock"]
        subprocess.run(command, cwd=crate, check=True)
        self.take(target / "release/libhostlock.so", "libhostlock.so.0")
        # The second, for systems without a libssl.so.3, takes minutes: OpenSSL is compiled into it.
        if os.environ.get("HOSTLOCK_WHEEL_PRIVATE"):
            subprocess.run(["scripts/private", "build", "--release"], cwd=crate, check=True, stdout=subprocess.DEVNULL)
            self.take(target / "private/release/libhostlock.so", "libhostlock-private.so.0")
        build_data["pure_python"] = False
        build_data["tag"] = f"py2.py3-none-linux_{platform.machine()}"

    def take(self, built: Path, name: str) -> None:
        """Lays a library into the package."""
        library = Path(self.root) / "src/hostlock" / name
        shutil.copy(built, library)
        if shutil.which("strip"):
            subprocess.run(["strip", library], check=True)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Afterwards: the source tree is as it was."""
        for library in (Path(self.root) / "src/hostlock").glob("*.so.0"):
            library.unlink()
