"""A part of the matrix (scripts/matrix.py, which `make matrix` runs as a whole): two clients on two Pythons against all
of its servers. As installed the careless one believes every impostor; by hostlock neither believes any, and no right
server is lost."""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

from package import interpreters
from support import ROOT, scratch

sys.path.insert(0, str(ROOT / "scripts"))
from matrix import CLIENTS, COLUMNS, measure
from matrix_world import CASES, World

NAMES = ("ssl_careless", "http_client")


class Matrix(unittest.TestCase):
    def test_two_clients_on_two_pythons_believe_no_impostor_and_lose_no_right_server(self) -> None:
        must_be_refused = sum(not case.must_accept for case in CASES) - 1  # one asks for a CRL
        with World(Path(tempfile.mkdtemp(prefix="matrix-", dir=scratch()))) as world:
            for version in {"3.11", "3.13"} & set(interpreters()):
                for client in (client for client in CLIENTS if client.name in NAMES):
                    for column in COLUMNS:
                        with self.subTest(version=version, client=client.name, column=column):
                            outcome = measure(version, column, client, world, None)
                            assert outcome is not None
                            self.assertEqual(outcome.lost, {})
                            self.assertEqual(outcome.asked, must_be_refused)
                            if column != "plainly":
                                self.assertEqual(outcome.believed, [])
                            elif client.name == "ssl_careless":
                                self.assertEqual(len(outcome.believed), must_be_refused)

    def test_the_page_is_the_one_of_a_whole_run_in_which_nothing_went_wrong(self) -> None:
        rows = [line.split("|") for line in (ROOT / "docs/python-matrix.md").read_text().splitlines() if " of " in line]
        cells = [cell.strip() for row in rows if len(row) == len(COLUMNS) + 3 for cell in row[3:-1] if cell.strip()]
        self.assertGreater(len(cells), 100)
        for cell in cells:
            self.assertRegex(cell, r"^0 of \d+$")


if __name__ == "__main__":
    unittest.main()
