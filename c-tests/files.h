/* Certificates, keys and CRLs in files of a directory of the program's own. */
#ifndef FILES_H
#define FILES_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static char directory[64];

static void make_directory(void)
{
    snprintf(directory, sizeof(directory), "/tmp/hostlock-files-XXXXXX");
    need(mkdtemp(directory) != NULL, "mkdtemp");
}

static void remove_directory(void)
{
    char command[100];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    need(system(command) == 0, "rm");
}

static const char *path(const char *name)
{
    static char paths[8][128];
    static int next;
    char *out = paths[next++ % 8];
    snprintf(out, sizeof(paths[0]), "%s/%s", directory, name);
    return out;
}

/* A file comes to its name whole, as those who write certificates should have it. */
static void put(const char *name, BIO *memory)
{
    char *bytes, aside[160];
    long length = BIO_get_mem_data(memory, &bytes);
    snprintf(aside, sizeof(aside), "%s/%s.new", directory, name);
    FILE *file = fopen(aside, "wb");
    need(file != NULL && fwrite(bytes, 1, (size_t)length, file) == (size_t)length && fclose(file) == 0, "a file");
    need(rename(aside, path(name)) == 0, "rename");
    BIO_free(memory);
}

static void put_identity(const char *name, const struct identity *who)
{
    BIO *memory = BIO_new(BIO_s_mem());
    need(PEM_write_bio_X509(memory, who->certificate) == 1 &&
             PEM_write_bio_PKCS8PrivateKey(memory, who->key, NULL, NULL, 0, NULL, NULL) == 1, "PEM");
    put(name, memory);
}

static void put_certificate(const char *name, X509 *certificate)
{
    BIO *memory = BIO_new(BIO_s_mem());
    need(PEM_write_bio_X509(memory, certificate) == 1, "PEM");
    put(name, memory);
}

static void put_text(const char *name, const char *text)
{
    BIO *memory = BIO_new(BIO_s_mem());
    BIO_puts(memory, text);
    put(name, memory);
}

static void put_crl(const char *name, const struct identity *issuer, const struct identity *revoked)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -3600), *later = X509_gmtime_adj(NULL, 86400);
    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate));
    X509_CRL_set1_lastUpdate(crl, now), X509_CRL_set1_nextUpdate(crl, later);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate));
        X509_REVOKED_set_revocationDate(entry, now);
        X509_CRL_add0_revoked(crl, entry);
    }
    X509_CRL_sort(crl);
    need(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0, "a CRL");
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_CRL(memory, crl);
    put(name, memory);
    ASN1_TIME_free(now), ASN1_TIME_free(later), X509_CRL_free(crl);
}

#endif
