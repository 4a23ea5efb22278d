/*
 * A server's session tickets: machines that share a file of keys resume each other's sessions, also while the keys change;
 * processes that were forked from one do so without a file; and a ticket lets nobody in whom a full handshake would not.
 */
#define _POSIX_C_SOURCE 200809L
#include "files.h"
#include "kept.h"
#include "support.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

static struct identity ca, middle, server_identity, device, deep, stranger;

static char keys[8][128];

/* The keys from one to another, a line each. */
static void put_keys(const char *name, int from, int to)
{
    char text[8 * 128] = "";
    for (int i = from; i <= to; i++)
        strcat(text, keys[i]), strcat(text, "\n");
    put_text(name, text);
    need(chmod(path(name), 0600) == 0, "chmod");
}

struct plan {
    const char *keys, *crl;
    int mutual;
};

/* A machine of the fleet. */
static hostlock_ctx *machine(struct plan plan)
{
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    need(ctx != NULL && hostlock_ctx_add_cert_file(ctx, path("server.pem"), NULL, NULL) == 0, "a server");
    need(!plan.mutual || hostlock_ctx_trust_file(ctx, path("ca.pem")) == 0, "an anchor");
    need(plan.crl == NULL || hostlock_ctx_add_crl_file(ctx, path(plan.crl)) == 0, "a CRL");
    need(plan.keys == NULL || hostlock_server_set_ticket_key_file(ctx, path(plan.keys)) == 0, "ticket keys");
    return ctx;
}

struct visit {
    int served, resumed, status;
    char client[64];
};

static struct visit visit(hostlock_ctx *ctx, int version, const struct identity *who, SSL_SESSION *offered)
{
    struct visit visit = {0};
    SSL_CTX *plain = plain_context();
    SSL_CTX_set_min_proto_version(plain, version), SSL_CTX_set_max_proto_version(plain, version);
    SSL_CTX_set_session_cache_mode(plain, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(plain, keep);
    if (who != NULL) {
        SSL_CTX_use_certificate(plain, who->certificate), SSL_CTX_use_PrivateKey(plain, who->key);
        if (who->sent_along != NULL)
            SSL_CTX_add1_chain_cert(plain, who->sent_along);
    }
    SSL *client = SSL_new(plain), *server = SSL_new(ctx);
    if (offered != NULL)
        SSL_set_session(client, offered);
    visit.served = meet_in_memory(client, server);
    visit.resumed = visit.served && SSL_session_reused(server);
    const char *name = visit.served ? hostlock_conn_client_name(server) : NULL;
    snprintf(visit.client, sizeof(visit.client), "%s", name == NULL ? "" : name);
    const hostlock_error *error = hostlock_conn_error(server);
    visit.status = error == NULL ? 0 : hostlock_error_status(error);
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client), SSL_free(server), SSL_CTX_free(plain);
    ERR_clear_error();
    return visit;
}

/* A new session with one machine, and then a visit to another with it. */
static struct visit from_to(hostlock_ctx *from, hostlock_ctx *to, int version, const struct identity *who)
{
    SSL_SESSION_free(kept), kept = NULL;
    need(visit(from, version, who, NULL).served && kept != NULL, "a session");
    return visit(to, version, who, kept);
}

