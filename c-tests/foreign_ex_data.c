/*
 * A program that uses an ex_data index which it never registered (SSL_set_ex_data(ssl, 1, p)) is tolerated by OpenSSL,
 * and so it is here: what it puts there stays, is never followed nor freed, and no impostor gets through for it. On own,
 * hardened and sealed contexts, with any of the first indices, before and after the handshake.
 */
#include "support.h"

#include <string.h>

enum { INDICES = 16 };

static char datum[256];

static const struct {
    const char *name;
    void *value;
} values[] = {
    {"garbage", (void *)0x5a5a5a5a5a5a5a5a},
    {"a small number", (void *)8},
    {"a pointer of the program's", datum},
    {"NULL", NULL},
};
enum { VALUES = sizeof(values) / sizeof(values[0]) };

static SSL_CTX *own(void)
{
    return hostlock_client_new(NULL);
}

static SSL_CTX *plain(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    need(ctx != NULL, "SSL_CTX_new");
    return ctx;
}

static SSL_CTX *hardened(void)
{
    SSL_CTX *ctx = plain();
    need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

static SSL_CTX *trusting(SSL_CTX *(*make)(void))
{
    SSL_CTX *ctx = make();
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "no context");
    return ctx;
}

/* What is overwritten, and when. */
enum place { OF_SSL_AT_ONCE, OF_SSL_WITH_HOST, OF_SSL_CONNECTED, OF_CTX, OF_STORE, PLACES };
static const char *const place_names[] = {"SSL, before its host is named", "SSL, after its host was named",
                                          "SSL, after the handshake", "SSL_CTX", "X509_STORE"};

static void spoil(enum place place, SSL_CTX *ctx, SSL *ssl, int index, void *value)
{
    if (place == OF_CTX)
        need(SSL_CTX_set_ex_data(ctx, index, value) == 1, "SSL_CTX_set_ex_data");
    else if (place == OF_STORE)
        need(X509_STORE_set_ex_data(SSL_CTX_get_cert_store(ctx), index, value) == 1, "X509_STORE_set_ex_data");
    else
        need(SSL_set_ex_data(ssl, index, value) == 1, "SSL_set_ex_data");
}

static int is_still_there(enum place place, SSL_CTX *ctx, SSL *ssl, int index, void *value)
{
    if (place == OF_CTX)
        return SSL_CTX_get_ex_data(ctx, index) == value;
    if (place == OF_STORE)
        return X509_STORE_get_ex_data(SSL_CTX_get_cert_store(ctx), index) == value;
    return SSL_get_ex_data(ssl, index) == value;
}

static struct server *servers[2];
static const enum who peers[2] = {RIGHT, IMPOSTOR};

