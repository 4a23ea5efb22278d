/*
 * What a server asks of its clients. A context of hostlock_server_new asks for no certificate until it is told whom to
 * trust, and then demands one. Who names the client on a server, in OpenSSL's ways or hostlock's, is kept to it. Sessions
 * are resumed, but not under another name or other anchors.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

/* rebuilt_servers.c asks all of this of the contexts that <hostlock/openssl.h> makes; clients are plain in both. */
static SSL_CTX *(*const plain_new)(const SSL_METHOD *) = SSL_CTX_new;
#ifdef REBUILT
#include <hostlock/openssl.h>
#define MADE "rebuilt"
#else
#define MADE "hardened"
#endif

#define DEVICE "device-7.example"
#define OTHER_DEVICE "device-8.example"

static struct identity ca, device, other_device, stranger_ca, stranger;

static unsigned char *pem_of(X509 *certificate, size_t *length)
{
    BIO *memory = BIO_new(BIO_s_mem());
    need(memory != NULL && PEM_write_bio_X509(memory, certificate) == 1, "PEM");
    char *data;
    *length = (size_t)BIO_get_mem_data(memory, &data);
    unsigned char *copy = malloc(*length);
    need(copy != NULL, "malloc");
    memcpy(copy, data, *length);
    BIO_free(memory);
    return copy;
}

static int trust(SSL_CTX *ctx, X509 *certificate)
{
    size_t length;
    unsigned char *pem = pem_of(certificate, &length);
    int status = hostlock_ctx_trust_mem(ctx, pem, length);
    free(pem);
    return status;
}

static void with_certificate(SSL_CTX *ctx, const struct identity *who)
{
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, who->certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, who->key) == 1,
         "a context's certificate");
}

/* The kinds of servers. */
enum kind { OWN, HARDENED, HARDENED_EITHER, KINDS };
static const char *const kind_names[] = {"hostlock_server_new", "a " MADE " TLS_server_method()", "a " MADE " TLS_method()"};

static SSL_CTX *bare_server(enum kind kind)
{
    SSL_CTX *ctx = kind == OWN         ? hostlock_server_new(NULL)
                   : kind == HARDENED  ? SSL_CTX_new(TLS_server_method())
                                       : SSL_CTX_new(TLS_method());
    with_certificate(ctx, identity(RIGHT));
#ifndef REBUILT
    if (kind != OWN)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
#endif
    return ctx;
}

/* One that asks for certificates of our CA, by the mode; on an own context the mode comes by itself. */
static SSL_CTX *server(enum kind kind, int mode)
{
    SSL_CTX *ctx = bare_server(kind);
    SSL_CTX_set_verify(ctx, mode, NULL);
    if (kind != OWN)
        SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    need(trust(ctx, ca.certificate) == 0, "trust");
    return ctx;
}

struct result {
    int served;     /* a byte came from the client */
    int asked;      /* the client was asked for a certificate */
    int resumed;
    int status;     /* of the server's connection */
    char sni[64];   /* that the server's own connection would send */
    unsigned char id[32];
    unsigned int id_length;
};

static int asked;

static int counts(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)ssl, (void)certificate, (void)key;
    asked++;
    return 0;
}

static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

typedef void preparation(SSL *ssl);

