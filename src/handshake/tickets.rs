//! The session tickets of our servers (RFC 5077, RFC 8446 4.6.1): the keys, and what a ticket says of the certificates that
//! its client once showed.
//!
//! A ticket carries the client's certificate, and nothing of the chain above it. So the first end of the chain that was
//! verified and the anchor are written into it, and where CRLs are asked about the whole chain, issuer and serial number of
//! each certificate between: when it comes back they are looked up in the CRLs and the trust of that moment, on whichever
//! machine. Where one fails the ticket counts for nothing, and a full handshake decides. What else a session rests on is in
//! its id context.
//!
//! Each byte is sent, encrypted and hashed several times, so nothing is written that nobody will ask.

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
        let store = conn.effective_store();
        with_guard(conn, |guard| {
            let holds = |anchor: &Anchor| {
                let is_exact = |whole: &Short| guard.settings().exact.digests().iter().any(|known| known.starts_with(whole));
                guard.anchors.holds_key(store, &anchor.key) || anchor.certificate.as_ref().is_some_and(is_exact)
            };
            Basis::of_bytes(&session.ticket_data()).is_some_and(|basis| basis.stands(guard, client, holds))
        })
        .unwrap_or(false)
    }
}

/// Notes on the session of `conn`, whose client was verified just now by `chain`, what it rests on.
pub fn note(conn: Conn<'_>, guard: &Guard, chain: &[X509]) {
    let Some(session) = conn.session() else { return };
    let (has_exact, is_chain_asked) = {
        let settings = guard.settings();
        (!settings.exact.is_empty(), settings.revocation.in_force().is_some_and(|mode| mode.chain))
    };
    let bytes = Basis::of_chain(chain, has_exact, is_chain_asked).and_then(|basis| basis.to_bytes()).unwrap_or_default();
    // Where nothing can be noted the ticket counts for nothing.
    session.set_ticket_data(&bytes);
}

/// What the verification of a client rested on.
#[derive(Debug, PartialEq, Eq)]
struct Basis {
    /// From the one above the client's own to the one below the anchor; `None` where no CRL was asked about them.
    between: Option<Vec<Certificate>>,
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
    /// Of its key, as [`list`] has it.
    key: Short,
    /// Of the whole, where certificates are trusted as they are.
    certificate: Option<Short>,
}

/// The first half of a SHA-256. Nobody but the server writes what it is compared with, so what counts is that no other key or
/// certificate can be found that fits, which half of it is enough for.
type Short = [u8; 16];

fn short(digest: [u8; 32]) -> Short {
    std::array::from_fn(|at| digest[at])
}

/// What the bytes begin with, so that another version of hostlock on another machine is not misunderstood.
const FORMAT: u8 = 3;

/// What the second byte says is in it.
const HAS_CERTIFICATE: u8 = 1;
const HAS_BETWEEN: u8 = 2;

/// How many of the end's bytes are written: they last for 34 000 years.
const END: usize = 5;

impl Basis {
    /// `has_exact`: whether there are certificates that are trusted as they are; `is_chain_asked`: whether CRLs are asked about
    /// the whole chain.
    fn of_chain(chain: &[X509], has_exact: bool, is_chain_asked: bool) -> Option<Basis> {
        thread_local! {
            static KEY: LastDigest = const { LastDigest::none() };
        }
        let (anchor, below) = chain.split_last()?;
        let mut signed = SignedPart::new();
        let key = signed.of(anchor).and_then(list::key_of_signed).map(|key| digest(&KEY, key));
        let whole = |anchor: &X509| anchor.to_der().ok();
        let anchor = Anchor {
            key: short(key.or_else(|| Some(openssl::sha::sha256(list::key_of(&whole(anchor)?))))?),
            certificate: if has_exact { Some(short(openssl::sha::sha256(&whole(anchor)?))) } else { None },
        };
        let ends = chain.iter().map(|one| session_end::seconds(one.not_after()));
        let end = ends.reduce(|first, next| Some(first?.min(next?)))??;
        let mut certificate = |one: &X509| Certificate::of_signed(signed.of(one)?);
        let mut between = || below.get(1..).unwrap_or_default().iter().map(&mut certificate).collect::<Option<_>>();
        // That there are none costs nothing to say, and holds whenever CRLs are asked.
        let is_said = is_chain_asked || chain.len() < 3;
        Some(Basis { between: if is_said { Some(between()?) } else { None }, anchor, end })
    }

