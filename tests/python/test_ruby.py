"""Ruby programs that verify, with Ruby's own default store: that one asks for the CRLs of the whole chain by a flag
which means nothing alone. Sealed, and hardened through the pointer of the SSLContext, they reach the right server as
before."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
import unittest
from collections.abc import Iterator
from pathlib import Path

from sealing import environment, impostor, new_log, right, sealed
from support import LONG_ENOUGH, Authority, Server, built

HTTP = """
require "net/http"
http = Net::HTTP.new("localhost", {port})
http.use_ssl = true
begin
  puts "answer " + http.get("/").code
rescue OpenSSL::SSL::SSLError => error
  puts "refused " + error.message
end
"""

SMTP = """
require "net/smtp"
smtp = Net::SMTP.new("localhost", {port})
smtp.enable_starttls
begin
  smtp.start("localhost") {{ puts "answer " + smtp.mailfrom("me@localhost").status }}
rescue OpenSSL::SSL::SSLError => error
  puts "refused " + error.message
end
"""

# An SSLContext is a typed object of Ruby: the SSL_CTX is the last of its five words.
HARDEN = """
require "fiddle"
require "openssl"
library = Fiddle.dlopen("{library}")
HARDEN = Fiddle::Function.new(library["hostlock_harden"],
  [Fiddle::TYPE_VOIDP, Fiddle::TYPE_VOIDP, Fiddle::TYPE_VOIDP], Fiddle::TYPE_INT)
module Hardened
  def initialize(io, context)
    context.setup
    pointer = Fiddle::Pointer.new(Fiddle.dlwrap(context))[4 * Fiddle::SIZEOF_VOIDP, Fiddle::SIZEOF_VOIDP].unpack1("J")
    raise "not hardened" unless HARDEN.call(pointer, nil, nil) == 0
    $stdout.puts "hardened"
    super
  end
end
OpenSSL::SSL::SSLSocket.prepend(Hardened)
"""


def ruby(code: str) -> list[str]:
    return ["ruby", "-e", code]


@contextlib.contextmanager
def mail_server(pem: Path) -> Iterator[int]:
    """Speaks as much SMTP as STARTTLS and one sender need."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(connection: socket.socket) -> None:
        while line := connection.recv(1024):
            word = line.split()[0].upper()
            if word == b"STARTTLS":
                connection.sendall(b"220 go on\r\n")
                with context.wrap_socket(connection, server_side=True) as encrypted:
                    talk(encrypted)
                return
            if word == b"EHLO" and not isinstance(connection, ssl.SSLSocket):
                connection.sendall(b"250-mail.example\r\n250 STARTTLS\r\n")
            else:
                connection.sendall(b"250 ok\r\n")

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(LONG_ENOUGH)
                connection.sendall(b"220 mail.example\r\n")
                talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(LONG_ENOUGH)


@unittest.skipUnless(shutil.which("ruby"), "needs ruby")
class Ruby(unittest.TestCase):
    stranger: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.stranger = Authority("Stranger CA").issue("localhost")

    def sealed_right_and_wrong(self, code: str, port: int, expected: str | None) -> None:
        ran = sealed(ruby(code.format(port=port)))
        if expected is None:
            self.assertIn("answer 2", ran.output, str(ran))
            self.assertEqual(set(ran.ends()), {("connected", "HOSTLOCK_OK")}, str(ran))
        else:
            self.assertIn("certificate verify failed", ran.output, str(ran))
            self.assertEqual(set(ran.ends()), {("refused", expected)}, str(ran))

    def test_verifying_net_http_works_sealed_and_refuses_others(self) -> None:
        for pem, expected in self.cases():
            with Server(pem) as port:
                self.sealed_right_and_wrong(HTTP, port, expected)

    def test_verifying_net_smtp_with_starttls_works_sealed_and_refuses_others(self) -> None:
        for pem, expected in self.cases():
            with mail_server(pem) as port:
                self.sealed_right_and_wrong(SMTP, port, expected)

    def test_verifying_net_http_and_smtp_work_hardened_and_refuse_others(self) -> None:
        for pem, expected in self.cases():
            with Server(pem) as http, mail_server(pem) as smtp:
                for code, port in ((HTTP, http), (SMTP, smtp)):
                    said = self.hardened(code, port)
                    self.assertIn("hardened\n", said)
                    self.assertIn("answer 2" if expected is None else "certificate verify failed", said)

    def cases(self) -> list[tuple[Path, str | None]]:
        return [
            (right(), None),
            (impostor(), "HOSTLOCK_E_HOST_MISMATCH"),
            (self.stranger, "HOSTLOCK_E_UNKNOWN_ISSUER"),
        ]

    def hardened(self, code: str, port: int) -> str:
        world = environment(new_log())
        del world["LD_PRELOAD"]
        library = built() / "libhostlock.so"
        script = HARDEN.format(library=library) + code.format(port=port)
        outcome = subprocess.run(
            ruby(script),
            env=world,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONG_ENOUGH,
            check=False,
        )
        return outcome.stdout


if __name__ == "__main__":
    unittest.main()
