/*
 * hostlock_ctx_reload: what came from files is read again under running connections, all of it or nothing. A failure changes
 * nothing and poisons nothing.
 */
#define _POSIX_C_SOURCE 200809L
#include "files.h"
#include "plain_visits.h"
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static struct identity ca, other_ca, expired_rsa, first, first_rsa, second, second_rsa, named, renamed, device, stranger, strange_server;

static int shows(hostlock_ctx *ctx, const char *name, int version, const char *signatures, const char *shown)
{
    struct visit seen = visit(ctx, name, version, signatures, NULL, NULL);
    if (!seen.served || strcmp(seen.shown, shown) != 0)
        note("served %d (%s), shown %s", seen.served, hostlock_status_name(seen.status), seen.shown);
    return seen.served && strcmp(seen.shown, shown) == 0;
}

static hostlock_ctx *server_of(const char *file)
{
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    need(ctx != NULL && hostlock_ctx_add_cert_file(ctx, path(file), NULL, NULL) == 0, "a server");
    return ctx;
}

static void certificates(int version)
{
    static const char ec[] = "ECDSA+SHA256", rsa[] = "RSA-PSS+SHA256:RSA+SHA256";
    put_identity("own.pem", &first), put_identity("rsa.pem", &first_rsa), put_identity("named.pem", &named);
    hostlock_ctx *ctx = server_of("own.pem");
    need(hostlock_ctx_add_cert_file(ctx, path("rsa.pem"), NULL, NULL) == 0, "a second certificate");
    need(hostlock_server_add_name(ctx, "named.example", path("named.pem"), NULL, NULL) == 0, "a name");
    claim(shows(ctx, NULL, version, ec, "first") && shows(ctx, NULL, version, rsa, "first RSA") &&
              shows(ctx, "named.example", version, NULL, "named"), "%s: a server with two certificates and a name", version_name(version));

    SSL_CTX *plain = plain_context();
    SSL *client = SSL_new(plain), *server = SSL_new(ctx), *waiting = SSL_new(ctx), *late = SSL_new(plain);
    need(meet_in_memory(client, server), "a connection");
    put_identity("own.pem", &second), put_identity("rsa.pem", &second_rsa), put_identity("named.pem", &renamed);
    claim(shows(ctx, NULL, version, ec, "first"), "  shows what it has read, whatever becomes of the files");
    claim(hostlock_ctx_reload(ctx) == 0 && shows(ctx, NULL, version, ec, "second") && shows(ctx, NULL, version, rsa, "second RSA"),
          "  and what is in them after a reload");
    claim(shows(ctx, "named.example", version, NULL, "renamed"), "  for its names too");
    char got[4] = "";
    claim(SSL_write(client, "ping", 4) == 4 && SSL_read(server, got, 4) == 4, "  a connection from before goes on");
    claim(meet_in_memory(late, waiting) && X509_cmp(SSL_get0_peer_certificate(late), second.certificate) == 0,
          "  one that was made, and not used yet, shows the new certificate");
    SSL_free(client), SSL_free(server), SSL_free(waiting), SSL_free(late), SSL_CTX_free(plain);
    char *info = hostlock_ctx_info(ctx);
    claim(info != NULL && strstr(info, "CN=second") != NULL && strstr(info, "CN=first") == NULL, "  hostlock_ctx_info tells of it");
    hostlock_string_free(info);
    hostlock_report *report = NULL;
    need(hostlock_audit(ctx, &report) == 0, "hostlock_audit");
    size_t sound = 0, found = 0;
    need(hostlock_report_count(report, NULL, &sound) == 0, "a count");
    hostlock_report_free(report);
    put_identity("rsa.pem", &expired_rsa);
    need(hostlock_ctx_reload(ctx) == 0 && hostlock_audit(ctx, &report) == 0, "hostlock_audit");
    claim(hostlock_report_count(report, NULL, &found) == 0 && found > sound, "  and so does the audit: an expired one is a finding");
    hostlock_report_free(report);
    put_identity("own.pem", &first);
    claim(hostlock_ctx_reload(ctx) == 0 && shows(ctx, NULL, version, ec, "first"), "  and back again");
    hostlock_ctx_free(ctx);

    put_identity("own.pem", &first);
    ctx = server_of("own.pem");
    put_identity("own.pem", &second_rsa);
    claim(hostlock_ctx_reload(ctx) == 0 && shows(ctx, NULL, version, rsa, "second RSA") && !visit(ctx, NULL, version, ec, NULL, NULL).served,
          "  a key of another kind takes the place of the first");
    hostlock_ctx_free(ctx);
}

