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

/* A context of hostlock_client_new where there is no method, else a hardened one. */
static const struct kind {
    const char *name;
    const SSL_METHOD *(*method)(void);
    int either_side;
} kinds[] = {
    {"a context of hostlock_client_new", NULL, 0},
    {"a hardened context of TLS_client_method()", TLS_client_method, 0},
    {"a hardened context of TLS_method()", TLS_method, 1},
};

static SSL_CTX *context_of(const struct kind *kind)
{
    if (kind->method == NULL)
        return hostlock_client_new(NULL);
    SSL_CTX *ctx = SSL_CTX_new(kind->method());
    need(ctx != NULL && hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

static void one_kind(const struct kind *kind)
{
    int named;
    SSL_CTX *ctx = context_of(kind);
    claim(count_of(ctx, NULL, NULL, &named) == 0, "%s: nothing is undone at first", kind->name);
    SSL_CTX_free(ctx);
    for (size_t i = 0; i < sizeof(undoings) / sizeof(undoings[0]); i++) {
        if (kind->either_side && !undoings[i].on_either_side)
            continue;
        ctx = context_of(kind);
        undoings[i].undo(ctx);
        int count = count_of(ctx, "low", undoings[i].named, &named);
        claim(count > 0 && named, "%s: %s is found", kind->name, undoings[i].name);
        SSL_CTX_free(ctx);
    }
    /* It replaces ours on an own context, which refuses handshakes then; a hardened one verifies all the same. */
    int hardened = kind->method != NULL;
    ctx = context_of(kind);
    SSL_CTX_set_cert_verify_callback(ctx, accept_every_chain, NULL);
    int count = count_of(ctx, hardened ? "low" : "high", hardened ? "callback-displaced" : "hooks-removed", &named);
    claim(count == 1 && named, "%s: a certificate verify callback is found", kind->name);
    SSL_CTX_free(ctx);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        one_kind(&kinds[i]);

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
