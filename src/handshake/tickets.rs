//! The session tickets of our servers (RFC 5077, RFC 8446 4.6.1): the keys, and what a ticket says of the certificates that
//! its client once showed.
//!
//! A ticket carries the client's certificate, and nothing of the chain above it. So issuer and serial number of each
//! certificate above it, the first end of the chain that was verified, and the anchor, are written into it: when it comes back
//! they are looked up in the CRLs and the trust of that moment, on whichever machine. Where one fails the ticket counts for nothing, and a full
//! handshake decides. What else a session rests on is in its id context.

use std::sync::Arc;
use std::thread::LocalKey;

use openssl::asn1::Asn1Integer;
use openssl::bn::BigNum;
use openssl::x509::{X509, X509Builder, X509Name, X509Ref};
use openssl_sys::TLS1_3_VERSION;

use crate::chain::waivers::Waiver;
use crate::guard::Guard;
use crate::handshake::connection_state::ConnectionState;
use crate::handshake::session_end;
use crate::last_digest::LastDigest;
use crate::libssl::callback::Callback;
use crate::libssl::layout::SignedPart;
use crate::libssl::queue::Quiet;
use crate::libssl::session::Session;
use crate::libssl::tickets::{KeyAnswer, KeyQuestion, TicketKey};
use crate::libssl::{Conn, Ctx};
use crate::moment;
use crate::os::clock::now;
use crate::revocation::Revocation;
use crate::trust::list;
use crate::x509::certificate as x509;

/// Has the tickets of a new context sealed with our keys, and looked at when they come back.
pub fn install(ctx: Ctx<'_>) -> bool {
    ctx.on_ticket_key::<AskKeys>() && ctx.on_ticket::<ReviewTicket>()
}

/// The guard of the context that the handshake began with: libssl seals and opens by that one's callbacks, also where a
/// servername callback has exchanged the context.
fn with_guard<T>(conn: Conn<'_>, answer: impl FnOnce(&Guard) -> T) -> Option<T> {
    let begun_with = ConnectionState::of(conn).and_then(|state| state.known().guard_of_tickets.clone());
    match begun_with {
        Some(guard) => Some(answer(&guard)),
        None => Guard::of_conn(conn).map(answer),
    }
}

struct AskKeys;

impl Callback for AskKeys {
    type Question<'a> = KeyQuestion<'a>;
    type Answer = KeyAnswer;
    const CLOSED: KeyAnswer = KeyAnswer::Fail;

    fn answer(question: KeyQuestion<'_>) -> KeyAnswer {
        crate::nets::here!("ticket key");
        with_guard(question.conn, |guard| answer(guard, question)).unwrap_or(KeyAnswer::Fail)
    }
}

fn answer(guard: &Guard, KeyQuestion { conn, name }: KeyQuestion<'_>) -> KeyAnswer {
    let Some((sealing, opening)) = keys(guard, name) else { return KeyAnswer::Fail };
    if name.is_none() {
        return KeyAnswer::Use(sealing);
    }
    let Some(opening) = opening else { return KeyAnswer::Unknown };
    // Clients of TLS 1.3 use each ticket once, and would run out of them. In TLS 1.2 a renewed ticket makes libssl's clients
    // give up the session that they hold, and programs that wait for its callback get no other: so only for a new key.
    let renews = conn.version() >= TLS1_3_VERSION || opening.name() != sealing.name();
    if renews { KeyAnswer::Renew(opening) } else { KeyAnswer::Use(opening) }
}

/// The key that seals, and the one of this name; `None` where there is none that seals.
fn keys(guard: &Guard, name: Option<&[u8]>) -> Option<(Arc<TicketKey>, Option<Arc<TicketKey>>)> {
    let of_file = guard.settings().ticket_keys.clone();
    if let Some(file) = of_file {
        return Some((file.sealing()?, name.and_then(|name| file.named(name))));
    }
    if let Some(key) = guard.ticket_key_of_program() {
        let opening = name.filter(|name| key.name() == *name).map(|_| Arc::clone(&key));
        return Some((key, opening));
    }
    let (own, now) = (guard.own_ticket_keys()?, now());
    let opening = name.map(|name| own.named(name, now)).transpose().ok()?;
    Some((own.sealing(now).ok()?, opening.flatten()))
}

struct ReviewTicket;

impl Callback for ReviewTicket {
    type Question<'a> = (Conn<'a>, Session<'a>);
    type Answer = bool;
    const CLOSED: bool = false;

