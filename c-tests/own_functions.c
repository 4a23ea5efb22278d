/*
 * hostlock_connect_io and hostlock_accept_io: the program's own functions carry the bytes. What each of their answers makes of
 * a call; one connection inside of another; and hostlock_conn_set_read_ahead, counted in calls of such a function.
 */
#define _DEFAULT_SOURCE
#include "own_server.h"
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One direction of a way that is no descriptor. */
struct queue { unsigned char bytes[1 << 18]; size_t from, to; };

/* One end of it. What `says` holds is answered in place of anything else, once; a function of `lies` answers more than it did. */
struct end {
    struct queue *in, *out;
    int reads, writes, ended, lies;
    ssize_t read_says, write_says;
    hostlock_conn *conn;
};

static ssize_t get(void *argument, void *buf, size_t len)
{
    struct end *end = argument;
    ssize_t says = end->read_says;
    end->reads++, end->read_says = 0;
    if (says != 0)
        return says;
    size_t there = end->in->to - end->in->from;
    if (there == 0)
        return end->ended ? 0 : HOSTLOCK_WANT_READ;
    size_t some = there < len ? there : len;
    memcpy(buf, end->in->bytes + end->in->from, some);
    end->in->from += some;
    return end->lies ? (ssize_t)len + 1 : (ssize_t)some;
}

static ssize_t put(void *argument, const void *buf, size_t len)
{
    struct end *end = argument;
    ssize_t says = end->write_says;
    end->writes++, end->write_says = 0;
    if (says != 0)
        return says == 1 << 30 ? 0 : says;
    if (end->out->from == end->out->to)
        end->out->from = end->out->to = 0;
    size_t room = sizeof(end->out->bytes) - end->out->to, some = len < room ? len : room;
    if (some == 0)
        return HOSTLOCK_WANT_WRITE;
    memcpy(end->out->bytes + end->out->to, buf, some);
    end->out->to += some;
    return end->lies ? (ssize_t)len + 1 : (ssize_t)some;
}

struct way {
    struct queue there, back;
    struct end client, server;
    hostlock_ctx *client_ctx, *server_ctx;
};

/* Two ends; `shaken` where their handshake is made as well. */
static struct way *way_new(int version, int shaken)
{
    struct way *way = calloc(1, sizeof(*way));
    need(way != NULL, "memory");
    way->client_ctx = client_context(), way->server_ctx = serving(identity(RIGHT));
    SSL_CTX_set_max_proto_version(way->server_ctx, version);
    way->client.out = way->server.in = &way->there, way->client.in = way->server.out = &way->back;
    need(hostlock_connect_io(way->client_ctx, RIGHT_HOST, get, put, &way->client, &way->client.conn) == 0, "hostlock_connect_io");
    need(hostlock_accept_io(way->server_ctx, get, put, &way->server, &way->server.conn) == 0, "hostlock_accept_io");
    int of_client = HOSTLOCK_WANT_READ, of_server = HOSTLOCK_WANT_READ;
    for (int turn = 0; shaken && turn < 20 && (of_client != 0 || of_server != 0); turn++) {
        of_client = hostlock_handshake(way->client.conn);
        of_server = hostlock_handshake(way->server.conn);
    }
    need(!shaken || (of_client == 0 && of_server == 0), "a handshake over functions");
    char byte;
    /* The tickets. */
    need(!shaken || hostlock_read(way->client.conn, &byte, 1) == HOSTLOCK_WANT_READ, "tickets");
    return way;
}

static void way_free(struct way *way)
{
    hostlock_conn_free(way->client.conn), hostlock_conn_free(way->server.conn);
    hostlock_ctx_free(way->client_ctx), hostlock_ctx_free(way->server_ctx);
    free(way);
}

static const char *last_words(void)
{
    return hostlock_error_message(hostlock_last_error());
}

