/* The header needs no other, in C and in C++, and no OpenSSL header at all. */
#include "hostlock.h"

int main(void)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    int status = hostlock_ctx_set_host(ctx, "example.com");
    hostlock_ctx_free(ctx);
    return status == HOSTLOCK_OK ? 0 : 1;
}
