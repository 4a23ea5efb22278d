/*
 * What <hostlock/openssl.h> and the shadow of <openssl/ssl.h> map, and nothing else: no other header of hostlock's comes
 * with it, nor a type or a macro that a program of any age may have given a meaning of its own. <hostlock/openssl.h>
 * says what is mapped and why. It is C89, and C++.
 */

#ifndef HOSTLOCK_MAPPING_H
#define HOSTLOCK_MAPPING_H

#if defined(__GNUC__) || defined(__clang__)
/* The program's warnings are about the program. */
#pragma GCC system_header
#endif

#include <openssl/bio.h>
#include <openssl/ssl.h>

#ifndef HOSTLOCK_OPENSSL_POLICY
#define HOSTLOCK_OPENSSL_POLICY "default"
#endif

#if defined(__GNUC__) || defined(__clang__)
#define HOSTLOCK_MAPPING_INLINE static __inline__ __attribute__((unused))
#elif defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L)
#define HOSTLOCK_MAPPING_INLINE static inline
#else
#define HOSTLOCK_MAPPING_INLINE static
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* As <hostlock.h> declares them. */
int hostlock_harden_or_raise(struct ssl_ctx_st *ctx, const char *policy);
int hostlock_conn_set_fallback_host(struct ssl_st *conn, const char *host);

/*
 * A program that links with libssl alone must not need libcrypto for this, so nothing of libcrypto is called here that
 * it does not call itself.
 */

/* An SSL_CTX that is hardened, or NULL: one that is not must not get into the program's hands. */
HOSTLOCK_MAPPING_INLINE SSL_CTX *hostlock_openssl_hardened(SSL_CTX *ctx)
{
    if (ctx == NULL || hostlock_harden_or_raise(ctx, HOSTLOCK_OPENSSL_POLICY) == 0)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

HOSTLOCK_MAPPING_INLINE SSL_CTX *hostlock_openssl_ctx_new(const SSL_METHOD *method)
{
    return hostlock_openssl_hardened(SSL_CTX_new(method));
}

HOSTLOCK_MAPPING_INLINE SSL_CTX *hostlock_openssl_ctx_new_ex(OSSL_LIB_CTX *library, const char *properties,
                                                             const SSL_METHOD *method)
{
    return hostlock_openssl_hardened(SSL_CTX_new_ex(library, properties, method));
}

/* Whether a name is written like an IP address: in digits and dots, or in hexadecimal digits, dots and colons. */
HOSTLOCK_MAPPING_INLINE int hostlock_openssl_is_address(const char *name)
{
    int dots = 0, colons = 0, letters = 0;
    for (; *name != '\0'; name++) {
        if (*name == '.')
            dots++;
        else if (*name == ':')
            colons++;
        else if ((*name >= 'a' && *name <= 'f') || (*name >= 'A' && *name <= 'F'))
            letters++;
        else if (*name < '0' || *name > '9')
            return 0;
    }
    return colons > 0 || (dots > 0 && letters == 0);
}

/* As SSL_set_tlsext_host_name: 1, or 0. A name that cannot be a host's is refused in the handshake. */
HOSTLOCK_MAPPING_INLINE long hostlock_openssl_set_server_name(SSL *ssl, const char *name)
{
    if (name != NULL && hostlock_openssl_is_address(name) && hostlock_conn_set_fallback_host(ssl, name) == 0)
        return 1;
    return SSL_set_tlsext_host_name(ssl, name);
}

/* As BIO_set_conn_hostname, on any BIO of a chain. */
HOSTLOCK_MAPPING_INLINE long hostlock_openssl_set_conn_hostname(BIO *bio, const char *name)
{
    long done = BIO_set_conn_hostname(bio, name);
    SSL *ssl = NULL;
    int named;
    if (done <= 0 || BIO_get_ssl(bio, &ssl) <= 0 || ssl == NULL)
        return done;
    /* OpenSSL has taken the port off. What cannot be a host's name is refused in the handshake, with the reason. */
    named = hostlock_conn_set_fallback_host(ssl, BIO_get_conn_hostname(bio));
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
