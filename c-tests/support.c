/* TAP, conversations and the client's side of support.h. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

/* TAP */

static int claims, failures;

void claim(int holds, const char *format, ...)
{
    va_list arguments;
    printf("%sok %d - ", holds ? "" : "not ", ++claims);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    failures += !holds;
}

void note(const char *format, ...)
{
    va_list arguments;
    printf("# ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

void skip(const char *claim_skipped, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++claims, claim_skipped, reason);
}

int finish(void)
{
    forget_identities();
    printf("1..%d\n", claims);
    return failures != 0;
}

void need(int holds, const char *what)
{
    if (holds)
        return;
    printf("Bail out! %s\n", what);
    ERR_print_errors_fp(stdout);
    fflush(stdout);
    _exit(1);
}

int rounds(int plainly, int slowly)
{
    return getenv("HOSTLOCK_TEST_SLOWLY") != NULL ? slowly : plainly;
}

int first_version(void)
{
    return getenv("HOSTLOCK_TEST_NEWEST") != NULL ? 1 : 0;
}

/* The conversation */

static int hostlock_reason_on_queue(void)
{
    unsigned long code;
    int status = 0;
    while ((code = ERR_get_error()) != 0) {
        const char *library = ERR_lib_error_string(code);
        if (library != NULL && strcmp(library, "hostlock") == 0)
            status = -ERR_GET_REASON(code);
    }
    return status;
}

int meet_in_memory(SSL *client, SSL *server)
{
    BIO *one, *other;
    char byte = 0;
    int sent = 0, arrived = 0;
    need(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(server, one, one);
    SSL_set_bio(client, other, other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int turn = 0; turn < 20; turn++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
        if (!sent && SSL_is_init_finished(client))
            sent = SSL_write(client, "x", 1) == 1;
        if (SSL_is_init_finished(server) && !arrived) {
            arrived = SSL_read(server, &byte, 1) == 1 && byte == 'x';
            if (arrived)
                SSL_write(server, "y", 1);
        }
        if (arrived && SSL_read(client, &byte, 1) == 1)
            break;
    }
    ERR_clear_error();
    return arrived;
}

void converse(SSL *ssl, struct server *server, struct outcome *outcome)
{
    int fd;
    struct line *line = line_open(server, &fd);
    memset(outcome, 0, sizeof(*outcome));
    need(SSL_set_fd(ssl, fd) == 1, "SSL_set_fd failed");
    ERR_clear_error();
    outcome->connected = SSL_connect(ssl);
    outcome->queue_clean = ERR_peek_error() == 0;
    outcome->resumed = SSL_session_reused(ssl);
    outcome->verify_result = SSL_get_verify_result(ssl);
    outcome->reason = hostlock_reason_on_queue();
    const hostlock_error *error = hostlock_conn_error(ssl);
    outcome->status = hostlock_error_status(error);
    snprintf(outcome->message, sizeof(outcome->message), "%s", hostlock_error_message(error));
    /* A careless program goes on whatever SSL_connect said. */
    outcome->sent = SSL_write(ssl, "ping", 4);
    outcome->got = SSL_read(ssl, outcome->answer, sizeof(outcome->answer) - 1);
    if (outcome->connected == 1 && outcome->got > 0)
        SSL_shutdown(ssl);
    ERR_clear_error();
    line_close(line, &outcome->server);
}

void show(const struct outcome *outcome)
{
    const struct report *server = &outcome->server;
    note("  SSL_connect %d, SSL_write %d, SSL_read %d (\"%s\"), status %d (%s), reason %d, queue %s, verify result %ld",
         outcome->connected, outcome->sent, outcome->got, outcome->answer, outcome->status, outcome->message,
         outcome->reason, outcome->queue_clean ? "clean" : "not clean", outcome->verify_result);
    note("  server: accepted %d, resumed %d, received %zu \"%s\", early %zu, hellos %d, certificates %d, alert %d",
         server->accepted, server->resumed, server->received, server->text, server->early, server->hellos,
         server->certificates, server->alert);
}

void claim_passes(const struct outcome *outcome, const char *format, ...)
{
    char name[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    int passes = outcome->connected == 1 && outcome->status == 0 && outcome->queue_clean && outcome->sent == 4 &&
                 outcome->got == 4 && strcmp(outcome->answer, "pong") == 0 &&
                 outcome->verify_result == X509_V_OK && outcome->server.accepted &&
                 outcome->server.received - outcome->server.early == 4;
    claim(passes, "%s", name);
    if (!passes)
        show(outcome);
}

void claim_refused(const struct outcome *outcome, int status, const char *format, ...)
{
    char name[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    int refused = outcome->status == status && outcome->reason == status && outcome->sent <= 0 && outcome->got <= 0 &&
                  outcome->server.received == 0 && outcome->message[0] != '\0';
    claim(refused, "%s", name);
    if (!refused)
        show(outcome);
}

void claim_failed(const struct outcome *outcome, int status, const char *format, ...)
{
    char name[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    int failed = outcome->connected != 1 && outcome->status == status && !outcome->queue_clean && outcome->sent <= 0 &&
                 outcome->got <= 0 && outcome->server.received == 0;
    claim(failed, "%s", name);
    if (!failed)
        show(outcome);
}

/* The client */

static const char *method_of_programs_context(void)
{
    return getenv("HOSTLOCK_TEST_CONTEXT");
}

int on_hardened_context(void)
{
    return method_of_programs_context() != NULL;
}

static SSL_CTX *hostlocks_context(void)
{
    if (!on_hardened_context())
        return hostlock_client_new(NULL);
    int either_side = strcmp(method_of_programs_context(), "TLS_method") == 0;
    SSL_CTX *ctx = SSL_CTX_new(either_side ? TLS_method() : TLS_client_method());
    need(ctx != NULL, "SSL_CTX_new failed");
    need(hostlock_harden(ctx, NULL, NULL) == 0, hostlock_error_message(hostlock_last_error()));
    return ctx;
}

SSL_CTX *client_context(void)
{
    SSL_CTX *ctx = hostlocks_context();
    need(ctx != NULL, hostlock_error_message(hostlock_last_error()));
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "the store does not take the CA");
    return ctx;
}

SSL *client_connection(SSL_CTX *ctx, const char *host)
{
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL, "SSL_new failed");
    SSL_set_connect_state(ssl);
    if (host != NULL)
        need(hostlock_conn_set_host(ssl, host) == 0, hostlock_error_message(hostlock_last_error()));
    return ssl;
}

SSL_CTX *plain_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    need(ctx != NULL, "SSL_CTX_new failed");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    /* The suite that hostlock's policy prefers: a session of another hash would not be resumed for that alone. */
    need(SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") == 1, "SSL_CTX_set_ciphersuites");
    return ctx;
}

const int both_versions[2] = {TLS1_2_VERSION, TLS1_3_VERSION};

const char *version_name(int version)
{
    return version == TLS1_3_VERSION ? "TLS 1.3" : version == TLS1_2_VERSION ? "TLS 1.2" : "an old TLS";
}

static void try_on(const struct habit *habit, enum who who, int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(who), .version = version});
    SSL_CTX *ctx = client_context();
    if (habit->context != NULL)
        habit->context(ctx);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    if (habit->connection != NULL)
        habit->connection(ssl);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    if (who == RIGHT)
        claim_passes(&outcome, "%s: the right host connects on %s", habit->name, version_name(version));
    else
        claim_refused(&outcome, who_status(who), "%s: %s is refused on %s", habit->name, who_name(who),
                      version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

void try_habit(const struct habit *habit)
{
    static const enum who usual[] = {IMPOSTOR, EXPIRED, UNKNOWN, SELF_SIGNED, WHO_COUNT};
    for (int version = 0; version < 2; version++) {
        try_on(habit, RIGHT, both_versions[version]);
        int peers = rounds(WHO_COUNT, 1);
        for (const enum who *who = habit->peers != NULL ? habit->peers : usual; *who != WHO_COUNT && peers-- > 0; who++)
            try_on(habit, *who, both_versions[version]);
    }
}
