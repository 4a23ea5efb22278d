//! What can be told of the certificates that a context shows: facts, and what its peers will complain of.

use openssl::pkey::Id;
use openssl::sha::sha256;

use crate::chain::rules::{Place, Purpose, Rules};
use crate::credential::Shown;
use crate::json::{Object, hex};
use crate::libssl::certificate;
use crate::libssl::certificate_words::{name_line, subject_of, subject_text};
use crate::moment;
use crate::policy::Policy;
use crate::role::Role;
use crate::x509::certificate::Certificate;

const DAY: i64 = 86_400;

/// One certificate as a JSON object. What is wrong with it is added to `warnings`.
pub fn json(shown: &Shown, (policy, role): (&Policy, Role), now: i64, warnings: &mut Vec<String>) -> String {
    let leaf = &shown.leaf;
    let der = leaf.to_der().unwrap_or_default();
    let mut object = Object::new();
    object.text("subject", &subject_of(leaf));
    object.text("issuer", &name_line(leaf.issuer_name()));
    let names = certificate::presented(leaf).map(|names| [names.names(), names.emails()].concat()).unwrap_or_default();
    object.texts("names", &names);
    object.text("key", &key_words(shown));
    object.number("chain", shown.others.len() as i64);
    let (from, until) = (moment::unix_seconds(leaf.not_before()), moment::unix_seconds(leaf.not_after()));
    for (key, time) in [("not_before", from), ("not_after", until)] {
        if let Some(seconds) = time {
            object.number(key, seconds);
        }
    }
    if let Some(until) = until {
        object.number("days_left", (until - now).div_euclid(DAY));
    }
    object.text("sha256", &hex(&sha256(&der)));
    object.text("source", &shown.origin);
    warn(shown, (policy, role), now, &der, names.is_empty(), warnings);
    object.finish()
}

fn key_words(shown: &Shown) -> String {
    let Ok(key) = shown.leaf.public_key() else { return "unknown".to_owned() };
    let kind = match key.id() {
        Id::RSA => "RSA",
        Id::RSA_PSS => "RSA-PSS",
        Id::EC => "EC",
        Id::ED25519 => "Ed25519",
        Id::ED448 => "Ed448",
        _ => "another kind",
    };
    format!("{kind}, {} bits", key.bits())
}

fn warn(shown: &Shown, (policy, role): (&Policy, Role), now: i64, der: &[u8], is_nameless: bool, warnings: &mut Vec<String>) {
    let all = std::iter::once(&shown.leaf).chain(&shown.others);
    for certificate in all {
        let who = subject_text(certificate);
        match moment::unix_seconds(certificate.not_after()) {
            Some(until) if until < now => warnings.push(format!("the certificate of {who} has expired, on {}", moment::text(until))),
            _ => {}
        }
        match moment::unix_seconds(certificate.not_before()) {
            Some(from) if from > now => warnings.push(format!("the certificate of {who} is not valid before {}", moment::text(from))),
            _ => {}
        }
    }
    let who = subject_text(&shown.leaf);
    let purpose = match role {
        Role::Server => Purpose::Server,
        Role::Client => Purpose::Client,
    };
    if let Ok(read) = Certificate::parse(der)
        && let Err(breach) = Rules::new(policy.checks.iter(), Some(purpose)).check(&read, Place::Leaf)
    {
        warnings.push(format!("the certificate of {who} {} ({})", breach.what, breach.rule));
    }
    if role == Role::Server && is_nameless {
        warnings.push(format!("the certificate of {who} names no host in its subjectAltName: no client finds its host in it"));
    }
    if let Some(path) = &shown.open_key_file {
        warnings.push(format!("the private key in {path} can be read by every user of this machine"));
    }
}
