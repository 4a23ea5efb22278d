"""Runs real programs as they are and sealed by the initialiser, against the right host and an impostor, and writes what
each did to docs/compat.md. Exit status 1 where the seal did not do what the guide says of it.

usage: compat.py [--print]      (--print: to standard output, and not into docs/)

HOSTLOCK_LIB_DIR names the directory of libhostlock.so and libhostlock_preload.so (default: target/debug). Programs that
are not installed are rows that say so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compat_programs import CLIENTS, SERVICES, Client, Service
from compat_world import Environment, Mail, MySql, Web, World, free_port, make_world, postgres, redis, tls_client

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs/compat.md"
WORDS = {True: "answered", False: "no answer"}


class Bench:
    """The environments of both columns, and what went against the guide."""

    def __init__(self, world: World) -> None:
        self.world = world
        libraries = Path(os.environ.get("HOSTLOCK_LIB_DIR", ROOT / "target/debug")).resolve()
        self.preload = libraries / "libhostlock_preload.so"
        if not self.preload.exists():
            sys.exit(f"there is no {self.preload}: build it first, or set HOSTLOCK_LIB_DIR")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOSTLOCK_", "LD_PRELOAD"))}
        # Nobody's own settings, and the authority of this run as the system's only root.
        home = str(world.directory / "home")
        self.plain: Environment = {**kept, "SSL_CERT_FILE": str(world.authority), "HOME": home}
        self.wrong: list[str] = []

    def sealed(self, log: Path) -> Environment:
        seal = {"HOSTLOCK_SEAL": "enforce", "HOSTLOCK_SEAL_REPORT": str(log), "LD_PRELOAD": str(self.preload)}
        return {**self.plain, **seal}

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(what)

    @contextmanager
    def peer(self, client: Client, identity: Path) -> Iterator[int]:
        """A server of the client's protocol, never sealed."""
        if spoken := {"web": Web, "mail": Mail, "mysql": MySql}.get(client.serve):
            with spoken(identity) as port:
                yield port
        else:
            with {"redis": redis, "postgres": postgres}[client.serve](identity, self.world, self.plain) as port:
                yield port

    def client_row(self, client: Client) -> list[str]:
        cells = [client.name, client.manner]
        what = f"{client.name} {client.manner}"
        for identity in (self.world.right, self.world.impostor):
            with self.peer(client, identity) as port:
                log = Path(tempfile.mkdtemp(dir=self.world.directory)) / "log"
                log.parent.chmod(0o777)
                before = client.ask(self.world, port, self.plain)
                after = client.ask(self.world, port, self.sealed(log))
            cells += [WORDS[before], WORDS[after] + word_of_seal(log)]
            right = identity == self.world.right
            if client.covered:
                self.expect(after == (right and client.names_host), f"{what}: sealed, {identity.stem}: {cells[-1]}")
                self.expect(after or "refused" in cells[-1], f"{what}: refused without a word: {cells[-1]}")
            else:
                self.expect("not covered" in cells[-1], f"{what}: the report does not say that it is not covered")
            self.expect(before or not right, f"{what}: it cannot even reach the right host")
        return cells

    def service_row(self, service: Service) -> list[str]:
        cells = [service.name]
        today = [(version, None) for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
        old = [
            (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
            (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
        ]
        ways: list[tuple[ssl.TLSVersion, str | None]] = [*today, *old]
        served = []
        for sealed in (False, True):
            log = self.world.directory / f"{service.name}.log"
            port = free_port()
            with service.run(self.world, port, self.sealed(log) if sealed else self.plain):
                served.append([tls_client(self.world, port, service.line, *way) for way in ways])
        for number, way in enumerate(ways):
            before, after = served[0][number], served[1][number]
            cells += [WORDS[before], WORDS[after]]
            self.expect(after == (way[1] is None), f"{service.name}: sealed, {way}: {WORDS[after]}")
            self.expect(before or way[1] is not None, f"{service.name}: it cannot even serve {way}")
        return cells


def word_of_seal(log: Path) -> str:
    """Why it refused a connection, or that it saw none."""
    events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    refused = [str(event["status"]) for event in events if event["event"] == "refused"]
    connected = any(event["event"] == "connected" for event in events)
    others = {Path(path).name.split(".")[0] for event in events for path in event.get("other_tls", [])}
    if refused:
        return f"; refused: {refused[-1].removeprefix('HOSTLOCK_E_').replace('_', ' ').lower()}"
    return "" if connected or not others else f"; not covered: {', '.join(sorted(others))}"


def version(program: str) -> str:
    """A program and its version, as it says itself."""
    flags = {"openssl": "version", "nginx": "-v", "haproxy": "-v", "socat": "-V", "stunnel": "-version"}
    done = subprocess.run([program, flags.get(program, "--version")], capture_output=True, text=True, check=False)
    number = re.search(r"\d+\.\d+(\.\d+)*", done.stdout + done.stderr)
    return f"{Path(program).name} {number[0] if number else 'of an unknown version'}"


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def installed(program: str) -> bool:
    return shutil.which(program) is not None


def present(client: Client) -> bool:
    """Whether it is here, with the module that it needs."""
    return installed(client.needs) and (
        not client.module or subprocess.run(client.module, capture_output=True, check=False).returncode == 0
    )


def skipped(name: str, program: str, width: int) -> list[str]:
    return [name, f"skipped: {program} is not installed", *[""] * (width - 2)]


INTRODUCTION = """# Real programs, before and after the seal

Written by `make compat`, which runs each program as it is and with `LD_PRELOAD` of the initialiser
(`HOSTLOCK_SEAL=enforce`), against a server that shows the certificate of the host that is meant and against an impostor
with a valid certificate of another host. What follows a semicolon is the seal's own word, from its log.

"""
COLUMNS = ["right host, before", "right host, sealed", "impostor, before", "impostor, sealed"]
AFTERWORD = """
A program that names no host to its TLS is verified by the name that it looked up, or that it told a proxy. Where
nothing tells which host is meant, the right host is refused as well: name it by `hostlock run --host`, set the SNI
(`proxy_ssl_server_name on`, `sni`, `--sni`), or name an exception. Debian's wget and lftp are built on GnuTLS, which no
seal of libssl reaches; the log says so.
"""
OF_SERVICES = """
## Servers

nginx, haproxy and stunnel are set up to take every version and cipher; the client checks the server's certificate. A
sealed server goes on as it was set up, but for what the policy does not permit.

"""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="hostlock-compat-") as directory:
        # PostgreSQL's own user must get in.
        Path(directory).chmod(0o755)
        bench = Bench(make_world(Path(directory)))
        clients = [
            bench.client_row(client) if present(client) else skipped(client.name, Path(client.needs).name, 6)
            for client in CLIENTS
        ]
        ways = ["TLS 1.2", "TLS 1.3", "TLS 1.0 only", "CBC only"]
        heads = [f"{way}, {when}" for way in ways for when in ("before", "sealed")]
        services = [
            bench.service_row(service) if installed(service.needs) else skipped(service.name, service.needs, 9)
            for service in SERVICES
        ]
    needed = {client.needs for client in CLIENTS} | {service.needs for service in SERVICES}
    text = INTRODUCTION + table(["client", "how", *COLUMNS], clients) + AFTERWORD
    text += OF_SERVICES + table(["server", *heads], services)
    text += "\nMeasured with " + ", ".join(sorted({version(program) for program in filter(installed, needed)})) + ".\n"
    if "--print" in sys.argv:
        print(text)
    else:
        # What `make rebuild-test` has measured stays.
        rebuilt = re.search("\n<!-- rebuilt:.*", TABLE.read_text(), re.DOTALL) if TABLE.exists() else None
        TABLE.write_text(text + (rebuilt[0] if rebuilt else ""))
    if missing := sorted(program for program in needed if not installed(program)):
        print(f"skipped, as they are not installed: {', '.join(missing)}", file=sys.stderr)
    for wrong in bench.wrong:
        print(f"not as the guide says: {wrong}", file=sys.stderr)
    return 1 if bench.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
