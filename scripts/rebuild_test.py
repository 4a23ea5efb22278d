"""Builds packages of Debian from their sources as they are and with hostlock-cc, and lets both builds meet good and bad
peers, as clients and as servers. Prints one line a claim (TAP). Exit status 1 where a rebuilt program did not do what
the guide says of it.

usage: rebuild_test.py [--write] [PACKAGE ...]      (--write: what was measured of all goes into docs/compat.md)

A package whose source cannot be had is skipped by name; HOSTLOCK_SOURCES names a directory with upstream archives. What
is fetched and built is kept in target/rebuild.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compat import TABLE, table, version
from compat_programs import CLIENTS, GET, Client, Command, nginx, prints, serving, stunnel
from compat_world import (
    ANSWER,
    HOST,
    LONG_ENOUGH,
    Environment,
    Web,
    World,
    daemon,
    free_port,
    make_world,
    redis,
    request,
)
from rebuild_packages import PACKAGES, Package, Sources, UnavailableError, build

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "rebuild"
BUILDS = {"as it is": "plain", "rebuilt": "shadow"}
BEGIN, END = "<!-- rebuilt: written by `make rebuild-test` -->\n", "<!-- /rebuilt -->\n"
MQTT_ACCEPTED = b"\x20\x02\x00\x00"
MQTT_CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test"

OURS = [
    Client(
        "w3m",
        "w3m",
        "`ssl_verify_server=0`",
        True,
        prints(ANSWER, "w3m", "-dump", "-o", "ssl_verify_server=0", "https://{host}:{port}/"),
    ),
    Client(
        "mosquitto_pub",
        "mosquitto_pub",
        "`--insecure`",
        True,
        prints(
            "received PUBACK",
            *("mosquitto_pub", "-d", "-h", "{host}", "-p", "{port}", "--cafile", "{ca}", "--insecure"),
            *("-q", "1", "-t", "t", "-m", "m"),
        ),
        "mosquitto",
    ),
]


@dataclass(frozen=True)
class Server:
    """A program that serves. `asks` says of its clients' certificates: none, demanded, or any that may come. `expected`
    is what its answer to `line` has in it, while a page with an error has not."""

    name: str
    needs: str
    asks: str
    configure: Command
    line: bytes = GET.encode()
    expected: bytes = ANSWER.encode()


def of_stunnel(more: str) -> Command:
    return stunnel("accept = 127.0.0.1:{front}\nconnect = 127.0.0.1:{back}\ncert = {right}\n" + more)


def of_nginx(more: str) -> Command:
    text = "listen 127.0.0.1:@front@ ssl; ssl_certificate @right@; ssl_certificate_key @right@;"
    text += " ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:all:1m;"
    return nginx(f"{text} location / {{ proxy_pass http://127.0.0.1:@back@; }} {more}")


def of_socat(more: str) -> Command:
    def configure(world: World, front: int, _back: int) -> list[str]:
        listening = f"OPENSSL-LISTEN:{front},bind=127.0.0.1,reuseaddr,fork,cert={world.right},cafile={world.authority}"
        return ["socat", f"{listening},{more}", "EXEC:cat"]

    return configure


def of_redis(clients: str) -> Command:
    def configure(world: World, front: int, _back: int) -> list[str]:
        command = ["redis-server", "--port", "0", "--tls-port", str(front), "--bind", "127.0.0.1", "--save", ""]
        command += ["--tls-auth-clients", clients, "--dir", str(world.directory)]
        command += ["--tls-cert-file", str(world.right), "--tls-key-file", str(world.right)]
        return [*command, "--tls-ca-cert-file", str(world.authority)]

    return configure


def of_mosquitto(more: str, identity: str = "right") -> Command:
    def configure(world: World, front: int, _back: int) -> list[str]:
        pem = world.directory / f"{identity}.pem"
        path = world.directory / f"mosquitto-{front}.conf"
        path.write_text(
            f"user root\nlistener {front} 127.0.0.1\nallow_anonymous true\ncertfile {pem}\nkeyfile {pem}\n"
            f"cafile {world.authority}\n{more}\n"
        )
        return ["mosquitto", "-c", str(path)]

    return configure


SERVERS = [
    Server("stunnel", "stunnel", "", of_stunnel("")),
    Server("stunnel, `verifyChain`", "stunnel", "demanded", of_stunnel("verifyChain = yes\nCAfile = {ca}\n")),
    Server("socat", "socat", "", of_socat("verify=0"), expected=GET.encode()),
    Server("socat, `verify=1`", "socat", "demanded", of_socat("verify=1"), expected=GET.encode()),
    Server("nginx", "nginx", "", of_nginx("")),
    Server(
        "nginx, `ssl_verify_client on`",
        "nginx",
        "demanded",
        of_nginx("ssl_verify_client on; ssl_client_certificate @ca@;"),
    ),
    Server(
        "nginx, `optional_no_ca`",
        "nginx",
        "any",
        of_nginx("ssl_verify_client optional_no_ca; ssl_client_certificate @ca@;"),
    ),
    Server("redis-server", "redis-server", "", of_redis("no"), b"PING\r\n", b"+PONG"),
    Server("redis-server, `tls-auth-clients yes`", "redis-server", "demanded", of_redis("yes"), b"PING\r\n", b"+PONG"),
    Server("mosquitto", "mosquitto", "", of_mosquitto(""), MQTT_CONNECT, MQTT_ACCEPTED),
    Server(
        "mosquitto, `require_certificate`",
        "mosquitto",
        "demanded",
        of_mosquitto("require_certificate true"),
        MQTT_CONNECT,
        MQTT_ACCEPTED,
    ),
]
PEERS = ["right", "impostor", "self-signed", "expired"]


class Bench:
    """The world, both environments, and the count of the claims."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.failed = 0
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOSTLOCK_", "LD_PRELOAD"))}
        kept |= {"SSL_CERT_FILE": str(world.authority), "HOME": str(world.directory)}
        self.environments: dict[str, Environment] = {
            built: {**kept, "PATH": f"{PLACE / place}/bin:{kept['PATH']}"} for built, place in BUILDS.items()
        }

    def claim(self, holds: bool, claim: str, detail: object = "") -> None:
        self.failed += not holds
        print(f"{'ok' if holds else 'not ok'} - {claim}", flush=True)
        if not holds and detail:
            print("\n".join(f"# {line}" for line in str(detail).splitlines()), flush=True)

    @contextlib.contextmanager
    def peer(self, client: Client, identity: str) -> Iterator[int]:
        """What a client connects to, never rebuilt."""
        pem, plain = self.world.directory / f"{identity}.pem", self.environments["as it is"]
        if client.serve == "redis":
            with redis(pem, self.world, plain) as port:
                yield port
        elif client.serve == "mosquitto":
            port = free_port()
            with daemon(of_mosquitto("", identity)(self.world, port, 0), port, plain):
                yield port
        else:
            with Web(pem) as port:
                yield port

    def client(self, client: Client) -> list[list[str]]:
        """A row for each build."""
        rows = []
        for built, environment in self.environments.items():
            got = []
            for identity in PEERS:
                with self.peer(client, identity) as port:
                    got.append(client.ask(self.world, port, environment))
            rows.append([client.name, client.manner, built, *("answered" if one else "no answer" for one in got)])
            what = f"{client.name} {client.manner}, {built}"
            if built == "rebuilt":
                wanted = [client.names_host, False, False, False]
                words = "answered by the right host only" if client.names_host else "refused, since it names no host"
                self.claim(got == wanted, f"{what}: {words}", dict(zip(PEERS, got)))
            else:
                self.claim(got[0], f"{what}: answered by the right host")
        return rows

    def server(self, server: Server) -> list[list[str]]:
        """A row for each build."""
        seen = {built: self.visits(server, environment) for built, environment in self.environments.items()}
        before, after = seen.values()
        for ways, words in ((["1.2", "1.3"], "both versions are served"), (["good"], "a client of the CA is served")):
            served = all(before[way] == after[way] == "answered" for way in ways)
            self.claim(served, f"{server.name}: rebuilt, {words}", seen)
        # A server that forgot its session id context refuses each session that is offered, also as it is.
        resumes = all(before[way] == after[way] for way in ("1.2 again", "1.3 again"))
        self.claim(resumes, f"{server.name}: rebuilt, sessions are resumed as they were", seen)
        if server.asks:
            none = "no answer" if server.asks == "demanded" else "answered"
            self.claim(after["none"] == none, f"{server.name}: rebuilt, a client without a certificate: {none}", seen)
            refused = after["self-signed"] == "no answer"
            self.claim(refused, f"{server.name}: rebuilt, a client that nobody vouches for is refused", seen)
        return [[server.name, built, *cells.values()] for built, cells in seen.items()]

    def visits(self, server: Server, environment: Environment) -> dict[str, str]:
        """What clients of several kinds got from it."""
        port = free_port()
        run = serving(server.configure)
        own = "client" if server.asks else None
        cells = {}
        with run(self.world, port, environment):
            for name, minor in (("1.2", ssl.TLSVersion.TLSv1_2), ("1.3", ssl.TLSVersion.TLSv1_3)):
                context = self.context(minor, own)
                answered, session, _ = visit(context, port, server)
                cells[name] = "answered" if answered else "no answer"
                again, _, resumed = visit(context, port, server, session)
                cells[f"{name} again"] = "no answer" if not again else "resumed" if resumed else "not resumed"
            for name, certificate in (("good", "client"), ("none", None), ("self-signed", "client-self-signed")):
                answered, _, _ = visit(self.context(ssl.TLSVersion.TLSv1_3, certificate), port, server)
                cells[name] = "answered" if answered else "no answer"
        if not server.asks:
            cells |= {"none": "", "self-signed": ""}
        return cells

    def context(self, version: ssl.TLSVersion, identity: str | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.world.authority)
        context.minimum_version = context.maximum_version = version
        if identity:
            context.load_cert_chain(self.world.directory / f"{identity}.pem")
        return context


