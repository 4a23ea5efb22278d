"""hostlock-cc and hostlock-c++: what is built with them is hardened, and builds as it does with cc and c++."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import Authority, Server, installed, must, pkg_config, run, scratch

DIALECTS = [("c", standard) for standard in ("c90", "c99", "c11", "c17", "gnu89", "gnu17")]
DIALECTS += [("c++", standard) for standard in ("c++11", "c++17", "c++20")]
PEDANTIC = ("-Wall", "-Wextra", "-pedantic", "-Werror")
Words = list["str | Path"]
# What the strictest programs ask of themselves.
STRICTER = ("-Wcast-qual", "-Wconversion", "-Wshadow", "-Wundef", "-Wredundant-decls", "-Wunused-macros")
STRICTER_C = ("-Wmissing-prototypes", "-Wstrict-prototypes", "-Wdeclaration-after-statement", "-Wc++-compat")
STRICTER_CXX = ("-Wold-style-cast", "-Wuseless-cast", "-Wzero-as-null-pointer-constant")

# A client that names a host and believes every certificate: HOST PORT. Its feature macro comes first, as it must, and
# it has its own idea of what a bool is.
CLIENT = """
#define _XOPEN_SOURCE 600
%s
#include <stdio.h>
#include <stdlib.h>
#ifndef __cplusplus
typedef enum { false, true } bool;
#endif
#include <openssl/ssl.h>
#include <openssl/err.h>
#ifndef _POSIX_C_SOURCE
#error "somebody was here before"
#endif

