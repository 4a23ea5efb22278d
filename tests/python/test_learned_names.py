"""The host that a program meant: programs that name no host to OpenSSL are verified by the name that they looked up, or
by what `--host` says; and refused where that is not sure."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

from careless import ANSWER
from naming import certificate, has_namespaces, named
from sealing import Ran, authority, sealed
from support import Server

# Wraps `s`, and says nothing of a host unless `sni` does.
BEGIN = """
import ctypes, os, socket, ssl, sys
name, port, rest = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def talk(s, sni=None):
    s = context.wrap_socket(s, server_hostname=sni)
    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    print(s.recv(100).decode())
    return s
"""
BY_NAME = BEGIN + "talk(socket.create_connection((name, port)))"
BY_NUMBER = BEGIN + "s = socket.socket(); s.connect((socket.gethostbyname(name), port)); talk(s)"
NUMBER_ALONE = BEGIN + "s = socket.socket(); s.connect((name, port)); talk(s)"
ALL_ADDRESSES = ("-accept", "0.0.0.0:0")

CONNECTED, MISMATCH, NO_HOST = "connected", "HOSTLOCK_E_HOST_MISMATCH", "HOSTLOCK_E_NO_HOST"


def server(name: str, *more: str) -> Server:
    """A server on every address, with a valid certificate for `name`."""
    return Server(certificate(name), *ALL_ADDRESSES, *more)


@unittest.skipUnless(has_namespaces(), "needs a mount namespace for names of its own")
class Learned(unittest.TestCase):
    def check(self, ran: Ran, end: str, host: str | None = None) -> None:
        """How its connections ended: "connected", or by which status it was refused; and the host of the event."""
        expected = (CONNECTED, "HOSTLOCK_OK") if end == CONNECTED else ("refused", end)
        self.assertEqual(set(ran.ends()), {expected}, str(ran))
        self.assertEqual(ANSWER in ran.output, end == CONNECTED, str(ran))
        if host is not None:
            self.assertEqual({event["host"] for event in ran.events if event["event"] == expected[0]}, {host}, str(ran))

    def run_python(
        self, code: str, name: str, port: int, *rest: str | Path, mode: str = "enforce", hosts: str = ""
    ) -> Ran:
        command = [sys.executable, "-c", code, name, str(port), *rest]
        return named(command, mode, HOSTLOCK_SEAL_HOST=hosts)

    def test_the_name_that_was_looked_up_is_verified_and_told(self) -> None:
        for code in (BY_NAME, BY_NUMBER):
            with server("one.example") as right, server("two.example") as impostor:
                good = self.run_python(code, "one.example", right)
                self.check(good, CONNECTED, "one.example")
                end = next(event for event in good.events if event["event"] == CONNECTED)
                self.assertEqual(end["learned"], f"looked up for 127.0.0.11:{right}")
                self.check(self.run_python(code, "one.example", impostor), MISMATCH, "one.example")

    def test_an_address_that_was_not_handed_over_as_text_is_no_host(self) -> None:
        with server("one.example") as port:
            lost = self.run_python(NUMBER_ALONE, "127.0.0.11", port)
        self.check(lost, NO_HOST)
        hint = next(event["hint"] for event in lost.events if event["event"] == "refused")
        self.assertIn(f"hostlock run --host 127.0.0.11:{port}=NAME", hint)

    def test_an_address_that_was_typed_must_be_in_the_certificate(self) -> None:
        with Server(authority().issue("by-number", extra="subjectAltName=IP:127.0.0.11"), *ALL_ADDRESSES) as right:
            self.check(self.run_python(BY_NAME, "127.0.0.11", right), CONNECTED, "127.0.0.11")
        with server("one.example") as impostor:
            self.check(self.run_python(BY_NAME, "127.0.0.11", impostor), MISMATCH)

    def test_all_names_of_an_address_must_fit(self) -> None:
        both = BEGIN + "socket.getaddrinfo(rest[0], port); talk(socket.create_connection((name, port)))"
        names = ("shared-a.example", "shared-b.example")
        for meant, other in (names, names[::-1]):
            with server(meant) as port:
                ran = self.run_python(both, meant, port, other)
                self.check(ran, MISMATCH)
                event = next(event for event in ran.events if event["event"] == "refused")
                self.assertEqual(set(event["hosts"]), set(names))
                self.assertIn(f"--host 127.0.0.13:{port}=", event["hint"])
                self.check(self.run_python(BY_NAME, meant, port), CONNECTED)
                said = self.run_python(both, meant, port, other, hosts=f"127.0.0.13:{port}={meant}")
                self.check(said, CONNECTED, meant)
        wide = authority().issue("both", extra="subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        with Server(wide, *ALL_ADDRESSES) as port:
            self.check(self.run_python(both, names[0], port, names[1]), CONNECTED)

    def test_a_name_looked_up_for_another_port_counts_only_where_none_was_for_this(self) -> None:
        first = BEGIN + "socket.getaddrinfo(rest[0], int(rest[1])); talk(socket.create_connection((name, port)))"
        with server("shared-a.example") as port:
            self.check(self.run_python(first, "shared-a.example", port, "shared-b.example", "25"), CONNECTED)
        elsewhere = BEGIN + (
            "address = socket.getaddrinfo(name, 25)[0][4][0]; s = socket.socket(); s.connect((address, port)); talk(s)"
        )
        with server("one.example") as right, server("two.example") as impostor:
            self.check(self.run_python(elsewhere, "one.example", right), CONNECTED)
            self.check(self.run_python(elsewhere, "one.example", impostor), MISMATCH)

    def test_more_than_eight_names_are_refused(self) -> None:
        many = BEGIN + (
            "for text in ('2130706443', '0x7f00000b', '127.11', '127.0.11', '017700000013', '0x7f.11', '127.0x0.11',"
            " '127.0.0.0xb', '0177.11'): socket.getaddrinfo(text, port)\n"
            "s = socket.socket(); s.connect(('127.0.0.11', port)); talk(s)"
        )
        with server("one.example") as port:
            ran = self.run_python(many, "one.example", port)
        self.check(ran, NO_HOST)
        message = next(event["message"] for event in ran.events if event["event"] == "refused")
        self.assertIn("more than 8 names", message)

    def test_what_host_says_comes_first(self) -> None:
        with server("corp.example") as port:
            for hosts in (
                "corp.example",
                "127.0.0.11=corp.example",
                f"127.0.0.11:{port}=corp.example",
                "one.example=corp.example",
                f"127.0.0.11=wrong.example,127.0.0.11:{port}=corp.example",
                "corp.example,127.0.0.11=wrong.example",
            ):
                self.check(self.run_python(BY_NAME, "one.example", port, hosts=hosts), CONNECTED, "corp.example")
            for hosts in (
                "two.example",
                "127.0.0.12=corp.example",
                "127.0.0.11:1=corp.example",
                "two.example=corp.example",
            ):
                self.check(self.run_python(BY_NAME, "one.example", port, hosts=hosts), MISMATCH)
            # A short name becomes the one that stands in the certificate.
            self.check(self.run_python(BY_NAME, "short", port, hosts="short=corp.example"), CONNECTED, "corp.example")
            self.check(self.run_python(NUMBER_ALONE, "127.0.0.12", port, hosts="127.0.0.12=corp.example"), CONNECTED)

    def test_a_host_that_cannot_be_meant_keeps_the_program_from_running(self) -> None:
        for hosts in ("a b", "127.0.0.11=", "https://one.example/", "one.example,two.example"):
            ran = sealed([sys.executable, "-c", "print('it ran')"], HOSTLOCK_SEAL_HOST=hosts)
            self.assertEqual(ran.status, 125, str(ran))
            self.assertNotIn("it ran", ran.output)
            self.assertIn("HOSTLOCK_SEAL_HOST", ran.output)

    def test_the_name_that_the_program_told_openssl_comes_first(self) -> None:
        code = BEGIN + "talk(socket.create_connection((name, port)), rest[0])"
        with server("two.example") as port:
            self.check(self.run_python(code, "one.example", port, "two.example"), CONNECTED, "two.example")
            self.check(
                self.run_python(code, "one.example", port, "two.example", hosts="one.example"), CONNECTED, "two.example"
            )
        with server("one.example") as port:
            self.check(self.run_python(code, "one.example", port, "two.example"), MISMATCH, "two.example")

    def test_the_learned_name_is_sent_so_that_a_server_of_several_hosts_shows_its_certificate(self) -> None:
        second = certificate("one.example")
        more = ("-servername", "one.example", "-cert2", str(second), "-key2", str(second))
        with server("default.example", *more) as port:
            self.check(self.run_python(BY_NAME, "one.example", port), CONNECTED)
            # Two names are none that could be sent.
            both = BEGIN + "socket.getaddrinfo('127.0.0.11', port); talk(socket.create_connection((name, port)))"
            ran = self.run_python(both, "one.example", port)
            self.check(ran, MISMATCH)
            self.assertIn(
                "default.example", next(event["message"] for event in ran.events if event["event"] == "refused")
            )
        with server("default.example", *more) as port:
            watched = self.run_python(BY_NAME, "one.example", port, mode="report")
            self.assertEqual(watched.ends(), [("would_refuse", MISMATCH)], "nothing is sent where nothing is altered")

    def test_the_report_says_what_would_become_verified(self) -> None:
        with server("one.example") as right, server("two.example") as impostor:
            good = self.run_python(BY_NAME, "one.example", right, mode="report")
            self.assertEqual(good.ends(), [("connected", "HOSTLOCK_OK")], str(good))
            self.assertEqual(
                [event.get("learned") for event in good.events if event["event"] == CONNECTED],
                [f"looked up for 127.0.0.11:{right}"],
            )
            bad = self.run_python(BY_NAME, "one.example", impostor, mode="report")
            self.assertEqual(bad.ends(), [("would_refuse", MISMATCH)], str(bad))
            self.assertIn(ANSWER, bad.output)

    def test_a_session_is_resumed_for_the_same_name_only(self) -> None:
        code = BEGIN + (
            "context.maximum_version = getattr(ssl.TLSVersion, rest[0])\n"
            "def again(host, session=None):\n"
            "    s = context.wrap_socket(socket.create_connection((host, port)), session=session)\n"
            "    s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); s.recv(100)\n"
            "    print('reused', s.session_reused)\n"
            "    return s.session\n"
            "session = again('one.example'); again('one.example', session); again('two.example', session)\n"
        )
        wide = authority().issue("all", extra="subjectAltName=DNS:one.example,DNS:two.example")
        for version in ("TLSv1_2", "TLSv1_3"):
            with Server(wide, *ALL_ADDRESSES) as port:
                ran = self.run_python(code, "-", port, version)
                self.assertEqual(ran.output.split(), ["reused", "False", "reused", "True", "reused", "False"], str(ran))
                hosts = [event["host"] for event in ran.events if event["event"] == CONNECTED]
                self.assertEqual(hosts, ["one.example", "one.example", "two.example"], str(ran))


if __name__ == "__main__":
    unittest.main()
