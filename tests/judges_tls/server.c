/* The server that is judged: a context of hostlock_server_new and nothing that makes it stricter or laxer.
 * server plain CHAIN KEY CHAIN KEY
 * server MODE CHAIN KEY CHAIN KEY CLIENT-CA        MODE as hostlock_server_set_client_auth has it
 * server names CHAIN KEY CHAIN KEY HOST CHAIN KEY HOST CHAIN KEY
 * Says "port N", then a line per connection: its client's port, its status, why. It echoes, does what "!rekey" and
 * "!certificate" ask for, and answers "!name" with the name that was asked for. It ends when its standard input does, with all threads, and says whether it lost one. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <hostlock.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 300 };

static hostlock_ctx *ctx;
static int timeout_ms = 2000; /* TIMEOUT_MS in the environment sets another */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int served;

/* Answers until the client has gone: the status of what ended it. */
static ssize_t echo(hostlock_conn *conn)
{
    char words[20000];
    ssize_t got;
    while ((got = hostlock_read(conn, words, sizeof words)) > 0) {
        ssize_t done = 0;
        if (got == 6 && memcmp(words, "!rekey", 6) == 0) done = hostlock_conn_key_update(conn);
        if (got == 12 && memcmp(words, "!certificate", 12) == 0) done = hostlock_conn_request_cert(conn);
        if (got == 5 && memcmp(words, "!name", 5) == 0) {
            const char *name = hostlock_conn_sni(conn);
            got = snprintf(words, sizeof words, "name %s", name == NULL ? "" : name);
        }
        if (done == 0) done = hostlock_write_all(conn, words, (size_t)got);
        if (done < 0) return done;
    }
    return got;
}

/* Whoever closes with something unread resets the connection, and the alert is lost. */
static void linger(int fd)
{
    char rest[4096];
    struct pollfd wish = {.fd = fd, .events = POLLIN};
    shutdown(fd, SHUT_WR);
    while (poll(&wish, 1, LINGER_MS) == 1 && recv(fd, rest, sizeof rest, 0) > 0) {}
    close(fd);
}

static void *serve(void *number)
{
    int fd = (int)(long)number;
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof peer;
    getpeername(fd, (struct sockaddr *)&peer, &length);
    hostlock_conn *conn = NULL;
    ssize_t status = hostlock_accept_fd(ctx, fd, &conn);
    int greeted = status == 0;
    if (greeted) {
        status = hostlock_conn_set_timeout(conn, timeout_ms);
        if (status == 0) status = echo(conn);
    }
    const char *why = status < 0 ? hostlock_error_message(hostlock_last_error()) : "";
    printf("%d %s %s %s\n", ntohs(peer.sin_port), greeted ? "served" : "refused", hostlock_status_name((int)status), why);
    if (status == 0) (void)hostlock_shutdown(conn);
    hostlock_conn_free(conn);
    linger(fd);
    pthread_mutex_lock(&lock);
    served--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, hostlock_error_message(hostlock_last_error()));
    return 1;
}

int main(int count, char **words)
{
    if (count != 6 && count != 7 && count != 12) return fail("usage");
    if (getenv("TIMEOUT_MS") != NULL) timeout_ms = atoi(getenv("TIMEOUT_MS"));
    setvbuf(stdout, NULL, _IOLBF, 0);
    ctx = hostlock_server_new(NULL);
    if (ctx == NULL || hostlock_ctx_add_cert_file(ctx, words[2], words[3], NULL) != 0 ||
        hostlock_ctx_add_cert_file(ctx, words[4], words[5], NULL) != 0 || hostlock_ctx_set_alpn(ctx, "h2,http/1.1") != 0 ||
        hostlock_ctx_set_timeout(ctx, timeout_ms) != 0)
        return fail("set-up");
    if (count == 7 && (hostlock_ctx_trust_file(ctx, words[6]) != 0 || hostlock_server_set_client_auth(ctx, words[1]) != 0))
        return fail("client authentication");
    for (int i = 6; count == 12 && i < count; i += 3)
        if (hostlock_server_add_name(ctx, words[i], words[i + 1], words[i + 2], NULL) != 0) return fail("names");
    if (count == 12 && hostlock_server_set_unknown_name(ctx, "refuse") != 0) return fail("names");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listening, (struct sockaddr *)&address, length) != 0 || listen(listening, SOMAXCONN) != 0 ||
        getsockname(listening, (struct sockaddr *)&address, &length) != 0) { perror("server"); return 1; }
    printf("port %d\n", ntohs(address.sin_port));
    struct pollfd wishes[2] = {{.fd = listening, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    while (poll(wishes, 2, -1) > 0 && wishes[1].revents == 0) {
        pthread_t thread;
        int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) continue;
        pthread_mutex_lock(&lock);
        served++;
        pthread_mutex_unlock(&lock);
        if (pthread_create(&thread, NULL, serve, (void *)(long)fd) != 0) return 1;
        pthread_detach(thread);
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&lock);
    while (served > 0 && pthread_cond_timedwait(&ended, &lock, &until) == 0) {}
    printf("left %d\n", served);
    int lost = served;
    pthread_mutex_unlock(&lock);
    if (lost == 0) hostlock_ctx_free(ctx);
    return lost != 0;
}
