/*
 * hostlock's own functions on an SSL that the program made and wired by itself: nothing moves where no guard stood at
 * the beginning of the handshake, a failure stays one and says the same, and a mistake of the caller's costs nothing.
 * Clients and servers, on TLS 1.2 and 1.3.
 */
#define _DEFAULT_SOURCE
#include "guarded_io.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

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
    size_t written = 9;
    int sent = (int)hostlock_write(ssl, buffer, 6), all = (int)hostlock_write_all(ssl, buffer, 6);
    int many = hostlock_write_many(ssl, buffer, 6, &written);
    int got = (int)hostlock_read(ssl, buffer, sizeof buffer), bye = hostlock_shutdown(ssl);
    if (handshake == status && sent == status && all == status && many == status && written == 0 && got == status && bye == status)
        return 1;
    note("handshake %d, write %d, write_all %d, write_many %d, read %d, shutdown %d", handshake, sent, all, many, got, bye);
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

/* With TLS 1.3 a server that refuses a client cuts the connection while the client writes: the write tells the alert. */
static void alert_before_the_cut(void)
{
    int pair[2];
    char buffer[16];
    pair_of_sockets(pair, 1);
    SSL_CTX *ctx = client_context(), *server_ctx = plain_server(identity(RIGHT));
    only(ctx);
    SSL *client = over(ctx, pair[0]), *server = over(server_ctx, pair[1]);
    need(hostlock_conn_set_host(client, RIGHT_HOST) == 0 && shake(client, server), "a handshake");
    need(write(pair[0], "\x17\x03\x03\x00\x20 no record of this connection's", 37) == 37 && SSL_read(server, buffer, 1) < 0,
         "a server that finds fault");
    ERR_clear_error();
    SSL_free(server);
    close(pair[1]);
    int failure = (int)hostlock_write(client, "lost", 4), wanted = HOSTLOCK_E_ALERT;
    /* OpenSSL 4.0 reads no more after a write that failed. */
    if (OpenSSL_version_num() >= 0x40000000L)
        wanted = HOSTLOCK_E_TRUNCATED;
    const char *message = hostlock_error_message(hostlock_last_error());
    claim(failure == wanted && (wanted != HOSTLOCK_E_ALERT || strstr(message, "sent the alert bad_record_mac while writing") != NULL),
          "a write that finds the connection cut tells the alert that came before, on %s", version_name(version));
    if (failure != wanted)
        note("%s: %s", hostlock_status_name(failure), message);
    claim(hostlock_read(client, buffer, sizeof buffer) == failure && hostlock_write(client, "lost", 4) == failure,
          "  and so does each call after it");
    SSL_free(client);
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
    close(pair[0]);
}

static int swap_at;

/* Gives the connection another BIO over the same socket. */
static void swap_bio(const SSL *ssl, int place, int value)
{
    (void)value;
    if (!(place & swap_at)) return;
    swap_at = 0;
    BIO *bio = BIO_new_socket(dup(SSL_get_fd(ssl)), BIO_CLOSE);
    SSL_set_bio((SSL *)ssl, bio, bio);
}

/* A callback of the program's takes our transport away from a connection of ours, in the middle of a call that uses it. */
static void swapped_inside(int place)
{
    int pair[2];
    char buffer[8];
    SSL *client = NULL;
    SSL_CTX *ctx = client_context(), *honest = plain_server(identity(RIGHT));
    only(ctx);
    SSL_CTX_set_info_callback(ctx, swap_bio);
    pair_of_sockets(pair, 1);
    SSL *server = over(honest, pair[1]);
    need(hostlock_connect_fd(ctx, pair[0], RIGHT_HOST, &client) == 0, "hostlock_connect_fd");
    swap_at = place;
    int answer = HOSTLOCK_WANT_READ;
    for (int i = 0; i < 50 && (answer == HOSTLOCK_WANT_READ || answer == HOSTLOCK_WANT_WRITE); i++) {
        answer = hostlock_handshake(client);
        SSL_accept(server);
    }
    claim(answer == 0 && swap_at == 0 && hostlock_write(client, "ping", 4) == 4 && SSL_read(server, buffer, 8) == 4,
          "another BIO from an info callback, in the middle of hostlock_handshake (%d) on %s", answer, version_name(version));
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(honest);
    close(pair[0]);
    close(pair[1]);
}

