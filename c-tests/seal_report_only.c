/*
 * A process sealed in the mode that only reports: nothing that the program set up or sees is altered, whatever it
 * accepts it accepts, and the report says what would have been refused and why.
 */
#define HOSTLOCK_ALLOW_INSECURE
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

static int infos;

static void count_info(const SSL *ssl, int place, int value)
{
    (void)ssl;
    (void)place;
    (void)value;
    infos++;
}

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

/* What a program can read of a context, as one line. */
static void describe(SSL_CTX *ctx, char *line, size_t space)
{
    STACK_OF(SSL_CIPHER) *suites = SSL_CTX_get_ciphers(ctx);
    snprintf(line, space, "%lx %d %ld %ld %d %d %d %p", (unsigned long)SSL_CTX_get_options(ctx), SSL_CTX_get_verify_mode(ctx),
             SSL_CTX_get_min_proto_version(ctx), SSL_CTX_get_max_proto_version(ctx), SSL_CTX_get_security_level(ctx),
             sk_SSL_CIPHER_num(suites), SSL_CTX_get_verify_depth(ctx), *(void **)&(int (*[])(int, X509_STORE_CTX *)){
                 SSL_CTX_get_verify_callback(ctx)}[0]);
}

static void converse_with(struct server *server, SSL_CTX *ctx, const char *sni, struct outcome *outcome)
{
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL, "no connection");
    if (sni != NULL)
        SSL_set_tlsext_host_name(ssl, sni);
    converse(ssl, server, outcome);
    SSL_free(ssl);
}

static int passed(const struct outcome *outcome)
{
    return outcome->connected == 1 && outcome->got == 4 && ERR_peek_error() == 0;
}

int main(void)
{
    char plain[256], watched[256];
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    describe(ctx, plain, sizeof(plain));
    SSL_CTX_free(ctx);
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT)});
    struct server *impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR)});
    struct server *old = server_new(
        &(struct manner){.identity = identity(RIGHT), .version = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0"});

    char path[] = "/tmp/hostlock-seal-XXXXXX";
    int log = mkstemp(path);
    need(log >= 0, "no file for the log");
    claim(hostlock_seal_log("/nonexistent/log") == HOSTLOCK_E_FILE_IO && hostlock_seal_log(path) == 0 &&
              hostlock_seal_log(path) == 0 && hostlock_seal_log("/nonexistent/log") == HOSTLOCK_E_STATE,
          "there is one log");
    claim(hostlock_insecure_seal_report_only(NULL, " ") == HOSTLOCK_E_ARG, "a reason must say something");
    claim(hostlock_insecure_seal_report_only(NULL, "to see what would break") == 0, "the process is watched");
    claim(hostlock_seal_process(NULL) == HOSTLOCK_E_STATE, "and cannot be sealed otherwise");

    errno = EXDEV;
    ctx = SSL_CTX_new(TLS_method());
    claim(ctx != NULL && errno == EXDEV, "errno is left alone, although the first context is logged");
    describe(ctx, watched, sizeof(watched));
    claim(strcmp(plain, watched) == 0, "a watched context looks like a plain one");
    if (strcmp(plain, watched) != 0)
        note("%s, but %s", plain, watched);
    SSL_CTX_set_info_callback(ctx, count_info);
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()), "no CA");

    struct outcome outcome;
    converse_with(right, ctx, RIGHT_HOST, &outcome);
    claim(passed(&outcome) && outcome.verify_result == X509_V_OK, "the right host connects");
    claim(infos > 2, "the program's own info callback is called");
    converse_with(impostor, ctx, RIGHT_HOST, &outcome);
    claim(passed(&outcome) && outcome.verify_result == X509_V_OK, "an impostor is let through as before");
    converse_with(right, ctx, NULL, &outcome);
    claim(passed(&outcome), "and so is a connection that names no host");
    SSL *own = SSL_new(ctx);
    X509_STORE *empty = X509_STORE_new();
    need(SSL_set1_verify_cert_store(own, empty), "no store");
    SSL_set_tlsext_host_name(own, RIGHT_HOST);
    converse(own, right, &outcome);
    claim(passed(&outcome), "and one with a store of its own that trusts nobody");
    SSL_free(own);
    X509_STORE_free(empty);
    claim(report_says("\"mode\":\"report-only\"") && report_says("\"reason\":\"to see what would break\""),
          "the report says that it only reports, and why");
    claim(report_says("\"would_refuse\":3") && report_says("\"connected\":1") && report_says("\"refused\":0"),
          "it counts what would have been refused");
    claim(report_says("\"outcome\":\"would_refuse\",\"host\":\"" RIGHT_HOST "\",\"status\":\"HOSTLOCK_E_HOST_MISMATCH\""),
          "it names the impostor's host and why");

    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    converse_with(old, ctx, RIGHT_HOST, &outcome);
    claim(passed(&outcome), "TLS 1.1 goes on working");
    claim(report_says("\"status\":\"HOSTLOCK_E_NO_COMMON_VERSION\""), "and is reported");
    SSL_CTX_free(ctx);

    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    converse_with(right, ctx, RIGHT_HOST, &outcome);
    claim(outcome.connected != 1 && outcome.verify_result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY &&
              report_says("\"failed\":1"),
          "what the program's own verification refuses stays refused");
    ERR_clear_error();
    SSL_CTX_free(ctx);
    struct stat facts;
    claim(fstat(log, &facts) == 0 && facts.st_size > 1000, "events are in the log as soon as they have happened");
    close(log);
    unlink(path);
    server_free(old);
    server_free(impostor);
    server_free(right);
    return finish();
}
