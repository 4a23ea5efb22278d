"""The same by a program that resolves the name itself and connects to the address.

usage: resolve_first.py HOST PORT ROOTS"""

import socket
import ssl
import sys

host, port, roots = sys.argv[1], int(sys.argv[2]), sys.argv[3]

address = socket.gethostbyname(host)
plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
plain.connect((address, port))
tls = ssl.wrap_socket(plain, ca_certs=roots, cert_reqs=ssl.CERT_REQUIRED)
tls.write(b"GET / HTTP/1.0\r\n\r\n")
print(tls.read(15))
tls.close()
