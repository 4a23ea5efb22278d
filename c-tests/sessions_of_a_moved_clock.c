/*
 * A session does not outlive what its verification rests on: the certificates of the chain, the CRLs, a demanded OCSP
 * answer, and a greatest age that no renewal extends. The clock of this process is moved, so nothing waits.
 */
#define _GNU_SOURCE
#define HOSTLOCK_ALLOW_INSECURE
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ocsp.h>

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

/* The CA lives for 400 days, each certificate for so many as it says. */
static struct identity ca, lasting, brief_one, visitor, brief_visitor, other_visitor;
static struct identity brief_ca, below_brief, visitor_below, brief_responder;

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

/* A good answer about `lasting`, in force for so many seconds. */
static long staple_lasts;
/* Who signs it in the CA's place, where that is not NULL. */
static const struct identity *responder;

static int staple(SSL *ssl, void *argument)
{
    (void)argument;
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), lasting.certificate, ca.certificate);
    ASN1_TIME *from = X509_gmtime_adj(NULL, -60), *until = X509_gmtime_adj(NULL, staple_lasts);
    OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, until);
    const struct identity *signer = responder == NULL ? &ca : responder;
    need(OCSP_basic_sign(basic, signer->certificate, signer->key, EVP_sha256(), NULL, responder == NULL ? OCSP_NOCERTS : 0) == 1,
         "signing an OCSP answer");
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *der = NULL;
    int length = i2d_OCSP_RESPONSE(response, &der);
    SSL_set_tlsext_status_ocsp_resp(ssl, der, length);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return SSL_TLSEXT_ERR_OK;
}

static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
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

/* A plain server that resumes whatever it knows, for years. */
static SSL_CTX *plain_server(const struct identity *who, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    with_certificate(ctx, who);
    only(ctx, version);
    SSL_CTX_set_timeout(ctx, 1000 * DAY);
    SSL_CTX_set_tlsext_status_cb(ctx, NULL);
    return ctx;
}

enum kind { OWN, HARDENED, SEALED };
static const char *const kind_names[] = {"an own", "a hardened", "a sealed"};

static SSL_CTX *client(enum kind kind)
{
    SSL_CTX *ctx = kind == OWN ? hostlock_client_new(NULL) : SSL_CTX_new(TLS_client_method());
    need(ctx != NULL, "a client's context");
    trust_ca(ctx);
    if (kind == HARDENED)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    return ctx;
}

/* Whether a session of now is resumed `before` seconds from now and no more `after` seconds from now. */
static void ends(SSL_CTX *server_ctx, SSL_CTX *ctx, long before, long after, int status, const char *what, enum kind kind,
                 int version)
{
    long start = ahead;
    forget();
    struct result result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed && kept != NULL, "%s client has a session that rests on %s, on %s",
          kind_names[kind], what, version_name(version));
    ahead = start + before;
    result = talk(server_ctx, ctx);
    claim(result.served && result.resumed, "  it is resumed before the end");
    if (!result.resumed)
        note("served %d, client %d, server %d", result.served, result.client, result.server);
    ahead = start + after;
    result = talk(server_ctx, ctx);
    claim(!result.resumed, "  neither it nor what renewed it is resumed after the end");
    claim(status == 0 ? result.served : !result.served && result.client == status,
          status == 0 ? "  a full handshake is made in its place" : "  a full handshake is made, and refused");
    if (status == 0) {
        result = talk(server_ctx, ctx);
        claim(result.served && result.resumed, "  whose session is resumed");
    }
    ahead = start;
    forget();
}

static void a_crl(SSL_CTX *ctx)
{
    add_list(ctx, 6 * HOUR, NULL);
}

static void give_to_the_store(SSL_CTX *ctx, long seconds)
{
    X509_CRL *crl = list(seconds, NULL);
    need(X509_STORE_add_crl(SSL_CTX_get_cert_store(ctx), crl) == 1, "X509_STORE_add_crl");
    X509_CRL_free(crl);
}

static void a_crl_that_the_store_checks(SSL_CTX *ctx)
{
    give_to_the_store(ctx, 6 * HOUR);
    X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_CRL_CHECK);
}

