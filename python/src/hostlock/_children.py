"""Processes that `multiprocessing` starts anew ("spawn", "forkserver") are injected as their parent was, before they
import its main module. Those that it forks have all of the parent's."""

from __future__ import absolute_import

import os

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict, List

# The arguments of each `inject` that went well.
calls = []  # type: List[Dict[str, Any]]


class _Inject(object):
    """Read by a child before anything else of its parent's. It names no module of the package, which a child may not
    find until it has the parent's `sys.path`."""

    def __reduce__(self):
        # type: () -> Any
        import runpy

        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_spawned.py")
        return runpy.run_path, (script, {"CALLS": list(calls)}, "hostlock._spawned")


def prepare(spawn):
    # type: (Any) -> None
    """Has `multiprocessing.spawn` tell its children."""
    get_preparation_data = spawn.get_preparation_data  # type: Callable[..., Dict[str, Any]]

    def get_preparation_data_(*rest, **more):
        # type: (*Any, **Any) -> Dict[str, Any]
        data = get_preparation_data(*rest, **more)
        # Dicts keep their order, and what comes first is read first.
        return dict({"hostlock": _Inject()}, **data)

    get_preparation_data_.__name__ = "get_preparation_data"
    spawn.get_preparation_data = get_preparation_data_
