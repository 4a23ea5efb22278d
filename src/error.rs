//! One error type for the whole house: what happened as a [`Status`], in one line of words, with a hint, and as facts.
//!
//! An error is built where the fact is known and is never re-worded on the way up. It must never hold a secret:
//! no key, no passphrase and no application data belongs in a message.

use std::ffi::{CString, c_char};
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::json::Object;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $title:literal;)*) => {
        impl Status {
            /// Every status there is, in the order of the header.
            pub const ALL: &'static [Status] = &[$(Status::$variant),*];

            /// Its name in the C header, such as "HOSTLOCK_E_HOST_MISMATCH": the token for programs.
            pub fn name(self) -> &'static str {
                match self { $(Status::$variant => $name),* }
            }

            /// The same, NUL-terminated.
            pub(crate) fn c_name(self) -> *const c_char {
                match self { $(Status::$variant => concat!($name, "\0").as_ptr().cast()),* }
            }

            /// A short phrase for the status, such as "host mismatch".
            pub fn title(self) -> &'static str {
                match self { $(Status::$variant => $title),* }
            }

            /// The same, NUL-terminated.
            pub(crate) fn c_title(self) -> *const c_char {
                match self { $(Status::$variant => concat!($title, "\0").as_ptr().cast()),* }
            }

            /// The status whose number is `code`.
            pub fn from_code(code: i32) -> Option<Status> {
                match code { $($code => Some(Status::$variant),)* _ => None }
            }
        }

        #[cfg(test)]
        const DECLARED: &[(Status, i32)] = &[$((Status::$variant, $code)),*];
    };
}

