/*
 * Connections that hostlock makes go on from the session of an earlier one of their context, without a word of the program:
 * over each kind of transport, whichever way the earlier one ended, once for each session of TLS 1.3, and not where the
 * program said "off" or drives the connection itself.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"
#include "visits.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void by_default(int version, int by_id)
{
    const char *on = version_name(version);
    SSL_CTX *server = serving(identity(RIGHT), version);
    if (by_id)
        SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
    hostlock_ctx *ctx = client_context();
    struct visit visit = pay(ctx, server, RIGHT_HOST);
    claim(visit.status == 0 && !visit.resumed, "the first connection makes a full handshake on %s%s", on, by_id ? ", by session id" : "");
    for (int i = 2; i < 5; i++) {
        visit = arrive(ctx, server, RIGHT_HOST);
        shake(&visit);
        claim(visit.resumed, "  connection %d goes on from the one before", i);
        char *chain = hostlock_conn_peer_chain(visit.conn);
        claim(strcmp(hostlock_conn_verified_host(visit.conn), RIGHT_HOST) == 0 && chain != NULL &&
                  strstr(chain, "BEGIN CERTIFICATE") != NULL,
              "  and knows the host and the certificate");
        hostlock_string_free(chain);
        chat(&visit);
        leave(&visit);
    }
    hostlock_ctx_free(ctx);
    SSL_CTX_free(server);
}

static void by_shutdown(struct visit *visit)
{
    claim(hostlock_shutdown(visit->conn) == 0, "  after hostlock_shutdown");
    SSL_free(visit->conn);
    visit->conn = NULL;
}

static void by_the_peers_goodbye(struct visit *visit)
{
    char byte;
    SSL_shutdown(visit->server);
    carry(visit);
    claim(hostlock_read(visit->conn, &byte, 1) == 0, "  after the 0 of hostlock_read");
    SSL_free(visit->conn);
    visit->conn = NULL;
}

static void by_free(struct visit *visit)
{
    hostlock_conn_free(visit->conn);
    claim(1, "  after hostlock_conn_free");
    visit->conn = NULL;
}

static void by_ssl_free(struct visit *visit)
{
    SSL_free(visit->conn);
    claim(1, "  but not after SSL_free alone");
    visit->conn = NULL;
}

static void by_a_cut(struct visit *visit)
{
    char byte;
    need(hostlock_conn_feed(visit->conn, NULL, 0) == 0, "the network's end");
    claim(hostlock_read(visit->conn, &byte, 1) == HOSTLOCK_E_TRUNCATED, "  but not after a cut");
}

static void by_an_alert(struct visit *visit)
{
    char byte;
    need(hostlock_conn_feed(visit->conn, "\x17\x03\x03\x00\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 37) == 0, "a forged record");
    claim(hostlock_read(visit->conn, &byte, 1) < 0, "  but not after a forged record");
}

static const struct {
    void (*end)(struct visit *visit);
    int keeps;
} ends[] = {{by_shutdown, 1}, {by_the_peers_goodbye, 1}, {by_free, 1}, {by_ssl_free, 0}, {by_a_cut, 0}, {by_an_alert, 0}};

static void each_end(int version)
{
    SSL_CTX *server = serving(identity(RIGHT), version);
    claim(1, "the session is kept, on %s", version_name(version));
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        hostlock_ctx *ctx = client_context();
        struct visit visit = arrive(ctx, server, RIGHT_HOST);
        shake(&visit);
        chat(&visit);
        ends[i].end(&visit);
        leave(&visit);
        visit = pay(ctx, server, RIGHT_HOST);
        claim(visit.status == 0 && visit.resumed == ends[i].keeps, "    the next connection is%s resumed", ends[i].keeps ? "" : " not");
        hostlock_ctx_free(ctx);
    }
    SSL_CTX_free(server);
}

/* As many as were open at once, each with a session of its own. */
static void at_once(int version)
{
    enum { OPEN = 4 };
    int single = version == TLS1_3_VERSION;
    SSL_CTX *server = serving(identity(RIGHT), version);
    hostlock_ctx *ctx = client_context();
    struct visit visits[OPEN];
    need(pay(ctx, server, RIGHT_HOST).status == 0, "a first connection");
    int resumed = 0;
    for (int i = 0; i < OPEN; i++) {
        visits[i] = arrive(ctx, server, RIGHT_HOST);
        shake(&visits[i]);
        resumed += visits[i].resumed;
    }
    claim(resumed == (single ? 1 : OPEN), "one kept session serves %s connection%s at once on %s", single ? "one" : "each of several",
          single ? "" : "s", version_name(version));
    for (int i = 0; i < OPEN; i++)
        chat(&visits[i]), leave(&visits[i]);
    for (int i = resumed = 0; i < OPEN; i++) {
        visits[i] = arrive(ctx, server, RIGHT_HOST);
        shake(&visits[i]);
        resumed += visits[i].resumed;
    }
    claim(resumed == OPEN, "  as many as were open at once are resumed at once");
    for (int i = 0; i < OPEN; i++)
        leave(&visits[i]);
    hostlock_ctx_free(ctx);
    SSL_CTX_free(server);
}

