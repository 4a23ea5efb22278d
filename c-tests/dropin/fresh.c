/* A context and a connection as they are made: what their getters say before anybody changed anything. */
#include "dropin.h"

#include <string.h>

static void say_ciphers(const char *key, const STACK_OF(SSL_CIPHER) *ciphers)
{
    char list[2048] = "";
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const char *name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i));
        need(strlen(list) + strlen(name) + 2 < sizeof(list), "too many ciphers");
        strcat(strcat(list, i > 0 ? ":" : ""), name);
    }
    say(key, "%s", list);
}

static void say_parameters(const char *key, X509_VERIFY_PARAM *param)
{
    char name[64] = "";
    snprintf(name, sizeof(name), "%s flags", key);
    say(name, "0x%lx", X509_VERIFY_PARAM_get_flags(param));
    snprintf(name, sizeof(name), "%s depth", key);
    say(name, "%d", X509_VERIFY_PARAM_get_depth(param));
    snprintf(name, sizeof(name), "%s auth level", key);
    say(name, "%d", X509_VERIFY_PARAM_get_auth_level(param));
    snprintf(name, sizeof(name), "%s host flags", key);
    say(name, "0x%x", X509_VERIFY_PARAM_get_hostflags(param));
    snprintf(name, sizeof(name), "%s host", key);
    const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
    say(name, "%s", host != NULL ? host : "none");
}

static void context(SSL_CTX *ctx)
{
    say("method", "%s", SSL_CTX_get_ssl_method(ctx) == TLS_client_method()   ? "TLS_client_method"
                        : SSL_CTX_get_ssl_method(ctx) == TLS_server_method() ? "TLS_server_method"
                                                                             : "another");
    say("minimum version", "0x%lx", SSL_CTX_get_min_proto_version(ctx));
    say("maximum version", "0x%lx", SSL_CTX_get_max_proto_version(ctx));
    say("options", "0x%llx", (unsigned long long)SSL_CTX_get_options(ctx));
    say("mode", "0x%lx", SSL_CTX_get_mode(ctx));
    say("security level", "%d", SSL_CTX_get_security_level(ctx));
    say_ciphers("ciphers", SSL_CTX_get_ciphers(ctx));
    say("verify mode", "%d", SSL_CTX_get_verify_mode(ctx));
    say("verify depth", "%d", SSL_CTX_get_verify_depth(ctx));
    say("verify callback", "%s", SSL_CTX_get_verify_callback(ctx) != NULL ? "set" : "none");
    say("info callback", "%s", SSL_CTX_get_info_callback(ctx) != NULL ? "set" : "none");
    say("key log callback", "%s", SSL_CTX_get_keylog_callback(ctx) != NULL ? "set" : "none");
    say("client certificate callback", "%s", SSL_CTX_get_client_cert_cb(ctx) != NULL ? "set" : "none");
    say("new session callback", "%s", SSL_CTX_sess_get_new_cb(ctx) != NULL ? "set" : "none");
    say("remove session callback", "%s", SSL_CTX_sess_get_remove_cb(ctx) != NULL ? "set" : "none");
    say("get session callback", "%s", SSL_CTX_sess_get_get_cb(ctx) != NULL ? "set" : "none");
    say("password callback", "%s", SSL_CTX_get_default_passwd_cb(ctx) != NULL ? "set" : "none");
    int (*status)(SSL *, void *) = NULL;
    SSL_CTX_get_tlsext_status_cb(ctx, &status);
    say("status callback", "%s", status != NULL ? "set" : "none");
    say("status type", "%ld", (long)SSL_CTX_get_tlsext_status_type(ctx));
    say("application data", "%s", SSL_CTX_get_app_data(ctx) != NULL ? "set" : "none");
    say("session cache mode", "0x%lx", SSL_CTX_get_session_cache_mode(ctx));
    say("session cache size", "%ld", SSL_CTX_sess_get_cache_size(ctx));
    say("session timeout", "%ld", SSL_CTX_get_timeout(ctx));
    say("tickets", "%zu", SSL_CTX_get_num_tickets(ctx));
    say("early data", "%u, %u received", SSL_CTX_get_max_early_data(ctx), SSL_CTX_get_recv_max_early_data(ctx));
    say("read ahead", "%ld", (long)SSL_CTX_get_read_ahead(ctx));
    say("quiet shutdown", "%d", SSL_CTX_get_quiet_shutdown(ctx));
    say("longest certificate list", "%ld", (long)SSL_CTX_get_max_cert_list(ctx));
    say("certificate", "%s", SSL_CTX_get0_certificate(ctx) != NULL ? "set" : "none");
    say("key", "%s", SSL_CTX_get0_privatekey(ctx) != NULL ? "set" : "none");
    say("CA names", "%d", sk_X509_NAME_num(SSL_CTX_get_client_CA_list(ctx)));
    say("objects of its store", "%d", sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx))));
    say("certificate transparency", "%d", SSL_CTX_ct_is_enabled(ctx));
    say_parameters("parameters:", SSL_CTX_get0_param(ctx));
}

