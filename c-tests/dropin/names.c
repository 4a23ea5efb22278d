/* ALPN, SNI and the status request: what is offered, agreed and seen on each side, with the client under test and with
 * the server under test. */
#include "dropin.h"

#include <string.h>

static int choose(SSL *ssl, const unsigned char **out, unsigned char *length, const unsigned char *offered,
                  unsigned int offered_length, void *argument)
{
    (void)ssl, (void)argument;
    static const unsigned char known[] = "\x02h2\x08http/1.1";
    called("ALPN callback, %u bytes offered", offered_length);
    if (SSL_select_next_proto((unsigned char **)out, length, known, sizeof(known) - 1, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static int servername(SSL *ssl, int *alert, void *argument)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    called("SNI callback for %s, argument %s", name != NULL ? name : "no name", (const char *)argument);
    return name != NULL && strcmp(name, "refused.example") == 0 ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK;
}

static int hello(SSL *ssl, int *alert, void *argument)
{
    const unsigned char *data;
    size_t length;
    (void)alert, (void)argument;
    called("hello callback, version 0x%x, ciphers %zu bytes", SSL_client_hello_get0_legacy_version(ssl),
           SSL_client_hello_get0_ciphers(ssl, &data));
    int *extensions = NULL;
    size_t count = 0;
    if (SSL_client_hello_get1_extensions_present(ssl, &extensions, &count)) {
        for (size_t i = 0; i < count; i++)
            called("extension %d, %zu bytes", extensions[i],
                   SSL_client_hello_get0_ext(ssl, (unsigned)extensions[i], &data, &length) ? length : 0);
        OPENSSL_free(extensions);
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int staple(SSL *ssl, void *argument)
{
    unsigned char *answer = OPENSSL_memdup("an answer", 9);
    (void)argument;
    called("status callback of the server");
    SSL_set_tlsext_status_ocsp_resp(ssl, answer, 9);
    return SSL_TLSEXT_ERR_OK;
}

static void both_see(SSL *client, SSL *server)
{
    SSL *sides[2] = {client, server};
    for (int side = 0; side < 2; side++) {
        const unsigned char *chosen = NULL;
        unsigned int length = 0;
        char key[64];
        SSL_get0_alpn_selected(sides[side], &chosen, &length);
        snprintf(key, sizeof(key), "ALPN on the %s", side ? "server" : "client");
        say(key, "\"%.*s\"", (int)length, chosen != NULL ? (const char *)chosen : "");
        const char *name = SSL_get_servername(sides[side], TLSEXT_NAMETYPE_host_name);
        snprintf(key, sizeof(key), "SNI on the %s", side ? "server" : "client");
        say(key, "%s, type %d", name != NULL ? name : "none", SSL_get_servername_type(sides[side]));
    }
    const unsigned char *answer = NULL;
    say("stapled", "%ld bytes", (long)SSL_get_tlsext_status_ocsp_resp(client, &answer));
}

static int stapling;

static void converse(int test_server, int version, const char *what, const char *protocols, const char *sni)
{
    chapter("%s under test, %s, %s", test_server ? "server" : "client", version_word(version), what);
    SSL_CTX *client = test_server ? peer_client(version) : tested_client();
    SSL_CTX *server = test_server ? tested_server("right") : peer_server("right", version);
    if (test_server)
        SSL_CTX_set_verify(server, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_alpn_select_cb(server, choose, NULL);
    SSL_CTX_set_tlsext_servername_callback(server, servername);
    SSL_CTX_set_tlsext_servername_arg(server, "of the context");
    if (stapling)
        SSL_CTX_set_tlsext_status_cb(server, staple);
    SSL_CTX_set_client_hello_cb(server, hello, NULL);
    if (protocols != NULL)
        say_set("SSL_CTX_set_alpn_protos",
                SSL_CTX_set_alpn_protos(client, (const unsigned char *)protocols, (unsigned)strlen(protocols)));
    SSL *near = tested_connection(client), *far = SSL_new(server);
    SSL_set_tlsext_host_name(near, sni);
    join(near, far, 0);
    if (shake("handshake", near, far))
        talk("after it", near, far);
    say_calls("callbacks");
    both_see(near, far);
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void)
{
    for (int i = 0; i < 2; i++)
        for (int server = 0; server < 2; server++) {
            converse(server, versions[i], "one protocol in common", "\x08http/1.1\x03ftp", HOST);
            converse(server, versions[i], "no protocol in common", "\x03" "ftp", HOST);
            converse(server, versions[i], "no protocol offered", NULL, HOST);
            converse(server, versions[i], "a damaged list", "\x09h2", HOST);
            converse(server, versions[i], "no SNI", "\x02h2", NULL);
            converse(server, versions[i], "a name that the server refuses", "\x02h2", "refused.example");
            stapling = 1;
            converse(server, versions[i], "an answer is stapled that is none", NULL, HOST);
            stapling = 0;
        }
    return 0;
}
