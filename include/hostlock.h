/*
 * hostlock: TLS connections that lead to the host that was asked for, or do not come about.
 *
 *     #include <hostlock.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         static const char request[] = "GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n";
 *         char page[4096];
 *         ssize_t got = -1;
 *         hostlock_conn *conn = NULL;
 *         hostlock_ctx *ctx = hostlock_client_new(NULL);
 *         if (ctx != NULL && hostlock_connect(ctx, "example.org", 443, &conn) == 0 &&
 *             hostlock_write_all(conn, request, sizeof(request) - 1) > 0)
 *             while ((got = hostlock_read(conn, page, sizeof(page))) > 0)
 *                 fwrite(page, 1, (size_t)got, stdout);
 *         if (got != 0)
 *             fprintf(stderr, "%s\n", hostlock_error_message(hostlock_last_error()));
 *         hostlock_conn_free(conn);
 *         hostlock_ctx_free(ctx);
 *         return got != 0;
 *     }
 *
 * A hostlock_ctx *is* an OpenSSL SSL_CTX and a hostlock_conn *is* an SSL: old code goes on with SSL_new, SSL_connect and
 * SSL_read; new code stays inside hostlock and never links libssl.
 *
 * Sections, each with a banner of its name:
 *
 *   Contexts                             how connections are to be, made once and shared by all of them
 *   Connections                          connect, shake hands, read, write, say goodbye, free
 *   Errors                               what failed and why, in words and as facts
 *   Statuses                             what each number means, its name and its phrase
 *   Hosts                                which host a connection must reach, and what a host's name is
 *   Trust anchors                        which CAs count
 *   Mozilla's certdata.txt               roots with the dates up to which they are trusted
 *   Pinned keys and exact certificates   one server's own key, or its own certificate
 *   Own certificates                     what this side shows and speaks
 *   Servers                              connections that clients opened
 *   Names of a server                    a certificate for each name that clients ask for
 *   Connections in memory                the program moves the bytes
 *   Connections over own functions       any transport that can read and write
 *   STARTTLS                             connections that begin in the clear
 *   Sessions                             handshakes that go on from an earlier one
 *   Channel bindings                     what ties another protocol to this connection
 *   Revocation                           CRLs and stapled OCSP answers
 *   Verification                         at which moment, how strictly, and without a connection
 *   Giving up a check                    each with a reason, under the compiler's warning
 *   Contexts that someone else made      made safe in place, and asked whether they still are
 *   Audit                                what is weak in a context or a connection, whoever made it
 *   Sealing a process                    every context of it, whoever makes one
 *   Handles inside of other objects      for front ends in other languages
 *   Library                              its version, its strings, and whether the program uses the same libssl
 *
 * Answers. An int is a status and nothing else: 0, or a negative hostlock_status. Reads and writes answer ssize_t: bytes,
 * 0 only for a clean end, else a negative status. A pointer that was to be made is NULL on failure. In each case
 * hostlock_last_error says why; functions with another answer cannot fail. Three failures are common to all functions, and
 * not repeated below: HOSTLOCK_E_ARG for a NULL that is not said to be allowed, a number out of range or an unknown word
 * (the hint lists the known ones); HOSTLOCK_E_FOREIGN_LIBSSL for an object of another copy of libssl, which only reads and
 * writes do not look for; HOSTLOCK_E_STATE for a call that comes too late, or does not fit the object.
 *
 * Out-parameters come last. Those for handles are NULL after a failure; others are written only on success.
 *
 * Strings are UTF-8 and end in NUL. Inputs are copied. A char * that is given out (JSON, PEM) is the caller's: free it
 * with hostlock_string_free. A const char * belongs to the object that lends it, or is static. JSON is in ASCII, and its
 * "status" is the name of a hostlock_status, such as "HOSTLOCK_E_HOST_MISMATCH".
 *
 * Poisoning. A set-up call that fails changes nothing, and the context or connection then refuses its handshakes with
 * HOSTLOCK_E_POISONED until a later call of the same family succeeds: a private CA that failed to load must not leave
 * the public roots trusted.
 *
 * Threads. A context is shared: threads make and use connections of it while others call hostlock's functions on it, setters
 * and hostlock_ctx_reload included. What a setter says holds for each handshake that begins after it has returned; one that
 * is under way may still use what was before. OpenSSL's own SSL_CTX_set_* functions have no lock: call them before the first
 * connection. A connection is for one thread at a time, reading and writing included. The last error is each thread's own;
 * what hostlock_error_dup gives may be read by all. Callbacks run in the thread that uses the connection.
 *
 * Frozen. What OpenSSL keeps without a lock cannot be changed once a connection of the context was made. These then answer
 * HOSTLOCK_E_FROZEN, and nothing has changed, nor is the context poisoned: hostlock_ctx_add_cert_file and _mem,
 * hostlock_ctx_set_alpn, hostlock_server_set_client_auth, hostlock_server_set_ticket_key_file,
 * hostlock_server_set_session_life, hostlock_insecure_keylog_file, and the first of hostlock_server_add_name (_mem) and
 * hostlock_server_set_unknown_name. Certificates and ticket keys are renewed by hostlock_ctx_reload.
 *
 * Fork. A context that was made before may be used by parent and child, each on its own from then on: a setter or a reload in
 * one changes nothing in the other. Servers in all of them open each other's session tickets. A connection goes on in one of
 * the two; the other frees it, by which nothing is sent.
 *
 * Ownership. Who gets a handle frees it once: hostlock_ctx_free, hostlock_conn_free, hostlock_error_free, hostlock_report_free.
 * A context that is freed lives on for its connections. Buffers and texts that are handed over are copied, and may be gone
 * when the call returns; descriptors stay the caller's, except those that hostlock_connect and hostlock_starttls open.
 *
 * Reuse. A connection is made once. After a failure every call that moves bytes gives that error again: free it, and make
 * another from the same context, which knows the sessions of those before. Old code's SSL_clear makes a connection new, and
 * the host that was named stays.
 *
 * This file is generated from src/ffi; do not edit it.
 */

#ifndef HOSTLOCK_H
#define HOSTLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The version of this header; hostlock_version and hostlock_abi_version tell those of the library that runs. */
#define HOSTLOCK_VERSION_MAJOR 0
#define HOSTLOCK_VERSION_MINOR 1
#define HOSTLOCK_VERSION_PATCH 0
#define HOSTLOCK_ABI_VERSION (HOSTLOCK_VERSION_MAJOR * 1000 + HOSTLOCK_VERSION_MINOR)

/* The handles of OpenSSL, by their own tags: no OpenSSL header is needed, and one may be included beside this one. */
struct ssl_ctx_st;
struct ssl_st;
struct ssl_method_st;
typedef struct ssl_ctx_st hostlock_ctx;
typedef struct ssl_st hostlock_conn;

/* A failure: its words and facts. */
typedef struct hostlock_error hostlock_error;

/* What was found wrong with a context or a connection. */
typedef struct hostlock_report hostlock_report;

/* The compiler warns where an answer is ignored. */
#if defined(__GNUC__) || defined(__clang__)
#define HOSTLOCK_MUST_USE __attribute__((warn_unused_result))
#else
#define HOSTLOCK_MUST_USE
#endif

/* The compiler warns where a check is given up, unless the program says that it means it. */
#if defined(HOSTLOCK_ALLOW_INSECURE)
#define HOSTLOCK_INSECURE(note)
#elif defined(__GNUC__) || defined(__clang__)
#define HOSTLOCK_INSECURE(note) __attribute__((deprecated(note)))
#else
#define HOSTLOCK_INSECURE(note)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * ====================================================================================================================
 * Contexts: how connections are to be, made once and shared by all of them
 * ====================================================================================================================
 * A context is safe without another call. It *is* an SSL_CTX: give it to hostlock_connect, or to SSL_new. Every
 * policy below is the name of a dated policy such as "2026-11"; NULL or "default" is the newest. "2026-11-webpki"
 * adds the rules of the public web (CA/Browser Forum). "+cn-fallback" behind a name lets a certificate without any
 * subjectAltName be matched by its common name (for old devices; RFC 9525 forbids it). "+skip-broken" leaves broken
 * certificates out of what hostlock_ctx_trust_file, _dir and _mem name, instead of refusing it whole.
 */

/**
 * What hostlock_ctx_set_on_interrupt has called. Not 0 ends the call that was interrupted.
 */
typedef int (*hostlock_on_interrupt)(void *argument);

/**
 * What hostlock_ctx_set_on_event has called.
 */
typedef void (*hostlock_on_event)(hostlock_conn *conn, const char *kind, const char *text, void *argument);

/**
 * A context for clients: TLS 1.2 and 1.3, strong suites, the system's roots, and every certificate checked against the
 * host inside the handshake. Free it with hostlock_ctx_free or SSL_CTX_free.
 */
HOSTLOCK_MUST_USE
hostlock_ctx *hostlock_client_new(const char *policy);

/**
 * A context for servers, with the same policy. Clients are asked for no certificate until the program says whom to trust:
 * the first call that succeeds of hostlock_ctx_trust_*, hostlock_ctx_add_pin or hostlock_ctx_set_host makes a certificate
 * required, unless the program has set the verify mode itself (SSL_CTX_set_verify); no later call changes the mode. Where it
 * names anchors through OpenSSL and sets no mode, a certificate is asked for, and judged if one is shown. The public roots
 * never stand in.
 *
 * Sessions are resumed from the start: their id context is a digest of the policy, the anchors' keys, the names that the
 * client must have, what else is asked of certificates (pins, depth, flags, a moment, the CRL mode, waivers), and the id
 * context that the program sets. Machines that are set up alike have the same.
 *
 * Free it with hostlock_ctx_free or SSL_CTX_free.
 */
HOSTLOCK_MUST_USE
hostlock_ctx *hostlock_server_new(const char *policy);

/**
 * Frees a context, like SSL_CTX_free: connections that still use it keep it alive. NULL is fine; a
 * context of another copy of libssl is left as it is.
 */
void hostlock_ctx_free(hostlock_ctx *ctx);

/**
 * How long this context's connections may take, in milliseconds: resolving, connecting and the handshake together, and
 * then each single read or write by hostlock's functions. 0 waits for ever. The default is 30000.
 *
 * It holds for the connections of hostlock_connect and hostlock_connect_fd, and for every SSL over a plain socket BIO (what
 * SSL_set_fd gives it), client or server: while a function of hostlock's runs, its own transport stands in for that BIO.
 * It does not hold for plain SSL_connect, SSL_accept, SSL_read and SSL_write; for other BIOs, which wait as they please
 * (a BIO of the program's own, a chain of several, SSL_set_rfd and SSL_set_wfd with two descriptors); for
 * descriptors that are no stream sockets; where the kernel encrypts (SSL_OP_ENABLE_KTLS); or where the program has a
 * callback on its BIO.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_timeout(hostlock_ctx *ctx,
                             int milliseconds);

/**
 * Says what happens when a signal interrupts a wait of one of this context's connections, or of hostlock_connect, its
 * resolving included: function is called with argument, in the thread that waits and outside of the signal handler. Not
 * 0 ends the call with HOSTLOCK_E_INTERRUPTED; with 0 the wait goes on. A NULL function ends it always: so Ctrl-C takes
 * effect at once in Python, whose callbacks cannot pass on what they raise. Without this call signals end no wait.
 *
 * After HOSTLOCK_E_INTERRUPTED the connection can go on: make the call again (a write with the same data; of hostlock_read_all
 * and hostlock_write_all it is not known how much was moved). After hostlock_connect there is none. A signal that comes when
 * nothing waits yet interrupts nothing: who must not miss one looks at a flag of the handler's too, and sets a short timeout.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_on_interrupt(hostlock_ctx *ctx,
                                  hostlock_on_interrupt function,
                                  void *argument);

/**
 * Has function called with argument when something happens on one of this context's connections; NULL: no more. kind
 * says what, and text says it in words for a log. Both live for the call. A later version may tell of further kinds.
 *
 * "started": a handshake begins. "done": it is complete, and what had to be verified is. "refused": hostlock refuses; text
 * is the message of hostlock_conn_error. "failed": libssl, the peer, the network or the time ended it. "alert": one was sent,
 * or received; the text begins with that word, says whether it is fatal, and names it ("received fatal unknown_ca: ..."). The
 * peer's goodbye is one, too (close_notify). "ticket": a session ticket was sent or received. "key-update": new keys of TLS
 * 1.3 were sent or received (RFC 8446 4.6.3). Every "started" is followed by one of "done", "refused" and "failed", unless the
 * connection is freed before; a certificate that a server asks for later can be "refused" after "done".
 *
 * It is called in the thread that uses the connection, inside of the call that did so: several threads call it at once where
 * they use connections of the context. It may ask for facts (hostlock_conn_info, _error, _sni, _fd, _verified_host, ...) and do
 * what it likes with other connections. On conn itself no byte can be moved meanwhile: hostlock_read and the like answer
 * HOSTLOCK_E_STATE, hostlock_conn_free does nothing, and OpenSSL's own functions must not be called. It must return: no
 * longjmp, no C++ exception. It changes no verdict. After it was taken back, a call that another thread had begun may still run.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_on_event(hostlock_ctx *ctx,
                              hostlock_on_event function,
                              void *argument);

/**
 * Reads again everything that the context has from files: its own certificates and keys (hostlock_ctx_add_cert_file), those
 * of its names (hostlock_server_add_name), trust anchors (hostlock_ctx_trust_file, _dir, _certdata; the system's roots, named
 * or not) and CRLs (hostlock_ctx_add_crl_file). All of it is put in force, or nothing: after a failure everything is as it
 * was, and the context is not poisoned, so that a running server goes on. What came from memory stays. Relative paths start
 * where the process stood when the file was named; links are followed anew.
 *
 * It may be called at any time, in any thread, while others connect and serve. No connection is lost: each uses what was
 * there when its handshake began. Sessions live on as far as what they rest on still holds. Call it outside of a signal
 * handler. In a program that forks its workers each reloads its own context.
 *
 * 0, also where nothing came from files; or what the call that named the file answers; or HOSTLOCK_E_STATE: the anchors have
 * changed, and the program has put some into the context's store through OpenSSL too, which cannot be told from them.
 * Once anchors have changed so, they are named by hostlock's calls only: what the program puts into the store by OpenSSL's
 * functions refuses handshakes. HOSTLOCK_E_NOT_FOUND also: a process that has changed its root directory sees the system's
 * roots no more. HOSTLOCK_E_MISSING_INTERMEDIATE also: a certificate stands alone now in a file where its intermediate stood
 * behind it, as when the file is half written.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_reload(hostlock_ctx *ctx);

/*
 * ====================================================================================================================
 * Connections: connect, shake hands, read, write, say goodbye, free
 * ====================================================================================================================
 * With 0 from hostlock_connect or hostlock_handshake the certificate is valid and belongs to the host; no data passes
 * before. All of these work on any SSL of a hostlock context, whatever its BIO. hostlock's functions wait for a
 * blocking transport, up to the context's timeout for each call. Where the transport is non-blocking they answer
 * HOSTLOCK_WANT_READ or HOSTLOCK_WANT_WRITE, which is no failure: wait for the descriptor, and call again. Plain
 * SSL_read and SSL_write never wait on a connection that hostlock opened: they answer SSL_ERROR_WANT_READ and
 * SSL_ERROR_WANT_WRITE. On an SSL whose handshake was not begun on a context of hostlock's nothing is told and no byte
 * moves: HOSTLOCK_E_STATE.
 */