static void fleet(int version, int mutual)
{
    const struct identity *who = mutual ? &device : NULL;
    const char *how = mutual ? ", mutual TLS" : "", *tls = version_name(version);
    put_keys("a.keys", 0, 1), put_keys("b.keys", 0, 1), put_keys("c.keys", 2, 2);
    hostlock_ctx *a = machine((struct plan){.keys = "a.keys", .mutual = mutual}), *b = machine((struct plan){.keys = "b.keys", .mutual = mutual});
    hostlock_ctx *c = machine((struct plan){.keys = "c.keys", .mutual = mutual}), *alone = machine((struct plan){.mutual = mutual});
    claim(from_to(a, b, version, who).resumed && from_to(b, a, version, who).resumed, "%s%s: two machines with one file resume each other's sessions", tls, how);
    struct visit seen = from_to(a, b, version, who);
    claim(strcmp(seen.client, mutual ? "device.example" : "") == 0, "  and know who it is (%s)", seen.client);
    claim(!from_to(a, c, version, who).resumed && visit(c, version, who, kept).resumed, "  one with other keys does not");
    claim(!from_to(a, alone, version, who).resumed && !from_to(alone, a, version, who).resumed && from_to(alone, alone, version, who).resumed,
          "  nor one with its own, which resumes its own sessions");

    /* A key is appended, reaches one machine after the other, and is used when the next one has come. */
    static const struct { int from, to; } stages[] = {{0, 2}, {0, 3}, {1, 3}, {1, 4}, {3, 5}};
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        SSL_SESSION *before[2] = {NULL, NULL};
        for (int turn = 0; turn < 2; turn++) {
            SSL_SESSION_free(kept), kept = NULL;
            need(visit(turn == 0 ? a : b, version, who, NULL).served && kept != NULL, "a session");
            before[turn] = kept, kept = NULL;
        }
        put_keys("a.keys", stages[i].from, stages[i].to);
        need(hostlock_ctx_reload(a) == 0, "hostlock_ctx_reload");
        int halfway = from_to(a, b, version, who).resumed && from_to(b, a, version, who).resumed;
        put_keys("b.keys", stages[i].from, stages[i].to);
        need(hostlock_ctx_reload(b) == 0, "hostlock_ctx_reload");
        int after = from_to(a, b, version, who).resumed && from_to(b, a, version, who).resumed;
        int earlier = visit(b, version, who, before[0]).resumed && visit(a, version, who, before[1]).resumed;
        claim(halfway && after && earlier, "  keys %d to %d come to one machine, and to the other, and every client resumes", stages[i].from, stages[i].to);
        if (!halfway || !after || !earlier)
            note("%d %d %d", halfway, after, earlier);
        SSL_SESSION_free(before[0]), SSL_SESSION_free(before[1]);
    }
    put_keys("a.keys", 6, 7);
    need(hostlock_ctx_reload(a) == 0, "hostlock_ctx_reload");
    claim(!from_to(b, a, version, who).resumed, "  a key that is gone opens nothing");

    need(visit(b, version, who, NULL).served, "a session");
    int count = 0;
    while (count < 10 && visit(b, version, who, kept).resumed)
        count++;
    claim(count == 10, "  a client can resume again and again: in TLS 1.3 it gets another ticket each time (%d)", count);
    hostlock_ctx_free(a), hostlock_ctx_free(b), hostlock_ctx_free(c), hostlock_ctx_free(alone);
}

/* What other software makes of a ticket that has the same keys (RFC 5077 4): its name, the iv, AES-256-CBC, HMAC-SHA256. */
static int is_sealed_with(SSL_SESSION *session, const char *line)
{
    unsigned char key[81], mac[32], plain[4096];
    const unsigned char *ticket;
    size_t length = 0;
    unsigned int mac_length = sizeof(mac);
    int part = 0, rest = 0;
    SSL_SESSION_get0_ticket(session, &ticket, &length);
    need(EVP_DecodeBlock(key, (const unsigned char *)line, 108) == 81 && length > 64 && length < sizeof(plain), "a ticket, and a key");
    int sealed = (int)length - 64, fits = memcmp(ticket, key, 16) == 0 &&
        HMAC(EVP_sha256(), key + 16, 32, ticket, length - 32, mac, &mac_length) != NULL && memcmp(mac, ticket + length - 32, 32) == 0;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int opens = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key + 48, ticket + 16) == 1 &&
        EVP_DecryptUpdate(cipher, plain, &part, ticket + 32, sealed) == 1 && EVP_DecryptFinal_ex(cipher, plain + part, &rest) == 1;
    const unsigned char *next = plain;
    SSL_SESSION *inside = opens ? d2i_SSL_SESSION(NULL, &next, part + rest) : NULL;
    EVP_CIPHER_CTX_free(cipher), SSL_SESSION_free(inside);
    return fits && inside != NULL;
}

static void sealed(int version)
{
    put_keys("a.keys", 0, 1);
    hostlock_ctx *ctx = machine((struct plan){.keys = "a.keys", .mutual = 1});
    int good = 0, others = 0;
    for (int i = 0; i < 20; i++) {
        SSL_SESSION *before = kept;
        kept = NULL;
        struct visit seen = visit(ctx, version, &device, i % 2 == 0 ? NULL : before);
        /* In TLS 1.2 one that resumes gets no other ticket. */
        if (kept == NULL)
            kept = before, before = NULL;
        good += seen.served && is_sealed_with(kept, keys[0]), others += is_sealed_with(kept, keys[1]);
        SSL_SESSION_free(before);
    }
    claim(good == 20 && others == 0, "%s: each of 20 tickets is one that others with the key can open (%d)", version_name(version), good);
    hostlock_ctx_free(ctx);
}

