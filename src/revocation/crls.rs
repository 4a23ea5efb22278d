//! The CRLs of a context: read from files and memory, kept with where they came from, so that files can be read again.
//! They stay out of the `X509_STORE`, which other code may share.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::x509::{X509Crl, X509NameRef};

use crate::error::{Error, Result, Status};
use crate::libssl::crl::CrlStack;
use crate::revocation::crl::{Crl, MAX_BYTES, parse};
use crate::trust::named;
use crate::trust::one_file;

#[derive(Clone)]
struct Source {
    path: Option<PathBuf>,
    crls: Vec<Arc<Crl>>,
}

/// The CRLs of a context. A value is never changed, so verifications that run use the one they began with.
#[derive(Default)]
pub struct Crls {
    sources: Vec<Source>,
    /// The complete ones, for OpenSSL; `None` where there are none at all.
    stack: Option<CrlStack>,
}

impl Crls {
    /// The CRLs in the file at `path`, besides these.
    pub fn with_file(&self, path: &Path) -> Result<Crls> {
        self.with(Source { path: Some(named::absolute(path)), crls: read(path)? })
    }

    /// The CRLs in `data`, besides these.
    pub fn with_memory(&self, data: &[u8]) -> Result<Crls> {
        self.with(Source { path: None, crls: parse(data, "the CRL in memory")? })
    }

    /// `lists`, which a store has, besides these.
    pub fn with_lists(&self, lists: Vec<X509Crl>) -> Result<Crls> {
        self.with(Source { path: None, crls: lists.into_iter().map(Crl::of_store).map(Arc::new).collect() })
    }

    /// The same with every file read again; an error where one of them cannot be.
    pub fn reloaded(&self) -> Result<Crls> {
        let mut sources = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            sources.push(match &source.path {
                Some(path) => Source { path: Some(path.clone()), crls: read(path)? },
                None => source.clone(),
            });
        }
        Crls::of(sources)
    }

    /// Whether both hold the same lists, in the same order.
    pub fn is_same_as(&self, other: &Crls) -> bool {
        let all = |crls: &Crls| crls.iter().map(|crl| crl.list().to_der().ok()).collect::<Vec<_>>();
        all(self) == all(other)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.crls.is_empty())
    }

    /// Each CRL.
    pub fn iter(&self) -> impl Iterator<Item = &Crl> {
        self.shared().map(Arc::as_ref)
    }

    /// Each CRL, to be shared.
    pub fn shared(&self) -> impl Iterator<Item = &Arc<Crl>> {
        self.sources.iter().flat_map(|source| &source.crls)
    }

    /// Those that bear `name`.
    pub fn named<'a>(&'a self, name: &'a X509NameRef) -> impl Iterator<Item = &'a Arc<Crl>> {
        self.shared().filter(move |crl| crl.bears(name))
    }

    /// The complete ones for OpenSSL; `None` where there are none at all.
    pub fn stack(&self) -> Option<&CrlStack> {
        self.stack.as_ref()
    }

    fn with(&self, source: Source) -> Result<Crls> {
        let mut sources = self.sources.clone();
        sources.push(source);
        Crls::of(sources)
    }

    fn of(sources: Vec<Source>) -> Result<Crls> {
        let complete = sources.iter().flat_map(|source| &source.crls).filter(|crl| !crl.is_delta());
        let stack = CrlStack::of(complete.map(|crl| crl.list())).ok_or_else(no_memory)?;
        Ok(Crls { sources, stack: Some(stack) })
    }
}

impl fmt::Debug for Crls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} CRLs", self.iter().count())
    }
}

fn no_memory() -> Error {
    Error::no_memory("the CRLs")
}

fn read(path: &Path) -> Result<Vec<Arc<Crl>>> {
    let what = format!("the CRL file {path:?}");
    let data = one_file::read_regular(path, &what, MAX_BYTES)?.ok_or_else(|| {
        Error::new(Status::EFileIo, format!("{what} is larger than CRLs can be"))
            .with_hint("CRLs may take up to 256 MiB; give the CRL itself, not an archive")
    })?;
    parse(&data, &what)
}
