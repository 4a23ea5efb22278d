/*
 * What hostlock_ctx_set_on_event tells of connections: handshakes that begin and how they end, alerts in words, tickets, new
 * keys; on both sides, in the thread that uses the connection, and nothing once it is taken back. What is called from inside
 * moves no byte of that connection.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

struct log {
    char lines[8192];
    pthread_t thread;
    int elsewhere;      /* calls in another thread than the test's */
    int (*inside)(hostlock_conn *conn, const char *kind);
    int went_wrong;
};

static void hear(hostlock_conn *conn, const char *kind, const char *text, void *argument)
{
    struct log *log = argument;
    size_t used = strlen(log->lines);
    snprintf(log->lines + used, sizeof log->lines - used, "%s: %s\n", kind, text);
    log->elsewhere += !pthread_equal(log->thread, pthread_self());
    if (log->inside != NULL)
        log->went_wrong += log->inside(conn, kind);
}

static void forget(struct log *log)
{
    log->lines[0] = '\0';
    log->thread = pthread_self();
}

/* The lines must be these, where "*" stands for any rest of a line. */
static int is(const struct log *log, const char *const *expected)
{
    const char *line = log->lines;
    for (; *expected != NULL; expected++) {
        size_t length = strcspn(line, "\n"), wanted = strlen(*expected);
        int any = wanted > 0 && (*expected)[wanted - 1] == '*';
        if (any ? length < wanted - 1 || strncmp(line, *expected, wanted - 1) != 0
                : length != wanted || strncmp(line, *expected, length) != 0)
            return 0;
        line += length + (line[length] == '\n');
    }
    return *line == '\0';
}

static void heard(const struct log *log, const char *what, const char *const *expected)
{
    int holds = is(log, expected) && log->elsewhere == 0;
    claim(holds, "%s", what);
    if (!holds)
        note("heard:\n%s", log->lines);
}
#define HEARD(log, what, ...) heard(&(log), what, (const char *const[]){__VA_ARGS__, NULL})

static struct log of_client, of_server;

static hostlock_ctx *client_ctx(int version)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "a client");
    SSL_CTX_set_max_proto_version(ctx, version);
    need(hostlock_ctx_set_on_event(ctx, hear, &of_client) == 0, "hostlock_ctx_set_on_event");
    return ctx;
}

static hostlock_ctx *server_ctx(enum who who, int asks)
{
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    BIO *memory = BIO_new(BIO_s_mem());
    char *pem;
    need(ctx != NULL && PEM_write_bio_X509(memory, identity(who)->certificate) == 1 &&
             PEM_write_bio_PKCS8PrivateKey(memory, identity(who)->key, NULL, NULL, 0, NULL, NULL) == 1,
         "a server");
    size_t length = (size_t)BIO_get_mem_data(memory, &pem);
    need(hostlock_ctx_add_cert_mem(ctx, (uint8_t *)pem, length, NULL, 0, NULL) == 0, "a server's certificate");
    (void)BIO_reset(memory);
    need(PEM_write_bio_X509(memory, trusted_ca()) == 1, "PEM");
    length = (size_t)BIO_get_mem_data(memory, &pem);
    if (asks)
        need(hostlock_ctx_trust_mem(ctx, (uint8_t *)pem, length) == 0, "a server's clients");
    BIO_free(memory);
    need(hostlock_ctx_set_on_event(ctx, hear, &of_server) == 0, "hostlock_ctx_set_on_event");
    return ctx;
}

/* A client and a server in memory. */
struct pair {
    hostlock_conn *client, *server;
};

static struct pair pair(hostlock_ctx *client, hostlock_ctx *server)
{
    struct pair made = {NULL, NULL};
    need(hostlock_connect_mem(client, RIGHT_HOST, &made.client) == 0, "hostlock_connect_mem");
    need(hostlock_accept_mem(server, &made.server) == 0, "hostlock_accept_mem");
    forget(&of_client);
    forget(&of_server);
    return made;
}

static int carry(hostlock_conn *from, hostlock_conn *to)
{
    char buffer[16384];
    ssize_t some;
    int moved = 0;
    while ((some = hostlock_conn_drain(from, buffer, sizeof buffer)) > 0) {
        need(hostlock_conn_feed(to, buffer, (size_t)some) == 0, "hostlock_conn_feed");
        moved = 1;
    }
    return moved;
}