/**
 * Connects to port of host and makes the handshake: with 0 the certificate is valid and belongs to host.
 *
 * host is a DNS name in ASCII or an IP address, as for hostlock_conn_set_host; a bad one is refused with
 * HOSTLOCK_E_BAD_HOST before anything is sent. Resolving, connecting and the handshake together take no longer than
 * the context's timeout (hostlock_ctx_set_timeout). A host's addresses, IPv6 and IPv4, are tried with staggered
 * starts, so that one which does not answer delays the others by 250 ms only. Free *conn with hostlock_conn_free.
 */
HOSTLOCK_MUST_USE
int hostlock_connect(hostlock_ctx *ctx,
                     const char *host,
                     uint16_t port,
                     hostlock_conn **conn);

/**
 * The same over fd, a connected stream socket of the caller's, which hostlock_conn_free leaves open.
 *
 * Where fd is in blocking mode the handshake is made, within the context's timeout. Where it is in non-blocking mode
 * nothing is sent yet: 0 then means that *conn is there, and hostlock_handshake makes the handshake (a read or write
 * does it too, before anything else). The descriptor's mode is never changed, and may be changed at any time.
 */
HOSTLOCK_MUST_USE
int hostlock_connect_fd(hostlock_ctx *ctx,
                        int fd,
                        const char *host,
                        hostlock_conn **conn);

/**
 * Makes the handshake of conn, or goes on with it. 0 once it is complete and the certificate verified; else
 * HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE, or the status of the refusal, which a later call repeats.
 */
HOSTLOCK_MUST_USE int hostlock_handshake(hostlock_conn *conn);

/**
 * Reads up to len bytes into buf. The answer is how many came; 0 means that the peer ended the connection cleanly,
 * with TLS's close_notify, and only that; else a negative status.
 *
 * HOSTLOCK_E_TRUNCATED: the connection was cut, and what was read may be incomplete. HOSTLOCK_E_TIMEOUT: nothing came
 * within the context's timeout (hostlock_ctx_set_timeout says on which connections it holds); the call may be repeated.
 * Before the handshake it makes the handshake first. len must not be 0. After a write that failed for good, what the peer
 * had sent before can be read, but not with OpenSSL 4.0; then the answer is that failure, also where the peer said goodbye:
 * it has not got all.
 */
HOSTLOCK_MUST_USE
ssize_t hostlock_read(hostlock_conn *conn,
                      void *buf,
                      size_t len);

/**
 * Writes buf, or the first part of it: the answer is how many bytes were taken, at least 1 where len is not 0.
 * Else a negative status: after HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE and HOSTLOCK_E_TIMEOUT call again *with the
 * same data*. Less of it is HOSTLOCK_E_ARG, and so is data from another place unless SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
 * is set (it is after hostlock_connect): nothing is sent then, and the connection lives. HOSTLOCK_E_CLOSED comes after
 * hostlock_shutdown. Before the handshake it makes the handshake first. A cut connection never raises SIGPIPE, where
 * hostlock made the connection; where the peer had said why, it is HOSTLOCK_E_ALERT (TLS 1.3 tells a client so that its
 * certificate is refused), else HOSTLOCK_E_TRUNCATED.
 */
HOSTLOCK_MUST_USE
ssize_t hostlock_write(hostlock_conn *conn,
                       const void *buf,
                       size_t len);

/**
 * Writes all of buf: len, or a negative status. It waits also on a descriptor in non-blocking mode, up to the
 * context's timeout for each part. After a failure it is not known how much the peer got: make a new connection.
 * HOSTLOCK_E_STATE: the connection has no descriptor to wait for.
 */
HOSTLOCK_MUST_USE
ssize_t hostlock_write_all(hostlock_conn *conn,
                           const void *buf,
                           size_t len);

/**
 * Writes as much of buf as hostlock_write would by one call after another, as long as none has to wait: for long data on
 * a descriptor in non-blocking mode, where hostlock_write takes a record (16 KiB) at a time. written gets how many bytes
 * were taken, also where the answer is not 0.
 *
 * 0: all of it. Else a negative status, as of hostlock_write: after HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE and
 * HOSTLOCK_E_TIMEOUT go on with the rest, from buf + *written on, and with nothing else: a part of it may be under way. In
 * blocking mode each record may wait as long as a call of hostlock_write. NULL written is HOSTLOCK_E_ARG.
 */
HOSTLOCK_MUST_USE
int hostlock_write_many(hostlock_conn *conn,
                        const void *buf,
                        size_t len,
                        size_t *written);

/**
 * Fills buf: len, or 0 where the peer said goodbye before the first byte, or a negative status; for records whose length
 * is known. It waits also on a descriptor in non-blocking mode, and all of it together takes no longer than the timeout.
 *
 * HOSTLOCK_E_TRUNCATED: the peer ended the connection, with its goodbye or without, before len bytes had come; buf then
 * holds what came. HOSTLOCK_E_TIMEOUT: the time was over before, and what came is lost: make a new connection. len must
 * not be 0. HOSTLOCK_E_STATE: the connection has no descriptor to wait for.
 */
HOSTLOCK_MUST_USE
ssize_t hostlock_read_all(hostlock_conn *conn,
                          void *buf,
                          size_t len);

/**
 * How long each call on this connection may take, in milliseconds, in place of the context's time
 * (hostlock_ctx_set_timeout); 0 waits for ever. It holds from the next call on. The time of a handshake under way begins
 * anew. HOSTLOCK_E_ARG: a negative number.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_set_timeout(hostlock_conn *conn,
                              int milliseconds);

/**
 * Whether hostlock_read takes all that has arrived from the network at once (1), and not the head and then the body of each
 * record (0, as it begins). Many small records then need fewer system calls. It holds from the next read on, and may be
 * changed at any time.
 *
 * On a connection that hostlock made (hostlock_connect, _connect_fd, _connect_mem, _connect_io, and the hostlock_accept of
 * each) one hostlock_read then also gives as many records as have been taken from the network and buf has room for; it
 * looks at the network once, and waits for none of the others. What came behind their data is told by the next call: the
 * peer's goodbye, a cut, an alert, a record that is wrong. hostlock_ctx_set_on_event's function may hear of it by this one.
 * Over a BIO of the program's, SSL_set_fd's included, each call gives one record.
 *
 * The rule that comes with it: *read until HOSTLOCK_WANT_READ before you poll*. Whole records, and the peer's goodbye, may
 * have been taken from the descriptor that neither poll nor hostlock_pending knows of: who reads once and then polls may
 * wait for ever. Calls that wait themselves keep the rule. Leave it off where bytes that follow the peer's goodbye
 * on the descriptor belong to somebody else. HOSTLOCK_E_ARG: neither 0 nor 1.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_set_read_ahead(hostlock_conn *conn,
                                 int on);

/**
 * How many bytes hostlock_read would give at once, without looking at the descriptor: ask before waiting for it with
 * poll or select. 0 for NULL.
 */
size_t hostlock_pending(const hostlock_conn *conn);

/**
 * Says goodbye: sends TLS's close_notify, so that the peer knows the data to be complete. It does not wait for the
 * peer's, which hostlock_read still waits for (0). After it nothing can be written. A second call does nothing.
 * HOSTLOCK_E_STATE: a write is under way, which must be finished first.
 */
int hostlock_shutdown(hostlock_conn *conn);

/**
 * Makes new keys for both directions (RFC 8446 4.6.3): 0 once the peer has been told, else HOSTLOCK_WANT_WRITE or
 * HOSTLOCK_WANT_READ, after which the same call goes on, or a negative status. What is written from then on is under the new
 * keys; what the peer sends, as soon as it has answered, which a later hostlock_read meets. It is for connections that carry
 * very much (RFC 8446 5.5: some 24 million full records under AES-GCM), and for those whose secrets may have been seen. A peer
 * may take many in a row, with no data between them, for a flood.
 *
 * HOSTLOCK_E_UNSUPPORTED: TLS 1.2. HOSTLOCK_E_STATE: before the handshake is complete, or a write is unfinished.
 * HOSTLOCK_E_CLOSED: after hostlock_shutdown.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_key_update(hostlock_conn *conn);

/**
 * Frees a connection, like SSL_free, and closes its descriptor where hostlock_connect opened it. Sends nothing: so a
 * forked child may free what its parent goes on using. Call hostlock_shutdown before, where the peer shall know that
 * the data is complete. NULL is fine; an SSL of another copy of libssl is left as it is, and so is one of which
 * hostlock_ctx_set_on_event's function is told just now.
 */
void hostlock_conn_free(hostlock_conn *conn);

/**
 * The descriptor of the connection, for poll or select. It stays the connection's. 0; HOSTLOCK_E_STATE where the
 * connection has none; on failure *fd is -1.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_fd(const hostlock_conn *conn,
                     int *fd);

/**
 * The protocol version, such as "TLSv1.3"; NULL before the handshake is complete. Static.
 */
const char *hostlock_conn_version(const hostlock_conn *conn);

/**
 * The cipher suite by OpenSSL's name, such as "TLS_AES_128_GCM_SHA256"; NULL before the handshake is complete. Static.
 */
const char *hostlock_conn_cipher(const hostlock_conn *conn);

/**
 * The host that the peer's certificate was verified for, in normal form; NULL where nothing was, and before the
 * handshake is complete. Owned by the connection, until its next handshake.
 */
const char *hostlock_conn_verified_host(const hostlock_conn *conn);

/**
 * The certificates that the peer sent, its own first, as PEM. NULL before the handshake is complete. Free it with
 * hostlock_string_free.
 */
HOSTLOCK_MUST_USE
char *hostlock_conn_peer_chain(const hostlock_conn *conn);

/**
 * What was agreed, as one JSON object: "version", "cipher", "group", "verified_host", "session_reused", "alpn", "policy",
 * "insecure" (the checks that the program gave up, by the names of hostlock_ctx_insecure_name), "peer" (its address),
 * "bytes_received" and "bytes_sent" (from and to the network, the handshake's included), "certificate" ("subject",
 * "issuer", "not_before" and "not_after" in seconds since 1970). What is not known is null. NULL before the handshake is
 * complete. Free it with hostlock_string_free.
 */
HOSTLOCK_MUST_USE
char *hostlock_conn_info(const hostlock_conn *conn);

/*
 * ====================================================================================================================
 * Errors: what failed and why, in words and as facts
 * ====================================================================================================================
 * What looks at an error neither resets nor sets this thread's last one, and takes NULL for an error without facts.
 * The texts belong to the error that lends them.
 */

/**
 * This thread's last failure, or NULL where none has failed yet: of a hostlock call, or of a handshake on a hostlock
 * context that plain OpenSSL calls drove (SSL_connect, SSL_do_handshake, a first SSL_read), so that a caller who has lost
 * the SSL still finds why it was refused. The pointer lives until the thread's next failure of either kind; _free
 * functions neither reset nor set it. Keep one with hostlock_error_dup.
 */
const hostlock_error *hostlock_last_error(void);

/**
 * Why the last handshake on conn was refused or failed, whatever ended it; NULL where it did neither, or only waits.
 * Also after a plain SSL_connect or SSL_accept. The pointer lives until the next handshake on conn, or until conn is
 * freed.
 */
const hostlock_error *hostlock_conn_error(const hostlock_conn *conn);

/**
 * A copy of error that lives until hostlock_error_free. NULL for NULL.
 */
hostlock_error *hostlock_error_dup(const hostlock_error *error);

/**
 * Frees a copy that hostlock_error_dup made. NULL is fine.
 */
void hostlock_error_free(hostlock_error *error);

/**
 * The status: a negative hostlock_status; 0 for NULL.
 */
int hostlock_error_status(const hostlock_error *error);

/**
 * What happened, in one line of UTF-8 without a full stop; "" for NULL.
 */
const char *hostlock_error_message(const hostlock_error *error);

/**
 * What can be done about it, in UTF-8; "" where nothing useful is known.
 */
const char *hostlock_error_hint(const hostlock_error *error);

/**
 * The host that was asked for (the reference identity, RFC 9525), or NULL.
 */
const char *hostlock_error_host(const hostlock_error *error);

/**
 * How many names the certificate holds (presented identifiers), where the error speaks of them; else 0.
 */
