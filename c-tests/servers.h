/* What servers.c and names_of_clients.c share: servers of each kind, and the visits of plain clients. */
#ifndef HOSTLOCK_TEST_SERVERS_H
#define HOSTLOCK_TEST_SERVERS_H

#include "kept.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

/* The rebuilt_ programs ask the same of contexts that <hostlock/openssl.h> makes; clients are plain in both. */
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

enum kind { OWN, HARDENED, HARDENED_EITHER, KINDS };

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

static void make_devices(void)
{
    ca = issue(NULL, p256(), "CA of the devices", NULL, NULL, -1, 30);
    device = issue(&ca, p256(), "device", "DNS:" DEVICE ",IP:192.0.2.7,email:seven@device.example", "clientAuth", -1, 30);
    other_device = issue(&ca, p256(), "device", "DNS:" OTHER_DEVICE, "clientAuth", -1, 30);
    stranger_ca = issue(NULL, p256(), "CA of strangers", NULL, NULL, -1, 30);
    stranger = issue(&stranger_ca, p256(), "device", "DNS:" DEVICE, "clientAuth", -1, 30);
}

static void forget_devices(void)
{
    SSL_SESSION_free(kept);
    identity_free(&device), identity_free(&other_device), identity_free(&stranger);
    identity_free(&ca), identity_free(&stranger_ca);
}

#endif
