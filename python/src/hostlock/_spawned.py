"""Run in a child of `multiprocessing` that is started anew, with the `CALLS` of its parent to `inject`."""

import importlib
import os
import sys

MYPY = False
if MYPY:
    CALLS = []  # type: list[dict[str, object]]

# `multiprocessing` puts the parent's path in its place afterwards.
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for call in CALLS:
    importlib.import_module("hostlock").inject(**call)
