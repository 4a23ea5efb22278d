"""What `make rebuild-test` says where a package cannot be had, and where it looks for one first."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from support import ROOT, scratch

sys.path.insert(0, str(ROOT / "scripts"))
from rebuild_packages import PACKAGES, Sources, UnavailableError


class RebuildTest(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(tempfile.mkdtemp(dir=scratch()))

    def test_without_a_way_to_fetch_sources_each_package_is_missing_for_that_reason(self) -> None:
        with mock.patch.dict(os.environ, {"PATH": "/nonexistent", "HOSTLOCK_SOURCES": ""}):
            sources = Sources(self.place)
            for package in PACKAGES:
                with self.subTest(package=package.name), self.assertRaises(UnavailableError) as caught:
                    sources.archive(package)
                self.assertIn("this system has no apt-get", str(caught.exception))

    def test_archives_that_are_there_are_taken_and_their_signatures_are_not(self) -> None:
        given = Path(tempfile.mkdtemp(dir=scratch()))
        names = ["stunnel4_5.68.orig.tar.gz", "stunnel4_5.68.orig.tar.gz.asc", "nginx_1.22.1.orig.tar.xz"]
        for name in names:
            (given / name).touch()
        with mock.patch.dict(os.environ, {"PATH": "/nonexistent", "HOSTLOCK_SOURCES": str(given)}):
            sources = Sources(self.place)
            found = [sources.archive(package).name for package in PACKAGES if package.name in ("stunnel4", "nginx")]
        self.assertEqual(found, [names[0], names[2]])


if __name__ == "__main__":
    unittest.main()
