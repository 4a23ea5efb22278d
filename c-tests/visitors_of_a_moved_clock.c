/*
 * A server resumes a client's session no longer than what the client's verification rests on: its certificate, the
 * server's CRLs, and a greatest age that no renewal extends. The clock of this process is moved, so nothing waits.
 */
#include "moved_clock.h"

static struct identity visitor, brief_visitor, other_visitor, visitor_below;

enum kind { OWN, HARDENED, KINDS };
static const char *const kind_names[KINDS] = {"an own", "a hardened"};

static SSL_CTX *server(enum kind kind, int version, int by_id)
{
    SSL_CTX *ctx = kind == OWN ? hostlock_server_new(NULL) : SSL_CTX_new(TLS_server_method());
    with_certificate(ctx, &lasting);
    trust_ca(ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"test", 4);
    SSL_CTX_set_timeout(ctx, 1000 * DAY);
    only(ctx, version);
    if (by_id)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (kind == HARDENED)
        need(hostlock_harden(ctx, NULL, NULL) == 0, "hostlock_harden");
    return ctx;
}

/* A plain client with a certificate, which offers whatever it has. */
static SSL_CTX *visiting(const struct identity *who)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    with_certificate(ctx, who);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    return ctx;
}

static void serves(enum kind kind, int version, int by_id)
{
    const char *how = by_id ? " by id" : "";
    SSL_CTX *server_ctx = server(kind, version, by_id), *ctx = visiting(&brief_visitor);
    long start = ahead;
    forget();
    struct result result = talk(server_ctx, ctx);
    claim(result.served && kept != NULL, "%s server takes a client's certificate on %s%s", kind_names[kind],
          version_name(version), how);
    ahead = start + 3 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  and resumes its session");
    ahead = start + 5 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  and what renewed it");
    ahead = start + 7 * HOUR;
    result = talk(server_ctx, ctx);
    claim(!result.served && result.server == HOSTLOCK_E_EXPIRED, "  and neither after the certificate's end");
    /* A limit of 0 seconds would end the handshake. The clock goes on meanwhile, so each second about the end is tried. */
    int broken = 0, kept_up = 0;
    for (long left = 3; left >= -1; left--) {
        ahead = start + 6 * HOUR - left;
        forget();
        result = talk(server_ctx, ctx);
        broken += result.served ? 0 : result.server != HOSTLOCK_E_EXPIRED;
        for (int second = 1; second < 5 && kept != NULL; second++) {
            ahead++;
            result = talk(server_ctx, ctx);
            broken += result.served ? 0 : result.server != HOSTLOCK_E_EXPIRED;
            kept_up += result.resumed && left - second < -1;
        }
    }
    claim(broken == 0, "  in a certificate's last seconds a handshake is whole, or refused for the certificate");
    claim(kept_up == 0, "  and no session of those seconds lasts longer than the certificate");
    ahead = start;
    SSL_CTX_free(ctx);

    forget();
    ctx = visiting(&visitor);
    result = talk(server_ctx, ctx);
    ahead = start + 23 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  a session is resumed for a day");
    ahead = start + 25 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed, "  and not longer, renewed or not");
    ahead = start;
    forget();

    result = talk(server_ctx, ctx);
    add_list(server_ctx, 30 * DAY, &other_visitor);
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  a CRL that does not list the client does not end its session");
    add_list(server_ctx, 30 * DAY, &visitor);
    result = talk(server_ctx, ctx);
    claim(!result.served && result.server == HOSTLOCK_E_REVOKED, "  a client that was revoked meanwhile is refused");
    if (result.server != HOSTLOCK_E_REVOKED)
        note("served %d resumed %d status %d", result.served, result.resumed, result.server);
    forget();
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);

    server_ctx = server(kind, version, by_id);
    ctx = visiting(&visitor);
    add_list(server_ctx, 6 * HOUR, NULL);
    talk(server_ctx, ctx);
    ahead = start + 5 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  a session is resumed while the server's CRL is in force");
    add_list(server_ctx, 30 * DAY, NULL);
    ahead = start + 7 * HOUR;
    result = talk(server_ctx, ctx);
    claim(result.served && !result.resumed, "  and no longer, though a newer one says the same");
    ahead = start;
    forget();
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);

    /* A ticket does not hold the intermediate. */
    server_ctx = server(kind, version, by_id);
    ctx = visiting(&visitor_below);
    need(hostlock_ctx_set_crl_mode(server_ctx, "chain+soft") == 0, "hostlock_ctx_set_crl_mode");
    result = talk(server_ctx, ctx);
    claim(result.served, "  a client below an intermediate is served");
    add_list(server_ctx, 30 * DAY, &other_visitor);
    result = talk(server_ctx, ctx);
    claim(result.resumed, "  and resumes its session where nothing says that it was revoked");
    forget();
    SSL_CTX_free(ctx);
    SSL_CTX_free(server_ctx);
}

int main(void)
{
    make_cas();
    visitor = until("a visitor", "DNS:visitor.example", "clientAuth", 300 * DAY);
    other_visitor = until("another visitor", "DNS:visitor.example", "clientAuth", 300 * DAY);
    brief_visitor = until("a brief visitor", "DNS:visitor.example", "clientAuth", 6 * HOUR);
    visitor_below = issue(&brief_ca, p256(), "a visitor below it", "DNS:visitor.example", "clientAuth", -1, 300);
    visitor_below.sent_along = brief_ca.certificate;
    for (int i = 0; i < 2; i++)
        for (enum kind kind = OWN; kind < KINDS; kind++) {
            serves(kind, both_versions[i], 0);
            serves(kind, both_versions[i], 1);
        }
    identity_free(&visitor);
    identity_free(&other_visitor);
    identity_free(&brief_visitor);
    identity_free(&visitor_below);
    forget_cas();
    return finish();
}
