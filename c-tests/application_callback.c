/*
 * The application's own verify callback on a context of hostlock: it is asked about each certificate of a good chain,
 * and about the failure of a bad one. Its 0 refuses; its 1 does not accept. It finds in the X509_STORE_CTX what it
 * finds there with plain OpenSSL.
 */
#include "support.h"

#include <string.h>

#include <openssl/err.h>

static struct seen {
    int calls, ok_calls, failures, error, error_depth, deepest;
    int has_ssl, chain_length, has_current, answer;
    char leaf[64];
} seen;

static int watch(int ok, X509_STORE_CTX *store_ctx)
{
    int depth = X509_STORE_CTX_get_error_depth(store_ctx);
    seen.calls++;
    if (ok)
        seen.ok_calls++;
    else {
        seen.failures++;
        seen.error = X509_STORE_CTX_get_error(store_ctx);
        seen.error_depth = depth;
    }
    if (depth > seen.deepest)
        seen.deepest = depth;
    seen.has_ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx()) != NULL;
    seen.chain_length = sk_X509_num(X509_STORE_CTX_get0_chain(store_ctx));
    X509 *current = X509_STORE_CTX_get_current_cert(store_ctx);
    seen.has_current = current != NULL;
    if (current != NULL && depth == 0)
        X509_NAME_get_text_by_NID(X509_get_subject_name(current), NID_commonName, seen.leaf, sizeof(seen.leaf));
    return seen.answer;
}

static void ask(enum who who, int version, int answer, int on_store, struct outcome *outcome)
{
    struct server *server = server_new(&(struct manner){.identity = identity(who), .version = version});
    SSL_CTX *ctx = client_context();
    memset(&seen, 0, sizeof(seen));
    seen.answer = answer;
    if (on_store)
        X509_STORE_set_verify_cb(SSL_CTX_get_cert_store(ctx), watch);
    else
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, watch);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, server, outcome);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* Verifies twice: the first time it asks OpenSSL to come back. */
static int retry_once(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (ok && X509_STORE_CTX_get_error_depth(store_ctx) == 0 && seen.calls++ == 0)
        return SSL_set_retry_verify(ssl);
    return ok;
}

static void come_back(int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    memset(&seen, 0, sizeof(seen));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, retry_once);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    int fd;
    struct report report;
    struct line *line = line_open(server, &fd);
    SSL_set_fd(ssl, fd);
    int first = SSL_connect(ssl);
    int wish = SSL_get_error(ssl, first);
    int second = SSL_connect(ssl);
    claim(first == -1 && wish == SSL_ERROR_WANT_RETRY_VERIFY && second == 1 && seen.calls == 2 &&
              SSL_write(ssl, "ping", 4) == 4 && hostlock_conn_error(ssl) == NULL,
          "a callback that asks for a retry with SSL_set_retry_verify is asked again on %s", version_name(version));
    line_close(line, &report);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    struct outcome outcome;
    for (int i = 0; i < 2; i++) {
        int version = both_versions[i];
        const char *name = version_name(version);
        for (int on_store = 0; on_store < 2; on_store++) {
            const char *place = on_store ? "store" : "context";
            ask(RIGHT, version, 1, on_store, &outcome);
            claim_passes(&outcome, "a %s's callback that accepts leaves the right host in on %s", place, name);
            claim(seen.calls == 2 && seen.ok_calls == 2 && seen.deepest == 1,
                  "  it was asked once about each certificate of the chain, with ok 1");
            claim(seen.has_ssl && seen.has_current && seen.chain_length == 2 && strcmp(seen.leaf, "right") == 0,
                  "  it found the SSL, the chain and the certificate");
            ask(RIGHT, version, 0, on_store, &outcome);
            claim_refused(&outcome, HOSTLOCK_E_APPLICATION_REFUSED,
                          "a %s's callback that refuses keeps the right host out on %s", place, name);
            ask(EXPIRED, version, 1, on_store, &outcome);
            claim_refused(&outcome, HOSTLOCK_E_EXPIRED, "a %s's callback that accepts does not let an expired one in on %s",
                          place, name);
            claim(seen.failures == 1 && seen.error == X509_V_ERR_CERT_HAS_EXPIRED && seen.error_depth == 0 &&
                      seen.has_ssl && seen.has_current,
                  "  it was told of the failure: ok 0, the error and the certificate");
            ask(IMPOSTOR, version, 1, on_store, &outcome);
            claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH,
                          "a %s's callback that accepts does not let an impostor in on %s", place, name);
            claim(seen.failures == 1 && seen.error == X509_V_ERR_HOSTNAME_MISMATCH && seen.chain_length == 2,
                  "  it was told of the mismatch, with the whole chain");
        }
        come_back(version);
    }
    return finish();
}
