/*
 * Every setter of a context, on servers: it holds for later handshakes, resumed ones too, or it answers HOSTLOCK_E_STATE
 * with words. Contexts of hostlock_server_new, hardened ones that only serve, and hardened ones that serve either side.
 */
#define HOSTLOCK_ALLOW_INSECURE
#include "support.h"

#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

static struct identity ca, middle, device, expired, for_servers, strange;

enum kind { OWN, HARDENED, HARDENED_EITHER, KINDS };
static const char *const kind_names[] = {"hostlock_server_new", "a hardened TLS_server_method()", "a hardened TLS_method()"};

static SSL_CTX *server(enum kind kind, int version)
{
    SSL_CTX *ctx = kind == OWN        ? hostlock_server_new(NULL)
                   : kind == HARDENED ? SSL_CTX_new(TLS_server_method())
                                      : SSL_CTX_new(TLS_method());
    need(ctx != NULL && SSL_CTX_use_certificate(ctx, identity(RIGHT)->certificate) == 1 &&
             SSL_CTX_use_PrivateKey(ctx, identity(RIGHT)->key) == 1, "a server");
    if (kind != OWN)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    BIO *pem = BIO_new(BIO_s_mem());
    char *text;
    PEM_write_bio_X509(pem, ca.certificate);
    long length = BIO_get_mem_data(pem, &text);
    need(hostlock_ctx_trust_mem(ctx, (const uint8_t *)text, (size_t)length) == 0, "hostlock_ctx_trust_mem");
    BIO_free(pem);
    return ctx;
}

static SSL_SESSION *kept;
static int resumed, status;

/* A visit of this client, with the session of its last one; whether its byte arrived. */
static int visit(SSL_CTX *ctx, const struct identity *who)
{
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_use_certificate(client_ctx, who->certificate);
    SSL_CTX_use_PrivateKey(client_ctx, who->key);
    if (who->sent_along != NULL)
        SSL_CTX_add1_chain_cert(client_ctx, who->sent_along);
    SSL *client = SSL_new(client_ctx), *accepting = SSL_new(ctx);
    if (kept != NULL)
        SSL_set_session(client, kept);
    int arrived = meet_in_memory(client, accepting);
    resumed = arrived && SSL_session_reused(accepting);
    const hostlock_error *error = hostlock_conn_error(accepting);
    status = error == NULL ? 0 : hostlock_error_status(error);
    if (arrived) {
        SSL_SESSION_free(kept);
        kept = SSL_get1_session(client);
    }
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(accepting);
    SSL_CTX_free(client_ctx);
    ERR_clear_error();
    return arrived;
}

static void forget(void)
{
    SSL_SESSION_free(kept);
    kept = NULL;
}

