"""`hostlock run` and `hostlock audit --command`: the program's own status, a summary that says what was refused and
why, and plain words about what was not seen."""

from __future__ import annotations

import json
import shutil
import subprocess
import unittest
from pathlib import Path
from typing import Any

from careless import ANSWER, CURL, DEBIAN_PYTHON
from sealing import environment, impostor, new_log, right
from support import LONG_ENOUGH, Server, built, must, scratch

VERIFIES = """
import socket, ssl
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
# more
context.wrap_socket(socket.create_connection(("127.0.0.1", {port})), server_hostname="localhost").close()
"""


def hostlock(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The command, in a world whose only root is the tests' authority."""
    world = environment(new_log(), **more)
    for name in ("LD_PRELOAD", "HOSTLOCK_SEAL", "HOSTLOCK_SEAL_REPORT"):
        del world[name]
    return subprocess.run(
        [str(part) for part in (built() / "hostlock", *arguments)],
        env=world,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LONG_ENOUGH,
        check=False,
    )


def curl(port: int, host: str = "localhost") -> str:
    """curl -k, as a shell's command line."""
    return CURL.replace("{host}", host).replace("{port}", str(port))


def run_json(*arguments: str | Path) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """A run whose summary is read back."""
    summary = new_log()
    ran = hostlock("run", "--json", "--output", summary, *arguments)
    return ran, json.loads(summary.read_text())


class Run(unittest.TestCase):
    def test_where_a_connection_leads_is_known_also_where_its_tls_has_no_socket_as_in_curl(self) -> None:
        with Server(impostor()) as port:
            address = curl(port).replace("localhost", "127.0.0.1")
            for allowed, command, outcome in (
                ("address:127.0.0.2", curl(port), "refused"),
                ("address:127.0.0.1", curl(port), "excused"),
                ("address:127.0.0.2", address, "refused"),
                ("address:127.0.0.1", address, "excused"),
            ):
                ran, summary = run_json("--allow", allowed, "--", *command.split())
                [one] = summary["connections"]
                self.assertEqual((one["outcome"], one["peer"]), (outcome, f"127.0.0.1:{port}"), (allowed, command, ran))

    def test_where_the_log_has_no_place_the_hint_names_the_variable(self) -> None:
        ran = hostlock("run", "--", "echo", "it ran", TMPDIR="/nowhere/at/all")
        self.assertEqual((ran.returncode, ran.stdout), (125, ""))
        self.assertIn("TMPDIR", ran.stderr)

    def test_where_the_summary_has_no_place_the_program_is_not_run(self) -> None:
        ran = hostlock("run", "--output", "/nowhere/at/all", "--", "echo", "it ran")
        self.assertEqual((ran.returncode, ran.stdout), (125, ""))
        self.assertIn('"/nowhere/at/all" could not be written', ran.stderr)

    def test_the_programs_own_status_and_output_are_passed_on(self) -> None:
        ran = hostlock("run", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
        self.assertEqual((ran.returncode, ran.stdout), (7, "out\n"))
        self.assertIn("err\n", ran.stderr)
        self.assertEqual(hostlock("run", "--", "sh", "-c", "kill -TERM $$").returncode, 128 + 15)
        self.assertEqual(hostlock("run", "--", "no-such-program").returncode, 127)
        self.assertEqual(hostlock("run", "--", "/etc/passwd").returncode, 126)
        bad = hostlock("run", "--policy", "1999-01", "--", "echo", "it ran")
        self.assertEqual((bad.returncode, bad.stdout), (125, ""))
        self.assertIn("1999-01", bad.stderr)
        bad = hostlock("run", "--allow", "everything", "--", "echo", "it ran")
        self.assertEqual((bad.returncode, bad.stdout), (125, ""))
        self.assertIn("host:NAME", bad.stderr)

    def test_a_script_that_names_no_interpreter_is_the_shells_as_for_execvp(self) -> None:
        script = scratch() / "no-interpreter"
        script.write_text('echo "$1 by $(basename "$0")"; exit 5\n')
        script.chmod(0o755)
        for program, path in ((script, {}), (script.name, {"PATH": f"{scratch()}:/usr/bin:/bin"})):
            ran = hostlock("run", program, "ran", **path)
            self.assertEqual((ran.returncode, ran.stdout), (5, "ran by no-interpreter\n"), ran)
        for of_another_kind in (b"\x7fELF\x01\x02\x00\x00", b"echo \x00 yes\n"):
            script.write_bytes(of_another_kind)
            ran = hostlock("run", script)
            self.assertEqual((ran.returncode, ran.stdout), (126, ""), ran)
            self.assertIn("hint: it is no script, and no program for this kind of machine", ran.stderr)

    def test_who_seals_a_sealed_process_otherwise_reads_what_holds_and_what_to_do(self) -> None:
        again = """
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
lib.hostlock_last_error.restype = ctypes.c_void_p
status = {call}
for function in lib.hostlock_error_message, lib.hostlock_error_hint:
    function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
error = lib.hostlock_last_error()
print(status, lib.hostlock_error_message(error).decode(), lib.hostlock_error_hint(error).decode(), sep="|")
"""
        enforce, report = "lib.hostlock_seal_process(None)", "lib.hostlock_insecure_seal_report_only(None, b'a try')"
        strict = "lib.hostlock_seal_process(b'2026-11-webpki')"
        rows: tuple[tuple[list[str], str, str, str, str], ...] = (
            (["--report"], enforce, "in mode report-only", "in mode enforce", "leave --report out"),
            ([], report, "in mode enforce", "in mode report-only", "use hostlock run --report"),
            ([], strict, "in mode enforce", '"2026-11-webpki" in mode enforce', "--policy 2026-11-webpki"),
        )
        for options, call, holds, wanted, hint in rows:
            with self.subTest(call, options=options):
                program = [DEBIAN_PYTHON, "-c", again.replace("{call}", call), str(built() / "libhostlock.so")]
                ran = hostlock("run", *options, *program)
                status, message, advice = ran.stdout.strip().split("|")
                self.assertEqual(status, "-4", ran)
                before, now = message.split("; what was asked for now is ")
                self.assertIn(holds, before)
                self.assertIn(wanted, now)
                self.assertIn(hint, advice)

    def test_of_a_run_inside_of_another_both_tell_what_was_refused(self) -> None:
        inner = new_log()
        with Server(impostor()) as port:
            ran, outer = run_json(built() / "hostlock", "run", "--json", "--output", inner, *curl(port).split())
        self.assertNotEqual(ran.returncode, 0)
        for summary in (json.loads(inner.read_text()), outer):
            outcomes = [(one["outcome"], one["count"]) for one in summary["connections"]]
            self.assertEqual(outcomes, [("refused", 1)], summary)
            self.assertEqual(summary["not_covered"], [])

    def test_a_run_inside_of_another_goes_by_its_own_mode_and_both_count_what_it_saw(self) -> None:
        with Server(impostor()) as port:
            ran = hostlock("run", built() / "hostlock", "run", "--report", *curl(port).split())
        self.assertEqual(ran.returncode, 0, ran)
        self.assertRegex(ran.stderr, r"\(report\): .*, 1 would be refused\n")
        self.assertRegex(ran.stderr, r"\(enforce\): .* 0 refused, 1 would be refused\n")

    def test_two_dashes_before_the_program_may_be_left_out(self) -> None:
        ran = hostlock("run", "--report", "printf", "%s,", "-n", "--json", "--", "--help")
        self.assertEqual((ran.returncode, ran.stdout), (0, "-n,--json,--,--help,"), ran.stderr)
        self.assertIn("printf (report)", ran.stderr)
        self.assertEqual(hostlock("run", "ls", "--no-such-option").returncode, 2)
        wrong = hostlock("run", "--reprot", "ls")
        self.assertEqual((wrong.returncode, wrong.stdout), (2, ""))
        self.assertIn("--report", wrong.stderr)

    def test_a_refused_connection_is_in_the_summary_with_its_reason(self) -> None:
        with Server(right()) as honest, Server(impostor()) as false:
            ran, summary = run_json("--", "sh", "-c", f"{curl(honest)}; {curl(false)}")
        self.assertEqual(ran.stdout.count(ANSWER), 1, ran)
        self.assertEqual(ran.returncode, 60)
        self.assertEqual((summary["mode"], summary["exit_status"], summary["contexts"]), ("enforce", 60, 2))
        ends = {end["outcome"]: end for end in summary["connections"]}
        self.assertEqual(set(ends), {"connected", "refused"})
        self.assertEqual((ends["refused"]["code"], ends["refused"]["host"]), (-12, "localhost"))
        self.assertIn("other.example", ends["refused"]["message"])

    def test_report_refuses_nothing_and_a_person_reads_what_would_be_refused(self) -> None:
        with Server(impostor()) as false:
            ran = hostlock("run", "--report", "--", "sh", "-c", curl(false))
        self.assertEqual(ran.returncode, 0, ran)
        self.assertIn(ANSWER, ran.stdout)
        self.assertIn("1 would be refused", ran.stderr)
        self.assertRegex(ran.stderr, r"would refuse +localhost +1 .*is for \"other\.example\", not for \"localhost\"")

    def test_an_exception_is_named_with_what_it_let_through(self) -> None:
        with Server(impostor()) as false:
            ran, summary = run_json("--allow", "host:localhost", "--", "sh", "-c", curl(false))
        self.assertIn(ANSWER, ran.stdout)
        self.assertEqual([end["allowed"] for end in summary["connections"]], ["host:localhost"])

    def test_the_host_of_a_program_that_names_none_is_told_with_its_source(self) -> None:
        nameless = (
            "(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 1) | openssl s_client -quiet -noservername -connect {}:{} 2>&1"
        )
        with Server(right()) as honest, Server(impostor()) as false:
            ran = hostlock("run", "--", "sh", "-c", nameless.format("localhost", honest))
            self.assertIn(ANSWER, ran.stdout)
            self.assertRegex(ran.stderr, rf"connected +localhost +1 .*learned: looked up for 127\.0\.0\.1:{honest}")
            ran = hostlock(
                "run", "--host", f"127.0.0.1:{honest}=localhost", "--", "sh", "-c", nameless.format("127.0.0.1", honest)
            )
            self.assertIn(ANSWER, ran.stdout, ran.stderr)
            self.assertRegex(ran.stderr, "connected +localhost +1 .*learned: --host")
            _, summary = run_json("--host", "localhost", "--", "sh", "-c", nameless.format("127.0.0.1", false))
        (refused,) = summary["connections"]
        self.assertEqual((refused["outcome"], refused["host"], refused["learned"]), ("refused", "localhost", "--host"))

    def test_a_host_that_cannot_be_meant_is_not_run_with(self) -> None:
        for what in ("https://localhost/", "localhost:443", "127.0.0.1=", "a,b", ""):
            bad = hostlock("run", "--host", what, "--", "echo", "it ran")
            self.assertEqual((bad.returncode, bad.stdout), (125, ""), what)
            self.assertIn("ADDRESS:PORT=NAME", bad.stderr)
        bad = hostlock("run", "--host", "a.example", "--host", "b.example", "--", "echo", "it ran")
        self.assertEqual((bad.returncode, bad.stdout), (125, ""))

    def test_no_log_is_left_behind(self) -> None:
        directory = new_log().parent
        hostlock("run", "--", "true", TMPDIR=str(directory))
        self.assertEqual(list(directory.iterdir()), [])

    def test_what_was_not_seen_is_named(self) -> None:
        source, program = scratch() / "static.c", scratch() / "static"
        source.write_text("int main(void) { return 0; }\n")
        must(["cc", "-static", source, "-o", program])
        ran = hostlock("run", "--", program)
        self.assertEqual(ran.returncode, 0)
        self.assertIn("the initialiser was not loaded", ran.stderr)
        self.assertIn("statically linked", ran.stderr)
        program.write_bytes(program.read_bytes() + b"\xff Go buildinf:")
        self.assertIn("is a Go program", hostlock("run", "--", program).stderr)
        ran = hostlock("run", "--", "true")
        self.assertIn("no SSL_CTX was made in the libssl that was watched", ran.stderr)

    def test_another_tls_library_is_named(self) -> None:
        if shutil.which("wget") is None or "libgnutls" not in must(["ldd", shutil.which("wget") or ""]):
            self.skipTest("needs a wget with GnuTLS, as Debian's is")
        with Server(impostor()) as false:
            command = ["wget", "-q", "-O", "-", "--no-check-certificate", f"https://localhost:{false}/"]
            ran = hostlock("run", "--", *command)
        self.assertEqual(ran.returncode, 0, "GnuTLS is not sealed")
        self.assertRegex(ran.stderr, r"not covered: .*libgnutls\.so")


class AuditProgram(unittest.TestCase):
    def test_the_contexts_of_a_careless_program_are_described_and_nothing_is_refused(self) -> None:
        with Server(impostor()) as false:
            ran = hostlock("audit", "--command", f"{curl(false)}; {curl(false)}", "--json")
        self.assertEqual(ran.returncode, 1, ran.stderr)
        seen = json.loads(ran.stdout[ran.stdout.index("{\n") :])
        self.assertEqual([audit["count"] for audit in seen["audits"]], [2])
        found = {finding["id"] for finding in seen["audits"][0]["report"]["findings"]}
        self.assertLessEqual({"verification-off", "no-host"}, found)
        self.assertEqual([end["outcome"] for end in seen["connections"]], ["would_refuse"])
        self.assertEqual(ran.stdout.count(ANSWER), 2, "the program ran as ever")

    def test_a_person_reads_a_table_with_the_call_that_fixes_each(self) -> None:
        with Server(right()) as honest:
            ran = hostlock("audit", "--command", f"{curl(honest)} >/dev/null")
        self.assertRegex(ran.stdout, r"(?m)^1 context: a client's SSL of TLS_client_method")
        self.assertRegex(ran.stdout, r"(?m)^critical +verification-off ")
        self.assertIn("fix: SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL)", ran.stdout)

    def test_what_is_only_the_systems_default_is_one_line_below_and_no_finding_about_the_program(self) -> None:
        good = f"{DEBIAN_PYTHON} -c '{VERIFIES}'"
        with Server(right()) as honest:
            ran = hostlock("audit", "--command", good.replace("{port}", str(honest)))
            seen = hostlock("audit", "--json", "--command", good.replace("{port}", str(honest)))
            lowered = good.replace("{port}", str(honest)).replace("# more", 'context.set_ciphers("ALL:@SECLEVEL=0")')
            worse = hostlock("audit", "--command", lowered)
            careless = hostlock("audit", "--command", f"{curl(honest)} >/dev/null")
        self.assertEqual(ran.returncode, 0, ran)
        [line] = [line for line in ran.stdout.splitlines() if line.startswith("as this system has it, ")]
        self.assertIn("cbc-ciphers (low)", line)
        self.assertNotRegex(ran.stdout, r"(?m)^\w+ +cbc-ciphers ")
        findings = json.loads(seen.stdout)["audits"][0]["report"]["findings"]
        self.assertIn(("cbc-ciphers", True), [(finding["id"], finding["default"]) for finding in findings])
        order = [finding["default"] for finding in findings]
        self.assertEqual(order, sorted(order), "the program's own come first")
        self.assertEqual(worse.returncode, 1, worse)
        self.assertRegex(worse.stdout, r"(?m)^high +security-level-zero ")
        self.assertEqual(careless.returncode, 1)
        self.assertRegex(careless.stdout, r"(?m)^critical +verification-off ")
        words = "no host to check in the handshake; whether the program compares it afterwards cannot be seen"
        self.assertIn(words, careless.stdout)

    def test_where_nothing_was_seen_it_says_so_and_fails(self) -> None:
        ran = hostlock("audit", "--command", "true")
        self.assertEqual((ran.returncode, ran.stdout), (3, ""))
        self.assertIn("nothing was seen", ran.stderr)


if __name__ == "__main__":
    unittest.main()
