/* Beside OpenSSL's headers the handles are OpenSSL's own, without a cast in either direction. */
#include <openssl/ssl.h>

#include "hostlock.h"

int main(void)
{
    SSL_CTX *ctx = hostlock_client_new("default");
    SSL *ssl = SSL_new(ctx);
    hostlock_ctx *same = SSL_get_SSL_CTX(ssl);
    int status = hostlock_conn_set_host(ssl, "example.com");
    if (status == HOSTLOCK_OK)
        status = hostlock_check_libssl(TLS_method());
    SSL_free(ssl);
    hostlock_ctx_free(same);
    return status == HOSTLOCK_OK ? 0 : 1;
}
