//! Makes certificates and trust objects of the attributes in a certdata.txt. An object that lacks what it needs, or says
//! a thing twice or in a word that is not known, is an error: a distrust that was passed over would be trust.

use std::collections::HashMap;

use super::lines::{Attribute, Attributes, Damage, Value, shown};
use super::{Trust, TrustBits};
use crate::trust::certdata::date;

/// One object of the file.
pub enum Object {
    /// A certificate.
    Certificate(CertificateObject),
    /// What a certificate, named by issuer and serial number, is trusted for.
    Trust(TrustObject),
}

/// See [`Object::Certificate`].
pub struct CertificateObject {
    /// The line that it begins in.
    pub line: usize,
    /// Its name for people.
    pub label: String,
    /// The issuer's Name, and the serial number as INTEGER, both in DER.
    pub key: (Vec<u8>, Vec<u8>),
    /// The certificate in DER, and the line that it begins in.
    pub value: (Vec<u8>, usize),
    /// Until when a server's certificate may have been issued, in Unix seconds.
    pub server_distrust_after: Option<i64>,
    /// Until when an e-mail certificate may have been issued.
    pub email_distrust_after: Option<i64>,
}

/// See [`Object::Trust`].
pub struct TrustObject {
    /// Its name for people.
    pub label: String,
    /// The issuer's Name, and the serial number as INTEGER, both in DER.
    pub key: (Vec<u8>, Vec<u8>),
    /// The certificate's SHA-1 hash.
    pub sha1: Option<[u8; 20]>,
    /// What it is trusted for.
    pub bits: TrustBits,
}

/// More than any object has, so that a hostile file takes no more memory than its own size.
const MOST_ATTRIBUTES: usize = 64;

/// The objects of `text`, in order.
pub fn objects(text: &[u8]) -> Result<Vec<Object>, Damage> {
    let mut objects = Vec::new();
    let mut open: Option<Raw<'_>> = None;
    for attribute in Attributes::new(text) {
        let attribute = attribute?;
        if attribute.name == "CKA_CLASS" {
            objects.extend(open.take().map(Raw::close).transpose()?.flatten());
            open = Some(Raw::open(attribute)?);
            continue;
        }
        let Some(object) = &mut open else {
            return Err(Damage::new(attribute.line, format!("{} stands before any CKA_CLASS", attribute.name)));
        };
        let (line, name) = (attribute.line, attribute.name);
        if object.attributes.len() >= MOST_ATTRIBUTES {
            return Err(Damage::new(line, format!("the object of line {} has too many attributes", object.line)));
        }
        if object.attributes.insert(name, attribute).is_some() {
            return Err(Damage::new(line, format!("the object of line {} has a second {name}", object.line)));
        }
    }
    objects.extend(open.map(Raw::close).transpose()?.flatten());
    Ok(objects)
}

enum Class {
    Certificate,
    Trust,
    /// The object that only says that this is a list of roots.
    List,
}

/// An object as it stands.
struct Raw<'a> {
    line: usize,
    class: Class,
    attributes: HashMap<&'a str, Attribute<'a>>,
}

