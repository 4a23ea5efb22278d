"""A client as a wiki page taught it for pyOpenSSL, with a callback that says yes to what OpenSSL says.

usage: pyopenssl_client.py HOST PORT ROOTS"""

import socket
import sys

from OpenSSL import SSL

host, port, roots = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def verify(connection, certificate, error, depth, ok):
    return ok


context = SSL.Context(SSL.SSLv23_METHOD)
context.set_verify(SSL.VERIFY_PEER, verify)
context.load_verify_locations(roots)
connection = SSL.Connection(context, socket.socket(socket.AF_INET, socket.SOCK_STREAM))
connection.connect((host, port))
connection.do_handshake()
connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
print(connection.recv(15))
connection.close()
