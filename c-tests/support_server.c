/* The server of support.h: plain OpenSSL in a thread, at the other end of a pair of sockets. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>

struct server {
    SSL_CTX *ctx;
    struct manner manner;
};

struct line {
    struct server *server;
    int client_fd, server_fd;
    pthread_t thread;
    struct report report;
};

static const unsigned char shared_key[16] = "sixteen bytes ok";

static unsigned int find_psk(SSL *ssl, const char *name, unsigned char *key, unsigned int space)
{
    const struct manner *manner = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (strcmp(name, manner->psk) != 0 || space < sizeof(shared_key))
        return 0;
    memcpy(key, shared_key, sizeof(shared_key));
    return sizeof(shared_key);
}

/* The same key as a session of TLS 1.3, under which early data is accepted. */
static int find_psk_session(SSL *ssl, const unsigned char *name, size_t length, SSL_SESSION **session)
{
    static const unsigned char suite[] = {0x13, 0x01};
    const struct manner *manner = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    *session = NULL;
    if (length != strlen(manner->psk) || memcmp(name, manner->psk, length) != 0)
        return 1;
    *session = SSL_SESSION_new();
    return *session != NULL && SSL_SESSION_set1_master_key(*session, shared_key, sizeof(shared_key)) &&
           SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)) &&
           SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION) &&
           SSL_SESSION_set_max_early_data(*session, 1024);
}

static int accept_any_client(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    (void)store_ctx;
    return 1;
}

static void watch_messages(int sent, int version, int type, const void *data, size_t length, SSL *ssl, void *argument)
{
    struct report *report = argument;
    const unsigned char *bytes = data;
    (void)version;
    if (sent)
        return;
    if (type == SSL3_RT_ALERT && length == 2)
        report->alert = bytes[1];
    if (type != SSL3_RT_HANDSHAKE || length < 4)
        return;
    if (bytes[0] == SSL3_MT_CLIENT_HELLO)
        report->hellos++;
    /* An empty list has its three bytes of length, and in TLS 1.3 one more for the context. */
    if (bytes[0] == SSL3_MT_CERTIFICATE && length > 4u + 4u)
        report->certificates++;
    (void)ssl;
}

static long watch_wire(BIO *bio, int operation, const char *data, size_t length, int number, long argument, int result,
                       size_t *processed)
{
    struct report *report = (struct report *)BIO_get_callback_arg(bio);
    (void)length;
    (void)number;
    (void)argument;
    if (operation == (BIO_CB_READ | BIO_CB_RETURN) && result > 0 && processed != NULL) {
        size_t space = sizeof(report->raw) - report->raw_length;
        size_t kept = *processed < space ? *processed : space;
        memcpy(report->raw + report->raw_length, data, kept);
        report->raw_length += kept;
    }
    return result;
}

struct server *server_new(const struct manner *manner)
{
    struct server *server = calloc(1, sizeof(*server));
    need(server != NULL, "no memory");
    server->manner = *manner;
    SSL_CTX *ctx = server->ctx = SSL_CTX_new(TLS_server_method());
    need(ctx != NULL, "no server context");
    SSL_CTX_set_app_data(ctx, &server->manner);
    /* A server that permits everything, so that only the client's side can be what refuses. */
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_min_proto_version(ctx, manner->version != 0 ? manner->version : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, manner->version);
    if (manner->identity != NULL)
        need(SSL_CTX_use_certificate(ctx, manner->identity->certificate) == 1 &&
                 SSL_CTX_use_PrivateKey(ctx, manner->identity->key) == 1,
             "the server does not take its certificate");
    if (manner->identity != NULL && manner->identity->sent_along != NULL)
        need(SSL_CTX_add1_chain_cert(ctx, manner->identity->sent_along) == 1, "the server does not take its chain");
    if (manner->ciphers != NULL)
        need(SSL_CTX_set_cipher_list(ctx, manner->ciphers) == 1, "the server does not take its ciphers");
    if (manner->psk != NULL)
        SSL_CTX_set_psk_server_callback(ctx, find_psk);
    if (manner->psk != NULL && manner->early_data)
        SSL_CTX_set_psk_find_session_callback(ctx, find_psk_session);
    if (manner->asks_for_certificate)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any_client);
    if (manner->early_data) {
        SSL_CTX_set_max_early_data(ctx, 1024);
        SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);
    }
    if (manner->no_tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    if (manner->set_up != NULL)
        manner->set_up(ctx);
    return server;
}

