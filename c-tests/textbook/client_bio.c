/*
 * The textbook's client of BIOs: client_bio HOST PORT CA-FILE. It connects by name, loads a CA, and leaves out what its
 * models leave to the reader: verification.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

static void die(const char *what)
{
    printf("%s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

int main(int argc, char **argv)
{
    char buffer[256], address[300];
    SSL *ssl = NULL;
    SSL_CTX *ctx;
    BIO *web;
    int got;

    if (argc != 4)
        return 2;
    SSL_library_init();
    ERR_load_crypto_strings();
    ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        die("SSL_CTX_new");
    if (SSL_CTX_load_verify_locations(ctx, argv[3], NULL) != 1)
        die("SSL_CTX_load_verify_locations");
    web = BIO_new_ssl_connect(ctx);
    if (web == NULL)
        die("BIO_new_ssl_connect");
    BIO_get_ssl(web, &ssl);
    SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
    snprintf(address, sizeof(address), "%s:%s", argv[1], argv[2]);
    BIO_set_conn_hostname(web, address);
    printf("connects to %s, port %s\n", BIO_get_conn_hostname(web), BIO_get_conn_port(web));
    if (BIO_do_connect(web) <= 0)
        die("BIO_do_connect");
    if (BIO_do_handshake(web) <= 0)
        die("BIO_do_handshake");
    printf("connected with %s, %s\n", SSL_get_version(ssl), SSL_get_cipher(ssl));
    BIO_puts(web, "hello\n");
    while ((got = BIO_read(web, buffer, sizeof(buffer))) > 0)
        printf("received %.*s", got, buffer);
    BIO_free_all(web);
    SSL_CTX_free(ctx);
    return 0;
}
