/*
 * Connections without a descriptor: the program carries their bytes (hostlock_conn_feed, hostlock_conn_drain).
 */
#define _DEFAULT_SOURCE
#include "own_server.h"
#include "support.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* Both ends in this thread, a portion of the network at a time. */
struct wire {
    hostlock_ctx *client_ctx, *server_ctx;
    hostlock_conn *client, *server;
};

static size_t carry(hostlock_conn *from, hostlock_conn *to, size_t portion)
{
    char buffer[512];
    ssize_t got = hostlock_conn_drain(from, buffer, portion);
    if (got > 0)
        need(hostlock_conn_feed(to, buffer, (size_t)got) == 0, "hostlock_conn_feed");
    return got > 0 ? (size_t)got : 0;
}

static struct wire wired(size_t portion)
{
    struct wire wire = {client_context(), serving(identity(RIGHT)), NULL, NULL};
    need(hostlock_connect_mem(wire.client_ctx, RIGHT_HOST, &wire.client) == 0 &&
             hostlock_accept_mem(wire.server_ctx, &wire.server) == 0,
         "connections in memory");
    int of_client = HOSTLOCK_WANT_READ, of_server = HOSTLOCK_WANT_READ;
    for (int turn = 0; portion > 0 && turn < 100000 && (of_client != 0 || of_server != 0); turn++) {
        if (of_client == HOSTLOCK_WANT_READ)
            of_client = hostlock_handshake(wire.client);
        carry(wire.client, wire.server, portion);
        if (of_server == HOSTLOCK_WANT_READ)
            of_server = hostlock_handshake(wire.server);
        carry(wire.server, wire.client, portion);
    }
    need(portion == 0 || (of_client == 0 && of_server == 0), "a handshake in memory");
    while (portion > 0 && (carry(wire.client, wire.server, portion) || carry(wire.server, wire.client, portion)))
        ;
    return wire;
}

static void unwire(struct wire *wire)
{
    hostlock_conn_free(wire->client), hostlock_conn_free(wire->server);
    hostlock_ctx_free(wire->client_ctx), hostlock_ctx_free(wire->server_ctx);
}

