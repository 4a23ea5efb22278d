/*
 * Mutual TLS by hostlock's calls alone: whether a certificate is asked for, who may come, by which name a client is known, the
 * CA names that are sent along, and the question after the handshake.
 */
#define _POSIX_C_SOURCE 200809L
#include "servers.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/sha.h>

static int version;

static void show_own(hostlock_ctx *ctx, const struct identity *who)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *pem;
    need(PEM_write_bio_X509(memory, who->certificate) == 1 &&
             PEM_write_bio_PKCS8PrivateKey(memory, who->key, NULL, NULL, 0, NULL, NULL) == 1,
         "PEM");
    size_t length = (size_t)BIO_get_mem_data(memory, &pem);
    need(hostlock_ctx_add_cert_mem(ctx, (uint8_t *)pem, length, NULL, 0, NULL) == 0, "hostlock_ctx_add_cert_mem");
    BIO_free(memory);
}

static hostlock_ctx *serving(void)
{
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    need(ctx != NULL, "hostlock_server_new");
    show_own(ctx, identity(RIGHT));
    SSL_CTX_set_min_proto_version(ctx, version), SSL_CTX_set_max_proto_version(ctx, version);
    return ctx;
}

/* A server's and a client's connection, both over non-blocking sockets, and how far they came. */
struct meeting {
    int pair[2], status, of_client;
    hostlock_ctx *client_ctx;
    hostlock_conn *server, *client;
};

/* `own` is the connection's own name for its client; NULL for none. */
static struct meeting meet_named(hostlock_ctx *ctx, const struct identity *who, const char *own)
{
    struct meeting meeting = {.status = HOSTLOCK_WANT_READ, .of_client = HOSTLOCK_WANT_READ};
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, meeting.pair) == 0, "socketpair");
    fcntl(meeting.pair[0], F_SETFL, O_NONBLOCK), fcntl(meeting.pair[1], F_SETFL, O_NONBLOCK);
    meeting.client_ctx = client_context();
    if (who != NULL)
        show_own(meeting.client_ctx, who);
    need(hostlock_accept_fd(ctx, meeting.pair[0], &meeting.server) == 0, "hostlock_accept_fd");
    need(own == NULL || hostlock_conn_set_host(meeting.server, own) == 0, "hostlock_conn_set_host");
    need(hostlock_connect_fd(meeting.client_ctx, meeting.pair[1], RIGHT_HOST, &meeting.client) == 0, "hostlock_connect_fd");
    for (int turn = 0; turn < 10; turn++) {
        if (meeting.of_client == HOSTLOCK_WANT_READ)
            meeting.of_client = hostlock_handshake(meeting.client);
        if (meeting.status == HOSTLOCK_WANT_READ)
            meeting.status = hostlock_handshake(meeting.server);
    }
    return meeting;
}

static struct meeting meet(hostlock_ctx *ctx, const struct identity *who)
{
    return meet_named(ctx, who, NULL);
}

static void part(struct meeting *meeting)
{
    hostlock_conn_free(meeting->server), hostlock_conn_free(meeting->client);
    hostlock_ctx_free(meeting->client_ctx);
    close(meeting->pair[0]), close(meeting->pair[1]);
}

static int is_named(const struct meeting *meeting, const char *name)
{
    const char *told = hostlock_conn_client_name(meeting->server);
    if ((told == NULL) != (name == NULL) || (name != NULL && strcmp(told, name) != 0)) {
        note("the client is %s", told == NULL ? "nobody" : told);
        return 0;
    }
    return hostlock_conn_client_name(meeting->client) == NULL;
}