    fn answer((conn, session): (Conn<'_>, Session<'_>)) -> bool {
        crate::nets::here!("ticket");
        let Some(client) = session.peer_certificate() else { return true };
        let _quiet = Quiet::begin();
        let store = conn.effective_store();
        with_guard(conn, |guard| {
            let holds = |anchor: &Anchor| {
                let is_exact = |whole| guard.settings().exact.digests().contains(&whole);
                guard.anchors.holds_key(store, &anchor.key) || anchor.certificate.is_some_and(is_exact)
            };
            Basis::of_bytes(&session.ticket_data()).is_some_and(|basis| basis.stands(guard, client, holds))
        })
        .unwrap_or(false)
    }
}

/// Notes on the session of `conn`, whose client was verified just now by `chain`, what it rests on.
pub fn note(conn: Conn<'_>, guard: &Guard, chain: &[X509]) {
    let Some(session) = conn.session() else { return };
    let has_exact = !guard.settings().exact.is_empty();
    let bytes = Basis::of_chain(chain, has_exact).map(|basis| basis.to_bytes()).unwrap_or_default();
    // Where nothing can be noted the ticket counts for nothing.
    session.set_ticket_data(&bytes);
}

/// What the verification of a client rested on.
#[derive(Debug, PartialEq, Eq)]
struct Basis {
    /// From the one above the client's own to the one below the anchor.
    between: Vec<Certificate>,
    anchor: Anchor,
    /// The first end of them all.
    end: i64,
}

#[derive(Debug, PartialEq, Eq)]
struct Certificate {
    /// The Name in DER.
    issuer: Vec<u8>,
    /// The number's octets, without those that are zero before it.
    serial: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct Anchor {
    /// The SHA-256 of its key, as [`list`] has it.
    key: [u8; 32],
    /// That of the whole, where certificates are trusted as they are.
    certificate: Option<[u8; 32]>,
}

/// What the bytes begin with, so that another version of hostlock on another machine is not misunderstood.
const FORMAT: u8 = 2;

impl Basis {
    /// `has_exact`: whether there are certificates that are trusted as they are.
    fn of_chain(chain: &[X509], has_exact: bool) -> Option<Basis> {
        thread_local! {
            static KEY: LastDigest = const { LastDigest::none() };
        }
        let (anchor, below) = chain.split_last()?;
        let between = below.get(1..).unwrap_or_default();
        let mut signed = SignedPart::new();
        let key = signed.of(anchor).and_then(list::key_of_signed).map(|key| digest(&KEY, key));
        let anchor = Anchor {
            key: key.or_else(|| Some(openssl::sha::sha256(list::key_of(&anchor.to_der().ok()?))))?,
            certificate: has_exact.then(|| anchor.to_der()).transpose().ok()?.map(|der| openssl::sha::sha256(&der)),
        };
        let ends = chain.iter().map(|one| session_end::seconds(one.not_after()));
        let end = ends.collect::<Option<Vec<i64>>>()?.into_iter().min()?;
        let mut certificate = |one: &X509| Certificate::of_signed(signed.of(one)?);
        Some(Basis { between: between.iter().map(&mut certificate).collect::<Option<_>>()?, anchor, end })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.push(FORMAT);
        out.extend(self.end.to_be_bytes());
        out.extend(self.anchor.key);
        out.push(self.anchor.certificate.is_some().into());
        out.extend(self.anchor.certificate.iter().flatten());
        for certificate in &self.between {
            for part in [&certificate.issuer, &certificate.serial] {
                // What is longer than that is in no certificate that was verified.
                out.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
                out.extend(part);
            }
        }
        out
    }

