/*
 * How often the first context of a process looks at the files of SSL_CERT_DIR: once at each name, and twice more at each
 * file that it reads, so that what changes meanwhile is noticed. A directory as Debian's, with 292 names, takes at most 600
 * looks; the next context takes no more than the places themselves need.
 */
#define _GNU_SOURCE

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/pem.h>

enum { ROOTS = 146, NAMES = 2 * ROOTS, MOST = 600, MOST_AGAIN = 5 };

static int looks;

/* What libhostlock's looks call, as this program comes before libc. */
int statx(int directory, const char *path, int flags, unsigned int mask, struct statx *answer)
{
    looks++;
    return (int)syscall(SYS_statx, directory, path, flags, mask, answer);
}

static SSL_CTX *context(int *took)
{
    looks = 0;
    SSL_CTX *ctx = hostlock_client_new(NULL);
    *took = looks;
    need(ctx != NULL, "a context");
    return ctx;
}

/* The least of some contexts', as the files are looked at again after a second, which may pass between two of them. */
static int looks_of_another_context(void)
{
    int least = MOST;
    for (int times = 0; times < 5; times++) {
        int took;
        SSL_CTX_free(context(&took));
        if (took < least)
            least = took;
    }
    return least;
}

static void put(const char *directory, int number, FILE *bundle)
{
    char name[32], file[128], link[128];
    snprintf(name, sizeof(name), "Root %d", number);
    struct identity root = issue(NULL, p256(), name, NULL, NULL, -1, 30);
    snprintf(file, sizeof(file), "%s/%d.pem", directory, number);
    FILE *out = fopen(file, "w");
    need(out != NULL && PEM_write_X509(out, root.certificate) == 1 && fclose(out) == 0, "a file");
    need(PEM_write_X509(bundle, root.certificate) == 1, "the bundle");
    snprintf(link, sizeof(link), "%s/%08x.0", directory, (unsigned)number);
    need(symlink(file, link) == 0, "a link");
    identity_free(&root);
}

static void take_away(const char *directory, int number)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%d.pem", directory, number);
    unlink(path);
    snprintf(path, sizeof(path), "%s/%08x.0", directory, (unsigned)number);
    unlink(path);
}

int main(void)
{
    char directory[] = "/tmp/hostlock-looks-XXXXXX", bundle[64];
    need(mkdtemp(directory) != NULL, "mkdtemp");
    snprintf(bundle, sizeof(bundle), "%s.pem", directory);
    FILE *out = fopen(bundle, "w");
    need(out != NULL, "the bundle");
    for (int number = 0; number < ROOTS; number++)
        put(directory, number, out);
    need(fclose(out) == 0, "the bundle");
    setenv("SSL_CERT_DIR", directory, 1);
    setenv("SSL_CERT_FILE", bundle, 1);
    /* What has only just been written is not shared between contexts. */
    usleep(200000);
    size_t roots = 0;
    int first;
    SSL_CTX *ctx = context(&first);
    need(hostlock_ctx_trust_count(ctx, &roots) == 0, "hostlock_ctx_trust_count");
    SSL_CTX_free(ctx);
    note("%d looks at %d names", first, NAMES);
    claim(roots == ROOTS, "each root counts once");
    claim(first >= NAMES, "each name is looked at");
    claim(first <= MOST, "with at most %d looks", MOST);
    int again = looks_of_another_context();
    note("%d looks again", again);
    claim(again <= MOST_AGAIN, "the next context looks at the places only");
    for (int number = 0; number < ROOTS; number++)
        take_away(directory, number);
    rmdir(directory);
    unlink(bundle);
    return finish();
}
