/* Connections as BIOs: BIO_f_ssl alone and under a buffer, made by BIO_new_ssl and by hand. */
#include "dropin.h"

#include <string.h>

static void say_bio(const char *key, BIO *bio, int result)
{
    say(key, "%d, retry %d, read %d, write %d, special %d, reason %d", result, BIO_should_retry(bio) != 0,
        BIO_should_read(bio) != 0, BIO_should_write(bio) != 0, BIO_should_io_special(bio) != 0,
        BIO_get_retry_reason(bio));
}

/* Both sides in turn until the client's BIO has shaken hands. */
static void shake_bios(BIO *near, SSL *far)
{
    int result = -1;
    for (int turn = 0; turn < 20 && result != 1; turn++) {
        result = BIO_do_handshake(near);
        char key[64];
        snprintf(key, sizeof(key), "BIO_do_handshake %d", turn);
        say_bio(key, near, result);
        if (result <= 0 && !BIO_should_retry(near))
            break;
        SSL_do_handshake(far);
    }
    say_set("errors", ERR_peek_error() != 0);
}

static void converse(BIO *near, SSL *far)
{
    char buffer[64] = "";
    say_bio("BIO_puts", near, BIO_puts(near, "ping\n"));
    say_bio("BIO_flush", near, (int)BIO_flush(near));
    say_result("the server's SSL_read", far, SSL_read(far, buffer, sizeof(buffer)));
    say_bio("BIO_read of nothing", near, BIO_read(near, buffer, sizeof(buffer)));
    SSL_write(far, "pong\nand more\n", 14);
    say_bio("BIO_gets", near, BIO_gets(near, buffer, sizeof(buffer)));
    /* After a refusal these are the server's own messages, whose signature has no fixed length. */
    say("pending", "%d, %d to write", (int)BIO_pending(near) > 0, (int)BIO_wpending(near));
    say_bio("BIO_read", near, BIO_read(near, buffer, sizeof(buffer)));
    say_bio("BIO_eof", near, (int)BIO_eof(near));
    BIO_ssl_shutdown(near);
    say_result("the server's SSL_read at the end", far, SSL_read(far, buffer, sizeof(buffer)));
    say_result("the server's SSL_shutdown", far, SSL_shutdown(far));
    say_bio("BIO_read at the end", near, BIO_read(near, buffer, sizeof(buffer)));
    say_bio("BIO_eof at the end", near, (int)BIO_eof(near));
}

static void chain(const char *who, int version, int buffered, int by_hand)
{
    chapter("%s, %s, %s, %s", who, version_word(version), buffered ? "under a buffer" : "alone",
            by_hand ? "made by hand" : "BIO_new_ssl");
    SSL_CTX *client = tested_client(), *server = peer_server(who, version);
    BIO *transport, *other, *near;
    need(BIO_new_bio_pair(&transport, 0, &other, 0) == 1, "no BIO pair");
    SSL *far = SSL_new(server), *ssl = NULL;
    SSL_set_bio(far, other, other);
    SSL_set_accept_state(far);
    if (by_hand) {
        near = BIO_new(BIO_f_ssl());
        ssl = SSL_new(client);
        SSL_set_connect_state(ssl);
        say_set("BIO_set_ssl", BIO_set_ssl(near, ssl, BIO_CLOSE));
    } else {
        near = BIO_new_ssl(client, 1);
    }
    need(near != NULL && BIO_get_ssl(near, &ssl) == 1, "no BIO with a connection");
    say("its context", "%s", SSL_get_SSL_CTX(ssl) == client ? "the client's" : "another");
    SSL_set1_host(ssl, HOST);
    SSL_set_tlsext_host_name(ssl, HOST);
    BIO_push(near, transport);
    if (buffered)
        near = BIO_push(BIO_new(BIO_f_buffer()), near);
    say("mode", "0x%lx", SSL_get_mode(ssl));
    shake_bios(near, far);
    say("verify result", "%ld", SSL_get_verify_result(ssl));
    say("handshakes", "%ld renegotiations", (long)BIO_get_num_renegotiates(near));
    converse(near, far);
    ERR_clear_error();
    BIO_free_all(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

/* The BIO with a connect BIO under it, as far as it goes without a network. */
static void connect_bio(int buffered)
{
    chapter("%s", buffered ? "BIO_new_buffer_ssl_connect" : "BIO_new_ssl_connect");
    SSL_CTX *client = tested_client();
    BIO *bio = buffered ? BIO_new_buffer_ssl_connect(client) : BIO_new_ssl_connect(client);
    SSL *ssl = NULL;
    need(bio != NULL, "no BIO");
    say_set("BIO_get_ssl", BIO_get_ssl(bio, &ssl));
    say("server", "%d", SSL_is_server(ssl));
    say_set("BIO_set_conn_hostname", BIO_set_conn_hostname(bio, "right.example:4433"));
    say("host", "%s", BIO_get_conn_hostname(bio));
    say("port", "%s", BIO_get_conn_port(bio));
    say("types", "%d, %d", BIO_method_type(bio), BIO_method_type(BIO_next(bio)));
    BIO *copy = BIO_dup_chain(bio);
    say("a copy of the chain", "%s", copy != NULL ? "made" : "not made");
    say_set("errors", 0);
    BIO_free_all(copy);
    BIO_free_all(bio);
    SSL_CTX_free(client);
}

int main(void)
{
    static const char *const peers[] = {"right", "impostor"};
    for (int i = 0; i < 2; i++)
        for (int peer = 0; peer < 2; peer++)
            for (int how = 0; how < 4; how++)
                chain(peers[peer], versions[i], how % 2, how / 2);
    connect_bio(0);
    connect_bio(1);
    return 0;
}