size_t hostlock_error_name_count(const hostlock_error *error);

/**
 * One of the certificate's names: a DNS name, an IP address in its usual form, or an e-mail address, with every
 * unprintable byte escaped; NULL where index is too large.
 */
const char *hostlock_error_name(const hostlock_error *error,
                                size_t index);

/**
 * OpenSSL's X509_V_ERR_* number of the failure, or 0.
 */
long hostlock_error_x509_code(const hostlock_error *error);

/**
 * The moment that the failure is about, in seconds since 1970-01-01 UTC: when a certificate expired, or when it
 * becomes valid. 0 where there is none.
 */
int64_t hostlock_error_time(const hostlock_error *error);

/**
 * Which certificate of the chain is to blame: 0 is the peer's own, -1 where the failure is about none.
 */
long hostlock_error_depth(const hostlock_error *error);

/**
 * The chain that was refused, as an indented tree in several lines of UTF-8: as the peer presented it, and as it was
 * built from the peer's certificate upwards, with a mark where it broke. "" where the failure is about no chain.
 */
const char *hostlock_error_chain_text(const hostlock_error *error);

/**
 * All of it as one JSON object: "status" (its name, as hostlock_status_name gives it), "code" (its number), "message",
 * "hint", and where they are known "host", "names", "x509_code", "time" and "certificate" ("depth", "subject",
 * which has no quotes of its own). "{}" for NULL.
 */
const char *hostlock_error_json(const hostlock_error *error);

/*
 * ====================================================================================================================
 * Statuses: what each number means, its name and its phrase
 * ====================================================================================================================
 * A number is never reused, and a name never changes: programs may compare both.
 */

/**
 * What every fallible function answers: HOSTLOCK_OK (0) or one of these negative numbers.
 */
enum hostlock_status {
    /** Success. */
    HOSTLOCK_OK = 0,
    /** Not a failure: the transport has no data now. Wait until the descriptor is readable and call again. */
    HOSTLOCK_WANT_READ = -1,
    /** Not a failure: the transport takes no data now. Wait until the descriptor is writable and call again. */
    HOSTLOCK_WANT_WRITE = -2,
    /**
     * An argument is NULL, out of range, or a word that is not known; the hint lists the known ones.
     *
     * What to do: the message names the argument. Mend the call, and look at the answers of set-up calls: a
     * context whose set-up failed refuses its handshakes.
     */
    HOSTLOCK_E_ARG = -3,
    /**
     * The call does not fit the state of the object: too early, too late, or an object of another kind.
     *
     * What to do: move the call. Set-up comes before the first connection, the host before the handshake, reads
     * and writes after it.
     */
    HOSTLOCK_E_STATE = -4,
    /**
     * A defect inside hostlock was stopped at its border. The operation was refused; nothing was changed.
     *
     * What to do: report it, with the message and what hostlock doctor prints.
     */
    HOSTLOCK_E_INTERNAL = -5,
    /**
     * An earlier set-up call failed; the message names it. A later successful call of the same family cures it.
     *
     * What to do: mend the call that the message names.
     */
    HOSTLOCK_E_POISONED = -6,
    /**
     * This build, this OpenSSL or this kind of object cannot do what was asked.
     *
     * What to do: read the hint. hostlock speaks TLS over a stream, and neither DTLS nor QUIC.
     */
    HOSTLOCK_E_UNSUPPORTED = -7,
    /**
     * The object belongs to another copy of libssl than the one that hostlock uses.
     *
     * What to do: let program and library use one libssl: hostlock doctor shows which there are, ldd PROGRAM
     * which it takes.
     */
    HOSTLOCK_E_FOREIGN_LIBSSL = -8,
    /**
     * It comes too late: a connection of the context was made already, and OpenSSL keeps without a lock what the call would
     * change. Nothing was changed, and the context goes on as it was.
     *
     * What to do: make all set-up calls before the first connection, or make a new context.
     */
    HOSTLOCK_E_FROZEN = -9,
    /**
     * The host asked for is not a DNS name or an IP address that can be verified.
     *
     * What to do: give the bare name or address: no port, no URL, no brackets; a name of other letters as
     * "xn--...".
     */
    HOSTLOCK_E_BAD_HOST = -10,
    /**
     * No host is known for this connection, so its certificate cannot be matched with one.
     *
     * What to do: name the host before the handshake: hostlock_conn_set_host, or hostlock run --host for a
     * program.
     */
    HOSTLOCK_E_NO_HOST = -11,
    /**
     * The certificate is valid, but it belongs to another host.
     *
     * What to do: do not go around it: this is what an impostor looks like. If it is none, connect by a name that
     * the message lists, or have the certificate issued for yours.
     */
    HOSTLOCK_E_HOST_MISMATCH = -12,
    /**
     * A certificate of the chain has expired.
     *
     * What to do: the message says which certificate: a server's is its owner's to renew, a trust anchor is to be
     * exchanged here. If it should still be valid, check this machine's clock.
     */
    HOSTLOCK_E_EXPIRED = -20,
    /**
     * A certificate of the chain is not valid yet.
     *
     * What to do: check this machine's clock. If that is right, the certificate was put in place too early.
     */
    HOSTLOCK_E_NOT_YET_VALID = -21,
    /**
     * The peer's own certificate is self-signed and not trusted.
     *
     * What to do: if the server is yours, trust this very certificate: hostlock_ctx_trust_file. Else it may be an
     * impostor.
     */
    HOSTLOCK_E_SELF_SIGNED = -22,
    /**
     * The chain ends at an issuer that is not a trust anchor: a CA that is not trusted, or an intermediate that was not sent.
     *
     * What to do: if the CA is yours, name its certificate: hostlock_ctx_trust_file, or SSL_CERT_FILE for a
     * program. Else the server must send its full chain, or it is an impostor, or a proxy that reads along.
     */
    HOSTLOCK_E_UNKNOWN_ISSUER = -23,
    /**
     * The peer did not send the intermediate certificate that links its own to a trust anchor, as other certificates show; or
     * one is missing in an own chain.
     *
     * What to do: the server's owner installs the full chain. That a browser connects proves nothing: it remembers
     * the intermediates of other sites.
     */
    HOSTLOCK_E_MISSING_INTERMEDIATE = -24,
    /**
     * A certificate may not be used for this purpose (extended key usage, key usage or CA flag).
     *
     * What to do: issue the certificate for its use: serverAuth for servers, clientAuth for clients, keyCertSign
     * for CAs.
     */
    HOSTLOCK_E_WRONG_PURPOSE = -25,
    /**
     * A key in the chain is too small or of a kind that the policy refuses.
     *
     * What to do: make a new key (P-256, or RSA with 2048 bits or more), and have it certified.
     */
    HOSTLOCK_E_WEAK_KEY = -26,
    /**
     * A signature in the chain uses an algorithm that the policy refuses.
     *
     * What to do: have the certificate issued again, with SHA-256 or better.
     */
    HOSTLOCK_E_WEAK_SIGNATURE = -27,
    /**
     * A certificate of the chain has been revoked.
     *
     * What to do: do not connect. Its owner needs a new key and a new certificate.
     */
    HOSTLOCK_E_REVOKED = -28,
    /**
     * Whether a certificate of the chain is revoked could not be found out, and the policy demands to know.
     *
     * What to do: load the CRL that the message names (hostlock_ctx_add_crl_file), or have the server staple OCSP
     * answers.
     */
    HOSTLOCK_E_REVOCATION_UNKNOWN = -29,
    /**
     * A signature in the chain is wrong.
     *
     * What to do: do not connect: the certificate was altered, or somebody else uses the name of that CA.
     */
    HOSTLOCK_E_BAD_SIGNATURE = -30,
    /**
     * A certificate of the chain breaks a rule of RFC 5280 or of the policy.
     *
     * What to do: the message names the rule. Whoever issued the certificate must issue it again.
     */
    HOSTLOCK_E_BAD_CERTIFICATE = -31,
    /**
     * A name in the chain lies outside of what a CA of the chain may certify (name constraints).
     *
     * What to do: ask for a certificate from a CA that may certify this name.
     */
    HOSTLOCK_E_NAME_CONSTRAINT = -32,
    /**
     * The chain is longer than a CA of the chain or the policy permits.
     *
     * What to do: the message says whose limit it is. That of a CA holds; hostlock_ctx_set_verify_depth sets that
     * of the context.
     */
    HOSTLOCK_E_CHAIN_TOO_LONG = -33,
    /**
     * The peer showed no certificate.
     *
     * What to do: give the peer a certificate and its key. On a server hostlock_server_set_client_auth says
     * whether it needs one.
     */
    HOSTLOCK_E_NO_CERTIFICATE = -34,
    /**
     * The connection was made without hostlock's verification (resumed, anonymous, pre-shared key, or a replaced callback).
     *
     * What to do: the message says what stood in the way. Take that out of the program.
     */
    HOSTLOCK_E_UNVERIFIED = -35,
    /**
     * A callback of the application's own refused the chain, or ended the handshake.
     *
     * What to do: hostlock has nothing against the peer: look into what the program's callback wants.
     */
    HOSTLOCK_E_APPLICATION_REFUSED = -36,
    /**
     * The chain does not contain any of the pinned keys.
     *
     * What to do: if the peer's keys were changed on purpose, pin one of those in the hint. Else it may be an
     * impostor.
     */
    HOSTLOCK_E_PIN_MISMATCH = -37,
    /**
     * The CRL or OCSP answer for a certificate of the chain is out of date, or not valid yet.
     *
     * What to do: fetch the newest CRL, and call hostlock_ctx_reload; a stapled answer is the server's to
     * renew. Check this machine's clock.
     */
    HOSTLOCK_E_REVOCATION_STALE = -38,
    /**
     * The CRL or OCSP answer for a certificate of the chain is damaged, not signed by who may, or not usable for it.
     *
     * What to do: fetch the CRL from the CA again; a stapled answer is the server's to mend.
     */
    HOSTLOCK_E_REVOCATION_INVALID = -39,
    /**
     * No trust anchor is loaded, so nothing can be verified.
     *
     * What to do: hostlock doctor says which roots this machine has. Install them (Debian: ca-certificates), or
     * name a file; look at the answers of the calls that load certificates.
     */
    HOSTLOCK_E_NO_TRUST_ANCHORS = -40,
    /**
     * There is no file or directory of that name.
     *
     * What to do: check the path. A relative one starts at the working directory of the process.
     */
    HOSTLOCK_E_NOT_FOUND = -41,
    /**
     * A directory was given where a file is needed, or the other way round, or something that is neither.
     *
     * What to do: functions called _file take a file, those called _dir a directory.
     */
    HOSTLOCK_E_WRONG_FILE_TYPE = -42,
    /**
     * The file or directory exists but could not be read.
     *
     * What to do: check what the user of the program may read, and the size that the function permits.
     */
    HOSTLOCK_E_FILE_IO = -43,
    /**
     * The input holds nothing at all.
     *
     * What to do: write the certificate into it, or name another file.
     */
    HOSTLOCK_E_EMPTY = -44,
    /**
     * The input is neither PEM nor DER, or is damaged.
     *
     * What to do: the message names the block and the line. Fetch the file again, or take the block out.
     */
    HOSTLOCK_E_BAD_PEM = -45,
    /**
     * The input is well-formed PEM, but holds nothing of the kind that is needed (a key where certificates belong, for example).
     *
     * What to do: the message says what the file holds. Maybe the files of key and certificate were exchanged.
     */
    HOSTLOCK_E_WRONG_PEM = -46,
    /**
     * The private key does not belong to the certificate.
     *
     * What to do: name the two that belong together: openssl x509 -noout -pubkey and openssl pkey -pubout then
     * print the same.
     */
    HOSTLOCK_E_KEY_MISMATCH = -47,
    /**
     * The private key is encrypted, and the passphrase is missing or wrong.
     *
     * What to do: give the right passphrase to the call that loads the key.
     */
    HOSTLOCK_E_PASSPHRASE = -48,
    /**
     * The source of the roots distrusts a certificate of the chain, or distrusts a root for certificates as new as this.
     *
     * What to do: do not go around it: ask the server's owner for a certificate from another CA.
     */
    HOSTLOCK_E_DISTRUSTED = -50,
    /**
     * The host name could not be resolved to an address.
     *
     * What to do: check the spelling, and this machine's name servers: getent hosts NAME.
     */
    HOSTLOCK_E_RESOLVE = -60,
    /**
     * No address of the host accepted the connection.
     *
     * What to do: check host and port, that the server runs, and that no firewall is in between.
     */
    HOSTLOCK_E_CONNECT = -61,
    /**
     * The time allowed ran out.
     *
     * What to do: the hint says how far the peer came. hostlock_ctx_set_timeout allows more time.
     */
    HOSTLOCK_E_TIMEOUT = -62,
    /**
     * The connection was cut without TLS's own end-of-data message: what was read may be incomplete.
     *
     * What to do: do not use what was read, unless its own format says where it ends. In a handshake the peer hung
     * up: read the hint, and the peer's log.
     */
    HOSTLOCK_E_TRUNCATED = -63,
    /**
     * The operating system reported an error on the descriptor.
     *
     * What to do: the message has the system's words for it.
     */
    HOSTLOCK_E_IO = -64,
    /**
     * The connection has been closed; no more can be written.
     *
     * What to do: make a new connection. Write before hostlock_shutdown.
     */
    HOSTLOCK_E_CLOSED = -65,
    /**
     * The peer sent more than a handshake can need, and was cut off.
     *
     * What to do: a server should send its own certificate and the intermediates, and no more.
     */
    HOSTLOCK_E_FLOOD = -66,
    /**
     * A signal came while the call waited, and the program wants it to end then (hostlock_ctx_set_on_interrupt). The
     * connection can go on.
     *
     * What to do: call again, or free the connection.
     */
    HOSTLOCK_E_INTERRUPTED = -67,
    /**
     * The peer has no TLS version in common with the policy.
     *
     * What to do: bring the peer to TLS 1.2 or newer. No policy offers older versions.
     */
    HOSTLOCK_E_NO_COMMON_VERSION = -70,
    /**
     * The peer has no cipher suite, group or signature algorithm in common with the policy.
     *
     * What to do: the message lists what was offered. Bring the peer to suites with ECDHE, and AES-GCM or
     * ChaCha20.
     */
    HOSTLOCK_E_NO_COMMON_CIPHER = -71,
    /**
     * The peer ended the connection with a TLS alert.
     *
     * What to do: the hint says what the alert stands for; the peer's log says more.
     */
    HOSTLOCK_E_ALERT = -72,
    /**
     * The peer does not speak TLS: a server on the wrong port, or a client that sent a plain request.
     *
     * What to do: the message says what is spoken there. Take the port on which TLS begins at once, or
     * hostlock_starttls.
     */
    HOSTLOCK_E_PLAINTEXT = -73,
    /**
     * The peer broke the TLS protocol.
     *
     * What to do: try it from another network: something on the way may alter what is sent. Else the peer's TLS
     * has a defect.
     */
    HOSTLOCK_E_PROTOCOL = -74,
    /**
     * The two sides have no application protocol in common (ALPN, RFC 7301).
     *
     * What to do: name a protocol on both sides: hostlock_ctx_set_alpn.
     */
    HOSTLOCK_E_NO_COMMON_PROTOCOL = -75,
    /**
     * This process has no memory left, or OpenSSL failed on this side in the way that it then does. The peer is not to
     * blame, and the same call may succeed later.
     *
     * What to do: give the process more memory, and call again.
     */
    HOSTLOCK_E_NO_MEMORY = -76
};