/* A conversation in memory. The session that the client gets is in `kept`. */
static struct result talk(SSL_CTX *ctx, const struct identity *who, int version, preparation *prepare, SSL_SESSION *offered)
{
    struct result result = {0};
    SSL_CTX *client_ctx = plain_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(client_ctx, version);
    SSL_CTX_set_max_proto_version(client_ctx, version);
    SSL_CTX_set_session_cache_mode(client_ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client_ctx, keep);
    asked = 0;
    SSL_CTX_set_client_cert_cb(client_ctx, counts);
    if (who != NULL)
        with_certificate(client_ctx, who);
    SSL *accepting = SSL_new(ctx), *peer = SSL_new(client_ctx);
    SSL_set_accept_state(accepting);
    SSL_set_connect_state(peer);
    if (offered != NULL)
        SSL_set_session(peer, offered);
    if (prepare != NULL)
        prepare(accepting);
    BIO *one, *other;
    need(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(accepting, one, one);
    SSL_set_bio(peer, other, other);
    char byte = 0;
    int sent = 0;
    for (int turn = 0; turn < 20 && !result.served; turn++) {
        SSL_do_handshake(peer);
        SSL_do_handshake(accepting);
        if (!sent && SSL_is_init_finished(peer))
            sent = SSL_write(peer, "x", 1) == 1;
        if (SSL_is_init_finished(accepting))
            result.served = SSL_read(accepting, &byte, 1) == 1 && byte == 'x';
        if (result.served && version == TLS1_3_VERSION)
            SSL_write(accepting, "y", 1), SSL_read(peer, &byte, 1);
    }
    result.asked = asked;
    result.resumed = result.served && SSL_session_reused(accepting);
    const hostlock_error *error = hostlock_conn_error(accepting);
    result.status = error == NULL ? 0 : hostlock_error_status(error);
    if (result.served) {
        const unsigned char *id = SSL_SESSION_get0_id_context(SSL_get_session(accepting), &result.id_length);
        memcpy(result.id, id, result.id_length);
    }
    /* A session of a connection that was not closed is not offered again. */
    SSL_set_shutdown(accepting, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(peer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(accepting);
    SSL_free(peer);
    SSL_CTX_free(client_ctx);
    ERR_clear_error();
    return result;
}

static struct result visit(SSL_CTX *ctx, const struct identity *who, int version, preparation *prepare)
{
    SSL_SESSION_free(kept);
    kept = NULL;
    return talk(ctx, who, version, prepare, NULL);
}

static struct result come_back(SSL_CTX *ctx, const struct identity *who, int version, preparation *prepare)
{
    need(kept != NULL, "no session to come back with");
    SSL_SESSION *offered = kept;
    kept = NULL;
    struct result result = talk(ctx, who, version, prepare, offered);
    if (kept == NULL)
        kept = offered;
    else
        SSL_SESSION_free(offered);
    return result;
}

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
    {"SSL_add1_host", two_openssl_names, &stranger, HOSTLOCK_E_MISSING_INTERMEDIATE, 0},
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

static void pin(SSL_CTX *ctx)
{
    need(hostlock_ctx_add_pin(ctx, "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") == 0, "hostlock_ctx_add_pin");
}

static void exact(SSL_CTX *ctx)
{
    size_t length;
    unsigned char *pem = pem_of(device.certificate, &length);
    need(hostlock_ctx_trust_exact(ctx, pem, length) == 0, "hostlock_ctx_trust_exact");
    free(pem);
}

static void name(SSL_CTX *ctx)
{
    need(hostlock_ctx_set_host(ctx, DEVICE) == 0, "hostlock_ctx_set_host");
}

static void anchor(SSL_CTX *ctx)
{
    need(trust(ctx, ca.certificate) == 0, "trust");
}

/* What makes a certificate required; a host demands one in every mode. */
static const struct {
    const char *name;
    void (*call)(SSL_CTX *);
    int yields_to_the_mode;
} demands[] = {
    {"an anchor", anchor, 1},
    {"an exact certificate", exact, 1},
    {"a pin", pin, 1},
    {"a host", name, 0},
};

static void defaults(int version)
{
    const char *on = version_name(version);
    const int required = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

    SSL_CTX *ctx = bare_server(OWN);
    struct result result = visit(ctx, NULL, version, NULL);
    claim(result.served && !result.asked && SSL_CTX_get_verify_mode(ctx) == SSL_VERIFY_NONE,
          "%s: a new server asks for no certificate", on);
    claim(visit(ctx, &device, version, NULL).served, "  and serves a client that has one");
    result = come_back(ctx, NULL, version, NULL);
    claim(result.served && result.resumed, "  and resumes its session");
    SSL_CTX_free(ctx);

    for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++) {
        ctx = bare_server(OWN);
        demands[i].call(ctx);
        claim(SSL_CTX_get_verify_mode(ctx) == required && !visit(ctx, NULL, version, NULL).served,
              "%s: %s makes a certificate required", on, demands[i].name);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        anchor(ctx);
        claim(SSL_CTX_get_verify_mode(ctx) == SSL_VERIFY_PEER, "  and later calls leave the program's mode");
        SSL_CTX_free(ctx);
        if (!demands[i].yields_to_the_mode)
            continue;
        ctx = bare_server(OWN);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        demands[i].call(ctx);
        claim(SSL_CTX_get_verify_mode(ctx) == SSL_VERIFY_NONE && visit(ctx, NULL, version, NULL).served,
              "  nor is one required where the program set SSL_VERIFY_NONE before");
        SSL_CTX_free(ctx);
    }
    ctx = bare_server(OWN);
    claim(hostlock_ctx_trust_mem(ctx, (const unsigned char *)"x", 1) != 0 && SSL_CTX_get_verify_mode(ctx) == SSL_VERIFY_NONE,
          "%s: a call that fails does not choose the mode", on);
    SSL_CTX_free(ctx);

    ctx = bare_server(OWN);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate);
    result = visit(ctx, NULL, version, NULL);
    claim(result.served && result.asked, "%s: anchors that came through OpenSSL ask for a certificate, and demand none", on);
    claim(visit(ctx, &device, version, NULL).served && !visit(ctx, &stranger, version, NULL).served,
          "  and one that is shown is judged");
    SSL_CTX_free(ctx);
}

static void look_away(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
}

/* As many servers do, to log or to stop renegotiation. */
static void own_info(SSL *ssl)
{
    SSL_set_info_callback(ssl, look_away);
}

static void with_info_callbacks(int version)
{
    const char *on = version_name(version);
    for (int i = 0; i < 2; i++) {
        preparation *prepare = i == 0 ? NULL : own_info;
        SSL_CTX *ctx = bare_server(OWN);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate);
        if (i == 0)
            SSL_CTX_set_info_callback(ctx, look_away);
        struct result result = visit(ctx, NULL, version, prepare);
        claim(result.served && result.asked && !visit(ctx, &stranger, version, prepare).served,
              "%s: an info callback of the program's does not keep a server from asking", on);
        SSL_CTX_free(ctx);
        ctx = server(HARDENED, SSL_VERIFY_PEER);
        name(ctx);
        if (i == 0)
            SSL_CTX_set_info_callback(ctx, look_away);
        claim(visit(ctx, &device, version, prepare).served && !visit(ctx, NULL, version, prepare).served &&
                  !visit(ctx, &other_device, version, prepare).served,
              "  nor from demanding the one who was named");
        SSL_CTX_free(ctx);
    }
}