static void a_conversation(int version)
{
    char buffer[64];
    struct way *way = way_new(version, 0);
    claim(way->client.reads + way->client.writes + way->server.reads + way->server.writes == 0, "%s: neither function is called before the handshake",
          version_name(version));
    way_free(way);
    way = way_new(version, 1);
    claim(strcmp(hostlock_conn_verified_host(way->client.conn), RIGHT_HOST) == 0, "  the host is verified");
    claim(hostlock_write(way->client.conn, "ping", 4) == 4 && hostlock_read(way->server.conn, buffer, 64) == 4 &&
              hostlock_write_all(way->server.conn, "pong!", 5) == 5 && hostlock_read_all(way->client.conn, buffer, 5) == 5 &&
              memcmp(buffer, "pong!", 5) == 0,
          "  bytes go there and back");
    int fd = 3;
    claim(hostlock_conn_fd(way->client.conn, &fd) == HOSTLOCK_E_STATE && fd == -1, "  there is no descriptor");
    claim(hostlock_read_all(way->client.conn, buffer, 5) == HOSTLOCK_E_STATE && hostlock_read(way->client.conn, buffer, 5) == HOSTLOCK_WANT_READ,
          "  hostlock_read_all has nothing to wait for, and the connection lives");
    claim(hostlock_shutdown(way->client.conn) == 0 && hostlock_read(way->server.conn, buffer, 1) == 0 &&
              hostlock_write(way->server.conn, "late", 4) == 4 && hostlock_read(way->client.conn, buffer, 64) == 4,
          "  half of it may be closed");
    way->client.ended = 1;
    claim(hostlock_read(way->client.conn, buffer, 1) == HOSTLOCK_E_TRUNCATED, "  an end without a goodbye is a cut");
    way_free(way);
}

/* What the functions say, what the call answers then, and what the same call answers when it is made again. */
static void answers(void)
{
    enum { READ, WRITE, SHAKE } ;
    static const struct { int call, of_write; ssize_t says, answer, again; const char *part; } rows[] = {
        {READ, 0, HOSTLOCK_WANT_READ, HOSTLOCK_WANT_READ, 4, NULL},
        {READ, 0, HOSTLOCK_WANT_WRITE, HOSTLOCK_WANT_WRITE, 4, NULL},
        {READ, 0, HOSTLOCK_E_TIMEOUT, HOSTLOCK_E_TIMEOUT, 4, "own read function"},
        {READ, 0, HOSTLOCK_E_INTERRUPTED, HOSTLOCK_E_INTERRUPTED, 4, "own read function"},
        {READ, 0, HOSTLOCK_E_IO, HOSTLOCK_E_IO, HOSTLOCK_E_IO, "HOSTLOCK_E_IO"},
        {READ, 0, HOSTLOCK_E_CLOSED, HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED, "closed"},
        {READ, 0, HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED, NULL},
        {READ, 0, -12345, HOSTLOCK_E_IO, HOSTLOCK_E_IO, "answered -12345"},
        {READ, 0, 70000, HOSTLOCK_E_IO, HOSTLOCK_E_IO, "answered 70000 for 5 bytes"},
        {WRITE, 1, HOSTLOCK_WANT_READ, HOSTLOCK_WANT_READ, 4, NULL},
        {WRITE, 1, HOSTLOCK_WANT_WRITE, HOSTLOCK_WANT_WRITE, 4, NULL},
        {WRITE, 1, HOSTLOCK_E_TIMEOUT, HOSTLOCK_E_TIMEOUT, 4, "own write function"},
        {WRITE, 1, HOSTLOCK_E_INTERRUPTED, HOSTLOCK_E_INTERRUPTED, 4, "own write function"},
        {WRITE, 1, HOSTLOCK_E_ARG, HOSTLOCK_E_IO, HOSTLOCK_E_IO, "HOSTLOCK_E_ARG"},
        {WRITE, 1, HOSTLOCK_E_CLOSED, HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED, "closed"},
        {WRITE, 1, HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED, "closed"},
        {WRITE, 1, 1 << 30, HOSTLOCK_E_IO, HOSTLOCK_E_IO, "answered 0 for"},
        {WRITE, 1, 70000, HOSTLOCK_E_IO, HOSTLOCK_E_IO, "answered 70000 for"},
        {SHAKE, 0, HOSTLOCK_WANT_WRITE, HOSTLOCK_WANT_WRITE, HOSTLOCK_WANT_READ, NULL},
        {SHAKE, 1, HOSTLOCK_WANT_READ, HOSTLOCK_WANT_READ, HOSTLOCK_WANT_READ, NULL},
        {SHAKE, 1, HOSTLOCK_E_INTERRUPTED, HOSTLOCK_E_INTERRUPTED, HOSTLOCK_WANT_READ, NULL},
        {SHAKE, 1, HOSTLOCK_E_TIMEOUT, HOSTLOCK_E_TIMEOUT, HOSTLOCK_E_TIMEOUT, NULL},
        {SHAKE, 0, -9, HOSTLOCK_E_IO, HOSTLOCK_E_IO, "HOSTLOCK_E_FROZEN"},
        {SHAKE, 1, -9, HOSTLOCK_E_IO, HOSTLOCK_E_IO, "HOSTLOCK_E_FROZEN"},
        {SHAKE, 0, HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED, NULL},
    };
    for (int version = 0; version < 2; version++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            char buffer[8];
            ssize_t got[2];
            struct way *way = way_new(both_versions[version], rows[i].call != SHAKE);
            hostlock_conn *conn = way->client.conn;
            need(rows[i].call == SHAKE || hostlock_write(way->server.conn, "pong", 4) == 4, "hostlock_write");
            *(rows[i].of_write ? &way->client.write_says : &way->client.read_says) = rows[i].says;
            const char *words = "";
            for (int n = 0; n < 2; n++) {
                got[n] = rows[i].call == READ    ? hostlock_read(conn, buffer, 8)
                         : rows[i].call == WRITE ? hostlock_write(conn, "ping", 4)
                                                 : hostlock_handshake(conn);
                if (n == 0 && rows[i].part != NULL)
                    words = last_words();
                if (n == 0 && rows[i].part != NULL && strstr(words, rows[i].part) == NULL)
                    note("%s", words);
                if (n == 0)
                    words = rows[i].part == NULL || strstr(words, rows[i].part) != NULL ? "right" : "wrong";
            }
            claim(got[0] == rows[i].answer && got[1] == rows[i].again && strcmp(words, "right") == 0,
                  "%s: %s, whose %s function says %zd: %zd, and then %zd", version_name(both_versions[version]),
                  rows[i].call == READ ? "a read" : rows[i].call == WRITE ? "a write" : "a handshake", rows[i].of_write ? "write" : "read",
                  rows[i].says, rows[i].answer, rows[i].again);
            if (got[0] != rows[i].answer || got[1] != rows[i].again)
                note("%zd, %zd: %s", got[0], got[1], last_words());
            way_free(way);
        }
}

