/* A connected socket, by the name of the host. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE
#endif
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int tcp_connect_host(const char *host, const char *port)
{
    struct addrinfo hints, *found, *one;
    int fd = -1;

    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    for (one = found; one != NULL && fd < 0; one = one->ai_next) {
        fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/* To this machine. */
static inline int tcp_connect(const char *port)
{
    return tcp_connect_host("127.0.0.1", port);
}