/**
 * The name of a status in this header, such as "HOSTLOCK_E_HOST_MISMATCH", which is also the "status" in JSON;
 * "unknown status" for a number that is none. Static; never NULL.
 */
const char *hostlock_status_name(int status);

/**
 * A short phrase for a status, such as "host mismatch"; "unknown status" for a number that is none. Static; never
 * NULL.
 */
const char *hostlock_status_text(int status);

/*
 * ====================================================================================================================
 * Hosts: which host a connection must reach, and what a host's name is
 * ====================================================================================================================
 * A host is a DNS name in ASCII (A-labels for international names) or an IP address without brackets, port or zone.
 * A bad one is HOSTLOCK_E_BAD_HOST, and handshakes that depend on it are refused until a good one is named.
 */

/**
 * The most bytes that hostlock_host_normalize and hostlock_host_to_ascii write, the closing NUL included.
 */
#define HOSTLOCK_HOST_MAX 256

/**
 * Names the host that conn is to reach: the certificate must be for it, and a DNS name is sent as SNI.
 *
 * Works on any SSL of a hostlock context, before its handshake, and again after SSL_clear; once the handshake has begun
 * it is HOSTLOCK_E_STATE, and changes nothing. On a server's connection it names the client: a certificate is demanded, and
 * must be for that name, and for one of the context's names where it has any. No SNI is sent then.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_set_host(hostlock_conn *conn,
                           const char *host);

/**
 * Names the host of conn where nothing else does. For code that knows where a connection leads, but not whether the
 * program has a better name for it. Every other source comes before it: hostlock_conn_set_host, SSL_set1_host, the
 * context's host, and the SNI of the program where an SNI counts as the host (hostlock_ctx_set_host_from_sni).
 *
 * A DNS name is sent as SNI unless the program has set another. HOSTLOCK_E_STATE once the handshake has begun, and for a
 * server's connection.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_set_fallback_host(hostlock_conn *conn,
                                    const char *host);

/**
 * Names the host of every connection of this context that names none of its own. On a context that only serves it names
 * the client: a certificate is demanded, and must be for that name; it begins the list of hostlock_server_set_client_names
 * anew. Where a context serves either side it binds the connections that go out.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_host(hostlock_ctx *ctx,
                          const char *host);

/**
 * Whether the SNI that a program sets (SSL_set_tlsext_host_name) stands for the host where nothing else names one.
 * By default it does not. HOSTLOCK_E_STATE on a context that only serves.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_host_from_sni(hostlock_ctx *ctx,
                                   bool enabled);

/**
 * Writes the normal form of host to out: a DNS name in lower case without a trailing dot, or an IP address in its
 * canonical form (RFC 5952). out has room for out_len bytes, the closing NUL included; HOSTLOCK_HOST_MAX always
 * suffices. HOSTLOCK_E_BAD_HOST for what no certificate can be checked against: an empty name, a port, a URL,
 * brackets, "127.1"; HOSTLOCK_E_ARG where out is too small.
 */
HOSTLOCK_MUST_USE
int hostlock_host_normalize(const char *host,
                            char *out,
                            size_t out_len);

/**
 * Writes the ASCII form of host, which may have letters of any language (in UTF-8), to out: the form that all other
 * functions, getaddrinfo and SNI take. Its labels become A-labels by IDNA 2008 (RFC 5890, with the mapping of UTS 46,
 * non-transitional). So a name with a sharp s (U+00DF) stays itself, "xn--fa-hia.example", where the older IDNA 2003 leads
 * to "fass.example", another host. Resolve the answer and name it, so that both are one host. All else is as for
 * hostlock_host_normalize.
 */
HOSTLOCK_MUST_USE
int hostlock_host_to_ascii(const char *host,
                           char *out,
                           size_t out_len);

/**
 * Whether a certificate belongs to host, by the names in it alone (RFC 9525): neither its issuer nor its dates are
 * looked at. For verdicts outside of a connection; a connection needs no such call.
 *
 * cert is one certificate of len bytes, PEM or DER. host is a DNS name, an IP address, or
 * "email:user@example.org". 0, HOSTLOCK_E_HOST_MISMATCH (the error lists the certificate's names),
 * HOSTLOCK_E_BAD_HOST, HOSTLOCK_E_BAD_CERTIFICATE for names that are damaged, or the reason why cert could not be
 * read.
 */
HOSTLOCK_MUST_USE
int hostlock_cert_check_host(const uint8_t *cert,
                             size_t len,
                             const char *host);

/*
 * ====================================================================================================================
 * Trust anchors: which CAs count
 * ====================================================================================================================
 * Where a program names nothing a context trusts the system's roots. The first hostlock_ctx_trust_* call that
 * succeeds, or the first certificates that the program gives the context through OpenSSL
 * (SSL_CTX_load_verify_locations and its like), replace them; what is named later is added. A call of OpenSSL's that
 * names certificates and fails replaces them too: then there is no anchor, and handshakes are refused.
 * SSL_CTX_set_cert_store replaces all that was named before.
 *
 * Paths are in the encoding of the file system; files are read by the call, and copied. Each of these functions
 * answers 0, or: HOSTLOCK_E_NOT_FOUND; HOSTLOCK_E_WRONG_FILE_TYPE (a directory, FIFO, socket or device; it is not
 * opened); HOSTLOCK_E_FILE_IO (not readable, or too large); HOSTLOCK_E_EMPTY; HOSTLOCK_E_BAD_PEM (neither PEM nor DER,
 * or damaged: the message names the block and the line); HOSTLOCK_E_WRONG_PEM (only a key, for example);
 * HOSTLOCK_E_STATE (the program gave the context an X509_STORE of its own, which other contexts may share). A store that it
 * gave before hostlock_harden is not told from the context's own: other contexts that share it trust what is named here too.
 *
 * After a failure the context refuses its handshakes with HOSTLOCK_E_POISONED until a hostlock_ctx_trust_* call
 * succeeds; a successful call of OpenSSL's own does not cure it.
 */

/**
 * Trusts the CA certificates in a file: PEM, with any number of CERTIFICATE, X509 CERTIFICATE or TRUSTED CERTIFICATE
 * blocks (the trust settings of the latter are honoured), or one certificate in DER; 64 MiB at most. CRLs in it are
 * used where revocation is checked; keys and other blocks are ignored.
 *
 * A file is taken whole or not at all. On a context of a policy with "+skip-broken" a CERTIFICATE block that is
 * complete but holds no certificate is left out, and the others count (hostlock roots list --skip-broken names it).
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_trust_file(hostlock_ctx *ctx,
                            const char *path);

/**
 * Trusts the CA certificates in a directory. Every regular file in it (or link to one) is read now if its name ends in
 * .pem, .crt or .cer, or is a hash as openssl rehash makes it; so a hashed directory and a plain one do alike, and
 * files that come later are not seen. A broken file refuses the whole directory, and the message names it; a file with
 * well-formed PEM of another kind (a key), and a link that leads nowhere, are passed over. No file at all is
 * HOSTLOCK_E_EMPTY.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_trust_dir(hostlock_ctx *ctx,
                           const char *path);

/**
 * Trusts the CA certificates in memory: data is what a file for hostlock_ctx_trust_file would hold, len bytes of
 * it (without a terminating NUL). HOSTLOCK_E_ARG for more than 64 MiB.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_trust_mem(hostlock_ctx *ctx,
                           const uint8_t *data,
                           size_t len);

/**
 * Trusts the system's roots, besides what else is named: the way to have a private CA *and* the public ones. It is not
 * needed where nothing else is named.
 *
 * They are those in the file of SSL_CERT_FILE and the directories of SSL_CERT_DIR where these are set (not in a setuid
 * process), else the operating system's, else the bundled ones. The environment is looked at by this call, and where
 * nothing is named when the context is made or hardened. What the environment names must be good: a missing or broken file is an
 * error here, and in the handshake where the roots were not asked for by this call.
 *
 * They are read once per process, and again when the files have changed: the next context sees it at once where a file
 * or directory was exchanged, or within a second where a file inside of a directory was written over in its place.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_trust_system(hostlock_ctx *ctx);

/**
 * Trusts Mozilla's roots as bundled with hostlock, besides what else is named.
 */
HOSTLOCK_MUST_USE int hostlock_ctx_trust_bundled(hostlock_ctx *ctx);

/**
 * Writes to *count how many trust anchors the context has now; the system's where nothing was named. What lies in
 * the system's hashed directories behind its bundle counts too, each certificate once, as the files are now.
 * Certificates in a directory that the program named through OpenSSL count when a handshake has found them.
 * HOSTLOCK_E_POISONED after a hostlock_ctx_trust_* call that failed, for then no number is the truth.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_trust_count(hostlock_ctx *ctx,
                             size_t *count);

/**
 * The trust anchors that the context has now, as hostlock_ctx_trust_count counts them, in words: a JSON array with one
 * object an anchor. Its members are "subject" (one line), "expires" (seconds since 1970), "sha256" (of the
 * certificate, in hexadecimal), "source" (where it came from), and "distrust_after": seconds since 1970, up to when a
 * certificate under it may have been issued, where a certdata.txt says so, or null. Nothing is loaded for it. Free it
 * with hostlock_string_free. NULL on failure, where hostlock_ctx_trust_count fails too.
 */
HOSTLOCK_MUST_USE
char *hostlock_ctx_trust_list(hostlock_ctx *ctx);

/**
 * Puts all trust anchors into the context's certificate store, for a program that looks into that itself
 * (SSL_CTX_get_cert_store with X509_STORE_get0_objects). Without it the store holds only what handshakes have asked
 * for. Verification needs no such call; it costs the time that hostlock saves, about 25 ms for the system's roots.
 * What lies in the system's hashed directories only stays there until a handshake asks for it.
 *
 * Where nothing was named this names the system's roots, as hostlock_ctx_trust_system does: certificates that the
 * program loads later are added to them, and do not replace them.
 *
 * 0, or: HOSTLOCK_E_NO_TRUST_ANCHORS; HOSTLOCK_E_STATE; what hostlock_ctx_trust_system answers on failure.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_trust_materialize(hostlock_ctx *ctx);

/*
 * ====================================================================================================================
 * Mozilla's certdata.txt: roots with the dates up to which they are trusted
 * ====================================================================================================================
 */

/**
 * Trusts the roots in a certdata.txt of NSS (Mozilla's own list, also in the source of ca-certificates), besides what
 * else is named: those that it trusts for servers, as far as it trusts them.
 *
 * Where the file has a date for a root (CKA_NSS_SERVER_DISTRUST_AFTER), a server whose own certificate was issued
 * after it is refused on every path with that root; a certificate that the file distrusts (CKT_NSS_NOT_TRUSTED) is
 * refused in any chain. Both are HOSTLOCK_E_DISTRUSTED, and hold also where another hostlock_ctx_trust_* call names
 * the same root.
 *
 * Answers as the functions for trust anchors do; HOSTLOCK_E_BAD_PEM for a file that is not a certdata.txt, is cut off
 * or damaged (the message names the line); HOSTLOCK_E_NO_TRUST_ANCHORS where it trusts no root for servers;
 * HOSTLOCK_E_UNSUPPORTED on a context for servers, for Mozilla says nothing of clients' certificates.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_trust_certdata(hostlock_ctx *ctx,
                                const char *path);

/**
 * Writes the roots of the certdata.txt at input that are trusted for purpose to the file output, as PEM with a
 * header for people above each: name, SHA-256 hash, expiry, and the date after which it is distrusted, if any.
 *
 * purpose is "server-auth", "email" or "code-signing". The same input gives the same bytes. output (or the file
 * that it is a link to) is replaced at once and keeps its mode; where anything fails it is as it was, and nothing is
 * left behind. PEM cannot carry dates of distrust: who loads the result with hostlock_ctx_trust_file trusts those
 * roots for all that they issue.
 *
 * 0, or what hostlock_ctx_trust_certdata answers about the input; HOSTLOCK_E_ARG for another purpose;
 * HOSTLOCK_E_WRONG_FILE_TYPE or HOSTLOCK_E_FILE_IO where the output cannot be written.
 */