/* What one machine lets in, and the other has heard of since. */
static void revoked(int version)
{
    const char *tls = version_name(version);
    put_keys("a.keys", 0, 0), put_crl("old.crl", &ca, NULL), put_crl("fresh.crl", &ca, &stranger), put_crl("device.crl", &ca, &device);
    put_crl("middle.crl", &middle, NULL), put_crl("deep.crl", &middle, &deep), put_crl("ca-middle.crl", &ca, &middle);
    static const struct { const struct identity *who; const char *first, *second, *more; int resumed, served; const char *what; } rows[] = {
        {&device, "old.crl", "fresh.crl", NULL, 1, 1, "lists of another age"},
        {&device, "old.crl", "device.crl", NULL, 0, 0, "a list with the client's certificate"},
        {&deep, "old.crl", "fresh.crl", "middle.crl", 1, 1, "lists of another age, of a longer chain"},
        {&deep, "old.crl", "fresh.crl", "deep.crl", 0, 0, "a list with that client's certificate"},
        {&deep, "old.crl", "ca-middle.crl", "middle.crl", 0, 0, "a list with the intermediate's"},
    };
    /* A ticket says who is between only where that will be asked. */
    hostlock_ctx *unasked = machine((struct plan){.keys = "a.keys", .mutual = 1});
    hostlock_ctx *asked = machine((struct plan){.keys = "a.keys", .crl = "old.crl", .mutual = 1});
    need(hostlock_ctx_add_crl_file(asked, path("middle.crl")) == 0, "a CRL");
    struct visit anew = from_to(unasked, asked, version, &deep);
    claim(anew.served && !anew.resumed, "%s: a ticket of a machine without lists leads to a full handshake at one that has some", tls);
    claim(visit(asked, version, &deep, kept).resumed, "  whose own ticket resumes there");
    claim(from_to(unasked, asked, version, &device).resumed, "  and so does any of a chain without an intermediate");
    hostlock_ctx_free(asked), asked = machine((struct plan){.keys = "a.keys", .crl = "ca-middle.crl", .mutual = 1});
    need(hostlock_ctx_add_crl_file(asked, path("middle.crl")) == 0, "a CRL");
    anew = from_to(unasked, asked, version, &deep);
    claim(!anew.served && anew.status == HOSTLOCK_E_REVOKED, "  and is no way around a list with the intermediate's certificate");
    hostlock_ctx_free(unasked), hostlock_ctx_free(asked);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hostlock_ctx *a = machine((struct plan){.keys = "a.keys", .crl = rows[i].first, .mutual = 1});
        hostlock_ctx *b = machine((struct plan){.keys = "a.keys", .crl = rows[i].second, .mutual = 1});
        need(hostlock_ctx_add_crl_file(a, path("middle.crl")) == 0 &&
                 hostlock_ctx_add_crl_file(b, path(rows[i].more == NULL ? "middle.crl" : rows[i].more)) == 0, "a CRL");
        struct visit seen = from_to(a, b, version, rows[i].who);
        claim(seen.resumed == rows[i].resumed && seen.served == rows[i].served && seen.status == (seen.served ? 0 : HOSTLOCK_E_REVOKED),
              "%s: at a machine with %s a client %s", tls, rows[i].what, rows[i].resumed ? "resumes" : "is refused");
        if (seen.resumed != rows[i].resumed || seen.served != rows[i].served)
            note("resumed %d, served %d, %s", seen.resumed, seen.served, hostlock_status_name(seen.status));
        hostlock_ctx_free(a), hostlock_ctx_free(b);
    }
    /* The same after a reload, on one machine. */
    hostlock_ctx *a = machine((struct plan){.crl = "old.crl", .mutual = 1});
    need(from_to(a, a, version, &device).resumed, "a resumption");
    put_crl("old.crl", &ca, &stranger);
    claim(hostlock_ctx_reload(a) == 0 && visit(a, version, &device, kept).resumed, "%s: a reload of lists keeps the sessions of the others", tls);
    put_crl("old.crl", &ca, &device);
    need(hostlock_ctx_reload(a) == 0, "hostlock_ctx_reload");
    struct visit seen = visit(a, version, &device, kept);
    claim(!seen.served && seen.status == HOSTLOCK_E_REVOKED, "  and ends those of the revoked");
    hostlock_ctx_free(a);
    /* A machine that trusts others, or asks for other names. */
    a = machine((struct plan){.keys = "a.keys", .mutual = 1});
    hostlock_ctx *b = machine((struct plan){.keys = "a.keys"}), *c = machine((struct plan){.keys = "a.keys", .mutual = 1});
    need(hostlock_ctx_trust_file(b, path("other-ca.pem")) == 0 && hostlock_server_set_client_names(c, "another.example") == 0, "demands");
    claim(!from_to(a, b, version, &device).served && !from_to(a, c, version, &device).served,
          "%s: a session opens no machine that trusts another CA, or asks for another name", tls);
    hostlock_ctx *open = machine((struct plan){.keys = "a.keys"});
    claim(!from_to(open, a, version, NULL).served, "  and one of a machine that asks for nothing opens none that does");
    hostlock_ctx_free(a), hostlock_ctx_free(b), hostlock_ctx_free(c), hostlock_ctx_free(open);
}

