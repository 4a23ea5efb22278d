/*
 * hostlock_conn_info counts the bytes that came from the network and went to it, handshake included: the very number that the
 * other end of the wire counts; over memory, over a descriptor, and over a socket of the program's own.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long number(hostlock_conn *conn, const char *key)
{
    char wanted[64], *info = hostlock_conn_info(conn);
    snprintf(wanted, sizeof wanted, "\"%s\":", key);
    const char *found = info == NULL ? NULL : strstr(info, wanted);
    long value = found == NULL ? -1 : strtol(found + strlen(wanted), NULL, 10);
    hostlock_string_free(info);
    return value;
}

static hostlock_ctx *client_ctx(void)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "a client");
    return ctx;
}

static void in_memory(hostlock_ctx *client_ctx)
{
    hostlock_ctx *server_ctx = hostlock_server_new(NULL);
    need(SSL_CTX_use_certificate(server_ctx, identity(RIGHT)->certificate) == 1 &&
             SSL_CTX_use_PrivateKey(server_ctx, identity(RIGHT)->key) == 1,
         "a server");
    hostlock_conn *ends[2];
    need(hostlock_connect_mem(client_ctx, RIGHT_HOST, &ends[0]) == 0 && hostlock_accept_mem(server_ctx, &ends[1]) == 0, "a pair");
    long carried[2] = {0, 0};
    char buffer[16384] = {0};
    for (int turn = 0; turn < 20; turn++)
        for (int end = 0; end < 2; end++) {
            int status = hostlock_handshake(ends[end]);
            if (status == 0 && turn == 10)
                need(hostlock_write(ends[end], buffer, 5000) == 5000, "hostlock_write");
            if (status == 0 && turn > 10)
                (void)!hostlock_read(ends[end], buffer, sizeof buffer);
            ssize_t some;
            while ((some = hostlock_conn_drain(ends[end], buffer, sizeof buffer)) > 0) {
                need(hostlock_conn_feed(ends[!end], buffer, (size_t)some) == 0, "hostlock_conn_feed");
                carried[end] += some;
            }
        }
    claim(number(ends[0], "bytes_sent") == carried[0] && number(ends[1], "bytes_received") == carried[0] && carried[0] > 5000,
          "in memory, from the client: %ld", carried[0]);
    claim(number(ends[1], "bytes_sent") == carried[1] && number(ends[0], "bytes_received") == carried[1] && carried[1] > 5000,
          "in memory, from the server: %ld", carried[1]);
    hostlock_conn_free(ends[0]), hostlock_conn_free(ends[1]);
    hostlock_ctx_free(server_ctx);
}

/* The server's side counts what arrives. */
static void on_a_wire(hostlock_ctx *ctx, int own_socket)
{
    struct manner manner = {.identity = identity(RIGHT)};
    struct server *server = server_new(&manner);
    int fd;
    struct line *line = line_open(server, &fd);
    hostlock_conn *conn = NULL;
    if (own_socket) {
        conn = SSL_new(ctx);
        need(conn != NULL && SSL_set_fd(conn, fd) == 1 && hostlock_conn_set_host(conn, RIGHT_HOST) == 0, "a connection");
        need(SSL_connect(conn) == 1, "SSL_connect");
    } else {
        need(hostlock_connect_fd(ctx, fd, RIGHT_HOST, &conn) == 0, "hostlock_connect_fd");
    }
    char buffer[64];
    need(hostlock_write_all(conn, "ping", 4) == 4, "hostlock_write_all");
    claim(hostlock_read(conn, buffer, sizeof buffer) == 4, "a conversation");
    long sent = number(conn, "bytes_sent"), received = number(conn, "bytes_received");
    hostlock_conn_free(conn);
    struct report report;
    line_close(line, &report);
    claim(sent == (long)report.raw_length && received > 0, "%s: %ld bytes sent, and %ld came",
          own_socket ? "over the program's socket, by libssl's and our calls" : "over a descriptor", sent, received);
    server_free(server);
}

int main(void)
{
    hostlock_ctx *ctx = client_ctx();
    in_memory(ctx);
    on_a_wire(ctx, 0);
    on_a_wire(ctx, 1);
    hostlock_ctx_free(ctx);
    forget_identities();
    return finish();
}
