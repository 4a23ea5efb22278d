/*
 * Resumption skips certificates, so a session is worth what its own handshake was. One that hostlock verified is
 * resumed for the same host on the same context; any other is given up for a full handshake, or ends the handshake.
 */
#include "sessions.h"

#include <stdlib.h>
#include <string.h>

/* The attack works where nothing stops it: a plain connection to RIGHT_HOST resumes the impostor's session. */
static void control(int version, int by_id)
{
    struct server *server =
        server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version, .no_tickets = by_id});
    SSL_CTX *plain = plain_context();
    SSL_SESSION *session = session_from(plain, NULL, server);
    SSL *ssl = SSL_new(plain);
    SSL_set_tlsext_host_name(ssl, RIGHT_HOST);
    SSL_set1_host(ssl, RIGHT_HOST);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_set_session(ssl, session);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim(outcome.resumed && outcome.server.resumed && outcome.got == 4,
          "control: plain OpenSSL with SSL_set1_host resumes a session of the impostor on %s%s", version_name(version),
          by_id ? " by its id" : "");
    SSL_SESSION_free(session);
    SSL_free(ssl);
    SSL_CTX_free(plain);
    server_free(server);
}

static void resume(SSL_CTX *ctx, const char *host, struct server *server, SSL_SESSION *session,
                   void (*habit)(SSL *), struct outcome *outcome)
{
    SSL *ssl = client_connection(ctx, host);
    need(SSL_set_session(ssl, session) == 1, "SSL_set_session");
    if (habit != NULL)
        habit(ssl);
    converse(ssl, server, outcome);
    SSL_free(ssl);
}

static void honest(int version, int by_id)
{
    struct server *server = server_new(
        &(struct manner){.identity = identity(RIGHT), .version = version, .no_tickets = by_id});
    SSL_CTX *ctx = client_context();
    SSL_SESSION *session = session_from(ctx, RIGHT_HOST, server);
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        SSL_SESSION *copy = SSL_SESSION_dup(session);
        resume(ctx, RIGHT_HOST, server, copy, habits[i].habit, &outcome);
        claim_passes(&outcome, "the session of the same host passes on %s%s%s", version_name(version),
                     by_id ? " by its id" : "", habits[i].name);
        claim(outcome.resumed && outcome.server.resumed, "  and is resumed on both sides");
        SSL_SESSION_free(copy);
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* The impostor speaks honestly with OTHER_HOST's clients; RIGHT_HOST's client offers it their session. */
static void of_another_host(int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
    SSL_CTX *ctx = client_context();
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        SSL_SESSION *session = session_from(ctx, OTHER_HOST, server);
        resume(ctx, RIGHT_HOST, server, session, habits[i].habit, &outcome);
        claim_refused(&outcome, habits[i].only_the_hello ? HOSTLOCK_E_UNVERIFIED : HOSTLOCK_E_HOST_MISMATCH,
                      "a session of another host is refused on %s%s", version_name(version), habits[i].name);
        claim(outcome.connected != 1 && !outcome.server.resumed, "  inside the handshake");
        SSL_SESSION_free(session);
    }
    SSL_SESSION *session = session_from(ctx, OTHER_HOST, server);
    resume(ctx, OTHER_HOST, server, session, NULL, &outcome);
    claim_passes(&outcome, "its own host resumes it on %s", version_name(version));
    claim(outcome.resumed, "  and is resumed");
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void of_a_careless_context(int version, enum who who, int by_id)
{
    struct server *server =
        server_new(&(struct manner){.identity = identity(who), .version = version, .no_tickets = by_id});
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        SSL_CTX *ctx = client_context();
        SSL_SESSION *session = careless_session(server);
        resume(ctx, RIGHT_HOST, server, session, habits[i].habit, &outcome);
        claim_refused(&outcome, habits[i].only_the_hello ? HOSTLOCK_E_UNVERIFIED : who_status(who),
                      "a session of a VERIFY_NONE context with %s is refused on %s%s%s", who_name(who),
                      version_name(version), by_id ? " by its id" : "", habits[i].name);
        claim(outcome.connected != 1 && !outcome.server.resumed, "  inside the handshake");
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
    }
    server_free(server);
}

