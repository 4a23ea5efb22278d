/*
 * A server of several names: each client is shown the certificate of the name that it asks for, sessions stay with their name,
 * and names come and go while threads are served.
 */
#define _POSIX_C_SOURCE 200809L
#include "own_server.h"
#include "plain_visits.h"
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

static int add(hostlock_ctx *ctx, const char *name, const struct identity *who)
{
    struct text pem = pem_of(who);
    return hostlock_server_add_name_mem(ctx, name, (uint8_t *)pem.bytes, pem.length, NULL, 0, NULL);
}

static struct identity ca, one, other, other_rsa, wild, renewed, first, device;

static void choices(int version)
{
    hostlock_ctx *ctx = serving(&first);
    need(add(ctx, "one.example", &one) == 0 && add(ctx, "other.example", &other) == 0 && add(ctx, "Other.Example.", &other_rsa) == 0 &&
             add(ctx, "*.wild.example", &wild) == 0 && add(ctx, "one.wild.example", &renewed) == 0,
         "names");
    static const struct { const char *asks, *signatures, *shown; } rows[] = {
        {NULL, NULL, "first"}, {"first.example", NULL, "first"}, {"unknown.example", NULL, "first"},
        {"one.example", NULL, "one"}, {"ONE.example", NULL, "one"}, {"other.example", "ECDSA+SHA256", "other"},
        {"other.example", "RSA-PSS+SHA256:RSA+SHA256", "other RSA"}, {"any.wild.example", NULL, "wild"},
        {"one.wild.example", NULL, "renewed"}, {"wild.example", NULL, "first"}, {"a.b.wild.example", NULL, "first"},
        {"sub.one.example", NULL, "first"}, {"192.0.2.1", NULL, "first"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct visit seen = visit(ctx, rows[i].asks, version, rows[i].signatures, NULL, NULL);
        claim(seen.served && strcmp(seen.shown, rows[i].shown) == 0 && strcmp(seen.sni, rows[i].asks == NULL ? "(none)" : rows[i].asks) == 0,
              "%s: who asks for %s%s is shown \"%s\"", version_name(version), rows[i].asks == NULL ? "nothing" : rows[i].asks,
              rows[i].signatures == NULL ? "" : " and can verify one kind of key", rows[i].shown);
        if (!seen.served || strcmp(seen.shown, rows[i].shown) != 0)
            note("served %d, shown %s, asked for %s", seen.served, seen.shown, seen.sni);
    }
    struct visit seen = visit(ctx, "one.example", version, "RSA-PSS+SHA256:RSA+SHA256", NULL, NULL);
    claim(!seen.served, "  and where nothing of its name suits the client, no certificate of another name is shown");
    hostlock_ctx_free(ctx);
}

static void unknown(int version)
{
    for (int with_names = 0; with_names < 2; with_names++) {
        hostlock_ctx *ctx = serving(&first);
        need(!with_names || add(ctx, "one.example", &one) == 0, "a name");
        need(hostlock_server_set_unknown_name(ctx, "refuse") == 0, "hostlock_server_set_unknown_name");
        struct visit seen = visit(ctx, "unknown.example", version, NULL, NULL, NULL);
        claim(!seen.served && seen.alert == SSL_AD_UNRECOGNIZED_NAME && seen.status == HOSTLOCK_E_HOST_MISMATCH,
              "%s: an unknown name is refused with its alert%s", version_name(version), with_names ? "" : " where there is no other");
        if (seen.served || seen.status != HOSTLOCK_E_HOST_MISMATCH)
            note("alert %d, %s", seen.alert, hostlock_status_name(seen.status));
        claim(!visit(ctx, "under_score..x", version, NULL, NULL, NULL).served, "  and so is what is no name");
        claim(visit(ctx, NULL, version, NULL, NULL, NULL).served && visit(ctx, "first.example", version, NULL, NULL, NULL).served &&
                  visit(ctx, "one.example", version, NULL, NULL, NULL).served == with_names,
              "  but not the default's own name, nor a client that asks for none");
        claim(hostlock_server_set_unknown_name(ctx, "default") == 0 && visit(ctx, "unknown.example", version, NULL, NULL, NULL).served,
              "  which a running server may change");
        hostlock_ctx_free(ctx);
    }
}

static void sessions(int version)
{
    hostlock_ctx *ctx = serving(&first);
    need(add(ctx, "one.example", &one) == 0 && add(ctx, "other.example", &other) == 0, "names");
    static const char *const names[] = {"one.example", "other.example", "first.example"};
    for (int from = 0; from < 3; from++)
        for (int to = 0; to < 3; to++) {
            SSL_SESSION_free(kept), kept = NULL;
            need(visit(ctx, names[from], version, NULL, NULL, NULL).served && kept != NULL, "a session");
            SSL_SESSION *session = kept;
            kept = NULL;
            struct visit seen = visit(ctx, names[to], version, NULL, NULL, session);
            claim(seen.served && seen.resumed == (from == to), "%s: a session of %s %s resumed at %s", version_name(version), names[from],
                  from == to ? "is" : "is not", names[to]);
            SSL_SESSION_free(session);
        }
    hostlock_ctx_free(ctx);
}

/* CVE-2025-23419 and its kind: no name lets in whom another would not. */
static void clients(int version)
{
    hostlock_ctx *ctx = serving(&first);
    struct text pem = pem_of(&ca);
    need(add(ctx, "one.example", &one) == 0 && hostlock_ctx_trust_mem(ctx, (uint8_t *)pem.bytes, pem.length) == 0 &&
             hostlock_server_set_client_names(ctx, "device.example") == 0,
         "a server");
    static const char *const names[] = {"one.example", "first.example", NULL};
    for (int i = 0; i < 3; i++) {
        claim(!visit(ctx, names[i], version, NULL, NULL, NULL).served && visit(ctx, names[i], version, NULL, &device, NULL).served,
              "%s: %s demands the client's certificate", version_name(version), names[i] == NULL ? "no name" : names[i]);
    }
    SSL_SESSION_free(kept), kept = NULL;
    need(visit(ctx, "one.example", version, NULL, &device, NULL).served && kept != NULL, "a session");
    SSL_SESSION *session = kept;
    kept = NULL;
    claim(!visit(ctx, "first.example", version, NULL, NULL, session).served, "  a session of one name does not stand for it at another");
    SSL_SESSION_free(session);
    hostlock_ctx_free(ctx);
}

static void changes(int version)
{
    hostlock_ctx *ctx = serving(&first);
    need(add(ctx, "one.example", &one) == 0 && visit(ctx, "one.example", version, NULL, NULL, NULL).served, "a server");
    claim(add(ctx, "other.example", &other) == 0 && strcmp(visit(ctx, "other.example", version, NULL, NULL, NULL).shown, "other") == 0,
          "%s: a name comes to a running server", version_name(version));
    claim(add(ctx, "one.wild.example", &wild) == 0 && add(ctx, "one.wild.example", &renewed) == 0 &&
              strcmp(visit(ctx, "one.wild.example", version, NULL, NULL, NULL).shown, "renewed") == 0,
          "  a renewed certificate takes the place of the old one");
    claim(hostlock_server_remove_name(ctx, "ONE.example") == 0 && strcmp(visit(ctx, "one.example", version, NULL, NULL, NULL).shown, "first") == 0,
          "  a name goes");
    claim(hostlock_server_remove_name(ctx, "one.example") == HOSTLOCK_E_ARG, "  once");
    char *info = hostlock_ctx_info(ctx);
    claim(info != NULL && strstr(info, "\"host\":\"other.example\"") != NULL && strstr(info, "\"host\":\"one.example\"") == NULL,
          "  and hostlock_ctx_info knows");
    hostlock_string_free(info);
    hostlock_ctx_free(ctx);
    ctx = serving(&first);
    need(visit(ctx, NULL, version, NULL, NULL, NULL).served, "a server");
    claim(add(ctx, "one.example", &one) == HOSTLOCK_E_FROZEN && hostlock_server_set_unknown_name(ctx, "refuse") == HOSTLOCK_E_FROZEN &&
              visit(ctx, "one.example", version, NULL, NULL, NULL).served,
          "  the first comes before the first connection, and what comes too late harms nobody");
    hostlock_ctx_free(ctx);
}

static void bad_input(void)
{
    static const struct { const char *name; int status; } rows[] = {
        {"", HOSTLOCK_E_BAD_HOST}, {"*.example", HOSTLOCK_E_BAD_HOST}, {"*", HOSTLOCK_E_BAD_HOST}, {"w*.wild.example", HOSTLOCK_E_BAD_HOST},
        {"*.*.example", HOSTLOCK_E_BAD_HOST}, {"192.0.2.1", HOSTLOCK_E_BAD_HOST}, {"*.192.0.2.1", HOSTLOCK_E_BAD_HOST},
        {"one.example:443", HOSTLOCK_E_BAD_HOST}, {NULL, HOSTLOCK_E_ARG}, {"another.example", HOSTLOCK_E_HOST_MISMATCH},
        {"*.one.example", HOSTLOCK_E_HOST_MISMATCH},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hostlock_ctx *ctx = serving(&first);
        need(add(ctx, "other.example", &other) == 0, "a name");
        int status = add(ctx, rows[i].name, &one);
        claim(status == rows[i].status && visit(ctx, "other.example", TLS1_3_VERSION, NULL, NULL, NULL).served &&
                  (rows[i].name == NULL || hostlock_server_remove_name(ctx, rows[i].name) != 0),
              "\"%s\" gets no certificate of one.example, and the server goes on", rows[i].name == NULL ? "NULL" : rows[i].name);
        if (status != rows[i].status)
            note("%s: %s", hostlock_status_name(status), hostlock_error_message(hostlock_last_error()));
        hostlock_ctx_free(ctx);
    }
    hostlock_ctx *ctx = serving(&first), *client = client_context();
    claim(add(ctx, "another.example", &one) == HOSTLOCK_E_HOST_MISMATCH &&
              strstr(hostlock_error_hint(hostlock_last_error()), "that were issued for \"another.example\"") != NULL,
          "the server's own certificate for another host is not told as an impostor's");
    struct text pem = pem_of(&one);
    uint8_t *bytes = (uint8_t *)pem.bytes;
    claim(hostlock_server_add_name_mem(ctx, "one.example", bytes, pem.length - 60, NULL, 0, NULL) == HOSTLOCK_E_BAD_PEM &&
              hostlock_server_add_name(ctx, "one.example", "/nowhere/at/all", NULL, NULL) == HOSTLOCK_E_NOT_FOUND &&
              hostlock_server_add_name_mem(ctx, "one.example", NULL, 0, NULL, 0, NULL) == HOSTLOCK_E_ARG &&
              visit(ctx, NULL, TLS1_3_VERSION, NULL, NULL, NULL).served,
          "certificates that cannot be read harm nobody");
    claim(add(client, "one.example", &one) == HOSTLOCK_E_STATE && hostlock_server_remove_name(client, "one.example") == HOSTLOCK_E_STATE &&
              hostlock_server_set_unknown_name(client, "refuse") == HOSTLOCK_E_STATE,
          "a client has no names");
    hostlock_ctx_free(ctx);
    ctx = serving(&first);
    claim(hostlock_server_set_unknown_name(ctx, "no") == HOSTLOCK_E_ARG && hostlock_server_set_unknown_name(ctx, NULL) == HOSTLOCK_E_ARG &&
              hostlock_server_set_unknown_name(NULL, "refuse") == HOSTLOCK_E_ARG && add(NULL, "one.example", &one) == HOSTLOCK_E_ARG &&
              hostlock_server_remove_name(ctx, NULL) == HOSTLOCK_E_ARG && hostlock_conn_sni(NULL) == NULL &&
              visit(ctx, NULL, TLS1_3_VERSION, NULL, NULL, NULL).served,
          "unknown words and NULL");
    hostlock_ctx_free(ctx), hostlock_ctx_free(client);
}

/* Names come and go while four threads are served. */
static hostlock_ctx *shared;
static volatile int stop;

static void *serve(void *argument)
{
    static const char *const names[] = {"one.example", "other.example", "one.wild.example", "unknown.example"};
    size_t *failed = argument;
    for (int i = 0; i < rounds(150, 6); i++) {
        SSL_CTX *plain = plain_context();
        SSL *client = SSL_new(plain), *server = SSL_new(shared);
        SSL_set_tlsext_host_name(client, names[i % 4]);
        *failed += !meet_in_memory(client, server);
        SSL_free(client), SSL_free(server), SSL_CTX_free(plain);
    }
    return NULL;
}

static void *change(void *argument)
{
    int *changes = argument;
    while (!stop) {
        need(add(shared, "one.wild.example", *changes % 2 ? &wild : &renewed) == 0, "a change");
        need(add(shared, "other.example", &other) == 0 && hostlock_server_remove_name(shared, "other.example") == 0, "a change");
        ++*changes;
    }
    return NULL;
}

static void at_once(void)
{
    shared = serving(&first);
    need(add(shared, "one.example", &one) == 0, "a name");
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
    claim(failed[0] + failed[1] + failed[2] + failed[3] == 0 && count > 0, "names change under four threads, and no client is lost");
    note("%d changes", count);
    hostlock_ctx_free(shared);
}

/* The common name that `server`, cleared where it has served before, shows a client that asks for `name`; "" where it refuses. */
static const char *shown_again(SSL *server, const char *name, int version)
{
    static char shown[64];
    shown[0] = 0;
    SSL_CTX *plain = plain_context();
    SSL_CTX_set_min_proto_version(plain, version), SSL_CTX_set_max_proto_version(plain, version);
    SSL *client = SSL_new(plain);
    if (name != NULL)
        SSL_set_tlsext_host_name(client, name);
    need(SSL_clear(server) == 1, "SSL_clear");
    if (meet_in_memory(client, server))
        X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(client)), NID_commonName, shown, sizeof(shown));
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN), SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client), SSL_CTX_free(plain);
    ERR_clear_error();
    return shown;
}

