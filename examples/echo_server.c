/* Echoes to clients with a certificate of one CA, by epoll: echo_server PORT HOST CHAIN-FILE KEY-FILE CLIENT-CA-FILE
 * [TICKET-KEY-FILE, by which servers resume each other's sessions]. SIGHUP has all files read again, and no client is lost.
 * cc echo_server.c $(pkg-config --cflags --libs hostlock) -o echo_server */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <hostlock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    hostlock_conn *conn;
    int fd, greeted;
    char waiting[4096]; /* read, and not yet written */
    ssize_t length, written;
    struct client *next, *before;
};

static struct client all = {.next = &all, .before = &all};
static int epoll;
static volatile sig_atomic_t hung_up;
static void on_hangup(int number) { hung_up = number; }

static const char *why(void) { return hostlock_error_message(hostlock_last_error()); }

static void part(struct client *client, const char *reason)
{
    fprintf(stderr, "%d: %s\n", client->fd, reason);
    client->before->next = client->next, client->next->before = client->before;
    hostlock_conn_free(client->conn);
    close(client->fd); /* which takes it out of epoll too */
    free(client);
}

/* Goes on with a client until it would wait; then says for what. */
static void serve(struct client *client)
{
    ssize_t done = client->greeted ? 1 : hostlock_handshake(client->conn);
    if (done == 0) {
        client->greeted = 1, done = 1;
        fprintf(stderr, "%d: %s%s\n", client->fd, hostlock_conn_client_name(client->conn), hostlock_conn_resumed(client->conn) ? ", resumed" : "");
    }
    while (done > 0) {
        if (client->written < client->length) {
            done = hostlock_write(client->conn, client->waiting + client->written, (size_t)(client->length - client->written));
            if (done > 0) client->written += done;
        } else {
            done = hostlock_read(client->conn, client->waiting, sizeof client->waiting);
            client->length = done > 0 ? done : 0, client->written = 0;
            if (done == 0) { (void)hostlock_shutdown(client->conn); part(client, "goodbye"); return; }
        }
    }
    if (done != HOSTLOCK_WANT_READ && done != HOSTLOCK_WANT_WRITE) { part(client, why()); return; }
    struct epoll_event wish = {.events = done == HOSTLOCK_WANT_READ ? EPOLLIN : EPOLLOUT, .data.ptr = client};
    epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &wish);
}

static void welcome(hostlock_ctx *ctx, int listening)
{
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *client = fd < 0 ? NULL : calloc(1, sizeof *client);
    if (client == NULL || hostlock_accept_fd(ctx, fd, &client->conn) != 0) { free(client); if (fd >= 0) close(fd); return; }
    client->fd = fd;
    client->next = all.next, client->before = &all, all.next->before = client, all.next = client;
    struct epoll_event wish = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wish);
}

/* Ends the handshakes whose time is over; how long until the next one's is, or -1. */
static int look_after_the_silent(void)
{
    int soonest = -1;
    for (struct client *client = all.next, *next; client != &all; client = next) {
        int left;
        next = client->next;
        if (hostlock_conn_time_left(client->conn, &left) != 0 || left < 0) continue;
        if (left == 0) serve(client);
        else if (soonest < 0 || left < soonest) soonest = left;
    }
    return soonest;
}

int main(int count, char **words)
{
    if ((count != 6 && count != 7) || atoi(words[1]) < 0 || atoi(words[1]) > 65535) { fprintf(stderr, "usage: echo_server PORT HOST CHAIN-FILE KEY-FILE CLIENT-CA-FILE [TICKET-KEY-FILE]\n"); return 2; }
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    if (ctx == NULL || hostlock_server_add_name(ctx, words[2], words[3], words[4], NULL) != 0 || hostlock_ctx_trust_file(ctx, words[5]) != 0 ||
        (count == 7 && hostlock_server_set_ticket_key_file(ctx, words[6]) != 0) ||
        hostlock_server_set_unknown_name(ctx, "refuse") != 0 || hostlock_ctx_set_timeout(ctx, 5000) != 0) {
        fprintf(stderr, "%s\nhint: %s\n", why(), hostlock_error_hint(hostlock_last_error()));
        return 1;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(words[1]))};
    socklen_t length = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct epoll_event wish = {.events = EPOLLIN}, events[64];
    sigset_t hangup, awake; /* it comes while nothing is done but waiting */
    sigemptyset(&hangup), sigaddset(&hangup, SIGHUP), sigprocmask(SIG_BLOCK, &hangup, &awake);
    signal(SIGHUP, on_hangup);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (bind(listening, (struct sockaddr *)&address, length) != 0 || listen(listening, SOMAXCONN) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &wish) != 0) { perror("echo_server"); return 1; }
    getsockname(listening, (struct sockaddr *)&address, &length);
    fprintf(stderr, "listening on %d\n", ntohs(address.sin_port));
    for (;;) {
        int ready = epoll_pwait(epoll, events, 64, look_after_the_silent(), &awake);
        if (hung_up) { /* What fails changes nothing. */
            hung_up = 0;
            fprintf(stderr, "%s\n", hostlock_ctx_reload(ctx) == 0 ? "read again" : why());
        }
        for (int i = 0; i < ready; i++)
            if (events[i].data.ptr != NULL) serve(events[i].data.ptr);
            else welcome(ctx, listening);
    }
}