static void a_crl_of_the_store_and_an_older_one(SSL_CTX *ctx)
{
    give_to_the_store(ctx, 6 * HOUR);
    give_to_the_store(ctx, -30);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_CRL_CHECK);
}

static void a_crl_in_mode(SSL_CTX *ctx, const char *mode)
{
    a_crl(ctx);
    need(hostlock_ctx_set_crl_mode(ctx, mode) == 0, "hostlock_ctx_set_crl_mode");
}

static void a_crl_that_might_be_missing(SSL_CTX *ctx)
{
    a_crl_in_mode(ctx, "leaf+soft");
}

static void a_crl_that_may_be_expired(SSL_CTX *ctx)
{
    a_crl_in_mode(ctx, "chain+expired");
}

static void a_moment(SSL_CTX *ctx)
{
    need(hostlock_ctx_set_verify_time(ctx, time(NULL)) == 0, "hostlock_ctx_set_verify_time");
}

static void no_date(SSL_CTX *ctx)
{
    need(hostlock_insecure_no_time(ctx, "a test") == 0, "hostlock_insecure_no_time");
}

/* What the session of a client rests on, when it ends, and how the full handshake in its place does. */
static const struct {
    const char *name;
    const struct identity *server;
    void (*set_up)(SSL_CTX *);
    long before, after;
    int status;
    enum { EVERY_CLIENT, SEALED_ONLY, NOT_SEALED } whose;
} grounds[] = {
    {"a certificate", &brief_one, NULL, 5 * HOUR, 7 * HOUR, HOSTLOCK_E_EXPIRED, EVERY_CLIENT},
    {"an intermediate certificate", &below_brief, NULL, 5 * HOUR, 7 * HOUR, HOSTLOCK_E_EXPIRED, NOT_SEALED},
    {"nothing that ends soon", &lasting, NULL, 23 * HOUR, 25 * HOUR, 0, EVERY_CLIENT},
    {"a CRL", &lasting, a_crl, 5 * HOUR, 6 * HOUR + 1, HOSTLOCK_E_REVOCATION_STALE, NOT_SEALED},
    {"a CRL", &lasting, a_crl_that_the_store_checks, 5 * HOUR, 6 * HOUR + 1, HOSTLOCK_E_REVOCATION_STALE, SEALED_ONLY},
    {"a CRL of the program's own store", &lasting, a_crl_of_the_store_and_an_older_one, 5 * HOUR, 6 * HOUR + 1,
     HOSTLOCK_E_REVOCATION_STALE, NOT_SEALED},
    {"a CRL that might be missing", &lasting, a_crl_that_might_be_missing, 5 * HOUR, 6 * HOUR + 1,
     HOSTLOCK_E_REVOCATION_STALE, NOT_SEALED},
    {"a CRL that may be expired", &lasting, a_crl_that_may_be_expired, 7 * HOUR, 25 * HOUR, 0, NOT_SEALED},
    /* Judged by another moment than now, or by none: no date ends the session before its day. */
    {"a moment that the program set", &brief_one, a_moment, 23 * HOUR, 25 * HOUR, 0, NOT_SEALED},
    {"no date at all", &brief_one, no_date, 23 * HOUR, 25 * HOUR, 0, NOT_SEALED},
};

/* Each renewal is of an hour, and none begins the day anew. */
static void is_renewed_for_a_day(enum kind kind, int version)
{
    SSL_CTX *server_ctx = plain_server(&lasting, version), *ctx = client(kind);
    long start = ahead;
    int renewed = 0;
    forget();
    struct result result = talk(server_ctx, ctx);
    for (int hour = 1; hour < 24; hour++) {
        ahead = start + hour * HOUR;
        result = talk(server_ctx, ctx);
        renewed += result.resumed;
    }
    claim(renewed == 23, "%s client has a session that is renewed every hour, on %s", kind_names[kind],
          version_name(version));
    ahead = start + DAY;
    result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed, "  and not after a day");
    ahead = start;
    forget();
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
}

