/* The tricked network of the demo: bank.example has the address that DEMO_ADDRESS says. Loaded into the clients by
 * LD_PRELOAD, so that the demo needs no other rights and changes nothing on this machine. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    const char *address = getenv("DEMO_ADDRESS");

    *(void **)(&next) = dlsym(RTLD_NEXT, "getaddrinfo");
    if (next == NULL)
        return EAI_SYSTEM;
    if (name != NULL && address != NULL && strcmp(name, "bank.example") == 0)
        name = address;
    return next(name, service, hints, found);
}
