//! Why a chain does not end at a trust anchor, in words: who is not known, what was sent and what was not. It looks only
//! after a refusal, and decides nothing: it goes up from the leaf by names and signatures as far as they carry, where
//! OpenSSL stops at the first key identifier that does not fit, or goes on with a namesake.

use std::ffi::c_int;

use openssl::x509::{X509, X509NameRef, X509Ref};
use openssl_sys as ffi;

use crate::chain::case::Case;
use crate::chain::path_search::cost;
use crate::error::{Error, Status};
use crate::libssl::certificate_words::{code_text, issuer_of, name_text, position, subject_of, subject_text};
use crate::libssl::issuing::{check_issued, has_same_key};
use crate::libssl::verification::{OutOfMemory, certificates_named};
use crate::role::Role;

/// What all signature checks may cost, in microseconds of an ordinary processor.
const MOST_WORK: u64 = 10_000;

/// What was found.
pub struct Found {
    /// Why the chain ends.
    pub error: Error,
    /// The chain, from the leaf as far as signatures carry.
    pub chain: Vec<X509>,
}

/// Explains `code` of OpenSSL, which found no way to an anchor.
pub fn explain(case: &Case<'_>, code: c_int) -> Found {
    let mut climb = Climb { case, work: 0, sent: case.sent(), chain: vec![case.leaf.to_owned()] };
    while let Some(issuer) = climb.next() {
        climb.chain.push(issuer);
    }
    let error = climb.error().with_x509_code(code);
    Found { error, chain: climb.chain }
}

struct Climb<'c, 'd> {
    case: &'c Case<'d>,
    work: u64,
    sent: Vec<X509>,
    chain: Vec<X509>,
}

impl Climb<'_, '_> {
    fn top(&self) -> &X509Ref {
        self.chain.last().map_or(self.case.leaf, |top| top)
    }

    fn is_signed(&mut self, subject: &X509Ref, issuer: &X509Ref) -> bool {
        if self.work >= MOST_WORK {
            return false;
        }
        self.work += cost(issuer);
        issuer.public_key().is_ok_and(|key| subject.verify(&key).unwrap_or(false))
    }

    /// The certificate that was sent and signed the top of the chain.
    fn next(&mut self) -> Option<X509> {
        if self.chain.len() >= self.case.most_certificates() {
            return None;
        }
        let top = self.top().to_owned();
        let is_new = |one: &X509| !self.chain.contains(one);
        let named: Vec<X509> =
            self.sent.iter().filter(|one| same(one.subject_name(), top.issuer_name()) && is_new(one)).cloned().collect();
        named.into_iter().find(|one| self.is_signed(&top, one))
    }

    fn error(&mut self) -> Error {
        let (top, depth) = (self.top().to_owned(), self.chain.len() - 1);
        let named = certificates_named(self.case.store, top.issuer_name()).unwrap_or_default();
        let words = Words { judge: self.case.role, top: &top, depth };
        let error = if self.is_signed(&top, &top) {
            let has_key = |anchor: &&X509| has_same_key(anchor, &top);
            match (named.iter().find(has_key), named.is_empty()) {
                (Some(_), _) => words.renewed(),
                (None, false) => words.self_signed_namesake(),
                (None, true) => words.self_signed(),
            }
        } else if let Some(signer) = named.iter().find(|anchor| self.is_signed(&top, anchor)) {
            words.signed_by_anchor(check_issued(signer, &top))
        } else if same(top.subject_name(), top.issuer_name()) {
            words.named_like_its_ca(!named.is_empty())
        } else if !named.is_empty() {
            words.namesake()
        } else if self.sent.iter().any(|one| same(one.subject_name(), top.issuer_name()) && **one != *top) {
            words.sent_namesake()
        } else if let Some(above) = self.above_the_missing(&top) {
            words.missing(&above)
        } else {
            words.unknown()
        };
        error.with_certificate(depth as u32, subject_of(&top))
    }

    /// What shows that the issuer is an intermediate, in words: the certificate names the issuer's own issuer, or the peer sent
    /// what stands above it.
    fn above_the_missing(&mut self, top: &X509Ref) -> Option<String> {
        // RFC 5280 4.2.1.1: the authorityCertIssuer.
        let named = top.authority_issuer().into_iter().flatten().find_map(|name| name.directory_name());
        if let Some(above) = named.filter(|above| !same(above, top.issuer_name())) {
            return Some(format!("it is an intermediate, issued by {}", name_text(above)));
        }
        let is_namesake = |one: &&X509| self.chain.iter().any(|link| same(link.subject_name(), one.subject_name()));
        let others: Vec<X509> = self.sent.iter().filter(|one| !is_namesake(one)).cloned().collect();
        let above = others.into_iter().find(|one| {
            let above = certificates_named(self.case.store, one.issuer_name()).unwrap_or_default();
            above.iter().any(|anchor| **anchor == **one || self.is_signed(one, anchor))
        });
        above.map(|above| format!("what was sent is {}", subject_text(&above)))
    }
}

fn same(one: &X509NameRef, other: &X509NameRef) -> bool {
    one.try_cmp(other).is_ok_and(|order| order.is_eq())
}

/// The words for the certificate at the top of the chain.
struct Words<'a> {
    judge: Role,
    top: &'a X509Ref,
    depth: usize,
}

