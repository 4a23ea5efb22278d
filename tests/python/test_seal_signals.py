"""Whoever signals `hostlock run` means the program: each signal that a process sends reaches it, once; the summary is
printed all the same, the status is the program's, and nobody is left behind but daemons."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

from sealing import environment, new_log, right
from support import LONG_ENOUGH, built, scratch

PASSED_ON = ("TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "ALRM", "TTIN", "TTOU")

COUNTS = """
import os, signal, sys, time
heard = []
for name in sys.argv[1:]:
    signal.signal(getattr(signal, "SIG" + name), lambda number, frame: heard.append(signal.Signals(number).name[3:]))
print("ready", os.getpid(), flush=True)
while "TERM" not in heard:
    time.sleep(0.01)
time.sleep(0.2)
print(" ".join(sorted(heard)), flush=True)
sys.exit(7)
"""

SIGNALS_ITS_GROUP = """
import os, signal, time
heard = []
signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
os.kill(os.getppid(), signal.SIGUSR1)
os.kill(0, signal.SIGUSR1)
time.sleep(0.5)
print(len(heard), flush=True)
"""


def world(directory: Path) -> dict[str, str]:
    """An environment for the command, whose temporary files lie in `directory`."""
    clean = environment(new_log(), TMPDIR=str(directory))
    return {name: value for name, value in clean.items() if name != "LD_PRELOAD" and "HOSTLOCK_SEAL" not in name}


def until(condition: Callable[[], bool]) -> bool:
    """Whether it came true before we lost patience."""
    end = time.monotonic() + LONG_ENOUGH
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def command_lines() -> list[list[str]]:
    """The words of every process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text(errors="replace").split("\0")[:-1])
        except OSError:
            continue
    return found


