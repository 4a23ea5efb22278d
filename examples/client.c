/* Fetches a page over TLS, with hostlock alone: client HOST [PORT [CA-FILE]]
 * cc client.c $(pkg-config --cflags --libs hostlock) -o client */
#include <hostlock.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what)
{
    const hostlock_error *error = hostlock_last_error();
    fprintf(stderr, "%s: %s\nhint: %s\n", what, hostlock_error_message(error), hostlock_error_hint(error));
    return EXIT_FAILURE;
}

static int fetch(hostlock_conn *conn, const char *host)
{
    char buffer[4096];
    ssize_t got;
    int length = snprintf(buffer, sizeof buffer, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", host);

    if (hostlock_write_all(conn, buffer, (size_t)length) < 0)
        return fail("write");
    while ((got = hostlock_read(conn, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)got, stdout);
    return got < 0 ? fail("read") : EXIT_SUCCESS; /* 0 is the server's own end: nothing was cut off */
}

int main(int argc, char **argv)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    hostlock_conn *conn = NULL;
    int port = argc > 2 ? atoi(argv[2]) : 443;
    int result = EXIT_FAILURE;

    if (argc < 2 || port < 1 || port > 65535) /* a larger one would lose its upper bits, and be another */
        fprintf(stderr, "usage: client HOST [PORT [CA-FILE]]\n");
    else if (ctx == NULL)
        fail("hostlock_client_new");
    else if (argc > 3 && hostlock_ctx_trust_file(ctx, argv[3]) != 0)
        fail("hostlock_ctx_trust_file");
    else if (hostlock_connect(ctx, argv[1], (uint16_t)port, &conn) != 0)
        fail("hostlock_connect");
    else
        result = fetch(conn, argv[1]); /* only now is there someone to talk to, and it is that host */
    hostlock_conn_free(conn);
    hostlock_ctx_free(ctx);
    return result;
}
