"""The programs of `make compat`: how each is told to connect or to serve, in the careless way that people use and in
the careful one. Nothing here is judged."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from compat_scripts import (
    ASYNCIO,
    BY_NAME,
    BY_NUMBER,
    M2CRYPTO,
    MEMORY,
    NUMBER_ALONE,
    PERL,
    PHP_NO_SNI,
    PHP_STREAM,
    PYOPENSSL,
    PYTHON,
    RUBY_HTTP,
    RUBY_SOCKET,
    SMTPLIB,
)
from compat_world import ANSWER, HOST, LONG_ENOUGH, Environment, World, daemon, free_port, http_get, redis

Command = Callable[[World, int, int], list[str]]
Ask = Callable[[World, int, Environment], bool]
Run = Callable[[World, int, Environment], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Client:
    """A program that connects. `ask` runs it against a port and answers whether it got the answer; `names_host`: to its
    TLS, to the resolver or to a proxy. Some need a `module`, which a command imports."""

    name: str
    needs: str
    manner: str
    names_host: bool
    ask: Ask
    serve: str = "web"
    covered: bool = True
    module: tuple[str, ...] = ()


@dataclass(frozen=True)
class Service:
    """A program that serves. `run` starts it on a port; `ask` answers what a client got from it."""

    name: str
    needs: str
    run: Run
    line: bytes


# How clients are run.


def prints(expected: str, *command: str, line: str = "") -> Ask:
    """Runs a command with {port}, {host} and {ca} filled in; `line` is its input."""

    def ask(world: World, port: int, environment: Environment) -> bool:
        filled = [part.format(port=port, host=HOST, ca=world.authority) for part in command]
        try:
            done = subprocess.run(
                filled, env=environment, input=line.encode(), capture_output=True, timeout=LONG_ENOUGH, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return expected.encode() in done.stdout

    return ask


def through(configure: Command) -> Ask:
    """Runs a proxy between a plain client and the port; `configure` gives its command for both ports."""

    def ask(world: World, port: int, environment: Environment) -> bool:
        front = free_port()
        with daemon(configure(world, front, port), front, environment):
            return ANSWER.encode() in http_get(socket.create_connection(("127.0.0.1", front), LONG_ENOUGH))

    return ask


def configuration(world: World, name: str, text: str) -> str:
    path = world.directory / name
    path.write_text(text)
    return str(path)


def nginx(server: str) -> Command:
    """nginx with one server block, in which @front@, @back@, @right@ and @ca@ are filled in."""

    def configure(world: World, front: int, back: int) -> list[str]:
        directory = world.directory
        filled = server.replace("@front@", str(front)).replace("@back@", str(back))
        filled = filled.replace("@right@", str(world.right)).replace("@ca@", str(world.authority))
        temporary = "".join(
            f"{kind}_temp_path {directory}/nginx-{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # nginx clears its workers' environment, and with it where the system's roots are.
        text = f"daemon off; worker_processes 1; pid {directory}/nginx.pid; error_log stderr; env SSL_CERT_FILE;\n"
        # The seal's log belongs to who began it; workers of another user could not go on with it.
        text += "user root;\n" if os.geteuid() == 0 else ""
        text += f"events {{}} http {{ access_log off; {temporary} server {{ {filled} }} }}\n"
        return ["nginx", "-e", "stderr", "-p", str(directory), "-c", configuration(world, "nginx.conf", text)]

    return configure


def haproxy(text: str) -> Command:
    def configure(world: World, front: int, back: int) -> list[str]:
        filled = text.format(front=front, back=back, host=HOST, right=world.right, ca=world.authority)
        times = "defaults\n mode http\n timeout connect 10s\n timeout client 10s\n timeout server 10s\n"
        return ["haproxy", "-db", "-f", configuration(world, "haproxy.cfg", times + filled)]

    return configure


def stunnel(text: str) -> Command:
    def configure(world: World, front: int, back: int) -> list[str]:
        filled = text.format(front=front, back=back, host=HOST, right=world.right, ca=world.authority)
        head = "foreground = yes\npid =\nsyslog = no\n[service]\n"
        return ["stunnel", configuration(world, "stunnel.conf", head + filled)]

    return configure


GET = "GET / HTTP/1.0\r\n\r\n"
PSQL = "host={host} hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres sslrootcert={ca} sslmode="
SELECT = f"select '{ANSWER}'"
S_CLIENT = ("openssl", "s_client", "-quiet", "-connect", "127.0.0.1:{port}")
PROXY = "listen 127.0.0.1:@front@; location / {{ proxy_pass https://127.0.0.1:@back@; {} }}"
NAMED = f"proxy_ssl_server_name on; proxy_ssl_name {HOST};"
BACKEND = "frontend f\n bind 127.0.0.1:{front}\n default_backend b\nbackend b\n server s 127.0.0.1:{back} ssl "
TUNNEL = "client = yes\naccept = 127.0.0.1:{front}\n"


def python_of(version: str) -> str:
    """Python `version`: what stands first on PATH may only look for one."""
    homes = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    return str(homes[-1]) if homes else f"python{version}"


# Debian's own has its packages.
DEBIAN_PYTHON = "/usr/bin/python3"

CLIENTS = [
    Client("curl", "curl", "`-k`", True, prints(ANSWER, "curl", "-sk", "https://{host}:{port}/")),
    Client(
        "curl", "curl", "as it is", True, prints(ANSWER, "curl", "-s", "--cacert", "{ca}", "https://{host}:{port}/")
    ),
    Client(
        "wget",
        "wget",
        "`--no-check-certificate`",
        True,
        prints(ANSWER, "wget", "-qO-", "--no-check-certificate", "https://{host}:{port}/"),
        covered=False,
    ),
    Client(
        "openssl s_client",
        "openssl",
        "with `-servername`",
        True,
        prints(ANSWER, *S_CLIENT, "-servername", HOST, line=GET),
    ),
    Client(
        "openssl s_client",
        "openssl",
        "with `-noservername`",
        False,
        prints(ANSWER, *S_CLIENT, "-noservername", line=GET),
    ),
    Client(
        "openssl s_client",
        "openssl",
        "with `-noservername`, by name",
        True,
        prints(ANSWER, *S_CLIENT[:-1], "{host}:{port}", "-noservername", line=GET),
    ),
    Client(
        "socat",
        "socat",
        "`verify=0`",
        True,
        prints(ANSWER, "socat", "-t5", "-", "OPENSSL:{host}:{port},pf=ip4,verify=0", line=GET),
    ),
    Client("python3", "python3", "`CERT_NONE`", True, prints(ANSWER, sys.executable, "-c", PYTHON)),
    *(
        Client(name, program, manner, names, prints(ANSWER, program, "-W", "ignore", "-c", code))
        for name, program in (("python2.7", python_of("2.7")), ("python3", sys.executable))
        for manner, names, code in (
            ("`wrap_socket`, by name", True, BY_NAME),
            ("`wrap_socket`, the address from `gethostbyname`", True, BY_NUMBER),
            ("`wrap_socket`, by an address alone", False, NUMBER_ALONE),
        )
    ),
    Client("python3", "python3", "`asyncio`, no name for TLS", True, prints(ANSWER, sys.executable, "-c", ASYNCIO)),
    Client("python3", "python3", "memory BIOs, no name", True, prints(ANSWER, sys.executable, "-c", MEMORY)),
    Client(
        "python2.7",
        python_of("2.7"),
        "`smtplib`, `starttls()`",
        True,
        prints(ANSWER, python_of("2.7"), "-c", SMTPLIB),
        "mail",
    ),
    Client(
        "M2Crypto",
        DEBIAN_PYTHON,
        "as its HOWTO begins",
        True,
        prints(ANSWER, DEBIAN_PYTHON, "-c", M2CRYPTO),
        module=(DEBIAN_PYTHON, "-c", "import M2Crypto"),
    ),
    Client(
        "pyOpenSSL",
        DEBIAN_PYTHON,
        "no name",
        True,
        prints(ANSWER, DEBIAN_PYTHON, "-c", PYOPENSSL),
        module=(DEBIAN_PYTHON, "-c", "import OpenSSL"),
    ),
    Client("ruby", "ruby", "`Net::HTTP`, `VERIFY_NONE`", True, prints(ANSWER, "ruby", "-e", RUBY_HTTP)),
    Client("ruby", "ruby", "`SSLSocket`, as it is: no name", True, prints(ANSWER, "ruby", "-e", RUBY_SOCKET)),
    Client("php", "php", "`verify_peer` off", True, prints(ANSWER, "php", "-r", PHP_STREAM)),
    Client("php", "php", "the same, `SNI_enabled` off", True, prints(ANSWER, "php", "-r", PHP_NO_SNI)),
    Client(
        "perl",
        "perl",
        "`SSL_verify_mode => 0`",
        True,
        prints(ANSWER, "perl", "-e", PERL),
        module=("perl", "-MIO::Socket::SSL", "-e", "1"),
    ),
    Client(
        "lftp",
        "lftp",
        "`ssl:verify-certificate no`",
        True,
        prints(ANSWER, "lftp", "-c", "set ssl:verify-certificate no; cat https://{host}:{port}/"),
        covered=False,
    ),
    Client(
        "mariadb",
        "mariadb",
        "`--ssl`",
        True,
        prints(
            ANSWER, "mariadb", "-h", "{host}", "-P", "{port}", "--protocol=tcp", "--ssl", "-u", "me", "-NBe", "select 1"
        ),
        "mysql",
    ),
    Client(
        "psql",
        "psql",
        "`sslmode=require`",
        True,
        prints(ANSWER, "psql", "-XAtc", SELECT, PSQL.replace(" sslrootcert={ca}", "") + "require"),
        "postgres",
    ),
    Client(
        "psql",
        "psql",
        "`sslmode=prefer`, the default",
        True,
        prints(ANSWER, "psql", "-XAtc", SELECT, PSQL.replace(" sslrootcert={ca} sslmode=", "")),
        "postgres",
    ),
    Client(
        "psql",
        "psql",
        "`sslmode=verify-full`",
        True,
        prints(ANSWER, "psql", "-XAtc", SELECT, PSQL + "verify-full"),
        "postgres",
    ),
    Client(
        "redis-cli",
        "redis-cli",
        "`--insecure`, with `--sni`",
        True,
        prints("PONG", "redis-cli", "-p", "{port}", "--tls", "--insecure", "--sni", "{host}", "ping"),
        "redis",
    ),
    Client(
        "redis-cli",
        "redis-cli",
        "`--cacert`: checks the chain, not the host",
        True,
        prints("PONG", "redis-cli", "-h", "{host}", "-p", "{port}", "--tls", "--cacert", "{ca}", "ping"),
        "redis",
    ),
    Client(
        "nginx as a proxy", "nginx", "as it is: no `proxy_ssl_verify`, no SNI", False, through(nginx(PROXY.format("")))
    ),
    Client(
        "nginx as a proxy",
        "nginx",
        "the same, to a name",
        True,
        through(nginx(PROXY.replace("127.0.0.1:@back@", f"{HOST}:@back@").format(""))),
    ),
    Client("nginx as a proxy", "nginx", "`proxy_ssl_server_name on`", True, through(nginx(PROXY.format(NAMED)))),
    Client(
        "nginx as a proxy",
        "nginx",
        "the same and `proxy_ssl_verify on`",
        True,
        through(nginx(PROXY.format(NAMED + "proxy_ssl_verify on; proxy_ssl_trusted_certificate @ca@;"))),
    ),
    Client("haproxy as a proxy", "haproxy", "`verify none`", False, through(haproxy(BACKEND + "verify none\n"))),
    Client(
        "haproxy as a proxy",
        "haproxy",
        "`verify none`, to a name",
        True,
        through(haproxy(BACKEND.replace("server s 127.0.0.1", "server s {host}") + "verify none\n")),
    ),
    Client(
        "haproxy as a proxy",
        "haproxy",
        "`verify none`, with `sni`",
        True,
        through(haproxy(BACKEND + "verify none sni str({host})\n")),
    ),
    Client(
        "stunnel as a client",
        "stunnel",
        "as it is: no `verifyChain`",
        True,
        through(stunnel(TUNNEL + "connect = {host}:{back}\n")),
    ),
    Client(
        "stunnel as a client",
        "stunnel",
        "to an address, with `sni`",
        True,
        through(stunnel(TUNNEL + "connect = 127.0.0.1:{back}\nsni = {host}\n")),
    ),
]


# How services are run.


def serving(
    configure: Command,
) -> Run:
    @contextlib.contextmanager
    def run(world: World, port: int, environment: Environment) -> Iterator[None]:
        back = free_port()
        page = [sys.executable, "-c", PAGE, str(back)]
        plain = {name: value for name, value in environment.items() if name != "LD_PRELOAD"}
        with daemon(page, back, plain), daemon(configure(world, port, back), port, environment):
            yield

    return run


PAGE = f"""
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    while True:
        one, _ = listening.accept()
        with one:
            if one.recv(4096):
                one.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: {len(ANSWER)}\\r\\n\\r\\n{ANSWER}")