/* An answer is good for some minutes longer than it says, and its session as long. */
static void rests_on_an_answer(enum kind kind, int version)
{
    SSL_CTX *server_ctx = plain_server(&lasting, version), *ctx = client(kind);
    SSL_CTX_set_tlsext_status_cb(server_ctx, staple);
    need(hostlock_ctx_set_ocsp_mode(ctx, "require") == 0, "hostlock_ctx_set_ocsp_mode");
    long made = ahead;
    staple_lasts = 6 * HOUR;
    forget();
    struct result result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed, "%s client has a session that rests on a demanded OCSP answer, on %s",
          kind_names[kind], version_name(version));
    ahead = made + 5 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  it is resumed before the end");
    ahead = made + 6 * HOUR + 240;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  and within the skew that answers are granted");
    ahead = made + 6 * HOUR + 400;
    result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed, "  and not after it");
    ahead = made;
    forget();

    responder = &brief_responder;
    staple_lasts = 30 * DAY;
    result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed, "  an answer is demanded that a responder signs whose certificate ends earlier");
    ahead = made + 5 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  its session is resumed before that");
    ahead = made + 6 * HOUR + 400;
    result = talk(server_ctx, ctx);
    claim(!result.served && !result.resumed, "  and not after it, when the answer is good for nothing");
    ahead = made;
    responder = NULL;
    forget();
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
}

static void clients(enum kind kind, int version)
{
    for (size_t i = 0; i < sizeof(grounds) / sizeof(grounds[0]); i++) {
        if (grounds[i].whose == (kind == SEALED ? NOT_SEALED : SEALED_ONLY))
            continue;
        SSL_CTX *server_ctx = plain_server(grounds[i].server, version), *ctx = client(kind);
        if (grounds[i].set_up != NULL)
            grounds[i].set_up(ctx);
        ends(server_ctx, ctx, grounds[i].before, grounds[i].after, grounds[i].status, grounds[i].name, kind, version);
        SSL_CTX_free(ctx);
        SSL_CTX_free(server_ctx);
    }
    is_renewed_for_a_day(kind, version);
    if (kind != SEALED)
        rests_on_an_answer(kind, version);
}

static SSL_CTX *server(enum kind kind, int version, int by_id)
{
    SSL_CTX *ctx = kind == OWN ? hostlock_server_new(NULL) : SSL_CTX_new(TLS_server_method());
    with_certificate(ctx, &lasting);
    trust_ca(ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    SSL_CTX_set_timeout(ctx, 1000 * DAY);
    only(ctx, version);
    if (by_id)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (kind == HARDENED)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

/* A plain client with a certificate, which offers whatever it has. */
static SSL_CTX *visiting(const struct identity *who)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    with_certificate(ctx, who);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    return ctx;
}

static void serves(enum kind kind, int version, int by_id)
{
    const char *how = by_id ? " by id" : "";
    SSL_CTX *server_ctx = server(kind, version, by_id), *ctx = visiting(&brief_visitor);
    long start = ahead;
    forget();
    struct result result = talk(server_ctx, ctx);
    claim(result.served && kept != NULL, "%s server takes a client's certificate on %s%s", kind_names[kind],
          version_name(version), how);
    ahead = start + 3 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  and resumes its session");
    ahead = start + 5 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  and what renewed it");
    ahead = start + 7 * HOUR;
    result = talk(server_ctx, ctx);
    claim(!result.served && result.server == HOSTLOCK_E_EXPIRED, "  and neither after the certificate's end");
    /* A limit of 0 seconds would end the handshake. The clock goes on meanwhile, so each second about the end is tried. */
    int broken = 0, kept_up = 0;
    for (long left = 3; left >= -1; left--) {
        ahead = start + 6 * HOUR - left;
        forget();
        result = talk(server_ctx, ctx);
        broken += result.served ? 0 : result.server != HOSTLOCK_E_EXPIRED;
        for (int second = 1; second < 5 && kept != NULL; second++) {
            ahead++;
            result = talk(server_ctx, ctx);
            broken += result.served ? 0 : result.server != HOSTLOCK_E_EXPIRED;
            kept_up += result.resumed && left - second < -1;
        }
    }
    claim(broken == 0, "  in a certificate's last seconds a handshake is whole, or refused for the certificate");
    claim(kept_up == 0, "  and no session of those seconds lasts longer than the certificate");
    ahead = start;
    SSL_CTX_free(ctx);

    forget();
    ctx = visiting(&visitor);
    result = talk(server_ctx, ctx);
    ahead = start + 23 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  a session is resumed for a day");
    ahead = start + 25 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed, "  and not longer, renewed or not");
    ahead = start;
    forget();

    result = talk(server_ctx, ctx);
    add_list(server_ctx, 30 * DAY, &other_visitor);
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  a CRL that does not list the client does not end its session");
    add_list(server_ctx, 30 * DAY, &visitor);
    result = talk(server_ctx, ctx);
    claim(!result.served && result.server == HOSTLOCK_E_REVOKED, "  a client that was revoked meanwhile is refused");
    if (result.server != HOSTLOCK_E_REVOKED)
        note("served %d resumed %d status %d", result.served, result.resumed, result.server);
    forget();
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);

    server_ctx = server(kind, version, by_id);
    ctx = visiting(&visitor);
    add_list(server_ctx, 6 * HOUR, NULL);
    talk(server_ctx, ctx);
    ahead = start + 5 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  a session is resumed while the server's CRL is in force");
    add_list(server_ctx, 30 * DAY, NULL);
    ahead = start + 7 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed, "  and no longer, though a newer one says the same");
    ahead = start;
    forget();
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);

    /* A ticket does not hold the intermediate. */
    server_ctx = server(kind, version, by_id);
    ctx = visiting(&visitor_below);
    need(hostlock_ctx_set_crl_mode(server_ctx, "chain+soft") == 0, "hostlock_ctx_set_crl_mode");
    result = talk(server_ctx, ctx);
    claim(result.served, "  a client below an intermediate is served");
    add_list(server_ctx, 30 * DAY, &other_visitor);
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  and resumes its session where nothing says that it was revoked");
    forget();
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
}

