/*
 * What a kept session must not be good for. Each row changes something between two connections of one context, or plays the
 * server foul: the second connection is judged as a first one would be. The honest twin of each resumes.
 */
#define HOSTLOCK_ALLOW_INSECURE
#include "moved_clock.h"
#include "visits.h"

#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static SSL_CTX *client(void)
{
    SSL_CTX *ctx = hostlock_client_new(NULL);
    need(ctx != NULL, "a client");
    trust_ca(ctx);
    return ctx;
}

static int refuses(int ok, X509_STORE_CTX *ctx)
{
    (void)ok, (void)ctx;
    return 0;
}

static int accepts(int ok, X509_STORE_CTX *ctx)
{
    (void)ctx;
    return ok;
}

static int welcomes(int ok, X509_STORE_CTX *ctx)
{
    (void)ok, (void)ctx;
    return 1;
}

static int picks(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)ssl, (void)certificate, (void)key;
    return 0;
}

/* Of the context, between the two. */
static void nothing(SSL_CTX *ctx) { (void)ctx; }
static void a_revoking_crl(SSL_CTX *ctx) { add_list(ctx, DAY, &lasting); }
static void a_harmless_crl(SSL_CTX *ctx) { add_list(ctx, DAY, NULL); }
static void a_timeout(SSL_CTX *ctx) { need(hostlock_ctx_set_timeout(ctx, 20000) == 0, "a setter"); }
static void alpn(SSL_CTX *ctx) { SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2", 3); }
static void a_verify_callback(SSL_CTX *ctx) { SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, refuses); }
static void a_callback_of_the_store(SSL_CTX *ctx) { X509_STORE_set_verify_cb(SSL_CTX_get_cert_store(ctx), refuses); }
static void dane(SSL_CTX *ctx) { SSL_CTX_dane_enable(ctx); }
static void a_picking_callback(SSL_CTX *ctx) { SSL_CTX_set_client_cert_cb(ctx, picks); }

static void a_pin(SSL_CTX *ctx)
{
    need(hostlock_ctx_add_pin(ctx, "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") == 0, "a pin");
}

static void crls_by_flags(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_CRL_CHECK);
}

static void another_anchor(SSL_CTX *ctx)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, identity(SELF_SIGNED)->certificate);
    SSL_CTX_set_cert_store(ctx, store);
}

static void another_host_of_the_context(SSL_CTX *ctx) { need(hostlock_ctx_set_host(ctx, OTHER_HOST) == 0, "a setter"); }
static void another_certificate(SSL_CTX *ctx) { with_certificate(ctx, identity(THE_CLIENT)); }
static void no_time(SSL_CTX *ctx)
{
    need(hostlock_insecure_no_time(ctx, "to try it") == 0, "a waiver");
}

/* OpenSSL tells lists apart by what they were read from. */
static void add_to_the_store(SSL_CTX *ctx, const struct identity *revoked)
{
    X509_CRL *made = list(DAY, revoked), *read;
    unsigned char *der = NULL;
    int length = i2d_X509_CRL(made, &der);
    const unsigned char *reader = der;
    read = d2i_X509_CRL(NULL, &reader, length);
    need(read != NULL && X509_STORE_add_crl(SSL_CTX_get_cert_store(ctx), read) == 1, "X509_STORE_add_crl");
    OPENSSL_free(der);
    X509_CRL_free(made), X509_CRL_free(read);
}

static void a_crl_for_the_store(SSL_CTX *ctx)
{
    ahead += 10;
    add_to_the_store(ctx, &lasting);
    ahead -= 10;
}

static void a_watched_store(SSL_CTX *ctx)
{
    X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_CRL_CHECK);
    add_to_the_store(ctx, NULL);
}

static void fewer_suites(SSL_CTX *ctx)
{
    need(SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES256-GCM-SHA384") == 1 && SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") == 1,
         "suites");
}

