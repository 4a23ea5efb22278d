/*
 * hostlock_accept_fd: a server by hostlock's calls alone. It serves on blocking and non-blocking descriptors; no client holds
 * it longer than its timeout, by silence, by dribbling or by going away; and what a client did wrong is said in words.
 */
#define _DEFAULT_SOURCE
#include "own_server.h"
#include "support.h"

#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

static int version;

static hostlock_ctx *serving_one_version(void)
{
    hostlock_ctx *ctx = serving(identity(RIGHT));
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    return ctx;
}

static void sockets(int pair[2], int flags)
{
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && fcntl(pair[0], F_SETFL, flags) == 0, "socketpair");
}

/* A client in a thread. It says "ping", wants "pong", and leaves as it is told. */
struct client { int fd, leaves_at_once, got_pong; pthread_t thread; };

static void *visit(void *argument)
{
    struct client *client = argument;
    hostlock_ctx *ctx = client_context();
    hostlock_conn *conn;
    char buffer[8];
    if (hostlock_connect_fd(ctx, client->fd, RIGHT_HOST, &conn) == 0) {
        if (!client->leaves_at_once) {
            client->got_pong = hostlock_write(conn, "ping", 4) == 4 && hostlock_read(conn, buffer, 8) == 4 &&
                               memcmp(buffer, "pong", 4) == 0;
            hostlock_shutdown(conn);
            client->got_pong = client->got_pong && hostlock_read(conn, buffer, 8) == 0;
        }
        hostlock_conn_free(conn);
    }
    hostlock_ctx_free(ctx);
    close(client->fd);
    return NULL;
}

static int wait_for(hostlock_conn *conn, int fd, long answer)
{
    int left;
    need(hostlock_conn_time_left(conn, &left) == 0, "hostlock_conn_time_left");
    struct pollfd wish = {fd, answer == HOSTLOCK_WANT_READ ? POLLIN : POLLOUT, 0};
    return poll(&wish, 1, left);
}

/* What is left for libssl to give back, while the client waits for its answer and nobody else allocates. */
static void keeps_no_buffers(hostlock_conn *conn)
{
    char buffer[8];
    claim(hostlock_read(conn, buffer, sizeof(buffer)) == HOSTLOCK_WANT_READ && SSL_get_mode(conn) & SSL_MODE_RELEASE_BUFFERS,
          "  while it waits libssl gives its buffers back");
    struct mallinfo2 before = mallinfo2();
    int freed = SSL_free_buffers(conn);
    struct mallinfo2 after = mallinfo2();
    size_t given_back = before.uordblks > after.uordblks ? before.uordblks - after.uordblks : 0;
    claim(freed == 1 && given_back < 1024, "  and has none left (%zu bytes)", given_back);
}

static void serves(int flags)
{
    int pair[2], left = 7;
    sockets(pair, flags);
    hostlock_ctx *ctx = serving_one_version();
    need(hostlock_ctx_set_timeout(ctx, 20000) == 0, "hostlock_ctx_set_timeout");
    struct client client = {.fd = pair[1]};
    need(pthread_create(&client.thread, NULL, visit, &client) == 0, "pthread_create");
    hostlock_conn *conn;
    int status = hostlock_accept_fd(ctx, pair[0], &conn);
    claim(status == 0 && conn != NULL, "%s: a %s descriptor is accepted", version_name(version), flags ? "non-blocking" : "blocking");
    need(hostlock_conn_time_left(conn, &left) == 0, "hostlock_conn_time_left");
    claim(flags ? left > 15000 && left <= 20000 : left == -1, "  and the time that its handshake has is told");
    char buffer[8];
    ssize_t got;
    while ((got = hostlock_read(conn, buffer, sizeof(buffer))) == HOSTLOCK_WANT_READ || got == HOSTLOCK_WANT_WRITE)
        wait_for(conn, pair[0], got);
    need(got == 4, "hostlock_read");
    if (flags)
        keeps_no_buffers(conn);
    claim(hostlock_write_all(conn, "pong", 4) == 4, "  the client is served");
    while ((got = hostlock_read(conn, buffer, sizeof(buffer))) == HOSTLOCK_WANT_READ)
        wait_for(conn, pair[0], got);
    claim(got == 0 && hostlock_shutdown(conn) == 0, "  up to the goodbye on both sides");
    need(hostlock_conn_time_left(conn, &left) == 0, "hostlock_conn_time_left");
    claim(left == -1, "  and no time limits it any more");
    pthread_join(client.thread, NULL);
    claim(client.got_pong, "  and got what it wanted");
    claim(hostlock_write(conn, "x", 1) == HOSTLOCK_E_CLOSED, "  after which nothing is written");
    hostlock_conn_free(conn);
    claim(fcntl(pair[0], F_GETFD) >= 0, "  and the descriptor is the caller's still");
    close(pair[0]);
    hostlock_ctx_free(ctx);
}

