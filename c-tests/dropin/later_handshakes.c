/* What may follow the first handshake: renegotiation by either side, key updates, and a certificate asked for later. */
#include "dropin.h"

static SSL_CTX *client, *server;
static SSL *near, *far;

static void begin(int test_server, int version)
{
    client = test_server ? peer_client(version) : tested_client();
    server = test_server ? tested_server("right") : peer_server("right", version);
    SSL_CTX_set_info_callback(test_server ? server : client, watch_info);
    if (test_server)
        SSL_CTX_set_verify(server, SSL_VERIFY_NONE, NULL);
}

static void connected(void)
{
    near = tested_connection(client);
    far = SSL_new(server);
    join(near, far, 0);
    shake("handshake", near, far);
    settle(near, far);
    say_calls("callbacks of the handshake");
}

static void end(void)
{
    say_calls("callbacks");
    say("shutdown", "%d and %d", SSL_get_shutdown(near), SSL_get_shutdown(far));
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void renegotiate(int test_server, int version, int by_server, int abbreviated)
{
    chapter("%s under test, %s, the %s asks for a renegotiation%s", test_server ? "server" : "client",
            version_word(version), by_server ? "server" : "client", abbreviated ? ", abbreviated" : "");
    begin(test_server, version);
    connected();
    SSL *asking = by_server ? far : near;
    say("allowed", "%d and %d", SSL_renegotiate_pending(near), SSL_renegotiate_pending(far));
    say_set("SSL_renegotiate", abbreviated ? SSL_renegotiate_abbreviated(asking) : SSL_renegotiate(asking));
    say("pending", "%d and %d", SSL_renegotiate_pending(near), SSL_renegotiate_pending(far));
    say_result("SSL_do_handshake", asking, SSL_do_handshake(asking));
    talk("after it", near, far);
    talk("once more", near, far);
    say("renegotiations", "%ld and %ld", (long)SSL_num_renegotiations(near), (long)SSL_total_renegotiations(far));
    end();
}

static void key_update(int test_server, int version, int requested)
{
    chapter("%s under test, %s, a key update%s", test_server ? "server" : "client", version_word(version),
            requested ? " of both sides" : "");
    begin(test_server, version);
    connected();
    SSL *tested = test_server ? far : near, *other = test_server ? near : far;
    int kind = requested ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
    say_set("SSL_key_update", SSL_key_update(tested, kind));
    say("its type", "%d", SSL_get_key_update_type(tested));
    say_result("SSL_do_handshake", tested, SSL_do_handshake(tested));
    talk("after it", near, far);
    say_set("SSL_key_update of the other", SSL_key_update(other, kind));
    say_result("SSL_do_handshake of the other", other, SSL_do_handshake(other));
    talk("after that", near, far);
    say_set("SSL_key_update of an unknown kind", SSL_key_update(tested, 7));
    end();
}

static int accept_any(int ok, X509_STORE_CTX *store_ctx)
{
    called("the server's verify callback, ok %d, error %d", ok, X509_STORE_CTX_get_error(store_ctx));
    return 1;
}

static void asked_later(int test_server, int version, int announced, int has_certificate)
{
    chapter("%s under test, %s, a certificate is asked for later%s%s", test_server ? "server" : "client",
            version_word(version), announced ? "" : ", unannounced", has_certificate ? "" : ", there is none");
    begin(test_server, version);
    SSL_CTX_set_post_handshake_auth(client, announced);
    if (has_certificate)
        need(SSL_CTX_use_certificate_file(client, pem("client"), SSL_FILETYPE_PEM) == 1 &&
                 SSL_CTX_use_PrivateKey_file(client, pem("client"), SSL_FILETYPE_PEM) == 1,
             "no client certificate");
    connected();
    SSL_set_verify(far, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    say_set("SSL_verify_client_post_handshake", SSL_verify_client_post_handshake(far));
    say_result("SSL_do_handshake", far, SSL_do_handshake(far));
    talk("after it", near, far);
    talk("once more", near, far);
    say("the client's certificate", "%s", SSL_get0_peer_certificate(far) != NULL ? "shown" : "not shown");
    end();
}

int main(void)
{
    for (int i = 0; i < 2; i++)
        for (int tested = 0; tested < 2; tested++) {
            for (int by = 0; by < 4; by++)
                renegotiate(tested, versions[i], by % 2, by / 2);
            key_update(tested, versions[i], 0);
            key_update(tested, versions[i], 1);
            for (int how = 0; how < 4; how++)
                asked_later(tested, versions[i], how % 2, how / 2);
        }
    return 0;
}
