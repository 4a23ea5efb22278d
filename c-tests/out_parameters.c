/*
 * What a set-up function was to make is NULL where it fails, whatever stood there before: a program that overlooks the
 * answer frees or uses NULL, and never a handle of yesterday.
 */
#include "support.h"

#include <stdint.h>

/* No function of any library would take it for one of its own. */
#define OLD ((void *)(uintptr_t)0x10)

static void connections(void)
{
    hostlock_ctx *ctx = client_context();
    SSL_CTX *foreign = plain_context();
    const struct {
        const char *words, *host;
        hostlock_ctx *ctx;
    } cases[] = {
        {"no context", RIGHT_HOST, NULL},
        {"a context that hostlock does not guard", RIGHT_HOST, foreign},
        {"no host", NULL, ctx},
        {"a bad host", "a..b", ctx},
        {"nobody there", "127.0.0.1", ctx},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hostlock_conn *conn = OLD;
        int status = hostlock_connect(cases[i].ctx, cases[i].host, 1, &conn);
        claim(status < 0 && conn == NULL, "hostlock_connect: %s: NULL", cases[i].words);
        conn = OLD;
        status = hostlock_connect_fd(cases[i].ctx, -1, cases[i].host, &conn);
        claim(status < 0 && conn == NULL, "hostlock_connect_fd: %s: NULL", cases[i].words);
    }
    SSL_CTX_free(foreign);
    hostlock_ctx_free(ctx);
}

static void reports(void)
{
    SSL_CTX *foreign = plain_context(), *other = SSL_CTX_new(DTLS_method());
    hostlock_report *report = OLD;
    claim(hostlock_audit(NULL, &report) < 0 && report == NULL, "hostlock_audit: no context: NULL");
    report = OLD;
    claim(hostlock_audit_conn(NULL, &report) < 0 && report == NULL, "hostlock_audit_conn: no connection: NULL");
    report = OLD;
    claim(hostlock_audit_probe(NULL, &report) < 0 && report == NULL, "hostlock_audit_probe: no context: NULL");
    report = OLD;
    claim(hostlock_ctx_check_intact(foreign, &report) < 0 && report == NULL,
          "hostlock_ctx_check_intact: a context that hostlock does not guard: NULL");
    report = OLD;
    claim(hostlock_ctx_check_intact(other, &report) < 0 && report == NULL, "  and one of DTLS: NULL");
    int fd = 7;
    claim(hostlock_conn_fd(NULL, &fd) < 0 && fd == -1, "hostlock_conn_fd: no connection: -1");
    SSL_CTX_free(foreign);
    SSL_CTX_free(other);
}

int main(void)
{
    connections();
    reports();
    return finish();
}
