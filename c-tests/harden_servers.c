/*
 * A hardened context goes on serving: no client is asked for a certificate that was not asked before, those that show one
 * are judged, old versions are gone, and roots that stand in for servers' certificates never vouch for a client.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

static SSL_CTX *server_context(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, identity(RIGHT)->certificate) == 1 &&
             SSL_CTX_use_PrivateKey(ctx, identity(RIGHT)->key) == 1,
         "the server's context");
    return ctx;
}

static SSL_CTX *client(enum who who)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    if (who != WHO_COUNT) {
        SSL_CTX_use_certificate(ctx, identity(who)->certificate);
        SSL_CTX_use_PrivateKey(ctx, identity(who)->key);
    }
    return ctx;
}

static int asked;

static int gives_none(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)ssl, (void)certificate, (void)key;
    asked++;
    return 0;
}

/* A handshake in memory, then one byte from the client to the server: 1 where it arrives. */
static int serves(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
    asked = 0;
    SSL_CTX_set_client_cert_cb(client_ctx, gives_none);
    SSL *server = SSL_new(server_ctx), *peer = SSL_new(client_ctx);
    BIO *one, *other;
    need(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(server, one, one);
    SSL_set_bio(peer, other, other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(peer);
    char byte = 0;
    int sent = 0, arrived = 0;
    for (int turn = 0; turn < 20 && !arrived; turn++) {
        SSL_do_handshake(peer);
        SSL_do_handshake(server);
        if (!sent && SSL_is_init_finished(peer))
            sent = SSL_write(peer, "x", 1) == 1;
        if (SSL_is_init_finished(server))
            arrived = SSL_read(server, &byte, 1) == 1 && byte == 'x';
    }
    SSL_free(server);
    SSL_free(peer);
    return arrived;
}

static void without_client_certificates(const char *name, const SSL_METHOD *method, const char *policy)
{
    SSL_CTX *server = server_context(method);
    claim(hostlock_harden(server, policy, NULL) == 0, "%s: a server's context is hardened", name);
    for (int i = 0; i < 2; i++) {
        SSL_CTX *peer = client(WHO_COUNT);
        SSL_CTX_set_max_proto_version(peer, both_versions[i]);
        claim(serves(server, peer), "%s: it serves %s", name, version_name(both_versions[i]));
        claim(!asked, "  and asks for no client certificate");
        SSL_CTX_free(peer);
    }
    SSL_CTX *old = client(WHO_COUNT);
    SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
    claim(!serves(server, old), "%s: it does not serve TLS 1.1", name);
    SSL_CTX_free(old);
    SSL_CTX_free(server);
}

static void with_optional_certificates(void)
{
    SSL_CTX *server = server_context(TLS_method()), *peer = client(WHO_COUNT);
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER, NULL);
    need(hostlock_harden(server, NULL, NULL) == 0, "hostlock_harden");
    claim(serves(server, peer) && asked == 1, "a server that asks for certificates goes on asking, and serves without one");
    SSL_CTX_free(peer);
    SSL_CTX_free(server);
}

static int accept_every_certificate(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok, (void)store_ctx;
    return 1;
}

static int serves_client(enum who who, int with_roots, int accepting)
{
    SSL_CTX *server = server_context(TLS_method());
    if (with_roots)
        X509_STORE_add_cert(SSL_CTX_get_cert_store(server), trusted_ca());
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       accepting ? accept_every_certificate : NULL);
    need(SSL_CTX_set_session_id_context(server, (const unsigned char *)"test", 4) == 1, "the id context");
    need(hostlock_harden(server, NULL, NULL) == 0, "hostlock_harden");
    SSL_CTX *peer = client(who);
    int answer = serves(server, peer);
    SSL_CTX_free(peer);
    SSL_CTX_free(server);
    return answer;
}

int main(void)
{
    /* What the public roots would be. */
    char path[] = "/tmp/hostlock-harden-roots-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    need(file != NULL && PEM_write_X509(file, trusted_ca()) == 1 && fclose(file) == 0, "the roots' file");
    setenv("SSL_CERT_FILE", path, 1);

    without_client_certificates("TLS_method()", TLS_method(), NULL);
    without_client_certificates("TLS_server_method()", TLS_server_method(), "2026-11-webpki");
    with_optional_certificates();
    claim(serves_client(THE_CLIENT, 1, 0), "a client's good certificate is accepted");
    claim(!serves_client(UNKNOWN, 1, 0), "one of an unknown CA is not");
    claim(!serves_client(RIGHT, 1, 0), "nor is one for servers");
    claim(!serves_client(UNKNOWN, 1, 1), "nor does a verify callback that accepts everything help");
    claim(!serves_client(THE_CLIENT, 0, 0), "where the program loaded no roots those of the system vouch for no client");

    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    need(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, "hostlock_harden");
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT)});
    struct outcome outcome;
    SSL *ssl = SSL_new(ctx);
    SSL_set_connect_state(ssl);
    converse(ssl, server, &outcome);
    claim_passes(&outcome, "but they do for a server, on a context of the same method");
    SSL_free(ssl);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), untrusted_ca());
    ssl = SSL_new(ctx);
    SSL_set_connect_state(ssl);
    converse(ssl, server, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_UNKNOWN_ISSUER, "until the program loads roots of its own");
    SSL_free(ssl);
    claim(hostlock_ctx_trust_file(ctx, path) == 0, "hostlock_ctx_trust_file adds to them");
    ssl = SSL_new(ctx);
    SSL_set_connect_state(ssl);
    converse(ssl, server, &outcome);
    claim_passes(&outcome, "  and the right host connects again");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
    unlink(path);
    return finish();
}
