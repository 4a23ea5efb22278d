/*
 * A context of a method that speaks one old version only (TLSv1_method() and its kind, Python 2.7's PROTOCOL_TLSv1) gets
 * the policy's versions: hardened, sealed when it is made, and sealed later. What verifies it is the same for all.
 */
/* Such methods are deprecated, and programs use them all the same. */
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include "support.h"

#include <string.h>

#if OPENSSL_VERSION_MAJOR >= 4

int main(void)
{
    skip("old methods get the policy's versions", "this OpenSSL has no method for one version");
    return finish();
}

#else

static const struct method {
    const char *name;
    const SSL_METHOD *(*get)(void);
    int speaks_1_3;
} methods[] = {
    {"TLSv1_client_method", TLSv1_client_method, 1},
    {"TLSv1_method", TLSv1_method, 1},
    {"TLSv1_1_client_method", TLSv1_1_client_method, 1},
    {"TLSv1_1_method", TLSv1_1_method, 1},
    /* This version is good enough, so the program's choice stays. */
    {"TLSv1_2_client_method", TLSv1_2_client_method, 0},
    {"TLSv1_2_method", TLSv1_2_method, 0},
};

/* Made before the seal, which would lift it, too. */
static struct server *old;

static SSL_CTX *made(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "no context");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    return ctx;
}

static void connects(const char *how, const struct method *method, SSL_CTX *ctx)
{
    for (int i = 0; i < 2; i++) {
        int version = both_versions[i];
        const enum who peers[2] = {RIGHT, IMPOSTOR};
        for (int peer = 0; peer < 2; peer++) {
            struct server *server = server_new(&(struct manner){.identity = identity(peers[peer]), .version = version});
            struct outcome outcome;
            SSL *ssl = client_connection(ctx, RIGHT_HOST);
            converse(ssl, server, &outcome);
            if (version == TLS1_3_VERSION && !method->speaks_1_3)
                claim_failed(&outcome, HOSTLOCK_E_NO_COMMON_VERSION, "%s, %s: no %s", method->name, how,
                             version_name(version));
            else if (peers[peer] == RIGHT)
                claim_passes(&outcome, "%s, %s: the right host connects on %s", method->name, how, version_name(version));
            else
                claim_refused(&outcome, who_status(IMPOSTOR), "%s, %s: an impostor is refused on %s", method->name, how,
                              version_name(version));
            SSL_free(ssl);
            server_free(server);
        }
    }
    struct outcome outcome;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, old, &outcome);
    claim(outcome.connected != 1 && outcome.got <= 0, "%s, %s: a server of TLS 1.0 is refused", method->name, how);
    SSL_free(ssl);
}

int main(void)
{
    enum { COUNT = sizeof(methods) / sizeof(methods[0]) };
    SSL_CTX *early[COUNT];
    old = server_new(&(struct manner){.identity = identity(RIGHT), .version = TLS1_VERSION});
    for (int i = 0; i < COUNT; i++) {
        SSL_CTX *ctx = made(methods[i].get());
        need(hostlock_harden(ctx, NULL, NULL) == 0, hostlock_error_message(hostlock_last_error()));
        connects("hardened", &methods[i], ctx);
        SSL_CTX_free(ctx);
        early[i] = made(methods[i].get());
        need(SSL_CTX_set_cipher_list(early[i], "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384") == 1, "suites");
    }
    need(hostlock_seal_process(NULL) == 0, hostlock_error_message(hostlock_last_error()));
    for (int i = 0; i < COUNT; i++) {
        SSL_CTX *ctx = made(methods[i].get());
        connects("sealed", &methods[i], ctx);
        SSL_CTX_free(ctx);
        need(hostlock_seal_ctx(early[i]) == 0, hostlock_error_message(hostlock_last_error()));
        connects("sealed later", &methods[i], early[i]);
        const SSL_CIPHER *last = NULL;
        STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(early[i]);
        int of_1_2 = 0;
        for (int at = 0; at < sk_SSL_CIPHER_num(suites); at++) {
            const SSL_CIPHER *suite = sk_SSL_CIPHER_value(suites, at);
            if (strcmp(SSL_CIPHER_get_version(suite), "TLSv1.3") != 0)
                last = suite, of_1_2++;
        }
        claim(of_1_2 == 2 && strcmp(SSL_CIPHER_get_name(last), "ECDHE-RSA-AES256-GCM-SHA384") == 0,
              "%s, sealed later: the program's suites stay", methods[i].name);
        SSL_CTX_free(early[i]);
    }
    server_free(old);
    return finish();
}

#endif
