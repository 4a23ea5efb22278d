/*
 * With read-ahead one hostlock_read takes every record that has arrived, by one look at the network. What came behind the
 * data, a goodbye, a cut, an alert, nonsense, new keys, is told by the next call, and exactly as it is told without read-ahead:
 * each conversation is held twice, over each way of moving bytes.
 */
#define _DEFAULT_SOURCE
#include "own_server.h"
#include "support.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

enum { RECORD = 100, RECORDS = 20, ROOM = 16384, CALLS = 200 };

enum model { NONBLOCKING, BLOCKING, MEMORY, FUNCTIONS, MODELS };
static const char *const model_names[MODELS] = {"non-blocking", "blocking", "memory", "functions"};

/* What follows on the first records. */
enum story { NOTHING, GOODBYE, CUT, HALF_AND_CUT, HALF, CORRUPT, ALERT, PLAIN_TEXT, NEW_KEYS, TICKET, HELLO_REQUEST, STORIES };
static const char *const story_names[STORIES] = {"nothing", "a goodbye", "a cut", "half a record and a cut", "half a record",
                                                 "a corrupt record", "a fatal alert", "plain text", "new keys and data", "a ticket and data",
                                                 "a request to renegotiate, and data"};

static int is_told(enum story story, int version)
{
    return story == HELLO_REQUEST ? version == TLS1_2_VERSION : (story != NEW_KEYS && story != TICKET) || version == TLS1_3_VERSION;
}

struct peer {
    enum model model;
    int pair[2], reads, ended, next;
    unsigned char in[1 << 16];
    size_t in_from, in_to;
    hostlock_ctx *ctx, *server_ctx;
    hostlock_conn *conn, *server;
    char events[2048];
};

static ssize_t get(void *argument, void *buf, size_t len)
{
    struct peer *peer = argument;
    size_t there = peer->in_to - peer->in_from, some = there < len ? there : len;
    peer->reads++;
    if (some == 0)
        return peer->ended ? 0 : HOSTLOCK_WANT_READ;
    memcpy(buf, peer->in + peer->in_from, some);
    peer->in_from += some;
    return (ssize_t)some;
}

static ssize_t put(void *argument, const void *buf, size_t len)
{
    struct peer *peer = argument;
    return send(peer->pair[0], buf, len, MSG_NOSIGNAL);
}

static void hear(hostlock_conn *conn, const char *kind, const char *text, void *argument)
{
    struct peer *peer = argument;
    size_t used = strlen(peer->events);
    (void)conn;
    snprintf(peer->events + used, sizeof peer->events - used, "%s: %s\n", kind, text);
}

/* To the client, by its own way. */
static void deliver(struct peer *peer, const unsigned char *bytes, size_t len)
{
    if (peer->model == MEMORY)
        need(len == 0 || hostlock_conn_feed(peer->conn, bytes, len) == 0, "hostlock_conn_feed");
    else if (peer->model == FUNCTIONS)
        memcpy(peer->in + peer->in_to, bytes, len), peer->in_to += len;
    else
        need(send(peer->pair[1], bytes, len, MSG_NOSIGNAL) == (ssize_t)len, "send");
}

static void end(struct peer *peer)
{
    if (peer->model == MEMORY)
        need(hostlock_conn_feed(peer->conn, NULL, 0) == 0, "the end");
    else if (peer->model == FUNCTIONS)
        peer->ended = 1;
    else
        shutdown(peer->pair[1], SHUT_WR);
}

