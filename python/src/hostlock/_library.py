"""Which libhostlock serves this interpreter, and its functions. The order matters: `_ssl` first, so that the loader
then gives libhostlock the interpreter's own libssl."""

from __future__ import absolute_import

import _ssl
import ctypes
import os
import sys

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional, Text, Tuple

SONAME = "libhostlock.so.0"
PRIVATE = "libhostlock-private.so.0"
ABI_VERSION = 1

IN_PLACE = "in place"
AFTERWARDS = "afterwards"

_P, _S, _I, _Z = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
_OUT = ctypes.c_void_p

# What each function answers and takes, as the header says; a test compares them.
FUNCTIONS = {
    "hostlock_abi_version": (ctypes.c_uint32, ()),
    "hostlock_version": (_S, ()),
    "hostlock_string_free": (None, (_P,)),
    "hostlock_status_name": (_S, (_I,)),
    "hostlock_client_new": (_P, (_S,)),
    "hostlock_ctx_free": (None, (_P,)),
    "hostlock_ctx_set_timeout": (_I, (_P, _I)),
    "hostlock_ctx_set_host": (_I, (_P, _S)),
    "hostlock_ctx_trust_file": (_I, (_P, _S)),
    "hostlock_ctx_trust_dir": (_I, (_P, _S)),
    "hostlock_ctx_trust_mem": (_I, (_P, _P, _Z)),
    "hostlock_ctx_trust_system": (_I, (_P,)),
    "hostlock_ctx_trust_bundled": (_I, (_P,)),
    "hostlock_ctx_add_pin": (_I, (_P, _S)),
    "hostlock_ctx_add_crl_file": (_I, (_P, _S)),
    "hostlock_ctx_set_verify_time": (_I, (_P, ctypes.c_int64)),
    "hostlock_ctx_verify_chain": (_I, (_P, _P, _Z, _S)),
    "hostlock_ctx_verify_peer": (_I, (_P, _P, _Z, _S, _S, _S, _P, _Z)),
    "hostlock_ctx_add_crl_mem": (_I, (_P, _P, _Z)),
    "hostlock_ctx_set_crl_mode": (_I, (_P, _S)),
    "hostlock_host_normalize": (_I, (_S, _P, _Z)),
    "hostlock_connect_fd": (_I, (_P, _I, _S, _OUT)),
    "hostlock_handshake": (_I, (_P,)),
    "hostlock_read": (ctypes.c_ssize_t, (_P, _P, _Z)),
    "hostlock_write": (ctypes.c_ssize_t, (_P, _P, _Z)),
    "hostlock_conn_set_read_ahead": (_I, (_P, _I)),
    "hostlock_pending": (_Z, (_P,)),
    "hostlock_shutdown": (_I, (_P,)),
    "hostlock_conn_free": (None, (_P,)),
    "hostlock_conn_version": (_S, (_P,)),
    "hostlock_conn_cipher": (_S, (_P,)),
    "hostlock_conn_verified_host": (_S, (_P,)),
    "hostlock_conn_peer_chain": (_P, (_P,)),
    "hostlock_conn_info": (_P, (_P,)),
    "hostlock_conn_resumed": (ctypes.c_bool, (_P,)),
    "hostlock_conn_error": (_P, (_P,)),
    "hostlock_conn_set_host": (_I, (_P, _S)),
    "hostlock_conn_set_fallback_host": (_I, (_P, _S)),
    "hostlock_last_error": (_P, ()),
    "hostlock_error_json": (_S, (_P,)),
    "hostlock_error_chain_text": (_S, (_P,)),
    "hostlock_harden": (_I, (_P, _S, _S)),
    "hostlock_ctx_find": (_I, (_P, _Z, _OUT)),
    "hostlock_conn_find": (_I, (_P, _Z, _P, _OUT)),
    "hostlock_check_libssl": (_I, (_P,)),
    "hostlock_certdata_to_pem": (_I, (_S, _S, _S)),
    "hostlock_seal_process": (_I, (_S,)),
    "hostlock_seal_ctx": (_I, (_P,)),
    "hostlock_seal_report": (_P, ()),
    "hostlock_seal_log": (_I, (_S,)),
    "hostlock_insecure_seal_report_only": (_I, (_S, _S)),
    "hostlock_insecure_seal_allow": (_I, (_S, _S)),
}  # type: Dict[str, Tuple[Any, Tuple[Any, ...]]]


