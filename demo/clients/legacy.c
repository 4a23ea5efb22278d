/* legacy HOST PORT CA-FILE: textbook.c, but the context is hostlock's and the host is named. */
#include "tcp.h"
#include <hostlock.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    SSL_CTX *ctx = hostlock_client_new(NULL);
    SSL *ssl;
    char reply[256];
    int got;

    if (argc != 4 || ctx == NULL || SSL_CTX_load_verify_locations(ctx, argv[3], NULL) != 1)
        return 2;
    ssl = SSL_new(ctx);
    if (hostlock_conn_set_host(ssl, argv[1]) != 0)
        return 2;
    SSL_set_fd(ssl, tcp_connect_host(argv[1], argv[2]));
    if (SSL_connect(ssl) != 1) {
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
