/*
 * A handshake and hostlock_ctx_verify_chain come to the same verdict about the same chain, for the same host: both
 * accept it, or both refuse it with the same status and the same words. Tried on chains made here, whose right verdict
 * is known, and on the testcases with keys that HOSTLOCK_KEYED_CASES names (written by keyed_cases.py).
 */
#define HOSTLOCK_ALLOW_INSECURE
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#define MANY 8

static const char *const policies[] = {"default", "2026-11-webpki"};

/* A piece of a case; a NUL follows its bytes. */
struct field {
    const char *bytes;
    size_t length;
};

struct testcase {
    const char *name;
    int judges_clients;
    const char *hosts[MANY]; /* one verdict each; a single NULL where no host is asked for */
    int host_count;
    struct field trust, crls, chain;
    const char *crl_mode, *time, *depth;
    int any_purpose;
};

struct verdict {
    int accepted;
    int seen; /* the chain came to the judge at all */
    int status;
    char message[512];
};

/* The verdicts of one policy on one version of TLS. */
struct tally {
    int accepted, refused, unsent, differences;
};

/* The text of the cases, as keyed_cases.py describes it. */

static char *next_field(char *cursor, const char *end, const char **word, struct field *field)
{
    char *space = memchr(cursor, ' ', (size_t)(end - cursor));
    need(space != NULL, "a field without a length");
    *space = '\0';
    *word = cursor;
    char *bytes;
    field->length = strtoul(space + 1, &bytes, 10);
    need(*bytes == '\n' && (size_t)(end - bytes) > field->length + 1 && bytes[field->length + 1] == '\n',
         "a field that is shorter than it says");
    field->bytes = bytes + 1;
    bytes[field->length + 1] = '\0';
    return bytes + field->length + 2;
}

static void put(struct testcase *testcase, const char *word, struct field field)
{
    if (strcmp(word, "peer") == 0) {
        testcase->judges_clients = strcmp(field.bytes, "client") == 0;
    } else if (strcmp(word, "host") == 0) {
        need(testcase->host_count < MANY, "a case with too many hosts");
        testcase->hosts[testcase->host_count++] = field.bytes;
    } else if (strcmp(word, "trust") == 0) {
        testcase->trust = field;
    } else if (strcmp(word, "chain") == 0) {
        testcase->chain = field;
    } else if (strcmp(word, "crls") == 0) {
        testcase->crls = field;
    } else if (strcmp(word, "crl-mode") == 0) {
        testcase->crl_mode = field.bytes;
    } else if (strcmp(word, "time") == 0) {
        testcase->time = field.bytes;
    } else if (strcmp(word, "depth") == 0) {
        testcase->depth = field.bytes;
    } else {
        need(strcmp(word, "any-purpose") == 0, "an unknown word in a case");
        testcase->any_purpose = 1;
    }
}

/* Takes one case off the text; NULL at its end. */
static char *next_case(char *cursor, const char *end, struct testcase *testcase)
{
    const char *word;
    struct field field;
    memset(testcase, 0, sizeof(*testcase));
    if (cursor == end)
        return NULL;
    cursor = next_field(cursor, end, &word, &field);
    need(strcmp(word, "case") == 0, "a case without a name");
    testcase->name = field.bytes;
    while (cursor != end && strncmp(cursor, "case ", 5) != 0) {
        cursor = next_field(cursor, end, &word, &field);
        put(testcase, word, field);
    }
    need(testcase->trust.length > 0 && testcase->chain.length > 0, "a case without a root or without a chain");
    if (testcase->host_count == 0)
        testcase->host_count = 1;
    return cursor;
}

/* The judge: a context of hostlock. */

