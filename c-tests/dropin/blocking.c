/* The textbook's way: blocking sockets, SSL_set_fd, SSL_connect or SSL_accept, with the other side in a thread. */
#define _POSIX_C_SOURCE 200809L
#include "dropin.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
    SSL_CTX *ctx;
    int fd, accepts;
} other;

/* Answers "pong" to all that it reads, until nothing comes. */
static void *speak(void *unused)
{
    char buffer[64];
    SSL *ssl = SSL_new(other.ctx);
    (void)unused;
    SSL_set_fd(ssl, other.fd);
    if (other.accepts)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    if (SSL_do_handshake(ssl) == 1) {
        while (SSL_read(ssl, buffer, sizeof(buffer)) > 0 && SSL_write(ssl, "pong", 4) > 0)
            ;
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(other.fd);
    ERR_clear_error();
    return NULL;
}

static void meet(int test_server, const char *who, int version, int by_handshake)
{
    chapter("%s under test, %s, %s, %s", test_server ? "server" : "client", who, version_word(version),
            by_handshake ? "SSL_do_handshake" : "SSL_connect or SSL_accept");
    char buffer[64] = "";
    int pair[2];
    pthread_t thread;
    SSL_CTX *ctx = test_server ? tested_server(who) : tested_client();
    if (test_server)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    other.ctx = test_server ? peer_client(version) : peer_server(who, version);
    other.accepts = !test_server;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no socket pair");
    other.fd = pair[1];
    SSL *ssl = test_server ? SSL_new(ctx) : tested_connection(ctx);
    say_set("SSL_set_fd", SSL_set_fd(ssl, pair[0]));
    say("descriptors", "%d, %d, %d", SSL_get_fd(ssl) == pair[0],
        SSL_get_rfd(ssl) == pair[0], SSL_get_wfd(ssl) == pair[0]);
    need(pthread_create(&thread, NULL, speak, NULL) == 0, "no thread");
    ERR_clear_error();
    if (by_handshake) {
        if (test_server)
            SSL_set_accept_state(ssl);
        else
            SSL_set_connect_state(ssl);
        say_result("SSL_do_handshake", ssl, SSL_do_handshake(ssl));
    } else {
        say_result(test_server ? "SSL_accept" : "SSL_connect", ssl, test_server ? SSL_accept(ssl) : SSL_connect(ssl));
    }
    say("version and cipher", "%s, %s", SSL_get_version(ssl), SSL_get_cipher_name(ssl));
    if (SSL_is_init_finished(ssl)) {
        say_result("SSL_write", ssl, SSL_write(ssl, "ping", 4));
        say_result("SSL_read", ssl, SSL_read(ssl, buffer, sizeof(buffer)));
        say("read", "%.4s", buffer);
        say_result("SSL_shutdown", ssl, SSL_shutdown(ssl));
        say_result("SSL_read of the end", ssl, SSL_read(ssl, buffer, sizeof(buffer)));
        say_result("SSL_shutdown again", ssl, SSL_shutdown(ssl));
    }
    SSL_free(ssl);
    close(pair[0]);
    pthread_join(thread, NULL);
    SSL_CTX_free(ctx);
    SSL_CTX_free(other.ctx);
}

int main(void)
{
    static const char *const peers[] = {"right", "impostor", "expired", "self-signed"};
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 2; i++)
        for (int how = 0; how < 2; how++) {
            for (size_t peer = 0; peer < sizeof(peers) / sizeof(peers[0]); peer++)
                meet(0, peers[peer], versions[i], how);
            meet(1, "right", versions[i], how);
        }
    return 0;
}