/// What every fallible function answers: HOSTLOCK_OK (0) or one of these negative numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub enum Status {
    /// Success.
    Ok = 0,
    /// Not a failure: the transport has no data now. Wait until the descriptor is readable and call again.
    WantRead = -1,
    /// Not a failure: the transport takes no data now. Wait until the descriptor is writable and call again.
    WantWrite = -2,
    /// An argument is NULL, out of range, or a word that is not known; the hint lists the known ones.
    EArg = -3,
    /// The call does not fit the state of the object: too early, too late, or an object of another kind.
    EState = -4,
    /// A defect inside hostlock was stopped at its border. The operation was refused; nothing was changed.
    EInternal = -5,
    /// An earlier set-up call failed; the message names it. A later successful call of the same family cures it.
    EPoisoned = -6,
    /// This build, this OpenSSL or this kind of object cannot do what was asked.
    EUnsupported = -7,
    /// The object belongs to another copy of libssl than the one that hostlock uses.
    EForeignLibssl = -8,
    /// It comes too late: a connection of the context was made already, and OpenSSL keeps without a lock what the call would
    /// change. Nothing was changed, and the context goes on as it was.
    EFrozen = -9,
    /// The host asked for is not a DNS name or an IP address that can be verified.
    EBadHost = -10,
    /// No host is known for this connection, so its certificate cannot be matched with one.
    ENoHost = -11,
    /// The certificate is valid, but it belongs to another host.
    EHostMismatch = -12,
    /// A certificate of the chain has expired.
    EExpired = -20,
    /// A certificate of the chain is not valid yet.
    ENotYetValid = -21,
    /// The peer's own certificate is self-signed and not trusted.
    ESelfSigned = -22,
    /// The chain ends at an issuer that is not a trust anchor.
    EUnknownIssuer = -23,
    /// The peer did not send the intermediate certificate that links its own to a trust anchor; or one is missing in an own
    /// chain.
    EMissingIntermediate = -24,
    /// A certificate may not be used for this purpose (extended key usage, key usage or CA flag).
    EWrongPurpose = -25,
    /// A key in the chain is too small or of a kind that the policy refuses.
    EWeakKey = -26,
    /// A signature in the chain uses an algorithm that the policy refuses.
    EWeakSignature = -27,
    /// A certificate of the chain has been revoked.
    ERevoked = -28,
    /// Whether a certificate of the chain is revoked could not be found out, and the policy demands to know.
    ERevocationUnknown = -29,
    /// A signature in the chain is wrong.
    EBadSignature = -30,
    /// A certificate of the chain breaks a rule of RFC 5280 or of the policy.
    EBadCertificate = -31,
    /// A name in the chain lies outside of what a CA of the chain may certify (name constraints).
    ENameConstraint = -32,
    /// The chain is longer than a CA of the chain or the policy permits.
    EChainTooLong = -33,
    /// The peer showed no certificate.
    ENoCertificate = -34,
    /// The connection was made without hostlock's verification (resumed, anonymous, pre-shared key, or a replaced callback).
    EUnverified = -35,
    /// The application's own verify callback refused the chain.
    EApplicationRefused = -36,
    /// The chain does not contain any of the pinned keys.
    EPinMismatch = -37,
    /// The CRL or OCSP answer for a certificate of the chain is out of date, or not valid yet.
    ERevocationStale = -38,
    /// The CRL or OCSP answer for a certificate of the chain is damaged, not signed by who may, or not usable for it.
    ERevocationInvalid = -39,
    /// No trust anchor is loaded, so nothing can be verified.
    ENoTrustAnchors = -40,
    /// There is no file or directory of that name.
    ENotFound = -41,
    /// A directory was given where a file is needed, or the other way round, or something that is neither.
    EWrongFileType = -42,
    /// The file or directory exists but could not be read.
    EFileIo = -43,
    /// The input holds nothing at all.
    EEmpty = -44,
    /// The input is neither PEM nor DER, or is damaged.
    EBadPem = -45,
    /// The input is well-formed PEM, but holds nothing of the kind that is needed (a key where certificates belong, for example).
    EWrongPem = -46,
    /// The private key does not belong to the certificate.
    EKeyMismatch = -47,
    /// The private key is encrypted, and the passphrase is missing or wrong.
    EPassphrase = -48,
    /// The source of the roots distrusts a certificate of the chain, or distrusts a root for certificates as new as this.
    EDistrusted = -50,
    /// The host name could not be resolved to an address.
    EResolve = -60,
    /// No address of the host accepted the connection.
    EConnect = -61,
    /// The time allowed ran out.
    ETimeout = -62,
    /// The connection was cut without TLS's own end-of-data message: what was read may be incomplete.
    ETruncated = -63,
    /// The operating system reported an error on the descriptor.
    EIo = -64,
    /// The connection has been closed; no more can be written.
    EClosed = -65,
    /// The peer sent more than a handshake can need, and was cut off.
    EFlood = -66,
    /// A signal came while the call waited, and the program wants it to end then (hostlock_ctx_set_on_interrupt). The
    /// connection can go on.
    EInterrupted = -67,
    /// The peer has no TLS version in common with the policy.
    ENoCommonVersion = -70,
    /// The peer has no cipher suite, group or signature algorithm in common with the policy.
    ENoCommonCipher = -71,
    /// The peer ended the connection with a TLS alert.
    EAlert = -72,
    /// The peer answered in plain text: this port does not speak TLS.
    EPlaintext = -73,
    /// The peer broke the TLS protocol.
    EProtocol = -74,
    /// The two sides have no application protocol in common (ALPN, RFC 7301).
    ENoCommonProtocol = -75,
}

