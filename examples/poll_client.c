/* Fetches a page, and waits nowhere but in its own poll: poll_client HOST [PORT [CA-FILE]]
 * cc poll_client.c $(pkg-config --cflags --libs hostlock) -o poll_client */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <hostlock.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE = 10000 }; /* milliseconds, for whatever is waited for after the handshake */

/* The one place where it waits; a program with more to do would put its other descriptors there too. */
static int wait_for(int fd, short events, int milliseconds)
{
    struct pollfd descriptor = {.fd = fd, .events = events};
    int ready;
    do
        ready = poll(&descriptor, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    return ready;
}

/* Whether a call of hostlock's is to be made again, after a wait for what it wants. */
static int again(hostlock_conn *conn, int fd, ssize_t answer)
{
    int left;
    if (answer != HOSTLOCK_WANT_READ && answer != HOSTLOCK_WANT_WRITE) return 0;
    /* A handshake has the context's time, of which hostlock knows; -1 after it. */
    int in_handshake = hostlock_conn_time_left(conn, &left) == 0 && left >= 0;
    int ready = wait_for(fd, answer == HOSTLOCK_WANT_READ ? POLLIN : POLLOUT, in_handshake ? left : PATIENCE);
    /* Where a handshake's time is over the next call says so. */
    return ready > 0 || (ready == 0 && in_handshake);
}

/* A connected socket that does not block, or -1. The addresses are tried in turn; looking them up waits. */
static int connected(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all, *one;
    int fd = -1, failed = 1;
    if (getaddrinfo(host, port, &hints, &all) != 0) return -1;
    for (one = all; one != NULL && failed; one = one->ai_next) {
        socklen_t length = sizeof failed;
        if ((fd = socket(one->ai_family, SOCK_STREAM, 0)) < 0) continue;
        fcntl(fd, F_SETFL, O_NONBLOCK);
        failed = connect(fd, one->ai_addr, one->ai_addrlen) != 0;
        if (failed && errno == EINPROGRESS && wait_for(fd, POLLOUT, PATIENCE) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &length);
        if (failed) close(fd);
    }
    freeaddrinfo(all);
    return failed ? -1 : fd;
}

/* 0 where the whole page was written to standard output; a "want" where the server was silent for too long. */
static int fetch(hostlock_conn *conn, int fd, const char *host)
{
    char request[512], page[4096]; /* a host has at most 253 bytes */
    ssize_t done, length = snprintf(request, sizeof request, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", host), sent = 0;
    do
        done = hostlock_handshake(conn);
    while (again(conn, fd, done));
    if (done != 0) return (int)done;
    while (sent < length) {
        do
            done = hostlock_write(conn, request + sent, (size_t)(length - sent));
        while (again(conn, fd, done));
        if (done < 0) return (int)done;
        sent += done;
    }
    for (;;) {
        /* It reads until HOSTLOCK_WANT_READ before it polls, so it may read ahead. */
        do
            done = hostlock_read(conn, page, sizeof page);
        while (again(conn, fd, done));
        if (done <= 0) return (int)done; /* 0 is the server's own end, and nothing else */
        fwrite(page, 1, (size_t)done, stdout);
    }
}

int main(int count, char **words)
{
    if (count < 2 || count > 4) { fprintf(stderr, "usage: poll_client HOST [PORT [CA-FILE]]\n"); return 2; }
    int fd = -1, status = HOSTLOCK_E_STATE;
    hostlock_conn *conn = NULL;
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    if (ctx != NULL && (count < 4 || hostlock_ctx_trust_file(ctx, words[3]) == 0) && hostlock_ctx_set_timeout(ctx, PATIENCE) == 0) {
        if ((fd = connected(words[1], count > 2 ? words[2] : "443")) < 0) {
            fprintf(stderr, "%s: no connection\n", words[1]);
            hostlock_ctx_free(ctx);
            return 1;
        }
        if (hostlock_connect_fd(ctx, fd, words[1], &conn) == 0 && hostlock_conn_set_read_ahead(conn, 1) == 0)
            status = fetch(conn, fd, words[1]);
    }
    if (status == HOSTLOCK_WANT_READ || status == HOSTLOCK_WANT_WRITE)
        fprintf(stderr, "%s: nothing for %d ms\n", words[1], PATIENCE);
    else if (status != 0) {
        const hostlock_error *error = hostlock_last_error();
        fprintf(stderr, "%s\nhint: %s\n", hostlock_error_message(error), hostlock_error_hint(error));
    }
    hostlock_conn_free(conn);
    hostlock_ctx_free(ctx);
    if (fd >= 0) close(fd);
    return status != 0;
}