static const struct {
    const char *what;
    void (*before)(SSL_CTX *ctx);
    void (*between)(SSL_CTX *ctx);
    int status;  /* of the second handshake */
    int resumed; /* whether it may be resumed */
} of_the_context[] = {
    {"nothing changed", nothing, nothing, 0, 1},
    {"a CRL loaded that revokes the server", nothing, a_revoking_crl, HOSTLOCK_E_REVOKED, 0},
    {"a CRL loaded that does not", nothing, a_harmless_crl, 0, 0},
    {"a CRL that revokes the server added to the program's store", a_watched_store, a_crl_for_the_store, HOSTLOCK_E_REVOKED, 0},
    {"CRLs asked for by OpenSSL's flags", nothing, crls_by_flags, HOSTLOCK_E_REVOCATION_UNKNOWN, 0},
    {"another setting", nothing, a_timeout, 0, 0},
    {"a pin that does not fit", nothing, a_pin, HOSTLOCK_E_PIN_MISMATCH, 0},
    {"a store without the anchor", nothing, another_anchor, HOSTLOCK_E_UNKNOWN_ISSUER, 0},
    {"another host for the context, which the connection's own overrides", nothing, another_host_of_the_context, 0, 0},
    {"a verify callback that refuses", nothing, a_verify_callback, HOSTLOCK_E_APPLICATION_REFUSED, 0},
    {"a store's verify callback that refuses", nothing, a_callback_of_the_store, HOSTLOCK_E_APPLICATION_REFUSED, 0},
    {"a callback for client certificates", nothing, a_picking_callback, 0, 0},
    {"another client certificate", nothing, another_certificate, 0, 0},
    {"a waiver", nothing, no_time, 0, 0},
    {"other suites", nothing, fewer_suites, 0, 0},
    {"DANE for the context, which no connection uses", nothing, dane, 0, 1},
    {"other protocols, which are agreed anew", nothing, alpn, 0, 1},
};

static void changed_contexts(int version)
{
    for (size_t i = 0; i < sizeof of_the_context / sizeof of_the_context[0]; i++) {
        SSL_CTX *server = serving(&lasting, version), *ctx = client();
        of_the_context[i].before(ctx);
        struct visit first = pay(ctx, server, RIGHT_HOST), again = pay(ctx, server, RIGHT_HOST);
        need(first.status == 0 && again.status == 0, "two connections");
        claim(again.resumed, "%s on %s: before, a connection is resumed", of_the_context[i].what, version_name(version));
        of_the_context[i].between(ctx);
        struct visit visit = pay(ctx, server, RIGHT_HOST);
        claim(visit.status == of_the_context[i].status && visit.resumed == of_the_context[i].resumed, "  after, it is%s, with status %d",
              of_the_context[i].resumed ? "" : " not", of_the_context[i].status);
        if (visit.status != of_the_context[i].status)
            note("status %d", visit.status);
        SSL_CTX_free(ctx), SSL_CTX_free(server);
    }
}

/* Of the connection, before its handshake. */
static void its_host(hostlock_conn *conn) { need(hostlock_conn_set_host(conn, OTHER_HOST) == 0, "a host"); }
static void its_parameters(hostlock_conn *conn) { SSL_set1_host(conn, OTHER_HOST); }
static void its_sni(hostlock_conn *conn) { SSL_set_tlsext_host_name(conn, OTHER_HOST); }
static void its_callback(hostlock_conn *conn) { SSL_set_verify(conn, SSL_VERIFY_PEER, refuses); }
static void its_accepting_callback(hostlock_conn *conn) { SSL_set_verify(conn, SSL_VERIFY_PEER, accepts); }
static void its_flags(hostlock_conn *conn) { X509_VERIFY_PARAM_set_flags(SSL_get0_param(conn), X509_V_FLAG_CRL_CHECK); }
static void its_purpose(hostlock_conn *conn) { X509_VERIFY_PARAM_set_purpose(SSL_get0_param(conn), X509_PURPOSE_SMIME_SIGN); }
static void its_store(hostlock_conn *conn)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, identity(SELF_SIGNED)->certificate);
    SSL_set0_verify_cert_store(conn, store);
}

static void its_certificate(hostlock_conn *conn)
{
    SSL_use_certificate(conn, identity(THE_CLIENT)->certificate);
    SSL_use_PrivateKey(conn, identity(THE_CLIENT)->key);
}

