/*
 * hostlock_ctx_set_on_interrupt: what a signal does to a call that waits, in the handshake, while reading and writing, and
 * while a host is being resolved.
 */
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The resolver of this program: one name takes long. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    (void)service, (void)hints, (void)found;
    if (strcmp(node, "slow.example") == 0)
        for (int i = 0; i < 60; i++)
            usleep(50000);
    return EAI_NONAME;
}

static volatile sig_atomic_t alarms;
static int asked, ends_at;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

static int decide(void *argument)
{
    need(argument == &ends_at, "the argument");
    return ++asked >= ends_at;
}

/* How long a call may take, in milliseconds; all is slower under valgrind. */
static long limit(void)
{
    return 400L * rounds(1, 5);
}

static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

static timer_t timer;

static void ring_every(long ms)
{
    struct itimerspec often = {{ms / 1000, ms % 1000 * 1000000}, {ms / 1000, ms % 1000 * 1000000}};
    need(timer_settime(timer, 0, &often, NULL) == 0, "a timer");
}

enum want { UNSET, WITHOUT_FUNCTION, AT_THE_THIRD, NEVER, WANTS };
static const char *const want_names[WANTS] = {"without a word", "with no function", "with one that ends the third", "with one that ends none"};

static hostlock_ctx *wanting(enum want want)
{
    hostlock_ctx *ctx = client_context();
    need(hostlock_ctx_set_timeout(ctx, (int)limit()) == 0, "hostlock_ctx_set_timeout");
    asked = 0, alarms = 0;
    ends_at = want == AT_THE_THIRD ? 3 : 1000000;
    if (want == WITHOUT_FUNCTION)
        need(hostlock_ctx_set_on_interrupt(ctx, NULL, NULL) == 0, "hostlock_ctx_set_on_interrupt");
    else if (want != UNSET)
        need(hostlock_ctx_set_on_interrupt(ctx, decide, &ends_at) == 0, "hostlock_ctx_set_on_interrupt");
    return ctx;
}

/* Whether the call ended as it was wanted: at which signal, or not before its time. */
static int as_wanted(enum want want, long status, long began)
{
    long took = milliseconds() - began;
    int ended = want == WITHOUT_FUNCTION || want == AT_THE_THIRD;
    int good = ended ? status == HOSTLOCK_E_INTERRUPTED && took < limit() - 50 : status == HOSTLOCK_E_TIMEOUT && took >= limit() - 10;
    good = good && (want != AT_THE_THIRD || asked == 3) && (want != NEVER || asked > 3) && alarms > 0;
    if (!good)
        note("%s after %ld ms, asked %d times", hostlock_status_name((int)status), took, asked);
    return good;
}

static void waits(enum want want)
{
    int pair[2];
    hostlock_ctx *ctx = wanting(want);
    hostlock_conn *conn;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0 &&
             hostlock_connect_fd(ctx, pair[0], RIGHT_HOST, &conn) == 0 && fcntl(pair[0], F_SETFL, 0) == 0,
         "a connection");
    ring_every(30);
    long began = milliseconds();
    claim(as_wanted(want, hostlock_handshake(conn), began), "%s: the handshake with a silent peer", want_names[want]);
    hostlock_conn_free(conn);
    close(pair[0]), close(pair[1]);

    /* The same while reading: and the connection goes on. */
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT)});
    int fd;
    /* The server's thread must not take the signals: its reads are not begun again. */
    sigset_t of_alarm;
    sigemptyset(&of_alarm);
    sigaddset(&of_alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &of_alarm, NULL);
    struct line *line = line_open(server, &fd);
    pthread_sigmask(SIG_UNBLOCK, &of_alarm, NULL);
    hostlock_ctx_free(ctx);
    ctx = wanting(NEVER);
    ring_every(0);
    need(hostlock_ctx_set_timeout(ctx, 20000) == 0 && hostlock_connect_fd(ctx, fd, RIGHT_HOST, &conn) == 0 &&
             hostlock_ctx_set_timeout(ctx, (int)limit()) == 0,
         "a connection");
    hostlock_ctx *first = ctx;
    asked = 0, alarms = 0, ends_at = want == AT_THE_THIRD ? 3 : 1000000;
    if (want == WITHOUT_FUNCTION)
        need(hostlock_ctx_set_on_interrupt(ctx, NULL, NULL) == 0, "hostlock_ctx_set_on_interrupt");
    if (want != UNSET) {
        ring_every(30);
        char buffer[8];
        began = milliseconds();
        claim(as_wanted(want, hostlock_read(conn, buffer, 4), began), "  a read");
        ring_every(0);
        claim(hostlock_write(conn, "ping", 4) == 4 && hostlock_read(conn, buffer, 4) == 4 && memcmp(buffer, "pong", 4) == 0,
              "  after which the connection goes on");
    }
    hostlock_conn_free(conn);
    line_close(line, NULL);
    server_free(server);
    hostlock_ctx_free(first);

    ctx = wanting(want);
    ring_every(30);
    began = milliseconds();
    int status = hostlock_connect(ctx, "slow.example", 443, &conn);
    claim(as_wanted(want, status, began) && conn == NULL, "  resolving");
    hostlock_ctx_free(ctx);

    ctx = wanting(want);
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    began = milliseconds();
    status = hostlock_starttls_fd(ctx, "smtp", pair[0], RIGHT_HOST, &conn);
    claim(as_wanted(want, status, began) && conn == NULL, "  what is said before TLS");
    close(pair[0]), close(pair[1]);
    hostlock_ctx_free(ctx);
    ring_every(0);
}

int main(void)
{
    /* SA_RESTART, as most programs and signal() set it, makes no difference. */
    for (int restart = 0; restart < 2; restart++) {
        struct sigaction action = {.sa_handler = on_alarm, .sa_flags = restart ? SA_RESTART : 0};
        sigaction(SIGALRM, &action, NULL);
        struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
        if (restart == 0)
            need(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "timer_create");
        for (enum want want = 0; want < WANTS; want++)
            waits(want);
    }
    claim(hostlock_ctx_set_on_interrupt(NULL, decide, NULL) == HOSTLOCK_E_ARG, "NULL for the context");
    timer_delete(timer);
    return finish();
}
