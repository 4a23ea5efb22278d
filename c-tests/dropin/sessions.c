/* Sessions of the client under test and of the server under test: when they are made, kept, offered, resumed and given
 * up, and what the callbacks around them are told. */
#include "dropin.h"

#include <string.h>

static SSL_SESSION *kept;

static int new_session(SSL *ssl, SSL_SESSION *session)
{
    called("new session, %s, resumable %d", SSL_is_server(ssl) ? "server" : "client",
           SSL_SESSION_is_resumable(session));
    if (SSL_is_server(ssl))
        return 0;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

static void removed(SSL_CTX *ctx, SSL_SESSION *session)
{
    (void)ctx;
    called("session removed, %s", SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION ? "TLS 1.3" : "TLS 1.2");
}

static void describe(const char *key, const SSL_SESSION *session)
{
    unsigned int id = 0;
    if (session == NULL) {
        say(key, "none");
        return;
    }
    SSL_SESSION_get_id(session, &id);
    say(key, "id %u, version 0x%x, cipher %s, timeout %ld, ticket %d hint %lu, host %s, resumable %d, early data %u, "
        "compression %u, peer %s", id, (unsigned)SSL_SESSION_get_protocol_version(session),
        SSL_CIPHER_get_name(SSL_SESSION_get0_cipher(session)), SSL_SESSION_get_timeout(session),
        SSL_SESSION_has_ticket(session), SSL_SESSION_get_ticket_lifetime_hint(session),
        SSL_SESSION_get0_hostname(session) != NULL ? SSL_SESSION_get0_hostname(session) : "none",
        SSL_SESSION_is_resumable(session), SSL_SESSION_get_max_early_data(session),
        SSL_SESSION_get_compress_id(session),
        SSL_SESSION_get0_peer((SSL_SESSION *)session) != NULL ? "known" : "unknown");
}

static void connect_once(const char *key, SSL_CTX *client, SSL_CTX *server, SSL_SESSION *session)
{
    char name[64];
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 0);
    if (session != NULL) {
        snprintf(name, sizeof(name), "%s: SSL_set_session", key);
        say_set(name, SSL_set_session(near, session));
    }
    if (shake(key, near, far))
        settle(near, far);
    snprintf(name, sizeof(name), "%s: reused", key);
    say(name, "%d, %d", SSL_session_reused(near), SSL_session_reused(far));
    snprintf(name, sizeof(name), "%s: verify result", key);
    say(name, "%ld, peer certificate %s", SSL_get_verify_result(near),
        SSL_get0_peer_certificate(near) != NULL ? "known" : "unknown");
    snprintf(name, sizeof(name), "%s: session", key);
    describe(name, SSL_get_session(near));
    snprintf(name, sizeof(name), "%s: callbacks", key);
    say_calls(name);
    snprintf(name, sizeof(name), "%s: shutdown", key);
    say_result(name, near, SSL_shutdown(near));
    SSL_shutdown(far);
    SSL_shutdown(near);
    ERR_clear_error();
    SSL_free(near);
    SSL_free(far);
}

static void statistics(SSL_CTX *client, SSL_CTX *server)
{
    SSL_CTX *sides[2] = {client, server};
    for (int side = 0; side < 2; side++) {
        SSL_CTX *ctx = sides[side];
        say(side ? "the server's count" : "the client's count",
            "%ld sessions; connects %ld, good %ld, again %ld; accepts %ld, good %ld, again %ld; hits %ld, by callback "
            "%ld, misses %ld, timeouts %ld, full %ld",
            SSL_CTX_sess_number(ctx), SSL_CTX_sess_connect(ctx), SSL_CTX_sess_connect_good(ctx),
            SSL_CTX_sess_connect_renegotiate(ctx), SSL_CTX_sess_accept(ctx), SSL_CTX_sess_accept_good(ctx),
            SSL_CTX_sess_accept_renegotiate(ctx), SSL_CTX_sess_hits(ctx), SSL_CTX_sess_cb_hits(ctx),
            SSL_CTX_sess_misses(ctx), SSL_CTX_sess_timeouts(ctx), SSL_CTX_sess_cache_full(ctx));
    }
}

static SSL_SESSION *by_way_of_bytes(SSL_SESSION *session)
{
    unsigned char *bytes = NULL;
    int length = i2d_SSL_SESSION(session, &bytes);
    say("it has bytes", "%d", length > 0);
    const unsigned char *cursor = bytes;
    SSL_SESSION *again = d2i_SSL_SESSION(NULL, &cursor, length);
    OPENSSL_free(bytes);
    return again;
}

