/*
 * Who names the client on a server, in OpenSSL's ways or hostlock's, is kept to it: on connections, contexts and stores.
 * A session is not resumed under another name, and no name comes too late.
 */
#define _POSIX_C_SOURCE 200809L
#include "servers.h"

#include <openssl/x509v3.h>

static const char *const kind_names[] = {"hostlock_server_new", "a " MADE " TLS_server_method()", "a " MADE " TLS_method()"};

static void openssl_name(SSL *ssl)
{
    need(SSL_set1_host(ssl, DEVICE) == 1, "SSL_set1_host");
}

static void two_openssl_names(SSL *ssl)
{
    need(SSL_set1_host(ssl, OTHER_DEVICE) == 1 && SSL_add1_host(ssl, DEVICE) == 1, "SSL_add1_host");
}

static void openssl_other_name(SSL *ssl)
{
    need(SSL_set1_host(ssl, OTHER_DEVICE) == 1, "SSL_set1_host");
}

static void openssl_address(SSL *ssl)
{
    need(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "192.0.2.7") == 1, "set1_ip_asc");
}

static void openssl_email(SSL *ssl)
{
    need(X509_VERIFY_PARAM_set1_email(SSL_get0_param(ssl), "seven@device.example", 0) == 1, "set1_email");
}

static void our_name(SSL *ssl)
{
    need(hostlock_conn_set_host(ssl, DEVICE) == 0, "hostlock_conn_set_host");
}

static void our_other_name(SSL *ssl)
{
    need(hostlock_conn_set_host(ssl, OTHER_DEVICE) == 0, "hostlock_conn_set_host");
}

static void both_names(SSL *ssl)
{
    our_name(ssl);
    openssl_other_name(ssl);
}

/* Each serves the device and refuses another; those of hostlock demand a certificate whatever the mode. */
static const struct {
    const char *name;
    preparation *prepare;
    const struct identity *another;
    int status;
    int demands;
} namings[] = {
    {"SSL_set1_host", openssl_name, &other_device, HOSTLOCK_E_HOST_MISMATCH, 0},
    {"SSL_add1_host", two_openssl_names, &stranger, HOSTLOCK_E_UNKNOWN_ISSUER, 0},
    {"an address in the parameters", openssl_address, &other_device, HOSTLOCK_E_HOST_MISMATCH, 0},
    {"an e-mail address in the parameters", openssl_email, &other_device, HOSTLOCK_E_HOST_MISMATCH, 0},
    {"hostlock_conn_set_host", our_name, &other_device, HOSTLOCK_E_HOST_MISMATCH, 1},
};

static void names_on_connections(enum kind kind, int version)
{
    const char *what = kind_names[kind], *on = version_name(version);
    SSL_CTX *optional = server(kind, SSL_VERIFY_PEER);
    claim(visit(optional, &device, version, NULL).served && visit(optional, &other_device, version, NULL).served,
          "%s on %s: where nobody is named each device is served", what, on);
    for (size_t i = 0; i < sizeof(namings) / sizeof(namings[0]); i++) {
        claim(visit(optional, &device, version, namings[i].prepare).served, "%s on %s: %s serves the device", what, on,
              namings[i].name);
        struct result other = visit(optional, namings[i].another, version, namings[i].prepare);
        claim(!other.served && other.status == namings[i].status, "  and refuses another (%d)", other.status);
        claim(visit(optional, NULL, version, namings[i].prepare).served == !namings[i].demands,
              namings[i].demands ? "  and one without a certificate" : "  and demands none where the mode does not");
    }
    claim(!visit(optional, &device, version, both_names).served, "  where both name someone both must hold");
    visit(optional, &other_device, version, openssl_other_name);
    struct result again = come_back(optional, &other_device, version, openssl_other_name);
    claim(again.served && again.resumed, "  a session is resumed under the same name");
    again = come_back(optional, &other_device, version, openssl_name);
    claim(!again.resumed && !again.served, "  and not under another that the device does not bear");
    visit(optional, &device, version, our_name);
    again = come_back(optional, &device, version, our_other_name);
    claim(!again.resumed && !again.served, "  nor under another of hostlock_conn_set_host");
    visit(optional, &other_device, version, NULL);
    again = come_back(optional, &other_device, version, our_name);
    claim(!again.resumed && !again.served, "  nor a session that was made where nobody was named");
    SSL_CTX_free(optional);
}

