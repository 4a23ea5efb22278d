/* Set-up calls, good and bad: what they return, what they leave on the error queue, and what the getters say after. */
#include "dropin.h"

#include <string.h>

#include <openssl/x509v3.h>

static void strings(SSL_CTX *ctx)
{
    static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "HIGH", "DEFAULT", "no such suite", "",
                                         "ECDHE+AESGCM:!AES256", "@STRENGTH"};
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
        char key[96];
        snprintf(key, sizeof(key), "SSL_CTX_set_cipher_list \"%s\"", suites[i]);
        say_set(key, SSL_CTX_set_cipher_list(ctx, suites[i]));
        snprintf(key, sizeof(key), "ciphers after \"%s\"", suites[i]);
        say(key, "%d", sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(ctx)));
    }
    say_set("SSL_CTX_set_ciphersuites", SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384"));
    say_set("SSL_CTX_set_ciphersuites of an unknown one", SSL_CTX_set_ciphersuites(ctx, "TLS_NO_SUCH"));
    say_set("SSL_CTX_set1_groups_list", SSL_CTX_set1_groups_list(ctx, "P-256:P-384"));
    say_set("SSL_CTX_set1_groups_list of an unknown one", SSL_CTX_set1_groups_list(ctx, "P-999"));
    say_set("SSL_CTX_set1_sigalgs_list", SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256"));
    say_set("SSL_CTX_set1_sigalgs_list of an unknown one", SSL_CTX_set1_sigalgs_list(ctx, "ROT13+SHA256"));
    say_set("SSL_CTX_set_alpn_protos", SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2", 3));
    say_set("SSL_CTX_set_tlsext_max_fragment_length", SSL_CTX_set_tlsext_max_fragment_length(ctx, 1));
    say_set("SSL_CTX_set_tlsext_max_fragment_length of 99", SSL_CTX_set_tlsext_max_fragment_length(ctx, 99));
}

static void numbers(SSL_CTX *ctx)
{
    say_set("SSL_CTX_set_min_proto_version", SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION));
    say_set("SSL_CTX_set_min_proto_version of none", SSL_CTX_set_min_proto_version(ctx, 0x9999));
    say("minimum", "0x%lx", SSL_CTX_get_min_proto_version(ctx));
    say_set("SSL_CTX_set_max_proto_version", SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION));
    say("options set", "0x%llx", (unsigned long long)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET));
    say("options cleared", "0x%llx", (unsigned long long)SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET));
    say("mode set", "0x%lx", SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS));
    say("mode cleared", "0x%lx", SSL_CTX_clear_mode(ctx, SSL_MODE_RELEASE_BUFFERS));
    say("cache mode before", "0x%lx", SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF));
    say("cache size before", "%ld", SSL_CTX_sess_set_cache_size(ctx, 10));
    say("timeout before", "%ld", SSL_CTX_set_timeout(ctx, 60));
    say("certificate list before", "%ld", SSL_CTX_set_max_cert_list(ctx, 1000));
    say("read ahead before", "%ld", (long)SSL_CTX_set_read_ahead(ctx, 1));
    say_set("SSL_CTX_set_max_send_fragment", SSL_CTX_set_max_send_fragment(ctx, 4096));
    say_set("SSL_CTX_set_max_send_fragment of 1", SSL_CTX_set_max_send_fragment(ctx, 1));
    say_set("SSL_CTX_set_split_send_fragment", SSL_CTX_set_split_send_fragment(ctx, 1024));
    say_set("SSL_CTX_set_num_tickets", SSL_CTX_set_num_tickets(ctx, 5));
    say_set("SSL_CTX_set_session_id_context, too long",
            SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"0123456789012345678901234567890123", 34));
    say_set("SSL_CTX_set_purpose", SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER));
    say_set("SSL_CTX_set_purpose of none", SSL_CTX_set_purpose(ctx, 999));
    say_set("SSL_CTX_set_trust", SSL_CTX_set_trust(ctx, X509_TRUST_SSL_SERVER));
    SSL_CTX_set_verify_depth(ctx, 4);
    say("verify depth", "%d", SSL_CTX_get_verify_depth(ctx));
    SSL_CTX_set_security_level(ctx, 3);
    say("security level", "%d", SSL_CTX_get_security_level(ctx));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, NULL);
    say("verify mode", "%d", SSL_CTX_get_verify_mode(ctx));
    say_set("an unknown control", SSL_CTX_ctrl(ctx, 9999, 0, NULL));
}

