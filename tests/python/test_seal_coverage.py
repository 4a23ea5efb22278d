"""`hostlock run` gives no false all-clear: what spoke TLS past the seal is named for each process and each library in
it, also where contexts were seen. And it raises no false alarm: what was only loaded is told as that."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from sealing import impostor, right
from support import Server, must, run, scratch
from test_seal_command import curl, hostlock, run_json

WAITS = "#include <unistd.h>\nint main(void) { sleep(1); return 0; }\n"
TLS_CONSTANT = 'const char *volatile mark = "TLS 1.3, server CertificateVerify";\n'


def compiled(name: str, source: str, *options: str) -> Path:
    """A program or library of its own."""
    directory = Path(tempfile.mkdtemp(prefix="compiled-", dir=scratch()))
    (directory / "source.c").write_text(source)
    must(["cc", directory / "source.c", "-o", directory / name, *options])
    return directory / name


def wheel_with_openssl() -> Path | None:
    """A Python package's library that brings an OpenSSL of its own, for the Python that runs the tests."""
    where = run([sys.executable, "-c", "import cryptography.hazmat.bindings._rust as r; print(r.__file__)"])
    path = Path(where.stdout.strip())
    return path if where.returncode == 0 and b"TLS 1.3, server CertificateVerify" in path.read_bytes() else None


class NoFalseAllClear(unittest.TestCase):
    def not_covered(self, *command: str | Path) -> list[str]:
        """What is named, beside a connection that is covered."""
        with Server(right()) as port:
            script = f"{curl(port)} >/dev/null; " + " ".join(f"'{part}'" for part in command)
            ran, summary = run_json("--", "sh", "-c", script)
        self.assertGreaterEqual(summary["contexts"], 1, ran)
        found: list[str] = summary["not_covered"]
        return found

    def test_a_static_child_is_named_beside_contexts_that_were_seen(self) -> None:
        for options, source, words in (
            (["-static"], WAITS, "no TLS was recognised"),
            (["-static"], TLS_CONSTANT + WAITS, "holds TLS of its own"),
            (["-static-pie"], WAITS, "no TLS was recognised"),
        ):
            with self.subTest(options):
                program = compiled("a-static-child", source, *options)
                [found] = self.not_covered(program)
                self.assertIn(f"{program} is statically linked", found)
                self.assertIn(words, found)

    def test_a_child_with_a_cleaned_environment_is_named_with_its_tls_library(self) -> None:
        with Server(right()) as port:
            # It waits a second before it asks again, so that it lives for as long as any program that matters.
            again = [f"https://localhost:{port}/", "--rate", "1/s"]
            [found] = self.not_covered("env", "-i", *curl(port).split(), *again)
        self.assertRegex(found, r"^\S*/curl was started with a cleaned environment; .*/libssl\.so")

    def test_a_set_uid_child_is_named(self) -> None:
        program = compiled("set-uid", WAITS)
        try:
            shutil.chown(program, "nobody")
            program.chmod(0o4755)
            scratch().chmod(0o755)
            program.parent.chmod(0o755)
        except PermissionError:
            self.skipTest("needs root, to make a set-uid program")
        [found] = self.not_covered(program)
        self.assertIn(f"{program} r", found)
        self.assertIn("with more rights than its caller", found)

    def test_a_library_that_brings_tls_of_its_own_is_named(self) -> None:
        library = compiled(
            "_wheel.abi3.so", TLS_CONSTANT + 'const char *volatile s = "SSL_CTX_new";', "-shared", "-fPIC"
        )
        load = f"import ctypes; ctypes.CDLL('{library}')"
        for end in ("", "; import os, time; time.sleep(0.3); os.kill(os.getpid(), 9)"):
            [found] = self.not_covered(sys.executable, "-c", load.replace("'", '"') + end)
            self.assertIn(f"{library} holds an OpenSSL of its own", found)

    def test_a_program_that_holds_openssl_and_exports_it_as_node_does_is_watched(self) -> None:
        source = r"""
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>
int main(int count, char **words)
{
    struct addrinfo *found;
    SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
    if (count < 2 || getaddrinfo("localhost", words[1], NULL, &found) != 0)
        return 2;
    for (; found; found = found->ai_next) {
        int fd = socket(found->ai_family, SOCK_STREAM, 0);
        if (connect(fd, found->ai_addr, found->ai_addrlen) == 0 && SSL_set_fd(ssl, fd))
            break;
    }
    SSL_set_tlsext_host_name(ssl, "localhost");
    puts(SSL_connect(ssl) == 1 ? "connected" : "refused");
    return 0;
}
"""
        whole = "-Wl,--whole-archive,-Bstatic,-lssl,-lcrypto,-Bdynamic,--no-whole-archive"
        program = compiled("as-node", source, whole, "-Wl,--export-dynamic", "-ldl", "-lpthread")
        for pem, expected in ((right(), "connected"), (impostor(), "refused")):
            with Server(pem) as port:
                ran, summary = run_json("--", program, str(port))
            self.assertEqual(ran.stdout, f"{expected}\n", ran)
            self.assertEqual([one["outcome"] for one in summary["connections"]], [expected])
            about_it = [line for line in summary["not_covered"] if line.startswith(str(program))]
            self.assertEqual(about_it, [], "what is watched is not named as not covered")
            about_libssl = [line for line in summary["not_covered"] if "libssl.so" in line]
            self.assertEqual(about_libssl, [], "nor is what hostlock itself has brought")
            [brought] = [line for line in summary["not_seen"] if "which hostlock itself has brought into it" in line]
            self.assertIn(f"whether {program} used ", brought)

    def test_the_peer_of_a_bio_that_connects_by_itself_is_told(self) -> None:
        source = r"""
#include <openssl/ssl.h>
int main(int count, char **words)
{
    BIO *bio = BIO_new_ssl_connect(SSL_CTX_new(TLS_client_method()));
    if (count < 2 || bio == NULL)
        return 2;
    BIO_set_conn_hostname(bio, words[1]);
    return BIO_do_connect(bio) == 1 ? 0 : 1;
}
"""
        program = compiled("as-textbooks-connect", source, "-lssl", "-lcrypto")
        for pem, expected in ((right(), "connected"), (impostor(), "refused")):
            with Server(pem) as port:
                ran, summary = run_json("--", program, f"localhost:{port}")
            [one] = summary["connections"]
            self.assertEqual((one["outcome"], one["host"]), (expected, "localhost"), ran)
            self.assertTrue((one["peer"] or "").endswith(f":{port}"), one)

    def test_a_context_for_datagrams_is_named_and_not_taken_for_tls_that_went_another_way(self) -> None:
        client = ["openssl", "s_client", "-dtls", "-connect", "127.0.0.1:9"]
        for mode, words in ((["--report"], "would be refused"), ([], "are refused")):
            ran, summary = run_json(*mode, "--", *client)
            self.assertEqual(summary["contexts"], 0, ran)
            [found] = summary["not_covered"]
            self.assertRegex(found, r"^\S*/openssl: this context is made for DTLS \(DTLS_client_method\), ")
            self.assertTrue(found.endswith(f"; its handshakes {words}"), found)
        self.assertRegex(ran.stderr, r"this context is made for DTLS .*\n.*internal error", "the program hears why")

    def test_a_wheel_with_openssl_inside_is_named(self) -> None:
        wheel = wheel_with_openssl()
        if wheel is None:
            self.skipTest("needs a wheel of cryptography with an OpenSSL inside")
        found = self.not_covered(sys.executable, "-c", "import cryptography.hazmat.bindings._rust")
        self.assertTrue(any(f"{wheel} holds an OpenSSL of its own" in line for line in found), found)

    def test_the_program_itself_is_judged_where_it_is_replaced_by_another(self) -> None:
        program = compiled("after-exec", WAITS, "-static")
        ran = hostlock("run", "--", "sh", "-c", f"exec {program}")
        self.assertIn(f"not covered: {program} is statically linked", ran.stderr)

    def test_gnutls_that_is_used_is_told_as_used_also_where_a_plug_in_loads_it(self) -> None:
        wget = shutil.which("wget")
        if wget is None or "libgnutls" not in must(["ldd", wget]):
            self.skipTest("needs a wget with GnuTLS, as Debian's is")
        with Server(right()) as port:
            found = self.not_covered(wget, "-q", "-O", "/dev/null", f"https://localhost:{port}/")
        self.assertTrue(any(re.search(r"libgnutls\.so\S* was used by \S*wget", line) for line in found), found)
        source = (
            "#include <gnutls/gnutls.h>\nint handshake(void) { gnutls_session_t s; "
            "gnutls_init(&s, GNUTLS_CLIENT); return gnutls_handshake(s); }\n"
        )
        try:
            plug_in = compiled("plug-in.so", source, "-shared", "-fPIC", "-lgnutls")
        except AssertionError:
            self.skipTest("needs the headers of GnuTLS")
        found = self.not_covered(sys.executable, "-c", f'import ctypes; print(ctypes.CDLL("{plug_in}").handshake())')
        self.assertTrue(any(re.search(r"libgnutls\.so\S* was used by \S*python", line) for line in found), found)

    def test_what_cannot_be_seen_is_the_last_line_of_every_summary(self) -> None:
        for command in (["true"], ["sh", "-c", "env -i sleep 0.3"]):
            last = hostlock("run", "--", *command).stderr.splitlines()[-1]
            self.assertRegex(last, r"^cannot be seen: .*not sealed")
            self.assertEqual("sleep, which was started with a cleaned environment" in last, len(command) > 1, last)


