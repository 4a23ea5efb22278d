"""Which libhostlock serves this interpreter, and its functions. The order matters: `_ssl` first, so that the loader
then gives libhostlock the interpreter's own libssl."""

import _ssl
import os
import sys

# All that is needed of `ctypes`, from its module in C: the module in Python costs more at the start of a program than
# half of this package.
from _ctypes import FUNCFLAG_CDECL, CFuncPtr, _SimpleCData, byref, dlopen, dlsym

MYPY = False
if MYPY:
    from typing import Any, Dict, Optional, Text

SONAME = "libhostlock.so.0"
PRIVATE = "libhostlock-private.so.0"
ABI_VERSION = 1

IN_PLACE = "in place"
AFTERWARDS = "afterwards"

_types = {}  # type: Dict[str, Any]


def c_type(letter):
    # type: (str) -> Any
    """A type of C, by the letter that `ctypes` has for it: "P" is an address, "z" text, "L" a `size_t`, which on Linux
    is as wide as `unsigned long`, "l" an `ssize_t`."""
    if letter not in _types:
        _types[letter] = type(_SimpleCData)("c_" + letter, (_SimpleCData,), {"_type_": letter})  # type: ignore[misc]
    return _types[letter]


# What each function answers, and behind the blank what it takes, as the header says; a test compares them.
FUNCTIONS = {
    "hostlock_abi_version": "I ",
    "hostlock_version": "z ",
    "hostlock_string_free": " P",
    "hostlock_status_name": "z i",
    "hostlock_client_new": "P z",
    "hostlock_ctx_free": " P",
    "hostlock_ctx_set_timeout": "i Pi",
    "hostlock_ctx_set_host": "i Pz",
    "hostlock_ctx_trust_file": "i Pz",
    "hostlock_ctx_trust_dir": "i Pz",
    "hostlock_ctx_trust_mem": "i PPL",
    "hostlock_ctx_trust_system": "i P",
    "hostlock_ctx_trust_bundled": "i P",
    "hostlock_ctx_add_pin": "i Pz",
    "hostlock_ctx_add_crl_file": "i Pz",
    "hostlock_ctx_set_verify_time": "i Pq",
    "hostlock_ctx_verify_chain": "i PPLz",
    "hostlock_ctx_verify_peer": "i PPLzzzPL",
    "hostlock_ctx_add_crl_mem": "i PPL",
    "hostlock_ctx_set_crl_mode": "i Pz",
    "hostlock_host_to_ascii": "i zPL",
    "hostlock_connect_fd": "i PizP",
    "hostlock_handshake": "i P",
    "hostlock_read": "l PPL",
    "hostlock_write": "l PPL",
    "hostlock_write_many": "i PPLP",
    "hostlock_conn_set_read_ahead": "i Pi",
    "hostlock_pending": "L P",
    "hostlock_shutdown": "i P",
    "hostlock_conn_free": " P",
    "hostlock_conn_version": "z P",
    "hostlock_conn_cipher": "z P",
    "hostlock_conn_verified_host": "z P",
    "hostlock_conn_peer_chain": "P P",
    "hostlock_conn_info": "P P",
    "hostlock_conn_resumed": "? P",
    "hostlock_conn_error": "P P",
    "hostlock_conn_set_host": "i Pz",
    "hostlock_conn_set_fallback_host": "i Pz",
    "hostlock_last_error": "P ",
    "hostlock_error_json": "z P",
    "hostlock_error_chain_text": "z P",
    "hostlock_harden": "i Pzz",
    "hostlock_ctx_find": "i PLP",
    "hostlock_conn_find": "i PLPP",
    "hostlock_check_libssl": "i P",
    "hostlock_certdata_to_pem": "i zzz",
    "hostlock_seal_process": "i z",
    "hostlock_seal_ctx": "i P",
    "hostlock_seal_report": "P ",
    "hostlock_seal_log": "i z",
    "hostlock_insecure_seal_report_only": "i zz",
    "hostlock_insecure_seal_allow": "i zz",
}


class _Function(CFuncPtr):
    """A function of C; Python's lock is free while it runs."""

    _flags_ = FUNCFLAG_CDECL
    _restype_ = c_type("i")