/* With the context's callbacks replaced too, before the connection is made. */
static void with_replaced_context(int version)
{
    static const struct {
        const char *replaced;
        int info, security;
        int status;
    } contexts[] = {
        {"info callback was", 1, 0, HOSTLOCK_E_HOST_MISMATCH},
        {"security callback was", 0, 1, HOSTLOCK_E_HOST_MISMATCH},
        {"two callbacks were", 1, 1, HOSTLOCK_E_UNVERIFIED},
    };
    struct server *server = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
        SSL_CTX *ctx = client_context();
        if (contexts[i].info)
            SSL_CTX_set_info_callback(ctx, look_away);
        if (contexts[i].security)
            SSL_CTX_set_security_callback(ctx, permit);
        SSL *ssl = SSL_new(ctx);
        SSL_set1_host(ssl, RIGHT_HOST);
        SSL_SESSION *session = careless_session(server);
        SSL_set_session(ssl, session);
        struct outcome outcome;
        converse(ssl, server, &outcome);
        claim_refused(&outcome, contexts[i].status,
                      "a careless session is refused on %s where the context's %s replaced", version_name(version),
                      contexts[i].replaced);
        SSL_SESSION_free(session);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
    server_free(server);
}

static void of_another_context(int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *first = client_context(), *second = client_context();
    SSL_SESSION *session = session_from(first, RIGHT_HOST, server);
    struct outcome outcome;
    resume(second, RIGHT_HOST, server, session, NULL, &outcome);
    claim_passes(&outcome, "a session of another hostlock context gives way to a full handshake on %s",
                 version_name(version));
    claim(!outcome.resumed, "  and is not resumed");
    SSL_SESSION_free(session);
    session = session_from(first, RIGHT_HOST, server);
    need(hostlock_ctx_set_host(first, OTHER_HOST) == 0, "hostlock_ctx_set_host");
    resume(first, RIGHT_HOST, server, session, NULL, &outcome);
    claim_passes(&outcome, "a session from before a change of the context gives way to a full handshake on %s",
                 version_name(version));
    claim(!outcome.resumed, "  and is not resumed");
    SSL_SESSION_free(session);
    SSL_CTX_free(first);
    SSL_CTX_free(second);
    server_free(server);
}

/* The session was verified with one store; the program says now that another decides. */
static SSL *other_store_of_connection(SSL_CTX *ctx, X509_STORE *store)
{
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    SSL_set1_verify_cert_store(ssl, store);
    return ssl;
}

static SSL *other_store_of_context(SSL_CTX *ctx, X509_STORE *store)
{
    SSL_CTX_set1_cert_store(ctx, store);
    return client_connection(ctx, RIGHT_HOST);
}

static SSL *other_verify_store_of_context(SSL_CTX *ctx, X509_STORE *store)
{
    SSL_CTX_set1_verify_cert_store(ctx, store);
    return client_connection(ctx, RIGHT_HOST);
}

static const struct {
    const char *name;
    SSL *(*connection)(SSL_CTX *ctx, X509_STORE *store);
} store_setters[] = {
    {"SSL_set1_verify_cert_store", other_store_of_connection},
    {"SSL_CTX_set1_cert_store", other_store_of_context},
    {"SSL_CTX_set1_verify_cert_store", other_verify_store_of_context},
};

static void of_another_store(int version, int trusts_the_ca)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    for (size_t i = 0; i < sizeof(store_setters) / sizeof(store_setters[0]); i++) {
        SSL_CTX *ctx = client_context();
        SSL_SESSION *session = session_from(ctx, RIGHT_HOST, server);
        X509_STORE *store = X509_STORE_new();
        struct outcome outcome;
        X509_STORE_add_cert(store, trusts_the_ca ? trusted_ca() : identity(SELF_SIGNED)->certificate);
        SSL *ssl = store_setters[i].connection(ctx, store);
        SSL_set_session(ssl, session);
        converse(ssl, server, &outcome);
        if (trusts_the_ca) {
            claim_passes(&outcome, "%s: a session of the former store gives way to a full handshake on %s",
                         store_setters[i].name, version_name(version));
            claim(!outcome.resumed, "  and is not resumed");
            SSL_SESSION *own = SSL_get1_session(ssl);
            SSL *again = store_setters[i].connection(ctx, store);
            SSL_set_session(again, own);
            converse(again, server, &outcome);
            claim_passes(&outcome, "  with the same store again it passes");
            claim(outcome.resumed, "  and is resumed");
            SSL_free(again);
            SSL_SESSION_free(own);
        } else {
            claim(outcome.connected != 1 && outcome.status < 0 && !outcome.server.resumed,
                  "%s to a store that does not trust the server: its session is not resumed on %s",
                  store_setters[i].name, version_name(version));
        }
        SSL_free(ssl);
        X509_STORE_free(store);
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
    }
    server_free(server);
}

