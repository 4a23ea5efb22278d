"""pyOpenSSL with contexts that verify chain and host, for a program that changes its import:

from hostlock.OpenSSL import SSL
"""

from __future__ import absolute_import

from OpenSSL import crypto

from . import SSL

__all__ = ["SSL", "crypto"]
