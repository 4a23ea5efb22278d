/* A context made before fork() works in the parent and in the child, and their sessions do not mix. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <sys/wait.h>
#include <unistd.h>

static struct server *right, *impostor;

static int verdicts_are_right(SSL_CTX *ctx)
{
    struct outcome outcome;
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, right, &outcome);
    int good = outcome.got == 4 && outcome.status == 0;
    SSL_free(ssl);
    ssl = client_connection(ctx, RIGHT_HOST);
    converse(ssl, impostor, &outcome);
    good = good && outcome.status == HOSTLOCK_E_HOST_MISMATCH && outcome.server.received == 0;
    SSL_free(ssl);
    return good;
}

int main(void)
{
    SSL_CTX *ctx = client_context();
    int answer = -1;
    right = server_new(&(struct manner){.identity = identity(RIGHT)});
    impostor = server_new(&(struct manner){.identity = identity(IMPOSTOR)});
    need(verdicts_are_right(ctx), "the verdicts are wrong without a fork");
    pid_t child = fork();
    need(child >= 0, "fork");
    int good = verdicts_are_right(ctx);
    if (child == 0) {
        SSL_CTX_free(ctx);
        server_free(right);
        server_free(impostor);
        forget_identities();
        _exit(good ? 0 : 1);
    }
    need(waitpid(child, &answer, 0) == child, "waitpid");
    claim(good, "the parent's verdicts are right after a fork");
    claim(WIFEXITED(answer) && WEXITSTATUS(answer) == 0, "the child's are too");
    SSL_CTX_free(ctx);
    server_free(right);
    server_free(impostor);
    return finish();
}
