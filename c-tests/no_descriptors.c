/*
 * A process that can open no descriptor more: the peer and the name servers are not to blame for it, and when some are free
 * again the same context goes on.
 */
#define _DEFAULT_SOURCE
#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void blames_itself(hostlock_ctx *ctx, const char *host)
{
    hostlock_conn *conn;
    int status = hostlock_connect(ctx, host, 9, &conn);
    const hostlock_error *error = hostlock_last_error();
    int good = status == HOSTLOCK_E_IO && conn == NULL && strstr(hostlock_error_message(error), "too many open files") != NULL &&
               strstr(hostlock_error_hint(error), "the peer is not to blame") != NULL;
    claim(good, "hostlock_connect to %s says so", host);
    if (!good)
        note("%s: %s; %s", hostlock_status_name(status), hostlock_error_message(error), hostlock_error_hint(error));
}

int main(void)
{
    hostlock_ctx *ctx = client_context();
    hostlock_conn *conn;
    /* What valgrind keeps for itself lies above the limit that it shows. */
    struct rlimit limit;
    need(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    struct rlimit few = {limit.rlim_cur < 64 ? limit.rlim_cur : 64, limit.rlim_max};
    need(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    int taken[64], count = 0;
    while (count < 64 && (taken[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    need(count > 0 && count < 64, "no descriptor is left");
    blames_itself(ctx, "127.0.0.1");
    blames_itself(ctx, "localhost");
    while (count > 0)
        close(taken[--count]);
    claim(hostlock_connect(ctx, "127.0.0.1", 9, &conn) == HOSTLOCK_E_CONNECT, "then the peer's refusal is the peer's again");
    hostlock_ctx_free(ctx);
    return finish();
}
