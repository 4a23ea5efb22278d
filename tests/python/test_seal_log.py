"""What a sealed process writes down reaches the log, whatever becomes of the process: it drops its privileges, closes
what it does not know, changes its root directory, lives on as a daemon. And a file of its own never gets our lines."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from careless import DEBIAN_PYTHON
from sealing import Event, environment, events, new_log, right
from support import LONG_ENOUGH, Server, built, scratch
from test_seal_modes import fetch

IS_ROOT = os.geteuid() == 0

AFTER = """
import glob, os, resource, socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
plain = socket.create_connection(("127.0.0.1", {port}))
{changes}
context.wrap_socket(plain, server_hostname="localhost").close()
"""

DROP = "os.setgroups([]); os.setgid(65534); os.setuid(65534)"
CLOSE = """
for number in range(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0]):
    if number != plain.fileno():
        try: os.close(number)
        except OSError: pass
"""
REUSE = """
kept = [int(name) for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)
        and os.readlink("/proc/self/fd/" + name).endswith(".jsonl")]
own = os.open({own!r}, os.O_CREAT | os.O_WRONLY)
for number in kept: os.dup2(own, number)
print(len(kept), flush=True)
"""

NGINX = """
daemon off; worker_processes 1; user nobody nogroup; pid {directory}/pid; error_log {directory}/errors;
events {{ }}
http {{
    access_log off; client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
    uwsgi_temp_path {directory}; scgi_temp_path {directory};
    server {{ listen 127.0.0.1:{port} ssl; server_name localhost; ssl_certificate {pem}; ssl_certificate_key {pem};
             return 200 "served\\n"; }}
}}
"""


def open_to_all(directory: Path) -> Path:
    """The directory, where another user may search it."""
    scratch().chmod(0o755)
    directory.chmod(0o755)
    return directory


def ends(all_events: list[Event]) -> list[str]:
    """The outcomes of connections."""
    return [event["event"] for event in all_events if event["event"] in ("connected", "refused", "failed", "served")]


class Log(unittest.TestCase):
    def run_with(self, changes: str, *before: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        """A client that makes the changes before its handshake, in a process that writes to a log of its own."""
        log = new_log()
        with Server(right()) as port:
            ran = subprocess.run(
                [*before, DEBIAN_PYTHON, "-c", AFTER.format(port=port, changes=changes)],
                env=environment(log),
                capture_output=True,
                text=True,
                timeout=LONG_ENOUGH,
                check=False,
            )
        return ran, log

    def test_a_process_that_may_not_open_the_log_any_more_goes_on_logging(self) -> None:
        if not IS_ROOT:
            self.skipTest("needs root, to become another user")
        for changes in (DROP, f"os.chroot({str(scratch())!r}); os.chdir('/')", f"os.chroot('/proc'); {DROP}"):
            with self.subTest(changes):
                ran, log = self.run_with(changes)
                # The authority's file may be out of reach by then too.
                self.assertEqual(len(ends(events(log))), 1, ran)
                self.assertEqual(log.stat().st_mode & 0o777, 0o600)
                self.assertEqual(list(scratch().glob("**/*.jsonl.*")), [])

    def test_a_process_that_closes_what_it_does_not_know_goes_on_logging(self) -> None:
        ran, log = self.run_with(CLOSE)
        self.assertEqual(ends(events(log)), ["connected"], ran)

    def test_a_file_that_took_the_place_of_the_log_gets_no_line(self) -> None:
        own = new_log().with_name("own")
        ran, log = self.run_with(REUSE.format(own=str(own)))
        self.assertGreaterEqual(int(ran.stdout), 1)
        self.assertEqual((own.read_bytes(), ends(events(log))), (b"", ["connected"]), ran)

    def test_programs_that_are_executed_do_not_inherit_it(self) -> None:
        listing = subprocess.run(
            [DEBIAN_PYTHON, "-c", "import os; os.environ.clear(); os.execv('/bin/ls', ['ls', '-l', '/proc/self/fd'])"],
            env=environment(new_log()),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        self.assertNotIn(".jsonl", listing)

    def test_a_server_whose_workers_are_another_user_logs_what_they_served(self) -> None:
        nginx = shutil.which("nginx")
        if nginx is None or not IS_ROOT:
            self.skipTest("needs nginx and root")
        directory = open_to_all(Path(tempfile.mkdtemp(prefix="nginx-", dir=scratch())))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        configuration, log = directory / "nginx.conf", new_log()
        configuration.write_text(NGINX.format(directory=directory, port=port, pem=right()))
        process = subprocess.Popen([nginx, "-c", str(configuration)], env=environment(log))
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            self.assertIn("served", fetch(port))
        finally:
            process.terminate()
            process.wait()
        served = [event for event in events(log) if event["event"] == "served"]
        self.assertEqual(len(served), 1, events(log))
        self.assertNotEqual(served[0]["pid"], process.pid)


class Run(unittest.TestCase):
    """The log of `hostlock run`."""

    def hostlock(
        self, *command: str, directory: Path | None = None, preload: Path | None = None
    ) -> tuple[str, list[str]]:
        """What a program printed under `hostlock run`, and how its connections ended."""
        summary = new_log()
        world = environment(new_log(), TMPDIR=str(directory or open_to_all(Path(tempfile.mkdtemp(dir=scratch())))))
        for name in ("LD_PRELOAD", "HOSTLOCK_SEAL", "HOSTLOCK_SEAL_REPORT"):
            del world[name]
        if preload is not None:
            world["HOSTLOCK_PRELOAD"] = str(preload / "libhostlock_preload.so")
        ran = subprocess.run(
            [built() / "hostlock", "run", "--json", "--output", summary, "--", *command],
            env=world,
            capture_output=True,
            text=True,
            timeout=LONG_ENOUGH,
            check=False,
        )
        connections = json.loads(summary.read_text())["connections"]
        return ran.stdout + ran.stderr, [end["outcome"] for end in connections]

    def test_a_daemon_that_closes_everything_and_becomes_another_user_logs(self) -> None:
        if not IS_ROOT:
            self.skipTest("needs root, to become another user")
        with Server(right()) as port:
            said, ends_of_run = self.hostlock(DEBIAN_PYTHON, "-c", AFTER.format(port=port, changes=CLOSE + DROP))
        self.assertEqual(len(ends_of_run), 1, said)

    def test_a_program_that_is_executed_by_another_user_is_run_and_logs(self) -> None:
        if not IS_ROOT or shutil.which("setpriv") is None:
            self.skipTest("needs root and setpriv, to become another user")
        # What is preloaded must lie where that user may read it.
        preloaded = Path(tempfile.mkdtemp(prefix="preloaded-", dir=scratch()))
        for name in ("libhostlock_preload.so", "libhostlock.so"):
            shutil.copy(built() / name, preloaded)
        open_to_all(preloaded)
        become = ("setpriv", "--reuid=65534", "--clear-groups")
        with Server(right()) as port:
            said, ends_of_run = self.hostlock(
                *become, DEBIAN_PYTHON, "-c", AFTER.format(port=port, changes=""), preload=preloaded
            )
        self.assertEqual(len(ends_of_run), 1, said)

    def test_the_log_is_no_other_users_to_read_and_is_not_made_again(self) -> None:
        directory = open_to_all(Path(tempfile.mkdtemp(dir=scratch())))
        look = f"ls -ld {directory}/*/ {directory}/*/*; (sleep 0.5; exec openssl s_client) >/dev/null 2>&1 </dev/null &"
        said, _ = self.hostlock("sh", "-c", look, directory=directory)
        rights = [line.split()[0].rstrip("+.") for line in said.splitlines() if "hostlock-" in line]
        self.assertEqual(rights, ["drwx--x--x", "-rw--w--w-"] if IS_ROOT else ["drwx------", "-rw-------"], said)
        time.sleep(1.5)
        self.assertEqual(list(directory.iterdir()), [])


class Initialiser(unittest.TestCase):
    """Where the command finds what it preloads."""

    def test_it_is_found_in_the_directories_that_systems_take_for_libraries(self) -> None:
        for libraries in ("lib", "lib64", "lib/x86_64-linux-gnu"):
            prefix = Path(tempfile.mkdtemp(prefix="prefix-", dir=scratch()))
            where = prefix / libraries
            (where / "hostlock").mkdir(parents=True)
            (prefix / "bin").mkdir()
            shutil.copy(built() / "hostlock", prefix / "bin")
            shutil.copy(built() / "libhostlock_preload.so", where / "hostlock")
            shutil.copy(built() / "libhostlock.so", where / "libhostlock.so.0")
            maps = [str(prefix / "bin/hostlock"), "run", "--", "grep", "-o", f"{prefix}.*", "/proc/self/maps"]
            ran = subprocess.run(maps, capture_output=True, text=True, check=False)
            self.assertIn(f"{where}/libhostlock.so.0", ran.stdout, ran)


if __name__ == "__main__":
    unittest.main()