HOSTLOCK_MUST_USE
int hostlock_certdata_to_pem(const char *input,
                             const char *output,
                             const char *purpose);

/*
 * ====================================================================================================================
 * Pinned keys and exact certificates: one server's own key, or its own certificate
 * ====================================================================================================================
 */

/**
 * Demands, besides everything else, that one key of the verified chain is pinned: the server's own, an intermediate's
 * or the trust anchor's. Called several times, one of the pins is enough. Pin a second key that is kept in reserve, or
 * a changed certificate locks the program out.
 *
 * pin is "sha256/" and the base64 of the SHA-256 of the key's subjectPublicKeyInfo (RFC 7469). Make one with:
 * openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_add_pin(hostlock_ctx *ctx,
                         const char *pin);

/**
 * Trusts one certificate (cert, in PEM or DER) as it is, for a device whose certificate is self-signed: a peer that
 * shows exactly these bytes needs no chain. Its dates and the host name hold all the same, unless hostlock_insecure_*
 * says otherwise; CRLs and OCSP are not asked about it. May be called for several certificates.
 *
 * The system's roots stand back, as for every hostlock_ctx_trust_* call; hostlock_ctx_trust_system adds them again.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_trust_exact(hostlock_ctx *ctx,
                             const uint8_t *cert,
                             size_t len);

/*
 * ====================================================================================================================
 * Own certificates: what this side shows and speaks
 * ====================================================================================================================
 * For clients and servers alike. A chain is PEM, this side's own certificate first and those of the CAs above it in any
 * order (the root may be there); or one certificate in DER; or PKCS#12, key included. A key is PKCS#8, SEC1 or PKCS#1 in
 * PEM or DER, and may be encrypted. Nobody is asked for a passphrase at a terminal.
 *
 * A context shows one certificate for each kind of key: call twice for an RSA and an EC certificate, and each peer gets
 * the one that it can verify. All of it is checked before the context has any, so that what no peer could accept is an
 * error here:
 *
 * - HOSTLOCK_E_KEY_MISMATCH: the key belongs to another certificate
 * - HOSTLOCK_E_PASSPHRASE: the key is encrypted, and the passphrase is missing or wrong
 * - HOSTLOCK_E_WRONG_PEM: no certificate, or no key, in what was named
 * - HOSTLOCK_E_MISSING_INTERMEDIATE: the chain has a gap
 * - HOSTLOCK_E_BAD_CERTIFICATE: a stranger in the chain; or the first certificate is a CA's
 * - HOSTLOCK_E_WEAK_KEY, HOSTLOCK_E_WEAK_SIGNATURE: too weak for the policy
 * - HOSTLOCK_E_STATE: there is a certificate for this kind of key already
 * - HOSTLOCK_E_FROZEN: connections of the context were made already
 * - HOSTLOCK_E_NOT_FOUND, _WRONG_FILE_TYPE, _FILE_IO, _EMPTY, _BAD_PEM, _UNSUPPORTED: as for trust anchors
 *
 * A failure leaves what was shown before, and poisons the context until a certificate is added; HOSTLOCK_E_STATE and
 * HOSTLOCK_E_FROZEN do not. An expired certificate is taken: hostlock_ctx_info warns of it.
 */

/**
 * Shows the certificate in the file chain, whose private key is in the file key: NULL where chain holds the key too,
 * as PKCS#12 does. password opens the key, NULL where it is not encrypted. Links are followed; 4 MiB are the most.
 *
 * A client shows it to servers that ask for one, also after the handshake (RFC 8446 4.6.2), and only once the server's
 * certificate has been verified.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_add_cert_file(hostlock_ctx *ctx,
                               const char *chain,
                               const char *key,
                               const char *password);

/**
 * The same from memory: chain and key are what the files would hold. A NULL key means that chain holds the key
 * too.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_add_cert_mem(hostlock_ctx *ctx,
                              const uint8_t *chain,
                              size_t chain_len,
                              const uint8_t *key,
                              size_t key_len,
                              const char *password);

/**
 * Names the application protocols that this side speaks (ALPN, RFC 7301), the best first: "h2,http/1.1". Clients offer
 * them. Servers choose the first of theirs that the client offers; where it offers others only, the handshake ends with
 * the alert no_application_protocol (HOSTLOCK_E_NO_COMMON_PROTOCOL here, HOSTLOCK_E_ALERT there), and a client that offers
 * nothing is served without. It replaces what was named before.
 *
 * A name is printable ASCII without spaces and commas, of 255 bytes at most. HOSTLOCK_E_ARG: an empty name, or one that
 * stands there twice. HOSTLOCK_E_FROZEN: connections of the context were made already.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_alpn(hostlock_ctx *ctx,
                          const char *protocols);

/**
 * The application protocol that the two sides agreed on, such as "h2"; NULL where they agreed on none, and before the
 * handshake is complete. It belongs to the connection, until its next handshake.
 */
const char *hostlock_conn_alpn(const hostlock_conn *conn);

/**
 * What the context is set up to be, as one JSON object: "role" ("client", "server", "either"), "policy", "certificates"
 * (those that hostlock loaded: "subject", "issuer", "names", "key", "chain" (how many CA certificates are sent along),
 * "not_before" and "not_after" in seconds since 1970, "days_left" (negative once it has expired), "sha256", "source"),
 * "names" (those of hostlock_server_add_name: "host", "certificates"), "staples" (those of hostlock_server_set_staple_file:
 * "host", "certificate", "until" in seconds since 1970, "days_left", "source"), "alpn", "ticket_keys" ("source", "keys": how
 * many) and "session_life" (seconds) where a server was told of them, "timeout_ms" and "warnings": in words, what peers will
 * complain of, and what is careless. Ask it at each start, and once a day. Free it with hostlock_string_free; NULL on failure.
 */
HOSTLOCK_MUST_USE
char *hostlock_ctx_info(hostlock_ctx *ctx);

/*
 * ====================================================================================================================
 * Servers: connections that clients opened
 * ====================================================================================================================
 * A server's context comes from hostlock_server_new, and its certificate from hostlock_ctx_add_cert_file. The program
 * listens and calls accept(2) itself, and hands the descriptor that accept gives to hostlock. After the handshake,
 * hostlock_read, hostlock_write, hostlock_shutdown and all else are the same as on a client.
 */

/**
 * Serves the client at the other end of fd, a connected stream socket of the caller's, which hostlock_conn_free leaves
 * open.
 *
 * If fd is in blocking mode, this makes the handshake. If it is in non-blocking mode, nothing is read yet: 0 means
 * that *conn is there, and hostlock_handshake makes the handshake (so does the first read or write). In both modes
 * the handshake must be complete within the context's timeout, which starts with this call. A client that is silent,
 * or sends a byte now and then, ends with HOSTLOCK_E_TIMEOUT; one that sends more than a handshake can need, with
 * HOSTLOCK_E_FLOOD. An event loop asks hostlock_conn_time_left when to look after a client that says nothing.
 *
 * HOSTLOCK_E_STATE: the context is for clients. HOSTLOCK_E_NO_COMMON_CIPHER, from the handshake: client and server
 * have no cipher suite in common, or this server has no certificate to show.
 */
HOSTLOCK_MUST_USE
int hostlock_accept_fd(hostlock_ctx *ctx,
                       int fd,
                       hostlock_conn **conn);

/**
 * Writes to *milliseconds how long the handshake under way may still take, as poll(2) and epoll_wait(2) take their
 * timeout: 0 where its time is over, and -1 where nothing limits it or none is under way. For clients and servers.
 * When that time has passed, call hostlock_handshake, which then answers HOSTLOCK_E_TIMEOUT.
 *
 * On a client's connection over a descriptor of the caller's the time starts with the first hostlock_handshake.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_time_left(const hostlock_conn *conn,
                            int *milliseconds);

/**
 * Whether this server asks its clients for a certificate: "off" does not. "optional" does, and serves a client that
 * shows none; one that is shown must be valid. "require" serves only clients with a valid one. It holds for all names
 * of the server alike.
 *
 * Without this call, a server that names whom it trusts (hostlock_ctx_trust_*, hostlock_ctx_trust_exact,
 * hostlock_ctx_add_pin) or who its clients are behaves as with "require". A server that names its clients demands a
 * certificate in every mode. The same functions that say what a server's certificate must be say it of a client's:
 * trust anchors, CRLs, pins, depth. The server sends the names of its trust anchors along, by which a client can
 * choose its certificate: those that were set before the first connection, unless they are more than 100, or there are
 * exact certificates.
 *
 * HOSTLOCK_E_ARG: an unknown word. HOSTLOCK_E_STATE: the context is not for servers only. HOSTLOCK_E_FROZEN: connections of
 * the context were made already.
 */
HOSTLOCK_MUST_USE
int hostlock_server_set_client_auth(hostlock_ctx *ctx,
                                    const char *mode);

/**
 * Names who this server's clients may be: each must show a certificate with one of names in its subjectAltName.
 * names is a list of DNS names, IP addresses and "email:user@example.org", with commas between. It replaces the list
 * of an earlier call, also while connections are served: handshakes that begin later, and sessions that are resumed
 * later, go by the new list. If hostlock_conn_set_host gave the connection a name, that must be in the certificate
 * too.
 *
 * HOSTLOCK_E_BAD_HOST: one of them is no name. Handshakes are then refused until a call succeeds. HOSTLOCK_E_STATE:
 * the context is not for servers only.
 */
HOSTLOCK_MUST_USE
int hostlock_server_set_client_names(hostlock_ctx *ctx,
                                     const char *names);

/**
 * The name by which a server knows its client. Where the server named clients (hostlock_conn_set_host,
 * hostlock_server_set_client_names), it is the one of those names that the certificate has. Otherwise it is the first
 * name in the certificate; DNS names and IP addresses come before e-mail addresses. It was verified in this handshake,
 * or in the one whose session was resumed.
 *
 * NULL where the client showed no certificate, or one without names; on a client; and before the handshake is complete. It
 * belongs to the connection, until its next handshake.
 */
const char *hostlock_conn_client_name(const hostlock_conn *conn);

/**
 * Writes the SHA-256 of the peer's certificate (of its DER) to out, which has room for 32 bytes. By it a program
 * finds a device in a table of its own. HOSTLOCK_E_NO_CERTIFICATE: the peer showed none. HOSTLOCK_E_STATE: the
 * handshake is not complete.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_peer_sha256(const hostlock_conn *conn,
                              uint8_t *out);

/**
 * Asks the client for its certificate after the handshake, which TLS 1.3 permits (RFC 8446 4.6.2). 0 means that the
 * question was sent; otherwise HOSTLOCK_WANT_WRITE or a negative status. The answer arrives in a later hostlock_read,
 * which fails if the client shows no certificate, or one that is refused. What is read before that may have been sent
 * before the answer: do not take it as this client's until hostlock_conn_client_name or hostlock_conn_peer_sha256
 * tells who it is.
 *
 * Clients of hostlock answer where they have a certificate. HOSTLOCK_E_UNSUPPORTED: TLS 1.2, or a client that did not offer
 * to answer. HOSTLOCK_E_STATE: on a client; before the handshake is complete; a question is under way.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_request_cert(hostlock_conn *conn);

/**
 * Seals this server's session tickets with the keys in a file. Machines that have the same file, and are set up alike
 * (policy, anchors, names, demands), then resume each other's sessions without a shared store. Each line of the file
 * is one key: 80 random bytes in base64 (16 for the name, 32 for HMAC-SHA256, 32 for AES-256-CBC), as
 * openssl rand 80 | base64 -w0 writes them. Every key opens tickets. The last but one seals them, or the only one.
 * So append a new key, and let hostlock_ctx_reload read the file on every machine: by the time the next key is
 * appended, which puts this one to use, all machines know it. Links are followed. Who can read the file can decrypt
 * recorded sessions of TLS 1.2; hostlock_ctx_info warns if every user can read it.
 *
 * Without this call a server makes its own keys: a new one each day, or once in the life of a session where that is
 * longer. They are there from hostlock_server_new on, so processes that are forked later share them. Keys that a
 * program sets by SSL_CTX_set_tlsext_ticket_keys take their place. There is no early data.
 *
 * A ticket also holds what the verification of its client's certificate rested on. The machine that it comes to checks
 * that by its own CRLs, trust anchors and clock. If anything of the chain has been revoked or has ended since, a full
 * handshake follows.
 *
 * HOSTLOCK_E_ARG: a line that is no key, or two keys of one name. HOSTLOCK_E_EMPTY: no key. HOSTLOCK_E_NOT_FOUND,
 * _WRONG_FILE_TYPE, _FILE_IO as for trust anchors. HOSTLOCK_E_STATE: the context is not one of hostlock_server_new.
 * HOSTLOCK_E_FROZEN: connections of the context were made already.
 */
HOSTLOCK_MUST_USE
int hostlock_server_set_ticket_key_file(hostlock_ctx *ctx,
                                        const char *path);

/**
 * How many seconds after a full handshake this server's sessions may be resumed: 1 to 604800 (a week, RFC 8446 4.6.1),
 * and 0 for never. Without this call it is OpenSSL's default, two hours. A session in which a client showed a
 * certificate lasts a day at the most, and not longer than what the certificate was verified by. Resuming it does not
 * extend it.
 *
 * HOSTLOCK_E_ARG: another number. HOSTLOCK_E_STATE: the context is not one of hostlock_server_new. HOSTLOCK_E_FROZEN:
 * connections of the context were made already.
 */
HOSTLOCK_MUST_USE
int hostlock_server_set_session_life(hostlock_ctx *ctx,
                                     int seconds);