/* Lets both do what they can; the client's last answer. */
static int shake(struct pair *pair)
{
    int client, moved = 1;
    for (client = HOSTLOCK_WANT_READ; moved;) {
        client = hostlock_handshake(pair->client);
        moved = carry(pair->client, pair->server);
        (void)!hostlock_handshake(pair->server);
        moved += carry(pair->server, pair->client);
    }
    return client;
}

/* One reads what there is, which may be a ticket, new keys or an alert. */
static ssize_t look(hostlock_conn *conn)
{
    char buffer[64];
    return hostlock_read(conn, buffer, sizeof buffer);
}

static void part(struct pair *pair)
{
    hostlock_conn_free(pair->client);
    hostlock_conn_free(pair->server);
}

static void of_good_ones(void)
{
    hostlock_ctx *server = server_ctx(RIGHT, 0);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        int is_13 = version == TLS1_3_VERSION;
        hostlock_ctx *client = client_ctx(version);
        struct pair both = pair(client, server);
        need(shake(&both) == 0, "a handshake");
        need(look(both.client) == HOSTLOCK_WANT_READ, "nothing to read");
        if (is_13) {
            HEARD(of_client, "TLS 1.3, client", "started: with right.example",
                  "done: TLSv1.3 with TLS_AES_*", "ticket: received", "ticket: received");
            HEARD(of_server, "TLS 1.3, server", "started: with a client", "ticket: sent", "ticket: sent",
                  "done: TLSv1.3 with TLS_AES_*");
        } else {
            HEARD(of_client, "TLS 1.2, client", "started: with right.example", "ticket: received",
                  "done: TLSv1.2 with ECDHE-ECDSA-*");
            HEARD(of_server, "TLS 1.2, server", "started: with a client", "ticket: sent", "done: TLSv1.2 with ECDHE-ECDSA-*");
        }
        claim(strstr(of_client.lines, ", verified for right.example\n") != NULL, "and for whom it was verified");
        forget(&of_client);
        forget(&of_server);
        if (is_13) {
            need(hostlock_conn_key_update(both.client) == 0, "hostlock_conn_key_update");
            carry(both.client, both.server);
            need(look(both.server) == HOSTLOCK_WANT_READ, "nothing but new keys");
            need(hostlock_write(both.server, "x", 1) == 1, "the answer goes with it");
            carry(both.server, both.client);
            need(look(both.client) == 1, "a byte under the new keys");
            HEARD(of_client, "new keys, client", "key-update: sent", "key-update: received");
            HEARD(of_server, "new keys, server", "key-update: received", "key-update: sent");
            forget(&of_client);
            forget(&of_server);
        }
        need(hostlock_shutdown(both.client) == 0, "hostlock_shutdown");
        carry(both.client, both.server);
        need(look(both.server) == 0, "a goodbye");
        HEARD(of_client, "a goodbye, client", "alert: sent warning close_notify");
        HEARD(of_server, "a goodbye, server", "alert: received warning close_notify: the peer ended the connection");
        part(&both);
        hostlock_ctx_free(client);
    }
    hostlock_ctx_free(server);
}

static void of_bad_ones(void)
{
    hostlock_ctx *impostor = server_ctx(IMPOSTOR, 0), *asking = server_ctx(RIGHT, 1);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        hostlock_ctx *client = client_ctx(version);
        struct pair both = pair(client, impostor);
        need(shake(&both) == HOSTLOCK_E_HOST_MISMATCH, "an impostor");
        HEARD(of_client, "an impostor is refused", "started: with right.example", "alert: sent fatal *",
              "refused: the certificate is for \"other.example\"*");
        HEARD(of_server, "and hears of it", "started: with a client", "alert: received fatal *", "failed: *");
        part(&both);
        both = pair(client, asking);
        shake(&both);
        HEARD(of_server, "a client without a certificate is refused", "started: with a client", "alert: sent fatal *",
              "failed: *");
        claim(strstr(of_server.lines, "showed no certificate") != NULL, "with the reason");
        (void)!look(both.client);
        if (version == TLS1_3_VERSION)
            HEARD(of_client, "and hears of it after its own end of the handshake", "started: with right.example",
                  "done: TLSv1.3 *", "alert: received fatal certificate_required: the server wants a client certificate*");
        else
            HEARD(of_client, "and hears of it", "started: with right.example", "alert: received fatal *", "failed: *");
        part(&both);
        hostlock_ctx_free(client);
    }
    hostlock_ctx_free(impostor);
    hostlock_ctx_free(asking);
}

