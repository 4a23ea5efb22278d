/* Sends a mail from standard input by STARTTLS: mail_client SERVER PORT FROM TO [CA-FILE]
 * cc mail_client.c $(pkg-config --cflags --libs hostlock) -o mail_client */
#include <hostlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char waiting[4096]; /* read, and not yet looked at */
static size_t have, at;

static int why(void)
{
    const hostlock_error *error = hostlock_last_error();
    fprintf(stderr, "%s\nhint: %s\n", hostlock_error_message(error), hostlock_error_hint(error));
    return -1;
}

/* The next line, without its end: its length, or -1. */
static int read_line(hostlock_conn *conn, char *line, size_t room)
{
    size_t length = 0;
    for (;;) {
        if (at == have) {
            ssize_t got = hostlock_read(conn, waiting, sizeof waiting);
            if (got == 0) fprintf(stderr, "the server said goodbye\n");
            if (got <= 0) return got < 0 ? why() : -1;
            have = (size_t)got, at = 0;
        }
        char byte = waiting[at++];
        if (byte == '\n') break;
        if (length + 1 == room) { fprintf(stderr, "the server has a line without an end\n"); return -1; }
        line[length++] = byte;
    }
    if (length > 0 && line[length - 1] == '\r') length--;
    line[length] = 0;
    return (int)length;
}

/* Whether the server's reply, of one line or more, begins with `digit`: 2 is yes, 3 is "go on". */
static int replied(hostlock_conn *conn, char digit)
{
    char line[1024];
    do
        if (read_line(conn, line, sizeof line) < 3) return 0;
    while (line[3] == '-');
    if (line[0] == digit) return 1;
    fprintf(stderr, "the server says: %s\n", line);
    return 0;
}

static int say(hostlock_conn *conn, const char *text, size_t length)
{
    return hostlock_write_all(conn, text, length) == (ssize_t)length ? 0 : why();
}

static int command(hostlock_conn *conn, const char *before, const char *what, const char *after, char digit)
{
    char line[600];
    int length = snprintf(line, sizeof line, "%s%s%s\r\n", before, what, after);
    return length < (int)sizeof line && say(conn, line, (size_t)length) == 0 && replied(conn, digit) ? 0 : -1;
}

/* Lines end in CRLF, and one that begins with a dot gets another (RFC 5321 4.5.2). */
static int send_text(hostlock_conn *conn, FILE *text)
{
    char line[1002];
    int is_start = 1;
    while (fgets(line, sizeof line - 1, text) != NULL) {
        size_t length = strlen(line);
        int is_end = length > 0 && line[length - 1] == '\n';
        if (is_start && line[0] == '.' && say(conn, ".", 1) != 0) return -1;
        if (is_end) length--;
        if (is_end && length > 0 && line[length - 1] == '\r') length--;
        if (say(conn, line, length) != 0 || (is_end && say(conn, "\r\n", 2) != 0)) return -1;
        is_start = is_end;
    }
    if (ferror(text)) { perror("mail_client"); return -1; } /* nothing is sent then: the dot below is what sends it */
    return is_start ? 0 : say(conn, "\r\n", 2);
}

static int mail(hostlock_conn *conn, const char *from, const char *to)
{
    /* What the server offered in the clear anybody may have said: it is asked anew. */
    return command(conn, "EHLO ", "[127.0.0.1]", "", '2') == 0 && command(conn, "MAIL FROM:<", from, ">", '2') == 0 &&
                   command(conn, "RCPT TO:<", to, ">", '2') == 0 && command(conn, "DATA", "", "", '3') == 0 &&
                   send_text(conn, stdin) == 0 && command(conn, ".", "", "", '2') == 0
               ? 0
               : -1;
}

int main(int count, char **words)
{
    int port = count > 2 ? atoi(words[2]) : 0;
    if (count < 5 || count > 6 || port < 1 || port > 65535 || strpbrk(words[3], "<>\r\n") != NULL || strpbrk(words[4], "<>\r\n") != NULL) {
        fprintf(stderr, "usage: mail_client SERVER PORT FROM TO [CA-FILE]\n");
        return 2;
    }
    int status = -1;
    hostlock_conn *conn = NULL;
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    if (ctx == NULL || (count == 6 && hostlock_ctx_trust_file(ctx, words[5]) != 0) ||
        hostlock_starttls(ctx, "smtp", words[1], (uint16_t)port, &conn) != 0)
        why();
    else if ((status = mail(conn, words[3], words[4])) == 0) {
        (void)command(conn, "QUIT", "", "", '2'); /* the mail is the server's by now, whatever it says */
        (void)hostlock_shutdown(conn);
    }
    hostlock_conn_free(conn);
    hostlock_ctx_free(ctx);
    return status != 0;
}
