/* Certificates of clients: how the client under test is asked for one and shows it, and how the server under test asks
 * and judges. */
#include "dropin.h"

static X509 *own_certificate;
static EVP_PKEY *own_key;

static int give(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
    called("client certificate callback, %d CA names", sk_X509_NAME_num(names));
    X509_up_ref(own_certificate);
    EVP_PKEY_up_ref(own_key);
    *certificate = own_certificate;
    *key = own_key;
    return 1;
}

static int give_nothing(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    (void)ssl, (void)certificate, (void)key;
    called("client certificate callback that gives nothing");
    return 0;
}

static int wait_once(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    static int asked;
    called("client certificate callback that waits, time %d", asked);
    return asked++ % 2 == 0 ? -1 : give(ssl, certificate, key);
}

static int choose(SSL *ssl, void *argument)
{
    const unsigned char *types;
    called("certificate callback, %zu types, %d signature algorithms, argument %s",
           SSL_get0_certificate_types(ssl, &types), SSL_get_sigalgs(ssl, -1, NULL, NULL, NULL, NULL, NULL),
           (const char *)argument);
    return SSL_use_certificate(ssl, own_certificate) == 1 && SSL_use_PrivateKey(ssl, own_key) == 1;
}

static int accept_any(int ok, X509_STORE_CTX *store_ctx)
{
    called("the server's verify callback, ok %d, error %d, depth %d", ok, X509_STORE_CTX_get_error(store_ctx),
           X509_STORE_CTX_get_error_depth(store_ctx));
    return 1;
}

static void show(SSL_CTX *ctx, const char *who)
{
    need(SSL_CTX_use_certificate_chain_file(ctx, pem(who)) == 1 &&
             SSL_CTX_use_PrivateKey_file(ctx, pem(who), SSL_FILETYPE_PEM) == 1,
         "no client certificate");
}

static void of_file(SSL_CTX *client)
{
    show(client, "client");
}

static void of_callback(SSL_CTX *client)
{
    SSL_CTX_set_client_cert_cb(client, give);
}

static void of_no_use(SSL_CTX *client)
{
    SSL_CTX_set_client_cert_cb(client, give_nothing);
}

static void of_waiting(SSL_CTX *client)
{
    SSL_CTX_set_client_cert_cb(client, wait_once);
}

static void of_choice(SSL_CTX *client)
{
    SSL_CTX_set_cert_cb(client, choose, "of the context");
}

static void of_nobody(SSL_CTX *client)
{
    (void)client;
}

/* The whole handshake, a client that wants its certificate looked up among the wants. */
static void meet(SSL_CTX *client, SSL_CTX *server)
{
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 0);
    shake("handshake", near, far);
    if (SSL_want_x509_lookup(near))
        shake("handshake, the certificate has been found", near, far);
    say_calls("callbacks");
    talk("after it", near, far);
    say("the client's certificate", "%s", SSL_get0_peer_certificate(far) != NULL ? "shown" : "not shown");
    say("the server's verify result", "%ld", SSL_get_verify_result(far));
    SSL_free(near);
    SSL_free(far);
}

static void asked(const char *who, int version, const char *means, void (*prepare)(SSL_CTX *))
{
    chapter("client under test, %s, %s, %s", who, version_word(version), means);
    SSL_CTX *client = tested_client(), *server = peer_server(who, version);
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER, accept_any);
    SSL_CTX_set_client_CA_list(server, SSL_load_client_CA_file(pem("ca")));
    prepare(client);
    meet(client, server);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void asks(const char *who, int version, int mode, int (*callback)(int, X509_STORE_CTX *), const char *how)
{
    chapter("server under test, %s, %s, %s", who != NULL ? who : "no certificate", version_word(version), how);
    SSL_CTX *client = peer_client(version), *server = tested_server("right");
    if (mode >= 0)
        SSL_CTX_set_verify(server, mode, callback);
    SSL_CTX_set_client_CA_list(server, SSL_load_client_CA_file(pem("ca")));
    say("CA names", "%d", sk_X509_NAME_num(SSL_CTX_get_client_CA_list(server)));
    if (who != NULL)
        show(client, who);
    meet(client, server);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*prepare)(SSL_CTX *);
    } means[] = {{"of a file", of_file},
                 {"of a callback", of_callback},
                 {"of a callback that gives nothing", of_no_use},
                 {"of a callback that waits", of_waiting},
                 {"of a certificate callback", of_choice},
                 {"of nobody", of_nobody}};
    SSL_CTX *store = peer_client(0);
    show(store, "client");
    own_certificate = SSL_CTX_get0_certificate(store);
    own_key = SSL_CTX_get0_privatekey(store);
    for (int i = 0; i < 2; i++) {
        for (size_t m = 0; m < sizeof(means) / sizeof(means[0]); m++)
            asked("right", versions[i], means[m].name, means[m].prepare);
        asked("impostor", versions[i], "of a file", of_file);
        const char *const shown[] = {"client", "right", "expired", "self-signed", NULL};
        for (size_t who = 0; who < sizeof(shown) / sizeof(shown[0]); who++) {
            asks(shown[who], versions[i], -1, NULL, "as it was made");
            asks(shown[who], versions[i], SSL_VERIFY_NONE, NULL, "not asked");
            asks(shown[who], versions[i], SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL, "demanded");
        }
        asks("self-signed", versions[i], SSL_VERIFY_PEER, accept_any, "with a callback that accepts any");
    }
    SSL_CTX_free(store);
    return 0;
}
