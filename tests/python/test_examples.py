"""The programs of examples/, built as their first lines say, against good peers and bad ones."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
import unittest
from pathlib import Path
from typing import Callable

from support import Authority, Server, example, installed, interpreter_of, run

VALGRIND = [
    "valgrind",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite",
    "--track-fds=yes",
    "--error-exitcode=99",
]
Client = Callable[[str, int, Path], "tuple[int, str, str]"]


def c_client(host: str, port: int, ca: Path) -> tuple[int, str, str]:
    outcome = run([example("client"), host, str(port), ca])
    return outcome.returncode, outcome.stdout, outcome.stderr


def legacy_client(host: str, port: int, ca: Path) -> tuple[int, str, str]:
    outcome = run([example("legacy_client", "openssl"), host, str(port), ca])
    return outcome.returncode, outcome.stdout, outcome.stderr


def poll_client(host: str, port: int, ca: Path) -> tuple[int, str, str]:
    outcome = run([example("poll_client"), host, str(port), ca])
    return outcome.returncode, outcome.stdout, outcome.stderr


def event_loop(host: str, port: int, ca: Path) -> tuple[int, str, str]:
    return event_loop_of([(host, port)], ca)


def event_loop_of(targets: list[tuple[str, int]], ca: Path) -> tuple[int, str, str]:
    script = Path(__file__).resolve().parent.parent.parent / "examples/event_loop.py"
    library = str(installed() / "lib/libhostlock.so.0")
    words = [f"{host}:{port}" for host, port in targets]
    outcome = run([sys.executable, "-B", script, ca, *words], HOSTLOCK_LIBRARY=library)
    return outcome.returncode, outcome.stdout, outcome.stderr


def python_client(interpreter: Path) -> Client:
    def client(host: str, port: int, ca: Path) -> tuple[int, str, str]:
        script = Path(__file__).resolve().parent.parent.parent / "examples/client.py"
        library = str(installed() / "lib/libhostlock.so.0")
        outcome = run([interpreter, "-B", script, host, str(port), ca], HOSTLOCK_LIBRARY=library)
        return outcome.returncode, outcome.stdout, outcome.stderr

    return client


class Examples(unittest.TestCase):
    authority: Authority
    clients: dict[str, Client]

    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = Authority("Example CA")
        cls.clients = {
            "client.c": c_client,
            "legacy_client.c": legacy_client,
            "client.py": python_client(Path(sys.executable)),
            "poll_client.c": poll_client,
            "event_loop.py": event_loop,
        }

    def refused(self, port: int, *facts: str, host: str = "localhost", ca: Path | None = None) -> None:
        for name, client in self.clients.items():
            with self.subTest(client=name):
                status, page, complaint = client(host, port, ca or self.authority.certificate)
                self.assertEqual((status, page), (1, ""))
                for fact in facts:
                    self.assertIn(fact, complaint)

    def test_the_right_server_is_read_to_its_end(self) -> None:
        with Server(self.authority.issue("localhost")) as port:
            for name, client in self.clients.items():
                with self.subTest(client=name):
                    status, page, complaint = client("localhost", port, self.authority.certificate)
                    self.assertEqual((status, complaint), (0, ""))
                    self.assertTrue(page.startswith("HTTP/1.0 200 ok"))
                    self.assertIn("</HTML>", page)

    def test_a_valid_certificate_of_another_host_is_refused_with_both_names(self) -> None:
        with Server(self.authority.issue("impostor.example")) as port:
            self.refused(port, '"impostor.example"', '"localhost"')

    def test_an_expired_certificate_is_refused(self) -> None:
        with Server(self.authority.issue("localhost", days=-1)) as port:
            self.refused(port, "expired")

    def test_a_certificate_of_an_unknown_authority_is_refused(self) -> None:
        stranger = Authority("Stranger CA")
        with Server(stranger.issue("localhost")) as port:
            self.refused(port, "Stranger CA")

    def test_a_self_signed_certificate_is_refused(self) -> None:
        alone = Authority("localhost")
        pem = alone.directory / "alone.pem"
        pem.write_text(alone.certificate.read_text() + alone.key.read_text())
        with Server(pem) as port:
            self.refused(port, "self-signed")

    def test_a_server_of_old_protocols_is_refused(self) -> None:
        old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]
        with Server(self.authority.issue("localhost"), *old) as port:
            self.refused(port, "version")

    def test_a_trust_file_that_is_not_there_is_never_replaced_by_the_public_roots(self) -> None:
        with Server(self.authority.issue("localhost")) as port:
            self.refused(port, ca=self.authority.directory / "missing.pem")

    def test_a_page_that_is_cut_off_is_an_error(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority.issue("localhost"))
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                for _ in self.clients:
                    connection = context.wrap_socket(listener.accept()[0], server_side=True)
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhalf a pa")
                    connection.close()  # no close_notify: Python sends it in unwrap() only

            thread = threading.Thread(target=serve)
            thread.start()
            for name, client in self.clients.items():
                with self.subTest(client=name):
                    status, page, _ = client("localhost", listener.getsockname()[1], self.authority.certificate)
                    self.assertEqual((status, page[-9:]), (1, "half a pa" if name.endswith(".c") else ""))
            thread.join()

    def test_plain_http_on_the_port_is_told_apart(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                for _ in self.clients:
                    with listener.accept()[0] as connection:
                        connection.recv(4096)
                        connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")

            thread = threading.Thread(target=serve)
            thread.start()
            self.refused(listener.getsockname()[1])
            thread.join()

    def test_a_port_that_is_none_is_not_taken_for_another(self) -> None:
        with Server(self.authority.issue("localhost")) as port:
            for wrong in (port + 65536, 0, -1):
                outcome = run([example("client"), "localhost", str(wrong), self.authority.certificate])
                self.assertEqual((outcome.returncode, outcome.stderr), (1, "usage: client HOST [PORT [CA-FILE]]\n"))
                told = python_client(Path(sys.executable))("localhost", wrong, self.authority.certificate)
                self.assertEqual(told, (1, "", "usage: client.py HOST [PORT [CA-FILE]]\n"))
                outcome = run([example("mail_client"), "localhost", str(wrong), "a@b.example", "c@d.example"])
                self.assertEqual(
                    (outcome.returncode, outcome.stderr), (2, "usage: mail_client SERVER PORT FROM TO [CA-FILE]\n")
                )
        outcome = run([example("echo_server"), "65536", *["HOST", "CHAIN-FILE", "KEY-FILE", "CLIENT-CA-FILE"]])
        self.assertEqual((outcome.returncode, outcome.stderr[:18]), (2, "usage: echo_server"))

    def test_the_c_examples_leak_nothing_and_leave_no_descriptor_open(self) -> None:
        for program in (example("client"), example("poll_client"), example("legacy_client", "openssl")):
            for name, status in (("localhost", 0), ("impostor.example", 1)):
                with self.subTest(program=program.name, server=name), Server(self.authority.issue(name)) as port:
                    outcome = run([*VALGRIND, str(program), "localhost", str(port), str(self.authority.certificate)])
                    self.assertEqual(outcome.returncode, status, outcome.stderr)
                    self.assertIn("ERROR SUMMARY: 0 errors", outcome.stderr)
                    self.assertRegex(
                        outcome.stderr, r"FILE DESCRIPTORS: (\d+) open \(\1 std\)|FILE DESCRIPTORS: 3 open"
                    )

    def test_the_event_loop_fetches_pages_side_by_side(self) -> None:
        right, impostor = Server(self.authority.issue("localhost")), Server(self.authority.issue("impostor.example"))
        # One that says nothing comes first, and holds up none of the others.
        with socket.create_server(("127.0.0.1", 0)) as silent, right as port, impostor as other:
            silent.listen()
            silent_port = silent.getsockname()[1]
            targets = [("localhost", silent_port), ("localhost", other), ("localhost", port), ("127.0.0.1", port)]

            def hang_up() -> None:
                with silent.accept()[0] as connection:
                    connection.recv(4096)
                    time.sleep(1)

            thread = threading.Thread(target=hang_up)
            thread.start()
            status, page, complaints = event_loop_of(targets, self.authority.certificate)
            thread.join()
        self.assertEqual((status, page.count("HTTP/1.0 200 ok")), (1, 1))
        for fact in (f"localhost:{other}: ", '"impostor.example"', f"127.0.0.1:{port}: ", "closed"):
            self.assertIn(fact, complaints)

    def python_client_on(self, version: str) -> None:
        interpreter = interpreter_of(version)
        if interpreter is None:
            self.skipTest(f"Python {version} is not installed")
        client = python_client(interpreter)
        with Server(self.authority.issue("localhost")) as right:
            status, page, complaint = client("localhost", right, self.authority.certificate)
        self.assertEqual((status, complaint, page[:15]), (0, "", "HTTP/1.0 200 ok"))
        with Server(self.authority.issue("impostor.example")) as impostor:
            status, page, complaint = client("localhost", impostor, self.authority.certificate)
        self.assertEqual((status, page), (1, ""))
        self.assertIn('"impostor.example"', complaint)

    def test_the_python_client_runs_on_python_2_7(self) -> None:
        self.python_client_on("2.7")

    def test_the_python_client_runs_on_python_3_8(self) -> None:
        self.python_client_on("3.8")

    def test_the_python_client_runs_on_python_3_9(self) -> None:
        self.python_client_on("3.9")

    def test_the_python_client_runs_on_python_3_10(self) -> None:
        self.python_client_on("3.10")

    def test_the_python_client_runs_on_python_3_11(self) -> None:
        self.python_client_on("3.11")

    def test_the_python_client_runs_on_python_3_12(self) -> None:
        self.python_client_on("3.12")

    def test_the_python_client_runs_on_python_3_13(self) -> None:
        self.python_client_on("3.13")


if __name__ == "__main__":
    unittest.main()
