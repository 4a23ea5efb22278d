/*
 * The textbook's server: server IDENTITY-FILE CA-FILE. It prints its port, serves one client, and is content with every
 * certificate that a client may show.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
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

static int listen_anywhere(void)
{
    struct sockaddr_in address = {0};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        die("listen");
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    char buffer[256];
    int listening, fd, got;
    SSL_CTX *ctx;
    SSL *ssl;

    if (argc != 3)
        return 2;
    ctx = SSL_CTX_new(SSLv23_server_method());
    if (ctx == NULL)
        die("SSL_CTX_new");
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
    if (SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, argv[1], SSL_FILETYPE_PEM) != 1)
        die("the certificate");
    if (SSL_CTX_load_verify_locations(ctx, argv[2], NULL) != 1)
        die("SSL_CTX_load_verify_locations");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, content);
    listening = listen_anywhere();
    fd = accept(listening, NULL, NULL);
    ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) != 1)
        die("SSL_accept");
    printf("accepted with %s, %s\n", SSL_get_version(ssl), SSL_get_cipher(ssl));
    got = SSL_read(ssl, buffer, sizeof(buffer));
    if (got <= 0)
        die("SSL_read");
    printf("received %.*s", got, buffer);
    SSL_write(ssl, "welcome\n", 8);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    close(listening);
    SSL_CTX_free(ctx);
    return 0;
}