static int add_pin(SSL_CTX *ctx)
{
    return hostlock_ctx_add_pin(ctx, "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
}

static int set_depth(SSL_CTX *ctx)
{
    return hostlock_ctx_set_verify_depth(ctx, 0);
}

static int set_flags(SSL_CTX *ctx)
{
    return hostlock_ctx_set_verify_flags(ctx, "explicit-policy");
}

static int set_time(SSL_CTX *ctx)
{
    return hostlock_ctx_set_verify_time(ctx, (int64_t)time(NULL) + 100 * 86400);
}

static int set_crl_mode(SSL_CTX *ctx)
{
    return hostlock_ctx_set_crl_mode(ctx, "leaf");
}

static int set_crl_flags(SSL_CTX *ctx)
{
    return hostlock_ctx_set_verify_flags(ctx, "crl-check");
}

static int set_host(SSL_CTX *ctx)
{
    return hostlock_ctx_set_host(ctx, OTHER_HOST);
}

/* What makes a server stricter; some of it binds what goes out where a context serves either side. */
static const struct {
    const char *name;
    int (*call)(SSL_CTX *ctx);
    int binds_what_goes_out;
} stricter[] = {
    {"hostlock_ctx_add_pin", add_pin, 0},
    {"hostlock_ctx_set_verify_depth", set_depth, 0},
    {"hostlock_ctx_set_verify_flags", set_flags, 0},
    {"hostlock_ctx_set_verify_time", set_time, 0},
    {"hostlock_ctx_set_crl_mode", set_crl_mode, 0},
    {"crl-check", set_crl_flags, 0},
    {"hostlock_ctx_set_host", set_host, 1},
};

static void tightened(enum kind kind, int version)
{
    for (size_t i = 0; i < sizeof(stricter) / sizeof(stricter[0]); i++) {
        if (kind == HARDENED_EITHER && stricter[i].binds_what_goes_out)
            continue;
        SSL_CTX *ctx = server(kind, version);
        forget();
        int first = visit(ctx, &device), second = visit(ctx, &device);
        claim(first && second && resumed, "%s on %s: a device is served, and resumes", kind_names[kind],
              version_name(version));
        need(stricter[i].call(ctx) == 0, stricter[i].name);
        int served = visit(ctx, &device);
        claim(!served, "  %s holds for a session from before it (resumed: %d)", stricter[i].name, resumed);
        forget();
        claim(!visit(ctx, &device) && status < 0, "  and for a full handshake (%d)", status);
        SSL_CTX_free(ctx);
    }
}

/* Each waiver lets in the one whom it is about, and no other; that of all verification lets in everybody. */
static const struct {
    const char *name;
    int (*waive)(SSL_CTX *ctx, const char *reason);
    const struct identity *about;
    int lets_in_everybody;
} waivers[] = {
    {"no_verify", hostlock_insecure_no_verify, &strange, 1},
    {"no_time", hostlock_insecure_no_time, &expired, 0},
    {"any_purpose", hostlock_insecure_any_purpose, &for_servers, 0},
};

static void waived(enum kind kind, int version)
{
    static const struct identity *const visitors[] = {&strange, &expired, &for_servers};
    for (size_t i = 0; i < sizeof(waivers) / sizeof(waivers[0]); i++) {
        SSL_CTX *ctx = server(kind, version);
        forget();
        claim(!visit(ctx, waivers[i].about), "%s on %s refuses the client whom hostlock_insecure_%s is about",
              kind_names[kind], version_name(version), waivers[i].name);
        need(waivers[i].waive(ctx, "a test") == 0, waivers[i].name);
        for (size_t j = 0; j < sizeof(visitors) / sizeof(visitors[0]); j++) {
            forget();
            int served = visit(ctx, visitors[j]), again = served && visit(ctx, visitors[j]);
            int expected = waivers[i].lets_in_everybody || visitors[j] == waivers[i].about;
            claim(served == expected && again == expected, "  %s then, and again (visitor %zu: %d%d)",
                  expected ? "serves it" : "no other", j, served, again);
        }
        claim(hostlock_ctx_insecure_count(ctx) == 1, "  and the waiver is counted");
        SSL_CTX_free(ctx);
    }
}

/* The waiver of the name, on a server that OpenSSL's parameters bind to another one. */
static void name_waived(enum kind kind, int version)
{
    SSL_CTX *ctx = server(kind, version);
    need(X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(ctx), OTHER_HOST, 0) == 1, "a name");
    forget();
    claim(!visit(ctx, &device), "%s on %s refuses the client whom hostlock_insecure_no_hostname is about",
          kind_names[kind], version_name(version));
    need(hostlock_insecure_no_hostname(ctx, "a test") == 0, "no_hostname");
    forget();
    claim(visit(ctx, &device) && visit(ctx, &device), "  serves it then, and again");
    forget();
    claim(!visit(ctx, &strange) && !visit(ctx, &expired), "  and no other");
    claim(hostlock_ctx_insecure_count(ctx) == 1, "  and the waiver is counted");
    SSL_CTX_free(ctx);
}

static void not_for_servers(enum kind kind, int version)
{
    SSL_CTX *ctx = server(kind, version);
    int either = kind == HARDENED_EITHER;
    int answer = hostlock_ctx_set_ocsp_mode(ctx, "require");
    claim(either ? answer == 0 : answer == HOSTLOCK_E_STATE && strlen(hostlock_error_message(hostlock_last_error())) > 0,
          "%s: hostlock_ctx_set_ocsp_mode %s", kind_names[kind], either ? "is for what goes out" : "has words for why not");
    forget();
    claim(visit(ctx, &device) == either, "  %s", either ? "and clients are served" : "and who overlooked them serves nobody");
    SSL_CTX_free(ctx);
}

int main(void)
{
    ca = issue(NULL, p256(), "CA of the devices", NULL, NULL, -20, 300);
    middle = issue(&ca, p256(), "intermediate CA of the devices", NULL, NULL, -20, 300);
    device = issue(&middle, p256(), "device", "DNS:" RIGHT_HOST, "clientAuth", -1, 30);
    device.sent_along = middle.certificate;
    expired = issue(&ca, p256(), "old device", "DNS:" RIGHT_HOST, "clientAuth", -10, -1);
    for_servers = issue(&ca, p256(), "server", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
    strange = issue(NULL, p256(), "stranger", "DNS:" RIGHT_HOST, "clientAuth", -1, 30);
    for (int i = 0; i < 2; i++)
        for (enum kind kind = OWN; kind < KINDS; kind++) {
            tightened(kind, both_versions[i]);
            waived(kind, both_versions[i]);
            name_waived(kind, both_versions[i]);
            not_for_servers(kind, both_versions[i]);
        }
    forget();
    identity_free(&device), identity_free(&expired), identity_free(&for_servers), identity_free(&strange);
    identity_free(&middle), identity_free(&ca);
    return finish();
}