def _loaded():
    # type: () -> Any
    """The libhostlock that the process has already: `hostlock run` brings one along."""
    try:
        return ctypes.CDLL(SONAME, getattr(os, "RTLD_NOLOAD", 4))
    except OSError:
        return None


def _load():
    # type: () -> _Functions
    folder = os.path.dirname(os.path.abspath(__file__))
    beside = os.path.join(folder, SONAME)
    named = None if sys.flags.ignore_environment else os.environ.get("HOSTLOCK_LIBRARY")
    # What somebody named, or shipped, is what counts: where it fails no other library takes its place.
    path = named or (beside if os.path.exists(beside) else SONAME)
    loaded = _loaded()
    try:
        # Two copies that seal one process would each call the other's callbacks for the program's, without an end.
        library = loaded if loaded is not None and not named else ctypes.CDLL(path)
    except OSError as error:
        # Shipped for systems without a libssl.so.3: the same with an OpenSSL of its own inside.
        private = os.path.join(folder, PRIVATE)
        if named or "libssl" not in str(error) or not os.path.exists(private):
            raise ImportError("hostlock: cannot load {}: {}".format(path, error))
        path = private
        library = ctypes.CDLL(path)
    if loaded is not None and library._handle != loaded._handle:
        words = "hostlock: another copy of {} is in this process already, as under hostlock run: unset HOSTLOCK_LIBRARY"
        raise ImportError(words.format(SONAME))
    functions = _Functions(library)
    try:
        for name in FUNCTIONS:
            # One that is missing is found now; it is declared when it is used.
            getattr(library, name)
        version = functions.hostlock_abi_version()
    except AttributeError as error:
        raise ImportError("hostlock: {} is of another version: {}".format(path, error))
    if version != ABI_VERSION:
        raise ImportError("hostlock: {} has interface {}, this package needs {}".format(path, version, ABI_VERSION))
    return functions


class _Functions(object):
    """The library's functions, each declared at its first use: a program needs few."""

    def __init__(self, library):
        # type: (Any) -> None
        self._library = library
        # At the end of the interpreter the module's own name may be gone.
        self._declared = FUNCTIONS

    def __getattr__(self, name):
        # type: (str) -> Any
        if name not in self._declared:
            raise AttributeError(name)
        answer, takes = self._declared[name]
        function = getattr(self._library, name)
        function.restype, function.argtypes = answer, takes
        setattr(self, name, function)
        return function


lib = _load()


def undeclared(name):
    # type: (str) -> Any
    """A function that answers a length, for calls that give it nothing but bytes and objects of ctypes' own: without a
    declaration these go as they are, in two thirds of the time."""
    function = lib._library[name]
    function.restype = ctypes.c_ssize_t
    return function


def place():
    # type: () -> Any
    """Room for a handle."""
    return ctypes.c_void_p()


def find_ctx(context):
    # type: (object) -> Optional[int]
    """The `SSL_CTX *` that an object of `_ssl` holds, if it is of the libssl that hostlock uses."""
    found = place()
    # A subclass in Python has more words; the handle is among those of the C type.
    size = _ssl._SSLContext.__basicsize__
    if lib.hostlock_ctx_find(id(context), size, ctypes.byref(found)) != 0:
        return None
    return found.value  # type: ignore[no-any-return]


def find_conn(connection, ctx):
    # type: (object, int) -> Optional[int]
    """The `SSL *` of the context `ctx` that an object of `_ssl` holds."""
    found = place()
    if lib.hostlock_conn_find(id(connection), type(connection).__basicsize__, ctx, ctypes.byref(found)) != 0:
        return None
    return found.value  # type: ignore[no-any-return]


def taken(address):
    # type: (Optional[int]) -> Optional[Text]
    """A string that a function made for its caller, as text; its memory is given back."""
    if not address:
        return None
    try:
        return ctypes.string_at(address).decode("utf-8")
    finally:
        lib.hostlock_string_free(address)


def _probe():
    # type: () -> str
    protocol = getattr(_ssl, "PROTOCOL_TLS_CLIENT", None)
    context = _ssl._SSLContext(_ssl.PROTOCOL_SSLv23 if protocol is None else protocol)
    return IN_PLACE if find_ctx(context) else AFTERWARDS


mode = _probe()
