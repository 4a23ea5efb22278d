/*
 * hostlock_starttls: protocols that begin in the clear. A server that offers TLS is met under TLS and verified; one that does
 * not offer it, declines, says more in the clear than it should, or speaks something else is refused, and nothing but the
 * question is sent to it.
 */
#define _DEFAULT_SOURCE
#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

/* What a server says, each after one line of the client's (the first at once); NULL ends it. Then TLS, where `tls` is set. */
#define MOST 6
struct script {
    const char *protocol;
    const char *says[MOST];
    int tls;
    enum who who;
    int status;
    const char *part;
};

struct peer {
    const struct script *script;
    SSL_CTX *tls;  /* NULL: one of its own */
    int fd, heard_more, went_under_tls;
    char heard[4096];
    pthread_t thread;
};

static size_t hear(struct peer *peer)
{
    size_t length = strlen(peer->heard), begun = length;
    int of_postgres = strcmp(peer->script->protocol, "postgres") == 0;
    while (length < sizeof(peer->heard) - 1 && recv(peer->fd, peer->heard + length, 1, 0) == 1) {
        if (peer->heard[length] == 0)
            peer->heard[length] = '.';
        if (peer->heard[length++] == '\n' || (of_postgres && length - begun == 8))
            break;
    }
    peer->heard[length] = 0;
    return length - begun;
}

static SSL_CTX *tls_of(enum who who)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, identity(who)->certificate), SSL_CTX_use_PrivateKey(ctx, identity(who)->key);
    return ctx;
}

static void *serve(void *argument)
{
    struct peer *peer = argument;
    const struct script *script = peer->script;
    int is_postgres = strcmp(script->protocol, "postgres") == 0;
    for (int i = 0; i < MOST && script->says[i] != NULL; i++) {
        if ((i > 0 || is_postgres) && hear(peer) == 0)
            break;
        const char *said = script->says[i];
        /* In pieces, so that no reply comes whole. */
        size_t length = strlen(said), half = length / 2;
        if (script->tls) {
            send(peer->fd, said, half, MSG_NOSIGNAL);
            usleep(2000);
            send(peer->fd, said + half, length - half, MSG_NOSIGNAL);
        } else {
            send(peer->fd, said, length, MSG_NOSIGNAL);
        }
    }
    if (script->tls) {
        SSL_CTX *ctx = peer->tls == NULL ? tls_of(script->who) : peer->tls;
        SSL *ssl = SSL_new(ctx);
        SSL_set_fd(ssl, peer->fd);
        char byte;
        if (SSL_accept(ssl) == 1) {
            peer->went_under_tls = SSL_read(ssl, &byte, 1) == 1 && byte == 'x';
            SSL_shutdown(ssl);
        }
        SSL_free(ssl);
        if (peer->tls == NULL)
            SSL_CTX_free(ctx);
        ERR_clear_error();
    } else {
        /* Nothing may follow. */
        peer->heard_more = hear(peer) > 0;
    }
    shutdown(peer->fd, SHUT_RDWR);
    return NULL;
}

