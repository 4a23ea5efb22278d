/*
 * What hostlock_harden answers, what it keeps of what the program chose, and whom it calls. The program's callbacks may
 * refuse, never accept.
 */
#include "support.h"

#include <string.h>

/* Old programs call what OpenSSL has deprecated since. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static SSL_CTX *careless(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    need(ctx != NULL, "SSL_CTX_new");
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "X509_STORE_add_cert");
    return ctx;
}

static int status_of(SSL_CTX *ctx, enum who who, struct outcome *outcome)
{
    struct server *server = server_new(&(struct manner){.identity = identity(who)});
    SSL *ssl = SSL_new(ctx);
    SSL_set_connect_state(ssl);
    converse(ssl, server, outcome);
    SSL_free(ssl);
    server_free(server);
    return outcome->status;
}

static void bad_calls(void)
{
    claim(hostlock_harden(NULL, NULL, NULL) == HOSTLOCK_E_ARG, "NULL is an error");
    SSL_CTX *ctx = careless();
    claim(hostlock_harden(ctx, "no such policy", RIGHT_HOST) == HOSTLOCK_E_ARG, "an unknown policy is an error");
    claim(SSL_CTX_get_info_callback(ctx) == NULL && SSL_CTX_get_verify_callback(ctx) == NULL,
          "  and leaves the context as it was");
    claim(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, "then it is hardened");
    claim(hostlock_harden(ctx, "2026-11-webpki", NULL) == HOSTLOCK_E_STATE, "another policy is too late");
    claim(hostlock_harden(ctx, "2026-11", NULL) == 0, "the same policy again is fine");
    struct outcome outcome;
    status_of(ctx, RIGHT, &outcome);
    claim_passes(&outcome, "a context that was hardened twice connects");
    SSL_CTX_free(ctx);

    SSL_CTX *datagrams = SSL_CTX_new(DTLS_method());
    claim(hostlock_harden(datagrams, NULL, NULL) == HOSTLOCK_E_UNSUPPORTED, "DTLS is not supported");
    SSL_CTX_free(datagrams);
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    claim(hostlock_harden(server, NULL, RIGHT_HOST) == HOSTLOCK_E_STATE, "a server has no host to reach");
    SSL_CTX_free(server);
}

static void bad_host(void)
{
    struct outcome outcome;
    SSL_CTX *ctx = careless();
    claim(hostlock_harden(ctx, NULL, "https://" RIGHT_HOST "/") == HOSTLOCK_E_BAD_HOST, "a URL is no host");
    claim(status_of(ctx, RIGHT, &outcome) == HOSTLOCK_E_POISONED, "  and the context refuses its handshakes");
    claim(hostlock_ctx_set_host(ctx, RIGHT_HOST) == 0 && status_of(ctx, RIGHT, &outcome) == 0, "until a host is named");
    SSL_CTX_free(ctx);
    ctx = careless();
    need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    claim(status_of(ctx, RIGHT, &outcome) == HOSTLOCK_E_NO_HOST, "where nothing names a host the connection is refused");
    claim(outcome.reason == HOSTLOCK_E_NO_HOST, "  with the reason on OpenSSL's queue");
    claim(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0 && status_of(ctx, RIGHT, &outcome) == 0,
          "a later call may name it");
    SSL_CTX_free(ctx);
}

static int called, verdict;
static void *argument_seen;

static int asked_about_chain(X509_STORE_CTX *store_ctx, void *argument)
{
    called++;
    argument_seen = argument;
    if (!verdict)
        X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_CERT_REJECTED);
    return verdict;
}

static int verifies_itself(X509_STORE_CTX *store_ctx, void *argument)
{
    (void)argument;
    called++;
    int answer = X509_verify_cert(store_ctx);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
    return answer == 1 && chain != NULL && sk_X509_num(chain) == 2;
}

static int info_calls, security_calls;

static void info(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)value;
    info_calls += place == SSL_CB_HANDSHAKE_DONE;
}

static int forbids_chacha(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)operation, (void)bits, (void)nid, (void)extra;
    security_calls++;
    int about_cipher = (operation & SSL_SECOP_OTHER_TYPE) == SSL_SECOP_OTHER_CIPHER;
    return !about_cipher || strstr(SSL_CIPHER_get_name(other), "CHACHA20") == NULL;
}

static void chained_callbacks(int after)
{
    const char *when = after ? "after hostlock_harden" : "before it";
    struct outcome outcome;
    for (verdict = 0; verdict < 2; verdict++) {
        SSL_CTX *ctx = careless();
        if (after)
            need(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, "hostlock_harden");
        SSL_CTX_set_cert_verify_callback(ctx, asked_about_chain, &outcome);
        if (!after)
            need(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, "hostlock_harden");
        called = 0;
        int status = status_of(ctx, RIGHT, &outcome);
        claim(status == (verdict ? 0 : HOSTLOCK_E_APPLICATION_REFUSED) && called == 1 && argument_seen == &outcome,
              "a certificate verify callback that is set %s is asked, and may %s", when, verdict ? "agree" : "refuse");
        called = 0;
        claim(status_of(ctx, IMPOSTOR, &outcome) == HOSTLOCK_E_HOST_MISMATCH && called == 0,
              "  and is not asked about an impostor");
        SSL_CTX_free(ctx);
    }
    SSL_CTX *ctx = careless();
    if (after)
        need(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, "hostlock_harden");
    SSL_CTX_set_cert_verify_callback(ctx, verifies_itself, NULL);
    SSL_CTX_set_info_callback(ctx, info);
    SSL_CTX_set_security_callback(ctx, forbids_chacha);
    if (!after)
        need(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, "hostlock_harden");
    called = info_calls = security_calls = 0;
    status_of(ctx, RIGHT, &outcome);
    claim_passes(&outcome, "one that verifies by itself finds a chain, set %s", when);
    claim(called == 1, "  it was called");
    claim(info_calls > 0, "  and so was the info callback");
    claim(security_calls > 0, "  and the security callback");
    SSL_CTX_free(ctx);
}

static void keeps_what_is_strong(void)
{
    SSL_CTX *ctx = careless();
    need(SSL_CTX_set_cipher_list(ctx, "AES128-SHA:ECDHE-RSA-CHACHA20-POLY1305:NULL-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384") == 1 &&
             SSL_CTX_set_ciphersuites(ctx, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256") == 1,
         "the suites");
    SSL_CTX_set_security_level(ctx, 3);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    static const char *const expected[] = {"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
                                           "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"};
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);
    int same = sk_SSL_CIPHER_num(ciphers) == 4;
    for (int i = 0; same && i < 4; i++)
        same = strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)), expected[i]) == 0;
    claim(same, "the program's strong suites stay in its own order, and the weak ones go");
    claim(SSL_CTX_get_security_level(ctx) == 3 && SSL_CTX_get_min_proto_version(ctx) == TLS1_3_VERSION,
          "a higher level and a higher lowest version stay");
    claim((SSL_CTX_get_options(ctx) & SSL_OP_NO_TICKET) != 0, "options that weaken nothing stay");
    SSL_CTX_free(ctx);
    ctx = careless();
    need(SSL_CTX_set_cipher_list(ctx, "AES128-SHA:@SECLEVEL=0") == 1, "the suites");
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    need(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, "hostlock_harden");
    struct outcome outcome;
    status_of(ctx, RIGHT, &outcome);
    claim_passes(&outcome, "a program whose suites are all weak gets the policy's");
    claim(SSL_CTX_get_max_proto_version(ctx) == TLS1_2_VERSION, "and TLS 1.2 stays the highest version where it was");
    SSL_CTX_free(ctx);
}

int main(void)
{
    bad_calls();
    bad_host();
    chained_callbacks(0);
    chained_callbacks(1);
    keeps_what_is_strong();
    return finish();
}
