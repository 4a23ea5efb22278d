/* The session that a program keeps: it takes over the newest by SSL_CTX_sess_set_new_cb. */
#ifndef KEPT_H
#define KEPT_H

#include <openssl/ssl.h>

static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

#endif
