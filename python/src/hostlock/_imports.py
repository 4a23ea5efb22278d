"""Calls a function once a module has been imported, now or later."""

from __future__ import absolute_import

import sys

MYPY = False
if MYPY:
    from typing import Any, Callable, Dict

_waiting = {}  # type: Dict[str, Callable[[Any], None]]


def when_imported(name, function):
    # type: (str, Callable[[Any], None]) -> None
    """Calls `function` with the module `name`. On Python 2 only where it has been imported already."""
    if name in sys.modules:
        function(sys.modules[name])
        return
    if sys.version_info >= (3, 4):
        if not _waiting:
            sys.meta_path.insert(0, _Finder())
        _waiting[name] = function


class _Finder(object):
    """Asks the other finders, and calls what waits for the module after it was executed."""

    def find_spec(self, name, path=None, target=None):
        # type: (str, Any, Any) -> Any
        function = _waiting.get(name)
        if function is None:
            return None
        spec = None
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    break
        execute = getattr(getattr(spec, "loader", None), "exec_module", None)
        if execute is None:
            return spec

        def exec_module(module):
            # type: (Any) -> None
            execute(module)
            _waiting.pop(name, None)
            function(module)

        spec.loader.exec_module = exec_module  # type: ignore[union-attr, method-assign]
        return spec
