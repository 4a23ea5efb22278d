/* The header for code that is rebuilt compiles after OpenSSL's, and what it maps keeps OpenSSL's types. Only compiled. */
#include <openssl/ssl.h>

#include <hostlock/openssl.h>

SSL_CTX *(*context_maker(void))(const SSL_METHOD *)
{
    return SSL_CTX_new;
}

SSL_CTX *context_of_library(OSSL_LIB_CTX *library)
{
    return SSL_CTX_new_ex(library, NULL, TLS_client_method());
}

long names(SSL *ssl, BIO *bio, const char *host, char *host_and_port)
{
    return SSL_set_tlsext_host_name(ssl, host) + BIO_set_conn_hostname(bio, host_and_port);
}
