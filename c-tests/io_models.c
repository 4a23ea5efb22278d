/*
 * Each way of moving a connection's bytes against each other: a blocking descriptor, a non-blocking one, memory, and functions
 * of the program's, which wait or do not; with read-ahead on one side. Random portions, key updates, signals, write buffers
 * that move, half-closed connections: every byte arrives, once and in order. And reads that fill a buffer, and the time that
 * each connection has.
 */
#define _DEFAULT_SOURCE
#include "own_server.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum model { BLOCKING, NONBLOCKING, MEMORY, FUNCTIONS, WAITING_FUNCTIONS, MODELS };
static const char *const model_names[MODELS] = {"blocking", "non-blocking", "memory", "functions", "waiting functions"};

struct end {
    enum model model;
    int serves, fd, sent_end, failed, read_ahead, writes_many;
    hostlock_ctx *ctx;
    hostlock_conn *conn;
    size_t total, portion;
    uint32_t seed;
    long last;
};

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void wait_for(struct end *end, short what)
{
    struct pollfd wish = {end->fd, what, 0};
    while (poll(&wish, 1, 20000) < 0 && errno == EINTR)
        ;
}

/* What an event loop does for a connection in memory. */
static void pump(struct end *end, int waits)
{
    char buffer[5000];
    ssize_t got;
    while ((got = hostlock_conn_drain(end->conn, buffer, 1 + next(&end->seed) % sizeof(buffer))) > 0)
        for (ssize_t sent = 0; sent < got;) {
            ssize_t some = send(end->fd, buffer + sent, (size_t)(got - sent), MSG_NOSIGNAL);
            if (some < 0 && errno != EAGAIN && errno != EINTR)
                return;
            if (some < 0)
                wait_for(end, POLLOUT);
            else
                sent += some;
        }
    if (!waits)
        return;
    wait_for(end, POLLIN);
    got = recv(end->fd, buffer, 1 + next(&end->seed) % sizeof(buffer), 0);
    if (got >= 0 && !end->sent_end)
        need(hostlock_conn_feed(end->conn, buffer, (size_t)got) == 0, "hostlock_conn_feed");
    end->sent_end |= got == 0;
}

/* Any part of what is there or fits, and now and then none of it. */
static ssize_t receive(void *argument, void *buf, size_t len)
{
    struct end *end = argument;
    int waits = end->model == WAITING_FUNCTIONS;
    if (!waits && next(&end->seed) % 16 == 0)
        return HOSTLOCK_WANT_READ;
    size_t most = next(&end->seed) % 4 == 0 ? 1 + next(&end->seed) % len : len;
    ssize_t got;
    do
        got = recv(end->fd, buf, most, 0);
    while (got < 0 && errno == EINTR);
    return got >= 0 ? got : errno == EAGAIN ? HOSTLOCK_WANT_READ : HOSTLOCK_E_IO;
}

