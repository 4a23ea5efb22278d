/*
 * hostlock for C code that is written for OpenSSL and is to stay as it is: compile it with
 *
 *     cc -include hostlock/openssl.h program.c $(pkg-config --cflags --libs hostlock openssl)
 *
 * or include this header after <openssl/ssl.h>. Every SSL_CTX that the code makes is then hardened at once
 * (hostlock_harden): a client's connection goes through only where the certificate is valid and belongs to the host
 * that the code names. What is mapped here is only what hardening itself cannot do:
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
 * HOSTLOCK_OPENSSL_POLICY, defined before, is the policy; "default" if it is not. By -include this header comes before
 * the program's own feature macros (_GNU_SOURCE, _POSIX_C_SOURCE): give those to the compiler with -D.
 */

#ifndef HOSTLOCK_OPENSSL_H
#define HOSTLOCK_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <hostlock.h>

#ifndef HOSTLOCK_OPENSSL_POLICY
#define HOSTLOCK_OPENSSL_POLICY "default"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* An SSL_CTX that is hardened, or NULL: one that is not must not get into the program's hands. */
static inline SSL_CTX *hostlock_openssl_hardened(SSL_CTX *ctx)
{
    if (ctx == NULL || hostlock_harden(ctx, HOSTLOCK_OPENSSL_POLICY, NULL) == 0)
        return ctx;
    SSL_CTX_free(ctx);
    ERR_raise_data(ERR_LIB_USER, ERR_R_OPERATION_FAIL, "hostlock: %s", hostlock_error_message(hostlock_last_error()));
    return NULL;
}

static inline SSL_CTX *hostlock_openssl_ctx_new(const SSL_METHOD *method)
{
    return hostlock_openssl_hardened(SSL_CTX_new(method));
}

static inline SSL_CTX *hostlock_openssl_ctx_new_ex(OSSL_LIB_CTX *library, const char *properties,
                                                   const SSL_METHOD *method)
{
    return hostlock_openssl_hardened(SSL_CTX_new_ex(library, properties, method));
}

/* As SSL_set_tlsext_host_name: 1, or 0. A name that cannot be a host's is refused in the handshake. */
static inline long hostlock_openssl_set_server_name(SSL *ssl, const char *name)
{
    ASN1_OCTET_STRING *address = name != NULL ? a2i_IPADDRESS(name) : NULL;
    if (address == NULL)
        return SSL_set_tlsext_host_name(ssl, name);
    ASN1_OCTET_STRING_free(address);
    return hostlock_conn_set_fallback_host(ssl, name) == 0;
}

/* As BIO_set_conn_hostname, on any BIO of a chain. */
static inline long hostlock_openssl_set_conn_hostname(BIO *bio, const char *name)
{
    long done = BIO_set_conn_hostname(bio, name);
    SSL *ssl = NULL;
    if (done <= 0 || BIO_get_ssl(bio, &ssl) <= 0 || ssl == NULL)
        return done;
    /* OpenSSL has taken the port off. What cannot be a host's name is refused in the handshake, with the reason. */
    int named = hostlock_conn_set_fallback_host(ssl, BIO_get_conn_hostname(bio));
    (void)named;
    return done;
}

#ifdef __cplusplus
}
#endif

/* Not function-like: code that takes a function's address gets the mapped one too. */
#define SSL_CTX_new hostlock_openssl_ctx_new
#define SSL_CTX_new_ex hostlock_openssl_ctx_new_ex

#undef SSL_set_tlsext_host_name
#define SSL_set_tlsext_host_name(ssl, name) hostlock_openssl_set_server_name((ssl), (const char *)(name))

#undef BIO_set_conn_hostname
#define BIO_set_conn_hostname(bio, name) hostlock_openssl_set_conn_hostname((bio), (const char *)(name))

#endif
