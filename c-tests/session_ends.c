/*
 * A session is not resumed once something that its verification rests on has ended: the server's certificate, a CRL, a
 * demanded OCSP answer; on servers the client's certificate, or one that was revoked meanwhile. Each renewed ticket keeps
 * the end. The sessions are the program's own to keep and to set.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>

/* Seconds: long enough for all handshakes before the end, on a busy machine too. */
enum { LIFE = 10, LIFE_UNDER_VALGRIND = 80 };

static struct identity ca;
static time_t the_end;

static void give_pem(X509 *certificate, X509_CRL *crl, int (*take)(SSL_CTX *, const uint8_t *, size_t), SSL_CTX *ctx)
{
    BIO *pem = BIO_new(BIO_s_mem());
    char *text;
    if (certificate != NULL)
        PEM_write_bio_X509(pem, certificate);
    if (crl != NULL)
        PEM_write_bio_X509_CRL(pem, crl);
    long length = BIO_get_mem_data(pem, &text);
    need(take(ctx, (const uint8_t *)text, (size_t)length) == 0, "hostlock takes the PEM");
    BIO_free(pem);
}

static struct identity leaf(const char *name, const char *usage, int ends_soon)
{
    char alternative[64];
    snprintf(alternative, sizeof alternative, "DNS:%s", name);
    struct identity made = issue(&ca, p256(), name, alternative, usage, -1, 30);
    if (ends_soon) {
        ASN1_TIME_set(X509_getm_notAfter(made.certificate), the_end);
        need(X509_sign(made.certificate, ca.key, EVP_sha256()) > 0, "X509_sign");
    }
    return made;
}

/* A CRL of issuer, which lists revoked where that is not NULL. */
static X509_CRL *crl_of(const struct identity *issuer, X509 *revoked, time_t next_update)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *time_ = ASN1_TIME_set(NULL, time(NULL) - 3600);
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer->certificate));
    X509_CRL_set1_lastUpdate(list, time_);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked));
        X509_REVOKED_set_revocationDate(entry, time_);
        X509_CRL_add0_revoked(list, entry);
    }
    ASN1_TIME_set(time_, next_update);
    X509_CRL_set1_nextUpdate(list, time_);
    ASN1_TIME_free(time_);
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ASN1_INTEGER_set(number, 1);
    X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0);
    ASN1_INTEGER_free(number);
    need(X509_CRL_sign(list, issuer->key, EVP_sha256()) > 0, "X509_CRL_sign");
    return list;
}

static X509_CRL *crl(X509 *revoked, time_t next_update)
{
    return crl_of(&ca, revoked, next_update);
}

static unsigned char *answer;
static int answer_length;

static int staples(SSL *ssl, void *argument)
{
    (void)argument;
    unsigned char *copy = OPENSSL_memdup(answer, (size_t)answer_length);
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, answer_length);
    return SSL_TLSEXT_ERR_OK;
}

/* A good answer about certificate that is to be replaced at next_update. */
static void prepare_answer(X509 *certificate, time_t next_update)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), certificate, ca.certificate);
    ASN1_GENERALIZEDTIME *from = ASN1_GENERALIZEDTIME_set(NULL, time(NULL) - 7200);
    ASN1_GENERALIZEDTIME *until = ASN1_GENERALIZEDTIME_set(NULL, next_update);
    OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, until);
    need(OCSP_basic_sign(basic, ca.certificate, ca.key, EVP_sha256(), NULL, 0) == 1, "OCSP_basic_sign");
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    answer_length = i2d_OCSP_RESPONSE(response, &answer);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_GENERALIZEDTIME_free(from);
    ASN1_GENERALIZEDTIME_free(until);
}

enum ground { CERTIFICATE, REVOCATION_LIST, STAPLE, NOTHING, GROUNDS };
static const struct {
    const char *name;
    int status; /* once it has ended */
} grounds[GROUNDS] = {
    [CERTIFICATE] = {"the server's certificate", HOSTLOCK_E_EXPIRED},
    [REVOCATION_LIST] = {"a CRL", HOSTLOCK_E_REVOCATION_STALE},
    [STAPLE] = {"a demanded OCSP answer", HOSTLOCK_E_REVOCATION_STALE},
    [NOTHING] = {"nothing", 0},
};
enum kind { OWN, HARDENED, SEALED, KINDS };
static const char *const kind_names[KINDS] = {"an own client", "a hardened client", "a sealed client"};

/* One server and one client, and the session between them. */
struct pair {
    SSL_CTX *server, *client;
    SSL_SESSION *session;
    int resumed;
    int status;
};

