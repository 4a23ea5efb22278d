"""wiki.py HOST PORT CA-FILE: Python's ssl as its wiki showed it for years. Python 2.7 and 3."""

from __future__ import print_function

import socket
import ssl
import sys

host, port, ca_file = sys.argv[1:]
sock = socket.create_connection((host, int(port)))
try:
    if hasattr(ssl, "wrap_socket"):
        tls = ssl.wrap_socket(sock, ca_certs=ca_file, cert_reqs=ssl.CERT_REQUIRED)
    else:  # Python 3.12 took wrap_socket away; this is what it did
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca_file)
        tls = context.wrap_socket(sock)
except ssl.SSLError as error:
    sys.exit(str(error))
tls.sendall(b"password=swordfish\n")
print(tls.recv(256).decode(), end="")
