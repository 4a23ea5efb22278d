/*
 * Verifying a chain again and again does not make the process grow: 20,000 verifications, good chains and bad ones in
 * turn, under both policies; a million with HOSTLOCK_LONG. Measured is the heap that is in use, after a warm-up.
 */
#define _DEFAULT_SOURCE
#include "support.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A leak of one smallest block in every hundredth verification is more than this, even in the short run. */
#define SLACK_IN_USE 4096l
/* The resident size moves by pages, and with what the allocator keeps for later. */
#define SLACK_RESIDENT (512l * 1024)

static const char *const policies[] = {NULL, "2026-11-webpki"};
static const enum who peers[] = {RIGHT, IMPOSTOR, RIGHT, EXPIRED, RIGHT, UNKNOWN, RIGHT, WRONG_USE};
#define PEERS (sizeof(peers) / sizeof(peers[0]))
/* Verifications in one turn, after which the same state must be back. */
#define TURN (2 * (int)PEERS)

static SSL_CTX *contexts[2];
static BIO *chains[PEERS];
static long wrong;

static long in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return (long)(info.uordblks + info.hblkhd);
}

static long resident(void)
{
    long total, pages;
    FILE *file = fopen("/proc/self/statm", "r");
    need(file != NULL && fscanf(file, "%ld %ld", &total, &pages) == 2, "/proc/self/statm");
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

static void turn(void)
{
    for (size_t peer = 0; peer < PEERS; peer++)
        for (int policy = 0; policy < 2; policy++) {
            char *pem;
            long length = BIO_get_mem_data(chains[peer], &pem);
            int status = hostlock_ctx_verify_chain(contexts[policy], (const uint8_t *)pem, (size_t)length, RIGHT_HOST);
            wrong += status != who_status(peers[peer]);
        }
}

/* Rounded up to whole turns. */
static long verify(long verifications)
{
    long done = 0;
    for (; done < verifications; done += TURN)
        turn();
    return done;
}

/* valgrind has an allocator of its own, which does not tell. */
static int heap_is_measured(void)
{
    long before = in_use();
    void *volatile block = malloc(SLACK_IN_USE + 1);
    long after = in_use();
    free(block);
    return after - before > SLACK_IN_USE;
}

/* glibc counts the freed blocks that a thread keeps for itself as in use; only a start without them measures well. */
static void without_thread_caches(char **arguments)
{
    if (getenv("GLIBC_TUNABLES") != NULL)
        return;
    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
    execv("/proc/self/exe", arguments);
    need(0, "the program could not begin anew");
}

static void set_up(void)
{
    for (int policy = 0; policy < 2; policy++) {
        contexts[policy] = hostlock_client_new(policies[policy]);
        need(contexts[policy] != NULL, hostlock_error_message(hostlock_last_error()));
        BIO *root = BIO_new(BIO_s_mem());
        char *pem;
        need(PEM_write_bio_X509(root, trusted_ca()) == 1, "no memory");
        long length = BIO_get_mem_data(root, &pem);
        need(hostlock_ctx_trust_mem(contexts[policy], (const uint8_t *)pem, (size_t)length) == 0,
             hostlock_error_message(hostlock_last_error()));
        BIO_free(root);
    }
    for (size_t peer = 0; peer < PEERS; peer++) {
        const struct identity *shown = identity(peers[peer]);
        chains[peer] = BIO_new(BIO_s_mem());
        need(PEM_write_bio_X509(chains[peer], shown->certificate) == 1 &&
                 (shown->sent_along == NULL || PEM_write_bio_X509(chains[peer], shown->sent_along) == 1),
             "no memory");
    }
}

int main(int count, char **arguments)
{
    (void)count;
    int measured = heap_is_measured();
    if (measured)
        without_thread_caches(arguments);
    long wanted = rounds(getenv("HOSTLOCK_LONG") != NULL ? 1000000 : 20000, 2 * TURN);
    set_up();
    verify(rounds(100 * TURN, TURN));
    long heap = in_use(), pages = resident();
    long done = verify(wanted);
    heap = in_use() - heap;
    pages = resident() - pages;
    claim(wrong == 0, "%ld verifications, good and bad in turn, come to the right verdict (%ld do not)", done, wrong);
    if (measured) {
        claim(heap <= SLACK_IN_USE, "%ld verifications leave no memory in use (%ld bytes more)", done, heap);
        claim(pages <= SLACK_RESIDENT, "and the process does not grow (%ld bytes more)", pages);
    } else {
        skip("verifications leave no memory in use", "the allocator does not tell; valgrind itself looks for leaks");
    }
    for (size_t peer = 0; peer < PEERS; peer++)
        BIO_free(chains[peer]);
    for (int policy = 0; policy < 2; policy++)
        SSL_CTX_free(contexts[policy]);
    return finish();
}
