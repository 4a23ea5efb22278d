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

int main(void)
{
    SSL_CTX *kept[3] = {NULL};
    SSL *ssl[3] = {NULL};
    int made = 1;
    for (int round = 0; round < 3; round++) {
        void *library = dlopen("libhostlock.so.0", RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            printf("Bail out! %s\n", dlerror());
            return 1;
        }
        SSL_CTX *(*client_new)(const char *);
        int (*set_host)(SSL *, const char *);
        *(void **)&client_new = dlsym(library, "hostlock_client_new");
        *(void **)&set_host = dlsym(library, "hostlock_conn_set_host");
        kept[round] = client_new(NULL);
        ssl[round] = kept[round] != NULL ? SSL_new(kept[round]) : NULL;
        made = made && ssl[round] != NULL && set_host(ssl[round], "right.example") == 0;
        dlclose(library);
    }
    claim(made, "contexts and connections are made, three times over");
    /* Nobody answers: the hello is made, with all of the library's callbacks, after the library was closed. */
    BIO *to_peer = BIO_new(BIO_s_mem()), *from_peer = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl[0], from_peer, to_peer);
    int result = SSL_connect(ssl[0]);
    claim(SSL_get_error(ssl[0], result) == SSL_ERROR_WANT_READ && BIO_pending(to_peer) > 100,
          "a handshake begins after dlclose");
    for (int round = 0; round < 3; round++) {
        SSL_free(ssl[round]);
        SSL_CTX_free(kept[round]);
    }
    claim(1, "connections and contexts are freed after dlclose");
    printf("1..%d\n", claims);
    return failures != 0;
}
