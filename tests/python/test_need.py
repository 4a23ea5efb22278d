"""What `scripts/need` says where a tool is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import ROOT, run


class Need(unittest.TestCase):
    def test_it_is_quiet_where_everything_is_there(self) -> None:
        outcome = run(["scripts/need", "cc", "libssl", "openssl", "python3"])
        self.assertEqual((outcome.returncode, outcome.stdout, outcome.stderr), (0, "", ""))

    @unittest.skipUnless(os.getuid() == 0, "only root can become someone else")
    def test_who_is_not_root_gets_the_one_apt_line_and_status_2(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o755)
            script = shutil.copy(ROOT / "scripts/need", directory)
            outcome = subprocess.run(
                [script, "cc", "no-such-tool", "readelf-of-tomorrow"],
                user="nobody",
                capture_output=True,
                text=True,
                check=False,
            )
        self.assertEqual(outcome.returncode, 2)
        self.assertEqual(
            outcome.stderr,
            "missing: no-such-tool readelf-of-tomorrow. As root, run: "
            "apt-get install -y --no-install-recommends no-such-tool readelf-of-tomorrow\n",
        )


if __name__ == "__main__":
    unittest.main()