static int arrives(hostlock_ctx *client, hostlock_ctx *server)
{
    SSL *connecting = SSL_new(client), *accepting = SSL_new(server);
    int arrived = meet_in_memory(connecting, accepting);
    SSL_free(connecting), SSL_free(accepting);
    ERR_clear_error();
    return arrived;
}

/* What a client shows, and whom it trusts. */
static void clients(int version)
{
    put_identity("device.pem", &device), put_certificate("ca.pem", ca.certificate), put_identity("own.pem", &first);
    hostlock_ctx *server = server_of("own.pem");
    need(hostlock_ctx_trust_file(server, path("ca.pem")) == 0, "a server's anchor");
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    SSL_CTX_set_min_proto_version(ctx, version), SSL_CTX_set_max_proto_version(ctx, version);
    need(hostlock_ctx_add_cert_file(ctx, path("device.pem"), NULL, NULL) == 0 && hostlock_ctx_trust_file(ctx, path("ca.pem")) == 0 &&
             hostlock_ctx_set_host(ctx, "first.example") == 0, "a client");
    for (int turn = 0; turn < 3; turn++) {
        const struct identity *shown = turn == 1 ? &stranger : &device;
        put_identity("device.pem", shown);
        need(hostlock_ctx_reload(ctx) == 0, "hostlock_ctx_reload");
        SSL *connecting = SSL_new(ctx), *accepting = SSL_new(server);
        int arrived = meet_in_memory(connecting, accepting);
        const hostlock_error *error = hostlock_conn_error(accepting);
        claim(turn == 1 ? !arrived && error != NULL && hostlock_error_status(error) == HOSTLOCK_E_UNKNOWN_ISSUER : arrived,
              "%s: a client shows what is in the file now (%d)", version_name(version), turn);
        SSL_free(connecting), SSL_free(accepting);
        ERR_clear_error();
    }
    hostlock_ctx_free(server);
    put_certificate("ca.pem", other_ca.certificate);
    server = server_of("own.pem");
    for (int turn = 0; turn < 2; turn++) {
        claim(arrives(ctx, server) == (turn == 0), "  and trusts %s", turn == 0 ? "what it has read" : "what it reads again");
        need(hostlock_ctx_reload(ctx) == 0, "hostlock_ctx_reload");
    }
    hostlock_ctx_free(ctx), hostlock_ctx_free(server);
}

/* The system's roots, which a client trusts that was told of no others. */
static void system_roots(int version)
{
    put_certificate("roots.pem", ca.certificate), put_identity("own.pem", &first);
    hostlock_ctx *server = server_of("own.pem");
    put_identity("own.pem", &strange_server);
    hostlock_ctx *strange = server_of("own.pem");
    setenv("SSL_CERT_FILE", path("roots.pem"), 1), setenv("SSL_CERT_DIR", path("nothing"), 1);
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    SSL_CTX_set_min_proto_version(ctx, version), SSL_CTX_set_max_proto_version(ctx, version);
    need(hostlock_ctx_set_host(ctx, "first.example") == 0, "a client");
    claim(arrives(ctx, server) && !arrives(ctx, strange), "%s: a client trusts the system's roots as they were", version_name(version));
    put_certificate("roots.pem", other_ca.certificate);
    claim(hostlock_ctx_reload(ctx) == 0 && !arrives(ctx, server) && arrives(ctx, strange), "  and after a reload as they are");
    put_text("roots.pem", "garbage");
    claim(hostlock_ctx_reload(ctx) == HOSTLOCK_E_BAD_PEM && !arrives(ctx, server) && arrives(ctx, strange),
          "  and where their file is garbage, as they were");
    unlink(path("roots.pem"));
    claim(hostlock_ctx_reload(ctx) == HOSTLOCK_E_NOT_FOUND && arrives(ctx, strange), "  and where it is gone");
    unsetenv("SSL_CERT_FILE"), unsetenv("SSL_CERT_DIR");
    hostlock_ctx_free(ctx), hostlock_ctx_free(server), hostlock_ctx_free(strange);
}