static void bad_use(void)
{
    struct way *way = way_new(TLS1_3_VERSION, 0);
    hostlock_conn *conn = way->client.conn;
    claim(hostlock_connect_io(way->server_ctx, RIGHT_HOST, get, put, NULL, &conn) == HOSTLOCK_E_STATE && conn == NULL &&
              hostlock_accept_io(way->client_ctx, get, put, NULL, &conn) == HOSTLOCK_E_STATE,
          "the wrong context");
    claim(hostlock_connect_io(NULL, RIGHT_HOST, get, put, NULL, &conn) == HOSTLOCK_E_ARG &&
              hostlock_connect_io(way->client_ctx, NULL, get, put, NULL, &conn) == HOSTLOCK_E_ARG &&
              hostlock_connect_io(way->client_ctx, "a:b", get, put, NULL, &conn) == HOSTLOCK_E_BAD_HOST &&
              hostlock_connect_io(way->client_ctx, RIGHT_HOST, NULL, put, NULL, &conn) == HOSTLOCK_E_ARG &&
              hostlock_connect_io(way->client_ctx, RIGHT_HOST, get, NULL, NULL, &conn) == HOSTLOCK_E_ARG &&
              hostlock_connect_io(way->client_ctx, RIGHT_HOST, get, put, NULL, NULL) == HOSTLOCK_E_ARG,
          "bad arguments of hostlock_connect_io");
    claim(hostlock_accept_io(NULL, get, put, NULL, &conn) == HOSTLOCK_E_ARG &&
              hostlock_accept_io(way->server_ctx, NULL, put, NULL, &conn) == HOSTLOCK_E_ARG &&
              hostlock_accept_io(way->server_ctx, get, NULL, NULL, &conn) == HOSTLOCK_E_ARG &&
              hostlock_accept_io(way->server_ctx, get, put, NULL, NULL) == HOSTLOCK_E_ARG,
          "  and of hostlock_accept_io");
    claim(hostlock_conn_feed(way->client.conn, "x", 1) == HOSTLOCK_E_STATE && hostlock_conn_drain_size(way->client.conn) == 0,
          "it is no connection in memory");
    claim(hostlock_conn_set_read_ahead(NULL, 1) == HOSTLOCK_E_ARG && hostlock_conn_set_read_ahead(way->client.conn, 2) == HOSTLOCK_E_ARG &&
              hostlock_conn_set_read_ahead(way->client.conn, -1) == HOSTLOCK_E_ARG,
          "bad arguments of hostlock_conn_set_read_ahead");
    SSL_CTX *strangers = SSL_CTX_new(TLS_client_method());
    SSL *stranger = SSL_new(strangers);
    claim(hostlock_conn_set_read_ahead(stranger, 1) == HOSTLOCK_E_STATE && SSL_get_read_ahead(stranger) == 0, "  nobody's connection");
    SSL_free(stranger), SSL_CTX_free(strangers);
    memcpy(way->back.bytes, "HTTP/1.1 400 Bad Request\r\n\r\n", way->back.to = 28);
    claim(hostlock_handshake(way->client.conn) == HOSTLOCK_E_PLAINTEXT, "what is not TLS is said to be none");
    way_free(way);

    way = way_new(TLS1_3_VERSION, 0);
    int left = -2;
    need(hostlock_conn_set_timeout(way->server.conn, 400) == 0, "hostlock_conn_set_timeout");
    claim(hostlock_handshake(way->server.conn) == HOSTLOCK_WANT_READ && hostlock_conn_time_left(way->server.conn, &left) == 0 && left > 0 &&
              left <= 400,
          "a handshake has its time");
    usleep(410000);
    int before = way->server.reads;
    claim(hostlock_handshake(way->server.conn) == HOSTLOCK_E_TIMEOUT && way->server.reads == before, "  which ends, and then nothing is read");
    way_free(way);
}

