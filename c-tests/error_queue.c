/*
 * OpenSSL's error queue belongs to the program: a success leaves nothing on it, set-up calls leave the program's own
 * entries as they were, and a refusal puts its reason where an old program looks for it.
 */
#include "support.h"

#include <string.h>

#include <openssl/err.h>

static void leave_an_entry(void)
{
    ERR_clear_error();
    ERR_raise_data(ERR_LIB_USER, 77, "the program's own");
}

static int only_the_entry_is_left(void)
{
    const char *data = NULL;
    int flags = 0;
    unsigned long first = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    int own = ERR_GET_LIB(first) == ERR_LIB_USER && ERR_GET_REASON(first) == 77 && (flags & ERR_TXT_STRING) != 0 &&
              strcmp(data, "the program's own") == 0;
    return own && ERR_get_error() == 0;
}

#define LEAVES_THE_QUEUE(call)                                                                                         \
    do {                                                                                                               \
        leave_an_entry();                                                                                              \
        call;                                                                                                          \
        claim(only_the_entry_is_left(), "%s leaves the program's entry as it was", #call);                             \
    } while (0)

static void setting_up(void)
{
    hostlock_ctx *ctx = NULL;
    hostlock_conn *ssl = client_connection((ctx = client_context()), NULL);
    hostlock_ctx *another;
    size_t count;
    LEAVES_THE_QUEUE(another = hostlock_client_new(NULL));
    LEAVES_THE_QUEUE(hostlock_ctx_free(another));
    LEAVES_THE_QUEUE(another = hostlock_client_new("no such policy"));
    LEAVES_THE_QUEUE((void)!hostlock_ctx_set_host(ctx, RIGHT_HOST));
    LEAVES_THE_QUEUE((void)!hostlock_ctx_set_host(ctx, "h:443"));
    LEAVES_THE_QUEUE((void)!hostlock_conn_set_host(ssl, RIGHT_HOST));
    LEAVES_THE_QUEUE((void)!hostlock_conn_set_host(ssl, "192.0.2.1"));
    LEAVES_THE_QUEUE((void)!hostlock_conn_set_host(ssl, ""));
    LEAVES_THE_QUEUE((void)!hostlock_ctx_trust_count(ctx, &count));
    LEAVES_THE_QUEUE((void)!hostlock_ctx_trust_bundled(ctx));
    LEAVES_THE_QUEUE((void)hostlock_conn_error(ssl));
    LEAVES_THE_QUEUE((void)hostlock_last_error());
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static int is_verify_failed(unsigned long code)
{
    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
}

/* curl and PHP read the oldest entry, Python the newest; who prints all of them sees the reason with its names. */
static void handshakes(int version)
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    struct server *impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR), .version = version});
    SSL_CTX *ctx = client_context();
    for (int round = 0; round < 2; round++) {
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        int fd;
        struct line *line = line_open(right, &fd);
        char buffer[8];
        SSL_set_fd(ssl, fd);
        leave_an_entry();
        if (round == 0)
            ERR_clear_error();
        int connected = SSL_connect(ssl);
        claim(connected == 1 && ERR_peek_error() == 0, "a verified handshake leaves nothing on the queue on %s%s",
              version_name(version), round == 0 ? "" : ", also where something was there before");
        claim(SSL_write(ssl, "ping", 4) == 4 && SSL_read(ssl, buffer, 8) == 4 && ERR_peek_error() == 0,
              "  nor do a write and a read");
        SSL_shutdown(ssl);
        line_close(line, NULL);
        SSL_free(ssl);
    }
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    int fd;
    struct line *line = line_open(impostor, &fd);
    SSL_set_fd(ssl, fd);
    ERR_clear_error();
    int connected = SSL_connect(ssl);
    int wish = SSL_get_error(ssl, connected);
    claim(connected == -1 && wish == SSL_ERROR_SSL && is_verify_failed(ERR_peek_last_error()),
          "the newest entry after a refusal is OpenSSL's own certificate verify failed on %s", version_name(version));
    claim(is_verify_failed(ERR_get_error()), "  and so is the oldest");
    const char *data = NULL;
    int flags = 0;
    unsigned long second = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    char text[256];
    ERR_error_string_n(second, text, sizeof(text));
    claim(strstr(text, "hostlock") != NULL && strstr(text, "host mismatch") != NULL, "  between them stands \"%s\"", text);
    claim(data != NULL && strstr(data, OTHER_HOST) != NULL && strstr(data, RIGHT_HOST) != NULL,
          "  and its data names both hosts");
    claim(is_verify_failed(ERR_get_error()) && ERR_peek_error() == 0, "  there is nothing else");
    claim(hostlock_error_status(hostlock_conn_error(ssl)) == HOSTLOCK_E_HOST_MISMATCH,
          "  the connection's error is the reason itself");
    claim(hostlock_last_error() == hostlock_conn_error(ssl), "  and so is the thread's last error");
    claim(SSL_get_verify_result(ssl) == X509_V_ERR_HOSTNAME_MISMATCH, "  SSL_get_verify_result says host name mismatch");
    line_close(line, NULL);
    SSL_free(ssl);
    claim(hostlock_error_status(hostlock_last_error()) == HOSTLOCK_E_HOST_MISMATCH,
          "  where a caller finds it who has lost the connection");
    SSL_CTX_free(ctx);
    server_free(right);
    server_free(impostor);
}

/* Where no host is known OpenSSL's code is not that of a mismatch: programs would say that the certificate is another's. */
static void no_host(int version)
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    SSL_CTX *ctx = client_context();
    SSL *ssl = client_connection(ctx, NULL);
    struct outcome outcome;
    converse(ssl, right, &outcome);
    claim(hostlock_error_status(hostlock_last_error()) == HOSTLOCK_E_NO_HOST &&
              hostlock_error_x509_code(hostlock_last_error()) == X509_V_ERR_APPLICATION_VERIFICATION &&
              SSL_get_verify_result(ssl) == X509_V_ERR_APPLICATION_VERIFICATION,
          "without a host OpenSSL says application verification failure on %s", version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(right);
}

/* A refusal of one connection is not seen by another of the same thread. */
static void two_connections(void)
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT)});
    struct server *impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR)});
    SSL_CTX *ctx = client_context();
    SSL *good = client_connection(ctx, RIGHT_HOST), *bad = client_connection(ctx, RIGHT_HOST);
    struct outcome outcome;
    converse(bad, impostor, &outcome);
    converse(good, right, &outcome);
    claim(hostlock_error_status(hostlock_conn_error(bad)) == HOSTLOCK_E_HOST_MISMATCH &&
              hostlock_conn_error(good) == NULL,
          "each connection keeps its own reason");
    SSL_free(good);
    SSL_free(bad);
    SSL_CTX_free(ctx);
    server_free(right);
    server_free(impostor);
}

int main(void)
{
    setting_up();
    handshakes(TLS1_2_VERSION);
    handshakes(TLS1_3_VERSION);
    no_host(TLS1_2_VERSION);
    no_host(TLS1_3_VERSION);
    two_connections();
    return finish();
}
