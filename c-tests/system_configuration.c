/*
 * The system's OpenSSL configuration (system_configuration.cnf, named by OPENSSL_CONF) weakens everything: level 0,
 * TLS 1.1 at most, legacy renegotiation, no verification. A context of hostlock is as strong as without it.
 */
#include "support.h"

static void against(const struct manner *manner, enum who who, int status, const char *name)
{
    struct manner with_identity = *manner;
    with_identity.identity = identity(who);
    struct server *server = server_new(&with_identity);
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    if (status == 0)
        claim_passes(&outcome, "%s connects", name);
    else if (status == HOSTLOCK_E_NO_COMMON_VERSION || status == HOSTLOCK_E_NO_COMMON_CIPHER)
        claim_failed(&outcome, status, "%s is refused", name);
    else
        claim_refused(&outcome, status, "%s is refused", name);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
    need(plain != NULL && SSL_CTX_get_security_level(plain) == 0 && SSL_CTX_get_max_proto_version(plain) == TLS1_1_VERSION,
         "OPENSSL_CONF does not name system_configuration.cnf, or OpenSSL does not read it");
    SSL_CTX_free(plain);
    for (int i = 0; i < 2; i++) {
        const struct manner manner = {.version = both_versions[i]};
        against(&manner, RIGHT, 0, version_name(both_versions[i]));
        against(&manner, IMPOSTOR, HOSTLOCK_E_HOST_MISMATCH, "an impostor");
        against(&manner, EXPIRED, HOSTLOCK_E_EXPIRED, "an expired certificate");
        against(&manner, WEAK_KEY, HOSTLOCK_E_WEAK_KEY, "a weak key");
    }
    against(&(struct manner){.version = TLS1_1_VERSION}, RIGHT, HOSTLOCK_E_NO_COMMON_VERSION, "a server of TLS 1.1");
    against(&(struct manner){.version = TLS1_VERSION}, RIGHT, HOSTLOCK_E_NO_COMMON_VERSION, "a server of TLS 1.0");
    against(&(struct manner){.version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA"}, RIGHT,
            HOSTLOCK_E_NO_COMMON_CIPHER, "a server with a CBC suite only");
    SSL_CTX *ctx = client_context();
    claim(SSL_CTX_get_security_level(ctx) >= 2 && SSL_CTX_get_min_proto_version(ctx) == TLS1_2_VERSION &&
              SSL_CTX_get_max_proto_version(ctx) == TLS1_3_VERSION,
          "the context has level 2, TLS 1.2 and TLS 1.3");
    claim((SSL_CTX_get_options(ctx) & (SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT)) == 0 &&
              (SSL_CTX_get_options(ctx) & SSL_OP_NO_COMPRESSION) != 0,
          "the context has no unsafe option");
    if (!on_hardened_context())
        claim(SSL_CTX_get_verify_mode(ctx) == SSL_VERIFY_PEER, "the context verifies");
    SSL_CTX_free(ctx);
    return finish();
}
