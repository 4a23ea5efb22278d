"""Programs that speak to a proxy before TLS: the host that they told it is verified, never the proxy's own name; and
where what they said was not seen, or named an address, they are refused, also where the proxy has a valid certificate
of its own."""

from __future__ import annotations

import sys
import unittest

from careless import ANSWER
from naming import Proxy, TlsProxy, certificate, has_namespaces, named
from sealing import Ran
from support import Server, must, scratch

# Speaks to a proxy, each in its own manner, and then TLS without a host.
PYTHON = """
import ctypes, os, socket, ssl, sys, tempfile
port, way, manner, target = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
libc = ctypes.CDLL(None, use_errno=True)
s = socket.create_connection(("proxy.example", port))
fd = s.fileno()

def say(data):
    if manner == "send":
        s.sendall(data)
    elif manner == "write":
        os.write(fd, data)
    elif manner == "writev":
        os.writev(fd, [data[:5], data[5:]])
    elif manner == "sendmsg":
        s.sendmsg([data[:9], data[9:]])
    elif manner == "sendto":
        libc.sendto(fd, data, len(data), 0, None, 0)
    elif manner == "pieces":
        for at in range(0, len(data), 7):
            s.sendall(data[at:at + 7])
    elif manner == "stdio":
        libc.fdopen.restype = ctypes.c_void_p
        file = ctypes.c_void_p(libc.fdopen(os.dup(fd), b"w"))
        libc.fwrite(data, 1, len(data), file)
        libc.fclose(file)
    elif manner == "syscall":
        libc.syscall(1, fd, data, len(data))
    elif manner == "sendfile":
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            os.sendfile(fd, file.fileno(), 0, len(data))
    elif manner == "dup":
        other = os.dup(fd)
        os.write(other, data)
        os.close(other)
    elif manner == "child":
        if os.fork() == 0:
            os.write(fd, data)
            os._exit(0)
        os.wait()
    elif manner == "corked":
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        libc.syscall(1, fd, data, len(data))

name = target.encode()
if way == "connect":
    say(b"CONNECT " + name + b":443 HTTP/1.1\\r\\nHost: " + name + b"\\r\\n\\r\\n")
    s.recv(4096)
elif way == "quiet":
    say(b"QUIET CONNECT " + name + b":443 HTTP/1.1\\r\\n\\r\\n")
elif way == "absolute":
    say(b"GET http://" + name + b"/ HTTP/1.1\\r\\n\\r\\n")
    s.recv(4096)
elif way == "greeting":
    say(b"HELLO proxy, be so kind\\r\\n\\r\\n")
    s.recv(4096)
elif way == "socks5":
    say(b"\\x05\\x01\\x00")
    s.recv(4096)
    say(b"\\x05\\x01\\x00\\x03" + bytes([len(name)]) + name + b"\\x01\\xbb")
    s.recv(4096)
elif way == "socks5-address":
    say(b"\\x05\\x01\\x00")
    s.recv(4096)
    say(b"\\x05\\x01\\x00\\x01" + socket.inet_aton(socket.gethostbyname(target)) + b"\\x01\\xbb")
    s.recv(4096)
elif way == "socks4a":
    say(b"\\x04\\x01\\x01\\xbb\\x00\\x00\\x00\\x01user\\x00" + name + b"\\x00")
    s.recv(4096)
elif way == "socks4":
    say(b"\\x04\\x01\\x01\\xbb" + socket.inet_aton(socket.gethostbyname(target)) + b"user\\x00")
    s.recv(4096)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
s = context.wrap_socket(s)
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(100).decode())
"""
# SSL_get_fd of the inner connection gives the outer one's socket.
TLS_INSIDE = r"""
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdio.h>
int main(int count, char **words) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BIO *outer = BIO_new_ssl_connect(ctx);
    SSL *inner = SSL_new(ctx), *of_outer = NULL;
    BIO_get_ssl(outer, &of_outer);
    BIO_set_conn_hostname(outer, words[count - 1]);
    if (BIO_do_connect(outer) != 1 || BIO_do_handshake(outer) != 1)
        return 1;
    SSL_set_bio(inner, outer, outer);
    if (SSL_get_fd(inner) >= 0 && SSL_get_fd(inner) == SSL_get_fd(of_outer))
        puts("the socket of both is the same");
    fflush(stdout);
    if (SSL_connect(inner) != 1)
        return 2;
    puts("inside");
    return 0;
}
"""
SEEN = ("send", "write", "writev", "sendmsg", "sendto")
UNSEEN = ("pieces", "stdio", "syscall", "sendfile", "dup", "child")


