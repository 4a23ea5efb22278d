/*
 * A servername callback gives each name of a server its own context. A session made at a name that demands nothing must not
 * open a name that demands a client certificate (the shape of CVE-2025-23419), and one that was verified at a name must not
 * open another.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

enum kind { OWN, HARDENED, SEALED, KINDS };
static const char *const kind_names[KINDS] = {"an own server", "a hardened server", "a sealed server"};

static SSL_CTX *others;

static int by_name(SSL *ssl, int *alert, void *argument)
{
    (void)alert, (void)argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name != NULL && strcmp(name, "closed.example") == 0) {
        SSL_set_SSL_CTX(ssl, others);
        /* SSL_set_SSL_CTX leaves the mode as it was: servers set it, as nginx does. */
        SSL_set_verify(ssl, SSL_CTX_get_verify_mode(others), NULL);
    }
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(enum kind kind, X509 *ca)
{
    SSL_CTX *ctx = kind == OWN ? hostlock_server_new(NULL) : SSL_CTX_new(TLS_server_method());
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, identity(RIGHT)->certificate) == 1 &&
             SSL_CTX_use_PrivateKey(ctx, identity(RIGHT)->key) == 1,
         "a server's context");
    if (kind != OWN)
        SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"server", 6);
    if (ca != NULL && kind == OWN) {
        BIO *pem = BIO_new(BIO_s_mem());
        char *text;
        PEM_write_bio_X509(pem, ca);
        long length = BIO_get_mem_data(pem, &text);
        need(hostlock_ctx_trust_mem(ctx, (const uint8_t *)text, (size_t)length) == 0, "hostlock_ctx_trust_mem");
        BIO_free(pem);
    } else if (ca != NULL) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (kind == HARDENED)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    if (kind == SEALED)
        need(hostlock_seal_ctx(ctx) == 0, "hostlock_seal_ctx");
    return ctx;
}

struct meeting {
    int arrived; /* the client's byte reached the server's program */
    int other;   /* and it was served in the context of the closed name */
    int resumed;
    int status;  /* of the server's connection */
};

/* A handshake in memory for name, then one byte from the client; session is offered and replaced by the new one. */
static struct meeting meet(SSL_CTX *server_ctx, SSL_CTX *client_ctx, const char *name, SSL_SESSION **session)
{
    struct meeting meeting = {0};
    SSL *server = SSL_new(server_ctx), *client = SSL_new(client_ctx);
    SSL_set_tlsext_host_name(client, name);
    if (*session != NULL)
        SSL_set_session(client, *session);
    meeting.arrived = meet_in_memory(client, server);
    /* TLS 1.2 resumes a session for the name that it was made for, whatever the hello says. */
    meeting.other = meeting.arrived && SSL_get_SSL_CTX(server) == others;
    meeting.resumed = SSL_session_reused(server);
    const hostlock_error *error = hostlock_conn_error(server);
    meeting.status = error == NULL ? 0 : hostlock_error_status(error);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(client);
    SSL_shutdown(client);
    SSL_free(server);
    SSL_free(client);
    return meeting;
}

static SSL_CTX *client_of(int version, int with_certificate)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    if (with_certificate) {
        SSL_CTX_use_certificate(ctx, identity(THE_CLIENT)->certificate);
        SSL_CTX_use_PrivateKey(ctx, identity(THE_CLIENT)->key);
    }
    return ctx;
}

/* By version, and whether it has a certificate; made before the process is sealed. */
static SSL_CTX *clients[2][2];

static void names_of(enum kind kind, int version)
{
    SSL_CTX *open = server_context(kind, NULL);
    SSL_CTX *without = clients[version == TLS1_3_VERSION][0], *with = clients[version == TLS1_3_VERSION][1];
    SSL_SESSION *session = NULL;
    others = server_context(kind, trusted_ca());
    SSL_CTX_set_tlsext_servername_callback(open, by_name);
    const char *what = kind_names[kind], *tls = version_name(version);

    struct meeting first = meet(open, without, "open.example", &session);
    claim(first.arrived && !first.resumed, "%s, %s: the name that demands nothing serves anyone", what, tls);
    struct meeting again = meet(open, without, "open.example", &session);
    claim(again.arrived && again.resumed, "  and resumes its sessions");
    struct meeting closed = meet(open, without, "closed.example", &session);
    claim(!closed.other, "  its session does not open the name that demands a certificate");
    claim(!closed.resumed || closed.arrived || closed.status == HOSTLOCK_E_NO_CERTIFICATE,
          "  and where it was resumed the refusal says so (%d)", closed.status);
    SSL_SESSION_free(session);
    session = NULL;

    struct meeting plain = meet(open, without, "closed.example", &session);
    claim(!plain.arrived, "  a client without a certificate is refused there");
    SSL_SESSION_free(session);
    session = NULL;
    struct meeting known = meet(open, with, "closed.example", &session);
    claim(known.other, "  and one with a certificate is let in (%d)", known.status);
    struct meeting returns = meet(open, with, "closed.example", &session);
    claim(returns.other, "  also when it offers its session (%s, %d)", returns.resumed ? "resumed" : "full",
          returns.status);
    SSL_SESSION_free(session);
    SSL_CTX_free(open);
    SSL_CTX_free(others);
}

