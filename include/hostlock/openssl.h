/*
 * hostlock for C and C++ code that is written for OpenSSL and is to stay as it is: build it with hostlock-cc and
 * hostlock-c++ in the place of cc and c++
 *
 *     ./configure CC=hostlock-cc CXX=hostlock-c++ && make
 *
 * They put a directory with an <openssl/ssl.h> before the system's, which includes that and then what is said below, and
 * they link with hostlock. A single file may have this header instead, after <openssl/ssl.h> or by
 *
 *     cc -include hostlock/openssl.h program.c $(pkg-config --cflags --libs hostlock openssl)
 *
 * It then comes before the program's own feature macros (_GNU_SOURCE, _POSIX_C_SOURCE, OPENSSL_API_COMPAT): give those
 * to the compiler with -D. It brings <hostlock.h> along; hostlock-cc does not.
 *
 * Every SSL_CTX that the code makes is hardened at once (hostlock_harden): a client's connection goes through only where
 * the certificate is valid and belongs to the host that the code names. What is mapped is only what hardening itself
 * cannot do:
 *
 *   SSL_CTX_new, SSL_CTX_new_ex    harden what they make, of whichever method: SSLv23_method() and TLSv1_method()
 *                                  too. Where that fails (DTLS, QUIC, an unknown policy) they give NULL, and the
 *                                  reason is on OpenSSL's error queue.
 *   SSL_set_tlsext_host_name       names the host; an IP address is not sent (RFC 6066 section 3) but checked.
 *   BIO_set_conn_hostname          on a BIO with TLS in it (BIO_new_ssl_connect) names the host as well and sends it as
 *                                  SNI; "host:port" counts without its port. SSL_set_tlsext_host_name and
 *                                  SSL_set1_host stand above it, whichever comes first.
 *
 * All others need no mapping, since the hooks of a hardened context outlast them: SSL_CTX_set_verify and SSL_set_verify
 * (SSL_VERIFY_NONE is no way out, a callback may refuse and never accept), SSL_CTX_set_cipher_list (its order counts,
 * weak suites are not offered), SSL_CTX_set_options and SSL_CTX_clear_options, SSL_CTX_set_min_proto_version and
 * SSL_CTX_set_max_proto_version, SSL_CTX_set_security_level, SSL_CTX_load_verify_locations (its roots take the place of
 * the system's; where it fails nothing is trusted), SSL_CTX_set_default_verify_paths, BIO_new_ssl_connect.
 *
 * A connection for which nothing names a host is refused: "no host was named for this connection". Code that connects
 * by itself and sets no SNI needs one line more: SSL_set1_host(ssl, host) or hostlock_conn_set_host(ssl, host).
 *
 * HOSTLOCK_OPENSSL_POLICY, defined before, is the policy; "default" if it is not.
 */

#ifndef HOSTLOCK_OPENSSL_H
#define HOSTLOCK_OPENSSL_H

#include <hostlock.h>

#include "mapping.h"

#endif
