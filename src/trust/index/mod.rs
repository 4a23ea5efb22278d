//! Trust anchors by the name that a handshake will ask for. Reading a root costs OpenSSL a thousand times what finding
//! it costs, and a handshake needs one of them: so a source is decoded and its names are indexed when it is read, and a
//! root is parsed when it is asked for. An index never changes; contexts share it, and the certificates parsed from it.
//! What is in an index is what an eager reader ([`AnchorSet`]) finds, or the eager reader is asked.

mod directories;
pub mod hooks;
mod known;
mod name;
mod shape;
pub mod shared;

use std::collections::HashSet;
use std::ffi::CString;
use std::ops::Range;

use openssl::x509::{X509, X509Crl, X509Ref};

use crate::error::{Error, Result, Status};
use crate::libssl::certificate::subject_der;
use crate::libssl::d2i;
use crate::libssl::parsed::Parsed;
use crate::libssl::queue::Quiet;
use crate::trust::anchor_set::AnchorSet;
use crate::trust::decode;
use crate::trust::distrust::Distrust;
use crate::trust::pem::scan::{self, Kind};
use known::Known;

/// See the module's text.
#[derive(Default)]
pub struct Index {
    origin: String,
    der: Vec<u8>,
    roots: Vec<Root>,
    /// The roots' positions by the keys of their names; of one key, in the order of the source.
    by_key: Vec<(u64, u32)>,
    /// Whether there is a root whose name has no key.
    lacks_key: bool,
    crls: Vec<X509Crl>,
    directories: Vec<CString>,
    distrust: Distrust,
    /// Whether it was made of certificates that were parsed already.
    is_of_set: bool,
}

struct Root {
    der: Der,
    parsed: Parsed,
    key: Option<u64>,
}

/// Where the bytes of a root lie.
enum Der {
    Inside(Range<usize>),
    Static(&'static [u8]),
}

impl Index {
    /// What PEM text or one certificate in DER holds: at least one certificate. `origin` is what errors and lists call it.
    pub fn read(data: &[u8], origin: &str) -> Result<Index> {
        match Index::of_common_pem(data, origin) {
            Some(index) => Ok(index),
            None => Index::of_set(decode::parse(data, origin)?, origin),
        }
    }

    /// What PEM text holds, where it is in the common form and no certificate of it is in doubt.
    pub fn of_common_pem(text: &[u8], origin: &str) -> Option<Index> {
        Index::of_common_pems([text].into_iter(), origin)
    }

    /// What several texts hold together, each with something in it.
    pub fn of_common_pems<'a>(texts: impl Iterator<Item = &'a [u8]>, origin: &str) -> Option<Index> {
        let mut index = Index { origin: origin.to_owned(), ..Index::default() };
        let quiet = Quiet::begin();
        let mut texts = texts.peekable();
        let mut known = Known::default();
        while let Some(text) = texts.next() {
            if known.holds(text) {
                continue;
            }
            let blocks = index.append(text, &quiet)?;
            if texts.peek().is_some() {
                known.extend(blocks);
            }
        }
        if index.roots.is_empty() {
            return None;
        }
        index.sort();
        Some(index)
    }

