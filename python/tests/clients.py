"""Ways in which programs make TLS connections, each with its verification switched off where Python lets it. Prints one
line of JSON: for each way "ok", or the status of hostlock's refusal, or the exception.

usage: clients.py inject|ssl|plainly PORT SPOKEN      (by every Python from 2.7 on)

Both ports are of `localhost`. At SPOKEN a word in the clear is answered by "go", and then TLS begins."""

from __future__ import print_function

import json
import socket
import ssl as standard
import sys

HOW, PORT, SPOKEN = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def loose(module):
    context = module.SSLContext(getattr(module, "PROTOCOL_TLS_CLIENT", module.PROTOCOL_SSLv23))
    context.check_hostname = False
    context.verify_mode = module.CERT_NONE
    return context


OLD = loose(standard)  # made before anybody injects anything

if HOW == "inject":
    import hostlock

    hostlock.inject()
    ssl = standard
elif HOW == "ssl":
    from hostlock import ssl
else:
    ssl = standard


# Ways come in any order on Python 2, and after a lookup an address counts no more.
socket.getaddrinfo("localhost", PORT)


def dialled():
    return socket.create_connection(("localhost", PORT), 20)


def connected(address):
    sock = socket.socket()
    sock.settimeout(20)
    sock.connect(address)
    return sock


def get(tls):
    tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert tls.recv(15).startswith(b"HTTP/1.0 200"), "no page"
    tls.close()


def wrapped(sock, **more):
    get(loose(ssl).wrap_socket(sock, **more))


def through_memory(name):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = loose(ssl).wrap_bio(incoming, outgoing, server_hostname=name)
    sock = connected(("127.0.0.1", PORT))
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(20000))
    sock.close()


def wrapped_before(connect):
    tls = loose(ssl).wrap_socket(socket.socket())
    connect(tls)
    get(tls)


def after_words(send, *words):
    sock = socket.create_connection(("localhost", SPOKEN), 20)
    for word in words:
        send(sock, word)
        assert sock.recv(2) == b"go"
    wrapped(sock)


def sendall(sock, data):
    sock.sendall(data)


def in_pieces(sock, data):
    for at in range(len(data) - 1):
        assert sock.send(data[at : at + 1]) == 1
    sock.sendall(data[-1:])


def in_asyncio():
    import asyncio

    async_connect = asyncio.open_connection("localhost", PORT, ssl=loose(ssl))
    loop = asyncio.new_event_loop()
    try:
        _, writer = loop.run_until_complete(async_connect)
        writer.close()
    finally:
        loop.close()


CONNECT = b"CONNECT elsewhere:443 HTTP/1.0\r\n\r\n"

WAYS = {
    "create_connection": lambda: wrapped(dialled()),
    "create_connection and a name": lambda: wrapped(dialled(), server_hostname="localhost"),
    "connect by name": lambda: wrapped(connected(("localhost", PORT))),
    "connect by number": lambda: wrapped(connected(("127.0.0.1", PORT))),
    "a number as the name": lambda: wrapped(dialled(), server_hostname="127.0.0.1"),
    "no handshake of its own": lambda: get(loose(ssl).wrap_socket(dialled(), do_handshake_on_connect=False)),
    "wrapped before connect": lambda: wrapped_before(lambda tls: tls.connect(("localhost", PORT))),
    "wrapped before connect_ex": lambda: wrapped_before(lambda tls: tls.connect_ex(("localhost", PORT))),
    "wrapped before a number": lambda: wrapped_before(lambda tls: tls.connect(("127.0.0.1", PORT))),
    "after CONNECT": lambda: after_words(sendall, CONNECT),
    "after CONNECT and STARTTLS": lambda: after_words(sendall, CONNECT, b"STARTTLS\r\n"),
    "after SOCKS": lambda: after_words(sendall, b"\x05\x01\x00"),
    "after SOCKS and STARTTLS": lambda: after_words(sendall, b"\x05\x01\x00", b"STARTTLS\r\n"),
    "after other words": lambda: after_words(sendall, b"elsewhere, please\r\n"),
    "after STARTTLS": lambda: after_words(sendall, b"EHLO me\r\n", b"STARTTLS\r\n"),
    "after AUTH TLS": lambda: after_words(sendall, b"AUTH TLS\r\n"),
    "after a tagged STARTTLS": lambda: after_words(sendall, b"a1 STARTTLS\r\n"),
}
if hasattr(ssl, "MemoryBIO"):
    WAYS["memory and a name"] = lambda: through_memory("localhost")
    WAYS["memory and a number"] = lambda: through_memory("127.0.0.1")
    WAYS["memory and nothing"] = lambda: through_memory(None)
if hasattr(socket.socket, "sendmsg"):
    WAYS["after CONNECT by sendmsg"] = lambda: after_words(lambda sock, data: sock.sendmsg([data]), CONNECT)
    # On Python 2 `send` cannot be watched, so what was sent in this way counts for nothing there.
    WAYS["after CONNECT in pieces"] = lambda: after_words(in_pieces, CONNECT)
    WAYS["after STARTTLS in pieces"] = lambda: after_words(in_pieces, b"STARTTLS\r\n")
if hasattr(ssl, "wrap_socket"):
    WAYS["wrap_socket"] = lambda: get(ssl.wrap_socket(dialled()))
    WAYS["wrap_socket, numbers only"] = lambda: get(ssl.wrap_socket(connected(("127.0.0.1", PORT))))
if HOW == "inject":
    WAYS["a context from before"] = lambda: get(OLD.wrap_socket(dialled()))
if sys.version_info >= (3, 8):
    WAYS["asyncio"] = in_asyncio


def tried(way):
    try:
        way()
    except Exception as error:
        # Handshakes that nobody called for say it in OpenSSL's words.
        facts = getattr(error, "hostlock", None)
        implicit = "VERIFY_FAILED" if getattr(error, "reason", None) == "CERTIFICATE_VERIFY_FAILED" else None
        return facts.status if facts else implicit or type(error).__name__
    return "ok"


print(json.dumps({name: tried(way) for name, way in WAYS.items()}))