static SSL *made_before;

static void ids(int version)
{
    const char *on = version_name(version);
    SSL_CTX *one = bare_server(OWN), *other = bare_server(OWN);
    anchor(one), anchor(other);
    struct result first = visit(one, &device, version, NULL);
    struct result again = come_back(one, &device, version, NULL);
    claim(first.served && again.served && again.resumed, "%s: a client's session is resumed", on);
    struct result twin = visit(other, &device, version, NULL);
    claim(first.id_length == 32 && twin.id_length == 32 && memcmp(first.id, twin.id, 32) == 0,
          "  servers that are set up alike have the same id context");
    need(trust(other, stranger_ca.certificate) == 0, "trust");
    twin = visit(other, &device, version, NULL);
    claim(memcmp(first.id, twin.id, 32) != 0, "  another anchor gives another");
    need(trust(one, stranger_ca.certificate) == 0, "trust");
    again = come_back(other, &device, version, NULL);
    claim(again.resumed, "  and its sessions are resumed");
    SSL_CTX_free(other);
    other = bare_server(OWN);
    need(trust(other, stranger_ca.certificate) == 0, "trust");
    anchor(other);
    first = visit(one, &device, version, NULL), twin = visit(other, &device, version, NULL);
    claim(memcmp(first.id, twin.id, 32) == 0, "  the order of the anchors does not matter");
    need(SSL_CTX_set_session_id_context(other, (const unsigned char *)"mine", 4) == 1, "the program's id context");
    visit(other, &device, version, NULL);
    again = come_back(other, &device, version, NULL);
    claim(again.resumed && memcmp(again.id, twin.id, 32) != 0, "  the program's own id context counts too");
    visit(one, &device, version, NULL);
    anchor(one);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(one), trusted_ca());
    again = come_back(one, &device, version, NULL);
    claim(again.served && !again.resumed, "  an anchor that comes through OpenSSL ends the sessions from before");
    SSL_CTX_free(one);
    SSL_CTX_free(other);
}

/* A connection that is older than what its context was told keeps to it all the same. */
static void older_connections(int version)
{
    SSL_CTX *ctx = bare_server(OWN), *client_ctx = plain_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(client_ctx, version);
    made_before = SSL_new(ctx);
    anchor(ctx);
    SSL *peer = SSL_new(client_ctx);
    BIO *one, *other;
    need(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(made_before, one, one);
    SSL_set_bio(peer, other, other);
    SSL_set_accept_state(made_before);
    SSL_set_connect_state(peer);
    for (int turn = 0; turn < 10; turn++) {
        SSL_do_handshake(peer);
        SSL_do_handshake(made_before);
    }
    claim(!SSL_is_init_finished(made_before), "%s: a connection made before the anchors were named demands a certificate",
          version_name(version));
    SSL_free(made_before);
    SSL_free(peer);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(ctx);
}

int main(void)
{
    ca = issue(NULL, p256(), "CA of the devices", NULL, NULL, -1, 30);
    device = issue(&ca, p256(), "device", "DNS:" DEVICE ",IP:192.0.2.7,email:seven@device.example", "clientAuth", -1, 30);
    other_device = issue(&ca, p256(), "device", "DNS:" OTHER_DEVICE, "clientAuth", -1, 30);
    stranger_ca = issue(NULL, p256(), "CA of strangers", NULL, NULL, -1, 30);
    stranger = issue(&stranger_ca, p256(), "device", "DNS:" DEVICE, "clientAuth", -1, 30);
    for (int i = 0; i < 2; i++) {
        int version = both_versions[i];
        for (enum kind kind = OWN; kind < KINDS; kind++) {
            names_on_connections(kind, version);
            names_on_contexts(kind, version);
            names_in_the_store(kind, version);
        }
        defaults(version);
        ids(version);
        older_connections(version);
        with_info_callbacks(version);
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
    SSL_SESSION_free(kept);
    identity_free(&device), identity_free(&other_device), identity_free(&stranger);
    identity_free(&ca), identity_free(&stranger_ca);
    return finish();
}
