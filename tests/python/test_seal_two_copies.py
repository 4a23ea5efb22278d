"""A program with a libhostlock of its own inside (linked from libhostlock.a, or loaded as a copy) under `hostlock
run`, which brings another one along: each takes the other's callbacks for its program's, and must not be asked back by
them."""

from __future__ import annotations

import shutil
import unittest

from package import interpreters
from sealing import impostor, right, sealed
from support import Server, library, scratch

SCRIPT = """
import ctypes, os, socket, ssl, sys
own = ctypes.CDLL(sys.argv[1])
own.hostlock_client_new.restype = own.hostlock_last_error.restype = ctypes.c_void_p
own.hostlock_error_message.restype, own.hostlock_error_message.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
if sys.argv[3] == "makes":
    context = own.hostlock_client_new(None)
    print(context, own.hostlock_error_message(own.hostlock_last_error()).decode())
    sys.exit()
assert own.hostlock_seal_process(None) == 0
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.load_verify_locations(os.environ["SSL_CERT_FILE"])
try:
    context.wrap_socket(socket.create_connection(("localhost", int(sys.argv[2]))), server_hostname="localhost")
    print("ok")
except ssl.SSLError as error:
    print(error.reason)
"""


class TwoCopies(unittest.TestCase):
    def test_both_seals_verify_and_neither_asks_the_other_without_an_end(self) -> None:
        copy = scratch() / "own.so"
        shutil.copy(library(), copy)
        for mode in ("enforce", "report"):
            for certificate, said in ((right(), "ok"), (impostor(), "CERTIFICATE_VERIFY_FAILED")):
                with self.subTest(mode=mode, said=said), Server(certificate) as port:
                    ran = sealed([interpreters()["3.11"], "-c", SCRIPT, copy, str(port), "seals"], mode)
                    self.assertEqual((ran.status, ran.output.strip()), (0, said), ran)

    def test_a_context_of_the_second_copy_is_refused_in_words(self) -> None:
        copy = scratch() / "another.so"
        shutil.copy(library(), copy)
        ran = sealed([interpreters()["3.11"], "-c", SCRIPT, copy, "0", "makes"])
        self.assertEqual(ran.status, 0, ran)
        self.assertTrue(ran.output.startswith("None this context has the hook of another libhostlock already"), ran)


if __name__ == "__main__":
    unittest.main()