static void in_memory(void)
{
    char buffer[256];
    struct wire wire = wired(1);
    claim(strcmp(hostlock_conn_verified_host(wire.client), RIGHT_HOST) == 0, "a byte at a time is enough for a handshake");
    claim(hostlock_read(wire.server, buffer, 1) == HOSTLOCK_WANT_READ && hostlock_conn_drain(wire.client, buffer, 9) == HOSTLOCK_WANT_READ &&
              hostlock_conn_drain_size(wire.client) == 0,
          "  after it both sides wait for more");
    need(hostlock_write(wire.client, "ping", 4) == 4, "hostlock_write");
    size_t waiting = hostlock_conn_drain_size(wire.client), carried = 0;
    while (carry(wire.client, wire.server, 1))
        carried++;
    claim(waiting > 4 && carried == waiting && hostlock_read(wire.server, buffer, sizeof(buffer)) == 4, "  and for data");
    need(hostlock_shutdown(wire.client) == 0, "hostlock_shutdown");
    while (carry(wire.client, wire.server, 1))
        ;
    claim(hostlock_read(wire.server, buffer, 1) == 0 && hostlock_write(wire.server, "late", 4) == 4, "half of it may be closed");
    while (carry(wire.server, wire.client, 7))
        ;
    claim(hostlock_read(wire.client, buffer, sizeof(buffer)) == 4 && memcmp(buffer, "late", 4) == 0, "  and the other half goes on");
    claim(hostlock_conn_feed(wire.client, NULL, 0) == 0 && hostlock_read(wire.client, buffer, 1) == HOSTLOCK_E_TRUNCATED &&
              hostlock_conn_feed(wire.client, "x", 1) == HOSTLOCK_E_STATE,
          "the network's end without a goodbye is a cut");
    int fd = 3;
    claim(hostlock_conn_fd(wire.client, &fd) == HOSTLOCK_E_STATE && fd == -1, "there is no descriptor");
    unwire(&wire);

    wire = wired(200);
    claim(hostlock_write_all(wire.client, "x", 1) == 1, "hostlock_write_all needs no descriptor where there is room");
    static char much[600 << 10];
    claim(hostlock_write_all(wire.client, much, sizeof(much)) == HOSTLOCK_E_STATE, "  and has nothing to wait for where there is none");
    unwire(&wire);

    wire = wired(200);
    ssize_t took, all = 0;
    while ((took = hostlock_write(wire.client, much + all, sizeof(much) - (size_t)all)) > 0)
        all += took;
    claim(took == HOSTLOCK_WANT_WRITE && hostlock_conn_drain_size(wire.client) <= (256u << 10), "what is not sent has a limit");
    while (carry(wire.client, wire.server, 500))
        ;
    claim(hostlock_write(wire.client, much + all, sizeof(much) - (size_t)all) > 0, "  until it is drained");
    claim(hostlock_read_all(wire.server, buffer, 1) == HOSTLOCK_E_STATE, "hostlock_read_all has nothing to wait for");
    unwire(&wire);

    wire = wired(200);
    size_t written = 0, more, arrived = 0;
    int answer = hostlock_write_many(wire.client, much, sizeof(much), &written);
    claim(answer == HOSTLOCK_WANT_WRITE && written > 16384 && written % 16384 == 0 && written < sizeof(much),
          "hostlock_write_many takes the records that there is room for");
    claim(hostlock_write(wire.client, much + written, 9) == HOSTLOCK_E_ARG, "  and one of the rest is under way");
    for (took = HOSTLOCK_WANT_READ; took == HOSTLOCK_WANT_READ && arrived < sizeof(much);) {
        while (carry(wire.client, wire.server, 500))
            ;
        while ((took = hostlock_read(wire.server, buffer, sizeof(buffer))) > 0)
            arrived += (size_t)took;
        if (answer == HOSTLOCK_WANT_WRITE) {
            answer = hostlock_write_many(wire.client, much + written, sizeof(much) - written, &more);
            written += more;
        }
    }
    claim(answer == 0 && written == sizeof(much) && arrived == written, "  with which it goes on; all arrives, and nothing twice");
    written = 9;
    claim(hostlock_write_many(wire.client, much, 5, NULL) == HOSTLOCK_E_ARG && hostlock_write_many(wire.client, NULL, 5, &written) == HOSTLOCK_E_ARG &&
              written == 0 && hostlock_write_many(NULL, much, 5, &written) == HOSTLOCK_E_ARG &&
              hostlock_write_many(wire.client, NULL, 0, &written) == 0,
          "  it needs a connection, data, and a place for how much");
    hostlock_conn_free(wire.client), wire.client = NULL;
    unwire(&wire);

    wire = wired(0);
    claim(hostlock_handshake(wire.client) == HOSTLOCK_WANT_READ && hostlock_conn_drain_size(wire.client) > 100 &&
              hostlock_conn_feed(wire.client, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) == 0 &&
              hostlock_handshake(wire.client) == HOSTLOCK_E_PLAINTEXT,
          "what is not TLS is said to be none");
    claim(hostlock_conn_feed(wire.server, "GET / HTTP/1.1\r\n\r\n", 18) == 0 && hostlock_handshake(wire.server) == HOSTLOCK_E_PLAINTEXT,
          "  on a server too");
    unwire(&wire);

    wire = wired(0);
    hostlock_conn_free(wire.server);
    wire.server = NULL;
    need(hostlock_ctx_set_timeout(wire.server_ctx, 400) == 0 && hostlock_accept_mem(wire.server_ctx, &wire.server) == 0, "a server");
    int left = -2;
    claim(hostlock_handshake(wire.server) == HOSTLOCK_WANT_READ && hostlock_conn_time_left(wire.server, &left) == 0 && left > 0 && left <= 400,
          "a handshake in memory has its time");
    usleep(410000);
    claim(hostlock_handshake(wire.server) == HOSTLOCK_E_TIMEOUT, "  which ends");
    unwire(&wire);

    wire = wired(0);
    hostlock_conn *conn = wire.client;
    claim(hostlock_connect_mem(wire.server_ctx, RIGHT_HOST, &conn) == HOSTLOCK_E_STATE && conn == NULL &&
              hostlock_accept_mem(wire.client_ctx, &conn) == HOSTLOCK_E_STATE,
          "the wrong context");
    claim(hostlock_connect_mem(wire.client_ctx, "a:b", &conn) == HOSTLOCK_E_BAD_HOST &&
              hostlock_connect_mem(wire.client_ctx, NULL, &conn) == HOSTLOCK_E_ARG &&
              hostlock_connect_mem(wire.client_ctx, RIGHT_HOST, NULL) == HOSTLOCK_E_ARG &&
              hostlock_accept_mem(NULL, &conn) == HOSTLOCK_E_ARG && hostlock_accept_mem(wire.server_ctx, NULL) == HOSTLOCK_E_ARG,
          "bad arguments");
    claim(hostlock_conn_feed(wire.client, NULL, 3) == HOSTLOCK_E_ARG && hostlock_conn_feed(NULL, "x", 1) == HOSTLOCK_E_ARG &&
              hostlock_conn_drain(wire.client, NULL, 3) == HOSTLOCK_E_ARG && hostlock_conn_drain(wire.client, buffer, 0) == HOSTLOCK_E_ARG &&
              hostlock_conn_drain_size(NULL) == 0,
          "  NULL and 0");
    SSL *raw = SSL_new(wire.client_ctx);
    claim(hostlock_conn_feed(raw, "x", 1) == HOSTLOCK_E_STATE && hostlock_conn_drain(raw, buffer, 1) == HOSTLOCK_E_STATE &&
              hostlock_conn_drain_size(raw) == 0,
          "  a connection that is not in memory");
    SSL_free(raw);
    unwire(&wire);
}

int main(void)
{
    in_memory();
    return finish();
}
