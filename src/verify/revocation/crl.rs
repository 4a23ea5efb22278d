//! Certificate revocation lists: read from files and memory, kept with where they came from, so that they can be read
//! again. They stay out of the `X509_STORE`, which other code may share.

use std::ffi::c_void;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

use foreign_types::ForeignType;
use openssl::x509::{X509, X509Crl};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::queue::Quiet;

/// More than the largest CRL that a public CA has published by far; what is larger is a mistake or an attack.
pub const MAX_BYTES: u64 = 256 << 20;

const LABEL: &str = "X509 CRL";

#[derive(Clone)]
struct Source {
    path: Option<PathBuf>,
    crls: Vec<Arc<X509Crl>>,
}

/// The CRLs of a context. A value is never changed, so verifications that run use the one they began with.
#[derive(Default)]
pub struct Crls {
    sources: Vec<Source>,
    stack: Stack,
}

impl Crls {
    /// The CRLs in the file at `path`, besides these.
    pub fn with_file(&self, path: &Path) -> Result<Crls> {
        let crls = parse(&read(path)?, &format!("the file {path:?}"))?;
        self.with(Source { path: Some(path.to_owned()), crls })
    }

    /// The CRLs in `data`, besides these.
    pub fn with_memory(&self, data: &[u8]) -> Result<Crls> {
        self.with(Source { path: None, crls: parse(data, "the CRL in memory")? })
    }

    /// The same with every file read again; an error where one of them cannot be.
    pub fn reloaded(&self) -> Result<Crls> {
        let mut sources = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            sources.push(match &source.path {
                Some(path) => {
                    Source { path: Some(path.clone()), crls: parse(&read(path)?, &format!("the file {path:?}"))? }
                }
                None => source.clone(),
            });
        }
        Crls::of(sources)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.crls.is_empty())
    }

    /// Each CRL.
    pub fn iter(&self) -> impl Iterator<Item = &X509Crl> {
        self.sources.iter().flat_map(|source| &source.crls).map(Arc::as_ref)
    }

    /// All of them as OpenSSL's stack, which lives as long as `self`.
    pub fn stack(&self) -> *mut ffi::stack_st_X509_CRL {
        self.stack.0
    }

    fn with(&self, source: Source) -> Result<Crls> {
        let mut sources = self.sources.clone();
        sources.push(source);
        Crls::of(sources)
    }

    fn of(sources: Vec<Source>) -> Result<Crls> {
        let stack = Stack::new()?;
        for crl in sources.iter().flat_map(|source| &source.crls) {
            stack.push(crl)?;
        }
        Ok(Crls { sources, stack })
    }
}

impl fmt::Debug for Crls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} CRLs", self.iter().count())
    }
}

/// An OpenSSL stack that borrows its elements from the `Crls` it lies in.
struct Stack(*mut ffi::stack_st_X509_CRL);

// SAFETY: the stack is written while it is made and only read afterwards; a CRL's own lazy sorting takes its lock.
unsafe impl Send for Stack {}
// SAFETY: as above.
unsafe impl Sync for Stack {}

impl Default for Stack {
    fn default() -> Stack {
        Stack(ptr::null_mut())
    }
}

impl Stack {
    fn new() -> Result<Stack> {
        // SAFETY: no arguments.
        let raw = unsafe { ffi::OPENSSL_sk_new_null() };
        if raw.is_null() { Err(no_memory()) } else { Ok(Stack(raw.cast())) }
    }

    fn push(&self, crl: &X509Crl) -> Result<()> {
        // SAFETY: both are live; the stack keeps the pointer, whose owner lies beside it.
        if unsafe { ffi::OPENSSL_sk_push(self.0.cast(), crl.as_ptr() as *const c_void) } > 0 {
            Ok(())
        } else {
            Err(no_memory())
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: frees the stack, not its elements; NULL is fine.
        unsafe { ffi::OPENSSL_sk_free(self.0.cast()) };
    }
}

fn no_memory() -> Error {
    Error::new(Status::EInternal, "OpenSSL has no memory left for the CRLs")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| {
        let status = match error.kind() {
            std::io::ErrorKind::NotFound => Status::ENotFound,
            _ => Status::EFileIo,
        };
        Error::new(status, format!("the CRL file {path:?} cannot be read: {error}"))
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(Error::new(Status::EWrongFileType, format!("{path:?} is a directory, not a CRL file")));
    }
    let mut data = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut data).map_err(failed)?;
    Ok(data)
}

