/*
 * Which host a connection is for, whoever names it: hostlock_conn_set_host, SSL_set1_host or the connection's
 * X509_VERIFY_PARAM, the context, the SNI. What is not named is refused.
 */
#include "support.h"

#include <string.h>

#include <openssl/x509v3.h>

static struct server *right, *impostor, *address;
static int version;

static SSL *fresh(SSL_CTX **ctx)
{
    *ctx = client_context();
    return SSL_new(*ctx);
}

static void done(SSL *ssl, SSL_CTX *ctx)
{
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* Both halves of a claim about one way of naming RIGHT_HOST. */
static void way(const char *name, void (*context)(SSL_CTX *), void (*connection)(SSL *))
{
    struct server *const servers[] = {right, impostor};
    for (int i = 0; i < 2; i++) {
        SSL_CTX *ctx = client_context();
        if (context != NULL)
            context(ctx);
        SSL *ssl = SSL_new(ctx);
        if (connection != NULL)
            connection(ssl);
        struct outcome outcome;
        converse(ssl, servers[i], &outcome);
        if (i == 0)
            claim_passes(&outcome, "%s: the right host connects on %s", name, version_name(version));
        else
            claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s: the impostor is refused on %s", name,
                          version_name(version));
        done(ssl, ctx);
    }
}

static void by_hostlock(SSL *ssl)
{
    need(hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "hostlock_conn_set_host");
}

static void by_openssl(SSL *ssl)
{
    need(SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
}

static void by_both(SSL *ssl)
{
    by_hostlock(ssl);
    by_openssl(ssl);
}

static void by_parameters(SSL *ssl)
{
    need(X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), RIGHT_HOST, 0) == 1, "X509_VERIFY_PARAM_set1_host");
}

/* As CPython does it, with flags that ask for OpenSSL's laxer rules. */
static void by_parameters_and_flags(SSL *ssl)
{
    X509_VERIFY_PARAM_set_hostflags(SSL_get0_param(ssl), X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT);
    by_parameters(ssl);
}

static void by_several(SSL *ssl)
{
    need(SSL_set1_host(ssl, "elsewhere.example") == 1 && SSL_add1_host(ssl, RIGHT_HOST) == 1, "SSL_add1_host");
}

static void cleared_after_hostlock(SSL *ssl)
{
    by_hostlock(ssl);
    need(X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), NULL, 0) == 1 && SSL_set1_host(ssl, NULL) == 1, "clearing");
}

static void ctx_by_hostlock(SSL_CTX *ctx)
{
    need(hostlock_ctx_set_host(ctx, RIGHT_HOST) == 0, "hostlock_ctx_set_host");
}

static void ctx_by_parameters(SSL_CTX *ctx)
{
    need(X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(ctx), RIGHT_HOST, 0) == 1, "X509_VERIFY_PARAM_set1_host");
}

static void ctx_by_set1_param(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM *parameters = X509_VERIFY_PARAM_new();
    X509_VERIFY_PARAM_set1_host(parameters, RIGHT_HOST, 0);
    need(SSL_CTX_set1_param(ctx, parameters) == 1, "SSL_CTX_set1_param");
    X509_VERIFY_PARAM_free(parameters);
}

static void ctx_from_sni(SSL_CTX *ctx)
{
    need(hostlock_ctx_set_host_from_sni(ctx, true) == 0, "hostlock_ctx_set_host_from_sni");
}

static void sni_right(SSL *ssl)
{
    SSL_set_tlsext_host_name(ssl, RIGHT_HOST);
}

static void sni_other_after(SSL *ssl)
{
    by_hostlock(ssl);
    SSL_set_tlsext_host_name(ssl, OTHER_HOST);
}

static void sni_other_with_openssl(SSL *ssl)
{
    SSL_set_tlsext_host_name(ssl, OTHER_HOST);
    by_openssl(ssl);
}

static void refused(const char *name, int status, struct server *server, void (*context)(SSL_CTX *),
                    void (*connection)(SSL *))
{
    SSL_CTX *ctx = client_context();
    if (context != NULL)
        context(ctx);
    SSL *ssl = SSL_new(ctx);
    if (connection != NULL)
        connection(ssl);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_refused(&outcome, status, "%s is refused on %s", name, version_name(version));
    done(ssl, ctx);
}

static void empty_by_openssl(SSL *ssl)
{
    SSL_set1_host(ssl, "");
}

static void empty_by_hostlock(SSL *ssl)
{
    need(hostlock_conn_set_host(ssl, "") == HOSTLOCK_E_BAD_HOST, "an empty host was taken");
}

static void nul_by_parameters(SSL *ssl)
{
    static const char name[] = RIGHT_HOST "\0.evil.example";
    need(X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), name, sizeof(name) - 1) == 0, "a NUL was taken");
}

static void url_by_openssl(SSL *ssl)
{
    SSL_set1_host(ssl, "https://" RIGHT_HOST "/");
}

static void suffix_by_openssl(SSL *ssl)
{
    SSL_set1_host(ssl, ".example");
}

static void bad_after_good(SSL *ssl)
{
    by_hostlock(ssl);
    need(hostlock_conn_set_host(ssl, RIGHT_HOST ":443") == HOSTLOCK_E_BAD_HOST, "a port was taken");
}

static void cleared_after_openssl(SSL *ssl)
{
    by_openssl(ssl);
    SSL_set1_host(ssl, NULL);
}

static void two_that_differ(SSL *ssl)
{
    by_hostlock(ssl);
    SSL_set1_host(ssl, OTHER_HOST);
}

static void two_that_differ_the_other_way(SSL *ssl)
{
    SSL_set1_host(ssl, RIGHT_HOST);
    need(hostlock_conn_set_host(ssl, OTHER_HOST) == 0, "hostlock_conn_set_host");
}

