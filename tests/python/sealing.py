"""What the tests of the seal share: the initialiser as the source tree builds it, programs run under it, and the log of
what they did."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support import LONG_ENOUGH, Authority, built, scratch

Event = dict[str, Any]


@functools.cache
def initialiser() -> Path:
    """libhostlock_preload.so."""
    return built() / "libhostlock_preload.so"


@functools.cache
def authority() -> Authority:
    """The authority that the system of these tests trusts."""
    return Authority("Seal CA")


@functools.cache
def right() -> Path:
    """The certificate of the host that the programs mean, `localhost`."""
    return authority().issue("localhost")


@functools.cache
def impostor() -> Path:
    """A valid certificate of another host."""
    return authority().issue("other.example")


class Ran:
    """A program that ran under the seal: its status, what it printed, and what the seal wrote down."""

    def __init__(self, status: int, output: str, events: list[Event]) -> None:
        self.status, self.output, self.events = status, output, events

    def ends(self) -> list[tuple[str, str]]:
        """How its connections ended: outcome and status."""
        known = ("connected", "refused", "would_refuse", "excused", "failed")
        return [(event["event"], event["status"]) for event in self.events if event["event"] in known]

    def __str__(self) -> str:
        return f"status {self.status}\n{self.output}\n" + "\n".join(map(str, self.events))


def environment(log: Path, mode: str = "enforce", **more: str) -> dict[str, str]:
    """An environment that seals, with the tests' authority as the system's only root."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HOSTLOCK_SEAL", "SSL_CERT"))}
    return {
        **clean,
        "LD_PRELOAD": str(initialiser()),
        "HOSTLOCK_SEAL": mode,
        "HOSTLOCK_SEAL_REPORT": str(log),
        "SSL_CERT_FILE": str(authority().certificate),
        **more,
    }


def events(log: Path) -> list[Event]:
    """The lines of a log."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def new_log() -> Path:
    """A place for a log that is not there yet."""
    return Path(tempfile.mkdtemp(prefix="seal-", dir=scratch())) / "log.jsonl"


def sealed(command: Sequence[str | Path], mode: str = "enforce", **more: str) -> Ran:
    """Runs a command with the initialiser preloaded."""
    log = new_log()
    outcome = subprocess.run(
        [str(part) for part in command],
        env=environment(log, mode, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LONG_ENOUGH,
        check=False,
    )
    return Ran(outcome.returncode, outcome.stdout, events(log))


def unsealed(command: Sequence[str | Path]) -> str:
    """What a command prints without the seal, in the same world."""
    world = environment(new_log())
    del world["LD_PRELOAD"]
    return subprocess.run(
        [str(part) for part in command],
        env=world,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LONG_ENOUGH,
        check=False,
    ).stdout
