/*
 * A program names a host that is none, and does not look at what the call answered. OpenSSL 4.0 refuses more names than
 * 3.0 and leaves none behind. The connection never goes to what a lower source names: it is judged by the name that the
 * program gave. So are several addresses and e-mail addresses, and those that are not ASCII.
 */
#include "support.h"

#include <string.h>

#include <openssl/x509v3.h>

static struct server *right, *impostor, *address, *mail;
static struct identity mail_ca, mail_server;
static int version, sealed;
static const char *kind;

/* A context of the kind in turn, where a lower source names RIGHT_HOST for every connection that names nobody. */
static SSL *connection_below(const char *lower, SSL_CTX **ctx)
{
    if (sealed) {
        *ctx = plain_context();
        need(X509_STORE_add_cert(SSL_CTX_get_cert_store(*ctx), trusted_ca()) == 1, "the store does not take the CA");
    } else {
        *ctx = client_context();
        need(hostlock_ctx_set_host(*ctx, lower) == 0, "hostlock_ctx_set_host");
    }
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(*ctx), mail_ca.certificate) == 1, "the store does not take the CA");
    SSL *ssl = SSL_new(*ctx);
    need(ssl != NULL, "SSL_new");
    if (sealed)
        need(SSL_set_tlsext_host_name(ssl, lower) == 1, "SSL_set_tlsext_host_name");
    return ssl;
}

static void meet(SSL *ssl, SSL_CTX *ctx, struct server *server, struct outcome *outcome)
{
    converse(ssl, server, outcome);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static const struct {
    const char *name;
    int status;
} not_right[] = {
    {RIGHT_HOST ":443", HOSTLOCK_E_BAD_HOST},
    {"-" RIGHT_HOST, HOSTLOCK_E_BAD_HOST},
    {RIGHT_HOST "-", HOSTLOCK_E_BAD_HOST},
    {"right..example", HOSTLOCK_E_BAD_HOST},
    {"*.example", HOSTLOCK_E_BAD_HOST},
    {" " RIGHT_HOST, HOSTLOCK_E_BAD_HOST},
    {"https://" RIGHT_HOST "/", HOSTLOCK_E_BAD_HOST},
    {"[2001:db8::1]", HOSTLOCK_E_BAD_HOST},
    {"r\xc3\xa4ght.example", HOSTLOCK_E_BAD_HOST},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", HOSTLOCK_E_BAD_HOST},
    {"x", HOSTLOCK_E_HOST_MISMATCH},
    {OTHER_HOST ".", HOSTLOCK_E_HOST_MISMATCH},
};

static void hosts(void)
{
    SSL_CTX *ctx;
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(not_right) / sizeof(not_right[0]); i++) {
        SSL *ssl = connection_below(RIGHT_HOST, &ctx);
        SSL_set1_host(ssl, not_right[i].name);
        meet(ssl, ctx, right, &outcome);
        claim_refused(&outcome, not_right[i].status, "%s: SSL_set1_host(\"%s\") does not fall to a lower source on %s",
                      kind, not_right[i].name, version_name(version));
        ssl = connection_below(RIGHT_HOST, &ctx);
        SSL_add1_host(ssl, not_right[i].name);
        meet(ssl, ctx, right, &outcome);
        claim_refused(&outcome, not_right[i].status, "%s: SSL_add1_host(\"%s\") does not fall to a lower source on %s",
                      kind, not_right[i].name, version_name(version));
    }
    struct server *const servers[] = {right, impostor};
    for (int i = 0; i < 2; i++) {
        SSL *ssl = connection_below(OTHER_HOST, &ctx);
        SSL_set1_host(ssl, RIGHT_HOST ".");
        meet(ssl, ctx, servers[i], &outcome);
        if (i == 0)
            claim_passes(&outcome, "%s: SSL_set1_host(\"" RIGHT_HOST ".\") is that host on %s", kind,
                         version_name(version));
        else
            claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: and no other host on %s", kind,
                          version_name(version));
    }
}

/* A naming that leaves no trace of the call, so that the lower source counts. */
static void no_naming(const char *what, void name(SSL *))
{
    SSL_CTX *ctx;
    struct outcome outcome;
    struct server *const servers[] = {right, impostor};
    for (int i = 0; i < 2; i++) {
        SSL *ssl = connection_below(RIGHT_HOST, &ctx);
        name(ssl);
        meet(ssl, ctx, servers[i], &outcome);
        if (i == 0)
            claim_passes(&outcome, "%s: %s is no naming, so the lower source counts on %s", kind, what,
                         version_name(version));
        else
            claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: and no other host on %s", kind,
                          version_name(version));
    }
}

/* OpenSSL's manual: an empty name clears what was named. */
static void empty_host(SSL *ssl)
{
    SSL_set1_host(ssl, "");
}

static void on_context(void)
{
    SSL_CTX *ctx;
    struct outcome outcome;
    SSL *first = connection_below(RIGHT_HOST, &ctx);
    SSL_free(first);
    X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(ctx), RIGHT_HOST ":443", 0);
    SSL *ssl = SSL_new(ctx);
    SSL_set_tlsext_host_name(ssl, RIGHT_HOST);
    meet(ssl, ctx, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_BAD_HOST, "%s: nor does a naming in the context's parameters on %s", kind,
                  version_name(version));
}

