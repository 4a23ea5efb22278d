/* The other callbacks that programs set: in which order they come, what they are given, and what their answers do. */
#include "dropin.h"

#include <string.h>

static void key_log(const SSL *ssl, const char *line)
{
    (void)ssl;
    called("key log %.*s", (int)strcspn(line, " "), line);
}

static int add_extension(SSL *ssl, unsigned int type, unsigned int context, const unsigned char **out, size_t *length,
                         X509 *certificate, size_t index, int *alert, void *argument)
{
    (void)ssl, (void)certificate, (void)index, (void)alert, (void)argument;
    called("extension %u is added, context 0x%x", type, context);
    *out = (const unsigned char *)"value";
    *length = 5;
    return 1;
}

static void free_extension(SSL *ssl, unsigned int type, unsigned int context, const unsigned char *out, void *argument)
{
    (void)ssl, (void)context, (void)out, (void)argument;
    called("extension %u is freed", type);
}

static int parse_extension(SSL *ssl, unsigned int type, unsigned int context, const unsigned char *in, size_t length,
                           X509 *certificate, size_t index, int *alert, void *argument)
{
    (void)ssl, (void)certificate, (void)index, (void)alert, (void)argument;
    called("extension %u is parsed, context 0x%x, \"%.*s\"", type, context, (int)length, (const char *)in);
    return 1;
}

static int any_chain(X509_STORE_CTX *store_ctx, void *argument)
{
    called("the program's own verification, argument %s, chain to build from %d", (const char *)argument,
           sk_X509_num(X509_STORE_CTX_get0_untrusted(store_ctx)));
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static unsigned int psk_of_client(SSL *ssl, const char *hint, char *identity, unsigned int space, unsigned char *key,
                                  unsigned int key_space)
{
    (void)ssl, (void)hint;
    called("pre-shared key of the client, room %u and %u", space, key_space);
    snprintf(identity, space, "me");
    memset(key, 'k', 16);
    return 16;
}

static unsigned int psk_of_server(SSL *ssl, const char *identity, unsigned char *key, unsigned int space)
{
    (void)ssl, (void)space;
    called("pre-shared key of the server for %s", identity);
    memset(key, 'k', 16);
    return 16;
}

static int permit_all(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)bits, (void)nid, (void)other, (void)extra;
    /* Too many to print, but whether it is asked is a fact. */
    *(int *)extra |= operation != 0;
    return 1;
}

static int status_of_client(SSL *ssl, void *argument)
{
    const unsigned char *answer = NULL;
    called("status callback, argument %s, %ld bytes", (const char *)argument,
           (long)SSL_get_tlsext_status_ocsp_resp(ssl, &answer));
    return 1;
}

static size_t padding(SSL *ssl, int type, size_t length, void *argument)
{
    (void)ssl, (void)type, (void)length, (void)argument;
    return 0;
}

static void extensions(SSL_CTX *client, SSL_CTX *server)
{
    unsigned int context = SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS;
    SSL_CTX *contexts[] = {client, client, server};
    static const char *const keys[] = {"SSL_CTX_add_custom_ext", "the same again", "of the server"};
    for (int i = 0; i < 3; i++)
        say_set(keys[i], SSL_CTX_add_custom_ext(contexts[i], 65000, context, add_extension, free_extension, NULL,
                                                parse_extension, NULL));
    say_set("SSL_CTX_has_client_custom_ext", SSL_CTX_has_client_custom_ext(client, 65000));
}

static void keys_are_logged(SSL_CTX *client, SSL_CTX *server)
{
    (void)server;
    SSL_CTX_set_keylog_callback(client, key_log);
}

static void own_verification(SSL_CTX *client, SSL_CTX *server)
{
    (void)server;
    SSL_CTX_set_cert_verify_callback(client, any_chain, "mine");
}

static void pre_shared_keys(SSL_CTX *client, SSL_CTX *server)
{
    SSL_CTX_set_psk_client_callback(client, psk_of_client);
    SSL_CTX_set_psk_server_callback(server, psk_of_server);
}

static int asked_about_security;

static void own_security(SSL_CTX *client, SSL_CTX *server)
{
    (void)server;
    asked_about_security = 0;
    SSL_CTX_set0_security_ex_data(client, &asked_about_security);
    SSL_CTX_set_security_callback(client, permit_all);
}

static void own_status(SSL_CTX *client, SSL_CTX *server)
{
    (void)server;
    say_set("status type", SSL_CTX_set_tlsext_status_type(client, TLSEXT_STATUSTYPE_ocsp));
    SSL_CTX_set_tlsext_status_cb(client, status_of_client);
    SSL_CTX_set_tlsext_status_arg(client, "mine");
}

static void padded(SSL_CTX *client, SSL_CTX *server)
{
    (void)server;
    SSL_CTX_set_record_padding_callback(client, padding);
    say_set("SSL_CTX_set_block_padding", SSL_CTX_set_block_padding(client, 64));
}

static void info_of_both(SSL_CTX *client, SSL_CTX *server)
{
    SSL_CTX_set_info_callback(client, watch_info);
    SSL_CTX_set_info_callback(server, watch_info);
}

static void meet(const char *who, const char *what, void (*prepare)(SSL_CTX *, SSL_CTX *), int version)
{
    chapter("%s, %s, %s", who, what, version_word(version));
    SSL_CTX *client = tested_client(), *server = peer_server(who, version);
    prepare(client, server);
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 0);
    if (shake("handshake", near, far)) {
        talk("after it", near, far);
        say("cipher", "%s", SSL_get_cipher_name(near));
    }
    say_calls("callbacks");
    say("asked about security", "%d", asked_about_security);
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*prepare)(SSL_CTX *, SSL_CTX *);
    } habits[] = {{"custom extensions", extensions}, {"a key log", keys_are_logged},
                  {"an own verification that accepts all", own_verification}, {"pre-shared keys", pre_shared_keys},
                  {"an own security callback", own_security}, {"an own status callback", own_status},
                  {"padding", padded}, {"info callbacks of both sides", info_of_both}};
    for (int i = 0; i < 2; i++)
        for (size_t habit = 0; habit < sizeof(habits) / sizeof(habits[0]); habit++)
            for (int impostor = 0; impostor < 2; impostor++)
                meet(impostor ? "impostor" : "right", habits[habit].name, habits[habit].prepare, versions[i]);
    return 0;
}