static void connections_again(int version)
{
    hostlock_ctx *ctx = serving(&first);
    need(add(ctx, "one.example", &one) == 0 && add(ctx, "other.example", &other) == 0, "names");
    static const struct { const char *asks, *shown; } rows[] = {
        {"one.example", "one"}, {NULL, "first"}, {"other.example", "other"}, {"one.example", "one"}, {"unknown.example", "first"},
        {"one.example", "one"}, {"one.example", "one"}, {"first.example", "first"},
    };
    SSL *server = SSL_new(ctx);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *shown = shown_again(server, rows[i].asks, version);
        claim(strcmp(shown, rows[i].shown) == 0, "%s: used again after SSL_clear, a connection shows who asks for %s \"%s\"",
              version_name(version), rows[i].asks == NULL ? "nothing" : rows[i].asks, rows[i].shown);
        if (strcmp(shown, rows[i].shown) != 0)
            note("shown \"%s\"", shown);
    }
    need(strcmp(shown_again(server, "one.example", version), "one") == 0, "a connection under a name");
    SSL *copy = SSL_dup(server);
    need(copy != NULL, "SSL_dup");
    claim(strcmp(shown_again(copy, NULL, version), "first") == 0, "  and so does a copy by SSL_dup");
    SSL_free(copy);
    need(SSL_use_cert_and_key(server, device.certificate, device.key, NULL, 1) == 1, "a certificate of the connection's own");
    claim(strcmp(shown_again(server, NULL, version), "device") == 0, "  one that the program gives it between two handshakes stays");
    claim(strcmp(shown_again(server, "one.example", version), "one") == 0 && strcmp(shown_again(server, NULL, version), "device") == 0,
          "  and comes back after a handshake under a name");
    SSL_free(server), hostlock_ctx_free(ctx);

    ctx = hostlock_server_new(NULL);
    need(add(ctx, "one.example", &one) == 0, "a name");
    server = SSL_new(ctx);
    claim(strcmp(shown_again(server, "one.example", version), "one") == 0 && strcmp(shown_again(server, NULL, version), "") == 0 &&
              strcmp(shown_again(server, "unknown.example", version), "") == 0 && strcmp(shown_again(server, "one.example", version), "one") == 0,
          "%s: a server of names only has nothing to show to others, however often a connection is used", version_name(version));
    SSL_free(server), hostlock_ctx_free(ctx);

    ctx = serving(&first);
    struct text rsa = pem_of(&other_rsa);
    need(hostlock_ctx_add_cert_mem(ctx, (uint8_t *)rsa.bytes, rsa.length, NULL, 0, NULL) == 0 && add(ctx, "one.example", &one) == 0, "two keys");
    server = SSL_new(ctx);
    need(strcmp(shown_again(server, "one.example", version), "one") == 0, "a connection under a name");
    need(SSL_clear(server) == 1 && strcmp(shown_again(server, NULL, version), "first") == 0, "a second client");
    int kinds = 0;
    for (long at = SSL_CERT_SET_FIRST; SSL_set_current_cert(server, at) == 1; at = SSL_CERT_SET_NEXT)
        kinds++;
    claim(kinds == 2, "%s: certificates for each kind of key come back", version_name(version));
    SSL_free(server), hostlock_ctx_free(ctx);
}

