/* Visits of a client that hostlock connects, to a server of plain OpenSSL, in memory. Support is included before. */
#ifndef HOSTLOCK_TEST_VISITS_H
#define HOSTLOCK_TEST_VISITS_H

#include <string.h>

#include <openssl/err.h>

struct visit {
    hostlock_conn *conn;
    SSL *server;
    int status;       /* of the handshake */
    int resumed;      /* both sides say so */
    int shown;        /* the server saw a certificate of the client's in this handshake, or its session holds one */
};

/* A server that resumes whatever it knows; version 0 is both. */
static SSL_CTX *serving(const struct identity *who, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, who->certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, who->key) == 1,
         "a server");
    SSL_CTX_set_min_proto_version(ctx, version != 0 ? version : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    return ctx;
}

/* The handshake is not begun. */
static struct visit arrive(hostlock_ctx *ctx, SSL_CTX *server_ctx, const char *host)
{
    struct visit visit = {.status = -1000};
    visit.server = SSL_new(server_ctx);
    need(hostlock_connect_mem(ctx, host, &visit.conn) == 0 && visit.server != NULL, "a visit");
    SSL_set_bio(visit.server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(visit.server);
    return visit;
}

/* Moves what waits in either direction. */
static void carry(struct visit *visit)
{
    char buffer[4096];
    ssize_t amount;
    while ((amount = hostlock_conn_drain(visit->conn, buffer, sizeof buffer)) > 0)
        BIO_write(SSL_get_rbio(visit->server), buffer, (int)amount);
    while ((amount = BIO_read(SSL_get_wbio(visit->server), buffer, sizeof buffer)) > 0)
        need(hostlock_conn_feed(visit->conn, buffer, (size_t)amount) == 0, "hostlock_conn_feed");
}

static void shake(struct visit *visit)
{
    int server = 0;
    for (int turn = 0; turn < 20; turn++) {
        visit->status = hostlock_handshake(visit->conn);
        carry(visit);
        server = SSL_do_handshake(visit->server);
        carry(visit);
        if (server <= 0 && SSL_get_error(visit->server, server) == SSL_ERROR_SSL && visit->status == 0)
            note("the server: %s", ERR_error_string(ERR_peek_error(), NULL));
        ERR_clear_error();
        if ((visit->status == 0 && server == 1) ||
            (visit->status != 0 && visit->status != HOSTLOCK_WANT_READ && visit->status != HOSTLOCK_WANT_WRITE))
            break;
    }
    visit->resumed = visit->status == 0 && hostlock_conn_resumed(visit->conn) && SSL_session_reused(visit->server);
    X509 *shown = SSL_get_peer_certificate(visit->server);
    visit->shown = shown != NULL;
    X509_free(shown);
}

/* A byte each way: with TLS 1.3 the tickets come with the answer. */
static void chat(struct visit *visit)
{
    char byte = 0;
    need(visit->status == 0 && hostlock_write(visit->conn, "?", 1) == 1, "hostlock_write");
    carry(visit);
    need(SSL_read(visit->server, &byte, 1) == 1 && byte == '?' && SSL_write(visit->server, "!", 1) == 1, "the server's byte");
    carry(visit);
    need(hostlock_read(visit->conn, &byte, 1) == 1 && byte == '!', "hostlock_read");
}

static void leave(struct visit *visit)
{
    hostlock_conn_free(visit->conn);
    SSL_set_shutdown(visit->server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(visit->server);
    ERR_clear_error();
}

/* From the first byte to the last. */
static struct visit pay(hostlock_ctx *ctx, SSL_CTX *server_ctx, const char *host)
{
    struct visit visit = arrive(ctx, server_ctx, host);
    shake(&visit);
    if (visit.status == 0)
        chat(&visit);
    leave(&visit);
    return visit;
}

#endif
