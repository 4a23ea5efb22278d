"""Real programs that switched their verification off, sealed by nothing but an initialiser: the impostor is refused,
the right host is accepted where the program names it to OpenSSL or looks its name up, and refused with a clear reason
where nothing names it."""

from __future__ import annotations

import unittest

from careless import ANSWER, Client, clients
from sealing import impostor, right, sealed, unsealed
from support import Server

# How a connection to the right host ends, by what the program looked up.
OF_WHAT_WAS_LOOKED_UP = {
    "localhost": ("connected", "HOSTLOCK_OK"),
    "127.0.0.1": ("refused", "HOSTLOCK_E_HOST_MISMATCH"),
    None: ("refused", "HOSTLOCK_E_NO_HOST"),
}


class Programs(unittest.TestCase):
    """One method a program, made below."""

    def check(self, client: Client) -> None:
        with Server(right()) as honest, Server(impostor()) as false:
            if client.told is not None:
                self.assertIn(ANSWER, unsealed(client.told(false)), "without the seal the impostor is believed")
                good, bad = sealed(client.told(honest)), sealed(client.told(false))
                self.assertIn(ANSWER, good.output, str(good))
                self.assertEqual(set(good.ends()), {("connected", "HOSTLOCK_OK")}, str(good))
                self.assertNotIn(ANSWER, bad.output, str(bad))
                self.assertEqual(set(bad.ends()), {("refused", "HOSTLOCK_E_HOST_MISMATCH")}, str(bad))
            self.assertIn(ANSWER, unsealed(client.untold(honest)))
            untold, deceived = sealed(client.untold(honest)), sealed(client.untold(false))
            self.assertEqual(ANSWER in untold.output, client.asks_for == "localhost", str(untold))
            self.assertEqual(set(untold.ends()), {OF_WHAT_WAS_LOOKED_UP[client.asks_for]}, str(untold))
            self.assertNotIn(ANSWER, deceived.output, str(deceived))
            self.assertEqual({outcome for outcome, _ in deceived.ends()}, {"refused"}, str(deceived))


def _add(name: str, client: Client) -> None:
    def test(self: Programs) -> None:
        if not client.works:
            self.skipTest(f"needs {client.package}")
        self.check(client)

    words = "".join(character if character.isalnum() else "_" for character in name).lower()
    test.__name__ = f"test_{words}_is_sealed"
    setattr(Programs, test.__name__, test)


for _name, _client in clients().items():
    _add(_name, _client)


if __name__ == "__main__":
    unittest.main()