impl Words<'_> {
    fn who(&self) -> String {
        position(self.judge, self.depth, self.top)
    }

    /// The other side, which shows the chain.
    fn peer(&self) -> &'static str {
        match self.judge {
            Role::Client => "server",
            Role::Server => "client",
        }
    }

    /// What the reader can do, where the issuer may be one of theirs or a stranger.
    fn if_yours(&self, what: &str) -> String {
        let else_what = match self.judge {
            Role::Client => "this may be an impostor",
            Role::Server => "the client is a stranger",
        };
        format!("if {what} is yours, load its certificate with hostlock_ctx_trust_file, or {PROGRAMS}; else {else_what}")
    }

    fn chain(&self) -> &'static str {
        match self.judge {
            Role::Client => "the chain",
            Role::Server => "the client's chain",
        }
    }

    fn stops(&self, status: Status, why: &str) -> Error {
        Error::new(status, format!("the chain stops at {}: its issuer {} {why}", self.who(), issuer_of(self.top)))
    }

    fn self_signed(&self) -> Error {
        match self.depth {
            0 => Error::new(Status::ESelfSigned, format!("{} is self-signed and not one of the trust anchors", self.who()))
                .with_hint(self.if_yours(&format!("the {}", self.peer()))),
            _ => Error::new(
                Status::EUnknownIssuer,
                format!("{} ends at {}, which is not one of the trust anchors", self.chain(), subject_text(self.top)),
            )
            .with_hint(self.if_yours("that CA")),
        }
    }

    /// It has the name and the key of an anchor, but is another certificate.
    fn renewed(&self) -> Error {
        let status = if self.depth == 0 { Status::ESelfSigned } else { Status::EUnknownIssuer };
        let who = self.who();
        Error::new(status, format!("{who} is self-signed, and the trust anchor of its name and key is another certificate"))
            .with_hint("it was made anew with the same key: trust the new certificate in place of the old one")
    }

    fn self_signed_namesake(&self) -> Error {
        let status = if self.depth == 0 { Status::ESelfSigned } else { Status::EUnknownIssuer };
        Error::new(status, format!("{} is self-signed, and has the name of a trust anchor, but another key", self.who()))
            .with_hint(NAMESAKE)
    }

    fn namesake(&self) -> Error {
        self.stops(Status::EUnknownIssuer, "has the name of a trust anchor, but another key").with_hint(NAMESAKE)
    }

    /// The key of an anchor signed it, and OpenSSL takes that anchor for its issuer all the same not, for the reason `code`.
    fn signed_by_anchor(&self, code: c_int) -> Error {
        let (who, issuer) = (self.who(), issuer_of(self.top));
        match code {
            ffi::X509_V_ERR_KEYUSAGE_NO_CERTSIGN => Error::new(
                Status::EWrongPurpose,
                format!("the trust anchor {issuer} signed {who}, but may not sign certificates (key usage, RFC 5280 4.2.1.3)"),
            )
            .with_hint("the CA needs a certificate with keyCertSign among its key usages; trust that one"),
            ffi::X509_V_ERR_AKID_SKID_MISMATCH | ffi::X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH => {
                let why = "but its authorityKeyIdentifier names another certificate of that CA";
                Error::new(
                    Status::EUnknownIssuer,
                    format!("the chain stops at {who}: the trust anchor {issuer} signed it, {why}"),
                )
                .with_hint("trust the certificate that the CA had when it issued this one, or have this one issued again")
            }
            _ if same(self.top.subject_name(), self.top.issuer_name()) => Error::new(
                Status::EBadCertificate,
                format!("{who} bears its CA's name and no key identifiers that tell the two apart: OpenSSL takes it for self-signed"),
            )
            .with_hint("it must be issued again: with another subject, or with a subjectKeyIdentifier and an authorityKeyIdentifier"),
            // What is damaged has been found before.
            ffi::X509_V_ERR_UNSPECIFIED => OutOfMemory.into(),
            code => Error::new(
                Status::EUnknownIssuer,
                format!("the chain stops at {who}: the trust anchor {issuer} signed it, but was not taken for its issuer ({})", code_text(code)),
            ),
        }
    }

    fn sent_namesake(&self) -> Error {
        let why = "was sent, but the key of what was sent did not sign it";
        self.stops(Status::EUnknownIssuer, why).with_hint(format!(
            "the {} sends another certificate of that name than the one that issued its own, or somebody else uses the name",
            self.peer()
        ))
    }

    fn named_like_its_ca(&self, has_namesake: bool) -> Error {
        let who = self.who();
        Error::new(
            Status::EUnknownIssuer,
            format!("{who} bears its CA's name, and the key of that CA is not one of the trust anchors"),
        )
        .with_hint(if has_namesake { NAMESAKE.to_owned() } else { self.if_yours("that CA") })
    }

    /// The issuer is an intermediate, as `shown`.
    fn missing(&self, shown: &str) -> Error {
        self.stops(Status::EMissingIntermediate, &format!("was not sent; {shown}")).with_hint(format!(
            "the {} should send its intermediate certificates too (the full chain)",
            self.peer()
        ))
    }

    /// Nothing shows whether the issuer is a CA that is not trusted, or an intermediate.
    fn unknown(&self) -> Error {
        let what = if self.depth == 0 { "was not sent and is not" } else { "is not" };
        self.stops(Status::EUnknownIssuer, &format!("{what} one of the trust anchors")).with_hint(format!(
            "if the issuer is a CA of yours, load its certificate with hostlock_ctx_trust_file, or {PROGRAMS}; if it is an \
             intermediate, the {} should send it too (the full chain)",
            self.peer()
        ))
    }
}

/// For who runs a program, and reads the words in a summary, an audit or a log.
const PROGRAMS: &str = "where a program takes its roots from (often SSL_CERT_FILE)";

/// Whoever has the name of a trusted CA and not its key is not to be trusted on the spot.
const NAMESAKE: &str = "somebody else may use that CA's name; if the CA has changed its key, its owner can confirm the new certificate";