static void names_only(int version)
{
    for (int refuses = 0; refuses < 2; refuses++) {
        hostlock_ctx *ctx = hostlock_server_new(NULL);
        need(add(ctx, "one.example", &one) == 0 && (!refuses || hostlock_server_set_unknown_name(ctx, "refuse") == 0), "a name");
        struct visit seen = visit(ctx, NULL, version, NULL, NULL, NULL);
        claim(!seen.served && seen.alert == SSL_AD_UNRECOGNIZED_NAME && seen.status == HOSTLOCK_E_NO_COMMON_CIPHER,
              "%s: a server without a default certificate refuses who asks for no name, and its alert says so", version_name(version));
        if (seen.served || seen.status != HOSTLOCK_E_NO_COMMON_CIPHER || seen.alert != SSL_AD_UNRECOGNIZED_NAME)
            note("alert %d, %s", seen.alert, hostlock_status_name(seen.status));
        seen = visit(ctx, "unknown.example", version, NULL, NULL, NULL);
        claim(!seen.served && seen.alert == SSL_AD_UNRECOGNIZED_NAME && seen.status == HOSTLOCK_E_HOST_MISMATCH,
              "  and who asks for an unknown one");
        claim(visit(ctx, "one.example", version, NULL, NULL, NULL).served, "  and serves the others");
        hostlock_ctx_free(ctx);
    }
}

