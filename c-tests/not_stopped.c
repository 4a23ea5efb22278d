/*
 * What hostlock does not stop: programs that want to be insecure, with several deliberate steps. Each claim here says
 * that the step gets through, and stands in docs/not-stopped.md; where one fails, something became better, and the
 * table must say so.
 */
#include "support.h"

#include <string.h>

#include <openssl/err.h>

static int version;

static int permit(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)operation, (void)bits, (void)nid, (void)other, (void)extra;
    return 1;
}

static void look_away(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
}

static int accept_anything(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok, (void)store_ctx;
    return 1;
}

static struct server *impostor(void)
{
    return server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
}

static void claim_open(const struct outcome *outcome, const char *what)
{
    claim(outcome->connected == 1 && outcome->sent == 4 && outcome->got == 4 && outcome->server.received == 4,
          "%s is not stopped on %s", what, version_name(version));
    if (outcome->got != 4)
        show(outcome);
}

/* A certificate verify callback that takes the other hooks away from inside, where nothing of ours runs before. */
static int hooks_taken_away;

static int accept_and_take_away(X509_STORE_CTX *store_ctx, void *argument)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    (void)argument;
    SSL_set_security_callback(ssl, permit);
    if (hooks_taken_away > 1)
        SSL_set_info_callback(ssl, look_away);
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static void verify_callback_that_takes_hooks_away(void)
{
    struct server *server = impostor();
    SSL_CTX *ctx = client_context();
    struct outcome outcome;
    SSL_CTX_set_cert_verify_callback(ctx, accept_and_take_away, NULL);
    hooks_taken_away = 1;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, server, &outcome);
    claim(outcome.connected == 1, "a certificate verify callback that also replaces the security callback gets "
                                  "SSL_connect to return 1 on %s", version_name(version));
    claim_refused(&outcome, HOSTLOCK_E_UNVERIFIED, "  but no application byte passes");
    SSL_free(ssl);
    hooks_taken_away = 2;
    ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, server, &outcome);
    claim_open(&outcome, "a certificate verify callback that also replaces the security and the info callback");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void shutdown_undone(void)
{
    struct server *server = impostor();
    SSL_CTX *ctx = client_context();
    SSL_CTX_set_cert_verify_callback(ctx, accept_and_take_away, NULL);
    hooks_taken_away = 1;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    int fd;
    struct report report;
    struct line *line = line_open(server, &fd);
    char buffer[8];
    SSL_set_fd(ssl, fd);
    int connected = SSL_connect(ssl);
    ERR_clear_error();
    SSL_set_shutdown(ssl, 0);
    int sent = SSL_write(ssl, "ping", 4), got = SSL_read(ssl, buffer, 4);
    line_close(line, &report);
    claim(connected == 1 && sent == 4 && got == 4 && report.received == 4,
          "the same with SSL_set_shutdown(ssl, 0) after it is not stopped on %s", version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void plain_context_and_own_callback(void)
{
    struct server *server = impostor();
    SSL_CTX *ctx = client_context(), *plain = plain_context();
    struct outcome outcome;
    SSL *ssl = SSL_new(ctx);
    SSL_set1_host(ssl, RIGHT_HOST);
    SSL_set_verify(ssl, SSL_VERIFY_NONE, accept_anything);
    SSL_set_SSL_CTX(ssl, plain);
    converse(ssl, server, &outcome);
    claim_open(&outcome, "SSL_set_SSL_CTX to a plain context, with a verify callback that returns 1, where no "
                         "hostlock call named the host,");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    SSL_CTX_free(plain);
    server_free(server);
}

/* A connection that was verified, and then makes a handshake of which none of our hooks hears. */
static void plain_handshake_after_a_verified_one(void)
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    struct server *server = impostor();
    SSL_CTX *ctx = client_context(), *plain = plain_context();
    struct outcome outcome;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, right, &outcome);
    need(outcome.got == 4 && SSL_clear(ssl) == 1, "an honest connection");
    SSL_set_SSL_CTX(ssl, plain);
    SSL_set_info_callback(ssl, look_away);
    SSL_set_verify(ssl, SSL_VERIFY_NONE, accept_anything);
    converse(ssl, server, &outcome);
    claim_open(&outcome, "SSL_clear after a verified handshake, SSL_set_SSL_CTX to a plain context, and callbacks of "
                         "the program's own on the connection");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    SSL_CTX_free(plain);
    server_free(right);
    server_free(server);
}

