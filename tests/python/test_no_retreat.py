"""After a refusal a program does not go on in the clear: not on the refused socket, and not on a new one to the same
place beyond what it said before its TLS. Other places, and TLS to the same one, stay free."""

from __future__ import annotations

import shutil
import ssl
import sys
import threading
import unittest
import warnings

from naming import Listener, Proxy, certificate, has_namespaces, named
from sealing import Ran

BEGIN = """
import os, socket, ssl, sys
port, rest = int(sys.argv[1]), sys.argv[2:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def secure(host="one.example", before=b"", port=port):
    s = socket.create_connection((host, port))
    try:
        if before:
            s.sendall(before)
            s.recv(100)
        t = context.wrap_socket(s)
        t.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        print(t.recv(100).decode().strip())
    except OSError as error:
        print("refused")
def clear(host="one.example", data=b"SECRET", port=port):
    s = socket.create_connection((host, port))
    try:
        s.sendall(data)
        print("sent")
    except OSError as error:
        print("stopped", error.errno)
    return s
"""


@unittest.skipUnless(has_namespaces(), "needs a mount namespace for names of its own")
class NoRetreat(unittest.TestCase):
    def run_python(self, code: str, port: int, *rest: str, mode: str = "enforce") -> Ran:
        return named([sys.executable, "-c", BEGIN + code, str(port), *rest], mode)

    def stops(self, ran: Ran) -> list[str]:
        return [event["event"] for event in ran.events if event["event"] in ("stopped", "would_stop")]

    def test_a_new_socket_to_the_same_place_says_nothing_in_the_clear(self) -> None:
        false = Listener(certificate("two.example"))
        with false as port:
            ran = self.run_python("secure(); clear(); clear(); secure()", port)
        self.assertEqual(ran.output.split("\n")[:4], ["refused", "stopped 32", "stopped 32", "refused"], str(ran))
        self.assertNotIn(b"SECRET", b"".join(false.heard))
        self.assertEqual(self.stops(ran), ["stopped", "stopped"], str(ran))
        event = next(event for event in ran.events if event["event"] == "stopped")
        self.assertEqual(event["peer"], f"127.0.0.11:{port}")

    def test_nor_by_sendfile(self) -> None:
        false = Listener(certificate("two.example"))
        code = (
            "import tempfile\nfile = tempfile.TemporaryFile(); file.write(b'SECRET'); file.flush()\n"
            "secure()\ns = socket.create_connection(('one.example', port))\n"
            "try: os.sendfile(s.fileno(), file.fileno(), 0, 6)\nexcept BrokenPipeError: print('stopped')\n"
        )
        with false as port:
            ran = self.run_python(code, port)
        self.assertEqual(ran.output, "refused\nstopped\n", str(ran))
        self.assertNotIn(b"SECRET", b"".join(false.heard))
        self.assertEqual(self.stops(ran), ["stopped"])

    def test_other_places_and_tls_stay_free(self) -> None:
        false, other = Listener(certificate("two.example")), Listener(certificate("one.example"))
        with false as port, other as free:
            code = "secure(); clear(port=FREE); clear('two.example'); secure('two.example'); secure(port=FREE)"
            ran = self.run_python(code.replace("FREE", str(free)), port)
        lines = ran.output.strip().split("\n")
        self.assertEqual(lines, ["refused", "sent", "sent", "HTTP/1.0 200 ok", "HTTP/1.0 200 ok"], str(ran))
        self.assertEqual(self.stops(ran), [])

    def test_a_server_whose_certificate_was_mended_is_reached(self) -> None:
        listener = Listener(certificate("two.example"))
        with listener as port:
            code = "secure(); open(rest[0], 'w').close()\nwhile os.path.exists(rest[0]): pass\nsecure()"
            flag = certificate("one.example").parent / f"mended-{port}"

            def mend() -> None:
                while not flag.exists():
                    pass
                listener.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                listener.context.load_cert_chain(certificate("one.example"))
                flag.unlink()

            mending = threading.Thread(target=mend)
            mending.start()
            ran = self.run_python(code, port, str(flag))
            mending.join()
        self.assertEqual(ran.output.strip().split("\n"), ["refused", "HTTP/1.0 200 ok"], str(ran))

    def test_what_was_said_before_tls_may_be_said_again_and_no_more(self) -> None:
        begin, answer = b"EHLO me\r\nSTARTTLS\r\n", b"220 go ahead\r\n"
        false = Listener(certificate("two.example"), starts_with=begin, answer=answer)
        with false as port:
            again = f"secure(before={begin!r})"
            ran = self.run_python(f"{again}; {again}; clear(data={begin!r}).sendall(b'MAIL FROM:<me>')", port)
        self.assertIn("BrokenPipeError", ran.output, str(ran))
        self.assertEqual(ran.output.split("\n")[:3], ["refused", "refused", "sent"], str(ran))
        self.assertEqual(self.stops(ran), ["stopped"])

    def test_the_refused_socket_itself_says_no_more(self) -> None:
        code = (
            "s = socket.create_connection(('one.example', port))\n"
            "t = ssl.SSLObject\n"
            "incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()\n"
            "t = context.wrap_bio(incoming, outgoing)\n"
            "try:\n"
            "    while True:\n"
            "        try:\n"
            "            t.do_handshake(); break\n"
            "        except ssl.SSLWantReadError:\n"
            "            s.sendall(outgoing.read()); incoming.write(s.recv(65536))\n"
            "except ssl.SSLError: print('refused')\n"
            "s.sendall(outgoing.read()); print('alert sent')\n"
            "s.sendall(b'SECRET')\n"
        )
        with Listener(certificate("two.example")) as port:
            ran = self.run_python(code, port)
        self.assertEqual(ran.output.split("\n")[:2], ["refused", "alert sent"], str(ran))
        self.assertIn("BrokenPipeError", ran.output)
        self.assertEqual(self.stops(ran), ["stopped"], str(ran))

    def test_by_way_of_a_proxy_only_the_refused_host_is_barred(self) -> None:
        false = Listener(certificate("two.example"))
        with false as port, Proxy(port) as proxy:
            connect = "b'CONNECT %s:443 HTTP/1.1\\r\\n\\r\\n'"
            code = (
                f"def go(host, then):\n    s = clear('proxy.example', {connect} % host)\n    s.recv(100)\n    then(s)\n"
                "def text(s):\n"
                "    try: s.sendall(b'SECRET'); print('text sent')\n"
                "    except OSError: print('text stopped')\n"
                "def tls(s):\n"
                "    try: context.wrap_socket(s); print('verified')\n"
                "    except OSError: print('refused')\n"
                "go(b'one.example', tls); go(b'one.example', text); go(b'two.example', tls); go(b'two.example', text)\n"
            )
            ran = self.run_python(code, proxy)
        said = [line for line in ran.output.strip().split("\n") if line != "sent"]
        self.assertEqual(said, ["refused", "text stopped", "verified", "text sent"], str(ran))
        event = next(event for event in ran.events if event["event"] == "stopped")
        self.assertEqual(event["host"], "one.example")

    def test_where_the_seal_only_reports_it_is_told_and_not_stopped(self) -> None:
        false = Listener(certificate("two.example"))
        with false as port:
            ran = self.run_python("secure(); clear()", port, mode="report")
        self.assertEqual(ran.output.strip().split("\n"), ["HTTP/1.0 200 ok", "sent"], str(ran))
        self.assertEqual(self.stops(ran), ["would_stop"], str(ran))

    def test_what_the_floor_of_the_policy_ended_does_not_go_on_in_the_clear_either(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old = Listener(certificate("one.example"))
            old.context.minimum_version = ssl.TLSVersion.TLSv1
            old.context.maximum_version = ssl.TLSVersion.TLSv1_1
        old.context.set_ciphers("ALL:@SECLEVEL=0")
        with old as port:
            ran = self.run_python("secure(); clear()", port)
        self.assertEqual(ran.output.split("\n")[:2], ["refused", "stopped 32"], str(ran))
        self.assertNotIn(b"SECRET", b"".join(old.heard))

    def test_what_is_not_stopped(self) -> None:
        # Each row of docs/not-stopped.md that says so: where one does not hold any more, the row is wrong.
        begin = "import ctypes, subprocess\nlibc = ctypes.CDLL(None)\nsecure()\n"
        open_one = "s = socket.create_connection(('one.example', port))\n"
        stdio = (
            "libc.fdopen.restype = ctypes.c_void_p; f = ctypes.c_void_p(libc.fdopen(s.fileno(), b'w'))\n"
            "libc.fputs(b'SECRET', f); libc.fflush(f)"
        )
        child = "subprocess.run(['bash', '-c', f'echo SECRET > /dev/tcp/127.0.0.11/{port}'])"
        for name, code in (
            ("a bare system call", open_one + "libc.syscall(1, s.fileno(), b'SECRET', 6)"),
            ("stdio", open_one + stdio),
            ("another program", child),
            ("another address", "clear('two.example')"),
        ):
            false = Listener(certificate("two.example"))
            with self.subTest(name), false as port:
                ran = self.run_python(begin + code + "\nimport time; time.sleep(0.2)", port)
                self.assertIn(b"SECRET", b"".join(false.heard), str(ran))
        broken = Listener(certificate("one.example"), starts_with=b"\x16", answer=b"500 what do you want\r\n")
        with broken as port:
            ran = self.run_python("secure(); clear(data=b'\\x17SECRET')", port)
        self.assertIn("sent", ran.output, str(ran))

    def test_a_child_inherits_what_was_refused(self) -> None:
        with Listener(certificate("two.example")) as port:
            ran = self.run_python("secure()\nif os.fork() == 0: clear()\nelse: os.wait()", port)
        self.assertIn("stopped 32", ran.output, str(ran))

    @unittest.skipUnless(shutil.which("psql"), "needs psql")
    def test_psql_with_sslmode_prefer_fails_in_place_of_going_on_in_plain_text(self) -> None:
        request = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
        false = Listener(certificate("two.example"), starts_with=request, answer=b"S")
        with false as port:
            plain = named(["psql", f"host=one.example port={port} user=me sslmode=prefer gssencmode=disable", "-c", ""])
        self.assertNotEqual(plain.status, 0)
        self.assertIn("HOSTLOCK_E_HOST_MISMATCH", [status for _, status in plain.ends()], str(plain))
        self.assertEqual(self.stops(plain), ["stopped"], str(plain))
        self.assertNotIn(b"user", b"".join(false.heard))


if __name__ == "__main__":
    unittest.main()
