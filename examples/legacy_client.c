/* A textbook OpenSSL client on hostlock's context: legacy_client HOST PORT CA-FILE
 * Only the lines marked with "hostlock" are new; SSL_new, SSL_connect, SSL_read and SSL_write stay as they were.
 * cc legacy_client.c $(pkg-config --cflags --libs hostlock openssl) -o legacy_client */
#include <hostlock.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what)
{
    fprintf(stderr, "%s: ", what);
    ERR_print_errors_fp(stderr); /* hostlock's reason is on OpenSSL's own queue */
    return EXIT_FAILURE;
}

static int fetch(SSL *ssl, const char *host)
{
    char buffer[4096];
    int length = snprintf(buffer, sizeof buffer, "GET / HTTP/1.0\r\nHost: %.255s\r\n\r\n", host);
    int got;

    if (SSL_connect(ssl) != 1)
        return fail("SSL_connect");
    if (SSL_write(ssl, buffer, length) <= 0)
        return fail("SSL_write");
    while ((got = SSL_read(ssl, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)got, stdout);
    if (SSL_get_error(ssl, got) != SSL_ERROR_ZERO_RETURN)
        return fail("SSL_read");
    SSL_shutdown(ssl);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    SSL_CTX *ctx = hostlock_client_new(NULL); /* hostlock: was SSL_CTX_new(TLS_client_method()) and SSL_CTX_set_verify */
    SSL *ssl = NULL;
    BIO *tcp = NULL;
    int result = EXIT_FAILURE;

    if (argc != 4) {
        fprintf(stderr, "usage: legacy_client HOST PORT CA-FILE\n");
    } else if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, argv[3], NULL) != 1 || (ssl = SSL_new(ctx)) == NULL) {
        fail("set-up");
    } else if (hostlock_conn_set_host(ssl, argv[1]) != 0) { /* hostlock: the host that the certificate must be for */
        fprintf(stderr, "hostlock_conn_set_host: %s\n", hostlock_error_message(hostlock_last_error()));
    } else if ((tcp = BIO_new_connect(argv[1])) == NULL || BIO_set_conn_port(tcp, argv[2]) != 1 ||
               BIO_do_connect(tcp) != 1) {
        BIO_free(tcp);
        fail("connect");
    } else {
        SSL_set_bio(ssl, tcp, tcp);
        result = fetch(ssl, argv[1]);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return result;
}