/* `seconds` is the end of its life, from now. */
static struct identity until(const char *name, const char *alternative_names, const char *usage, long seconds)
{
    struct identity made = issue(&ca, p256(), name, alternative_names, usage, -1, 300);
    X509_gmtime_adj(X509_getm_notAfter(made.certificate), seconds);
    need(X509_sign(made.certificate, ca.key, EVP_sha256()) > 0, "signing");
    return made;
}

int main(void)
{
    ca = issue(NULL, p256(), "the CA of this test", NULL, NULL, -10, 400);
    lasting = until("lasting", "DNS:" RIGHT_HOST, "serverAuth", 300 * DAY);
    brief_one = until("brief", "DNS:" RIGHT_HOST, "serverAuth", 6 * HOUR);
    visitor = until("a visitor", "DNS:visitor.example", "clientAuth", 300 * DAY);
    other_visitor = until("another visitor", "DNS:visitor.example", "clientAuth", 300 * DAY);
    brief_visitor = until("a brief visitor", "DNS:visitor.example", "clientAuth", 6 * HOUR);
    brief_responder = until("a brief responder", NULL, "OCSPSigning", 6 * HOUR);
    brief_ca = issue(&ca, p256(), "a brief CA", NULL, NULL, -1, 300);
    X509_gmtime_adj(X509_getm_notAfter(brief_ca.certificate), 6 * HOUR);
    need(X509_sign(brief_ca.certificate, ca.key, EVP_sha256()) > 0, "signing");
    below_brief = issue(&brief_ca, p256(), "below the brief CA", "DNS:" RIGHT_HOST, "serverAuth", -1, 300);
    visitor_below = issue(&brief_ca, p256(), "a visitor below it", "DNS:visitor.example", "clientAuth", -1, 300);
    below_brief.sent_along = visitor_below.sent_along = brief_ca.certificate;
    for (int i = 0; i < 2; i++) {
        for (enum kind kind = OWN; kind <= HARDENED; kind++) {
            clients(kind, both_versions[i]);
            serves(kind, both_versions[i], 0);
            serves(kind, both_versions[i], 1);
        }
    }
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    for (int i = 0; i < 2; i++)
        clients(SEALED, both_versions[i]);
    struct identity *all[] = {&ca, &lasting, &brief_one, &visitor, &other_visitor, &brief_visitor, &brief_ca,
                             &below_brief, &visitor_below, &brief_responder};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        identity_free(all[i]);
    return finish();
}
