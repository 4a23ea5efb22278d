/*
 * Names that a program puts into the parameters of its certificate store (X509_STORE_get0_param) bind the peer, as OpenSSL
 * has them do where the connection's own parameters name none of the kind; and NO_WILDCARDS holds whoever names the host.
 */
#include "support.h"

#include <openssl/x509v3.h>

#define DEVICE "device-7.example"
#define MAIL "device-7@mail.example"

typedef void naming(X509_VERIFY_PARAM *param);

static void host(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set1_host(param, DEVICE, 0);
}

static void other_host(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set1_host(param, "device-8.example", 0);
}

static void mail(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set1_email(param, MAIL, 0);
}

static void address(X509_VERIFY_PARAM *param)
{
    X509_VERIFY_PARAM_set1_ip_asc(param, "192.0.2.7");
}

static const struct kind {
    const char *name;
    naming *put;
} kinds[] = {{"a host", host}, {"an e-mail address", mail}, {"an address", address}};

enum how { HARDENED, OWN, HOW_COUNT };
static const char *const how_names[HOW_COUNT] = {"a hardened server", "a server of hostlock's"};

static int lets_in(SSL_CTX *server_ctx, const struct identity *client, int version)
{
    SSL_CTX *ctx = plain_context();
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    need(SSL_CTX_use_certificate(ctx, client->certificate) == 1, "the client's certificate");
    need(SSL_CTX_use_PrivateKey(ctx, client->key) == 1, "the client's key");
    SSL *here = SSL_new(ctx), *there = SSL_new(server_ctx);
    SSL_set_connect_state(here);
    SSL_set_accept_state(there);
    int met = meet_in_memory(here, there);
    SSL_free(here);
    SSL_free(there);
    SSL_CTX_free(ctx);
    return met;
}

static SSL_CTX *server_context(enum how how, X509 *ca, const struct kind *kind)
{
    SSL_CTX *ctx = how == OWN ? hostlock_server_new(NULL) : SSL_CTX_new(TLS_server_method());
    need(ctx != NULL, "no context");
    need(SSL_CTX_use_certificate(ctx, identity(RIGHT)->certificate) == 1, "the server's certificate");
    need(SSL_CTX_use_PrivateKey(ctx, identity(RIGHT)->key) == 1, "the server's key");
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca) == 1, "the clients' CA");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    kind->put(X509_STORE_get0_param(SSL_CTX_get_cert_store(ctx)));
    if (how == HARDENED)
        need(hostlock_harden(ctx, NULL, NULL) == 0, hostlock_error_message(hostlock_last_error()));
    return ctx;
}

static void servers(const struct identity *ca)
{
    EVP_PKEY *key = p256();
    EVP_PKEY_up_ref(key);
    struct identity right = issue(ca, key, "7", "DNS:" DEVICE ",email:" MAIL ",IP:192.0.2.7", "clientAuth", -1, 30);
    struct identity wrong = issue(ca, key, "8", "DNS:device-8.example", "clientAuth", -1, 30);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (enum how how = 0; how < HOW_COUNT; how++) {
            SSL_CTX *ctx = server_context(how, ca->certificate, &kinds[i]);
            for (int v = 0; v < 2; v++) {
                const char *version = version_name(both_versions[v]);
                claim(lets_in(ctx, &right, both_versions[v]), "%s with %s in its store lets that client in on %s",
                      how_names[how], kinds[i].name, version);
                claim(!lets_in(ctx, &wrong, both_versions[v]), "%s with %s in its store refuses another client on %s",
                      how_names[how], kinds[i].name, version);
            }
            SSL_CTX_free(ctx);
        }
    identity_free(&right);
    identity_free(&wrong);
}

