"""The Python package itself: its declarations are the header's, it loads one library and no other, and its own
connections are verified, say why not in exceptions of `ssl`, and stop at once for a signal."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

from package import SOURCE, cast, interpreters, python
from support import LONG_ENOUGH, Server, library, scratch
from test_ctypes import POINTER, prototypes

TALK = """
from __future__ import print_function
import hostlock, ssl, sys
context = hostlock.Context()
context.trust_file(sys.argv[2])
try:
    with context.connect(sys.argv[3], int(sys.argv[1]), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        page = connection.read()
        print("ok", connection.verified_host(), connection.version(), len(page) > 1000, connection.info()["policy"][:4])
        assert "BEGIN CERTIFICATE" in connection.peer_chain() and connection.cipher().startswith("TLS_")
except hostlock.CertificateError as error:
    assert isinstance(error, ssl.CertificateError) and isinstance(error, ssl.SSLError)
    assert str(error) == error.hostlock.message
    print(error.hostlock.status)
except hostlock.Error as error:
    print(type(error).__name__, error.hostlock.status)
"""


class Core(unittest.TestCase):
    def says(self, version: str, script: str, *arguments: str | Path, **environment: str) -> str:
        ran = python(version, script, *arguments, **environment)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.strip()

    def test_what_the_package_declares_is_what_the_header_declares(self) -> None:
        sys.path.insert(0, str(SOURCE))
        self.addCleanup(sys.path.remove, str(SOURCE))
        script = """
from hostlock import _library
for name, letters in sorted(_library.FUNCTIONS.items()):
    answer, takes = letters.split(" ")
    print(name, answer or None, *takes)
"""
        spoken = self.says("3.11", script)
        declared = prototypes()
        self.assertGreater(len(spoken.splitlines()), 30)
        for line in spoken.splitlines():
            name, *kinds = line.split()
            answer, takes = declared[name]
            expected = ["None" if kind is None else str(kind._type_) for kind in (answer, *takes)]
            # Text of the caller's may be bytes of any kind, and an error or a context is an address.
            loose = [{ctypes.c_char_p._type_, POINTER._type_}, {ctypes.c_int64._type_, "q"}]
            agree = [one == other or {one, other} in loose for one, other in zip(kinds, expected)]
            self.assertTrue(all(agree) and len(kinds) == len(expected), f"{name}: {kinds} is not {expected}")

    def test_the_types_of_c_are_as_wide_as_those_of_ctypes(self) -> None:
        script = """
import ctypes
from hostlock._library import c_type
kinds = {"P": "c_void_p", "z": "c_char_p", "c": "c_char", "?": "c_bool", "i": "c_int", "I": "c_uint32"}
kinds.update({"q": "c_int64", "L": "c_size_t", "l": "c_ssize_t"})
for letter, name in kinds.items():
    ours, theirs = c_type(letter), getattr(ctypes, name)
    assert ctypes.sizeof(ours) == ctypes.sizeof(theirs), name
    for value in [b"x"] if letter in "zc" else [1, 0]:
        assert ours(value).value == theirs(value).value, name
    # An unsigned one says so by what it makes of -1.
    assert letter in "zc" or ours(-1).value == theirs(-1).value, name
print(len(kinds))
"""
        for version in interpreters():
            self.assertEqual(self.says(version, script), "9", version)

    def test_every_interpreter_here_has_the_libssl_that_hostlock_uses(self) -> None:
        for version in interpreters():
            self.assertEqual(self.says(version, "import hostlock; print(hostlock.mode)"), "in place", version)

    def test_a_library_that_is_named_and_cannot_be_used_is_an_error(self) -> None:
        empty = scratch() / "empty.so"
        empty.touch()
        for named in (empty, scratch() / "missing.so", "libssl.so.3"):
            for version in interpreters():
                ran = python(version, "import hostlock", HOSTLOCK_LIBRARY=str(named))
                self.assertNotEqual(ran.returncode, 0)
                self.assertIn("ImportError: hostlock: ", ran.stderr)
                self.assertIn(Path(named).name, ran.stderr)

    def test_the_environment_names_no_library_to_a_program_that_ignores_it(self) -> None:
        script = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import hostlock"
        ran = subprocess.run(
            [interpreters()["3.11"], "-I", "-c", script],
            env={"HOSTLOCK_LIBRARY": "/nowhere/of-the-environment.so"},
            capture_output=True,
            text=True,
            timeout=LONG_ENOUGH,
            check=False,
        )
        self.assertNotIn("of-the-environment", ran.stderr)

    def test_the_right_host_is_read_to_its_end_and_every_other_one_refused(self) -> None:
        roots = cast().roots
        for version in interpreters():
            with self.subTest(version=version):
                with Server(cast().right) as port:
                    self.assertEqual(
                        self.says(version, TALK, str(port), roots, "localhost"), "ok localhost TLSv1.3 True 2026"
                    )
                    self.assertEqual(
                        self.says(version, TALK, str(port), roots, "127.0.0.1"), "HOSTLOCK_E_HOST_MISMATCH"
                    )
                for why, pem in cast().false.items():
                    with Server(pem) as port:
                        self.assertEqual(self.says(version, TALK, str(port), roots, "localhost"), f"HOSTLOCK_E_{why}")

    def test_what_is_no_text_and_no_path_is_a_type_error_in_plain_words(self) -> None:
        script = """
from __future__ import print_function
import hostlock
context = hostlock.Context()
for call in (
    lambda: hostlock.connect(None, 443),
    lambda: hostlock.connect(443, "localhost"),
    lambda: context.add_pin(1.5),
    lambda: context.trust_file(None),
    lambda: context.trust_dir(3),
):
    try:
        call()
        print("no error")
    except TypeError as error:
        print(error)
"""
        words = [f"text is wanted here, and not {what}" for what in ("NoneType", "int", "float")]
        words += [f"the name of a file is wanted here, and not {what}" for what in ("NoneType", "int")]
        for version in interpreters():
            self.assertEqual(self.says(version, script).splitlines(), words, version)

    def test_long_data_arrives_whole_where_the_peer_is_slow_and_a_closed_connection_moves_nothing(self) -> None:
        script = """
from __future__ import print_function
import hashlib, hostlock, os, socket, ssl, sys, threading, time
server_side = ssl.SSLContext(ssl.PROTOCOL_SSLv23 if sys.version_info < (3, 10) else ssl.PROTOCOL_TLS_SERVER)
server_side.load_cert_chain(sys.argv[1])
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(1)
ends = [socket.create_connection(listening.getsockname()), listening.accept()[0]]
answer = []
# Whole records, and one byte more and less; what `sendall` gives the library at once, and more than that.
sizes = [0, 1, 16383, 16384, 16385, 1 << 17, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20]
data = os.urandom(5 << 20)

def serve():
    server, room = server_side.wrap_socket(ends[1], server_side=True), bytearray(50000)
    for size in sizes:
        found, left = hashlib.sha256(), size
        while left:
            time.sleep(0.001)
            count = server.recv_into(room, min(left, len(room)))
            found.update(room[:count])
            left -= count
        answer.append(found.digest() == hashlib.sha256(data[:size]).digest())
    server.sendall(data[:200000])
    server.recv(1)

thread = threading.Thread(target=serve)
thread.start()
context = hostlock.Context()
context.trust_file(sys.argv[2])
connection = context.wrap(ends[0], "localhost")
for size in sizes:
    connection.sendall(data[:size] if size % 2 else bytearray(data[:size]))
got, lengths = b"", [1, 70000, 16384, 1, 3]
while len(got) < 200000:
    room = bytearray(min(lengths[0], 200000 - len(got)))
    lengths.append(lengths.pop(0))
    got += bytes(room[:connection.recv_into(room)])
connection.sendall(b"x")
thread.join()
connection.close()
closed = 0
for call in (lambda: connection.sendall(b"x"), lambda: connection.send(b"x"), lambda: connection.recv(1),
             lambda: connection.recv(), lambda: connection.recv_into(bytearray(5))):
    try:
        call()
    except ValueError:
        closed += 1
print(answer == [True] * len(sizes), got == data[:200000], closed)
"""
        for version in interpreters():
            self.assertEqual(self.says(version, script, cast().right, cast().roots), "True True 5", version)

    def test_a_second_connection_of_a_context_goes_on_from_the_first(self) -> None:
        script = """
from __future__ import print_function
import hostlock, sys
context = hostlock.Context()
context.trust_file(sys.argv[2])
for _ in range(3):
    with context.connect("localhost", int(sys.argv[1]), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        assert len(connection.read()) > 1000
        print(connection.resumed(), connection.info()["session_reused"], end=" ")
"""
        for version in interpreters():
            with self.subTest(version=version), Server(cast().right) as port:
                said = self.says(version, script, str(port), cast().roots)
                self.assertEqual(said, "False False True True True True")

    def test_what_is_no_host_and_where_nobody_is_are_told_apart(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as bound:
            closed = bound.getsockname()[1]
        rows = (
            ("http://localhost/", "HOSTLOCK_E_BAD_HOST"),
            ("", "HOSTLOCK_E_BAD_HOST"),
            ("localhost", "ConnectError HOSTLOCK_E_CONNECT"),
            ("nowhere.invalid", "ConnectError HOSTLOCK_E_RESOLVE"),
        )
        for host, expected in rows:
            for version in interpreters():
                with self.subTest(host=host, version=version):
                    self.assertEqual(self.says(version, TALK, str(closed), cast().roots, host), expected)

    def test_a_handshake_of_another_library_is_judged_by_what_it_agreed_on(self) -> None:
        script = """
import hostlock, sys
context = hostlock.Context()
context.trust_file(sys.argv[2])
chain = open(sys.argv[1], "rb").read()
def judged(chain, host="localhost", version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"):
    try:
        context.verify_peer(chain, host, version, cipher)
        return "ok"
    except hostlock.Error as error:
        return error.hostlock.status[11:]
rows = (judged(chain), judged(chain, "bank.example"), judged(b""), judged(chain, version="TLSv1.1"))
rows += (judged(chain, version="TLSv1.2", cipher="AES128-SHA"), judged(chain, version="TLSv9"))
print(" ".join(rows))
"""
        expected = "ok HOST_MISMATCH NO_CERTIFICATE NO_COMMON_VERSION NO_COMMON_CIPHER ARG"
        for version in interpreters():
            said = self.says(version, script, str(cast().right), str(cast().roots))
            self.assertEqual(said, expected, version)

    def test_with_read_ahead_a_read_takes_all_that_has_come_and_the_next_tells_how_it_ended(self) -> None:
        script = """
import hostlock, socket, ssl, sys, threading
context = hostlock.Context()
context.trust_file(sys.argv[2])
server_side = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_SERVER", ssl.PROTOCOL_SSLv23))
server_side.load_cert_chain(sys.argv[1])
def serve(sock, is_cut, done):
    server = server_side.wrap_socket(sock, server_side=True)
    for _ in range(50):
        server.sendall(b"x" * 100)
    if is_cut:
        server.shutdown(socket.SHUT_RDWR)
    else:
        server.settimeout(0.05)
        try:
            server.unwrap()
        except socket.error:
            pass  # Its goodbye is sent, and ours did not come.
    done.set()
    lasting.append(server)
lasting = []
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(2)
for is_cut in (False, True):
    one = socket.create_connection(listener.getsockname())
    other = listener.accept()[0]
    done = threading.Event()
    threading.Thread(target=serve, args=(other, is_cut, done)).start()
    connection = context.wrap(one, "localhost")
    connection.set_read_ahead()
    done.wait()
    some = connection.recv(250)
    rest = connection.recv_into(bytearray(10000))
    print(len(some), rest)
    try:
        print(connection.recv())
    except hostlock.TruncatedError as error:
        print(error.hostlock.status)
    connection.close()
"""
        for version in interpreters():
            lines = self.says(version, script, str(cast().right), str(cast().roots)).splitlines()
            ends = ["(250, 4750)", "", "(250, 4750)"] if version == "2.7" else ["250 4750", "b''", "250 4750"]
            self.assertEqual(lines, [*ends, "HOSTLOCK_E_TRUNCATED"], version)

    def test_no_more_is_imported_than_a_context_needs(self) -> None:
        script = """
import _ssl, ctypes, sys
before = set(sys.modules)
import hostlock
context = hostlock.Context()
print(hostlock.mode, *sorted(set(sys.modules) - before - set(sys.builtin_module_names)))
assert "inject" in dir(hostlock) and hostlock.inject and not hasattr(hostlock, "eject")
"""
        dear = {
            "collections",
            "dataclasses",
            "inspect",
            "json",
            "re",
            "socket",
            "ssl",
            "subprocess",
            "threading",
            "typing",
        }
        for version in sorted({*interpreters()} - {"2.7"}):
            ran = python(version, script, PYTHONNOUSERSITE="1")
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertEqual(dear & set(ran.stdout.split()), set(), version)

    def test_bad_arguments_are_errors_and_never_cut_short(self) -> None:
        script = """
import hostlock
context = hostlock.Context()
for call in (
    lambda: hostlock.Context("2026-11\\0"),
    lambda: context.trust_file("/etc/passwd\\0.pem"),
    lambda: context.connect("localhost\\0.example", 443),
    lambda: context.verify_chain(b"", "localhost\\0"),
    lambda: context.connect("localhost", 65536 + 443),
    lambda: context.connect("localhost", 443.5),
    lambda: context.connect("localhost", True),
    lambda: context.connect("localhost", "65979"),
    lambda: context.connect("localhost", None),
    lambda: hostlock.Context("2001-01"),
    lambda: context.verify_chain(b"no certificate", "localhost"),
    lambda: context.trust_file("/nowhere/at/all.pem"),
    lambda: context.add_pin("sha256/short"),
):
    try:
        call()
        print("accepted")
    except (ValueError, hostlock.Error) as error:
        print(getattr(error, "hostlock", type(error).__name__))
"""
        for version in interpreters():
            lines = self.says(version, script).splitlines()
            self.assertEqual(lines[:9], ["ValueError"] * 9, version)
            statuses = [line.split()[1].rstrip(":") for line in lines[9:]]
            expected = ["HOSTLOCK_E_ARG", "HOSTLOCK_E_BAD_PEM", "HOSTLOCK_E_NOT_FOUND", "HOSTLOCK_E_ARG"]
            self.assertEqual(statuses, expected, version)

    def test_what_is_neither_text_nor_bytes_nor_a_time_is_refused_and_sends_nothing(self) -> None:
        script = """
from __future__ import print_function
import hostlock, socket, sys
context = hostlock.Context()
context.trust_file(sys.argv[2])
port = int(sys.argv[1])
def sock():
    return socket.create_connection(("localhost", port))
with context.connect("localhost", port) as connection:
    for call in (
        lambda: connection.send(5),
        lambda: connection.sendall(5),
        lambda: connection.sendall([65, 66]),
        lambda: connection.send(None),
        lambda: connection.recv(None),
        lambda: context.trust_data(5),
        lambda: context.trust_data([1, 2]),
        lambda: context.verify_chain(3, "localhost"),
        lambda: context.verify_chain(b"", None),
        lambda: context.connect(None, port),
        lambda: context.connect(5, port),
        lambda: context.wrap(sock(), None),
        lambda: context.trust_file(None),
        lambda: context.trust_file(5),
        lambda: context.add_pin(5),
        lambda: hostlock.Context(5),
        lambda: context.set_verify_time(2**64 + 1000),
        lambda: context.connect("localhost", port, timeout=0),
        lambda: context.connect("localhost", port, timeout=float("nan")),
        lambda: context.wrap(sock(), "localhost", 0),
    ):
        try:
            print("accepted", call())
        except (TypeError, ValueError) as error:
            print(type(error).__name__)
    assert connection.send(bytearray(b"GET ")) == 4 and connection.send(memoryview(b"/ HTTP/1.0\\r\\n\\r\\n")) == 14
    assert connection.read().startswith(b"HTTP/1.0 200"), "nothing else was sent before"
"""
        with Server(cast().right) as port:
            for version in interpreters():
                lines = self.says(version, script, str(port), cast().roots).splitlines()
                self.assertEqual(lines, ["TypeError"] * 16 + ["ValueError"] * 4, version)

    def test_a_wait_asks_no_clock_that_can_be_set_and_may_be_longer_than_poll_takes(self) -> None:
        script = """
import hostlock, signal, sys, time
asked = []
time.time = lambda: asked.append(1)
def stop(number, frame):
    raise KeyboardInterrupt
context = hostlock.Context()
context.trust_file(sys.argv[2])
with context.connect("localhost", int(sys.argv[1]), timeout=1e7) as connection:
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        connection.recv()
    except KeyboardInterrupt:
        print("waited", len(asked))
"""
        with Server(cast().right) as port:
            for version in sorted({*interpreters()} - {"2.7"}):
                self.assertEqual(self.says(version, script, str(port), cast().roots), "waited 0", version)

    def test_a_chain_in_memory_is_judged_like_a_servers(self) -> None:
        script = """
import hostlock, sys
context = hostlock.Context()
context.trust_file(sys.argv[2])
chain = open(sys.argv[1], "rb").read()
context.verify_chain(chain, "localhost")
try:
    context.verify_chain(chain, "other.example")
except hostlock.CertificateError as error:
    print(error)
"""
        for version in interpreters():
            said = self.says(version, script, cast().right, cast().roots)
            self.assertEqual(said, 'the certificate is for "localhost", not for "other.example"', version)

    def test_a_silent_peer_ends_in_a_timeout_that_sockets_users_catch(self) -> None:
        script = """
import hostlock, socket, sys
try:
    hostlock.connect("localhost", int(sys.argv[1]), timeout=0.3)
except socket.timeout as error:
    print(error.hostlock.status)
"""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for version in interpreters():
                said = self.says(version, script, str(silent.getsockname()[1]))
                self.assertEqual(said, "HOSTLOCK_E_TIMEOUT", version)

    def test_a_signal_ends_a_wait_at_once(self) -> None:
        script = """
import hostlock, sys
print("waiting")
sys.stdout.flush()
try:
    hostlock.connect("localhost", int(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted")
"""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for version, path in interpreters().items():
                with subprocess.Popen(
                    [path, "-c", script, str(silent.getsockname()[1])],
                    env={"PYTHONPATH": str(SOURCE), "HOSTLOCK_LIBRARY": str(library())},
                    stdout=subprocess.PIPE,
                    text=True,
                ) as process:
                    assert process.stdout is not None
                    self.assertEqual(process.stdout.readline(), "waiting\n")
                    silent.accept()[0].detach()
                    time.sleep(0.2)
                    process.send_signal(signal.SIGINT)
                    before = time.monotonic()
                    self.assertEqual(process.communicate(timeout=LONG_ENOUGH)[0], "interrupted\n", version)
                    self.assertLess(time.monotonic() - before, 5, version)


if __name__ == "__main__":
    unittest.main()