impl<'a> Raw<'a> {
    fn open(class: Attribute<'a>) -> Result<Raw<'a>, Damage> {
        let line = class.line;
        let class = match class.value {
            Value::Constant("CKO_CERTIFICATE") => Class::Certificate,
            Value::Constant("CKO_NSS_TRUST" | "CKO_NETSCAPE_TRUST") => Class::Trust,
            Value::Constant("CKO_NSS_BUILTIN_ROOT_LIST" | "CKO_NETSCAPE_BUILTIN_ROOT_LIST") => Class::List,
            Value::Constant(other) => {
                return Err(Damage::new(line, format!("an object of class {} is not known", shown(other))));
            }
            _ => return Err(Damage::new(line, "CKA_CLASS is not the name of a class")),
        };
        Ok(Raw { line, class, attributes: HashMap::new() })
    }

    fn close(mut self) -> Result<Option<Object>, Damage> {
        match self.class {
            Class::List => Ok(None),
            Class::Certificate => self.certificate().map(Object::Certificate).map(Some),
            Class::Trust => self.trust().map(Object::Trust).map(Some),
        }
    }

    fn certificate(&mut self) -> Result<CertificateObject, Damage> {
        match self.take("CKA_CERTIFICATE_TYPE") {
            None | Some(Attribute { value: Value::Constant("CKC_X_509"), .. }) => {}
            Some(other) => return Err(Damage::new(other.line, "the certificate is not of type CKC_X_509")),
        }
        Ok(CertificateObject {
            line: self.line,
            label: self.label()?,
            key: self.key()?,
            value: self.octets("CKA_VALUE")?,
            server_distrust_after: self.date("CKA_NSS_SERVER_DISTRUST_AFTER")?,
            email_distrust_after: self.date("CKA_NSS_EMAIL_DISTRUST_AFTER")?,
        })
    }

    fn trust(&mut self) -> Result<TrustObject, Damage> {
        let sha1 = match self.take("CKA_CERT_SHA1_HASH") {
            None => None,
            Some(Attribute { value: Value::Octets(octets), line, .. }) => {
                Some(octets.try_into().map_err(|_| Damage::new(line, "CKA_CERT_SHA1_HASH is not 20 octets long"))?)
            }
            Some(other) => return Err(not_octets(&other)),
        };
        Ok(TrustObject {
            label: self.label()?,
            key: self.key()?,
            sha1,
            bits: TrustBits {
                server_auth: self.word("CKA_TRUST_SERVER_AUTH")?,
                email: self.word("CKA_TRUST_EMAIL_PROTECTION")?,
                code_signing: self.word("CKA_TRUST_CODE_SIGNING")?,
            },
        })
    }

    fn take(&mut self, name: &str) -> Option<Attribute<'a>> {
        self.attributes.remove(name)
    }

    fn need(&mut self, name: &str) -> Result<Attribute<'a>, Damage> {
        self.take(name).ok_or_else(|| {
            let kind = if matches!(self.class, Class::Trust) { "trust" } else { "certificate" };
            Damage::new(self.line, format!("the {kind} object that begins here has no {name}"))
        })
    }

    fn label(&mut self) -> Result<String, Damage> {
        match self.need("CKA_LABEL")? {
            Attribute { value: Value::Text(text), .. } => Ok(text),
            other => Err(Damage::new(other.line, "CKA_LABEL is not text")),
        }
    }

    fn key(&mut self) -> Result<(Vec<u8>, Vec<u8>), Damage> {
        Ok((self.octets("CKA_ISSUER")?.0, self.octets("CKA_SERIAL_NUMBER")?.0))
    }

    fn octets(&mut self, name: &str) -> Result<(Vec<u8>, usize), Damage> {
        match self.need(name)? {
            Attribute { value: Value::Octets(octets), line, .. } if !octets.is_empty() => Ok((octets, line)),
            other => Err(not_octets(&other)),
        }
    }

    fn date(&mut self, name: &str) -> Result<Option<i64>, Damage> {
        match self.take(name) {
            None | Some(Attribute { value: Value::Truth(false), .. }) => Ok(None),
            Some(Attribute { value: Value::Octets(octets), line, .. }) => match date::parse(&octets) {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(Damage::new(line, format!("{name} is not a date (YYMMDDHHMMSSZ)"))),
            },
            Some(other) => Err(Damage::new(other.line, format!("{name} is neither CK_FALSE nor a date"))),
        }
    }

    fn word(&mut self, name: &str) -> Result<Trust, Damage> {
        let attribute = self.need(name)?;
        let word = match attribute.value {
            Value::Constant(word) => word,
            _ => return Err(Damage::new(attribute.line, format!("{name} is not the name of a trust value"))),
        };
        match word.strip_prefix("CKT_NSS_").or_else(|| word.strip_prefix("CKT_NETSCAPE_")) {
            Some("TRUSTED_DELEGATOR") => Ok(Trust::Anchor),
            Some("NOT_TRUSTED" | "UNTRUSTED") => Ok(Trust::Distrusted),
            // TRUSTED is for the certificate itself and VALID_DELEGATOR for a CA that is no root: neither is an anchor.
            Some("MUST_VERIFY_TRUST" | "MUST_VERIFY" | "TRUST_UNKNOWN" | "TRUSTED" | "VALID_DELEGATOR") => {
                Ok(Trust::Undecided)
            }
            _ => Err(Damage::new(attribute.line, format!("the trust value {} is not known", shown(word)))),
        }
    }
}

fn not_octets(attribute: &Attribute<'_>) -> Damage {
    Damage::new(attribute.line, format!("{} has no octets", attribute.name))
}
