"""pyOpenSSL's `OpenSSL.SSL` with contexts that are hardened from their beginning. Connections are pyOpenSSL's own, and
what else the module has is handed through; `hostlock.pyopenssl.set_host` names the host of a connection."""

from __future__ import absolute_import

from OpenSSL import SSL as _standard
from OpenSSL.SSL import *  # noqa: F403

from .. import pyopenssl as _pyopenssl

MYPY = False
if MYPY:
    from typing import Any


class Context(_standard.Context):  # type: ignore[misc]
    """A context whose connections verify chain and host, whatever the program sets on it."""

    def __init__(self, *arguments, **more):
        # type: (*Any, **Any) -> None
        _standard.Context.__init__(self, *arguments, **more)
        _pyopenssl.harden(self)


def __getattr__(name):
    # type: (str) -> Any
    return getattr(_standard, name)