static void files(SSL_CTX *ctx)
{
    say_set("SSL_CTX_load_verify_locations", SSL_CTX_load_verify_locations(ctx, pem("ca"), NULL));
    say_set("SSL_CTX_load_verify_locations of none", SSL_CTX_load_verify_locations(ctx, "no/such/file", NULL));
    say_set("SSL_CTX_load_verify_locations of nothing", SSL_CTX_load_verify_locations(ctx, NULL, NULL));
    say_set("SSL_CTX_load_verify_dir", SSL_CTX_load_verify_dir(ctx, "."));
    say_set("SSL_CTX_set_default_verify_paths", SSL_CTX_set_default_verify_paths(ctx));
    say_set("SSL_CTX_use_certificate_file", SSL_CTX_use_certificate_file(ctx, pem("client"), SSL_FILETYPE_PEM));
    say_set("SSL_CTX_use_PrivateKey_file", SSL_CTX_use_PrivateKey_file(ctx, pem("client"), SSL_FILETYPE_PEM));
    say_set("SSL_CTX_check_private_key", SSL_CTX_check_private_key(ctx));
    say_set("another key", SSL_CTX_use_PrivateKey_file(ctx, pem("right"), SSL_FILETYPE_PEM));
    say_set("a certificate of none", SSL_CTX_use_certificate_file(ctx, "no/such/file", SSL_FILETYPE_PEM));
    say_set("a key of none", SSL_CTX_use_PrivateKey_file(ctx, "no/such/file", SSL_FILETYPE_PEM));
    say_set("a key of 1024 bits", SSL_CTX_use_certificate_file(ctx, pem("weak-key"), SSL_FILETYPE_PEM));
    say_set("SSL_CTX_set0_chain", SSL_CTX_set0_chain(ctx, NULL));
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    say_set("the CA again", SSL_CTX_load_verify_locations(ctx, pem("ca"), NULL));
    say("certificates in the store", "%d", sk_X509_OBJECT_num(X509_STORE_get0_objects(store)));
    say_set("X509_STORE_set_flags", X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK));
    SSL_CTX_set_cert_store(ctx, X509_STORE_new());
    say("another store", "%d", SSL_CTX_get_cert_store(ctx) != NULL);
}

/* The way of configuration files. */
static void commands(SSL_CTX *ctx, int server)
{
    static const char *const lines[][2] = {
        {"MinProtocol", "TLSv1.2"}, {"MinProtocol", "TLSv9"}, {"CipherString", "HIGH"}, {"CipherString", "none such"},
        {"Options", "-SessionTicket"}, {"Options", "NoSuchOption"}, {"Curves", "P-256"}, {"VerifyMode", "Peer"},
        {"VerifyCAFile", "no/such/file"}, {"NoSuchCommand", "x"}, {"RequestCAFile", "no/such/file"}};
    SSL_CONF_CTX *configuration = SSL_CONF_CTX_new();
    SSL_CONF_CTX_set_flags(configuration, SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_CERTIFICATE | SSL_CONF_FLAG_SHOW_ERRORS |
                                              (server ? SSL_CONF_FLAG_SERVER : SSL_CONF_FLAG_CLIENT));
    SSL_CONF_CTX_set_ssl_ctx(configuration, ctx);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char key[96];
        snprintf(key, sizeof(key), "SSL_CONF_cmd %s %s", lines[i][0], lines[i][1]);
        say_set(key, SSL_CONF_cmd(configuration, lines[i][0], lines[i][1]));
    }
    say_set("SSL_CONF_CTX_finish", SSL_CONF_CTX_finish(configuration));
    SSL_CONF_CTX_free(configuration);
}

static void connections(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    char long_name[300];
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    say_set("SSL_set1_host", SSL_set1_host(ssl, HOST));
    say_set("SSL_add1_host", SSL_add1_host(ssl, "other.example"));
    say_set("SSL_set1_host of nothing", SSL_set1_host(ssl, NULL));
    say_set("SSL_set_tlsext_host_name", SSL_set_tlsext_host_name(ssl, HOST));
    say_set("SSL_set_tlsext_host_name of 299 bytes", SSL_set_tlsext_host_name(ssl, long_name));
    say_set("SSL_set_cipher_list", SSL_set_cipher_list(ssl, "HIGH"));
    say_set("SSL_set_cipher_list of none", SSL_set_cipher_list(ssl, "none such"));
    say_set("SSL_set_fd", SSL_set_fd(ssl, 0));
    say("SSL_get_fd", "%d", SSL_get_fd(ssl));
    say_set("SSL_set_max_proto_version", SSL_set_max_proto_version(ssl, TLS1_2_VERSION));
    say_set("SSL_use_certificate_file", SSL_use_certificate_file(ssl, pem("client"), SSL_FILETYPE_PEM));
    say_set("SSL_use_PrivateKey_file", SSL_use_PrivateKey_file(ssl, pem("client"), SSL_FILETYPE_PEM));
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    say("verify mode", "%d", SSL_get_verify_mode(ssl));
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    say("host flags", "0x%x", X509_VERIFY_PARAM_get_hostflags(SSL_get0_param(ssl)));
    say_set("SSL_do_handshake without a side", SSL_do_handshake(ssl));
    SSL_free(ssl);
}

int main(void)
{
    static void (*const parts[])(SSL_CTX *) = {strings, numbers, files, connections};
    for (int server = 0; server < 2; server++)
        for (size_t part = 0; part <= sizeof(parts) / sizeof(parts[0]); part++) {
            SSL_CTX *ctx = server ? new_server() : new_client();
            chapter("%s's context, part %zu", server ? "server" : "client", part);
            if (part < sizeof(parts) / sizeof(parts[0]))
                parts[part](ctx);
            else
                commands(ctx, server);
            SSL_CTX_free(ctx);
        }
    return 0;
}
