#include "dropin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const int versions[2] = {TLS1_2_VERSION, TLS1_3_VERSION};

void need(int holds, const char *what)
{
    if (holds)
        return;
    printf("Bail out! %s\n", what);
    ERR_print_errors_fp(stdout);
    exit(2);
}

/* Facts */

static char chapter_name[256];

void chapter(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(chapter_name, sizeof(chapter_name), format, arguments);
    va_end(arguments);
}

void say(const char *key, const char *format, ...)
{
    va_list arguments;
    printf("%s / %s = ", chapter_name, key);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

/* By names: file, line and function are OpenSSL's own, and hostlock's entry has a library number of its own. */
static const char *queue(void)
{
    static char text[2048];
    size_t length = 0;
    unsigned long code;
    text[0] = '\0';
    while ((code = ERR_get_error()) != 0) {
        const char *library = ERR_lib_error_string(code), *reason = ERR_reason_error_string(code);
        int added = snprintf(text + length, sizeof(text) - length, ", %s: %s", library != NULL ? library : "?",
                             reason != NULL ? reason : "?");
        need(added > 0 && (size_t)added < sizeof(text) - length, "too many errors");
        length += (size_t)added;
    }
    return text;
}

const char *error_name(int error)
{
    static const char *const names[] = {"none",       "ssl",     "want read",    "want write",  "want x509 lookup",
                                        "syscall",    "closed",  "want connect", "want accept", "want async",
                                        "want a job", "want hello", "want retry verify"};
    need(error >= 0 && (size_t)error < sizeof(names) / sizeof(names[0]), "an unknown SSL_ERROR");
    return names[error];
}

void say_result(const char *key, SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    int want = SSL_want(ssl);
    say(key, "%d, %s, SSL_want %d%s", result, error_name(error), want, queue());
}

void say_set(const char *key, long result)
{
    say(key, "%ld%s", result, queue());
}

static char calls[16384];
static size_t calls_length;

void called(const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof(calls) - calls_length;
    int separator = snprintf(calls + calls_length, room, "%s", calls_length > 0 ? "; " : "");
    va_start(arguments, format);
    int added = vsnprintf(calls + calls_length + separator, room - (size_t)separator, format, arguments);
    va_end(arguments);
    need(added > 0 && (size_t)(separator + added) < room, "too many calls");
    calls_length += (size_t)(separator + added);
}

void say_calls(const char *key)
{
    say(key, "%s", calls_length > 0 ? calls : "none");
    calls_length = 0;
}

void watch_info(const SSL *ssl, int place, int value)
{
    if (place & SSL_CB_ALERT)
        called("alert %s %s %s", place & SSL_CB_READ ? "read" : "written", SSL_alert_type_string_long(value),
               SSL_alert_desc_string_long(value));
    else
        called("0x%x %d %s", (unsigned)place, value, SSL_state_string_long(ssl));
}

void watch_messages(int sent, int version, int type, const void *data, size_t length, SSL *ssl, void *argument)
{
    const unsigned char *bytes = data;
    const char *way = sent ? "sent" : "got";
    (void)ssl, (void)argument;
    if (type == SSL3_RT_HEADER || type == SSL3_RT_INNER_CONTENT_TYPE || length == 0)
        return;
    /* A signature of ECDSA has no fixed length. */
    if (type == SSL3_RT_HANDSHAKE &&
        (bytes[0] == SSL3_MT_CERTIFICATE_VERIFY || bytes[0] == SSL3_MT_SERVER_KEY_EXCHANGE))
        called("%s 0x%x handshake %d", way, (unsigned)version, bytes[0]);
    else
        called("%s 0x%x type %d first %d, %zu bytes", way, (unsigned)version, type, bytes[0], length);
}

/* Contexts */

const char *pem(const char *who)
{
    static char path[4096];
    const char *directory = getenv("DROPIN_CERTIFICATES");
    need(directory != NULL, "c-tests/dropin/run starts these programs");
    need((size_t)snprintf(path, sizeof(path), "%s/%s.pem", directory, who) < sizeof(path), "the path is too long");
    return path;
}

const char *version_word(int version)
{
    return version == TLS1_3_VERSION ? "TLS 1.3" : version == TLS1_2_VERSION ? "TLS 1.2" : "an old TLS";
}

static void show_certificate(SSL_CTX *ctx, const char *who)
{
    need(SSL_CTX_use_certificate_chain_file(ctx, pem(who)) == 1, "no certificate");
    need(SSL_CTX_use_PrivateKey_file(ctx, pem(who), SSL_FILETYPE_PEM) == 1, "no key");
}

SSL_CTX *tested_client(void)
{
    SSL_CTX *ctx = new_client();
    need(SSL_CTX_load_verify_locations(ctx, pem("ca"), NULL) == 1, "no CA");
    return ctx;
}

SSL_CTX *tested_server(const char *who)
{
    SSL_CTX *ctx = new_server();
    need(SSL_CTX_load_verify_locations(ctx, pem("ca"), NULL) == 1, "no CA");
    show_certificate(ctx, who);
    return ctx;
}

SSL *tested_connection(SSL_CTX *client)
{
    SSL *ssl = SSL_new(client);
    need(ssl != NULL && SSL_set1_host(ssl, HOST) == 1 && SSL_set_tlsext_host_name(ssl, HOST) == 1, "no connection");
    return ssl;
}

static SSL_CTX *peer(const SSL_METHOD *method, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(method);
    need(ctx != NULL, "no peer");
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, version != 0 ? version : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, version);
    return ctx;
}