/* What the client has sent goes to the server. */
static void take_to_server(struct peer *peer)
{
    unsigned char bytes[8192];
    ssize_t some;
    while (peer->model == MEMORY && (some = hostlock_conn_drain(peer->conn, bytes, sizeof bytes)) > 0)
        need(hostlock_conn_feed(peer->server, bytes, (size_t)some) == 0, "hostlock_conn_feed");
    while (peer->model != MEMORY && (some = recv(peer->pair[1], bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        need(hostlock_conn_feed(peer->server, bytes, (size_t)some) == 0, "hostlock_conn_feed");
}

/* What the server has to send. */
static size_t of_server(struct peer *peer, unsigned char *bytes, size_t room)
{
    ssize_t some = hostlock_conn_drain(peer->server, bytes, room);
    return some > 0 ? (size_t)some : 0;
}

static struct peer *meet(enum model model, int version, int ahead)
{
    struct peer *peer = calloc(1, sizeof *peer);
    unsigned char bytes[16384], byte;
    need(peer != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, peer->pair) == 0 && fcntl(peer->pair[0], F_SETFL, O_NONBLOCK) == 0, "a peer");
    peer->model = model, peer->ctx = client_context(), peer->server_ctx = serving(identity(RIGHT));
    SSL_CTX_set_max_proto_version(peer->server_ctx, version);
    need(hostlock_ctx_set_on_event(peer->ctx, hear, peer) == 0, "hostlock_ctx_set_on_event");
    if (model == MEMORY)
        need(hostlock_connect_mem(peer->ctx, RIGHT_HOST, &peer->conn) == 0, "hostlock_connect_mem");
    else if (model == FUNCTIONS)
        need(hostlock_connect_io(peer->ctx, RIGHT_HOST, get, put, peer, &peer->conn) == 0, "hostlock_connect_io");
    else
        need(hostlock_connect_fd(peer->ctx, peer->pair[0], RIGHT_HOST, &peer->conn) == 0, "hostlock_connect_fd");
    need(hostlock_accept_mem(peer->server_ctx, &peer->server) == 0, "hostlock_accept_mem");
    int done[2] = {-1, -1};
    for (int turn = 0; turn < 20 && (done[0] != 0 || done[1] != 0); turn++) {
        done[0] = hostlock_handshake(peer->conn);
        take_to_server(peer);
        done[1] = hostlock_handshake(peer->server);
        deliver(peer, bytes, of_server(peer, bytes, sizeof bytes));
    }
    need(done[0] == 0 && done[1] == 0 && hostlock_read(peer->conn, &byte, 1) == HOSTLOCK_WANT_READ, "a handshake");
    need(hostlock_conn_set_read_ahead(peer->conn, ahead) == 0, "hostlock_conn_set_read_ahead");
    if (model == BLOCKING)
        need(fcntl(peer->pair[0], F_SETFL, 0) == 0 && hostlock_conn_set_timeout(peer->conn, 50) == 0, "a blocking descriptor");
    peer->reads = 0;
    return peer;
}

static void part(struct peer *peer)
{
    hostlock_conn_free(peer->conn), hostlock_conn_free(peer->server);
    hostlock_ctx_free(peer->ctx), hostlock_ctx_free(peer->server_ctx);
    close(peer->pair[0]), close(peer->pair[1]);
    free(peer);
}

static void say(struct peer *peer, int records)
{
    char record[RECORD];
    for (int i = 0; i < records; i++) {
        memset(record, peer->next++, sizeof record);
        need(hostlock_write(peer->server, record, sizeof record) == sizeof record, "hostlock_write");
    }
}

/* Records, and what follows on them; at once. */
static void tell(struct peer *peer, enum story story)
{
    static const unsigned char nonsense[] = {23, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
    unsigned char bytes[1 << 15], byte;
    say(peer, RECORDS);
    size_t of_records = of_server(peer, bytes, sizeof bytes);
    switch (story) {
    case GOODBYE:
        need(hostlock_shutdown(peer->server) == 0, "hostlock_shutdown");
        break;
    case HALF_AND_CUT: case HALF: case CORRUPT:
        say(peer, 1);
        break;
    case ALERT:
        need(hostlock_conn_feed(peer->server, nonsense, sizeof nonsense) == 0 && hostlock_read(peer->server, &byte, 1) < -2, "an alert");
        break;
    case PLAIN_TEXT:
        memcpy(bytes + of_records, "HTTP/1.0 400 Bad Request\r\n\r\n", 28);
        of_records += 28;
        break;
    case NEW_KEYS:
        need(SSL_key_update(peer->server, SSL_KEY_UPDATE_REQUESTED) == 1, "SSL_key_update");
        say(peer, RECORDS);
        break;
    case TICKET:
        need(SSL_new_session_ticket(peer->server) == 1, "SSL_new_session_ticket");
        say(peer, RECORDS);
        break;
    case HELLO_REQUEST:
        SSL_clear_options(peer->server, SSL_OP_NO_RENEGOTIATION);
        need(SSL_renegotiate(peer->server) == 1 && SSL_do_handshake(peer->server) == 1, "SSL_renegotiate");
        say(peer, RECORDS);
        break;
    default:
        break;
    }
    size_t of_story = of_server(peer, bytes + of_records, sizeof bytes - of_records);
    if (story == HALF || story == HALF_AND_CUT)
        of_story /= 2;
    if (story == CORRUPT)
        bytes[of_records + of_story - 1] ^= 1;
    deliver(peer, bytes, of_records + of_story);
    if (story == CUT || story == HALF_AND_CUT)
        end(peer);
}

/* What a program saw of it. */
struct seen {
    char data[1 << 14], words[8192];
    size_t length;
    int calls, early;
    ssize_t first;
};

/* Bytes from and to the network so far, where the connection still tells; a signature's length varies, so only what is added
 * counts. */
static void moved(struct peer *peer, long *received, long *sent)
{
    char *info = hostlock_conn_info(peer->conn);
    if (info == NULL)
        return;
    need(sscanf(strstr(info, "\"bytes_received\":"), "\"bytes_received\":%ld,\"bytes_sent\":%ld", received, sent) == 2,
         "hostlock_conn_info");
    hostlock_string_free(info);
}

static void add(struct seen *seen, const char *what, ssize_t answer)
{
    size_t used = strlen(seen->words);
    snprintf(seen->words + used, sizeof seen->words - used, "%s %zd: %s\n", what, answer,
             answer < -2 ? hostlock_error_message(hostlock_last_error()) : "");
}

static void live(struct peer *peer, size_t room, struct seen *seen)
{
    char buffer[ROOM];
    memset(seen, 0, sizeof *seen);
    peer->events[0] = '\0';
    need(hostlock_conn_set_timeout(peer->conn, -1) == HOSTLOCK_E_ARG, "an error before");
    long before[2], after[2];
    ssize_t got;
    moved(peer, &before[0], &before[1]);
    memcpy(after, before, sizeof after);
    ERR_clear_error();
    while ((got = hostlock_read(peer->conn, buffer, room)) > 0 && seen->calls++ < CALLS) {
        if (seen->calls == 1)
            seen->first = got;
        memcpy(seen->data + seen->length, buffer, (size_t)got);
        seen->length += (size_t)got;
        seen->early += hostlock_error_status(hostlock_last_error()) != HOSTLOCK_E_ARG || hostlock_conn_error(peer->conn) != NULL || ERR_peek_error() != 0;
    }
    add(seen, "read", got);
    /* Of a timeout, which ends nothing, the queue may tell or not. */
    int on_queue = got != HOSTLOCK_E_TIMEOUT && ERR_peek_error() != 0;
    add(seen, "again", hostlock_read(peer->conn, buffer, room));
    add(seen, "write", hostlock_write(peer->conn, "x", 1));
    add(seen, "shutdown", hostlock_shutdown(peer->conn));
    moved(peer, &after[0], &after[1]);
    const hostlock_error *error = hostlock_conn_error(peer->conn);
    size_t used = strlen(seen->words);
    snprintf(seen->words + used, sizeof seen->words - used, "queue %d\nreceived %ld, sent %ld\nerror %s\nevents %s", on_queue,
             after[0] - before[0], after[1] - before[1], error != NULL ? hostlock_error_message(error) : "none", peer->events);
    take_to_server(peer);
    char byte = 0;
    add(seen, "the server reads", hostlock_read(peer->server, &byte, 1));
    add(seen, "and", hostlock_read(peer->server, &byte, 1));
}

static void told_twice(enum model model, int version, enum story story, size_t room)
{
    struct seen *seen = calloc(2, sizeof *seen);
    size_t expected = RECORD * (RECORDS + (story >= NEW_KEYS ? RECORDS : 0));
    need(seen != NULL, "memory");
    for (int ahead = 0; ahead < 2; ahead++) {
        struct peer *peer = meet(model, version, ahead);
        tell(peer, story);
        live(peer, room, &seen[ahead]);
        part(peer);
    }
    size_t full = room < RECORD * RECORDS ? room : RECORD * RECORDS;
    claim(seen[0].first == (ssize_t)(room < RECORD ? room : RECORD) && seen[1].first >= (ssize_t)full,
          "%s, %s, %s, by %zu bytes: the first read gives all that came (%zd, %zd without read-ahead)", model_names[model],
          version_name(version), story_names[story], room, seen[1].first, seen[0].first);
    int holds = seen[0].length == expected && seen[1].length == expected && memcmp(seen[0].data, seen[1].data, expected) == 0;
    claim(holds, "  every byte, once and in order (%zu, %zu of %zu)", seen[0].length, seen[1].length, expected);
    holds = seen[1].early == 0 && strcmp(seen[0].words, seen[1].words) == 0;
    claim(holds, "  the rest is told afterwards, and as without read-ahead");
    if (!holds)
        note("early %d; without:\n%s\nwith:\n%s", seen[1].early, seen[0].words, seen[1].words);
    free(seen);
}

static void half_a_record_waits_for_its_other_half(enum model model, int version)
{
    struct peer *peer = meet(model, version, 1);
    unsigned char bytes[1 << 14];
    char buffer[ROOM];
    say(peer, 3);
    size_t len = of_server(peer, bytes, sizeof bytes);
    deliver(peer, bytes, len - 50);
    ssize_t first = hostlock_read(peer->conn, buffer, ROOM), then = hostlock_read(peer->conn, buffer, ROOM);
    deliver(peer, bytes + len - 50, 50);
    ssize_t last = hostlock_read(peer->conn, buffer, ROOM);
    int waited = model == BLOCKING ? HOSTLOCK_E_TIMEOUT : HOSTLOCK_WANT_READ;
    claim(first == 2 * RECORD && then == waited && last == RECORD, "%s, %s: half a record waits for its other half (%zd, %zd, %zd)",
          model_names[model], version_name(version), first, then, last);
    part(peer);
}

static void the_network_is_looked_at_once(int version)
{
    struct peer *peer = meet(FUNCTIONS, version, 1);
    char buffer[ROOM];
    tell(peer, NOTHING);
    ssize_t got = hostlock_read(peer->conn, buffer, ROOM);
    claim(got == RECORD * RECORDS && peer->reads == 1, "%s: %d records take one call of hostlock_read, and one of the network's (%d)",
          version_name(version), RECORDS, peer->reads);
    claim(hostlock_read(peer->conn, buffer, ROOM) == HOSTLOCK_WANT_READ && peer->reads == 2, "  the next call looks again");
    part(peer);
}

/* A program that gives its SSL a descriptor itself has OpenSSL's own transport, and one record a call. */
static void other_transports_are_left_alone(int version)
{
    struct peer *peer = meet(MEMORY, version, 0);
    int pair[2];
    char buffer[ROOM];
    SSL *client = client_connection(peer->ctx, RIGHT_HOST), *server = SSL_new(peer->server_ctx);
    need(client != NULL && server != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "two ends");
    SSL_set_fd(client, pair[0]), SSL_set_fd(server, pair[1]);
    for (int i = 0; i < 2; i++)
        need(fcntl(pair[i], F_SETFL, O_NONBLOCK) == 0, "O_NONBLOCK");
    SSL_set_accept_state(server);
    for (int turn = 0; turn < 20; turn++)
        (void)!hostlock_handshake(client), (void)!hostlock_handshake(server);
    need(hostlock_conn_set_read_ahead(client, 1) == 0, "hostlock_conn_set_read_ahead");
    memset(buffer, 1, sizeof buffer);
    for (int i = 0; i < 3; i++)
        need(SSL_write(server, buffer, RECORD) == RECORD, "SSL_write");
    int holds = 1;
    for (int i = 0; i < 3; i++)
        holds &= hostlock_read(client, buffer, ROOM) == RECORD;
    claim(holds && hostlock_read(client, buffer, ROOM) == HOSTLOCK_WANT_READ, "%s: over SSL_set_fd each call gives a record",
          version_name(version));
    SSL_free(client), SSL_free(server);
    close(pair[0]), close(pair[1]);
    part(peer);
}

int main(void)
{
    for (int i = first_version(); i < 2; i++) {
        int version = both_versions[i];
        the_network_is_looked_at_once(version);
        other_transports_are_left_alone(version);
        for (int model = 0; model < MODELS; model++) {
            half_a_record_waits_for_its_other_half(model, version);
            for (int story = 0; story < STORIES; story++)
                if (is_told(story, version)) {
                    told_twice(model, version, story, ROOM);
                    told_twice(model, version, story, 250);
                }
        }
    }
    return finish();
}
