"""The world of `make compat`: an authority and what it issues, peers that are never sealed, daemons and their ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HOST = "localhost"
ANSWER = "the-answer"
LONG_ENOUGH = 30
Environment = dict[str, str]


@dataclass(frozen=True)
class World:
    """A directory with an authority's certificate and with two identities that it issued."""

    directory: Path

    @property
    def authority(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def right(self) -> Path:
        """The certificate of HOST, and its key."""
        return self.directory / "right.pem"

    @property
    def impostor(self) -> Path:
        """A valid certificate of another host, and its key."""
        return self.directory / "impostor.pem"


def make_world(directory: Path) -> World:
    """An authority, and what it issues."""
    world = World(directory)
    request(directory, "ca", "Compat CA", "-x509", "-days", "30", out=world.authority)
    for path, name in ((world.right, HOST), (world.impostor, "other.example")):
        stem = path.with_suffix("")
        request(directory, path.stem, name, "-new", out=stem.with_suffix(".csr"))
        stem.with_suffix(".ext").write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n")
        command = ["openssl", "x509", "-req", "-in", f"{stem}.csr", "-days", "20", "-extfile", f"{stem}.ext"]
        command += ["-CA", str(world.authority), "-CAkey", str(directory / "ca.key"), "-CAcreateserial"]
        subprocess.run([*command, "-out", str(path)], check=True, capture_output=True)
        path.write_text(path.read_text() + stem.with_suffix(".key").read_text())
    return world


def request(directory: Path, stem: str, name: str, *arguments: str, out: Path) -> None:
    command = ["openssl", "req", *arguments, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", f"/CN={name}", "-keyout", str(directory / f"{stem}.key"), "-out", str(out)]
    subprocess.run(command, check=True, capture_output=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextlib.contextmanager
def daemon(command: list[str], port: int, environment: Environment) -> Iterator[None]:
    """A program in the foreground, from when it listens on `port`."""
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            deadline = time.monotonic() + LONG_ENOUGH
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    said = process.stdout.read() if process.poll() is not None and process.stdout else b""
                    raise RuntimeError(f"{command[0]} does not listen: {said.decode(errors='replace')[-1000:]}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=LONG_ENOUGH)
            process.kill()


# The peers of clients: plain, whatever the environment says of the program.


@dataclass
class Web:
    """A server of one page, in a thread."""

    identity: Path
    listening: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __enter__(self) -> int:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.identity)
        threading.Thread(target=self.serve, daemon=True).start()
        return int(self.listening.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept wakes up by this only.
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def serve(self) -> None:
        while True:
            try:
                plain, _ = self.listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                plain.settimeout(LONG_ENOUGH)
                with plain:
                    self.talk(plain)

    def talk(self, plain: socket.socket) -> None:
        with self.context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(4096)
            body = f"{ANSWER}\n"
            head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall((head + body).encode())
            connection.unwrap()


@dataclass
class Mail(Web):
    """As much of SMTP as STARTTLS takes."""

    def talk(self, plain: socket.socket) -> None:
        for line in (b"220 mail\r\n", b"250-mail\r\n250 STARTTLS\r\n"):
            plain.sendall(line)
            plain.recv(4096)
        plain.sendall(b"220 go ahead\r\n")
        with self.context.wrap_socket(plain, server_side=True) as connection:
            while connection.recv(4096):
                connection.sendall(f"250 {ANSWER}\r\n".encode())


@dataclass
class MySql(Web):
    """As much of MySQL's protocol as TLS takes: whatever is asked, the answer is one row of one column."""

    def talk(self, plain: socket.socket) -> None:
        abilities = 0x1 | 0x8 | 0x200 | 0x800 | 0x2000 | 0x8000 | 0x80000  # CLIENT_SSL is 0x800
        greeting = b"\x0a8.0.0\0" + bytes(4) + b"12345678\0" + (abilities & 0xFFFF).to_bytes(2, "little")
        greeting += b"\x21\x02\0"
        greeting += (abilities >> 16).to_bytes(2, "little") + b"\x15" + bytes(10) + b"123456789012\0"
        plain.sendall(packet(0, greeting + b"mysql_native_password\0"))
        plain.recv(36, socket.MSG_WAITALL)
        with self.context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(4096)
            connection.sendall(packet(2, b"\0\0\0\x02\0\0\0"))
            end = b"\xfe\0\0\x02\0"
            column = b"\x03def\0\0\0\x01a\0\x0c\x21\0" + (99).to_bytes(4, "little") + b"\xfd\0\0\0\0\0"
            row = bytes([len(ANSWER)]) + ANSWER.encode()
            while connection.recv(4096):
                parts = enumerate((b"\x01", column, end, row, end), 1)
                connection.sendall(b"".join(packet(number, part) for number, part in parts))


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


@contextlib.contextmanager
def redis(identity: Path, world: World, environment: Environment, port: int = 0) -> Iterator[int]:
    port = port or free_port()
    command = ["redis-server", "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--save", ""]
    command += ["--tls-cert-file", str(identity), "--tls-key-file", str(identity)]
    command += ["--tls-ca-cert-file", str(world.authority), "--dir", str(world.directory)]
    with daemon(command, port, environment):
        yield port


@contextlib.contextmanager
def postgres(identity: Path, world: World, environment: Environment, port: int = 0) -> Iterator[int]:
    """A cluster of its own. PostgreSQL does not run as root."""
    port = port or free_port()
    data = world.directory / f"postgres-{port}"
    data.mkdir()
    key = data / "server.pem"
    shutil.copy(identity, key)
    key.chmod(0o600)
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        for path in (data, key):
            shutil.chown(path, "postgres", "postgres")
    programs = postgres_programs()
    cluster = data / "cluster"
    plain = {name: value for name, value in environment.items() if name != "LD_PRELOAD"}
    initdb = [*as_user, str(programs / "initdb"), "-A", "trust", "-U", "postgres", "--no-sync", "-D", str(cluster)]
    subprocess.run(initdb, env=plain, cwd=data, check=True, capture_output=True)
    command = [*as_user, str(programs / "postgres"), "-D", str(cluster), "-p", str(port), "-k", str(data)]
    for setting in ("ssl=on", f"ssl_cert_file={key}", f"ssl_key_file={key}", "listen_addresses=127.0.0.1"):
        command += ["-c", setting]
    with daemon(command, port, environment):
        yield port


def postgres_programs() -> Path:
    """Debian keeps each version's programs in a directory of its own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else Path(shutil.which("postgres") or "postgres").parent


# Clients that are no programs of ours to judge.


def http_get(connection: socket.socket) -> bytes:
    answer = b""
    with connection, contextlib.suppress(OSError):
        connection.settimeout(LONG_ENOUGH)
        connection.sendall(f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        while part := connection.recv(4096):
            answer += part
    return answer


def tls_client(world: World, port: int, line: bytes, version: ssl.TLSVersion, ciphers: str | None = None) -> bool:
    """Whether a client of one version gets an answer to `line`, from the right host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(world.authority)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), LONG_ENOUGH) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            connection.sendall(line)
            return bool(connection.recv(4096))
    except OSError:
        return False
