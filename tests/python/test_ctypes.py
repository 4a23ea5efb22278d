"""The C ABI as a foreign-function interface meets it: every function of the header, called through plain ctypes."""

from __future__ import annotations

import ctypes
import json
import re
import socket
import sys
import threading
import unittest
from typing import Any, Callable

from support import HEADER, ROOT, Authority, Server, library, run

E_ARG, E_POISONED, E_BAD_HOST, E_HOST_MISMATCH, E_NOT_FOUND = -3, -6, -10, -12, -41
POINTER = ctypes.c_void_p
TYPES: dict[str, Any] = {
    "void": None,
    "bool": ctypes.c_bool,
    "int": ctypes.c_int,
    "long": ctypes.c_long,
    "unsigned int": ctypes.c_uint,
    "size_t": ctypes.c_size_t,
    "ssize_t": ctypes.c_ssize_t,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "uint32_t": ctypes.c_uint32,
    "uint16_t": ctypes.c_uint16,
    "const char *": ctypes.c_char_p,
}


def ctype(declaration: str, *, named: bool) -> Any:
    """The ctypes type of one C declaration. Every other pointer is an address."""
    words = re.sub(r"\s*\b\w+$", "", declaration) if named else declaration
    words = re.sub(r"\s*\*\s*", " *", words).strip()
    return TYPES[words] if words in TYPES or ("*" not in words and not words.startswith("hostlock_")) else POINTER


def declarations() -> dict[str, tuple[str, list[str]]]:
    """Every function of the header by name, in the words of C: what it answers, and what it takes."""
    code = re.sub(r"/\*.*?\*/|#.*?\n", "", HEADER.read_text(), flags=re.DOTALL)
    code = re.sub(r'HOSTLOCK_MUST_USE|HOSTLOCK_INSECURE\(".*?"\)', "", code)
    found = {}
    for answer, name, parameters in re.findall(r"([\w *]+?)\b(hostlock_\w+)\(([^()]*)\);", code.replace("\n", " ")):
        takes = [] if parameters.strip() == "void" else [p.strip() for p in parameters.split(",")]
        found[name] = (answer.strip(), takes)
    return found


def prototypes() -> dict[str, tuple[Any, list[Any]]]:
    """The same in the types of ctypes."""
    return {
        name: (ctype(answer, named=False), [ctype(take, named=True) for take in takes])
        for name, (answer, takes) in declarations().items()
    }


def load() -> ctypes.CDLL:
    lib = ctypes.CDLL(str(library()))
    for name, (answer, takes) in prototypes().items():
        function = getattr(lib, name)
        function.restype, function.argtypes = answer, takes
    return lib