static SSL_SESSION *through_a_file(SSL_SESSION *session)
{
    unsigned char *bytes = NULL;
    int length = i2d_SSL_SESSION(session, &bytes);
    need(length > 0, "i2d_SSL_SESSION");
    const unsigned char *reader = bytes;
    SSL_SESSION *read = d2i_SSL_SESSION(NULL, &reader, length);
    need(read != NULL, "d2i_SSL_SESSION");
    OPENSSL_free(bytes);
    SSL_SESSION_free(session);
    return read;
}

static void from_a_file(int version)
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    struct server *impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
    SSL_CTX *ctx = client_context();
    struct outcome outcome;
    SSL_SESSION *session = through_a_file(session_from(ctx, RIGHT_HOST, right));
    resume(ctx, RIGHT_HOST, right, session, NULL, &outcome);
    claim_passes(&outcome, "a verified session that was written to a file passes on %s", version_name(version));
    claim(outcome.resumed, "  and is resumed");
    SSL_SESSION_free(session);
    session = through_a_file(careless_session(impostor));
    resume(ctx, RIGHT_HOST, impostor, session, NULL, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "a careless session from a file is refused on %s",
                  version_name(version));
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    server_free(right);
    server_free(impostor);
}

/* A refused connection leaves nothing that could be resumed. */
static void of_a_refused_connection(int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
    SSL_CTX *ctx = client_context();
    struct outcome outcome;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, server, &outcome);
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_free(ssl);
    if (session != NULL) {
        resume(ctx, RIGHT_HOST, server, session, NULL, &outcome);
        SSL_SESSION_free(session);
    }
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "the session of a refused connection is refused on %s",
                  version_name(version));
    SSL_CTX_free(ctx);
    server_free(server);
}

static void copied_from_a_careless_connection(int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
    SSL_CTX *plain = plain_context(), *ctx = client_context();
    struct outcome outcome;
    SSL *careless = SSL_new(plain);
    converse(careless, server, &outcome);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    need(SSL_copy_session_id(ssl, careless) == 1, "SSL_copy_session_id");
    converse(ssl, server, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "SSL_copy_session_id from a careless connection is refused on %s",
                  version_name(version));
    SSL_free(ssl);
    SSL_free(careless);
    SSL_CTX_free(plain);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* The program's info callback sets a session, or another host, when the handshake has already begun. */
static SSL_SESSION *late_session;
static const char *late_host;

static void change_late(const SSL *ssl, int place, int value)
{
    (void)value;
    if (!(place & SSL_CB_HANDSHAKE_START))
        return;
    if (late_session != NULL)
        SSL_set_session((SSL *)ssl, late_session);
    if (late_host != NULL)
        need(hostlock_conn_set_host((SSL *)ssl, late_host) == 0, "hostlock_conn_set_host");
}

static void change_by_callback(SSL *ssl)
{
    SSL_set_info_callback(ssl, change_late);
}

static void set_after_the_start(int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
    SSL_CTX *ctx = client_context();
    SSL_CTX_set_info_callback(ctx, change_late);
    struct outcome outcome;
    late_session = careless_session(server);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, server, &outcome);
    claim(outcome.connected != 1 && outcome.sent <= 0 && outcome.got <= 0 && outcome.server.received == 0 &&
              outcome.reason < 0,
          "a session that is set after the start is refused on %s", version_name(version));
    SSL_free(ssl);
    ssl = client_connection(ctx, RIGHT_HOST);
    change_by_callback(ssl);
    converse(ssl, server, &outcome);
    claim_refused(&outcome, outcome.status == HOSTLOCK_E_UNVERIFIED ? HOSTLOCK_E_UNVERIFIED : HOSTLOCK_E_HOST_MISMATCH,
                  "  also by the connection's own callback");
    SSL_free(ssl);
    SSL_SESSION_free(late_session);
    late_session = NULL;
    SSL_CTX_free(ctx);
    /* The handshake was verified for the late host, so its session must not bear the early one's mark. */
    ctx = client_context();
    late_host = OTHER_HOST;
    ssl = client_connection(ctx, RIGHT_HOST);
    change_by_callback(ssl);
    converse(ssl, server, &outcome);
    claim_passes(&outcome, "a host that is set after the start is the one that counts on %s", version_name(version));
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_free(ssl);
    late_host = NULL;
    resume(ctx, RIGHT_HOST, server, session, NULL, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "  and its session is no session of the earlier one");
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* A session cache as programs keep one: the callback takes the session over. */
static SSL_SESSION *cached;

static int take(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(cached);
    cached = session;
    return 1;
}

static void through_a_cache(int version)
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(ctx, take);
    struct outcome outcome;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, right, &outcome);
    SSL_free(ssl);
    need(cached != NULL, "the cache got no session");
    resume(ctx, RIGHT_HOST, right, cached, NULL, &outcome);
    claim_passes(&outcome, "a session from the program's cache passes on %s", version_name(version));
    claim(outcome.resumed, "  and is resumed");
    SSL_SESSION_free(cached);
    cached = NULL;
    SSL_CTX_free(ctx);
    server_free(right);
}

