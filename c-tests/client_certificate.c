/*
 * A client certificate must not reach an impostor: the host is judged inside the handshake, before it would be sent.
 * What the server received is read on the server's side.
 */
#include "support.h"

static void use_certificate(SSL *ssl)
{
    const struct identity *client = identity(THE_CLIENT);
    need(SSL_use_certificate(ssl, client->certificate) == 1 && SSL_use_PrivateKey(ssl, client->key) == 1,
         "the client does not take its certificate");
}

/* The other way: only where the server asks for one. */
static int give_certificate(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    const struct identity *client = identity(THE_CLIENT);
    (void)ssl;
    X509_up_ref(client->certificate);
    EVP_PKEY_up_ref(client->key);
    *certificate = client->certificate;
    *key = client->key;
    return 1;
}

static int accept_and_disarm(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    (void)ok;
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static int accept_every_chain(X509_STORE_CTX *store_ctx, void *argument)
{
    (void)argument;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

enum habit_of { HONEST, DISARMED, ACCEPTING, REPLACED, HABITS };
static const char *const names[HABITS] = {"", ", with SSL_VERIFY_NONE",
                                          ", with a callback that turns verification off meanwhile",
                                          ", with SSL_CTX_set_cert_verify_callback"};

static void meet(enum who who, int version, int by_callback, enum habit_of habit)
{
    struct server *server =
        server_new(&(struct manner){.identity = identity(who), .version = version, .asks_for_certificate = 1});
    SSL_CTX *ctx = client_context();
    if (by_callback)
        SSL_CTX_set_client_cert_cb(ctx, give_certificate);
    if (habit == REPLACED)
        SSL_CTX_set_cert_verify_callback(ctx, accept_every_chain, NULL);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    if (!by_callback)
        use_certificate(ssl);
    if (habit == DISARMED)
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    if (habit == ACCEPTING)
        SSL_set_verify(ssl, SSL_VERIFY_PEER, accept_and_disarm);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    int unverified = habit == REPLACED && !on_hardened_context();
    if (who == RIGHT && !unverified) {
        claim_passes(&outcome, "the right host connects on %s%s", version_name(version), names[habit]);
        claim(outcome.server.certificates == 1, "  and gets the client's certificate");
    } else {
        claim_refused(&outcome, unverified ? HOSTLOCK_E_UNVERIFIED : who_status(who), "%s is refused on %s%s",
                      who_name(who), version_name(version), names[habit]);
        claim(outcome.server.certificates == 0, "  and does not get the client's certificate");
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    static const enum who who[] = {RIGHT, IMPOSTOR, EXPIRED, UNKNOWN};
    for (int version = 0; version < 2; version++)
        for (int by_callback = 0; by_callback < rounds(2, 1); by_callback++)
            for (enum habit_of habit = 0; habit < HABITS; habit++)
                for (int i = 0; i < 4; i++)
                    meet(who[i], both_versions[version], by_callback, habit);
    return finish();
}
