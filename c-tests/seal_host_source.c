/*
 * Who knows the hosts of connections whose program names none: asked before the hello and after it, believed only where the
 * program itself says nothing, sent as SNI where the name is one, bound to the session, and told of refusals.
 */
#include "support.h"

#include <string.h>

#include <openssl/err.h>

/* What the source answers next, and what it was asked. */
static struct {
    const char *names; /* each with its NUL, and an empty one at the end */
    int count;
    int later_count;   /* once the hello was sent; -2 for the same */
    const char *later_names;
    int asked, asked_by_random, refused, descriptor_was_there;
    unsigned char random[32];
    void *arg;
} source;

static int put(const char *names, char *room, size_t space)
{
    size_t length = 0;
    for (const char *name = names; *name != '\0'; name += strlen(name) + 1)
        length += strlen(name) + 1;
    need(length <= space, "no room");
    memcpy(room, names, length);
    return 0;
}

static int ask(int fd, const unsigned char *random, char *names, size_t room, void *arg)
{
    source.asked++;
    source.descriptor_was_there += fd >= 0;
    source.arg = arg;
    int is_later = random != NULL && source.later_count != -2;
    put(is_later ? source.later_names : source.names, names, room);
    if (random != NULL) {
        source.asked_by_random++;
        memcpy(source.random, random, 32);
    }
    return is_later ? source.later_count : source.count;
}

static void refused(int fd, const unsigned char *random, void *arg)
{
    (void)fd, (void)random;
    source.refused += arg == &source;
}

static void answer(const char *names, int count)
{
    memset(&source, 0, sizeof(source));
    source.names = names;
    source.count = count;
    source.later_count = -2;
}

static void look_away(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
}

/* A server that knows the name says so, and a client of TLS 1.2 then keeps it in the session. */
static int agree(SSL *ssl, int *alert, void *arg)
{
    (void)ssl, (void)alert, (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

static void know_every_name(SSL_CTX *ctx)
{
    SSL_CTX_set_tlsext_servername_callback(ctx, agree);
}

static SSL_CTX *careless(int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()), "no context");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_max_proto_version(ctx, version);
    return ctx;
}

static void converse_once(SSL_CTX *ctx, struct server *server, void (*habit)(SSL *), struct outcome *outcome)
{
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL, "no connection");
    if (habit != NULL)
        habit(ssl);
    converse(ssl, server, outcome);
    unsigned char random[32];
    SSL_get_client_random(ssl, random, 32);
    if (source.asked_by_random > 0 && memcmp(random, source.random, 32) != 0)
        need(0, "another random was told");
    SSL_free(ssl);
    ERR_clear_error();
}

static void names_by_sni(SSL *ssl)
{
    SSL_set_tlsext_host_name(ssl, RIGHT_HOST);
}

static void names_by_parameter(SSL *ssl)
{
    SSL_set1_host(ssl, RIGHT_HOST);
}

static void own_info(SSL *ssl)
{
    SSL_set_info_callback(ssl, look_away);
}

