/*
 * What a server asks of its clients. A context of hostlock_server_new asks for no certificate until it is told whom to
 * trust, and then demands one. Sessions are resumed, but not under other anchors.
 */
#define _POSIX_C_SOURCE 200809L
#include "servers.h"

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
    claim(first.id_length == 16 && twin.id_length == 16 && memcmp(first.id, twin.id, 16) == 0,
          "  servers that are set up alike have the same id context");
    need(trust(other, stranger_ca.certificate) == 0, "trust");
    twin = visit(other, &device, version, NULL);
    claim(memcmp(first.id, twin.id, 16) != 0, "  another anchor gives another");
    need(trust(one, stranger_ca.certificate) == 0, "trust");
    again = come_back(other, &device, version, NULL);
    claim(again.resumed, "  and its sessions are resumed");
    SSL_CTX_free(other);
    other = bare_server(OWN);
    need(trust(other, stranger_ca.certificate) == 0, "trust");
    anchor(other);
    first = visit(one, &device, version, NULL), twin = visit(other, &device, version, NULL);
    claim(memcmp(first.id, twin.id, 16) == 0, "  the order of the anchors does not matter");
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
    make_devices();
    for (int i = 0; i < 2; i++) {
        defaults(both_versions[i]);
        ids(both_versions[i]);
        older_connections(both_versions[i]);
        with_info_callbacks(both_versions[i]);
    }
    forget_devices();
    return finish();
}