/* Processes that were forked from one. */
static void workers(int version, int with_file)
{
    put_keys("a.keys", 0, 1);
    hostlock_ctx *ctx = machine((struct plan){.keys = with_file ? "a.keys" : NULL, .mutual = 1});
    int ends[2], answer = -1;
    need(pipe(ends) == 0, "pipe");
    fflush(stdout);
    pid_t first = fork();
    need(first >= 0, "fork");
    if (first == 0) {
        unsigned char der[16384], *next = der;
        int length = visit(ctx, version, &device, NULL).served && kept != NULL ? i2d_SSL_SESSION(kept, &next) : -1;
        int done = length > 0 && write(ends[1], der, (size_t)length) == length;
        close(ends[0]), close(ends[1]);
        _exit(done ? 0 : 1);
    }
    close(ends[1]);
    unsigned char der[16384];
    size_t length = 0;
    ssize_t part;
    while ((part = read(ends[0], der + length, sizeof(der) - length)) > 0)
        length += (size_t)part;
    close(ends[0]);
    need(waitpid(first, &answer, 0) == first && WIFEXITED(answer) && WEXITSTATUS(answer) == 0, "the first worker");
    pid_t second = fork();
    need(second >= 0, "fork");
    if (second == 0) {
        const unsigned char *from = der;
        SSL_SESSION *session = d2i_SSL_SESSION(NULL, &from, (long)length);
        int resumed = session != NULL && visit(ctx, version, &device, session).resumed;
        SSL_SESSION_free(session);
        _exit(resumed ? 0 : 1);
    }
    need(waitpid(second, &answer, 0) == second, "waitpid");
    claim(WIFEXITED(answer) && WEXITSTATUS(answer) == 0, "%s: a worker resumes the session of another%s", version_name(version),
          with_file ? ", by the keys of a file" : "");
    hostlock_ctx_free(ctx);
}

/* A client of hostlock's roams too, by what OpenSSL keeps for the program, and by hostlock_conn_set_session_from. */
static void own_client(int version)
{
    put_keys("a.keys", 0, 1);
    hostlock_ctx *machines[2] = {machine((struct plan){.keys = "a.keys", .mutual = 1}), machine((struct plan){.keys = "a.keys", .mutual = 1})};
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    SSL_CTX_set_min_proto_version(ctx, version), SSL_CTX_set_max_proto_version(ctx, version);
    put_identity("device.pem", &device);
    need(hostlock_ctx_trust_file(ctx, path("ca.pem")) == 0 && hostlock_ctx_add_cert_file(ctx, path("device.pem"), NULL, NULL) == 0 &&
             hostlock_ctx_set_host(ctx, "server.example") == 0, "a client");
    for (int by_call = 0; by_call < 2; by_call++) {
        int resumed = 0;
        SSL *last = NULL;
        for (int turn = 0; turn < 7; turn++) {
            SSL *client = SSL_new(ctx), *server = SSL_new(machines[turn % 2]);
            SSL_set_connect_state(client);
            SSL_SESSION *session = last == NULL || by_call ? NULL : SSL_get1_session(last);
            need(last == NULL || !by_call || hostlock_conn_set_session_from(client, last) == 0, "hostlock_conn_set_session_from");
            need(session == NULL || SSL_set_session(client, session) == 1, "SSL_set_session");
            SSL_SESSION_free(session);
            need(meet_in_memory(client, server), "a meeting");
            resumed += hostlock_conn_resumed(client) && hostlock_conn_resumed(server) && strcmp(hostlock_conn_client_name(server), "device.example") == 0;
            SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
            SSL_free(server), SSL_free(last);
            last = client;
        }
        SSL_free(last);
        claim(resumed == 6, "%s: a client of hostlock's resumes at either machine%s (%d of 6)", version_name(version),
              by_call ? ", by hostlock_conn_set_session_from" : "", resumed);
    }
    hostlock_ctx_free(ctx), hostlock_ctx_free(machines[0]), hostlock_ctx_free(machines[1]);
}