class _Image(object):
    """A library that is loaded, as `_Function` wants it."""

    def __init__(self, path, flags=0):
        # type: (str, int) -> None
        self._handle = dlopen(path, flags)


def _loaded():
    # type: () -> Optional[_Image]
    """The libhostlock that the process has already: `hostlock run` brings one along."""
    try:
        return _Image(SONAME, getattr(os, "RTLD_NOLOAD", 4))
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
        library = loaded if loaded is not None and not named else _Image(path)
    except OSError as error:
        # Shipped for systems without a libssl.so.3: the same with an OpenSSL of its own inside.
        private = os.path.join(folder, PRIVATE)
        if named or "libssl" not in str(error) or not os.path.exists(private):
            raise ImportError("hostlock: cannot load {}: {}".format(path, error))
        path = private
        library = _Image(path)
    if loaded is not None and library._handle != loaded._handle:
        words = "hostlock: another copy of {} is in this process already, as under hostlock run: unset HOSTLOCK_LIBRARY"
        raise ImportError(words.format(SONAME))
    functions = _Functions(library)
    try:
        for name in FUNCTIONS:
            # One that is missing is found now; it is declared when it is used.
            dlsym(library._handle, name)
        version = functions.hostlock_abi_version()
    except OSError as error:
        raise ImportError("hostlock: {} is of another version: {}".format(path, error))
    if version != ABI_VERSION:
        raise ImportError("hostlock: {} has interface {}, this package needs {}".format(path, version, ABI_VERSION))
    return functions


class _Functions(object):
    """The library's functions, each declared at its first use: a program needs few."""

    def __init__(self, library):
        # type: (_Image) -> None
        self._library = library
        # At the end of the interpreter the module's own name may be gone.
        self._declared = FUNCTIONS

    def __getattr__(self, name):
        # type: (str) -> Any
        if name not in self._declared:
            raise AttributeError(name)
        answer, _, takes = self._declared[name].partition(" ")
        function = _Function((name, self._library))  # type: ignore[arg-type]
        function.restype, function.argtypes = (c_type(answer) if answer else None), [c_type(letter) for letter in takes]
        setattr(self, name, function)
        return function


lib = _load()


def undeclared(name):
    # type: (str) -> Any
    """A function that answers a length or a status, for calls that give it nothing but bytes and objects of C's types:
    without a declaration these go as they are, in two thirds of the time."""
    function = _Function((name, lib._library))  # type: ignore[arg-type]
    function.restype = c_type(FUNCTIONS[name][0])
    return function


def place():
    # type: () -> Any
    """Room for a handle."""
    return c_type("P")()


def find_ctx(context):
    # type: (object) -> Optional[int]
    """The `SSL_CTX *` that an object of `_ssl` holds, if it is of the libssl that hostlock uses."""
    found = place()
    # A subclass in Python has more words; the handle is among those of the C type.
    size = _ssl._SSLContext.__basicsize__
    if lib.hostlock_ctx_find(id(context), size, byref(found)) != 0:
        return None
    return found.value  # type: ignore[no-any-return]


def find_conn(connection, ctx):
    # type: (object, int) -> Optional[int]
    """The `SSL *` of the context `ctx` that an object of `_ssl` holds."""
    found = place()
    if lib.hostlock_conn_find(id(connection), type(connection).__basicsize__, ctx, byref(found)) != 0:
        return None
    return found.value  # type: ignore[no-any-return]


def taken(address):
    # type: (Optional[int]) -> Optional[Text]
    """A string that a function made for its caller, as text; its memory is given back."""
    if not address:
        return None
    try:
        return (c_type("z")(address).value or b"").decode("utf-8")
    finally:
        lib.hostlock_string_free(address)


def _probe():
    # type: () -> str
    protocol = getattr(_ssl, "PROTOCOL_TLS_CLIENT", None)
    context = _ssl._SSLContext(_ssl.PROTOCOL_SSLv23 if protocol is None else protocol)
    return IN_PLACE if find_ctx(context) else AFTERWARDS


mode = _probe()