/* SSL_copy_session_id shares the other connection's certificate settings, our hook in the ClientHello included. */
static void settings_of_a_plain_connection(void)
{
    struct server *server = impostor();
    SSL_CTX *ctx = client_context(), *plain = plain_context();
    struct outcome outcome;
    SSL *careless = SSL_new(plain);
    converse(careless, server, &outcome);
    SSL_CTX_set_info_callback(ctx, look_away);
    SSL *ssl = SSL_new(ctx);
    SSL_set1_host(ssl, RIGHT_HOST);
    SSL_copy_session_id(ssl, careless);
    converse(ssl, server, &outcome);
    claim_open(&outcome, "SSL_copy_session_id from a plain connection, with an info callback on the context, where no "
                         "hostlock call named the host,");
    claim(outcome.resumed, "  it resumes the careless session");
    SSL_free(ssl);
    SSL_free(careless);
    SSL_CTX_free(ctx);
    SSL_CTX_free(plain);
    server_free(server);
}

static void forged_mark(void)
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    struct server *server = impostor();
    SSL_CTX *ctx = client_context(), *plain = plain_context();
    struct outcome outcome;
    X509_STORE_add_cert(SSL_CTX_get_cert_store(plain), trusted_ca());
    SSL *honest = client_connection(ctx, RIGHT_HOST), *careless = SSL_new(plain);
    converse(honest, right, &outcome);
    converse(careless, server, &outcome);
    SSL_SESSION *session = SSL_get1_session(careless);
    unsigned int length = 0;
    const unsigned char *mark = SSL_SESSION_get0_id_context(SSL_get0_session(honest), &length);
    SSL_SESSION_set1_id_context(session, mark, length);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    SSL_set_session(ssl, session);
    converse(ssl, server, &outcome);
    claim_open(&outcome, "a careless session that was given a verified session's id context");
    SSL_SESSION_free(session);
    SSL_free(ssl);
    SSL_free(honest);
    SSL_free(careless);
    SSL_CTX_free(ctx);
    SSL_CTX_free(plain);
    server_free(right);
    server_free(server);
}

static void past_the_tls(void)
{
    struct server *server = impostor();
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    int fd;
    struct report report;
    struct line *line = line_open(server, &fd);
    SSL_set_fd(ssl, fd);
    int sent = BIO_write(SSL_get_wbio(ssl), "in the clear", 12);
    line_close(line, &report);
    claim(sent == 12 && report.raw_length >= 5 && memcmp(report.raw, "in the clear", 5) == 0,
          "a program that writes to the BIO itself is not stopped on %s", version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static int logged;

static void log_secrets(const SSL *ssl, const char *text)
{
    (void)ssl, (void)text;
    logged++;
}

static void secrets_given_away(void)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    SSL_CTX_set_keylog_callback(ctx, log_secrets);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    struct outcome outcome;
    logged = 0;
    converse(ssl, server, &outcome);
    claim(outcome.got == 4 && logged > 0, "SSL_CTX_set_keylog_callback, which gives the secrets away, is not stopped on %s",
          version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* Options are put right when a handshake begins, and may be changed after it. */
static void cut_taken_for_an_end(void)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    int ends[2];
    for (int ignoring = 0; ignoring < 2; ignoring++) {
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        int fd;
        char buffer[8];
        struct line *line = line_open(server, &fd);
        SSL_set_fd(ssl, fd);
        need(SSL_connect(ssl) == 1 && SSL_write(ssl, "ping", 4) == 4 && SSL_read(ssl, buffer, 4) == 4, "SSL_connect");
        if (ignoring)
            SSL_set_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
        /* The wire is cut: no close_notify has arrived. */
        BIO *nothing = BIO_new(BIO_s_null());
        SSL_set0_rbio(ssl, nothing);
        ends[ignoring] = SSL_get_error(ssl, SSL_read(ssl, buffer, 4));
        ERR_clear_error();
        line_close(line, NULL);
        SSL_free(ssl);
    }
    claim(ends[0] == SSL_ERROR_SSL && ends[1] == SSL_ERROR_ZERO_RETURN,
          "SSL_OP_IGNORE_UNEXPECTED_EOF, set after the handshake, is not stopped on %s", version_name(version));
    SSL_CTX_free(ctx);
    server_free(server);
}

static void wrong_trust(void)
{
    struct server *server = server_new(&(struct manner){.identity = identity(UNKNOWN), .version = version});
    SSL_CTX *ctx = client_context();
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), untrusted_ca());
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_open(&outcome, "a program that adds the wrong CA to its trust anchors");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void wrong_host(void)
{
    struct server *server = impostor();
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, OTHER_HOST);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_open(&outcome, "a program that names the impostor as the host it wants");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        version = both_versions[i];
        verify_callback_that_takes_hooks_away();
        shutdown_undone();
        plain_context_and_own_callback();
        plain_handshake_after_a_verified_one();
        settings_of_a_plain_connection();
        forged_mark();
        past_the_tls();
        secrets_given_away();
        cut_taken_for_an_end();
        wrong_trust();
        wrong_host();
    }
    return finish();
}
