/*
 * hostlock's own functions on an SSL that the program made and wired by itself: nothing moves where no guard stood at
 * the beginning of the handshake, deadlines hold on blocking descriptors, a failure stays one and says the same, and
 * a peer cannot make a caller spin. Clients and servers, on TLS 1.2 and 1.3.
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#include "support.h"

static int version;

static void pair_of_sockets(int pair[2], int nonblocking)
{
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    if (nonblocking) {
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        fcntl(pair[1], F_SETFL, O_NONBLOCK);
    }
}

static void only(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
}

/* A plain OpenSSL server with this identity. */
static SSL_CTX *plain_server(const struct identity *who)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, who->certificate) == 1
             && SSL_CTX_use_PrivateKey(ctx, who->key) == 1, "a server");
    only(ctx);
    SSL_CTX_set_num_tickets(ctx, 0);
    return ctx;
}

/* hostlock's own server; it asks nobody for a certificate. */
static SSL_CTX *guarded_server(void)
{
    const struct identity *right = identity(RIGHT);
    SSL_CTX *ctx = hostlock_server_new(NULL);
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, right->certificate) == 1
             && SSL_CTX_use_PrivateKey(ctx, right->key) == 1, "hostlock_server_new");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_num_tickets(ctx, 0);
    only(ctx);
    return ctx;
}

static SSL *over(SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL && SSL_set_fd(ssl, fd) == 1, "SSL_set_fd");
    return ssl;
}

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

/* Brings both sides of non-blocking sockets through the handshake with libssl's own functions. */
static int shake(SSL *client, SSL *server)
{
    for (int i = 0; i < 50; i++) {
        int c = SSL_connect(client), s = SSL_accept(server);
        if (c == 1 && s == 1) return 1;
    }
    return 0;
}