static void anchors(int version)
{
    put_certificate("ca.pem", ca.certificate), put_identity("own.pem", &first);
    hostlock_ctx *ctx = server_of("own.pem");
    need(hostlock_ctx_trust_file(ctx, path("ca.pem")) == 0, "an anchor");
    struct visit unknown = visit(ctx, NULL, version, NULL, &stranger, NULL), known = visit(ctx, NULL, version, NULL, &device, NULL);
    claim(known.served && strcmp(known.asked, "CA of reload.c") == 0 && !unknown.served, "%s: a server lets in whom its CA knows", version_name(version));
    struct visit again = visit(ctx, NULL, version, NULL, &device, kept);
    need(hostlock_ctx_reload(ctx) == 0 && again.resumed, "hostlock_ctx_reload");
    claim(visit(ctx, NULL, version, NULL, &device, kept).resumed, "  its sessions survive a reload that changes nothing");
    put_identity("own.pem", &second);
    need(hostlock_ctx_reload(ctx) == 0, "hostlock_ctx_reload");
    claim(visit(ctx, NULL, version, NULL, &device, kept).resumed, "  and one that changes its own certificate");
    SSL_SESSION *session = kept;
    kept = NULL;
    put_certificate("ca.pem", other_ca.certificate);
    need(hostlock_ctx_reload(ctx) == 0, "hostlock_ctx_reload");
    known = visit(ctx, NULL, version, NULL, &stranger, NULL), unknown = visit(ctx, NULL, version, NULL, &device, NULL);
    claim(known.served && !unknown.served && unknown.status == HOSTLOCK_E_UNKNOWN_ISSUER, "  after a reload, whom its new CA knows");
    claim(known.asked_names == 1 && strcmp(known.asked, "other CA of reload.c") == 0, "  whose name it asks for (%s)", known.asked);
    claim(!visit(ctx, NULL, version, NULL, &device, session).served, "  and a session of before lets nobody in");
    size_t count = 0;
    char *list = hostlock_ctx_trust_list(ctx);
    claim(hostlock_ctx_trust_count(ctx, &count) == 0 && count == 1 && strstr(list, "other CA of reload.c") != NULL, "  as its list tells");
    hostlock_string_free(list);
    put_certificate("more.pem", ca.certificate);
    claim(hostlock_ctx_trust_file(ctx, path("more.pem")) == 0 && visit(ctx, NULL, version, NULL, &device, NULL).served &&
              visit(ctx, NULL, version, NULL, &stranger, NULL).served, "  anchors can be added after that");
    claim(hostlock_ctx_reload(ctx) == 0 && visit(ctx, NULL, version, NULL, &device, NULL).served, "  and stay");
    SSL_SESSION_free(session), SSL_SESSION_free(kept), kept = NULL;
    hostlock_ctx_free(ctx);
}