/* SIGPIPE has its default here: it would end the program. */
static void outlives_a_client_that_leaves(void)
{
    int pair[2];
    sockets(pair, 0);
    hostlock_ctx *ctx = serving_one_version();
    struct client client = {.fd = pair[1], .leaves_at_once = 1};
    need(pthread_create(&client.thread, NULL, visit, &client) == 0, "pthread_create");
    hostlock_conn *conn;
    int status = hostlock_accept_fd(ctx, pair[0], &conn);
    pthread_join(client.thread, NULL);
    signal(SIGPIPE, SIG_DFL);
    /* With TLS 1.3 the client may be gone before the server's tickets. */
    if (status == 0) {
        ssize_t sent = 1;
        for (int i = 0; i < 100 && sent > 0; i++)
            sent = hostlock_write(conn, "pong", 4);
        status = (int)sent;
    }
    claim(status == HOSTLOCK_E_TRUNCATED || status == HOSTLOCK_E_IO, "%s: a client that leaves is an error and no signal",
          version_name(version));
    if (status != HOSTLOCK_E_TRUNCATED)
        note("%s", hostlock_status_name(status));
    hostlock_conn_free(conn);
    close(pair[0]);
    hostlock_ctx_free(ctx);
}

struct dribble { int fd; volatile int stop; };

static void *dribble(void *argument)
{
    static const unsigned char head[] = {22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xf0, 3, 3};
    struct dribble *peer = argument;
    for (size_t i = 0; !peer->stop; i++) {
        if (send(peer->fd, head + (i < sizeof(head) ? i : 3), 1, MSG_NOSIGNAL) < 0)
            break;
        usleep(20000);
    }
    return NULL;
}

static void ends_in_time(int flags, int talkative)
{
    int pair[2];
    sockets(pair, flags);
    hostlock_ctx *ctx = serving_one_version();
    need(hostlock_ctx_set_timeout(ctx, 300) == 0, "hostlock_ctx_set_timeout");
    struct dribble peer = {pair[1], 0};
    pthread_t thread;
    if (talkative)
        need(pthread_create(&thread, NULL, dribble, &peer) == 0, "pthread_create");
    long began = milliseconds();
    hostlock_conn *conn;
    int status = hostlock_accept_fd(ctx, pair[0], &conn);
    if (flags) {
        need(status == 0, "hostlock_accept_fd");
        int turns = 0, left;
        /* A careful event loop: it touches a client only when it is readable, or when its time is over. */
        while (turns++ < 1000) {
            if (wait_for(conn, pair[0], HOSTLOCK_WANT_READ) > 0 || milliseconds() - began >= 300)
                status = hostlock_handshake(conn);
            if (status != 0 && status != HOSTLOCK_WANT_READ)
                break;
        }
        claim(hostlock_conn_time_left(conn, &left) == 0 && left == 0, "%s: no time is left", version_name(version));
        claim(hostlock_handshake(conn) == HOSTLOCK_E_TIMEOUT && hostlock_read(conn, &left, 1) == HOSTLOCK_E_TIMEOUT,
              "  which stays so");
    } else {
        claim(conn == NULL, "%s: no connection is left", version_name(version));
    }
    long took = milliseconds() - began;
    claim(status == HOSTLOCK_E_TIMEOUT && took >= 300 && took < 5000, "  after the timeout of a %s client on a %s descriptor",
          talkative ? "dribbling" : "silent", flags ? "non-blocking" : "blocking");
    if (status != HOSTLOCK_E_TIMEOUT || took >= 5000)
        note("%s after %ld ms", hostlock_status_name(status), took);
    peer.stop = 1;
    if (talkative)
        pthread_join(thread, NULL);
    hostlock_conn_free(conn);
    close(pair[0]);
    close(pair[1]);
    hostlock_ctx_free(ctx);
}

