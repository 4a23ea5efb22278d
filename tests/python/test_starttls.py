"""hostlock_starttls against the servers that people run: exim, dovecot, vsftpd, InterNetNews and PostgreSQL, where they
are there."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from collections.abc import Iterator
from pathlib import Path

from support import LONG_ENOUGH, Authority, built, example, library, run

POINTER = ctypes.c_void_p
IS_ROOT = os.geteuid() == 0
POSTGRES_STARTS = b"\x00\x00\x00\x10\x00\x03\x00\x00user\x00x\x00\x00"


def load() -> ctypes.CDLL:
    lib = ctypes.CDLL(str(library()))
    for name in ("hostlock_client_new", "hostlock_last_error"):
        getattr(lib, name).restype = POINTER
    for name in ("hostlock_error_message", "hostlock_status_name", "hostlock_conn_version"):
        getattr(lib, name).restype = ctypes.c_char_p
    for name in ("hostlock_read", "hostlock_write_all"):
        getattr(lib, name).restype = ctypes.c_ssize_t
        getattr(lib, name).argtypes = [POINTER, ctypes.c_char_p, ctypes.c_size_t]
    lib.hostlock_error_message.argtypes = [POINTER]
    lib.hostlock_conn_resumed.restype = ctypes.c_bool
    lib.hostlock_conn_version.argtypes = [POINTER]
    return lib


def command() -> Path:
    """The command `hostlock`."""
    return built() / "hostlock"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def find(*names: str) -> str | None:
    """The first of these commands that is there, also where only an administrator looks."""
    places = os.environ["PATH"] + ":/usr/sbin:/usr/lib/postgresql/15/bin:/usr/lib/news/bin"
    return next((found for name in names if (found := shutil.which(name, path=places))), None)


class Starttls(unittest.TestCase):
    authority: Authority
    directory: Path
    certificate: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = Authority("STARTTLS CA")
        # Of its own, and short: servers make sockets in it, as users of their own.
        cls.directory = Path(tempfile.mkdtemp(prefix="hl-", dir="/tmp"))
        cls.directory.chmod(0o755)
        cls.certificate = cls.directory / "server.pem"
        shutil.copy(cls.authority.issue("localhost"), cls.certificate)
        cls.certificate.chmod(0o644)

    @classmethod
    def tearDownClass(cls) -> None:
        shutil.rmtree(cls.directory, ignore_errors=True)

    @contextlib.contextmanager
    def running(self, command: list[str], port: int, user: str | None = None, says: str = "") -> Iterator[int]:
        log = self.directory / f"{Path(command[0]).name}.out"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, user=user, cwd=self.directory
            )
        try:
            end = time.monotonic() + LONG_ENOUGH
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    if says in log.read_text(errors="replace"):
                        break
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"{command} does not listen:\n{log.read_text(errors='replace')}")
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def meet(self, protocol: str, port: int, says: bytes, answer: bytes) -> None:
        """Under TLS the server answers as it should; under another name it is refused."""
        lib = load()
        ctx = POINTER(lib.hostlock_client_new(None))
        self.assertEqual(lib.hostlock_ctx_trust_file(ctx, str(self.authority.certificate).encode()), 0)
        for host, expected in ((b"localhost", 0), (b"127.0.0.1", -12)):
            with self.subTest(protocol=protocol, host=host):
                connection = POINTER()
                status = lib.hostlock_starttls(ctx, protocol.encode(), host, port, ctypes.byref(connection))
                words = lib.hostlock_error_message(lib.hostlock_last_error()) if status else b""
                self.assertEqual(status, expected, words)
                if status != 0:
                    continue
                self.assertIn(lib.hostlock_conn_version(connection), (b"TLSv1.2", b"TLSv1.3"))
                self.assertEqual(lib.hostlock_write_all(connection, says, len(says)), len(says))
                room = ctypes.create_string_buffer(4096)
                self.assertGreater(lib.hostlock_read(connection, room, 4096), 0)
                self.assertTrue(room.raw.startswith(answer), room.raw[:100])
                lib.hostlock_conn_free(connection)
        lib.hostlock_ctx_free(ctx)
        for name, code in (("localhost", 0), ("127.0.0.1", 1)):
            with self.subTest("the audit", protocol=protocol, host=name):
                target = f"{name}:{port}"
                done = run([command(), "audit", "--starttls", protocol, target, "--ca", self.authority.certificate])
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertIn(f"{target} by STARTTLS of {protocol}, judged by", done.stdout)
                verdict = "accepts" if code == 0 else "would have let it through"
                self.assertRegex(done.stdout, rf"the chain, and no host +{verdict}\n")

    def need(self, *names: str) -> str:
        found = find(*names)
        if found is None or not IS_ROOT:
            self.skipTest(f"{names[0]} is not installed" if found is None else "its server wants to be started by root")
        return found

    def test_exim_is_met_by_smtp(self) -> None:
        exim = self.need("exim4", "exim")
        port, spool = free_port(), self.directory / "exim"
        spool.mkdir(mode=0o777)
        config = self.directory / "exim.conf"
        config.write_text(
            f"primary_hostname = localhost\nspool_directory = {spool}\nlog_file_path = {spool}/%slog\n"
            f"pid_file_path = {spool}/pid\ntls_advertise_hosts = *\ntls_certificate = {self.certificate}\n"
            f"tls_privatekey = {self.certificate}\nlocal_interfaces = 127.0.0.1\ndaemon_smtp_ports = {port}\n"
            "queue_only = true\nacl_smtp_rcpt = accept\nacl_smtp_data = accept\n"
            "begin acl\nbegin routers\nbegin transports\n"
        )
        spool.chmod(0o777)
        with self.running([exim, "-C", str(config), "-bdf"], port):
            self.meet("smtp", port, b"EHLO x\r\n", b"250-")
            self.send_mail(port, spool)

    def send_mail(self, port: int, spool: Path) -> None:
        """examples/mail_client.c: a mail arrives as it is, and nothing of one goes to an impostor."""
        client = example("mail_client")
        text = "Subject: dots\n\n.\n..two\nthe last line has no end"
        for server, status in (("localhost", 0), ("127.0.0.1", 1)):
            words = [str(client), server, str(port), "me@localhost", "you@localhost", str(self.authority.certificate)]
            done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=LONG_ENOUGH, check=False)
            self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn("127.0.0.1", done.stderr)
        bodies = list(spool.glob("input/*-D")) + list(spool.glob("input/*/*-D"))
        self.assertEqual(len(bodies), 1)
        self.assertEqual(bodies[0].read_text().split("\n", 1)[1], ".\n..two\nthe last line has no end\n")
        refused = run([client, "localhost", str(port), "me@localhost>\r\nQUIT", "you@localhost"])
        self.assertEqual(refused.returncode, 2)

    def test_dovecot_is_met_by_imap_and_pop3(self) -> None:
        dovecot = self.need("dovecot")
        imap, pop3 = free_port(), free_port()
        config = self.directory / "dovecot.conf"
        protocols = [name for name in ("imap", "pop3") if Path(f"/usr/lib/dovecot/{name}-login").exists()]
        config.write_text(
            f"protocols = {' '.join(protocols)}\nlisten = 127.0.0.1\nbase_dir = {self.directory}/run\n"
            f"log_path = {self.directory}/dovecot.log\nssl = required\nssl_cert = <{self.certificate}\n"
            f"ssl_key = <{self.certificate}\nmail_location = maildir:{self.directory}/mail\n"
            "passdb {\n  driver = static\n  args = password=x\n}\n"
            f"service imap-login {{\n  inet_listener imap {{\n    port = {imap}\n  }}\n"
            "  inet_listener imaps {\n    port = 0\n  }\n}\n"
            + (
                f"service pop3-login {{\n  inet_listener pop3 {{\n    port = {pop3}\n  }}\n"
                "  inet_listener pop3s {\n    port = 0\n  }\n}\n"
                if "pop3" in protocols
                else ""
            )
        )
        with self.running([dovecot, "-F", "-c", str(config)], imap):
            self.meet("imap", imap, b"a LOGOUT\r\n", b"* BYE")
            if "pop3" in protocols:
                self.meet("pop3", pop3, b"QUIT\r\n", b"+OK")

    def test_vsftpd_is_met_by_ftp(self) -> None:
        vsftpd = self.need("vsftpd")
        port, empty = free_port(), self.directory / "empty"
        empty.mkdir(mode=0o755)
        config = self.directory / "vsftpd.conf"
        config.write_text(
            f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n"
            f"allow_anon_ssl=YES\nssl_enable=YES\nrsa_cert_file={self.certificate}\nrsa_private_key_file={self.certificate}\n"
            f"ssl_ciphers=HIGH\nsecure_chroot_dir={empty}\nseccomp_sandbox=NO\nanon_root={empty}\npasv_address=127.0.0.1\n"
        )
        config.chmod(0o600)
        with self.running([vsftpd, str(config)], port):
            self.meet("ftp", port, b"NOOP\r\n", b"530 ")
            # It demands that the data channel goes on from the control connection's session.
            self.assertEqual(self.list_files(port, with_session=True), (True, b"226"))
            self.assertEqual(self.list_files(port, with_session=False), (False, b"522"))

    def list_files(self, port: int, *, with_session: bool) -> tuple[bool, bytes]:
        """Whether the data channel resumed, and what the server says at the end."""
        lib = load()
        ctx, control, data = POINTER(lib.hostlock_client_new(None)), POINTER(), POINTER()
        self.assertEqual(lib.hostlock_ctx_trust_file(ctx, str(self.authority.certificate).encode()), 0)
        self.assertEqual(lib.hostlock_starttls(ctx, b"ftp", b"localhost", port, ctypes.byref(control)), 0)
        room = ctypes.create_string_buffer(4096)

        def say(command: bytes) -> bytes:
            self.assertEqual(lib.hostlock_write_all(control, command + b"\r\n", len(command) + 2), len(command) + 2)
            return answer()

        def answer() -> bytes:
            self.assertGreater(got := lib.hostlock_read(control, room, 4096), 0)
            return room.raw[:got]

        for command, code in (
            (b"USER anonymous", b"331"),
            (b"PASS x", b"230"),
            (b"PBSZ 0", b"200"),
            (b"PROT P", b"200"),
        ):
            self.assertTrue(say(command).startswith(code))
        data_port = int(say(b"EPSV").split(b"|")[3])
        with socket.create_connection(("127.0.0.1", data_port), LONG_ENOUGH) as plain:
            said = say(b"NLST")
            self.assertTrue(said.startswith(b"150"), said)
            plain.setblocking(False)
            self.assertEqual(lib.hostlock_connect_fd(ctx, plain.fileno(), b"localhost", ctypes.byref(data)), 0)
            plain.setblocking(True)
            if with_session:
                self.assertEqual(lib.hostlock_conn_set_session_from(data, control), 0)
            self.assertEqual(lib.hostlock_handshake(data), 0)
            resumed = bool(lib.hostlock_conn_resumed(data))
            while lib.hostlock_read(data, room, 4096) > 0:
                pass
            lib.hostlock_shutdown(data)
            end = answer()[:3]
            lib.hostlock_conn_free(data)
        lib.hostlock_conn_free(control)
        lib.hostlock_ctx_free(ctx)
        return resumed, end

    def test_internetnews_is_met_by_nntp(self) -> None:
        nnrpd = self.need("nnrpd")
        port, home = free_port(), self.directory / "news"
        for part in (home, home / "db", home / "overview"):
            part.mkdir()
        shutil.copy(self.certificate, home / "server.pem")
        (home / "server.pem").chmod(0o600)
        for name in ("active", "newsgroups", "active.times"):
            (home / "db" / name).touch()
        settings = {
            **{"mta": "/bin/false", "hismethod": "hisv6", "ovmethod": "tradindexed", "domain": "example"},
            **{
                "pathhost": "news.example",
                "pathnews": Path(nnrpd).parent.parent,
                "pathetc": home,
                "pathdb": home / "db",
            },
            **{"pathlog": home, "pathrun": home, "pathtmp": home, "pathspool": home, "pathoverview": home / "overview"},
            **{"tlscertfile": home / "server.pem", "tlskeyfile": home / "server.pem", "nnrpdloadlimit": 0},
        }
        (home / "inn.conf").write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))
        (home / "storage.conf").write_text("method tradspool {\n newsgroups: *\n class: 0\n}\n")
        (home / "tradspool.map").touch()
        everybody = 'auth "a" {\n hosts: "*"\n default: "<a>"\n}\naccess "a" {\n users: "<a>"\n newsgroups: "*"\n}\n'
        (home / "readers.conf").write_text(everybody)
        for place in (home, *home.rglob("*")):
            shutil.chown(place, "news", "news")
        # The group counts, too.
        configured = ["setpriv", "--reuid=news", "--regid=news", "--clear-groups", "env", f"INNCONF={home}/inn.conf"]
        overview = [*configured, str(Path(nnrpd).parent / "makehistory"), "-O", "-x", "-a", "-T", "1"]
        subprocess.run(overview, cwd="/", check=True, capture_output=True, timeout=LONG_ENOUGH)
        daemon = [nnrpd, "-D", "-f", "-4", "127.0.0.1", "-p", str(port), "-c", str(home / "readers.conf")]
        with self.running([*configured, *daemon], port):
            self.meet("nntp", port, b"DATE\r\n", b"111 ")
        (home / "inn.conf").write_text("".join(f"{n}: {v}\n" for n, v in settings.items() if not n.startswith("tls")))
        with self.running([*configured, *daemon], port):
            lib, connection = load(), POINTER()
            ctx = POINTER(lib.hostlock_client_new(None))
            status = lib.hostlock_starttls(ctx, b"nntp", b"localhost", port, ctypes.byref(connection))
            self.assertEqual(lib.hostlock_status_name(status), b"HOSTLOCK_E_PLAINTEXT")
            lib.hostlock_ctx_free(ctx)

    def test_postgresql_is_met_by_its_own_request(self) -> None:
        postgres, initdb = find("postgres"), find("initdb")
        if postgres is None or initdb is None:
            self.skipTest("PostgreSQL is not installed")
        port, data, key = free_port(), self.directory / "data", self.directory / "postgres.pem"
        shutil.copy(self.certificate, key)
        # It never runs as root, and wants the key for itself.
        user = "nobody" if IS_ROOT else None
        data.mkdir(mode=0o700)
        if user:
            shutil.chown(data, user)
            shutil.chown(key, user)
        key.chmod(0o600)
        initialise = [initdb, "-D", str(data), "-A", "trust", "-U", "x"]
        subprocess.run(initialise, user=user, cwd="/", check=True, capture_output=True, timeout=LONG_ENOUGH)
        settings = {
            "ssl": "on",
            "ssl_cert_file": key,
            "ssl_key_file": key,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": port,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # It listens before it answers.
        says = "ready to accept connections"
        with self.running([postgres, "-D", str(data), *options], port, user, says):
            self.meet("postgres", port, POSTGRES_STARTS, b"R")
        plain = free_port()
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", f"port={plain}"]
        with self.running([postgres, "-D", str(data), *options], plain, user):
            lib, connection = load(), POINTER()
            ctx = POINTER(lib.hostlock_client_new(None))
            status = lib.hostlock_starttls(ctx, b"postgres", b"localhost", plain, ctypes.byref(connection))
            self.assertEqual(lib.hostlock_status_name(status), b"HOSTLOCK_E_PLAINTEXT")
            lib.hostlock_ctx_free(ctx)