/* Functions that wait, over a socket that does, and a peer that dribbles: the time is looked at between its bytes. */
static ssize_t get_waiting(void *argument, void *buf, size_t len)
{
    ssize_t got = recv(*(int *)argument, buf, len, 0);
    return got >= 0 ? got : HOSTLOCK_E_IO;
}

static ssize_t put_waiting(void *argument, const void *buf, size_t len)
{
    ssize_t sent = send(*(int *)argument, buf, len, MSG_NOSIGNAL);
    return sent >= 0 ? sent : HOSTLOCK_E_IO;
}

static void *dribble(void *argument)
{
    int fd = *(int *)argument;
    static const unsigned char head[] = {22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
    for (int i = 0; i < 100; i++) {
        if (send(fd, head + (i < 11 ? i : 0), 1, MSG_NOSIGNAL) != 1)
            break;
        usleep(20000);
    }
    return NULL;
}

static void *shake_waiting(void *argument)
{
    struct end *end = argument;
    end->reads = hostlock_handshake(end->conn);
    return NULL;
}

static void waiting(void)
{
    int pair[2];
    char buffer[200];
    pthread_t thread;
    hostlock_ctx *client_ctx = client_context(), *server_ctx = serving(identity(RIGHT));
    struct end client = {0}, server = {0};
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    need(hostlock_connect_io(client_ctx, RIGHT_HOST, get_waiting, put_waiting, &pair[0], &client.conn) == 0 &&
             hostlock_accept_io(server_ctx, get_waiting, put_waiting, &pair[1], &server.conn) == 0 &&
             pthread_create(&thread, NULL, shake_waiting, &server) == 0,
         "two ends");
    int status = hostlock_handshake(client.conn);
    pthread_join(thread, NULL);
    claim(status == 0 && server.reads == 0, "functions that wait never answer \"want\"");
    claim(hostlock_write_all(client.conn, "0123456789", 10) == 10 && hostlock_read_all(server.conn, buffer, 4) == 4 &&
              hostlock_read_all(server.conn, buffer, 6) == 6 && memcmp(buffer, "456789", 6) == 0,
          "  and hostlock_read_all may be used");

    /* One connection inside of another. */
    hostlock_conn *outer[2] = {client.conn, server.conn};
    struct end inner_client = {0}, inner_server = {0};
    ssize_t (*read)(void *, void *, size_t) = (ssize_t (*)(void *, void *, size_t))hostlock_read;
    ssize_t (*write)(void *, const void *, size_t) = (ssize_t (*)(void *, const void *, size_t))hostlock_write;
    need(hostlock_connect_io(client_ctx, RIGHT_HOST, read, write, outer[0], &inner_client.conn) == 0 &&
             hostlock_accept_io(server_ctx, read, write, outer[1], &inner_server.conn) == 0 &&
             pthread_create(&thread, NULL, shake_waiting, &inner_server) == 0,
         "two inner ends");
    status = hostlock_handshake(inner_client.conn);
    pthread_join(thread, NULL);
    claim(status == 0 && inner_server.reads == 0 && hostlock_write_all(inner_client.conn, "inside", 6) == 6 &&
              hostlock_read_all(inner_server.conn, buffer, 6) == 6 && memcmp(buffer, "inside", 6) == 0,
          "one connection runs inside of another");
    need(hostlock_shutdown(outer[0]) == 0, "hostlock_shutdown");
    claim(hostlock_read(inner_server.conn, buffer, 6) == HOSTLOCK_E_TRUNCATED, "  whose goodbye is none of its own");
    hostlock_conn_free(inner_client.conn), hostlock_conn_free(inner_server.conn);
    hostlock_conn_free(client.conn), hostlock_conn_free(server.conn);
    close(pair[0]), close(pair[1]);

    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pthread_create(&thread, NULL, dribble, &pair[0]) == 0 &&
             hostlock_accept_io(server_ctx, get_waiting, put_waiting, &pair[1], &server.conn) == 0 &&
             hostlock_conn_set_timeout(server.conn, 100) == 0,
         "a peer that dribbles");
    claim(hostlock_handshake(server.conn) == HOSTLOCK_E_TIMEOUT, "a peer that dribbles holds up no handshake beyond its time");
    hostlock_conn_free(server.conn);
    close(pair[1]);
    pthread_join(thread, NULL);
    close(pair[0]);
    hostlock_ctx_free(client_ctx), hostlock_ctx_free(server_ctx);
}

