//! The CRLs of a context: read from files and memory, kept with where they came from, so that files can be read again.
//! They stay out of the `X509_STORE`, which other code may share.

use std::ffi::c_void;
use std::fmt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

use openssl::x509::X509;
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::revocation::crl::{Crl, MAX_BYTES, parse};
use crate::trust::files;

#[derive(Clone)]
struct Source {
    path: Option<PathBuf>,
    crls: Vec<Arc<Crl>>,
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
        self.with(Source { path: Some(path.to_owned()), crls: read(path)? })
    }

    /// The CRLs in `data`, besides these.
    pub fn with_memory(&self, data: &[u8]) -> Result<Crls> {
        self.with(Source { path: None, crls: parse(data, "the CRL in memory")? })
    }

    /// The same with every file read again; an error where one of them cannot be.
    pub fn reloaded(&self) -> Result<Crls> {
        if self.sources.iter().all(|source| source.path.is_none()) {
            return Err(Error::new(
                Status::EState,
                "no CRL of this context came from a file, so there is none to reload",
            )
            .with_hint("load one with hostlock_ctx_add_crl_file"));
        }
        let mut sources = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            sources.push(match &source.path {
                Some(path) => Source { path: Some(path.clone()), crls: read(path)? },
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
    pub fn iter(&self) -> impl Iterator<Item = &Crl> {
        self.sources.iter().flat_map(|source| &source.crls).map(Arc::as_ref)
    }

    /// All of them as OpenSSL's stack, which lives as long as `self`.
    pub fn stack(&self) -> *mut ffi::stack_st_X509_CRL {
        self.stack.0
    }

    /// These without the CRLs that another CA of the same name made: where one that bears the name of a certificate of
    /// `chain` is signed with its key, those of that name which no certificate of the chain signed are left out. `None`
    /// where there are none to leave out.
    pub fn of_chain(&self, chain: &[X509]) -> Result<Option<Crls>> {
        let issuers = chain.get(1..).unwrap_or_default();
        let own = |crl: &Crl| issuers.iter().any(|issuer| crl.bears_name_of(issuer) && crl.is_signed_by(issuer));
        let (own, others): (Vec<&Arc<Crl>>, Vec<&Arc<Crl>>) =
            self.sources.iter().flat_map(|source| &source.crls).partition(|crl| own(crl));
        let kept: Vec<Arc<Crl>> = others
            .iter()
            .filter(|crl| !own.iter().any(|own| own.has_issuer_of(crl)))
            .chain(&own)
            .map(|crl| Arc::clone(crl))
            .collect();
        if kept.len() == own.len() + others.len() {
            return Ok(None);
        }
        Crls::of(vec![Source { path: None, crls: kept }]).map(Some)
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

    fn push(&self, crl: &Crl) -> Result<()> {
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

fn read(path: &Path) -> Result<Vec<Arc<Crl>>> {
    let what = format!("the CRL file {path:?}");
    let data = files::read_regular(path, &what, MAX_BYTES)?.ok_or_else(|| {
        Error::new(Status::EFileIo, format!("{what} is larger than CRLs can be"))
            .with_hint("CRLs may take up to 256 MiB; give the CRL itself, not an archive")
    })?;
    parse(&data, &what)
}