/* The other name trusts another CA, or pins another key: what this one verified is nothing there. */
static void verified_elsewhere(enum kind kind, int pinned, int version)
{
    SSL_CTX *first = server_context(kind, trusted_ca());
    SSL_CTX *with = clients[version == TLS1_3_VERSION][1];
    SSL_SESSION *session = NULL;
    others = server_context(kind, pinned ? trusted_ca() : untrusted_ca());
    if (pinned)
        need(hostlock_ctx_add_pin(others, "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") == 0, "a pin");
    SSL_CTX_set_tlsext_servername_callback(first, by_name);
    struct meeting known = meet(first, with, "open.example", &session);
    claim(known.arrived, "%s, %s: a client of the first name's CA is let in there", kind_names[kind],
          version_name(version));
    struct meeting other = meet(first, with, "closed.example", &session);
    claim(!other.other, "  and its session does not open the name of another %s", pinned ? "key" : "CA");
    SSL_SESSION_free(session);
    SSL_CTX_free(first);
    SSL_CTX_free(others);
}

/* Names of a hardened server that judge clients alike share their sessions, as its program set it up. */
static void alike(int version)
{
    SSL_CTX *first = server_context(HARDENED, trusted_ca());
    SSL_CTX *with = clients[version == TLS1_3_VERSION][1];
    SSL_SESSION *session = NULL;
    others = server_context(HARDENED, trusted_ca());
    SSL_CTX_set_tlsext_servername_callback(first, by_name);
    need(meet(first, with, "closed.example", &session).other, "a client of the CA of both names");
    struct meeting again = meet(first, with, "closed.example", &session);
    claim(again.other && again.resumed, "a hardened server, %s: a name that judges clients as the first one does resumes",
          version_name(version));
    SSL_SESSION_free(session);
    SSL_CTX_free(first);
    SSL_CTX_free(others);
}

/* The client is named on the connection; the other name's context, perhaps a plain one, demands nothing. */
static void named_on_the_connection(enum kind kind, int plain, int version)
{
    SSL_CTX *first = server_context(kind, trusted_ca());
    others = plain ? SSL_CTX_new(TLS_server_method()) : server_context(kind, NULL);
    SSL_CTX_use_certificate(others, identity(RIGHT)->certificate);
    SSL_CTX_use_PrivateKey(others, identity(RIGHT)->key);
    SSL_CTX_set_tlsext_servername_callback(first, by_name);
    int arrived[2], status = 0;
    for (int named = 0; named < 2; named++) {
        SSL *server = SSL_new(first), *client = SSL_new(clients[version == TLS1_3_VERSION][0]);
        SSL_set_tlsext_host_name(client, "closed.example");
        if (named)
            need(hostlock_conn_set_host(server, "client.example") == 0, "hostlock_conn_set_host");
        arrived[named] = meet_in_memory(client, server);
        if (named)
            status = hostlock_error_status(hostlock_conn_error(server));
        SSL_free(server);
        SSL_free(client);
    }
    claim(arrived[0] && !arrived[1] && status == (plain ? HOSTLOCK_E_UNVERIFIED : HOSTLOCK_E_NO_CERTIFICATE),
          "%s, %s: a client that was named on the connection is not served without a certificate by %s context that demands "
          "none (%d)", kind_names[kind], version_name(version), plain ? "a plain" : "another", status);
    SSL_CTX_free(first);
    SSL_CTX_free(others);
}

int main(void)
{
    for (int version = 0; version < 2; version++)
        for (int certificate = 0; certificate < 2; certificate++)
            clients[version][certificate] =
                client_of(version == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, certificate);
    for (int i = 0; i < 2; i++) {
        names_of(OWN, both_versions[i]);
        names_of(HARDENED, both_versions[i]);
        verified_elsewhere(OWN, 0, both_versions[i]);
        verified_elsewhere(OWN, 1, both_versions[i]);
        verified_elsewhere(HARDENED, 0, both_versions[i]);
        verified_elsewhere(HARDENED, 1, both_versions[i]);
        alike(both_versions[i]);
        for (int plain = 0; plain < 2; plain++) {
            named_on_the_connection(OWN, plain, both_versions[i]);
            named_on_the_connection(HARDENED, plain, both_versions[i]);
        }
    }
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    for (int i = 0; i < 2; i++)
        names_of(SEALED, both_versions[i]);
    for (int i = 0; i < 4; i++)
        SSL_CTX_free(clients[i / 2][i % 2]);
    forget_identities();
    return finish();
}