static int meet(struct pair *pair)
{
    SSL *client = SSL_new(pair->client), *server = SSL_new(pair->server);
    SSL_set_tlsext_host_name(client, RIGHT_HOST);
    SSL_set1_host(client, RIGHT_HOST);
    if (pair->session != NULL)
        SSL_set_session(client, pair->session);
    int arrived = meet_in_memory(client, server);
    pair->resumed = SSL_session_reused(server);
    const hostlock_error *error = hostlock_conn_error(client);
    if (error == NULL)
        error = hostlock_conn_error(server);
    pair->status = error == NULL ? 0 : hostlock_error_status(error);
    if (arrived) {
        SSL_SESSION_free(pair->session);
        pair->session = SSL_get1_session(client);
    }
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    return arrived;
}

static void pair_free(struct pair *pair)
{
    SSL_SESSION_free(pair->session);
    SSL_CTX_free(pair->server);
    SSL_CTX_free(pair->client);
}

static SSL_CTX *plain_server(const struct identity *identity, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, identity->certificate);
    SSL_CTX_use_PrivateKey(ctx, identity->key);
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    return ctx;
}

static SSL_CTX *client_of(enum kind kind)
{
    SSL_CTX *ctx = kind == OWN ? hostlock_client_new(NULL) : SSL_CTX_new(TLS_client_method());
    if (kind == OWN)
        give_pem(ca.certificate, NULL, hostlock_ctx_trust_mem, ctx);
    else
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate);
    if (kind == HARDENED)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

static struct pair clients[KINDS][2][GROUNDS];
static int used[KINDS][2][GROUNDS];

static void clients_begin(enum kind kind, const struct identity *lasting, const struct identity *ending)
{
    for (int version = 0; version < 2; version++) {
        for (int ground = 0; ground < GROUNDS; ground++) {
            struct pair *pair = &clients[kind][version][ground];
            pair->server = plain_server(ground == CERTIFICATE ? ending : lasting, both_versions[version]);
            pair->client = client_of(kind);
            if (ground == REVOCATION_LIST) {
                X509_CRL *list = crl(NULL, the_end);
                give_pem(NULL, list, hostlock_ctx_add_crl_mem, pair->client);
                X509_CRL_free(list);
            }
            if (ground == STAPLE) {
                need(hostlock_ctx_set_ocsp_mode(pair->client, "require") == 0, "hostlock_ctx_set_ocsp_mode");
                SSL_CTX_set_tlsext_status_cb(pair->server, staples);
            }
            used[kind][version][ground] = 1;
            int first = meet(pair), full = !pair->resumed, second = meet(pair), one = pair->resumed, third = meet(pair);
            claim(first && full && second && one && third && pair->resumed,
                  "%s, %s: a session that rests on %s is resumed, and the one that this made", kind_names[kind],
                  version_name(both_versions[version]), grounds[ground].name);
        }
    }
}

static void clients_end(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        for (int version = 0; version < 2; version++) {
            for (int ground = 0; ground < GROUNDS; ground++) {
                struct pair *pair = &clients[kind][version][ground];
                if (!used[kind][version][ground])
                    continue;
                int arrived = meet(pair);
                if (ground == NOTHING)
                    claim(arrived && pair->resumed, "%s, %s: where nothing ended it is resumed", kind_names[kind],
                          version_name(both_versions[version]));
                else
                    claim(!arrived && !pair->resumed && pair->status == grounds[ground].status,
                          "%s, %s: once %s has ended a full handshake is made, and refused (%d)", kind_names[kind],
                          version_name(both_versions[version]), grounds[ground].name, pair->status);
                pair_free(pair);
            }
        }
    }
}

/* What becomes of the client's certificate meanwhile. */
enum client_ground { CLIENTS_CERTIFICATE, REVOKED, REVOKED_IN_STORE, LASTS, CLIENT_GROUNDS };
static const struct {
    const char *name;
    int status;
} client_grounds[CLIENT_GROUNDS] = {
    [CLIENTS_CERTIFICATE] = {"has expired", HOSTLOCK_E_EXPIRED},
    [REVOKED] = {"was revoked", HOSTLOCK_E_REVOKED},
    /* The session does not hold the intermediate that issued this one. */
    [REVOKED_IN_STORE] = {"was revoked by a CRL of the store", HOSTLOCK_E_REVOKED},
    [LASTS] = {"lasts", 0},
};
static struct identity middle, below_middle;
static struct pair servers[2][2][CLIENT_GROUNDS]; /* hardened or not, by version */