/*
 * ====================================================================================================================
 * Names of a server: a certificate for each name that clients ask for
 * ====================================================================================================================
 * Clients say by SNI (RFC 6066) which name they want. Those that ask for none of these names, or for no name, are
 * shown the certificate of hostlock_ctx_add_cert_file. All else is the same for every name: whom the server lets in,
 * versions, protocols. A session that began under one name is not resumed under another.
 *
 * The first name, or hostlock_server_set_unknown_name, must come before the first connection (later:
 * HOSTLOCK_E_FROZEN). After it, names may be added and removed at any time, also while other threads serve; handshakes
 * under way keep the certificate that they began with. A call that fails changes nothing, and handshakes go on. These
 * names take the place of a callback of the program's own (SSL_CTX_set_client_hello_cb); if that is set later, it
 * takes theirs.
 *
 * A host is a DNS name in ASCII, or "*." and a name of at least two labels. The star stands for one label; an exact
 * name comes before one with a star. HOSTLOCK_E_BAD_HOST for anything else. HOSTLOCK_E_STATE: the context is not one
 * of hostlock_server_new.
 */

/**
 * Shows the certificate in the file chain to clients that ask for host. chain, key and password are as for
 * hostlock_ctx_add_cert_file, and so are the failures; HOSTLOCK_E_HOST_MISMATCH: the certificate is not for host.
 *
 * Another call for the same host adds a certificate if its key is of another kind, and replaces the one with a key of
 * the same kind. So a running server gets its renewed certificate.
 */
HOSTLOCK_MUST_USE
int hostlock_server_add_name(hostlock_ctx *ctx,
                             const char *host,
                             const char *chain,
                             const char *key,
                             const char *password);

/**
 * The same from memory: see hostlock_ctx_add_cert_mem.
 */
HOSTLOCK_MUST_USE
int hostlock_server_add_name_mem(hostlock_ctx *ctx,
                                 const char *host,
                                 const uint8_t *chain,
                                 size_t chain_len,
                                 const uint8_t *key,
                                 size_t key_len,
                                 const char *password);

/**
 * Removes the certificates that were added for host. From now on it is an unknown name. HOSTLOCK_E_ARG: there are
 * none.
 */
HOSTLOCK_MUST_USE
int hostlock_server_remove_name(hostlock_ctx *ctx,
                                const char *host);

/**
 * What happens to a client that asks for an unknown name: one for which neither a certificate was added nor that of
 * hostlock_ctx_add_cert_file is valid. "default" shows it the latter, as if it had asked for no name. "refuse" ends
 * the handshake with the alert unrecognized_name, and HOSTLOCK_E_HOST_MISMATCH here. A client that asks for no name is
 * shown the default in both modes. Where the server has names, and no certificate of hostlock_ctx_add_cert_file, who
 * asks for no name (HOSTLOCK_E_NO_COMMON_CIPHER) or an unknown one is refused with that alert in both.
 */
HOSTLOCK_MUST_USE
int hostlock_server_set_unknown_name(hostlock_ctx *ctx,
                                     const char *mode);

/**
 * Staples the OCSP response in the file path (DER, RFC 6960) to the certificate that it is about: one that was added
 * for host, or, where host is NULL, one of hostlock_ctx_add_cert_file. Clients that ask for it get it
 * (status_request, RFC 6066 section 8), and certificates that demand it (RFC 7633, "must staple") can be served. A
 * certificate has one response; the next replaces it. Where path is NULL, nothing is stapled to the certificates of
 * host any more.
 *
 * The response is checked against the certificate and its issuer. The issuer must be in the chain that was loaded,
 * even if it is a root. Failures are HOSTLOCK_E_REVOCATION_INVALID (damaged, of another certificate, not signed by who
 * may), _REVOCATION_STALE (out of date), _REVOKED, _REVOCATION_UNKNOWN, _MISSING_INTERMEDIATE (no issuer). Others:
 * HOSTLOCK_E_ARG (no such host), and those of files.
 *
 * hostlock fetches no responses. Have a timer do it ("openssl ocsp -respout"), move the new file to this name, and
 * call hostlock_ctx_reload, which reads it again together with everything else. A response that has run out is not
 * sent any more, and hostlock_ctx_info warns. The call may come at any time. If it fails it changes nothing, and
 * handshakes go on. A status callback of the program's own (SSL_CTX_set_tlsext_status_cb) takes its place.
 */
HOSTLOCK_MUST_USE
int hostlock_server_set_staple_file(hostlock_ctx *ctx,
                                    const char *host,
                                    const char *path);

/**
 * The name that the client of a server asked for, as it stands in its hello (what is not printable ASCII is escaped).
 * It proves nothing: the client says it. NULL where it asked for none, on a client, and before its hello has come; also
 * where a session of TLS 1.2 is resumed and the server has no names (hostlock_server_add_name), as OpenSSL then does not
 * tell it. It belongs to the connection, until its next handshake.
 */
const char *hostlock_conn_sni(const hostlock_conn *conn);

/*
 * ====================================================================================================================
 * Connections in memory: the program moves the bytes
 * ====================================================================================================================
 * For event loops, tunnels and tests: hostlock touches no descriptor. What the network brings goes in by
 * hostlock_conn_feed, what is to be sent comes out by hostlock_conn_drain. The other functions are the same as over a
 * descriptor in non-blocking mode: HOSTLOCK_WANT_READ asks for more to be fed, HOSTLOCK_WANT_WRITE for some to be
 * drained. After each call, drain until HOSTLOCK_WANT_READ and send what came out. Do so after a failure too, because
 * its alert tells the peer why, and after hostlock_shutdown.
 */

/**
 * A client's connection to host whose bytes the program moves; hostlock_handshake begins it. host is as for
 * hostlock_connect. The context's timeout counts from the first hostlock_handshake. It is looked at whenever a
 * function is called; hostlock_conn_time_left says when to call one.
 */
HOSTLOCK_MUST_USE
int hostlock_connect_mem(hostlock_ctx *ctx,
                         const char *host,
                         hostlock_conn **conn);

/**
 * A server's connection whose bytes the program moves. The time of its handshake counts from this call.
 */
HOSTLOCK_MUST_USE int hostlock_accept_mem(hostlock_ctx *ctx, hostlock_conn **conn);

/**
 * Gives conn the len bytes that the network brought. They are copied, and may come in portions of any size. A
 * len of 0 says that the network has ended: hostlock_read then gives what came before, and after that
 * HOSTLOCK_E_TRUNCATED if the peer had not said goodbye. Read before you feed more: what is fed and not read stays in
 * memory.
 *
 * HOSTLOCK_E_STATE: the connection is not one in memory, or the network had ended before.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_feed(hostlock_conn *conn,
                       const void *data,
                       size_t len);

/**
 * Moves up to len of the bytes that are to be sent into buf, and answers how many, at least 1; HOSTLOCK_WANT_READ
 * where nothing is to be sent now. What was drained must be sent, whole and in order.
 *
 * HOSTLOCK_E_STATE: the connection is not one in memory. HOSTLOCK_E_ARG: len is 0.
 */
HOSTLOCK_MUST_USE
ssize_t hostlock_conn_drain(hostlock_conn *conn,
                            void *buf,
                            size_t len);

/**
 * How many bytes are to be sent now; 0 also for a connection that is not one in memory, and for NULL.
 */
size_t hostlock_conn_drain_size(const hostlock_conn *conn);

/*
 * ====================================================================================================================
 * Connections over own functions: any transport that can read and write
 * ====================================================================================================================
 * For transports that are no socket: a serial line, a pipe, an SSH channel, another TLS connection, a library's stream.
 * hostlock calls the program's two functions whenever it would read or write a descriptor, inside of hostlock_handshake,
 * hostlock_read, hostlock_write and hostlock_shutdown, in the thread that calls those.
 */

/**
 * Reads for a connection: up to len bytes into buf, at once when any are there. It answers as hostlock_read does:
 *
 * - how many bytes came, 1 to len. Fewer than len are no end.
 * - 0: the other side has ended, and nothing more will come.
 * - HOSTLOCK_WANT_READ, HOSTLOCK_WANT_WRITE: nothing now; try again when the transport can be read, or written.
 *   hostlock's function gives the same answer, and is called again then. A function that waits by itself never answers
 *   so.
 * - HOSTLOCK_E_TIMEOUT, HOSTLOCK_E_INTERRUPTED: hostlock's function ends with it too, and may be called again (but not
 *   for a handshake after HOSTLOCK_E_TIMEOUT).
 * - any other negative number: it failed for good. From then on the connection answers HOSTLOCK_E_IO, with the number
 *   in its message; for HOSTLOCK_E_TRUNCATED and HOSTLOCK_E_CLOSED it answers HOSTLOCK_E_TRUNCATED.
 *
 * errno is not looked at, and -1 is HOSTLOCK_WANT_READ: do not pass on what read(2) answers.
 */
typedef ssize_t (*hostlock_io_read)(void *argument, void *buf, size_t len);

/**
 * Writes for a connection: len bytes of buf, or the first part of them. It answers as hostlock_io_read does, but
 * never 0: if it moved nothing, it says what to wait for. It must not raise SIGPIPE. What it did not take is handed to
 * it again, perhaps from another place in memory and with more behind it.
 */
typedef ssize_t (*hostlock_io_write)(void *argument, const void *buf, size_t len);

/**
 * A client's connection to host over the program's functions; hostlock_handshake begins it. host is as for
 * hostlock_connect, and argument is handed to both functions.
 *
 * If the functions wait, hostlock's wait too, and hostlock_write_all and hostlock_read_all can be used. If they answer
 * HOSTLOCK_WANT_READ or HOSTLOCK_WANT_WRITE, do not use those two: they answer HOSTLOCK_E_STATE, and it is not known
 * how much was moved. The context's timeout is for the handshake and counts from the first hostlock_handshake. It is
 * looked at between calls of the functions; how long one of them waits, and how long data is waited for, is up to
 * them.
 *
 * The functions may not use this connection, nor free it, and must return: no longjmp, no C++ exception.
 * hostlock_conn_free calls neither of them. One connection may run inside another: the functions then call
 * hostlock_read and hostlock_write of the outer one, whose answers are already as they are wanted here.
 */
HOSTLOCK_MUST_USE
int hostlock_connect_io(hostlock_ctx *ctx,
                        const char *host,
                        hostlock_io_read read,
                        hostlock_io_write write,
                        void *argument,
                        hostlock_conn **conn);

/**
 * A server's connection over the program's functions, as hostlock_connect_io says. The time of its handshake counts from
 * this call.
 */
HOSTLOCK_MUST_USE
int hostlock_accept_io(hostlock_ctx *ctx,
                       hostlock_io_read read,
                       hostlock_io_write write,
                       void *argument,
                       hostlock_conn **conn);

/*
 * ====================================================================================================================
 * STARTTLS: connections that begin in the clear
 * ====================================================================================================================
 * protocol is "smtp" (RFC 3207), "imap" (RFC 9051), "pop3" (RFC 2595), "ftp" (RFC 4217, the control connection),
 * "nntp" (RFC 4642) or "postgres". hostlock says what must be said before TLS, reads the answers byte by byte, and makes
 * the handshake. What the server said in the clear may have been changed on the way, and is not kept: after the
 * handshake ask it anew (EHLO, CAPABILITY).
 *
 * HOSTLOCK_E_PLAINTEXT: the server does not offer TLS, or declines it. HOSTLOCK_E_PROTOCOL: it speaks another
 * protocol, or says more in the clear after it has agreed to begin TLS (response injection). HOSTLOCK_E_TRUNCATED,
 * _TIMEOUT, _FLOOD: it goes away, is silent, or does not stop talking. HOSTLOCK_E_ARG: an unknown protocol; the hint
 * lists those that are known.
 */

/**
 * Connects to port of host, asks the server to begin TLS, and makes the handshake: with 0 the certificate is valid and
 * belongs to host. All of it together takes no longer than the context's timeout. Everything else is as for
 * hostlock_connect.
 */
HOSTLOCK_MUST_USE
int hostlock_starttls(hostlock_ctx *ctx,
                      const char *protocol,
                      const char *host,
                      uint16_t port,
                      hostlock_conn **conn);

/**
 * The same over fd, a connected stream socket of the caller's on which nothing has been read or said yet;
 * hostlock_conn_free leaves it open. For what is said before TLS, the call waits in either mode of the descriptor. The
 * handshake is made at once in blocking mode, otherwise by hostlock_handshake, as for hostlock_connect_fd; its timeout
 * includes the time that the first part took. After a failure close fd: nobody knows what the server waits for.
 */
HOSTLOCK_MUST_USE
int hostlock_starttls_fd(hostlock_ctx *ctx,
                         const char *protocol,
                         int fd,
                         const char *host,
                         hostlock_conn **conn);

/*
 * ====================================================================================================================
 * Sessions: handshakes that go on from an earlier one
 * ====================================================================================================================
 * A session is resumed only where it was verified by the same context, under its present settings, for the same host,
 * and where nothing that its verification rests on has ended since; else the handshake is a full one. Servers resume
 * by themselves. Sessions that a program takes and offers through OpenSSL (SSL_get1_session, SSL_set_session) are held
 * to the same rules.
 *
 * Clients resume by themselves too, where hostlock made the connection: hostlock_shutdown, the 0 of hostlock_read and
 * hostlock_conn_free keep its session in the context, and the next connection to the same host offers it. SSL_free
 * keeps none. A server of TLS 1.3 sends sessions after the handshake, so a connection that never reads has none to
 * keep. A session of TLS 1.3 is offered once (RFC 8446 C.4), one of TLS 1.2 until another takes its place.
 *
 * A kept session is for one host, one server name, one address and port of the peer, one certificate of this side, and
 * the settings as they are: each setter, CRLs and reloads included, drops all sessions. If a handshake fails after a
 * session was offered, all that is kept for that peer is dropped. Nothing is kept or offered under a waiver
 * (hostlock_insecure_...), nor where the program has a verify callback, DANE records or a callback for client
 * certificates, because a resumed handshake would not ask them. A context keeps 256 sessions at most, the latest of
 * each host first, in memory only, and frees them with itself. Threads share them. A forked child begins with none,
 * and keeps none of a connection that its parent made.
 */

