/* Non-blocking use: what each step of a handshake wants where little fits into the transport, partial and repeated
 * writes, and bytes that wait inside. */
#include "dropin.h"

#include <string.h>

/* What the client wants, as one line of "r" and "w"; how often in a row depends on the length of a signature. */
static void step_by_step(size_t room, SSL *client, SSL *server)
{
    SSL *sides[2] = {client, server};
    int ended[2] = {0, 0};
    char last = 0;
    for (int turn = 0; turn < 100000 && !(ended[0] && ended[1]); turn++) {
        if (ended[turn % 2])
            continue;
        int result = SSL_do_handshake(sides[turn % 2]);
        int error = SSL_get_error(sides[turn % 2], result);
        ended[turn % 2] = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
        if (turn % 2 != 0)
            continue;
        char now = result == 1 ? '!' : error == SSL_ERROR_WANT_READ ? 'r' : error == SSL_ERROR_WANT_WRITE ? 'w' : 'E';
        if (now != last)
            called("%c, SSL_want %d", now, SSL_want(client));
        last = now;
    }
    char key[64];
    snprintf(key, sizeof(key), "wants with room for %zu", room);
    say_calls(key);
    say("ended", "%d and %d", ended[0], ended[1]);
    ERR_clear_error();
}

static void handshakes(const char *who, int version)
{
    static const size_t rooms[] = {1, 7, 100, 1000, 20000};
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        chapter("a handshake with %s, %s, room %zu", who, version_word(version), rooms[i]);
        SSL_CTX *client = tested_client(), *server = peer_server(who, version);
        SSL *near = tested_connection(client), *far = SSL_new(server);
        join(near, far, rooms[i]);
        step_by_step(rooms[i], near, far);
        say_result("one more SSL_do_handshake", near, SSL_do_handshake(near));
        SSL_free(near);
        SSL_free(far);
        SSL_CTX_free(client);
        SSL_CTX_free(server);
    }
}

static void drain(SSL *from)
{
    static char sink[65536];
    while (SSL_read(from, sink, sizeof(sink)) > 0)
        ;
    ERR_clear_error();
}

static void writes(int version)
{
    static char data[50000], other[50000];
    chapter("writes, %s", version_word(version));
    SSL_CTX *client = tested_client(), *server = peer_server("right", version);
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 20000);
    shake("handshake", near, far);
    settle(near, far);
    say("modes", "0x%lx", SSL_get_mode(near));
    say_result("50000 bytes", near, SSL_write(near, data, sizeof(data)));
    say_result("the same again, nobody reads", near, SSL_write(near, data, sizeof(data)));
    say_result("another buffer", near, SSL_write(near, other, sizeof(other)));
    say_result("fewer bytes", near, SSL_write(near, data, 10));
    for (int i = 0; i < 3; i++) {
        char key[64];
        drain(far);
        snprintf(key, sizeof(key), "the same again, read by the other side, %d", i);
        say_result(key, near, SSL_write(near, data, sizeof(data)));
    }
    drain(far);
    SSL_set_mode(near, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    say_result("partial", near, SSL_write(near, data, sizeof(data)));
    say_result("partial, nobody reads", near, SSL_write(near, data + 16384, sizeof(data) - 16384));
    drain(far);
    say_result("partial, another buffer", near, SSL_write(near, other + 16384, sizeof(data) - 16384));
    drain(far);
    size_t written = 77;
    say_result("SSL_write_ex", near, SSL_write_ex(near, data, 100, &written));
    say("written", "%zu", written);
    say_result("nothing", near, SSL_write(near, data, 0));
    say_result("a negative length", near, SSL_write(near, data, -1));
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void reads(int version)
{
    char buffer[64];
    size_t got = 77;
    chapter("reads, %s", version_word(version));
    SSL_CTX *client = tested_client(), *server = peer_server("right", version);
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 20000);
    shake("handshake", near, far);
    say_result("nothing there", near, SSL_read(near, buffer, sizeof(buffer)));
    say("pending", "%d, %d", SSL_pending(near), SSL_has_pending(near));
    SSL_write(far, "0123456789", 10);
    say("pending before a read", "%d, %d", SSL_pending(near), SSL_has_pending(near));
    say_result("SSL_peek", near, SSL_peek(near, buffer, 4));
    say("peeked", "%.4s", buffer);
    say("pending after it", "%d, %d", SSL_pending(near), SSL_has_pending(near));
    say_result("SSL_read of four", near, SSL_read(near, buffer, 4));
    say("read", "%.4s", buffer);
    say_result("SSL_peek_ex", near, SSL_peek_ex(near, buffer, 2, &got));
    say("peeked by SSL_peek_ex", "%zu %.2s", got, buffer);
    say_result("SSL_read_ex", near, SSL_read_ex(near, buffer, sizeof(buffer), &got));
    say("read by SSL_read_ex", "%zu %.6s", got, buffer);
    got = 77;
    say_result("SSL_read_ex of nothing", near, SSL_read_ex(near, buffer, sizeof(buffer), &got));
    say("its length", "%zu", got);
    say_result("no length", near, SSL_read(near, buffer, 0));
    SSL_write(far, "0123456789", 10);
    SSL_write(far, "abcdef", 6);
    SSL_set_read_ahead(near, 1);
    say_result("across records", near, SSL_read(near, buffer, sizeof(buffer)));
    say("pending in the second", "%d, %d", SSL_pending(near), SSL_has_pending(near));
    say_result("the second", near, SSL_read(near, buffer, sizeof(buffer)));
    say_result("a stale error", near, (ERR_put_error(ERR_LIB_USER, 0, 1, "", 0), SSL_read(near, buffer, 1)));
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        handshakes("right", versions[i]);
        handshakes("impostor", versions[i]);
        writes(versions[i]);
        reads(versions[i]);
    }
    return 0;
}
