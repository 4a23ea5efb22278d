/* The contexts under test, by hostlock; HOSTLOCK_DROPIN says in which of its ways. */
#include "dropin.h"

#include <stdlib.h>
#include <string.h>

#include "hostlock.h"

static int way_is(const char *way)
{
    const char *chosen = getenv("HOSTLOCK_DROPIN");
    return chosen != NULL && strcmp(chosen, way) == 0;
}

static void demand(int holds)
{
    need(holds, hostlock_error_message(hostlock_last_error()));
}

/* What a program made for itself. */
static SSL_CTX *hardened(SSL_CTX *ctx)
{
    need(way_is("hardened"), "c-tests/dropin/run starts these programs");
    demand(hostlock_harden(ctx, NULL, NULL) == 0);
    return ctx;
}

SSL_CTX *new_client(void)
{
    if (!way_is("new"))
        return hardened(plain_client());
    SSL_CTX *ctx = hostlock_client_new(NULL);
    demand(ctx != NULL);
    return ctx;
}

SSL_CTX *new_server(void)
{
    if (!way_is("new"))
        return hardened(plain_server());
    SSL_CTX *ctx = hostlock_server_new(NULL);
    demand(ctx != NULL);
    return ctx;
}