/**
 * Whether connections of ctx that hostlock makes resume each other's sessions, as the text above says: "on" (the
 * default) or "off". It may be called at any time; kept sessions are dropped. HOSTLOCK_E_ARG: another word. Handshakes
 * are then refused until a call succeeds. HOSTLOCK_E_STATE: the context is a server's.
 */
HOSTLOCK_MUST_USE
int hostlock_client_set_resume(hostlock_ctx *ctx,
                               const char *mode);

/**
 * Makes conn offer the session of other, a connection of the same context whose handshake is complete. FTP servers
 * demand this of data channels (RFC 4217 section 10): open the data channel with hostlock_connect_fd, on a
 * non-blocking descriptor and with the control connection's host; call this; then call hostlock_handshake. The session
 * is copied, so other may be freed.
 *
 * If conn is for another host, or the server does not want the session, the handshake is a full one;
 * hostlock_conn_resumed tells which it was. HOSTLOCK_E_STATE: the handshake of conn has begun; that of other is
 * not complete; their contexts differ; one of them is a server's; or the server of other has sent no session yet
 * (TLS 1.3 sends it after the handshake: read first).
 */
HOSTLOCK_MUST_USE
int hostlock_conn_set_session_from(hostlock_conn *conn,
                                   const hostlock_conn *other);

/**
 * Whether the handshake resumed a session; false before it is complete, and for NULL.
 */
bool hostlock_conn_resumed(const hostlock_conn *conn);

/*
 * ====================================================================================================================
 * Channel bindings: what ties another protocol to this connection
 * ====================================================================================================================
 * For SCRAM-PLUS, token binding and the like. Both sides of a connection compute the same bytes. Somebody in the
 * middle has two connections, and so two different values.
 */

/**
 * The most bytes that hostlock_conn_channel_binding writes.
 */
#define HOSTLOCK_BINDING_MAX 64

/**
 * Fills out with out_len bytes that both sides of the connection can compute, and nobody else (RFC 5705, RFC 8446
 * 7.5): for label, which is not empty, and context of context_len bytes. NULL for context means none; with TLS
 * 1.2 that gives other bytes than an empty one.
 *
 * HOSTLOCK_E_STATE: the handshake is not complete. HOSTLOCK_E_UNSUPPORTED: TLS 1.2 with a peer that does not know the extended
 * master secret (RFC 7627). HOSTLOCK_E_ARG: a reserved label, or more bytes than there can be.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_export(const hostlock_conn *conn,
                         const char *label,
                         const void *context,
                         size_t context_len,
                         void *out,
                         size_t out_len);

/**
 * Writes the channel binding of a kind to out, which has room for HOSTLOCK_BINDING_MAX bytes, and its length to *len:
 * "tls-exporter" (RFC 9266, 32 bytes; best) or "tls-server-end-point" (RFC 5929: a digest of the server's certificate).
 *
 * Failures are as for hostlock_conn_export. HOSTLOCK_E_ARG: an unknown kind. HOSTLOCK_E_UNSUPPORTED: of the second kind on a
 * server whose client resumed a session, or for a certificate whose signature has no hash of its own (Ed25519).
 */
HOSTLOCK_MUST_USE
int hostlock_conn_channel_binding(const hostlock_conn *conn,
                                  const char *kind,
                                  uint8_t *out,
                                  size_t *len);

/*
 * ====================================================================================================================
 * Revocation: CRLs and stapled OCSP answers
 * ====================================================================================================================
 */

/**
 * Loads the certificate revocation lists in a file (PEM, any number of them, or one in DER), besides those loaded
 * before. Loading one turns checking on: for every certificate below the trust anchor there must then be a current CRL
 * of its issuer on which it does not stand, unless hostlock_ctx_set_crl_mode says otherwise.
 *
 * 0, or: HOSTLOCK_E_NOT_FOUND; HOSTLOCK_E_WRONG_FILE_TYPE (a directory, FIFO, socket or device; it is not opened);
 * HOSTLOCK_E_FILE_IO (not readable, or more than 256 MiB); HOSTLOCK_E_EMPTY; HOSTLOCK_E_BAD_PEM (neither PEM nor DER,
 * or damaged); HOSTLOCK_E_WRONG_PEM (certificates only, for example).
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_add_crl_file(hostlock_ctx *ctx,
                              const char *path);

/**
 * Loads the certificate revocation lists in memory: PEM, any number of them, or one in DER. See
 * hostlock_ctx_add_crl_file.
 */
HOSTLOCK_MUST_USE int hostlock_ctx_add_crl_mem(hostlock_ctx *ctx, const uint8_t *data, size_t len);

/**
 * Which certificates a CRL must clear: "leaf", the peer's own; "chain" (the default once a CRL is loaded), every one
 * below the trust anchor. With "+soft" behind it, a certificate passes if no CRL covers it; one that is revoked never
 * does, nor one whose CRL is damaged or out of date. With "+expired", a CRL counts even after its nextUpdate. Choosing
 * a mode turns checking on.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_crl_mode(hostlock_ctx *ctx,
                              const char *mode);

/**
 * How the OCSP answer that a server staples to its certificate is used. With "if-present" (the default) the client
 * asks for one. An answer must be signed by the CA or its responder, be current, be about this certificate and say
 * "good". Without an answer the certificate passes, unless it demands one (the TLS feature extension, RFC 7633). With
 * "require" there must be an answer. With "off" none is asked for or looked at.
 *
 * A server is refused before the client sends a certificate of its own or any data. A certificate that is a trust
 * anchor itself needs no answer, as no issuer stands above it. Clients staple nothing: on a context that only serves,
 * this is HOSTLOCK_E_STATE; on one that does both, it is for connections that go out.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_ocsp_mode(hostlock_ctx *ctx,
                               const char *mode);

/*
 * ====================================================================================================================
 * Verification: at which moment, how strictly, and without a connection
 * ====================================================================================================================
 */

/**
 * Judges a certificate chain exactly as a handshake of this context would: by its trust anchors, policy, time, depth,
 * flags and revocation lists, and by the host. A client context judges servers, a server context judges clients.
 * Only a stapled OCSP answer is missing here, as it comes with a handshake.
 *
 * chain is len bytes of PEM: the peer's own certificate first, then the intermediates in any order. Or it is the
 * same in DER, one certificate behind the other. A private key among the PEM is ignored. host is a DNS name, an IP
 * address, or "email:user@host"; NULL is for server contexts, and for contexts that have a host of their own. 0, or
 * the status.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_verify_chain(hostlock_ctx *ctx,
                              const uint8_t *chain,
                              size_t len,
                              const char *host);

/**
 * Judges a handshake that another TLS library made, as if it were one of this context's own. It is for programs and
 * languages that do not use OpenSSL, or use one that hostlock cannot reach. Call it when the handshake is complete and
 * before the first byte of data. If it refuses, close the connection.
 *
 * chain, len: the certificates in the order in which the peer sent them, as hostlock_ctx_verify_chain takes them;
 * len 0 means that it showed none, which is refused. host is the one asked for, as there. version and cipher
 * are what was agreed on, in OpenSSL's names: "TLSv1.3" and "TLS_AES_256_GCM_SHA384", as SSL_get_version and
 * SSL_get_cipher_name give them, and SSLSocket.version() and cipher()[0] in Python. staple, staple_len: the OCSP
 * response (DER, RFC 6960) that came beside the server's own certificate; NULL or 0 bytes where none came.
 *
 * The errors are those of connections, in this order: HOSTLOCK_E_NO_COMMON_VERSION and HOSTLOCK_E_NO_COMMON_CIPHER for
 * what the context would not have offered; then what is wrong with the certificates; then HOSTLOCK_E_REVOKED,
 * _REVOCATION_UNKNOWN and the like for the staple. A certificate that demands a staple (RFC 7633) is refused without
 * one. So a TLS library that cannot ask for staples reaches such a server only if hostlock_ctx_set_ocsp_mode is "off".
 * HOSTLOCK_E_ARG: an unknown version, NULL for one of the texts, or a staple for a server's context.
 *
 * It cannot see, and so does not judge, the signature by which the peer proved that it has the key, the key exchange
 * group, and renegotiations. Nor does it see whether a session was resumed; chain must then be that of the full
 * handshake.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_verify_peer(hostlock_ctx *ctx,
                             const uint8_t *chain,
                             size_t len,
                             const char *host,
                             const char *version,
                             const char *cipher,
                             const uint8_t *staple,
                             size_t staple_len);

/**
 * Verifies as of this moment instead of now. It is in seconds since 1970-01-01 UTC.
 */
HOSTLOCK_MUST_USE int hostlock_ctx_set_verify_time(hostlock_ctx *ctx, int64_t unix_seconds);

/**
 * The most intermediate certificates between the peer's own and its trust anchor, in place of the policy's 10.
 * Self-issued certificates do not count.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_verify_depth(hostlock_ctx *ctx,
                                  int intermediates);

/**
 * Makes verification stricter by a comma-separated list of words, in place of those of an earlier call:
 * "explicit-policy" (some certificate policy must hold for the whole chain, RFC 5280 6.1.1), "inhibit-any-policy",
 * "inhibit-policy-mapping", "stated-purpose" (the peer's certificate must have extended key usages, CA/B Forum BR
 * 7.1.2.7.6), "crl-check" (the peer's own certificate needs a CRL), "crl-check-all" (every certificate below the
 * anchor does). An empty list takes all of them back. No word makes verification laxer.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_set_verify_flags(hostlock_ctx *ctx,
                                  const char *words);

/*
 * ====================================================================================================================
 * Giving up a check: each with a reason, under the compiler's warning
 * ====================================================================================================================
 * Every function here takes a reason, which may not be empty and is kept for the audit. No call can be taken back. The
 * compiler warns of each one, unless the program defines HOSTLOCK_ALLOW_INSECURE.
 */

/**
 * Accepts any certificate, whatever its issuer, dates, purpose or revocation. The host name and pinned keys are still
 * compared; for a pin, only the peer's own certificate counts then.
 */
HOSTLOCK_MUST_USE
HOSTLOCK_INSECURE("anyone can pose as the server; define HOSTLOCK_ALLOW_INSECURE if that is meant")
int hostlock_insecure_no_verify(hostlock_ctx *ctx,
                                const char *reason);

/**
 * Accepts a valid certificate of any host, and a connection that names no host.
 */
HOSTLOCK_MUST_USE
HOSTLOCK_INSECURE("any owner of a valid certificate can pose as the server; define HOSTLOCK_ALLOW_INSECURE if that is meant")
int hostlock_insecure_no_hostname(hostlock_ctx *ctx,
                                  const char *reason);

/**
 * Ignores the dates of certificates, CRLs and OCSP answers, for devices without a clock.
 */
HOSTLOCK_MUST_USE
HOSTLOCK_INSECURE("expired certificates are accepted for ever; define HOSTLOCK_ALLOW_INSECURE if that is meant")
int hostlock_insecure_no_time(hostlock_ctx *ctx,
                              const char *reason);

/**
 * Accepts a certificate that was issued for another purpose (extended key usage), such as a client's for a server.
 */
HOSTLOCK_MUST_USE
HOSTLOCK_INSECURE("certificates for other purposes are accepted; define HOSTLOCK_ALLOW_INSECURE if that is meant")
int hostlock_insecure_any_purpose(hostlock_ctx *ctx,
                                  const char *reason);

/**
 * Writes the secrets of this context's connections to the file path, in NSS's key log format, so that a capture of them can
 * be read: with Wireshark or tshark (-o tls.keylog_file:PATH), and by ssldump up to TLS 1.2. Whoever has the file can read
 * all of these connections, now and later. The environment (SSLKEYLOGFILE) is never looked at.
 *
 * A new file is made with mode 0600. A file that exists must belong to the process's own user, and be closed to all
 * others. Each secret is appended by one write. A later call names another file. A callback that the program set
 * before (SSL_CTX_set_keylog_callback) is still called; one that it sets later takes the place of this.
 *
 * HOSTLOCK_E_WRONG_FILE_TYPE: a link, a file of several names, a directory, FIFO, socket or device; it is not opened.
 * HOSTLOCK_E_FILE_IO: it belongs to another user, or others may read or write it; or it cannot be written.
 * HOSTLOCK_E_NOT_FOUND: no such directory. HOSTLOCK_E_FROZEN: connections of the context were made already.
 */
HOSTLOCK_MUST_USE
HOSTLOCK_INSECURE("whoever has the file can read the connections; define HOSTLOCK_ALLOW_INSECURE if that is meant")
int hostlock_insecure_keylog_file(hostlock_ctx *ctx,
                                  const char *path,
                                  const char *reason);

/**
 * How many hostlock_insecure_* calls succeeded on this context; 0 for NULL and for a context that is not hostlock's.
 */
size_t hostlock_ctx_insecure_count(hostlock_ctx *ctx);

/**
 * What was given up: "no_verify", "no_hostname", "no_time", "any_purpose" or "keylog_file"; NULL where index is too large. Static.
 */
const char *hostlock_ctx_insecure_name(hostlock_ctx *ctx,
                                       size_t index);

/**
 * The reason that was given for it; NULL where index is too large. Owned by the context.
 */
const char *hostlock_ctx_insecure_reason(hostlock_ctx *ctx, size_t index);

/*
 * ====================================================================================================================
 * Contexts that someone else made: made safe in place, and asked whether they still are
 * ====================================================================================================================
 */