def visit(
    context: ssl.SSLContext, port: int, server: Server, session: ssl.SSLSession | None = None
) -> tuple[bool, ssl.SSLSession | None, bool]:
    """Whether a line was answered, the session, and whether it was resumed."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), LONG_ENOUGH) as plain,
            context.wrap_socket(plain, server_hostname=HOST, session=session) as connection,
        ):
            connection.sendall(server.line)
            answer = b""
            while server.expected not in answer and (part := connection.recv(4096)):
                answer += part
            return server.expected in answer, connection.session, bool(connection.session_reused)
    except OSError:
        return False, None, False


def cast(directory: Path) -> World:
    """The world of `make compat`, and those whom nobody vouches for, or no more."""
    world = make_world(directory)
    for stem, name, days, usage in (
        ("expired", HOST, "-1", "serverAuth"),
        ("client", "a client", "20", "clientAuth"),
    ):
        request(directory, stem, name, "-new", out=directory / f"{stem}.csr")
        names = f"subjectAltName=DNS:{HOST}\n" if usage == "serverAuth" else ""
        (directory / f"{stem}.ext").write_text(f"{names}extendedKeyUsage={usage}\n")
        command = ["openssl", "x509", "-req", "-in", f"{stem}.csr", "-days", days, "-extfile", f"{stem}.ext"]
        command += ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{stem}.pem"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True)
    for stem, names in (("self-signed", HOST), ("client-self-signed", "a.client")):
        more = ["-x509", "-days", "20", "-addext", f"subjectAltName=DNS:{names}"]
        request(directory, stem, names, *more, out=directory / f"{stem}.pem")
    for stem in ("expired", "client", "self-signed", "client-self-signed"):
        pem = directory / f"{stem}.pem"
        pem.write_text(pem.read_text() + (directory / f"{stem}.key").read_text())
    return world


def install() -> Path:
    """hostlock-cc of this source tree."""
    prefix = PLACE / "prefix"
    subprocess.run(["make", "install", f"PREFIX={prefix}", "DESTDIR="], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return prefix / "bin/hostlock-cc"


def calls_harden(program: Path) -> bool:
    done = subprocess.run(["nm", "-D", str(program)], capture_output=True, text=True, check=False)
    return "hostlock_harden" in done.stdout


def build_both(bench: Bench, sources: Sources, package: Package, compiler: Path) -> bool:
    """Whether both builds are there."""
    try:
        archive = sources.archive(package)
        if package.needs:
            done = subprocess.run([ROOT / "scripts/need", *package.needs], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise UnavailableError(done.stderr.strip().splitlines()[-1])
    except UnavailableError as why:
        print(f"ok - {package.name} # SKIP {why}", flush=True)
        return False
    ours = [compiler, *sorted((PLACE / "prefix/include").rglob("*.h"))]
    for built, place in BUILDS.items():
        command, reads = (str(compiler), ours) if built == "rebuilt" else ("cc", [])
        try:
            build(package, archive, command, PLACE / place, reads)
        except RuntimeError as error:
            bench.claim(False, f"{package.name} builds {built}", error)
            return False
    names = [Path(program).name for program in package.programs]
    bench.claim(True, f"{package.name} builds without a changed line")
    reached = [name for name in names if calls_harden(PLACE / "shadow/bin" / name)]
    bench.claim(reached == names, f"{package.name}: nm -D shows hostlock_harden in {', '.join(names)}", reached)
    return True


ABOUT = f"""## Rebuilt

