/*
 * A handshake that plain OpenSSL made, verifying nothing, is judged by hostlock_ctx_verify_peer before its first byte of data:
 * with the verdict that a handshake of hostlock's own comes to with the same server.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

/* The chain as the peer sent it: DER, one certificate behind the other. Free it with OPENSSL_free. */
static unsigned char *chain_of(const SSL *ssl, size_t *size)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    unsigned char *bytes = NULL;
    *size = 0;
    for (int place = 0; place < sk_X509_num(chain); place++) {
        int more = i2d_X509(sk_X509_value(chain, place), NULL);
        bytes = OPENSSL_realloc(bytes, *size + (size_t)more);
        need(more > 0 && bytes != NULL, "no memory");
        unsigned char *end = bytes + *size;
        i2d_X509(sk_X509_value(chain, place), &end);
        *size += (size_t)more;
    }
    return bytes;
}

/* What hostlock says of a handshake that somebody else made. */
static int judged(SSL_CTX *judge, SSL_CTX *other, struct server *server)
{
    int fd;
    struct line *line = line_open(server, &fd);
    SSL *ssl = SSL_new(other);
    need(ssl != NULL && SSL_set_fd(ssl, fd) == 1, "no connection");
    need(SSL_connect(ssl) == 1, "plain OpenSSL verifies nothing, and yet it failed");
    size_t size, staple_size = 0;
    unsigned char *chain = chain_of(ssl, &size);
    const unsigned char *staple = NULL;
    long answer = SSL_get_tlsext_status_ocsp_resp(ssl, &staple);
    if (answer > 0)
        staple_size = (size_t)answer;
    int status = hostlock_ctx_verify_peer(judge, chain, size, RIGHT_HOST, SSL_get_version(ssl), SSL_get_cipher_name(ssl),
                                          staple, staple_size);
    OPENSSL_free(chain);
    SSL_free(ssl);
    line_close(line, NULL);
    return status;
}

/* What a handshake of its own comes to. */
static int own(SSL_CTX *judge, struct server *server, char *message, size_t size)
{
    SSL *ssl = SSL_new(judge);
    need(ssl != NULL && hostlock_conn_set_host(ssl, RIGHT_HOST) == 0, "no connection");
    struct outcome outcome;
    converse(ssl, server, &outcome);
    snprintf(message, size, "%s", outcome.message);
    SSL_free(ssl);
    return outcome.status;
}

int main(void)
{
    SSL_CTX *judge = hostlock_client_new(NULL), *other = SSL_CTX_new(TLS_client_method());
    need(judge != NULL && other != NULL, "no context");
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(judge), trusted_ca()) == 1, "no store");
    SSL_CTX_set_verify(other, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_security_level(other, 0);
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int who = 0; who < THE_CLIENT; who++)
        for (int version = 0; version < 2; version++) {
            struct manner manner = {.identity = identity((enum who)who), .version = versions[version]};
            struct server *server = server_new(&manner);
            char words[512];
            int expected = own(judge, server, words, sizeof words);
            int status = judged(judge, other, server);
            const char *said = status == 0 ? "" : hostlock_error_message(hostlock_last_error());
            claim(status == expected && strcmp(said, words) == 0, "%s, %s: %d, \"%s\"", who_name((enum who)who),
                  version == 0 ? "TLS 1.2" : "TLS 1.3", status, said);
            claim(status == who_status((enum who)who), "which is right");
            server_free(server);
        }
    struct manner weak = {.identity = identity(RIGHT), .version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA"};
    struct server *server = server_new(&weak);
    int status = judged(judge, other, server);
    claim(status == HOSTLOCK_E_NO_COMMON_CIPHER, "a suite that hostlock does not offer is refused by name: \"%s\"",
          hostlock_error_message(hostlock_last_error()));
    server_free(server);
    SSL_CTX_free(other);
    SSL_CTX_free(judge);
    forget_identities();
    return finish();
}
