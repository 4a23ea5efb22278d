/*
 * A program's own certificate and its application protocols, by hostlock's calls alone: what is good is shown, what no peer
 * could accept is refused with a status of its own, and changes nothing.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

struct text {
    char bytes[65536];
    size_t length;
};

static char directory[] = "/tmp/hostlock-own-XXXXXX";

static void take(struct text *text, BIO *memory)
{
    char *data;
    size_t length = (size_t)BIO_get_mem_data(memory, &data);
    need(text->length + length < sizeof(text->bytes), "room for a text");
    memcpy(text->bytes + text->length, data, length);
    text->length += length;
    BIO_free(memory);
}

static void add_certificate(struct text *text, X509 *certificate)
{
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, certificate);
    take(text, memory);
}

enum form { PKCS8, TRADITIONAL, ENCRYPTED, TRADITIONAL_ENCRYPTED, DER, DER_ENCRYPTED, FORMS };
static const char *const form_names[FORMS] = {"PKCS#8", "SEC1 or PKCS#1", "encrypted PKCS#8", "encrypted as of old", "DER",
                                              "encrypted DER"};
#define WORD "the word"

static void add_key(struct text *text, EVP_PKEY *key, enum form form)
{
    BIO *memory = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = EVP_aes_256_cbc();
    int done = form == PKCS8         ? PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL)
               : form == TRADITIONAL ? PEM_write_bio_PrivateKey_traditional(memory, key, NULL, NULL, 0, NULL, NULL)
               : form == ENCRYPTED   ? PEM_write_bio_PKCS8PrivateKey(memory, key, cipher, WORD, 8, NULL, NULL)
               : form == TRADITIONAL_ENCRYPTED
                   ? PEM_write_bio_PrivateKey_traditional(memory, key, cipher, (unsigned char *)WORD, 8, NULL, NULL)
               : form == DER ? i2d_PrivateKey_bio(memory, key)
                             : i2d_PKCS8PrivateKey_bio(memory, key, cipher, WORD, 8, NULL, NULL);
    need(done == 1, "a key could not be written");
    take(text, memory);
}

static struct text certificate_of(const struct identity *who)
{
    struct text text = {.length = 0};
    add_certificate(&text, who->certificate);
    return text;
}

static struct text key_of(const struct identity *who, enum form form)
{
    struct text text = {.length = 0};
    add_key(&text, who->key, form);
    return text;
}

static struct text pkcs12_of(const struct identity *who, X509 *above, const char *word)
{
    struct text text = {.length = 0};
    STACK_OF(X509) *others = sk_X509_new_null();
    if (above != NULL)
        sk_X509_push(others, above);
    PKCS12 *container = PKCS12_create(word, "mine", who->key, who->certificate, others, 0, 0, 0, 0, 0);
    BIO *memory = BIO_new(BIO_s_mem());
    need(container != NULL && i2d_PKCS12_bio(memory, container) == 1, "PKCS#12");
    take(&text, memory);
    PKCS12_free(container);
    sk_X509_free(others);
    return text;
}

/* As openssl pkcs12 -export -nomac writes it. */
static struct text pkcs12_without_mac(const struct identity *who, const char *word)
{
    struct text text = {.length = 0};
    PKCS12 *container = PKCS12_create(word, "mine", who->key, who->certificate, NULL, 0, 0, 0, -1, 0);
    BIO *memory = BIO_new(BIO_s_mem());
    need(container != NULL && i2d_PKCS12_bio(memory, container) == 1, "PKCS#12 without a MAC");
    take(&text, memory);
    PKCS12_free(container);
    return text;
}

/* OpenSSL 3.0 does not, where there is no MAC. */
static int openssl_opens(const struct text *pkcs12, const char *word)
{
    const unsigned char *bytes = (const unsigned char *)pkcs12->bytes;
    PKCS12 *container = d2i_PKCS12(NULL, &bytes, (long)pkcs12->length);
    int opened = container != NULL && PKCS12_parse(container, word, NULL, NULL, NULL) == 1;
    PKCS12_free(container);
    ERR_clear_error();
    return opened;
}

