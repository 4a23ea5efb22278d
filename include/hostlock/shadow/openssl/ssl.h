/*
 * Found before the system's <openssl/ssl.h> where this directory stands first (hostlock-cc and hostlock-c++ put it
 * there): the system's header, as the program's own macros want it, and behind it hostlock's mapping. OpenSSL's headers
 * include each other, so inside of itself, and of another such directory, it is the system's header only.
 */

#pragma GCC system_header

#ifdef HOSTLOCK_SHADOW_OPENSSL_SSL_H
#include_next <openssl/ssl.h>
#else
#define HOSTLOCK_SHADOW_OPENSSL_SSL_H
#include_next <openssl/ssl.h>

#include "../../mapping.h"
#endif
