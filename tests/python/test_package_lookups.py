"""Under `inject` an address that DNS gave for a name proves nothing: public CAs issue certificates for addresses too,
so who can bend DNS has one for his own. Only an address that the program itself was told counts as the host."""

from __future__ import annotations

import unittest

from package import cast, interpreters, python
from support import Server

SCRIPT = """
from __future__ import print_function
import hostlock, socket, ssl, sys
hostlock.inject()
address = eval(sys.argv[2])
loose = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_CLIENT", ssl.PROTOCOL_SSLv23))
loose.check_hostname = False
loose.verify_mode = ssl.CERT_NONE

def reach(connect, **more):
    try:
        loose.wrap_socket(connect(), **more)
        return "ok"
    except ssl.SSLError as error:
        return error.hostlock.status

def dialled():
    sock = socket.socket()
    sock.connect((address, int(sys.argv[1])))
    return sock

def created():
    return socket.create_connection((address, int(sys.argv[1])))

print(reach(dialled), reach(created), reach(dialled, server_hostname=address))
"""
LOOKUPS = (
    "socket.getaddrinfo('localhost', int(sys.argv[1]), socket.AF_INET, socket.SOCK_STREAM)[0][4][0]",
    "socket.getaddrinfo(host='localhost', port=None, family=socket.AF_INET)[0][4][0]",
    "socket.gethostbyname('localhost')",
    "socket.gethostbyname_ex('localhost')[2][0]",
)


class Lookups(unittest.TestCase):
    def says(self, version: str, port: int, address: str) -> str:
        ran = python(version, SCRIPT, str(port), address, SSL_CERT_FILE=str(cast().roots))
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout.strip()

    def test_an_address_that_a_name_led_to_does_not_stand_for_the_host(self) -> None:
        keys = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName=IP:127.0.0.1"
        with Server(cast().authority.issue("number", extra=keys)) as port:
            for version in interpreters():
                with self.subTest(version=version):
                    self.assertEqual(self.says(version, port, "'127.0.0.1'"), "ok ok ok")
                    for lookup in LOOKUPS if version != "2.7" else LOOKUPS[:1] + LOOKUPS[2:]:
                        said = self.says(version, port, lookup)
                        self.assertEqual(said, "HOSTLOCK_E_NO_HOST HOSTLOCK_E_NO_HOST ok", lookup)


if __name__ == "__main__":
    unittest.main()