/* Each row spoils one of many files. */
static void failures(int version)
{
    static const struct { const char *spoiled, *by; int status; } rows[] = {
        {"own.pem", NULL, HOSTLOCK_E_NOT_FOUND}, {"own.pem", "", HOSTLOCK_E_EMPTY}, {"own.pem", "garbage", HOSTLOCK_E_BAD_PEM},
        {"own.pem", "/", HOSTLOCK_E_WRONG_FILE_TYPE}, {"own.key", "=second", HOSTLOCK_E_KEY_MISMATCH}, {"own.pem", "=ca", HOSTLOCK_E_BAD_CERTIFICATE},
        {"named.pem", NULL, HOSTLOCK_E_NOT_FOUND}, {"named.pem", "=second", HOSTLOCK_E_HOST_MISMATCH}, {"ca.pem", "garbage", HOSTLOCK_E_BAD_PEM},
        {"ca.pem", NULL, HOSTLOCK_E_NOT_FOUND}, {"ca.crl", "garbage", HOSTLOCK_E_BAD_PEM}, {"ca.crl", "/", HOSTLOCK_E_WRONG_FILE_TYPE},
        {"rsa.pem", "=second", HOSTLOCK_E_STATE}, {"trust/one.pem", "garbage", HOSTLOCK_E_BAD_PEM}, {"trust/one.pem", NULL, HOSTLOCK_E_EMPTY},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_identity("own.pem", &first), put_identity("own.key", &first), put_identity("rsa.pem", &first_rsa), put_identity("named.pem", &named);
        put_certificate("ca.pem", ca.certificate), put_certificate("trust/one.pem", ca.certificate), put_crl("ca.crl", &ca, NULL);
        hostlock_ctx *ctx = hostlock_server_new(NULL);
        need(hostlock_ctx_add_cert_file(ctx, path("own.pem"), path("own.key"), NULL) == 0 &&
                 hostlock_ctx_add_cert_file(ctx, path("rsa.pem"), NULL, NULL) == 0 &&
                 hostlock_server_add_name(ctx, "named.example", path("named.pem"), NULL, NULL) == 0 &&
                 hostlock_ctx_trust_file(ctx, path("ca.pem")) == 0 && hostlock_ctx_trust_dir(ctx, path("trust")) == 0 &&
                 hostlock_ctx_add_crl_file(ctx, path("ca.crl")) == 0, "a server with all that there is");
        need(visit(ctx, NULL, version, NULL, &device, NULL).served, "a served client");
        /* All the others change. */
        put_identity("own.pem", &second), put_identity("own.key", &second), put_identity("rsa.pem", &second_rsa), put_identity("named.pem", &renamed);
        put_certificate("ca.pem", other_ca.certificate), put_crl("ca.crl", &ca, &device);
        unlink(path(rows[i].spoiled));
        if (rows[i].by != NULL && strcmp(rows[i].by, "/") == 0)
            need(mkdir(path(rows[i].spoiled), 0700) == 0, "mkdir");
        else if (rows[i].by != NULL && strcmp(rows[i].by, "=second") == 0)
            put_identity(rows[i].spoiled, strcmp(rows[i].spoiled, "own.key") == 0 ? &first : &second);
        else if (rows[i].by != NULL && strcmp(rows[i].by, "=ca") == 0)
            put_identity(rows[i].spoiled, &ca);
        else if (rows[i].by != NULL)
            put_text(rows[i].spoiled, rows[i].by);
        int status = hostlock_ctx_reload(ctx);
        char message[200];
        snprintf(message, sizeof(message), "%s", hostlock_last_error() == NULL ? "" : hostlock_error_message(hostlock_last_error()));
        struct visit seen = visit(ctx, "named.example", version, NULL, &device, NULL);
        claim(status == rows[i].status && seen.served && strcmp(seen.shown, "named") == 0 && !visit(ctx, NULL, version, NULL, &stranger, NULL).served,
              "%s: where %s %s%s, all stays as it was", version_name(version), rows[i].spoiled, rows[i].by == NULL ? "is gone" : "becomes ",
              rows[i].by == NULL ? "" : rows[i].by);
        if (status != rows[i].status || !seen.served)
            note("%s, served %d (%s): %s", hostlock_status_name(status), seen.served, hostlock_status_name(seen.status), message);
        rmdir(path(rows[i].spoiled));
        hostlock_ctx_free(ctx);
    }
    put_certificate("trust/one.pem", ca.certificate);
}

