/*
 * Legacy code turns verification off, in the ways that programs have of doing it. On a context of hostlock none of
 * them lets a wrong certificate in, and none of them keeps the right host out.
 */
#include "support.h"

static int accept_anything(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    (void)store_ctx;
    return 1;
}

static int forget_the_error(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

/* Turns verification off while the certificate is being verified. */
static int disarm_meanwhile(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    (void)ok;
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_verify(SSL_get_SSL_CTX(ssl), SSL_VERIFY_NONE, NULL);
    SSL_set_verify_result(ssl, X509_V_OK);
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static int accept_every_chain(X509_STORE_CTX *store_ctx, void *argument)
{
    (void)argument;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static void nothing(SSL_CTX *ctx)
{
    (void)ctx;
}

static void ctx_none(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
}

static void ssl_none(SSL *ssl)
{
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
}

static void ctx_accepting(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_anything);
}

static void ssl_accepting(SSL *ssl)
{
    SSL_set_verify(ssl, SSL_VERIFY_PEER, accept_anything);
}

static void ctx_none_accepting(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, accept_anything);
}

static void ctx_forgetting(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, forget_the_error);
}

static void ssl_disarming(SSL *ssl)
{
    SSL_set_verify(ssl, SSL_VERIFY_PEER, disarm_meanwhile);
}

static void store_forgetting(SSL_CTX *ctx)
{
    X509_STORE_set_verify_cb(SSL_CTX_get_cert_store(ctx), forget_the_error);
}

static void result_ok(SSL *ssl)
{
    SSL_set_verify_result(ssl, X509_V_OK);
}

static void none_and_result_ok(SSL *ssl)
{
    SSL_set_verify(ssl, SSL_VERIFY_NONE, accept_anything);
    SSL_set_verify_result(ssl, X509_V_OK);
}

static const struct habit habits[] = {
    {"nothing at all", nothing, NULL, NULL},
    {"SSL_CTX_set_verify(SSL_VERIFY_NONE)", ctx_none, NULL, NULL},
    {"SSL_set_verify(SSL_VERIFY_NONE)", NULL, ssl_none, NULL},
    {"a verify callback on the context that returns 1", ctx_accepting, NULL, NULL},
    {"a verify callback on the connection that returns 1", NULL, ssl_accepting, NULL},
    {"SSL_VERIFY_NONE with a callback that returns 1", ctx_none_accepting, NULL, NULL},
    {"a verify callback that sets the error to X509_V_OK", ctx_forgetting, NULL, NULL},
    {"a verify callback that turns verification off meanwhile", NULL, ssl_disarming, NULL},
    {"a verify callback on the store that sets the error to X509_V_OK", store_forgetting, NULL, NULL},
    {"SSL_set_verify_result(X509_V_OK)", NULL, result_ok, NULL},
    {"SSL_VERIFY_NONE everywhere and SSL_set_verify_result", ctx_none, none_and_result_ok, NULL},
};

/*
 * A replaced certificate verify callback accepts even the right host unverified, so there is no honest twin. On a hardened
 * context the program's own is called by hostlock's, however late it was set: it accepts, and hostlock decides.
 */
static void replaced_outright(int version, enum who who)
{
    struct server *server = server_new(&(struct manner){.identity = identity(who), .version = version});
    SSL_CTX *ctx = client_context();
    SSL_CTX_set_cert_verify_callback(ctx, accept_every_chain, NULL);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    if (on_hardened_context() && who == RIGHT) {
        claim_passes(&outcome, "SSL_CTX_set_cert_verify_callback after: the right host connects on %s",
                     version_name(version));
    } else {
        claim_refused(&outcome, on_hardened_context() ? who_status(who) : HOSTLOCK_E_UNVERIFIED,
                      "SSL_CTX_set_cert_verify_callback after: %s is refused on %s", who_name(who),
                      version_name(version));
        claim(outcome.connected != 1, "  inside the handshake");
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
        try_habit(&habits[i]);
    for (int version = 0; version < 2; version++) {
        replaced_outright(both_versions[version], IMPOSTOR);
        replaced_outright(both_versions[version], UNKNOWN);
        replaced_outright(both_versions[version], RIGHT);
    }
    return finish();
}