@unittest.skipUnless(has_namespaces(), "needs a mount namespace for names of its own")
class Proxies(unittest.TestCase):
    """Behind an honest proxy is the host that it was told; an evil one answers by itself, with a valid certificate for
    the name by which the program found it."""

    def ask(self, upstream: int, way: str, manner: str, target: str = "one.example", hosts: str = "") -> Ran:
        with Proxy(upstream) as port:
            hosts = hosts.replace("PORT", str(port))
            return named([sys.executable, "-c", PYTHON, str(port), way, manner, target], HOSTLOCK_SEAL_HOST=hosts)

    def refused(self, ran: Ran, status: str) -> None:
        self.assertNotIn(ANSWER, ran.output, str(ran))
        self.assertEqual(set(ran.ends()), {("refused", status)}, str(ran))

    def connected(self, ran: Ran, host: str, how: str) -> None:
        self.assertIn(ANSWER, ran.output, str(ran))
        self.assertEqual(ran.ends(), [("connected", "HOSTLOCK_OK")], str(ran))
        event = next(event for event in ran.events if event["event"] == "connected")
        self.assertEqual(event["host"], host)
        self.assertRegex(event["learned"], how)

    def test_the_host_that_a_proxy_was_told_is_verified_however_it_was_said(self) -> None:
        with Server(certificate("one.example")) as honest, Server(certificate("proxy.example")) as evil:
            for way in ("connect", "socks5", "socks4a"):
                for manner in SEEN if way == "connect" else ("send",):
                    with self.subTest(way=way, manner=manner):
                        self.connected(
                            self.ask(honest, way, manner), "one.example", r"^named to the proxy 127\.0\.0\.14:\d+$"
                        )
                        self.refused(self.ask(evil, way, manner), "HOSTLOCK_E_HOST_MISMATCH")

    def test_what_was_not_seen_or_names_an_address_is_refused_at_every_proxy(self) -> None:
        cases = [("connect", manner, "one.example") for manner in UNSEEN]
        cases += [(way, "send", "one.example") for way in ("absolute", "socks5-address", "socks4")]
        cases += [("connect", "send", "127.0.0.11"), ("socks5", "send", "127.0.0.11"), ("greeting", "syscall", "-")]
        with Server(certificate("one.example")) as honest, Server(certificate("proxy.example")) as evil:
            for way, manner, target in cases:
                for upstream in (honest, evil):
                    with self.subTest(way=way, manner=manner, target=target):
                        self.refused(self.ask(upstream, way, manner, target), "HOSTLOCK_E_NO_HOST")

    def test_bytes_that_still_wait_in_a_corked_socket_were_not_seen_either(self) -> None:
        with Server(certificate("proxy.example")) as evil:
            self.refused(self.ask(evil, "quiet", "corked"), "HOSTLOCK_E_NO_HOST")

    def test_text_that_names_no_proxy_leaves_the_name_that_was_looked_up(self) -> None:
        with Server(certificate("proxy.example")) as meant, Server(certificate("one.example")) as other:
            self.connected(self.ask(meant, "greeting", "send"), "proxy.example", "^looked up for ")
            self.refused(self.ask(other, "greeting", "send"), "HOSTLOCK_E_HOST_MISMATCH")

    def test_what_host_says_of_a_proxys_address_holds_where_nothing_was_seen(self) -> None:
        with Server(certificate("one.example")) as honest, Server(certificate("proxy.example")) as evil:
            for hosts in ("one.example", "127.0.0.14:PORT=one.example"):
                self.connected(self.ask(honest, "connect", "stdio", hosts=hosts), "one.example", "^--host$")
                self.refused(self.ask(evil, "connect", "stdio", hosts=hosts), "HOSTLOCK_E_HOST_MISMATCH")
            ran = self.ask(honest, "connect", "send", "alias.example", "alias.example=one.example")
            self.connected(ran, "one.example", "named to the proxy")

    def test_a_tls_inside_of_another_is_never_taken_for_the_outer_one(self) -> None:
        source, program = scratch() / "inside.c", scratch() / "inside"
        source.write_text(TLS_INSIDE)
        must(["cc", source, "-o", program, "-lssl", "-lcrypto"])
        with Server(certificate("proxy.example")) as inner, TlsProxy(certificate("proxy.example"), inner) as port:
            ran = named([program, f"proxy.example:{port}"])
        self.assertIn("the socket of both is the same", ran.output)
        self.assertEqual(ran.ends(), [("connected", "HOSTLOCK_OK"), ("refused", "HOSTLOCK_E_NO_HOST")], str(ran))


if __name__ == "__main__":
    unittest.main()
