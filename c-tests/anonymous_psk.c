/*
 * Handshakes in which no certificate names the peer: anonymous Diffie-Hellman and pre-shared keys. A context of
 * hostlock takes no part in them; a server that also has the right certificate is spoken to by that.
 */
#include "support.h"

#include <string.h>

static const unsigned char shared_key[16] = "sixteen bytes ok";

static unsigned int give_psk(SSL *ssl, const char *hint, char *name, unsigned int name_space, unsigned char *key,
                             unsigned int key_space)
{
    (void)ssl, (void)hint;
    need(name_space > 4 && key_space >= sizeof(shared_key), "no space for a key");
    strcpy(name, "me");
    memcpy(key, shared_key, sizeof(shared_key));
    return sizeof(shared_key);
}

/* The TLS 1.3 way, with early data under the key. */
static int use_psk(SSL *ssl, const EVP_MD *digest, const unsigned char **name, size_t *length, SSL_SESSION **session)
{
    static const unsigned char suite[] = {0x13, 0x01};
    (void)digest;
    *session = SSL_SESSION_new();
    need(*session != NULL && SSL_SESSION_set1_master_key(*session, shared_key, sizeof(shared_key)) &&
             SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)) &&
             SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION) &&
             SSL_SESSION_set_max_early_data(*session, 1024),
         "no session for the key");
    *name = (const unsigned char *)"me";
    *length = 2;
    return 1;
}

static int permit(const SSL *ssl, const SSL_CTX *ctx, int operation, int bits, int nid, void *other, void *extra)
{
    (void)ssl, (void)ctx, (void)operation, (void)bits, (void)nid, (void)other, (void)extra;
    return 1;
}

static void look_away(const SSL *ssl, int place, int value)
{
    (void)ssl, (void)place, (void)value;
}

/* What a program does beside what such programs do: callbacks of its own, on context and connection. */
static const struct effort {
    const char *name;
    int security;   /* they permit everything */
    int info;
} efforts[] = {
    {"", 0, 0},
    {", security callbacks replaced", 1, 0},
    {", info callbacks replaced", 0, 1},
    {", security and info callbacks replaced", 1, 1},
};

/* Where libssl itself ends the handshake, the info callback keeps the status; a program's own, set on the context, is
 * all that libssl calls then, and only the queue has the reason. */
static int status_of_failure(const struct effort *effort)
{
    return effort->info ? 0 : HOSTLOCK_E_NO_COMMON_CIPHER;
}

static SSL *connection(SSL_CTX **ctx, const char *ciphers, const struct effort *effort)
{
    *ctx = client_context();
    if (ciphers != NULL)
        need(SSL_CTX_set_cipher_list(*ctx, ciphers) == 1, "SSL_CTX_set_cipher_list");
    if (effort->security)
        SSL_CTX_set_security_callback(*ctx, permit);
    if (effort->info)
        SSL_CTX_set_info_callback(*ctx, look_away);
    SSL *ssl = client_connection(*ctx, RIGHT_HOST);
    if (effort->security)
        SSL_set_security_callback(ssl, permit);
    if (effort->info)
        SSL_set_info_callback(ssl, look_away);
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    return ssl;
}

