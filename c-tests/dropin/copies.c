/*
 * Connections that are duplicated, cleared and used again, given another context; and data that a program hangs on
 * them.
 */
#include "dropin.h"

#include <string.h>

static void look(const char *what, SSL *ssl)
{
    char key[96];
    snprintf(key, sizeof(key), "%s: settings", what);
    say(key, "options 0x%llx, mode 0x%lx, verify mode %d, depth %d, versions 0x%lx to 0x%lx, read ahead %d",
        (unsigned long long)SSL_get_options(ssl), SSL_get_mode(ssl), SSL_get_verify_mode(ssl),
        SSL_get_verify_depth(ssl), SSL_get_min_proto_version(ssl), SSL_get_max_proto_version(ssl),
        SSL_get_read_ahead(ssl));
    snprintf(key, sizeof(key), "%s: state", what);
    say(key, "%s, server %d, shutdown %d, session %s, reused %d, verify result %ld", SSL_state_string_long(ssl),
        SSL_is_server(ssl), SSL_get_shutdown(ssl), SSL_get_session(ssl) != NULL ? "there" : "none",
        SSL_session_reused(ssl), SSL_get_verify_result(ssl));
    snprintf(key, sizeof(key), "%s: host", what);
    const char *host = X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl), 0);
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    say(key, "%s, SNI %s", host != NULL ? host : "none", sni != NULL ? sni : "none");
}

static void duplicated(const char *who, int version)
{
    chapter("%s, %s, SSL_dup", who, version_word(version));
    SSL_CTX *client = tested_client(), *server = peer_server(who, version);
    SSL *original = tested_connection(client), *far = SSL_new(server);
    SSL_set_connect_state(original);
    SSL_set_options(original, SSL_OP_NO_TICKET);
    SSL_set_mode(original, SSL_MODE_AUTO_RETRY);
    SSL_set_verify_depth(original, 3);
    SSL *near = SSL_dup(original);
    say("made", "%d", near != NULL);
    look("original", original);
    look("copy", near);
    SSL_free(original);
    join(near, far, 0);
    if (shake("handshake", near, far))
        talk("after it", near, far);
    look("copy after it", near);
    SSL *late = SSL_dup(near);
    say("a copy of a connected one", "%s", late == near ? "the same" : late != NULL ? "another" : "none");
    SSL_free(late);
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void cleared(const char *first, const char *second, int version)
{
    chapter("%s, then %s, %s, SSL_clear", first, second, version_word(version));
    SSL_CTX *client = tested_client();
    SSL_CTX *servers[2] = {peer_server(first, version), peer_server(second, version)};
    SSL *near = tested_connection(client);
    for (int round = 0; round < 2; round++) {
        char key[64];
        SSL *far = SSL_new(servers[round]);
        join(near, far, 0);
        snprintf(key, sizeof(key), "handshake %d", round);
        if (shake(key, near, far)) {
            settle(near, far);
            SSL_shutdown(near);
            SSL_shutdown(far);
            SSL_shutdown(near);
        }
        ERR_clear_error();
        snprintf(key, sizeof(key), "SSL_clear %d", round);
        say_set(key, SSL_clear(near));
        snprintf(key, sizeof(key), "after SSL_clear %d", round);
        look(key, near);
        SSL_free(far);
    }
    SSL_free(near);
    SSL_CTX_free(client);
    SSL_CTX_free(servers[0]);
    SSL_CTX_free(servers[1]);
}

static SSL_CTX *next_context;

static int switch_context(SSL *ssl, int *alert, void *argument)
{
    (void)alert, (void)argument;
    called("SNI callback, context changes: %d", SSL_set_SSL_CTX(ssl, next_context) == next_context);
    return SSL_TLSEXT_ERR_OK;
}

/* What servers of many names do. */
static void switched(int version)
{
    chapter("the server under test changes its context, %s", version_word(version));
    SSL_CTX *client = peer_client(version), *server = tested_server("impostor");
    next_context = tested_server("right");
    SSL_CTX_set_verify(server, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_verify(next_context, SSL_VERIFY_NONE, NULL);
    need(SSL_CTX_load_verify_locations(client, pem("ca"), NULL) == 1, "no CA");
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_tlsext_servername_callback(server, switch_context);
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 0);
    if (shake("handshake", near, far))
        talk("after it", near, far);
    say_calls("callbacks");
    say("context", "%s", SSL_get_SSL_CTX(far) == next_context ? "the second" : "the first");
    look("server", far);
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    SSL_CTX_free(next_context);
}

static void data_made(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument)
{
    (void)parent, (void)pointer, (void)data, (void)index;
    called("made %ld %s", number, (const char *)argument);
}

static void data_freed(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument)
{
    (void)parent, (void)data, (void)index, (void)argument;
    called("freed %ld %s", number, pointer != NULL ? (const char *)pointer : "nothing");
}

static int data_copied(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **pointer, int index, long number,
                       void *argument)
{
    (void)to, (void)from, (void)index, (void)argument;
    called("copied %ld %s", number, *pointer != NULL ? *(char **)pointer : "nothing");
    return 1;
}

static void own_data(void)
{
    chapter("a program's own data");
    int of_connection = SSL_get_ex_new_index(1, "connection", data_made, data_copied, data_freed);
    int of_context = SSL_CTX_get_ex_new_index(2, "context", data_made, data_copied, data_freed);
    int of_session = SSL_SESSION_get_ex_new_index(3, "session", data_made, data_copied, data_freed);
    SSL_CTX *client = tested_client(), *server = peer_server("right", TLS1_3_VERSION);
    say_calls("contexts are made");
    SSL *near = tested_connection(client), *far = SSL_new(server);
    say_calls("connections are made");
    say_set("SSL_set_ex_data", SSL_set_ex_data(near, of_connection, "mine"));
    say_set("SSL_CTX_set_ex_data", SSL_CTX_set_ex_data(client, of_context, "mine"));
    SSL_set_app_data(near, "application data");
    SSL_CTX_set_app_data(client, "application data of the context");
    SSL *copy = SSL_dup(near);
    say_calls("SSL_dup");
    say("copied data", "%s", (char *)SSL_get_ex_data(copy, of_connection));
    SSL_free(copy);
    say_calls("the copy is freed");
    join(near, far, 0);
    shake("handshake", near, far);
    settle(near, far);
    say("application data", "%s, %s", (char *)SSL_get_app_data(near), (char *)SSL_CTX_get_app_data(client));
    SSL_SESSION_set_ex_data(SSL_get_session(near), of_session, "mine");
    SSL_SESSION *session = SSL_get1_session(near);
    SSL_SESSION *duplicate = SSL_SESSION_dup(session);
    SSL_SESSION_free(duplicate);
    say_calls("sessions");
    SSL_CTX_up_ref(client);
    SSL_CTX_free(client);
    say_calls("one of two references is given back");
    SSL_free(near);
    say_calls("the connection is freed");
    SSL_CTX_free(client);
    say_calls("the context is freed");
    SSL_SESSION_free(session);
    SSL_free(far);
    SSL_CTX_free(server);
    say_calls("the rest is freed");
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        duplicated("right", versions[i]);
        duplicated("impostor", versions[i]);
        cleared("right", "right", versions[i]);
        cleared("right", "impostor", versions[i]);
        cleared("impostor", "right", versions[i]);
        switched(versions[i]);
    }
    own_data();
    return 0;
}