    fn of_bytes(bytes: &[u8]) -> Option<Basis> {
        let (&[FORMAT], rest) = bytes.split_first_chunk()? else { return None };
        let (end, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (certificate, mut rest) = match rest.split_first()? {
            (0, rest) => (None, rest),
            (1, rest) => rest.split_first_chunk().map(|(whole, rest)| (Some(*whole), rest))?,
            _ => return None,
        };
        let mut between = Vec::new();
        while !rest.is_empty() {
            let (issuer, after) = part(rest)?;
            let (serial, after) = part(after)?;
            between.push(Certificate { issuer: issuer.to_vec(), serial: serial.to_vec() });
            rest = after;
        }
        let anchor = Anchor { key: *key, certificate };
        Some(Basis { between, anchor, end: i64::from_be_bytes(*end) })
    }

    /// Whether all of it still counts for `client`. Where that is not certain a full handshake finds out.
    fn stands(&self, guard: &Guard, client: &X509Ref, holds: impl Fn(&Anchor) -> bool) -> bool {
        let (revocation, is_timeless) = {
            let settings = guard.settings();
            if settings.waivers.has(Waiver::Chain) {
                return true;
            }
            (settings.revocation.clone(), settings.waivers.has(Waiver::Time) || settings.verify_time.is_some())
        };
        (is_timeless || now() <= self.end) && holds(&self.anchor) && self.is_unrevoked(&revocation, client, now())
    }

    fn is_unrevoked(&self, revocation: &Revocation, client: &X509Ref, now: i64) -> bool {
        let Some(mode) = revocation.in_force() else { return true };
        let is_good = |one: &X509Ref| {
            let crls = || revocation.crls.iter().filter(|crl| crl.is_indirect() || crl.names_issuer_of(one));
            let is_current = |next: Option<&openssl::asn1::Asn1TimeRef>| {
                mode.expired || next.is_none_or(|next| moment::unix_seconds(next).is_some_and(|next| next > now))
            };
            let is_covered = || crls().any(|crl| is_current(crl.list().next_update()));
            let is_listed = crls().any(|crl| crl.lists(one));
            // Where the CRLs are in OpenSSL's store they are asked at the end of the handshake.
            let is_known = mode.soft || revocation.crls.is_empty() || is_covered();
            !is_listed && is_known
        };
        let mut between = self.between.iter();
        // CRLs are asked about certificates: one that has issuer and number will do.
        is_good(client) && (!mode.chain || between.all(|one| one.stand_in().is_some_and(|one| is_good(&one))))
    }
}

/// A length, so many bytes, and what stands behind them.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, after) = bytes.split_first_chunk()?;
    after.split_at_checked(u16::from_be_bytes(*len).into())
}

impl Certificate {
    fn of_signed(parts: &[u8]) -> Option<Certificate> {
        let certificate = x509::Certificate::parse_signed(parts).ok()?;
        let is_negative = certificate.serial.first().is_none_or(|first| first & 0x80 != 0);
        let zeros = certificate.serial.iter().take_while(|octet| **octet == 0).count();
        let serial = (!is_negative).then(|| certificate.serial[zeros..].to_vec())?;
        Some(Certificate { issuer: certificate.issuer.to_vec(), serial })
    }

    fn stand_in(&self) -> Option<X509> {
        let mut builder = X509Builder::new().ok()?;
        let issuer = X509Name::from_der(&self.issuer).ok()?;
        let serial = BigNum::from_slice(&self.serial).and_then(|serial| Asn1Integer::from_bn(&serial)).ok()?;
        builder.set_issuer_name(&issuer).and_then(|()| builder.set_serial_number(&serial)).ok()?;
        Some(builder.build())
    }
}

/// The digest of `text`, of which there was one `last`. A thread that ends has no place for that any more.
fn digest(last: &'static LocalKey<LastDigest>, text: &[u8]) -> [u8; 32] {
    last.try_with(|last| last.of(text)).unwrap_or_else(|_| openssl::sha::sha256(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(certificate: Option<[u8; 32]>) -> Basis {
        let between = [3, 4].map(|byte| Certificate { issuer: vec![byte; 300], serial: vec![byte; 20] }).into();
        Basis { between, anchor: Anchor { key: [1; 32], certificate }, end: -7 }
    }

    #[test]
    fn what_a_ticket_says_of_certificates_is_what_openssl_says_of_them() {
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let one = X509::from_der(der).unwrap();
            let issuer = one.issuer_name().to_der().unwrap();
            let serial = one.serial_number().to_bn().unwrap().to_vec();
            let end = moment::unix_seconds(one.not_after()).unwrap();
            for has_exact in [false, true] {
                let certificate = has_exact.then(|| openssl::sha::sha256(der));
                let anchor = Anchor { key: openssl::sha::sha256(list::key_of(der)), certificate };
                let certificate = Certificate { issuer: issuer.clone(), serial: serial.clone() };
                let basis = Basis { between: vec![certificate], anchor, end };
                assert_eq!(Basis::of_chain(&[one.clone(), one.clone(), one.clone()], has_exact), Some(basis));
            }
        }
    }

    #[test]
    fn what_a_ticket_says_is_read_as_it_was_written_and_a_part_of_it_never() {
        for certificate in [None, Some([2; 32])] {
            let bytes = basis(certificate).to_bytes();
            assert_eq!(Basis::of_bytes(&bytes), Some(basis(certificate)));
            const ONE: usize = 2 + 300 + 2 + 20;
            let whole = [bytes.len() - ONE, bytes.len() - 2 * ONE];
            for len in (0..bytes.len()).filter(|len| !whole.contains(len)) {
                assert_eq!(Basis::of_bytes(&bytes[..len]), None, "{len}");
            }
            let mut other = bytes;
            other[0] = FORMAT + 1;
            assert_eq!(Basis::of_bytes(&other), None);
        }
    }
}
