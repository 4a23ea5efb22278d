"""A client with a context of its own that checks the chain and not the host.

usage: context.py HOST PORT ROOTS"""

import socket
import ssl
import sys

host, port, roots = sys.argv[1], int(sys.argv[2]), sys.argv[3]

context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations(roots)
tls = context.wrap_socket(socket.create_connection((host, port)))
tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
print(tls.recv(15))
tls.close()
