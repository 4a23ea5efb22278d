"""Shows who is fooled by a server that has a valid certificate of another host.

A bank and an impostor on addresses of this machine, with certificates of one authority; programs as people run them
every day; the same programs, unchanged, under `hostlock run`; and three that are written with hostlock. Who was fooled
is read from the impostor's log. Ends with 0 only if hostlock was right everywhere.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from server import Server, tidy

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "demo/clients"
# Where hostlock is built already, if somebody says so.
BUILT = os.environ.get("HOSTLOCK_LIB_DIR")
TARGET = Path(BUILT or ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug").resolve()
HOST, IMPOSTOR = "bank.example", "evil.example"
SECRET = "password=swordfish"
WORDS = f'the certificate is for "{IMPOSTOR}", not for "{HOST}"'
LONG_ENOUGH = 60

INTRODUCTION = f"""\
A bank, {HOST}, and an impostor, who has a valid certificate too, but for another host ({IMPOSTOR}).
Programs as people run them every day send their password to the bank. Then the network is tricked (DNS, Wi-Fi,
ARP), and the very same command reaches the impostor. Who tells him the password? All happens on this machine.
"""


def say(line: str) -> None:
    """A line at once."""
    print(line, flush=True)


def must(*command: str | Path) -> str:
    """The output of a command that has to succeed."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def certificates(directory: Path) -> Path:
    """An authority, and a certificate of it for each of the two hosts: HOST.pem with the key inside."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ca, ca_key = directory / "ca.pem", directory / "ca.key"
    must("openssl", "req", "-x509", *curve, "-days", "2", "-subj", "/CN=Demo CA", "-keyout", ca_key, "-out", ca)
    for host in (HOST, IMPOSTOR):
        key, request, names, pem = (directory / f"{host}.{kind}" for kind in ("key", "csr", "ext", "pem"))
        names.write_text(f"subjectAltName=DNS:{host}\nextendedKeyUsage=serverAuth\n")
        must("openssl", "req", "-new", *curve, "-subj", f"/CN={host}", "-keyout", key, "-out", request)
        issuer = ("-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "1")
        must("openssl", "x509", "-req", "-in", request, *issuer, "-extfile", names, "-out", pem)
        pem.write_text(pem.read_text() + key.read_text())
    return ca


@dataclass
class World:
    """Where the demo plays: the files that it made, and the two servers."""

    directory: Path
    ca: Path
    bank: Server
    impostor: Server

    def meet(self, command: list[str | Path], server: Server, address: str) -> Outcome:
        """Runs a client whose bank is at `address`."""
        environment = {
            **os.environ,
            "LD_PRELOAD": str(self.directory / "tricked_dns.so"),
            "DEMO_ADDRESS": address,
            "SSL_CERT_FILE": str(self.ca),
            "HOSTLOCK_LIBRARY": str(TARGET / "libhostlock.so"),
            "PGPASSWORD": SECRET.partition("=")[2],
        }
        environment.pop("SSL_CERT_DIR", None)
        server.log = queue.Queue()
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONG_ENOUGH,
            check=False,
        )
        try:
            logged = tidy(server.log.get(timeout=5))
        except queue.Empty:
            logged = "nobody came"
        return Outcome(done.returncode, (done.stdout + done.stderr).strip(), logged)


@dataclass
class Outcome:
    """One client against one server, as seen from both ends."""

    status: int
    words: str
    logged: str

    @property
    def sent(self) -> bool:
        """Whether the server has the password."""
        return SECRET in self.logged

    @property
    def reason(self) -> str:
        """hostlock's reason, with its hint."""
        hint = re.search(r"^ *(hint: .*)", self.words, re.MULTILINE)
        return f"{WORDS}\n{hint[1]}" if hint and WORDS in self.words else ""


