/* hostlock_conn_export and hostlock_conn_channel_binding: both sides, and a plain peer, compute the same. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

static void meet(int version)
{
    const char *on = version_name(version);
    SSL_CTX *plain = SSL_CTX_new(TLS_server_method());
    const struct identity *right = identity(RIGHT);
    need(SSL_CTX_use_certificate(plain, right->certificate) == 1 && SSL_CTX_use_PrivateKey(plain, right->key) == 1, "a server");
    SSL_CTX_set_max_proto_version(plain, version);
    hostlock_ctx *ctx = client_context();
    SSL *client = client_connection(ctx, RIGHT_HOST), *server = SSL_new(plain);
    unsigned char one[64] = {0}, other[64] = {1}, third[64] = {2};
    size_t length = 7;
    claim(hostlock_conn_export(client, "EXPERIMENTAL x", NULL, 0, one, 32) == HOSTLOCK_E_STATE &&
              hostlock_conn_channel_binding(client, "tls-exporter", one, &length) == HOSTLOCK_E_STATE &&
              hostlock_conn_channel_binding(client, "tls-server-end-point", one, &length) == HOSTLOCK_E_STATE && length == 7,
          "%s: there is nothing before the handshake is complete", on);
    need(meet_in_memory(client, server), "a handshake");
    claim(hostlock_conn_export(client, "EXPERIMENTAL x", "ctx", 3, one, 48) == 0 &&
              SSL_export_keying_material(server, other, 48, "EXPERIMENTAL x", 14, (const unsigned char *)"ctx", 3, 1) == 1 &&
              memcmp(one, other, 48) == 0,
          "  the peer computes the same");
    claim(hostlock_conn_export(client, "EXPERIMENTAL y", "ctx", 3, third, 48) == 0 && memcmp(one, third, 48) != 0, "  another label gives another");
    claim(hostlock_conn_export(client, "EXPERIMENTAL x", NULL, 0, one, 32) == 0 &&
              SSL_export_keying_material(server, other, 32, "EXPERIMENTAL x", 14, NULL, 0, 0) == 1 && memcmp(one, other, 32) == 0,
          "  and so does no context");
    claim(hostlock_conn_channel_binding(client, "tls-exporter", one, &length) == 0 && length == 32 &&
              SSL_export_keying_material(server, other, 32, "EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0, 1) == 1 &&
              memcmp(one, other, 32) == 0,
          "  tls-exporter is that of RFC 9266");
    unsigned int size = 0;
    X509_digest(right->certificate, EVP_sha256(), other, &size);
    claim(hostlock_conn_channel_binding(client, "tls-server-end-point", one, &length) == 0 && length == size && memcmp(one, other, size) == 0,
          "  tls-server-end-point is the certificate's digest");
    claim(hostlock_conn_channel_binding(client, "tls-unique", one, &length) == HOSTLOCK_E_ARG &&
              hostlock_conn_channel_binding(client, NULL, one, &length) == HOSTLOCK_E_ARG &&
              hostlock_conn_channel_binding(client, "tls-exporter", NULL, &length) == HOSTLOCK_E_ARG &&
              hostlock_conn_channel_binding(client, "tls-exporter", one, NULL) == HOSTLOCK_E_ARG &&
              hostlock_conn_channel_binding(NULL, "tls-exporter", one, &length) == HOSTLOCK_E_ARG,
          "  unknown kinds and NULL");
    claim(hostlock_conn_export(client, "", NULL, 0, one, 32) == HOSTLOCK_E_ARG && hostlock_conn_export(client, NULL, NULL, 0, one, 32) == HOSTLOCK_E_ARG &&
              hostlock_conn_export(client, "x", NULL, 0, NULL, 32) == HOSTLOCK_E_ARG && hostlock_conn_export(client, "x", NULL, 0, one, 0) == HOSTLOCK_E_ARG &&
              hostlock_conn_export(server, "x", NULL, 0, one, 32) == HOSTLOCK_E_STATE && ERR_peek_error() == 0,
          "  bad labels, no room, and a connection that is not hostlock's");
    if (version == TLS1_2_VERSION)
        claim(hostlock_conn_export(client, "master secret", NULL, 0, one, 32) == HOSTLOCK_E_ARG && ERR_peek_error() == 0, "  TLS's own labels are not given");
    SSL_free(client), SSL_free(server);
    hostlock_ctx_free(ctx), SSL_CTX_free(plain);
}

static void without_extended_master_secret(void)
{
    SSL_CTX *plain = SSL_CTX_new(TLS_server_method());
    const struct identity *right = identity(RIGHT);
    need(SSL_CTX_use_certificate(plain, right->certificate) == 1 && SSL_CTX_use_PrivateKey(plain, right->key) == 1, "a server");
    SSL_CTX_set_max_proto_version(plain, TLS1_2_VERSION);
    SSL_CTX_set_options(plain, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    hostlock_ctx *ctx = client_context();
    SSL *client = client_connection(ctx, RIGHT_HOST), *server = SSL_new(plain);
    unsigned char one[64];
    size_t length;
    need(meet_in_memory(client, server), "a handshake");
    claim(hostlock_conn_export(client, "EXPERIMENTAL x", NULL, 0, one, 32) == HOSTLOCK_E_UNSUPPORTED &&
              hostlock_conn_channel_binding(client, "tls-exporter", one, &length) == HOSTLOCK_E_UNSUPPORTED,
          "without the extended master secret nothing is exported");
    SSL_free(client), SSL_free(server);
    hostlock_ctx_free(ctx), SSL_CTX_free(plain);
}

static void on_both_sides(int version)
{
    hostlock_ctx *serving = hostlock_server_new(NULL), *ctx = client_context();
    const struct identity *right = identity(RIGHT);
    need(SSL_CTX_use_certificate(serving, right->certificate) == 1 && SSL_CTX_use_PrivateKey(serving, right->key) == 1, "a server");
    SSL_CTX_set_max_proto_version(serving, version);
    SSL *client = client_connection(ctx, RIGHT_HOST), *server = SSL_new(serving);
    need(meet_in_memory(client, server), "a handshake");
    static const char *const kinds[] = {"tls-exporter", "tls-server-end-point"};
    for (int i = 0; i < 2; i++) {
        unsigned char one[HOSTLOCK_BINDING_MAX], other[HOSTLOCK_BINDING_MAX];
        size_t length = 0, of_other = 1;
        claim(hostlock_conn_channel_binding(client, kinds[i], one, &length) == 0 &&
                  hostlock_conn_channel_binding(server, kinds[i], other, &of_other) == 0 && length == of_other &&
                  memcmp(one, other, length) == 0,
              "%s: %s is the same on both sides", version_name(version), kinds[i]);
    }
    SSL_free(client), SSL_free(server);
    hostlock_ctx_free(ctx), hostlock_ctx_free(serving);
}

int main(void)
{
    for (int i = 0; i < 2; i++)
        on_both_sides(both_versions[i]);
    for (int i = 0; i < 2; i++)
        meet(both_versions[i]);
    without_extended_master_secret();
    return finish();
}