class NoFalseAlarm(unittest.TestCase):
    def test_gnutls_that_is_only_loaded_is_no_alarm(self) -> None:
        if "libgnutls" not in must(["ldd", shutil.which("curl") or "/usr/bin/curl"]):
            self.skipTest("needs a curl that loads GnuTLS, as Debian's does")
        with Server(right()) as port:
            ran, summary = run_json("--", *curl(port).split())
        self.assertEqual(summary["not_covered"], [], ran)
        self.assertRegex(
            " ".join(summary["only_loaded"]), r"libgnutls\.so\S* was loaded, and its handshake was not called"
        )

    def test_programs_that_are_covered_raise_none(self) -> None:
        with Server(right()) as port:
            script = (
                f"{curl(port)}; (sleep 0.1; ls | cat); {curl(port)} & wait; openssl version; python3 -c 'import ssl'"
            )
            ran, summary = run_json("--", "sh", "-c", f"{script} >/dev/null")
        self.assertEqual(summary["not_covered"], [], ran)
        self.assertEqual(len(summary["not_seen"]), 2, summary["not_seen"])

    def test_many_short_processes_are_watched_and_leave_the_status_alone(self) -> None:
        many = "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done; exit 4"
        ran, summary = run_json("--", "sh", "-c", many)
        self.assertEqual((ran.returncode, summary["not_seen"][:-2]), (4, []), ran)


if __name__ == "__main__":
    unittest.main()