static const struct script scripts[] = {
    {"smtp", {"220-mail.example\r\n220 ready\r\n", "250-mail.example\r\n250-SIZE 1\r\n250-starttls\r\n250 HELP\r\n", "220 go\r\n"}, 1, RIGHT, 0, ""},
    {"imap", {"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", "* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n", "a2 OK begin\r\n"}, 1, RIGHT, 0, ""},
    {"pop3", {"+OK hi\r\n", "+OK list\r\nUSER\r\nSTLS\r\n.\r\n", "+OK begin\r\n"}, 1, RIGHT, 0, ""},
    {"ftp", {"220-hi\r\n 220 is no end\r\nnor this\r\n220 ready\r\n", "234 go\r\n"}, 1, RIGHT, 0, ""},
    {"nntp", {"201 hi\r\n", "101 list\r\nVERSION 2\r\nstarttls\r\n.\r\n", "382 begin\r\n"}, 1, RIGHT, 0, ""},
    {"nntp",
     {"200 hi\r\n", "101 list\r\nIHAVE\r\nMODE-READER\r\n.\r\n", "200 reader\r\n", "101 list\r\nREADER\r\nSTARTTLS\r\n.\r\n", "382 begin\r\n"},
     1, RIGHT, 0, ""},
    {"postgres", {"S"}, 1, RIGHT, 0, ""},
    /* The certificate counts as ever. */
    {"smtp", {"220 ready\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n"}, 1, IMPOSTOR, HOSTLOCK_E_HOST_MISMATCH, OTHER_HOST},
    {"postgres", {"S"}, 1, EXPIRED, HOSTLOCK_E_EXPIRED, "expired"},
    /* The offer is missing. */
    {"smtp", {"220 ready\r\n", "250-x\r\n250-XSTARTTLS\r\n250 SIZE\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "does not offer STARTTLS"},
    {"imap", {"* OK [CAPABILITY STARTTLS] hi\r\n", "* CAPABILITY IMAP4rev1\r\na1 OK done\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "does not offer STARTTLS"},
    {"imap", {"* PREAUTH you are in\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "PREAUTH"},
    {"pop3", {"+OK hi\r\n", "+OK\r\nUSER\r\n.\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "does not offer STLS"},
    {"pop3", {"+OK hi\r\n", "-ERR unknown\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "does not offer STLS"},
    {"nntp", {"200 hi\r\n", "101 list\r\nREADER\r\nXSTARTTLS\r\n.\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "does not offer STARTTLS"},
    {"nntp", {"200 hi\r\n", "500 what\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "does not offer STARTTLS"},
    {"nntp",
     {"200 hi\r\n", "101 list\r\nMODE-READER\r\n.\r\n", "201 reader\r\n", "101 list\r\nREADER\r\n.\r\n"},
     0, RIGHT, HOSTLOCK_E_PLAINTEXT, "does not offer STARTTLS"},
    {"postgres", {"N"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "does not offer TLS"},
    /* It is declined. */
    {"smtp", {"220 ready\r\n", "250-x\r\n250 STARTTLS\r\n", "454 not now\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "454 not now"},
    {"smtp", {"554 go away\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "554 go away"},
    {"ftp", {"220 hi\r\n", "530 \x1b[31mno\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "530 \\x1b[31mno"},
    {"imap", {"* OK hi\r\n", "* CAPABILITY STARTTLS\r\na1 OK\r\n", "a2 BAD no\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "a2 BAD no"},
    {"imap", {"* OK hi\r\n", "* CAPABILITY STARTTLS\r\na1 NO\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "a1 NO"},
    {"pop3", {"+OK hi\r\n", "+OK\r\nSTLS\r\n.\r\n", "-ERR no\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "-ERR no"},
    {"nntp", {"400 later\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "400 later"},
    {"nntp", {"200 hi\r\n", "101 list\r\nSTARTTLS\r\n.\r\n", "580 no\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "580 no"},
    {"nntp", {"200 hi\r\n", "101 list\r\nMODE-READER\r\n.\r\n", "502 no\r\n"}, 0, RIGHT, HOSTLOCK_E_PLAINTEXT, "502 no"},
    /* Somebody puts words behind the last one. */
    {"nntp", {"200 hi\r\n", "101 list\r\nSTARTTLS\r\n.\r\n", "382 go\r\n281 evil\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "281 evil"},
    {"smtp", {"220 ready\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n250 AUTH PLAIN\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "250 AUTH PLAIN"},
    {"imap", {"* OK hi\r\n", "* CAPABILITY STARTTLS\r\na1 OK\r\n", "a2 OK\r\n* LIST () \"/\" x\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "* LIST"},
    {"pop3", {"+OK hi\r\n", "+OK\r\nSTLS\r\n.\r\n", "+OK\r\n+OK evil\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "+OK evil"},
    {"ftp", {"220 hi\r\n", "234 go\r\n230 evil\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "230 evil"},
    {"postgres", {"SE evil"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "E evil"},
    /* Another protocol, or none. */
    {"smtp", {"SSH-2.0-x\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak SMTP: it said \"SSH-2.0-x\""},
    {"smtp", {"220-x\r\n250 y\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak SMTP"},
    {"smtp", {"220+x\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak SMTP"},
    {"ftp", {"220x\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak FTP"},
    {"imap", {"+OK pop\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak IMAP"},
    {"imap", {"* OK hi\r\n", "* CAPABILITY STARTTLS\r\na1x OK\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak IMAP"},
    {"pop3", {"* OK imap\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak POP3"},
    {"nntp", {"220-x\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak NNTP"},
    {"nntp", {"200 hi\r\n", "101 list\r\nSTARTTLS\r\n.\r\n", "+OK\r\n"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak NNTP"},
    {"postgres", {"E"}, 0, RIGHT, HOSTLOCK_E_PROTOCOL, "does not speak PostgreSQL"},
};

static int listening_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    need(bind(listening, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listening, 1) == 0, "a socket");
    return listening;
}

static int called(int listening, struct peer *peer)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    need(getsockname(listening, (struct sockaddr *)&address, &length) == 0 && connect(fd, (struct sockaddr *)&address, length) == 0,
         "a connection");
    peer->fd = accept(listening, NULL, NULL);
    return fd;
}

static int bound(struct peer *peer)
{
    int listening = listening_socket(), fd = called(listening, peer);
    close(listening);
    return fd;
}

static void follow(const struct script *script, int flags)
{
    struct peer peer = {.script = script};
    int fd = bound(&peer);
    need(fcntl(fd, F_SETFL, flags) == 0 && pthread_create(&peer.thread, NULL, serve, &peer) == 0, "a peer");
    hostlock_ctx *ctx = client_context();
    need(hostlock_ctx_set_timeout(ctx, 20000) == 0, "hostlock_ctx_set_timeout");
    hostlock_conn *conn = (hostlock_conn *)ctx;
    int status = hostlock_starttls_fd(ctx, script->protocol, fd, RIGHT_HOST, &conn);
    char message[512] = "";
    if (status == 0 && flags != 0) {
        claim(conn != NULL && hostlock_conn_version(conn) == NULL, "  %s: the handshake is left to the caller", script->protocol);
        while ((status = hostlock_handshake(conn)) == HOSTLOCK_WANT_READ)
            usleep(1000);
    }
    if (status != 0)
        snprintf(message, sizeof(message), "%s", hostlock_error_message(hostlock_last_error()));
    if (status == 0)
        need(hostlock_write(conn, "x", 1) == 1, "hostlock_write");
    hostlock_conn_free(conn);
    shutdown(fd, SHUT_WR);
    pthread_join(peer.thread, NULL);
    int good = status == script->status && strstr(message, script->part) != NULL && !peer.heard_more &&
               peer.went_under_tls == (script->status == 0);
    claim(good, "%s on a %s descriptor: %s %s", script->protocol, flags ? "non-blocking" : "blocking",
          hostlock_status_name(script->status), script->part);
    if (!good)
        note("%s: %s; heard: %s", hostlock_status_name(status), message, peer.heard);
    close(fd), close(peer.fd);
    hostlock_ctx_free(ctx);
}

static void a_second_call_resumes(const struct script *script, int version)
{
    SSL_CTX *tls = tls_of(script->who);
    SSL_CTX_set_min_proto_version(tls, version), SSL_CTX_set_max_proto_version(tls, version);
    hostlock_ctx *ctx = client_context();
    int listening = listening_socket();
    for (int turn = 0; turn < 2; turn++) {
        struct peer peer = {.script = script, .tls = tls};
        int fd = called(listening, &peer);
        need(pthread_create(&peer.thread, NULL, serve, &peer) == 0, "a peer");
        hostlock_conn *conn = NULL;
        int status = hostlock_starttls_fd(ctx, script->protocol, fd, RIGHT_HOST, &conn);
        char byte;
        claim(status == 0 && hostlock_write(conn, "x", 1) == 1 && hostlock_read(conn, &byte, 1) == 0 && hostlock_conn_resumed(conn) == (turn == 1),
              "%s, %s: %s", script->protocol, version == TLS1_2_VERSION ? "TLS 1.2" : "TLS 1.3", turn == 0 ? "the first is whole" : "the second resumes");
        hostlock_conn_free(conn);
        shutdown(fd, SHUT_WR);
        pthread_join(peer.thread, NULL);
        close(fd), close(peer.fd);
    }
    close(listening);
    SSL_CTX_free(tls), hostlock_ctx_free(ctx);
}

/* Without an end, or without words. */
static void stalls(void)
{
    static const struct { const char *text; int times, cut, status; } rows[] = {
        {"", 0, 0, HOSTLOCK_E_TIMEOUT},
        {"220-x\r\n", 3, 0, HOSTLOCK_E_TIMEOUT},
        {"220-x", 1, 0, HOSTLOCK_E_TIMEOUT},
        {"", 0, 1, HOSTLOCK_E_TRUNCATED},
        {"220-x\r\n", 1, 1, HOSTLOCK_E_TRUNCATED},
        {"220-the same again and again, which would be more than anything that is said before TLS\r\n", 1000, 0, HOSTLOCK_E_FLOOD},
        {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 100, 0, HOSTLOCK_E_FLOOD},
    };
    static const struct script smtp = {.protocol = "smtp"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer peer = {.script = &smtp};
        int fd = bound(&peer);
        for (int n = 0; n < rows[i].times; n++)
            send(peer.fd, rows[i].text, strlen(rows[i].text), MSG_NOSIGNAL);
        if (rows[i].cut)
            shutdown(peer.fd, SHUT_WR);
        hostlock_ctx *ctx = client_context();
        need(hostlock_ctx_set_timeout(ctx, 300) == 0, "hostlock_ctx_set_timeout");
        hostlock_conn *conn;
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        int status = hostlock_starttls_fd(ctx, "smtp", fd, RIGHT_HOST, &conn);
        clock_gettime(CLOCK_MONOTONIC, &after);
        claim(status == rows[i].status && conn == NULL && after.tv_sec - before.tv_sec < 5, "a server that stalls: %s, no. %zu",
              hostlock_status_name(rows[i].status), i);
        if (status != rows[i].status)
            note("%s: %s", hostlock_status_name(status), hostlock_error_message(hostlock_last_error()));
        close(fd), close(peer.fd);
        hostlock_ctx_free(ctx);
    }
}

static void bad_arguments(void)
{
    hostlock_ctx *ctx = client_context(), *server = hostlock_server_new(NULL);
    hostlock_conn *conn = (hostlock_conn *)ctx;
    static const char *const words[] = {"", "SMTP", "smtps", "lmtp", NULL};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        claim(hostlock_starttls(ctx, words[i], RIGHT_HOST, 25, &conn) == HOSTLOCK_E_ARG && conn == NULL &&
                  hostlock_starttls_fd(ctx, words[i], 0, RIGHT_HOST, &conn) == HOSTLOCK_E_ARG,
              "\"%s\" is no protocol", words[i] == NULL ? "NULL" : words[i]);
    claim(hostlock_starttls(ctx, "smtp", "https://x", 25, &conn) == HOSTLOCK_E_BAD_HOST &&
              hostlock_starttls(ctx, "smtp", NULL, 25, &conn) == HOSTLOCK_E_ARG,
          "a bad host, and none");
    claim(hostlock_starttls(ctx, "smtp", RIGHT_HOST, 0, &conn) == HOSTLOCK_E_ARG, "port 0");
    claim(hostlock_starttls(server, "smtp", RIGHT_HOST, 25, &conn) == HOSTLOCK_E_STATE &&
              hostlock_starttls_fd(server, "smtp", 0, RIGHT_HOST, &conn) == HOSTLOCK_E_STATE,
          "a server's context");
    claim(hostlock_starttls(NULL, "smtp", RIGHT_HOST, 25, &conn) == HOSTLOCK_E_ARG &&
              hostlock_starttls(ctx, "smtp", RIGHT_HOST, 25, NULL) == HOSTLOCK_E_ARG &&
              hostlock_starttls_fd(ctx, "smtp", 0, RIGHT_HOST, NULL) == HOSTLOCK_E_ARG,
          "NULL");
    claim(hostlock_starttls_fd(ctx, "smtp", -1, RIGHT_HOST, &conn) == HOSTLOCK_E_ARG, "no descriptor");
    hostlock_ctx_free(ctx), hostlock_ctx_free(server);
}

int main(void)
{
    signal(SIGPIPE, SIG_DFL);
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        follow(&scripts[i], 0);
        follow(&scripts[i], O_NONBLOCK);
    }
    for (size_t i = 0; i < 5; i++) {
        a_second_call_resumes(&scripts[i], TLS1_2_VERSION);
        a_second_call_resumes(&scripts[i], TLS1_3_VERSION);
    }
    stalls();
    bad_arguments();
    return finish();
}