static int add(hostlock_ctx *ctx, const struct text *chain, const struct text *key, const char *word)
{
    return hostlock_ctx_add_cert_mem(ctx, (const uint8_t *)chain->bytes, chain->length,
                                     key == NULL ? NULL : (const uint8_t *)key->bytes, key == NULL ? 0 : key->length, word);
}

static const char *file_of(const char *name, const struct text *text, mode_t mode)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    need(file != NULL && fwrite(text->bytes, 1, text->length, file) == text->length && fclose(file) == 0, "a file");
    need(chmod(path, mode) == 0, "chmod");
    return path;
}

static struct identity root, middle, leaf, rsa_leaf, other;

static hostlock_ctx *trusting(void)
{
    hostlock_ctx *ctx = hostlock_client_new(NULL);
    struct text pem = certificate_of(&root);
    need(ctx != NULL && hostlock_ctx_trust_mem(ctx, (uint8_t *)pem.bytes, pem.length) == 0, "a client");
    return ctx;
}

/* By hostlock's calls on both sides: a byte each way, and how the server's handshake ended. */
static int meet(SSL *asking, SSL *accepting, int *of_server)
{
    BIO *one, *another;
    need(BIO_new_bio_pair(&one, 0, &another, 0) == 1, "BIO_new_bio_pair");
    SSL_set_bio(accepting, one, one);
    SSL_set_bio(asking, another, another);
    int of_client = HOSTLOCK_WANT_READ;
    *of_server = HOSTLOCK_WANT_READ;
    for (int turn = 0; turn < 10; turn++) {
        if (of_client == HOSTLOCK_WANT_READ)
            of_client = hostlock_handshake(asking);
        if (*of_server == HOSTLOCK_WANT_READ)
            *of_server = hostlock_handshake(accepting);
    }
    char byte = 0;
    return of_client == 0 && *of_server == 0 && hostlock_write(asking, "x", 1) == 1 &&
           hostlock_read(accepting, &byte, 1) == 1 && hostlock_write(accepting, "y", 1) == 1 &&
           hostlock_read(asking, &byte, 1) == 1 && byte == 'y';
}

/* Whether a verifying client meets RIGHT_HOST on the server's context, and how many certificates it is sent. */
static int meets(hostlock_ctx *server, hostlock_ctx *client, int *sent, char *alpn, int *status)
{
    SSL *accepting = SSL_new(server), *asking = SSL_new(client);
    need(hostlock_conn_set_host(asking, RIGHT_HOST) == 0, "a host");
    int of_server = 0, met = meet(asking, accepting, &of_server);
    if (sent != NULL)
        *sent = sk_X509_num(SSL_get_peer_cert_chain(asking));
    if (alpn != NULL) {
        const char *chosen = hostlock_conn_alpn(accepting), *seen = hostlock_conn_alpn(asking);
        snprintf(alpn, 32, "%s", chosen == NULL ? "" : chosen);
        claim((chosen == NULL) == (seen == NULL) && (seen == NULL || strcmp(seen, chosen) == 0), "both sides tell the same");
    }
    if (status != NULL)
        *status = of_server;
    SSL_free(asking);
    SSL_free(accepting);
    ERR_clear_error();
    return met;
}

static void good_forms(void)
{
    for (enum form form = 0; form < FORMS; form++) {
        for (int rsa = 0; rsa < 2; rsa++) {
            const struct identity *who = rsa ? &rsa_leaf : &leaf;
            hostlock_ctx *server = hostlock_server_new(NULL), *client = trusting();
            struct text chain = certificate_of(who), key = key_of(who, form);
            add_certificate(&chain, middle.certificate);
            int encrypted = form == ENCRYPTED || form == TRADITIONAL_ENCRYPTED || form == DER_ENCRYPTED;
            int sent = 0, status = add(server, &chain, &key, encrypted ? WORD : NULL);
            claim(status == 0 && meets(server, client, &sent, NULL, NULL) && sent == 2, "an %s key in %s is shown with its chain",
                  rsa ? "RSA" : "EC", form_names[form]);
            hostlock_ctx_free(server), hostlock_ctx_free(client);
        }
    }
}