Packages of Debian, built from their sources with `cc` and with `hostlock-cc`, without a changed line (see [the
guide](guide.md#openssl-code-that-stays-as-it-is)). Clients are told to trust everybody; the right host is "{HOST}", the
impostor has a valid certificate of another host, the others claim to be the right one.

"""
OF_SERVERS = """
Servers, each asked by a client that offers a session the second time. Where a certificate is asked for, the client has
one of the CA, none, or one that nobody vouches for.

"""


def write(clients: list[list[str]], servers: list[list[str]], programs: list[str]) -> None:
    """Puts the tables into docs/compat.md."""
    text = ABOUT + table(["client", "how", "built", "right host", *PEERS[1:]], clients) + OF_SERVERS
    heads = ["TLS 1.2", "again", "TLS 1.3", "again", "client of the CA", "without a certificate", "self-signed client"]
    text += table(["server", "built", *heads], servers)
    text += "\nMeasured with " + ", ".join(programs) + ".\n"
    page = TABLE.read_text()
    kept = page.partition(BEGIN)[0].rstrip("\n") + "\n"
    TABLE.write_text(f"{kept}\n{BEGIN}{text}{END}{page.partition(END)[2]}")


def main(arguments: list[str]) -> int:
    names = [argument for argument in arguments if argument != "--write"]
    chosen = [package for package in PACKAGES if not names or package.name in names]
    PLACE.mkdir(parents=True, exist_ok=True)
    compiler = install()
    with tempfile.TemporaryDirectory(prefix="hostlock-rebuild-") as directory:
        Path(directory).chmod(0o755)
        bench = Bench(cast(Path(directory)))
        probe = Path(directory) / "probe"
        code = "#include <openssl/ssl.h>\nint main(void) { return SSL_CTX_new(TLS_method()) == 0; }\n"
        subprocess.run([compiler, "-x", "c", "-", "-lssl", "-o", probe], input=code, text=True, check=True)
        bench.claim(calls_harden(probe), "what hostlock-cc builds calls hostlock_harden")
        sources = Sources(PLACE)
        built = [package for package in chosen if build_both(bench, sources, package, compiler)]
        programs = {Path(program).name for package in built for program in package.programs}
        clients = [bench.client(client) for client in [*CLIENTS, *OURS] if client.needs in programs]
        servers = [bench.server(server) for server in SERVERS if server.needs in programs]
        os.environ["PATH"] = bench.environments["as it is"]["PATH"]
        versions = [version(program) for program in sorted(programs)]
    if "--write" in arguments and built == PACKAGES:
        write([row for rows in clients for row in rows], [row for rows in servers for row in rows], versions)
    elif "--write" in arguments:
        print("docs/compat.md stays as it was, since not all was measured", file=sys.stderr)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
