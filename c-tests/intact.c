/*
 * hostlock_ctx_check_intact finds nothing on a context that nobody touched, and names what legacy code undid.
 */
#include "support.h"

#include <string.h>

static size_t count_of(SSL_CTX *ctx, const char *severity, const char *named, int *is_named)
{
    hostlock_report *report = NULL;
    need(hostlock_ctx_check_intact(ctx, &report) == 0, hostlock_error_message(hostlock_last_error()));
    size_t count = 0;
    need(hostlock_report_count(report, severity, &count) == 0, "hostlock_report_count");
    *is_named = named == NULL || strstr(hostlock_report_json(report), named) != NULL;
    if (count > 0 && named == NULL)
        note("%s", hostlock_report_json(report));
    hostlock_report_free(report);
    return count;
}

static void no_verification(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
}

static void all_suites(SSL_CTX *ctx)
{
    SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
}

static void no_level(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, 0);
}

static void old_versions(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_clear_options(ctx, SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
}

static void unsafe_renegotiation(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
}

static void info(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
}

static void info_callback(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, info);
}

static int permit(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)operation, (void)bits, (void)nid, (void)other, (void)extra;
    return 1;
}

static void security_callback(SSL_CTX *ctx)
{
    SSL_CTX_set_security_callback(ctx, permit);
}

static const struct undoing {
    const char *name, *named;
    void (*undo)(SSL_CTX *);
    int on_either_side;
} undoings[] = {
    {"SSL_VERIFY_NONE", "\"verification-off\"", no_verification, 0},
    {"weak suites", "\"anonymous-ciphers\"", all_suites, 1},
    {"security level 0", "\"security-level-zero\"", no_level, 1},
    {"old versions", "\"old-versions\"", old_versions, 1},
    {"unsafe renegotiation", "\"unsafe-renegotiation\"", unsafe_renegotiation, 1},
    {"an info callback", "\"SSL_CTX_set_info_callback\"", info_callback, 1},
    {"a security callback", "\"SSL_CTX_set_security_callback\"", security_callback, 1},
};

static int accept_every_chain(X509_STORE_CTX *store_ctx, void *argument)
{
    (void)store_ctx, (void)argument;
    return 1;
}

static SSL_CTX *hardened(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL && hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

static void one_kind(const char *kind, SSL_CTX *(*make)(void), int either_side, int chains)
{
    int named;
    SSL_CTX *ctx = make();
    claim(count_of(ctx, NULL, NULL, &named) == 0, "%s: nothing is undone at first", kind);
    SSL_CTX_free(ctx);
    for (size_t i = 0; i < sizeof(undoings) / sizeof(undoings[0]); i++) {
        if (either_side && !undoings[i].on_either_side)
            continue;
        ctx = make();
        undoings[i].undo(ctx);
        int count = count_of(ctx, "low", undoings[i].named, &named);
        claim(count > 0 && named, "%s: %s is found", kind, undoings[i].name);
        SSL_CTX_free(ctx);
    }
    ctx = make();
    SSL_CTX_set_cert_verify_callback(ctx, accept_every_chain, NULL);
    int count = count_of(ctx, chains ? "low" : "high", chains ? "callback-displaced" : "hooks-removed", &named);
    claim(count == 1 && named, "%s: a certificate verify callback is found", kind);
    SSL_CTX_free(ctx);
}

static SSL_CTX *own(void)
{
    return hostlock_client_new(NULL);
}

static SSL_CTX *of_client_method(void)
{
    return hardened(TLS_client_method());
}

static SSL_CTX *of_either_method(void)
{
    return hardened(TLS_method());
}

int main(void)
{
    one_kind("a context of hostlock_client_new", own, 0, 0);
    one_kind("a hardened context of TLS_client_method()", of_client_method, 0, 1);
    one_kind("a hardened context of TLS_method()", of_either_method, 1, 1);

    SSL_CTX *plain = SSL_CTX_new(TLS_method());
    hostlock_report *report = NULL;
    claim(hostlock_ctx_check_intact(plain, &report) == HOSTLOCK_E_STATE && report == NULL, "a plain context is an error");
    claim(hostlock_ctx_check_intact(NULL, &report) == HOSTLOCK_E_ARG && report == NULL, "and so is NULL");
    SSL_CTX_free(plain);
    SSL_CTX *server = hostlock_server_new(NULL);
    claim(hostlock_ctx_check_intact(server, NULL) == HOSTLOCK_E_ARG, "and no place for the report");
    int named;
    claim(count_of(server, NULL, NULL, &named) == 0, "a server's context is intact");
    SSL_CTX_free(server);
    return finish();
}
