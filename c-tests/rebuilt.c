/*
 * Code that is compiled with <hostlock/openssl.h>: every context that it makes is hardened, and whatever it calls to
 * say where it connects names the host.
 */
#include "support.h"

#include <string.h>

#include <openssl/err.h>

#include <hostlock/openssl.h>

static SSL_CTX *legacy_context(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL, "SSL_CTX_new");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "the store does not take the CA");
    return ctx;
}

/* One connection to `who`, whose host the BIO and the SNI name in this order or the other; NULL leaves one out. */
static void converse_named(enum who who, const char *address, const char *server_name, int name_first,
                           struct outcome *outcome)
{
    struct server *server = server_new(&(struct manner){.identity = identity(who)});
    SSL_CTX *ctx = legacy_context(TLS_client_method());
    BIO *bio = BIO_new_ssl_connect(ctx);
    SSL *ssl = NULL;
    need(bio != NULL && BIO_get_ssl(bio, &ssl) == 1, "no BIO");
    if (name_first && server_name != NULL)
        SSL_set_tlsext_host_name(ssl, server_name);
    if (address != NULL)
        need(BIO_set_conn_hostname(bio, address) == 1, "BIO_set_conn_hostname");
    if (!name_first && server_name != NULL)
        SSL_set_tlsext_host_name(ssl, server_name);
    converse(ssl, server, outcome);
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void names(void)
{
    static const struct {
        const char *address, *server_name;
        enum who who;
        int status;
        const char *sni, *words;
    } cases[] = {
        {RIGHT_HOST ":443", NULL, RIGHT, 0, RIGHT_HOST, "the host of the BIO"},
        {RIGHT_HOST ":443", NULL, IMPOSTOR, HOSTLOCK_E_HOST_MISMATCH, NULL, "the host of the BIO"},
        {NULL, RIGHT_HOST, RIGHT, 0, RIGHT_HOST, "the SNI"},
        {NULL, RIGHT_HOST, IMPOSTOR, HOSTLOCK_E_HOST_MISMATCH, NULL, "the SNI"},
        {OTHER_HOST ":443", RIGHT_HOST, RIGHT, 0, RIGHT_HOST, "the SNI above the host of the BIO"},
        {OTHER_HOST ":443", RIGHT_HOST, IMPOSTOR, HOSTLOCK_E_HOST_MISMATCH, NULL, "the SNI above the host of the BIO"},
        {RIGHT_ADDRESS ":443", NULL, ADDRESS, 0, "", "the address of the BIO"},
        {RIGHT_ADDRESS ":443", NULL, RIGHT, HOSTLOCK_E_HOST_MISMATCH, NULL, "the address of the BIO"},
        {NULL, RIGHT_ADDRESS, ADDRESS, 0, "", "an address as SNI"},
        {NULL, RIGHT_ADDRESS, RIGHT, HOSTLOCK_E_HOST_MISMATCH, NULL, "an address as SNI"},
        {RIGHT_ADDRESS ":443", RIGHT_HOST, RIGHT, 0, RIGHT_HOST, "the SNI above the address of the BIO"},
        {"no_port_nor..host", NULL, RIGHT, HOSTLOCK_E_BAD_HOST, NULL, "a bad host of the BIO"},
        {"a..b:443", RIGHT_HOST, RIGHT, 0, RIGHT_HOST, "the SNI above a bad host of the BIO"},
        {NULL, NULL, RIGHT, HOSTLOCK_E_NO_HOST, NULL, "nothing"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int name_first = 0; name_first < 2; name_first++) {
            struct outcome outcome;
            const char *order = name_first ? "SNI first" : "BIO first";
            converse_named(cases[i].who, cases[i].address, cases[i].server_name, name_first, &outcome);
            if (cases[i].status == 0) {
                claim_passes(&outcome, "%s names the host, %s: %s connects", cases[i].words, order,
                             who_name(cases[i].who));
                claim(strcmp(outcome.server.sni, cases[i].sni) == 0, "%s, %s: the SNI is \"%s\"", cases[i].words, order,
                      cases[i].sni);
            } else {
                claim_refused(&outcome, cases[i].status, "%s names the host, %s: %s is refused", cases[i].words, order,
                              who_name(cases[i].who));
            }
        }
}

/* A BIO that is used again for another host. */
static void named_again(void)
{
    SSL_CTX *ctx = legacy_context(TLS_client_method());
    BIO *bio = BIO_new_ssl_connect(ctx);
    SSL *ssl = NULL;
    need(bio != NULL && BIO_get_ssl(bio, &ssl) == 1, "no BIO");
    BIO_set_conn_hostname(bio, OTHER_HOST ":443");
    BIO_set_conn_hostname(bio, RIGHT_HOST ":443");
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT)});
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_passes(&outcome, "the host that a BIO is given last counts");
    claim(strcmp(outcome.server.sni, RIGHT_HOST) == 0, "and is the SNI");
    BIO_free_all(bio);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* The function behind the macro, which no mapping reaches. */
