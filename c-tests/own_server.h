/* Servers of hostlock's own, whose certificate and key come from memory. */
#ifndef HOSTLOCK_TEST_OWN_SERVER_H
#define HOSTLOCK_TEST_OWN_SERVER_H

#include "support.h"

#include <stdint.h>
#include <string.h>

#include <openssl/pem.h>

struct text {
    char bytes[16384];
    size_t length;
};

/* The certificate, and behind it the key. */
static struct text pem_of(const struct identity *who)
{
    struct text text = {.length = 0};
    BIO *memory = BIO_new(BIO_s_mem());
    char *pem;
    need(PEM_write_bio_X509(memory, who->certificate) == 1 &&
             PEM_write_bio_PKCS8PrivateKey(memory, who->key, NULL, NULL, 0, NULL, NULL) == 1,
         "PEM");
    text.length = (size_t)BIO_get_mem_data(memory, &pem);
    need(text.length <= sizeof(text.bytes), "a text of that length");
    memcpy(text.bytes, pem, text.length);
    BIO_free(memory);
    return text;
}

static hostlock_ctx *serving(const struct identity *who)
{
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    struct text pem = pem_of(who);
    need(ctx != NULL && hostlock_ctx_add_cert_mem(ctx, (uint8_t *)pem.bytes, pem.length, NULL, 0, NULL) == 0, "a server");
    return ctx;
}

#endif
