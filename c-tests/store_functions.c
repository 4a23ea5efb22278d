/*
 * A program can put functions of its own into an X509_STORE. Those that judge in OpenSSL's place, or make anchors of
 * whatever they give, are refused and named, whether the store got them before it was handed over or after; those that
 * only bring material or are asked afterwards change nothing. On own, hardened and sealed contexts.
 */
#include "support.h"

#include <string.h>

#include <openssl/x509v3.h>

/* What an attacker would want of each. */

static int give_the_issuer(X509 **issuer, X509_STORE_CTX *store_ctx, X509 *certificate)
{
    X509 *found = X509_check_issued(untrusted_ca(), certificate) == X509_V_OK ? untrusted_ca() : NULL;
    if (found == NULL)
        return X509_STORE_CTX_get1_issuer(issuer, store_ctx, certificate);
    X509_up_ref(found);
    *issuer = found;
    return 1;
}

static STACK_OF(X509) *give_all_certificates(X509_STORE_CTX *store_ctx, const X509_NAME *name)
{
    (void)store_ctx, (void)name;
    STACK_OF(X509) *found = sk_X509_new_null();
    X509_up_ref(untrusted_ca());
    sk_X509_push(found, untrusted_ca());
    return found;
}

static int verifies(X509_STORE_CTX *store_ctx)
{
    X509_STORE_CTX_set_error(store_ctx, X509_V_OK);
    return 1;
}

static int issued(X509_STORE_CTX *store_ctx, X509 *certificate, X509 *issuer)
{
    (void)store_ctx, (void)certificate, (void)issuer;
    return 1;
}

static int no_crl(X509_STORE_CTX *store_ctx, X509_CRL **crl, X509 *certificate)
{
    (void)store_ctx, (void)crl, (void)certificate;
    return 0;
}

static int good_crl(X509_STORE_CTX *store_ctx, X509_CRL *crl)
{
    (void)store_ctx, (void)crl;
    return 1;
}

static int not_in_crl(X509_STORE_CTX *store_ctx, X509_CRL *crl, X509 *certificate)
{
    (void)store_ctx, (void)crl, (void)certificate;
    return 1;
}

/* Some of these types have gained a const in OpenSSL 4.0. */
static void set_get_issuer(X509_STORE *store)
{
    X509_STORE_set_get_issuer(store, (X509_STORE_CTX_get_issuer_fn)give_the_issuer);
}

static void set_lookup_certs(X509_STORE *store)
{
    X509_STORE_set_lookup_certs(store, (X509_STORE_CTX_lookup_certs_fn)give_all_certificates);
}

static void set_verify(X509_STORE *store)
{
    X509_STORE_set_verify(store, verifies);
}

static void set_check_issued(X509_STORE *store)
{
    X509_STORE_set_check_issued(store, (X509_STORE_CTX_check_issued_fn)issued);
}

static void set_check_revocation(X509_STORE *store)
{
    X509_STORE_set_check_revocation(store, verifies);
}

static void set_get_crl(X509_STORE *store)
{
    X509_STORE_set_get_crl(store, (X509_STORE_CTX_get_crl_fn)no_crl);
}

static void set_check_crl(X509_STORE *store)
{
    X509_STORE_set_check_crl(store, (X509_STORE_CTX_check_crl_fn)good_crl);
}

static void set_cert_crl(X509_STORE *store)
{
    X509_STORE_set_cert_crl(store, (X509_STORE_CTX_cert_crl_fn)not_in_crl);
}

static void set_check_policy(X509_STORE *store)
{
    X509_STORE_set_check_policy(store, verifies);
}

/* Honest ones. */

static int cleanups;

static int as_before(int ok, X509_STORE_CTX *store_ctx)
{
    (void)store_ctx;
    return ok;
}

static int clean_up(X509_STORE_CTX *store_ctx)
{
    (void)store_ctx;
    cleanups++;
    return 1;
}

