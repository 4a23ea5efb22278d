/*
 * Which host a connection is for, whoever names it: hostlock_conn_set_host, SSL_set1_host or the connection's
 * X509_VERIFY_PARAM, the context, the SNI. What is not named is refused.
 */
#include "support.h"

#include <string.h>

#include <openssl/x509v3.h>

/* The ways to name a host, to a context and to a connection. */
enum way {
    NOTHING,
    CTX_SET_HOST,       /* hostlock_ctx_set_host */
    CTX_PARAMETERS,     /* SSL_CTX_get0_param and X509_VERIFY_PARAM_set1_host */
    CTX_SET1_PARAM,     /* SSL_CTX_set1_param */
    CTX_FROM_SNI,       /* hostlock_ctx_set_host_from_sni */
    CONN_SET_HOST,      /* hostlock_conn_set_host */
    CONN_BAD_HOST,      /* the same, refused with HOSTLOCK_E_BAD_HOST */
    SET1_HOST,          /* SSL_set1_host */
    ADD1_HOST,          /* SSL_add1_host */
    PARAMETERS,         /* X509_VERIFY_PARAM_set1_host */
    PARAMETERS_REFUSED, /* the same with a NUL inside, which OpenSSL refuses */
    LAXER_FLAGS,        /* X509_VERIFY_PARAM_set_hostflags, as CPython does it */
    SET1_IP,            /* X509_VERIFY_PARAM_set1_ip_asc */
    SNI,                /* SSL_set_tlsext_host_name */
};

struct step {
    enum way way;
    const char *name;
};

static void on_context(SSL_CTX *ctx, const struct step *step)
{
    X509_VERIFY_PARAM *parameters;
    switch (step->way) {
    case CTX_SET_HOST:
        need(hostlock_ctx_set_host(ctx, step->name) == 0, "hostlock_ctx_set_host");
        break;
    case CTX_PARAMETERS:
        need(X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(ctx), step->name, 0) == 1, "X509_VERIFY_PARAM_set1_host");
        break;
    case CTX_SET1_PARAM:
        parameters = X509_VERIFY_PARAM_new();
        need(X509_VERIFY_PARAM_set1_host(parameters, step->name, 0) == 1, "X509_VERIFY_PARAM_set1_host");
        need(SSL_CTX_set1_param(ctx, parameters) == 1, "SSL_CTX_set1_param");
        X509_VERIFY_PARAM_free(parameters);
        break;
    case CTX_FROM_SNI:
        need(hostlock_ctx_set_host_from_sni(ctx, true) == 0, "hostlock_ctx_set_host_from_sni");
        break;
    default:
        break;
    }
}

static void on_connection(SSL *ssl, const struct step *step)
{
    static const char with_nul[] = RIGHT_HOST "\0.evil.example";
    X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
    switch (step->way) {
    case CONN_SET_HOST:
        need(hostlock_conn_set_host(ssl, step->name) == 0, "hostlock_conn_set_host");
        break;
    case CONN_BAD_HOST:
        need(hostlock_conn_set_host(ssl, step->name) == HOSTLOCK_E_BAD_HOST, "a bad host was taken");
        break;
    case SET1_HOST:
        /* OpenSSL 4.0 refuses some names here; what then holds is the claim. */
        (void)SSL_set1_host(ssl, step->name);
        break;
    case ADD1_HOST:
        need(SSL_add1_host(ssl, step->name) == 1, "SSL_add1_host");
        break;
    case PARAMETERS:
        need(X509_VERIFY_PARAM_set1_host(parameters, step->name, 0) == 1, "X509_VERIFY_PARAM_set1_host");
        break;
    case PARAMETERS_REFUSED:
        need(X509_VERIFY_PARAM_set1_host(parameters, with_nul, sizeof(with_nul) - 1) == 0, "a NUL was taken");
        break;
    case LAXER_FLAGS:
        X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT);
        break;
    case SET1_IP:
        need(X509_VERIFY_PARAM_set1_ip_asc(parameters, step->name) == 1, "X509_VERIFY_PARAM_set1_ip_asc");
        break;
    case SNI:
        need(SSL_set_tlsext_host_name(ssl, step->name) == 1, "SSL_set_tlsext_host_name");
        break;
    default:
        break;
    }
}