static void names_on_contexts(enum kind kind, int version)
{
    const char *what = kind_names[kind], *on = version_name(version);
    SSL_CTX *ctx = server(kind, SSL_VERIFY_PEER);
    need(X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(ctx), DEVICE, 0) == 1, "the context's parameters");
    claim(visit(ctx, &device, version, NULL).served && !visit(ctx, &other_device, version, NULL).served &&
              visit(ctx, NULL, version, NULL).served,
          "%s on %s: a host in the context's parameters binds whoever shows a certificate", what, on);
    SSL_CTX_free(ctx);
    ctx = server(kind, SSL_VERIFY_PEER);
    need(hostlock_ctx_set_host(ctx, DEVICE) == 0, "hostlock_ctx_set_host");
    int binds = kind != HARDENED_EITHER;
    claim(visit(ctx, &device, version, NULL).served && visit(ctx, &other_device, version, NULL).served == !binds &&
              visit(ctx, NULL, version, NULL).served == !binds,
          binds ? "  hostlock_ctx_set_host binds and demands" : "  hostlock_ctx_set_host binds what goes out only");
    SSL_CTX_free(ctx);
}

static void names_in_the_store(enum kind kind, int version)
{
    SSL_CTX *ctx = server(kind, SSL_VERIFY_PEER);
    need(visit(ctx, &device, version, NULL).served, "a visit");
    X509_VERIFY_PARAM_set1_host(X509_STORE_get0_param(SSL_CTX_get_cert_store(ctx)), DEVICE, 0);
    struct result again = come_back(ctx, &device, version, NULL);
    claim(again.served && !again.resumed, "%s on %s: a host in the store's parameters ends the sessions from before",
          kind_names[kind], version_name(version));
    again = come_back(ctx, &device, version, NULL);
    claim(again.served && again.resumed, "  those that were made since are resumed");
    claim(!visit(ctx, &other_device, version, NULL).served, "  and it binds whoever shows a certificate");
    SSL_CTX_free(ctx);
}

static void too_late(SSL_CTX *ctx, int version)
{
    SSL_CTX *client_ctx = plain_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(client_ctx, version);
    need(hostlock_harden(client_ctx, NULL, NULL) == 0, "hostlock_harden");
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client_ctx), trusted_ca());
    SSL *accepting = SSL_new(ctx), *peer = SSL_new(client_ctx);
    need(hostlock_conn_set_host(peer, RIGHT_HOST) == 0, "hostlock_conn_set_host");
    BIO *one, *other;
    need(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(accepting, one, one);
    SSL_set_bio(peer, other, other);
    SSL_set_accept_state(accepting);
    SSL_set_connect_state(peer);
    SSL_do_handshake(peer);
    claim(hostlock_conn_set_host(peer, OTHER_HOST) == HOSTLOCK_E_STATE &&
              hostlock_conn_set_fallback_host(peer, OTHER_HOST) == HOSTLOCK_E_STATE,
          "%s: once the hello is made no host is named any more", version_name(version));
    claim(hostlock_conn_set_host(peer, "not a name") == HOSTLOCK_E_STATE, "  nor does a bad one do harm");
    for (int turn = 0; turn < 10; turn++) {
        SSL_do_handshake(accepting);
        SSL_do_handshake(peer);
    }
    claim(SSL_is_init_finished(peer) && SSL_is_init_finished(accepting), "  and the handshake comes to its end");
    claim(hostlock_conn_set_host(peer, OTHER_HOST) == HOSTLOCK_E_STATE &&
              hostlock_conn_set_host(accepting, OTHER_HOST) == HOSTLOCK_E_STATE,
          "  after it both sides say the same");
    const char *host = hostlock_conn_verified_host(peer);
    claim(host != NULL && strcmp(host, RIGHT_HOST) == 0, "  and the host is the one that was named");
    need(SSL_clear(peer) == 1, "SSL_clear");
    claim(hostlock_conn_set_host(peer, OTHER_HOST) == 0, "  until SSL_clear");
    SSL_free(accepting);
    SSL_free(peer);
    SSL_CTX_free(client_ctx);
}

int main(void)
{
    make_devices();
    for (int i = 0; i < 2; i++) {
        int version = both_versions[i];
        for (enum kind kind = OWN; kind < KINDS; kind++) {
            names_on_connections(kind, version);
            names_on_contexts(kind, version);
            names_in_the_store(kind, version);
        }
        SSL_CTX *ctx = bare_server(OWN);
        too_late(ctx, version);
        SSL_CTX_free(ctx);
    }
    SSL_CTX *ctx = bare_server(OWN);
    SSL *ssl = SSL_new(ctx);
    claim(hostlock_conn_set_fallback_host(ssl, DEVICE) == HOSTLOCK_E_STATE && hostlock_ctx_set_host_from_sni(ctx, 1) == HOSTLOCK_E_STATE,
          "on a server a fallback host and the SNI are no names");
    our_name(ssl);
    claim(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) == NULL, "and hostlock_conn_set_host sends none");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    forget_devices();
    return finish();
}