static int nothing_arrived(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Every function of ours that could move a byte. */
static int all_answer(SSL *ssl, int status)
{
    char buffer[16] = "secret";
    int handshake = hostlock_handshake(ssl);
    int sent = (int)hostlock_write(ssl, buffer, 6), all = (int)hostlock_write_all(ssl, buffer, 6);
    int got = (int)hostlock_read(ssl, buffer, sizeof buffer), bye = hostlock_shutdown(ssl);
    if (handshake == status && sent == status && all == status && got == status && bye == status) return 1;
    note("handshake %d, write %d, write_all %d, read %d, shutdown %d", handshake, sent, all, got, bye);
    return 0;
}

static void unguarded(void)
{
    int pair[2];
    SSL_CTX *plain = plain_context(), *ours = client_context(), *server_ctx = plain_server(identity(SELF_SIGNED));
    pair_of_sockets(pair, 1);
    SSL *ssl = over(plain, pair[0]);
    SSL_set_connect_state(ssl);
    claim(all_answer(ssl, HOSTLOCK_E_STATE) && nothing_arrived(pair[1]),
          "a connection that nobody guards moves no byte on %s", version_name(version));

    SSL *server = over(server_ctx, pair[1]);
    only(plain);
    need(shake(ssl, server), "a plain handshake");
    claim(all_answer(ssl, HOSTLOCK_E_STATE) && nothing_arrived(pair[1]), "  nor after its handshake");
    need(SSL_set_SSL_CTX(ssl, ours) == ours, "SSL_set_SSL_CTX");
    claim(all_answer(ssl, HOSTLOCK_E_STATE) && nothing_arrived(pair[1]), "  nor where it is moved to our context then");
    claim(hostlock_conn_version(ssl) == NULL && hostlock_conn_cipher(ssl) == NULL
              && hostlock_conn_verified_host(ssl) == NULL && hostlock_conn_info(ssl) == NULL
              && hostlock_error_status(hostlock_last_error()) == HOSTLOCK_E_STATE
              && hostlock_conn_peer_chain(ssl) == NULL,
          "  and has no facts to tell");
    SSL_free(ssl);

    /* The same for a server that is moved to our context when its handshake is over. */
    SSL_CTX *guarded = guarded_server();
    claim(all_answer(server, HOSTLOCK_E_STATE), "  nor does a server that nobody guards");
    need(SSL_set_SSL_CTX(server, guarded) == guarded, "SSL_set_SSL_CTX");
    claim(all_answer(server, HOSTLOCK_E_STATE), "  nor one that is moved to our context then");
    SSL_free(server);

    SSL *away = over(ours, pair[0]);
    need(hostlock_conn_set_host(away, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    SSL_set_SSL_CTX(away, plain);
    claim(all_answer(away, HOSTLOCK_E_UNVERIFIED) && nothing_arrived(pair[1]),
          "one that is moved away from ours is unverified on %s", version_name(version));
    SSL_free(away);

    /* Once the handshake is over its data is between the peers who were verified, whatever context stands there then. */
    close(pair[0]);
    close(pair[1]);
    pair_of_sockets(pair, 1);
    SSL_CTX *honest = plain_server(identity(RIGHT));
    SSL *late = over(ours, pair[0]), *peer = over(honest, pair[1]);
    char byte;
    need(hostlock_conn_set_host(late, RIGHT_HOST) == 0 && shake(late, peer), "a verified handshake");
    SSL_set_SSL_CTX(late, plain);
    claim(hostlock_write(late, "x", 1) == 1 && SSL_read(peer, &byte, 1) == 1,
          "one that is moved after its verified handshake writes to the peer who was verified on %s", version_name(version));
    SSL_free(peer);
    peer = over(honest, pair[1]);
    need(SSL_clear(late) == 1, "SSL_clear");
    SSL_set_connect_state(late);
    claim(all_answer(late, HOSTLOCK_E_UNVERIFIED) && !shake(late, peer), "  and makes no other handshake there");
    SSL_free(late);
    SSL_free(peer);
    SSL_CTX_free(honest);
    SSL_CTX_free(plain);
    SSL_CTX_free(ours);
    SSL_CTX_free(guarded);
    SSL_CTX_free(server_ctx);
    close(pair[0]);
    close(pair[1]);
}

static int infos;

static void look_on(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
    infos++;
}

/* A server of ours whose program has an info callback, driven by libssl and then by us. */
static void guarded(int with_info)
{
    int pair[2];
    char buffer[16];
    pair_of_sockets(pair, 1);
    SSL_CTX *ctx = client_context(), *server_ctx = guarded_server();
    only(ctx);
    if (with_info) SSL_CTX_set_info_callback(server_ctx, look_on);
    SSL *client = over(ctx, pair[0]), *server = over(server_ctx, pair[1]);
    BIO *of_program = SSL_get_rbio(client);
    need(hostlock_conn_set_host(client, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    need(shake(client, server), "a handshake");
    int passed = 1;
    for (int i = 0; i < 3; i++) {
        passed &= hostlock_write(client, "ping", 4) == 4 && hostlock_read(server, buffer, 16) == 4;
        passed &= hostlock_write(server, "pong", 4) == 4 && hostlock_read(client, buffer, 16) == 4;
    }
    claim(passed && hostlock_conn_version(server) != NULL, "libssl's handshake, our reads and writes%s on %s",
          with_info ? ", an info callback of the program's" : "", version_name(version));
    claim(hostlock_read(client, buffer, 16) == HOSTLOCK_WANT_READ && SSL_get_rbio(client) == of_program
              && SSL_get_wbio(client) == of_program && SSL_get_error(client, -1) == SSL_ERROR_WANT_READ,
          "  a non-blocking descriptor is not waited for, and the program's BIO is there again");
    need(hostlock_shutdown(server) == 0, "hostlock_shutdown");
    claim(hostlock_read(client, buffer, 16) == 0, "  and the end is clean");
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
    close(pair[0]);
    close(pair[1]);
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

/* The right retry after a shorter one. */
static void retries(int moving)
{
    int pair[2];
    static char data[1 << 15], copy[1 << 15], sink[1 << 16];
    SSL_CTX *ctx = client_context(), *server_ctx = plain_server(identity(RIGHT));
    only(ctx);
    pair_of_sockets(pair, 1);
    SSL *ssl = over(ctx, pair[0]), *server = over(server_ctx, pair[1]);
    need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    need(shake(ssl, server), "a handshake");
    if (moving) SSL_set_mode(ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    long sent, total = 0, got = 0, part;
    while ((sent = hostlock_write(ssl, data, sizeof data)) > 0) total += sent;
    need(sent == HOSTLOCK_WANT_WRITE, "a full buffer");
    int shorter = hostlock_write(ssl, data, 100) == HOSTLOCK_E_ARG && hostlock_write(ssl, data, sizeof data - 1) == HOSTLOCK_E_ARG
                  && hostlock_write_all(ssl, data, 7) == HOSTLOCK_E_ARG;
    claim(shorter, "a retry with less is the caller's mistake%s on %s", moving ? " (moving buffers)" : "", version_name(version));
    if (!moving) claim(hostlock_write(ssl, copy, sizeof copy) == HOSTLOCK_E_ARG, "  so is one from elsewhere");
    while ((part = SSL_read(server, sink, sizeof sink)) > 0) got += part;
    sent = hostlock_write(ssl, moving ? copy : data, sizeof data);
    claim(sent > 0, "  the connection lives: the right retry succeeds (%ld)", sent);
    total += sent;
    while ((part = SSL_read(server, sink, sizeof sink)) > 0) got += part;
    claim(got == total && hostlock_write(ssl, data, 1) == 1, "  all of it arrives, and the next write may be short (%ld of %ld)",
          got, total);
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

/* A handshake that failed, by our functions or by libssl's. */
static void stays_failed(int as_server, int by_libssl, int memory)
{
    int pair[2];
    char words[512];
    unsigned char alert[] = {21, 3, 3, 0, 2, 2, 40};
    pair_of_sockets(pair, 1);
    SSL_CTX *ctx = as_server ? guarded_server() : client_context();
    only(ctx);
    SSL *ssl = SSL_new(ctx);
    BIO *in = NULL;
    if (memory) SSL_set_bio(ssl, in = BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    else SSL_set_fd(ssl, pair[0]);
    if (!as_server) need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    need(hostlock_handshake(ssl) == HOSTLOCK_WANT_READ, "a handshake that waits");
    if (memory) BIO_write(in, alert, sizeof alert);
    else need(send(pair[1], alert, sizeof alert, 0) == (ssize_t)sizeof alert, "an alert");
    if (by_libssl) {
        claim((as_server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1, "libssl fails");
        ERR_clear_error();
    }
    int first = hostlock_handshake(ssl), same = 1;
    snprintf(words, sizeof words, "%s", hostlock_error_message(hostlock_last_error()));
    for (int i = 0; i < 8; i++) {
        char buffer[8] = "x";
        errno = ECONNRESET;
        if (i == 4) ERR_clear_error();
        long got = i % 4 == 0 ? hostlock_handshake(ssl) : i % 4 == 1 ? hostlock_read(ssl, buffer, 8)
                   : i % 4 == 2 ? hostlock_write(ssl, buffer, 1) : hostlock_shutdown(ssl);
        int again = got == first && strcmp(words, hostlock_error_message(hostlock_last_error())) == 0;
        if (!again) note("call %d: %ld: %s", i, got, hostlock_error_message(hostlock_last_error()));
        same &= again;
    }
    claim(same && first < HOSTLOCK_WANT_WRITE, "a failed handshake of %s (%s, %s) stays failed and says the same on %s: %d, %s",
          as_server ? "a server" : "a client", by_libssl ? "by libssl" : "by us", memory ? "memory" : "socket",
          version_name(version), first, words);
    need(SSL_clear(ssl) == 1, "SSL_clear");
    claim(hostlock_handshake(ssl) == HOSTLOCK_WANT_READ, "  until SSL_clear");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(pair[0]);
    close(pair[1]);
}

/*
 * What came before a write failed can be read, but not from OpenSSL 4.0 on, which ends the connection there. An end that
 * follows is not called clean, as the peer has not got all.
 */
static void end_after_failed_write(void)
{
    int pair[2];
    char buffer[16];
    pair_of_sockets(pair, 1);
    SSL_CTX *ctx = client_context(), *server_ctx = guarded_server();
    only(ctx);
    SSL *client = over(ctx, pair[0]), *server = over(server_ctx, pair[1]);
    need(hostlock_conn_set_host(client, RIGHT_HOST) == 0 && shake(client, server), "a handshake");
    need(hostlock_write(server, "early", 5) == 5 && hostlock_shutdown(server) == 0, "a server that answers and goes");
    shutdown(pair[1], SHUT_RD);
    int failure = (int)hostlock_write(client, "lost", 4);
    claim(failure == HOSTLOCK_E_TRUNCATED && hostlock_write(client, "lost", 4) == failure,
          "a write to a peer who listens no more fails, and again (%d) on %s", failure, version_name(version));
    if (OpenSSL_version_num() < 0x40000000L)
        claim(hostlock_read(client, buffer, sizeof buffer) == 5, "  what the peer had sent before is read");
    claim(hostlock_read(client, buffer, sizeof buffer) == failure && hostlock_read(client, buffer, sizeof buffer) == failure,
          "  and the end, though the peer said goodbye, is that failure");
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
    close(pair[0]);
    close(pair[1]);
}

static void poisoned(void)
{
    for (int first = 0; first < 4; first++) {
        int pair[2];
        char buffer[8] = "x";
        pair_of_sockets(pair, 1);
        SSL_CTX *ctx = guarded_server(), *client_ctx = client_context();
        need(hostlock_ctx_trust_file(ctx, "/nonexistent") != 0, "a failing call");
        SSL *ssl = over(ctx, pair[0]), *client = over(client_ctx, pair[1]);
        need(hostlock_conn_set_host(client, RIGHT_HOST) == 0, "hostlock_conn_set_host");
        need(SSL_connect(client) == -1, "a hello");
        long answer = first == 0 ? hostlock_handshake(ssl) : first == 1 ? hostlock_read(ssl, buffer, 8)
                      : first == 2 ? hostlock_write(ssl, buffer, 1) : hostlock_write_all(ssl, buffer, 1);
        claim(answer == HOSTLOCK_E_POISONED && nothing_arrived(pair[1]),
              "a poisoned server refuses before a byte moves, whatever is called first (%d: %ld)", first, answer);
        SSL_free(ssl);
        SSL_free(client);
        SSL_CTX_free(ctx);
        SSL_CTX_free(client_ctx);
        close(pair[0]);
        close(pair[1]);
    }
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
        unguarded();
        guarded(0);
        guarded(1);
        poisoned();
        for (int as_server = 0; as_server < 2; as_server++) {
            deadlines(as_server);
            for (int memory = 0; memory < 2; memory++) {
                no_spin(as_server, memory);
                stays_failed(as_server, 0, memory);
                stays_failed(as_server, 1, memory);
            }
        }
        dribbled_record();
        end_after_failed_write();
        no_room_for_goodbye();
        retries(0);
        retries(1);
    }
    flooded_plainly();
    flooded();
    claim(infos > 0, "the program's info callback was called");
    forget_identities();
    return finish();
}