static void modes(void)
{
    static const struct { const char *mode; int trusts, status; const char *who; } rows[] = {
        {NULL, 0, 0, "nobody"},       {NULL, 1, HOSTLOCK_E_NO_CERTIFICATE, "nobody"}, {NULL, 1, 0, "the device"},
        {"off", 1, 0, "nobody"},      {"off", 1, 0, "the device"},                     {"optional", 1, 0, "nobody"},
        {"optional", 1, 0, "the device"}, {"optional", 1, HOSTLOCK_E_UNKNOWN_ISSUER, "a stranger"},
        {"require", 1, HOSTLOCK_E_NO_CERTIFICATE, "nobody"}, {"require", 1, 0, "the device"},
        {"require", 1, HOSTLOCK_E_UNKNOWN_ISSUER, "a stranger"}, {"require", 0, HOSTLOCK_E_NO_TRUST_ANCHORS, "the device"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int late = 0; late < 2; late++) {
            hostlock_ctx *ctx = serving();
            for (int turn = 0; turn < 2; turn++) {
                if (turn != late && rows[i].mode != NULL)
                    need(hostlock_server_set_client_auth(ctx, rows[i].mode) == 0, "hostlock_server_set_client_auth");
                if (turn == late && rows[i].trusts)
                    need(trust(ctx, ca.certificate) == 0, "trust");
            }
            const struct identity *who = rows[i].who[0] == 'n' ? NULL : rows[i].who[0] == 't' ? &device : &stranger;
            struct meeting meeting = meet(ctx, who);
            const char *name = who == &device && rows[i].status == 0 && (rows[i].mode == NULL || rows[i].mode[0] != 'o' || rows[i].mode[1] != 'f') ? DEVICE : NULL;
            claim(meeting.status == rows[i].status && is_named(&meeting, name), "%s: %s meets mode %s%s: %s", version_name(version),
                  rows[i].who, rows[i].mode == NULL ? "(none)" : rows[i].mode, rows[i].trusts ? "" : " without anchors",
                  hostlock_status_name(rows[i].status));
            if (meeting.status != rows[i].status)
                note("%s: %s", hostlock_status_name(meeting.status), hostlock_error_message(hostlock_last_error()));
            part(&meeting);
            hostlock_ctx_free(ctx);
        }
}

static void names(void)
{
    static const struct { const char *names, *own, *name; int first, second; } rows[] = {
        {DEVICE, NULL, DEVICE, 0, HOSTLOCK_E_HOST_MISMATCH},
        {"other.invalid," DEVICE, NULL, DEVICE, 0, HOSTLOCK_E_HOST_MISMATCH},
        {DEVICE "," OTHER_DEVICE, NULL, DEVICE, 0, 0},
        {"192.0.2.7", NULL, "192.0.2.7", 0, HOSTLOCK_E_HOST_MISMATCH},
        {"email:seven@device.example", NULL, "seven@device.example", 0, HOSTLOCK_E_HOST_MISMATCH},
        {"email:eight@device.example", NULL, NULL, HOSTLOCK_E_HOST_MISMATCH, HOSTLOCK_E_HOST_MISMATCH},
        {DEVICE "," OTHER_DEVICE, DEVICE, DEVICE, 0, HOSTLOCK_E_HOST_MISMATCH},
        {OTHER_DEVICE, DEVICE, NULL, HOSTLOCK_E_HOST_MISMATCH, HOSTLOCK_E_HOST_MISMATCH},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int second = 0; second < 2; second++) {
            hostlock_ctx *ctx = serving();
            need(trust(ctx, ca.certificate) == 0, "trust");
            claim(hostlock_server_set_client_names(ctx, rows[i].names) == 0, "%s: the names %s", version_name(version), rows[i].names);
            int expected = second ? rows[i].second : rows[i].first;
            struct meeting meeting = meet_named(ctx, second ? &other_device : &device, rows[i].own);
            claim(meeting.status == expected && (second || is_named(&meeting, rows[i].name)), "  for %s%s: %s",
                  second ? OTHER_DEVICE : DEVICE, rows[i].own ? " where the connection has a name of its own" : "",
                  hostlock_status_name(expected));
            if (meeting.status != expected)
                note("%s: %s", hostlock_status_name(meeting.status), hostlock_error_message(hostlock_last_error()));
            part(&meeting);
            hostlock_ctx_free(ctx);
        }
    hostlock_ctx *ctx = serving();
    need(trust(ctx, ca.certificate) == 0 && hostlock_server_set_client_names(ctx, DEVICE) == 0, "a server");
    claim(hostlock_server_set_client_auth(ctx, "off") == 0 && !visit(ctx, NULL, version, NULL).served &&
              visit(ctx, &device, version, NULL).served,
          "%s: names demand a certificate in every mode", version_name(version));
    claim(come_back(ctx, &device, version, NULL).resumed, "  its session is resumed");
    claim(hostlock_server_set_client_names(ctx, OTHER_DEVICE) == 0 && !come_back(ctx, NULL, version, NULL).served,
          "  but not once the running server has other names");
    claim(visit(ctx, &other_device, version, NULL).served && !visit(ctx, &device, version, NULL).served, "  which hold at once");
    claim(hostlock_ctx_set_host(ctx, DEVICE) == 0 && visit(ctx, &device, version, NULL).served &&
              !visit(ctx, &other_device, version, NULL).served,
          "  hostlock_ctx_set_host begins the list anew");
    claim(hostlock_server_set_client_auth(ctx, "require") == HOSTLOCK_E_FROZEN && visit(ctx, &device, version, NULL).served,
          "  the mode comes too late, and the server goes on");
    hostlock_ctx_free(ctx);
}

static void after_openssl(void)
{
    for (enum kind kind = OWN; kind <= HARDENED; kind++) {
        SSL_CTX *ctx = server(kind, SSL_VERIFY_NONE);
        claim(hostlock_server_set_client_auth(ctx, "require") == 0 && !visit(ctx, NULL, version, NULL).served &&
                  visit(ctx, &device, version, NULL).served,
              "%s: the mode that OpenSSL's call set is replaced on %s context", version_name(version), kind == OWN ? "an own" : "a " MADE);
        SSL_CTX_free(ctx);
    }
}

static void facts(void)
{
    hostlock_ctx *ctx = serving();
    need(trust(ctx, ca.certificate) == 0 && hostlock_server_set_client_auth(ctx, "optional") == 0, "a server");
    struct meeting meeting = meet(ctx, &device);
    unsigned char der[4096], *end = der, expected[32], digest[32] = {0};
    int length = i2d_X509(device.certificate, &end);
    SHA256(der, (size_t)length, expected);
    claim(hostlock_conn_peer_sha256(meeting.server, digest) == 0 && memcmp(digest, expected, 32) == 0,
          "%s: the client's certificate is told by its SHA-256", version_name(version));
    claim(hostlock_conn_peer_sha256(meeting.client, digest) == 0 && memcmp(digest, expected, 32) != 0, "  and so is the server's");
    claim(hostlock_conn_peer_sha256(meeting.server, NULL) == HOSTLOCK_E_ARG &&
              hostlock_conn_peer_sha256(NULL, digest) == HOSTLOCK_E_ARG && hostlock_conn_client_name(NULL) == NULL,
          "  NULL is an error");
    part(&meeting);
    meeting = meet(ctx, NULL);
    unsigned char before[32];
    memcpy(before, digest, 32);
    claim(meeting.status == 0 && hostlock_conn_peer_sha256(meeting.server, digest) == HOSTLOCK_E_NO_CERTIFICATE &&
              memcmp(before, digest, 32) == 0 && is_named(&meeting, NULL),
          "  and of nobody nothing is told");
    part(&meeting);
    hostlock_ctx_free(ctx);
}

static int asked_for;
static char of_whom[256];

static int look(SSL *ssl, X509 **certificate, EVP_PKEY **key)
{
    const STACK_OF(X509_NAME) *list = SSL_get0_peer_CA_list(ssl);
    (void)certificate, (void)key;
    asked_for = list == NULL ? 0 : sk_X509_NAME_num(list);
    of_whom[0] = 0;
    if (asked_for > 0)
        X509_NAME_oneline(sk_X509_NAME_value(list, 0), of_whom, sizeof(of_whom));
    return 0;
}

static void ca_names(void)
{
    for (int exact = 0; exact < 2; exact++) {
        hostlock_ctx *ctx = serving();
        need(trust(ctx, ca.certificate) == 0 && trust(ctx, ca.certificate) == 0 && trust(ctx, stranger_ca.certificate) == 0, "trust");
        if (exact) {
            size_t length;
            unsigned char *pem = pem_of(device.certificate, &length);
            need(hostlock_ctx_trust_exact(ctx, pem, length) == 0, "hostlock_ctx_trust_exact");
            free(pem);
        }
        SSL_CTX *plain = plain_context();
        SSL_CTX_set_client_cert_cb(plain, look);
        SSL *client = SSL_new(plain), *server = SSL_new(ctx);
        asked_for = -1;
        meet_in_memory(client, server);
        claim(asked_for == (exact ? 0 : 2) && (exact || strstr(of_whom, "CN=CA of ") != NULL), exact
                  ? "  but not where an exact certificate is trusted too"
                  : "%s: clients are told the names of the CAs", version_name(version));
        if (asked_for != (exact ? 0 : 2))
            note("%d names, %s", asked_for, of_whom);
        SSL_free(client), SSL_free(server), SSL_CTX_free(plain);
        hostlock_ctx_free(ctx);
    }
}

static void bad_words(void)
{
    static const char *const words[] = {"", "on", "Require", "require ", NULL};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        hostlock_ctx *ctx = serving();
        claim(hostlock_server_set_client_auth(ctx, words[i]) == HOSTLOCK_E_ARG && !visit(ctx, NULL, version, NULL).served,
              "\"%s\" is no mode, and poisons", words[i] == NULL ? "NULL" : words[i]);
        hostlock_ctx_free(ctx);
        ctx = serving();
        need(hostlock_server_set_client_auth(ctx, words[i]) == HOSTLOCK_E_ARG, "a bad word");
        claim(hostlock_server_set_client_auth(ctx, "off") == 0 && visit(ctx, NULL, version, NULL).served, "  until a known one is set");
        hostlock_ctx_free(ctx);
    }
    static const struct { const char *names; int status; } lists[] = {
        {"", HOSTLOCK_E_BAD_HOST}, {DEVICE ",", HOSTLOCK_E_BAD_HOST}, {DEVICE ", " OTHER_DEVICE, HOSTLOCK_E_BAD_HOST},
        {"email:nobody", HOSTLOCK_E_BAD_HOST}, {"ops@example.org", HOSTLOCK_E_BAD_HOST}, {"https://" DEVICE, HOSTLOCK_E_BAD_HOST}, {NULL, HOSTLOCK_E_ARG},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        hostlock_ctx *ctx = serving();
        need(trust(ctx, ca.certificate) == 0, "trust");
        int status = hostlock_server_set_client_names(ctx, lists[i].names);
        if (lists[i].names != NULL && strchr(lists[i].names, '@') != NULL)
            claim(strstr(hostlock_error_hint(hostlock_last_error()), "\"email:ops@example.org\"") != NULL,
                  "a bare address is shown how it is written");
        claim(status == lists[i].status && !visit(ctx, &device, version, NULL).served &&
                  hostlock_server_set_client_names(ctx, DEVICE) == 0,
              "\"%s\" names nobody, and poisons", lists[i].names == NULL ? "NULL" : lists[i].names);
        hostlock_ctx_free(ctx);
    }
    hostlock_ctx *client = client_context();
    claim(hostlock_server_set_client_auth(client, "off") == HOSTLOCK_E_STATE &&
              hostlock_server_set_client_names(client, DEVICE) == HOSTLOCK_E_STATE &&
              hostlock_server_set_client_auth(NULL, "off") == HOSTLOCK_E_ARG &&
              hostlock_server_set_client_names(NULL, DEVICE) == HOSTLOCK_E_ARG,
          "a client's context, and none, ask nobody");
    hostlock_ctx_free(client);
}