static ssize_t transmit(void *argument, const void *buf, size_t len)
{
    struct end *end = argument;
    int waits = end->model == WAITING_FUNCTIONS;
    if (!waits && next(&end->seed) % 16 == 0)
        return HOSTLOCK_WANT_WRITE;
    size_t most = next(&end->seed) % 4 == 0 ? 1 + next(&end->seed) % len : len;
    ssize_t sent;
    do
        sent = send(end->fd, buf, most, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 ? sent : errno == EAGAIN ? HOSTLOCK_WANT_WRITE : HOSTLOCK_E_IO;
}

/* Whether the call is to be made again, when it can be. */
static int again(struct end *end, long answer)
{
    end->last = answer;
    if (answer != HOSTLOCK_WANT_READ && answer != HOSTLOCK_WANT_WRITE) {
        if (end->model == MEMORY)
            pump(end, 0);
        return 0;
    }
    if (end->model == MEMORY)
        pump(end, answer == HOSTLOCK_WANT_READ);
    else
        wait_for(end, answer == HOSTLOCK_WANT_READ ? POLLIN : POLLOUT);
    return 1;
}

/* Some of what is behind `done`, or all of it: 0, or what the library answered that has not taken it. */
static long put(struct end *end, const unsigned char *data, size_t length, size_t *done)
{
    size_t written = 0;
    if (end->writes_many) {
        long answer = hostlock_write_many(end->conn, data + *done, length - *done, &written);
        *done += written;
        return answer == 0 && *done < length ? HOSTLOCK_E_INTERNAL : answer;
    }
    ssize_t took = hostlock_write(end->conn, data + *done, length - *done);
    *done += took > 0 ? (size_t)took : 0;
    return took > 0 ? 0 : took == 0 ? HOSTLOCK_E_INTERNAL : took;
}

static void give(struct end *end, uint32_t seed)
{
    unsigned char *one = malloc(end->portion), *other = malloc(end->portion);
    size_t sent = 0;
    while (sent < end->total && !end->failed) {
        size_t length = 1 + next(&end->seed) % end->portion;
        if (length > end->total - sent)
            length = end->total - sent;
        for (size_t i = 0; i < length; i++)
            one[i] = (unsigned char)next(&seed);
        for (size_t done = 0; done < length && !end->failed;) {
            long answer;
            do {
                answer = put(end, one, length, &done);
                /* The same data at another place. */
                memcpy(other, one, length);
                unsigned char *swap = one;
                one = other, other = swap;
            } while (again(end, answer));
            end->failed = answer < 0;
        }
        sent += length;
        if (next(&end->seed) % 64 == 0 && SSL_version(end->conn) == TLS1_3_VERSION)
            SSL_key_update(end->conn, next(&end->seed) % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
    }
    free(one), free(other);
}

static void take(struct end *end, uint32_t seed, int up_to_the_end)
{
    unsigned char *buffer = malloc(end->portion);
    size_t arrived = 0;
    while (!end->failed && (arrived < end->total || up_to_the_end)) {
        size_t most = 1 + next(&end->seed) % end->portion;
        if (!up_to_the_end && most > end->total - arrived)
            most = end->total - arrived;
        ssize_t got;
        do
            got = hostlock_read(end->conn, buffer, most);
        while (again(end, got));
        if (got == 0 && up_to_the_end && arrived == end->total)
            break;
        end->failed = got <= 0;
        for (ssize_t i = 0; i < got; i++)
            end->failed |= buffer[i] != (unsigned char)next(&seed);
        arrived += got > 0 ? (size_t)got : 0;
    }
    free(buffer);
}

static int begin(struct end *end)
{
    int status;
    if (end->model == MEMORY)
        status = end->serves ? hostlock_accept_mem(end->ctx, &end->conn) : hostlock_connect_mem(end->ctx, RIGHT_HOST, &end->conn);
    else if (end->model == FUNCTIONS || end->model == WAITING_FUNCTIONS)
        status = end->serves ? hostlock_accept_io(end->ctx, receive, transmit, end, &end->conn)
                             : hostlock_connect_io(end->ctx, RIGHT_HOST, receive, transmit, end, &end->conn);
    else
        status = end->serves ? hostlock_accept_fd(end->ctx, end->fd, &end->conn)
                             : hostlock_connect_fd(end->ctx, end->fd, RIGHT_HOST, &end->conn);
    if (status == 0 && end->read_ahead)
        status = hostlock_conn_set_read_ahead(end->conn, 1);
    if (status == 0)
        while (again(end, status = hostlock_handshake(end->conn)))
            ;
    return status;
}

static void say_goodbye(struct end *end)
{
    long answer;
    /* libssl itself says none while new keys are due. */
    if (SSL_version(end->conn) == TLS1_3_VERSION)
        SSL_key_update(end->conn, SSL_KEY_UPDATE_NOT_REQUESTED);
    while (again(end, answer = hostlock_shutdown(end->conn)))
        ;
    end->failed |= answer != 0;
}

/* The client gives and then takes up to the server's end: its own goodbye comes before, so half the connection is closed. */
static void *play(void *argument)
{
    struct end *end = argument;
    end->failed = begin(end) != 0;
    if (end->failed)
        return NULL;
    if (end->serves) {
        take(end, 1, 1);
        give(end, 2);
        say_goodbye(end);
    } else {
        give(end, 1);
        say_goodbye(end);
        take(end, 2, 1);
    }
    return NULL;
}

static void on_alarm(int number)
{
    (void)number;
}

enum ahead { NEITHER, CLIENT, SERVER, AHEADS };

static void match(enum model client, enum model server, int ahead, int version, size_t total, size_t portion)
{
    int pair[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    struct end ends[2] = {{.model = client, .fd = pair[0], .ctx = client_context(), .read_ahead = ahead == CLIENT},
                          {.model = server, .fd = pair[1], .ctx = serving(identity(RIGHT)), .serves = 1, .read_ahead = ahead == SERVER}};
    SSL_CTX_set_max_proto_version(ends[1].ctx, version);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        fcntl(pair[i], F_SETFL, ends[i].model == BLOCKING || ends[i].model == WAITING_FUNCTIONS ? 0 : O_NONBLOCK);
        ends[i].writes_many = (int)(client + server + (unsigned)i) % 2;
        ends[i].total = total, ends[i].portion = portion, ends[i].seed = (uint32_t)(7 + i);
        need(pthread_create(&threads[i], NULL, play, &ends[i]) == 0, "pthread_create");
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    static const char *const sides[] = {"", ", which reads ahead,"};
    claim(!ends[0].failed && !ends[1].failed,
          "%s: %zu bytes each way between a client (%s)%s and a server (%s)%s in portions up to %zu, the %s's many records at a call",
          version_name(version), total, model_names[client], sides[ahead == CLIENT], model_names[server], sides[ahead == SERVER],
          portion, ends[0].writes_many ? "client" : "server");
    if (ends[0].failed || ends[1].failed)
        note("client %ld, server %ld", ends[0].last, ends[1].last);
    for (int i = 0; i < 2; i++) {
        hostlock_conn_free(ends[i].conn), hostlock_ctx_free(ends[i].ctx);
        close(pair[i]);
    }
}

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* A peer that sends `first` at once, then a byte every 40 ms, and ends it all as it is told. */
struct slow { int fd, first, drips, cut; };

static void *drip(void *argument)
{
    struct slow *slow = argument;
    struct end end = {.fd = slow->fd, .serves = 1, .ctx = serving(identity(RIGHT))};
    need(begin(&end) == 0 && hostlock_write_all(end.conn, "123456789", (size_t)slow->first) == slow->first, "a slow peer");
    for (int i = 0; i < slow->drips; i++) {
        usleep(40000);
        if (hostlock_write(end.conn, "x", 1) != 1)
            break;
    }
    if (!slow->cut)
        hostlock_shutdown(end.conn);
    shutdown(slow->fd, SHUT_WR);
    hostlock_conn_free(end.conn), hostlock_ctx_free(end.ctx);
    return NULL;
}

static void whole_reads(void)
{
    static const struct { int first, drips, cut, timeout; long answer; } rows[] = {
        {5, 0, 0, 0, 5}, {3, 2, 0, 0, 5}, {0, 0, 0, 0, 0}, {3, 0, 0, 0, HOSTLOCK_E_TRUNCATED}, {3, 0, 1, 0, HOSTLOCK_E_TRUNCATED},
        {0, 0, 1, 0, HOSTLOCK_E_TRUNCATED}, {1, 100, 1, 100, HOSTLOCK_E_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int flags = 0; flags < 2; flags++) {
            int pair[2];
            need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
            struct slow slow = {pair[1], rows[i].first, rows[i].drips, rows[i].cut};
            pthread_t thread;
            need(pthread_create(&thread, NULL, drip, &slow) == 0, "pthread_create");
            struct end end = {.fd = pair[0], .ctx = client_context()};
            need(begin(&end) == 0, "a client");
            fcntl(pair[0], F_SETFL, flags ? O_NONBLOCK : 0);
            if (rows[i].timeout != 0)
                need(hostlock_conn_set_timeout(end.conn, rows[i].timeout) == 0, "hostlock_conn_set_timeout");
            char buffer[5];
            long began = milliseconds();
            ssize_t got = hostlock_read_all(end.conn, buffer, sizeof(buffer));
            claim(got == rows[i].answer && (rows[i].timeout == 0 || milliseconds() - began < 2000),
                  "hostlock_read_all of 5 bytes on a %s descriptor, of %d at once and %d late: %ld", flags ? "non-blocking" : "blocking",
                  rows[i].first, rows[i].drips, rows[i].answer);
            if (got != rows[i].answer)
                note("%zd: %s", got, hostlock_error_message(hostlock_last_error()));
            hostlock_conn_free(end.conn);
            close(pair[0]);
            pthread_join(thread, NULL);
            close(pair[1]);
            hostlock_ctx_free(end.ctx);
        }
    hostlock_conn *conn;
    hostlock_ctx *ctx = client_context();
    char buffer[1];
    need(hostlock_connect_mem(ctx, RIGHT_HOST, &conn) == 0, "a connection");
    claim(hostlock_read_all(NULL, buffer, 1) == HOSTLOCK_E_ARG && hostlock_read_all(conn, NULL, 1) == HOSTLOCK_E_ARG &&
              hostlock_read_all(conn, buffer, 0) == HOSTLOCK_E_ARG,
          "bad arguments of hostlock_read_all");
    claim(hostlock_conn_set_timeout(conn, -1) == HOSTLOCK_E_ARG && hostlock_conn_set_timeout(NULL, 1) == HOSTLOCK_E_ARG,
          "and of hostlock_conn_set_timeout");
    hostlock_conn_free(conn);
    hostlock_ctx_free(ctx);
}

static void times_of_a_connection(void)
{
    int pair[2], left;
    char byte;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0, "socketpair");
    hostlock_ctx *ctx = serving(identity(RIGHT));
    hostlock_conn *conn;
    need(hostlock_accept_fd(ctx, pair[0], &conn) == 0, "hostlock_accept_fd");
    claim(hostlock_conn_set_timeout(conn, 80) == 0 && hostlock_conn_time_left(conn, &left) == 0 && left > 0 && left <= 80,
          "a connection has a time of its own");
    usleep(100000);
    claim(hostlock_handshake(conn) == HOSTLOCK_E_TIMEOUT, "  for its handshake");
    hostlock_conn_free(conn);
    close(pair[0]), close(pair[1]);
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    struct slow slow = {pair[1], 1, 20, 1};
    pthread_t thread;
    need(pthread_create(&thread, NULL, drip, &slow) == 0, "pthread_create");
    struct end end = {.fd = pair[0], .ctx = client_context()};
    need(begin(&end) == 0 && hostlock_read(end.conn, &byte, 1) == 1 && hostlock_conn_set_timeout(end.conn, 10) == 0, "a client");
    claim(hostlock_read(end.conn, &byte, 1) == HOSTLOCK_E_TIMEOUT, "  and for each read");
    claim(hostlock_conn_set_timeout(end.conn, 5000) == 0 && hostlock_read(end.conn, &byte, 1) == 1, "  which may be changed");
    hostlock_conn_free(end.conn);
    close(pair[0]);
    pthread_join(thread, NULL);
    close(pair[1]);
    hostlock_ctx_free(end.ctx), hostlock_ctx_free(ctx);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    whole_reads();
    times_of_a_connection();
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec often = {{0, 3000000}, {0, 3000000}};
    need(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &often, NULL) == 0, "a timer");
    /* 64 MB in all; in the long run in each match. Each match has read-ahead on a side that changes from match to match. */
    size_t total = (size_t)rounds(getenv("HOSTLOCK_LONG") != NULL ? 64 << 20 : (64 << 20) / (2 * MODELS * MODELS * 2), 30000);
    for (int version = 0; version < 2; version++)
        for (enum model client = 0; client < MODELS; client++)
            for (enum model server = 0; server < MODELS; server++)
                match(client, server, (int)(client + 2 * server + (enum model)version) % AHEADS, both_versions[version], total, 40000);
    for (enum model client = 0; client < MODELS; client++)
        for (enum ahead ahead = 0; ahead < AHEADS; ahead++)
            match(client, MEMORY, (int)ahead, TLS1_3_VERSION, (size_t)rounds(20000, 1000), 3);
    timer_delete(timer);
    return finish();
}
