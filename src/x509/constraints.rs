//! Name constraints (RFC 5280 4.2.1.10): what a CA may certify, and whether a certificate below it keeps to that. A name
//! or a subtree that cannot be read or compared is refused, never passed over; the common name is never looked at.

mod subtree;

use subtree::{Form, Subject, Subtree, form_of};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::x509::der::{Reader, SEQUENCE};
use crate::x509::dns::{MAX_NAME, check_labels};
use crate::x509::email::Mailbox;
use crate::x509::general_name::{EMAIL_ADDRESS, GeneralName, GeneralNames, attributes};
use crate::x509::name::{CanonicalName, name_text};
use crate::x509::presented::{Presented, ip_address, ip_text, malformed_san, malformed_subject};
use crate::x509::uri::uri_host;
use crate::x509::words::{list, quote};


/// GeneralSubtree's `minimum [0] BaseDistance DEFAULT 0`.
const MINIMUM: u8 = 0x80;

/// How much comparing one verification may cost, so that a chain with thousands of names and constraints cannot stall
/// it. Share one between all the checks of a verification.
#[derive(Clone, Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Budget {
        Budget(1 << 20)
    }
}

impl Budget {
    fn spend(&mut self, names: usize, subtrees: usize) -> Result<()> {
        match names.checked_mul(subtrees).and_then(|cost| self.0.checked_sub(cost)) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => Err(Error::new(
                Status::ENameConstraint,
                format!(
                    "the chain holds {names} names against {subtrees} name constraints, which is too much to compare"
                ),
            )
            .with_x509_code(ffi::X509_V_ERR_UNSPECIFIED)
            .with_hint("no honest chain is like this; do not trust its issuer")),
        }
    }
}

/// The content of a nameConstraints extension, which holds for all certificates below the one that has it.
#[derive(Clone, Debug)]
pub struct NameConstraints<'a> {
    permitted: Vec<Subtree<'a>>,
    excluded: Vec<Subtree<'a>>,
}

impl<'a> NameConstraints<'a> {
    /// Reads the extension's DER and refuses what RFC 5280 does not allow in it: an empty list, a minimum other than
    /// zero, any maximum, a base that is no subtree of its form.
    pub fn parse(der: &'a [u8]) -> Result<NameConstraints<'a>> {
        let mut constraints = NameConstraints { permitted: Vec::new(), excluded: Vec::new() };
        let mut lists = Reader::whole(der, SEQUENCE).map_err(|_| not_der())?;
        if lists.is_empty() {
            return Err(unusable(
                "permit nothing and exclude nothing, which RFC 5280 forbids",
                ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX,
            ));
        }
        let mut last = 0;
        while !lists.is_empty() {
            let (tag, contents) = lists.next().map_err(|_| not_der())?;
            if tag <= last {
                return Err(not_der());
            }
            last = tag;
            match tag {
                0xa0 => constraints.permitted = subtrees(contents)?,
                0xa1 => constraints.excluded = subtrees(contents)?,
                _ => return Err(not_der()),
            }
        }
        Ok(constraints)
    }

    /// Refuses a certificate with a name that is not permitted, is excluded, or cannot be told. It is for the caller to
    /// leave out self-issued certificates that are not the last of the chain (RFC 5280 6.1.3).
    pub fn check(&self, presented: &Presented<'_>, budget: &mut Budget) -> Result<()> {
        let mut san = Vec::new();
        if let Some(der) = presented.san {
            for name in GeneralNames::new(der).map_err(|_| malformed_san())? {
                san.push(name.map_err(|_| malformed_san())?);
            }
        }
        let emails =
            if san.iter().any(|name| form_of(*name) == Form::Email) { Vec::new() } else { subject_emails(presented)? };
        budget.spend(san.len() + emails.len(), self.permitted.len() + self.excluded.len())?;
        let emails = emails.into_iter().filter(|_| self.constrains(Form::Email));
        for name in san.into_iter().chain(emails) {
            self.check_name(name)?;
        }
        self.check_subject(presented.subject)
    }

    fn check_name(&self, name: GeneralName<'_>) -> Result<()> {
        let form = form_of(name);
        let subject = match name {
            GeneralName::Dns(text) if is_constrainable_dns(text) => Subject::Dns(text),
            GeneralName::Email(text) => match Mailbox::parse(text) {
                Some(mailbox) => Subject::Email(mailbox),
                None => return Err(unreadable(name)),
            },
            GeneralName::Ip(octets) if ip_address(octets).is_some() => Subject::Ip(octets),
            GeneralName::Dns(_) | GeneralName::Ip(_) => return Err(unreadable(name)),
            _ if !self.constrains(form) => return Ok(()),
            // RFC 5280: a URI without a host that is a domain name is refused where URIs are constrained.
            GeneralName::Uri(uri) => Subject::UriHost(uri_host(uri).ok_or_else(|| unreadable(name))?),
            GeneralName::Directory(der) => Subject::Directory(CanonicalName::parse(der).map_err(|_| unreadable(name))?),
            _ => return Err(incomparable(form)),
        };
        self.judge(&subject, form, &|| name_in_words(name))
    }

    /// RFC 5280 4.2.1.10: directory names are held against the subject too, unless it is empty.
    fn check_subject(&self, der: &[u8]) -> Result<()> {
        if !self.constrains(Form::Directory) {
            return Ok(());
        }
        let subject = CanonicalName::parse(der).map_err(|_| malformed_subject())?;
        if subject.is_empty() {
            return Ok(());
        }
        self.judge(&Subject::Directory(subject), Form::Directory, &|| format!("subject \"{}\"", name_text(der)))
    }

    fn constrains(&self, form: Form) -> bool {
        self.permitted.iter().chain(&self.excluded).any(|subtree| subtree.form() == form)
    }

    fn judge(&self, name: &Subject<'_>, form: Form, words: &dyn Fn() -> String) -> Result<()> {
        if let Some(subtree) = self.excluded.iter().find(|subtree| subtree.touches(name)) {
            let message = format!("the {} is excluded by a CA's name constraint \"{}\"", words(), subtree.text());
            return Err(violation(message, ffi::X509_V_ERR_EXCLUDED_VIOLATION));
        }
        let mut permitted = self.permitted.iter().filter(|subtree| subtree.form() == form).peekable();
        if permitted.peek().is_none() || permitted.any(|subtree| subtree.covers(name)) {
            return Ok(());
        }
        let bases: Vec<String> =
            self.permitted.iter().filter(|subtree| subtree.form() == form).map(|subtree| subtree.text()).collect();
        let bases = list(bases.iter().map(String::as_str));
        let message = format!("the {} is not within the names that a CA above it may certify: {bases}", words());
        Err(violation(message, ffi::X509_V_ERR_PERMITTED_VIOLATION))
    }
}

fn subtrees(list: &[u8]) -> Result<Vec<Subtree<'_>>> {
    let mut subtrees = Vec::new();
    let mut list = Reader::new(list);
    if list.is_empty() {
        return Err(unusable("have an empty list, which RFC 5280 forbids", ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX));
    }
    while !list.is_empty() {
        let mut subtree = Reader::new(list.expect(SEQUENCE).map_err(|_| not_der())?);
        let base = GeneralName::read(&mut subtree).map_err(|_| not_der())?;
        // RFC 5280: the minimum is zero, the default, which some write out although DER does not; the maximum is absent.
        let mut bounds = subtree;
        let is_default = subtree.is_empty() || (bounds.expect(MINIMUM) == Ok(&[0]) && bounds.is_empty());
        if !is_default {
            return Err(unusable("use minimum or maximum, which RFC 5280 forbids", ffi::X509_V_ERR_SUBTREE_MINMAX));
        }
        let subtree =
            Subtree::new(base).map_err(|what| unusable(&format!("are unusable: {what}"), ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX))?;
        subtrees.push(subtree);
    }
    Ok(subtrees)
}

