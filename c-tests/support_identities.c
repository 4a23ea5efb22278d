/* The certificates of support.h: made in memory, when they are first asked for. */
#include "support.h"

#include <openssl/x509v3.h>

static struct identity ca, stranger_ca, cast[WHO_COUNT];

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    need(extension != NULL && X509_add_ext(certificate, extension, -1), "an extension could not be made");
    X509_EXTENSION_free(extension);
}

/* Only these keys sign a digest of the program's choice. */
static const EVP_MD *digest_for(EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "RSA") ? EVP_sha256() : NULL;
}

struct identity issue(const struct identity *issuer, EVP_PKEY *key, const char *common_name,
                      const char *alternative_names, const char *usage, int first_day, int last_day)
{
    struct identity made = {X509_new(), key, NULL};
    need(key != NULL && made.certificate != NULL, "no key or certificate");
    X509 *certificate = made.certificate;
    X509 *parent = issuer != NULL ? issuer->certificate : certificate;
    static long serial = 1000;
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), first_day * 86400L);
    X509_gmtime_adj(X509_getm_notAfter(certificate), last_day * 86400L);
    X509_NAME *subject = X509_NAME_new();
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0);
    X509_set_subject_name(certificate, subject);
    X509_NAME_free(subject);
    X509_set_issuer_name(certificate, X509_get_subject_name(parent));
    X509_set_pubkey(certificate, key);
    add_extension(certificate, parent, NID_subject_key_identifier, "hash");
    if (usage == NULL) {
        add_extension(certificate, parent, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(certificate, parent, NID_key_usage, "critical,keyCertSign,cRLSign");
    } else {
        add_extension(certificate, parent, NID_authority_key_identifier, "keyid");
        add_extension(certificate, parent, NID_ext_key_usage, usage);
    }
    if (alternative_names != NULL)
        add_extension(certificate, parent, NID_subject_alt_name, alternative_names);
    EVP_PKEY *signer = issuer != NULL ? issuer->key : key;
    need(X509_sign(certificate, signer, digest_for(signer)) != 0, "signing failed");
    return made;
}

void extend(struct identity *identity, const struct identity *issuer, int nid, const char *value)
{
    add_extension(identity->certificate, issuer->certificate, nid, value);
    need(X509_sign(identity->certificate, issuer->key, digest_for(issuer->key)) != 0, "signing failed");
}

static void make_identities(void)
{
    if (ca.certificate != NULL)
        return;
    const char *server = "serverAuth", *right = "DNS:" RIGHT_HOST;
    ca = issue(NULL, p256(), "hostlock test CA", NULL, NULL, -10, 100);
    stranger_ca = issue(NULL, p256(), "a stranger's CA", NULL, NULL, -10, 100);
    cast[RIGHT] = issue(&ca, p256(), "right", right, server, -1, 10);
    cast[IMPOSTOR] = issue(&ca, p256(), "impostor", "DNS:" OTHER_HOST, server, -1, 10);
    cast[EXPIRED] = issue(&ca, p256(), "expired", right, server, -5, -1);
    cast[NOT_YET] = issue(&ca, p256(), "not yet", right, server, 1, 10);
    cast[UNKNOWN] = issue(&stranger_ca, p256(), "unknown", right, server, -1, 10);
    cast[UNKNOWN].sent_along = stranger_ca.certificate;
    cast[SELF_SIGNED] = issue(NULL, p256(), RIGHT_HOST, right, server, -1, 10);
    cast[CN_ONLY] = issue(&ca, p256(), RIGHT_HOST, NULL, server, -1, 10);
    cast[WRONG_USE] = issue(&ca, p256(), "wrong use", right, "emailProtection", -1, 10);
    cast[WEAK_KEY] = issue(&ca, fixed_rsa(RSA_1024), "weak key", right, server, -1, 10);
    cast[ADDRESS] = issue(&ca, p256(), "address", "IP:" RIGHT_ADDRESS, server, -1, 10);
    cast[THE_CLIENT] = issue(&ca, p256(), "a client", "DNS:client.example", "clientAuth", -1, 10);
}

static const struct {
    const char *name;
    int status;
} members[WHO_COUNT] = {
    [RIGHT] = {"the right host", HOSTLOCK_OK},
    [IMPOSTOR] = {"an impostor with a valid certificate of another host", HOSTLOCK_E_HOST_MISMATCH},
    [EXPIRED] = {"an expired certificate", HOSTLOCK_E_EXPIRED},
    [NOT_YET] = {"a certificate that is not yet valid", HOSTLOCK_E_NOT_YET_VALID},
    [UNKNOWN] = {"a certificate of an unknown CA", HOSTLOCK_E_UNKNOWN_ISSUER},
    [SELF_SIGNED] = {"a self-signed certificate", HOSTLOCK_E_SELF_SIGNED},
    [CN_ONLY] = {"a certificate that names the host in its common name only", HOSTLOCK_E_HOST_MISMATCH},
    [WRONG_USE] = {"a certificate for e-mail", HOSTLOCK_E_WRONG_PURPOSE},
    [WEAK_KEY] = {"a weak key", HOSTLOCK_E_WEAK_KEY},
    [ADDRESS] = {"a certificate of an address", HOSTLOCK_E_HOST_MISMATCH},
    [THE_CLIENT] = {"a client's certificate", HOSTLOCK_E_WRONG_PURPOSE},
};

const char *who_name(enum who who)
{
    return members[who].name;
}

int who_status(enum who who)
{
    return members[who].status;
}

const struct identity *identity(enum who who)
{
    make_identities();
    return &cast[who];
}

X509 *trusted_ca(void)
{
    make_identities();
    return ca.certificate;
}

X509 *untrusted_ca(void)
{
    make_identities();
    return stranger_ca.certificate;
}

void identity_free(struct identity *identity)
{
    X509_free(identity->certificate);
    EVP_PKEY_free(identity->key);
    identity->certificate = NULL;
    identity->key = NULL;
}

void forget_identities(void)
{
    identity_free(&ca);
    identity_free(&stranger_ca);
    for (int who = 0; who < WHO_COUNT; who++)
        identity_free(&cast[who]);
}