int main(int argc, char **argv)
{
    char address[300];
    bool done = false;
    SSL *ssl = NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BIO *bio = ctx != NULL && argc > 2 ? BIO_new_ssl_connect(ctx) : NULL;
    if (bio == NULL)
        return 2;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    BIO_get_ssl(bio, &ssl);
    SSL_set_tlsext_host_name(ssl, argv[1]);
    sprintf(address, "%%.200s:%%.5s", argv[1], argv[2]);
    BIO_set_conn_hostname(bio, address);
    done = BIO_do_connect(bio) == 1 && BIO_puts(bio, "GET / HTTP/1.0\\r\\n\\r\\n") > 0 ? true : false;
    if (done)
        printf("sent\\n");
    else
        ERR_print_errors_fp(stderr);
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
    return done ? 0 : 1;
}
"""


@functools.cache
def compilers() -> list[str]:
    """The pairs of compilers that are here, by their first."""
    return [name for name in ("gcc", "clang") if shutil.which(name)]


def partner(compiler: str) -> str:
    """The compiler of C++ beside the one of C."""
    return {"gcc": "g++", "clang": "clang++"}[compiler]


def tool(language: str) -> Path:
    """hostlock-cc or hostlock-c++, as installed."""
    return installed() / ("bin/hostlock-cc" if language == "c" else "bin/hostlock-c++")


def source(text: str, language: str = "c") -> Path:
    """A new file with a program."""
    handle, name = tempfile.mkstemp(suffix=".c" if language == "c" else ".cc", dir=scratch())
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return Path(name)


def harden_is_called_by(program: Path) -> bool:
    """The question that the guide asks."""
    return "hostlock_harden" in must(["nm", "-D", program])


def behind(compiler: str) -> dict[str, str]:
    """The environment that puts a compiler behind the tools."""
    return {"HOSTLOCK_CC": compiler, "HOSTLOCK_CXX": partner(compiler)}


class Shadow(unittest.TestCase):
    def test_strict_code_compiles_in_every_dialect_and_is_hardened(self) -> None:
        for compiler, (language, standard) in itertools.product(compilers(), DIALECTS):
            with self.subTest(compiler=compiler, standard=standard):
                program = scratch() / f"client-{compiler}-{standard}"
                text = CLIENT % "#define OPENSSL_NO_DEPRECATED"
                build: Words = [f"-std={standard}", *PEDANTIC, source(text, language)]
                build += ["-lssl", "-lcrypto", "-o", program]
                must([partner(compiler) if language == "c++" else compiler, *build])
                must([tool(language), *build], **behind(compiler))
                self.assertTrue(harden_is_called_by(program))

    def test_a_warning_of_ours_never_stops_a_program(self) -> None:
        """Each option that a program may make an error of, alone, and nothing of its own that it could complain of."""
        call = "SSL_CTX *make(void);\nlong name(SSL *ssl, BIO *bio);\n"
        call += "SSL_CTX *make(void) { return SSL_CTX_new(TLS_method()); }\n"
        call += 'long name(SSL *ssl, BIO *bio) { return SSL_set_tlsext_host_name(ssl, "a") + '
        call += 'BIO_set_conn_hostname(bio, "b"); }\n'
        for language, more in (("c", STRICTER_C), ("c++", STRICTER_CXX)):
            for option in (*STRICTER, *more):
                with self.subTest(option=option):
                    file = source(f"#include <openssl/ssl.h>\n{call}", language)
                    # What OpenSSL's own macros do to the program is not ours.
                    command: Words = [option, "-Werror", "-c", file, "-o", "/dev/null"]
                    plain = run(["c++" if language == "c++" else "cc", *command]).returncode
                    self.assertLessEqual(run([tool(language), *command]).returncode, plain)

    def test_deprecated_calls_are_judged_as_the_program_asked(self) -> None:
        call = "#include <openssl/ssl.h>\nint main(void) { return SSL_CTX_new(TLSv1_2_client_method()) == NULL; }\n"
        settings = {
            "": False,
            "#define OPENSSL_API_COMPAT 0x10000000L\n": True,
            "#define OPENSSL_API_COMPAT 30000\n": False,
            "#define OPENSSL_SUPPRESS_DEPRECATED\n": True,
            "#define OPENSSL_NO_DEPRECATED\n": False,
            '#pragma GCC diagnostic ignored "-Wdeprecated-declarations"\n': True,
        }
        for setting, passes in settings.items():
            for language in ("c", "c++"):
                with self.subTest(setting=setting, language=language):
                    command: Words = [
                        "-Werror",
                        source(setting + call, language),
                        "-lssl",
                        "-lcrypto",
                        "-o",
                        "/dev/null",
                    ]
                    plain = run(["c++" if language == "c++" else "cc", *command])
                    shadowed = run([tool(language), *command])
                    self.assertEqual(plain.returncode == 0, passes, plain.stderr)
                    self.assertEqual(shadowed.returncode == 0, passes, shadowed.stderr)

    def test_headers_may_come_in_any_order_and_more_than_once(self) -> None:
        names = ["openssl/ssl.h", "openssl/err.h", "openssl/x509v3.h", "hostlock.h", "hostlock/openssl.h"]
        names += ["openssl/quic.h"] if Path("/usr/include/openssl/quic.h").exists() else []
        ours = pkg_config("--cflags", "hostlock")
        use = "SSL_CTX *make(void) { return SSL_CTX_new(TLS_method()); }\n"
        for order in itertools.permutations(names, 3):
            if {"openssl/ssl.h", "hostlock/openssl.h"}.isdisjoint(order):
                continue
            with self.subTest(order=order):
                includes = "".join(f"#include <{name}>\n" for name in (*order, *order))
                made = scratch() / "orders.o"
                must([tool("c"), *PEDANTIC, "-std=c90", *ours, "-c", source(includes + use), "-o", made])
                self.assertIn("hostlock_harden", must(["nm", made]))

    def test_two_copies_in_the_way_are_like_one(self) -> None:
        copy = scratch() / "copy"
        shutil.copytree(installed() / "include", copy)
        file = source("#include <openssl/ssl.h>\nSSL_CTX *make(void) { return SSL_CTX_new(TLS_method()); }\n")
        for flags in ([f"-I{copy}/hostlock/shadow"], ["-isystem", f"{copy}/hostlock/shadow"]):
            made = scratch() / "two.o"
            must([tool("c"), *PEDANTIC, *flags, "-c", file, "-o", made])
            self.assertIn("hostlock_harden", must(["nm", made]))

    def test_a_program_that_brings_its_openssl_gets_that_one(self) -> None:
        own = scratch() / "own/openssl"
        own.mkdir(parents=True)
        (own / "ssl.h").write_text("#include_next <openssl/ssl.h>\n#define FROM_ITS_OWN\n")
        file = source("#include <openssl/ssl.h>\n#ifndef FROM_ITS_OWN\n#error not its own\n#endif\n")
        must([tool("c"), f"-I{own.parent}", "-c", file, "-o", "/dev/null"])

    def test_probes_of_configure_get_the_answers_that_the_compiler_gives(self) -> None:
        function = "char {0}(void);\nint main(void) {{ return {0}(); }}\n"
        both: list[Words] = [[], ["-lssl", "-lcrypto"]]
        probes = [
            (function.format(name), libraries)
            for name in ("snprintf", "getaddrinfo", "strlcpy", "no_such_function", "SSL_CTX_new", "TLSv1_client_method")
            for libraries in both
        ]
        ssl, main = "#include <openssl/ssl.h>\n", "int main(void) { return 0; }\n"
        for name in ("ssl.h", "err.h", "no_such_header.h"):
            probes.append((f"#include <openssl/{name}>\n{main}", []))
        probes += [
            (f"{ssl}int main(void) {{ return SSL_CTX_new(TLS_method()) == 0; }}\n", ["-lssl"]),
            (f"{ssl}int x[OPENSSL_VERSION_NUMBER >= 0x30000000L ? 1 : -1];\n{main}", []),
            (f"{ssl}#ifndef SSL_set_tlsext_host_name\n#error none\n#endif\n{main}", []),
            (main.replace("0", "3"), []),
        ]
        for stage, (text, libraries) in itertools.product((["-E"], ["-c"], []), probes):
            with self.subTest(stage=stage, text=text, libraries=libraries):
                answers = []
                for compiler in ("cc", tool("c")):
                    made = scratch() / "conftest"
                    made.unlink(missing_ok=True)
                    outcome = run([compiler, "-w", *stage, source(text), *libraries, "-o", made])
                    ran = None
                    if not stage and outcome.returncode == 0:
                        ran = subprocess.run([made], check=False).returncode
                    answers.append((outcome.returncode, made.exists(), ran))
                self.assertEqual(answers[0], answers[1])

    def test_what_does_not_link_hears_nothing_of_a_library(self) -> None:
        file = source("int x;\n")
        header = scratch() / "only.h"
        header.write_text("int x;\n")
        part = scratch() / "part.o"
        must(["cc", "-c", file, "-o", part])
        silent: list[Words] = [["--version"], ["-v"], ["-dumpmachine"], ["-print-search-dirs"], ["-E", file]]
        silent += [["-c", file, "-o", scratch() / "x.o"], ["-S", file, "-o", scratch() / "x.s"], ["-MM", file]]
        silent += [["-fsyntax-only", file], ["-M", "-MF", scratch() / "x.d", file], [header, "-o", scratch() / "x.gch"]]
        silent += [["-r", "-nostdlib", part, "-o", scratch() / "r.o"], ["-v", "-x", "c", "-E", file]]
        silent += [["-dumpspecs"], ["--help"], ["-print-prog-name=ld"], ["-Wl,--version"]]
        shown = source('#!/bin/sh\nfor word do echo "$word"; done\n')
        shown.chmod(0o755)
        for arguments in silent:
            with self.subTest(arguments=arguments):
                command = must([tool("c"), *arguments], HOSTLOCK_CC=str(shown))
                self.assertEqual(command.splitlines()[1:], [str(word) for word in arguments])
                self.assertEqual(run([tool("c"), *arguments]).returncode, run(["cc", *arguments]).returncode)
        linking: list[Words] = [[file], ["-o", "x", file], ["-shared", part], ["-x", "c", "-"], ["@words"]]
        linking += [["-I", "x", part], ["-dumpbase", "x", file]]
        for arguments in linking:
            with self.subTest(arguments=arguments):
                command = must([tool("c"), *arguments], HOSTLOCK_CC=str(shown))
                self.assertIn(f"{installed()}/lib/libhostlock.so", command)

    def test_words_with_blanks_and_an_input_from_a_pipe_arrive_as_they_were(self) -> None:
        text = "#include <stdio.h>\n#include <openssl/ssl.h>\nint main(void) { puts(SAID); return SSL_CTX_new == 0; }\n"
        program = scratch() / "with blanks"
        must(
            [
                "sh",
                "-c",
                '"$0" -x c -D"SAID=\\"two  words\\"" -o "$1" - -lssl < "$2"',
                tool("c"),
                program,
                source(text),
            ]
        )
        self.assertEqual(must([program]), "two  words\n")

    def test_a_package_that_knows_only_its_compiler_is_hardened_and_refuses_the_impostor(self) -> None:
        """No CPPFLAGS, no LDFLAGS, an archive of its own, and the linker told to drop what it can."""
        package = Path(tempfile.mkdtemp(dir=scratch()))
        connect, main = (CLIENT % "").replace("int main(", "int client("), "int client(int, char **);\n"
        main += "int main(int argc, char **argv) { return client(argc, argv); }\n"
        (package / "connect.c").write_text(connect)
        (package / "main.c").write_text(main)
        (package / "Makefile").write_text(
            "client: main.o libconnect.a\n\t$(CC) -Wl,--as-needed -o client main.o libconnect.a -lssl -lcrypto\n"
            "libconnect.a: connect.o\n\tar rcs $@ $<\n"
            "main.o: main.c\n\t$(CC) -O2 -c main.c\nconnect.o: connect.c\n\t$(CC) -O2 -c connect.c\n"
        )
        must(["make", "-C", package, f"CC={tool('c')}"])
        self.assertTrue(harden_is_called_by(package / "client"))
        authority = Authority("Shadow CA")
        for name, status in (("localhost", 0), ("other.example", 1)):
            with Server(authority.issue(name)) as port:
                outcome = run([package / "client", "localhost", str(port)], SSL_CERT_FILE=str(authority.certificate))
                self.assertEqual(outcome.returncode, status, outcome.stderr)
        self.assertIn('the certificate is for "other.example", not for "localhost"', outcome.stderr)

    def test_a_static_program_is_hardened_too(self) -> None:
        program = scratch() / "static-rebuilt"
        must([tool("c"), "-static", source(CLIENT % ""), "-lssl", "-lcrypto", "-o", program])
        self.assertIn(" T hostlock_harden", must(["nm", program]))
        authority = Authority("Static Shadow CA")
        for name, status in (("localhost", 0), ("other.example", 1)):
            with Server(authority.issue(name)) as port:
                outcome = run([program, "localhost", str(port)], SSL_CERT_FILE=str(authority.certificate))
                self.assertEqual(outcome.returncode, status, outcome.stderr)

    def test_hostlocks_own_warnings_reach_the_program(self) -> None:
        ours = pkg_config("--cflags", "hostlock")
        for call, warning in (
            ('hostlock_conn_set_host(ssl, "a")', "unused-result"),
            ('(void)!hostlock_insecure_no_hostname(SSL_get_SSL_CTX(ssl), "a")', "deprecated-declarations"),
        ):
            text = f"#include <openssl/ssl.h>\n#include <hostlock.h>\nvoid name(SSL *ssl) {{ {call}; }}\n"
            outcome = run([tool("c"), *ours, "-c", source(text), "-o", "/dev/null"])
            self.assertRegex(outcome.stderr, re.escape(warning))


if __name__ == "__main__":
    unittest.main()
