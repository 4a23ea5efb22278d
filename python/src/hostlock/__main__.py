"""usage: python -m hostlock run [-m MODULE | SCRIPT] [ARGUMENT ...]     runs a program under hostlock.inject()
python -m hostlock pth install | remove     has every program of this environment run so, or no more
"""

from __future__ import absolute_import, print_function

import os
import runpy
import sys
import sysconfig

MYPY = False
if MYPY:
    from typing import List

_NAME = "hostlock_inject.pth"
# `site` runs such a line at each start, and only prints what fails in it. A program that is believed to be safe must
# not run otherwise, also where hostlock itself is gone.
_PROGRAM = """if not sys.flags.ignore_environment:
 try:
  import hostlock
  hostlock.inject()
 except BaseException as error:
  import os
  sys.stderr.write("hostlock: %s: this program is not run ({} asks for it)" % error + chr(10))
  sys.stderr.flush()
  os._exit(125)
""".format(_NAME)
_LINE = "import sys; exec({!r})\n".format(_PROGRAM)


def _run(arguments):
    # type: (List[str]) -> int
    from . import inject

    as_module = arguments[:1] == ["-m"]
    sys.argv = arguments[1:] if as_module else arguments
    if not sys.argv:
        return _usage()
    inject()
    if as_module:
        # As the interpreter does it, a module is looked for in the current directory first.
        sys.path.insert(0, os.getcwd())
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
        runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


def _pth(what):
    # type: (str) -> int
    from . import inject

    path = os.path.join(sysconfig.get_path("purelib"), _NAME)
    if what == "install":
        inject()
        with open(path, "w") as file:
            file.write(_LINE)
        print("written: " + path)
    elif os.path.exists(path):
        os.unlink(path)
        print("removed: " + path)
    else:
        print("there is no " + path)
    return 0


def _usage():
    # type: () -> int
    sys.stderr.write(__doc__ or "")
    return 2


def main(arguments):
    # type: (List[str]) -> int
    """The exit status."""
    if arguments[:1] == ["run"]:
        return _run(arguments[1:])
    if arguments in (["pth", "install"], ["pth", "remove"]):
        return _pth(arguments[1])
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(__doc__ or "")
        return 0
    return _usage()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