static void named_by_ctrl(void)
{
    static const struct {
        enum who who;
        const char *name;
        int status;
    } cases[] = {{RIGHT, RIGHT_HOST, 0}, {IMPOSTOR, RIGHT_HOST, HOSTLOCK_E_HOST_MISMATCH},
                 {ADDRESS, RIGHT_ADDRESS, 0}, {RIGHT, RIGHT_ADDRESS, HOSTLOCK_E_HOST_MISMATCH}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SSL_CTX *ctx = legacy_context(TLS_client_method());
        SSL *ssl = SSL_new(ctx);
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)cases[i].name);
        struct server *server = server_new(&(struct manner){.identity = identity(cases[i].who)});
        struct outcome outcome;
        converse(ssl, server, &outcome);
        if (cases[i].status == 0)
            claim_passes(&outcome, "SSL_ctrl names %s: %s connects", cases[i].name, who_name(cases[i].who));
        else
            claim_refused(&outcome, cases[i].status, "SSL_ctrl names %s: %s is refused", cases[i].name,
                          who_name(cases[i].who));
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        server_free(server);
    }
}

/* The way around the mapping that code does not mean as one. */
static SSL_CTX *(*const maker)(const SSL_METHOD *) = SSL_CTX_new;

static void contexts(void)
{
    SSL_CTX *made[] = {maker(SSLv23_method()), SSL_CTX_new_ex(NULL, NULL, TLS_client_method())};
    static const char *const words[] = {"a context of a pointer to SSL_CTX_new", "a context of SSL_CTX_new_ex"};
    for (int i = 0; i < 2; i++) {
        need(made[i] != NULL, words[i]);
        SSL_CTX_set_verify(made[i], SSL_VERIFY_NONE, NULL);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(made[i]), trusted_ca());
        struct server *server = server_new(&(struct manner){.identity = identity(IMPOSTOR)});
        SSL *ssl = SSL_new(made[i]);
        SSL_set_tlsext_host_name(ssl, RIGHT_HOST);
        struct outcome outcome;
        converse(ssl, server, &outcome);
        claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "%s refuses an impostor", words[i]);
        SSL_free(ssl);
        SSL_CTX_free(made[i]);
        server_free(server);
    }
    ERR_clear_error();
    claim(SSL_CTX_new(DTLS_method()) == NULL, "a context that cannot be hardened is not given out");
    const char *data = NULL;
    int flags = 0;
    const char *library = ERR_lib_error_string(ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags));
    claim(data != NULL && strstr(data, "DTLS") != NULL && library != NULL && strcmp(library, "hostlock") == 0,
          "and OpenSSL's error queue says why");
    ERR_clear_error();
}

int main(void)
{
    names();
    named_again();
    named_by_ctrl();
    contexts();
    return finish();
}