statuses! {
    Ok = 0, "HOSTLOCK_OK", "success";
    WantRead = -1, "HOSTLOCK_WANT_READ", "want read";
    WantWrite = -2, "HOSTLOCK_WANT_WRITE", "want write";
    EArg = -3, "HOSTLOCK_E_ARG", "bad argument";
    EState = -4, "HOSTLOCK_E_STATE", "wrong state";
    EInternal = -5, "HOSTLOCK_E_INTERNAL", "internal error";
    EPoisoned = -6, "HOSTLOCK_E_POISONED", "set-up failed earlier";
    EUnsupported = -7, "HOSTLOCK_E_UNSUPPORTED", "not supported";
    EForeignLibssl = -8, "HOSTLOCK_E_FOREIGN_LIBSSL", "another copy of libssl";
    EFrozen = -9, "HOSTLOCK_E_FROZEN", "in use already";
    EBadHost = -10, "HOSTLOCK_E_BAD_HOST", "bad host";
    ENoHost = -11, "HOSTLOCK_E_NO_HOST", "no host to check";
    EHostMismatch = -12, "HOSTLOCK_E_HOST_MISMATCH", "host mismatch";
    EExpired = -20, "HOSTLOCK_E_EXPIRED", "certificate expired";
    ENotYetValid = -21, "HOSTLOCK_E_NOT_YET_VALID", "certificate not yet valid";
    ESelfSigned = -22, "HOSTLOCK_E_SELF_SIGNED", "self-signed certificate";
    EUnknownIssuer = -23, "HOSTLOCK_E_UNKNOWN_ISSUER", "unknown issuer";
    EMissingIntermediate = -24, "HOSTLOCK_E_MISSING_INTERMEDIATE", "missing intermediate";
    EWrongPurpose = -25, "HOSTLOCK_E_WRONG_PURPOSE", "wrong purpose";
    EWeakKey = -26, "HOSTLOCK_E_WEAK_KEY", "weak key";
    EWeakSignature = -27, "HOSTLOCK_E_WEAK_SIGNATURE", "weak signature";
    ERevoked = -28, "HOSTLOCK_E_REVOKED", "certificate revoked";
    ERevocationUnknown = -29, "HOSTLOCK_E_REVOCATION_UNKNOWN", "revocation status unknown";
    EBadSignature = -30, "HOSTLOCK_E_BAD_SIGNATURE", "bad signature";
    EBadCertificate = -31, "HOSTLOCK_E_BAD_CERTIFICATE", "bad certificate";
    ENameConstraint = -32, "HOSTLOCK_E_NAME_CONSTRAINT", "name constraint violated";
    EChainTooLong = -33, "HOSTLOCK_E_CHAIN_TOO_LONG", "chain too long";
    ENoCertificate = -34, "HOSTLOCK_E_NO_CERTIFICATE", "no certificate";
    EUnverified = -35, "HOSTLOCK_E_UNVERIFIED", "not verified";
    EApplicationRefused = -36, "HOSTLOCK_E_APPLICATION_REFUSED", "refused by the application";
    EPinMismatch = -37, "HOSTLOCK_E_PIN_MISMATCH", "pin mismatch";
    ERevocationStale = -38, "HOSTLOCK_E_REVOCATION_STALE", "revocation data out of date";
    ERevocationInvalid = -39, "HOSTLOCK_E_REVOCATION_INVALID", "revocation data not usable";
    ENoTrustAnchors = -40, "HOSTLOCK_E_NO_TRUST_ANCHORS", "no trust anchors";
    ENotFound = -41, "HOSTLOCK_E_NOT_FOUND", "not found";
    EWrongFileType = -42, "HOSTLOCK_E_WRONG_FILE_TYPE", "wrong kind of file";
    EFileIo = -43, "HOSTLOCK_E_FILE_IO", "cannot be read";
    EEmpty = -44, "HOSTLOCK_E_EMPTY", "empty input";
    EBadPem = -45, "HOSTLOCK_E_BAD_PEM", "damaged input";
    EWrongPem = -46, "HOSTLOCK_E_WRONG_PEM", "wrong kind of PEM";
    EKeyMismatch = -47, "HOSTLOCK_E_KEY_MISMATCH", "key of another certificate";
    EPassphrase = -48, "HOSTLOCK_E_PASSPHRASE", "wrong or missing passphrase";
    EDistrusted = -50, "HOSTLOCK_E_DISTRUSTED", "distrusted";
    EResolve = -60, "HOSTLOCK_E_RESOLVE", "cannot resolve";
    EConnect = -61, "HOSTLOCK_E_CONNECT", "cannot connect";
    ETimeout = -62, "HOSTLOCK_E_TIMEOUT", "timed out";
    ETruncated = -63, "HOSTLOCK_E_TRUNCATED", "connection cut";
    EIo = -64, "HOSTLOCK_E_IO", "input/output error";
    EClosed = -65, "HOSTLOCK_E_CLOSED", "connection closed";
    EFlood = -66, "HOSTLOCK_E_FLOOD", "flooded by the peer";
    EInterrupted = -67, "HOSTLOCK_E_INTERRUPTED", "interrupted by a signal";
    ENoCommonVersion = -70, "HOSTLOCK_E_NO_COMMON_VERSION", "no common TLS version";
    ENoCommonCipher = -71, "HOSTLOCK_E_NO_COMMON_CIPHER", "no common cipher";
    EAlert = -72, "HOSTLOCK_E_ALERT", "alert from the peer";
    EPlaintext = -73, "HOSTLOCK_E_PLAINTEXT", "not TLS";
    EProtocol = -74, "HOSTLOCK_E_PROTOCOL", "protocol error";
    ENoCommonProtocol = -75, "HOSTLOCK_E_NO_COMMON_PROTOCOL", "no common application protocol";
}

