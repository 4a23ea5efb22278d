"""Learned names in programs of every shape: threads, forks before and after a look-up, children of vfork, loops of
events and memory BIOs of which OpenSSL knows no socket, pools, and descriptors that change their number."""

from __future__ import annotations

import sys
import unittest

from careless import ANSWER
from naming import Listener, certificate, has_namespaces, named
from sealing import Ran, authority, sealed
from support import Server, must, scratch

BEGIN = """
import asyncio, os, socket, ssl, subprocess, sys, threading
ports = [int(word) for word in sys.argv[1:]]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def ask(host, port):
    try:
        with context.wrap_socket(socket.create_connection((host, port))) as s:
            s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            return "HTTP/1.0 200" in s.recv(100).decode()
    except ssl.SSLError:
        return False
"""
MISMATCH = ("refused", "HOSTLOCK_E_HOST_MISMATCH")
GOOD = ("connected", "HOSTLOCK_OK")


@unittest.skipUnless(has_namespaces(), "needs a mount namespace for names of its own")
class Worlds(unittest.TestCase):
    def run_python(self, code: str, *ports: int, mode: str = "enforce") -> Ran:
        return named([sys.executable, "-c", BEGIN + code, *map(str, ports)], mode)

    def test_threads_are_told_apart(self) -> None:
        # Two hosts at two addresses: each of them is meant at either server, where one is an impostor.
        code = (
            "wrong, lost = [], []\n"
            "def work(number):\n"
            "    for turn in range(20):\n"
            "        host, port = (number + turn) % 2, (number + turn // 2) % 2\n"
            "        said = ask(('one.example', 'two.example')[host], ports[port])\n"
            "        if said and host != port: wrong.append((number, turn))\n"
            "        if not said and host == port: lost.append((number, turn))\n"
            "threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]\n"
            "[thread.start() for thread in threads]; [thread.join() for thread in threads]\n"
            "print('wrong', wrong, 'lost', lost)\n"
        )
        with (
            Server(certificate("one.example"), "-accept", "0.0.0.0:0") as one,
            Server(certificate("two.example"), "-accept", "0.0.0.0:0") as two,
        ):
            ran = self.run_python(code, one, two)
        self.assertEqual(ran.output, "wrong [] lost []\n", str(ran))
        self.assertEqual((ran.ends().count(GOOD), ran.ends().count(MISMATCH)), (80, 80))

    def test_forks_before_and_after_a_look_up_know_what_they_must(self) -> None:
        code = (
            "address = socket.gethostbyname('one.example')\n"
            "def by_number():\n"
            "    s = socket.socket(); s.connect((address, ports[0]))\n"
            "    try: context.wrap_socket(s); return True\n"
            "    except ssl.SSLError: return False\n"
            "open_before = socket.create_connection(('one.example', ports[0]))\n"
            "def child(body):\n"
            "    if os.fork() == 0:\n"
            "        print(body(), flush=True); os._exit(0)\n"
            "    os.wait()\n"
            "child(by_number)\n"
            "def inherited():\n"
            "    try: context.wrap_socket(open_before); return True\n"
            "    except ssl.SSLError: return False\n"
            "child(inherited)\n"
            "child(lambda: (socket.getaddrinfo('127.0.0.11', ports[0]), by_number())[1])\n"
            "print(by_number())\n"
        )
        with Listener(certificate("one.example")) as port:
            ran = self.run_python(code, port)
        # What the third child looked up is its own.
        self.assertEqual(ran.output.split(), ["True", "True", "False", "True"], str(ran))

    def test_children_that_run_other_programs_leave_no_trace(self) -> None:
        source, program = scratch() / "vfork.c", scratch() / "vfork"
        source.write_text(VFORK)
        must(["cc", source, "-o", program, "-lssl", "-lcrypto"])
        with Server(certificate("one.example"), "-accept", "0.0.0.0:0") as port:
            ran = named([program, "one.example", str(port)])
        self.assertIn("connected", ran.output, str(ran))
        self.assertEqual(ran.ends(), [GOOD], str(ran))

    def test_threads_are_cancelled_and_left_in_the_functions_that_are_replaced(self) -> None:
        source, program = scratch() / "cancel.c", scratch() / "cancel"
        source.write_text(CANCEL)
        must(["cc", source, "-o", program, "-lpthread"])
        self.assertEqual(sealed([program]).output, "cancelled\nleft\n")

    def test_memory_bios_and_event_loops_are_followed_by_the_hello(self) -> None:
        memory = (
            "s = socket.create_connection(('one.example', ports[0]))\n"
            "incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()\n"
            "t = context.wrap_bio(incoming, outgoing)\n"
            "def turn(call):\n"
            "    while True:\n"
            "        try:\n"
            "            answer = call(); s.sendall(outgoing.read()); return answer\n"
            "        except ssl.SSLWantReadError:\n"
            "            s.sendall(outgoing.read()); incoming.write(s.recv(65536))\n"
            "turn(t.do_handshake); turn(lambda: t.write(b'GET / HTTP/1.0\\r\\n\\r\\n'))\n"
            "print(turn(lambda: t.read(100)).decode())\n"
        )
        loop = (
            "async def main():\n"
            "    reader, writer = await asyncio.open_connection('one.example', ports[0],"
            " ssl=context, server_hostname='')\n"
            "    writer.write(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
            "    print((await reader.read(100)).decode())\n"
            "asyncio.run(main())\n"
        )
        with (
            Server(certificate("one.example"), "-accept", "0.0.0.0:0") as right,
            Server(certificate("two.example"), "-accept", "0.0.0.0:0") as impostor,
        ):
            for code in (memory, loop):
                good, bad = self.run_python(code, right), self.run_python(code, impostor)
                self.assertIn(ANSWER, good.output, str(good))
                self.assertEqual(good.ends(), [GOOD], str(good))
                self.assertEqual(
                    [event["peer"] for event in good.events if event["event"] == "connected"], [f"127.0.0.11:{right}"]
                )
                self.assertNotIn(ANSWER, bad.output, str(bad))
                self.assertEqual(bad.ends(), [MISMATCH], str(bad))

    def test_several_addresses_of_a_name_and_a_pool_of_connections(self) -> None:
        code = (
            "pool = [socket.create_connection((host, ports[0])) for host in ('one.example', 'two.example') * 4]\n"
            "for s in pool:\n"
            "    with context.wrap_socket(s) as s:\n"
            "        s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(s.recv(12).decode())\n"
            "closed = socket.socket(); closed.bind(('127.0.0.11', 0))\n"
            "try: socket.create_connection(('one.example', closed.getsockname()[1]))\n"
            "except ConnectionRefusedError: print(ask('one.example', ports[0]))\n"
        )
        wide = authority().issue("pool", extra="subjectAltName=DNS:one.example,DNS:two.example")
        with Server(wide, "-accept", "0.0.0.0:0") as port:
            ran = self.run_python(code, port)
        self.assertIn("True", ran.output, str(ran))
        self.assertEqual(set(ran.ends()), {GOOD}, str(ran))

    def test_a_descriptor_that_changes_its_number_is_followed(self) -> None:
        code = (
            "s = socket.create_connection(('one.example', ports[0]))\n"
            "other = socket.socket(fileno=os.dup(s.fileno())); s.close()\n"
            "try: context.wrap_socket(other); print(True)\n"
            "except ssl.SSLError: print(False)\n"
            "file = os.open('/dev/null', os.O_WRONLY); os.write(file, b'CONNECT'); os.close(file)\n"
            "print(ask('one.example', ports[0]), ask('one.example', ports[1]))\n"
        )
        with (
            Server(certificate("one.example"), "-accept", "0.0.0.0:0") as right,
            Server(certificate("two.example"), "-accept", "0.0.0.0:0") as impostor,
        ):
            ran = self.run_python(code, right, impostor)
        self.assertEqual(ran.output.split(), ["True", "True", "False"], str(ran))

    def test_a_socket_that_nobody_saw_connect_is_refused(self) -> None:
        code = (
            "import ctypes, struct\n"
            "address = socket.gethostbyname('one.example')\n"
            "s = socket.socket()\n"
            "data = struct.pack('=HH4s8x', socket.AF_INET, socket.htons(ports[0]), socket.inet_aton(address))\n"
            "ctypes.CDLL(None).syscall(42, s.fileno(), data, len(data))\n"
            "context.wrap_socket(s)\n"
        )
        with Server(certificate("one.example"), "-accept", "0.0.0.0:0") as port:
            ran = self.run_python(code, port)
        self.assertEqual(ran.ends(), [("refused", "HOSTLOCK_E_NO_HOST")], str(ran))


