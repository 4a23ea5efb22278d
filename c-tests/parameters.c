/*
 * Legacy code changes the parameters of the verification: no time check, another time, purpose, depth, level, store.
 * What makes it laxer has no effect; what makes it stricter has.
 */
#include "support.h"

#include <time.h>

#include <openssl/x509v3.h>

static void no_check_time(SSL *ssl)
{
    X509_VERIFY_PARAM_set_flags(SSL_get0_param(ssl), X509_V_FLAG_NO_CHECK_TIME);
}

static void ctx_no_check_time(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_NO_CHECK_TIME);
}

static void store_no_check_time(SSL_CTX *ctx)
{
    X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_NO_CHECK_TIME);
}

static void two_days_ago(SSL *ssl)
{
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), time(NULL) - 2 * 86400);
}

static void store_two_days_ago(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(SSL_CTX_get_cert_store(ctx)), time(NULL) - 2 * 86400);
}

static void in_two_days(SSL *ssl)
{
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), time(NULL) + 2 * 86400);
}

static void any_purpose(SSL *ssl)
{
    X509_VERIFY_PARAM_set_purpose(SSL_get0_param(ssl), X509_PURPOSE_ANY);
}

static void level_zero(SSL *ssl)
{
    SSL_set_security_level(ssl, 0);
    X509_VERIFY_PARAM_set_auth_level(SSL_get0_param(ssl), 0);
}

static void ctx_level_zero(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0");
    X509_VERIFY_PARAM_set_auth_level(SSL_CTX_get0_param(ctx), 0);
}

static void partial_chain(SSL *ssl)
{
    X509_VERIFY_PARAM_set_flags(SSL_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_clear_flags(SSL_get0_param(ssl), X509_V_FLAG_X509_STRICT);
}

static void deep(SSL *ssl)
{
    SSL_set_verify_depth(ssl, 100);
}

/* A fresh set of parameters for the whole context, as some programs install one. */
static void fresh_parameters(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM *parameters = X509_VERIFY_PARAM_new();
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_NO_CHECK_TIME);
    X509_VERIFY_PARAM_set_inh_flags(parameters, X509_VP_FLAG_OVERWRITE | X509_VP_FLAG_RESET_FLAGS);
    need(SSL_CTX_set1_param(ctx, parameters) == 1, "SSL_CTX_set1_param");
    X509_VERIFY_PARAM_free(parameters);
}

static void named_set(SSL *ssl)
{
    need(X509_VERIFY_PARAM_set1(SSL_get0_param(ssl), X509_VERIFY_PARAM_lookup("default")) == 1, "\"default\"");
}

static const enum who by_time[] = {EXPIRED, NOT_YET, IMPOSTOR, WHO_COUNT};
static const enum who by_use[] = {WRONG_USE, IMPOSTOR, WHO_COUNT};
static const enum who by_key[] = {WEAK_KEY, IMPOSTOR, WHO_COUNT};

static const struct habit habits[] = {
    {"X509_V_FLAG_NO_CHECK_TIME on the connection", NULL, no_check_time, by_time},
    {"X509_V_FLAG_NO_CHECK_TIME on the context", ctx_no_check_time, NULL, by_time},
    {"X509_V_FLAG_NO_CHECK_TIME on the store", store_no_check_time, NULL, by_time},
    {"a time in the past on the connection", NULL, two_days_ago, by_time},
    {"a time in the past on the store", store_two_days_ago, NULL, by_time},
    {"a time in the future on the connection", NULL, in_two_days, by_time},
    {"X509_PURPOSE_ANY on the connection", NULL, any_purpose, by_use},
    {"security and authentication level 0 on the connection", NULL, level_zero, by_key},
    {"@SECLEVEL=0 on the context", ctx_level_zero, NULL, by_key},
    {"X509_V_FLAG_PARTIAL_CHAIN", NULL, partial_chain, NULL},
    {"a great depth", NULL, deep, NULL},
    {"SSL_CTX_set1_param with fresh parameters", fresh_parameters, NULL, NULL},
    {"X509_VERIFY_PARAM_set1 with the set named \"default\"", NULL, named_set, NULL},
};

#if OPENSSL_VERSION_NUMBER >= 0x40000000L
typedef const X509 looked_at;
#else
typedef X509 looked_at;
#endif

static int own_check_issued(X509_STORE_CTX *store_ctx, looked_at *certificate, looked_at *issuer)
{
    (void)store_ctx;
    (void)certificate;
    (void)issuer;
    return 1;
}

static int own_verify(X509_STORE_CTX *store_ctx)
{
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static void empty_store(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_store(ctx, X509_STORE_new());
}

static X509_STORE *store_of(X509 *anchor)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, anchor);
    return store;
}

static void store_of_the_ca(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_store(ctx, store_of(trusted_ca()));
}

static void store_of_another_ca(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_store(ctx, store_of(untrusted_ca()));
}

static void verify_store_of_the_ca(SSL_CTX *ctx)
{
    SSL_CTX_set0_verify_cert_store(ctx, store_of(trusted_ca()));
}

static void store_that_verifies(SSL_CTX *ctx)
{
    X509_STORE_set_verify(SSL_CTX_get_cert_store(ctx), own_verify);
}

static void store_that_knows_issuers(SSL_CTX *ctx)
{
    X509_STORE_set_check_issued(SSL_CTX_get_cert_store(ctx), own_check_issued);
}