static void later(void)
{
    for (int row = 0; row < 4; row++) {
        const struct identity *who = row == 0 ? &device : row == 1 ? NULL : row == 2 ? &stranger : &other_device;
        hostlock_ctx *ctx = serving();
        need(trust(ctx, ca.certificate) == 0 && hostlock_server_set_client_auth(ctx, "off") == 0, "a server");
        struct meeting meeting = meet(ctx, who);
        need(meeting.status == 0 && meeting.of_client == 0, "a meeting");
        char byte;
        int status = hostlock_conn_request_cert(meeting.server);
        if (version == TLS1_2_VERSION || who == NULL) {
            claim(status == HOSTLOCK_E_UNSUPPORTED, "%s: %s is not asked later", version_name(version), who == NULL ? "a client without any" : "nobody");
        } else {
            claim(status == 0 && is_named(&meeting, NULL) && hostlock_conn_request_cert(meeting.server) == HOSTLOCK_E_STATE,
                  "%s: a client is asked after the handshake, once", version_name(version));
            ssize_t of_client = hostlock_read(meeting.client, &byte, 1);
            need(of_client == HOSTLOCK_WANT_READ && hostlock_write(meeting.client, "x", 1) == 1, "a client that answers");
            ssize_t got = hostlock_read(meeting.server, &byte, 1);
            if (who == &stranger)
                claim(got == HOSTLOCK_E_UNKNOWN_ISSUER && is_named(&meeting, NULL), "  a stranger is refused then");
            else
                claim(got == 1 && is_named(&meeting, who == &device ? DEVICE : OTHER_DEVICE), "  and then is known");
            if (got != 1 && who != &stranger)
                note("%s", hostlock_status_name((int)got));
        }
        if (row > 0) {
            part(&meeting);
            hostlock_ctx_free(ctx);
            continue;
        }
        claim(hostlock_conn_request_cert(meeting.client) == HOSTLOCK_E_STATE && hostlock_conn_request_cert(NULL) == HOSTLOCK_E_ARG,
              "  a client asks nobody");
        part(&meeting);
        hostlock_ctx_free(ctx);
    }
}

int main(void)
{
    make_devices();
    for (int i = first_version(); i < 2; i++) {
        version = both_versions[i];
        modes();
        names();
        facts();
        after_openssl();
        ca_names();
        later();
    }
    bad_words();
    forget_devices();
    return finish();
}