static void e_mail_of_length(const char *first, size_t length, const char *second, int status, const char *claimed)
{
    SSL_CTX *ctx;
    struct outcome outcome;
    SSL *ssl = connection_below(RIGHT_HOST, &ctx);
    SSL_free(ssl);
    /* Connections have a copy. */
    X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set1_email(parameters, first, length);
#if OPENSSL_VERSION_NUMBER >= 0x40000000L
    if (second != NULL)
        X509_VERIFY_PARAM_add1_rfc822(parameters, second, 0);
#else
    (void)second;
#endif
    ssl = SSL_new(ctx);
    SSL_set_tlsext_host_name(ssl, RIGHT_HOST);
    meet(ssl, ctx, mail, &outcome);
    if (status == 0)
        claim_passes(&outcome, "%s: %s on %s", kind, claimed, version_name(version));
    else
        claim_refused(&outcome, status, "%s: %s on %s", kind, claimed, version_name(version));
}

static void e_mail(const char *first, const char *second, int status, const char *claimed)
{
    e_mail_of_length(first, strlen(first), second, status, claimed);
}

static const char with_nul[] = "b@mail.example\0.org";

#if OPENSSL_VERSION_NUMBER >= 0x40000000L
/* OpenSSL refuses it before it asks anybody. */
static void e_mail_with_nul(SSL *ssl)
{
    need(X509_VERIFY_PARAM_set1_email(SSL_get0_param(ssl), with_nul, sizeof(with_nul) - 1) == 0, "a NUL was taken");
}
#endif

static void e_mails(void)
{
#if OPENSSL_VERSION_NUMBER >= 0x40000000L
    no_naming("an e-mail address with a NUL inside, which OpenSSL refuses,", e_mail_with_nul);
#else
    e_mail_of_length(with_nul, sizeof(with_nul) - 1, NULL, HOSTLOCK_E_BAD_HOST,
                     "an e-mail address with a NUL inside is nobody's");
#endif
    e_mail("b@mail.example", NULL, 0, "an e-mail address that the certificate holds");
    e_mail("c@mail.example", NULL, HOSTLOCK_E_HOST_MISMATCH, "an e-mail address that it does not hold");
    e_mail("b", NULL, HOSTLOCK_E_BAD_HOST, "an e-mail address that is none");
    e_mail("b\xc3\xa4rbel@mail.example", NULL, HOSTLOCK_E_BAD_HOST, "an e-mail address that is not ASCII is refused");
#if OPENSSL_VERSION_NUMBER >= 0x40000000L
    e_mail("a@mail.example", "b@mail.example", 0, "the second of two e-mail addresses counts");
    e_mail("a@mail.example", "c@mail.example", HOSTLOCK_E_HOST_MISMATCH, "neither of two e-mail addresses fits");
    e_mail("b@mail.example", "c", HOSTLOCK_E_BAD_HOST, "a second e-mail address that is none");
#endif
}

static void addresses(void)
{
#if OPENSSL_VERSION_NUMBER >= 0x40000000L
    static const struct {
        const char *first, *second;
        int status;
    } pairs[] = {
        {RIGHT_ADDRESS, "192.0.2.2", 0},
        {"192.0.2.2", RIGHT_ADDRESS, 0},
        {"2001:db8::1", RIGHT_ADDRESS, 0},
        {"192.0.2.2", "192.0.2.3", HOSTLOCK_E_HOST_MISMATCH},
    };
    SSL_CTX *ctx;
    struct outcome outcome;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        SSL *ssl = connection_below(RIGHT_HOST, &ctx);
        need(SSL_add1_ipaddr(ssl, pairs[i].first) == 1 && SSL_add1_ipaddr(ssl, pairs[i].second) == 1, "SSL_add1_ipaddr");
        meet(ssl, ctx, address, &outcome);
        if (pairs[i].status == 0)
            claim_passes(&outcome, "%s: of the addresses %s and %s one fits on %s", kind, pairs[i].first, pairs[i].second,
                         version_name(version));
        else
            claim_refused(&outcome, pairs[i].status, "%s: of the addresses %s and %s none fits on %s", kind,
                          pairs[i].first, pairs[i].second, version_name(version));
    }
    SSL *ssl = connection_below(RIGHT_HOST, &ctx);
    X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), (const unsigned char *)"12345", 5);
    meet(ssl, ctx, right, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_BAD_HOST, "%s: an address of five octets does not fall to a lower source on %s",
                  kind, version_name(version));
#endif
}

static void all(const char *of_kind)
{
    kind = of_kind;
    for (int i = 0; i < 2; i++) {
        version = both_versions[i];
        right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
        impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
        address = server_new(&(struct manner){.identity = identity(ADDRESS), .version = version});
        mail = server_new(&(struct manner){.identity = &mail_server, .version = version});
        hosts();
        no_naming("SSL_set1_host(\"\")", empty_host);
        on_context();
        e_mails();
        addresses();
        server_free(right);
        server_free(impostor);
        server_free(address);
        server_free(mail);
    }
}

int main(void)
{
    mail_ca = issue(NULL, p256(), "mail CA", NULL, NULL, -1, 30);
    mail_server = issue(&mail_ca, p256(), "mail", "DNS:" RIGHT_HOST ",email:b@mail.example", "serverAuth", -1, 30);
    all(on_hardened_context() ? "hardened" : "own");
    if (!on_hardened_context()) {
        need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
        sealed = 1;
        all("sealed");
    }
    identity_free(&mail_server);
    identity_free(&mail_ca);
    return finish();
}
