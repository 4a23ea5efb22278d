/*
 * A set-up call that failed stops every handshake at its start: a client's and a server's, by whichever function of
 * OpenSSL's the program begins it, on own and on hardened contexts. Not a byte of the program passes.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <openssl/err.h>

typedef int (*beginning)(SSL *ssl);

static int by_handshake(SSL *ssl)
{
    return SSL_do_handshake(ssl);
}

static int by_reading(SSL *ssl)
{
    char byte;
    return SSL_read(ssl, &byte, 1);
}

static int by_writing(SSL *ssl)
{
    return SSL_write(ssl, "x", 1);
}

static int by_hostlock(SSL *ssl)
{
    return hostlock_handshake(ssl) == 0;
}

static const struct {
    const char *name;
    beginning begin;
} beginnings[] = {
    {"SSL_do_handshake", by_handshake},
    {"SSL_read", by_reading},
    {"SSL_write", by_writing},
    {"hostlock_handshake", by_hostlock},
};
enum { BEGINNINGS = sizeof beginnings / sizeof beginnings[0] };

/* How far a client and a server come in memory: whether a byte of either arrives. */
static int meets(SSL *client, SSL *server, beginning of_client, beginning of_server)
{
    BIO *one, *other;
    char byte;
    int arrived = 0;
    need(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(server, one, one);
    SSL_set_bio(client, other, other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int turn = 0; turn < 20 && !arrived; turn++) {
        of_client(client);
        of_server(server);
        SSL_write(client, "x", 1);
        arrived = SSL_read(server, &byte, 1) == 1 || SSL_read(client, &byte, 1) == 1;
    }
    ERR_clear_error();
    return arrived;
}

static int status_of(SSL *ssl)
{
    const hostlock_error *error = hostlock_conn_error(ssl);
    return error == NULL ? 0 : hostlock_error_status(error);
}

static SSL_CTX *server_context(int hardened)
{
    SSL_CTX *ctx = hardened ? SSL_CTX_new(TLS_server_method()) : hostlock_server_new(NULL);
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, identity(RIGHT)->certificate) == 1 &&
             SSL_CTX_use_PrivateKey(ctx, identity(RIGHT)->key) == 1 &&
             (!hardened || hostlock_harden(ctx, NULL, NULL) == 0),
         "a server's context");
    return ctx;
}

static void servers(int hardened, int version)
{
    for (int i = 0; i < BEGINNINGS; i++) {
        SSL_CTX *good = client_context(), *ctx = server_context(hardened);
        SSL_CTX_set_max_proto_version(good, version);
        SSL *client = client_connection(good, RIGHT_HOST), *server = SSL_new(ctx);
        claim(meets(client, server, by_handshake, beginnings[i].begin), "%s server, %s, %s first: it serves",
              hardened ? "a hardened" : "an own", version_name(version), beginnings[i].name);
        SSL_free(client);
        SSL_free(server);

        claim(hostlock_ctx_add_crl_file(ctx, "/nowhere/at.all") == HOSTLOCK_E_NOT_FOUND, "  a CRL that is not there fails");
        client = client_connection(good, RIGHT_HOST);
        server = SSL_new(ctx);
        claim(!meets(client, server, by_handshake, beginnings[i].begin), "  and the server serves nobody");
        claim(status_of(server) == HOSTLOCK_E_POISONED, "  and says why (%d)", status_of(server));
        SSL_free(client);
        SSL_free(server);
        SSL_CTX_free(good);
        SSL_CTX_free(ctx);
    }
}

static void hears_nothing(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
}

static int permits(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)operation, (void)bits, (void)nid, (void)other, (void)extra;
    return 1;
}

/* Where the line runs (docs/not-stopped.md): with both callbacks replaced nothing of ours is called on a server. */
static void without_callbacks(int version)
{
    for (int by_ours = 0; by_ours < 2; by_ours++) {
        SSL_CTX *good = client_context(), *ctx = server_context(0);
        SSL_CTX_set_max_proto_version(good, version);
        need(hostlock_ctx_add_crl_file(ctx, "/nowhere/at.all") == HOSTLOCK_E_NOT_FOUND, "a call that fails");
        SSL *client = client_connection(good, RIGHT_HOST), *server = SSL_new(ctx);
        SSL_set_info_callback(server, hears_nothing);
        SSL_set_security_callback(server, permits);
        if (by_ours)
            claim(hostlock_handshake(server) == HOSTLOCK_E_POISONED && SSL_in_before(server),
                  "%s, both callbacks replaced: hostlock_handshake refuses", version_name(version));
        else
            claim(meets(client, server, by_handshake, by_handshake),
                  "%s, both callbacks replaced: SSL_do_handshake serves", version_name(version));
        SSL_free(client);
        SSL_free(server);
        SSL_CTX_free(good);
        SSL_CTX_free(ctx);
    }
}

static void clients(int version)
{
    for (int i = 0; i < BEGINNINGS; i++) {
        for (int by_connection = 0; by_connection < 2; by_connection++) {
            SSL_CTX *ctx = client_context(), *serving = server_context(0);
            SSL_CTX_set_max_proto_version(ctx, version);
            if (!by_connection)
                need(hostlock_ctx_trust_file(ctx, "/nowhere/at.all") == HOSTLOCK_E_NOT_FOUND, "a call that fails");
            SSL *client = client_connection(ctx, RIGHT_HOST), *server = SSL_new(serving);
            if (by_connection)
                need(hostlock_conn_set_host(client, "a..b") == HOSTLOCK_E_BAD_HOST, "a call that fails");
            claim(!meets(client, server, beginnings[i].begin, by_handshake), "a poisoned %s, %s, %s first: connects nowhere",
                  by_connection ? "connection" : "client", version_name(version), beginnings[i].name);
            claim(status_of(client) == HOSTLOCK_E_POISONED, "  and says why (%d)", status_of(client));
            claim(SSL_get_state(server) == TLS_ST_BEFORE, "  and no hello has left");
            SSL_free(client);
            SSL_free(server);
            SSL_CTX_free(ctx);
            SSL_CTX_free(serving);
        }
    }
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        servers(0, both_versions[i]);
        servers(1, both_versions[i]);
        without_callbacks(both_versions[i]);
        clients(both_versions[i]);
    }
    forget_identities();
    return finish();
}