/* A call that fails poisons the context, and then that is the verdict that both must come to. */
static SSL_CTX *judge_for(const struct testcase *testcase, const char *policy)
{
    SSL_CTX *ctx = testcase->judges_clients ? hostlock_server_new(policy) : hostlock_client_new(policy);
    need(ctx != NULL, hostlock_error_message(hostlock_last_error()));
    int failed = hostlock_ctx_trust_mem(ctx, (const uint8_t *)testcase->trust.bytes, testcase->trust.length) != 0;
    if (testcase->crls.length > 0)
        failed += hostlock_ctx_add_crl_mem(ctx, (const uint8_t *)testcase->crls.bytes, testcase->crls.length) != 0;
    if (testcase->crl_mode != NULL)
        failed += hostlock_ctx_set_crl_mode(ctx, testcase->crl_mode) != 0;
    if (testcase->time != NULL)
        failed += hostlock_ctx_set_verify_time(ctx, atoll(testcase->time)) != 0;
    if (testcase->depth != NULL)
        failed += hostlock_ctx_set_verify_depth(ctx, atoi(testcase->depth)) != 0;
    if (testcase->any_purpose)
        failed += hostlock_insecure_any_purpose(ctx, "the testcase asks for it") != 0;
    if (!testcase->judges_clients && testcase->hosts[0] == NULL)
        failed += hostlock_insecure_no_hostname(ctx, "the testcase asks for it") != 0;
    if (failed > 0)
        note("%s: set-up refused: %s", testcase->name, hostlock_error_message(hostlock_last_error()));
    if (testcase->judges_clients) {
        const struct identity *own = identity(RIGHT);
        need(SSL_CTX_use_certificate(ctx, own->certificate) == 1 && SSL_CTX_use_PrivateKey(ctx, own->key) == 1,
             "the server does not take its certificate");
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return ctx;
}

/* The peer: plain OpenSSL that permits everything, checks nothing, and sends the chain as the case has it. */
static SSL_CTX *peer_of(const struct testcase *testcase)
{
    SSL_CTX *ctx = SSL_CTX_new(testcase->judges_clients ? TLS_client_method() : TLS_server_method());
    need(ctx != NULL, "no context for the peer");
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    BIO *pem = BIO_new_mem_buf(testcase->chain.bytes, (int)testcase->chain.length);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
    need(key != NULL && BIO_reset(pem) == 1, "a case without a key");
    X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    int holds = certificate != NULL && SSL_CTX_use_certificate(ctx, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(ctx, key) == 1;
    X509_free(certificate);
    while (holds && (certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL)) != NULL)
        holds = SSL_CTX_add0_chain_cert(ctx, certificate) == 1;
    /* Reading on until there is nothing more leaves this one reason behind. */
    holds = holds && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    EVP_PKEY_free(key);
    BIO_free(pem);
    if (holds)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static void by_chain(SSL_CTX *ctx, const struct testcase *testcase, const char *host, struct verdict *verdict)
{
    const struct field *chain = &testcase->chain;
    verdict->status = hostlock_ctx_verify_chain(ctx, (const uint8_t *)chain->bytes, chain->length, host);
    verdict->accepted = verdict->status == 0;
    verdict->seen = 1;
    snprintf(verdict->message, sizeof(verdict->message), "%s",
             verdict->accepted ? "" : hostlock_error_message(hostlock_last_error()));
}

static void watch(int sent, int version, int type, const void *data, size_t length, SSL *ssl, void *seen)
{
    (void)version;
    (void)ssl;
    if (!sent && type == SSL3_RT_HANDSHAKE && length > 0 && *(const unsigned char *)data == SSL3_MT_CERTIFICATE)
        *(int *)seen = 1;
}

static int goes_on(SSL *ssl)
{
    int result = SSL_do_handshake(ssl);
    int reason = SSL_get_error(ssl, result);
    return result != 1 && (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE);
}

static void by_handshake(SSL_CTX *ctx, SSL_CTX *peer_ctx, int version, const struct testcase *testcase,
                         const char *host, struct verdict *verdict)
{
    SSL *judge = SSL_new(ctx), *peer = SSL_new(peer_ctx);
    BIO *near, *far;
    need(judge != NULL && peer != NULL && BIO_new_bio_pair(&near, 0, &far, 0) == 1, "no connection");
    SSL_set_bio(judge, near, near);
    SSL_set_bio(peer, far, far);
    need(SSL_set_min_proto_version(peer, version) == 1 && SSL_set_max_proto_version(peer, version) == 1, "no version");
    if (testcase->judges_clients) {
        SSL_set_accept_state(judge);
        SSL_set_connect_state(peer);
    } else {
        SSL_set_connect_state(judge);
        SSL_set_accept_state(peer);
    }
    verdict->seen = 0;
    SSL_set_msg_callback(judge, watch);
    SSL_set_msg_callback_arg(judge, &verdict->seen);
    int host_refused = host != NULL ? hostlock_conn_set_host(judge, host) : 0;
    hostlock_error *naming = host_refused != 0 ? hostlock_error_dup(hostlock_last_error()) : NULL;
    /* The longest chain takes some ten turns; one that never ends is no verdict, and is reported as a difference. */
    int turns = 0, judge_goes_on, peer_goes_on;
    do {
        ERR_clear_error();
        judge_goes_on = goes_on(judge);
        ERR_clear_error();
        peer_goes_on = goes_on(peer);
    } while ((judge_goes_on || peer_goes_on) && ++turns < 100);
    char heard[8];
    ERR_clear_error();
    int sent = SSL_write(judge, "ping", 4);
    int received = SSL_read(peer, heard, sizeof(heard));
    ERR_clear_error();
    verdict->accepted = sent == 4 && received == 4;
    verdict->status = hostlock_error_status(hostlock_conn_error(judge));
    snprintf(verdict->message, sizeof(verdict->message), "%s", hostlock_error_message(hostlock_conn_error(judge)));
    /* A host that is none was refused when it was named; the handshake must then be refused for that. */
    if (host_refused != 0 && verdict->status == HOSTLOCK_E_POISONED) {
        verdict->status = host_refused;
        snprintf(verdict->message, sizeof(verdict->message), "%s", hostlock_error_message(naming));
    }
    hostlock_error_free(naming);
    SSL_free(judge);
    SSL_free(peer);
}

static int same(const struct verdict *one, const struct verdict *other)
{
    return one->accepted == other->accepted && one->accepted == (one->status == 0) && one->status == other->status &&
           strcmp(one->message, other->message) == 0;
}

/*
 * OpenSSL's own server keeps back a certificate that is damaged, or whose key the client does not take; what it tells
 * the client then is no verdict about the chain. Nothing may pass in its place, and the chain may be none to accept.
 */
static int kept_back(const struct verdict *chain, const struct verdict *handshake)
{
    return !handshake->seen && !handshake->accepted && handshake->status != 0 && chain->status != 0;
}

static const char *word(const struct verdict *verdict)
{
    return verdict->accepted ? "accepted" : "refused";
}

/* Compares for each host, and on both versions; answers whether every verdict had the status that was expected. */
static int compare(const struct testcase *testcase, SSL_CTX *peer, const char *policy, struct tally tallies[2],
                   const int *expected)
{
    SSL_CTX *ctx = judge_for(testcase, policy);
    int as_expected = 1;
    for (int i = 0; i < testcase->host_count; i++) {
        const char *host = testcase->hosts[i];
        struct verdict chain, handshake;
        by_chain(ctx, testcase, host, &chain);
        for (int version = 0; version < 2; version++) {
            by_handshake(ctx, peer, both_versions[version], testcase, host, &handshake);
            int agree = same(&chain, &handshake), unsent = !agree && kept_back(&chain, &handshake);
            tallies[version].accepted += agree && chain.accepted;
            tallies[version].refused += agree && !chain.accepted;
            tallies[version].unsent += unsent;
            tallies[version].differences += !agree && !unsent;
            as_expected &= agree && (expected == NULL || chain.status == *expected);
            if (!agree || (expected != NULL && chain.status != *expected))
                note("%s, policy %s, %s, host %s%s: the chain is %s (%d, %s), the handshake %s (%d, %s)",
                     testcase->name, policy, version_name(both_versions[version]), host != NULL ? host : "none",
                     unsent ? ", kept back by its server" : "", word(&chain), chain.status, chain.message,
                     word(&handshake), handshake.status, handshake.message);
        }
    }
    SSL_CTX_free(ctx);
    return as_expected;
}

/* Cases made here */

static void add_field(BIO *text, const char *word, const char *value)
{
    BIO_printf(text, "%s %d\n%s\n", word, (int)strlen(value), value);
}

static void add_pem(BIO *text, const char *word, BIO *pem)
{
    char *bytes;
    long length = BIO_get_mem_data(pem, &bytes);
    BIO_printf(text, "%s %ld\n", word, length);
    need(BIO_write(text, bytes, (int)length) == length && BIO_write(text, "\n", 1) == 1, "no memory");
    BIO_free(pem);
}

/* A case in the words of the vectors: leaf and key, and what is sent along. */
static void make_case(const char *name, const char *peer, const char *host, X509 *root, const struct identity *leaf,
                      const struct identity *intermediate, int expected)
{
    BIO *text = BIO_new(BIO_s_mem()), *trust = BIO_new(BIO_s_mem()), *chain = BIO_new(BIO_s_mem());
    need(PEM_write_bio_X509(trust, root) == 1 && PEM_write_bio_X509(chain, leaf->certificate) == 1 &&
             PEM_write_bio_PrivateKey(chain, leaf->key, NULL, NULL, 0, NULL, NULL) == 1 &&
             (intermediate == NULL || PEM_write_bio_X509(chain, intermediate->certificate) == 1),
         "a case could not be written");
    add_field(text, "case", name);
    add_field(text, "peer", peer);
    if (host != NULL)
        add_field(text, "host", host);
    add_pem(text, "trust", trust);
    add_pem(text, "chain", chain);
    char *bytes;
    long length = BIO_get_mem_data(text, &bytes);
    struct testcase testcase;
    need(next_case(bytes, bytes + length, &testcase) == bytes + length, "more than one case was made");
    SSL_CTX *ctx = peer_of(&testcase);
    need(ctx != NULL, "the peer does not take its chain");
    struct tally tallies[2] = {{0}};
    int holds = 1;
    for (int policy = 0; policy < 2; policy++)
        holds &= compare(&testcase, ctx, policies[policy], tallies, &expected);
    claim(holds, "%s: %s by both, under both policies and on both versions", name, hostlock_status_text(expected));
    SSL_CTX_free(ctx);
    BIO_free(text);
}

static void made_here(void)
{
    const char *server = "serverAuth", *client = "clientAuth", *right = "DNS:" RIGHT_HOST;
    struct identity root = issue(NULL, p256(), "root", NULL, NULL, -10, 100);
    extend(&root, &root, NID_authority_key_identifier, "keyid:always");
    struct identity middle = issue(&root, p256(), "intermediate", NULL, NULL, -10, 100);
    extend(&middle, &root, NID_authority_key_identifier, "keyid:always");
    struct identity narrow = issue(&root, p256(), "constrained intermediate", NULL, NULL, -10, 100);
    extend(&narrow, &root, NID_authority_key_identifier, "keyid:always");
    extend(&narrow, &root, NID_name_constraints, "critical,permitted;DNS:elsewhere.example");
    struct identity good = issue(&middle, p256(), "good", right, server, -1, 10);
    struct identity expired = issue(&middle, p256(), "expired", right, server, -5, -1);
    struct identity early = issue(&middle, p256(), "early", right, server, 1, 10);
    struct identity outside = issue(&narrow, p256(), "outside", right, server, -1, 10);
    struct identity address = issue(&middle, p256(), "address", "IP:192.0.2.1", server, -1, 10);
    struct identity visitor = issue(&middle, p256(), "visitor", "DNS:client.example", client, -1, 10);
    X509 *anchor = root.certificate;
    make_case("a good chain", "server", RIGHT_HOST, anchor, &good, &middle, HOSTLOCK_OK);
    make_case("a good chain, no host asked for", "server", NULL, anchor, &good, &middle, HOSTLOCK_OK);
    make_case("the right address", "server", "192.0.2.1", anchor, &address, &middle, HOSTLOCK_OK);
    make_case("another address", "server", "192.0.2.2", anchor, &address, &middle, HOSTLOCK_E_HOST_MISMATCH);
    make_case("another host", "server", OTHER_HOST, anchor, &good, &middle, HOSTLOCK_E_HOST_MISMATCH);
    make_case("a host that is none", "server", "right_example:443", anchor, &good, &middle, HOSTLOCK_E_BAD_HOST);
    make_case("an expired leaf", "server", RIGHT_HOST, anchor, &expired, &middle, HOSTLOCK_E_EXPIRED);
    make_case("a leaf of tomorrow", "server", RIGHT_HOST, anchor, &early, &middle, HOSTLOCK_E_NOT_YET_VALID);
    make_case("an issuer that nobody trusts", "server", RIGHT_HOST, untrusted_ca(), &good, &middle,
              HOSTLOCK_E_UNKNOWN_ISSUER);
    make_case("an intermediate left out", "server", RIGHT_HOST, anchor, &good, NULL, HOSTLOCK_E_UNKNOWN_ISSUER);
    make_case("a name outside of its constraint", "server", RIGHT_HOST, anchor, &outside, &narrow,
              HOSTLOCK_E_NAME_CONSTRAINT);
    make_case("a client's certificate in a server's place", "server", RIGHT_HOST, anchor, &visitor, &middle,
              HOSTLOCK_E_WRONG_PURPOSE);
    make_case("a client", "client", NULL, anchor, &visitor, &middle, HOSTLOCK_OK);
    make_case("a server's certificate in a client's place", "client", NULL, anchor, &good, &middle,
              HOSTLOCK_E_WRONG_PURPOSE);
    struct identity *const all[] = {&root, &middle, &narrow, &good, &expired, &early, &outside, &address, &visitor};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        identity_free(all[i]);
}

/* The cases of a file */

static char *read_all(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    need(file != NULL && fseek(file, 0, SEEK_END) == 0, "the file of cases cannot be read");
    *length = (size_t)ftell(file);
    char *text = malloc(*length + 1);
    rewind(file);
    need(text != NULL && fread(text, 1, *length, file) == *length, "the file of cases cannot be read");
    fclose(file);
    return text;
}

static void of_file(const char *path)
{
    size_t length;
    char *text = read_all(path, &length), *cursor = text;
    struct testcase testcase;
    struct tally tallies[2][2] = {{{0}}};
    int cases = 0, number = 0, unusable = 0, stride = rounds(1, 52);
    while ((cursor = next_case(cursor, text + length, &testcase)) != NULL) {
        if (number++ % stride != 0)
            continue;
        SSL_CTX *peer = peer_of(&testcase);
        if (peer == NULL) {
            note("%s: a plain OpenSSL peer does not hold this chain", testcase.name);
            unusable++;
            continue;
        }
        cases++;
        for (int policy = 0; policy < 2; policy++)
            compare(&testcase, peer, policies[policy], tallies[policy], NULL);
        SSL_CTX_free(peer);
    }
    claim(unusable == 0, "a plain OpenSSL peer holds the chain of each of %d testcases with a key", cases + unusable);
    for (int policy = 0; policy < 2; policy++)
        for (int version = 0; version < 2; version++) {
            const struct tally *tally = &tallies[policy][version];
            claim(tally->differences == 0 && tally->accepted > 0 && tally->refused > 0,
                  "%d testcases, policy %s, %s: %d chains accepted by both, %d refused by both alike, %d that the "
                  "server kept back and both refuse, %d differences",
                  cases, policies[policy], version_name(both_versions[version]), tally->accepted, tally->refused,
                  tally->unsent, tally->differences);
        }
    free(text);
}

int main(void)
{
    const char *path = getenv("HOSTLOCK_KEYED_CASES");
    made_here();
    if (path != NULL)
        of_file(path);
    else
        skip("the testcases that come with keys", "the vectors are not beside the project");
    return finish();
}
