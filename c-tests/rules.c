/*
 * The rules at the top of the header: what may be called on a context while threads connect, what is frozen, fork, ownership,
 * reuse.
 */
#define _GNU_SOURCE
#define HOSTLOCK_ALLOW_INSECURE
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>

struct text {
    char bytes[16384];
    size_t length;
};

static struct text pem(X509 *certificate, EVP_PKEY *key)
{
    struct text text;
    char *bytes;
    BIO *memory = BIO_new(BIO_s_mem());
    need(PEM_write_bio_X509(memory, certificate) == 1, "PEM");
    need(key == NULL || PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1, "PEM");
    text.length = (size_t)BIO_get_mem_data(memory, &bytes);
    memcpy(text.bytes, bytes, text.length);
    BIO_free(memory);
    return text;
}

static struct text anchor, own, other;
static char directory[] = "/tmp/hostlock-rules-XXXXXX", anchor_file[64], own_file[64];

static void put(const char *path, const struct text *text)
{
    FILE *file = fopen(path, "wb");
    need(file != NULL && fwrite(text->bytes, 1, text->length, file) == text->length && fclose(file) == 0, "a file");
}

static hostlock_ctx *client(void)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    need(ctx != NULL && hostlock_ctx_trust_file(ctx, anchor_file) == 0, "a client");
    return ctx;
}

static hostlock_ctx *serving(void)
{
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    need(ctx != NULL && hostlock_ctx_add_cert_file(ctx, own_file, NULL, NULL) == 0, "a server");
    need(hostlock_server_add_name_mem(ctx, OTHER_HOST, (uint8_t *)other.bytes, other.length, NULL, 0, NULL) == 0, "a name");
    return ctx;
}

/* A conversation in memory; the client's status. */
static int meet(hostlock_ctx *client, hostlock_ctx *server, const char *host)
{
    hostlock_conn *ends[2];
    char buffer[16384];
    int status = HOSTLOCK_WANT_READ, moved = 1;
    int made = hostlock_connect_mem(client, host, &ends[0]) == 0 && hostlock_accept_mem(server, &ends[1]) == 0;
    need(made, hostlock_error_message(hostlock_last_error()));
    while (moved) {
        moved = 0;
        for (int end = 0; end < 2; end++) {
            int own_status = hostlock_handshake(ends[end]);
            ssize_t some;
            if (end == 0)
                status = own_status;
            while ((some = hostlock_conn_drain(ends[end], buffer, sizeof buffer)) > 0) {
                need(hostlock_conn_feed(ends[!end], buffer, (size_t)some) == 0, "hostlock_conn_feed");
                moved = 1;
            }
        }
    }
    if (status == 0)
        (void)!hostlock_read(ends[0], buffer, sizeof buffer);
    hostlock_conn_free(ends[0]), hostlock_conn_free(ends[1]);
    return status;
}

static void hears(hostlock_conn *conn, const char *kind, const char *text, void *argument)
{
    (void)conn, (void)kind, (void)text, (void)argument;
}

static int goes_on(void *argument)
{
    (void)argument;
    return 0;
}

/* Each setter that is not frozen, on a client and on a server. Everyone may be called at any time. */
static int set_all(hostlock_ctx *client, hostlock_ctx *server, int round)
{
    const uint8_t *trusted = (const uint8_t *)anchor.bytes, *chain = (const uint8_t *)own.bytes;
    int failed = 0;
    for (int side = 0; side < 2; side++) {
        hostlock_ctx *ctx = side == 0 ? client : server;
        failed += hostlock_ctx_set_timeout(ctx, 20000 + round) != 0;
        failed += hostlock_ctx_set_verify_depth(ctx, 5 + round % 2) != 0;
        failed += hostlock_ctx_set_verify_flags(ctx, round % 2 ? "" : "inhibit-policy-mapping") != 0;
        failed += hostlock_ctx_set_verify_time(ctx, (int64_t)time(NULL)) != 0;
        failed += hostlock_ctx_set_on_event(ctx, round % 2 ? hears : NULL, NULL) != 0;
        failed += hostlock_ctx_set_on_interrupt(ctx, goes_on, NULL) != 0;
        failed += hostlock_ctx_reload(ctx) != 0;
        char *info = hostlock_ctx_info(ctx);
        failed += info == NULL;
        hostlock_string_free(info);
    }
    failed += hostlock_ctx_trust_mem(client, trusted, anchor.length) != 0;
    failed += hostlock_ctx_trust_file(client, anchor_file) != 0;
    failed += hostlock_ctx_set_ocsp_mode(client, "if-present") != 0;
    failed += hostlock_client_set_resume(client, round % 2 ? "on" : "off") != 0;
    failed += hostlock_ctx_verify_chain(client, chain, own.length, RIGHT_HOST) != 0;
    failed += hostlock_ctx_verify_peer(client, chain, own.length, RIGHT_HOST, "TLSv1.3", "TLS_AES_128_GCM_SHA256", NULL, 0) != 0;
    failed += hostlock_server_add_name_mem(server, OTHER_HOST, (uint8_t *)other.bytes, other.length, NULL, 0, NULL) != 0;
    failed += hostlock_server_set_unknown_name(server, round % 2 ? "refuse" : "default") != 0;
    failed += hostlock_server_set_staple_file(server, NULL, NULL) != 0;
    return failed;
}

