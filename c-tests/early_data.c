/*
 * Early data goes out before any certificate comes, under a session that hostlock verified for the same host. Under any
 * other session nothing goes out, neither encrypted nor in the clear.
 */
#include "sessions.h"

#include <string.h>

/* "ping" as early data, under a session. */
static void early_data(enum who who, int verified, void (*habit)(SSL *), const char *habit_name)
{
    struct server *server = server_new(
        &(struct manner){.identity = identity(who), .version = TLS1_3_VERSION, .early_data = 1});
    SSL_CTX *ctx = client_context();
    SSL_SESSION *session = verified ? session_from(ctx, RIGHT_HOST, server) : careless_session(server);
    need(SSL_SESSION_get_max_early_data(session) == 1024, "the server permits no early data");
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    SSL_set_session(ssl, session);
    if (habit != NULL)
        habit(ssl);
    int fd;
    struct report report;
    struct line *line = line_open(server, &fd);
    SSL_set_fd(ssl, fd);
    size_t written = 0;
    char buffer[8];
    int done = SSL_write_early_data(ssl, "ping", 4, &written);
    int connected = done ? SSL_connect(ssl) : -1;
    if (verified && connected == 1)
        (void)!SSL_read(ssl, buffer, 1);
    line_close(line, &report);
    int in_the_clear = 0;
    for (size_t i = 0; i + 4 <= report.raw_length; i++)
        in_the_clear |= memcmp(report.raw + i, "ping", 4) == 0;
    if (verified)
        claim(done == 1 && connected == 1 && report.early == 4 && !in_the_clear && hostlock_conn_error(ssl) == NULL,
              "early data goes out under a verified session%s", habit_name);
    else
        claim(connected != 1 && report.received == 0 && !in_the_clear, "no early data goes out under a careless one%s",
              habit_name);
    SSL_SESSION_free(session);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
        early_data(RIGHT, 1, habits[i].habit, habits[i].name);
        early_data(IMPOSTOR, 0, habits[i].habit, habits[i].name);
    }
    return finish();
}
