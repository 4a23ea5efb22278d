/*
 * A sealed process: contexts of plain OpenSSL, made by code that turns verification off, verify all the same, also
 * where the system's configuration (seal.cnf, named by OPENSSL_CONF) weakens everything. The servers here are contexts
 * of the same process, and go on serving.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

static void trust_nobody_in_particular(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
}

static int accept_everything(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static void accept_all(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_everything);
}

static int answer_yes(X509_STORE_CTX *store_ctx, void *argument)
{
    (void)argument;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static void verify_by_itself(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_verify_callback(ctx, answer_yes, NULL);
}

static void allow_every_suite(SSL_CTX *ctx)
{
    need(SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"), "the suites are not taken");
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_clear_options(ctx, SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
}

static SSL_CTX *careless(void (*habit)(SSL_CTX *))
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    need(ctx != NULL, "no context");
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()), "no CA");
    habit(ctx);
    return ctx;
}

enum told { BY_SNI, BY_PARAMETER, BY_NOTHING };

static SSL *told(SSL_CTX *ctx, enum told by)
{
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL, "no connection");
    if (by == BY_SNI)
        SSL_set_tlsext_host_name(ssl, RIGHT_HOST);
    if (by == BY_PARAMETER)
        need(SSL_set1_host(ssl, RIGHT_HOST), "no host");
    return ssl;
}

static void against(struct server *server, void (*habit)(SSL_CTX *), enum told by, int status, const char *claim_name)
{
    SSL_CTX *ctx = careless(habit);
    SSL *ssl = told(ctx, by);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    if (status == 0)
        claim_passes(&outcome, "%s", claim_name);
    else if (status == HOSTLOCK_E_NO_COMMON_VERSION || status == HOSTLOCK_E_NO_COMMON_CIPHER)
        claim_failed(&outcome, status, "%s", claim_name);
    else
        claim_refused(&outcome, status, "%s", claim_name);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static int report_says(const char *words)
{
    char *json = hostlock_seal_report();
    need(json != NULL, "no report");
    int found = strstr(json, words) != NULL;
    hostlock_string_free(json);
    return found;
}

static void habits(void)
{
    static const struct {
        const char *name;
        void (*habit)(SSL_CTX *);
        enum told by;
    } all[] = {
        {"VERIFY_NONE", trust_nobody_in_particular, BY_SNI},
        {"a callback that accepts everything", accept_all, BY_PARAMETER},
        {"a certificate verify callback that says yes", verify_by_itself, BY_SNI},
        {"every suite at level 0, from TLS 1.0 on", allow_every_suite, BY_PARAMETER},
    };
    static const enum who peers[] = {RIGHT, IMPOSTOR, EXPIRED, UNKNOWN, SELF_SIGNED, WEAK_KEY};
    char name[256];
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (int version = 0; version < 2; version++)
            for (size_t peer = 0; peer < (size_t)rounds(sizeof(peers) / sizeof(peers[0]), 2); peer++) {
                /* The server's own context is sealed too, and would not send a weak key. */
                if (peers[peer] == WEAK_KEY)
                    continue;
                const struct manner manner = {.identity = identity(peers[peer]), .version = both_versions[version]};
                struct server *server = server_new(&manner);
                snprintf(name, sizeof(name), "%s, %s: %s", all[i].name, version_name(both_versions[version]),
                         who_name(peers[peer]));
                against(server, all[i].habit, all[i].by, who_status(peers[peer]), name);
                server_free(server);
            }
}

int main(void)
{
    SSL_CTX *early = careless(trust_nobody_in_particular);
    need(SSL_CTX_get_security_level(early) == 0 && SSL_CTX_get_max_proto_version(early) == TLS1_1_VERSION,
         "OPENSSL_CONF does not name seal.cnf, or OpenSSL does not read it");
    struct server *old = server_new(&(struct manner){.identity = identity(RIGHT), .version = TLS1_1_VERSION});
    struct server *weak = server_new(&(struct manner){.identity = identity(WEAK_KEY), .version = TLS1_2_VERSION});
    struct server *cbc = server_new(&(struct manner){
        .identity = identity(RIGHT), .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA"});
    claim(hostlock_seal_ctx(early) == HOSTLOCK_E_STATE && hostlock_seal_report() == NULL &&
              hostlock_error_status(hostlock_last_error()) == HOSTLOCK_E_STATE,
          "nothing is sealed before the process is");
    claim(hostlock_seal_process("no such policy") == HOSTLOCK_E_ARG, "an unknown policy seals nothing");
    claim(hostlock_seal_process(NULL) == 0, "the process is sealed");
    claim(hostlock_seal_process("2026-11") == 0, "the same again is fine");
    claim(hostlock_seal_process("2026-11-webpki") == HOSTLOCK_E_STATE, "another policy is refused");
    claim(ERR_peek_error() == 0 && report_says("\"contexts\":{\"total\":0"), "no context of this process is new yet");

    hostlock_ctx *own = hostlock_client_new(NULL);
    claim(own != NULL && report_says("\"contexts\":{\"total\":0"), "a context of hostlock's own is not sealed twice");
    hostlock_ctx_free(own);

    habits();
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT)});
    against(right, trust_nobody_in_particular, BY_NOTHING, HOSTLOCK_E_NO_HOST, "no host named: refused, and it says so");
    against(old, allow_every_suite, BY_SNI, HOSTLOCK_E_NO_COMMON_VERSION, "a server of TLS 1.1 is refused");
    against(cbc, allow_every_suite, BY_SNI, HOSTLOCK_E_NO_COMMON_CIPHER, "a server with a CBC suite only is refused");
    against(weak, allow_every_suite, BY_SNI, HOSTLOCK_E_WEAK_KEY, "a weak key is refused");
    claim(report_says("\"host\":\"" RIGHT_HOST "\",\"status\":\"HOSTLOCK_E_HOST_MISMATCH\",\"code\":-12"),
          "the report names host and reason");
    claim(report_says("\"status\":\"HOSTLOCK_E_NO_HOST\""), "the report names the connection that told no host");

    const struct manner asks = {.identity = identity(RIGHT), .asks_for_certificate = 1};
    struct server *asking = server_new(&asks);
    against(asking, trust_nobody_in_particular, BY_SNI, 0, "a server judges clients as it was set up");

    claim(!report_says("\"served\":0"), "the report counts what servers served");

    struct outcome outcome;
    claim(hostlock_seal_ctx(early) == 0 && hostlock_seal_ctx(early) == 0, "a context from before is sealed, once");
    struct server *impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR)});
    SSL *ssl = told(early, BY_SNI);
    converse(ssl, impostor, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "and refuses an impostor");
    SSL_free(ssl);
    ssl = told(early, BY_SNI);
    converse(ssl, right, &outcome);
    claim_passes(&outcome, "and connects to the right host");
    SSL_free(ssl);
    claim(report_says("\"made_before\":1"), "the report tells it from the others");

    SSL_CTX *datagrams = SSL_CTX_new(DTLS_method());
    claim(datagrams != NULL && report_says("\"not_sealed\":1"), "a context for DTLS is told from the sealed ones");
    SSL_CTX_free(datagrams);
    claim(hostlock_seal_ctx(NULL) == HOSTLOCK_E_ARG, "NULL is refused");

    server_free(impostor);
    server_free(asking);
    server_free(right);
    server_free(cbc);
    server_free(weak);
    server_free(old);
    SSL_CTX_free(early);
    return finish();
}
