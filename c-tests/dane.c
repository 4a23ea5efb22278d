/*
 * A program that switches DANE on (RFC 6698, RFC 7671) asks for more: a server whose key is in none of its TLSA records is
 * refused, as by plain OpenSSL. A record that fits takes nothing back: chain and host are verified all the same.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

struct record {
    unsigned char usage;
    int of_ca;
    int fits;
};

/* SHA-256 of the public key of the server or of its CA. */
static void add(SSL *ssl, const struct record *record, enum who server)
{
    X509 *certificate = record->of_ca ? trusted_ca() : identity(server)->certificate;
    unsigned char *key = NULL, digest[32];
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
    need(length > 0 && EVP_Digest(key, length, digest, NULL, EVP_sha256(), NULL) == 1, "no digest of the key");
    OPENSSL_free(key);
    digest[0] ^= !record->fits;
    need(SSL_dane_tlsa_add(ssl, record->usage, 1, 1, digest, sizeof(digest)) == 1, "SSL_dane_tlsa_add");
}

static int gives_in(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok, (void)store_ctx;
    return 1;
}

static void meet(enum who who, int version, const struct record *record, int (*callback)(int, X509_STORE_CTX *),
                 struct outcome *outcome)
{
    struct identity sits = *identity(who);
    /* A trust anchor of DANE must be among what the server sends (RFC 7671 5.2). */
    if (record != NULL && record->of_ca)
        sits.sent_along = trusted_ca();
    struct server *server = server_new(&(struct manner){.identity = &sits, .version = version});
    SSL_CTX *ctx = client_context();
    need(SSL_CTX_dane_enable(ctx) == 1, "SSL_CTX_dane_enable");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, callback);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    need(SSL_dane_enable(ssl, RIGHT_HOST) == 1, "SSL_dane_enable");
    if (record != NULL)
        add(ssl, record, who);
    ERR_clear_error();
    converse(ssl, server, outcome);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* A hardened context of a program that loaded no CA. */
static void rest_on_the_systems_roots(void)
{
    char path[] = "/tmp/hostlock-dane-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    need(file != NULL && PEM_write_X509(file, trusted_ca()) == 1 && fclose(file) == 0, "no file of roots");
    setenv("SSL_CERT_FILE", path, 1);
    static const struct record others = {3, 0, 0};
    const struct record *const records[] = {NULL, &others};
    for (int i = 0; i < 2; i++) {
        struct server *server = server_new(&(struct manner){.identity = identity(RIGHT)});
        SSL_CTX *ctx = plain_context();
        need(SSL_CTX_dane_enable(ctx) == 1 && hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, "hostlock_harden");
        SSL *ssl = SSL_new(ctx);
        need(SSL_dane_enable(ssl, RIGHT_HOST) == 1, "SSL_dane_enable");
        if (records[i] != NULL)
            add(ssl, records[i], RIGHT);
        struct outcome outcome;
        converse(ssl, server, &outcome);
        if (records[i] == NULL)
            claim_passes(&outcome, "the system's roots stand in with DANE as without it");
        else
            claim_refused(&outcome, HOSTLOCK_E_PIN_MISMATCH, "and a record of another key counts there");
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        server_free(server);
    }
    unlink(path);
}

/* The session of one connection, offered by another that has these records. */
static void resume(int version, const struct record *first, const struct record *second, struct outcome *outcome)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    need(SSL_CTX_dane_enable(ctx) == 1, "SSL_CTX_dane_enable");
    SSL_SESSION *session = NULL;
    for (int round = 0; round < 2; round++) {
        const struct record *record = round == 0 ? first : second;
        SSL *ssl = client_connection(ctx, NULL);
        /* As SSL_dane_enable does: by the names alone no connection differs from the other. */
        need(SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
        if (record != NULL) {
            need(SSL_dane_enable(ssl, RIGHT_HOST) == 1, "SSL_dane_enable");
            add(ssl, record, RIGHT);
        }
        if (session != NULL)
            need(SSL_set_session(ssl, session) == 1, "SSL_set_session");
        converse(ssl, server, outcome);
        SSL_SESSION_free(session);
        session = SSL_get1_session(ssl);
        SSL_free(ssl);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    static const struct record fitting[] = {{0, 1, 1}, {1, 0, 1}, {2, 1, 1}, {3, 0, 1}};
    static const struct record others[] = {{0, 1, 0}, {1, 0, 0}, {2, 1, 0}, {3, 0, 0}};
    struct outcome outcome;
    for (int v = 0; v < 2; v++) {
        int version = both_versions[v];
        const char *tls = version_name(version);
        meet(RIGHT, version, NULL, NULL, &outcome);
        claim_passes(&outcome, "%s: DANE without a record asks for nothing", tls);
        for (int usage = 0; usage < 4; usage++) {
            meet(RIGHT, version, &fitting[usage], NULL, &outcome);
            claim_passes(&outcome, "%s: a server of a record with usage %d is verified", tls, usage);
            meet(RIGHT, version, &others[usage], NULL, &outcome);
            claim_refused(&outcome, HOSTLOCK_E_PIN_MISMATCH, "%s: the right server, but a record of usage %d is another's", tls,
                          usage);
            claim(outcome.verify_result == X509_V_ERR_DANE_NO_MATCH, "%s: and OpenSSL's number says so", tls);
        }
        resume(version, NULL, NULL, &outcome);
        claim(outcome.got == 4 && outcome.resumed, "%s: a session is resumed without DANE", tls);
        resume(version, &fitting[3], &fitting[3], &outcome);
        claim(outcome.got == 4 && outcome.resumed, "%s: and with it", tls);
        resume(version, NULL, &others[3], &outcome);
        claim_refused(&outcome, HOSTLOCK_E_PIN_MISMATCH, "%s: one of before it was switched on is not", tls);
        meet(IMPOSTOR, version, &fitting[3], NULL, &outcome);
        claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: a record does not stand for the host", tls);
        meet(SELF_SIGNED, version, &fitting[3], NULL, &outcome);
        claim_refused(&outcome, HOSTLOCK_E_SELF_SIGNED, "%s: nor for a trust anchor", tls);
        meet(SELF_SIGNED, version, &fitting[3], gives_in, &outcome);
        claim_refused(&outcome, HOSTLOCK_E_SELF_SIGNED, "%s: whatever the program's callback says", tls);
    }
    rest_on_the_systems_roots();
    forget_identities();
    return finish();
}