static hostlock_ctx *shared[2];
static atomic_int right, refused, wrong, over;

static void *connects(void *argument)
{
    for (int turn = 0; turn < *(int *)argument; turn++) {
        int status = meet(shared[0], shared[1], turn % 2 ? RIGHT_HOST : OTHER_HOST);
        right += status == 0;
        wrong += status != 0;
        /* RIGHT_HOST's certificate is what who asks for an unknown name is shown, or the server refuses. */
        status = meet(shared[0], shared[1], "unknown.example");
        refused += status == HOSTLOCK_E_HOST_MISMATCH || status == HOSTLOCK_E_ALERT;
        wrong += status == 0;
    }
    return NULL;
}

static void *sets(void *argument)
{
    int *failed = argument;
    for (int round = 0; !over; round++)
        *failed += set_all(shared[0], shared[1], round);
    return NULL;
}

static void threads(void)
{
    enum { THREADS = 4 };
    pthread_t visitors[THREADS], setter;
    int each = rounds(100, 3), failed = 0;
    shared[0] = client(), shared[1] = serving();
    need(pthread_create(&setter, NULL, sets, &failed) == 0, "pthread_create");
    for (int i = 0; i < THREADS; i++)
        need(pthread_create(&visitors[i], NULL, connects, &each) == 0, "pthread_create");
    for (int i = 0; i < THREADS; i++)
        pthread_join(visitors[i], NULL);
    over = 1;
    pthread_join(setter, NULL);
    claim(failed == 0, "threads: setters, reloads and questions are answered while others connect (%d failed)", failed);
    claim(right == THREADS * each && refused == THREADS * each && wrong == 0,
          "threads: and every verdict is the right one: %d good, %d refused", right, refused);
    hostlock_ctx_free(shared[0]), hostlock_ctx_free(shared[1]);
}

