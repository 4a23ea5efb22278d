/*
 * A clock that the program moves, a CA whose certificates and CRLs end after so many seconds, and conversations that keep
 * their sessions. To be included before any other header.
 */
#ifndef HOSTLOCK_TEST_MOVED_CLOCK_H
#define HOSTLOCK_TEST_MOVED_CLOCK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "kept.h"
#include "support.h"

#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include <openssl/err.h>

/* The clock that OpenSSL and hostlock read: this machine's, moved by so many seconds. */
static long ahead;

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec + ahead;
    return now.tv_sec + ahead;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec + ahead;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

#define HOUR 3600L
#define DAY (24 * HOUR)

/* A CA that lives for 400 days, and of it a server for 300 days and an intermediate CA for six hours. */
static struct identity ca, lasting, brief_ca;

/* `seconds` is the end of its life, from now. */
static struct identity until(const char *name, const char *alternative_names, const char *usage, long seconds)
{
    struct identity made = issue(&ca, p256(), name, alternative_names, usage, -1, 300);
    X509_gmtime_adj(X509_getm_notAfter(made.certificate), seconds);
    need(X509_sign(made.certificate, ca.key, EVP_sha256()) > 0, "signing");
    return made;
}

static void make_cas(void)
{
    ca = issue(NULL, p256(), "the CA of this test", NULL, NULL, -10, 400);
    lasting = until("lasting", "DNS:" RIGHT_HOST, "serverAuth", 300 * DAY);
    brief_ca = issue(&ca, p256(), "a brief CA", NULL, NULL, -1, 300);
    X509_gmtime_adj(X509_getm_notAfter(brief_ca.certificate), 6 * HOUR);
    need(X509_sign(brief_ca.certificate, ca.key, EVP_sha256()) > 0, "signing");
}

static void forget_cas(void)
{
    identity_free(&brief_ca);
    identity_free(&lasting);
    identity_free(&ca);
}

static void with_certificate(SSL_CTX *ctx, const struct identity *who)
{
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, who->certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, who->key) == 1,
         "a context's certificate");
    if (who->sent_along != NULL)
        need(SSL_CTX_add1_chain_cert(ctx, who->sent_along) == 1, "a context's intermediate");
}

/* A CRL of the CA that ends after so many seconds; it lists `revoked`, where there is one. */
static X509_CRL *list(long seconds, const struct identity *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -60), *until = X509_gmtime_adj(NULL, seconds);
    need(crl != NULL && from != NULL && until != NULL, "a CRL");
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca.certificate));
    X509_CRL_set1_lastUpdate(crl, from);
    X509_CRL_set1_nextUpdate(crl, until);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate));
        X509_REVOKED_set_revocationDate(entry, from);
        X509_CRL_add0_revoked(crl, entry);
        X509_CRL_sort(crl);
    }
    need(X509_CRL_sign(crl, ca.key, EVP_sha256()) > 0, "signing a CRL");
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return crl;
}

static void add_list(SSL_CTX *ctx, long seconds, const struct identity *revoked)
{
    X509_CRL *crl = list(seconds, revoked);
    unsigned char *der = NULL;
    int length = i2d_X509_CRL(crl, &der);
    need(length > 0 && hostlock_ctx_add_crl_mem(ctx, der, (size_t)length) == 0, "hostlock_ctx_add_crl_mem");
    OPENSSL_free(der);
    X509_CRL_free(crl);
}

static void forget(void)
{
    SSL_SESSION_free(kept);
    kept = NULL;
}

/* As a program keeps it in a file. */
static SSL_SESSION *through_a_file(SSL_SESSION *session)
{
    unsigned char *bytes = NULL;
    int length = i2d_SSL_SESSION(session, &bytes);
    need(length > 0, "i2d_SSL_SESSION");
    const unsigned char *reader = bytes;
    SSL_SESSION *read = d2i_SSL_SESSION(NULL, &reader, length);
    need(read != NULL, "d2i_SSL_SESSION");
    OPENSSL_free(bytes);
    return read;
}

struct result {
    int served;     /* a byte came to the server, and one back */
    int resumed;
    int client;     /* status of the client's connection */
    int server;     /* of the server's */
};

/* One conversation in memory, that offers `kept` where there is one; what the client gets is in `kept` afterwards. */
static struct result talk(SSL_CTX *server_ctx, SSL_CTX *client_ctx)
{
    struct result result = {0};
    SSL *accepting = SSL_new(server_ctx), *peer = SSL_new(client_ctx);
    SSL_set_accept_state(accepting);
    SSL_set_connect_state(peer);
    SSL_set1_host(peer, RIGHT_HOST);
    if (kept != NULL) {
        SSL_SESSION *offered = through_a_file(kept);
        SSL_set_session(peer, offered);
        SSL_SESSION_free(offered);
    }
    BIO *one, *other;
    need(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(accepting, one, one);
    SSL_set_bio(peer, other, other);
    char byte = 0;
    int sent = 0, arrived = 0;
    for (int turn = 0; turn < 20 && !result.served; turn++) {
        SSL_do_handshake(peer);
        SSL_do_handshake(accepting);
        if (!sent && SSL_is_init_finished(peer))
            sent = SSL_write(peer, "x", 1) == 1;
        if (!arrived && SSL_is_init_finished(accepting)) {
            arrived = SSL_read(accepting, &byte, 1) == 1 && byte == 'x';
            if (arrived)
                SSL_write(accepting, "y", 1);
        }
        if (arrived)
            result.served = SSL_read(peer, &byte, 1) == 1 && byte == 'y';
    }
    result.resumed = result.served && SSL_session_reused(accepting) && SSL_session_reused(peer);
    const hostlock_error *error = hostlock_conn_error(peer);
    result.client = error == NULL ? 0 : hostlock_error_status(error);
    error = hostlock_conn_error(accepting);
    result.server = error == NULL ? 0 : hostlock_error_status(error);
    SSL_set_shutdown(accepting, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(peer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(accepting);
    SSL_free(peer);
    ERR_clear_error();
    return result;
}

static void trust_ca(SSL_CTX *ctx)
{
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate) == 1, "the store does not take the CA");
}

static void only(SSL_CTX *ctx, int version)
{
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
}

#endif