void server_free(struct server *server)
{
    SSL_CTX_free(server->ctx);
    free(server);
}

static void keep(struct report *report, const char *data, size_t length)
{
    size_t space = report->received < sizeof(report->text) - 1 ? sizeof(report->text) - 1 - report->received : 0;
    memcpy(report->text + report->received, data, length < space ? length : space);
    report->received += length;
}

static int read_early_data(SSL *ssl, struct report *report)
{
    char buffer[256];
    for (;;) {
        size_t length = 0;
        int result = SSL_read_early_data(ssl, buffer, sizeof(buffer), &length);
        keep(report, buffer, length);
        report->early += length;
        if (result == SSL_READ_EARLY_DATA_FINISH)
            return 1;
        if (result == SSL_READ_EARLY_DATA_ERROR)
            return 0;
    }
}

static void answer(SSL *ssl, const struct manner *manner, struct report *report)
{
    char buffer[256];
    int asked = 0, length;
    if (report->early > 0)
        SSL_write(ssl, "pong", 4);
    while ((length = SSL_read(ssl, buffer, sizeof(buffer))) > 0) {
        keep(report, buffer, (size_t)length);
        if (!asked && manner->renegotiates) {
            SSL_renegotiate(ssl);
            SSL_do_handshake(ssl);
        }
        if (!asked && manner->asks_later) {
            SSL_set_verify(ssl, SSL_VERIFY_PEER, accept_any_client);
            SSL_verify_client_post_handshake(ssl);
            SSL_do_handshake(ssl);
        }
        asked = 1;
        if (SSL_write(ssl, "pong", 4) != 4)
            break;
    }
}

static void *serve(void *argument)
{
    struct line *line = argument;
    struct report *report = &line->report;
    const struct manner *manner = &line->server->manner;
    SSL *ssl = SSL_new(line->server->ctx);
    need(ssl != NULL && SSL_set_fd(ssl, line->server_fd) == 1, "no server connection");
    SSL_set_msg_callback(ssl, watch_messages);
    SSL_set_msg_callback_arg(ssl, report);
    BIO_set_callback_ex(SSL_get_rbio(ssl), watch_wire);
    BIO_set_callback_arg(SSL_get_rbio(ssl), (char *)report);
    if ((!manner->early_data || read_early_data(ssl, report)) && SSL_accept(ssl) == 1) {
        report->accepted = 1;
        report->resumed = SSL_session_reused(ssl);
        answer(ssl, manner, report);
    }
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (sni != NULL)
        snprintf(report->sni, sizeof(report->sni), "%s", sni);
    if (report->accepted)
        SSL_shutdown(ssl);
    SSL_free(ssl);
    close(line->server_fd);
    ERR_clear_error();
    return NULL;
}

struct line *line_open(struct server *server, int *client_fd)
{
    struct line *line = calloc(1, sizeof(*line));
    int pair[2];
    /* Nothing here takes so long; a defect must end in a failed claim and not in a program that hangs. */
    struct timeval patience = {60, 0};
    need(line != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no socket pair");
    for (int side = 0; side < 2; side++) {
        setsockopt(pair[side], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(pair[side], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    }
    signal(SIGPIPE, SIG_IGN);
    /* The end of a child must not cut a read short, which the kernel does not take up again where a timeout is set. */
    sigset_t of_child;
    sigemptyset(&of_child);
    sigaddset(&of_child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &of_child, NULL);
    line->server = server;
    line->report.alert = -1;
    line->client_fd = *client_fd = pair[0];
    line->server_fd = pair[1];
    need(pthread_create(&line->thread, NULL, serve, line) == 0, "no thread");
    return line;
}

void line_close(struct line *line, struct report *report)
{
    shutdown(line->client_fd, SHUT_RDWR);
    close(line->client_fd);
    pthread_join(line->thread, NULL);
    if (report != NULL)
        *report = line->report;
    free(line);
}
