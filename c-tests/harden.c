/*
 * A program makes an SSL_CTX as careless programs do, in every bad way before hostlock_harden is called, and some again
 * after it. Good peers are spoken to, bad ones refused.
 */
#include "support.h"

#include <string.h>

#include <openssl/x509v3.h>

#define EVERYTHING "ALL:COMPLEMENTOFALL:@SECLEVEL=0"

/* Old programs call what OpenSSL has deprecated since. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* Trusted too: it issues what is beyond the usual cast. */
static struct identity further_ca;

static int accept_every_certificate(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static int accept_every_chain(X509_STORE_CTX *store_ctx, void *argument)
{
    (void)store_ctx, (void)argument;
    return 1;
}

static int permit(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)operation, (void)bits, (void)nid, (void)other, (void)extra;
    return 1;
}

static void nothing(SSL_CTX *ctx)
{
    (void)ctx;
}

static void no_verification(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
}

static void accepting(SSL_CTX *ctx)
{
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_every_certificate);
}

static void accepting_chains(SSL_CTX *ctx)
{
    SSL_CTX_set_cert_verify_callback(ctx, accept_every_chain, NULL);
}

static void weak(SSL_CTX *ctx)
{
    SSL_CTX_set_security_callback(ctx, permit);
    need(SSL_CTX_set_cipher_list(ctx, EVERYTHING) == 1, "SSL_CTX_set_cipher_list");
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_clear_options(ctx, SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_options(ctx, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION | SSL_OP_LEGACY_SERVER_CONNECT |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    need(SSL_CTX_set1_sigalgs_list(ctx, "RSA+SHA1:ECDSA+SHA1:RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256") == 1, "sigalgs");
}

static void old_versions_only(SSL_CTX *ctx)
{
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3);
}

static void unlimited(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
    X509_VERIFY_PARAM_set_auth_level(param, 0);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
}

static void everything(SSL_CTX *ctx)
{
    weak(ctx);
    unlimited(ctx);
    no_verification(ctx);
    accepting_chains(ctx);
}

static const struct carelessness {
    const char *name;
    const SSL_METHOD *(*method)(void);
    void (*before)(SSL_CTX *);
    void (*after)(SSL_CTX *);
} ways[] = {
    {"a new context", TLS_method, nothing, nothing},
    {"SSL_VERIFY_NONE before", TLS_client_method, no_verification, nothing},
    {"SSL_VERIFY_NONE before and after", TLS_method, no_verification, no_verification},
    {"a verify callback that accepts", TLS_client_method, accepting, nothing},
    {"a certificate verify callback that accepts", TLS_method, accepting_chains, nothing},
    {"weak suites, versions, options and signature algorithms", TLS_method, weak, nothing},
    {"the same after", TLS_client_method, nothing, weak},
    {"the same before and after", TLS_method, weak, weak},
    {"verification parameters without limits", TLS_method, unlimited, unlimited},
    {"old versions only", TLS_method, old_versions_only, old_versions_only},
#if OPENSSL_VERSION_NUMBER < 0x40000000L /* which has no methods of one version */
    {"TLSv1_client_method()", TLSv1_client_method, nothing, nothing},
    {"TLSv1_1_method() and everything else", TLSv1_1_method, everything, everything},
#endif
    {"everything before and after", TLS_method, everything, everything},
};

static SSL_CTX *hardened(const struct carelessness *way)
{
    SSL_CTX *ctx = SSL_CTX_new(way->method());
    need(ctx != NULL, "SSL_CTX_new");
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    need(X509_STORE_add_cert(store, trusted_ca()) == 1 && X509_STORE_add_cert(store, further_ca.certificate) == 1,
         "X509_STORE_add_cert");
    way->before(ctx);
    need(hostlock_harden(ctx, NULL, RIGHT_HOST) == 0, hostlock_error_message(hostlock_last_error()));
    way->after(ctx);
    return ctx;
}

static void meet(const struct carelessness *way, const struct manner *manner, struct outcome *outcome)
{
    struct server *server = server_new(manner);
    SSL_CTX *ctx = hardened(way);
    SSL *ssl = SSL_new(ctx);
    SSL_set_connect_state(ssl);
    converse(ssl, server, outcome);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void good_peers(const struct carelessness *way)
{
    struct outcome outcome;
    for (int version = 0; version < 2; version++) {
        meet(way, &(struct manner){.identity = identity(RIGHT), .version = both_versions[version]}, &outcome);
        claim_passes(&outcome, "%s: the right host connects on %s", way->name, version_name(both_versions[version]));
    }
}

static void bad_certificates(const struct carelessness *way)
{
    static const enum who bad[] = {IMPOSTOR, EXPIRED, SELF_SIGNED, UNKNOWN, CN_ONLY, WRONG_USE, WEAK_KEY};
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        for (int version = 0; version < 2; version++) {
            meet(way, &(struct manner){.identity = identity(bad[i]), .version = both_versions[version]}, &outcome);
            claim_refused(&outcome, who_status(bad[i]), "%s: %s is refused on %s", way->name, who_name(bad[i]),
                          version_name(both_versions[version]));
        }
}

/* One dNSName with these octets, which no tool would write. */
static struct identity with_name(const struct identity *issuer, const char *octets, int length)
{
    struct identity made = issue(issuer, p256(), "forged", NULL, "serverAuth", -1, 10);
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    ASN1_STRING_set(text, octets, length);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
    need(X509_add1_ext_i2d(made.certificate, NID_subject_alt_name, names, 0, 0) == 1, "X509_add1_ext_i2d");
    GENERAL_NAMES_free(names);
    need(X509_sign(made.certificate, issuer->key, EVP_sha256()) != 0, "signing failed");
    return made;
}

static void forged_certificates(const struct carelessness *way)
{
    enum { INJECTED, CUT_BY_NUL, BY_SHA1, COUNT };
    static const char *const names[COUNT] = {"injected text in a name", "a NUL in a name", "a SHA-1 signature"};
    static const char injected[] = "other.example, DNS:" RIGHT_HOST, cut[] = RIGHT_HOST "\0.other.example";
    struct identity forged[COUNT];
    forged[INJECTED] = with_name(&further_ca, injected, sizeof(injected) - 1);
    forged[CUT_BY_NUL] = with_name(&further_ca, cut, sizeof(cut) - 1);
    forged[BY_SHA1] = issue(&further_ca, p256(), "by SHA-1", "DNS:" RIGHT_HOST, "serverAuth", -1, 10);
    need(X509_sign(forged[BY_SHA1].certificate, further_ca.key, EVP_sha1()) != 0, "signing by SHA-1 failed");
    for (int i = 0; i < COUNT; i++) {
        struct outcome outcome;
        meet(way, &(struct manner){.identity = &forged[i]}, &outcome);
        claim(outcome.connected != 1 && outcome.server.received == 0 && outcome.status != 0,
              "%s: a certificate with %s is refused", way->name, names[i]);
        identity_free(&forged[i]);
    }
}

static void bad_protocols(const struct carelessness *way)
{
    struct identity with_rsa = issue(&further_ca, fixed_rsa(RSA_2048), "with RSA", "DNS:" RIGHT_HOST, "serverAuth", -1, 10);
    static const struct {
        const char *name;
        int version;
        const char *ciphers;
        int rsa;
    } bad[] = {
        {"TLS 1.0 only", TLS1_VERSION, NULL, 0},
        {"TLS 1.1 only", TLS1_1_VERSION, NULL, 0},
        {"an anonymous suite", TLS1_2_VERSION, "aNULL:@SECLEVEL=0", 0},
        {"a suite without encryption", TLS1_2_VERSION, "eNULL:@SECLEVEL=0", 0},
        {"static RSA", TLS1_2_VERSION, "AES128-GCM-SHA256:AES256-SHA", 1},
        {"a CBC suite", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA", 0},
    };
    struct outcome outcome;
    meet(way, &(struct manner){.identity = &with_rsa, .version = TLS1_2_VERSION}, &outcome);
    claim_passes(&outcome, "%s: a server with an RSA key of 2048 bits is spoken to", way->name);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        meet(way,
             &(struct manner){.identity = bad[i].rsa ? &with_rsa : identity(RIGHT),
                              .version = bad[i].version,
                              .ciphers = bad[i].ciphers},
             &outcome);
        claim(outcome.connected != 1 && outcome.server.received == 0 && !outcome.queue_clean,
              "%s: a server with %s is refused", way->name, bad[i].name);
    }
    identity_free(&with_rsa);
}

int main(void)
{
    further_ca = issue(NULL, p256(), "a further test CA", NULL, NULL, -10, 100);
    int count = rounds(sizeof(ways) / sizeof(ways[0]), 3);
    for (int i = 0; i < count; i++) {
        good_peers(&ways[i]);
        bad_certificates(&ways[i]);
        forged_certificates(&ways[i]);
        bad_protocols(&ways[i]);
    }
    identity_free(&further_ca);
    return finish();
}
