/*
 * Writes the certificates of support_identities.c as PEM files into a directory: cast DIRECTORY. Programs that are run more than
 * once, or that are no tests of ours, meet the same peers by them.
 */
#include "../support.h"

#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

static FILE *file_of(const char *directory, const char *name)
{
    char path[4096];
    need((size_t)snprintf(path, sizeof(path), "%s/%s.pem", directory, name) < sizeof(path), "the path is too long");
    FILE *file = fopen(path, "w");
    need(file != NULL, path);
    return file;
}

static void write_certificate(const char *directory, const char *name, X509 *certificate)
{
    FILE *file = file_of(directory, name);
    need(PEM_write_X509(file, certificate) == 1, name);
    fclose(file);
}

int main(int count, char **arguments)
{
    /* In the order of enum who. */
    static const char *const names[WHO_COUNT] = {"right",       "impostor", "expired",   "not-yet",  "unknown",
                                                 "self-signed", "cn-only",  "wrong-use", "weak-key", "address",
                                                 "client"};
    need(count == 2, "usage: cast DIRECTORY");
    for (int who = 0; who < WHO_COUNT; who++) {
        const struct identity *member = identity(who);
        FILE *file = file_of(arguments[1], names[who]);
        need(PEM_write_X509(file, member->certificate) == 1, names[who]);
        need(member->sent_along == NULL || PEM_write_X509(file, member->sent_along) == 1, names[who]);
        need(PEM_write_PrivateKey(file, member->key, NULL, NULL, 0, NULL, NULL) == 1, names[who]);
        fclose(file);
    }
    write_certificate(arguments[1], "ca", trusted_ca());
    write_certificate(arguments[1], "stranger-ca", untrusted_ca());
    forget_identities();
    return 0;
}