class Ctypes(unittest.TestCase):
    lib: Any
    authority: Authority

    @classmethod
    def setUpClass(cls) -> None:
        cls.lib = load()
        cls.authority = Authority("ctypes CA")

    def context(self) -> Any:
        context = self.lib.hostlock_client_new(None)
        self.assertTrue(context)
        self.addCleanup(self.lib.hostlock_ctx_free, context)
        return context

    def trusting(self) -> Any:
        context = self.context()
        self.assertEqual(self.lib.hostlock_ctx_trust_file(context, str(self.authority.certificate).encode()), 0)
        return context

    def connect(self, context: Any, port: int, host: bytes = b"localhost") -> tuple[int, Any]:
        connection = POINTER()
        status = self.lib.hostlock_connect(context, host, port, ctypes.byref(connection))
        if connection:
            self.addCleanup(self.lib.hostlock_conn_free, connection)
        return status, connection

    def message(self) -> str:
        words: bytes = self.lib.hostlock_error_message(self.lib.hostlock_last_error())
        return words.decode()

    def test_every_prototype_of_the_header_is_understood(self) -> None:
        declared = set(re.findall(r"^(?!.*\*/).*\b(hostlock_\w+)\(", HEADER.read_text(), re.MULTILINE))
        self.assertLessEqual(set(prototypes()), declared)
        self.assertIn("hostlock_connect", prototypes())
        self.assertGreater(len(prototypes()), 30)

    def test_null_everywhere_is_an_answer_and_never_a_crash(self) -> None:
        # In another process, which says each name before the call: the last one named is the one that crashed.
        script = f"""
import ctypes, sys
sys.path.insert(0, {str(ROOT / "tests/python")!r})
import test_ctypes as t
for name in t.prototypes():
    function = getattr(t.load(), name)
    print(name, end=" ", flush=True)
    zero = [None if take in (t.POINTER, ctypes.c_char_p) else 0 for take in function.argtypes]
    print(repr(function(*zero)).replace(" ", "_"), flush=True)
"""
        outcome = run([sys.executable, "-c", script])
        self.assertEqual(outcome.returncode, 0, f"{outcome.stderr} after {outcome.stdout.split()[-1:]}")
        answers = dict(line.split() for line in outcome.stdout.splitlines())
        self.assertEqual(set(answers), set(prototypes()))
        fallible = re.findall(
            r"HOSTLOCK_MUST_USE\s(?:HOSTLOCK_INSECURE.*\s)?(?:int|ssize_t) (hostlock_\w+)\(.*?\*", HEADER.read_text()
        )
        # NULL is a policy: the newest.
        fallible.remove("hostlock_seal_process")
        self.assertGreater(len(fallible), 15)
        self.assertEqual({name: int(answers[name]) for name in fallible}, dict.fromkeys(fallible, E_ARG))

    def test_a_page_is_read_to_its_end_and_zero_stays_zero(self) -> None:
        with Server(self.authority.issue("localhost")) as port:
            status, connection = self.connect(self.trusting(), port)
            self.assertEqual(status, 0, self.message())
            request = b"GET / HTTP/1.0\r\n\r\n"
            self.assertGreaterEqual(self.lib.hostlock_write_all(connection, request, len(request)), 0)
            page, buffer = b"", ctypes.create_string_buffer(1000)
            while (got := self.lib.hostlock_read(connection, buffer, len(buffer))) > 0:
                page += buffer.raw[:got]
            self.assertEqual(got, 0)
            self.assertIn(b"</HTML>", page)
            self.assertEqual(self.lib.hostlock_read(connection, buffer, len(buffer)), 0)

    def test_a_refusal_carries_its_facts_in_words_in_accessors_and_in_json(self) -> None:
        with Server(self.authority.issue("impostor.example")) as port:
            status, connection = self.connect(self.trusting(), port)
        self.assertEqual((status, connection.value), (E_HOST_MISMATCH, None))
        error = self.lib.hostlock_last_error()
        self.assertEqual(self.lib.hostlock_error_status(error), E_HOST_MISMATCH)
        self.assertEqual(self.lib.hostlock_error_host(error), b"localhost")
        self.assertEqual(self.lib.hostlock_error_name_count(error), 1)
        self.assertEqual(self.lib.hostlock_error_name(error, 0), b"impostor.example")
        self.assertIsNone(self.lib.hostlock_error_name(error, 1))
        facts = json.loads(self.lib.hostlock_error_json(error))
        self.assertEqual(facts["names"], ["impostor.example"])
        self.assertEqual((facts["host"], facts["code"]), ("localhost", E_HOST_MISMATCH))
        self.assertEqual(facts["status"], "HOSTLOCK_E_HOST_MISMATCH")
        self.assertEqual(facts["message"], self.message())

    def test_a_kept_error_outlives_the_next_one_and_belongs_to_its_thread(self) -> None:
        context = self.context()
        self.assertEqual(self.lib.hostlock_ctx_set_host(context, b"a..b"), E_BAD_HOST)
        kept = self.lib.hostlock_error_dup(self.lib.hostlock_last_error())
        self.addCleanup(self.lib.hostlock_error_free, kept)
        self.assertEqual(self.lib.hostlock_ctx_set_host(context, b"http://x/"), E_BAD_HOST)
        self.assertIn(b"a..b", self.lib.hostlock_error_message(kept))
        self.assertIn("http://x/", self.message())

        seen: list[Any] = []
        thread = threading.Thread(target=lambda: seen.append(self.lib.hostlock_last_error()))
        thread.start()
        thread.join()
        self.assertEqual(seen, [None])

    def test_a_failed_trust_call_poisons_the_context_until_one_succeeds(self) -> None:
        with Server(self.authority.issue("localhost")) as port:
            context = self.trusting()
            self.assertEqual(self.lib.hostlock_ctx_trust_file(context, b"/no/such/file"), E_NOT_FOUND)
            self.assertEqual(self.connect(context, port)[0], E_POISONED)
            self.assertIn("hostlock_ctx_trust_file", self.message())
            self.assertEqual(self.lib.hostlock_ctx_trust_file(context, str(self.authority.certificate).encode()), 0)
            self.assertEqual(self.connect(context, port)[0], 0, self.message())

    def test_a_handle_is_null_after_a_failure_whatever_stood_there(self) -> None:
        asks: tuple[Callable[[Any], int], ...] = (
            lambda place: self.lib.hostlock_connect(self.context(), b"h:443", 443, place),
            lambda place: self.lib.hostlock_connect(None, b"localhost", 443, place),
            lambda place: self.lib.hostlock_connect_fd(self.context(), -1, b"localhost", place),
            lambda place: self.lib.hostlock_audit(None, place),
            lambda place: self.lib.hostlock_audit_conn(None, place),
            lambda place: self.lib.hostlock_audit_probe(None, place),
            lambda place: self.lib.hostlock_ctx_check_intact(None, place),
        )
        for ask in asks:
            handle = POINTER(1)
            self.assertLess(ask(ctypes.byref(handle)), 0)
            self.assertIsNone(handle.value)
        descriptor = ctypes.c_int(7)
        self.assertEqual(self.lib.hostlock_conn_fd(None, ctypes.byref(descriptor)), E_ARG)
        self.assertEqual(descriptor.value, -1)

    def test_a_yes_or_no_that_is_neither_is_refused(self) -> None:
        careless = ctypes.CDLL(str(library())).hostlock_ctx_set_host_from_sni
        careless.argtypes = [POINTER, ctypes.c_int]
        self.assertEqual([careless(self.context(), answer) for answer in (0, 1, 2)], [0, 0, E_ARG])

    def test_a_python_socket_is_taken_over_by_its_descriptor(self) -> None:
        pem, connection = self.authority.issue("bank.example"), POINTER()
        with (
            Server(pem) as port,
            socket.create_connection(("127.0.0.1", port)) as plain,
        ):
            out = ctypes.byref(connection)
            status = self.lib.hostlock_connect_fd(self.trusting(), plain.fileno(), b"bank.example", out)
            self.assertEqual(status, 0, self.message())
            descriptor = ctypes.c_int()
            self.assertEqual(self.lib.hostlock_conn_fd(connection, ctypes.byref(descriptor)), 0)
            self.assertEqual(descriptor.value, plain.fileno())
            self.lib.hostlock_conn_free(connection)

    def test_contexts_are_shared_by_threads(self) -> None:
        outcomes: list[int] = []

        def visit(context: Any, host: bytes, port: int) -> None:
            connection = POINTER()
            outcomes.append(self.lib.hostlock_connect(context, host, port, ctypes.byref(connection)))
            self.lib.hostlock_conn_free(connection)

        with Server(self.authority.issue("localhost")) as port:
            context = self.trusting()
            hosts = [b"localhost", b"127.0.0.1"] * 8
            threads = [threading.Thread(target=visit, args=(context, host, port)) for host in hosts]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(sorted(outcomes), [E_HOST_MISMATCH] * 8 + [0] * 8)


if __name__ == "__main__":
    unittest.main()