static void address_by_openssl(SSL *ssl)
{
    need(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "192.0.2.1") == 1, "X509_VERIFY_PARAM_set1_ip_asc");
}

static void address_by_hostlock(SSL *ssl)
{
    need(hostlock_conn_set_host(ssl, "192.0.2.1") == 0, "hostlock_conn_set_host");
}

static void another_address(SSL *ssl)
{
    need(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), "192.0.2.2") == 1, "X509_VERIFY_PARAM_set1_ip_asc");
}

static void host_and_address(SSL *ssl)
{
    by_openssl(ssl);
    address_by_openssl(ssl);
}

static void addresses(void)
{
    SSL_CTX *ctx;
    struct outcome outcome;
    void (*const ways[])(SSL *) = {address_by_openssl, address_by_hostlock};
    const char *const names[] = {"X509_VERIFY_PARAM_set1_ip_asc", "an address by hostlock_conn_set_host"};
    for (int i = 0; i < 2; i++) {
        SSL *ssl = fresh(&ctx);
        ways[i](ssl);
        converse(ssl, address, &outcome);
        claim_passes(&outcome, "%s: the address connects on %s", names[i], version_name(version));
        claim(outcome.server.sni[0] == '\0', "  and is not sent as SNI");
        done(ssl, ctx);
        refused(names[i], HOSTLOCK_E_HOST_MISMATCH, impostor, NULL, ways[i]);
    }
    refused("another address", HOSTLOCK_E_HOST_MISMATCH, address, NULL, another_address);
    refused("a host and an address that no certificate holds both", HOSTLOCK_E_HOST_MISMATCH, right, NULL,
            host_and_address);
}

static void sni(void)
{
    SSL_CTX *ctx;
    struct outcome outcome;
    SSL *ssl = fresh(&ctx);
    by_hostlock(ssl);
    converse(ssl, right, &outcome);
    claim(strcmp(outcome.server.sni, RIGHT_HOST) == 0, "hostlock_conn_set_host sends the host as SNI on %s",
          version_name(version));
    done(ssl, ctx);
    ssl = fresh(&ctx);
    sni_other_with_openssl(ssl);
    converse(ssl, right, &outcome);
    claim(outcome.got == 4 && strcmp(outcome.server.sni, OTHER_HOST) == 0,
          "an SNI of the program's own is left alone on %s", version_name(version));
    done(ssl, ctx);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        version = both_versions[i];
        right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
        impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
        address = server_new(&(struct manner){.identity = identity(ADDRESS), .version = version});
        way("hostlock_conn_set_host", NULL, by_hostlock);
        way("SSL_set1_host", NULL, by_openssl);
        way("hostlock_conn_set_host and SSL_set1_host", NULL, by_both);
        way("X509_VERIFY_PARAM_set1_host", NULL, by_parameters);
        way("X509_VERIFY_PARAM_set1_host with host flags", NULL, by_parameters_and_flags);
        way("SSL_add1_host", NULL, by_several);
        way("X509_VERIFY_PARAM_set1_host(NULL) after hostlock_conn_set_host", NULL, cleared_after_hostlock);
        way("hostlock_ctx_set_host", ctx_by_hostlock, NULL);
        way("hostlock_ctx_set_host and SSL_set1_host(NULL)", ctx_by_hostlock, cleared_after_openssl);
        way("the context's X509_VERIFY_PARAM", ctx_by_parameters, NULL);
        way("SSL_CTX_set1_param", ctx_by_set1_param, NULL);
        way("hostlock_ctx_set_host_from_sni", ctx_from_sni, sni_right);
        way("the SNI of one host and the identity of another", NULL, sni_other_after);
        way("the same by SSL_set1_host", NULL, sni_other_with_openssl);
        way("the same where the SNI may stand for the host", ctx_from_sni, sni_other_after);
        refused("no host at all", HOSTLOCK_E_NO_HOST, right, NULL, NULL);
        if (on_hardened_context())
            way("an SNI alone", NULL, sni_right);
        else
            refused("an SNI alone", HOSTLOCK_E_NO_HOST, right, NULL, sni_right);
        refused("SSL_set1_host(\"\")", HOSTLOCK_E_NO_HOST, right, NULL, empty_by_openssl);
        refused("hostlock_conn_set_host(\"\")", HOSTLOCK_E_POISONED, right, NULL, empty_by_hostlock);
        refused("a host with a NUL", HOSTLOCK_E_NO_HOST, right, NULL, nul_by_parameters);
        /* OpenSSL 4.0 does not take it, and is left without a host. */
        int status = OPENSSL_VERSION_NUMBER < 0x40000000L ? HOSTLOCK_E_BAD_HOST : HOSTLOCK_E_NO_HOST;
        refused("SSL_set1_host of a URL", status, right, NULL, url_by_openssl);
        refused("SSL_set1_host of a suffix", HOSTLOCK_E_BAD_HOST, right, NULL, suffix_by_openssl);
        refused("a bad host after a good one", HOSTLOCK_E_POISONED, right, NULL, bad_after_good);
        refused("SSL_set1_host(NULL) after SSL_set1_host", HOSTLOCK_E_NO_HOST, right, NULL, cleared_after_openssl);
        refused("two hosts that differ, the right one's server", HOSTLOCK_E_HOST_MISMATCH, right, NULL, two_that_differ);
        refused("two hosts that differ, the other's server", HOSTLOCK_E_HOST_MISMATCH, impostor, NULL, two_that_differ);
        refused("two hosts that differ the other way", HOSTLOCK_E_HOST_MISMATCH, right, NULL,
                two_that_differ_the_other_way);
        addresses();
        sni();
        server_free(right);
        server_free(impostor);
        server_free(address);
    }
    return finish();
}
