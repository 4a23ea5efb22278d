/* Early data of TLS 1.3: what the client under test may send and when, and what the server under test accepts. */
#include "dropin.h"
#include "../kept.h"

static int allowed(SSL *ssl, void *argument)
{
    (void)argument;
    called("early data callback, reused %d", SSL_session_reused(ssl));
    return 1;
}

static void first(SSL_CTX *client, SSL_CTX *server)
{
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 0);
    shake("first handshake", near, far);
    settle(near, far);
    need(kept != NULL, "no session was kept");
    say("early data of the session", "%u", SSL_SESSION_get_max_early_data(kept));
    SSL_shutdown(near);
    SSL_free(near);
    SSL_free(far);
}

static void again(SSL_CTX *client, SSL_CTX *server, const char *host, int with_session)
{
    char buffer[64] = "";
    size_t count = 77;
    SSL *near = tested_connection(client), *far = SSL_new(server);
    SSL_set1_host(near, host);
    SSL_set_tlsext_host_name(near, host);
    join(near, far, 0);
    if (with_session)
        say_set("SSL_set_session", SSL_set_session(near, kept));
    ERR_clear_error();
    say_result("SSL_write_early_data", near, SSL_write_early_data(near, "early", 5, &count));
    say("written early", "%zu", count);
    count = 77;
    say_result("SSL_read_early_data", far, SSL_read_early_data(far, buffer, sizeof(buffer), &count));
    say("read early", "%zu %.*s", count, count < sizeof(buffer) ? (int)count : 0, buffer);
    say("status before the end", "%d and %d", SSL_get_early_data_status(near), SSL_get_early_data_status(far));
    shake("handshake", near, far);
    count = 77;
    say_result("SSL_read_early_data after it", far, SSL_read_early_data(far, buffer, sizeof(buffer), &count));
    say("status", "%d and %d", SSL_get_early_data_status(near), SSL_get_early_data_status(far));
    say("reused", "%d and %d", SSL_session_reused(near), SSL_session_reused(far));
    say("verify result", "%ld", SSL_get_verify_result(near));
    talk("after it", near, far);
    say_calls("callbacks");
    SSL_free(near);
    SSL_free(far);
}

static void early(int test_server, const char *what, const char *host, int with_session, uint32_t most)
{
    chapter("%s under test, %s", test_server ? "server" : "client", what);
    SSL_CTX *client = test_server ? peer_client(TLS1_3_VERSION) : tested_client();
    SSL_CTX *server = test_server ? tested_server("right") : peer_server("right", TLS1_3_VERSION);
    if (test_server) {
        SSL_CTX_set_verify(server, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_session_id_context(server, (const unsigned char *)"tested", 6);
    }
    say_set("SSL_CTX_set_max_early_data", SSL_CTX_set_max_early_data(server, most));
    SSL_CTX_set_allow_early_data_cb(server, allowed, NULL);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client, keep);
    first(client, server);
    again(client, server, host, with_session);
    SSL_SESSION_free(kept);
    kept = NULL;
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void)
{
    for (int server = 0; server < 2; server++) {
        early(server, "accepted", HOST, 1, 1024);
        early(server, "no early data in the session", HOST, 1, 0);
        early(server, "no session", HOST, 0, 1024);
        early(server, "too many bytes", HOST, 1, 3);
        early(server, "a session of another host", "other.example", 1, 1024);
    }
    return 0;
}