static void set(int version)
{
    SSL_CTX *server = serving(identity(RIGHT), version);
    hostlock_ctx *ctx = client_context(), *of_server = hostlock_server_new(NULL);
    hostlock_conn *refused;
    need(hostlock_client_set_resume(ctx, "off") == 0, "off");
    pay(ctx, server, RIGHT_HOST);
    claim(!pay(ctx, server, RIGHT_HOST).resumed, "\"off\": none is resumed on %s", version_name(version));
    need(hostlock_client_set_resume(ctx, "on") == 0, "on");
    claim(!pay(ctx, server, RIGHT_HOST).resumed, "  \"on\" again: what was verified before is not");
    claim(pay(ctx, server, RIGHT_HOST).resumed, "  but what comes after");
    struct visit open = arrive(ctx, server, RIGHT_HOST);
    shake(&open);
    chat(&open);
    need(hostlock_client_set_resume(ctx, "off") == 0, "off");
    leave(&open);
    claim(!pay(ctx, server, RIGHT_HOST).resumed, "  \"off\" while a connection is open: its session is not kept");
    claim(hostlock_client_set_resume(ctx, "yes") == HOSTLOCK_E_ARG && strstr(hostlock_error_hint(hostlock_last_error()), "\"on\" and \"off\"") != NULL,
          "  another word is HOSTLOCK_E_ARG, and the hint lists the known ones");
    claim(hostlock_connect_mem(ctx, RIGHT_HOST, &refused) == HOSTLOCK_E_POISONED && hostlock_client_set_resume(ctx, "on") == 0 &&
              pay(ctx, server, RIGHT_HOST).status == 0,
          "  the context is of no use until the call succeeds");
    claim(hostlock_client_set_resume(NULL, "on") == HOSTLOCK_E_ARG && hostlock_client_set_resume(ctx, NULL) == HOSTLOCK_E_ARG &&
              hostlock_client_set_resume(ctx, "on") == 0 && hostlock_client_set_resume(of_server, "on") == HOSTLOCK_E_STATE,
          "  NULL is HOSTLOCK_E_ARG, a server's context HOSTLOCK_E_STATE");
    hostlock_ctx_free(ctx), hostlock_ctx_free(of_server);
    SSL_CTX_free(server);
}

/* What the program drives itself stays as libssl does it. */
static void of_the_program(int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    hostlock_ctx *ctx = client_context();
    for (int i = 0; i < 2; i++) {
        struct outcome outcome;
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        converse(ssl, server, &outcome);
        claim(outcome.got == 4 && !outcome.resumed, "SSL_connect %d resumes nothing by itself on %s", i + 1, version_name(version));
        hostlock_conn_free(ssl);
    }
    for (int i = 0; i < 2; i++) {
        int fd;
        char buffer[4];
        struct line *line = line_open(server, &fd);
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        SSL_set_fd(ssl, fd);
        need(hostlock_write(ssl, "ping", 4) == 4 && hostlock_read(ssl, buffer, 4) == 4, "pong");
        claim(!hostlock_conn_resumed(ssl), "  nor hostlock_write %d on an SSL of the program's", i + 1);
        hostlock_conn_free(ssl);
        line_close(line, NULL);
    }
    hostlock_ctx_free(ctx);
    server_free(server);
}

