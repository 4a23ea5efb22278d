/*
 * Whatever ends a handshake that a program drives with SSL_connect or SSL_accept, hostlock_conn_error says so afterwards.
 * A handshake that only waits has no error yet.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#define SAYS(text) text, sizeof(text) - 1

/* What a client hears in answer to its hello, or a server in place of one. libssl passes over an empty record. */
static const struct {
    const char *name, *bytes;
    size_t length;
    int of_client, of_server;
} peers[] = {
    {"hangs up", SAYS(""), HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED},
    {"sends half of a header and hangs up", SAYS("\x16\x03\x03"), HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED},
    {"sends half of a record and hangs up", SAYS("\x16\x03\x03\x00\x10\x02"), HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED},
    {"sends an empty record", SAYS("\x16\x03\x03\x00\x00"), HOSTLOCK_E_TRUNCATED, HOSTLOCK_E_TRUNCATED},
    {"sends application data", SAYS("\x17\x03\x03\x00\x01x"), HOSTLOCK_E_PROTOCOL, HOSTLOCK_E_PROTOCOL},
    {"sends an unknown message", SAYS("\x16\x03\x03\x00\x04\x63\x00\x00\x00"), HOSTLOCK_E_PROTOCOL, HOSTLOCK_E_PROTOCOL},
    {"sends too long a record", SAYS("\x16\x03\x03\xff\xff_______"), HOSTLOCK_E_PROTOCOL, HOSTLOCK_E_PROTOCOL},
    {"speaks plain text", SAYS("220 mail.example ESMTP\r\n"), HOSTLOCK_E_PLAINTEXT, HOSTLOCK_E_PLAINTEXT},
    {"sends the alert handshake_failure", SAYS("\x15\x03\x03\x00\x02\x02\x28"), HOSTLOCK_E_NO_COMMON_CIPHER, HOSTLOCK_E_PROTOCOL},
    {"sends the alert unrecognized_name", SAYS("\x15\x03\x03\x00\x02\x02\x70"), HOSTLOCK_E_ALERT, HOSTLOCK_E_PROTOCOL},
    {"sends an alert that nobody knows", SAYS("\x15\x03\x03\x00\x02\x02\xfe"), HOSTLOCK_E_ALERT, HOSTLOCK_E_PROTOCOL},
};

enum whose { OWN, HARDENED };

static SSL *connection(enum whose whose, int server, SSL_CTX **ctx)
{
    if (whose == OWN)
        *ctx = server ? hostlock_server_new(NULL) : hostlock_client_new(NULL);
    else
        *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    need(*ctx != NULL, "no context");
    if (server)
        need(SSL_CTX_use_certificate(*ctx, identity(RIGHT)->certificate) &&
                 SSL_CTX_use_PrivateKey(*ctx, identity(RIGHT)->key),
             "the certificate is not taken");
    if (whose == HARDENED)
        need(hostlock_harden(*ctx, NULL, 0) == 0, "not hardened");
    SSL *ssl = SSL_new(*ctx);
    need(ssl != NULL, "no connection");
    if (!server)
        need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "no host");
    return ssl;
}

static int drive(SSL *ssl, int server)
{
    return server ? SSL_accept(ssl) : SSL_connect(ssl);
}

static void fails(enum whose whose, int server, size_t peer)
{
    SSL_CTX *ctx;
    SSL *ssl = connection(whose, server, &ctx);
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && SSL_set_fd(ssl, ends[0]), "no sockets");
    need(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, "not non-blocking");
    need(drive(ssl, server) <= 0 && SSL_get_error(ssl, -1) == SSL_ERROR_WANT_READ, "it does not wait");
    int waits = hostlock_conn_error(ssl) == NULL;
    need(write(ends[1], peers[peer].bytes, peers[peer].length) == (ssize_t)peers[peer].length, "write");
    need(shutdown(ends[1], SHUT_WR) == 0, "shutdown");
    int answer = drive(ssl, server), error = SSL_get_error(ssl, answer);
    const hostlock_error *why = hostlock_conn_error(ssl);
    int status = why ? hostlock_error_status(why) : 0;
    int said = status == (server ? peers[peer].of_server : peers[peer].of_client) &&
               hostlock_error_message(why)[0] != '\0';
    claim(waits && answer <= 0 && error != SSL_ERROR_WANT_READ && said, "%s %s whose peer %s",
          whose == OWN ? "our" : "a hardened", server ? "server" : "client", peers[peer].name);
    if (!said)
        note("status %d, %s", status, why ? hostlock_error_message(why) : "no error");
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(ends[0]);
    close(ends[1]);
}

static void is_reset(enum whose whose)
{
    SSL_CTX *ctx;
    SSL *ssl = connection(whose, 0, &ctx);
    int ends[2];
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && SSL_set_fd(ssl, ends[0]), "no sockets");
    need(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, "not non-blocking");
    need(SSL_connect(ssl) <= 0, "it does not wait");
    /* What was sent and not read makes it a reset. */
    close(ends[1]);
    int answer = SSL_connect(ssl), error = SSL_get_error(ssl, answer), number = errno;
    const hostlock_error *why = hostlock_conn_error(ssl);
    claim(error == SSL_ERROR_SYSCALL && number == ECONNRESET && why != NULL &&
              hostlock_error_status(why) == HOSTLOCK_E_TRUNCATED,
          "%s client whose peer resets, and errno says so as ever", whose == OWN ? "our" : "a hardened");
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(ends[0]);
}

int main(void)
{
    for (int whose = OWN; whose <= HARDENED; whose++) {
        for (int server = 0; server < 2; server++)
            for (size_t peer = 0; peer < sizeof(peers) / sizeof(peers[0]); peer++)
                fails(whose, server, peer);
        is_reset(whose);
    }
    return finish();
}
