/*
 * hostlock_insecure_keylog_file: the secrets go to a file of our own user, which nobody else can read; to no other, and never
 * because the environment says so.
 */
#define _GNU_SOURCE
#define HOSTLOCK_ALLOW_INSECURE
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/hostlock-keys-XXXXXX", path[300];

static const char *named(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static int told;

static void tell(const SSL *ssl, const char *line)
{
    (void)ssl;
    told += strlen(line) > 100;
}

/* How many well-formed lines the file has; -1 where one is not. */
static int lines(const char *name)
{
    FILE *file = fopen(named(name), "r");
    if (file == NULL)
        return 0;
    char line[1024], label[64], random[129], secret[257];
    int count = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        int good = sscanf(line, "%63s %128s %256s", label, random, secret) == 3 && strlen(random) == 64 && strlen(secret) >= 64 &&
                   line[strlen(line) - 1] == '\n' && (strcmp(label, "CLIENT_RANDOM") == 0 || strstr(label, "_SECRET") != NULL);
        count = good && count >= 0 ? count + 1 : -1;
    }
    fclose(file);
    return count;
}

static void meet(hostlock_ctx *ctx, int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT), .version = version});
    struct line *line;
    int fd;
    line = line_open(server, &fd);
    hostlock_conn *conn;
    char buffer[8];
    need(hostlock_connect_fd(ctx, fd, RIGHT_HOST, &conn) == 0 && hostlock_write(conn, "ping", 4) == 4 && hostlock_read(conn, buffer, 4) == 4,
         "a conversation");
    hostlock_conn_free(conn);
    line_close(line, NULL);
    server_free(server);
}

static void writes(int version)
{
    const char *on = version_name(version), *name = version == TLS1_2_VERSION ? "keys-1.2" : "keys-1.3";
    int of_one = version == TLS1_2_VERSION ? 1 : 5;
    umask(0);
    hostlock_ctx *ctx = client_context();
    SSL_CTX_set_keylog_callback(ctx, tell);
    told = 0;
    claim(hostlock_insecure_keylog_file(ctx, named(name), "a test") == 0, "%s: a file is named", on);
    struct stat found;
    claim(stat(named(name), &found) == 0 && (found.st_mode & 07777) == 0600, "  and made for its owner alone, whatever the umask");
    meet(ctx, version);
    claim(lines(name) == of_one && told == of_one, "  the secrets are in it, and the program's own callback hears of them");
    if (lines(name) != of_one || told != of_one)
        note("%d lines, told %d", lines(name), told);
    claim(hostlock_ctx_insecure_count(ctx) == 1 && strcmp(hostlock_ctx_insecure_name(ctx, 0), "keylog_file") == 0 &&
              strcmp(hostlock_ctx_insecure_reason(ctx, 0), "a test") == 0,
          "  which is told of the context");
    hostlock_report *report = NULL;
    need(hostlock_audit(ctx, &report) == 0, "hostlock_audit");
    claim(strstr(hostlock_report_json(report), "waiver-keylog-file") != NULL && strstr(hostlock_report_json(report), "waiver-no") == NULL,
          "  and in its audit");
    hostlock_report_free(report);
    claim(hostlock_insecure_keylog_file(ctx, named("late"), "a test") == HOSTLOCK_E_FROZEN && access(named("late"), F_OK) != 0,
          "  it comes too late once there was a connection");
    meet(ctx, version);
    claim(lines(name) == 2 * of_one, "  and the next connection is added");
    hostlock_ctx_free(ctx);
    ctx = client_context();
    need(hostlock_insecure_keylog_file(ctx, named(name), "a test") == 0 && hostlock_insecure_keylog_file(ctx, named("other"), "a test") == 0,
         "two files");
    meet(ctx, version);
    claim(lines(name) == 2 * of_one && lines("other") == of_one, "  a later file takes the place of an earlier one");
    unlink(named("other"));
    hostlock_ctx_free(ctx);
}

static void refused(const char *what, const char *name, const char *reason, int status, const char *part)
{
    hostlock_ctx *ctx = client_context();
    int answer = hostlock_insecure_keylog_file(ctx, name, reason);
    const char *message = hostlock_error_message(hostlock_last_error());
    claim(answer == status && strstr(message, part) != NULL, "%s", what);
    if (answer != status || strstr(message, part) == NULL)
        note("%s: %s", hostlock_status_name(answer), message);
    claim(SSL_CTX_get_keylog_callback(ctx) == NULL && hostlock_ctx_insecure_count(ctx) == 0, "  and nothing is written");
    hostlock_ctx_free(ctx);
}