    fn append<'a>(&mut self, text: &'a [u8], quiet: &Quiet) -> Option<Vec<scan::Block<'a>>> {
        let blocks = scan::scan(text, &mut self.der)?;
        if blocks.is_empty() {
            return None;
        }
        self.roots.reserve(blocks.len());
        for scan::Block { kind, der: range, .. } in &blocks {
            let (kind, range) = (*kind, range.clone());
            let bytes = self.der.get(range.clone())?;
            if kind == Kind::Certificate
                && let Ok(key) = shape::subject_key(bytes)
            {
                self.roots.push(Root { der: Der::Inside(range), parsed: Parsed::default(), key: Some(key) });
                continue;
            }
            let mut reader = decode::Reader::default();
            match kind {
                Kind::Certificate => reader.add_certificate(bytes, d2i::certificate, quiet).ok()?,
                Kind::Trusted => reader.add_certificate(bytes, d2i::trusted_certificate, quiet).ok()?,
                Kind::Crl => reader.add_crl(bytes, quiet).ok()?,
            }
            let set = reader.finish();
            for certificate in set.certificates {
                // Trust settings lie behind the certificate; two that differ only in them are the same to OpenSSL.
                let len = certificate.to_der().ok()?.len();
                let key = key_of(&certificate);
                let der = Der::Inside(range.start..range.start + len);
                self.roots.push(Root { der, parsed: Parsed::done(certificate), key });
            }
            self.crls.extend(set.crls);
        }
        Some(blocks)
    }

    /// Certificates that are parsed already, and the CRLs beside them.
    pub fn of_set(set: AnchorSet, origin: &str) -> Result<Index> {
        let mut index = Index { origin: origin.to_owned(), crls: set.crls, is_of_set: true, ..Index::default() };
        for certificate in set.certificates {
            let der = certificate
                .to_der()
                .map_err(|_| Error::no_memory("a certificate"))?;
            let start = index.der.len();
            index.der.extend(der);
            let key = key_of(&certificate);
            let der = Der::Inside(start..index.der.len());
            index.roots.push(Root { der, parsed: Parsed::done(certificate), key });
        }
        index.sort();
        Ok(index)
    }

    /// Certificates in DER that live as long as the process.
    pub fn of_static(certificates: impl Iterator<Item = &'static [u8]>, origin: &str) -> Index {
        let root = |der| Root { der: Der::Static(der), parsed: Parsed::default(), key: shape::subject_key(der).ok() };
        let mut index =
            Index { origin: origin.to_owned(), roots: certificates.map(root).collect(), ..Index::default() };
        index.sort();
        index
    }

    /// Adds hashed directories, in which OpenSSL looks for what the index does not have.
    pub fn with_directories(mut self, directories: Vec<CString>) -> Index {
        self.directories = directories;
        self
    }

    /// Adds what the source says against certificates: its own, or any others.
    pub fn with_distrust(mut self, distrust: Distrust) -> Index {
        self.distrust = distrust;
        self
    }

    /// Whether there are hashed directories.
    pub fn has_directories(&self) -> bool {
        !self.directories.is_empty()
    }

    /// Whether both surely hold the same, in the same order.
    pub fn is_same_as(&self, other: &Index) -> bool {
        let crls = |index: &Index| index.crls.iter().map(|crl| crl.to_der().ok()).collect::<Vec<_>>();
        // Where certificates were parsed first, their trust settings are not among the bytes.
        let has_all = |index: &Index| !index.is_of_set;
        std::ptr::eq(self, other)
            || has_all(self) && has_all(other)
                && self.der == other.der
                && self.certificates().eq(other.certificates())
                && crls(self) == crls(other)
                && self.directories == other.directories
                && self.distrust == other.distrust
    }

    /// What the source says against certificates.
    pub fn distrust(&self) -> &Distrust {
        &self.distrust
    }

    /// What lists call the source.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The certificates in DER, in the order of the source, without those that are there twice.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().map(|root| self.bytes(&root.der))
    }

    /// The certificates in the directories that were added, as they are there now: the name of the directory, and DER.
    pub fn certificates_in_directories(&self) -> Vec<(String, Vec<u8>)> {
        directories::certificates(&self.directories)
    }

    /// All certificates, those of directories too, parsed: for who needs more of them than chains do.
    pub fn parsed(&self) -> Result<Vec<X509>> {
        let unreadable = || Error::new(Status::EInternal, "OpenSSL could not read an indexed certificate");
        let own = (0..self.roots.len()).map(|at| u32::try_from(at).ok().and_then(|position| self.parse(position)));
        let mut all = own.map(|root| root.ok_or_else(unreadable)).collect::<Result<Vec<X509>>>()?;
        let mut seen: HashSet<Vec<u8>> = self.certificates().map(<[u8]>::to_vec).collect();
        for (_, der) in self.certificates_in_directories() {
            if seen.insert(der.clone()) {
                all.push(X509::from_der(&der).map_err(|_| unreadable())?);
            }
        }
        Ok(all)
    }

    /// About how much memory the index takes, without the certificates that are parsed.
    pub fn size(&self) -> usize {
        self.der.len() + self.roots.len() * size_of::<Root>()
    }

    fn bytes<'a>(&'a self, der: &'a Der) -> &'a [u8] {
        match der {
            Der::Inside(range) => self.der.get(range.clone()).unwrap_or_default(),
            Der::Static(bytes) => bytes,
        }
    }

    /// The positions of the roots whose name may be the one with this key.
    fn named(&self, key: u64) -> impl Iterator<Item = u32> {
        let start = self.by_key.partition_point(|&(other, _)| other < key);
        self.by_key.iter().skip(start).take_while(move |&&(other, _)| other == key).map(|&(_, position)| position)
    }

    fn parse(&self, position: u32) -> Option<X509> {
        let root = self.roots.get(usize::try_from(position).ok()?)?;
        root.parsed.get_or_parse(self.bytes(&root.der))
    }

    /// Puts the names in order, and takes out what is there twice, as X509_STORE_add_cert does.
    fn sort(&mut self) {
        self.by_key = self.keys();
        let twice: Vec<u32> = self
            .by_key
            .chunk_by(|(one, _), (other, _)| one == other)
            .filter(|same| same.len() > 1)
            .flat_map(|same| {
                let bytes = |at: u32| self.roots.get(at as usize).map(|root| self.bytes(&root.der));
                let again = |(count, &(_, at)): (usize, &(u64, u32))| {
                    same.iter().take(count).any(|&(_, before)| bytes(before) == bytes(at)).then_some(at)
                };
                same.iter().enumerate().filter_map(again).collect::<Vec<u32>>()
            })
            .collect();
        if !twice.is_empty() {
            let mut position = 0;
            self.roots.retain(|_| {
                position += 1;
                !twice.contains(&(position - 1))
            });
            self.by_key = self.keys();
        }
        self.lacks_key = self.by_key.len() < self.roots.len();
    }

    fn keys(&self) -> Vec<(u64, u32)> {
        let mut keys: Vec<(u64, u32)> =
            self.roots.iter().zip(0..).filter_map(|(root, position)| Some((root.key?, position))).collect();
        keys.sort_unstable();
        keys
    }
}

fn key_of(certificate: &X509Ref) -> Option<u64> {
    name::key(subject_der(certificate)).ok()
}

#[cfg(test)]
mod tests;
