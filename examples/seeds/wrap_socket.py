"""A client as a wiki page taught it: certificates are demanded, and never compared with the host.

usage: wrap_socket.py HOST PORT ROOTS"""

import socket
import ssl
import sys

host, port, roots = sys.argv[1], int(sys.argv[2]), sys.argv[3]

plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
tls = ssl.wrap_socket(plain, ca_certs=roots, cert_reqs=ssl.CERT_REQUIRED)
tls.connect((host, port))
tls.write(b"GET / HTTP/1.0\r\n\r\n")
print(tls.read(15))
tls.close()
