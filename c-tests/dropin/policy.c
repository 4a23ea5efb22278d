/* Contexts with the policy's settings, by OpenSSL's own calls. run writes settings.h from src/policy.rs. */
#include "dropin.h"

#include "settings.h"

static SSL_CTX *new_context(const SSL_METHOD *method, uint64_t options)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL, "SSL_CTX_new failed");
    SSL_CTX_set_options(ctx, options);
    SSL_CTX_clear_options(ctx, POLICY_CLEAR_OPTIONS);
    SSL_CTX_set_security_level(ctx, POLICY_SECURITY_LEVEL);
    need(SSL_CTX_set_min_proto_version(ctx, POLICY_MIN_VERSION) == 1, "the minimum version");
    need(SSL_CTX_set_max_proto_version(ctx, POLICY_MAX_VERSION) == 1, "the maximum version");
    need(SSL_CTX_set_cipher_list(ctx, POLICY_SUITES_TLS12) == 1, "the suites of TLS 1.2");
    need(SSL_CTX_set_ciphersuites(ctx, POLICY_SUITES_TLS13) == 1, "the suites of TLS 1.3");
    ERR_set_mark();
    if (SSL_CTX_set1_groups_list(ctx, POLICY_GROUPS_HYBRID) != 1)
        need(SSL_CTX_set1_groups_list(ctx, POLICY_GROUPS) == 1, "the groups");
    ERR_pop_to_mark();
    need(SSL_CTX_set1_sigalgs_list(ctx, POLICY_SIGNATURE_ALGORITHMS) == 1, "the signature algorithms");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(ctx, POLICY_VERIFY_DEPTH);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), POLICY_VERIFY_FLAGS);
    return ctx;
}

SSL_CTX *plain_client(void)
{
    SSL_CTX *ctx = new_context(TLS_client_method(), POLICY_SET_OPTIONS);
    SSL_CTX_set_tlsext_status_type(ctx, TLSEXT_STATUSTYPE_ocsp);
    return ctx;
}

SSL_CTX *plain_server(void)
{
    return new_context(TLS_server_method(), (POLICY_SET_OPTIONS) | (POLICY_SET_SERVER_OPTIONS));
}