static void other_files(void)
{
    FILE *file = fopen(named("open"), "w");
    need(file != NULL && fclose(file) == 0 && chmod(named("open"), 0640) == 0, "a file");
    refused("a file that others can read", named("open"), "a test", HOSTLOCK_E_FILE_IO, "open to others (mode 0640)");
    need(chmod(named("open"), 0602) == 0, "chmod");
    refused("a file that others can write", named("open"), "a test", HOSTLOCK_E_FILE_IO, "mode 0602");
    need(chmod(named("open"), 0600) == 0, "chmod");
    char target[300];
    snprintf(target, sizeof(target), "%s", named("open"));
    need(symlink(target, named("link")) == 0, "symlink");
    refused("a symbolic link", named("link"), "a test", HOSTLOCK_E_WRONG_FILE_TYPE, "a symbolic link");
    need(symlink("/nowhere/at/all", named("dangling")) == 0, "symlink");
    refused("one that leads nowhere", named("dangling"), "a test", HOSTLOCK_E_WRONG_FILE_TYPE, "a symbolic link");
    need(link(target, named("second")) == 0, "link");
    refused("a file of two names", named("second"), "a test", HOSTLOCK_E_WRONG_FILE_TYPE, "several names");
    unlink(named("second"));
    need(mkfifo(named("fifo"), 0600) == 0, "mkfifo");
    refused("a FIFO", named("fifo"), "a test", HOSTLOCK_E_WRONG_FILE_TYPE, "not a regular file");
    refused("a device", "/dev/null", "a test", HOSTLOCK_E_WRONG_FILE_TYPE, "not a regular file");
    refused("a directory", directory, "a test", HOSTLOCK_E_WRONG_FILE_TYPE, "not a regular file");
    refused("a file in no directory", "/nowhere/keys", "a test", HOSTLOCK_E_NOT_FOUND, "cannot be written");
    refused("no name", "", "a test", HOSTLOCK_E_ARG, "empty");
    refused("NULL for the name", NULL, "a test", HOSTLOCK_E_ARG, "NULL");
    refused("no reason", named("unmade"), " ", HOSTLOCK_E_ARG, "reason is empty");
    refused("NULL for the reason", named("unmade"), NULL, HOSTLOCK_E_ARG, "NULL");
    claim(access(named("unmade"), F_OK) != 0, "and no file is made for it");
    claim(hostlock_insecure_keylog_file(NULL, named("unmade"), "a test") == HOSTLOCK_E_ARG, "NULL for the context");
    if (geteuid() == 0) {
        need(chown(named("open"), 12345, 12345) == 0, "chown");
        refused("a file of another user", named("open"), "a test", HOSTLOCK_E_FILE_IO, "another user");
    }
    hostlock_ctx *ctx = client_context();
    need(hostlock_insecure_keylog_file(ctx, "/nowhere/keys", "a test") != 0, "a failure");
    hostlock_conn *conn;
    need(hostlock_connect_mem(ctx, RIGHT_HOST, &conn) == HOSTLOCK_E_POISONED, "poison");
    claim(hostlock_insecure_keylog_file(ctx, named("cured"), "a test") == 0 && hostlock_connect_mem(ctx, RIGHT_HOST, &conn) == 0,
          "a failure poisons until a file is good");
    hostlock_conn_free(conn);
    hostlock_ctx_free(ctx);
}

static void *visits(void *argument)
{
    for (int i = 0; i < rounds(10, 2); i++)
        meet(argument, TLS1_3_VERSION);
    return NULL;
}

static void at_once(void)
{
    hostlock_ctx *ctx = client_context();
    need(hostlock_insecure_keylog_file(ctx, named("many"), "a test") == 0, "a file");
    identity(RIGHT);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        need(pthread_create(&threads[i], NULL, visits, ctx) == 0, "pthread_create");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    claim(lines("many") == 4 * 5 * rounds(10, 2), "the lines of many threads stay whole");
    hostlock_ctx_free(ctx);
}

int main(void)
{
    need(mkdtemp(directory) != NULL, "mkdtemp");
    setenv("SSLKEYLOGFILE", named("by-the-environment"), 1);
    for (int version = 0; version < 2; version++)
        writes(both_versions[version]);
    other_files();
    at_once();
    claim(access(named("by-the-environment"), F_OK) != 0, "nothing is written because the environment says so");
    char command[300];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    need(system(command) == 0, "rm");
    return finish();
}
