#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

/* TAP */

static int claims, failures;

void claim(int holds, const char *format, ...)
{
    va_list arguments;
    printf("%sok %d - ", holds ? "" : "not ", ++claims);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    failures += !holds;
}

void note(const char *format, ...)
{
    va_list arguments;
    printf("# ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
}

void skip(const char *claim_skipped, const char *reason)
{
    printf("ok %d - %s # SKIP %s\n", ++claims, claim_skipped, reason);
}

int finish(void)
{
    forget_identities();
    printf("1..%d\n", claims);
    return failures != 0;
}

void need(int holds, const char *what)
{
    if (holds)
        return;
    printf("Bail out! %s\n", what);
    ERR_print_errors_fp(stdout);
    fflush(stdout);
    _exit(1);
}

int rounds(int plainly, int slowly)
{
    return getenv("HOSTLOCK_TEST_SLOWLY") != NULL ? slowly : plainly;
}

/* Certificates */

static struct identity ca, stranger_ca, cast[WHO_COUNT];

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    need(extension != NULL && X509_add_ext(certificate, extension, -1), "an extension could not be made");
    X509_EXTENSION_free(extension);
}

/* Only these keys sign a digest of the program's choice. */
static const EVP_MD *digest_for(EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "RSA") ? EVP_sha256() : NULL;
}

struct identity issue(const struct identity *issuer, EVP_PKEY *key, const char *common_name,
                      const char *alternative_names, const char *usage, int first_day, int last_day)
{
    struct identity made = {X509_new(), key, NULL};
    need(key != NULL && made.certificate != NULL, "no key or certificate");
    X509 *certificate = made.certificate;
    X509 *parent = issuer != NULL ? issuer->certificate : certificate;
    static long serial = 1000;
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), first_day * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(certificate), last_day * 86400L);
    X509_NAME *subject = X509_NAME_new();
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    X509_set_subject_name(certificate, subject);
    X509_NAME_free(subject);
    X509_set_issuer_name(certificate, X509_get_subject_name(parent));
    X509_set_pubkey(certificate, key);
    add_extension(certificate, parent, NID_subject_key_identifier, "hash");
    if (usage == NULL) {
        add_extension(certificate, parent, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate, parent, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        add_extension(certificate, parent, NID_authority_key_identifier, "keyid");
        add_extension(certificate, parent, NID_ext_key_usage, usage);
    }
    if (alternative_names != NULL)
        add_extension(certificate, parent, NID_subject_alt_name, alternative_names);
    EVP_PKEY *signer = issuer != NULL ? issuer->key : key;
    need(X509_sign(certificate, signer, digest_for(signer)) != 0, "signing failed");
    return made;
}

EVP_PKEY *p256(void)
{
    return EVP_EC_gen("P-256");
}

void extend(struct identity *identity, const struct identity *issuer, int nid, const char *value)
{
    add_extension(identity->certificate, issuer->certificate, nid, value);
    need(X509_sign(identity->certificate, issuer->key, digest_for(issuer->key)) != 0, "signing failed");
}

static void make_identities(void)
{
    if (ca.certificate != NULL)
        return;
    const char *server = "serverAuth", *right = "DNS:" RIGHT_HOST;
    ca = issue(NULL, p256(), "hostlock test CA", NULL, NULL, -10, 100);
    stranger_ca = issue(NULL, p256(), "a stranger's CA", NULL, NULL, -10, 100);
    cast[RIGHT] = issue(&ca, p256(), "right", right, server, -1, 10);
    cast[IMPOSTOR] = issue(&ca, p256(), "impostor", "DNS:" OTHER_HOST, server, -1, 10);
    cast[EXPIRED] = issue(&ca, p256(), "expired", right, server, -5, -1);
    cast[NOT_YET] = issue(&ca, p256(), "not yet", right, server, 1, 10);
    cast[UNKNOWN] = issue(&stranger_ca, p256(), "unknown", right, server, -1, 10);
    cast[UNKNOWN].sent_along = stranger_ca.certificate;
    cast[SELF_SIGNED] = issue(NULL, p256(), RIGHT_HOST, right, server, -1, 10);
    cast[CN_ONLY] = issue(&ca, p256(), RIGHT_HOST, NULL, server, -1, 10);
    cast[WRONG_USE] = issue(&ca, p256(), "wrong use", right, "emailProtection", -1, 10);
    cast[WEAK_KEY] = issue(&ca, EVP_RSA_gen(1024), "weak key", right, server, -1, 10);
    cast[ADDRESS] = issue(&ca, p256(), "address", "IP:" RIGHT_ADDRESS, server, -1, 10);
    cast[THE_CLIENT] = issue(&ca, p256(), "a client", "DNS:client.example", "clientAuth", -1, 10);
}

