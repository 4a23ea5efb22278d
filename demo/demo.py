"""Shows who is fooled by a server that has a valid certificate of another host.

Two real TLS servers on 127.0.0.1, certificates of one authority made by the openssl command, and the same client
written five ways. Who was fooled is read from the impostor's log. Ends with 0 only if hostlock was right everywhere.
"""

from __future__ import annotations

import os
import queue
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "demo/clients"
TARGET = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug").resolve()
HOST, IMPOSTOR = "bank.example", "evil.example"
SECRET = b"password=swordfish"
LONG_ENOUGH = 60


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


class Server:
    """A TLS server that logs, for each client, what it received or how the handshake ended."""

    def __init__(self, pem: Path, greeting: bytes) -> None:
        self.log: queue.Queue[str] = queue.Queue()
        self.greeting = greeting
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            plain, _ = self.listener.accept()
            plain.settimeout(LONG_ENOUGH)
            try:
                with self.context.wrap_socket(plain, server_side=True) as tls:
                    received = tls.recv(4096)
                    tls.sendall(self.greeting)
                self.log.put(
                    f"received {received.decode(errors='replace').strip()!r}" if received else "received nothing"
                )
            except OSError as error:
                self.log.put(f"received nothing; the client left: {getattr(error, 'reason', None) or error}")


@dataclass
class Outcome:
    """One client against one server, as seen from both ends."""

    accepted: bool
    words: str
    logged: str

    @property
    def sent(self) -> bool:
        return SECRET.decode() in self.logged


@dataclass
class Client:
    """One of the five."""

    title: str
    command: list[str | Path]
    hostlock: bool

    def meet(self, server: Server, ca: Path) -> Outcome:
        done = subprocess.run(
            [*self.command, HOST, server.port, ca],
            env={**os.environ, "HOSTLOCK_LIBRARY": str(TARGET / "libhostlock.so")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONG_ENOUGH,
            check=False,
        )
        # Where the client ended without a connection, there is nothing to wait for.
        try:
            logged = server.log.get(timeout=LONG_ENOUGH if done.returncode in (0, 1) else 0)
        except queue.Empty:
            logged = "nobody came"
        return Outcome(done.returncode == 0, (done.stdout + done.stderr).strip(), logged)

    def right(self, good: Outcome, bad: Outcome) -> bool:
        """Both ends tell the same story, the bank is reached, and hostlock is not fooled."""
        return good.accepted and good.sent and bad.accepted == bad.sent and not (self.hostlock and bad.sent)


def wiki_python() -> tuple[str | Path, str]:
    """An interpreter that still has ssl.wrap_socket (Python 2.7 to 3.11), or else this one; and its version."""
    probe = "import ssl, sys; ssl.wrap_socket; print(sys.version.split()[0])"
    for version in ("2.7", "3.8", "3.9", "3.10", "3.11"):
        candidates: list[str | Path] = [
            f"python{version}",
            *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
        ]
        for candidate in filter(shutil.which, candidates):
            done = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return candidate, done.stdout.strip()
    return sys.executable, sys.version.split()[0]


def build(directory: Path) -> list[Client]:
    """Compiles what is C, and names the five clients."""
    print("building hostlock and the C clients ...", flush=True)
    if subprocess.run(["cargo", "build", "--quiet"], cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit("cargo build failed")
    openssl = must("pkg-config", "--cflags", "--libs", "openssl").split()
    (directory / "libhostlock.so.0").symlink_to(TARGET / "libhostlock.so")
    ours = [f"-I{ROOT}/include", f"-L{TARGET}", "-lhostlock", f"-Wl,-rpath,{directory}"]
    for name, libraries in (("textbook", openssl), ("hostlock", ours), ("legacy", [*ours, *openssl])):
        must("cc", CLIENTS / f"{name}.c", *libraries, "-o", directory / name)
    wiki, version = wiki_python()
    return [
        Client(f"Python {version} ssl, as the wiki wrote it", [wiki, "-W", "ignore", CLIENTS / "wiki.py"], False),
        Client("OpenSSL in C, as textbooks write it", [directory / "textbook"], False),
        Client("hostlock from C", [directory / "hostlock"], True),
        Client("hostlock from Python, by ctypes", [sys.executable, CLIENTS / "ctypes_client.py"], True),
        Client("legacy OpenSSL C on hostlock's SSL_CTX", [directory / "legacy"], True),
    ]


def main() -> int:
    """Runs every client against both servers and prints who was fooled."""
    with tempfile.TemporaryDirectory(prefix="hostlock-demo-") as name:
        directory = Path(name)
        ca = certificates(directory)
        clients = build(directory)
        bank = Server(directory / f"{HOST}.pem", b"welcome to your bank\n")
        impostor = Server(directory / f"{IMPOSTOR}.pem", b"thank you for your password\n")
        results = [(client, client.meet(bank, ca), client.meet(impostor, ca)) for client in clients]
    report(results)
    right = all(client.right(good, bad) for client, good, bad in results)
    fooled = sum(bad.sent for _, _, bad in results)
    verdict = "right" if right else "NOT right"
    print(f"\n{fooled} of {len(results)} were fooled; hostlock was {verdict} everywhere.")
    return 0 if right else 1


def report(results: list[tuple[Client, Outcome, Outcome]]) -> None:
    """The table, the impostor's log, and hostlock's words."""
    print(f"""
Each client wants {HOST} and sends its password to whom it accepts.
The network was tricked (DNS, Wi-Fi, ARP): sometimes an impostor answers. It has no certificate for {HOST},
but a valid one for {IMPOSTOR}, from an authority that the clients trust.
""")
    row = "  {:<44} {:<20} {}"
    print(row.format("client", f"to {HOST}", "to the impostor"))
    print(row.format("-" * 44, "-" * 20, "-" * 20))
    for client, good, bad in results:
        honest = "sent the password" if good.sent else "REFUSED"
        print(row.format(client.title, honest, "FOOLED: sent it" if bad.sent else "refused, sent nothing"))

    print("\nWhat the impostor's server logged:")
    for client, _, bad in results:
        print(f"  {client.title + ':':<45} {bad.logged}")
    print("\nWhat hostlock told the client:")
    for client, _, bad in results:
        if client.hostlock:
            print(f"  {client.title}:\n    " + bad.words.replace("\n", "\n    "))


if __name__ == "__main__":
    sys.exit(main())
