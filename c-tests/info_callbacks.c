/*
 * Programs have info callbacks of their own: on the context, on the connection, set early or late, and some ask the
 * callback that they replaced. They are called, and they take nothing from the verification.
 */
#include "support.h"

#include <string.h>

static int starts, ends, calls;

static void count(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)value;
    calls++;
    starts += (place & SSL_CB_HANDSHAKE_START) != 0;
    ends += (place & SSL_CB_HANDSHAKE_DONE) != 0;
}

static void (*replaced)(const SSL *, int, int);

static void chain(const SSL *ssl, int place, int value)
{
    count(ssl, place, value);
    if (replaced != NULL)
        replaced(ssl, place, value);
}

static void ctx_counting(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, count);
}

static void ssl_counting(SSL *ssl)
{
    SSL_set_info_callback(ssl, count);
}

static void ctx_chaining(SSL_CTX *ctx)
{
    replaced = SSL_CTX_get_info_callback(ctx);
    SSL_CTX_set_info_callback(ctx, chain);
}

static void ssl_chaining(SSL *ssl)
{
    replaced = SSL_get_info_callback(ssl);
    SSL_set_info_callback(ssl, chain);
}

static void ctx_none(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, NULL);
}

static void ssl_none(SSL *ssl)
{
    SSL_set_info_callback(ssl, NULL);
}

/* Takes our callback away whenever it is called. */
static void persist(const SSL *ssl, int place, int value)
{
    count(ssl, place, value);
    SSL_set_info_callback((SSL *)ssl, persist);
    SSL_CTX_set_info_callback(SSL_get_SSL_CTX(ssl), persist);
}

static void ssl_persisting(SSL *ssl)
{
    SSL_set_info_callback(ssl, persist);
}

static void ctx_persisting(SSL_CTX *ctx)
{
    SSL_CTX_set_info_callback(ctx, persist);
}

static const struct info_habit {
    const char *name;
    void (*context)(SSL_CTX *);
    void (*connection)(SSL *);
    int is_called;
} habits[] = {
    {"an info callback on the context", ctx_counting, NULL, 1},
    {"an info callback on the connection", NULL, ssl_counting, 1},
    {"an info callback on both", ctx_counting, ssl_counting, 1},
    {"an info callback on the context that asks the one it replaced", ctx_chaining, NULL, 1},
    {"an info callback on the connection that asks the one it replaced", NULL, ssl_chaining, 1},
    {"no info callback on the context", ctx_none, NULL, 0},
    {"no info callback on context and connection", ctx_none, ssl_none, 0},
    {"an info callback that sets itself again and again", NULL, ssl_persisting, 1},
    {"an info callback on the context that sets itself again and again", ctx_persisting, NULL, 1},
};

static void called(const struct info_habit *habit, int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    if (habit->context != NULL)
        habit->context(ctx);
    for (int named_by_hostlock = 0; named_by_hostlock < 2; named_by_hostlock++) {
        starts = ends = calls = 0;
        SSL *ssl = client_connection(ctx, named_by_hostlock ? RIGHT_HOST : NULL);
        SSL_set1_host(ssl, RIGHT_HOST);
        if (habit->connection != NULL)
            habit->connection(ssl);
        struct outcome outcome;
        converse(ssl, server, &outcome);
        claim(outcome.got == 4 && starts == 1 && ends == 1 && calls > 4,
              "%s is called on %s: once at the start, once at the end", habit->name, version_name(version));
        if (starts != 1 || ends != 1)
            note("  starts %d, ends %d, calls %d", starts, ends, calls);
        SSL_free(ssl);
    }
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        try_habit(&(struct habit){habits[i].name, habits[i].context, habits[i].connection, NULL});
        for (int version = 0; version < 2 && habits[i].is_called; version++)
            called(&habits[i], both_versions[version]);
    }
    return finish();
}