impl Status {
    /// The number that crosses the C ABI.
    pub fn code(self) -> i32 {
        self as i32
    }
}

/// The facts of an error, and the texts that the C ABI lends out, made when first asked for.
#[derive(Debug, Default)]
pub struct Detail {
    status: Option<Status>,
    message: String,
    hint: String,
    host: Option<String>,
    names: Vec<String>,
    x509_code: i32,
    time: Option<i64>,
    certificate: Option<Culprit>,
    chain_text: String,
    rendered: OnceLock<Rendered>,
}

impl Clone for Detail {
    fn clone(&self) -> Detail {
        Detail {
            status: self.status,
            message: self.message.clone(),
            hint: self.hint.clone(),
            host: self.host.clone(),
            names: self.names.clone(),
            x509_code: self.x509_code,
            time: self.time,
            certificate: self.certificate.clone(),
            chain_text: self.chain_text.clone(),
            rendered: OnceLock::new(),
        }
    }
}

/// The certificate of a chain that an error speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// Position in the chain: 0 is the peer's own certificate.
    pub depth: u32,
    /// The subject, as one line.
    pub subject: String,
}

/// The texts of an error as NUL-terminated strings.
#[derive(Debug)]
pub struct Rendered {
    /// The one line of words.
    pub message: CString,
    /// The hint; may be empty.
    pub hint: CString,
    /// The host that was asked for.
    pub host: Option<CString>,
    /// The names in the certificate.
    pub names: Vec<CString>,
    /// The chain as a picture; may be empty.
    pub chain_text: CString,
    /// All facts as one JSON object.
    pub json: CString,
}

/// A failure: its status, one line of words, a hint, and the facts it is made of. Copies share the same facts.
#[derive(Clone, Debug)]
pub struct Error(Arc<Detail>);

impl Error {
    /// A failure of kind `status`, said in one line that starts in lower case and has no full stop.
    pub fn new(status: Status, message: impl Into<String>) -> Error {
        Error(Arc::new(Detail { status: Some(status), message: message.into(), ..Detail::default() }))
    }

