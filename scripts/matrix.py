"""Runs Python's TLS clients against the servers of matrix_world.py: as they are installed, under hostlock.inject(), the
same on an interpreter with an OpenSSL of its own inside, and with hostlock in one place only. Writes
docs/python-matrix.md; exit status 1 where hostlock believed an impostor or refused the right server.

usage: matrix.py [--print]      (--print: to standard output, and not into docs/)

Clients that do not come with Python are fetched from the package index into TARGET/matrix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/python"))
from matrix_world import CASES, HOST, World
from package import SOURCE, foreign, interpreters
from support import ROOT, library, run

PAGE = ROOT / "docs/python-matrix.md"
DRIVER = ROOT / "python/tests/matrix_clients.py"
PACKAGES = ("urllib3", "requests", "httpx", "aiohttp", "pyOpenSSL", "service-identity", "Twisted[tls]")
COLUMNS = {
    "plainly": "as installed",
    "inject": "`inject`",
    "afterwards": '`inject`, mode "afterwards"',
    "ours": "in one place",
}
MUST_ACCEPT, MUST_REFUSE = "accepted", "refused"
# Side by side: where a server is refused, much of the time goes into waiting.
AT_ONCE = (os.cpu_count() or 1) + 2


@dataclass
class Client:
    """A client: its function in the driver, what it is for people, the protocol, and the module that it needs."""

    name: str
    words: str
    protocol: str = "http"
    needs: str = "ssl"
    columns: tuple[str, ...] = tuple(COLUMNS)


CLIENTS = (
    Client("wrap_socket", "`ssl.wrap_socket`", needs="ssl; ssl.wrap_socket"),
    Client("ssl_default", "`ssl.create_default_context`"),
    Client("ssl_careless", "`ssl`, nothing verified"),
    Client("ssl_no_name", "`ssl`, chain only"),
    Client("ssl_with_crl", "`ssl` with a CRL"),
    Client("ssl_resumed", "`ssl`, a session resumed"),
    Client("asyncio", "asyncio, nothing verified"),
    Client("http_client", "http.client"),
    Client("urllib", "urllib"),
    Client("urllib_unverified", "urllib, unverified"),
    Client("urllib3", "urllib3", needs="urllib3"),
    Client("requests", "requests", needs="requests"),
    Client(
        "requests_unverified", "requests, `verify=False`", needs="requests", columns=("plainly", "inject", "afterwards")
    ),
    Client("httpx", "httpx", needs="httpx"),
    Client("aiohttp", "aiohttp", needs="aiohttp"),
    Client("smtplib", "smtplib", "smtp"),
    Client("imaplib", "imaplib", "imap"),
    Client("poplib", "poplib", "pop3"),
    Client("ftplib", "ftplib", "ftp"),
    Client("pyopenssl", "pyOpenSSL", needs="OpenSSL"),
    Client("service_identity", "pyOpenSSL and service-identity", needs="OpenSSL, service_identity"),
    Client("m2crypto", "M2Crypto, its check off", needs="M2Crypto"),
    Client("twisted", "Twisted", needs="twisted, OpenSSL", columns=("plainly", "inject", "afterwards")),
)


def rows_of(client: Client, world: World) -> list[tuple[str, str, int, str]]:
    """The connections that a client makes: which case, host and port, and what must come."""
    good = world.ports["good", client.protocol]
    if client.name == "ssl_resumed":
        return [
            ("a session of the same host", HOST, good, MUST_ACCEPT),
            ("a session of another host", "other.example", good, MUST_REFUSE),
        ]
    # Without a CRL nobody can know.
    with_crl = client.name == "ssl_with_crl"
    cases = [case for case in CASES if (case.name in ("good", "revoked") if with_crl else case.name != "revoked")]
    must = {True: MUST_ACCEPT, False: MUST_REFUSE}
    return [(one.name, one.host, world.ports[one.name, client.protocol], must[one.must_accept]) for one in cases]


def site(version: str) -> Path | None:
    """Where the clients of the index are for a Python; None for the distribution's, which has its own."""
    if version == "Debian's":
        return None
    folder = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "matrix" / f"site-{version}"
    if not (folder / "urllib3").exists():
        command = [str(interpreters()[version]), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--target", str(folder), *PACKAGES], check=True, timeout=1800)
    return folder


def environment(version: str, column: str, world: World, folder: Path | None) -> dict[str, str]:
    """The authority of the world is the system's only root."""
    roots = str(world.roots)
    told = {name: roots for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}
    paths = [str(SOURCE), *([str(folder)] if folder else [])]
    world_of_it = {**os.environ, **told, "MATRIX_CRL": str(world.crl), "PYTHONWARNINGS": "ignore"}
    world_of_it |= {"HOSTLOCK_LIBRARY": str(library()), "PYTHONDONTWRITEBYTECODE": "1"}
    if column == "afterwards":
        changed = foreign(version)
        paths.insert(0, changed["PYTHONPATH"])
        world_of_it |= changed
    return {**world_of_it, "PYTHONPATH": os.pathsep.join(paths)}


@dataclass
class Outcome:
    """How a client did in a column: which impostors it believed, and which right servers it lost."""

    asked: int
    believed: list[str]
    lost: dict[str, str]

    def __str__(self) -> str:
        lost = f", {len(self.lost)} lost" if self.lost else ""
        return f"{len(self.believed)} of {self.asked}{lost}"


def measure(version: str, column: str, client: Client, world: World, folder: Path | None) -> Outcome | None:
    """None where the client is not installed."""
    env = environment(version, column, world, folder)
    path = str(interpreters()[version])
    # `hostlock.ssl` has it also where Python has it no more.
    needs = "ssl" if column == "ours" and client.name == "wrap_socket" else client.needs
    if subprocess.run([path, "-c", f"import {needs}"], env=env, capture_output=True, check=False).returncode != 0:
        return None
    rows = rows_of(client, world)
    asked = json.dumps([[client.name, host, port] for _, host, port, _ in rows])
    how = "inject" if column == "afterwards" else column
    ran = subprocess.run(
        [path, str(DRIVER), how], env=env, input=asked, capture_output=True, text=True, timeout=900, check=False
    )
    try:
        answers: list[str] = json.loads(ran.stdout)
    except ValueError:
        raise RuntimeError(f"{client.name} on {version}, {column}: {ran.stdout}{ran.stderr}") from None
    found = list(zip(rows, answers, strict=True))
    return Outcome(
        sum(row[3] == MUST_REFUSE for row in rows),
        [row[0] for row, answer in found if row[3] == MUST_REFUSE and answer == "accepted"],
        {row[0]: answer for row, answer in found if row[3] == MUST_ACCEPT and answer != "accepted"},
    )


def table(version: str, world: World, wrong: list[str]) -> list[str]:
    """The part of the page for one Python."""
    folder = site(version)
    foreign(version)  # made once, before several ask for it
    lines = [f"## Python {full_version(version)}", ""]
    lines += ["| client | " + " | ".join(COLUMNS.values()) + " |", "| --- |" + " --- |" * len(COLUMNS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        measured = {
            (client.name, column): pool.submit(measure, version, column, client, world, folder)
            for client in CLIENTS
            for column in client.columns
        }
    for client in CLIENTS:
        cells = []
        for column in COLUMNS:
            outcome = measured[client.name, column].result() if column in client.columns else None
            cells.append("" if outcome is None else str(outcome))
            if outcome is not None and column != "plainly":
                where = f"{version}, {client.name}, {column}"
                wrong += [f"{where}: believed {name}" for name in outcome.believed]
                wrong += [f"{where}: lost {name}: {why}" for name, why in outcome.lost.items()]
        if any(cells):
            lines.append(f"| {client.words} | " + " | ".join(cells) + " |")
            print(version, client.name, cells, file=sys.stderr, flush=True)
    return [*lines, ""]


def full_version(version: str) -> str:
    said = run([interpreters()[version], "-c", "import platform; print(platform.python_version())"]).stdout.strip()
    return f"{said} of Debian" if version == "Debian's" else said


def page(tables: list[str]) -> str:
    """docs/python-matrix.md."""
    refused = [case.name for case in CASES if not case.must_accept]
    accepted = [case.name for case in CASES if case.must_accept]
    head = f"""# Which impostors Python's clients believe

`make matrix` runs the clients against {len(CASES)} servers, and writes this page. Each cell says how many of the
servers that must be refused were believed, and how many of the right ones were lost. The authority of the run is the
system's only root. Those that say "nothing verified", "chain only" or "unverified" are the programs that hostlock is
for; clients of `ssl` and pyOpenSSL that set their own context also ask for every old version and suite.

- **As installed**: without hostlock.
- **`inject`**: with `hostlock.inject()` at the top and nothing else changed.
- **Mode "afterwards"**: the same on an interpreter with an OpenSSL of its own inside.
- **In one place**: with a context of `hostlock.ssl`, or one that `hostlock.pyopenssl` or `hostlock.m2crypto` hardened.

Right servers: {", ".join(accepted)}.

Servers that must be refused: {", ".join(refused)}.
"Revoked" is asked of the client with a CRL only. "A session resumed" is one of a right connection, given to the same
host and to another. With mode "afterwards" no session is resumed.

"""
    return head + "\n".join(tables)


def main() -> int:
    """The exit status."""
    wrong: list[str] = []
    tables: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hostlock-matrix-") as folder, World(Path(folder)) as world:
        for version in interpreters():
            if version != "2.7":
                tables += table(version, world, wrong)
    text = page(tables)
    if "--print" in sys.argv:
        print(text)
    else:
        PAGE.write_text(text)
    for line in wrong:
        print("wrong: " + line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
