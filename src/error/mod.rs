//! One error type for the whole house: what happened as a [`Status`], in one line of words, with a hint, and as facts.
//!
//! An error is built where the fact is known and is never re-worded on the way up. It must never hold a secret:
//! no key, no passphrase and no application data belongs in a message.

mod last;
mod status;

use std::ffi::CString;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::json::Object;

pub(crate) use last::{last, put_back, remember};
pub use status::Status;

/// The result of everything in this crate that can fail.
pub type Result<T> = std::result::Result<T, Error>;

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
    /// The subject, as one line without quotes around it; empty where the name is.
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

    /// A failure because this process has no memory left for `what`.
    pub fn no_memory(what: &str) -> Error {
        Error::new(Status::ENoMemory, format!("this process has no memory left for {what}"))
            .with_hint("the peer is not to blame: give the process more memory here, and try again")
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
