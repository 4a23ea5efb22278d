/* textbook HOST PORT CA-FILE: OpenSSL as the textbooks write it. The chain is verified; for whom it was issued, nobody
 * asks. */
#include "tcp.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    char reply[256];
    int got;

    if (argc != 4 || ctx == NULL || SSL_CTX_load_verify_locations(ctx, argv[3], NULL) != 1)
        return 2;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, tcp_connect_host(argv[1], argv[2]));
    if (SSL_connect(ssl) != 1 || SSL_get_verify_result(ssl) != X509_V_OK) {
        ERR_print_errors_fp(stderr);
        return 1;
    }
    SSL_write(ssl, "password=swordfish\n", 19);
    got = SSL_read(ssl, reply, sizeof reply);
    printf("%.*s", got > 0 ? got : 0, reply);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return got > 0 ? 0 : 1;
}
