/*
 * What the programs of this directory share. Each prints what it sees of its contexts and connections, one line a fact,
 * and is built twice: plain.c gives it contexts of OpenSSL alone, ours.c of hostlock. c-tests/dropin/run compares.
 * Here no fact is judged.
 */
#ifndef HOSTLOCK_DROPIN_H
#define HOSTLOCK_DROPIN_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#define HOST "right.example"

/* The contexts under test. plain.c and ours.c define them, and nothing else differs between the two builds. */
SSL_CTX *new_client(void);
SSL_CTX *new_server(void);
/* With the policy's settings, by OpenSSL alone. */
SSL_CTX *plain_client(void);
SSL_CTX *plain_server(void);

/* The same, made ready: trusting the CA; a server shows the certificate of WHO.pem. */
SSL_CTX *tested_client(void);
SSL_CTX *tested_server(const char *who);
/* A connection of a client's context for HOST, by SSL_set1_host and SNI. */
SSL *tested_connection(SSL_CTX *client);
/* The other side: plain OpenSSL in both builds, which permits what it can. */
SSL_CTX *peer_client(int version);
SSL_CTX *peer_server(const char *who, int version);

/* Facts: "CHAPTER / KEY = VALUE". No chapter has a key twice. */
void chapter(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What an I/O call came to: its value, SSL_get_error, SSL_want, and the error queue, which is emptied. */
void say_result(const char *key, SSL *ssl, int result);
/* What a set-up call came to: its value and the error queue, which is emptied. */
void say_set(const char *key, long result);
/* The calls of callbacks, in their order, since they were said last. */
void called(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_calls(const char *key);
void watch_info(const SSL *ssl, int place, int value);
void watch_messages(int sent, int version, int type, const void *data, size_t length, SSL *ssl, void *argument);

/* Connects both over a BIO pair that holds `room` bytes each way, and says which side is which. */
void join(SSL *client, SSL *server, size_t room);
/* Lets both sides speak in turn until neither gets on, and says what each came to under "KEY client", "KEY server". */
int shake(const char *key, SSL *client, SSL *server);
/* Bytes each way after a handshake, and what both sides see. */
void talk(const char *key, SSL *client, SSL *server);
/* Reads once on each side: what is under way (tickets, alerts, a new handshake) arrives. */
void settle(SSL *client, SSL *server);

/* Ends the program where the comparison itself cannot go on. */
void need(int holds, const char *what);
/* A file of the directory with the certificates; the buffer is overwritten by the next call. */
const char *pem(const char *who);
const char *error_name(int error);
const char *version_word(int version);
extern const int versions[2];

#endif