static void order_and_files(void)
{
    hostlock_ctx *client = trusting(), *server = hostlock_server_new(NULL);
    struct text chain = certificate_of(&leaf), key = key_of(&leaf, PKCS8);
    add_certificate(&chain, root.certificate);
    add_certificate(&chain, middle.certificate);
    add_certificate(&chain, leaf.certificate);
    int sent = 0;
    claim(add(server, &chain, &key, NULL) == 0 && meets(server, client, &sent, NULL, NULL) && sent == 3,
          "CA certificates may stand in any order, and the same twice");
    hostlock_ctx_free(server);

    server = hostlock_server_new(NULL);
    chain = certificate_of(&leaf);
    add_key(&chain, leaf.key, PKCS8);
    add_certificate(&chain, middle.certificate);
    claim(hostlock_ctx_add_cert_file(server, file_of("both.pem", &chain, 0600), NULL, NULL) == 0 &&
              meets(server, client, NULL, NULL, NULL),
          "one PEM file holds both");
    hostlock_ctx_free(server);

    server = hostlock_server_new(NULL);
    chain = pkcs12_of(&leaf, middle.certificate, WORD);
    const char *path = file_of("both.p12", &chain, 0600);
    claim(hostlock_ctx_add_cert_file(server, path, NULL, WORD) == 0 && meets(server, client, &sent, NULL, NULL) && sent == 2,
          "so does a PKCS#12 file");
    hostlock_ctx_free(server);

    server = hostlock_server_new(NULL);
    chain = certificate_of(&leaf), key = key_of(&leaf, PKCS8);
    char link[256];
    snprintf(link, sizeof(link), "%s/link.pem", directory);
    path = file_of("key.pem", &key, 0600);
    need(symlink(path, link) == 0, "symlink");
    add_certificate(&chain, middle.certificate);
    claim(hostlock_ctx_add_cert_file(server, file_of("chain.pem", &chain, 0644), link, NULL) == 0 &&
              meets(server, client, NULL, NULL, NULL),
          "links are followed");
    hostlock_ctx_free(server), hostlock_ctx_free(client);
}

static void one_for_each_kind(void)
{
    hostlock_ctx *server = hostlock_server_new(NULL);
    struct text chain = certificate_of(&leaf), key = key_of(&leaf, PKCS8);
    struct text rsa_chain = certificate_of(&rsa_leaf), rsa_key = key_of(&rsa_leaf, PKCS8);
    add_certificate(&chain, middle.certificate), add_certificate(&rsa_chain, middle.certificate);
    claim(add(server, &chain, &key, NULL) == 0 && add(server, &rsa_chain, &rsa_key, NULL) == 0,
          "a context takes an EC and an RSA certificate");
    static const char *const wishes[] = {"ECDSA+SHA256", "RSA-PSS+SHA256"};
    for (int rsa = 0; rsa < 2; rsa++) {
        SSL_CTX *client = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set1_sigalgs_list(client, wishes[rsa]);
        SSL *asking = SSL_new(client), *accepting = SSL_new(server);
        int met = meet_in_memory(asking, accepting);
        X509 *shown = SSL_get0_peer_certificate(asking);
        claim(met && shown != NULL && X509_cmp(shown, (rsa ? rsa_leaf : leaf).certificate) == 0,
              "  and shows a client what it can verify: %s", rsa ? "RSA" : "EC");
        SSL_free(asking), SSL_free(accepting), SSL_CTX_free(client);
    }
    hostlock_ctx_free(server);
    server = hostlock_server_new(NULL);
    struct text of_other = certificate_of(&other), its_key = key_of(&other, PKCS8);
    int first = add(server, &chain, &key, NULL), second = add(server, &of_other, &its_key, NULL);
    hostlock_ctx *client = trusting();
    claim(first == 0 && second == HOSTLOCK_E_STATE && meets(server, client, NULL, NULL, NULL),
          "a second EC certificate is refused, and the first goes on");
    claim(add(server, &rsa_chain, &rsa_key, NULL) == HOSTLOCK_E_FROZEN &&
              hostlock_ctx_set_alpn(server, "h2") == HOSTLOCK_E_FROZEN && meets(server, client, NULL, NULL, NULL),
          "after the first connection nothing can be added, and the server goes on");
    hostlock_ctx_free(server), hostlock_ctx_free(client);
}

