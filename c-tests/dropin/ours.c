/* The contexts under test, by hostlock: no other line of a program is another. */
#include "dropin.h"

#include "hostlock.h"

static SSL_CTX *made(SSL_CTX *ctx)
{
    need(ctx != NULL, hostlock_error_message(hostlock_last_error()));
    return ctx;
}

SSL_CTX *new_client(void)
{
    return made(hostlock_client_new(NULL));
}

SSL_CTX *new_server(void)
{
    return made(hostlock_server_new(NULL));
}
