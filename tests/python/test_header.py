"""include/hostlock.h: current, strict in every dialect, and its numbers are for ever."""

from __future__ import annotations

import ctypes
import itertools
import re
import tempfile
import unittest
from pathlib import Path

from support import HEADER, ROOT, Authority, Server, library, must, run, scratch
from test_ctypes import declarations

STATUSES = ROOT / "tests/data/statuses.txt"
DIALECTS = (("cc", "c", "c90"), ("cc", "c", "c99"), ("cc", "c", "c11"), ("c++", "c++", "c++17"))


class Header(unittest.TestCase):
    def test_the_committed_header_is_the_one_that_the_source_makes(self) -> None:
        generated = must(["scripts/generated-header"]).strip()
        difference = run(["diff", "-u", HEADER, generated])
        self.assertEqual(difference.returncode, 0, f"{difference.stdout}run make header")

    def test_it_compiles_alone_and_beside_openssl_in_every_dialect_without_a_warning(self) -> None:
        ours, theirs = "#include <hostlock.h>\n", "#include <openssl/ssl.h>\n"
        source = scratch() / "includes.c"
        for (compiler, language, standard), includes in itertools.product(
            DIALECTS, (ours, ours + theirs, theirs + ours)
        ):
            with self.subTest(standard=standard, includes=includes):
                use = "int main(void) { hostlock_ctx_free(hostlock_client_new(NULL)); return 0; }\n"
                source.write_text(includes + use)
                strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{HEADER.parent}"]
                outcome = run([compiler, "-x", language, f"-std={standard}", *strict, "-fsyntax-only", source])
                self.assertEqual(outcome.returncode, 0, outcome.stderr)

    def test_an_ignored_answer_is_a_warning(self) -> None:
        source = scratch() / "ignored.c"
        source.write_text("#include <hostlock.h>\nint main(void) { hostlock_conn_set_host(NULL, NULL); return 0; }\n")
        outcome = run(["cc", "-Werror", f"-I{HEADER.parent}", "-c", source, "-o", "/dev/null"])
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("unused-result", outcome.stderr)

    def test_who_is_done_need_not_ask_whether_the_goodbye_was_sent(self) -> None:
        source = scratch() / "goodbye.c"
        source.write_text("#include <hostlock.h>\nint main(void) { hostlock_shutdown(NULL); return 0; }\n")
        must(["cc", "-Wall", "-Werror", f"-I{HEADER.parent}", "-fsyntax-only", source])

    def test_handles_are_the_types_of_openssl(self) -> None:
        source = scratch() / "handles.c"
        source.write_text(
            "#include <hostlock.h>\n#include <openssl/ssl.h>\n"
            "SSL_CTX *context(hostlock_ctx *c) { return c; }\nSSL *connection(hostlock_conn *c) { return c; }\n"
        )
        must(
            [
                "cc",
                "-std=c11",
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                f"-I{HEADER.parent}",
                "-fsyntax-only",
                source,
            ]
        )

    def test_every_function_has_a_comment(self) -> None:
        code = re.sub(r"HOSTLOCK_MUST_USE\s|HOSTLOCK_INSECURE\(.*\)\n", "", HEADER.read_text())
        declared = re.findall(r"(.*)\n[a-z][\w *]*?\b(hostlock_\w+)\(", code)
        self.assertGreater(len(declared), 20)
        self.assertEqual([name for before, name in declared if before != " */"], [])

    def test_a_status_keeps_its_number_and_no_number_is_used_twice(self) -> None:
        committed = dict(line.split() for line in STATUSES.read_text().splitlines())
        numbers = dict(re.findall(r"^    (HOSTLOCK_\w+) = (-?\d+),?$", HEADER.read_text(), re.MULTILINE))
        self.assertEqual({name: numbers.get(name) for name in committed}, committed, "an old status never changes")
        fresh = [f"{name} {number}" for name, number in numbers.items() if name not in committed]
        self.assertEqual(fresh, [], f"add these lines to {STATUSES.relative_to(ROOT)}")
        self.assertEqual(len(set(committed.values())), len(committed))

    def test_the_library_has_a_phrase_and_the_name_for_every_status(self) -> None:
        lib = ctypes.CDLL(str(library()))
        lib.hostlock_status_text.restype = lib.hostlock_status_name.restype = ctypes.c_char_p
        statuses = [line.split() for line in STATUSES.read_text().splitlines()]
        self.assertEqual(
            [lib.hostlock_status_name(int(number)).decode() for _, number in statuses], [n for n, _ in statuses]
        )
        phrases = [lib.hostlock_status_text(int(number)) for _, number in statuses]
        self.assertNotIn(b"unknown status", phrases)
        self.assertEqual(len(set(phrases)), len(phrases))
        self.assertEqual(lib.hostlock_status_text(-9999), b"unknown status")
        self.assertEqual(lib.hostlock_status_name(-9999), b"unknown status")

    def test_header_library_and_package_have_one_version(self) -> None:
        package = re.search(r'^version = "(\d+)\.(\d+)\.(\d+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
        assert package
        parts = re.findall(r"^#define HOSTLOCK_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$", HEADER.read_text(), re.MULTILINE)
        self.assertEqual(tuple(parts), package.groups())
        lib = ctypes.CDLL(str(library()))
        lib.hostlock_version.restype = ctypes.c_char_p
        self.assertEqual(lib.hostlock_version().decode(), ".".join(parts))
        source = scratch() / "version.c"
        source.write_text(
            f'#include <hostlock.h>\n_Static_assert(HOSTLOCK_ABI_VERSION == {lib.hostlock_abi_version()}, "");\n'
        )
        must(["cc", "-std=c11", f"-I{HEADER.parent}", "-fsyntax-only", source])

    def test_the_example_at_its_head_compiles_in_every_dialect_and_reads_a_page(self) -> None:
        lines = HEADER.read_text().split(" */\n", 1)[0].splitlines()
        code = "\n".join(line[7:] for line in lines if line.startswith(" *     ") or line == " *")
        self.assertIn("int main(void)", code)
        authority = Authority("Header CA")
        with Server(authority.issue("localhost")) as port:
            source = scratch() / "example.c"
            source.write_text(code.replace("example.org", "localhost").replace("443", str(port)))
            for compiler, language, standard in DIALECTS:
                strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{HEADER.parent}"]
                must([compiler, "-x", language, f"-std={standard}", *strict, "-fsyntax-only", source])
            # Not in the folder of all: the initialiser looks for the library beside and above itself.
            place = Path(tempfile.mkdtemp(dir=scratch()))
            (place / "libhostlock.so.0").symlink_to(library().resolve())
            ours = [str(place / "libhostlock.so.0"), f"-Wl,-rpath,{place}"]
            must(["cc", f"-I{HEADER.parent}", source, *ours, "-o", scratch() / "example"])
            said = must([scratch() / "example"], SSL_CERT_FILE=str(authority.certificate))
            self.assertIn("</HTML>", said.upper())
            refused = run([scratch() / "example"])
            self.assertNotEqual(refused.returncode, 0)
            self.assertNotEqual(refused.stderr, "")

    def test_the_contents_name_every_section_in_its_order(self) -> None:
        head, rest = HEADER.read_text().split("#ifndef HOSTLOCK_H", 1)
        contents = [
            line[3:].strip() for line in head.split("banner of its name:")[1].split(" * Answers.")[0].splitlines()
        ]
        listed = [re.split(r"\s{2,}", line, maxsplit=1) for line in contents if line]
        banners = re.findall(r"^ \* =+\n \* (.*?): (.*)\n \* =+$", rest, re.MULTILINE)
        self.assertGreater(len(banners), 10)
        self.assertEqual([tuple(line) for line in listed], banners)

    def test_an_int_is_a_status_and_a_count_a_size(self) -> None:
        for name, (answer, takes) in declarations().items():
            with self.subTest(name=name):
                self.assertNotIn("unsigned", answer)
                if name.endswith("_count"):
                    self.assertTrue(answer == "size_t" or takes[-1].startswith("size_t *"))
                for take in takes:
                    self.assertNotRegex(take, r"\b(ssl|why)$")
                    handle = r"\b(hostlock_ctx \*\*?ctx|hostlock_conn \*\*?(conn|other))$"
                    self.assertRegex(take, rf"{handle}|^(?!.*hostlock_c)")


if __name__ == "__main__":
    unittest.main()
