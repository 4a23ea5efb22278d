/*
 * Servers whose certificates have ML-DSA keys, where OpenSSL has them (3.5): the right one is verified, others are refused,
 * and a program that wants no other signatures gets none.
 */
#include "support.h"

#include <openssl/err.h>

static int sealed;
static const char *kind;
static struct identity ca, classic_ca;

static SSL *connection(SSL_CTX **ctx)
{
    *ctx = sealed ? plain_context() : client_context();
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(*ctx), ca.certificate) == 1, "the store does not take the CA");
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(*ctx), classic_ca.certificate) == 1, "nor the other");
    SSL *ssl = SSL_new(*ctx);
    need(ssl != NULL && SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
    return ssl;
}

/* status: 0 where the server is to be verified, 1 where the two find no common signature. */
static void meet(const struct identity *server_identity, const char *own_choice, int status, const char *claimed)
{
    struct server *server = server_new(&(struct manner){.identity = server_identity, .version = TLS1_3_VERSION});
    SSL_CTX *ctx;
    SSL *ssl = connection(&ctx);
    if (own_choice != NULL)
        need(SSL_set1_sigalgs_list(ssl, own_choice) == 1, "SSL_set1_sigalgs_list");
    struct outcome outcome;
    converse(ssl, server, &outcome);
    if (status == 0)
        claim_passes(&outcome, "%s: %s", kind, claimed);
    else if (status == 1)
        claim(outcome.connected != 1 && outcome.server.received == 0, "%s: %s", kind, claimed);
    else
        claim_refused(&outcome, status, "%s: %s", kind, claimed);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static EVP_PKEY *key_of(const char *algorithm)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, algorithm);
    ERR_clear_error();
    return key;
}

static void all(const char *of_kind)
{
    static const char *const algorithms[] = {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    kind = of_kind;
    struct identity stranger_ca = issue(NULL, key_of("ML-DSA-65"), "ML-DSA CA", NULL, NULL, -1, 30);
    for (int i = 0; i < 3; i++) {
        struct identity right = issue(&ca, key_of(algorithms[i]), "server", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
        struct identity other = issue(&ca, key_of(algorithms[i]), "server", "DNS:" OTHER_HOST, "serverAuth", -1, 30);
        struct identity old = issue(&ca, key_of(algorithms[i]), "server", "DNS:" RIGHT_HOST, "serverAuth", -2, -1);
        struct identity forged =
            issue(&stranger_ca, key_of(algorithms[i]), "server", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
        meet(&right, NULL, 0, algorithms[i]);
        meet(&other, NULL, HOSTLOCK_E_HOST_MISMATCH, "an impostor with such a key is refused");
        meet(&old, NULL, HOSTLOCK_E_EXPIRED, "an expired certificate with such a key is refused");
        /* Its CA has the trusted one's name, and another key. */
        meet(&forged, NULL, HOSTLOCK_E_UNKNOWN_ISSUER, "a forged certificate with such a key is refused");
        identity_free(&forged);
        identity_free(&old);
        identity_free(&other);
        identity_free(&right);
    }
    struct identity right = issue(&ca, key_of("ML-DSA-65"), "server", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
    struct identity below = issue(&classic_ca, key_of("ML-DSA-65"), "server", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
    struct identity classic = issue(&ca, p256(), "server", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
    meet(&below, NULL, 0, "an ML-DSA key under a CA with an ECDSA key");
    meet(&classic, NULL, 0, "an ECDSA key under a CA with an ML-DSA key");
    meet(&right, "mldsa65", 0, "a program that wants mldsa65 alone gets it");
    meet(&right, "mldsa87", 1, "a program that wants mldsa87 alone gets no mldsa65");
    meet(&classic, "mldsa65", 1, "a program that wants mldsa65 alone gets no ECDSA");
    meet(&right, "ECDSA+SHA256", 1, "a program that wants ECDSA alone gets no mldsa65");
    identity_free(&classic);
    identity_free(&below);
    identity_free(&right);
    identity_free(&stranger_ca);
}

int main(void)
{
    EVP_PKEY *key = key_of("ML-DSA-65");
    if (key == NULL) {
        skip("servers with ML-DSA certificates are verified", "this OpenSSL has no ML-DSA");
        return finish();
    }
    ca = issue(NULL, key, "ML-DSA CA", NULL, NULL, -1, 30);
    classic_ca = issue(NULL, p256(), "ECDSA CA", NULL, NULL, -1, 30);
    all(on_hardened_context() ? "hardened" : "own");
    if (!on_hardened_context()) {
        need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
        sealed = 1;
        all("sealed");
    }
    identity_free(&ca);
    identity_free(&classic_ca);
    return finish();
}
