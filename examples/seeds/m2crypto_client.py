"""A client as a HOWTO of M2Crypto's taught it.

usage: m2crypto_client.py HOST PORT ROOTS"""

import sys

from M2Crypto import SSL

host, port, roots = sys.argv[1], int(sys.argv[2]), sys.argv[3]

context = SSL.Context("tls")
if context.load_verify_locations(roots) != 1:
    raise Exception("no roots")
context.set_verify(SSL.verify_peer | SSL.verify_fail_if_no_peer_cert, depth=9)
connection = SSL.Connection(context)
connection.set_post_connection_check_callback(None)
connection.connect((host, port))
connection.write(b"GET / HTTP/1.0\r\n\r\n")
print(connection.read(15))
connection.close()
