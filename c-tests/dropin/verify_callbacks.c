/* A program's own verify callback: which certificates it is shown, in which order, and what its answers do. */
#include "dropin.h"

static int answer_to_errors, answer_to_good;

static int look(int ok, X509_STORE_CTX *store_ctx)
{
    char name[256] = "none";
    X509 *certificate = X509_STORE_CTX_get_current_cert(store_ctx);
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (certificate != NULL)
        X509_NAME_oneline(X509_get_subject_name(certificate), name, sizeof(name));
    called("ok %d, error %d, depth %d, %s, chain %d, untrusted %d, connection %s", ok,
           X509_STORE_CTX_get_error(store_ctx), X509_STORE_CTX_get_error_depth(store_ctx), name,
           sk_X509_num(X509_STORE_CTX_get0_chain(store_ctx)), sk_X509_num(X509_STORE_CTX_get0_untrusted(store_ctx)),
           ssl != NULL ? "known" : "unknown");
    if (ok)
        return answer_to_good;
    return answer_to_errors < 0 ? ok : answer_to_errors;
}

static int looks_no_more(int ok, X509_STORE_CTX *store_ctx)
{
    int answer = look(ok, store_ctx);
    X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_CERT_REJECTED);
    return answer;
}

static void meet(const char *who, int version, const char *habit, int on_connection,
                 int (*callback)(int, X509_STORE_CTX *))
{
    chapter("%s, %s, %s", who, version_word(version), habit);
    SSL_CTX *client = tested_client(), *server = peer_server(who, version);
    if (!on_connection)
        SSL_CTX_set_verify(client, SSL_VERIFY_PEER, callback);
    SSL *near = tested_connection(client), *far = SSL_new(server);
    if (on_connection)
        SSL_set_verify(near, SSL_VERIFY_PEER, callback);
    say("verify callback", "%s", SSL_get_verify_callback(near) == callback ? "the program's" : "another");
    join(near, far, 0);
    shake("handshake", near, far);
    say_calls("verify callback's calls");
    say("verify result", "%ld", SSL_get_verify_result(near));
    talk("after it", near, far);
    SSL_free(near);
    SSL_free(far);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

int main(void)
{
    static const char *const peers[] = {"right", "impostor", "expired", "unknown", "self-signed", "wrong-use"};
    for (int i = 0; i < 2; i++) {
        for (size_t peer = 0; peer < sizeof(peers) / sizeof(peers[0]); peer++) {
            answer_to_good = 1;
            answer_to_errors = -1;
            meet(peers[peer], versions[i], "agrees", peer % 2, look);
            answer_to_errors = 0;
            meet(peers[peer], versions[i], "refuses errors", !(peer % 2), look);
        }
        answer_to_good = 0;
        meet("right", versions[i], "refuses all", 0, look);
        meet("right", versions[i], "refuses all with a reason", 1, looks_no_more);
        answer_to_good = answer_to_errors = 1;
        meet("impostor", versions[i], "accepts all", 0, look);
        meet("self-signed", versions[i], "accepts all", 1, look);
        meet("impostor", versions[i], "no callback", 0, NULL);
    }
    return 0;
}
