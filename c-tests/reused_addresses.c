/*
 * A read or write of hostlock's asks a memory whether the connection is open. No connection is taken for another that was
 * at its address before, or that shares its place in the memory, nor for what it was before the program changed it.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "support.h"

/* An allocator that gives each block to the next who asks for its size. */
struct block {
    size_t size;
    struct block *next;
};
#define SHELVES 16384
static struct block *shelf[SHELVES];
static int handing_on;

static void *take(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    if (size == 0) return NULL;
    struct block *block = handing_on && size < SHELVES ? shelf[size] : NULL;
    if (block != NULL) {
        shelf[size] = block->next;
    } else {
        block = malloc(sizeof *block + size);
        if (block == NULL) return NULL;
    }
    block->size = size;
    return block + 1;
}

static void give(void *pointer, const char *file, int line)
{
    (void)file, (void)line;
    if (pointer == NULL) return;
    struct block *block = (struct block *)pointer - 1;
    if (handing_on && block->size < SHELVES) {
        block->next = shelf[block->size];
        shelf[block->size] = block;
    } else {
        free(block);
    }
}

static void *resize(void *pointer, size_t size, const char *file, int line)
{
    if (pointer == NULL) return take(size, file, line);
    if (size == 0) {
        give(pointer, file, line);
        return NULL;
    }
    void *larger = take(size, file, line);
    size_t old = ((struct block *)pointer - 1)->size;
    if (larger == NULL) return NULL;
    memcpy(larger, pointer, old < size ? old : size);
    give(pointer, file, line);
    return larger;
}

static void clear_the_shelves(void)
{
    handing_on = 0;
    for (size_t size = 0; size < SHELVES; size++) {
        while (shelf[size] != NULL) {
            struct block *block = shelf[size];
            shelf[size] = block->next;
            free(block);
        }
    }
}

static SSL_CTX *server_of(enum who who)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, identity(who)->certificate) == 1
             && SSL_CTX_use_PrivateKey(ctx, identity(who)->key) == 1, "a server");
    return ctx;
}

/* What hostlock_write answers, and whether the server gets it. */
static int writes(SSL *client, SSL *server, int *arrived)
{
    char text[8] = "secret";
    int answer = (int)hostlock_write(client, text, 6);
    memset(text, 0, sizeof text);
    *arrived = SSL_read(server, text, sizeof text) == 6 && strcmp(text, "secret") == 0;
    return answer;
}

static int passes(SSL *client, SSL *server)
{
    int arrived, answer = writes(client, server, &arrived);
    return answer == 6 && arrived;
}

/* A plain connection at the address of one that was open; the program has overwritten our ex_data, where it does. */
static void another_at_the_address(int overwrites)
{
    SSL_CTX *ours = client_context(), *plain = plain_context();
    SSL_CTX *right = server_of(RIGHT), *wrong = server_of(SELF_SIGNED);
    const char *how = overwrites ? ", whatever the program put over its data" : "";
    handing_on = 1;

    SSL *first = client_connection(ours, RIGHT_HOST), *server = SSL_new(right);
    need(meet_in_memory(first, server) && passes(first, server), "an honest connection");
    SSL *old = first;
    for (int index = 1; overwrites && index < 16; index++) SSL_set_ex_data(first, index, plain);
    SSL_free(first);
    SSL *next = SSL_new(plain);
    need(next == old, "a connection at the address of the one before");
    SSL_free(server);
    server = SSL_new(wrong);
    need(meet_in_memory(next, server), "a plain connection");
    int arrived, answer = writes(next, server, &arrived);
    claim(answer == HOSTLOCK_E_STATE && !arrived, "nothing is written on a plain connection at the address of one that"
          " was open%s (%d)", how, answer);
    char byte;
    need(SSL_write(server, "x", 1) == 1, "SSL_write");
    answer = (int)hostlock_read(next, &byte, 1);
    claim(answer == HOSTLOCK_E_STATE, "  nor read (%d)", answer);
    SSL_free(next);
    SSL_free(server);

    handing_on = 0;
    SSL_CTX_free(right);
    SSL_CTX_free(wrong);
    SSL_CTX_free(plain);
    SSL_CTX_free(ours);
}

