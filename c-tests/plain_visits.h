/* Visits of a plain client to a server of hostlock's, in memory, and what the client was shown. */
#ifndef HOSTLOCK_TEST_PLAIN_VISITS_H
#define HOSTLOCK_TEST_PLAIN_VISITS_H

#include "kept.h"
#include "support.h"

#include <stdio.h>

#include <openssl/err.h>

struct visit {
    int served, resumed, status, alert, asked_names;
    char sni[300];
    char shown[64], asked[64];  /* common names: of the server's certificate, of the first CA that it asks for */
};

static int last_alert;

static void watch_alerts(const SSL *ssl, int place, int value)
{
    (void)ssl;
    if ((place & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
        last_alert = value & 0xff;
}

/* All but `ctx` and `version` may be NULL. The session that the client gets is `kept`, in place of the one before. */
static struct visit visit(hostlock_ctx *ctx, const char *name, int version, const char *signatures, const struct identity *who,
                          SSL_SESSION *offered)
{
    struct visit visit = {0};
    SSL_CTX *plain = plain_context();
    SSL_CTX_set_min_proto_version(plain, version), SSL_CTX_set_max_proto_version(plain, version);
    SSL_CTX_set_session_cache_mode(plain, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(plain, keep);
    SSL_CTX_set_info_callback(plain, watch_alerts);
    if (signatures != NULL)
        SSL_CTX_set1_sigalgs_list(plain, signatures);
    if (who != NULL)
        SSL_CTX_use_certificate(plain, who->certificate), SSL_CTX_use_PrivateKey(plain, who->key);
    SSL *client = SSL_new(plain), *server = SSL_new(ctx);
    if (name != NULL)
        SSL_set_tlsext_host_name(client, name);
    if (offered != NULL)
        SSL_set_session(client, offered);  /* and so it lives on where it is `kept`, and another comes */
    last_alert = 0;
    visit.served = meet_in_memory(client, server);
    visit.resumed = visit.served && SSL_session_reused(server);
    X509 *shown = SSL_get0_peer_certificate(client);
    if (shown != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, visit.shown, sizeof(visit.shown));
    const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(client);
    visit.asked_names = names == NULL ? 0 : sk_X509_NAME_num(names);
    if (visit.asked_names > 0)
        X509_NAME_get_text_by_NID(sk_X509_NAME_value(names, 0), NID_commonName, visit.asked, sizeof(visit.asked));
    visit.alert = last_alert;
    const char *sni = hostlock_conn_sni(server);
    snprintf(visit.sni, sizeof(visit.sni), "%s", sni == NULL ? "(none)" : sni);
    const hostlock_error *error = hostlock_conn_error(server);
    visit.status = error == NULL ? 0 : hostlock_error_status(error);
    need(hostlock_conn_sni(client) == NULL, "a client that is asked for no name");
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client), SSL_free(server), SSL_CTX_free(plain);
    ERR_clear_error();
    return visit;
}

#endif
