//! The DER of an OCSP response (RFC 6960 4.2.1), taken apart in safe Rust. It says what is there and decides nothing.

use openssl::hash::{MessageDigest, hash};

use crate::x509::certificate::Certificate;
use crate::x509::der::{BIT_STRING, BOOLEAN, ENUMERATED, GENERALIZED_TIME, INTEGER, Malformed, OCTET_STRING, OID, Reader, SEQUENCE};

/// Context tags, constructed.
const TAG_0: u8 = 0xa0;
const TAG_1: u8 = 0xa1;
const TAG_2: u8 = 0xa2;

/// A response: an error of the responder, or a BasicOCSPResponse.
pub enum Response<'a> {
    /// The OCSPResponseStatus, which is not `successful`.
    Failure(u8),
    /// The DER of a BasicOCSPResponse.
    Basic(&'a [u8]),
}

impl<'a> Response<'a> {
    /// Reads its DER.
    pub fn parse(der: &'a [u8]) -> std::result::Result<Response<'a>, Malformed> {
        // id-pkix-ocsp-basic.
        const BASIC: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01];
        let mut outer = Reader::whole(der, SEQUENCE)?;
        let &[status] = outer.expect(ENUMERATED)? else { return Err(Malformed) };
        if status != 0 {
            return Ok(Response::Failure(status));
        }
        let mut bytes = Reader::whole(outer.expect(TAG_0)?, SEQUENCE)?;
        outer.end()?;
        if bytes.expect(OID)? != BASIC {
            return Err(Malformed);
        }
        let basic = bytes.expect(OCTET_STRING)?;
        bytes.end()?;
        Ok(Response::Basic(basic))
    }
}

/// How a response names its signer.
pub enum Responder<'a> {
    /// By the DER of its name.
    Name(&'a [u8]),
    /// By the SHA-1 of its key's bits.
    KeyHash(&'a [u8]),
}

/// A BasicOCSPResponse.
pub struct Basic<'a> {
    /// What the signature covers.
    pub signed: &'a [u8],
    /// The contents of the signature's AlgorithmIdentifier.
    pub algorithm: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
    /// Who signed.
    pub responder: Responder<'a>,
    /// The SingleResponses, one behind the other.
    pub answers: &'a [u8],
    /// The DER of each certificate that came along.
    pub certificates: Vec<&'a [u8]>,
    /// Whether one of its extensions is critical.
    pub critical_extension: bool,
}

impl<'a> Basic<'a> {
    /// Reads its DER.
    pub fn parse(der: &'a [u8]) -> std::result::Result<Basic<'a>, Malformed> {
        let mut outer = Reader::whole(der, SEQUENCE)?;
        let signed = outer.element(SEQUENCE)?;
        let algorithm = outer.expect(SEQUENCE)?;
        let Some((0, signature)) = outer.expect(BIT_STRING)?.split_first().map(|(unused, bits)| (*unused, bits)) else {
            return Err(Malformed);
        };
        let mut certificates = Vec::new();
        if !outer.is_empty() {
            let mut list = Reader::whole(outer.expect(TAG_0)?, SEQUENCE)?;
            while !list.is_empty() {
                certificates.push(list.element(SEQUENCE)?);
            }
            outer.end()?;
        }
        let mut data = Reader::whole(signed, SEQUENCE)?;
        let mut field = data.next()?;
        if field.0 == TAG_0 {
            // Only version 1 is defined, and DER leaves a default out; some responders write it.
            if field.1 != [INTEGER, 1, 0] {
                return Err(Malformed);
            }
            field = data.next()?;
        }
        let responder = match field {
            (TAG_1, name) => Responder::Name(Reader::new(name).element(SEQUENCE)?),
            (TAG_2, hash) => match Reader::new(hash).only()? {
                (OCTET_STRING, hash) => Responder::KeyHash(hash),
                _ => return Err(Malformed),
            },
            _ => return Err(Malformed),
        };
        data.expect(GENERALIZED_TIME)?;
        let answers = data.expect(SEQUENCE)?;
        let critical_extension = match data.is_empty() {
            true => false,
            false => has_critical(data.expect(TAG_1)?)?,
        };
        data.end()?;
        Ok(Basic { signed, algorithm, signature, responder, answers, certificates, critical_extension })
    }
}

/// What an answer says.
pub enum CertStatus<'a> {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked {
        /// When, as a GeneralizedTime.
        time: &'a [u8],
        /// Why, as a CRLReason.
        reason: Option<u8>,
    },
    /// The responder does not know the certificate.
    Unknown,
}