static void frozen(void)
{
    hostlock_ctx *server = hostlock_server_new(NULL), *ctx = client();
    need(hostlock_ctx_add_cert_file(server, own_file, NULL, NULL) == 0, "a certificate");
    need(meet(ctx, server, RIGHT_HOST) == 0, "a handshake");
    uint8_t *bytes = (uint8_t *)own.bytes;
    char log[80];
    snprintf(log, sizeof log, "%s/keys", directory);
    const struct {
        const char *name;
        int status;
    } rows[] = {
        {"hostlock_ctx_add_cert_file, client", hostlock_ctx_add_cert_file(ctx, own_file, NULL, NULL)},
        {"hostlock_ctx_add_cert_file, server", hostlock_ctx_add_cert_file(server, own_file, NULL, NULL)},
        {"hostlock_ctx_add_cert_mem", hostlock_ctx_add_cert_mem(server, bytes, own.length, NULL, 0, NULL)},
        {"hostlock_ctx_set_alpn, client", hostlock_ctx_set_alpn(ctx, "h2")},
        {"hostlock_ctx_set_alpn, server", hostlock_ctx_set_alpn(server, "h2")},
        {"hostlock_server_set_client_auth", hostlock_server_set_client_auth(server, "require")},
        {"hostlock_insecure_keylog_file", hostlock_insecure_keylog_file(ctx, log, "a test")},
        {"hostlock_server_add_name", hostlock_server_add_name(server, RIGHT_HOST, own_file, NULL, NULL)},
        {"hostlock_server_add_name_mem", hostlock_server_add_name_mem(server, RIGHT_HOST, bytes, own.length, NULL, 0, NULL)},
        {"hostlock_server_set_unknown_name", hostlock_server_set_unknown_name(server, "refuse")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        claim(rows[i].status == HOSTLOCK_E_FROZEN, "frozen: %s: %d", rows[i].name, rows[i].status);
    claim(access(log, F_OK) != 0, "frozen: nothing was done");
    claim(meet(ctx, server, RIGHT_HOST) == 0, "frozen: and both go on");
    hostlock_ctx_free(server), hostlock_ctx_free(ctx);
}

static void forked(void)
{
    hostlock_ctx *ctx = client(), *server = serving();
    hostlock_conn *conn, *peer;
    int fds[2], answer = -1, status = HOSTLOCK_WANT_READ;
    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0, "socketpair");
    need(hostlock_connect_fd(ctx, fds[0], RIGHT_HOST, &conn) == 0 && hostlock_accept_fd(server, fds[1], &peer) == 0, "a pair");
    while (status == HOSTLOCK_WANT_READ) {
        status = hostlock_handshake(conn);
        (void)!hostlock_handshake(peer);
    }
    need(status == 0, "a handshake");
    pid_t child = fork();
    need(child >= 0, "fork");
    if (child == 0) {
        hostlock_conn_free(conn), hostlock_conn_free(peer);
        int good = meet(ctx, server, RIGHT_HOST) == 0;
        good = good && hostlock_ctx_set_host(ctx, "elsewhere.example") == 0 && hostlock_ctx_set_verify_depth(ctx, -1) < 0;
        good = good && hostlock_ctx_verify_chain(ctx, (uint8_t *)own.bytes, own.length, NULL) == HOSTLOCK_E_POISONED;
        hostlock_ctx_free(ctx), hostlock_ctx_free(server);
        forget_identities();
        close(fds[0]), close(fds[1]);
        _exit(good ? 0 : 1);
    }
    need(waitpid(child, &answer, 0) == child, "waitpid");
    claim(WIFEXITED(answer) && WEXITSTATUS(answer) == 0, "fork: the child connects, frees the parent's connections, and sets what it likes");
    char buffer[8];
    claim(hostlock_write(conn, "ping", 4) == 4 && hostlock_read(peer, buffer, sizeof buffer) == 4 &&
              hostlock_write(peer, "pong", 4) == 4 && hostlock_read(conn, buffer, sizeof buffer) == 4,
          "fork: the parent's connections go on");
    claim(meet(ctx, server, RIGHT_HOST) == 0, "fork: what the child set is the child's");
    hostlock_conn_free(conn), hostlock_conn_free(peer);
    close(fds[0]), close(fds[1]);
    hostlock_ctx_free(ctx), hostlock_ctx_free(server);
}

static void owned(void)
{
    struct text gone = anchor;
    hostlock_ctx *ctx = hostlock_client_new(NULL), *server = serving();
    char host[] = RIGHT_HOST;
    need(ctx != NULL && hostlock_ctx_trust_mem(ctx, (uint8_t *)gone.bytes, gone.length) == 0, "trust");
    need(hostlock_ctx_set_host(ctx, host) == 0, "hostlock_ctx_set_host");
    memset(&gone, 'x', sizeof gone);
    memset(host, 'x', sizeof host - 1);
    claim(hostlock_ctx_verify_chain(ctx, (uint8_t *)own.bytes, own.length, NULL) == 0 && meet(ctx, server, RIGHT_HOST) == 0,
          "ownership: what is handed over is copied");
    struct manner manner = {.identity = identity(RIGHT)};
    struct server *peer = server_new(&manner);
    hostlock_conn *conn;
    int fd;
    struct line *line = line_open(peer, &fd);
    need(hostlock_connect_fd(ctx, fd, RIGHT_HOST, &conn) == 0, "hostlock_connect_fd");
    hostlock_ctx_free(ctx);
    char buffer[8];
    claim(hostlock_write_all(conn, "ping", 4) == 4 && hostlock_read(conn, buffer, sizeof buffer) == 4,
          "ownership: a context that is freed lives on for its connection");
    hostlock_conn_free(conn);
    claim(fcntl(fd, F_GETFD) >= 0, "ownership: a descriptor that was handed over stays open");
    line_close(line, NULL);
    server_free(peer);
    hostlock_ctx_free(server);
}

static void used_again(void)
{
    hostlock_ctx *ctx = client();
    struct manner manner = {.identity = identity(IMPOSTOR)};
    struct server *peer = server_new(&manner);
    int fd, all = 1;
    struct line *line = line_open(peer, &fd);
    hostlock_conn *conn;
    char buffer[8];
    need(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    need(hostlock_connect_fd(ctx, fd, RIGHT_HOST, &conn) == 0, "hostlock_connect_fd");
    int status;
    while ((status = hostlock_handshake(conn)) == HOSTLOCK_WANT_READ || status == HOSTLOCK_WANT_WRITE)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    for (int turn = 0; turn < 3; turn++) {
        all &= hostlock_handshake(conn) == HOSTLOCK_E_HOST_MISMATCH;
        all &= hostlock_read(conn, buffer, sizeof buffer) == HOSTLOCK_E_HOST_MISMATCH;
        all &= hostlock_write(conn, "x", 1) == HOSTLOCK_E_HOST_MISMATCH;
        all &= hostlock_shutdown(conn) == HOSTLOCK_E_HOST_MISMATCH;
    }
    claim(status == HOSTLOCK_E_HOST_MISMATCH && all, "reuse: a connection that failed gives its error again, whatever is called");
    hostlock_conn_free(conn);
    line_close(line, NULL);
    server_free(peer);
    hostlock_ctx *server = serving();
    claim(meet(ctx, server, RIGHT_HOST) == 0, "reuse: and its context makes another");
    hostlock_ctx_free(server), hostlock_ctx_free(ctx);
}

int main(void)
{
    need(mkdtemp(directory) != NULL, "mkdtemp");
    snprintf(anchor_file, sizeof anchor_file, "%s/anchor.pem", directory);
    snprintf(own_file, sizeof own_file, "%s/own.pem", directory);
    anchor = pem(trusted_ca(), NULL);
    own = pem(identity(RIGHT)->certificate, identity(RIGHT)->key);
    other = pem(identity(IMPOSTOR)->certificate, identity(IMPOSTOR)->key);
    put(anchor_file, &anchor);
    put(own_file, &own);
    forked();
    threads();
    frozen();
    owned();
    used_again();
    unlink(anchor_file), unlink(own_file), rmdir(directory);
    forget_identities();
    return finish();
}
