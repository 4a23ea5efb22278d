/*
 * What a program in C learns of a context that it set up as textbooks do, of one that hostlock made, and of a single
 * connection; and what happens to those who ask in the wrong way.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

static size_t count(const hostlock_report *report, const char *severity)
{
    size_t found = 0;
    need(hostlock_report_count(report, severity, &found) == 0, "hostlock_report_count");
    return found;
}

static hostlock_report *audit(const SSL_CTX *ctx)
{
    hostlock_report *report = NULL;
    need(hostlock_audit(ctx, &report) == 0 && report != NULL, "an audit");
    return report;
}

static int finds(const hostlock_report *report, const char *id)
{
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "\"id\":\"%s\"", id);
    return strstr(hostlock_report_json(report), wanted) != NULL;
}

static void textbook(void)
{
    SSL_CTX *ctx = SSL_CTX_new(SSLv23_client_method());
    SSL_CTX_set_default_verify_paths(ctx);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    hostlock_report *report = audit(ctx);
    claim(finds(report, "verification-off") && finds(report, "no-host-on-context") && finds(report, "cn-fallback"),
          "a textbook client is told that it neither verifies nor names a host");
    claim(count(report, "critical") == 1 && count(report, "high") == 0,
          "  one finding is critical, none is high");
    size_t sum = 0;
    const char *severities[] = {"critical", "high", "medium", "low", "info"};
    for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++)
        sum += count(report, severities[i]);
    claim(sum > 3 && count(report, NULL) == sum, "  the %zu findings are counted by severity", sum);
    const char *text = hostlock_report_text(report);
    claim(strstr(text, "critical  verification-off") != NULL && strstr(text, "fix: SSL_CTX_set_verify(") != NULL,
          "  the text names the fix");
    claim(text == hostlock_report_text(report) && strncmp(hostlock_report_json(report), "{\"schema\":1,", 12) == 0,
          "  the texts are lent, and JSON begins with its schema");
    hostlock_report_free(report);

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    report = audit(ctx);
    claim(!finds(report, "verification-off") && count(report, "critical") == 0,
          "  after that call the finding is gone");
    hostlock_report_free(report);

    report = NULL;
    need(hostlock_audit_probe(ctx, &report) == 0, "a probe");
    claim(finds(report, "other-groups") && !finds(report, "groups-unknown"), "  the probe knows the groups");
    hostlock_report_free(report);

    SSL *ssl = SSL_new(ctx);
    need(hostlock_audit_conn(ssl, &report) == 0, "an audit of a connection");
    claim(finds(report, "no-host"), "  a connection without a host is told so");
    hostlock_report_free(report);
    SSL_set1_host(ssl, RIGHT_HOST);
    need(hostlock_audit_conn(ssl, &report) == 0, "an audit of a connection");
    claim(!finds(report, "no-host"), "  one with a host is not");
    hostlock_report_free(report);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void ours(void)
{
    SSL_CTX *ctx = client_context();
    hostlock_report *report = audit(ctx);
    claim(count(report, NULL) == 0, "nothing is found on a context of hostlock_client_new");
    hostlock_report_free(report);
    need(hostlock_audit_probe(ctx, &report) == 0, "a probe");
    claim(count(report, NULL) == 0, "  nor in its hello");
    hostlock_report_free(report);

    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT)});
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_passes(&outcome, "  a connection can be made after both");
    need(hostlock_audit_conn(ssl, &report) == 0, "an audit of a connection");
    claim(count(report, NULL) == 0, "  and nothing is found on it");
    hostlock_report_free(report);
    SSL_free(ssl);
    server_free(server);
    SSL_CTX_free(ctx);
}

static void wrong_use(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    hostlock_report *report = (hostlock_report *)ctx;
    claim(hostlock_audit(NULL, &report) == HOSTLOCK_E_ARG && report == NULL, "NULL is refused, and the report is NULL");
    report = (hostlock_report *)ctx;
    claim(hostlock_audit_conn(NULL, &report) == HOSTLOCK_E_ARG && report == NULL, "  of a connection too");
    report = (hostlock_report *)ctx;
    claim(hostlock_audit_probe(NULL, &report) == HOSTLOCK_E_ARG && report == NULL, "  and of a probe");
    claim(hostlock_audit(ctx, NULL) == HOSTLOCK_E_ARG && hostlock_audit_probe(ctx, NULL) == HOSTLOCK_E_ARG,
          "a place for the report is needed");
    size_t unwritten = 7;
    claim(hostlock_report_count(NULL, NULL, &unwritten) == HOSTLOCK_E_ARG && unwritten == 7 && strcmp(hostlock_report_text(NULL), "") == 0 &&
              strcmp(hostlock_report_json(NULL), "{}") == 0,
          "of no report there is nothing to count or to read");
    report = audit(ctx);
    claim(hostlock_report_count(report, NULL, NULL) == HOSTLOCK_E_ARG, "a place for the count is needed");
    claim(hostlock_report_count(report, "severe", &unwritten) == HOSTLOCK_E_ARG && unwritten == 7 &&
              strstr(hostlock_error_hint(hostlock_last_error()), "\"critical\"") != NULL,
          "an unknown severity is refused, and the hint lists the known ones");
    hostlock_report_free(report);
    hostlock_report_free(NULL);
    SSL_CTX_free(ctx);
}

int main(void)
{
    textbook();
    ours();
    ERR_clear_error();
    wrong_use();
    claim(ERR_peek_error() == 0, "nothing is left on OpenSSL's error queue");
    return finish();
}
