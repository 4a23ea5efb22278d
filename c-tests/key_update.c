/*
 * hostlock_conn_key_update: both directions get new keys, the peer is told once, data goes on; and where there are none, why.
 */
#include "support.h"

#include <string.h>

static hostlock_ctx *made_client(int version)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "a client");
    SSL_CTX_set_max_proto_version(ctx, version);
    return ctx;
}

static hostlock_ctx *made_server(void)
{
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, identity(RIGHT)->certificate) == 1 &&
             SSL_CTX_use_PrivateKey(ctx, identity(RIGHT)->key) == 1,
         "a server");
    return ctx;
}

/* What libssl itself says of the messages: how many of the type KeyUpdate (24) each side got and sent. */
static int got, sent;

static void counts(int writes, int version, int content, const void *data, size_t length, SSL *ssl, void *argument)
{
    (void)version, (void)ssl, (void)argument;
    if (content == 22 && length > 0 && *(const unsigned char *)data == 24)
        *(writes ? &sent : &got) += 1;
}

static void carry(hostlock_conn *from, hostlock_conn *to)
{
    char buffer[16384];
    ssize_t some;
    while ((some = hostlock_conn_drain(from, buffer, sizeof buffer)) > 0)
        need(hostlock_conn_feed(to, buffer, (size_t)some) == 0, "hostlock_conn_feed");
}

static void shake(hostlock_conn *client, hostlock_conn *server)
{
    for (int turn = 0; turn < 8; turn++) {
        (void)!hostlock_handshake(client);
        carry(client, server);
        (void)!hostlock_handshake(server);
        carry(server, client);
    }
    need(hostlock_handshake(client) == 0 && hostlock_handshake(server) == 0, "a handshake");
    char byte;
    need(hostlock_read(client, &byte, 1) == HOSTLOCK_WANT_READ, "tickets only");
}

/* A byte goes there and back. */
static int goes_on(hostlock_conn *one, hostlock_conn *other)
{
    char byte = 0;
    if (hostlock_write(one, "a", 1) != 1)
        return 0;
    carry(one, other);
    if (hostlock_read(other, &byte, 1) != 1 || byte != 'a' || hostlock_write(other, "b", 1) != 1)
        return 0;
    carry(other, one);
    return hostlock_read(one, &byte, 1) == 1 && byte == 'b';
}

static void pair(hostlock_ctx *client_ctx, hostlock_ctx *server_ctx, hostlock_conn **client, hostlock_conn **server)
{
    need(hostlock_connect_mem(client_ctx, RIGHT_HOST, client) == 0 && hostlock_accept_mem(server_ctx, server) == 0, "a pair");
    SSL_set_msg_callback(*client, counts);
}

static void renews(hostlock_ctx *client_ctx, hostlock_ctx *server_ctx)
{
    hostlock_conn *client, *server;
    pair(client_ctx, server_ctx, &client, &server);
    claim(hostlock_conn_key_update(client) == HOSTLOCK_E_STATE, "not before the handshake");
    shake(client, server);
    for (int turn = 0; turn < 2; turn++) {
        hostlock_conn *one = turn == 0 ? client : server, *other = turn == 0 ? server : client;
        got = sent = 0;
        claim(hostlock_conn_key_update(one) == 0, "0: the %s tells its peer", turn == 0 ? "client" : "server");
        claim(goes_on(one, other), "and data goes on in both directions");
        claim(got == 1 && sent == 1, "under new keys in both: one message each way");
    }
    int all = 1;
    for (int turn = 0; turn < 100; turn++)
        all &= hostlock_conn_key_update(turn % 3 ? client : server) == 0 && goes_on(client, server);
    claim(all, "as often as one likes, with data between");
    /* Memory for what is to be sent runs full. */
    static char bulk[1 << 20];
    ssize_t took;
    do
        took = hostlock_write(client, bulk, sizeof bulk);
    while (took > 0);
    need(took == HOSTLOCK_WANT_WRITE, "a full network");
    claim(hostlock_conn_key_update(client) == HOSTLOCK_E_STATE, "not while a write is unfinished");
    long arrived = 0;
    int status = HOSTLOCK_WANT_WRITE;
    for (int turn = 0; turn < 100 && took != (ssize_t)sizeof bulk; turn++) {
        ssize_t some;
        carry(client, server);
        while ((some = hostlock_read(server, bulk, sizeof bulk)) > 0)
            arrived += some;
        took = hostlock_write(client, bulk, sizeof bulk);
        if (took > 0)
            break;
    }
    status = hostlock_conn_key_update(client);
    for (int turn = 0; turn < 100 && status == HOSTLOCK_WANT_WRITE; turn++) {
        ssize_t some;
        carry(client, server);
        while ((some = hostlock_read(server, bulk, sizeof bulk)) > 0)
            arrived += some;
        status = hostlock_conn_key_update(client);
    }
    claim(status == 0, "once it is taken, the same call goes on until the peer has been told");
    ssize_t some;
    carry(client, server);
    while ((some = hostlock_read(server, bulk, sizeof bulk)) > 0)
        arrived += some;
    carry(server, client);
    claim(arrived > 0 && goes_on(server, client), "and data goes on");
    need(hostlock_shutdown(client) == 0, "hostlock_shutdown");
    claim(hostlock_conn_key_update(client) == HOSTLOCK_E_CLOSED, "not after the goodbye");
    hostlock_conn_free(client), hostlock_conn_free(server);
}

int main(void)
{
    hostlock_ctx *server_ctx = made_server(), *client_ctx = made_client(TLS1_3_VERSION), *old = made_client(TLS1_2_VERSION);
    renews(client_ctx, server_ctx);
    hostlock_conn *client, *server;
    pair(old, server_ctx, &client, &server);
    shake(client, server);
    claim(hostlock_conn_key_update(client) == HOSTLOCK_E_UNSUPPORTED && goes_on(client, server),
          "TLS 1.2 has none, and the connection goes on");
    claim(hostlock_conn_key_update(NULL) == HOSTLOCK_E_ARG, "NULL is no connection");
    hostlock_conn_free(client), hostlock_conn_free(server);
    hostlock_ctx_free(client_ctx), hostlock_ctx_free(server_ctx), hostlock_ctx_free(old);
    forget_identities();
    return finish();
}