static SSL_CTX *server_of(int hardened, const struct identity *identity, int version)
{
    SSL_CTX *ctx = hardened ? SSL_CTX_new(TLS_server_method()) : hostlock_server_new(NULL);
    SSL_CTX_use_certificate(ctx, identity->certificate);
    SSL_CTX_use_PrivateKey(ctx, identity->key);
    SSL_CTX_set_max_proto_version(ctx, version);
    if (hardened) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"server", 6);
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    } else {
        give_pem(ca.certificate, NULL, hostlock_ctx_trust_mem, ctx);
    }
    return ctx;
}

static void servers_begin(const struct identity *identity, const struct identity *ending, const struct identity *lasting)
{
    for (int hardened = 0; hardened < 2; hardened++) {
        for (int version = 0; version < 2; version++) {
            for (int ground = 0; ground < CLIENT_GROUNDS; ground++) {
                struct pair *pair = &servers[hardened][version][ground];
                const struct identity *shown = ground == CLIENTS_CERTIFICATE ? ending
                                             : ground == REVOKED_IN_STORE  ? &below_middle
                                                                           : lasting;
                pair->server = server_of(hardened, identity, both_versions[version]);
                pair->client = SSL_CTX_new(TLS_client_method());
                SSL_CTX_use_certificate(pair->client, shown->certificate);
                SSL_CTX_use_PrivateKey(pair->client, shown->key);
                if (ground == REVOKED_IN_STORE)
                    SSL_CTX_add1_chain_cert(pair->client, middle.certificate);
                int first = meet(pair), full = !pair->resumed, second = meet(pair), one = pair->resumed, third = meet(pair);
                claim(first && full && second && one && third && pair->resumed,
                      "%s server, %s: a client's session is resumed, and the one that this made (%d%d%d%d%d, %d)",
                      hardened ? "a hardened" : "an own", version_name(both_versions[version]), first, full, second, one,
                      third, pair->status);
            }
        }
    }
}

static void servers_end(X509 *revoked)
{
    for (int hardened = 0; hardened < 2; hardened++) {
        for (int version = 0; version < 2; version++) {
            for (int ground = 0; ground < CLIENT_GROUNDS; ground++) {
                struct pair *pair = &servers[hardened][version][ground];
                const char *name = hardened ? "a hardened" : "an own", *tls = version_name(both_versions[version]);
                if (ground == REVOKED) {
                    X509_CRL *list = crl(revoked, time(NULL) + 3600);
                    give_pem(NULL, list, hostlock_ctx_add_crl_mem, pair->server);
                    X509_CRL_free(list);
                }
                if (ground == REVOKED_IN_STORE) {
                    X509_CRL *list = crl_of(&middle, below_middle.certificate, time(NULL) + 3600);
                    X509_STORE_add_crl(SSL_CTX_get_cert_store(pair->server), list);
                    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(pair->server), X509_V_FLAG_CRL_CHECK);
                    X509_CRL_free(list);
                }
                int arrived = meet(pair);
                if (ground == LASTS)
                    claim(arrived && pair->resumed, "%s server, %s: a client whose certificate lasts is resumed", name, tls);
                else
                    claim(!arrived && pair->status == client_grounds[ground].status,
                          "%s server, %s: a client whose certificate %s meanwhile is refused, %s (%d)", name, tls,
                          client_grounds[ground].name, pair->resumed ? "resumed" : "in full", pair->status);
                pair_free(pair);
            }
        }
    }
}

int main(void)
{
    ca = issue(NULL, p256(), "The CA of session_ends.c", NULL, NULL, -1, 30);
    the_end = time(NULL) + rounds(LIFE, LIFE_UNDER_VALGRIND);
    struct identity lasting = leaf(RIGHT_HOST, "serverAuth", 0), ending = leaf(RIGHT_HOST, "serverAuth", 1);
    struct identity client_lasting = leaf("client.example", "clientAuth", 0);
    struct identity client_ending = leaf("client.example", "clientAuth", 1);
    middle = issue(&ca, p256(), "The intermediate of session_ends.c", NULL, NULL, -1, 30);
    below_middle = issue(&middle, p256(), "client.example", "DNS:client.example", "clientAuth", -1, 30);
    /* hostlock allows five minutes for clocks that differ. */
    prepare_answer(lasting.certificate, the_end - 300);

    servers_begin(&lasting, &client_ending, &client_lasting);
    clients_begin(OWN, &lasting, &ending);
    clients_begin(HARDENED, &lasting, &ending);
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    clients_begin(SEALED, &lasting, &ending);
    while (time(NULL) <= the_end)
        sleep(1);
    servers_end(client_lasting.certificate);
    clients_end();

    identity_free(&lasting);
    identity_free(&ending);
    identity_free(&client_lasting);
    identity_free(&client_ending);
    identity_free(&middle);
    identity_free(&below_middle);
    identity_free(&ca);
    OPENSSL_free(answer);
    return finish();
}
