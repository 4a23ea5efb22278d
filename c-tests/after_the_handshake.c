/*
 * What happens on a connection after its handshake: renegotiation, and authentication that the server asks for later.
 */
#define HOSTLOCK_ALLOW_INSECURE
#include "support.h"

static SSL *connection(SSL_CTX **ctx)
{
    *ctx = client_context();
    SSL *ssl = client_connection(*ctx, RIGHT_HOST);
    const struct identity *client = identity(THE_CLIENT);
    SSL_use_certificate(ssl, client->certificate);
    SSL_use_PrivateKey(ssl, client->key);
    return ssl;
}

enum habit_of_renegotiation { AS_IT_IS, PERMITTED_AGAIN, HOST_WAIVED };

static void renegotiation(enum habit_of_renegotiation habit)
{
    int permitted_again = habit == PERMITTED_AGAIN;
    struct server *server =
        server_new(&(struct manner){.identity = identity(RIGHT), .version = TLS1_2_VERSION, .renegotiates = 1});
    SSL_CTX *ctx;
    SSL *ssl = connection(&ctx);
    if (habit == HOST_WAIVED) {
        SSL_free(ssl);
        need(hostlock_insecure_no_hostname(ctx, "a test") == 0, "the waiver");
        ssl = client_connection(ctx, NULL);
    }
    int fd;
    struct report report;
    struct line *line = line_open(server, &fd);
    char buffer[8];
    SSL_set_fd(ssl, fd);
    need(SSL_connect(ssl) == 1, "SSL_connect");
    if (permitted_again)
        SSL_clear_options(ssl, SSL_OP_NO_RENEGOTIATION);
    SSL_write(ssl, "ping", 4);
    int got = SSL_read(ssl, buffer, sizeof(buffer));
    line_close(line, &report);
    if (permitted_again)
        claim(report.hellos == 1 || hostlock_conn_error(ssl) == NULL,
              "a renegotiation that the program permits again is verified again, or does not happen");
    else
        claim(report.hellos == 1 && got == 4 && hostlock_conn_error(ssl) == NULL,
              "a server's wish to renegotiate is declined, and the connection goes on%s (SSL_read %d)",
              habit == HOST_WAIVED ? ", also where the host was waived" : "", got);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void later_authentication(void)
{
    struct server *server =
        server_new(&(struct manner){.identity = identity(RIGHT), .version = TLS1_3_VERSION, .asks_later = 1});
    SSL_CTX *ctx;
    SSL *ssl = connection(&ctx);
    SSL_set_post_handshake_auth(ssl, 1);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_passes(&outcome, "a server that was verified may ask for the client's certificate later");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void key_update(void)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = TLS1_3_VERSION});
    SSL_CTX *ctx;
    SSL *ssl = connection(&ctx);
    int fd;
    struct line *line = line_open(server, &fd);
    char buffer[8];
    SSL_set_fd(ssl, fd);
    need(SSL_connect(ssl) == 1 && SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1, "SSL_key_update");
    claim(SSL_write(ssl, "ping", 4) == 4 && SSL_read(ssl, buffer, sizeof(buffer)) == 4 &&
              hostlock_conn_error(ssl) == NULL,
          "a key update changes nothing about the verdict");
    line_close(line, NULL);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    renegotiation(AS_IT_IS);
    renegotiation(PERMITTED_AGAIN);
    renegotiation(HOST_WAIVED);
    later_authentication();
    key_update();
    return finish();
}
