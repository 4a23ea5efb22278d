/*
 * The textbook's client over a descriptor: client_fd HOST PORT CA-FILE. It verifies the chain and, as its models do,
 * not the host. With OLDER_THAN_SNI it does not even name one.
 */
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {0}, *list, *one;
    int fd = -1;

    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    for (one = list; one != NULL; one = one->ai_next) {
        fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) == 0)
            break;
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

static void die(const char *what)
{
    printf("%s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

int main(int argc, char **argv)
{
    char buffer[256];
    int fd, got;
    SSL_CTX *ctx;
    SSL *ssl;

    if (argc != 4)
        return 2;
    SSL_library_init();
    SSL_load_error_strings();
    ctx = SSL_CTX_new(SSLv23_client_method());
    if (ctx == NULL)
        die("SSL_CTX_new");
    SSL_CTX_set_options(ctx, SSL_OP_ALL | SSL_OP_NO_SSLv2 | SSL_OP_NO_SSLv3);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (!SSL_CTX_load_verify_locations(ctx, argv[3], NULL))
        die("SSL_CTX_load_verify_locations");
    fd = connect_to(argv[1], argv[2]);
    if (fd < 0)
        die("connect");
    ssl = SSL_new(ctx);
#ifndef OLDER_THAN_SNI
    SSL_set_tlsext_host_name(ssl, argv[1]);
#endif
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1)
        die("SSL_connect");
    printf("connected with %s, %s\n", SSL_get_version(ssl), SSL_get_cipher(ssl));
    if (SSL_write(ssl, "hello\n", 6) != 6)
        die("SSL_write");
    while ((got = SSL_read(ssl, buffer, sizeof(buffer))) > 0)
        printf("received %.*s", got, buffer);
    printf("the end is %s\n", SSL_get_error(ssl, got) == SSL_ERROR_ZERO_RETURN ? "clean" : "not clean");
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
    return 0;
}
