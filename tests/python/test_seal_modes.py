"""The initialiser's modes: it seals by LD_PRELOAD and by dlopen, reports without touching anything, makes exceptions by
host, address and certificate, lets servers serve, and never fails without a word."""

from __future__ import annotations

import hashlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from careless import ANSWER, DEBIAN_PYTHON, PYTHON_3
from sealing import authority, environment, events, impostor, initialiser, new_log, right, sealed
from support import LONG_ENOUGH, Server, must, scratch


def careless(port: int, name: str | None = "localhost") -> list[str]:
    """Python's ssl with CERT_NONE."""
    filled = PYTHON_3.replace("{port}", str(port)).replace("{name}", repr(name))
    return [DEBIAN_PYTHON, "-c", filled]


def nameless(port: int) -> list[str]:
    """The same without a name, and without asking the resolver for the address."""
    interpreter, flag, code = careless(port, None)
    plain = "import socket\ndef plain(address):\n    s = socket.socket(); s.connect(address); return s\n"
    return [interpreter, flag, plain + code.replace("socket.create_connection", "plain")]


def leaf_hash(pem: Path) -> str:
    """The SHA-256 of a certificate in DER."""
    text = pem.read_text()
    certificate = text[: text.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----\n")]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()


class Modes(unittest.TestCase):
    def test_report_only_changes_nothing_and_says_what_would_be_refused(self) -> None:
        with Server(right()) as honest, Server(impostor()) as false:
            good, bad, lost = (
                sealed(careless(honest), "report"),
                sealed(careless(false), "report"),
                sealed(nameless(honest), "report"),
            )
        for ran, end in (
            (good, ("connected", "HOSTLOCK_OK")),
            (bad, ("would_refuse", "HOSTLOCK_E_HOST_MISMATCH")),
            (lost, ("would_refuse", "HOSTLOCK_E_NO_HOST")),
        ):
            self.assertIn(ANSWER, ran.output, str(ran))
            self.assertEqual(ran.ends(), [end], str(ran))

    def test_each_form_of_exception_lets_through_what_it_names_and_is_recorded(self) -> None:
        with Server(impostor()) as false:
            for what in ("host:localhost", "address:127.0.0.1", f"sha256:{leaf_hash(impostor())}"):
                ran = sealed(careless(false), HOSTLOCK_SEAL_ALLOW=f"host:unused.example, {what}")
                self.assertIn(ANSWER, ran.output, str(ran))
                self.assertEqual(ran.ends(), [("excused", "HOSTLOCK_E_HOST_MISMATCH")], str(ran))
                self.assertEqual([event["allowed"] for event in ran.events if "allowed" in event], [what])
            for what in ("host:other.example", "address:127.0.0.2", f"sha256:{leaf_hash(right())}"):
                ran = sealed(careless(false), HOSTLOCK_SEAL_ALLOW=what)
                self.assertNotIn(ANSWER, ran.output, str(ran))
                self.assertEqual(ran.ends(), [("refused", "HOSTLOCK_E_HOST_MISMATCH")], str(ran))

    def test_a_program_that_loads_the_initialiser_by_dlopen_is_sealed_from_then_on(self) -> None:
        load = f"import ctypes; ctypes.CDLL({str(initialiser())!r})\n"
        with Server(right()) as honest, Server(impostor()) as false:
            for port, expected in (
                (honest, ("connected", "HOSTLOCK_OK")),
                (false, ("refused", "HOSTLOCK_E_HOST_MISMATCH")),
            ):
                interpreter, flag, code = careless(port)
                ran = sealed([interpreter, flag, load + code], LD_PRELOAD="")
                self.assertEqual(ran.ends(), [expected], str(ran))
                self.assertEqual(ANSWER in ran.output, expected[0] == "connected", str(ran))

    def test_without_a_word_in_the_environment_the_initialiser_does_nothing(self) -> None:
        code = "print('libhostlock.so' in open('/proc/self/maps').read())"
        world = environment(new_log())
        del world["HOSTLOCK_SEAL"]
        said = subprocess.run([DEBIAN_PYTHON, "-c", code], env=world, capture_output=True, text=True, check=True)
        self.assertEqual((said.stdout, said.stderr), ("False\n", ""))

    def test_where_sealing_fails_the_program_is_not_run_and_it_is_said_why(self) -> None:
        lonely = Path(tempfile.mkdtemp(dir=scratch())) / initialiser().name
        shutil.copy(initialiser(), lonely)
        for more, why in (
            ({"HOSTLOCK_SEAL": "on"}, "HOSTLOCK_SEAL"),
            ({"HOSTLOCK_SEAL_POLICY": "1999-01"}, "1999-01"),
            ({"HOSTLOCK_SEAL_ALLOW": "everything"}, "everything"),
            ({"HOSTLOCK_SEAL_REPORT": "/nonexistent/log"}, "/nonexistent/log"),
            ({"LD_PRELOAD": str(lonely)}, "libhostlock.so.0"),
        ):
            ran = sealed([DEBIAN_PYTHON, "-c", "print('it ran')"], **more)
            self.assertEqual(ran.status, 125, str(ran))
            self.assertIn(why, ran.output)
            self.assertNotIn("it ran", ran.output)
        ran = sealed([DEBIAN_PYTHON, "-c", "print('it ran')"], "report", HOSTLOCK_SEAL_POLICY="1999-01")
        self.assertEqual(ran.status, 0)
        self.assertIn("it ran", ran.output)
        self.assertIn("runs without a report", ran.output)

    def test_a_program_with_more_rights_than_its_caller_takes_no_orders(self) -> None:
        source = scratch() / "loads.c"
        program = scratch() / "loads"
        source.write_text(
            "#include <dlfcn.h>\n#include <stdio.h>\n#include <sys/auxv.h>\n"
            "int main(int count, char **words) {\n"
            '    if (count < 2 || !getauxval(AT_SECURE)) { puts("not secure"); return 77; }\n'
            '    puts(dlopen(words[1], RTLD_NOW) != NULL ? "loaded" : dlerror());\n    return 0;\n}\n'
        )
        must(["cc", source, "-o", program, "-ldl"])
        try:
            shutil.chown(program, "nobody")
            program.chmod(0o4755)
            scratch().chmod(0o755)
        except PermissionError:
            self.skipTest("needs root, to make a set-uid program")
        # Whose rights it gets may not enter the directory of this source tree.
        readable = shutil.copy(initialiser(), scratch())
        ran = sealed([program, readable], LD_PRELOAD="", HOSTLOCK_SEAL="nonsense")
        if ran.status == 77:
            self.skipTest("set-uid programs get no more rights here")
        self.assertEqual((ran.status, ran.output), (0, "loaded\n"), str(ran))

    def test_what_a_killed_or_a_forked_process_did_is_in_the_log(self) -> None:
        with Server(right()) as honest, Server(impostor()) as false:
            interpreter, flag, code = careless(honest)
            killed = sealed([interpreter, flag, code + "\nimport os; os.kill(os.getpid(), 9)"])
            self.assertEqual(killed.status, -signal.SIGKILL)
            self.assertEqual(killed.ends(), [("connected", "HOSTLOCK_OK")], str(killed))
            self.assertNotIn("ended", [event["event"] for event in killed.events])
            indented = careless(false)[2].replace("\n", "\n    ")
            family = f"import os\nif os.fork() == 0:\n    {indented}\nelse:\n    os.wait()"
            forked = sealed([interpreter, flag, family])
            self.assertEqual(forked.ends(), [("refused", "HOSTLOCK_E_HOST_MISMATCH")], str(forked))
            began, refused = (next(e for e in forked.events if e["event"] == kind) for kind in ("began", "refused"))
            self.assertNotEqual(began["pid"], refused["pid"])


PYTHON_SERVER = """
import http.server, ssl, sys
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
if len(sys.argv) > 2:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"""

NGINX = """
daemon off; master_process off; pid {directory}/pid; error_log stderr; env SSL_CERT_FILE;
events {{ }}
http {{
    access_log off; client_body_temp_path {directory}; proxy_temp_path {directory}; fastcgi_temp_path {directory};
    uwsgi_temp_path {directory}; scgi_temp_path {directory};
    server {{
        listen 127.0.0.1:{port} ssl; server_name localhost; root {directory};
        ssl_certificate {pem}; ssl_certificate_key {pem};
        location /careless/ {{
            proxy_pass https://127.0.0.1:{behind}/; proxy_ssl_server_name on; proxy_ssl_name localhost;
        }}
        location / {{ return 200 "served\\n"; }}
    }}
}}
"""


def fetch(port: int, path: str = "/", certificate: Path | None = None) -> str:
    """What a client that verifies gets."""
    context = ssl.create_default_context(cafile=str(authority().certificate))
    if certificate is not None:
        context.load_cert_chain(str(certificate))
    with (
        socket.create_connection(("127.0.0.1", port), LONG_ENOUGH) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(4096):
            answer += part
    return answer.decode(errors="replace")


def served(log: Path) -> int:
    """How many connections a log says were served."""
    return sum(event["event"] == "served" for event in events(log))


class Servers(unittest.TestCase):
    def python_server(self, log: Path, *arguments: str | Path) -> tuple[subprocess.Popen[str], int]:
        command = [DEBIAN_PYTHON, "-c", PYTHON_SERVER, right(), *arguments]
        process = subprocess.Popen(
            [str(part) for part in command],
            env=environment(log),
            cwd=scratch(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.addCleanup(self.stop, process)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    @staticmethod
    def stop(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def test_pythons_http_server_serves_on(self) -> None:
        log = new_log()
        _, port = self.python_server(log)
        for _ in range(3):
            self.assertIn("200 OK", fetch(port))
        self.assertEqual(served(log), 3)

    def test_a_server_judges_its_clients_as_it_was_set_up(self) -> None:
        log = new_log()
        _, port = self.python_server(log, authority().certificate)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            fetch(port)
        # A certificate for servers is none for clients: libssl's own verification says so, sealed or not.
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            fetch(port, certificate=right())
        client = authority().issue("a-client", usage="clientAuth")
        self.assertIn("200 OK", fetch(port, certificate=client))
        self.assertEqual(served(log), 1)

    def test_nginx_serves_on_and_its_careless_proxy_is_sealed(self) -> None:
        if shutil.which("nginx") is None:
            self.skipTest("needs nginx")
        directory = Path(tempfile.mkdtemp(dir=scratch()))
        with Server(right()) as honest, Server(impostor()) as false:
            for behind, works in ((honest, True), (false, False)):
                log = new_log()
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", 0))
                    port = probe.getsockname()[1]
                configuration = directory / "nginx.conf"
                configuration.write_text(NGINX.format(directory=directory, port=port, pem=right(), behind=behind))
                process = subprocess.Popen(
                    ["nginx", "-c", str(configuration)],
                    env=environment(log),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                self.addCleanup(self.stop, process)
                self.wait_for(port, process)
                self.assertIn("served", fetch(port))
                answer = fetch(port, "/careless/")
                self.assertEqual(" 200 " in answer.splitlines()[0], works, answer)
                self.assertEqual("502 Bad Gateway" in answer, not works, answer)
                self.assertGreaterEqual(served(log), 2)
                ends = {(e["event"], e["status"]) for e in events(log) if e["event"] in ("connected", "refused")}
                self.assertEqual(
                    ends, {("connected", "HOSTLOCK_OK") if works else ("refused", "HOSTLOCK_E_HOST_MISMATCH")}
                )
                self.stop(process)

    def wait_for(self, port: int, process: subprocess.Popen[str]) -> None:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if process.poll() is not None:
                break
            time.sleep(0.05)
        self.stop(process)
        self.fail("nginx does not listen")


if __name__ == "__main__":
    unittest.main()
