/* The contexts under test, with OpenSSL alone. */
#include "dropin.h"

SSL_CTX *new_client(void)
{
    return plain_client();
}

SSL_CTX *new_server(void)
{
    return plain_server();
}
