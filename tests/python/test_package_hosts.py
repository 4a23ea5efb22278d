"""Hosts with letters beyond ASCII: the package means the one that IDNA 2008 makes of them, where Python's own codec
makes another host of some."""

from __future__ import annotations

import unittest

from package import cast, interpreters, python
from support import Server

# By IDNA 2003, which Python's codec is, "fass.example".
NAME, OURS, PYTHONS = "fa\\xdf.example", "xn--fa-hia.example", "fass.example"

TALK = f"""
from __future__ import print_function
import hostlock, socket, sys
context = hostlock.Context()
context.trust_file(sys.argv[2])
sock = socket.create_connection(("localhost", int(sys.argv[1])))
try:
    connection = context.wrap(sock, u"{NAME}", 20)
    # One that was verified for it is judged so from memory, too.
    chain = connection.peer_chain().encode("ascii")
    context.verify_chain(chain, u"{NAME}")
    context.verify_chain(chain, u"{NAME}".encode("utf-8"))
    print(connection.verified_host())
except hostlock.CertificateError as error:
    print(error.hostlock.status)
"""

REFUSED = f"""
from __future__ import print_function
import hostlock
for host in (u"{NAME}", u"xn--\\xe4.example", u"a\\u2100b.example", b"\\xff.example"):
    try:
        hostlock.connect(host, 1, timeout=20)
    except hostlock.Error as error:
        print(error.hostlock.status, error.hostlock.host if error.hostlock.code == -60 else "")
"""


class Hosts(unittest.TestCase):
    def says(self, version: str, script: str, *arguments: str) -> str:
        ran = python(version, script, *arguments)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.strip()

    def test_the_certificate_must_be_for_the_name_by_idna_2008(self) -> None:
        authority = cast().authority
        for name, outcome in ((OURS, OURS), (PYTHONS, "HOSTLOCK_E_HOST_MISMATCH")):
            with Server(authority.issue(name)) as port:
                for version in interpreters():
                    with self.subTest(name, version=version):
                        self.assertEqual(self.says(version, TALK, str(port), str(cast().roots)), outcome)

    def test_that_name_is_looked_up_and_what_is_none_is_refused_before(self) -> None:
        looked_up, bad = f"HOSTLOCK_E_RESOLVE {OURS}", "HOSTLOCK_E_BAD_HOST"
        for version in interpreters():
            with self.subTest(version=version):
                said = [line.strip() for line in self.says(version, REFUSED).splitlines()]
                self.assertEqual(said, [looked_up, bad, bad, "HOSTLOCK_E_ARG"])


if __name__ == "__main__":
    unittest.main()