static void of_the_network(void)
{
    int ends[2];
    hostlock_conn *conn;
    hostlock_ctx *client = client_ctx(TLS1_3_VERSION);
    need(hostlock_ctx_set_timeout(client, 100) == 0, "hostlock_ctx_set_timeout");
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    forget(&of_client);
    need(hostlock_connect_fd(client, ends[0], RIGHT_HOST, &conn) == HOSTLOCK_E_TIMEOUT, "a silent peer");
    HEARD(of_client, "a silent peer", "started: with right.example", "failed: the peer kept us waiting*");
    close(ends[0]), close(ends[1]);
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    close(ends[1]);
    forget(&of_client);
    need(hostlock_connect_fd(client, ends[0], RIGHT_HOST, &conn) == HOSTLOCK_E_TRUNCATED, "nobody at the other end");
    HEARD(of_client, "a peer that hung up", "started: with right.example", "failed: *");
    close(ends[0]);
    hostlock_ctx_free(client);
}

/* Whatever would move a byte of the connection is refused; facts are told. */
static int meddles(hostlock_conn *conn, const char *kind)
{
    char byte = 0;
    int wrong = hostlock_read(conn, &byte, 1) != HOSTLOCK_E_STATE;
    wrong += hostlock_write(conn, "x", 1) != HOSTLOCK_E_STATE;
    wrong += hostlock_write_all(conn, "x", 1) != HOSTLOCK_E_STATE;
    wrong += hostlock_read_all(conn, &byte, 1) != HOSTLOCK_E_STATE;
    wrong += hostlock_handshake(conn) != HOSTLOCK_E_STATE;
    wrong += hostlock_shutdown(conn) != HOSTLOCK_E_STATE;
    wrong += hostlock_conn_key_update(conn) != HOSTLOCK_E_STATE;
    hostlock_conn_free(conn);
    if (strcmp(kind, "done") == 0) {
        char *info = hostlock_conn_info(conn);
        wrong += info == NULL || strstr(info, "\"version\":\"TLSv1.") == NULL;
        hostlock_string_free(info);
    }
    if (strcmp(kind, "refused") == 0)
        wrong += hostlock_error_status(hostlock_conn_error(conn)) != HOSTLOCK_E_HOST_MISMATCH;
    ERR_clear_error();
    ERR_raise(ERR_LIB_USER, 1);
    return wrong;
}

static void from_inside(void)
{
    hostlock_ctx *server = server_ctx(RIGHT, 0), *impostor = server_ctx(IMPOSTOR, 0), *client = client_ctx(TLS1_3_VERSION);
    of_client.inside = of_server.inside = meddles;
    struct pair both = pair(client, server);
    need(shake(&both) == 0, "a handshake");
    need(hostlock_write(both.server, "data", 4) == 4, "hostlock_write");
    carry(both.server, both.client);
    char buffer[8];
    ssize_t got;
    while ((got = hostlock_read(both.client, buffer, sizeof buffer)) == HOSTLOCK_WANT_READ)
        carry(both.server, both.client);
    claim(got == 4 && memcmp(buffer, "data", 4) == 0, "a connection goes on, whatever its listener calls from inside");
    need(hostlock_conn_key_update(both.client) == 0, "hostlock_conn_key_update");
    carry(both.client, both.server);
    need(look(both.server) == HOSTLOCK_WANT_READ && hostlock_write(both.server, "x", 1) == 1, "new keys");
    carry(both.server, both.client);
    claim(look(both.client) == 1, "and is open again afterwards");
    claim(ERR_peek_error() == 0, "what the listener leaves on OpenSSL's queue is taken away");
    part(&both);
    both = pair(client, impostor);
    claim(shake(&both) == HOSTLOCK_E_HOST_MISMATCH, "a refusal stays what it is");
    part(&both);
    claim(of_client.went_wrong == 0 && of_server.went_wrong == 0, "from inside no byte moves, nothing is freed, facts are told");
    of_client.inside = of_server.inside = NULL;
    hostlock_ctx_free(server), hostlock_ctx_free(impostor), hostlock_ctx_free(client);
}