static const struct {
    const char *what;
    void (*change)(hostlock_conn *conn);
    int status;
} of_the_connection[] = {
    {"another host", its_host, HOSTLOCK_E_HOST_MISMATCH},
    {"another host by SSL_set1_host", its_parameters, HOSTLOCK_E_HOST_MISMATCH},
    {"another server name", its_sni, 0},
    {"a verify callback that refuses", its_callback, HOSTLOCK_E_APPLICATION_REFUSED},
    {"a verify callback that accepts", its_accepting_callback, 0},
    {"CRLs asked for", its_flags, HOSTLOCK_E_REVOCATION_UNKNOWN},
    {"another purpose", its_purpose, HOSTLOCK_E_WRONG_PURPOSE},
    {"a store without the anchor", its_store, HOSTLOCK_E_UNKNOWN_ISSUER},
    {"a client certificate", its_certificate, 0},
};

static void changed_connections(int version)
{
    for (size_t i = 0; i < sizeof of_the_connection / sizeof of_the_connection[0]; i++) {
        SSL_CTX *server = serving(&lasting, version), *ctx = client();
        need(pay(ctx, server, RIGHT_HOST).status == 0, "a connection");
        struct visit visit = arrive(ctx, server, RIGHT_HOST);
        of_the_connection[i].change(visit.conn);
        shake(&visit);
        claim(visit.status == of_the_connection[i].status && !visit.resumed, "%s of the connection on %s: a full handshake, with status %d",
              of_the_connection[i].what, version_name(version), of_the_connection[i].status);
        if (visit.status != of_the_connection[i].status)
            note("status %d", visit.status);
        leave(&visit);
        if (of_the_connection[i].status == 0)
            claim(pay(ctx, server, RIGHT_HOST).resumed, "  one without goes on from its own");
        SSL_CTX_free(ctx), SSL_CTX_free(server);
    }
}

/* The server has the keys of every ticket, and a certificate for one name only. */
static void other_hosts(int version)
{
    SSL_CTX *server = serving(&lasting, version), *ctx = client(), *other = client();
    need(pay(ctx, server, RIGHT_HOST).status == 0, "a connection");
    struct visit visit = pay(ctx, server, OTHER_HOST);
    claim(visit.status == HOSTLOCK_E_HOST_MISMATCH && !visit.resumed, "another host of the same server is judged for itself on %s",
          version_name(version));
    claim(pay(ctx, server, RIGHT_HOST).resumed, "  which ends nothing of the first one's");
    claim(!pay(other, server, RIGHT_HOST).resumed && pay(other, server, RIGHT_HOST).resumed && pay(ctx, server, RIGHT_HOST).resumed,
          "another context has sessions of its own");
    SSL_CTX_free(other);

    /* The program brings the session of another host: the kept one does not stand in for it. */
    SSL_CTX *impostor = serving(identity(IMPOSTOR), version);
    visit = arrive(ctx, impostor, RIGHT_HOST);
    SSL_CTX *careless = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(careless), *accepting = SSL_new(impostor);
    need(meet_in_memory(ssl, accepting), "a careless connection");
    need(SSL_set_session(visit.conn, SSL_get_session(ssl)) == 1, "SSL_set_session");
    shake(&visit);
    claim(visit.status < 0 && !visit.resumed, "a careless session of the program's is not resumed");
    leave(&visit);
    SSL_free(ssl), SSL_free(accepting);
    SSL_CTX_free(careless), SSL_CTX_free(impostor), SSL_CTX_free(ctx), SSL_CTX_free(server);
}

/* The server's keys were stolen, or its certificate exchanged: whoever answers with a full handshake must show who it is. */
static void after_a_refusal(int version)
{
    enum { OPEN = 3 };
    struct visit visits[OPEN];
    SSL_CTX *server = serving(&lasting, version), *impostor = serving(identity(IMPOSTOR), version), *ctx = client();
    for (int i = 0; i < OPEN; i++)
        visits[i] = arrive(ctx, server, RIGHT_HOST), shake(&visits[i]), chat(&visits[i]);
    for (int i = 0; i < OPEN; i++)
        leave(&visits[i]);
    struct visit visit = pay(ctx, impostor, RIGHT_HOST);
    claim(visit.status < 0 && !visit.resumed, "an impostor that cannot read the ticket is refused on %s", version_name(version));
    claim(!pay(ctx, server, RIGHT_HOST).resumed, "  and nothing that was kept for its place is offered any more");
    claim(pay(ctx, server, RIGHT_HOST).resumed, "  but what comes after");
    SSL_CTX_free(ctx), SSL_CTX_free(impostor), SSL_CTX_free(server);
}