@dataclass
class Client:
    """A program, with its command line."""

    title: str
    command: list[str | Path]
    written_with_hostlock: bool = False
    met: list[Outcome] = field(default_factory=list)

    def run(self, world: World) -> None:
        """Meets the bank and the impostor; what was not written with hostlock does so twice, as it is and sealed."""
        sealed: list[str | Path] = [TARGET / "hostlock", "run", *self.command]
        for command in [self.command] if self.written_with_hostlock else [self.command, sealed]:
            self.met += [world.meet(command, world.bank, "127.0.0.1"), world.meet(command, world.impostor, "127.0.0.2")]

    @property
    def fooled(self) -> bool:
        """As it is."""
        return self.met[1].sent

    @property
    def right(self) -> bool:
        """The bank is always reached, and where hostlock is, the impostor hears nothing and the program the reason."""
        refused = not self.met[-1].sent and WORDS in self.met[-1].words
        return refused and all(good.sent for good in self.met[::2])

    def cells(self) -> Iterator[str]:
        """What the table says."""
        for index, outcome in enumerate(self.met):
            if index % 2 == 0:
                yield "reached" if outcome.sent else "NOT REACHED"
            else:
                yield "FOOLED: sent it" if outcome.sent else "refused, sent nothing"


def build(directory: Path) -> None:
    """Builds hostlock and compiles what is C; cargo shows how far it is."""
    say("[1/3] building hostlock (minutes the first time, seconds later)")
    begun = time.monotonic()
    if BUILT:
        pass
    elif sys.stderr.isatty():
        status = subprocess.run(["cargo", "build"], cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
        if status != 0:
            sys.exit("cargo build failed")
    else:
        build_without_a_terminal(begun)
    openssl = must("pkg-config", "--cflags", "--libs", "openssl").split()
    link = directory / "libhostlock.so.0"
    link.symlink_to(TARGET / "libhostlock.so")
    ours = [f"-I{ROOT}/include", f"-L{TARGET}", "-lhostlock", f"-Wl,-rpath,{directory}"]
    for name, libraries in (("textbook", openssl), ("hostlock", ours), ("legacy", [*ours, *openssl])):
        must("cc", CLIENTS / f"{name}.c", *libraries, "-o", directory / name)
    must("cc", "-shared", "-fPIC", CLIENTS / "tricked_dns.c", "-ldl", "-o", directory / "tricked_dns.so")
    say(f"      built in {time.monotonic() - begun:.0f} s")


def build_without_a_terminal(begun: float) -> None:
    """A line now and then."""
    said: list[str] = []
    shown = begun
    with subprocess.Popen(
        ["cargo", "build"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as cargo:
        assert cargo.stderr is not None
        for line in cargo.stderr:
            said.append(line)
            if line.startswith("   Compiling") and time.monotonic() - shown > 5:
                shown = time.monotonic()
                say(f"      {len(said)} crates, {shown - begun:.0f} s: {line.split()[1]}")
    if cargo.returncode != 0:
        sys.exit("cargo build failed:\n" + "".join(said))


def uses_the_systems_libssl(python: str | Path, *more: str) -> str:
    """The version of an interpreter whose ssl `hostlock run` reaches, or nothing."""
    probe = "import ssl, sys; {}assert 'libssl.so.3' in open('/proc/self/maps').read(); print(sys.version.split()[0])"
    command = [python, "-c", probe.format("".join(more))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def todays_python() -> Iterator[Client]:
    """An interpreter of Python 3."""
    for python in (sys.executable, "/usr/bin/python3"):
        if version := uses_the_systems_libssl(python):
            yield Client(f"Python {version}, its check switched off", [python, CLIENTS / "today.py", HOST])
            return
    say("      passed over: no Python 3 here uses the system's OpenSSL")


def wikis_python() -> Iterator[Client]:
    """An interpreter that still has ssl.wrap_socket: Python 2.7 to 3.11."""
    for version in ("2.7", "3.8", "3.9", "3.10", "3.11"):
        homes = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
        for python in filter(shutil.which, [f"python{version}", *map(str, homes)]):
            if exact := uses_the_systems_libssl(python, "ssl.wrap_socket; "):
                command: list[str | Path] = [python, "-W", "ignore", CLIENTS / "wiki.py", HOST]
                yield Client(f"Python {exact}, as the old wiki wrote it", command)
                return
    say("      passed over: the old wiki's program wants Python 2.7 to 3.11 with the system's OpenSSL")


def victims(directory: Path) -> Iterator[Client]:
    """Programs of today, as far as they are here."""
    yield from todays_python()
    yield Client("OpenSSL in C, as textbooks write it", [directory / "textbook", HOST])
    if shutil.which("curl"):
        yield Client("curl -k", ["curl", "-sS", "-k", "--noproxy", "*", "-d", SECRET])
    else:
        say("      passed over: curl is not installed")
    if shutil.which("psql"):
        yield Client("psql, sslmode=require", ["psql", "-X", "-A", "-t", "-c", "select greeting"])
    else:
        say("      passed over: psql is not installed")
    yield from wikis_python()


def addressed(client: Client, port: int, ca: Path) -> Client:
    """The client with the rest of its command line."""
    name = str(client.command[0])
    if name == "curl":
        client.command.append(f"https://{HOST}:{port}/login")
    elif name == "psql":
        client.command[1:1] = [f"host={HOST} port={port} user=customer dbname=accounts sslmode=require"]
    else:
        client.command.append(str(port))
        client.command += [] if "today.py" in str(client.command[-3]) else [ca]
    return client


def written(directory: Path) -> list[Client]:
    """Programs that are written with hostlock."""
    return [
        Client("C, hostlock_connect", [directory / "hostlock", HOST], True),
        Client("Python, hostlock_connect by ctypes", [sys.executable, CLIENTS / "ctypes_client.py", HOST], True),
        Client("old OpenSSL code on hostlock's SSL_CTX", [directory / "legacy", HOST], True),
    ]


ROW = "  {:<39} {:<8} {:<22} {:<8} {}"
SHORT_ROW = "  {:<39} {:<8} {}"


def show(clients: list[Client], world: World) -> list[Client]:
    """Runs them, and shows each as it ends."""
    row = SHORT_ROW if clients[0].written_with_hostlock else ROW
    titles = ["program", "bank", "impostor", "bank", "impostor"]
    if not clients[0].written_with_hostlock:
        say(ROW.format("", "as it is", "", "under hostlock run", "").rstrip())
    say(row.format(*titles).rstrip())
    for client in clients:
        addressed(client, world.bank.port, world.ca).run(world)
        say(row.format(client.title, *client.cells()).rstrip())
    return clients


def main() -> int:
    """Runs every client against both servers and prints who was fooled."""
    say(INTRODUCTION)
    with tempfile.TemporaryDirectory(prefix="hostlock-demo-") as name:
        directory = Path(name)
        build(directory)
        say("[2/3] two certificates of one authority; the bank on 127.0.0.1, the impostor on 127.0.0.2")
        ca = certificates(directory)
        bank = Server(directory / f"{HOST}.pem", "127.0.0.1", 0, "welcome to your bank")
        impostor = Server(directory / f"{IMPOSTOR}.pem", "127.0.0.2", bank.port, "thank you for your password")
        world = World(directory, ca, bank, impostor)
        say("[3/3] each program meets the bank and the impostor: as it is, then unchanged as `hostlock run PROGRAM`")
        found = list(victims(directory))
        say("")
        clients = show(found, world)
        say("\n  written with hostlock")
        clients += show(written(directory), world)
    report(clients)
    right = all(client.right for client in clients)
    fooled = sum(client.fooled for client in clients)
    verdict = "right" if right else "NOT right"
    say(f"\n{fooled} of {len(clients)} programs were fooled as they are; hostlock was {verdict} everywhere.")
    command = os.path.relpath(TARGET / "hostlock")
    say(f"""
Try next:
  {command} run PROGRAM ARGUMENTS...    a program of yours, unchanged
  {command} audit HOST                  a server of yours
  {command} doctor                      what TLS rests on here; then README.md""")
    return 0 if right else 1


def report(clients: list[Client]) -> None:
    """The impostor's log, and hostlock's words."""
    say("\nWhat the impostor's server logged:")
    for client in clients:
        if not client.written_with_hostlock:
            say(f"  {client.title + ':':<45} {client.met[1].logged}")
    # They are mostly one and the same.
    refused: dict[str, list[str]] = {}
    for client in clients:
        title = client.title if client.written_with_hostlock else f"{client.title}, under hostlock run"
        refused.setdefault(client.met[-1].logged, []).append(title)
    for logged, titles in refused.items():
        name = titles[0] if len(titles) == 1 else f"with hostlock, {len(titles)} programs"
        say(f"  {name + ':':<45} {logged}")
    say("\nWhat hostlock told the programs:")
    for line in next(
        (client.met[-1].reason for client in clients if "hint: " in client.met[-1].reason), ""
    ).splitlines():
        say(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
