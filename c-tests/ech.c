/*
 * Encrypted ClientHello (OpenSSL 4.0): the host that the program named is the one that is verified. Where the server
 * rejects ECH, libssl exchanges the names for the public one; nothing is ever sent to that.
 */
#include "support.h"

#include <openssl/err.h>

#if OPENSSL_VERSION_NUMBER >= 0x40000000L && !defined(OPENSSL_NO_ECH)

#include <string.h>

#include <openssl/ech.h>
#include <openssl/pem.h>

#define FRONT "front.example"

enum naming { BY_HOSTLOCK, BY_OPENSSL, BY_CONTEXT };
static const char *const namings[] = {"hostlock_conn_set_host", "SSL_set1_host", "hostlock_ctx_set_host"};

static const char *kind;
static int sealed;
static OSSL_ECHSTORE *store;
static unsigned char *configs;
static long configs_length;
static struct identity ca, right, front;

static void make_configs(void)
{
    OSSL_HPKE_SUITE suite = OSSL_HPKE_SUITE_DEFAULT;
    BIO *text = BIO_new(BIO_s_mem());
    OSSL_ECHSTORE *made = OSSL_ECHSTORE_new(NULL, NULL);
    need(OSSL_ECHSTORE_new_config(made, OSSL_ECH_CURRENT_VERSION, 0, FRONT, suite) == 1, "OSSL_ECHSTORE_new_config");
    need(OSSL_ECHSTORE_write_pem(made, OSSL_ECHSTORE_LAST, text) == 1, "OSSL_ECHSTORE_write_pem");
    OSSL_ECHSTORE_free(made);
    /* OpenSSL 4.0.3 decrypts by what was read, and not by what was made. */
    char *bytes;
    long length = BIO_get_mem_data(text, &bytes);
    BIO *copy = BIO_new_mem_buf(bytes, (int)length);
    store = OSSL_ECHSTORE_new(NULL, NULL);
    need(OSSL_ECHSTORE_read_pem(store, copy, OSSL_ECH_FOR_RETRY) == 1, "OSSL_ECHSTORE_read_pem");
    BIO_free(copy);
    char *name, *header;
    while (configs == NULL && PEM_read_bio(text, &name, &header, &configs, &configs_length) == 1) {
        if (strcmp(name, "ECHCONFIG") != 0) {
            OPENSSL_free(configs);
            configs = NULL;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
    }
    need(configs != NULL, "no ECHCONFIG");
    BIO_free(text);
}

static void speaks_ech(SSL_CTX *ctx)
{
    need(SSL_CTX_set1_echstore(ctx, store) == 1, "SSL_CTX_set1_echstore");
}

static void speaks_ech_and_wants_another_share(SSL_CTX *ctx)
{
    speaks_ech(ctx);
    need(SSL_CTX_set1_groups_list(ctx, "P-384") == 1, "SSL_CTX_set1_groups_list");
}

static SSL *connection(enum naming naming, SSL_CTX **ctx)
{
    *ctx = sealed ? plain_context() : client_context();
    X509_STORE *anchors = SSL_CTX_get_cert_store(*ctx);
    need(X509_STORE_add_cert(anchors, ca.certificate) == 1, "the store does not take the CA");
    need(X509_STORE_add_cert(anchors, trusted_ca()) == 1, "the store does not take the CA");
    if (naming == BY_CONTEXT)
        need(hostlock_ctx_set_host(*ctx, RIGHT_HOST) == 0, "hostlock_ctx_set_host");
    SSL *ssl = SSL_new(*ctx);
    need(ssl != NULL, "SSL_new");
    if (naming == BY_HOSTLOCK)
        need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    if (naming == BY_OPENSSL)
        need(SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
    need(SSL_set_tlsext_host_name(ssl, RIGHT_HOST) == 1, "SSL_set_tlsext_host_name");
    need(SSL_set1_ech_config_list(ssl, configs, (size_t)configs_length) == 1, "SSL_set1_ech_config_list");
    return ssl;
}

static int ech_status(SSL *ssl)
{
    char *inner = NULL, *outer = NULL;
    int status = SSL_ech_get1_status(ssl, &inner, &outer);
    OPENSSL_free(inner);
    OPENSSL_free(outer);
    ERR_clear_error();
    return status;
}

static void accepted(enum naming naming)
{
    SSL_CTX *ctx;
    struct outcome outcome;
    struct server *server = server_new(&(struct manner){.identity = &right, .set_up = speaks_ech, .version = TLS1_3_VERSION});
    SSL *ssl = connection(naming, &ctx);
    converse(ssl, server, &outcome);
    claim_passes(&outcome, "%s, %s: the right server that accepts ECH connects", kind, namings[naming]);
    claim(ech_status(ssl) == SSL_ECH_STATUS_SUCCESS, "  and ECH was in use");
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_free(ssl);
    ssl = SSL_new(ctx);
    if (naming == BY_HOSTLOCK)
        need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    if (naming == BY_OPENSSL)
        need(SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
    need(SSL_set_tlsext_host_name(ssl, RIGHT_HOST) == 1 && SSL_set_session(ssl, session) == 1 &&
             SSL_set1_ech_config_list(ssl, configs, (size_t)configs_length) == 1, "the second connection");
    converse(ssl, server, &outcome);
    claim_passes(&outcome, "  and again with its session");
    claim(outcome.resumed == 1, "  which is resumed");
    SSL_SESSION_free(session);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
    const struct identity *const others[] = {identity(IMPOSTOR), &front};
    for (int i = 0; i < 2; i++) {
        server = server_new(&(struct manner){.identity = others[i], .set_up = speaks_ech, .version = TLS1_3_VERSION});
        ssl = connection(naming, &ctx);
        converse(ssl, server, &outcome);
        claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "  %s that accepts ECH is refused",
                      i == 0 ? "an impostor" : "a server with the public name's certificate");
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        server_free(server);
    }
}

/* After a HelloRetryRequest libssl 4.0.3 fails where a context has any extension of its own, as each guarded one has. */
static void asked_again(enum naming naming)
{
    SSL_CTX *ctx;
    struct outcome outcome;
    struct server *server = server_new(
        &(struct manner){.identity = &front, .set_up = speaks_ech_and_wants_another_share, .version = TLS1_3_VERSION});
    SSL *ssl = connection(naming, &ctx);
    converse(ssl, server, &outcome);
    claim(outcome.got <= 0 && outcome.server.received == 0,
          "%s, %s: a server with the public name's certificate gets nothing after a HelloRetryRequest", kind,
          namings[naming]);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void rejected(enum naming naming, int version)
{
    SSL_CTX *ctx;
    struct outcome outcome;
    struct server *fronts = server_new(&(struct manner){.identity = &front, .version = version});
    struct server *rights = server_new(&(struct manner){.identity = &right, .version = version});
    SSL *ssl = connection(naming, &ctx);
    converse(ssl, fronts, &outcome);
    claim(outcome.connected != 1 && outcome.got <= 0 && outcome.server.received == 0,
          "%s, %s: a server with the public name's certificate that rejects ECH gets nothing on %s", kind,
          namings[naming], version_name(version));
    claim(outcome.status == HOSTLOCK_E_UNVERIFIED && strstr(outcome.message, "rejected Encrypted ClientHello") != NULL,
          "  and the words say so");
    /* libssl has put the public name in the place of the program's. */
    SSL_clear(ssl);
    SSL_set_connect_state(ssl);
    need(SSL_set1_echstore(ssl, NULL) == 1, "SSL_set1_echstore");
    converse(ssl, fronts, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_STATE, "  nor after SSL_clear, without ECH");
    SSL_clear(ssl);
    SSL_set_connect_state(ssl);
    converse(ssl, fronts, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_STATE, "  nor the next time");
    SSL_clear(ssl);
    SSL_set_connect_state(ssl);
    need(naming == BY_HOSTLOCK || SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
    need(SSL_set_tlsext_host_name(ssl, RIGHT_HOST) == 1, "SSL_set_tlsext_host_name");
    converse(ssl, fronts, &outcome);
    claim(outcome.got <= 0 && outcome.server.received == 0, "  nor where the program names its host again");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    ssl = connection(naming, &ctx);
    converse(ssl, rights, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "  nor does the right server that rejects ECH");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(fronts);
    server_free(rights);
}

static void all(const char *of_kind)
{
    kind = of_kind;
    for (int naming = BY_HOSTLOCK; naming <= (sealed ? BY_OPENSSL : BY_CONTEXT); naming++) {
        accepted(naming);
        asked_again(naming);
        rejected(naming, TLS1_3_VERSION);
        rejected(naming, TLS1_2_VERSION);
    }
}

int main(void)
{
    ca = issue(NULL, p256(), "another CA", NULL, NULL, -1, 30);
    right = issue(&ca, p256(), "right", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
    front = issue(&ca, p256(), "front", "DNS:" FRONT, "serverAuth", -1, 30);
    make_configs();
    all(on_hardened_context() ? "hardened" : "own");
    if (!on_hardened_context()) {
        need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
        sealed = 1;
        all("sealed");
    }
    OPENSSL_free(configs);
    OSSL_ECHSTORE_free(store);
    identity_free(&right);
    identity_free(&front);
    identity_free(&ca);
    return finish();
}

#else

int main(void)
{
    skip("Encrypted ClientHello keeps the host", "this OpenSSL has no ECH");
    return finish();
}

#endif
