/* How connections end: orderly, one-sided, quiet, cut off; what each call returns and which state it leaves. */
#include "dropin.h"

static SSL *near, *far;

static void both(const char *key)
{
    say(key, "%d and %d", SSL_get_shutdown(near), SSL_get_shutdown(far));
}

static void reads(const char *key, SSL *ssl)
{
    char byte[1];
    say_result(key, ssl, SSL_read(ssl, byte, 1));
}

static void orderly(void)
{
    say_result("near: SSL_shutdown", near, SSL_shutdown(near));
    both("after the first");
    reads("far: SSL_read", far);
    both("after it was read");
    say_result("near: SSL_write", near, SSL_write(near, "x", 1));
    say_result("far: SSL_write", far, SSL_write(far, "late", 4));
    say_result("near: SSL_shutdown before it has read all", near, SSL_shutdown(near));
    reads("near: SSL_read of what was late", near);
    say_result("far: SSL_shutdown", far, SSL_shutdown(far));
    say_result("near: SSL_shutdown again", near, SSL_shutdown(near));
    both("at the end");
    reads("near: SSL_read at the end", near);
    say_result("near: SSL_peek at the end", near, SSL_peek(near, (char[1]){0}, 1));
}

static void by_the_other(void)
{
    say_result("far: SSL_shutdown", far, SSL_shutdown(far));
    reads("near: SSL_read", near);
    both("after it");
    say_result("near: SSL_write", near, SSL_write(near, "x", 1));
    say_result("near: SSL_shutdown", near, SSL_shutdown(near));
    both("at the end");
}

static void quiet(void)
{
    SSL_set_quiet_shutdown(near, 1);
    say("quiet", "%d", SSL_get_quiet_shutdown(near));
    say_result("near: SSL_shutdown", near, SSL_shutdown(near));
    both("after it");
    reads("far: SSL_read", far);
    reads("near: SSL_read", near);
}

static void by_hand(void)
{
    SSL_set_shutdown(near, SSL_RECEIVED_SHUTDOWN);
    both("after received");
    reads("near: SSL_read", near);
    SSL_set_shutdown(near, SSL_SENT_SHUTDOWN);
    both("after sent");
    say_result("near: SSL_write", near, SSL_write(near, "x", 1));
    say_result("near: SSL_shutdown", near, SSL_shutdown(near));
}

static void cut_off(void)
{
    /* The other end of the BIO pair says that nothing follows. */
    BIO_shutdown_wr(SSL_get_wbio(far));
    reads("near: SSL_read", near);
    both("after it");
    reads("near: SSL_read again", near);
    say_result("near: SSL_shutdown", near, SSL_shutdown(near));
    both("at the end");
}

static void cut_off_and_ignored(void)
{
    SSL_set_options(near, SSL_OP_IGNORE_UNEXPECTED_EOF);
    cut_off();
}

static void rubbish(void)
{
    BIO_write(SSL_get_wbio(far), "this is no record of TLS", 24);
    reads("near: SSL_read", near);
    both("after it");
    say_result("near: SSL_write", near, SSL_write(near, "x", 1));
    say_result("near: SSL_shutdown", near, SSL_shutdown(near));
    reads("far: SSL_read", far);
}

static void ending(int test_server, int version, const char *name, void (*end)(void))
{
    chapter("%s under test, %s, %s", test_server ? "server" : "client", version_word(version), name);
    SSL_CTX *client = test_server ? peer_client(version) : tested_client();
    SSL_CTX *server = test_server ? tested_server("right") : peer_server("right", version);
    SSL_CTX *tested = test_server ? server : client;
    if (test_server)
        SSL_CTX_set_verify(server, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_info_callback(tested, watch_info);
    SSL *one = tested_connection(client), *two = SSL_new(server);
    join(one, two, 0);
    shake("handshake", one, two);
    settle(one, two);
    say_calls("callbacks of the handshake");
    near = test_server ? two : one;
    far = test_server ? one : two;
    end();
    say_calls("callbacks");
    SSL_SESSION *session = SSL_get_session(near);
    say("session", "%s", session == NULL ? "none" : SSL_SESSION_is_resumable(session) ? "resumable" : "not resumable");
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

/* Before any handshake, and when a handshake is cut off in its midst. */
static void unborn(void)
{
    chapter("no handshake");
    SSL_CTX *client = tested_client(), *server = peer_server("right", 0);
    near = tested_connection(client);
    far = SSL_new(server);
    join(near, far, 0);
    say_result("SSL_write leads to a handshake", near, SSL_write(near, "x", 1));
    say_result("SSL_shutdown in its midst", near, SSL_shutdown(near));
    BIO_shutdown_wr(SSL_get_wbio(far));
    say_result("SSL_do_handshake, cut off", near, SSL_do_handshake(near));
    both("after it");
    say_result("SSL_shutdown after it", near, SSL_shutdown(near));
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void plain_http(void)
{
    chapter("a server without TLS");
    SSL_CTX *client = tested_client(), *server = peer_server("right", 0);
    near = tested_connection(client);
    far = SSL_new(server);
    join(near, far, 0);
    BIO_write(SSL_get_wbio(far), "HTTP/1.0 400 Bad Request\r\n\r\n", 28);
    say_result("SSL_connect", near, SSL_connect(near));
    both("after it");
    say_result("SSL_connect again", near, SSL_connect(near));
    say_result("SSL_shutdown", near, SSL_shutdown(near));
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*end)(void);
    } endings[] = {{"orderly", orderly}, {"by the other side", by_the_other}, {"quiet", quiet}, {"by hand", by_hand},
                   {"cut off", cut_off}, {"cut off, and ignored", cut_off_and_ignored}, {"rubbish", rubbish}};
    for (int i = 0; i < 2; i++)
        for (int server = 0; server < 2; server++)
            for (size_t e = 0; e < sizeof(endings) / sizeof(endings[0]); e++)
                ending(server, versions[i], endings[e].name, endings[e].end);
    unborn();
    plain_http();
    return 0;
}
