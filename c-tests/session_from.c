/* hostlock_conn_set_session_from: a second connection goes on from the handshake of the first, where it is for the same host. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct talk {
    struct line *line;
    hostlock_conn *conn;
    int fd, status;
    struct report report;
};

/* The handshake is not begun. */
static struct talk begin(hostlock_ctx *ctx, struct server *server, const char *host)
{
    struct talk talk = {0};
    talk.line = line_open(server, &talk.fd);
    need(fcntl(talk.fd, F_SETFL, O_NONBLOCK) == 0 && hostlock_connect_fd(ctx, talk.fd, host, &talk.conn) == 0 &&
             fcntl(talk.fd, F_SETFL, 0) == 0,
         "a connection");
    return talk;
}

static void go_on(struct talk *talk)
{
    char buffer[8];
    talk->status = hostlock_handshake(talk->conn);
    if (talk->status == 0)
        need(hostlock_write(talk->conn, "ping", 4) == 4 && hostlock_read(talk->conn, buffer, 4) == 4 && memcmp(buffer, "pong", 4) == 0, "pong");
}

static void end(struct talk *talk)
{
    hostlock_conn_free(talk->conn);
    line_close(talk->line, &talk->report);
}

static void meet(int version)
{
    const char *on = version_name(version);
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    hostlock_ctx *ctx = client_context(), *another_ctx = client_context();
    struct talk first = begin(ctx, server, RIGHT_HOST), second = begin(ctx, server, RIGHT_HOST);
    claim(hostlock_conn_set_session_from(second.conn, first.conn) == HOSTLOCK_E_STATE, "%s: no session before the handshake", on);
    claim(hostlock_handshake(first.conn) == 0 && hostlock_conn_set_session_from(second.conn, first.conn) ==
              (version == TLS1_3_VERSION ? HOSTLOCK_E_STATE : 0), "  with TLS 1.3 there is none before something was read");
    char buffer[8];
    need(hostlock_write(first.conn, "ping", 4) == 4 && hostlock_read(first.conn, buffer, 4) == 4, "pong");
    claim(hostlock_conn_set_session_from(second.conn, first.conn) == 0 && !hostlock_conn_resumed(second.conn), "  then there is one");
    go_on(&second);
    claim(second.status == 0 && hostlock_conn_resumed(second.conn) && !hostlock_conn_resumed(first.conn) &&
              strcmp(hostlock_conn_verified_host(second.conn), RIGHT_HOST) == 0,
          "  which is resumed, for the same host");
    claim(hostlock_conn_set_session_from(second.conn, first.conn) == HOSTLOCK_E_STATE, "  and comes too late once the handshake has begun");

    struct talk third = begin(ctx, server, RIGHT_HOST), other_host = begin(ctx, server, OTHER_HOST),
                other_context = begin(another_ctx, server, RIGHT_HOST);
    claim(hostlock_conn_set_session_from(other_context.conn, first.conn) == HOSTLOCK_E_STATE, "  another context takes none");
    claim(hostlock_conn_set_session_from(other_host.conn, first.conn) == 0 && hostlock_handshake(other_host.conn) == HOSTLOCK_E_HOST_MISMATCH,
          "  at another host it stands for nothing");
    need(hostlock_conn_set_session_from(third.conn, second.conn) == 0, "the session of a resumed connection");
    end(&first), end(&second);
    go_on(&third);
    claim(third.status == 0 && hostlock_conn_resumed(third.conn), "  it outlives the connection that it came from");
    end(&third), end(&other_host), end(&other_context);

    struct talk fourth = begin(ctx, server, RIGHT_HOST), fifth = begin(ctx, server, RIGHT_HOST);
    go_on(&fourth);
    need(hostlock_conn_set_session_from(fifth.conn, fourth.conn) == 0 && hostlock_ctx_set_timeout(ctx, 20000) == 0, "a changed setting");
    go_on(&fifth);
    claim(fifth.status == 0 && !hostlock_conn_resumed(fifth.conn), "  after a setting has changed the handshake is a full one");
    end(&fourth), end(&fifth);
    hostlock_ctx_free(ctx), hostlock_ctx_free(another_ctx);
    server_free(server);
}

int main(void)
{
    for (int i = 0; i < 2; i++)
        meet(both_versions[i]);
    hostlock_ctx *ctx = client_context(), *serving = hostlock_server_new(NULL);
    hostlock_conn *conn, *server;
    need(hostlock_connect_mem(ctx, RIGHT_HOST, &conn) == 0 && hostlock_accept_mem(serving, &server) == 0, "connections");
    claim(hostlock_conn_set_session_from(NULL, conn) == HOSTLOCK_E_ARG && hostlock_conn_set_session_from(conn, NULL) == HOSTLOCK_E_ARG &&
              hostlock_conn_set_session_from(server, conn) == HOSTLOCK_E_STATE && !hostlock_conn_resumed(NULL) && !hostlock_conn_resumed(conn),
          "NULL, and a server's connection");
    hostlock_conn_free(conn), hostlock_conn_free(server);
    hostlock_ctx_free(ctx), hostlock_ctx_free(serving);
    return finish();
}