static void resume(int test_server, int version, int tickets)
{
    chapter("%s under test, %s, %s", test_server ? "server" : "client", version_word(version),
            tickets ? "tickets" : "no tickets");
    SSL_CTX *client = test_server ? peer_client(version) : tested_client();
    SSL_CTX *server = test_server ? tested_server("right") : peer_server("right", version);
    if (test_server) {
        SSL_CTX_set_verify(server, SSL_VERIFY_NONE, NULL);
        say_set("SSL_CTX_set_session_id_context",
                SSL_CTX_set_session_id_context(server, (const unsigned char *)"tested", 6));
    }
    if (!tickets)
        SSL_CTX_set_options(server, SSL_OP_NO_TICKET);
    say("cache mode", "%ld", (long)SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_BOTH));
    SSL_CTX_sess_set_new_cb(client, new_session);
    SSL_CTX_sess_set_remove_cb(client, removed);
    if (test_server) {
        SSL_CTX_sess_set_new_cb(server, new_session);
        SSL_CTX_sess_set_remove_cb(server, removed);
    }
    connect_once("first", client, server, NULL);
    need(kept != NULL, "no session was kept");
    SSL_SESSION *first = kept;
    SSL_SESSION_up_ref(first);
    connect_once("again", client, server, kept);
    SSL_SESSION *duplicate = SSL_SESSION_dup(kept), *restored = by_way_of_bytes(kept);
    connect_once("from a duplicate", client, server, duplicate);
    connect_once("from bytes", client, server, restored);
    connect_once("without a session", client, server, NULL);
    SSL_SESSION_set_timeout(first, 1);
    SSL_SESSION_set_time(first, 1000);
    connect_once("from one that is too old", client, server, first);
    say_set("SSL_CTX_remove_session", SSL_CTX_remove_session(client, kept));
    say_calls("its callbacks");
    SSL_CTX_flush_sessions(client, 0);
    say_calls("callbacks of the flush");
    statistics(client, server);
    SSL_SESSION_free(first);
    SSL_SESSION_free(duplicate);
    SSL_SESSION_free(restored);
    SSL_SESSION_free(kept);
    kept = NULL;
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    say_calls("callbacks at the end");
}

/* A context that has sessions of its own kept outside: none is resumed on another context of the same settings. */
static void other_context(int version)
{
    chapter("a session of another context, %s", version_word(version));
    SSL_CTX *one = tested_client(), *two = tested_client(), *server = peer_server("right", version);
    SSL_CTX_set_session_cache_mode(one, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(one, new_session);
    connect_once("first", one, server, NULL);
    connect_once("on the other", two, server, kept);
    SSL_SESSION_free(kept);
    kept = NULL;
    SSL_CTX_free(one);
    SSL_CTX_free(two);
    SSL_CTX_free(server);
}

static int name_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                           int encrypt)
{
    static const unsigned char key[32] = "a key of thirty-two bytes, tests";
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_octet_string("key", (void *)key, sizeof(key)),
                               OSSL_PARAM_construct_utf8_string("digest", "SHA256", 0), OSSL_PARAM_construct_end()};
    called("ticket key callback, %s, %s", encrypt ? "encrypt" : "decrypt", SSL_is_server(ssl) ? "server" : "client");
    if (encrypt) {
        memset(name, 'n', 16);
        memset(iv, 'i', 16);
    }
    EVP_MAC_CTX_set_params(mac, parameters);
    EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key, iv, encrypt);
    return 1;
}

static int ticket_made(SSL *ssl, void *argument)
{
    (void)argument;
    called("ticket is made");
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), "mine", 4);
}

static SSL_TICKET_RETURN ticket_read(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length,
                                     SSL_TICKET_STATUS status, void *argument)
{
    void *data = NULL;
    size_t size = 0;
    (void)ssl, (void)name, (void)argument;
    if (session != NULL)
        SSL_SESSION_get0_ticket_appdata(session, &data, &size);
    called("ticket is read, status %d, name %zu bytes, data \"%.*s\"", (int)status, length, (int)size, (char *)data);
    return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

static void tickets_of_the_server(int version)
{
    chapter("ticket callbacks of the server under test, %s", version_word(version));
    SSL_CTX *client = peer_client(version), *server = tested_server("right");
    SSL_CTX_set_verify(server, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client, new_session);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(server, name_ticket_key);
    SSL_CTX_set_session_ticket_cb(server, ticket_made, ticket_read, NULL);
    say_set("SSL_CTX_set_num_tickets", SSL_CTX_set_num_tickets(server, 1));
    connect_once("first", client, server, NULL);
    connect_once("again", client, server, kept);
    SSL_SESSION_free(kept);
    kept = NULL;
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        for (int server = 0; server < 2; server++)
            for (int tickets = 0; tickets < 2; tickets++)
                resume(server, versions[i], tickets);
        other_context(versions[i]);
        tickets_of_the_server(versions[i]);
    }
    return 0;
}
