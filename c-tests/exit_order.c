/*
 * Programs free their contexts when they end: before OpenSSL's own clean-up, which runs at exit, or after it. Neither
 * crashes, whoever made the context.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KINDS = 3 };
static SSL_CTX *before[KINDS], *after[KINDS];
static SSL *connections[KINDS];
static int freed_before;

static void free_before_cleanup(void)
{
    for (int kind = 0; kind < KINDS; kind++) {
        SSL_free(connections[kind]);
        SSL_CTX_free(before[kind]);
    }
    freed_before = 1;
}

/* What it prints is the last claim: a crash on the way would leave it out, and the plan unkept. */
static void free_after_cleanup(void)
{
    for (int kind = 0; kind < KINDS; kind++)
        SSL_CTX_free(after[kind]);
    claim(freed_before, "contexts are freed before and after OpenSSL has cleaned up");
    printf("1..2\n");
    fflush(stdout);
}

static SSL_CTX *make(int kind)
{
    if (kind == 0)
        return hostlock_client_new(NULL);
    if (kind == 2)
        need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (kind == 1)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

int main(void)
{
    /* The last that is registered runs first; OpenSSL registers its own when it is first used. */
    atexit(free_after_cleanup);
    int made = 1;
    for (int kind = 0; kind < KINDS; kind++) {
        before[kind] = make(kind);
        after[kind] = make(kind);
        made = made && before[kind] != NULL && after[kind] != NULL;
        connections[kind] = SSL_new(before[kind]);
    }
    atexit(free_before_cleanup);
    claim(made, "contexts of each kind are made");
    return 0;
}