int main(void)
{
    ca = issue(NULL, p256(), "CA of the names", NULL, NULL, -10, 100);
    first = issue(&ca, p256(), "first", "DNS:first.example", "serverAuth", -1, 30);
    one = issue(&ca, p256(), "one", "DNS:one.example", "serverAuth", -1, 30);
    other = issue(&ca, p256(), "other", "DNS:other.example", "serverAuth", -1, 30);
    other_rsa = issue(&ca, fixed_rsa(RSA_2048), "other RSA", "DNS:other.example", "serverAuth", -1, 30);
    wild = issue(&ca, p256(), "wild", "DNS:*.wild.example", "serverAuth", -1, 30);
    renewed = issue(&ca, p256(), "renewed", "DNS:one.wild.example", "serverAuth", -1, 30);
    device = issue(&ca, p256(), "device", "DNS:device.example", "clientAuth", -1, 30);
    for (int i = first_version(); i < 2; i++) {
        choices(both_versions[i]);
        unknown(both_versions[i]);
        names_only(both_versions[i]);
        sessions(both_versions[i]);
        connections_again(both_versions[i]);
        clients(both_versions[i]);
        changes(both_versions[i]);
    }
    bad_input();
    at_once();
    SSL_SESSION_free(kept);
    struct identity *all[] = {&ca, &first, &one, &other, &other_rsa, &wild, &renewed, &device};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        identity_free(all[i]);
    return finish();
}