/**
 * Makes an SSL_CTX that the program made itself as safe as one of hostlock_client_new, in place. Versions, options,
 * cipher suites, key exchange groups and signature algorithms become the policy's. Every certificate is checked
 * against the host inside the handshake. If the program has loaded no roots, the system's are trusted, as they are at
 * this call. What the program chose stays if it is strong enough: the order of its suites, a higher level, its roots,
 * its host. Its callbacks (verify, certificate verify, security, info, status) are still called, by hostlock's: they
 * may refuse, but not accept.
 *
 * The program's own set-up calls may come before it or after it, even SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL).
 * It may be called again on the same context. A context of one old version (TLSv1_method()) gets all versions of the
 * policy. Whether a server context asks its clients for certificates stays as it was; those that show one are judged
 * by the policy.
 *
 * host is for connections that name no host of their own. With NULL each connection must name one, by
 * hostlock_conn_set_host, SSL_set1_host, or the SNI (SSL_set_tlsext_host_name). A connection for which nothing names a
 * host is refused with HOSTLOCK_E_NO_HOST.
 *
 * HOSTLOCK_E_UNSUPPORTED for DTLS and QUIC, and where this OpenSSL does not show whether the program has a certificate
 * verify callback of its own ("+replace" behind the policy's name replaces it without asking). HOSTLOCK_E_STATE where
 * the context has another policy already, or is a server's and host is not NULL. After these two nothing was
 * changed, so do not use the context. HOSTLOCK_E_BAD_HOST: the context is hardened, but its handshakes are refused
 * until a good host is named.
 */
HOSTLOCK_MUST_USE
int hostlock_harden(hostlock_ctx *ctx,
                    const char *policy,
                    const char *host);

/**
 * As hostlock_harden with NULL as the host, for code that knows nothing of hostlock. If it fails, the reason is on
 * OpenSSL's error queue too, where such code looks. Code that was built with hostlock-cc or with hostlock/openssl.h
 * calls it.
 */
HOSTLOCK_MUST_USE
int hostlock_harden_or_raise(hostlock_ctx *ctx,
                             const char *policy);

/**
 * Says whether a context of hostlock_client_new, hostlock_server_new, hostlock_harden or a sealed process is still as
 * hostlock left it, and what the program undid since: a lower version, level or weak suite, an option, verification
 * switched off, a callback in the place of hostlock's. hostlock's hooks keep nearly all of that from having an effect,
 * so these findings are of "low" severity. "hooks-removed" (high) means that the program replaced hostlock's
 * certificate verify callback on a context of hostlock_client_new or hostlock_server_new; its handshakes are then
 * refused. Callbacks that a program sets on connections are not looked at.
 *
 * Where nothing was undone the report has no findings; free it with hostlock_report_free. HOSTLOCK_E_STATE for a
 * context that hostlock does not guard, or only watches.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_check_intact(hostlock_ctx *ctx,
                              hostlock_report **report);

/*
 * ====================================================================================================================
 * Audit: what is weak in a context or a connection, whoever made it
 * ====================================================================================================================
 * Free a report with hostlock_report_free; the texts that it lends go with it. There is a report even if nothing is
 * wrong.
 */

/**
 * Compares ctx, an SSL_CTX that anyone made, with the newest policy, or a context of hostlock's with its own policy.
 * The report names each weakness: what it is, how bad it is, why it matters, and the call that fixes it.
 *
 * It only reads: nothing in the context changes, no function of the program's runs, and OpenSSL's error queue stays as
 * it was. It cannot see what a program checks after the handshake, nor what it sets on single connections. Of several
 * own certificates it looks at the current one. It does not know key exchange groups and signature algorithms;
 * hostlock_audit_probe does.
 *
 * HOSTLOCK_E_UNSUPPORTED for a context for QUIC, or of a method that is not known. No other thread may change the context
 * meanwhile; connections on it may go on.
 */
HOSTLOCK_MUST_USE
int hostlock_audit(const hostlock_ctx *ctx,
                   hostlock_report **report);

/**
 * The same for a connection, before its handshake or after it: with the host, the verify mode, the suites and the
 * options that were set on the connection itself, and, after the handshake, whether the peer was accepted although
 * OpenSSL had refused its certificate.
 */
HOSTLOCK_MUST_USE
int hostlock_audit_conn(const hostlock_conn *conn,
                        hostlock_report **report);

/**
 * As hostlock_audit, with a trial hello: a connection of ctx writes its first message into memory and is thrown
 * away. What that message offers is compared too (suites, key exchange groups, signature algorithms, pre-shared keys).
 * Nothing is sent.
 *
 * The program's info, message, security, pre-shared key and ex_data callbacks may run, as for any connection, and the
 * context counts one more that began (SSL_CTX_sess_connect). The error queue is put back as it was, but for marks. A
 * server's context sends no hello; the report then says so.
 */
HOSTLOCK_MUST_USE
int hostlock_audit_probe(hostlock_ctx *ctx,
                         hostlock_report **report);

/**
 * The report as a table for people, in several lines of UTF-8: how many findings there are of each severity, and for
 * each one what was found, what was seen, why it matters (a CVE or an RFC) and the call that fixes it. "" for NULL.
 */
const char *hostlock_report_text(const hostlock_report *report);

/**
 * The report as one JSON object: "schema" (1), "subject", "policy", "counts" (one number a severity), "findings"
 * (the worst first; each with "id", "severity", "what", "detail", "items", "why", "fix"). docs/findings.md lists the ids.
 * "{}" for NULL.
 */
const char *hostlock_report_json(const hostlock_report *report);

/**
 * Writes to *count how many findings of severity ("critical", "high", "medium", "low" or "info") the report has;
 * NULL counts all.
 */
HOSTLOCK_MUST_USE
int hostlock_report_count(const hostlock_report *report,
                          const char *severity,
                          size_t *count);

/**
 * Frees a report and the texts that it lent out. NULL is fine.
 */
void hostlock_report_free(hostlock_report *report);

/*
 * ====================================================================================================================
 * Sealing a process: every context of it, whoever makes one
 * ====================================================================================================================
 * A seal cannot be taken off. Exceptions, and the mode that only reports, give up a check: they take a reason, which
 * may not be empty and is kept for the report, and the compiler warns of them as in "Giving up a check".
 */

/**
 * Answers for which hosts a connection of a sealed context is meant, if its program names none to OpenSSL. fd is the
 * descriptor that the connection writes to, -1 if it has none. client_random is the random of the hello that was
 * sent, 32 bytes; NULL before there is one. names has room for room bytes, all of them 0.
 *
 * The function writes the names, each with its NUL, and answers how many there are: at most 8, and the certificate
 * must be valid for each of them. 0 means that it knows none, -1 that it cannot tell which are meant; any other answer
 * counts as -1. After the names it may write two more texts, each with its NUL: how the names are known, or why they
 * are not; and where the connection leads, as ADDRESS:PORT.
 */
typedef int (*hostlock_seal_ask_host)(int fd,
                                      const uint8_t *client_random,
                                      char *names,
                                      size_t room,
                                      void *arg);

/**
 * Hears that a connection was refused, or would have been where the seal only reports. The arguments are those of
 * hostlock_seal_ask_host.
 */
typedef void (*hostlock_seal_host_refused)(int fd, const uint8_t *client_random, void *arg);

/**
 * Seals the process: every context that any code of it makes from now on with the libssl that hostlock uses is guarded
 * as hostlock_harden guards one, whatever that code then sets on it. Client connections verify the certificate and the
 * host; no host named means HOSTLOCK_E_NO_HOST. The host is that of SSL_set1_host (or the connection's
 * X509_VERIFY_PARAM), else the SNI that the program sends, else what the source of hostlock_seal_set_host_source
 * knows. Servers go on as they were set up, with the policy's versions, suites and keys. Whether they ask their
 * clients for certificates stays as it was.
 *
 * 0, also if the process is sealed in this way already. HOSTLOCK_E_STATE if it is sealed with another policy or mode.
 * Call it early, from any thread: contexts that exist already must be sealed one by one, with hostlock_seal_ctx.
 * Contexts of other TLS libraries are not sealed. A context for DTLS or QUIC refuses every handshake.
 */
HOSTLOCK_MUST_USE
int hostlock_seal_process(const char *policy);

/**
 * Seals a context that was made before hostlock_seal_process was called. Connections that it has made already stay as
 * they are, and so does a context that hostlock guards already. HOSTLOCK_E_STATE where the process is not sealed.
 */
HOSTLOCK_MUST_USE
int hostlock_seal_ctx(hostlock_ctx *ctx);

/**
 * What the seal has seen, as one JSON object. "mode" and "policy"; "contexts" and "connections", counted. "entries",
 * 256 at most, each with "outcome", "host", "status", "code", "message", "hint", "peer" (the address, if there is a
 * socket), "count", "first" and "last"; if the program named no host, also "learned" (how the host is known) and
 * "hosts" (which, if there are several). "left_out": how many connections found no place among the entries. "allowed":
 * the exceptions, with their reasons and uses. "other_tls": the other TLS libraries in the process, which are not
 * sealed.
 *
 * Free it with hostlock_string_free. NULL on failure: HOSTLOCK_E_STATE where the process is not sealed. The child of a
 * fork begins with its parent's counts.
 */
HOSTLOCK_MUST_USE
char *hostlock_seal_report(void);

/**
 * Appends one line of JSON to the file path for every event of the seal, as it happens. Each line is one write, so
 * several processes can share the file. A line has "event", "pid" and "time"; that of a connection also has what an
 * entry of hostlock_seal_report has. The file is opened for each line, and made with mode 0600 if it is not there. A
 * second file is HOSTLOCK_E_STATE.
 */
HOSTLOCK_MUST_USE
int hostlock_seal_log(const char *path);

/**
 * Registers a function that knows the hosts of connections whose program names none, once and for the life of the
 * process. It is for code that watches what the program asks of the system. What the program told OpenSSL always comes
 * first. A single name is sent as SNI, unless the seal only reports; sessions are bound to the names. refused may be
 * NULL. Of a connection whose BIO has no socket it is asked besides where it leads: for the log of the seal, and for an
 * exception.
 *
 * Both functions are called inside handshakes, in the thread of each, and may call no function of libssl or hostlock
 * on the connection. HOSTLOCK_E_STATE where one was registered before. It may be called before the process is sealed.
 */
HOSTLOCK_MUST_USE
int hostlock_seal_set_host_source(hostlock_seal_ask_host ask,
                                  hostlock_seal_host_refused refused,
                                  void *arg);

/**
 * Seals the process in the mode that only reports: each connection is judged and recorded, nothing is refused, and no
 * option, version, suite or verdict of the program is altered.
 *
 * HOSTLOCK_E_STATE where the process is sealed otherwise already.
 */
HOSTLOCK_MUST_USE
HOSTLOCK_INSECURE("nothing is refused; define HOSTLOCK_ALLOW_INSECURE if that is meant")
int hostlock_insecure_seal_report_only(const char *policy,
                                       const char *reason);

/**
 * Makes an exception in a sealed process for the connections that what describes. If hostlock would refuse the
 * certificate of one, or knows no host for it, only the program's own settings decide. Versions, suites and keys keep
 * the policy's floor.
 *
 * what is "host:NAME" (the host that the program asks for), "address:IP" (where the socket leads) or "sha256:HEX"
 * (of the peer's own certificate in DER). Anything else is HOSTLOCK_E_ARG. The report counts each use. It may be
 * called before the process is sealed.
 */
HOSTLOCK_MUST_USE
HOSTLOCK_INSECURE("anyone can pose as what is named; define HOSTLOCK_ALLOW_INSECURE if that is meant")
int hostlock_insecure_seal_allow(const char *what,
                                 const char *reason);

/*
 * ====================================================================================================================
 * Handles inside of other objects: for front ends in other languages
 * ====================================================================================================================
 * An object of a language's own (a Python SSLSocket, a wrapper of SWIG or cffi) holds its SSL_CTX * or SSL * in
 * one of its words, at a place that differs between versions. These functions look at each aligned word of the object,
 * read what it leads to without faulting, and give the one that proves to be such a handle of the libssl that hostlock
 * uses. HOSTLOCK_E_FOREIGN_LIBSSL: there is none (the language has another copy of libssl). HOSTLOCK_E_STATE: there is
 * more than one. HOSTLOCK_E_UNSUPPORTED: this libssl was built in a way that allows no proof, or hostlock has a libssl
 * of its own inside. The handle stays the object's, and no reference is counted: use it only while the object lives
 * and keeps it.
 */

/**
 * The SSL_CTX that an object of another language holds. object is of size bytes, 65,536 at most.
 */
HOSTLOCK_MUST_USE
int hostlock_ctx_find(const void *object,
                      size_t size,
                      hostlock_ctx **ctx);

/**
 * The SSL of the context ctx that an object of another language holds. object is of size bytes, 65,536 at most.
 */
HOSTLOCK_MUST_USE
int hostlock_conn_find(const void *object,
                       size_t size,
                       hostlock_ctx *ctx,
                       hostlock_conn **conn);

/*
 * ====================================================================================================================
 * Library: its version, its strings, and whether the program uses the same libssl
 * ====================================================================================================================
 */

/**
 * The version of the library that runs, such as "0.1.0". Static; never NULL.
 */
const char *hostlock_version(void);

/**
 * The version of the running library's interface: MAJOR * 1000 + MINOR. Compare it with HOSTLOCK_ABI_VERSION, which is
 * that of the header. A library serves every program whose header has the same MAJOR and no higher number; while MAJOR
 * is 0, the numbers must be equal.
 */
uint32_t hostlock_abi_version(void);

/**
 * Frees a string that a hostlock function made for its caller. NULL is fine.
 */
void hostlock_string_free(char *string);

/**
 * Whether the program and hostlock use the same copy of libssl. Two copies in one process fail silently before they
 * crash. A program that mixes OpenSSL calls with hostlock's asks once, at its start:
 * hostlock_check_libssl(TLS_method()).
 *
 * method is what the caller's own TLS_method() (or TLS_client_method()) gives.
 */
HOSTLOCK_MUST_USE
int hostlock_check_libssl(const struct ssl_method_st *method);

#ifdef __cplusplus
}
#endif

#endif