static const struct {
    const char *name;
    int status;
} members[WHO_COUNT] = {
    [RIGHT] = {"the right host", HOSTLOCK_OK},
    [IMPOSTOR] = {"an impostor with a valid certificate of another host", HOSTLOCK_E_HOST_MISMATCH},
    [EXPIRED] = {"an expired certificate", HOSTLOCK_E_EXPIRED},
    [NOT_YET] = {"a certificate that is not yet valid", HOSTLOCK_E_NOT_YET_VALID},
    [UNKNOWN] = {"a certificate of an unknown CA", HOSTLOCK_E_UNKNOWN_ISSUER},
    [SELF_SIGNED] = {"a self-signed certificate", HOSTLOCK_E_SELF_SIGNED},
    [CN_ONLY] = {"a certificate that names the host in its common name only", HOSTLOCK_E_HOST_MISMATCH},
    [WRONG_USE] = {"a certificate for e-mail", HOSTLOCK_E_WRONG_PURPOSE},
    [WEAK_KEY] = {"a weak key", HOSTLOCK_E_WEAK_KEY},
    [ADDRESS] = {"a certificate of an address", HOSTLOCK_E_HOST_MISMATCH},
    [THE_CLIENT] = {"a client's certificate", HOSTLOCK_E_WRONG_PURPOSE},
};

const char *who_name(enum who who)
{
    return members[who].name;
}

int who_status(enum who who)
{
    return members[who].status;
}

const struct identity *identity(enum who who)
{
    make_identities();
    return &cast[who];
}

X509 *trusted_ca(void)
{
    make_identities();
    return ca.certificate;
}

X509 *untrusted_ca(void)
{
    make_identities();
    return stranger_ca.certificate;
}

void identity_free(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    identity->certificate = NULL;
    identity->key = NULL;
}

void forget_identities(void)
{
    identity_free(&ca);
    identity_free(&stranger_ca);
    for (int who = 0; who < WHO_COUNT; who++)
        identity_free(&cast[who]);
}

/* The server */

struct server {
    SSL_CTX *ctx;
    struct manner manner;
};

struct line {
    struct server *server;
    int client_fd, server_fd;
    pthread_t thread;
    struct report report;
};

static const unsigned char shared_key[16] = "sixteen bytes ok";

static unsigned int find_psk(SSL *ssl, const char *name, unsigned char *key, unsigned int space)
{
    const struct manner *manner = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (strcmp(name, manner->psk) != 0 || space < sizeof(shared_key))
        return 0;
    memcpy(key, shared_key, sizeof(shared_key));
    return sizeof(shared_key);
}

/* The same key as a session of TLS 1.3, under which early data is accepted. */
static int find_psk_session(SSL *ssl, const unsigned char *name, size_t length, SSL_SESSION **session)
{
    static const unsigned char suite[] = {0x13, 0x01};
    const struct manner *manner = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    *session = NULL;
    if (length != strlen(manner->psk) || memcmp(name, manner->psk, length) != 0)
        return 1;
    *session = SSL_SESSION_new();
    return *session != NULL && SSL_SESSION_set1_master_key(*session, shared_key, sizeof(shared_key)) &&
           SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)) &&
           SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION) &&
           SSL_SESSION_set_max_early_data(*session, 1024);
}

static int accept_any_client(int ok, X509_STORE_CTX *store_ctx)
{
    (void)ok;
    (void)store_ctx;
    return 1;
}

static void watch_messages(int sent, int version, int type, const void *data, size_t length, SSL *ssl, void *argument)
{
    struct report *report = argument;
    const unsigned char *bytes = data;
    (void)version;
    if (sent)
        return;
    if (type == SSL3_RT_ALERT && length == 2)
        report->alert = bytes[1];
    if (type != SSL3_RT_HANDSHAKE || length < 4)
        return;
    if (bytes[0] == SSL3_MT_CLIENT_HELLO)
        report->hellos++;
    /* An empty list has its three bytes of length, and in TLS 1.3 one more for the context. */
    if (bytes[0] == SSL3_MT_CERTIFICATE && length > 4u + 4u)
        report->certificates++;
    (void)ssl;
}

