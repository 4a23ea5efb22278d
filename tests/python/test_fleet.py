"""A fleet: two processes of examples/echo_server.c with one file of ticket keys. Every client resumes at either."""

from __future__ import annotations

import base64
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
from pathlib import Path

from support import LONG_ENOUGH, Authority, example, scratch

VERSIONS = ("-tls1_2", "-tls1_3")
S_CLIENT = ["openssl", "s_client", "-servername", "localhost", "-verify_return_error", "-quiet", "-no_ign_eof"]


def a_key() -> str:
    return base64.b64encode(os.urandom(80)).decode()


class Machine:
    """One process of the fleet; its standard error is read by a thread, so that it never waits for us."""

    def __init__(self, directory: Path, files: list[Path], keys: list[str]) -> None:
        directory.mkdir()
        self.keys = directory / "ticket.keys"
        self.put(keys)
        command = [str(example("echo_server")), "0", "localhost", *map(str, files), str(self.keys)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.said: list[str] = []
        self.heard = threading.Condition()
        self.reader = threading.Thread(target=self._listen)
        self.reader.start()
        self.port = int(self.wait_for("listening on ").rsplit(" ", 1)[1])

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.heard:
                self.said.append(line)
                self.heard.notify_all()

    def wait_for(self, part: str, after: int = 0) -> str:
        with self.heard:
            if not self.heard.wait_for(lambda: any(part in line for line in self.said[after:]), LONG_ENOUGH):
                raise AssertionError(f"the server does not say {part!r}, but {self.said[after:]}")
            return next(line for line in self.said[after:] if part in line)

    def put(self, keys: list[str]) -> None:
        aside = self.keys.with_suffix(".new")
        aside.touch(0o600)
        aside.write_text("".join(key + "\n" for key in keys))
        aside.rename(self.keys)

    def reload(self) -> None:
        after = len(self.said)
        self.process.send_signal(signal.SIGHUP)
        self.wait_for("read again", after)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


class Fleet(unittest.TestCase):
    def setUp(self) -> None:
        self.authority, self.devices = Authority("Fleet CA"), Authority("Device CA")
        certificate = self.authority.issue("localhost")
        self.device = self.devices.issue("device-7.example", usage="clientAuth")
        files = [certificate, certificate, self.devices.certificate]
        self.directory = scratch() / f"fleet{time.monotonic_ns()}"
        self.directory.mkdir()
        self.keys = [a_key(), a_key()]
        self.machines = []
        for name in ("one", "other"):
            machine = Machine(self.directory / name, files, self.keys)
            self.addCleanup(machine.stop)
            self.machines.append(machine)

    def s_client(self, machine: Machine, version: str, *arguments: str | Path) -> None:
        """One conversation by openssl's own client, whose echo shows that it was served."""
        address = ["-connect", f"127.0.0.1:{machine.port}", "-CAfile", str(self.authority.certificate)]
        shown = ["-cert", str(self.device), "-key", str(self.device)]
        command = [*S_CLIENT, version, *address, *shown, *map(str, arguments)]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert client.stdin is not None and client.stdout is not None
        client.stdin.write(b"hello\n")
        client.stdin.flush()
        got = b""
        while b"hello\n" not in got and select.select([client.stdout], [], [], LONG_ENOUGH)[0]:
            part = os.read(client.stdout.fileno(), 100)
            if not part:
                break
            got += part
        _, complaints = client.communicate(timeout=LONG_ENOUGH)
        self.assertIn(b"hello\n", got, complaints.decode())

    def resumes(self, machine: Machine, version: str, *arguments: str | Path) -> bool:
        after = len(machine.said)
        self.s_client(machine, version, *arguments)
        return "resumed" in machine.wait_for("device-7.example", after)

    def test_the_session_of_each_machine_is_resumed_by_the_other_while_keys_come_and_go(self) -> None:
        one, other = self.machines
        for version in VERSIONS:
            session = self.directory / f"session{version}"
            self.assertFalse(self.resumes(one, version, "-sess_out", session))
            for stage in range(3):
                with self.subTest(version=version, stage=stage):
                    self.assertTrue(self.resumes(other, version, "-sess_in", session, "-sess_out", session))
                    # Of TLS 1.2 s_client writes down the first session only, whatever is renewed.
                    self.keys = [*(self.keys if version == "-tls1_2" else self.keys[-2:]), a_key()]
                    for machine, behind in ((one, other), (other, one)):
                        machine.put(self.keys)
                        machine.reload()
                        self.assertTrue(self.resumes(behind, version, "-sess_in", session, "-sess_out", session))
                        self.assertTrue(self.resumes(machine, version, "-sess_in", session, "-sess_out", session))

    def test_under_load_every_client_resumes_at_either_machine_through_rotations(self) -> None:
        stop, rotations = threading.Event(), 0
        full: list[str] = []
        made: dict[tuple[ssl.TLSVersion, int], int] = {}

        def roam(version: ssl.TLSVersion, seed: int) -> None:
            context = ssl.create_default_context(cafile=str(self.authority.certificate))
            context.load_cert_chain(self.device)
            context.minimum_version = context.maximum_version = version
            session, turn = None, seed
            while not stop.is_set():
                machine = self.machines[turn % 2]
                turn += 1
                with (
                    socket.create_connection(("127.0.0.1", machine.port), LONG_ENOUGH) as plain,
                    context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
                ):
                    connection.sendall(b"x")
                    if connection.recv(1) != b"x" or (session is not None and not connection.session_reused):
                        full.append(f"{version.name} at {machine.port}, turn {turn}")
                    session = connection.session
                    made[version, seed] += 1
                    connection.unwrap()

        versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
        made.update({(version, seed): 0 for version in versions for seed in (0, 1)})
        clients = [threading.Thread(target=roam, args=who) for who in made]
        for client in clients:
            client.start()
        try:
            while rotations < 8:
                self.keys = [*self.keys[-2:], a_key()]
                for machine in self.machines:
                    machine.put(self.keys)
                    machine.reload()
                rotations += 1
                # Each client comes by meanwhile, so that its ticket is of a key that will still be there: its second
                # connection has begun since the last machine had the new keys.
                wanted = {who: count + 4 for who, count in made.items()}
                deadline = time.monotonic() + LONG_ENOUGH
                while any(made[who] < count for who, count in wanted.items()) and time.monotonic() < deadline:
                    time.sleep(0.01)
        finally:
            stop.set()
            for client in clients:
                client.join()
        self.assertEqual(full, [])
        self.assertTrue(all(count >= 8 * 4 for count in made.values()), made)

    def test_a_machine_whose_keys_cannot_be_read_goes_on(self) -> None:
        one, other = self.machines
        session = self.directory / "session"
        self.assertFalse(self.resumes(one, "-tls1_3", "-sess_out", session))
        other.keys.write_text("half a li")
        after = len(other.said)
        other.process.send_signal(signal.SIGHUP)
        self.assertTrue(re.search(r"line 1 of the ticket key file .* is no base64", other.wait_for("ticket", after)))
        self.assertTrue(self.resumes(other, "-tls1_3", "-sess_in", session))
