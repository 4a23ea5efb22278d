/*
 * One context, eight threads, a hundred handshakes each (five hundred on a hardened one): with the right host and with an impostor in turn, while
 * another thread changes a setting. Every verdict is the right one.
 */
#include "support.h"

#include <pthread.h>

#define THREADS 8

static SSL_CTX *ctx;
static struct server *right, *impostor;

struct tally {
    pthread_t thread;
    int rounds, passed, refused, wrong;
};

static void *connect_in_turn(void *argument)
{
    struct tally *tally = argument;
    for (int round = 0; round < tally->rounds; round++) {
        int honest = round % 2 == 0;
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        struct outcome outcome;
        converse(ssl, honest ? right : impostor, &outcome);
        if (honest && outcome.got == 4 && outcome.status == 0)
            tally->passed++;
        else if (!honest && outcome.status == HOSTLOCK_E_HOST_MISMATCH && outcome.server.received == 0)
            tally->refused++;
        else
            tally->wrong++;
        SSL_free(ssl);
    }
    return NULL;
}

static void *change_a_setting(void *argument)
{
    for (int round = 0; round < *(int *)argument; round++)
        if (hostlock_ctx_set_timeout(ctx, 1000 + round) != 0)
            return NULL;
    return argument;
}

int main(void)
{
    int changes = rounds(10000, 200), each = rounds(on_hardened_context() ? 500 : 100, 4);
    struct tally tallies[THREADS] = {0};
    pthread_t changer;
    void *changed;
    ctx = client_context();
    right = server_new(&(struct manner){.identity = identity(RIGHT)});
    impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR)});
    for (int i = 0; i < THREADS; i++) {
        tallies[i].rounds = each;
        need(pthread_create(&tallies[i].thread, NULL, connect_in_turn, &tallies[i]) == 0, "no thread");
    }
    need(pthread_create(&changer, NULL, change_a_setting, &changes) == 0, "no thread");
    struct tally sum = {0};
    for (int i = 0; i < THREADS; i++) {
        pthread_join(tallies[i].thread, NULL);
        sum.passed += tallies[i].passed;
        sum.refused += tallies[i].refused;
        sum.wrong += tallies[i].wrong;
    }
    pthread_join(changer, &changed);
    claim(sum.passed == THREADS * each / 2, "the right host connected %d times", sum.passed);
    claim(sum.refused == THREADS * each / 2, "the impostor was refused %d times", sum.refused);
    claim(sum.wrong == 0 && changed != NULL, "nothing else happened");
    server_free(right);
    server_free(impostor);
    SSL_CTX_free(ctx);
    return finish();
}
