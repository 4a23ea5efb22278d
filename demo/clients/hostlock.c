/* hostlock HOST PORT CA-FILE: the same client, written with hostlock alone. */
#include <hostlock.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(void)
{
    const hostlock_error *error = hostlock_last_error();
    fprintf(stderr, "%s\nhint: %s\n", hostlock_error_message(error), hostlock_error_hint(error));
    return 1;
}

int main(int argc, char **argv)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    hostlock_conn *conn;
    char reply[256];
    ssize_t got;

    if (argc != 4 || ctx == NULL || hostlock_ctx_trust_file(ctx, argv[3]) != 0)
        return 2;
    if (hostlock_connect(ctx, argv[1], (uint16_t)atoi(argv[2]), &conn) != 0)
        return fail();
    if (hostlock_write_all(conn, "password=swordfish\n", 19) < 0 ||
        (got = hostlock_read(conn, reply, sizeof reply)) <= 0)
        return fail();
    printf("%.*s", (int)got, reply);
    hostlock_conn_free(conn);
    hostlock_ctx_free(ctx);
    return 0;
}
