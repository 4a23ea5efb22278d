/*
 * A peer cannot hold up a caller of hostlock's own functions: deadlines hold on blocking descriptors, whether the peer is
 * silent, dribbles or floods, and what cannot succeed any more does not ask to be tried again. Clients and servers, on
 * TLS 1.2 and 1.3.
 */
#define _DEFAULT_SOURCE
#include "guarded_io.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* A peer that sends one byte at a time, of a record that never ends. */
struct dribble { int fd; unsigned char type; volatile int stop; };

static void *dribble(void *argument)
{
    struct dribble *peer = argument;
    unsigned char record[5] = {peer->type, 3, 3, 0x3f, 0xff};
    for (int i = 0; !peer->stop; i++) {
        if (send(peer->fd, i < 5 ? record + i : record, 1, MSG_NOSIGNAL) < 0) break;
        usleep(20000);
    }
    return NULL;
}

static int in_time(long began)
{
    long took = milliseconds() - began;
    if (took < 5000) return 1;
    note("it took %ld ms", took);
    return 0;
}

static void deadlines(int as_server)
{
    int pair[2];
    char buffer[1 << 16];
    const char *side = as_server ? "a server" : "a client";
    SSL_CTX *ctx = as_server ? guarded_server() : client_context();
    only(ctx);
    need(hostlock_ctx_set_timeout(ctx, 300) == 0, "hostlock_ctx_set_timeout");
    for (int talkative = 0; talkative < 2; talkative++) {
        pair_of_sockets(pair, 0);
        SSL *ssl = over(ctx, pair[0]);
        if (!as_server) need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
        struct dribble peer = {pair[1], 22, 0};
        pthread_t thread;
        if (talkative) need(pthread_create(&thread, NULL, dribble, &peer) == 0, "pthread_create");
        long began = milliseconds();
        int status = hostlock_handshake(ssl);
        claim(status == HOSTLOCK_E_TIMEOUT && in_time(began), "the handshake of %s on a blocking descriptor ends in time%s on %s",
              side, talkative ? " with a peer that dribbles" : "", version_name(version));
        claim(hostlock_handshake(ssl) == HOSTLOCK_E_TIMEOUT && in_time(began), "  and stays failed");
        peer.stop = 1;
        if (talkative) pthread_join(thread, NULL);
        SSL_free(ssl);
        close(pair[0]);
        close(pair[1]);
    }

    /* Established by libssl on non-blocking descriptors; ours is made blocking then. */
    pair_of_sockets(pair, 1);
    SSL_CTX *other_ctx = as_server ? client_context() : plain_server(identity(RIGHT));
    SSL *ssl = over(ctx, pair[0]), *other = over(other_ctx, pair[1]);
    need(hostlock_conn_set_host(as_server ? other : ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    need(as_server ? shake(other, ssl) : shake(ssl, other), "a handshake");
    fcntl(pair[0], F_SETFL, 0);
    long began = milliseconds();
    claim(hostlock_read(ssl, buffer, sizeof buffer) == HOSTLOCK_E_TIMEOUT && in_time(began),
          "a read of %s on a blocking descriptor ends in time on %s", side, version_name(version));
    long sent;
    int writes = 0;
    began = milliseconds();
    memset(buffer, 'x', sizeof buffer);
    do {
        sent = hostlock_write(ssl, buffer, sizeof buffer);
    } while (sent > 0 && ++writes < 1000);
    claim(sent == HOSTLOCK_E_TIMEOUT && in_time(began), "a write of %s to a peer that reads nothing ends in time on %s", side,
          version_name(version));
    claim(hostlock_write(ssl, buffer, 100) == HOSTLOCK_E_ARG, "  a shorter one after it is the caller's mistake");
    claim(hostlock_shutdown(ssl) == HOSTLOCK_E_TIMEOUT && hostlock_shutdown(ssl) == HOSTLOCK_E_TIMEOUT && in_time(began),
          "  so does the goodbye");
    long got = hostlock_read(ssl, buffer, sizeof buffer);
    claim(got == HOSTLOCK_E_TIMEOUT, "  and a read then says that nothing came (%ld: %s)", got,
          got < 0 ? hostlock_error_message(hostlock_last_error()) : "");
    SSL_free(ssl);
    SSL_free(other);
    SSL_CTX_free(other_ctx);

    close(pair[0]);
    close(pair[1]);
    SSL_CTX_free(ctx);
}

/* No write is under way, but there is no room for the goodbye. */
static void no_room_for_goodbye(void)
{
    int pair[2];
    static char data[1 << 15];
    SSL_CTX *ctx = client_context(), *server_ctx = plain_server(identity(RIGHT));
    only(ctx);
    need(hostlock_ctx_set_timeout(ctx, 200) == 0, "hostlock_ctx_set_timeout");
    pair_of_sockets(pair, 1);
    SSL *ssl = over(ctx, pair[0]), *server = over(server_ctx, pair[1]);
    need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    need(shake(ssl, server), "a handshake");
    while (send(pair[0], data, sizeof data, 0) > 0) {}
    while (send(pair[0], data, 1, 0) > 0) {}
    claim(hostlock_shutdown(ssl) == HOSTLOCK_WANT_WRITE && hostlock_shutdown(ssl) == HOSTLOCK_WANT_WRITE,
          "a goodbye that finds no room waits on %s", version_name(version));
    fcntl(pair[0], F_SETFL, 0);
    int first = hostlock_shutdown(ssl), second = hostlock_shutdown(ssl);
    claim(first == HOSTLOCK_E_TIMEOUT && second == HOSTLOCK_E_TIMEOUT, "  and not beyond the timeout");
    long got = hostlock_read(ssl, data, sizeof data);
    claim(got == HOSTLOCK_E_TIMEOUT, "  a read after it says that nothing came (%ld: %s)", got,
          got < 0 ? hostlock_error_message(hostlock_last_error()) : "");
    need(SSL_write(server, "pong", 4) == 4, "SSL_write");
    claim(hostlock_read(ssl, data, sizeof data) == 4, "  and takes what comes");
    SSL_free(ssl);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
    close(pair[0]);
    close(pair[1]);
}

/* A record that never completes, on an established connection. */
static void dribbled_record(void)
{
    int pair[2];
    char buffer[256];
    SSL_CTX *ctx = client_context(), *server_ctx = plain_server(identity(RIGHT));
    only(ctx);
    need(hostlock_ctx_set_timeout(ctx, 300) == 0, "hostlock_ctx_set_timeout");
    pair_of_sockets(pair, 1);
    SSL *ssl = over(ctx, pair[0]), *server = over(server_ctx, pair[1]);
    need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    need(shake(ssl, server), "a handshake");
    fcntl(pair[0], F_SETFL, 0);
    struct dribble peer = {pair[1], 23, 0};
    pthread_t thread;
    need(pthread_create(&thread, NULL, dribble, &peer) == 0, "pthread_create");
    long began = milliseconds();
    claim(hostlock_read(ssl, buffer, sizeof buffer) == HOSTLOCK_E_TIMEOUT && in_time(began),
          "a read from a peer that dribbles ends in time on %s", version_name(version));
    peer.stop = 1;
    pthread_join(thread, NULL);
    SSL_free(ssl);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
    close(pair[0]);
    close(pair[1]);
}

/* BIO pairs, as of an event loop: `memory`; or a socket. A broken record comes while nothing can be sent. */
static void no_spin(int as_server, int memory)
{
    int pair[2];
    static char data[1 << 15];
    unsigned char broken[] = {23, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
                              21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
    SSL_CTX *ctx = as_server ? guarded_server() : client_context();
    SSL_CTX *other_ctx = as_server ? client_context() : plain_server(identity(RIGHT));
    only(ctx);
    only(other_ctx);
    pair_of_sockets(pair, 1);
    SSL *ssl = SSL_new(ctx), *other = SSL_new(other_ctx);
    BIO *far = NULL, *near = NULL;
    if (memory) {
        BIO *other_bio;
        need(BIO_new_bio_pair(&near, 8192, &far, 8192) == 1, "BIO_new_bio_pair");
        other_bio = far;
        BIO_up_ref(far);
        SSL_set_bio(ssl, near, near);
        SSL_set_bio(other, other_bio, other_bio);
    } else {
        SSL_set_fd(ssl, pair[0]);
        SSL_set_fd(other, pair[1]);
    }
    need(hostlock_conn_set_host(as_server ? other : ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    need(as_server ? shake(other, ssl) : shake(ssl, other), "a handshake");
    while (hostlock_write(ssl, data, sizeof data) > 0) {}
    if (memory) need(BIO_write(far, broken, sizeof broken) == sizeof broken, "a broken record");
    else need(send(pair[1], broken, sizeof broken, 0) == (ssize_t)sizeof broken, "a broken record");
    int wants = 0, first = 0, same = 1;
    char words[512] = "";
    for (int i = 0; i < 100; i++) {
        char buffer[64];
        int got = (int)hostlock_read(ssl, buffer, sizeof buffer);
        wants += got == HOSTLOCK_WANT_READ || got == HOSTLOCK_WANT_WRITE;
        if (i == 0) {
            first = got;
            snprintf(words, sizeof words, "%s", hostlock_error_message(hostlock_last_error()));
        }
        same &= got == first && strcmp(words, hostlock_error_message(hostlock_last_error())) == 0;
    }
    claim(wants == 0 && first < 0, "a broken record to %s with a full buffer (%s) leads to no spin on %s",
          as_server ? "a server" : "a client", memory ? "memory" : "socket", version_name(version));
    claim(same && first == HOSTLOCK_E_PROTOCOL, "  it stays failed and says the same (%d: %s)", first, words);
    SSL_free(ssl);
    SSL_free(other);
    if (memory) BIO_free(far);
    SSL_CTX_free(ctx);
    SSL_CTX_free(other_ctx);
    close(pair[0]);
    close(pair[1]);
}

/* HelloRequest messages (RFC 5246 7.4.1.1) without end, which libssl's clients skip in a loop of their own. */
static void *flood(void *argument)
{
    struct dribble *peer = argument;
    static unsigned char record[5 + 16384] = {22, 3, 3, 0x40, 0};
    while (!peer->stop && send(peer->fd, record, sizeof record, MSG_NOSIGNAL) > 0) {}
    return NULL;
}

static void flooded_plainly(void)
{
    enum { RECORDS = 512 };
    static const unsigned char record[5 + 16384] = {22, 3, 3, 0x40, 0};
    SSL_CTX *ctx = client_context();
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    for (int i = 0; i < RECORDS; i++) need(BIO_write(in, record, sizeof record) == (int)sizeof record, "BIO_write");
    claim(SSL_connect(ssl) == -1 && BIO_pending(in) == 0 && SSL_get_error(ssl, -1) == SSL_ERROR_WANT_READ,
          "plain SSL_connect returns when the peer has no more HelloRequests to send, and not before");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void flooded(void)
{
    int pair[2];
    SSL_CTX *ctx = client_context();
    need(hostlock_ctx_set_timeout(ctx, 300) == 0, "hostlock_ctx_set_timeout");
    pair_of_sockets(pair, 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    SSL *ssl = over(ctx, pair[0]);
    need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    struct dribble peer = {pair[1], 22, 0};
    pthread_t thread;
    need(pthread_create(&thread, NULL, flood, &peer) == 0, "pthread_create");
    usleep(50000);
    long began = milliseconds();
    int answer;
    while ((answer = hostlock_handshake(ssl)) == HOSTLOCK_WANT_READ && milliseconds() - began < 4000) {}
    claim((answer == HOSTLOCK_E_TIMEOUT || answer == HOSTLOCK_E_FLOOD) && in_time(began),
          "hostlock_handshake ends by itself (%d)", answer);
    peer.stop = 1;
    shutdown(pair[1], SHUT_RDWR);
    pthread_join(thread, NULL);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        version = both_versions[i];
        for (int as_server = 0; as_server < 2; as_server++) {
            deadlines(as_server);
            no_spin(as_server, 0);
            no_spin(as_server, 1);
        }
        dribbled_record();
        no_room_for_goodbye();
    }
    flooded_plainly();
    flooded();
    return finish();
}