/* The client's own session tickets, as they go over the line in the clear before TLS 1.3: none twice with 1.3. */
static void once(int version)
{
    SSL_CTX *server = serving(&lasting, version), *ctx = client();
    SSL_CTX_set_num_tickets(server, 1);
    need(pay(ctx, server, RIGHT_HOST).status == 0, "a connection");
    struct visit lost = arrive(ctx, server, RIGHT_HOST);
    char hello[8192], again[8192];
    need(hostlock_handshake(lost.conn) == HOSTLOCK_WANT_READ, "a hello");
    ssize_t length = hostlock_conn_drain(lost.conn, hello, sizeof hello);
    struct visit second = arrive(ctx, server, RIGHT_HOST);
    need(hostlock_handshake(second.conn) == HOSTLOCK_WANT_READ, "a hello");
    ssize_t second_length = hostlock_conn_drain(second.conn, again, sizeof again);
    if (version == TLS1_3_VERSION)
        claim(length - second_length > 150, "a session of TLS 1.3 goes out once, also where no answer came: hellos of %zd and %zd bytes", length,
              second_length);
    else
        claim(length == second_length, "a session of TLS 1.2 goes out again: hellos of %zd and %zd bytes", length, second_length);
    leave(&lost), leave(&second);
    SSL_CTX_free(ctx), SSL_CTX_free(server);
}

static void with_waivers(int version)
{
    int (*const waivers[])(hostlock_ctx *, const char *) = {hostlock_insecure_no_hostname, hostlock_insecure_no_verify,
                                                            hostlock_insecure_no_time, hostlock_insecure_any_purpose};
    for (int i = 0; i < 4; i++) {
        SSL_CTX *server = serving(&lasting, version), *ctx = client();
        need(waivers[i](ctx, "to try it") == 0, "a waiver");
        claim(pay(ctx, server, RIGHT_HOST).status == 0 && !pay(ctx, server, RIGHT_HOST).resumed, "nothing is resumed under waiver %d on %s", i + 1,
              version_name(version));
        SSL_CTX_free(ctx), SSL_CTX_free(server);
    }
}

/* A server of TLS 1.2 that asks for another handshake in the middle. */
static void renegotiation(void)
{
    SSL_CTX *server = serving(&lasting, TLS1_2_VERSION), *ctx = client();
    need(pay(ctx, server, RIGHT_HOST).status == 0, "a connection");
    for (int i = 0; i < 2; i++) {
        struct visit visit = arrive(ctx, server, RIGHT_HOST);
        char byte;
        shake(&visit);
        claim(visit.resumed, "resumed, and then asked for another handshake (%d)", i + 1);
        chat(&visit);
        SSL_renegotiate(visit.server);
        SSL_do_handshake(visit.server);
        carry(&visit);
        ssize_t got = hostlock_read(visit.conn, &byte, 1);
        carry(&visit);
        claim(got < 0, "  no byte comes of it");
        leave(&visit);
    }
    struct visit visit = pay(ctx, server, RIGHT_HOST);
    claim(visit.status == 0, "  the next connection is good (resumed: %d)", visit.resumed);
    SSL_CTX_free(ctx), SSL_CTX_free(server);
}

