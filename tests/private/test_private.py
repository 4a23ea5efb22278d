"""The build with a libssl of its own inside: nothing of it is seen from outside, its handles cannot be mixed with
OpenSSL's, and a program may use another libssl beside it."""

from __future__ import annotations

import ctypes
import os
import re
import socket
import ssl
import sys
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
import package
import test_ctypes
import test_libssl
import test_package_inject
from support import ROOT, Authority, Server, must, run, scratch

E_UNSUPPORTED, E_FOREIGN_LIBSSL = -7, -8
DIALECTS = (("cc", "c", "c99"), ("cc", "c", "c11"), ("c++", "c++", "c++17"))
# Each gives a handle of hostlock to OpenSSL, or the other way round.
MIXTURES = (
    "SSL *mixed(hostlock_ctx *c) { return SSL_new(c); }",
    "int mixed(hostlock_conn *c) { return SSL_connect(c); }",
    "void mixed(SSL_CTX *c) { hostlock_ctx_free(c); }",
    "void mixed(SSL *s) { hostlock_conn_free(s); }",
)
# They are for contexts that a program made with OpenSSL, which here none can be.
BRIDGE = re.compile(r"hostlock_(insecure_)?(audit|harden|seal)|hostlock_ctx_check_intact")


class Private(unittest.TestCase):
    directory: Path
    library: Path
    lib: Any

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = ROOT / must(["scripts/private", "build"]).strip()
        cls.library = cls.directory / "libhostlock.so"
        os.environ["HOSTLOCK_LIBRARY"] = str(cls.library)
        cls.lib = test_ctypes.load()

    def compile(self, code: str, include: Path, compiler: str, language: str, standard: str) -> tuple[int, str]:
        source = scratch() / "private.c"
        source.write_text(f"#include <openssl/ssl.h>\n#include <hostlock.h>\n{code}\n")
        flags = ["-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", f"-I{include}", "-fsyntax-only"]
        outcome = run([compiler, *flags, source])
        return outcome.returncode, outcome.stderr

    def message(self) -> str:
        words: bytes = self.lib.hostlock_error_message(self.lib.hostlock_last_error())
        return words.decode()

    def test_the_same_functions_are_exported_and_not_one_symbol_of_openssl(self) -> None:
        exported = [line.split()[2] for line in must(["nm", "-D", "--defined-only", self.library]).splitlines()]
        self.assertEqual(sorted(exported), (ROOT / "tests/data/symbols.txt").read_text().split())
        self.assertEqual([name for name in exported if not name.startswith("hostlock_")], [])

    def test_no_libssl_is_loaded_for_it_and_none_is_asked_for_a_symbol(self) -> None:
        dynamic = must(["readelf", "--dynamic", "--wide", self.library])
        self.assertNotRegex(dynamic, r"\(NEEDED\).*\[lib(ssl|crypto)")
        undefined = must(["nm", "-D", "--undefined-only", self.library])
        self.assertNotRegex(undefined, r" U (SSL|TLS|X509|EVP|ERR|BIO|CRYPTO|OPENSSL|OSSL)_")
        symbols = must(["nm", self.library])
        self.assertRegex(symbols, r" t SSL_connect\n", "it is inside, and local")

    def test_its_soname_is_its_own(self) -> None:
        dynamic = must(["readelf", "--dynamic", "--wide", self.library])
        self.assertRegex(dynamic, r"\(SONAME\)\s+Library soname: \[libhostlock-private\.so\.0\]")

    def test_its_header_stands_beside_openssls_in_every_dialect_without_a_warning(self) -> None:
        code = "int main(void) { return hostlock_check_libssl(TLS_method()) == HOSTLOCK_E_FOREIGN_LIBSSL ? 0 : 1; }"
        for compiler, language, standard in DIALECTS:
            with self.subTest(standard=standard):
                self.assertEqual(self.compile(code, self.directory / "include", compiler, language, standard), (0, ""))

    def test_a_handle_given_to_openssl_is_a_compile_error_here_and_is_none_with_the_ordinary_header(self) -> None:
        for code in MIXTURES:
            for compiler, language, standard in DIALECTS:
                with self.subTest(code=code, standard=standard):
                    how = (compiler, language, standard)
                    self.assertEqual(self.compile(code, ROOT / "include", *how), (0, ""))
                    status, said = self.compile(code, self.directory / "include", *how)
                    self.assertNotEqual(status, 0)
                    self.assertRegex(said, "error: .*(incompatible pointer type|cannot convert)")

    def test_the_programs_libssl_is_foreign_and_so_are_its_contexts(self) -> None:
        theirs = ctypes.CDLL("libssl.so.3")
        theirs.TLS_method.restype = theirs.SSL_CTX_new.restype = ctypes.c_void_p
        method = theirs.TLS_method()
        self.assertEqual(self.lib.hostlock_check_libssl(method), E_FOREIGN_LIBSSL)
        self.assertIn("libhostlock", self.message())
        context = theirs.SSL_CTX_new(ctypes.c_void_p(method))
        self.assertEqual(self.lib.hostlock_ctx_set_host(context, b"host.example"), E_FOREIGN_LIBSSL)
        self.assertIn("libssl.so.3", self.message())
        theirs.SSL_CTX_free(ctypes.c_void_p(context))

    def test_functions_for_contexts_of_the_program_say_that_this_build_cannot_have_them(self) -> None:
        mine = self.lib.hostlock_client_new(None)
        handles = test_libssl.functions_with_a_handle()
        names = [name for name in test_ctypes.declarations() if BRIDGE.match(name)]
        self.assertGreater(len(names), 8)
        for name in names:
            function = getattr(self.lib, name)
            arguments = [test_libssl.stand_in(take) for take in function.argtypes]
            if handle := handles.get(name):
                arguments[test_ctypes.declarations()[name][1].index(handle)] = mine
            with self.subTest(name=name):
                refused = E_UNSUPPORTED if function.restype is ctypes.c_int else None
                self.assertEqual(function(*arguments), refused)
                self.assertIn("a libssl of its own", self.message())
        self.lib.hostlock_ctx_free(mine)

    def test_the_program_and_hostlock_speak_tls_through_two_libssls_in_one_process(self) -> None:
        authority = Authority("private CA")
        theirs = ssl.create_default_context(cafile=str(authority.certificate))
        mine = self.lib.hostlock_client_new(None)
        self.assertEqual(self.lib.hostlock_ctx_trust_file(mine, str(authority.certificate).encode()), 0)
        pem = authority.issue("localhost")
        with Server(pem) as port, Server(pem) as another:
            for _ in range(3):
                with theirs.wrap_socket(socket.socket(), server_hostname="localhost") as python:
                    python.connect(("127.0.0.1", another))
                    connection = ctypes.c_void_p()
                    out = ctypes.byref(connection)
                    self.assertEqual(self.lib.hostlock_connect(mine, b"localhost", port, out), 0, self.message())
                    self.lib.hostlock_conn_free(connection)
        self.lib.hostlock_ctx_free(mine)

    def test_what_ctypes_programs_do_with_the_ordinary_library_they_do_with_this_one(self) -> None:
        suite = ["-W", "error", "-m", "unittest", "discover", "-s", "tests/python", "-p", "test_ctypes.py"]
        outcome = run([sys.executable, *suite], HOSTLOCK_LIBRARY=str(self.library))
        self.assertEqual(outcome.returncode, 0, outcome.stderr)

    def test_it_judges_the_connections_of_every_python_afterwards(self) -> None:
        for version in package.interpreters():
            with (
                self.subTest(version=version),
                Server(package.cast().right) as good,
                Server(package.cast().false["HOST_MISMATCH"]) as bad,
            ):
                ways = test_package_inject.Ways()
                right, wrong = (ways.outcomes(version, "inject", port) for port in (good, bad))
                named = set(right) - test_package_inject.BY_NUMBER - test_package_inject.UNNAMED
                self.assertEqual({name: right[name] for name in named}, dict.fromkeys(named, "ok"))
                self.assertEqual({wrong[name] for name in named}, {"HOSTLOCK_E_HOST_MISMATCH"})
                self.assertNotIn("ok", wrong.values())


class Switch(unittest.TestCase):
    def test_no_other_manifest_turns_it_on_and_no_default_does(self) -> None:
        manifests = [ROOT / path for path in must(["git", "ls-files", "Cargo.toml", "*/Cargo.toml"]).splitlines()]
        self.assertGreater(len(manifests), 3)
        for manifest in manifests:
            text = manifest.read_text()
            if manifest != ROOT / "Cargo.toml":
                self.assertNotIn("private-libssl", text, str(manifest))
        named = re.findall(r"^.*private-libssl.*$", (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
        self.assertEqual(named, ['private-libssl = ["openssl/vendored"]'])

    def test_an_ordinary_build_has_no_vendored_openssl(self) -> None:
        outcome = run(["cargo", "tree", "--workspace", "--locked", "--prefix", "none", "--format", "{p}"])
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        self.assertIn("openssl-sys", outcome.stdout)
        self.assertNotIn("openssl-src", outcome.stdout)


if __name__ == "__main__":
    unittest.main()