/* Of several sources for one host OpenSSL lets the connection's own parameters decide. */
static void client(const struct identity *ca, const char *host_in_connection, naming *put, const char *host, unsigned flags,
                   int status, const char *what)
{
    EVP_PKEY *key = p256();
    struct identity device = issue(ca, key, "7", "DNS:*.devices.example,DNS:" DEVICE, "serverAuth", -1, 30);
    for (int v = 0; v < 2; v++) {
        struct server *server = server_new(&(struct manner){.identity = &device, .version = both_versions[v]});
        SSL_CTX *ctx = client_context();
        struct outcome outcome;
        need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca->certificate) == 1, "the store does not take the CA");
        if (put != NULL)
            put(X509_STORE_get0_param(SSL_CTX_get_cert_store(ctx)));
        SSL *ssl = client_connection(ctx, host);
        if (host_in_connection != NULL)
            need(SSL_set1_host(ssl, host_in_connection) == 1, "SSL_set1_host");
        SSL_set_hostflags(ssl, flags);
        converse(ssl, server, &outcome);
        if (status == 0)
            claim_passes(&outcome, "%s connects on %s", what, version_name(both_versions[v]));
        else
            claim_refused(&outcome, status, "%s is refused on %s", what, version_name(both_versions[v]));
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        server_free(server);
    }
    identity_free(&device);
}

/* The session was verified for the name in the store, and for no other. */
static void sessions(const struct identity *ca)
{
    EVP_PKEY *key = p256();
    struct identity device = issue(ca, key, "7", "DNS:device-8.example,DNS:" DEVICE, "serverAuth", -1, 30);
    for (int v = 0; v < 2; v++) {
        struct server *server = server_new(&(struct manner){.identity = &device, .version = both_versions[v]});
        SSL_CTX *ctx = client_context();
        X509_STORE *store = SSL_CTX_get_cert_store(ctx);
        struct outcome outcome;
        need(X509_STORE_add_cert(store, ca->certificate) == 1, "the store does not take the CA");
        SSL_SESSION *session = NULL;
        for (int turn = 0; turn < 3; turn++) {
            (turn == 2 ? other_host : host)(X509_STORE_get0_param(store));
            SSL *ssl = client_connection(ctx, NULL);
            if (session != NULL)
                SSL_set_session(ssl, session);
            converse(ssl, server, &outcome);
            SSL_SESSION_free(session);
            session = SSL_get1_session(ssl);
            claim(outcome.connected == 1 && outcome.resumed == (turn == 1), "a session %s on %s",
                  turn == 0   ? "is made for a host in the store"
                  : turn == 1 ? "is resumed for it"
                              : "is not resumed for another host in the store",
                  version_name(both_versions[v]));
            SSL_free(ssl);
        }
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
        server_free(server);
    }
    identity_free(&device);
}

int main(void)
{
    EVP_PKEY *key = p256();
    struct identity ca = issue(NULL, key, "CA of devices", NULL, NULL, -1, 30);
    const char *in_wildcard = "a.devices.example";
    servers(&ca);
    sessions(&ca);
    client(&ca, NULL, host, in_wildcard, 0, 0, "a client with the server's host in its store");
    client(&ca, NULL, mail, in_wildcard, 0, HOSTLOCK_E_HOST_MISMATCH, "a client with another e-mail address in its store");
    client(&ca, NULL, address, in_wildcard, 0, HOSTLOCK_E_HOST_MISMATCH, "a client with another address in its store");
    client(&ca, NULL, host, NULL, 0, 0, "a client whose store alone names the host");
    client(&ca, NULL, other_host, NULL, 0, HOSTLOCK_E_HOST_MISMATCH, "a client whose store alone names another host");
    client(&ca, NULL, mail, NULL, 0, HOSTLOCK_E_HOST_MISMATCH, "a client whose store alone names an e-mail address");
    client(&ca, NULL, NULL, NULL, 0, HOSTLOCK_E_NO_HOST, "a client whose store names nobody either");
    client(&ca, in_wildcard, host, NULL, 0, 0, "a client whose connection has a host of its own beside the store's");
    client(&ca, NULL, NULL, in_wildcard, X509_CHECK_FLAG_NO_WILDCARDS, HOSTLOCK_E_HOST_MISMATCH,
           "a wildcard where the program wants none, and names the host to hostlock,");
    client(&ca, NULL, NULL, DEVICE, X509_CHECK_FLAG_NO_WILDCARDS, 0, "a plain name where the program wants no wildcard");
    identity_free(&ca);
    return finish();
}