static long watch_wire(BIO *bio, int operation, const char *data, size_t length, int number, long argument, int result,
                       size_t *processed)
{
    struct report *report = (struct report *)BIO_get_callback_arg(bio);
    (void)length;
    (void)number;
    (void)argument;
    if (operation == (BIO_CB_READ | BIO_CB_RETURN) && result > 0 && processed != NULL) {
        size_t space = sizeof(report->raw) - report->raw_length;
        size_t kept = *processed < space ? *processed : space;
        memcpy(report->raw + report->raw_length, data, kept);
        report->raw_length += kept;
    }
    return result;
}

struct server *server_new(const struct manner *manner)
{
    struct server *server = calloc(1, sizeof(*server));
    need(server != NULL, "no memory");
    server->manner = *manner;
    SSL_CTX *ctx = server->ctx = SSL_CTX_new(TLS_server_method());
    need(ctx != NULL, "no server context");
    SSL_CTX_set_app_data(ctx, &server->manner);
    /* A server that permits everything, so that only the client's side can be what refuses. */
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_min_proto_version(ctx, manner->version != 0 ? manner->version : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, manner->version);
    if (manner->identity != NULL)
        need(SSL_CTX_use_certificate(ctx, manner->identity->certificate) == 1 &&
                 SSL_CTX_use_PrivateKey(ctx, manner->identity->key) == 1,
             "the server does not take its certificate");
    if (manner->identity != NULL && manner->identity->sent_along != NULL)
        need(SSL_CTX_add1_chain_cert(ctx, manner->identity->sent_along) == 1, "the server does not take its chain");
    if (manner->ciphers != NULL)
        need(SSL_CTX_set_cipher_list(ctx, manner->ciphers) == 1, "the server does not take its ciphers");
    if (manner->psk != NULL)
        SSL_CTX_set_psk_server_callback(ctx, find_psk);
    if (manner->psk != NULL && manner->early_data)
        SSL_CTX_set_psk_find_session_callback(ctx, find_psk_session);
    if (manner->asks_for_certificate)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any_client);
    if (manner->early_data) {
        SSL_CTX_set_max_early_data(ctx, 1024);
        SSL_CTX_set_options(ctx, SSL_OP_NO_ANTI_REPLAY);
    }
    if (manner->no_tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    if (manner->set_up != NULL)
        manner->set_up(ctx);
    return server;
}

void server_free(struct server *server)
{
    SSL_CTX_free(server->ctx);
    free(server);
}

static void keep(struct report *report, const char *data, size_t length)
{
    size_t space = report->received < sizeof(report->text) - 1 ? sizeof(report->text) - 1 - report->received : 0;
    memcpy(report->text + report->received, data, length < space ? length : space);
    report->received += length;
}

static int read_early_data(SSL *ssl, struct report *report)
{
    char buffer[256];
    for (;;) {
        size_t length = 0;
        int result = SSL_read_early_data(ssl, buffer, sizeof(buffer), &length);
        keep(report, buffer, length);
        report->early += length;
        if (result == SSL_READ_EARLY_DATA_FINISH)
            return 1;
        if (result == SSL_READ_EARLY_DATA_ERROR)
            return 0;
    }
}

static void answer(SSL *ssl, const struct manner *manner, struct report *report)
{
    char buffer[256];
    int asked = 0, length;
    if (report->early > 0)
        SSL_write(ssl, "pong", 4);
    while ((length = SSL_read(ssl, buffer, sizeof(buffer))) > 0) {
        keep(report, buffer, (size_t)length);
        if (!asked && manner->renegotiates) {
            SSL_renegotiate(ssl);
            SSL_do_handshake(ssl);
        }
        if (!asked && manner->asks_later) {
            SSL_set_verify(ssl, SSL_VERIFY_PEER, accept_any_client);
            SSL_verify_client_post_handshake(ssl);
            SSL_do_handshake(ssl);
        }
        asked = 1;
        if (SSL_write(ssl, "pong", 4) != 4)
            break;
    }
}

static void *serve(void *argument)
{
    struct line *line = argument;
    struct report *report = &line->report;
    const struct manner *manner = &line->server->manner;
    SSL *ssl = SSL_new(line->server->ctx);
    need(ssl != NULL && SSL_set_fd(ssl, line->server_fd) == 1, "no server connection");
    SSL_set_msg_callback(ssl, watch_messages);
    SSL_set_msg_callback_arg(ssl, report);
    BIO_set_callback_ex(SSL_get_rbio(ssl), watch_wire);
    BIO_set_callback_arg(SSL_get_rbio(ssl), (char *)report);
    if ((!manner->early_data || read_early_data(ssl, report)) && SSL_accept(ssl) == 1) {
        report->accepted = 1;
        report->resumed = SSL_session_reused(ssl);
        answer(ssl, manner, report);
    }
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (sni != NULL)
        snprintf(report->sni, sizeof(report->sni), "%s", sni);
    if (report->accepted)
        SSL_shutdown(ssl);
    SSL_free(ssl);
    close(line->server_fd);
    ERR_clear_error();
    return NULL;
}