/* Application data on sessions, with callbacks that expect their own pointers only (the shape of stunnel's). */
static int application_index, copies, frees;

static int copy_data(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **slot, int index, long number, void *pointer)
{
    (void)to, (void)from, (void)index, (void)number, (void)pointer;
    char **data = (char **)slot;
    if (*data != NULL) {
        need(memcmp(*data, "application", 12) == 0, "the application's callback was given a pointer that is not its own");
        *data = memcpy(malloc(12), *data, 12);
        copies++;
    }
    return 1;
}

static void free_data(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long number, void *pointer)
{
    (void)parent, (void)all, (void)index, (void)number, (void)pointer;
    frees += data != NULL;
    free(data);
}

static int tag(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    if (SSL_SESSION_get_ex_data(session, application_index) == NULL)
        SSL_SESSION_set_ex_data(session, application_index, memcpy(malloc(12), "application", 12));
    SSL_SESSION_free(cached);
    cached = session;
    return 1;
}

static void with_application_data(int version)
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(ctx, tag);
    struct outcome outcome;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, right, &outcome);
    SSL_free(ssl);
    int resumed = 0;
    for (int round = 0; round < 3; round++) {
        SSL_SESSION *session = SSL_SESSION_dup(cached);
        resume(ctx, RIGHT_HOST, right, session, NULL, &outcome);
        resumed += outcome.resumed && outcome.got == 4;
        SSL_SESSION_free(session);
    }
    claim(resumed == 3, "sessions that carry application data are resumed on %s", version_name(version));
    SSL_SESSION_free(cached);
    cached = NULL;
    SSL_CTX_free(ctx);
    server_free(right);
}

int main(void)
{
    application_index = SSL_SESSION_get_ex_new_index(0, NULL, NULL, copy_data, free_data);
    for (int i = 0; i < 2; i++) {
        int version = both_versions[i];
        control(version, 0);
        honest(version, 0);
        of_another_host(version);
        of_a_careless_context(version, IMPOSTOR, 0);
        of_a_careless_context(version, SELF_SIGNED, 0);
        with_replaced_context(version);
        of_another_context(version);
        of_another_store(version, 1);
        of_another_store(version, 0);
        from_a_file(version);
        of_a_refused_connection(version);
        copied_from_a_careless_connection(version);
        set_after_the_start(version);
        through_a_cache(version);
        with_application_data(version);
    }
    control(TLS1_2_VERSION, 1);
    honest(TLS1_2_VERSION, 1);
    of_a_careless_context(TLS1_2_VERSION, IMPOSTOR, 1);
    claim(copies > 0 && frees > 0, "the application's callbacks on sessions saw their own data only");
    return finish();
}