    /// Adds what the reader can do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        Arc::make_mut(&mut self.0).hint = hint.into();
        self
    }

    /// Adds the host that was asked for (the reference identity).
    pub fn with_host(mut self, host: impl Into<String>) -> Error {
        Arc::make_mut(&mut self.0).host = Some(host.into());
        self
    }

    /// Adds the names that the certificate holds (its presented identifiers).
    pub fn with_names(mut self, names: Vec<String>) -> Error {
        Arc::make_mut(&mut self.0).names = names;
        self
    }

    /// Adds OpenSSL's X509_V_ERR_* number.
    pub fn with_x509_code(mut self, code: i32) -> Error {
        Arc::make_mut(&mut self.0).x509_code = code;
        self
    }

    /// Adds the moment concerned, in Unix seconds: when a certificate expired, when it starts to be valid.
    pub fn with_time(mut self, time: i64) -> Error {
        Arc::make_mut(&mut self.0).time = Some(time);
        self
    }

    /// Adds which certificate of the chain is to blame.
    pub fn with_certificate(mut self, depth: u32, subject: impl Into<String>) -> Error {
        Arc::make_mut(&mut self.0).certificate = Some(Culprit { depth, subject: subject.into() });
        self
    }

    /// Adds the chain as a picture in text, with the mark where it broke.
    pub fn with_chain_text(mut self, text: impl Into<String>) -> Error {
        Arc::make_mut(&mut self.0).chain_text = text.into();
        self
    }

    /// What kind of failure it is.
    pub fn status(&self) -> Status {
        self.0.status.unwrap_or(Status::EInternal)
    }

    /// The one line of words.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What can be done about it; empty where nothing useful is known.
    pub fn hint(&self) -> &str {
        &self.0.hint
    }

    /// The host that was asked for.
    pub fn host(&self) -> Option<&str> {
        self.0.host.as_deref()
    }

    /// The names that the certificate holds, as text: DNS names as they stand, IP addresses in their usual form.
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// OpenSSL's X509_V_ERR_* number, or 0.
    pub fn x509_code(&self) -> i32 {
        self.0.x509_code
    }

    /// The moment concerned, in Unix seconds.
    pub fn time(&self) -> Option<i64> {
        self.0.time
    }

    /// Which certificate of the chain is to blame.
    pub fn certificate(&self) -> Option<&Culprit> {
        self.0.certificate.as_ref()
    }

    /// The chain as a picture in text; empty where the failure is about no chain.
    pub fn chain_text(&self) -> &str {
        &self.0.chain_text
    }

    /// The texts for the C ABI.
    pub(crate) fn rendered(&self) -> &Rendered {
        self.0.rendered.get_or_init(|| Rendered {
            message: c_text(&self.0.message),
            hint: c_text(&self.0.hint),
            host: self.0.host.as_deref().map(c_text),
            names: self.0.names.iter().map(|name| c_text(name)).collect(),
            chain_text: c_text(&self.0.chain_text),
            json: c_text(&self.to_json()),
        })
    }

    /// All facts as one JSON object. Keys: `status` (its name in the header), `code`, `message`, `hint`; `host`, `names`, `x509_code`, `time` and
    /// `certificate` (`depth`, `subject`) where they are known.
    pub fn to_json(&self) -> String {
        let mut object = Object::new();
        object.text("status", self.status().name()).number("code", self.status().code().into());
        object.text("message", self.message()).text("hint", self.hint());
        if let Some(host) = self.host() {
            object.text("host", host);
        }
        if !self.names().is_empty() {
            object.texts("names", self.names());
        }
        if self.x509_code() != 0 {
            object.number("x509_code", self.x509_code().into());
        }
        if let Some(time) = self.time() {
            object.number("time", time);
        }
        if let Some(culprit) = self.certificate() {
            let mut inner = Object::new();
            inner.number("depth", culprit.depth.into()).text("subject", &culprit.subject);
            object.raw("certificate", &inner.finish());
        }
        object.finish()
    }

    /// A pointer that stands for this error in the C ABI; it is valid as long as a copy of the error lives.
    pub fn as_ptr(&self) -> *const Detail {
        Arc::as_ptr(&self.0)
    }

    /// What the C ABI shares.
    pub(crate) fn into_shared(self) -> Arc<Detail> {
        self.0
    }

    /// The error again.
    pub(crate) fn from_shared(shared: Arc<Detail>) -> Error {
        Error(shared)
    }
}

/// A text for C: a NUL inside, which only a hostile name brings, is shown as two characters.
fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status().title(), self.message())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_titles_says_the_same_numbers_as_the_enum() {
        for &(status, code) in DECLARED {
            assert_eq!(status.code(), code, "{status:?}");
            assert_eq!(Status::from_code(code), Some(status));
        }
        assert_eq!(Status::ALL.len(), DECLARED.len());
    }

    #[test]
    fn json_has_the_name_of_the_status_and_its_number() {
        let json = Error::new(Status::EHostMismatch, "m").to_json();
        assert!(json.starts_with(r#"{"status":"HOSTLOCK_E_HOST_MISMATCH","code":-12,"message":"m""#), "{json}");
    }

    #[test]
    fn an_error_reads_as_title_and_message() {
        let error = Error::new(Status::EHostMismatch, "the certificate is for \"a.example\"").with_host("b.example");
        assert_eq!(error.to_string(), "host mismatch: the certificate is for \"a.example\"");
        assert_eq!(error.host(), Some("b.example"));
    }
}