static STACK_OF(X509_CRL) *no_crls(const X509_STORE_CTX *store_ctx, const X509_NAME *name)
{
    (void)store_ctx, (void)name;
    return NULL;
}

static void set_verify_cb(X509_STORE *store)
{
    X509_STORE_set_verify_cb(store, as_before);
}

static void set_cleanup(X509_STORE *store)
{
    X509_STORE_set_cleanup(store, clean_up);
}

static void set_depth(X509_STORE *store)
{
    X509_STORE_set_depth(store, 5);
}

static void set_flags(X509_STORE *store)
{
    X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT);
}

static void add_lookup(X509_STORE *store)
{
    X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
}

static void set_lookup_crls(X509_STORE *store)
{
    X509_STORE_set_lookup_crls(store, (X509_STORE_CTX_lookup_crls_fn)no_crls);
}

static void set_ex_data(X509_STORE *store)
{
    static int index = -1, datum;
    if (index < 0)
        index = X509_STORE_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    X509_STORE_set_ex_data(store, index, &datum);
}

static const struct setter {
    const char *name;
    void (*set)(X509_STORE *);
    int refused;
} setters[] = {
    /* They judge in OpenSSL's place, or make anchors of what they give. */
    {"X509_STORE_set_get_issuer", set_get_issuer, 1},
    {"X509_STORE_set_lookup_certs", set_lookup_certs, 1},
    {"X509_STORE_set_verify", set_verify, 1},
    {"X509_STORE_set_check_issued", set_check_issued, 1},
    {"X509_STORE_set_check_revocation", set_check_revocation, 1},
    {"X509_STORE_set_get_crl", set_get_crl, 1},
    {"X509_STORE_set_check_crl", set_check_crl, 1},
    {"X509_STORE_set_cert_crl", set_cert_crl, 1},
    {"X509_STORE_set_check_policy", set_check_policy, 1},
    /* They bring material, or are asked afterwards. */
    {"X509_STORE_set_verify_cb", set_verify_cb, 0},
    {"X509_STORE_set_cleanup", set_cleanup, 0},
    {"X509_STORE_set_depth", set_depth, 0},
    {"X509_STORE_set_flags", set_flags, 0},
    {"X509_STORE_add_lookup", add_lookup, 0},
    {"X509_STORE_set_lookup_crls", set_lookup_crls, 0},
    {"X509_STORE_set_ex_data", set_ex_data, 0},
};

/* When the store gets its function. */
enum when { ON_THE_CONTEXTS_STORE, BEFORE_SET_CERT_STORE, AFTER_SET_CERT_STORE, BEFORE_SET_VERIFY_STORE, WHEN_COUNT };
static const char *const when_names[] = {"on the context's own store", "before SSL_CTX_set_cert_store",
                                         "after SSL_CTX_set_cert_store", "before SSL_CTX_set1_verify_cert_store"};

static X509_STORE *store_of_the_ca(void)
{
    X509_STORE *store = X509_STORE_new();
    need(store != NULL && X509_STORE_add_cert(store, trusted_ca()) == 1, "the store does not take the CA");
    return store;
}

static void give_store(SSL_CTX *ctx, const struct setter *setter, enum when when)
{
    X509_STORE *store = when == ON_THE_CONTEXTS_STORE ? SSL_CTX_get_cert_store(ctx) : store_of_the_ca();
    switch (when) {
    case ON_THE_CONTEXTS_STORE:
        need(X509_STORE_add_cert(store, trusted_ca()) == 1, "the store does not take the CA");
        setter->set(store);
        break;
    case BEFORE_SET_CERT_STORE:
        setter->set(store);
        SSL_CTX_set_cert_store(ctx, store);
        break;
    case AFTER_SET_CERT_STORE:
        SSL_CTX_set_cert_store(ctx, store);
        setter->set(SSL_CTX_get_cert_store(ctx));
        break;
    default:
        setter->set(store);
        SSL_CTX_set1_verify_cert_store(ctx, store);
        X509_STORE_free(store);
    }
}

