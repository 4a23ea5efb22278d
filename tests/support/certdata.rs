//! Writes certdata.txt in the exact format of NSS, so that no copy of Mozilla's file need be kept.
#![allow(dead_code, reason = "each test uses its part")]

use std::fmt::Write;

use hostlock::moment;
use hostlock::trust::distrust::serial_der;
use openssl::hash::MessageDigest;
use openssl::x509::X509;

pub const ANCHOR: &str = "CKT_NSS_TRUSTED_DELEGATOR";
pub const UNDECIDED: &str = "CKT_NSS_MUST_VERIFY_TRUST";
pub const DISTRUSTED: &str = "CKT_NSS_NOT_TRUSTED";

/// One certificate of the file, as NSS would say it; change a field for another trust or another order.
pub struct Entry {
    pub label: String,
    pub certificate: X509,
    pub has_certificate: bool,
    pub has_trust: bool,
    pub has_hash: bool,
    pub server_auth: &'static str,
    pub email: &'static str,
    pub code_signing: &'static str,
    /// Unix seconds.
    pub server_distrust_after: Option<i64>,
    pub email_distrust_after: Option<i64>,
}

impl Entry {
    pub fn root(label: &str, certificate: &X509) -> Entry {
        Entry {
            label: label.to_owned(),
            certificate: certificate.clone(),
            has_certificate: true,
            has_trust: true,
            has_hash: true,
            server_auth: ANCHOR,
            email: UNDECIDED,
            code_signing: UNDECIDED,
            server_distrust_after: None,
            email_distrust_after: None,
        }
    }

    fn write(&self, out: &mut String) {
        if self.has_certificate {
            self.write_certificate(out);
        }
        if self.has_trust {
            self.write_trust(out);
        }
    }

    fn head(&self, title: &str, class: &str, out: &mut String) {
        let label = self.label.replace('\\', "\\\\").replace('"', "\\\"");
        write!(
            out,
            "\n#\n# {title} \"{label}\"\n#\n# Fingerprint (SHA1): {}\nCKA_CLASS CK_OBJECT_CLASS {class}\nCKA_TOKEN CK_BBOOL CK_TRUE\n\
             CKA_PRIVATE CK_BBOOL CK_FALSE\nCKA_MODIFIABLE CK_BBOOL CK_FALSE\nCKA_LABEL UTF8 \"{label}\"\n",
            hex(&self.certificate.digest(MessageDigest::sha1()).unwrap()),
        )
        .unwrap();
    }

    fn write_certificate(&self, out: &mut String) {
        self.head("Certificate", "CKO_CERTIFICATE", out);
        out.push_str("CKA_CERTIFICATE_TYPE CK_CERTIFICATE_TYPE CKC_X_509\n");
        octets("CKA_SUBJECT", &self.certificate.subject_name().to_der().unwrap(), out);
        out.push_str("CKA_ID UTF8 \"0\"\n");
        self.write_key(out);
        octets("CKA_VALUE", &self.certificate.to_der().unwrap(), out);
        out.push_str("CKA_NSS_MOZILLA_CA_POLICY CK_BBOOL CK_TRUE\n");
        date("CKA_NSS_SERVER_DISTRUST_AFTER", self.server_distrust_after, out);
        date("CKA_NSS_EMAIL_DISTRUST_AFTER", self.email_distrust_after, out);
    }

    fn write_trust(&self, out: &mut String) {
        self.head("Trust for", "CKO_NSS_TRUST", out);
        if self.has_hash {
            octets("CKA_CERT_SHA1_HASH", &self.certificate.digest(MessageDigest::sha1()).unwrap(), out);
            octets("CKA_CERT_MD5_HASH", &self.certificate.digest(MessageDigest::md5()).unwrap(), out);
        }
        self.write_key(out);
        for (name, word) in [
            ("CKA_TRUST_SERVER_AUTH", self.server_auth),
            ("CKA_TRUST_EMAIL_PROTECTION", self.email),
            ("CKA_TRUST_CODE_SIGNING", self.code_signing),
        ] {
            writeln!(out, "{name} CK_TRUST {word}").unwrap();
        }
        out.push_str("CKA_TRUST_STEP_UP_APPROVED CK_BBOOL CK_FALSE\n");
    }

    fn write_key(&self, out: &mut String) {
        octets("CKA_ISSUER", &self.certificate.issuer_name().to_der().unwrap(), out);
        octets("CKA_SERIAL_NUMBER", &serial_der(&self.certificate).unwrap(), out);
    }
}

/// The whole file.
pub fn certdata(entries: &[Entry]) -> String {
    let mut text = String::from(
        "#\n# certdata.txt\n#\n#  CKA_CLASS  CK_OBJECT_CLASS  CKO_CERTIFICATE\n#\nBEGINDATA\n\
         CKA_CLASS CK_OBJECT_CLASS CKO_NSS_BUILTIN_ROOT_LIST\nCKA_TOKEN CK_BBOOL CK_TRUE\nCKA_PRIVATE CK_BBOOL CK_FALSE\n\
         CKA_MODIFIABLE CK_BBOOL CK_FALSE\nCKA_LABEL UTF8 \"Mozilla Builtin Roots\"\n",
    );
    for entry in entries {
        entry.write(&mut text);
    }
    text
}

fn octets(name: &str, octets: &[u8], out: &mut String) {
    writeln!(out, "{name} MULTILINE_OCTAL").unwrap();
    for line in octets.chunks(16) {
        let line: String = line.iter().map(|octet| format!("\\{octet:03o}")).collect();
        writeln!(out, "{line}").unwrap();
    }
    out.push_str("END\n");
}

fn date(name: &str, seconds: Option<i64>, out: &mut String) {
    match seconds {
        None => writeln!(out, "{name} CK_BBOOL CK_FALSE").unwrap(),
        Some(seconds) => {
            let text = moment::text(seconds).replace(['-', ':', 'T'], "");
            octets(name, &text.as_bytes()[2..], out);
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":")
}
