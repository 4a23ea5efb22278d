"""Old Python code, made safe by one call: harden.py KIND HOST PORT CA-FILE, where KIND is ssl, m2crypto or pyopenssl.

Each client below is set up as careless programs are: nothing is verified. `harden` takes the OpenSSL context out of the
Python object and gives it to hostlock; the code after it stays as it was.
"""

from __future__ import print_function

import ctypes
import os
import socket
import sys

lib = ctypes.CDLL(os.environ.get("HOSTLOCK_LIBRARY", "libhostlock.so.0"))
lib.hostlock_harden.restype = ctypes.c_int
lib.hostlock_harden.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
lib.hostlock_last_error.restype = ctypes.c_void_p
lib.hostlock_last_error.argtypes = []
lib.hostlock_error_message.restype = ctypes.c_char_p
lib.hostlock_error_message.argtypes = [ctypes.c_void_p]


def harden(context, host=None):
    """Makes a context of ssl, M2Crypto or pyOpenSSL safe. Without `host` each connection must name its own: by SNI."""
    answer = lib.hostlock_harden(address(context), None, host.encode("ascii") if host else None)
    if answer != 0:
        raise ValueError(lib.hostlock_error_message(lib.hostlock_last_error()).decode("utf-8"))
    return context


def address(context):
    """Where the SSL_CTX is that a Python object wraps."""
    if hasattr(context, "_context"):  # pyOpenSSL: a pointer of cffi
        from cryptography.hazmat.bindings.openssl.binding import Binding

        return int(Binding.ffi.cast("uintptr_t", context._context))
    if hasattr(context, "ctx"):  # M2Crypto: a pointer of SWIG
        return int(context.ctx)
    # CPython's ssl.SSLContext: the first field behind what every object begins with.
    return ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value


def by_ssl(host, port, ca_file):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    harden(context)
    connection = context.wrap_socket(socket.create_connection((host, port)), server_hostname=host)
    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return connection.recv(65536)


def by_m2crypto(host, port, ca_file):
    from M2Crypto import SSL

    context = SSL.Context("tls")
    context.load_verify_locations(ca_file)
    context.set_verify(SSL.verify_none, 1)
    harden(context, host)
    connection = SSL.Connection(context)
    connection.set_post_connection_check_callback(None)
    connection.connect((host, port))
    connection.write(b"GET / HTTP/1.0\r\n\r\n")
    return connection.read(65536)


def by_pyopenssl(host, port, ca_file):
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_METHOD)
    context.load_verify_locations(ca_file)
    context.set_verify(SSL.VERIFY_NONE, lambda *answer: True)
    harden(context)
    connection = SSL.Connection(context, socket.create_connection((host, port)))
    connection.set_tlsext_host_name(host.encode("ascii"))
    connection.set_connect_state()
    connection.do_handshake()
    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return connection.recv(65536)


if __name__ == "__main__":
    clients = {"ssl": by_ssl, "m2crypto": by_m2crypto, "pyopenssl": by_pyopenssl}
    if len(sys.argv) != 5 or sys.argv[1] not in clients:
        sys.exit("usage: harden.py ssl|m2crypto|pyopenssl HOST PORT CA-FILE")
    try:
        page = clients[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])
    except Exception as error:
        sys.exit("{}: {}".format(type(error).__name__, error))
    print(page.decode("latin-1").splitlines()[0])