/// RFC 5280 4.2.1.10: where a certificate has no rfc822Name, the e-mail addresses in its subject take their place.
fn subject_emails<'a>(presented: &Presented<'a>) -> Result<Vec<GeneralName<'a>>> {
    let attributes = attributes(presented.subject).map_err(|_| malformed_subject())?;
    let emails = attributes.into_iter().filter(|attribute| attribute.oid == EMAIL_ADDRESS);
    Ok(emails.map(|attribute| GeneralName::Email(attribute.value)).collect())
}

/// A dNSName that can be held against a constraint: labels, of which the left-most may be a star.
fn is_constrainable_dns(name: &[u8]) -> bool {
    name.len() <= MAX_NAME && check_labels(name.strip_prefix(b"*.").unwrap_or(name), MAX_NAME).is_ok()
}

fn name_in_words(name: GeneralName<'_>) -> String {
    match name {
        GeneralName::Dns(text) => format!("DNS name {}", quote(text)),
        GeneralName::Email(text) => format!("e-mail address {}", quote(text)),
        GeneralName::Uri(text) => format!("URI {}", quote(text)),
        GeneralName::Ip(octets) => format!("IP address \"{}\"", ip_text(octets)),
        GeneralName::Directory(der) => format!("directory name \"{}\"", name_text(der)),
        other => form_of(other).text().into(),
    }
}

#[cold]
fn violation(message: String, code: i32) -> Error {
    Error::new(Status::ENameConstraint, message)
        .with_x509_code(code)
        .with_hint("the CA was not allowed to certify this name; ask its owner for a certificate from another CA")
}

#[cold]
fn unreadable(name: GeneralName<'_>) -> Error {
    let message =
        format!("the {} is malformed, so it cannot be held against a CA's name constraints", name_in_words(name));
    violation(message, ffi::X509_V_ERR_UNSUPPORTED_NAME_SYNTAX)
}

#[cold]
fn incomparable(form: Form) -> Error {
    let message =
        format!("a CA's name constraint on {} cannot be checked, and the certificate has such a name", form.text());
    violation(message, ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE)
}

#[cold]
fn not_der() -> Error {
    unusable("are not valid DER", ffi::X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX)
}

#[cold]
fn unusable(what: &str, code: i32) -> Error {
    Error::new(Status::ENameConstraint, format!("the CA's name constraints {what}"))
        .with_x509_code(code)
        .with_hint("the CA certificate itself must be replaced; no certificate below it can be checked")
}

#[cfg(test)]
mod tests;
