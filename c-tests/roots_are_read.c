/*
 * The system's roots are read when a context is made or hardened, and not by its first handshake: a program that then
 * unsets SSL_CERT_FILE, names another file, loses it or goes into an empty root directory still trusts what it trusted.
 */
#define _DEFAULT_SOURCE

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/pem.h>

enum kind { OWN, HARDENED, SEALED };
static const char *const kinds[] = {"made", "hardened", "sealed"};

static char directory[] = "/tmp/hostlock-roots-XXXXXX", file[64], other[64];

static void write_to(const char *path, X509 *certificate)
{
    FILE *out = fopen(path, "w");
    need(out != NULL && PEM_write_X509(out, certificate) == 1 && fclose(out) == 0, "a CA's file");
}

static SSL_CTX *context(enum kind kind)
{
    SSL_CTX *ctx = kind == OWN ? hostlock_client_new(NULL) : plain_context();
    need(ctx != NULL, "no context");
    if (kind == HARDENED)
        need(hostlock_harden(ctx, NULL, NULL) == 0, hostlock_error_message(hostlock_last_error()));
    return ctx;
}

static void unset(void)
{
    unsetenv("SSL_CERT_FILE");
}

static void name_another(void)
{
    setenv("SSL_CERT_FILE", other, 1);
}

static void lose_it(void)
{
    unlink(file);
}

static void leave(void)
{
    need(chroot(directory) == 0 && chdir("/") == 0, "chroot");
}

static const struct {
    const char *words;
    void (*deed)(void);
} deeds[] = {
    {"SSL_CERT_FILE is unset", unset},
    {"SSL_CERT_FILE names another file", name_another},
    {"the file is removed", lose_it},
    {"the process has another root directory", leave},
};

/* In a child, since no deed can be undone: 0 where the right host is served and a CA that is not trusted refused. */
static int after(enum kind kind, void (*deed)(void))
{
    struct outcome good, bad;
    setenv("SSL_CERT_FILE", file, 1);
    SSL_CTX *ctx = context(kind);
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT)});
    struct server *unknown = server_new(&(struct manner){.identity = identity(UNKNOWN)});
    deed();
    SSL *ssl = SSL_new(ctx);
    SSL_set1_host(ssl, RIGHT_HOST);
    converse(ssl, right, &good);
    SSL_free(ssl);
    ssl = SSL_new(ctx);
    SSL_set1_host(ssl, RIGHT_HOST);
    converse(ssl, unknown, &bad);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(right);
    server_free(unknown);
    if (good.connected != 1)
        note("%s", good.message);
    return good.connected == 1 && bad.connected != 1 && bad.status == who_status(UNKNOWN) ? 0 : 1;
}

static void each(enum kind kind)
{
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        char words[128];
        snprintf(words, sizeof(words), "%s: %s", kinds[kind], deeds[i].words);
        if (deeds[i].deed == leave && geteuid() != 0) {
            skip(words, "only root can change it");
            continue;
        }
        write_to(file, trusted_ca());
        fflush(stdout);
        pid_t child = fork();
        need(child >= 0, "fork");
        if (child == 0) {
            int status = after(kind, deeds[i].deed);
            fflush(stdout);
            _exit(status);
        }
        int status = -1;
        need(waitpid(child, &status, 0) == child, "waitpid");
        claim(status == 0, "%s, and the roots are those that it had", words);
    }
}

int main(void)
{
    need(mkdtemp(directory) != NULL, "mkdtemp");
    snprintf(file, sizeof(file), "%s/ca.pem", directory);
    snprintf(other, sizeof(other), "%s/other.pem", directory);
    write_to(other, untrusted_ca());
    each(OWN);
    each(HARDENED);
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    each(SEALED);
    unlink(file);
    unlink(other);
    rmdir(directory);
    return finish();
}
