"""A client that verifies nothing at all.

usage: unverified.py HOST PORT ROOTS"""

import socket
import ssl
import sys

host, port = sys.argv[1], int(sys.argv[2])

context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
context.verify_mode = ssl.CERT_NONE
tls = context.wrap_socket(socket.create_connection((host, port)))
tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
print(tls.recv(15))
tls.close()