"""


@contextlib.contextmanager
def run_redis(world: World, port: int, environment: Environment) -> Iterator[None]:
    with redis(world.right, world, environment, port):
        yield


OLD = "ALL:@SECLEVEL=0"
FRONT = (
    "frontend f\n bind 127.0.0.1:{front} ssl crt {right} ssl-min-ver TLSv1.0 ciphers " + OLD + "\n default_backend b\n"
)
SERVICES = [
    Service(
        "nginx",
        "nginx",
        serving(
            nginx(
                "listen 127.0.0.1:@front@ ssl; ssl_certificate @right@; ssl_certificate_key @right@;"
                f"ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers {OLD}; return 200 {ANSWER};"
            )
        ),
        GET.encode(),
    ),
    Service("haproxy", "haproxy", serving(haproxy(FRONT + "backend b\n server s 127.0.0.1:{back}\n")), GET.encode()),
    Service(
        "stunnel",
        "stunnel",
        serving(
            stunnel(
                "accept = 127.0.0.1:{front}\nconnect = 127.0.0.1:{back}\ncert = {right}\n"
                f"sslVersionMin = TLSv1\nsecurityLevel = 0\nciphers = {OLD}\n"
            )
        ),
        GET.encode(),
    ),
    Service("redis-server", "redis-server", run_redis, b"PING\r\n"),
]
