/*
 * One handshake with each kind of peer: what the calls return, which callbacks come in which order, what was agreed,
 * and what the other side sees of a refusal.
 */
#include "dropin.h"

#include <string.h>

static void agreed(SSL *ssl)
{
    char text[256];
    SSL_CIPHER_description(SSL_get_current_cipher(ssl), text, sizeof(text));
    say("cipher", "%.*s", (int)strcspn(text, "\n"), text);
    int nid = 0;
    say("signature type", "%s", SSL_get_peer_signature_type_nid(ssl, &nid) ? OBJ_nid2sn(nid) : "none");
    say("signature digest", "%s", SSL_get_peer_signature_nid(ssl, &nid) ? OBJ_nid2sn(nid) : "none");
    say("own signature type", "%s", SSL_get_signature_type_nid(ssl, &nid) ? OBJ_nid2sn(nid) : "none");
    say("group", "%ld", (long)SSL_get_negotiated_group(ssl));
    EVP_PKEY *key = NULL;
    long got = SSL_get_peer_tmp_key(ssl, &key);
    say("temporary key", "%ld, %d bits", got, key != NULL ? EVP_PKEY_get_bits(key) : 0);
    EVP_PKEY_free(key);
    say("extended master secret", "%ld", (long)SSL_get_extms_support(ssl));
    say("secure renegotiation", "%ld", (long)SSL_get_secure_renegotiation_support(ssl));
    say("compression", "%s", SSL_get_current_compression(ssl) != NULL ? "on" : "off");
    say("client random", "%zu", SSL_get_client_random(ssl, NULL, 0));
    unsigned char finished[64];
    say("finished", "%zu, %zu", SSL_get_finished(ssl, finished, sizeof(finished)),
        SSL_get_peer_finished(ssl, finished, sizeof(finished)));
    say("exporter", "%d", SSL_export_keying_material(ssl, finished, 32, "a label", 7, NULL, 0, 0));
}

static void peer_certificate(SSL *ssl)
{
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    char name[256] = "none";
    if (certificate != NULL)
        X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof(name));
    say("peer certificate", "%s", name);
    X509_free(certificate);
    say("peer chain", "%d", sk_X509_num(SSL_get_peer_cert_chain(ssl)));
    STACK_OF(X509) *verified = SSL_get0_verified_chain(ssl);
    say("verified chain", "%d", sk_X509_num(verified));
    for (int i = 0; i < sk_X509_num(verified); i++) {
        char key[32];
        snprintf(key, sizeof(key), "verified %d", i);
        say(key, "%s", X509_NAME_oneline(X509_get_subject_name(sk_X509_value(verified, i)), name, sizeof(name)));
    }
    const char *host = SSL_get0_peername(ssl);
    say("name that matched", "%s", host != NULL ? host : "none");
}

static void meet(const char *who, int version)
{
    chapter("%s, %s", who, version_word(version));
    SSL_CTX *client = tested_client(), *server = peer_server(who, version);
    SSL_CTX_set_info_callback(client, watch_info);
    SSL_CTX_set_msg_callback(client, watch_messages);
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 0);
    int connected = shake("handshake", near, far);
    say_calls("callbacks");
    say("verify result", "%ld, %s", SSL_get_verify_result(near),
        X509_verify_cert_error_string(SSL_get_verify_result(near)));
    say("version", "%s", SSL_get_version(near));
    say("state", "%s, in init %d", SSL_state_string_long(near), SSL_in_init(near));
    say("shutdown", "%d", SSL_get_shutdown(near));
    say("sessions", "%ld connects, %ld good", SSL_CTX_sess_connect(client), SSL_CTX_sess_connect_good(client));
    peer_certificate(near);
    if (connected)
        agreed(near);
    talk("after it", near, far);
    say_calls("callbacks after it");
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

/* Servers with which nothing can be agreed. */
static void no_common_ground(const char *what, void (*change)(SSL_CTX *))
{
    chapter("%s", what);
    SSL_CTX *client = tested_client(), *server = peer_server("right", 0);
    SSL_CTX_set_info_callback(client, watch_info);
    change(server);
    SSL *near = tested_connection(client), *far = SSL_new(server);
    join(near, far, 0);
    shake("handshake", near, far);
    say_calls("callbacks");
    talk("after it", near, far);
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void old_version(SSL_CTX *server)
{
    SSL_CTX_set_min_proto_version(server, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(server, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(server, "ALL:@SECLEVEL=0");
}

static void cbc_only(SSL_CTX *server)
{
    SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(server, "ECDHE-ECDSA-AES128-SHA");
}

static void other_group(SSL_CTX *server)
{
    SSL_CTX_set1_groups_list(server, "X448");
}

static void anonymous(SSL_CTX *server)
{
    SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(server, "aNULL:@SECLEVEL=0");
}

int main(void)
{
    static const char *const peers[] = {"right",   "impostor",  "expired",  "not-yet", "unknown", "self-signed",
                                        "cn-only", "wrong-use", "weak-key", "address", "client"};
    for (int i = 0; i < 2; i++)
        for (size_t peer = 0; peer < sizeof(peers) / sizeof(peers[0]); peer++)
            meet(peers[peer], versions[i]);
    no_common_ground("a server of old versions", old_version);
    no_common_ground("a server without a common suite", cbc_only);
    no_common_ground("a server without a common group", other_group);
    no_common_ground("an anonymous server", anonymous);
    return 0;
}
