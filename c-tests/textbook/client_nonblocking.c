/*
 * The textbook's non-blocking client: client_nonblocking HOST PORT CA-FILE. It is one of those that "made it work": any
 * version, any cipher, and a verify callback that is content with everything.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
    printf("%s failed\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int content(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok, (void)store_ctx;
    return 1;
}

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {0}, *list;
    int fd;

    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    fd = socket(list->ai_family, list->ai_socktype, list->ai_protocol);
    if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) != 0)
        fd = -1;
    freeaddrinfo(list);
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

/* Waits for what the last call wanted; 0 where it wanted nothing. */
static int wait_for(SSL *ssl, int result)
{
    struct pollfd one = {0, 0, 0};

    one.fd = SSL_get_fd(ssl);
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
        one.events = POLLIN;
        break;
    case SSL_ERROR_WANT_WRITE:
        one.events = POLLOUT;
        break;
    default:
        return 0;
    }
    return poll(&one, 1, 10000) == 1;
}

int main(int argc, char **argv)
{
    char buffer[256];
    int fd, result;
    SSL_CTX *ctx;
    SSL *ssl;

    if (argc != 4)
        return 2;
    ctx = SSL_CTX_new(TLS_method());
    if (ctx == NULL)
        die("SSL_CTX_new");
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
    SSL_CTX_clear_options(ctx, SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, content);
    SSL_CTX_load_verify_locations(ctx, argv[3], NULL);
    fd = connect_to(argv[1], argv[2]);
    if (fd < 0)
        die("connect");
    ssl = SSL_new(ctx);
    SSL_set_tlsext_host_name(ssl, argv[1]);
    SSL_set_fd(ssl, fd);
    SSL_set_connect_state(ssl);
    while ((result = SSL_do_handshake(ssl)) != 1)
        if (!wait_for(ssl, result))
            die("SSL_do_handshake");
    printf("connected with %s, %s\n", SSL_get_version(ssl), SSL_get_cipher(ssl));
    while ((result = SSL_write(ssl, "hello\n", 6)) <= 0)
        if (!wait_for(ssl, result))
            die("SSL_write");
    do {
        result = SSL_read(ssl, buffer, sizeof(buffer));
        if (result > 0)
            printf("received %.*s", result, buffer);
    } while (result > 0 || wait_for(ssl, result));
    printf("the end is %s\n", SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN ? "clean" : "not clean");
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    SSL_CTX_free(ctx);
    return 0;
}