static BIO *own_bio[2];

static void set_the_same(const SSL *ssl, int place, int value)
{
    (void)value;
    if (!(place & swap_at)) return;
    swap_at = 0;
    SSL_set_bio((SSL *)ssl, own_bio[0], own_bio[1]);
}

/* A callback of the program's sets the BIOs that the connection has, as it sees it: OpenSSL takes no reference then. */
static void set_again_inside(int apart)
{
    int pair[2];
    char buffer[8];
    SSL_CTX *ctx = client_context(), *honest = plain_server(identity(RIGHT));
    only(ctx);
    pair_of_sockets(pair, 1);
    SSL *server = over(honest, pair[1]), *client = client_connection(ctx, RIGHT_HOST);
    own_bio[0] = own_bio[1] = BIO_new_socket(pair[0], BIO_NOCLOSE);
    if (apart) own_bio[1] = BIO_new_socket(pair[0], BIO_NOCLOSE);
    SSL_set_bio(client, own_bio[0], own_bio[1]);
    SSL_set_info_callback(client, set_the_same);
    swap_at = SSL_CB_CONNECT_LOOP;
    int answer = HOSTLOCK_WANT_READ;
    for (int i = 0; i < 50 && (answer == HOSTLOCK_WANT_READ || answer == HOSTLOCK_WANT_WRITE); i++) {
        answer = hostlock_handshake(client);
        SSL_accept(server);
    }
    claim(answer == 0 && swap_at == 0 && SSL_get_rbio(client) == own_bio[0] && SSL_get_wbio(client) == own_bio[1]
              && hostlock_write(client, "ping", 4) == 4 && SSL_read(server, buffer, 8) == 4,
          "its own %s again from an info callback, in the middle of hostlock_handshake (%d) on %s",
          apart ? "BIOs" : "BIO", answer, version_name(version));
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(honest);
    close(pair[0]);
    close(pair[1]);
}

/* More than libssl takes at once; a careless program gives -1 for a length. */
static void huge_lengths(void)
{
    static char buffer[1 << 15];
    SSL_CTX *ctx = client_context(), *honest = plain_server(identity(RIGHT));
    only(ctx);
    SSL *client = client_connection(ctx, RIGHT_HOST), *server = SSL_new(honest);
    need(meet_in_memory(client, server), "an honest connection");
    const size_t lengths[] = {(size_t)INT_MAX + 1, SIZE_MAX};
    for (int i = 0; i < 2; i++) {
        need(SSL_write(server, "pong", 4) == 4, "SSL_write");
        long got = hostlock_read(client, buffer, lengths[i]);
        claim(got == 4, "a read of %zu bytes gets what is there on %s (%ld)", lengths[i], version_name(version), got);
    }
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(honest);
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

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        version = both_versions[i];
        unguarded();
        guarded(0);
        guarded(1);
        poisoned();
        for (int as_server = 0; as_server < 2; as_server++)
            for (int memory = 0; memory < 2; memory++) {
                stays_failed(as_server, 0, memory);
                stays_failed(as_server, 1, memory);
            }
        end_after_failed_write();
        alert_before_the_cut();
        retries(0);
        retries(1);
        swapped_inside(SSL_CB_CONNECT_LOOP);
        swapped_inside(SSL_CB_HANDSHAKE_DONE);
        set_again_inside(0);
        set_again_inside(1);
        huge_lengths();
    }
    claim(infos > 0, "the program's info callback was called");
    return finish();
}
