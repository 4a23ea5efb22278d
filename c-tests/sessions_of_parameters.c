/*
 * What a program asks of certificates through OpenSSL (X509_VERIFY_PARAM, security level) binds the sessions too: one that
 * was verified by less is not resumed where more is asked for, and one that was verified by as much is. Clients of every
 * kind, and servers of hostlock.
 */
#include "support.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "kept.h"

static struct identity ca, middle, server_identity, client_identity;

static void depth(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_depth(param, 0);
}

static void purpose(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SMIME_SIGN);
}

static void policy(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_add0_policy(param, OBJ_txt2obj("1.2.3.4", 1));
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_EXPLICIT_POLICY);
}

static void flags(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_EXPLICIT_POLICY);
}

static void level(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_auth_level(param, 4);
}

static void shallow(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set_depth(param, 5);
}

static void forget(void)
{
    SSL_SESSION_free(kept);
    kept = NULL;
}

static SSL_SESSION *take(void)
{
    SSL_SESSION *taken = kept;
    kept = NULL;
    return taken;
}

static const struct {
    const char *name;
    void (*set)(X509_VERIFY_PARAM *param);
    int refuses;
} wishes[] = {
    {"a depth of 0", depth, 1},   {"another purpose", purpose, 1}, {"a policy", policy, 1},
    {"a flag", flags, 1},         {"level 4", level, 1},           {"a depth of 5", shallow, 0},
};

enum place { ON_CONNECTION, ON_CONTEXT, ON_STORE, PLACES };
static const char *const place_names[] = {"the connection", "the context", "the store"};

static X509_VERIFY_PARAM *param_at(enum place place, SSL_CTX *ctx, SSL *ssl)
{
    return place == ON_CONNECTION ? SSL_get0_param(ssl)
           : place == ON_CONTEXT  ? SSL_CTX_get0_param(ctx)
                                  : X509_STORE_get0_param(SSL_CTX_get_cert_store(ctx));
}

/* One meeting of the two; the guarded one may ask for more. Whether the bytes arrived. */
static int meet(SSL_CTX *client_ctx, SSL_CTX *server_ctx, int client_is_guarded, enum place place,
                void (*set)(X509_VERIFY_PARAM *), SSL_SESSION *offered, int *resumed)
{
    SSL_CTX *guarded = client_is_guarded ? client_ctx : server_ctx;
    if (set != NULL && place != ON_CONNECTION)
        set(param_at(place, guarded, NULL));
    SSL *client = SSL_new(client_ctx), *server = SSL_new(server_ctx);
    if (client_is_guarded)
        need(SSL_set1_host(client, RIGHT_HOST) == 1, "SSL_set1_host");
    if (set != NULL && place == ON_CONNECTION)
        set(param_at(place, guarded, client_is_guarded ? client : server));
    if (offered != NULL)
        SSL_set_session(client, offered);
    int arrived = meet_in_memory(client, server);
    *resumed = arrived && SSL_session_reused(server);
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    ERR_clear_error();
    return arrived;
}

static void carry(SSL_CTX *ctx, const struct identity *who)
{
    SSL_CTX_use_certificate(ctx, who->certificate);
    SSL_CTX_use_PrivateKey(ctx, who->key);
    SSL_CTX_add1_chain_cert(ctx, middle.certificate);
}

static void try_wish(int client_is_guarded, int version, enum place place, int wish)
{
    SSL_CTX *client_ctx = client_is_guarded ? client_context() : plain_context();
    SSL_CTX *server_ctx = client_is_guarded ? SSL_CTX_new(TLS_server_method()) : hostlock_server_new(NULL);
    carry(server_ctx, &server_identity);
    carry(client_ctx, &client_identity);
    SSL_CTX_set_max_proto_version(client_ctx, version);
    SSL_CTX_set_session_cache_mode(client_ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client_ctx, keep);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client_is_guarded ? client_ctx : server_ctx), ca.certificate);
    if (!client_is_guarded)
        SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    const char *side = client_is_guarded ? "client" : "server", *tls = version_name(version), *where = place_names[place];
    void (*set)(X509_VERIFY_PARAM *) = wishes[wish].set;
    int resumed;
    forget();
    int first = meet(client_ctx, server_ctx, client_is_guarded, place, NULL, NULL, &resumed);
    SSL_SESSION *lax = take();
    int again = meet(client_ctx, server_ctx, client_is_guarded, place, NULL, lax, &resumed);
    if (version == TLS1_3_VERSION) {
        /* There a session is used once. */
        SSL_SESSION_free(lax);
        lax = take();
    }
    claim(first && again && resumed, "%s, %s: where nothing more is asked for a session is resumed", side, tls);
    forget();
    int arrived = meet(client_ctx, server_ctx, client_is_guarded, place, set, lax, &resumed);
    claim(!resumed && arrived == !wishes[wish].refuses, "%s, %s: a session of before is not resumed where %s asks for %s", side,
          tls, where, wishes[wish].name);
    if (!wishes[wish].refuses) {
        SSL_SESSION *strict = take();
        arrived = meet(client_ctx, server_ctx, client_is_guarded, place, set, strict, &resumed);
        claim(arrived && resumed, "%s, %s: one of since then is", side, tls);
        SSL_SESSION_free(strict);
    }
    SSL_SESSION_free(lax);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(server_ctx);
}

int main(void)
{
    ca = issue(NULL, p256(), "a CA", NULL, NULL, -1, 10);
    middle = issue(&ca, p256(), "between", NULL, NULL, -1, 10);
    server_identity = issue(&middle, p256(), "server", "DNS:" RIGHT_HOST, "serverAuth", -1, 10);
    client_identity = issue(&middle, p256(), "client", "DNS:client.example", "clientAuth", -1, 10);
    for (int client_is_guarded = 0; client_is_guarded < 2; client_is_guarded++)
        for (int v = 0; v < 2; v++)
            for (int place = 0; place < PLACES; place++)
                for (size_t wish = 0; wish < sizeof(wishes) / sizeof(*wishes); wish++)
                    if (place != ON_STORE || wishes[wish].set != level) /* libssl puts its own level over the store's */
                        try_wish(client_is_guarded, both_versions[v], (enum place)place, (int)wish);
    forget();
    identity_free(&ca);
    identity_free(&middle);
    identity_free(&server_identity);
    identity_free(&client_identity);
    forget_identities();
    return finish();
}
