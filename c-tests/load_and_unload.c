/*
 * Plug-ins load hostlock with dlopen and unload it while OpenSSL still holds its callbacks. The library stays in
 * memory, so that SSL_CTX_free, SSL_free and a handshake afterwards find what they call.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static int claims, failures;

static void claim(int holds, const char *name)
{
    printf("%sok %d - %s\n", holds ? "" : "not ", ++claims, name);
    failures += !holds;
}

enum kind { OWN, HARDENED, SEALED, KINDS };
static const char *const kinds[KINDS] = {"a context of hostlock_client_new", "a hardened context",
                                         "a context of a sealed process"};

/* A context and a connection of it, by a library that is closed again. */
static SSL *by_library(enum kind kind)
{
    void *library = dlopen("libhostlock.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        printf("Bail out! %s\n", dlerror());
        exit(1);
    }
    SSL_CTX *(*client_new)(const char *);
    int (*harden)(SSL_CTX *, const char *, const char *);
    int (*seal)(const char *);
    int (*set_host)(SSL *, const char *);
    *(void **)&client_new = dlsym(library, "hostlock_client_new");
    *(void **)&harden = dlsym(library, "hostlock_harden");
    *(void **)&seal = dlsym(library, "hostlock_seal_process");
    *(void **)&set_host = dlsym(library, "hostlock_conn_set_host");
    int done = kind != SEALED || seal(NULL) == 0;
    SSL_CTX *ctx = kind == OWN ? client_new(NULL) : SSL_CTX_new(TLS_method());
    done = done && (kind != HARDENED || harden(ctx, NULL, NULL) == 0);
    SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;
    done = done && ssl != NULL && set_host(ssl, "right.example") == 0;
    SSL_CTX_free(ctx);
    dlclose(library);
    return done ? ssl : NULL;
}

int main(void)
{
    SSL *ssl[KINDS];
    for (enum kind kind = OWN; kind < KINDS; kind++) {
        ssl[kind] = by_library(kind);
        claim(ssl[kind] != NULL, kinds[kind]);
        if (ssl[kind] == NULL)
            return 1;
    }
    for (enum kind kind = OWN; kind < KINDS; kind++) {
        /* Nobody answers: the hello is made, with all of the library's callbacks, after the library was closed. */
        BIO *to_peer = BIO_new(BIO_s_mem()), *from_peer = BIO_new(BIO_s_mem());
        SSL_set_bio(ssl[kind], from_peer, to_peer);
        SSL_set_connect_state(ssl[kind]);
        int result = SSL_do_handshake(ssl[kind]);
        claim(SSL_get_error(ssl[kind], result) == SSL_ERROR_WANT_READ && BIO_pending(to_peer) > 100,
              "  begins a handshake after dlclose");
        SSL_free(ssl[kind]);
        claim(1, "  and is freed");
    }
    printf("1..%d\n", claims);
    return failures != 0;
}