/// A SingleResponse.
pub struct Answer<'a> {
    /// The digest of both hashes.
    pub hash: MessageDigest,
    /// The hash of the issuer's name.
    pub name_hash: &'a [u8],
    /// The hash of the issuer's key.
    pub key_hash: &'a [u8],
    /// The certificate's serial number.
    pub serial: &'a [u8],
    /// What is said about it.
    pub status: CertStatus<'a>,
    /// Since when it is so, as a GeneralizedTime.
    pub this_update: &'a [u8],
    /// When there will be a newer answer.
    pub next_update: Option<&'a [u8]>,
    /// Whether one of its extensions is critical.
    pub critical_extension: bool,
}

impl<'a> Answer<'a> {
    /// Reads its DER.
    pub fn parse(contents: &'a [u8]) -> std::result::Result<Answer<'a>, Malformed> {
        let mut fields = Reader::new(contents);
        let mut id = Reader::new(fields.expect(SEQUENCE)?);
        let algorithm = id.expect(SEQUENCE)?;
        let (name_hash, key_hash) = (id.expect(OCTET_STRING)?, id.expect(OCTET_STRING)?);
        let serial = id.expect(INTEGER)?;
        id.end()?;
        let status = match fields.next()? {
            (0x80, []) => CertStatus::Good,
            (0x82, []) => CertStatus::Unknown,
            (TAG_1, info) => {
                let mut info = Reader::new(info);
                let time = info.expect(GENERALIZED_TIME)?;
                let reason = match info.is_empty() {
                    true => None,
                    false => match Reader::new(info.expect(TAG_0)?).only()? {
                        (ENUMERATED, &[reason]) => Some(reason),
                        _ => return Err(Malformed),
                    },
                };
                CertStatus::Revoked { time, reason }
            }
            _ => return Err(Malformed),
        };
        let this_update = fields.expect(GENERALIZED_TIME)?;
        let (mut next_update, mut critical_extension) = (None, false);
        while !fields.is_empty() {
            match fields.next()? {
                (TAG_0, time) => next_update = Some(Reader::new(time).expect(GENERALIZED_TIME)?),
                (TAG_1, extensions) => critical_extension = has_critical(extensions)?,
                _ => return Err(Malformed),
            }
        }
        let hash = match Reader::new(algorithm).expect(OID)? {
            // SHA-1 serves to find the issuer, and the signature covers it.
            [0x2b, 0x0e, 0x03, 0x02, 0x1a] => MessageDigest::sha1(),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 1] => MessageDigest::sha256(),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 2] => MessageDigest::sha384(),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 3] => MessageDigest::sha512(),
            _ => return Err(Malformed),
        };
        Ok(Answer { hash, name_hash, key_hash, serial, status, this_update, next_update, critical_extension })
    }

    /// Whether it names `certificate`, as far as that can be seen without its issuer.
    pub fn names(&self, certificate: &Certificate<'_>) -> bool {
        self.serial == certificate.serial && self.is_hash(self.name_hash, certificate.issuer)
    }

    /// Whether `digest` is that of `data`.
    pub fn is_hash(&self, digest: &[u8], data: &[u8]) -> bool {
        hash(self.hash, data).is_ok_and(|computed| &*computed == digest)
    }
}

/// Whether one of the Extensions is critical.
fn has_critical(extensions: &[u8]) -> std::result::Result<bool, Malformed> {
    let mut extensions = Reader::whole(extensions, SEQUENCE)?;
    let mut critical = false;
    while !extensions.is_empty() {
        let mut fields = Reader::new(extensions.expect(SEQUENCE)?);
        fields.expect(OID)?;
        if let (BOOLEAN, flag) = fields.next()? {
            critical |= flag != [0];
        }
    }
    Ok(critical)
}
