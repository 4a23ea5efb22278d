/*
 * A context of a method that hostlock cannot look after (QUIC's, and any that it does not know) is refused at once, by
 * every function that takes it, and named. One for DTLS is as it was: it can be audited and not be hardened.
 */
#include "support.h"

#include <string.h>

#if OPENSSL_VERSION_PREREQ(3, 2)
#include <openssl/quic.h>
#endif

/* The method that a connection has at the end of a handshake: one of libssl's own, which no function gives. */
static const SSL_METHOD *inner_method(void)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = TLS1_3_VERSION});
    SSL_CTX *ctx = plain_context();
    SSL *ssl = client_connection(ctx, NULL);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    need(outcome.connected == 1, "no handshake");
    const SSL_METHOD *method = SSL_get_ssl_method(ssl);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
    return method;
}

static const char *failed;

static int is_named(const char *function, int status, const char *words)
{
    const char *message = hostlock_error_message(hostlock_last_error());
    if (status == HOSTLOCK_E_UNSUPPORTED && message != NULL && strstr(message, words) != NULL)
        return 1;
    note("%s: %d, %s", function, status, message != NULL ? message : "");
    failed = function;
    return 0;
}

#define REFUSES(call) (void)is_named(#call, (call), words)

static void is_refused(const char *name, const SSL_METHOD *method, const char *words)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL, name);
    hostlock_report *report = NULL;
    failed = NULL;
    REFUSES(hostlock_harden(ctx, NULL, NULL));
    REFUSES(hostlock_harden(ctx, NULL, RIGHT_HOST));
    REFUSES(hostlock_audit(ctx, &report));
    REFUSES(hostlock_audit_probe(ctx, &report));
    REFUSES(hostlock_ctx_check_intact(ctx, &report));
    REFUSES(hostlock_ctx_set_host(ctx, RIGHT_HOST));
    REFUSES(hostlock_ctx_set_timeout(ctx, 1000));
    REFUSES(hostlock_ctx_trust_system(ctx));
    REFUSES(hostlock_ctx_trust_bundled(ctx));
    REFUSES(hostlock_ctx_trust_file(ctx, "/dev/null"));
    REFUSES(hostlock_ctx_add_pin(ctx, "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    REFUSES(hostlock_ctx_set_host_from_sni(ctx, 1));
    REFUSES(hostlock_ctx_set_crl_mode(ctx, "leaf"));
    REFUSES(hostlock_ctx_set_ocsp_mode(ctx, "off"));
    REFUSES(hostlock_ctx_set_verify_depth(ctx, 3));
    size_t count;
    REFUSES(hostlock_ctx_trust_count(ctx, &count));
    REFUSES(hostlock_ctx_trust_materialize(ctx));
    claim(failed == NULL && report == NULL, "%s: every function that takes the context refuses it%s%s", name,
          failed != NULL ? ", but not " : "", failed != NULL ? failed : "");
    failed = NULL;
    SSL *ssl = SSL_new(ctx);
    if (ssl != NULL) {
        REFUSES(hostlock_conn_set_host(ssl, RIGHT_HOST));
        REFUSES(hostlock_conn_set_fallback_host(ssl, RIGHT_HOST));
        REFUSES(hostlock_audit_conn(ssl, &report));
    }
    claim(failed == NULL && report == NULL, "%s: and so do those that take a connection of it", name);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void datagrams(void)
{
    SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
    hostlock_report *report = NULL;
    claim(hostlock_harden(ctx, NULL, NULL) == HOSTLOCK_E_UNSUPPORTED &&
              strstr(hostlock_error_message(hostlock_last_error()), "DTLS") != NULL,
          "DTLS is not hardened");
    claim(hostlock_ctx_set_host(ctx, RIGHT_HOST) == HOSTLOCK_E_STATE, "  a context for it is not hostlock's");
    claim(hostlock_audit(ctx, &report) == 0 && report != NULL, "  and it can be audited");
    hostlock_report_free(report);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const SSL_METHOD *inner = inner_method();
    datagrams();
    is_refused("a method that is not known", inner, "a method that hostlock does not know");
#if OPENSSL_VERSION_PREREQ(3, 2) && !defined(OPENSSL_NO_QUIC)
    is_refused("OSSL_QUIC_client_method", OSSL_QUIC_client_method(), "QUIC (OSSL_QUIC_client_method)");
    is_refused("OSSL_QUIC_client_thread_method", OSSL_QUIC_client_thread_method(), "QUIC (OSSL_QUIC_client_thread_method)");
#endif
#if OPENSSL_VERSION_PREREQ(3, 5) && !defined(OPENSSL_NO_QUIC)
    is_refused("OSSL_QUIC_server_method", OSSL_QUIC_server_method(), "QUIC (OSSL_QUIC_server_method)");
#endif
#if OPENSSL_VERSION_MAJOR >= 4 && !defined(OPENSSL_NO_QUIC)
    is_refused("OSSL_QUIC_method", OSSL_QUIC_method(), "QUIC (OSSL_QUIC_method)");
#endif
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    SSL_CTX *ctx = SSL_CTX_new(inner);
    claim(hostlock_seal_ctx(ctx) == HOSTLOCK_E_UNSUPPORTED, "hostlock_seal_ctx refuses it too");
    SSL_CTX_free(ctx);
    return finish();
}