static void own_keys(int version)
{
    unsigned char key[80];
    need(RAND_bytes(key, sizeof(key)) == 1, "RAND_bytes");
    hostlock_ctx *a = machine((struct plan){0}), *b = machine((struct plan){0});
    SSL_CTX_set_tlsext_ticket_keys(a, key, sizeof(key)), SSL_CTX_set_tlsext_ticket_keys(b, key, sizeof(key));
    claim(from_to(a, b, version, NULL).resumed, "%s: a key that the program sets by OpenSSL is used", version_name(version));
    need(RAND_bytes(key, sizeof(key)) == 1, "RAND_bytes");
    SSL_CTX_set_tlsext_ticket_keys(b, key, sizeof(key));
    claim(!from_to(a, b, version, NULL).resumed && from_to(b, b, version, NULL).resumed, "  and another that it sets later");
    hostlock_ctx_free(a), hostlock_ctx_free(b);
}

static void lives(int version)
{
    hostlock_ctx *ctx = machine((struct plan){.mutual = 1});
    need(hostlock_server_set_session_life(ctx, 0) == 0, "a life");
    SSL_SESSION_free(kept), kept = NULL;
    need(visit(ctx, version, &device, NULL).served, "a visit");
    claim(kept == NULL || !visit(ctx, version, &device, kept).resumed, "%s: with a life of 0 nothing is resumed", version_name(version));
    hostlock_ctx_free(ctx);
    ctx = machine((struct plan){.mutual = 1});
    need(hostlock_server_set_session_life(ctx, 0) == 0 && hostlock_server_set_session_life(ctx, 2) == 0, "a life");
    claim(from_to(ctx, ctx, version, &device).resumed, "  with one of 2 seconds it is, at once");
    struct timespec pause = {.tv_sec = 4};
    nanosleep(&pause, NULL);
    struct visit seen = visit(ctx, version, &device, kept);
    claim(seen.served && !seen.resumed, "  and not later, whatever was renewed");
    hostlock_ctx_free(ctx);
    ctx = machine((struct plan){0});
    SSL_SESSION_free(kept), kept = NULL;
    need(hostlock_server_set_session_life(ctx, 604800) == 0 && visit(ctx, version, NULL, NULL).served && kept != NULL, "a week");
    claim(SSL_SESSION_get_ticket_lifetime_hint(kept) == 604800, "  a week is told to the client (%lu)", SSL_SESSION_get_ticket_lifetime_hint(kept));
    hostlock_ctx_free(ctx);
}