/* What a peer says at once, and what the server makes of it. */
static void wrong_words(void)
{
    static const struct {
        const char *bytes;
        size_t length;
        int status;
        const char *part;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18, HOSTLOCK_E_PLAINTEXT, "plain HTTP"},
        {"EHLO client\r\n", 13, HOSTLOCK_E_PLAINTEXT, "EHLO client"},
        {"\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a!", 13, HOSTLOCK_E_PLAINTEXT, "the PROXY protocol of balancers"},
        {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 36, HOSTLOCK_E_PLAINTEXT, "the PROXY protocol of balancers"},
        {"", 0, HOSTLOCK_E_TRUNCATED, "before it said anything"},
        {"\x16\x03\x01", 3, HOSTLOCK_E_TRUNCATED, "in the middle of the handshake"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int pair[2];
        sockets(pair, 0);
        hostlock_ctx *ctx = serving_one_version();
        need(send(pair[1], rows[i].bytes, rows[i].length, 0) == (ssize_t)rows[i].length, "send");
        shutdown(pair[1], SHUT_WR);
        hostlock_conn *conn;
        int status = hostlock_accept_fd(ctx, pair[0], &conn);
        const char *message = hostlock_error_message(hostlock_last_error());
        claim(status == rows[i].status && strstr(message, rows[i].part) != NULL && conn == NULL, "words no. %zu: %s", i, rows[i].part);
        if (status != rows[i].status || strstr(message, rows[i].part) == NULL)
            note("%s: %s", hostlock_status_name(status), message);
        close(pair[0]), close(pair[1]);
        hostlock_ctx_free(ctx);
    }
}

/* A plain client of other habits. */
static void *odd_visit(void *argument)
{
    SSL *ssl = argument;
    SSL_connect(ssl);
    char byte;
    SSL_read(ssl, &byte, 1);
    ERR_clear_error();
    return NULL;
}

enum odd { OLD, OTHER_CIPHER, DISTRUSTFUL, NO_CERTIFICATE_HERE, ODDITIES };

static void odd_clients(void)
{
    static const struct { int status; const char *part, *hint; } rows[ODDITIES] = {
        [OLD] = {HOSTLOCK_E_NO_COMMON_VERSION, "offers nothing newer than TLS 1.1", "TLS 1.2"},
        [OTHER_CIPHER] = {HOSTLOCK_E_NO_COMMON_CIPHER, "offers no cipher suite that this server can take", "cipher suite"},
        [DISTRUSTFUL] = {HOSTLOCK_E_ALERT, "sent the alert unknown_ca", "does not trust the CA"},
        [NO_CERTIFICATE_HERE] = {HOSTLOCK_E_NO_COMMON_CIPHER, "this server has no certificate", "hostlock_ctx_add_cert_file"},
    };
    signal(SIGPIPE, SIG_IGN);
    for (enum odd odd = 0; odd < ODDITIES; odd++) {
        int pair[2];
        sockets(pair, 0);
        hostlock_ctx *ctx = odd == NO_CERTIFICATE_HERE ? hostlock_server_new(NULL) : serving_one_version();
        SSL_CTX *plain = plain_context();
        SSL_CTX_set_security_level(plain, 0);
        if (odd == OLD)
            SSL_CTX_set_min_proto_version(plain, TLS1_VERSION), SSL_CTX_set_max_proto_version(plain, TLS1_1_VERSION);
        if (odd == OTHER_CIPHER) {
            SSL_CTX_set_cipher_list(plain, "AES128-SHA");
            SSL_CTX_set_max_proto_version(plain, TLS1_2_VERSION);
            SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
        }
        if (odd == DISTRUSTFUL)
            SSL_CTX_set_verify(plain, SSL_VERIFY_PEER, NULL);
        SSL *ssl = SSL_new(plain);
        SSL_set_fd(ssl, pair[1]);
        pthread_t thread;
        need(pthread_create(&thread, NULL, odd_visit, ssl) == 0, "pthread_create");
        hostlock_conn *conn;
        char byte;
        int status = hostlock_accept_fd(ctx, pair[0], &conn);
        /* A client of TLS 1.3 says no after the server is through. */
        if (status == 0)
            status = (int)hostlock_read(conn, &byte, 1);
        const hostlock_error *error = hostlock_last_error();
        int good = status == rows[odd].status && strstr(hostlock_error_message(error), rows[odd].part) != NULL &&
                   strstr(hostlock_error_hint(error), rows[odd].hint) != NULL;
        claim(good, "%s: an odd client: %s", version_name(version), rows[odd].part);
        if (!good)
            note("%s: %s; %s", hostlock_status_name(status), hostlock_error_message(error), hostlock_error_hint(error));
        shutdown(pair[0], SHUT_RDWR);
        pthread_join(thread, NULL);
        SSL_free(ssl);
        SSL_CTX_free(plain);
        hostlock_conn_free(conn);
        close(pair[0]), close(pair[1]);
        hostlock_ctx_free(ctx);
    }
}

static int tcp_socket(struct sockaddr_in *address)
{
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    need(fd >= 0, "socket");
    return fd;
}