/* A program's session comes before a kept one. */
static void from_another(int version)
{
    SSL_CTX *server = serving(identity(RIGHT), version);
    hostlock_ctx *ctx = client_context();
    struct visit control = arrive(ctx, server, RIGHT_HOST);
    shake(&control), chat(&control);
    struct visit data = arrive(ctx, server, RIGHT_HOST);
    need(hostlock_conn_set_session_from(data.conn, control.conn) == 0, "hostlock_conn_set_session_from");
    shake(&data);
    claim(data.resumed, "hostlock_conn_set_session_from goes on as before on %s", version_name(version));
    chat(&data), leave(&data), leave(&control);
    claim(pay(ctx, server, RIGHT_HOST).resumed, "  and both are kept");
    hostlock_ctx_free(ctx);
    SSL_CTX_free(server);
}

/* A server on TCP, with one certificate for several places; each connection gets a byte for a byte. */
struct place {
    SSL_CTX *ctx;
    int fd;
    uint16_t port;
    pthread_t thread;
};

static void *serve_place(void *argument)
{
    struct place *place = argument;
    for (;;) {
        int fd = accept(place->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        SSL *ssl = SSL_new(place->ctx);
        char byte;
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1)
            while (SSL_read(ssl, &byte, 1) == 1)
                SSL_write(ssl, &byte, 1);
        SSL_shutdown(ssl);
        SSL_free(ssl);
        close(fd);
        ERR_clear_error();
    }
}

static void place_open(struct place *place, SSL_CTX *ctx, const char *address, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t length = sizeof at;
    int yes = 1;
    inet_pton(AF_INET, address, &at.sin_addr);
    place->ctx = ctx;
    place->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(place->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    need(place->fd >= 0 && bind(place->fd, (struct sockaddr *)&at, length) == 0 && listen(place->fd, 16) == 0 &&
             getsockname(place->fd, (struct sockaddr *)&at, &length) == 0,
         "a listening socket");
    place->port = ntohs(at.sin_port);
    need(pthread_create(&place->thread, NULL, serve_place, place) == 0, "a thread");
}

static void place_close(struct place *place)
{
    shutdown(place->fd, SHUT_RDWR);
    pthread_join(place->thread, NULL);
    close(place->fd);
}

/* Over a socket of the program's, so that the name stays and the place changes. */
static int call(hostlock_ctx *ctx, const char *address, uint16_t port, const char *host)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    hostlock_conn *conn;
    char byte = 'x';
    inet_pton(AF_INET, address, &at.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(fd, (struct sockaddr *)&at, sizeof at) == 0, "connect");
    need(hostlock_connect_fd(ctx, fd, host, &conn) == 0, hostlock_error_message(hostlock_last_error()));
    int resumed = hostlock_conn_resumed(conn);
    need(hostlock_write(conn, &byte, 1) == 1 && hostlock_read(conn, &byte, 1) == 1, "a byte each way");
    hostlock_conn_free(conn);
    close(fd);
    return resumed;
}

static void to_another_place(int version)
{
    const char *on = version_name(version);
    struct identity ca = issue(NULL, p256(), "a CA of places", NULL, NULL, -1, 30);
    struct identity who = issue(&ca, p256(), "several", "DNS:localhost,DNS:" RIGHT_HOST ",IP:127.0.0.1", "serverAuth", -1, 30);
    SSL_CTX *server = serving(&who, version);
    struct place first, other_address, other_port;
    place_open(&first, server, "127.0.0.1", 0);
    place_open(&other_address, server, "127.0.0.2", first.port);
    place_open(&other_port, server, "127.0.0.1", 0);
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate);
    for (int i = 0; i < 3; i++) {
        hostlock_conn *conn;
        char byte = 'x';
        need(hostlock_connect(ctx, "127.0.0.1", first.port, &conn) == 0, hostlock_error_message(hostlock_last_error()));
        claim(hostlock_conn_resumed(conn) == (i > 0), "hostlock_connect %d %s on %s", i + 1, i > 0 ? "resumes" : "does not resume", on);
        char *facts = hostlock_conn_info(conn);
        claim(strstr(facts, i > 0 ? "\"session_reused\":true" : "\"session_reused\":false") != NULL, "  and says so");
        hostlock_string_free(facts);
        need(hostlock_write(conn, &byte, 1) == 1 && hostlock_read(conn, &byte, 1) == 1, "a byte each way");
        hostlock_conn_free(conn);
    }
    claim(!call(ctx, "127.0.0.1", first.port, RIGHT_HOST) && call(ctx, "127.0.0.1", first.port, RIGHT_HOST),
          "  another name of the same server has its own session");
    claim(!call(ctx, "127.0.0.2", first.port, RIGHT_HOST) && call(ctx, "127.0.0.2", first.port, RIGHT_HOST), "  and so has another address");
    claim(!call(ctx, "127.0.0.1", other_port.port, RIGHT_HOST) && call(ctx, "127.0.0.1", other_port.port, RIGHT_HOST), "  and another port");
    claim(call(ctx, "127.0.0.1", first.port, RIGHT_HOST), "  none takes another's place");
    hostlock_ctx_free(ctx);
    place_close(&first), place_close(&other_address), place_close(&other_port);
    SSL_CTX_free(server);
    identity_free(&who), identity_free(&ca);
}