static void a_client_shows_its_own(void)
{
    struct identity device = issue(&root, p256(), "device", "DNS:device.example", "clientAuth", -1, 30);
    struct text chain = certificate_of(&device), key = key_of(&device, ENCRYPTED), trusted = certificate_of(&root);
    for (int version = 0; version < 2; version++) {
        hostlock_ctx *server = hostlock_server_new(NULL), *client = trusting();
        struct text own = certificate_of(&leaf), own_key = key_of(&leaf, PKCS8);
        add_certificate(&own, middle.certificate);
        need(add(server, &own, &own_key, NULL) == 0, "a server");
        need(hostlock_ctx_trust_mem(server, (uint8_t *)trusted.bytes, trusted.length) == 0, "trust");
        SSL_CTX_set_max_proto_version(server, both_versions[version]);
        claim(!meets(server, client, NULL, NULL, NULL), "%s: a client without a certificate is refused",
              version_name(both_versions[version]));
        hostlock_ctx_free(client);
        client = trusting();
        claim(add(client, &chain, &key, WORD) == 0 && meets(server, client, NULL, NULL, NULL), "  and one with it is served");
        hostlock_ctx_free(server), hostlock_ctx_free(client);
    }
    identity_free(&device);
}

/* What is refused: the context stays as it was, and is poisoned until a certificate is added. */
static void refused(const char *what, const struct text *chain, const struct text *key, const char *word, int expected,
                    const char *part)
{
    hostlock_ctx *ctx = hostlock_server_new(NULL), *client = trusting();
    ERR_clear_error();
    int status = add(ctx, chain, key, word);
    const char *message = hostlock_error_message(hostlock_last_error());
    char kept[512];
    snprintf(kept, sizeof(kept), "%s", message);
    claim(status == expected && strstr(kept, part) != NULL && ERR_peek_error() == 0, "%s is refused", what);
    if (status != expected || strstr(kept, part) == NULL)
        note("%s: %s", hostlock_status_name(status), kept);
    struct text good = certificate_of(&leaf), its_key = key_of(&leaf, PKCS8);
    add_certificate(&good, middle.certificate);
    int poisoned = 0;
    claim(SSL_CTX_get0_certificate(ctx) == NULL && !meets(ctx, client, NULL, NULL, &poisoned) && poisoned == HOSTLOCK_E_POISONED,
          "  and poisons the context");
    hostlock_ctx_free(ctx);
    ctx = hostlock_server_new(NULL);
    need(add(ctx, chain, key, word) == expected, "the same again");
    claim(add(ctx, &good, &its_key, NULL) == 0 && meets(ctx, client, NULL, NULL, NULL), "  which a good one cures");
    hostlock_ctx_free(ctx), hostlock_ctx_free(client);
}