/* The caller's mistake is not told as the peer's, nor the other way round. */
static void sockets_without_a_peer(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    hostlock_ctx *ctx = serving_one_version(), *client = client_context();
    hostlock_conn *conn;
    int listening = tcp_socket(&address), unconnected = tcp_socket(&address);
    need(bind(listening, (struct sockaddr *)&address, length) == 0 && listen(listening, 1) == 0 &&
             getsockname(listening, (struct sockaddr *)&address, &length) == 0,
         "a listening socket");
    static const char *const words[] = {"listens for connections", "was never connected"};
    for (int i = 0; i < 2; i++) {
        int fd = i == 0 ? listening : unconnected;
        claim(hostlock_accept_fd(ctx, fd, &conn) == HOSTLOCK_E_ARG && conn == NULL &&
                  strstr(hostlock_error_message(hostlock_last_error()), words[i]) != NULL &&
                  hostlock_connect_fd(client, fd, RIGHT_HOST, &conn) == HOSTLOCK_E_ARG && conn == NULL &&
                  strstr(hostlock_error_message(hostlock_last_error()), words[i]) != NULL,
              "a socket that %s", words[i]);
    }
    struct linger at_once = {1, 0};
    need(connect(unconnected, (struct sockaddr *)&address, length) == 0 &&
             setsockopt(unconnected, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0,
         "a client");
    int accepted = accept(listening, NULL, NULL);
    close(unconnected);
    int status = hostlock_accept_fd(ctx, accepted, &conn);
    claim(accepted >= 0 && status == HOSTLOCK_E_TRUNCATED && conn == NULL, "a client that has gone is told as such");
    if (status != HOSTLOCK_E_TRUNCATED)
        note("%s: %s", hostlock_status_name(status), hostlock_error_message(hostlock_last_error()));
    close(accepted), close(listening);
    hostlock_ctx_free(ctx), hostlock_ctx_free(client);
}

static void bad_arguments(void)
{
    int pair[2], datagrams[2], left = 7;
    sockets(pair, O_NONBLOCK);
    need(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams) == 0, "socketpair");
    hostlock_ctx *ctx = serving_one_version(), *client = client_context();
    SSL_CTX *plain = plain_context();
    hostlock_conn *conn = (hostlock_conn *)ctx;
    claim(hostlock_accept_fd(client, pair[0], &conn) == HOSTLOCK_E_STATE && conn == NULL, "a client's context accepts nobody");
    claim(hostlock_accept_fd(plain, pair[0], &conn) == HOSTLOCK_E_STATE, "nor does one that is not hostlock's");
    claim(hostlock_accept_fd(NULL, pair[0], &conn) == HOSTLOCK_E_ARG, "NULL for the context");
    claim(hostlock_accept_fd(ctx, pair[0], NULL) == HOSTLOCK_E_ARG, "NULL for the connection");
    claim(hostlock_accept_fd(ctx, -1, &conn) == HOSTLOCK_E_ARG && hostlock_accept_fd(ctx, 9999, &conn) == HOSTLOCK_E_ARG,
          "no descriptor");
    claim(hostlock_accept_fd(ctx, datagrams[0], &conn) == HOSTLOCK_E_ARG, "a datagram socket");
    claim(hostlock_connect_fd(ctx, pair[0], RIGHT_HOST, &conn) == HOSTLOCK_E_STATE, "a server's context connects nowhere");
    need(hostlock_accept_fd(ctx, pair[0], &conn) == 0, "hostlock_accept_fd");
    claim(hostlock_conn_time_left(conn, NULL) == HOSTLOCK_E_ARG && hostlock_conn_time_left(NULL, &left) == HOSTLOCK_E_ARG &&
              left == 7,
          "NULL for the time");
    hostlock_conn_free(conn);
    need(hostlock_ctx_set_timeout(ctx, 0) == 0 && hostlock_accept_fd(ctx, pair[0], &conn) == 0, "hostlock_accept_fd");
    claim(hostlock_conn_time_left(conn, &left) == 0 && left == -1, "a timeout of 0 is for ever");
    hostlock_conn_free(conn);
    claim(hostlock_ctx_set_timeout(ctx, -1) == HOSTLOCK_E_ARG &&
              hostlock_accept_fd(ctx, pair[0], &conn) == HOSTLOCK_E_POISONED && conn == NULL,
          "a poisoned context serves nobody");
    SSL *raw = SSL_new(plain);
    claim(hostlock_conn_time_left(raw, &left) == HOSTLOCK_E_STATE, "a connection that is not hostlock's");
    SSL_free(raw);
    SSL_CTX_free(plain);
    hostlock_ctx_free(ctx), hostlock_ctx_free(client);
    close(pair[0]), close(pair[1]), close(datagrams[0]), close(datagrams[1]);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        version = both_versions[i];
        serves(0);
        serves(O_NONBLOCK);
        outlives_a_client_that_leaves();
        for (int talkative = 0; talkative < 2; talkative++) {
            ends_in_time(0, talkative);
            ends_in_time(O_NONBLOCK, talkative);
        }
        wrong_words();
        odd_clients();
    }
    bad_arguments();
    sockets_without_a_peer();
    return finish();
}