static void of_threads_body(hostlock_ctx *ctx, SSL_CTX *server, int *good, int *resumed)
{
    for (int i = 0, most = rounds(20, 2); i < most; i++) {
        struct visit visit = pay(ctx, server, RIGHT_HOST);
        *good &= visit.status == 0;
        *resumed += visit.resumed;
    }
}

struct caller {
    pthread_t thread;
    hostlock_ctx *ctx;
    SSL_CTX *server;
    int good, resumed;
};

static void *calls(void *argument)
{
    struct caller *caller = argument;
    of_threads_body(caller->ctx, caller->server, &caller->good, &caller->resumed);
    return NULL;
}

static void of_threads(int version)
{
    struct caller callers[4];
    SSL_CTX *server = serving(identity(RIGHT), version);
    hostlock_ctx *ctx = client_context();
    need(pay(ctx, server, RIGHT_HOST).status == 0, "a first connection");
    int good = 1, resumed = 0;
    for (int i = 0; i < 4; i++) {
        callers[i] = (struct caller){.ctx = ctx, .server = server, .good = 1};
        need(pthread_create(&callers[i].thread, NULL, calls, &callers[i]) == 0, "a thread");
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(callers[i].thread, NULL);
        good &= callers[i].good, resumed += callers[i].resumed;
    }
    claim(good && resumed >= 4 * rounds(20, 2) - 4, "threads share the sessions of their context on %s (%d resumed)", version_name(version),
          resumed);
    hostlock_ctx_free(ctx);
    SSL_CTX_free(server);
}

static void of_forks(int version)
{
    SSL_CTX *server = serving(identity(RIGHT), version);
    hostlock_ctx *ctx = client_context();
    need(pay(ctx, server, RIGHT_HOST).status == 0, "a first connection");
    struct visit open = arrive(ctx, server, RIGHT_HOST);
    shake(&open), chat(&open);
    need(pay(ctx, server, RIGHT_HOST).status == 0, "another");
    pid_t child = fork();
    if (child == 0) {
        int good = !pay(ctx, server, RIGHT_HOST).resumed && pay(ctx, server, RIGHT_HOST).resumed;
        leave(&open);
        struct visit one = arrive(ctx, server, RIGHT_HOST), other = arrive(ctx, server, RIGHT_HOST);
        shake(&one), shake(&other);
        /* The parent's connection left none: one session is there, of this process's last. */
        good = good && one.resumed && other.resumed == (version == TLS1_2_VERSION);
        leave(&one), leave(&other);
        hostlock_ctx_free(ctx), SSL_CTX_free(server);
        forget_identities();
        _exit(good ? 0 : 1);
    }
    int answer = -1;
    need(child > 0 && waitpid(child, &answer, 0) == child, "a child");
    claim(WIFEXITED(answer) && WEXITSTATUS(answer) == 0, "a child begins with none, resumes its own, and keeps none of its parent's on %s",
          version_name(version));
    leave(&open);
    claim(pay(ctx, server, RIGHT_HOST).resumed, "  the parent goes on");
    hostlock_ctx_free(ctx), SSL_CTX_free(server);
}

int main(void)
{
    for (int i = first_version(); i < 2; i++) {
        int version = both_versions[i];
        by_default(version, 0);
        each_end(version);
        at_once(version);
        set(version);
        of_the_program(version);
        from_another(version);
        to_another_place(version);
        of_threads(version);
        of_forks(version);
    }
    by_default(TLS1_2_VERSION, 1);
    return finish();
}