struct line *line_open(struct server *server, int *client_fd)
{
    struct line *line = calloc(1, sizeof(*line));
    int pair[2];
    /* Nothing here takes so long; a defect must end in a failed claim and not in a program that hangs. */
    struct timeval patience = {60, 0};
    need(line != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no socket pair");
    for (int side = 0; side < 2; side++) {
        setsockopt(pair[side], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        setsockopt(pair[side], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    }
    signal(SIGPIPE, SIG_IGN);
    /* The end of a child must not cut a read short, which the kernel does not take up again where a timeout is set. */
    sigset_t of_child;
    sigemptyset(&of_child);
    sigaddset(&of_child, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &of_child, NULL);
    line->server = server;
    line->report.alert = -1;
    line->client_fd = *client_fd = pair[0];
    line->server_fd = pair[1];
    need(pthread_create(&line->thread, NULL, serve, line) == 0, "no thread");
    return line;
}

void line_close(struct line *line, struct report *report)
{
    shutdown(line->client_fd, SHUT_RDWR);
    close(line->client_fd);
    pthread_join(line->thread, NULL);
    if (report != NULL)
        *report = line->report;
    free(line);
}

/* The conversation */

static int hostlock_reason_on_queue(void)
{
    unsigned long code;
    int status = 0;
    while ((code = ERR_get_error()) != 0) {
        const char *library = ERR_lib_error_string(code);
        if (library != NULL && strcmp(library, "hostlock") == 0)
            status = -ERR_GET_REASON(code);
    }
    return status;
}

int meet_in_memory(SSL *client, SSL *server)
{
    BIO *one, *other;
    char byte = 0;
    int sent = 0, arrived = 0;
    need(BIO_new_bio_pair(&one, 0, &other, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(server, one, one);
    SSL_set_bio(client, other, other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int turn = 0; turn < 20; turn++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
        if (!sent && SSL_is_init_finished(client))
            sent = SSL_write(client, "x", 1) == 1;
        if (SSL_is_init_finished(server) && !arrived) {
            arrived = SSL_read(server, &byte, 1) == 1 && byte == 'x';
            if (arrived)
                SSL_write(server, "y", 1);
        }
        if (arrived && SSL_read(client, &byte, 1) == 1)
            break;
    }
    ERR_clear_error();
    return arrived;
}

void converse(SSL *ssl, struct server *server, struct outcome *outcome)
{
    int fd;
    struct line *line = line_open(server, &fd);
    memset(outcome, 0, sizeof(*outcome));
    need(SSL_set_fd(ssl, fd) == 1, "SSL_set_fd failed");
    ERR_clear_error();
    outcome->connected = SSL_connect(ssl);
    outcome->queue_clean = ERR_peek_error() == 0;
    outcome->resumed = SSL_session_reused(ssl);
    outcome->verify_result = SSL_get_verify_result(ssl);
    outcome->reason = hostlock_reason_on_queue();
    const hostlock_error *error = hostlock_conn_error(ssl);
    outcome->status = hostlock_error_status(error);
    snprintf(outcome->message, sizeof(outcome->message), "%s", hostlock_error_message(error));
    /* A careless program goes on whatever SSL_connect said. */
    outcome->sent = SSL_write(ssl, "ping", 4);
    outcome->got = SSL_read(ssl, outcome->answer, sizeof(outcome->answer) - 1);
    if (outcome->connected == 1 && outcome->got > 0)
        SSL_shutdown(ssl);
    ERR_clear_error();
    line_close(line, &outcome->server);
}

void show(const struct outcome *outcome)
{
    const struct report *server = &outcome->server;
    note("  SSL_connect %d, SSL_write %d, SSL_read %d (\"%s\"), status %d (%s), reason %d, queue %s, verify result %ld",
         outcome->connected, outcome->sent, outcome->got, outcome->answer, outcome->status, outcome->message,
         outcome->reason, outcome->queue_clean ? "clean" : "not clean", outcome->verify_result);
    note("  server: accepted %d, resumed %d, received %zu \"%s\", early %zu, hellos %d, certificates %d, alert %d",
         server->accepted, server->resumed, server->received, server->text, server->early, server->hellos,
         server->certificates, server->alert);
}

void claim_passes(const struct outcome *outcome, const char *format, ...)
{
    char name[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    int passes = outcome->connected == 1 && outcome->status == 0 && outcome->queue_clean && outcome->sent == 4 &&
                 outcome->got == 4 && strcmp(outcome->answer, "pong") == 0 &&
                 outcome->verify_result == X509_V_OK && outcome->server.accepted &&
                 outcome->server.received - outcome->server.early == 4;
    claim(passes, "%s", name);
    if (!passes)
        show(outcome);
}

void claim_refused(const struct outcome *outcome, int status, const char *format, ...)
{
    char name[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    int refused = outcome->status == status && outcome->reason == status && outcome->sent <= 0 && outcome->got <= 0 &&
                  outcome->server.received == 0 && outcome->message[0] != '\0';
    claim(refused, "%s", name);
    if (!refused)
        show(outcome);
}

void claim_failed(const struct outcome *outcome, int status, const char *format, ...)
{
    char name[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof(name), format, arguments);
    va_end(arguments);
    int failed = outcome->connected != 1 && outcome->status == status && !outcome->queue_clean && outcome->sent <= 0 &&
                 outcome->got <= 0 && outcome->server.received == 0;
    claim(failed, "%s", name);
    if (!failed)
        show(outcome);
}

/* The client */

static const char *method_of_programs_context(void)
{
    return getenv("HOSTLOCK_TEST_CONTEXT");
}

int on_hardened_context(void)
{
    return method_of_programs_context() != NULL;
}

static SSL_CTX *hostlocks_context(void)
{
    if (!on_hardened_context())
        return hostlock_client_new(NULL);
    int either_side = strcmp(method_of_programs_context(), "TLS_method") == 0;
    SSL_CTX *ctx = SSL_CTX_new(either_side ? TLS_method() : TLS_client_method());
    need(ctx != NULL, "SSL_CTX_new failed");
    need(hostlock_harden(ctx, NULL, NULL) == 0, hostlock_error_message(hostlock_last_error()));
    return ctx;
}

SSL_CTX *client_context(void)
{
    SSL_CTX *ctx = hostlocks_context();
    need(ctx != NULL, hostlock_error_message(hostlock_last_error()));
    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), trusted_ca()) == 1, "the store does not take the CA");
    return ctx;
}

SSL *client_connection(SSL_CTX *ctx, const char *host)
{
    SSL *ssl = SSL_new(ctx);
    need(ssl != NULL, "SSL_new failed");
    SSL_set_connect_state(ssl);
    if (host != NULL)
        need(hostlock_conn_set_host(ssl, host) == 0, hostlock_error_message(hostlock_last_error()));
    return ssl;
}

SSL_CTX *plain_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    need(ctx != NULL, "SSL_CTX_new failed");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    /* The suite that hostlock's policy prefers: a session of another hash would not be resumed for that alone. */
    need(SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") == 1, "SSL_CTX_set_ciphersuites");
    return ctx;
}

const int both_versions[2] = {TLS1_2_VERSION, TLS1_3_VERSION};

const char *version_name(int version)
{
    return version == TLS1_3_VERSION ? "TLS 1.3" : version == TLS1_2_VERSION ? "TLS 1.2" : "an old TLS";
}

static void try_on(const struct habit *habit, enum who who, int version)
{
    struct server *server = server_new(&(struct manner){.identity = identity(who), .version = version});
    SSL_CTX *ctx = client_context();
    if (habit->context != NULL)
        habit->context(ctx);
    SSL *ssl = client_connection(ctx, RIGHT_HOST);
    if (habit->connection != NULL)
        habit->connection(ssl);
    struct outcome outcome;
    converse(ssl, server, &outcome);
    if (who == RIGHT)
        claim_passes(&outcome, "%s: the right host connects on %s", habit->name, version_name(version));
    else
        claim_refused(&outcome, who_status(who), "%s: %s is refused on %s", habit->name, who_name(who),
                      version_name(version));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    server_free(server);
}

void try_habit(const struct habit *habit)
{
    static const enum who usual[] = {IMPOSTOR, EXPIRED, UNKNOWN, SELF_SIGNED, WHO_COUNT};
    for (int version = 0; version < 2; version++) {
        try_on(habit, RIGHT, both_versions[version]);
        int peers = rounds(WHO_COUNT, 1);
        for (const enum who *who = habit->peers != NULL ? habit->peers : usual; *who != WHO_COUNT && peers-- > 0; who++)
            try_on(habit, *who, both_versions[version]);
    }
}
