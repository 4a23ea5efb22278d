"""Locks, without `threading`, which costs a millisecond at the start and takes part in the end of a program."""

from __future__ import absolute_import

try:
    from _thread import RLock
    from _thread import allocate_lock as Lock  # noqa: N812
except ImportError:  # Python 2
    from threading import Lock, RLock

__all__ = ["Lock", "RLock"]