/* A program's own context, and what it has put into the store itself. */
static void of_programs(int version)
{
    put_certificate("ca.pem", ca.certificate), put_identity("own.pem", &first);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    need(hostlock_harden(ctx, NULL, NULL) == 0 && hostlock_ctx_add_cert_file(ctx, path("own.pem"), NULL, NULL) == 0 &&
             hostlock_ctx_trust_file(ctx, path("ca.pem")) == 0, "a hardened server");
    need(visit(ctx, NULL, version, NULL, &device, NULL).served, "a served client");
    put_certificate("ca.pem", other_ca.certificate), put_identity("own.pem", &second);
    int status = hostlock_ctx_reload(ctx);
    struct visit seen = visit(ctx, NULL, version, NULL, &stranger, NULL);
    claim(status == 0 && seen.served && strcmp(seen.shown, "second") == 0 && !visit(ctx, NULL, version, NULL, &device, NULL).served,
          "%s: a hardened context is reloaded too", version_name(version));
    if (status != 0)
        note("%s: %s", hostlock_status_name(status), hostlock_error_message(hostlock_last_error()));
    X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), first.certificate);
    claim(visit(ctx, NULL, version, NULL, &stranger, NULL).status == HOSTLOCK_E_STATE, "  and takes nothing more through OpenSSL then");
    hostlock_ctx_free(ctx);

    ctx = hostlock_server_new(NULL);
    need(hostlock_ctx_add_cert_file(ctx, path("own.pem"), NULL, NULL) == 0 && hostlock_ctx_trust_file(ctx, path("ca.pem")) == 0 &&
             X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate) == 1, "a server");
    claim(hostlock_ctx_reload(ctx) == 0 && visit(ctx, NULL, version, NULL, &device, NULL).served,
          "%s: what a program put into the store is no matter where the files are the same", version_name(version));
    put_certificate("ca.pem", other_ca.certificate);
    put_text("ca.pem", ""), put_certificate("ca.pem", second.certificate);
    claim(hostlock_ctx_reload(ctx) == HOSTLOCK_E_STATE && visit(ctx, NULL, version, NULL, &device, NULL).served,
          "  and where they are not, nothing is reloaded");
    hostlock_ctx_free(ctx);
}

static void odds_and_ends(void)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    claim(hostlock_ctx_reload(NULL) == HOSTLOCK_E_ARG && hostlock_ctx_reload(ctx) == 0, "NULL, and a context without files of its own");
    claim(hostlock_ctx_trust_file(ctx, "/nowhere/at/all") != 0 && hostlock_ctx_reload(ctx) == 0, "a reload is no failure after a failed call");
    SSL_CTX *plain = plain_context();
    SSL *client = SSL_new(ctx), *server = SSL_new(plain);
    need(hostlock_conn_set_host(client, "first.example") == 0, "a host");
    meet_in_memory(client, server);
    const hostlock_error *error = hostlock_conn_error(client);
    claim(error != NULL && hostlock_error_status(error) == HOSTLOCK_E_POISONED, "  and cures none");
    SSL_free(client), SSL_free(server), SSL_CTX_free(plain), hostlock_ctx_free(ctx);

    char before[256];
    put_identity("own.pem", &first);
    need(getcwd(before, sizeof(before)) != NULL && chdir(directory) == 0, "chdir");
    ctx = hostlock_server_new(NULL);
    need(hostlock_ctx_add_cert_file(ctx, "own.pem", NULL, NULL) == 0, "a relative path");
    need(chdir("/") == 0, "chdir");
    put_identity("own.pem", &second);
    claim(hostlock_ctx_reload(ctx) == 0 && shows(ctx, NULL, TLS1_3_VERSION, NULL, "second"), "a relative path means what it meant at first");
    need(chdir(before) == 0, "chdir");
    hostlock_ctx_free(ctx);

    put_identity("a.pem", &first), put_identity("b.pem", &second);
    unlink(path("link.pem"));
    need(symlink("a.pem", path("link.pem")) == 0, "symlink");
    ctx = server_of("link.pem");
    need(symlink("b.pem", path("next.pem")) == 0 && rename(path("next.pem"), path("link.pem")) == 0, "symlink");
    claim(hostlock_ctx_reload(ctx) == 0 && shows(ctx, NULL, TLS1_3_VERSION, NULL, "second"), "a link is followed anew, as secret mounts need it");
    hostlock_ctx_free(ctx);

    /* A passphrase is kept for the next reading. */
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, first.certificate);
    PEM_write_bio_PKCS8PrivateKey(memory, first.key, EVP_aes_128_cbc(), "word", 4, NULL, NULL);
    put("locked.pem", memory);
    ctx = hostlock_server_new(NULL);
    need(hostlock_ctx_add_cert_file(ctx, path("locked.pem"), NULL, "word") == 0, "an encrypted key");
    claim(hostlock_ctx_reload(ctx) == 0, "a reload opens an encrypted key again");
    memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, second.certificate);
    PEM_write_bio_PKCS8PrivateKey(memory, second.key, EVP_aes_128_cbc(), "another", 7, NULL, NULL);
    put("locked.pem", memory);
    claim(hostlock_ctx_reload(ctx) == HOSTLOCK_E_PASSPHRASE && shows(ctx, NULL, TLS1_3_VERSION, NULL, "first"), "  and no key of another passphrase");
    hostlock_ctx_free(ctx);
}