static void bad_input(void)
{
    struct text chain = certificate_of(&leaf), key = key_of(&leaf, PKCS8), both, cut, empty = {.length = 0};
    refused("a key of another certificate", &chain, (both = key_of(&other, PKCS8), &both), NULL, HOSTLOCK_E_KEY_MISMATCH,
            "is not that of \"CN=right\"");
    refused("no key", &chain, NULL, NULL, HOSTLOCK_E_WRONG_PEM, "holds no private key, only: CERTIFICATE");
    refused("no certificate", &key, &key, NULL, HOSTLOCK_E_WRONG_PEM, "holds no certificate, only: PRIVATE KEY");
    for (enum form form = ENCRYPTED; form <= TRADITIONAL_ENCRYPTED; form++) {
        both = key_of(&leaf, form);
        refused("a missing passphrase", &chain, &both, NULL, HOSTLOCK_E_PASSPHRASE, "is encrypted, and no passphrase was given");
        refused("a wrong passphrase", &chain, &both, "guess", HOSTLOCK_E_PASSPHRASE, "does not open");
        refused("an empty passphrase", &chain, &both, "", HOSTLOCK_E_PASSPHRASE, "does not open");
    }
    char long_word[4096];
    memset(long_word, 'x', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = 0;
    refused("a passphrase that is too long", &chain, &both, long_word, HOSTLOCK_E_PASSPHRASE, "does not open");
    both = key_of(&leaf, DER_ENCRYPTED);
    refused("a wrong passphrase of a key in DER", &chain, &both, "guess", HOSTLOCK_E_PASSPHRASE, "does not open");
    refused("a missing passphrase of a key in DER", &chain, &both, NULL, HOSTLOCK_E_PASSPHRASE, "no passphrase was given");
    both = pkcs12_of(&leaf, NULL, WORD);
    refused("PKCS#12 as the key", &chain, &both, WORD, HOSTLOCK_E_ARG, "is PKCS#12, which holds its own certificates");
    both.length = (size_t)snprintf(both.bytes, sizeof(both.bytes), "no key");
    refused("a key that is none", &chain, &both, NULL, HOSTLOCK_E_BAD_PEM, "is neither PEM nor a private key in DER");
    BIO *der = BIO_new(BIO_s_mem());
    both.length = 0, i2d_X509_bio(der, leaf.certificate), take(&both, der);
    refused("a certificate in DER as the key", &chain, &both, NULL, HOSTLOCK_E_WRONG_PEM, "is a certificate in DER");
    both = pkcs12_of(&leaf, NULL, WORD);
    refused("a wrong passphrase of PKCS#12", &both, NULL, "guess", HOSTLOCK_E_PASSPHRASE, "does not open");
    refused("a missing passphrase of PKCS#12", &both, NULL, NULL, HOSTLOCK_E_PASSPHRASE, "no passphrase was given");
    both = pkcs12_without_mac(&leaf, WORD);
    if (openssl_opens(&both, WORD)) {
        hostlock_ctx *ctx = hostlock_server_new(NULL);
        claim(add(ctx, &both, NULL, WORD) == 0, "PKCS#12 without a MAC is taken, as this OpenSSL does");
        hostlock_ctx_free(ctx);
    } else {
        refused("PKCS#12 without a MAC", &both, NULL, WORD, HOSTLOCK_E_UNSUPPORTED, "has no MAC");
    }
    both = pkcs12_of(&leaf, NULL, WORD);
    refused("PKCS#12 and a key beside it", &both, &key, WORD, HOSTLOCK_E_ARG, "holds its own key");

    both = certificate_of(&leaf);
    add_certificate(&both, root.certificate);
    refused("a chain with a gap", &both, &key, NULL, HOSTLOCK_E_MISSING_INTERMEDIATE, "which issued \"CN=right\", is not in it");
    both = certificate_of(&leaf);
    add_certificate(&both, middle.certificate), add_certificate(&both, root.certificate);
    add_certificate(&both, other.certificate);
    refused("a chain with a stranger", &both, &key, NULL, HOSTLOCK_E_BAD_CERTIFICATE, "which is no part of the chain");
    both = certificate_of(&middle);
    add_certificate(&both, leaf.certificate);
    refused("a chain in the wrong order", &both, &key, NULL, HOSTLOCK_E_BAD_CERTIFICATE, "is a CA's");
    both = certificate_of(&root);
    struct text ca_key = key_of(&root, PKCS8);
    refused("a CA's certificate", &both, &ca_key, NULL, HOSTLOCK_E_BAD_CERTIFICATE, "is a CA's");
    const struct identity *weak = identity(WEAK_KEY);
    both = certificate_of(weak), ca_key = key_of(weak, PKCS8);
    refused("a weak key", &both, &ca_key, NULL, HOSTLOCK_E_WEAK_KEY, "1024");
    struct identity old = issue(&middle, p256(), "old", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
    need(X509_sign(old.certificate, middle.key, EVP_sha1()) != 0, "SHA-1");
    both = certificate_of(&old), ca_key = key_of(&old, PKCS8);
    refused("a signature by SHA-1", &both, &ca_key, NULL, HOSTLOCK_E_WEAK_SIGNATURE, "too weak");
    identity_free(&old);

    refused("nothing", &empty, &key, NULL, HOSTLOCK_E_EMPTY, "nothing at all");
    refused("an empty key", &chain, &empty, NULL, HOSTLOCK_E_EMPTY, "nothing at all");
    cut = chain, cut.length -= 40;
    refused("a chain that is cut off", &cut, &key, NULL, HOSTLOCK_E_BAD_PEM, "cut off");
    cut = key, cut.length -= 40;
    refused("a key that is cut off", &chain, &cut, NULL, HOSTLOCK_E_BAD_PEM, "cut off");
    cut = key, cut.bytes[60] = '*';
    refused("a damaged key", &chain, &cut, NULL, HOSTLOCK_E_BAD_PEM, "cannot be read as a private key");
    struct text garbage = {"\x01\x02\x03 garbage", 11};
    refused("garbage", &garbage, &key, NULL, HOSTLOCK_E_BAD_PEM, "neither PEM");
    refused("garbage as key", &chain, &garbage, NULL, HOSTLOCK_E_BAD_PEM, "neither PEM nor");
}

static void bad_files(void)
{
    struct text chain = certificate_of(&leaf), key = key_of(&leaf, PKCS8);
    const char *good = file_of("good.pem", &chain, 0644);
    hostlock_ctx *ctx = hostlock_server_new(NULL);
    claim(hostlock_ctx_add_cert_file(ctx, "/nowhere/chain.pem", NULL, NULL) == HOSTLOCK_E_NOT_FOUND, "no file");
    claim(hostlock_ctx_add_cert_file(ctx, good, "/nowhere/key.pem", NULL) == HOSTLOCK_E_NOT_FOUND, "no file of the key");
    claim(hostlock_ctx_add_cert_file(ctx, directory, NULL, NULL) == HOSTLOCK_E_WRONG_FILE_TYPE, "a directory");
    claim(hostlock_ctx_add_cert_file(ctx, good, "", NULL) == HOSTLOCK_E_ARG, "an empty name");
    claim(hostlock_ctx_add_cert_file(ctx, NULL, NULL, NULL) == HOSTLOCK_E_ARG, "NULL for the chain");
    claim(hostlock_ctx_add_cert_file(NULL, good, NULL, NULL) == HOSTLOCK_E_ARG, "NULL for the context");
    claim(hostlock_ctx_add_cert_mem(ctx, NULL, 0, NULL, 0, NULL) == HOSTLOCK_E_ARG, "NULL for the memory");
    SSL_CTX *plain = SSL_CTX_new(TLS_server_method());
    claim(hostlock_ctx_add_cert_file(plain, good, NULL, NULL) == HOSTLOCK_E_STATE && hostlock_ctx_info(plain) == NULL &&
              hostlock_ctx_set_alpn(plain, "h2") == HOSTLOCK_E_STATE,
          "a context that is not hostlock's");
    SSL_CTX_free(plain);
    claim(hostlock_ctx_info(NULL) == NULL && hostlock_conn_alpn(NULL) == NULL, "NULL for the accessors");
    const char *open_key = file_of("open.pem", &key, 0644);
    claim(hostlock_ctx_add_cert_file(ctx, good, open_key, NULL) == 0, "a key that all may read is taken");
    char *info = hostlock_ctx_info(ctx);
    claim(info != NULL && strstr(info, "can be read by every user") != NULL && (strstr(info, "\"days_left\":29") != NULL || strstr(info, "\"days_left\":30") != NULL) &&
              strstr(info, "\"names\":[\"" RIGHT_HOST "\"]") != NULL && strstr(info, "\"role\":\"server\"") != NULL,
          "  and warned of");
    note("%s", info);
    hostlock_string_free(info);
    hostlock_ctx_free(ctx);

    ctx = hostlock_server_new(NULL);
    const struct identity *expired = identity(EXPIRED);
    chain = certificate_of(expired), key = key_of(expired, PKCS8);
    claim(add(ctx, &chain, &key, NULL) == 0, "an expired certificate is taken");
    info = hostlock_ctx_info(ctx);
    claim(info != NULL && strstr(info, "has expired, on ") != NULL && strstr(info, "\"days_left\":-") != NULL, "  and warned of");
    note("%s", info);
    hostlock_string_free(info);
    hostlock_ctx_free(ctx);

    ctx = hostlock_server_new(NULL);
    const struct identity *wrong = identity(THE_CLIENT);
    chain = certificate_of(wrong), key = key_of(wrong, PKCS8);
    claim(add(ctx, &chain, &key, NULL) == 0, "a client's certificate on a server is taken");
    info = hostlock_ctx_info(ctx);
    claim(info != NULL && strstr(info, "\"warnings\":[]") == NULL, "  and warned of");
    hostlock_string_free(info);
    hostlock_ctx_free(ctx);
}

static void protocols(void)
{
    static const struct {
        const char *server, *client, *agreed;
    } rows[] = {
        {"h2,http/1.1", "http/1.1,h2", "h2"}, {"http/1.1", "h2,http/1.1", "http/1.1"}, {"h2", NULL, ""},
        {NULL, "h2", ""},                     {"h2", "http/1.1", NULL},               {"h2", "h2c,h", NULL},
    };
    struct text chain = certificate_of(&leaf), key = key_of(&leaf, PKCS8);
    add_certificate(&chain, middle.certificate);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int version = 0; version < 2; version++) {
            hostlock_ctx *server = hostlock_server_new(NULL), *client = trusting();
            need(add(server, &chain, &key, NULL) == 0, "a server");
            SSL_CTX_set_max_proto_version(server, both_versions[version]);
            if (rows[i].server != NULL)
                need(hostlock_ctx_set_alpn(server, rows[i].server) == 0, "a server's protocols");
            if (rows[i].client != NULL)
                need(hostlock_ctx_set_alpn(client, rows[i].client) == 0, "a client's protocols");
            char agreed[32];
            int status, met = meets(server, client, NULL, agreed, &status);
            if (rows[i].agreed != NULL)
                claim(met && strcmp(agreed, rows[i].agreed) == 0, "%s meets %s: \"%s\"", rows[i].server, rows[i].client, agreed);
            else
                claim(!met && status == HOSTLOCK_E_NO_COMMON_PROTOCOL, "%s does not meet %s", rows[i].server, rows[i].client);
            if (rows[i].agreed == NULL && status != HOSTLOCK_E_NO_COMMON_PROTOCOL)
                note("%s", hostlock_status_name(status));
            hostlock_ctx_free(server), hostlock_ctx_free(client);
        }
    static const char *const bad[] = {"", ",", "h2,", "h2, http/1.1", "h2,h2", NULL};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        hostlock_ctx *server = hostlock_server_new(NULL), *client = trusting();
        need(add(server, &chain, &key, NULL) == 0, "a server");
        int status = hostlock_ctx_set_alpn(server, bad[i]), met = meets(server, client, NULL, NULL, NULL);
        claim(status == HOSTLOCK_E_ARG && !met, "\"%s\" names no protocols, and poisons", bad[i] == NULL ? "NULL" : bad[i]);
        hostlock_ctx_free(server), hostlock_ctx_free(client);
    }
}

int main(void)
{
    need(mkdtemp(directory) != NULL, "mkdtemp");
    root = issue(NULL, p256(), "root of the test", NULL, NULL, -10, 100);
    middle = issue(&root, p256(), "middle", NULL, NULL, -10, 100);
    leaf = issue(&middle, p256(), "right", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
    rsa_leaf = issue(&middle, fixed_rsa(RSA_2048), "right RSA", "DNS:" RIGHT_HOST, "serverAuth", -1, 30);
    other = issue(&middle, p256(), "other", "DNS:" OTHER_HOST, "serverAuth", -1, 30);
    good_forms();
    order_and_files();
    one_for_each_kind();
    a_client_shows_its_own();
    bad_input();
    bad_files();
    protocols();
    char command[300];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    need(system(command) == 0, "rm");
    identity_free(&root), identity_free(&middle), identity_free(&leaf), identity_free(&rsa_leaf), identity_free(&other);
    return finish();
}