static void cleared_and_moved(void)
{
    SSL_CTX *ours = client_context(), *plain = plain_context(), *right = server_of(RIGHT), *wrong = server_of(SELF_SIGNED);
    SSL *client = client_connection(ours, RIGHT_HOST), *server = SSL_new(right);
    need(meet_in_memory(client, server) && passes(client, server), "an honest connection");
    need(SSL_clear(client) == 1 && SSL_set_SSL_CTX(client, plain) == plain, "SSL_clear, SSL_set_SSL_CTX");
    SSL *other = SSL_new(wrong);
    BIO *one, *two;
    need(BIO_new_bio_pair(&one, 0, &two, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(client, one, one);
    SSL_set_bio(other, two, two);
    SSL_set_accept_state(other);
    int arrived, answer = writes(client, other, &arrived);
    claim(answer == HOSTLOCK_E_UNVERIFIED && !arrived && BIO_pending(two) == 0,
          "nothing leaves one that was cleared and moved to a plain context (%d)", answer);
    SSL_free(client);
    SSL_free(server);
    SSL_free(other);
    SSL_CTX_free(right);
    SSL_CTX_free(wrong);
    SSL_CTX_free(plain);
    SSL_CTX_free(ours);
}

/* So many that some share a place in the memory. */
static void many_at_once(void)
{
    enum { MANY = 200 };
    int count = rounds(MANY, 4), good = 0;
    SSL_CTX *ours = client_context(), *right = server_of(RIGHT);
    SSL *client[MANY], *server[MANY];
    for (int i = 0; i < count; i++) {
        client[i] = client_connection(ours, RIGHT_HOST);
        server[i] = SSL_new(right);
        need(meet_in_memory(client[i], server[i]), "an honest connection");
    }
    for (int i = 0; i < 3 * count; i++) good += passes(client[i % count], server[i % count]);
    claim(good == 3 * count, "%d connections that are open at once are used in turn (%d of %d writes)", count, good,
          3 * count);
    /* Every other one goes; the rest stays open. */
    for (int i = 0; i < count; i += 2) SSL_free(client[i]);
    good = 0;
    for (int i = 1; i < count; i += 2) good += passes(client[i], server[i]);
    claim(good == count / 2, "  and those that are left when others are freed, too");
    for (int i = 1; i < count; i += 2) SSL_free(client[i]);
    for (int i = 0; i < count; i++) SSL_free(server[i]);
    SSL_CTX_free(right);
    SSL_CTX_free(ours);
}

static int asked, knew;

static void ask_at_the_end(void *parent, void *ptr, CRYPTO_EX_DATA *all, int index, long argl, void *argp)
{
    (void)all, (void)index, (void)argl, (void)argp;
    if (ptr == NULL) return;
    asked++;
    knew += hostlock_conn_verified_host(parent) != NULL;
}

/* A program's own data is freed after ours, and may still ask about the connection. */
static void asked_while_freed(void)
{
    SSL_CTX *ours = client_context(), *right = server_of(RIGHT);
    SSL *client = client_connection(ours, RIGHT_HOST), *server = SSL_new(right);
    need(meet_in_memory(client, server) && passes(client, server), "an honest connection");
    int index = SSL_get_ex_new_index(0, NULL, NULL, NULL, ask_at_the_end);
    need(index > 0 && SSL_set_ex_data(client, index, ours) == 1, "SSL_set_ex_data");
    SSL_free(client);
    claim(asked == 1 && knew == 0, "a connection that is being freed knows nothing any more (%d)", knew);
    SSL_free(server);
    SSL_CTX_free(right);
    SSL_CTX_free(ours);
}

int main(void)
{
    need(CRYPTO_set_mem_functions(take, resize, give) == 1, "CRYPTO_set_mem_functions");
    another_at_the_address(0);
    /* What was overwritten is never freed, which valgrind would call a leak. */
    if (rounds(1, 0)) another_at_the_address(1);
    cleared_and_moved();
    many_at_once();
    asked_while_freed();
    forget_identities();
    clear_the_shelves();
    return finish();
}