/* Everything changes while four threads are served, by mutual TLS. */
static hostlock_ctx *shared;
static volatile int stop;

static void put_chain(const struct identity *who, X509 *above)
{
    BIO *memory = BIO_new(BIO_s_mem());
    need(PEM_write_bio_X509(memory, who->certificate) == 1 && (above == NULL || PEM_write_bio_X509(memory, above) == 1) &&
             PEM_write_bio_PKCS8PrivateKey(memory, who->key, NULL, NULL, 0, NULL, NULL) == 1, "a chain");
    put("chain.pem", memory);
}

/* A file may be read when it ends behind its first block, for it is being written. */
static void half_of_a_chain(void)
{
    struct identity middle = issue(&ca, p256(), "middle of reload.c", NULL, NULL, -1, 30);
    struct identity below = issue(&middle, p256(), "below", "DNS:first.example", "serverAuth", -1, 30);
    struct identity renewed = issue(&middle, p256(), "renewed", "DNS:first.example", "serverAuth", -1, 30);
    put_chain(&below, middle.certificate);
    hostlock_ctx *ctx = server_of("chain.pem");
    need(shows(ctx, NULL, TLS1_3_VERSION, NULL, "below"), "a server with an intermediate");
    put_chain(&renewed, NULL);
    int status = hostlock_ctx_reload(ctx);
    claim(status == HOSTLOCK_E_MISSING_INTERMEDIATE && shows(ctx, NULL, TLS1_3_VERSION, NULL, "below"),
          "a chain that has lost its intermediate is taken for half of a file");
    if (status != HOSTLOCK_E_MISSING_INTERMEDIATE)
        note("%s", hostlock_status_name(status));
    put_chain(&renewed, middle.certificate);
    claim(hostlock_ctx_reload(ctx) == 0 && shows(ctx, NULL, TLS1_3_VERSION, NULL, "renewed"), "  and the whole one is taken");
    put_chain(&first, ca.certificate);
    claim(hostlock_ctx_reload(ctx) == 0 && shows(ctx, NULL, TLS1_3_VERSION, NULL, "first"), "a certificate of another CA needs none");
    put_chain(&second, NULL);
    claim(hostlock_ctx_reload(ctx) == 0 && shows(ctx, NULL, TLS1_3_VERSION, NULL, "second"), "and a root may be left out");
    hostlock_ctx_free(ctx);
    identity_free(&middle), identity_free(&below), identity_free(&renewed);
}

static void *serve(void *argument)
{
    size_t *failed = argument;
    SSL_CTX *plain = plain_context();
    SSL_CTX_use_certificate(plain, device.certificate), SSL_CTX_use_PrivateKey(plain, device.key);
    for (int i = 0; i < rounds(200, 8); i++) {
        SSL *client = SSL_new(plain), *server = SSL_new(shared);
        SSL_set_tlsext_host_name(client, (i % 2 ? "named.example" : "first.example"));
        int arrived = meet_in_memory(client, server);
        char byte;
        *failed += !arrived || SSL_write(client, "x", 1) != 1 || SSL_read(server, &byte, 1) != 1;
        SSL_free(client), SSL_free(server);
    }
    SSL_CTX_free(plain);
    return NULL;
}