static void on(int version, struct server *right, struct server *impostor)
{
    const char *name = version_name(version);
    struct outcome outcome;
    SSL_CTX *ctx = careless(version);
    answer(RIGHT_HOST "\0said so\0" "192.0.2.7:443\0", 1);
    converse_once(ctx, right, NULL, &outcome);
    claim_passes(&outcome, "%s: the name that the source knows is verified", name);
    claim(source.asked == 2 && source.asked_by_random == 1 && source.descriptor_was_there == 2 && source.arg == &source,
          "%s: it is asked before the hello and after it, with the descriptor and its argument", name);
    claim(strcmp(outcome.server.sni, RIGHT_HOST) == 0, "%s: and the name is sent as SNI", name);
    claim(source.refused == 0, "%s: nothing was refused", name);

    answer(RIGHT_HOST "\0", 1);
    converse_once(ctx, impostor, NULL, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: the impostor is refused", name);
    claim(source.refused == 1, "%s: and the source hears of it, once", name);
    answer(RIGHT_HOST "\0", 1);
    converse_once(ctx, impostor, own_info, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: also where the program has an info callback of its own", name);

    answer(RIGHT_HOST "\0other.example\0", 2);
    converse_once(ctx, right, NULL, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: of two names both must fit", name);
    claim(outcome.server.sni[0] == '\0', "%s: and none of them is sent", name);

    static const struct {
        const char *names;
        int count, status;
        const char *what;
    } nothing[] = {
        {"", 0, HOSTLOCK_E_NO_HOST, "none"},
        {"\0", -1, HOSTLOCK_E_NO_HOST, "one that cannot be told"},
        {RIGHT_HOST "\0", -1, HOSTLOCK_E_NO_HOST, "a name beside it"},
        {RIGHT_HOST "\0", 2, HOSTLOCK_E_NO_HOST, "fewer names than it says"},
        {RIGHT_HOST "\0", 9, HOSTLOCK_E_NO_HOST, "more than eight"},
        {RIGHT_HOST "\0", -7, HOSTLOCK_E_NO_HOST, "any other number"},
        {"127.1\0", 1, HOSTLOCK_E_BAD_HOST, "a name that is none"},
    };
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        answer(nothing[i].names, nothing[i].count);
        converse_once(ctx, right, NULL, &outcome);
        claim_refused(&outcome, nothing[i].status, "%s: refused where the source answers with %s", name, nothing[i].what);
    }

    answer("other.example\0", 1);
    converse_once(ctx, right, names_by_sni, &outcome);
    claim_passes(&outcome, "%s: the program's SNI comes before it", name);
    claim(source.asked == 0, "%s: and then it is not asked", name);
    converse_once(ctx, right, names_by_parameter, &outcome);
    claim_passes(&outcome, "%s: and so does SSL_set1_host", name);
    claim(source.asked == 0 && outcome.server.sni[0] == '\0', "%s: to which nothing is added", name);

    answer(RIGHT_HOST "\0", 1);
    source.later_names = "", source.later_count = 0;
    converse_once(ctx, right, NULL, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_NO_HOST, "%s: what it knew before the hello does not count where it does not after it", name);
    answer("\0", -1);
    source.later_names = RIGHT_HOST "\0", source.later_count = 1;
    converse_once(ctx, right, NULL, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_NO_HOST, "%s: what could not be told before it stays so", name);
    SSL_CTX_free(ctx);
}

/* The name that was learned for one connection is never the program's word about the next. */
static void again(int version, struct server *right, struct server *impostor)
{
    const char *name = version_name(version);
    struct outcome outcome;
    SSL_CTX *ctx = careless(version);
    SSL *ssl = SSL_new(ctx);
    answer(RIGHT_HOST "\0", 1);
    converse(ssl, right, &outcome);
    claim_passes(&outcome, "%s: a connection for the one name", name);
    SSL_SESSION *session = SSL_get1_session(ssl);
    SSL_free(ssl);

    ssl = SSL_new(ctx);
    SSL_set_session(ssl, session);
    answer(RIGHT_HOST "\0", 1);
    converse(ssl, right, &outcome);
    claim_passes(&outcome, "%s: its session is offered for the same name", name);
    claim(outcome.resumed, "%s: and resumed", name);
    SSL_free(ssl);

    ssl = SSL_new(ctx);
    SSL_set_session(ssl, session);
    answer("other.example\0", 1);
    converse(ssl, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: for another name it is not, and the certificate is not for that", name);
    claim(strcmp(outcome.server.sni, "other.example") == 0, "%s: which is the name that is sent", name);
    SSL_free(ssl);
    SSL_SESSION_free(session);

    ssl = SSL_new(ctx);
    answer(RIGHT_HOST "\0", 1);
    converse(ssl, right, &outcome);
    need(outcome.got == 4, "no conversation");
    SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    need(SSL_clear(ssl), "SSL_clear");
    answer("other.example\0", 1);
    converse(ssl, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: after SSL_clear the source is asked again", name);
    claim(strcmp(outcome.server.sni, "other.example") == 0, "%s: and its name is sent", name);
    ERR_clear_error();
    need(SSL_clear(ssl), "SSL_clear");
    answer("", 0);
    converse(ssl, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_NO_HOST, "%s: and where it knows none, the earlier name is none", name);
    claim(outcome.server.sni[0] == '\0', "%s: nor is it sent", name);
    SSL_free(ssl);
    ERR_clear_error();
    (void)impostor;
    SSL_CTX_free(ctx);
}

int main(void)
{
    claim(hostlock_seal_set_host_source(NULL, refused, NULL) == HOSTLOCK_E_ARG, "a source must be able to answer");
    claim(hostlock_seal_set_host_source(ask, refused, &source) == 0, "a source is registered, before the process is sealed");
    claim(hostlock_seal_set_host_source(ask, NULL, NULL) == HOSTLOCK_E_STATE, "a second one is refused");
    need(hostlock_seal_process(NULL) == 0, "not sealed");

    for (int i = 0; i < 2; i++) {
        struct manner manner = {.identity = identity(RIGHT), .version = both_versions[i], .set_up = know_every_name};
        struct server *right = server_new(&manner);
        manner.identity = identity(IMPOSTOR);
        struct server *impostor = server_new(&manner);
        on(both_versions[i], right, impostor);
        again(both_versions[i], right, impostor);
        server_free(right);
        server_free(impostor);
    }

    struct outcome outcome;
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT)});
    SSL_CTX *ctx = careless(TLS1_3_VERSION);
    answer(RIGHT_HOST "\0said so\0" "192.0.2.7:443\0", 1);
    converse_once(ctx, right, NULL, &outcome);
    SSL_CTX_free(ctx);
    char *json = hostlock_seal_report();
    claim(json != NULL && strstr(json, "\"learned\":\"said so\"") != NULL, "the report says how a host was known");
    hostlock_string_free(json);

    /* A context of hostlock's own has no need of it. */
    SSL_CTX *own = hostlock_client_new(NULL);
    answer(RIGHT_HOST "\0", 1);
    SSL *ssl = SSL_new(own);
    converse(ssl, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_NO_HOST, "a context of hostlock's own does not ask it");
    claim(source.asked == 0, "at all");
    SSL_free(ssl);
    SSL_CTX_free(own);
    server_free(right);
    return finish();
}
