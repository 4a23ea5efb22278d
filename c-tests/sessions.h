/* What sessions.c and early_data.c share: where sessions come from, and the habits of programs that resume them. */
#ifndef HOSTLOCK_TEST_SESSIONS_H
#define HOSTLOCK_TEST_SESSIONS_H

#include "support.h"

/* A session from a conversation of ctx with server about host; NULL for host on a plain context. */
static SSL_SESSION *session_from(SSL_CTX *ctx, const char *host, struct server *server)
{
    struct outcome outcome;
    SSL *ssl = client_connection(ctx, host);
    converse(ssl, server, &outcome);
    if (outcome.got != 4)
        show(&outcome);
    need(outcome.got == 4, "the first conversation failed");
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_free(ssl);
    need(session != NULL, "no session");
    return session;
}

static SSL_SESSION *careless_session(struct server *server)
{
    SSL_CTX *plain = plain_context();
    SSL_SESSION *session = session_from(plain, NULL, server);
    SSL_CTX_free(plain);
    return session;
}

static void look_away(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
}

static int permit(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)operation, (void)bits, (void)nid, (void)other, (void)extra;
    return 1;
}

static void own_info(SSL *ssl)
{
    SSL_set_info_callback(ssl, look_away);
}

static void own_security(SSL *ssl)
{
    SSL_set_security_callback(ssl, permit);
}

static void own_both(SSL *ssl)
{
    own_info(ssl);
    own_security(ssl);
}

static void disarm(SSL *ssl)
{
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    SSL_set_verify_result(ssl, X509_V_OK);
}

static const struct {
    const char *name;
    void (*habit)(SSL *);
    int only_the_hello; /* is left to judge in, where a session passes or the handshake ends */
} habits[] = {
    {"", NULL, 0},
    {", with an info callback of the program's", own_info, 0},
    {", with a security callback of the program's", own_security, 0},
    {", with both of the program's", own_both, 1},
    {", with SSL_VERIFY_NONE", disarm, 0},
};

#endif