def lives(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Signals(unittest.TestCase):
    def start(self, *command: str | Path, **more: object) -> subprocess.Popen[str]:
        self.directory = Path(tempfile.mkdtemp(prefix="signals-", dir=scratch()))
        process: subprocess.Popen[str] = subprocess.Popen(
            [str(part) for part in (built() / "hostlock", "run", "--", *command)],
            env=world(self.directory),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,  # type: ignore[call-overload]
        )
        self.addCleanup(self.stop, process)
        return process

    @staticmethod
    def stop(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def ready(self, process: subprocess.Popen[str]) -> int:
        """The number of the program's process, once it is ready."""
        assert process.stdout is not None
        word, pid = process.stdout.readline().split()
        self.assertEqual(word, "ready")
        return int(pid)

    def test_each_signal_that_a_process_sends_reaches_the_program_once(self) -> None:
        process = self.start(sys.executable, "-c", COUNTS, *PASSED_ON)
        self.ready(process)
        for name in reversed(PASSED_ON):
            process.send_signal(getattr(signal, f"SIG{name}"))
        out, err = process.communicate(timeout=LONG_ENOUGH)
        self.assertEqual((out.split(), process.returncode), (sorted(PASSED_ON), 7), err)
        self.assertIn("(enforce): 0 contexts", err)
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_a_program_that_a_signal_ends_leaves_a_summary_and_128_and_the_number(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
            with self.subTest(number):
                process = self.start("sh", "-c", "echo ready $$; exec sleep 60")
                pid = self.ready(process)
                process.send_signal(number)
                _, err = process.communicate(timeout=LONG_ENOUGH)
                self.assertEqual(process.returncode, 128 + number, err)
                self.assertIn("(enforce): 0 contexts", err)
                self.assertFalse(lives(pid), "the program outlived the command")
                self.assertEqual(list(self.directory.iterdir()), [])

    def test_a_signal_in_the_first_moment_is_not_lost(self) -> None:
        for delay in range(12):
            process = self.start("sleep", f"61.{delay}")
            time.sleep(delay / 1000)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LONG_ENOUGH)
            # Before the command has begun to watch, the signal ends it, and there is no program yet.
            self.assertIn(process.returncode, (128 + signal.SIGTERM, -signal.SIGTERM))
            self.assertFalse(any(words[1:] == [f"61.{delay}"] for words in command_lines()))

    def test_what_our_caller_ignores_the_program_ignores_until_it_takes_it_up(self) -> None:
        deaf = self.start("sh", "-c", "echo ready $$; sleep 0.5; exit 5", preexec_fn=ignore_hangup)
        pid = self.ready(deaf)
        deaf.send_signal(signal.SIGHUP)
        os.kill(pid, signal.SIGHUP)
        self.assertEqual(deaf.wait(LONG_ENOUGH), 5)
        heeding = self.start(sys.executable, "-c", COUNTS, "HUP", "TERM", preexec_fn=ignore_hangup)
        self.ready(heeding)
        heeding.send_signal(signal.SIGHUP)
        heeding.send_signal(signal.SIGTERM)
        self.assertEqual(heeding.communicate(timeout=LONG_ENOUGH)[0], "HUP TERM\n")

    def test_what_the_program_sends_to_us_does_not_come_back_to_it(self) -> None:
        process = self.start(sys.executable, "-c", SIGNALS_ITS_GROUP, start_new_session=True)
        out, err = process.communicate(timeout=LONG_ENOUGH)
        self.assertEqual((out, process.returncode), ("1\n", 0), err)

    def test_what_the_terminal_sends_reaches_the_program_once(self) -> None:
        pid, terminal = pty.fork()
        if pid == 0:
            command = [str(built() / "hostlock"), "run", "--", sys.executable, "-c", COUNTS, "INT", "TERM"]
            os.execve(command[0], command, world(Path(tempfile.mkdtemp(dir=scratch()))))
        self.addCleanup(os.close, terminal)
        said = self.read_until(terminal, b"ready")
        os.write(terminal, b"\x03")
        time.sleep(0.3)
        os.kill(pid, signal.SIGTERM)
        said += self.read_until(terminal, b"INT TERM", b"contexts")
        self.assertNotIn(b"INT INT", said)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 7)

    def read_until(self, terminal: int, *words: bytes) -> bytes:
        said = b""
        while not all(word in said for word in words):
            self.assertTrue(select.select([terminal], [], [], LONG_ENOUGH)[0], said)
            try:
                said += os.read(terminal, 4096)
            except OSError:
                break
        return said

    def test_a_daemon_that_the_program_leaves_lives_on(self) -> None:
        if shutil.which("setsid") is None:
            self.skipTest("needs setsid")
        process = self.start("sh", "-c", "setsid sleep 60 >/dev/null 2>&1 & echo ready $!; exit 3")
        pid = self.ready(process)
        self.assertEqual(process.wait(LONG_ENOUGH), 3)
        self.assertTrue(lives(pid))
        os.kill(pid, signal.SIGKILL)

    def test_what_a_daemon_executes_after_the_end_of_the_run_is_sealed_and_runs(self) -> None:
        directory = Path(tempfile.mkdtemp(dir=scratch()))
        late = f"while test -e {directory}/wait; do sleep 0.05; done; echo $HOSTLOCK_SEAL > {directory}/said"
        (directory / "wait").touch()
        process = self.start("sh", "-c", f"setsid sh -c '{late}' >/dev/null 2>&1 & echo ready $!; exit 3")
        self.ready(process)
        self.assertEqual(process.wait(LONG_ENOUGH), 3)
        (directory / "wait").unlink()
        begun = time.monotonic()
        while not (directory / "said").exists() and time.monotonic() - begun < LONG_ENOUGH:
            time.sleep(0.05)
        self.assertEqual((directory / "said").read_text(), "enforce\n")

    def test_a_server_with_workers_is_told_to_reload_and_to_stop(self) -> None:
        nginx = shutil.which("nginx")
        if nginx is None:
            self.skipTest("needs nginx")
        directory = Path(tempfile.mkdtemp(prefix="nginx-", dir=scratch()))
        configuration = directory / "nginx.conf"
        configuration.write_text(
            f"daemon off; worker_processes 2; pid {directory}/pid; error_log {directory}/errors notice;\n"
            f"events {{ }}\nhttp {{ access_log off; client_body_temp_path {directory}; proxy_temp_path {directory};\n"
            f"fastcgi_temp_path {directory}; uwsgi_temp_path {directory}; scgi_temp_path {directory};\n"
            f"server {{ listen unix:{directory}/socket ssl; ssl_certificate {right()};\n"
            f"ssl_certificate_key {right()}; }} }}\n"
        )
        process = self.start(nginx, "-c", configuration)
        errors = directory / "errors"
        self.assertTrue(until(lambda: errors.exists() and errors.read_text().count("start worker process ") == 2))
        process.send_signal(signal.SIGHUP)
        self.assertTrue(until(lambda: errors.read_text().count("start worker process ") == 4), "it did not reload")
        process.send_signal(signal.SIGQUIT)
        _, err = process.communicate(timeout=LONG_ENOUGH)
        self.assertEqual(process.returncode, 0, err)
        self.assertFalse((directory / "pid").exists(), "it did not end by itself")
        self.assertIn("(enforce): ", err)


def ignore_hangup() -> None:
    """As nohup does."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


if __name__ == "__main__":
    unittest.main()
