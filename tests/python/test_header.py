"""include/hostlock.h: current, strict in every dialect, and its numbers are for ever."""

from __future__ import annotations

import itertools
import re
import unittest

from support import HEADER, ROOT, library, must, run, scratch

STATUSES = ROOT / "tests/data/statuses.txt"
DIALECTS = (("cc", "c", "c99"), ("cc", "c", "c11"), ("c++", "c++", "c++17"))


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
        numbers = dict(re.findall(r"^    (HOSTLOCK_\w+) = (-?\d+),$", HEADER.read_text(), re.MULTILINE))
        self.assertEqual({name: numbers.get(name) for name in committed}, committed, "an old status never changes")
        fresh = [f"{name} {number}" for name, number in numbers.items() if name not in committed]
        self.assertEqual(fresh, [], f"add these lines to {STATUSES.relative_to(ROOT)}")
        self.assertEqual(len(set(committed.values())), len(committed))

    def test_the_library_has_a_phrase_for_every_status(self) -> None:
        import ctypes  # noqa: PLC0415

        text = ctypes.CDLL(str(library())).hostlock_status_text
        text.restype = ctypes.c_char_p
        phrases = [text(int(line.split()[1])) for line in STATUSES.read_text().splitlines()]
        self.assertNotIn(b"unknown status", phrases)
        self.assertEqual(len(set(phrases)), len(phrases))
        self.assertEqual(text(-9999), b"unknown status")


if __name__ == "__main__":
    unittest.main()
