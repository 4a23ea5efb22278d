/*
 * What the programs of this directory share: TAP lines, certificates made in memory, and a TLS server in a thread.
 *
 * Everything on the server's side is plain OpenSSL. The client's side is written by each program, as "legacy code"
 * would write it; this file only drives the connection and reports what passed.
 */
#ifndef HOSTLOCK_TEST_SUPPORT_H
#define HOSTLOCK_TEST_SUPPORT_H

#include <stddef.h>

#include <openssl/ssl.h>

#include "hostlock.h"

/* Who wants certificates for names that lead somewhere says so to the compiler. */
#ifndef RIGHT_HOST
#define RIGHT_HOST "right.example"
#endif
#ifndef RIGHT_ADDRESS
#define RIGHT_ADDRESS "192.0.2.1"
#endif
#define OTHER_HOST "other.example"

/* TAP: prints one line a claim; finish() prints the plan and gives main's exit status. */
void claim(int holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void skip(const char *claim_skipped, const char *reason);
int finish(void);
/* Ends the program where the test itself cannot go on. */
void need(int holds, const char *what);

/* Few rounds under valgrind, more otherwise. */
int rounds(int plainly, int slowly);
/* Where a loop over both_versions begins: under valgrind in `make test` with the newest, which is the last. */
int first_version(void);

/* A certificate and its key, and what a server sends beside it. */
struct identity {
    X509 *certificate;
    EVP_PKEY *key;
    X509 *sent_along;
};

/* The cast: who may sit at the other end. All but UNKNOWN and SELF_SIGNED come from the CA that clients trust. */
enum who {
    RIGHT,       /* valid for RIGHT_HOST */
    IMPOSTOR,    /* valid for OTHER_HOST */
    EXPIRED,     /* for RIGHT_HOST, until yesterday */
    NOT_YET,     /* for RIGHT_HOST, from tomorrow */
    UNKNOWN,     /* for RIGHT_HOST, by a CA that nobody trusts */
    SELF_SIGNED, /* for RIGHT_HOST, by itself */
    CN_ONLY,     /* RIGHT_HOST in the common name, no subjectAltName */
    WRONG_USE,   /* for RIGHT_HOST, for e-mail only */
    WEAK_KEY,    /* for RIGHT_HOST, with an RSA key of 1024 bits */
    ADDRESS,     /* valid for the address RIGHT_ADDRESS */
    THE_CLIENT,  /* a client's certificate */
    WHO_COUNT
};
const char *who_name(enum who who);
/* The status that hostlock gives for this peer where the client asked for RIGHT_HOST; 0 for RIGHT. */
int who_status(enum who who);
const struct identity *identity(enum who who);
X509 *trusted_ca(void);
X509 *untrusted_ca(void);
void forget_identities(void);

/*
 * A further certificate: signed by issuer, or by itself where that is NULL; for usage (an extendedKeyUsage), or a CA's
 * where that is NULL; alternative_names may be NULL. Days are counted from now. Free it with identity_free.
 */
struct identity issue(const struct identity *issuer, EVP_PKEY *key, const char *common_name,
                      const char *alternative_names, const char *usage, int first_day, int last_day);
EVP_PKEY *p256(void);
/* RSA keys that are always the same. */
enum rsa_key { RSA_1024, RSA_2048, OTHER_RSA_2048 };
EVP_PKEY *fixed_rsa(enum rsa_key which);
/* Adds one more extension, and signs again. */
void extend(struct identity *identity, const struct identity *issuer, int nid, const char *value);
void identity_free(struct identity *identity);

/* How a server behaves; all zero is a server of TLS 1.2 and 1.3 without a certificate. */
struct manner {
    const struct identity *identity;
    int version;                /* only this one; 0 for 1.2 and 1.3 */
    const char *ciphers;        /* TLS 1.2 cipher list */
    const char *psk;            /* identity of a pre-shared key that it accepts */
    int asks_for_certificate;   /* of the client */
    int asks_later;             /* TLS 1.3 post-handshake authentication, after the first "ping" */
    int early_data;             /* accepts up to 1024 bytes */
    int renegotiates;           /* TLS 1.2: sends a HelloRequest after the first "ping" */
    int no_tickets;             /* TLS 1.2: resumes by session id */
    void (*set_up)(SSL_CTX *);  /* what else its context needs */
};

/* What a server saw of one connection. */
struct report {
    int accepted;               /* SSL_accept came to its end */
    int resumed;
    size_t received;            /* application bytes, early data included */
    char text[256];             /* their beginning */
    size_t early;               /* bytes of early data among them */
    int hellos;                 /* ClientHello messages */
    int certificates;           /* Certificate messages with a certificate inside */
    int alert;                  /* the alert that the client sent, or -1 */
    char sni[256];
    size_t raw_length;          /* bytes on the wire */
    unsigned char raw[16384];   /* their beginning */
};

struct server;
struct server *server_new(const struct manner *manner);
void server_free(struct server *server);

/* One connection to it: line_open gives the client's descriptor, line_close waits for the server's report. */
struct line;
struct line *line_open(struct server *server, int *client_fd);
void line_close(struct line *line, struct report *report);

/* What one conversation came to, on both sides. */
struct outcome {
    int connected;              /* what SSL_connect returned */
    int resumed;
    int sent;                   /* what SSL_write returned for "ping" */
    int got;                    /* what SSL_read returned where the server says "pong" */
    char answer[16];
    int status;                 /* of hostlock_conn_error; 0 where there is none */
    char message[512];
    long verify_result;
    int reason;                 /* the status that an entry named "hostlock" of OpenSSL's queue bears, negative; or 0 */
    int queue_clean;            /* nothing was on the queue after SSL_connect */
    struct report server;
};

/* SSL_connect, "ping", "pong" over a new connection to server; the SSL stays the caller's. */
void converse(SSL *ssl, struct server *server, struct outcome *outcome);

/* A handshake in memory, and a byte each way: 1 where the client's arrived at the server. Neither SSL is freed. */
int meet_in_memory(SSL *client, SSL *server);

/* One claim each about an outcome; on failure they show it. */
void claim_passes(const struct outcome *outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));
void claim_refused(const struct outcome *outcome, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* libssl itself ended the handshake, for a reason of its own that is on the queue; the connection names the status. */
void claim_failed(const struct outcome *outcome, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void show(const struct outcome *outcome);

/*
 * hostlock's default context, trusting trusted_ca(); and a connection of it for host, which may be NULL. c-tests/run lets
 * many programs meet the same attacks on a context that SSL_CTX_new made and hostlock_harden hardened.
 */
SSL_CTX *client_context(void);
int on_hardened_context(void);
SSL *client_connection(SSL_CTX *ctx, const char *host);
/* A context as careless programs make it: plain OpenSSL, VERIFY_NONE. */
SSL_CTX *plain_context(void);

/* TLS 1.2 and TLS 1.3, for "each on both" loops. */
extern const int both_versions[2];
const char *version_name(int version);

/*
 * A habit of legacy code, tried on both versions: the honest twin must connect and pass bytes, and each peer in
 * `peers` (ended by WHO_COUNT) must be refused with its own status.
 */
struct habit {
    const char *name;
    void (*context)(SSL_CTX *ctx);
    void (*connection)(SSL *ssl);
    const enum who *peers;      /* NULL: the impostor, an expired, an unknown and a self-signed certificate */
};
void try_habit(const struct habit *habit);

#endif
