/*
 * A host for the case that nothing else names one: hostlock_conn_set_fallback_host. It is checked like any other, gives
 * way to any other, and is sent as SNI where the program has set none.
 */
#include "support.h"

#include <string.h>

static void by_name(SSL *ssl)
{
    need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
}

static void by_parameters(SSL *ssl)
{
    need(SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
}

static void by_context(SSL *ssl)
{
    need(hostlock_ctx_set_host(SSL_get_SSL_CTX(ssl), RIGHT_HOST) == 0, "hostlock_ctx_set_host");
}

static void by_sni(SSL *ssl)
{
    need(hostlock_ctx_set_host_from_sni(SSL_get_SSL_CTX(ssl), true) == 0, "hostlock_ctx_set_host_from_sni");
    need(SSL_set_tlsext_host_name(ssl, RIGHT_HOST) == 1, "SSL_set_tlsext_host_name");
}

static void by_a_bad_one_later(SSL *ssl)
{
    need(hostlock_ctx_set_host_from_sni(SSL_get_SSL_CTX(ssl), true) == 0, "hostlock_ctx_set_host_from_sni");
    need(hostlock_conn_set_fallback_host(ssl, "a..b") == HOSTLOCK_E_BAD_HOST, "a bad fallback host");
}

static void talk_with(enum who who, const char *fallback, void (*name)(SSL *), struct outcome *outcome)
{
    struct server *server = server_new(&(struct manner){.identity = identity(who)});
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, NULL);
    int status = hostlock_conn_set_fallback_host(ssl, fallback);
    need(status == 0 || status == HOSTLOCK_E_BAD_HOST, "hostlock_conn_set_fallback_host");
    if (name != NULL)
        name(ssl);
    converse(ssl, server, outcome);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    static const struct {
        const char *words;
        void (*name)(SSL *);
    } others[] = {{"hostlock_conn_set_host", by_name},
                  {"SSL_set1_host", by_parameters},
                  {"hostlock_ctx_set_host", by_context},
                  {"the SNI, where it counts,", by_sni}};
    struct outcome outcome;
    talk_with(RIGHT, RIGHT_HOST, NULL, &outcome);
    claim_passes(&outcome, "the fallback host counts where nothing else names one");
    claim(strcmp(outcome.server.sni, RIGHT_HOST) == 0, "it is sent as SNI");
    talk_with(IMPOSTOR, RIGHT_HOST, NULL, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "an impostor of it is refused");
    talk_with(ADDRESS, RIGHT_ADDRESS, NULL, &outcome);
    claim_passes(&outcome, "it may be an address");
    claim(outcome.server.sni[0] == '\0', "which is not sent");
    talk_with(RIGHT, "a..b", NULL, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_BAD_HOST, "a bad one refuses the handshake that depends on it");
    talk_with(RIGHT, RIGHT_HOST, by_a_bad_one_later, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_BAD_HOST, "a bad one takes an earlier one back, with the SNI that it sent");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        talk_with(RIGHT, OTHER_HOST, others[i].name, &outcome);
        claim_passes(&outcome, "%s stands above it", others[i].words);
        talk_with(IMPOSTOR, OTHER_HOST, others[i].name, &outcome);
        claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: the fallback host does not count as well",
                      others[i].words);
        talk_with(RIGHT, "a..b", others[i].name, &outcome);
        claim_passes(&outcome, "%s: a bad fallback host does no harm", others[i].words);
    }
    SSL_CTX *plain = plain_context();
    SSL *ssl = SSL_new(plain);
    claim(hostlock_conn_set_fallback_host(ssl, RIGHT_HOST) == HOSTLOCK_E_STATE,
          "a connection without hostlock takes none");
    claim(hostlock_conn_set_fallback_host(NULL, RIGHT_HOST) == HOSTLOCK_E_ARG, "nor does NULL");
    SSL_free(ssl);
    SSL_CTX_free(plain);
    return finish();
}