static void read_ahead(int version)
{
    char buffer[200], record[100] = "x";
    int reads[2];
    for (int on = 0; on < 2; on++) {
        struct way *way = way_new(version, 1);
        need(hostlock_conn_set_read_ahead(way->server.conn, on) == 0, "hostlock_conn_set_read_ahead");
        for (int i = 0; i < 50; i++)
            need(hostlock_write(way->client.conn, record, 100) == 100, "hostlock_write");
        need(hostlock_shutdown(way->client.conn) == 0, "hostlock_shutdown");
        int before = way->server.reads, records = 0;
        ssize_t got;
        /* By 100 bytes: read-ahead gives as many records at once as there is room for (read_ahead.c). */
        need(hostlock_read(way->server.conn, buffer, 100) == 100, "hostlock_read");
        if (on)
            claim(way->there.from == way->there.to && hostlock_pending(way->server.conn) == 0,
                  "%s: with read-ahead a poll after one read would wait for ever: nothing is on the way and nothing pending", version_name(version));
        for (records = 1; (got = hostlock_read(way->server.conn, buffer, 100)) == 100; records++)
            ;
        claim(records == 50 && got == 0, "%s: who reads on has all of it, the goodbye included, with read-ahead %s", version_name(version),
              on ? "on" : "off");
        reads[on] = way->server.reads - before;
        way_free(way);
    }
    claim(reads[0] >= 100 && reads[1] <= 3, "%s: 51 records take %d reads of the network, and %d with read-ahead", version_name(version), reads[0],
          reads[1]);
    struct way *way = way_new(version, 1);
    need(hostlock_conn_set_read_ahead(way->server.conn, 1) == 0 && hostlock_write(way->client.conn, record, 100) == 100 &&
             hostlock_write(way->client.conn, record, 100) == 100 && hostlock_read(way->server.conn, buffer, 100) == 100,
         "two records");
    claim(hostlock_conn_set_read_ahead(way->server.conn, 0) == 0 && hostlock_read(way->server.conn, buffer, 200) == 100 &&
              hostlock_read(way->server.conn, buffer, 200) == HOSTLOCK_WANT_READ,
          "%s: turned off, it loses nothing", version_name(version));
    way_free(way);
}

int main(void)
{
    for (int i = 0; i < 2; i++)
        a_conversation(both_versions[i]);
    answers();
    bad_use();
    waiting();
    for (int i = 0; i < 2; i++)
        read_ahead(both_versions[i]);
    return finish();
}
