/*
 * A connection of a context that only serves, made to go out by SSL_set_ssl_method: such a context judges clients, so
 * nothing would be asked of the server at the other end. It is refused, named or not. Where the context serves either side it
 * goes out as any other.
 */
#include "support.h"

#include <string.h>

#include <openssl/err.h>

enum kind { OWN, HARDENED, EITHER, SEALED, KINDS };
static const char *const kind_names[] = {"hostlock_server_new", "a hardened TLS_server_method()", "a hardened TLS_method()",
                                         "a sealed TLS_server_method()"};
static struct identity ca, right, impostor;

static SSL_CTX *context(enum kind kind)
{
    SSL_CTX *ctx = kind == OWN      ? hostlock_server_new(NULL)
                   : kind == EITHER ? SSL_CTX_new(TLS_method())
                                    : SSL_CTX_new(TLS_server_method());
    need(ctx != NULL && X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.certificate) == 1, "a context");
    if (kind == HARDENED || kind == EITHER)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

/* The status of the connection; whether a byte arrived. */
static int go_out(enum kind kind, int version, const struct identity *who, int named, int watched, int *arrived)
{
    SSL_CTX *ctx = context(kind), *peer_ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(peer_ctx, who->certificate);
    SSL_CTX_use_PrivateKey(peer_ctx, who->key);
    SSL_CTX_set_max_proto_version(peer_ctx, version);
    SSL *ssl = SSL_new(ctx), *peer = SSL_new(peer_ctx);
    need(SSL_set_ssl_method(ssl, TLS_client_method()) == 1, "SSL_set_ssl_method");
    if (named)
        need(SSL_set1_host(ssl, RIGHT_HOST) == 1, "SSL_set1_host");
    if (watched)
        SSL_set_info_callback(ssl, NULL);
    *arrived = meet_in_memory(ssl, peer);
    const hostlock_error *error = hostlock_conn_error(ssl);
    int status = error == NULL ? 0 : hostlock_error_status(error);
    SSL_free(ssl);
    SSL_free(peer);
    SSL_CTX_free(ctx);
    SSL_CTX_free(peer_ctx);
    ERR_clear_error();
    return status;
}

int main(void)
{
    /* Good for either side, so that it is no purpose that refuses. */
    ca = issue(NULL, p256(), "a CA", NULL, NULL, -1, 10);
    right = issue(&ca, p256(), "right", "DNS:" RIGHT_HOST, "serverAuth,clientAuth", -1, 10);
    impostor = issue(&ca, p256(), "impostor", "DNS:" OTHER_HOST, "serverAuth,clientAuth", -1, 10);
    int arrived;
    for (int kind = 0; kind < KINDS; kind++) {
        if (kind == SEALED)
            need(hostlock_seal_process(NULL) == 0, "hostlock_seal_process");
        for (int v = 0; v < 2; v++) {
            const char *name = kind_names[kind], *tls = version_name(both_versions[v]);
            if (kind == EITHER) {
                go_out(kind, both_versions[v], &right, 1, 0, &arrived);
                claim(arrived, "%s, %s: the host that was named is reached", name, tls);
                int status = go_out(kind, both_versions[v], &impostor, 1, 0, &arrived);
                claim(!arrived && status == HOSTLOCK_E_HOST_MISMATCH, "%s, %s: an impostor is refused", name, tls);
                continue;
            }
            for (int named = 0; named < 2; named++)
                for (int watched = 0; watched < 2; watched++) {
                    int status = go_out(kind, both_versions[v], &impostor, named, watched, &arrived);
                    claim(!arrived && status == HOSTLOCK_E_STATE, "%s, %s: an impostor is refused%s%s", name, tls,
                          named ? ", the host named" : "", watched ? ", without an info callback" : "");
                    status = go_out(kind, both_versions[v], &right, named, watched, &arrived);
                    claim(!arrived && status == HOSTLOCK_E_STATE, "%s, %s: and so is anybody%s%s", name, tls,
                          named ? ", the host named" : "", watched ? ", without an info callback" : "");
                }
        }
    }
    identity_free(&ca);
    identity_free(&right);
    identity_free(&impostor);
    forget_identities();
    return finish();
}