static void *change(void *argument)
{
    int *changes = argument;
    while (!stop) {
        int odd = *changes % 2;
        put_identity("own.pem", odd ? &first : &second), put_identity("named.pem", odd ? &named : &renamed);
        BIO *memory = BIO_new(BIO_s_mem());
        PEM_write_bio_X509(memory, ca.certificate);
        if (odd)
            PEM_write_bio_X509(memory, other_ca.certificate);
        put("ca.pem", memory);
        put_crl("ca.crl", &ca, odd ? NULL : &stranger);
        need(hostlock_ctx_reload(shared) == 0, "a reload under load");
        put_text("own.pem", "half");
        need(hostlock_ctx_reload(shared) == HOSTLOCK_E_BAD_PEM, "a failing reload under load");
        ++*changes;
    }
    return NULL;
}

static void under_load(void)
{
    put_identity("own.pem", &first), put_identity("named.pem", &named), put_certificate("ca.pem", ca.certificate), put_crl("ca.crl", &ca, NULL);
    shared = server_of("own.pem");
    need(hostlock_server_add_name(shared, "named.example", path("named.pem"), NULL, NULL) == 0 &&
             hostlock_ctx_trust_file(shared, path("ca.pem")) == 0 && hostlock_ctx_add_crl_file(shared, path("ca.crl")) == 0 &&
             hostlock_ctx_set_crl_mode(shared, "leaf+soft") == 0, "a server");
    pthread_t threads[5];
    size_t failed[4] = {0};
    int count = 0;
    for (int i = 0; i < 4; i++)
        need(pthread_create(&threads[i], NULL, serve, &failed[i]) == 0, "pthread_create");
    need(pthread_create(&threads[4], NULL, change, &count) == 0, "pthread_create");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    stop = 1;
    pthread_join(threads[4], NULL);
    claim(failed[0] + failed[1] + failed[2] + failed[3] == 0 && count > 0, "no connection of four threads is lost under reloads");
    if (failed[0] + failed[1] + failed[2] + failed[3] != 0)
        note("%zu %zu %zu %zu lost", failed[0], failed[1], failed[2], failed[3]);
    note("%d rounds of reloads", count);
    hostlock_ctx_free(shared);
}

int main(void)
{
    make_directory();
    need(mkdir(path("trust"), 0700) == 0, "a directory");
    ca = issue(NULL, p256(), "CA of reload.c", NULL, NULL, -1, 30);
    other_ca = issue(NULL, p256(), "other CA of reload.c", NULL, NULL, -1, 30);
    first = issue(&ca, p256(), "first", "DNS:first.example", "serverAuth", -1, 30);
    first_rsa = issue(&ca, fixed_rsa(RSA_2048), "first RSA", "DNS:first.example", "serverAuth", -1, 30);
    expired_rsa = issue(&ca, fixed_rsa(RSA_2048), "expired RSA", "DNS:first.example", "serverAuth", -9, -1);
    second = issue(&ca, p256(), "second", "DNS:first.example", "serverAuth", -1, 30);
    second_rsa = issue(&ca, fixed_rsa(OTHER_RSA_2048), "second RSA", "DNS:first.example", "serverAuth", -1, 30);
    named = issue(&ca, p256(), "named", "DNS:named.example", "serverAuth", -1, 30);
    renamed = issue(&ca, p256(), "renamed", "DNS:named.example", "serverAuth", -1, 30);
    device = issue(&ca, p256(), "device", "DNS:device.example", "clientAuth", -1, 30);
    stranger = issue(&other_ca, p256(), "stranger", "DNS:device.example", "clientAuth", -1, 30);
    strange_server = issue(&other_ca, p256(), "strange server", "DNS:first.example", "serverAuth", -1, 30);
    for (int i = first_version(); i < 2; i++) {
        certificates(both_versions[i]);
        clients(both_versions[i]);
        system_roots(both_versions[i]);
        anchors(both_versions[i]);
        failures(both_versions[i]);
        of_programs(both_versions[i]);
    }
    odds_and_ends();
    half_of_a_chain();
    under_load();
    remove_directory();
    struct identity *all[] = {&ca, &other_ca, &expired_rsa, &first, &first_rsa, &second, &second_rsa, &named, &renamed, &device, &stranger, &strange_server};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        identity_free(all[i]);
    SSL_SESSION_free(kept);
    forget_identities();
    return finish();
}
