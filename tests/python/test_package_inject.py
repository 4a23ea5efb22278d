"""hostlock.inject() and hostlock.ssl: in every way of connecting, the right host is reached where the program says by
name whom it wants, and an impostor with a valid certificate for another host never is."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import socketserver
import threading
import unittest

from package import cast, interpreters, python
from support import LONG_ENOUGH, ROOT, Authority, Server

CLIENTS = ROOT / "python/tests/clients.py"
BY_NUMBER = {
    "a number as the name",
    "memory and a number",
}
# The socket leads to a place that was told of another one, or to an address that a name led to before.
UNNAMED = {
    "connect by number",
    "wrapped before a number",
    "wrap_socket, numbers only",
    "memory and nothing",
    "after CONNECT",
    "after CONNECT and STARTTLS",
    "after CONNECT by sendmsg",
    "after CONNECT in pieces",
    "after SOCKS",
    "after SOCKS and STARTTLS",
    "after other words",
}


class Spoken(socketserver.ThreadingTCPServer):
    """A port where each line in the clear (and a greeting of SOCKS) is answered by "go", and TLS goes to another
    port."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.port = port
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Talk(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        client, words = self.request, b""
        # A record of a handshake begins with 22.
        while (part := client.recv(1, socket.MSG_PEEK)) and part != b"\x16":
            words += client.recv(1)
            end = b"\r\n\r\n" if words.startswith(b"CONNECT") else b"\r\n"
            if words.endswith(end) or words == b"\x05\x01\x00":
                client.sendall(b"go")
                words = b""
        if not part:
            return
        assert isinstance(self.server, Spoken)
        with socket.create_connection(("127.0.0.1", self.server.port)) as server, contextlib.suppress(OSError):
            partner = {client: server, server: client}
            while True:
                for one in select.select([client, server], [], [], LONG_ENOUGH)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    partner[one].sendall(data)


class Ways(unittest.TestCase):
    def outcomes(self, version: str, how: str, port: int) -> dict[str, str]:
        with Spoken(port) as spoken:
            ran = python(
                version, CLIENTS, how, str(port), str(spoken.server_address[1]), SSL_CERT_FILE=str(cast().roots)
            )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        found: dict[str, str] = json.loads(ran.stdout)
        return found

    def each(self, how: str) -> None:
        for version in interpreters():
            with (
                self.subTest(version=version),
                Server(cast().right) as good,
                Server(cast().false["HOST_MISMATCH"]) as bad,
            ):
                right, wrong = self.outcomes(version, how, good), self.outcomes(version, how, bad)
                named = set(right) - BY_NUMBER - UNNAMED
                self.assertGreaterEqual(len(named), 6)
                self.assertEqual({name: right[name] for name in named}, dict.fromkeys(named, "ok"))
                self.assertEqual({right[name] for name in right if name in BY_NUMBER}, {"HOSTLOCK_E_HOST_MISMATCH"})
                self.assertEqual({right[name] for name in right if name in UNNAMED}, {"HOSTLOCK_E_NO_HOST"})
                self.assertNotIn("ok", wrong.values())
                told = {name: words for name, words in wrong.items() if name in named | BY_NUMBER}
                self.assertEqual(told.pop("no handshake of its own"), "VERIFY_FAILED")
                self.assertEqual(set(told.values()), {"HOSTLOCK_E_HOST_MISMATCH"}, told)

    def test_without_hostlock_the_same_ways_believe_the_impostor(self) -> None:
        with Server(cast().false["HOST_MISMATCH"]) as bad:
            for version in interpreters():
                wrong = self.outcomes(version, "plainly", bad)
                believed = {name for name, words in wrong.items() if words == "ok"}
                self.assertLessEqual(set(wrong), believed, version)

    def test_under_inject_only_the_host_that_was_asked_for_is_believed(self) -> None:
        self.each("inject")

    def test_with_the_import_changed_only_the_host_that_was_asked_for_is_believed(self) -> None:
        self.each("ssl")


class Inject(unittest.TestCase):
    """What else `inject` promises."""

    def says(self, version: str, script: str, *arguments: str, **environment: str) -> str:
        ran = python(version, script, *arguments, **environment)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def test_a_refusal_is_what_programs_catch_and_carries_its_facts(self) -> None:
        script = """
import hostlock, socket, ssl, sys
hostlock.inject()
context = ssl.create_default_context()
context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
try:
    context.wrap_socket(socket.create_connection(("localhost", int(sys.argv[1]))), server_hostname="localhost")
except getattr(ssl, "SSLCertVerificationError", ssl.SSLError) as error:
    facts = error.hostlock
    print(facts.status, facts.host, facts.names[0], error.reason)
    print(error)
    print("".join(getattr(error, "__notes__", ["hint: this may be"])))
    print(facts.chain)
"""
        with Server(cast().false["HOST_MISMATCH"]) as port:
            for version in interpreters():
                with self.subTest(version=version):
                    roots = str(cast().roots)
                    said = self.says(
                        version, "from __future__ import print_function" + script, str(port), SSL_CERT_FILE=roots
                    )
                    lines = said.splitlines()
                    facts = "HOSTLOCK_E_HOST_MISMATCH localhost other.example CERTIFICATE_VERIFY_FAILED"
                    self.assertEqual(lines[0], facts)
                    self.assertIn('the certificate is for "other.example", not for "localhost"', lines[1])
                    self.assertTrue(lines[2].startswith("hint: this may be"), lines)
                    self.assertIn("other.example", "".join(lines[3:]))

    def test_the_report_tells_what_was_seen_and_a_sealed_process_stays_sealed(self) -> None:
        script = """
import hostlock, json, socket, ssl, sys
hostlock.inject()
hostlock.inject()
try:
    hostlock.inject(report_only="a change of mind")
except hostlock.Error as error:
    print(error.hostlock.status)
context = ssl.create_default_context()
try:
    context.wrap_socket(socket.create_connection(("localhost", int(sys.argv[1]))), server_hostname="localhost")
except ssl.SSLError:
    pass
print(json.dumps(hostlock.report()))
"""
        with Server(cast().false["HOST_MISMATCH"]) as port:
            status, report = self.says("3.11", script, str(port), SSL_CERT_FILE=str(cast().roots)).splitlines()
        self.assertEqual(status, "HOSTLOCK_E_STATE")
        self.assertEqual(json.loads(report)["connections"]["refused"], 1)

    def test_report_only_refuses_nothing_and_an_exception_is_one_host(self) -> None:
        script = """
import hostlock, socket, ssl, sys
eval(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
try:
    context.wrap_socket(socket.create_connection(("localhost", int(sys.argv[1]))), server_hostname=sys.argv[3])
    print("ok")
except ssl.SSLError as error:
    print(error.hostlock.status)
"""
        reason = "'a device of ours'"
        rows = (
            (f"hostlock.inject(report_only={reason})", "localhost", "ok"),
            (f"hostlock.inject(allow=[('host:localhost', {reason})])", "localhost", "ok"),
            (f"hostlock.inject(allow=[('host:localhost', {reason})])", "bank.example", "HOSTLOCK_E_HOST_MISMATCH"),
        )
        with Server(cast().false["HOST_MISMATCH"]) as port:
            for call, host, expected in rows:
                with self.subTest(call=call, host=host):
                    said = self.says("3.11", script, str(port), call, host, SSL_CERT_FILE=str(cast().roots))
                    self.assertEqual(said.strip(), expected)

    def test_what_cannot_be_sealed_is_an_error_and_nothing_is_taken_for_sealed(self) -> None:
        rows = (
            ("hostlock.inject(policy='2001-01')", "HOSTLOCK_E_ARG"),
            ("hostlock.inject(report_only='')", "HOSTLOCK_E_ARG"),
            ("hostlock.inject(allow=[('everything', 'we trust it')])", "HOSTLOCK_E_ARG"),
            ("hostlock.report()", "HOSTLOCK_E_STATE"),
        )
        for call, expected in rows:
            with self.subTest(call=call):
                caught = "except hostlock.Error as error:\n    print(error.hostlock.status)"
                said = self.says("3.11", f"import hostlock\ntry:\n    {call}\n{caught}")
                self.assertEqual(said.strip(), expected)

    def test_the_systems_roots_count_where_they_were_asked_for_before_others_or_after(self) -> None:
        script = """
import socket, sys
from hostlock import ssl
def context():
    return ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_CLIENT", ssl.PROTOCOL_SSLv23))
def asked(*steps):
    made = context()
    for step in steps:
        step(made)
    try:
        made.wrap_socket(socket.create_connection(("localhost", int(sys.argv[1]))), server_hostname="localhost")
        return "ok"
    except ssl.SSLError as error:
        return error.hostlock.status
def system(made):
    made.load_default_certs()
def others(made):
    made.load_verify_locations(sys.argv[2])
rows = [(), (system,), (system, others), (others, system), (system, system, others), (others,)]
print(" ".join(asked(*row) for row in rows))
"""
        others = str(Authority("Others' CA").certificate)
        with Server(cast().right) as port:
            for version in interpreters():
                with self.subTest(version=version):
                    said = self.says(version, script, str(port), others, SSL_CERT_FILE=str(cast().roots))
                    self.assertEqual(said.split(), ["ok"] * 5 + ["HOSTLOCK_E_UNKNOWN_ISSUER"])

    def test_servers_go_on_serving(self) -> None:
        script = """
import hostlock, socket, ssl, sys, threading
hostlock.inject()
from hostlock import ssl as ours
for module in (ssl, ours):
    server = module.SSLContext(module.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(sys.argv[1])
    listening = socket.create_server(("127.0.0.1", 0))
    def serve():
        tls = server.wrap_socket(listening.accept()[0], server_side=True)
        tls.sendall(b"hello")
        tls.close()
    thread = threading.Thread(target=serve)
    thread.start()
    client = module.create_default_context(cafile=sys.argv[2])
    client.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    with client.wrap_socket(socket.create_connection(listening.getsockname()), server_hostname="localhost") as tls:
        print(tls.recv(5))
    thread.join()
"""
        for version in set(interpreters()) - {"2.7"}:
            with self.subTest(version=version):
                said = self.says(version, script, str(cast().right), str(cast().roots))
                self.assertEqual(said.split(), ["b'hello'"] * 2)


if __name__ == "__main__":
    unittest.main()
