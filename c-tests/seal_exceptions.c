/*
 * The exceptions of a sealed process: by host, by address and by the peer's certificate. Each lets through what it names
 * and nothing else, leaves the program's own verification in force, and is counted in the report.
 */
#define HOSTLOCK_ALLOW_INSECURE
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/sha.h>

static int report_says(const char *words)
{
    char *json = hostlock_seal_report();
    need(json != NULL, "no report");
    int found = strstr(json, words) != NULL;
    if (!found)
        note("%s is not in %s", words, json);
    hostlock_string_free(json);
    return found;
}

static void leaf_of(enum who who, char *text, size_t space)
{
    unsigned char *der = NULL, hash[SHA256_DIGEST_LENGTH];
    int length = i2d_X509(identity(who)->certificate, &der);
    need(length > 0, "no DER");
    SHA256(der, (size_t)length, hash);
    OPENSSL_free(der);
    size_t at = (size_t)snprintf(text, space, "sha256:");
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        at += (size_t)snprintf(text + at, space - at, "%02X", hash[i]);
}

static SSL_CTX *careless(int mode)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()), "no context");
    SSL_CTX_set_verify(ctx, mode, NULL);
    return ctx;
}

static void ask(struct server *server, int mode, const char *host, struct outcome *outcome)
{
    SSL_CTX *ctx = careless(mode);
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL, "no connection");
    if (host != NULL)
        SSL_set_tlsext_host_name(ssl, host);
    converse(ssl, server, outcome);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static int passed(const struct outcome *outcome)
{
    return outcome->connected == 1 && outcome->got == 4 && outcome->status == 0;
}

struct listener {
    int fd;
    SSL_CTX *ctx;
};

static void *accept_one(void *argument)
{
    struct listener *listener = argument;
    int fd = accept(listener->fd, NULL, NULL);
    SSL *ssl = SSL_new(listener->ctx);
    need(fd >= 0 && ssl != NULL && SSL_set_fd(ssl, fd), "nobody connects");
    SSL_accept(ssl);
    SSL_free(ssl);
    close(fd);
    return NULL;
}

/* What SSL_connect answers over a socket to 127.0.0.1, where an impostor listens. */
static int connect_to_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    struct listener listener = {socket(AF_INET, SOCK_STREAM, 0), SSL_CTX_new(TLS_server_method())};
    need(bind(listener.fd, (struct sockaddr *)&address, length) == 0 && listen(listener.fd, 1) == 0 &&
             getsockname(listener.fd, (struct sockaddr *)&address, &length) == 0,
         "no socket");
    SSL_CTX_use_certificate(listener.ctx, identity(IMPOSTOR)->certificate);
    SSL_CTX_use_PrivateKey(listener.ctx, identity(IMPOSTOR)->key);
    pthread_t thread;
    need(pthread_create(&thread, NULL, accept_one, &listener) == 0, "no thread");
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "no connection");
    SSL_CTX *ctx = careless(SSL_VERIFY_NONE);
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    int connected = SSL_connect(ssl);
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    pthread_join(thread, NULL);
    close(listener.fd);
    SSL_CTX_free(listener.ctx);
    return connected;
}

int main(void)
{
    static const char *const wrong[] = {"", "right.example", "host:", "host:a..b", "host:192.0.2.1", "address:right.example",
                                        "sha256:12", "md5:12"};
    int refused = 0, hinted = 0;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        refused += hostlock_insecure_seal_allow(wrong[i], "a reason") == HOSTLOCK_E_ARG;
        hinted += strstr(hostlock_error_hint(hostlock_last_error()), "address:IP") != NULL;
    }
    claim(refused == sizeof(wrong) / sizeof(wrong[0]) && hinted == refused,
          "what names nothing is refused, with the forms that are known");
    claim(hostlock_insecure_seal_allow("host:old.example", "") == HOSTLOCK_E_ARG, "an exception needs a reason");
    claim(hostlock_insecure_seal_allow("host:Old.Example", "an old box") == 0 && hostlock_seal_process(NULL) == 0,
          "an exception can be made before the process is sealed");

    struct outcome outcome;
    struct server *impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR)});
    struct server *expired = server_new(&(struct manner){.identity = identity(EXPIRED)});
    ask(impostor, SSL_VERIFY_NONE, RIGHT_HOST, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "another host is no exception");
    ask(impostor, SSL_VERIFY_NONE, "old.example", &outcome);
    claim(passed(&outcome), "the host that is named is let through");
    claim(report_says("\"what\":\"host:old.example\",\"reason\":\"an old box\",\"uses\":1"), "and each use is counted");
    struct server *asking =
        server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = TLS1_2_VERSION, .renegotiates = 1});
    ask(asking, SSL_VERIFY_NONE, "old.example", &outcome);
    claim(passed(&outcome) && outcome.server.hellos == 1, "a wish to renegotiate is declined there, and the connection goes on");
    server_free(asking);
    ask(expired, SSL_VERIFY_PEER, "old.example", &outcome);
    claim(outcome.connected != 1 && outcome.verify_result == X509_V_ERR_CERT_HAS_EXPIRED,
          "what the program itself verifies is still refused");
    ERR_clear_error();

    char leaf[128];
    leaf_of(EXPIRED, leaf, sizeof(leaf));
    ask(expired, SSL_VERIFY_NONE, RIGHT_HOST, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_EXPIRED, "an expired certificate is no exception");
    claim(connect_to_loopback() != 1, "nor is a connection that names no host");
    claim(hostlock_insecure_seal_allow(leaf, "renewed next week") == 0, "an exception can be made later");
    ask(expired, SSL_VERIFY_NONE, RIGHT_HOST, &outcome);
    claim(passed(&outcome), "the certificate that is named is let through");
    ask(impostor, SSL_VERIFY_NONE, RIGHT_HOST, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_HOST_MISMATCH, "another certificate is not");

    claim(hostlock_insecure_seal_allow("address:::ffff:127.0.0.1", "this machine") == 0 && connect_to_loopback() == 1,
          "the address that is named is let through, without a host");
    claim(report_says("\"outcome\":\"excused\"") && report_says("\"excused\":4"), "the report tells the excused ones");
    claim(report_says("\"what\":\"address:127.0.0.1\",\"reason\":\"this machine\",\"uses\":1"), "each by its own exception");
    server_free(expired);
    server_free(impostor);
    return finish();
}