static void taken_back(void)
{
    hostlock_ctx *server = server_ctx(RIGHT, 0), *client = client_ctx(TLS1_3_VERSION);
    need(hostlock_ctx_set_on_event(client, NULL, NULL) == 0, "hostlock_ctx_set_on_event");
    struct pair both = pair(client, server);
    need(shake(&both) == 0, "a handshake");
    claim(of_client.lines[0] == '\0' && of_server.lines[0] != '\0', "once taken back nothing is told, by that context");
    need(hostlock_ctx_set_on_event(server, NULL, NULL) == 0, "hostlock_ctx_set_on_event");
    forget(&of_server);
    need(hostlock_shutdown(both.server) == 0, "hostlock_shutdown");
    claim(of_server.lines[0] == '\0', "also on a connection that was told of before");
    claim(hostlock_ctx_set_on_event(NULL, hear, NULL) == HOSTLOCK_E_ARG, "NULL is no context");
    part(&both);
    hostlock_ctx_free(server), hostlock_ctx_free(client);
}

static int of_program;

static void programs(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)value;
    of_program += place == SSL_CB_HANDSHAKE_DONE;
}

/* A context that the program made, and its own calls; with an info callback of its own before ours, after it, or without. */
static void of_old_code(void)
{
    struct manner manner = {.identity = identity(RIGHT), .version = TLS1_3_VERSION}, impostor = {.identity = identity(IMPOSTOR)};
    struct server *peer = server_new(&manner), *other = server_new(&impostor);
    for (int own = 0; own < 3; own++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca());
        if (own == 1)
            SSL_CTX_set_info_callback(ctx, programs);
        need(hostlock_harden(ctx, NULL, NULL) == 0 && hostlock_ctx_set_on_event(ctx, hear, &of_client) == 0, "hostlock_harden");
        if (own == 2)
            SSL_CTX_set_info_callback(ctx, programs);
        SSL *ssl = SSL_new(ctx);
        struct outcome outcome;
        of_program = 0;
        forget(&of_client);
        need(SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
        converse(ssl, peer, &outcome);
        need(outcome.got == 4, "a conversation");
        HEARD(of_client, own == 0 ? "old code" : "old code with an info callback of its own",
              "started: with right.example", "done: TLSv1.3 *", "ticket: received", "ticket: received",
              "alert: sent warning close_notify");
        claim(of_program == (own > 0), "which is called too");
        SSL_free(ssl);
        ssl = SSL_new(ctx);
        forget(&of_client);
        need(SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
        converse(ssl, other, &outcome);
        if (own < 2)
            HEARD(of_client, "an impostor is refused", "started: with right.example", "alert: sent fatal *", "refused: *");
        else
            HEARD(of_client, "an impostor is refused", "started: with right.example", "refused: *", "alert: sent fatal *");
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
    server_free(peer), server_free(other);
}

static atomic_int count[2];

static void counts(hostlock_conn *conn, const char *kind, const char *text, void *argument)
{
    (void)conn, (void)text, (void)argument;
    count[0] += strcmp(kind, "started") == 0;
    count[1] += strcmp(kind, "done") == 0;
}

static hostlock_ctx *shared[2];

static void *works(void *argument)
{
    int each = *(int *)argument;
    for (int turn = 0; turn < each; turn++) {
        struct pair both = {NULL, NULL};
        need(hostlock_connect_mem(shared[0], RIGHT_HOST, &both.client) == 0, "hostlock_connect_mem");
        need(hostlock_accept_mem(shared[1], &both.server) == 0, "hostlock_accept_mem");
        need(shake(&both) == 0, "a handshake");
        part(&both);
    }
    return NULL;
}

static void of_threads(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int each = rounds(50, 4);
    shared[0] = client_ctx(TLS1_3_VERSION), shared[1] = server_ctx(RIGHT, 0);
    need(hostlock_ctx_set_on_event(shared[0], counts, NULL) == 0 && hostlock_ctx_set_on_event(shared[1], counts, NULL) == 0,
         "hostlock_ctx_set_on_event");
    for (int i = 0; i < THREADS; i++)
        need(pthread_create(&threads[i], NULL, works, &each) == 0, "pthread_create");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    claim(count[0] == 2 * THREADS * each && count[1] == 2 * THREADS * each, "threads are told of each of their connections: %d, %d",
          count[0], count[1]);
    hostlock_ctx_free(shared[0]), hostlock_ctx_free(shared[1]);
}

int main(void)
{
    of_good_ones();
    of_bad_ones();
    of_the_network();
    from_inside();
    taken_back();
    of_old_code();
    of_threads();
    forget_identities();
    return finish();
}