static SSL_CTX *own(void)
{
    return hostlock_client_new(NULL);
}

static SSL_CTX *plain(void)
{
    return SSL_CTX_new(TLS_client_method());
}

static SSL_CTX *hardened(void)
{
    SSL_CTX *ctx = plain();
    need(ctx != NULL && hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

static int is_named(hostlock_report *report, const char *name)
{
    const char *json = hostlock_report_json(report);
    int found = strstr(json, "\"own-store-functions\"") != NULL && strstr(json, name) != NULL;
    hostlock_report_free(report);
    return found;
}

static void one(const char *kind, SSL_CTX *(*make)(void), const struct setter *setter, enum when when)
{
    static struct server *servers[2];
    const enum who peers[2] = {RIGHT, UNKNOWN};
    SSL_CTX *ctx = make();
    need(ctx != NULL, "no context");
    give_store(ctx, setter, when);
    for (int i = 0; i < 2; i++) {
        struct outcome outcome;
        if (servers[i] == NULL)
            servers[i] = server_new(&(struct manner){.identity = identity(peers[i])});
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        converse(ssl, servers[i], &outcome);
        if (setter->refused) {
            claim_refused(&outcome, HOSTLOCK_E_UNSUPPORTED, "%s: %s %s: %s is refused", kind, setter->name,
                          when_names[when], who_name(peers[i]));
            claim(strstr(outcome.message, setter->name) != NULL, "  and the error names the function");
        } else if (peers[i] == RIGHT) {
            claim_passes(&outcome, "%s: %s %s: the right host connects", kind, setter->name, when_names[when]);
        } else {
            claim_refused(&outcome, who_status(UNKNOWN), "%s: %s %s: %s is refused", kind, setter->name,
                          when_names[when], who_name(peers[i]));
        }
        SSL_free(ssl);
    }
    hostlock_report *intact = NULL, *audit = NULL;
    need(hostlock_ctx_check_intact(ctx, &intact) == 0 && hostlock_audit(ctx, &audit) == 0, "no report");
    claim(is_named(intact, setter->name) == setter->refused, "%s: %s %s: hostlock_ctx_check_intact %s", kind,
          setter->name, when_names[when], setter->refused ? "names it" : "has nothing against it");
    claim(is_named(audit, setter->name) == setter->refused, "%s: %s %s: the audit %s", kind, setter->name,
          when_names[when], setter->refused ? "names it" : "has nothing against it");
    SSL_CTX_free(ctx);
}

static void on(const char *kind, SSL_CTX *(*make)(void))
{
    for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++)
        for (enum when when = 0; when < WHEN_COUNT; when++)
            one(kind, make, &setters[i], when);
}

/* Without an anchor of the program's the system's roots would stand in; a function that might refuse is not passed over. */
static void where_the_system_stands_in(const char *kind, SSL_CTX *(*make)(void))
{
    struct server *right = server_new(&(struct manner){.identity = identity(RIGHT)});
    for (size_t i = 0; i < sizeof(setters) / sizeof(setters[0]); i++) {
        struct outcome outcome;
        if (!setters[i].refused)
            continue;
        SSL_CTX *ctx = make();
        setters[i].set(SSL_CTX_get_cert_store(ctx));
        SSL *ssl = client_connection(ctx, RIGHT_HOST);
        converse(ssl, right, &outcome);
        claim_refused(&outcome, HOSTLOCK_E_UNSUPPORTED, "%s: %s on a store without anchors: refused", kind,
                      setters[i].name);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
    server_free(right);
}

int main(void)
{
    on("own", own);
    on("hardened", hardened);
    where_the_system_stands_in("own", own);
    where_the_system_stands_in("hardened", hardened);
    need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
    on("sealed", plain);
    where_the_system_stands_in("sealed", plain);
    return finish();
}
