/*
 * A client's session does not outlive what its verification rests on: the certificates of the chain, the CRLs, a demanded
 * OCSP answer, and a greatest age that no renewal extends. The clock of this process is moved, so nothing waits.
 */
#define HOSTLOCK_ALLOW_INSECURE
#include "moved_clock.h"

#include <openssl/ocsp.h>

/* Each ends after six hours, by its own date or its intermediate's. */
static struct identity brief_one, below_brief, brief_responder;

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

int main(void)
{
    make_cas();
    brief_one = until("brief", "DNS:" RIGHT_HOST, "serverAuth", 6 * HOUR);
    brief_responder = until("a brief responder", NULL, "OCSPSigning", 6 * HOUR);
    below_brief = issue(&brief_ca, p256(), "below the brief CA", "DNS:" RIGHT_HOST, "serverAuth", -1, 300);
    below_brief.sent_along = brief_ca.certificate;
    for (int i = 0; i < 2; i++)
        for (enum kind kind = OWN; kind <= HARDENED; kind++)
            clients(kind, both_versions[i]);
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    for (int i = 0; i < 2; i++)
        clients(SEALED, both_versions[i]);
    identity_free(&brief_one);
    identity_free(&below_brief);
    identity_free(&brief_responder);
    forget_cas();
    return finish();
}
