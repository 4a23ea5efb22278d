/*
 * Legacy code lowers cipher suites, versions and options. The right host still connects, with TLS 1.2 or 1.3 and a
 * suite of the policy; a server that has only what is weak does not.
 */
#include "support.h"

#include <string.h>

#include <openssl/err.h>

#define EVERYTHING "ALL:COMPLEMENTOFALL:@SECLEVEL=0"

static void ctx_everything(SSL_CTX *ctx)
{
    need(SSL_CTX_set_cipher_list(ctx, EVERYTHING) == 1, "SSL_CTX_set_cipher_list");
}

static void ssl_everything(SSL *ssl)
{
    need(SSL_set_cipher_list(ssl, EVERYTHING) == 1, "SSL_set_cipher_list");
}

static void ctx_old_versions(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_clear_options(ctx, SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
}

static void ssl_old_versions(SSL *ssl)
{
    SSL_set_min_proto_version(ssl, SSL3_VERSION);
    SSL_clear_options(ssl, SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
}

static void ssl_any_version(SSL *ssl)
{
    SSL_set_min_proto_version(ssl, 0);
    SSL_set_max_proto_version(ssl, 0);
    SSL_clear_options(ssl, SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
}

static void unsafe_options(SSL *ssl)
{
    SSL_clear_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_set_options(ssl, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT |
                             SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_EXTENDED_MASTER_SECRET);
}

static int permit(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)operation, (void)bits, (void)nid, (void)other, (void)extra;
    return 1;
}

static void ctx_permissive(SSL_CTX *ctx)
{
    SSL_CTX_set_security_callback(ctx, permit);
    ctx_everything(ctx);
    ctx_old_versions(ctx);
}

static void ssl_permissive(SSL *ssl)
{
    SSL_set_security_callback(ssl, permit);
    ssl_everything(ssl);
    ssl_old_versions(ssl);
}

static void everything_at_once(SSL *ssl)
{
    ssl_permissive(ssl);
    ssl_any_version(ssl);
    unsafe_options(ssl);
}

/* Old programs call what OpenSSL has deprecated since. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static void other_method(SSL_CTX *ctx)
{
    need(SSL_CTX_set_ssl_version(ctx, TLS_method()) == 1, "SSL_CTX_set_ssl_version");
}

/* Asks the callback that it replaced, as a polite program does. */
static int (*replaced)(const SSL *, const SSL_CTX *, int, int, int, void *, void *);
static int asked;

static int chain(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    asked++;
    return replaced(ssl, ctx, operation, bits, nid, other, extra);
}

static void ctx_chaining(SSL_CTX *ctx)
{
    replaced = SSL_CTX_get_security_callback(ctx);
    SSL_CTX_set_security_callback(ctx, chain);
}

static void ssl_chaining(SSL *ssl)
{
    replaced = SSL_get_security_callback(ssl);
    SSL_set_security_callback(ssl, chain);
}

static const struct lowering {
    const char *name;
    void (*context)(SSL_CTX *);
    void (*connection)(SSL *);
} lowerings[] = {
    {"SSL_CTX_set_cipher_list(\"" EVERYTHING "\")", ctx_everything, NULL},
    {"SSL_set_cipher_list(\"" EVERYTHING "\")", NULL, ssl_everything},
    {"minimum version 1.0 and cleared SSL_OP_NO_* on the context", ctx_old_versions, NULL},
    {"minimum version 3.0 and cleared SSL_OP_NO_* on the connection", NULL, ssl_old_versions},
    {"no version limits on the connection", NULL, ssl_any_version},
    {"unsafe options on the connection", NULL, unsafe_options},
    {"a security callback on the context that permits everything", ctx_permissive, NULL},
    {"a security callback on the connection that permits everything", NULL, ssl_permissive},
    {"all of it at once", ctx_permissive, everything_at_once},
    {"SSL_CTX_set_ssl_version(TLS_method())", other_method, NULL},
    {"a security callback on the context that asks the one it replaced", ctx_chaining, NULL},
    {"a security callback on the connection that asks the one it replaced", NULL, ssl_chaining},
};

static void try_weak(const struct lowering *lowering, int version, const char *ciphers, int status)
{
    struct server *server = server_new(
        &(struct manner){.identity = identity(RIGHT), .version = version, .ciphers = ciphers});
    SSL_CTX *ctx = client_context();
    if (lowering->context != NULL)
        lowering->context(ctx);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    if (lowering->connection != NULL)
        lowering->connection(ssl);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_failed(&outcome, status, "%s: a server that has only %s is refused", lowering->name,
                 ciphers != NULL ? ciphers : version == TLS1_VERSION ? "TLS 1.0" : "TLS 1.1");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* What is agreed with a server that has everything. */
static void best_is_taken(const struct lowering *lowering)
{
    struct server *server = server_new(&(struct manner){
        .identity = identity(RIGHT), .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA:" EVERYTHING});
    SSL_CTX *ctx = client_context();
    if (lowering->context != NULL)
        lowering->context(ctx);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    if (lowering->connection != NULL)
        lowering->connection(ssl);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    const char *suite = SSL_get_cipher_name(ssl);
    claim(outcome.connected == 1 && strncmp(suite, "ECDHE-ECDSA-", 12) == 0 &&
              (strstr(suite, "GCM") != NULL || strstr(suite, "CHACHA20") != NULL),
          "%s: a server that has everything is spoken to with a suite of the policy (%s)", lowering->name, suite);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

#if OPENSSL_VERSION_NUMBER < 0x40000000L /* which has no methods of one version */
static void fixed_old_method(void)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = TLS1_1_VERSION});
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    SSL_set_ssl_method(ssl, TLSv1_1_client_method());
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_failed(&outcome, HOSTLOCK_E_NO_COMMON_VERSION, "SSL_set_ssl_method(TLSv1_1_client_method()): refused");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}
#endif

static void only_old_versions(void)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT)});
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    SSL_set_min_proto_version(ssl, TLS1_VERSION);
    SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    if (on_hardened_context()) {
        claim_passes(&outcome, "SSL_set_max_proto_version(TLS 1.1): the policy's versions are used all the same");
    } else {
        claim_failed(&outcome, HOSTLOCK_E_NO_COMMON_VERSION, "SSL_set_max_proto_version(TLS 1.1): refused before a hello is sent");
        claim(outcome.server.hellos == 0, "  the server got none");
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(lowerings) / sizeof(lowerings[0]); i++) {
        const struct lowering *lowering = &lowerings[i];
        static const enum who who[] = {IMPOSTOR, WEAK_KEY, WHO_COUNT};
        try_habit(&(struct habit){lowering->name, lowering->context, lowering->connection, who});
        try_weak(lowering, TLS1_VERSION, NULL, HOSTLOCK_E_NO_COMMON_VERSION);
        try_weak(lowering, TLS1_1_VERSION, NULL, HOSTLOCK_E_NO_COMMON_VERSION);
        try_weak(lowering, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", HOSTLOCK_E_NO_COMMON_CIPHER);
        try_weak(lowering, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-CCM8", HOSTLOCK_E_NO_COMMON_CIPHER);
        try_weak(lowering, TLS1_2_VERSION, "ECDHE-ECDSA-NULL-SHA", HOSTLOCK_E_NO_COMMON_CIPHER);
        best_is_taken(lowering);
    }
    claim(asked > 0, "a program's own security callback is asked");
#if OPENSSL_VERSION_NUMBER < 0x40000000L
    fixed_old_method();
#endif
    only_old_versions();
    return finish();
}