/* A handshake of a client that took these steps, with the server of `who`. */
static void take(const struct step steps[3], int version, enum who who, struct outcome *outcome)
{
    struct server *server = server_new(&(struct manner){.identity = identity(who), .version = version});
    SSL_CTX *ctx = client_context();
    for (int i = 0; i < 3; i++)
        on_context(ctx, &steps[i]);
    SSL *ssl = SSL_new(ctx);
    for (int i = 0; i < 3; i++)
        on_connection(ssl, &steps[i]);
    converse(ssl, server, outcome);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* With each of these RIGHT_HOST connects, and an impostor of it is refused. */
static const struct {
    const char *claim;
    struct step steps[3];
} name_the_right_host[] = {
    {"hostlock_conn_set_host", {{CONN_SET_HOST, RIGHT_HOST}}},
    {"SSL_set1_host", {{SET1_HOST, RIGHT_HOST}}},
    {"hostlock_conn_set_host and SSL_set1_host", {{CONN_SET_HOST, RIGHT_HOST}, {SET1_HOST, RIGHT_HOST}}},
    {"X509_VERIFY_PARAM_set1_host", {{PARAMETERS, RIGHT_HOST}}},
    {"X509_VERIFY_PARAM_set1_host with host flags", {{LAXER_FLAGS, NULL}, {PARAMETERS, RIGHT_HOST}}},
    {"SSL_add1_host", {{SET1_HOST, "elsewhere.example"}, {ADD1_HOST, RIGHT_HOST}}},
    {"X509_VERIFY_PARAM_set1_host(NULL) after hostlock_conn_set_host",
     {{CONN_SET_HOST, RIGHT_HOST}, {PARAMETERS, NULL}, {SET1_HOST, NULL}}},
    {"hostlock_ctx_set_host", {{CTX_SET_HOST, RIGHT_HOST}}},
    {"hostlock_ctx_set_host and SSL_set1_host(NULL)",
     {{CTX_SET_HOST, RIGHT_HOST}, {SET1_HOST, RIGHT_HOST}, {SET1_HOST, NULL}}},
    {"the context's X509_VERIFY_PARAM", {{CTX_PARAMETERS, RIGHT_HOST}}},
    {"SSL_CTX_set1_param", {{CTX_SET1_PARAM, RIGHT_HOST}}},
    {"hostlock_ctx_set_host_from_sni", {{CTX_FROM_SNI, NULL}, {SNI, RIGHT_HOST}}},
    {"the SNI of one host and the identity of another", {{CONN_SET_HOST, RIGHT_HOST}, {SNI, OTHER_HOST}}},
    {"the same by SSL_set1_host", {{SNI, OTHER_HOST}, {SET1_HOST, RIGHT_HOST}}},
    {"the same where the SNI may stand for the host",
     {{CTX_FROM_SNI, NULL}, {CONN_SET_HOST, RIGHT_HOST}, {SNI, OTHER_HOST}}},
};

/* Each of these is refused by its own status, even where the server of `who` would be the right one. */
static const struct {
    const char *claim;
    int status;
    enum who who;
    struct step steps[3];
} refused[] = {
    {"no host at all", HOSTLOCK_E_NO_HOST, RIGHT, {{NOTHING, NULL}}},
    {"SSL_set1_host(\"\")", HOSTLOCK_E_NO_HOST, RIGHT, {{SET1_HOST, ""}}},
    {"hostlock_conn_set_host(\"\")", HOSTLOCK_E_POISONED, RIGHT, {{CONN_BAD_HOST, ""}}},
    {"a host with a NUL", HOSTLOCK_E_NO_HOST, RIGHT, {{PARAMETERS_REFUSED, NULL}}},
    {"SSL_set1_host of a URL", HOSTLOCK_E_BAD_HOST, RIGHT, {{SET1_HOST, "https://" RIGHT_HOST "/"}}},
    {"SSL_set1_host of a suffix", HOSTLOCK_E_BAD_HOST, RIGHT, {{SET1_HOST, ".example"}}},
    {"a bad host after a good one", HOSTLOCK_E_POISONED, RIGHT,
     {{CONN_SET_HOST, RIGHT_HOST}, {CONN_BAD_HOST, RIGHT_HOST ":443"}}},
    {"SSL_set1_host(NULL) after SSL_set1_host", HOSTLOCK_E_NO_HOST, RIGHT, {{SET1_HOST, RIGHT_HOST}, {SET1_HOST, NULL}}},
    {"two hosts that differ, the right one's server", HOSTLOCK_E_HOST_MISMATCH, RIGHT,
     {{CONN_SET_HOST, RIGHT_HOST}, {SET1_HOST, OTHER_HOST}}},
    {"two hosts that differ, the other's server", HOSTLOCK_E_HOST_MISMATCH, IMPOSTOR,
     {{CONN_SET_HOST, RIGHT_HOST}, {SET1_HOST, OTHER_HOST}}},
    {"two hosts that differ the other way", HOSTLOCK_E_HOST_MISMATCH, RIGHT,
     {{SET1_HOST, RIGHT_HOST}, {CONN_SET_HOST, OTHER_HOST}}},
    {"X509_VERIFY_PARAM_set1_ip_asc to an impostor", HOSTLOCK_E_HOST_MISMATCH, IMPOSTOR, {{SET1_IP, RIGHT_ADDRESS}}},
    {"an address by hostlock_conn_set_host to an impostor", HOSTLOCK_E_HOST_MISMATCH, IMPOSTOR,
     {{CONN_SET_HOST, RIGHT_ADDRESS}}},
    {"another address", HOSTLOCK_E_HOST_MISMATCH, ADDRESS, {{SET1_IP, "192.0.2.2"}}},
    {"a host and an address that no certificate holds both", HOSTLOCK_E_HOST_MISMATCH, RIGHT,
     {{SET1_HOST, RIGHT_HOST}, {SET1_IP, RIGHT_ADDRESS}}},
};

/* What goes over the wire as SNI, where the handshake succeeds. */
static const struct {
    const char *claim;
    enum who who;
    struct step steps[3];
    const char *sni;
} sent[] = {
    {"hostlock_conn_set_host sends the host as SNI", RIGHT, {{CONN_SET_HOST, RIGHT_HOST}}, RIGHT_HOST},
    {"an SNI of the program's own is left alone", RIGHT, {{SNI, OTHER_HOST}, {SET1_HOST, RIGHT_HOST}}, OTHER_HOST},
    {"X509_VERIFY_PARAM_set1_ip_asc: the address connects and is not sent", ADDRESS, {{SET1_IP, RIGHT_ADDRESS}}, ""},
    {"hostlock_conn_set_host: the address connects and is not sent", ADDRESS, {{CONN_SET_HOST, RIGHT_ADDRESS}}, ""},
};

static void names(const char *words, const struct step steps[3], int version)
{
    struct outcome outcome;
    take(steps, version, RIGHT, &outcome);
    claim_passes(&outcome, "%s: the right host connects on %s", words, version_name(version));
    take(steps, version, IMPOSTOR, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: the impostor is refused on %s", words,
                  version_name(version));
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

int main(void)
{
    const struct step sni_alone[3] = {{SNI, RIGHT_HOST}};
    struct outcome outcome;
    for (int i = 0; i < 2; i++) {
        int version = both_versions[i];
        for (size_t row = 0; row < COUNT(name_the_right_host); row++)
            names(name_the_right_host[row].claim, name_the_right_host[row].steps, version);
        for (size_t row = 0; row < COUNT(refused); row++) {
            take(refused[row].steps, version, refused[row].who, &outcome);
            claim_refused(&outcome, refused[row].status, "%s is refused on %s", refused[row].claim,
                          version_name(version));
        }
        for (size_t row = 0; row < COUNT(sent); row++) {
            take(sent[row].steps, version, sent[row].who, &outcome);
            claim(outcome.got == 4 && strcmp(outcome.server.sni, sent[row].sni) == 0, "%s on %s", sent[row].claim,
                  version_name(version));
        }
        /* Only a context that someone else made takes the SNI for the host unasked. */
        if (on_hardened_context()) {
            names("an SNI alone", sni_alone, version);
        } else {
            take(sni_alone, version, RIGHT, &outcome);
            claim_refused(&outcome, HOSTLOCK_E_NO_HOST, "an SNI alone is refused on %s", version_name(version));
        }
    }
    return finish();
}