static void bad_input(void)
{
    char twice[300], text[300];
    snprintf(twice, sizeof(twice), "%s\n%.20s%.86s=\n", keys[0], keys[0], keys[1] + 20);
    snprintf(text, sizeof(text), "%.60s", keys[0]);
    put_text("empty", ""), put_text("short", text), put_text("twice", twice), put_text("garbage", "no key at all\n");
    need(mkdir(path("directory"), 0700) == 0, "mkdir");
    static const struct { const char *name; int status; } rows[] = {
        {"missing", HOSTLOCK_E_NOT_FOUND}, {"directory", HOSTLOCK_E_WRONG_FILE_TYPE}, {"empty", HOSTLOCK_E_EMPTY},
        {"short", HOSTLOCK_E_ARG}, {"twice", HOSTLOCK_E_ARG}, {"garbage", HOSTLOCK_E_ARG},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        hostlock_ctx *ctx = machine((struct plan){0});
        int status = hostlock_server_set_ticket_key_file(ctx, path(rows[i].name));
        claim(status == rows[i].status && visit(ctx, TLS1_3_VERSION, NULL, NULL).status == HOSTLOCK_E_POISONED, "a key file that is %s", rows[i].name);
        if (status != rows[i].status)
            note("%s: %s", hostlock_status_name(status), hostlock_error_message(hostlock_last_error()));
        hostlock_ctx_free(ctx);
    }
    put_keys("a.keys", 0, 1);
    hostlock_ctx *ctx = machine((struct plan){.keys = "a.keys"}), *client = client_context();
    char *info = hostlock_ctx_info(ctx);
    claim(info != NULL && strstr(info, "\"ticket_keys\":{") != NULL && strstr(info, "\"keys\":2") != NULL && strstr(info, "ticket keys in") == NULL,
          "hostlock_ctx_info tells of the keys");
    hostlock_string_free(info);
    need(visit(ctx, TLS1_3_VERSION, NULL, NULL).served, "a visit");
    put_text("a.keys", "half a li");
    claim(hostlock_ctx_reload(ctx) == HOSTLOCK_E_ARG && from_to(ctx, ctx, TLS1_3_VERSION, NULL).resumed, "a reload of a spoiled file harms nobody");
    claim(hostlock_server_set_ticket_key_file(ctx, path("missing")) == HOSTLOCK_E_FROZEN && hostlock_server_set_session_life(ctx, 5) == HOSTLOCK_E_FROZEN &&
              from_to(ctx, ctx, TLS1_3_VERSION, NULL).resumed, "nor do calls that come too late");
    claim(hostlock_server_set_ticket_key_file(client, path("a.keys")) == HOSTLOCK_E_STATE && hostlock_server_set_session_life(client, 5) == HOSTLOCK_E_STATE,
          "a client has no tickets to give");
    hostlock_ctx_free(ctx);
    put_keys("a.keys", 0, 1);
    need(chmod(path("a.keys"), 0644) == 0 && symlink("a.keys", path("link")) == 0, "a link");
    ctx = machine((struct plan){.keys = "link"});
    info = hostlock_ctx_info(ctx);
    claim(info != NULL && strstr(info, "ticket keys in") != NULL && strstr(info, "can be read by every user") != NULL, "a file that all can read is warned of, through a link");
    hostlock_string_free(info);
    hostlock_ctx_free(ctx);
    static const int lives[] = {-1, 604801, 2147483647};
    for (int i = 0; i < 3; i++) {
        ctx = machine((struct plan){0});
        claim(hostlock_server_set_session_life(ctx, lives[i]) == HOSTLOCK_E_ARG && hostlock_server_set_session_life(ctx, 60) == 0 &&
                  visit(ctx, TLS1_3_VERSION, NULL, NULL).served, "sessions of %d seconds", lives[i]);
        hostlock_ctx_free(ctx);
    }
    claim(hostlock_server_set_ticket_key_file(NULL, path("a.keys")) == HOSTLOCK_E_ARG && hostlock_server_set_session_life(NULL, 5) == HOSTLOCK_E_ARG, "NULL");
    ctx = machine((struct plan){0});
    claim(hostlock_server_set_ticket_key_file(ctx, NULL) == HOSTLOCK_E_ARG, "and a path that is NULL");
    hostlock_ctx_free(ctx), hostlock_ctx_free(client);
}

int main(void)
{
    make_directory();
    ca = issue(NULL, p256(), "CA of tickets.c", NULL, NULL, -1, 30);
    middle = issue(&ca, p256(), "The intermediate of tickets.c", NULL, NULL, -1, 30);
    server_identity = issue(&ca, p256(), "server", "DNS:server.example", "serverAuth", -1, 30);
    device = issue(&ca, p256(), "device", "DNS:device.example", "clientAuth", -1, 30);
    deep = issue(&middle, p256(), "deep", "DNS:deep.example", "clientAuth", -1, 30);
    deep.sent_along = X509_dup(middle.certificate);
    stranger = issue(&ca, p256(), "stranger", "DNS:stranger.example", "clientAuth", -1, 30);
    put_identity("server.pem", &server_identity), put_certificate("ca.pem", ca.certificate), put_certificate("other-ca.pem", untrusted_ca());
    for (int i = 0; i < 8; i++) {
        unsigned char bytes[80];
        need(RAND_bytes(bytes, sizeof(bytes)) == 1 && EVP_EncodeBlock((unsigned char *)keys[i], bytes, sizeof(bytes)) == 108, "a key");
    }
    for (int i = first_version(); i < 2; i++) {
        sealed(both_versions[i]);
        fleet(both_versions[i], 0), fleet(both_versions[i], 1);
        revoked(both_versions[i]);
        workers(both_versions[i], 0), workers(both_versions[i], 1);
        own_client(both_versions[i]);
        own_keys(both_versions[i]);
        lives(both_versions[i]);
    }
    bad_input();
    remove_directory();
    struct identity *all[] = {&ca, &middle, &server_identity, &device, &deep, &stranger};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        identity_free(all[i]);
    SSL_SESSION_free(kept);
    forget_identities();
    return finish();
}
