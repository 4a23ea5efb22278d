/*
 * Connections that are used again, duplicated, or given another context. The verdict is each handshake's own.
 */
#include "support.h"

static struct server *right, *impostor;
static int version;

static void used_again(void)
{
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    struct outcome outcome;
    converse(ssl, right, &outcome);
    claim_passes(&outcome, "the first use connects on %s", version_name(version));
    SSL_clear(ssl);
    converse(ssl, impostor, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "SSL_clear: the impostor is refused on the second use on %s",
                  version_name(version));
    SSL_clear(ssl);
    converse(ssl, right, &outcome);
    claim_passes(&outcome, "SSL_clear: the right host connects after a refusal on %s", version_name(version));
    SSL_clear(ssl);
    need(hostlock_conn_set_host(ssl, OTHER_HOST) == 0, "hostlock_conn_set_host");
    converse(ssl, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "SSL_clear and another host: the first host is refused on %s",
                  version_name(version));
    SSL_clear(ssl);
    converse(ssl, impostor, &outcome);
    claim_passes(&outcome, "SSL_clear and another host: its own server connects on %s", version_name(version));
    SSL_free(ssl);
    /* The same by SSL_set1_host, and without SSL_clear. */
    ssl = SSL_new(ctx);
    SSL_set1_host(ssl, RIGHT_HOST);
    converse(ssl, right, &outcome);
    SSL_set1_host(ssl, OTHER_HOST);
    SSL_set_connect_state(ssl);
    converse(ssl, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "SSL_set_connect_state and another host: the first is refused on %s",
                  version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* After a refusal the program shuts its eyes and goes on with the same SSL. */
static void goes_on(void)
{
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    int fd;
    struct report report;
    struct line *line = line_open(impostor, &fd);
    char buffer[4];
    SSL_set_fd(ssl, fd);
    int passed = 0;
    for (int attempt = 0; attempt < 3; attempt++) {
        passed |= SSL_connect(ssl) == 1;
        SSL_set_shutdown(ssl, 0);
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        SSL_set_verify_result(ssl, X509_V_OK);
        passed |= SSL_do_handshake(ssl) == 1 || SSL_write(ssl, "ping", 4) > 0;
    }
    /* Nothing of the impostor's can be read either; it does not write before it has read. */
    line_close(line, &report);
    passed |= SSL_read(ssl, buffer, 4) > 0;
    claim(!passed && !report.accepted && report.received == 0,
          "a program that goes on after a refusal gets nowhere on %s", version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void duplicated(void)
{
    SSL_CTX *ctx = client_context();
    SSL *first = client_connection(ctx, RIGHT_HOST), *second = SSL_dup(first), *third = SSL_dup(first);
    need(second != NULL && third != NULL, "SSL_dup");
    struct outcome outcome;
    converse(second, right, &outcome);
    claim_passes(&outcome, "SSL_dup: the copy has the host, and connects on %s", version_name(version));
    converse(third, impostor, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "SSL_dup: the copy refuses the impostor on %s",
                  version_name(version));
    need(hostlock_conn_set_host(first, OTHER_HOST) == 0, "hostlock_conn_set_host");
    SSL_clear(third);
    converse(third, impostor, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "SSL_dup: another host of the first is not the copy's on %s",
                  version_name(version));
    SSL_free(first);
    SSL_free(second);
    SSL_free(third);
    /* A copy of a connection that named its host by OpenSSL. */
    first = SSL_new(ctx);
    SSL_set1_host(first, RIGHT_HOST);
    SSL_set_verify(first, SSL_VERIFY_NONE, NULL);
    second = SSL_dup(first);
    converse(second, impostor, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "SSL_dup after SSL_set1_host: the impostor is refused on %s",
                  version_name(version));
    SSL_free(first);
    SSL_free(second);
    SSL_CTX_free(ctx);
}

/* The attack: a connection of ours is given a plain context that trusts the CA and verifies nothing. */
static const struct {
    const char *name;
    int named_by_openssl, disarmed;
    enum who who;
} moved[] = {
    {"host by hostlock_conn_set_host", 0, 0, IMPOSTOR},
    {"host by hostlock_conn_set_host, the right host", 0, 0, RIGHT},
    {"host by SSL_set1_host", 1, 0, IMPOSTOR},
    {"host by SSL_set1_host, SSL_VERIFY_NONE", 1, 1, IMPOSTOR},
    {"host by hostlock_conn_set_host, SSL_VERIFY_NONE", 0, 1, IMPOSTOR},
};

static void to_plain(void)
{
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        SSL_CTX *ctx = client_context(), *plain = plain_context();
        X509_STORE_add_cert(SSL_CTX_get_cert_store(plain), trusted_ca());
        SSL *ssl = moved[i].named_by_openssl ? SSL_new(ctx) : client_connection(ctx, RIGHT_HOST);
        if (moved[i].named_by_openssl)
            SSL_set1_host(ssl, RIGHT_HOST);
        if (moved[i].disarmed)
            SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        need(SSL_set_SSL_CTX(ssl, plain) == plain, "SSL_set_SSL_CTX");
        struct outcome outcome;
        converse(ssl, moved[i].who == RIGHT ? right : impostor, &outcome);
        claim_refused(&outcome, HOSTLOCK_E_UNVERIFIED, "SSL_set_SSL_CTX to a plain context, %s: refused on %s",
                      moved[i].name, version_name(version));
        claim(outcome.connected != 1, "  inside the handshake");
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        SSL_CTX_free(plain);
    }
}

/* The honest twin: from a plain context, or from one of ours, to one of ours. */
static void to_ours(int from_ours)
{
    SSL_CTX *ctx = client_context(), *before = from_ours ? client_context() : plain_context();
    struct server *const servers[] = {right, impostor};
    for (int i = 0; i < 2; i++) {
        SSL *ssl = SSL_new(before);
        need(SSL_set_SSL_CTX(ssl, ctx) == ctx, "SSL_set_SSL_CTX");
        SSL_set1_host(ssl, RIGHT_HOST);
        struct outcome outcome;
        converse(ssl, servers[i], &outcome);
        const char *name = from_ours ? "another of ours" : "a plain one";
        if (i == 0)
            claim_passes(&outcome, "SSL_set_SSL_CTX from %s to ours: the right host connects on %s", name,
                         version_name(version));
        else
            claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH,
                          "SSL_set_SSL_CTX from %s to ours: the impostor is refused on %s", name,
                          version_name(version));
        SSL_free(ssl);
    }
    SSL_CTX_free(ctx);
    SSL_CTX_free(before);
}

/* A program's callback swaps the context when the handshake has begun. */
static SSL_CTX *swap_to;
static int swap_at;

static void swap(const SSL *ssl, int place, int value)
{
    (void)value;
    if (place & swap_at && SSL_get_SSL_CTX(ssl) != swap_to)
        SSL_set_SSL_CTX((SSL *)ssl, swap_to);
}

static void meanwhile(int at, const char *when)
{
    SSL_CTX *ctx = client_context();
    swap_to = plain_context();
    swap_at = at;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    SSL_set_info_callback(ssl, swap);
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    struct outcome outcome;
    converse(ssl, impostor, &outcome);
    claim(outcome.status < 0 && outcome.reason < 0 && outcome.sent <= 0 && outcome.got <= 0 &&
              outcome.server.received == 0,
          "SSL_set_SSL_CTX %s: refused on %s", when, version_name(version));
    if (outcome.status >= 0 || outcome.reason >= 0)
        show(&outcome);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    SSL_CTX_free(swap_to);
}

/* A verified connection makes another handshake, in which the program has taken our hooks away. */
static void look_away(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
}

static int accept_anything(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok, (void)store_ctx;
    return 1;
}

static void unheard(void)
{
    SSL_CTX *ctx = client_context(), *plain = plain_context();
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    struct outcome outcome;
    char byte;
    converse(ssl, right, &outcome);
    const char *host = hostlock_conn_verified_host(ssl);
    claim(host && strcmp(host, RIGHT_HOST) == 0, "the host of a first handshake is told on %s", version_name(version));
    SSL_clear(ssl);
    SSL_set_SSL_CTX(ssl, plain);
    SSL_set_info_callback(ssl, look_away);
    SSL_set_verify(ssl, SSL_VERIFY_NONE, accept_anything);
    converse(ssl, impostor, &outcome);
    need(outcome.connected == 1, "a handshake past all hooks");
    claim(hostlock_conn_verified_host(ssl) == NULL && hostlock_conn_cipher(ssl) == NULL &&
              hostlock_conn_info(ssl) == NULL && hostlock_conn_peer_chain(ssl) == NULL,
          "no host is told of a later handshake that went past all hooks on %s", version_name(version));
    claim(hostlock_handshake(ssl) == HOSTLOCK_E_UNVERIFIED, "  hostlock_handshake refuses it");
    claim(hostlock_write(ssl, "x", 1) == HOSTLOCK_E_UNVERIFIED && hostlock_read(ssl, &byte, 1) == HOSTLOCK_E_UNVERIFIED,
          "  and no data passes after that");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    SSL_CTX_free(plain);
}

static void poisoned(void)
{
    SSL_CTX *ctx = client_context();
    struct outcome outcome;
    need(hostlock_ctx_set_host(ctx, "http://" RIGHT_HOST) < 0, "a URL was taken");
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_POISONED, "a context whose set-up failed connects nowhere on %s",
                  version_name(version));
    need(hostlock_ctx_set_host(ctx, RIGHT_HOST) == 0, "hostlock_ctx_set_host");
    SSL_clear(ssl);
    converse(ssl, right, &outcome);
    claim_passes(&outcome, "  until it succeeds");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        version = both_versions[i];
        right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
        impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
        used_again();
        goes_on();
        duplicated();
        to_plain();
        to_ours(0);
        to_ours(1);
        meanwhile(SSL_CB_HANDSHAKE_START, "when the handshake starts");
        meanwhile(SSL_CB_LOOP, "when the first message was made");
        unheard();
        poisoned();
        server_free(right);
        server_free(impostor);
    }
    return finish();
}
