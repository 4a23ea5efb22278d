/*
 * SSL_CERT_DIR names directories of which one or none is there. Like OpenSSL, hostlock passes over those that are not;
 * where nothing is found the refusal names the variable: on own, hardened and sealed contexts.
 */
#define _POSIX_C_SOURCE 200809L

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

enum kind { OWN, HARDENED, SEALED };
static const char *const kinds[] = {"own", "hardened", "sealed"};

static SSL_CTX *context(enum kind kind)
{
    if (kind == OWN)
        return hostlock_client_new(NULL);
    SSL_CTX *ctx = plain_context();
    if (kind == HARDENED)
        need(hostlock_harden(ctx, NULL, NULL) == 0, hostlock_error_message(hostlock_last_error()));
    return ctx;
}

static SSL *meet(enum kind kind, struct server *server, int by_default_paths, struct outcome *outcome)
{
    SSL_CTX *ctx = context(kind);
    need(ctx != NULL, "no context");
    if (by_default_paths)
        need(SSL_CTX_set_default_verify_paths(ctx) == 1, "SSL_CTX_set_default_verify_paths");
    SSL *ssl = SSL_new(ctx);
    SSL_set1_host(ssl, RIGHT_HOST);
    converse(ssl, server, outcome);
    SSL_CTX_free(ctx);
    return ssl;
}

static void all(enum kind kind, struct server *server, const char *directory)
{
    struct outcome outcome;
    char paths[256];
    snprintf(paths, sizeof(paths), "/nonexistent/a:%s:/nonexistent/b", directory);
    setenv("SSL_CERT_DIR", paths, 1);
    SSL_free(meet(kind, server, 0, &outcome));
    claim_passes(&outcome, "%s: one directory of three is there", kinds[kind]);
    SSL_free(meet(kind, server, 1, &outcome));
    claim_passes(&outcome, "%s: the same by SSL_CTX_set_default_verify_paths", kinds[kind]);
    setenv("SSL_CERT_DIR", "/nonexistent/a:/nonexistent/b", 1);
    SSL *ssl = meet(kind, server, 0, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_NOT_FOUND, "%s: none of them is there", kinds[kind]);
    claim(strstr(outcome.message, "SSL_CERT_DIR") != NULL && strstr(outcome.message, "/nonexistent/a") != NULL,
          "  and the words name the variable");
    SSL_free(ssl);
    ssl = meet(kind, server, 1, &outcome);
    claim_refused(&outcome, HOSTLOCK_E_NO_TRUST_ANCHORS, "%s: the same by SSL_CTX_set_default_verify_paths", kinds[kind]);
    const char *hint = hostlock_error_hint(hostlock_conn_error(ssl));
    claim(hint != NULL && strstr(hint, "SSL_CERT_DIR names \"/nonexistent/a\"") != NULL, "  and the hint names the variable");
    SSL_free(ssl);
}

int main(void)
{
    char directory[] = "/tmp/hostlock-directories-XXXXXX", file[64], link[64];
    need(mkdtemp(directory) != NULL, "mkdtemp");
    snprintf(file, sizeof(file), "%s/ca.pem", directory);
    FILE *out = fopen(file, "w");
    need(out != NULL && PEM_write_X509(out, trusted_ca()) == 1 && fclose(out) == 0, "the CA's file");
    snprintf(link, sizeof(link), "%s/%08lx.0", directory, X509_NAME_hash_ex(X509_get_subject_name(trusted_ca()), NULL, NULL, NULL));
    need(symlink("ca.pem", link) == 0, "the hashed name");
    /* OpenSSL would look into the system's own bundle. */
    setenv("SSL_CERT_FILE", "", 1);
    struct server *server = server_new(&(struct manner){.identity = identity(RIGHT)});
    all(OWN, server, directory);
    all(HARDENED, server, directory);
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    all(SEALED, server, directory);
    server_free(server);
    unlink(link);
    unlink(file);
    rmdir(directory);
    return finish();
}
