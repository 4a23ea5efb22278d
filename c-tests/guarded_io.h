/* What guarded_io.c and deadlines.c share: sockets, contexts of one version, and a handshake by libssl's functions. */
#ifndef HOSTLOCK_TEST_GUARDED_IO_H
#define HOSTLOCK_TEST_GUARDED_IO_H

#include <fcntl.h>
#include <sys/socket.h>

#include "support.h"

static int version;

static void pair_of_sockets(int pair[2], int nonblocking)
{
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    if (nonblocking) {
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        fcntl(pair[1], F_SETFL, O_NONBLOCK);
    }
}

static void only(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
}

/* A plain OpenSSL server with this identity. */
static SSL_CTX *plain_server(const struct identity *who)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, who->certificate) == 1
             && SSL_CTX_use_PrivateKey(ctx, who->key) == 1, "a server");
    only(ctx);
    SSL_CTX_set_num_tickets(ctx, 0);
    return ctx;
}

/* hostlock's own server; it asks nobody for a certificate. */
static SSL_CTX *guarded_server(void)
{
    const struct identity *right = identity(RIGHT);
    SSL_CTX *ctx = hostlock_server_new(NULL);
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, right->certificate) == 1
             && SSL_CTX_use_PrivateKey(ctx, right->key) == 1, "hostlock_server_new");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_num_tickets(ctx, 0);
    only(ctx);
    return ctx;
}

static SSL *over(SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL && SSL_set_fd(ssl, fd) == 1, "SSL_set_fd");
    return ssl;
}

/* Brings both sides of non-blocking sockets through the handshake with libssl's own functions. */
static int shake(SSL *client, SSL *server)
{
    for (int i = 0; i < 50; i++) {
        int c = SSL_connect(client), s = SSL_accept(server);
        if (c == 1 && s == 1) return 1;
    }
    return 0;
}

#endif