static void connection(SSL *ssl)
{
    say("version", "%s, client version 0x%x", SSL_get_version(ssl), (unsigned)SSL_client_version(ssl));
    say("versions", "0x%lx to 0x%lx", SSL_get_min_proto_version(ssl), SSL_get_max_proto_version(ssl));
    say("options", "0x%llx", (unsigned long long)SSL_get_options(ssl));
    say("mode", "0x%lx", SSL_get_mode(ssl));
    say("security level", "%d", SSL_get_security_level(ssl));
    say_ciphers("ciphers", SSL_get_ciphers(ssl));
    STACK_OF(SSL_CIPHER) *offered = SSL_get1_supported_ciphers(ssl);
    say_ciphers("ciphers that it supports", offered);
    sk_SSL_CIPHER_free(offered);
    say("first cipher", "%s", SSL_get_cipher_list(ssl, 0));
    say("verify mode", "%d", SSL_get_verify_mode(ssl));
    say("verify depth", "%d", SSL_get_verify_depth(ssl));
    say("verify result", "%ld", SSL_get_verify_result(ssl));
    say("verify callback", "%s", SSL_get_verify_callback(ssl) != NULL ? "set" : "none");
    say("info callback", "%s", SSL_get_info_callback(ssl) != NULL ? "set" : "none");
    say("state", "%s, %s", SSL_state_string(ssl), SSL_state_string_long(ssl));
    say("in init", "%d, before %d, finished %d", SSL_in_init(ssl), SSL_in_before(ssl), SSL_is_init_finished(ssl));
    say("server", "%d", SSL_is_server(ssl));
    say("shutdown", "%d, quiet %d", SSL_get_shutdown(ssl), SSL_get_quiet_shutdown(ssl));
    say("cipher", "%s", SSL_get_current_cipher(ssl) != NULL ? "set" : "none");
    say("session", "%s", SSL_get_session(ssl) != NULL ? "set" : "none");
    say("descriptor", "%d", SSL_get_fd(ssl));
    say("pending", "%d, %d", SSL_pending(ssl), SSL_has_pending(ssl));
    say("want", "%d", SSL_want(ssl));
    say("peer certificate", "%s", SSL_get0_peer_certificate(ssl) != NULL ? "set" : "none");
    say("server name", "%s", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) != NULL ? "set" : "none");
    say("reused", "%d", SSL_session_reused(ssl));
    say_parameters("parameters:", SSL_get0_param(ssl));
    say_result("SSL_read before the handshake", ssl, SSL_read(ssl, (char[1]){0}, 1));
    say_result("SSL_shutdown before the handshake", ssl, SSL_shutdown(ssl));
}

int main(void)
{
    SSL_CTX *contexts[2] = {new_client(), new_server()};
    for (int server = 0; server < 2; server++) {
        const char *role = server ? "server" : "client";
        chapter("%s's context", role);
        say("error queue", "%s", ERR_peek_error() == 0 ? "empty" : "not empty");
        context(contexts[server]);
        chapter("%s's connection", role);
        SSL *ssl = SSL_new(contexts[server]);
        if (server)
            SSL_set_accept_state(ssl);
        else
            SSL_set_connect_state(ssl);
        connection(ssl);
        SSL_free(ssl);
        SSL_CTX_free(contexts[server]);
    }
    return 0;
}