/* What a session rests on ends between two connections. */
static void at_its_end(int version)
{
    static const struct {
        const char *what;
        long later;
        int status, resumed;
    } rows[] = {
        {"an hour later", HOUR, 0, 1},
        {"when its CRL has run out", 7 * HOUR, HOSTLOCK_E_REVOCATION_STALE, 0},
        {"when its certificate has", 301 * DAY, HOSTLOCK_E_EXPIRED, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        SSL_CTX *server = serving(&lasting, version), *ctx = client();
        SSL_CTX_set_timeout(server, 1000 * DAY);
        add_list(ctx, 6 * HOUR, NULL);
        need(pay(ctx, server, RIGHT_HOST).status == 0 && pay(ctx, server, RIGHT_HOST).resumed, "two connections");
        ahead += rows[i].later;
        struct visit visit = pay(ctx, server, RIGHT_HOST);
        claim(visit.resumed == rows[i].resumed && (rows[i].status == 0 ? visit.status == 0 : visit.status < 0), "%s on %s: %s", rows[i].what,
              version_name(version), rows[i].resumed ? "resumed" : "a full handshake, and refused");
        ahead = 0;
        SSL_CTX_free(ctx), SSL_CTX_free(server);
    }
    /* The greatest age of all counts from the full handshake: no renewal extends it. */
    SSL_CTX *server = serving(&lasting, version), *ctx = client();
    SSL_CTX_set_timeout(server, 1000 * DAY);
    int resumed = 0, hours = 0;
    need(pay(ctx, server, RIGHT_HOST).status == 0, "a connection");
    do {
        ahead += HOUR / 2, hours++;
        resumed = pay(ctx, server, RIGHT_HOST).resumed;
    } while (resumed && hours < 2 * 24 * 30);
    claim(!resumed, "used every half hour, it ends after %d of them on %s", hours, version_name(version));
    ahead = 0;
    SSL_CTX_free(ctx), SSL_CTX_free(server);
}

/* Mutual TLS: the session holds who the client was. */
static void of_another_client(int version)
{
    SSL_CTX *server = serving(&lasting, version), *ctx = client();
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER, welcomes);
    with_certificate(ctx, identity(THE_CLIENT));
    struct visit first = pay(ctx, server, RIGHT_HOST), second = pay(ctx, server, RIGHT_HOST);
    claim(first.status == 0 && first.shown && second.resumed && second.shown, "a client with its certificate is resumed on %s",
          version_name(version));
    struct identity other = issue(NULL, p256(), "other client", NULL, "clientAuth", -1, 30);
    with_certificate(ctx, &other);
    struct visit third = pay(ctx, server, RIGHT_HOST);
    claim(!third.resumed, "  with another one it makes a full handshake");
    identity_free(&other);
    SSL_CTX_free(ctx), SSL_CTX_free(server);
}

static char certificate_file[] = "/tmp/hostlock-resumption-XXXXXX";

static void write_certificate(const struct identity *who)
{
    FILE *file = fopen(certificate_file, "w");
    need(file != NULL && PEM_write_X509(file, who->certificate) == 1 &&
             PEM_write_PrivateKey(file, who->key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(file) == 0,
         "a file");
}

/* The client's certificate is a file, and another lies there after a while. */
static void of_a_renewed_certificate(int version)
{
    struct identity old = until("old", "DNS:old.example", "clientAuth", 30 * DAY), renewed = until("renewed", "DNS:old.example", "clientAuth", 60 * DAY);
    SSL_CTX *server = serving(&lasting, version), *ctx = client();
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER, welcomes);
    write_certificate(&old);
    need(hostlock_ctx_add_cert_file(ctx, certificate_file, certificate_file, NULL) == 0, hostlock_error_message(hostlock_last_error()));
    claim(pay(ctx, server, RIGHT_HOST).shown && pay(ctx, server, RIGHT_HOST).resumed, "a client with a certificate from a file is resumed on %s",
          version_name(version));
    need(hostlock_ctx_reload(ctx) == 0, "hostlock_ctx_reload");
    claim(pay(ctx, server, RIGHT_HOST).resumed, "  also after a reload that finds the same");
    write_certificate(&renewed);
    need(hostlock_ctx_reload(ctx) == 0, "hostlock_ctx_reload");
    struct visit visit = arrive(ctx, server, RIGHT_HOST);
    shake(&visit);
    X509 *shown = SSL_get_peer_certificate(visit.server);
    claim(visit.status == 0 && !visit.resumed && shown != NULL && X509_cmp(shown, renewed.certificate) == 0,
          "  with a renewed one it makes a full handshake, and shows it");
    X509_free(shown);
    chat(&visit), leave(&visit);
    claim(pay(ctx, server, RIGHT_HOST).resumed, "  whose session is resumed");
    identity_free(&old), identity_free(&renewed);
    SSL_CTX_free(ctx), SSL_CTX_free(server);
}

int main(void)
{
    make_cas();
    (void)only, (void)talk, (void)forget, (void)keep;
    int fd = mkstemp(certificate_file);
    need(fd >= 0 && close(fd) == 0, "a file");
    for (int i = 0; i < 2; i++) {
        int version = both_versions[i];
        changed_contexts(version);
        changed_connections(version);
        other_hosts(version);
        after_a_refusal(version);
        once(version);
        with_waivers(version);
        at_its_end(version);
        of_another_client(version);
        of_a_renewed_certificate(version);
    }
    renegotiation();
    remove(certificate_file);
    forget_cas();
    return finish();
}