/* The servers here do what they should: a plain client that verifies its host is served without any certificate. */
static void control(int version, const char *suites, const char *psk, int by_session)
{
    struct server *server = server_new(&(struct manner){.version = version, .ciphers = suites, .psk = psk});
    SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
    need(SSL_CTX_set_cipher_list(plain, "ALL:COMPLEMENTOFALL:@SECLEVEL=0") == 1, "SSL_CTX_set_cipher_list");
    SSL *ssl = SSL_new(plain);
    SSL_set1_host(ssl, RIGHT_HOST);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (psk != NULL && by_session)
        SSL_set_psk_use_session_callback(ssl, use_psk);
    else if (psk != NULL)
        SSL_set_psk_client_callback(ssl, give_psk);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim(outcome.connected == 1 && outcome.got == 4, "control: plain OpenSSL with SSL_set1_host is fooled by %s on %s",
          psk == NULL ? suites : by_session ? "a key as a session" : "a key", version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(plain);
    server_free(server);
}

static void early_data_control(void)
{
    struct server *server = server_new(&(struct manner){.version = TLS1_3_VERSION, .psk = "me", .early_data = 1});
    SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(plain);
    SSL_set_psk_use_session_callback(ssl, use_psk);
    int fd;
    struct line *line = line_open(server, &fd);
    struct report report;
    size_t written = 0;
    SSL_set_fd(ssl, fd);
    int done = SSL_write_early_data(ssl, "ping", 4, &written);
    (void)!SSL_connect(ssl);
    line_close(line, &report);
    claim(done == 1 && report.early == 4, "control: plain OpenSSL sends early data under a key");
    SSL_free(ssl);
    SSL_CTX_free(plain);
    server_free(server);
}

static void anonymous(const struct effort *effort, const char *suites)
{
    struct server *server = server_new(&(struct manner){.version = TLS1_2_VERSION, .ciphers = suites});
    SSL_CTX *ctx;
    SSL *ssl = connection(&ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0", effort);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    claim_failed(&outcome, status_of_failure(effort), "a server with %s only is refused%s", suites,
                 effort->name);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    ssl = connection(&ctx, "aNULL:@SECLEVEL=0", effort);
    SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
    converse(ssl, server, &outcome);
    claim_failed(&outcome, status_of_failure(effort), "  also where the client offers nothing else%s",
                 effort->name);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

static void pre_shared(const struct effort *effort, int version, int by_session, enum who who)
{
    int with_certificate = who != WHO_COUNT;
    struct server *server = server_new(&(struct manner){
        .version = version, .psk = "me", .identity = with_certificate ? identity(who) : NULL,
        .ciphers = with_certificate ? "PSK:ALL:@SECLEVEL=0" : "PSK:@SECLEVEL=0"});
    SSL_CTX *ctx;
    SSL *ssl = connection(&ctx, "PSK:ALL:@SECLEVEL=0", effort);
    if (by_session)
        SSL_set_psk_use_session_callback(ssl, use_psk);
    else
        SSL_set_psk_client_callback(ssl, give_psk);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    const char *how = by_session ? "SSL_set_psk_use_session_callback" : "SSL_set_psk_client_callback";
    /* With everything replaced the suites of the key stand in the hello, and a server that prefers them is refused. */
    if (!with_certificate || (version == TLS1_2_VERSION && effort->security && effort->info))
        claim_failed(&outcome, status_of_failure(effort), "%s: a server that wants the key is refused on %s%s", how,
                     version_name(version), effort->name);
    else if (who == RIGHT)
        claim_passes(&outcome, "%s: the right host with the key connects by its certificate on %s%s", how,
                     version_name(version), effort->name);
    else
        claim_refused(&outcome, who_status(who), "%s: an impostor with the key is refused on %s%s", how,
                      version_name(version), effort->name);
    claim(!outcome.resumed, "  the key was not used");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

/* "ping" as early data under a pre-shared key must reach nobody, neither decrypted nor in the clear. */
static void early_data(const struct effort *effort)
{
    struct server *server = server_new(&(struct manner){.version = TLS1_3_VERSION, .psk = "me", .early_data = 1});
    SSL_CTX *ctx;
    SSL *ssl = connection(&ctx, NULL, effort);
    SSL_set_psk_use_session_callback(ssl, use_psk);
    int fd;
    struct line *line = line_open(server, &fd);
    struct report report;
    size_t written = 0;
    SSL_set_fd(ssl, fd);
    int done = SSL_write_early_data(ssl, "ping", 4, &written);
    line_close(line, &report);
    int in_the_clear = 0;
    for (size_t i = 0; i + 4 <= report.raw_length; i++)
        in_the_clear |= memcmp(report.raw + i, "ping", 4) == 0;
    claim(done == 0 && report.received == 0 && !in_the_clear, "no early data goes out under a pre-shared key%s",
          effort->name);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

int main(void)
{
    control(TLS1_2_VERSION, "AECDH-AES128-SHA:@SECLEVEL=0", NULL, 0);
    control(TLS1_2_VERSION, "ADH-AES128-GCM-SHA256:@SECLEVEL=0", NULL, 0);
    control(TLS1_2_VERSION, "PSK:@SECLEVEL=0", "me", 0);
    control(TLS1_3_VERSION, NULL, "me", 0);
    control(TLS1_3_VERSION, NULL, "me", 1);
    early_data_control();
    for (size_t i = 0; i < sizeof(efforts) / sizeof(efforts[0]); i++) {
        const struct effort *effort = &efforts[i];
        anonymous(effort, "AECDH-AES128-SHA:@SECLEVEL=0");
        anonymous(effort, "ADH-AES128-GCM-SHA256:@SECLEVEL=0");
        pre_shared(effort, TLS1_2_VERSION, 0, WHO_COUNT);
        pre_shared(effort, TLS1_2_VERSION, 0, RIGHT);
        pre_shared(effort, TLS1_2_VERSION, 0, IMPOSTOR);
        for (int by_session = 0; by_session < 2; by_session++) {
            pre_shared(effort, TLS1_3_VERSION, by_session, WHO_COUNT);
            pre_shared(effort, TLS1_3_VERSION, by_session, RIGHT);
            pre_shared(effort, TLS1_3_VERSION, by_session, IMPOSTOR);
        }
        early_data(effort);
    }
    return finish();
}