    /// `None` where it cannot be written.
    fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(256);
        let has_certificate = if self.anchor.certificate.is_some() { HAS_CERTIFICATE } else { 0 };
        let has_between = if self.between.is_some() { HAS_BETWEEN } else { 0 };
        out.extend([FORMAT, has_certificate | has_between]);
        let end = self.end.to_be_bytes();
        let (left_out, end) = end.split_at(end.len() - END);
        if left_out.iter().any(|byte| *byte != 0) {
            return None;
        }
        out.extend(end);
        out.extend(self.anchor.key);
        out.extend(self.anchor.certificate.iter().flatten());
        for certificate in self.between.iter().flatten() {
            for part in [&certificate.issuer, &certificate.serial] {
                out.extend(u16::try_from(part.len()).ok()?.to_be_bytes());
                out.extend(part);
            }
        }
        Some(out)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Basis> {
        let (&[FORMAT, has], rest) = bytes.split_first_chunk()? else { return None };
        let (&end, rest) = rest.split_first_chunk::<END>()?;
        let (&key, mut rest) = rest.split_first_chunk()?;
        let mut certificate = None;
        if has & HAS_CERTIFICATE != 0 {
            let (&whole, after) = rest.split_first_chunk()?;
            (certificate, rest) = (Some(whole), after);
        }
        let mut between = (has & HAS_BETWEEN != 0).then(Vec::new);
        while !rest.is_empty() {
            let (issuer, after) = part(rest)?;
            let (serial, after) = part(after)?;
            between.as_mut()?.push(Certificate { issuer: issuer.to_vec(), serial: serial.to_vec() });
            rest = after;
        }
        let end = end.iter().fold(0, |end, byte| end << 8 | i64::from(*byte));
        Some(Basis { between, anchor: Anchor { key, certificate }, end })
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
        let _quiet = Quiet::begin();
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
        // CRLs are asked about certificates: one that has issuer and number will do.
        let is_above_good = |above: &Vec<Certificate>| above.iter().all(|one| one.stand_in().is_some_and(|one| is_good(&one)));
        is_good(client) && (!mode.chain || self.between.as_ref().is_some_and(is_above_good))
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

    fn basis(certificate: Option<Short>, has_between: bool) -> Basis {
        let between = [3, 4].map(|byte| Certificate { issuer: vec![byte; 300], serial: vec![byte; 20] }).into();
        Basis { between: has_between.then_some(between), anchor: Anchor { key: [1; 16], certificate }, end: 0x12_3456_789a }
    }

    #[test]
    fn what_a_ticket_says_of_certificates_is_what_openssl_says_of_them() {
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let one = X509::from_der(der).unwrap();
            let issuer = one.issuer_name().to_der().unwrap();
            let serial = one.serial_number().to_bn().unwrap().to_vec();
            let end = moment::unix_seconds(one.not_after()).unwrap();
            for (has_exact, is_chain_asked) in [(false, false), (false, true), (true, false), (true, true)] {
                let certificate = has_exact.then(|| short(openssl::sha::sha256(der)));
                let anchor = Anchor { key: short(openssl::sha::sha256(list::key_of(der))), certificate };
                let certificate = || Certificate { issuer: issuer.clone(), serial: serial.clone() };
                let basis = Basis { between: is_chain_asked.then(|| vec![certificate()]), anchor, end };
                let chain = [one.clone(), one.clone(), one.clone()];
                assert_eq!(Basis::of_chain(&chain, has_exact, is_chain_asked), Some(basis));
                let direct = Basis::of_chain(&chain[1..], has_exact, is_chain_asked).unwrap();
                assert_eq!(direct.between, Some(Vec::new()));
            }
        }
    }

    #[test]
    fn what_a_ticket_says_is_read_as_it_was_written_and_a_part_of_it_never() {
        for (certificate, has_between) in [(None, false), (None, true), (Some([2; 16]), false), (Some([2; 16]), true)] {
            let bytes = basis(certificate, has_between).to_bytes().unwrap();
            assert_eq!(Basis::of_bytes(&bytes), Some(basis(certificate, has_between)));
            const ONE: usize = 2 + 300 + 2 + 20;
            let whole = if has_between { [bytes.len() - ONE, bytes.len() - 2 * ONE] } else { [bytes.len(); 2] };
            for len in (0..bytes.len()).filter(|len| !whole.contains(len)) {
                assert_eq!(Basis::of_bytes(&bytes[..len]), None, "{len}");
            }
            for (at, change) in [(0, 1), (0, 0xff), (1, HAS_CERTIFICATE)] {
                let mut other = bytes.clone();
                other[at] ^= change;
                assert_ne!(Basis::of_bytes(&other), Some(basis(certificate, has_between)), "{at}");
            }
            let more = [bytes, vec![0]].concat();
            assert_eq!(Basis::of_bytes(&more), None);
        }
    }

    #[test]
    fn an_end_that_does_not_fit_is_not_written() {
        for (end, fits) in [(0, true), ((1 << 40) - 1, true), (1 << 40, false), (-1, false), (i64::MIN, false)] {
            let basis = Basis { end, ..basis(None, false) };
            assert_eq!(basis.to_bytes().is_some(), fits, "{end}");
            assert!(basis.to_bytes().is_none_or(|bytes| Basis::of_bytes(&bytes).unwrap() == basis), "{end}");
        }
    }

    #[test]
    fn a_ticket_from_before_crls_were_asked_about_the_chain_counts_for_nothing_afterwards() {
        let client = X509::from_der(&webpki_root_certs::TLS_SERVER_ROOT_CERTS[0]).unwrap();
        for (mode, has_between, is_unrevoked) in [
            (None, false, true),
            (Some("leaf+soft"), false, true),
            (Some("chain+soft"), false, false),
            (Some("chain+soft"), true, true),
        ] {
            let mode = mode.map(|mode| crate::revocation::Mode::parse(mode).unwrap());
            let mut basis = basis(None, has_between);
            let above = || Certificate { issuer: client.issuer_name().to_der().unwrap(), serial: vec![3; 20] };
            basis.between = basis.between.map(|_| vec![above()]);
            let revocation = Revocation { mode, ..Revocation::default() };
            assert_eq!(basis.is_unrevoked(&revocation, &client, 0), is_unrevoked, "{mode:?} {has_between}");
        }
    }
}