SSL_CTX *peer_client(int version)
{
    return peer(TLS_client_method(), version);
}

SSL_CTX *peer_server(const char *who, int version)
{
    SSL_CTX *ctx = peer(TLS_server_method(), version);
    if (who != NULL)
        show_certificate(ctx, who);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"peer", 4);
    return ctx;
}

/* Connections */

void join(SSL *client, SSL *server, size_t room)
{
    BIO *near, *far;
    need(BIO_new_bio_pair(&near, room, &far, room) == 1, "no BIO pair");
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
}

static int may_go_on(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

int shake(const char *key, SSL *client, SSL *server)
{
    SSL *sides[2] = {client, server};
    const char *names[2] = {"client", "server"};
    int results[2] = {-1, -1}, ended[2] = {0, 0};
    char name[64];
    ERR_clear_error();
    for (int turn = 0; turn < 40000 && !(ended[0] && ended[1]); turn++) {
        int side = turn % 2;
        if (ended[side])
            continue;
        results[side] = SSL_do_handshake(sides[side]);
        ended[side] = results[side] == 1 || !may_go_on(sides[side], results[side]);
        if (ended[side]) {
            snprintf(name, sizeof(name), "%s %s", key, names[side]);
            say_result(name, sides[side], results[side]);
        }
    }
    for (int side = 0; side < 2; side++)
        if (!ended[side]) {
            snprintf(name, sizeof(name), "%s %s", key, names[side]);
            say(name, "has not ended");
        }
    return results[0] == 1 && results[1] == 1;
}

static void carry(const char *key, SSL *from, SSL *to, const char *text)
{
    char name[64], buffer[64] = "";
    snprintf(name, sizeof(name), "%s: write", key);
    say_result(name, from, SSL_write(from, text, (int)strlen(text)));
    int got = SSL_read(to, buffer, sizeof(buffer) - 1);
    snprintf(name, sizeof(name), "%s: read", key);
    say_result(name, to, got);
    snprintf(name, sizeof(name), "%s: text", key);
    say(name, "\"%.*s\"", got > 0 ? got : 0, buffer);
}

void talk(const char *key, SSL *client, SSL *server)
{
    char name[64];
    ERR_clear_error();
    snprintf(name, sizeof(name), "%s to server", key);
    carry(name, client, server, "ping");
    snprintf(name, sizeof(name), "%s to client", key);
    carry(name, server, client, "pong");
}

void settle(SSL *client, SSL *server)
{
    char nothing[1];
    for (int turn = 0; turn < 4; turn++) {
        SSL_peek(server, nothing, 1);
        SSL_peek(client, nothing, 1);
    }
    ERR_clear_error();
}