# A thread is cancelled while it waits in a function that is replaced, on a socket that is watched; another leaves by
# longjmp.
CANCEL = r"""
#define _GNU_SOURCE
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
static char block[32 * 1024];
static int fd;
static sigjmp_buf out;
static void leave(int number) {
    siglongjmp(out, number);
}
static void *fill(void *nothing) {
    for (;;)
        if (send(fd, block, 1000, 0) < 0)
            return nothing;
}
int main(void) {
    int listening = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(at);
    void *end;
    pthread_t thread;
    setsockopt(listening, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    if (bind(listening, (struct sockaddr *)&at, length) || listen(listening, 1) ||
        getsockname(listening, (struct sockaddr *)&at, &length))
        return 1;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    if (connect(fd, (struct sockaddr *)&at, length) || pthread_create(&thread, NULL, fill, NULL))
        return 2;
    usleep(200000);
    pthread_cancel(thread);
    pthread_join(thread, &end);
    puts(end == PTHREAD_CANCELED ? "cancelled" : "not cancelled");
    signal(SIGALRM, leave);
    if (sigsetjmp(out, 1) == 0) {
        alarm(1);
        fill(NULL);
    } else {
        puts("left");
    }
    return 0;
}
"""
# The child of vfork moves descriptors about in its parent's memory, then runs another program.
VFORK = r"""
#define _GNU_SOURCE
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **words) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *found;
    if (count < 3 || getaddrinfo(words[1], words[2], &hints, &found) != 0)
        return 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0), pipes[2];
    if (connect(fd, found->ai_addr, found->ai_addrlen) != 0 || pipe(pipes) != 0)
        return 2;
    pid_t child = vfork();
    if (child == 0) {
        int other = socket(AF_INET, SOCK_STREAM, 0);
        connect(other, found->ai_addr, found->ai_addrlen);
        dup2(pipes[1], fd);
        write(fd, "CONNECT evil.example:443 HTTP/1.1\r\n\r\n", 37);
        dup2(other, fd);
        connect(fd, found->ai_addr, found->ai_addrlen);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    waitpid(child, NULL, 0);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    puts(SSL_connect(ssl) == 1 ? "connected" : "failed");
    return 0;
}
"""


if __name__ == "__main__":
    unittest.main()
