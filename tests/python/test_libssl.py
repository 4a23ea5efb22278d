"""Two copies of libssl in one process: what another copy made is refused by every function of the header that takes a
context or a connection, and is left as it was. The others are a second copy of hostlock's own, and other versions."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from support import HEADER, ROOT, run, scratch
from test_ctypes import declarations, load

E_FOREIGN_LIBSSL = -8
# They hand the object to SSL_read and SSL_write at once: a check there would be paid for with every record.
UNCHECKED = {"hostlock_read", "hostlock_write", "hostlock_write_all", "hostlock_write_many"}
# Its calls are to stay among itself and its own libcrypto, whatever else is loaded.
DEEPBIND = os.RTLD_LOCAL | os.RTLD_DEEPBIND
HANDLE = re.compile(r"(?:hostlock_ctx|hostlock_conn|SSL_CTX|SSL|struct ssl_ctx_st|struct ssl_st) *\*\w+")

# Says each name before the call: the last one named is the one that crashed.
CHILD = """
import ctypes, json, sys
sys.path.insert(0, "tests/python")
import test_ctypes, test_libssl
path, first = sys.argv[1:]
if first == "hostlock":
    lib = test_ctypes.load()
foreign = test_libssl.OtherLibssl(path)
if first != "hostlock":
    lib = test_ctypes.load()
context, connection = foreign.context, foreign.connection
before = [ctypes.string_at(address, 256) for address in (context, connection)]
answers = {"hostlock_check_libssl": lib.hostlock_check_libssl(foreign.method)}
for name, handle in test_libssl.functions_with_a_handle().items():
    print(name, flush=True)
    function = getattr(lib, name)
    address = context if "ctx" in handle.lower() else connection
    arguments = [test_libssl.stand_in(take) for take in function.argtypes]
    arguments[next(i for i, take in enumerate(test_ctypes.declarations()[name][1]) if take == handle)] = address
    answers[name] = function(*arguments)
message = test_libssl.message_about(lib, context)
after = [ctypes.string_at(address, 256) for address in (context, connection)]
foreign.free()
print(json.dumps({"answers": answers, "unchanged": before == after, "message": message}))
"""


class OtherLibssl:
    """A context and a connection that the libssl at `path` made, in this process."""

    def __init__(self, path: str) -> None:
        # Some are bundled without saying where the libcrypto is that they belong to.
        self.libcrypto = [ctypes.CDLL(str(beside), DEEPBIND) for beside in Path(path).parent.glob("libcrypto*.so.*")]
        self.lib = ctypes.CDLL(path, DEEPBIND)
        for name in ("TLS_method", "SSL_CTX_new", "SSL_new", "OpenSSL_version"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.method: int = self.lib.TLS_method()
        self.context: int = self.lib.SSL_CTX_new(ctypes.c_void_p(self.method))
        self.connection: int = self.lib.SSL_new(ctypes.c_void_p(self.context))
        assert self.context and self.connection
        self.lib.SSL_set_connect_state(ctypes.c_void_p(self.connection))

    def free(self) -> None:
        """Frees both: what somebody else had freed crashes here."""
        self.lib.SSL_free(ctypes.c_void_p(self.connection))
        self.lib.SSL_CTX_free(ctypes.c_void_p(self.context))


def functions_with_a_handle() -> dict[str, str]:
    """The functions to be asked, each with the declaration of its first handle."""
    found = {}
    for name, (_, takes) in declarations().items():
        handles = [take for take in takes if HANDLE.fullmatch(take.removeprefix("const "))]
        if handles and name not in UNCHECKED:
            found[name] = handles[0]
    return found


def stand_in(kind: type) -> object:
    """Something valid for a parameter that is not the handle."""
    if kind is ctypes.c_char_p:
        return b"default"
    return ctypes.create_string_buffer(64) if kind is ctypes.c_void_p else 1


def message_about(lib: ctypes.CDLL, context: int) -> str:
    """What hostlock says of a context that is not its own."""
    lib.hostlock_ctx_set_host(context, b"host.example")
    words: bytes = lib.hostlock_error_message(lib.hostlock_last_error())
    return words.decode()


def path_of_ours() -> Path:
    """The libssl that hostlock uses, as its own message names it."""
    lib = load()
    lib.hostlock_check_libssl(ctypes.create_string_buffer(64))
    words: bytes = lib.hostlock_error_message(lib.hostlock_last_error())
    match = re.search(r'hostlock uses the one in "(.*)"$', words.decode())
    assert match, words
    return Path(match[1])


class TwoLibssls(unittest.TestCase):
    def ask_everything(self, path: Path, orders: tuple[str, ...]) -> None:
        names = functions_with_a_handle()
        self.assertGreater(len(names), 30)
        fallible = set(
            re.findall(
                r"HOSTLOCK_MUST_USE\s(?:HOSTLOCK_INSECURE.*\s)?(?:int|ssize_t) (hostlock_\w+)\(", HEADER.read_text()
            )
        ) | {"hostlock_shutdown"}
        for first in orders:
            with self.subTest(path=path.name, loaded_first=first):
                outcome = run([sys.executable, "-c", CHILD, path, first])
                self.assertEqual(outcome.returncode, 0, f"after {outcome.stdout.split()[-1:]}: {outcome.stderr}")
                said = json.loads(outcome.stdout.splitlines()[-1])
                self.assertTrue(said["unchanged"])
                self.assertIn(str(path), said["message"])
                self.assertIn(str(path_of_ours()), said["message"])
                answers = said["answers"]
                self.assertEqual(set(answers), {*names, "hostlock_check_libssl"})
                refusals = {name: answers.pop(name) for name in fallible & set(answers)}
                self.assertEqual(refusals, dict.fromkeys(refusals, E_FOREIGN_LIBSSL))
                self.assertGreater(len(refusals), 20)
                # The others have no status to give: nothing, or none.
                self.assertEqual({name: answer or 0 for name, answer in answers.items()}, dict.fromkeys(answers, 0))

    def test_objects_of_a_second_copy_of_hostlocks_own_libssl_are_refused_everywhere_and_left_alone(self) -> None:
        # Loaded first it would be the one that hostlock gets, for its soname is the same.
        self.ask_everything(Path(shutil.copy(path_of_ours(), scratch() / "second-libssl.so")), ("hostlock",))

    def test_objects_of_a_libssl_of_another_version_are_refused_everywhere_and_left_alone(self) -> None:
        outcome = subprocess.run(
            [sys.executable, "scripts/other_libssls.py"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        paths = [Path(line) for line in outcome.stdout.splitlines()]
        for path in paths:
            self.ask_everything(path, ("hostlock", "the other"))
        if outcome.stderr or not paths:
            self.skipTest(f"skipped: {outcome.stderr.strip()}")


if __name__ == "__main__":
    unittest.main()