/// Every CRL in `data`; `what` names it in errors. Other kinds of PEM blocks beside a CRL are passed over.
fn parse(data: &[u8], what: &str) -> Result<Vec<Arc<X509Crl>>> {
    if data.is_empty() {
        return Err(Error::new(Status::EEmpty, format!("{what} is empty")));
    }
    if data.len() as u64 > MAX_BYTES {
        return Err(Error::new(Status::EBadPem, format!("{what} has more than {MAX_BYTES} bytes, too many for CRLs"))
            .with_hint("give the CRL itself, not a device or an archive"));
    }
    let _quiet = Quiet::begin();
    if data.windows(BEGIN.len()).any(|window| window == BEGIN) {
        parse_pem(data, what)
    } else {
        parse_der(data, what).map(|crl| vec![Arc::new(crl)])
    }
}

const BEGIN: &[u8] = b"-----BEGIN ";

/// Takes the CRL blocks and passes over the others (RFC 7468).
fn parse_pem(data: &[u8], what: &str) -> Result<Vec<Arc<X509Crl>>> {
    let mut crls = Vec::new();
    let mut others: Vec<String> = Vec::new();
    let mut open: Option<(String, usize, Vec<u8>)> = None;
    for (index, line) in data.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if let Some(label) = label_of(line, BEGIN) {
            if let Some((label, begun, _)) = open {
                return Err(cut_off(what, &label, begun));
            }
            open = Some((label, index + 1, Vec::new()));
        } else if let Some(end) = label_of(line, b"-----END ") {
            match open.take() {
                Some((label, begun, body)) if label == end && label == LABEL => {
                    let part = format!("the CRL at line {begun} of {what}");
                    let der = openssl::base64::decode_block(std::str::from_utf8(&body).unwrap_or("?"))
                        .map_err(|_| Error::new(Status::EBadPem, format!("{part} is not base64")))?;
                    crls.push(Arc::new(parse_der(&der, &part)?));
                }
                Some((label, _, _)) if label == end => others.push(label),
                Some((label, begun, _)) => return Err(cut_off(what, &label, begun)),
                None => {}
            }
        } else if let Some((_, _, body)) = &mut open {
            body.extend_from_slice(line);
        }
    }
    if let Some((label, begun, _)) = open {
        return Err(cut_off(what, &label, begun));
    }
    if crls.is_empty() {
        others.dedup();
        return Err(Error::new(Status::EWrongPem, format!("{what} holds no CRL but {}", others.join(", ")))
            .with_hint("a CRL in PEM begins with -----BEGIN X509 CRL-----"));
    }
    Ok(crls)
}

fn label_of(line: &[u8], prefix: &[u8]) -> Option<String> {
    let label = line.strip_prefix(prefix)?.strip_suffix(b"-----")?;
    Some(String::from_utf8_lossy(label).escape_debug().to_string())
}

fn cut_off(what: &str, label: &str, line: usize) -> Error {
    Error::new(Status::EBadPem, format!("{what} is cut off: the {label} that begins at line {line} has no end"))
        .with_hint("the file was not written to its end; fetch it again")
}

fn parse_der(data: &[u8], what: &str) -> Result<X509Crl> {
    match der_length(data) {
        None => {
            return Err(Error::new(Status::EBadPem, format!("{what} is neither PEM nor DER"))
                .with_hint("a CRL in PEM begins with -----BEGIN X509 CRL-----"));
        }
        Some(length) if length > data.len() as u64 => {
            return Err(Error::new(
                Status::EBadPem,
                format!("{what} is cut off: it should have {length} bytes and has {}", data.len()),
            )
            .with_hint("the file was not written to its end; fetch it again"));
        }
        Some(length) if length < data.len() as u64 => {
            let extra = data.len() as u64 - length;
            return Err(Error::new(Status::EBadPem, format!("{what} has {extra} bytes behind its end"))
                .with_hint("give several CRLs as PEM, or one DER file each"));
        }
        Some(_) => {}
    }
    X509Crl::from_der(data).map_err(|_| {
        if X509::from_der(data).is_ok() {
            Error::new(Status::EWrongPem, format!("{what} is a certificate, not a CRL"))
                .with_hint("certificates are trusted with hostlock_ctx_trust_file; the CRL is what their CA publishes")
        } else {
            Error::new(Status::EBadPem, format!("{what} is DER, but not a CRL that OpenSSL can read"))
        }
    })
}

/// The length that the outermost SEQUENCE claims, header included; `None` where there is no such header.
fn der_length(data: &[u8]) -> Option<u64> {
    let (&tag, rest) = data.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag != 0x30 {
        return None;
    }
    if first < 0x80 {
        return Some(2 + u64::from(first));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 7 {
        return None;
    }
    let octets = rest.get(..count)?;
    let length = octets.iter().fold(0u64, |length, octet| length << 8 | u64::from(*octet));
    length.checked_add(2 + count as u64)
}
