/*
 * A sealed process with eight threads that make and free contexts, its fork, and its end: contexts are freed after the
 * handlers of exit have begun to run.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8

static struct server *right, *impostor;
static SSL_CTX *last;

struct tally {
    pthread_t thread;
    int rounds, passed, refused, wrong;
};

static SSL_CTX *careless(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()), "no context");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    return ctx;
}

static void converse_once(SSL_CTX *ctx, struct tally *tally, int honest)
{
    struct outcome outcome;
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL, "no connection");
    SSL_set_tlsext_host_name(ssl, RIGHT_HOST);
    converse(ssl, honest ? right : impostor, &outcome);
    if (honest && outcome.got == 4 && outcome.status == 0)
        tally->passed++;
    else if (!honest && outcome.status == HOSTLOCK_E_HOST_MISMATCH && outcome.server.received == 0)
        tally->refused++;
    else {
        tally->wrong++;
        show(&outcome);
    }
    SSL_free(ssl);
}

static void *make_and_free(void *argument)
{
    struct tally *tally = argument;
    for (int round = 0; round < tally->rounds; round++) {
        SSL_CTX *ctx = careless();
        if (round % 10 == 0) {
            converse_once(ctx, tally, 1);
            converse_once(ctx, tally, 0);
        }
        SSL_CTX_free(ctx);
    }
    return NULL;
}

static int report_says(const char *format, int number)
{
    char words[128], *json = NULL;
    snprintf(words, sizeof(words), format, number);
    json = hostlock_seal_report();
    need(json != NULL, "no report");
    int found = strstr(json, words) != NULL;
    if (!found)
        note("%s is not in %s", words, json);
    hostlock_string_free(json);
    return found;
}

static void free_at_the_end(void)
{
    SSL_CTX_free(last);
}

int main(void)
{
    right = server_new(&(struct manner){.identity = identity(RIGHT)});
    impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR)});
    need(hostlock_seal_process(NULL) == 0, "not sealed");
    atexit(free_at_the_end);
    struct tally tallies[THREADS] = {0}, sum = {0};
    int each = rounds(500, 11);
    for (int i = 0; i < THREADS; i++) {
        tallies[i].rounds = each;
        need(pthread_create(&tallies[i].thread, NULL, make_and_free, &tallies[i]) == 0, "no thread");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(tallies[i].thread, NULL);
        sum.passed += tallies[i].passed;
        sum.refused += tallies[i].refused;
        sum.wrong += tallies[i].wrong;
    }
    int connections = THREADS * ((each + 9) / 10);
    claim(sum.passed == connections && sum.refused == connections && sum.wrong == 0,
          "%d contexts of eight threads give the right verdicts", THREADS * each);
    claim(report_says("\"total\":%d,", THREADS * each) && report_says("\"connected\":%d,", connections) &&
              report_says("\"refused\":%d,", connections),
          "the report has counted every one");

    last = careless();
    int answer = -1;
    pid_t child = fork();
    need(child >= 0, "fork");
    struct tally after = {0};
    SSL_CTX *fresh = careless();
    converse_once(last, &after, 1);
    converse_once(fresh, &after, 0);
    SSL_CTX_free(fresh);
    if (child == 0) {
        SSL_CTX_free(last);
        server_free(right);
        server_free(impostor);
        forget_identities();
        _exit(after.passed == 1 && after.refused == 1 ? 0 : 1);
    }
    need(waitpid(child, &answer, 0) == child, "waitpid");
    claim(after.passed == 1 && after.refused == 1, "the parent is sealed after a fork");
    claim(WIFEXITED(answer) && WEXITSTATUS(answer) == 0, "the child is too");
    server_free(right);
    server_free(impostor);
    return finish();
}