/* Who connects, and who is refused, where the program changes the store. */
static const struct {
    const char *name;
    void (*change)(SSL_CTX *);
    enum who who;
    int status;
} stores[] = {
    {"an empty store", empty_store, RIGHT, HOSTLOCK_E_NO_TRUST_ANCHORS},
    {"an empty store", empty_store, UNKNOWN, HOSTLOCK_E_NO_TRUST_ANCHORS},
    {"the program's own store", store_of_the_ca, RIGHT, 0},
    {"the program's own store", store_of_the_ca, IMPOSTOR, HOSTLOCK_E_HOST_MISMATCH},
    {"the store of another CA", store_of_another_ca, RIGHT, HOSTLOCK_E_UNKNOWN_ISSUER},
    {"the store of another CA", store_of_another_ca, UNKNOWN, 0},
    {"SSL_CTX_set0_verify_cert_store", verify_store_of_the_ca, RIGHT, 0},
    {"SSL_CTX_set0_verify_cert_store", verify_store_of_the_ca, UNKNOWN, HOSTLOCK_E_UNKNOWN_ISSUER},
    {"X509_STORE_set_verify", store_that_verifies, UNKNOWN, HOSTLOCK_E_UNSUPPORTED},
    {"X509_STORE_set_check_issued", store_that_knows_issuers, UNKNOWN, HOSTLOCK_E_UNSUPPORTED},
};

static void stores_hold(int version)
{
    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        const char *name = stores[i].name, *who = who_name(stores[i].who);
        struct server *server = server_new(&(struct manner){.identity = identity(stores[i].who), .version = version});
        SSL_CTX *ctx = client_context();
        stores[i].change(ctx);
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        struct outcome outcome;
        converse(ssl, server, &outcome);
        if (stores[i].status == 0)
            claim_passes(&outcome, "%s: %s connects on %s", name, who, version_name(version));
        else
            claim_refused(&outcome, stores[i].status, "%s: %s is refused on %s", name, who, version_name(version));
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        server_free(server);
    }
}

static void level_four(SSL *ssl)
{
    X509_VERIFY_PARAM_set_auth_level(SSL_get0_param(ssl), 4);
}

static void mail_purpose(SSL *ssl)
{
    SSL_set_purpose(ssl, X509_PURPOSE_SMIME_SIGN);
}

static void strange_policy(SSL *ssl)
{
    X509_VERIFY_PARAM_add0_policy(SSL_get0_param(ssl), OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1));
}

#ifdef X509_V_FLAG_OCSP_RESP_CHECK
static void ask_for_ocsp(SSL *ssl)
{
    SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
}
#endif

/* What a program tightens, by flags or by a call, refuses the server that it would refuse without hostlock. */
static const struct {
    const char *claim;
    unsigned long flags;
    void (*call)(SSL *);
    int status;
} wishes[] = {
    {"a program that wants CRLs checked, and has none, is heard", X509_V_FLAG_CRL_CHECK, NULL,
     HOSTLOCK_E_REVOCATION_UNKNOWN},
    {"a program that wants authentication level 4 is heard", 0, level_four, HOSTLOCK_E_WEAK_KEY},
    {"the purpose of e-mail holds", 0, mail_purpose, HOSTLOCK_E_WRONG_PURPOSE},
    {"Suite B with 192 bits holds", X509_V_FLAG_SUITEB_192_LOS, NULL, HOSTLOCK_E_WEAK_KEY},
    {"Suite B with 128 bits: the right server connects", X509_V_FLAG_SUITEB_128_LOS, NULL, 0},
    {"a policy that the chain does not have holds", X509_V_FLAG_EXPLICIT_POLICY | X509_V_FLAG_POLICY_CHECK,
     strange_policy, HOSTLOCK_E_BAD_CERTIFICATE},
    {"X509_V_FLAG_NOTIFY_POLICY: the right server connects", X509_V_FLAG_NOTIFY_POLICY | X509_V_FLAG_POLICY_CHECK, NULL,
     0},
    {"X509_V_FLAG_CRL_CHECK_ALL alone means nothing: the right server connects", X509_V_FLAG_CRL_CHECK_ALL, NULL, 0},
#ifdef X509_V_FLAG_OCSP_RESP_CHECK
    {"X509_V_FLAG_OCSP_RESP_CHECK holds", X509_V_FLAG_OCSP_RESP_CHECK, ask_for_ocsp, HOSTLOCK_E_REVOCATION_UNKNOWN},
    {"X509_V_FLAG_OCSP_RESP_CHECK_ALL holds", X509_V_FLAG_OCSP_RESP_CHECK | X509_V_FLAG_OCSP_RESP_CHECK_ALL,
     ask_for_ocsp, HOSTLOCK_E_REVOCATION_UNKNOWN},
#endif
};

static void wishes_hold(int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        X509_VERIFY_PARAM_set_flags(SSL_get0_param(ssl), wishes[i].flags);
        if (wishes[i].call != NULL)
            wishes[i].call(ssl);
        converse(ssl, server, &outcome);
        if (wishes[i].status == 0)
            claim_passes(&outcome, "%s on %s", wishes[i].claim, version_name(version));
        else
            claim_refused(&outcome, wishes[i].status, "%s on %s", wishes[i].claim, version_name(version));
        SSL_free(ssl);
    }
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++)
        try_habit(&habits[i]);
    for (int i = 0; i < 2; i++) {
        stores_hold(both_versions[i]);
        wishes_hold(both_versions[i]);
    }
    return finish();
}