/* The value is put under the indices from first to last. The right host must connect where whole is set. */
static void one(const char *kind, SSL_CTX *(*make)(void), enum place place, int first, int last, int value, int whole)
{
    char name[128];
    snprintf(name, sizeof name, "%s: %s under %d to %d of an %s", kind, values[value].name, first, last, place_names[place]);
    void *put = values[value].value;
    for (int i = 0; i < 2; i++) {
        struct outcome outcome;
        SSL_CTX *ctx = trusting(make);
        if (place == OF_CTX || place == OF_STORE)
            for (int index = first; index <= last; index++)
                spoil(place, ctx, NULL, index, put);
        SSL *ssl = SSL_new(ctx);
        need(ssl != NULL, "SSL_new");
        SSL_set_connect_state(ssl);
        if (place == OF_SSL_AT_ONCE)
            for (int index = first; index <= last; index++)
                spoil(place, ctx, ssl, index, put);
        int named = hostlock_conn_set_host(ssl, RIGHT_HOST);
        claim(named == 0 || !whole, "%s: a host is named", name);
        if (place == OF_SSL_WITH_HOST)
            for (int index = first; index <= last; index++)
                spoil(place, ctx, ssl, index, put);
        converse(ssl, servers[i], &outcome);
        if (place == OF_SSL_CONNECTED) {
            for (int index = first; index <= last; index++)
                spoil(place, ctx, ssl, index, put);
            char buffer[4];
            (void)!hostlock_read(ssl, buffer, sizeof buffer);
            (void)hostlock_conn_error(ssl);
        }
        if (whole && peers[i] == RIGHT)
            claim_passes(&outcome, "%s: the right host connects", name);
        else if (peers[i] == IMPOSTOR)
            claim(outcome.got <= 0 && outcome.server.received == 0, "%s: an impostor gets nothing", name);
        int kept = 1;
        for (int index = first; index <= last; index++)
            kept = kept && (put == NULL || is_still_there(place, ctx, ssl, index, put));
        claim(kept, "%s: the program finds its own value", name);
        SSL *copy = SSL_dup(ssl);
        SSL_free(copy);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
}

static void on(const char *kind, SSL_CTX *(*make)(void))
{
    for (enum place place = 0; place < PLACES; place++) {
        int step = rounds(1, VALUES - 1);
        for (int value = 0; value < VALUES; value += step)
            for (int index = 0; index < INDICES; index += rounds(1, 3))
                one(kind, make, place, index, index, value, 1);
        /* Where nothing of ours is left, it is also never freed, which valgrind would report. */
        if (rounds(1, 0))
            for (int value = 0; value < VALUES; value++)
                one(kind, make, place, 0, INDICES - 1, value, 0);
    }
}

/* The copy of a connection has its host, whichever index was overwritten, and earns a verdict of its own. */
static void copies(const char *kind, SSL_CTX *(*make)(void))
{
    for (int index = 0; index < INDICES; index += rounds(1, 3)) {
        for (int i = 0; i < 2; i++) {
            struct outcome outcome;
            SSL_CTX *ctx = trusting(make);
            SSL *ssl = client_connection(ctx, RIGHT_HOST);
            spoil(OF_SSL_WITH_HOST, ctx, ssl, index, datum);
            SSL *copy = SSL_dup(ssl);
            need(copy != NULL, "SSL_dup");
            SSL_free(ssl);
            converse(copy, servers[i], &outcome);
            if (peers[i] == RIGHT)
                claim_passes(&outcome, "%s: a copy connects, with index %d overwritten", kind, index);
            else
                claim_refused(&outcome, who_status(IMPOSTOR), "%s: a copy refuses, with index %d overwritten", kind, index);
            /* OpenSSL itself copies no more than has been registered. */
            if (index < 8)
                claim(SSL_get_ex_data(copy, index) == datum, "  and has the program's value");
            SSL_free(copy);
            SSL_CTX_free(ctx);
        }
    }
}

/* A context that was spoiled before it is hardened: it works, or hostlock_harden says why not. */
static void before_hardening(void)
{
    for (int last = 0; last < INDICES; last++) {
        struct outcome outcome;
        SSL_CTX *ctx = trusting(plain);
        for (int index = 0; index <= last; index++)
            spoil(OF_CTX, ctx, NULL, index, datum);
        int status = hostlock_harden(ctx, NULL, NULL);
        claim(status == 0 || status == HOSTLOCK_E_STATE, "hostlock_harden answers %d where indices 0 to %d are taken", status,
              last);
        if (status == 0) {
            SSL *ssl = client_connection(ctx, RIGHT_HOST);
            converse(ssl, servers[1], &outcome);
            claim_refused(&outcome, who_status(IMPOSTOR), "  and then an impostor is refused");
            SSL_free(ssl);
        }
        SSL_CTX_free(ctx);
    }
}

static void unregistered_indices_are_left(void)
{
    SSL_CTX *ctx = trusting(own);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    for (int index = 0; index < 5; index++)
        claim(SSL_get_ex_data(ssl, index) == NULL && SSL_CTX_get_ex_data(ctx, index) == NULL &&
                  X509_STORE_get_ex_data(SSL_CTX_get_cert_store(ctx), index) == NULL,
              "index %d holds nothing of hostlock's", index);
    for (int index = 10; index < INDICES; index++)
        claim(SSL_get_ex_data(ssl, index) == NULL && SSL_CTX_get_ex_data(ctx, index) == NULL &&
                  X509_STORE_get_ex_data(SSL_CTX_get_cert_store(ctx), index) == NULL,
              "nor does index %d", index);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

int main(void)
{
    unregistered_indices_are_left();
    for (int i = 0; i < 2; i++)
        servers[i] = server_new(&(struct manner){.identity = identity(peers[i])});
    before_hardening();
    on("own", own);
    copies("own", own);
    on("hardened", hardened);
    copies("hardened", hardened);
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    on("sealed", plain);
    copies("sealed", plain);
    for (int i = 0; i < 2; i++)
        server_free(servers[i]);
    return finish();
}
