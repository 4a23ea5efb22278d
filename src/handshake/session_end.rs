//! How long a session may be resumed: as long as everything lasts that its verification rests on, and no longer than the
//! policy's greatest age. No renewal extends it.
//!
//! libssl's clients ignore a session's own time limit, so a client's [`mark`](crate::handshake::session) carries the end. Its
//! servers keep to it, and write it into their tickets.

use std::ffi::c_long;

use openssl::asn1::Asn1TimeRef;
use openssl::x509::{X509, X509CrlRef};
use openssl_sys as ffi;

use crate::chain::evidence;
use crate::chain::exact;
use crate::chain::messages;
use crate::chain::verdict;
use crate::chain::waivers::Waiver;
use crate::chain::wishes::Wishes;
use crate::error::{Result, Status};
use crate::guard::Guard;
use crate::guard::case;
use crate::handshake::session;
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, StoreCtx, certificate};
use crate::moment;
use crate::os::clock::now;
use crate::role::Role;

/// The first moment at which `chain`, which was verified just now for `guard`, carries no session any more.
///
/// The clock and the waivers are the verdict's: where no date was looked at, or one of another moment, only the greatest
/// age counts.
pub fn of(store_ctx: StoreCtx<'_>, guard: &Guard, chain: &[X509]) -> i64 {
    let now = now();
    let greatest = now.saturating_add(guard.policy.session_age.into());
    let (revocation, flags) = {
        let settings = guard.settings();
        let dateless = settings.waivers.has(Waiver::Time) || settings.waivers.has(Waiver::Chain);
        if dateless || settings.verify_time.is_some() {
            return greatest;
        }
        (settings.revocation.clone(), settings.verify_flags)
    };
    let mut end = greatest;
    for certificate in chain {
        let until = seconds(certificate.not_after());
        // It is valid through its notAfter (RFC 5280 4.1.2.5). What cannot be read carries nothing.
        end = end.min(until.map_or(now, |until| until.saturating_add(1)));
    }
    let wished = store_ctx.param().flags();
    let flags = revocation.flags(flags | wished) | flags | wished;
    let may_be_expired = revocation.in_force().is_some_and(|mode| mode.expired);
    if flags & ffi::X509_V_FLAG_CRL_CHECK == 0 || may_be_expired {
        return end;
    }
    let asked_about = if flags & ffi::X509_V_FLAG_CRL_CHECK_ALL != 0 { chain.len().saturating_sub(1) } else { 1 };
    let mut consider = |crl: &X509CrlRef| {
        if let Some(next) = crl.next_update() {
            let next = seconds(next).unwrap_or(now);
            // One that had run out is not what the verdict rests on.
            if next > now {
                end = end.min(next);
            }
        }
    };
    for certificate in chain.iter().take(asked_about) {
        let of_context = revocation.crls.iter().filter(|crl| crl.is_indirect() || crl.names_issuer_of(certificate));
        of_context.for_each(|crl| consider(crl.list()));
        let _quiet = Quiet::begin();
        store_ctx.crls(certificate.issuer_name()).iter().for_each(|crl| consider(crl));
    }
    end
}

/// Unix seconds, at little cost where the time has the usual form.
pub fn seconds(time: &Asn1TimeRef) -> Option<i64> {
    certificate::seconds(time).or_else(|| {
        let _quiet = Quiet::begin();
        moment::unix_seconds(time)
    })
}

/// Ends a client's session earlier: at `end`, when the stapled answer does that it rests on.
pub fn shorten(conn: Conn<'_>, end: i64) {
    session::shorten(conn, end);
}

/// Lets the session of a server's client, whose certificate was verified just now, end by `end`.
pub fn limit(conn: Conn<'_>, guard: &Guard, end: i64) {
    // libssl resumes a session through the second at which its limit ends.
    leave(conn, guard, end.saturating_sub(1).saturating_sub(now()));
}

/// Lets the session of `conn` last for `left` seconds more, where it would last longer.
fn leave(conn: Conn<'_>, guard: &Guard, left: i64) {
    let Some(session) = conn.session() else { return };
    if left < 1 {
        // TLS 1.3 writes no ticket, where it has not begun to.
        conn.set_ticket_count(0);
        // A ticket that is written all the same leads to a full handshake.
        session.set_id_context(&guard.unmatchable_mark());
        session.forget(conn.ctx());
    }
    // A limit of 0 would make libssl end the handshake.
    let left = left.max(1) as c_long;
    if left < session.timeout() {
        session.set_timeout(left);
    }
}

/// Keeps the end of a resumed session of TLS 1.3 that holds a client's certificate: libssl counts the session's limit anew
/// for the ticket that it writes next.
pub fn keep(conn: Conn<'_>, guard: &Guard) {
    let Some(session) = conn.session() else { return };
    if conn.is_resumed() && conn.version() >= ffi::TLS1_3_VERSION && conn.peer_certificate().is_some() {
        leave(conn, guard, session.time().saturating_add(session.timeout()).saturating_sub(now()));
    }
}

/// Refuses a client that resumes a session although its certificate has run out or been revoked since. A session ends with
/// the certificate already, but libssl counts that end from the moment at which it writes the ticket.
///
/// Judges the certificate as in a full handshake, by today's CRLs. Where the session does not hold what the chain is built
/// of, those CRLs count that bear the issuer's name.
pub fn check_still_good(conn: Conn<'_>, guard: &Guard) -> Result<()> {
    if !conn.is_resumed() {
        return Ok(());
    }
    let (revocation, flags, time, is_timeless) = {
        let settings = guard.settings();
        if settings.waivers.has(Waiver::Chain) {
            return Ok(());
        }
        let is_timeless = settings.waivers.has(Waiver::Time);
        (settings.revocation.clone(), settings.verify_flags, settings.verify_time, is_timeless)
    };
    let Some(certificate) = conn.peer_certificate() else { return Ok(()) };
    if !is_timeless {
        exact::check_dates(Role::Server, &certificate, time)?;
    }
    let wishes = Wishes::read(conn.param());
    if revocation.flags(wishes.flags() | flags) == 0 {
        return Ok(());
    }
    let _quiet = Quiet::begin();
    let store = guard.anchors.in_force(conn.effective_store(), false)?;
    let sent = conn.peer_chain();
    // Its names are compared by `client_certificate::review_names`.
    let case = case::of(guard, Role::Server, &certificate, sent, &store, None, wishes);
    let Err(refusal) = verdict::judge(&case) else { return Ok(()) };
    if !messages::is_untrusted(refusal.error.x509_code()) && refusal.error.status() != Status::EUnknownIssuer {
        return Err(refusal.error);
    }
    evidence::revoked_by(&case, &certificate)
}
