//! A site whose verdict is asked for with several CRLs, in every order and at every place where they may lie.
#![allow(dead_code, reason = "each test uses its part")]

use std::fs;
use std::path::PathBuf;

use foreign_types::ForeignType;
use hostlock::context::offline;
use hostlock::error::{Error, Status};
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode};
use hostlock::ffi::trust::hostlock_ctx_trust_mem;
use hostlock::guard::Guard;
use hostlock::host::Reference;
use hostlock::libssl::{Ctx, sys};
use openssl::x509::{X509Crl, X509Extension};
use openssl_sys as ffi;

use super::crl::{CrlRecipe, delta_since, extension};
use super::peer::{Client, status};
use super::pki::{DAY, Identity, Recipe};

pub const HOST: &str = "site.example";

pub const GOOD: Option<Status> = None;
pub const REVOKED: Option<Status> = Some(Status::ERevoked);
pub const INVALID: Option<Status> = Some(Status::ERevocationInvalid);
pub const STALE: Option<Status> = Some(Status::ERevocationStale);

unsafe extern "C" {
    fn X509_NAME_hash_ex(
        name: *const ffi::X509_NAME,
        library: *mut ffi::OSSL_LIB_CTX,
        properties: *const std::ffi::c_char,
        ok: *mut i32,
    ) -> std::ffi::c_ulong;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Loaded,
    AnchorsFile,
    Store,
    HashedDirectory,
    /// Every other one loaded, the rest in the file of the anchors.
    Both,
}

pub const PLACES: [Place; 5] = [Place::Loaded, Place::AnchorsFile, Place::Store, Place::HashedDirectory, Place::Both];

pub struct World {
    pub root: Identity,
    pub middle: Identity,
    pub leaf: Identity,
    pub anchors: Vec<Identity>,
    /// Besides the leaf.
    pub sent: Vec<Identity>,
    /// Empty where the program asks by OpenSSL's own flag.
    pub mode: &'static str,
}

pub fn world() -> World {
    let root = Recipe::ca("Root CA").self_signed();
    let middle = Recipe::ca("Middle CA").issued_by(&root);
    let leaf = Recipe::server(HOST, &[HOST]).issued_by(&middle);
    World { anchors: vec![root.clone()], sent: vec![middle.clone()], root, middle, leaf, mode: "leaf" }
}

/// A directory of the test's own, gone when it ends.
struct Directory(PathBuf);

impl Directory {
    fn of(crls: &[&X509Crl]) -> Directory {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("hostlock-evidence-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        for crl in crls {
            // SAFETY: the name is live; the rest may be NULL.
            let hash = unsafe {
                let name = ffi::X509_CRL_get_issuer(crl.as_ptr());
                X509_NAME_hash_ex(name, std::ptr::null_mut(), std::ptr::null(), std::ptr::null_mut())
            };
            let free = (0..).map(|number| path.join(format!("{hash:08x}.r{number}"))).find(|path| !path.exists());
            fs::write(free.unwrap(), crl.to_pem().unwrap()).unwrap();
        }
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl World {
    pub fn good(&self) -> CrlRecipe {
        CrlRecipe::of(&self.middle)
    }

    pub fn revoking(&self) -> CrlRecipe {
        self.good().revoking(&self.leaf)
    }

    pub fn ask(&self, place: Place, crls: &[&X509Crl]) -> Result<(), Error> {
        const ADD_DIR: i32 = 2;
        let client = Client::trusting(&[]);
        let anchors: Vec<u8> = self.anchors.iter().flat_map(Identity::pem).collect();
        let pem = |crl: &X509Crl| crl.to_pem().unwrap();
        let is_in_file = |index: usize| place == Place::AnchorsFile || (place == Place::Both && index % 2 == 1);
        let in_file = crls.iter().enumerate().filter(|(index, _)| is_in_file(*index)).flat_map(|(_, crl)| pem(crl));
        let file: Vec<u8> = anchors.into_iter().chain(in_file).collect();
        client.set_bytes(hostlock_ctx_trust_mem, &file)?;
        let directory = Directory::of(if place == Place::HashedDirectory { crls } else { &[] });
        for (index, crl) in crls.iter().enumerate() {
            // SAFETY: context and store are live and not in use; the store takes a reference of its own.
            let store = unsafe { ffi::SSL_CTX_get_cert_store(client.0) };
            match place {
                Place::Loaded => client.set_bytes(hostlock_ctx_add_crl_mem, &pem(crl))?,
                Place::Both if index % 2 == 0 => client.set_bytes(hostlock_ctx_add_crl_mem, &pem(crl))?,
                // SAFETY: as above.
                Place::Store => assert_eq!(unsafe { sys::X509_STORE_add_crl(store, crl.as_ptr()) }, 1),
                _ => {}
            }
        }
        if place == Place::HashedDirectory {
            let path = std::ffi::CString::new(directory.0.to_str().unwrap()).unwrap();
            // SAFETY: as above; the lookup copies the path.
            let added = unsafe {
                let store = ffi::SSL_CTX_get_cert_store(client.0);
                let lookup = sys::X509_STORE_add_lookup(store, sys::X509_LOOKUP_hash_dir());
                sys::X509_LOOKUP_ctrl(lookup, ADD_DIR, path.as_ptr(), 1, std::ptr::null_mut())
            };
            assert_eq!(added, 1);
        }
        if self.mode.is_empty() {
            // SAFETY: as above.
            unsafe {
                let param = ffi::SSL_CTX_get0_param(client.0);
                ffi::X509_VERIFY_PARAM_set_flags(param, ffi::X509_V_FLAG_CRL_CHECK);
            }
        } else {
            client.set_text(hostlock_ctx_set_crl_mode, self.mode)?;
        }
        let chain: Vec<u8> = [&self.leaf].into_iter().chain(&self.sent).flat_map(|one| one.pem()).collect();
        // SAFETY: the context is live and not in use.
        let ctx = unsafe { Ctx::new(client.0) }.unwrap();
        offline::verify(ctx, Guard::of(ctx).unwrap(), &chain, Some(Reference::parse(HOST).unwrap()))
    }

    /// In every order and at every place the verdict is the same.
    pub fn hold(&self, what: &str, crls: Vec<CrlRecipe>, expected: Option<Status>) {
        let crls: Vec<X509Crl> = crls.into_iter().map(CrlRecipe::build).collect();
        for order in orders(crls.len()) {
            let crls: Vec<&X509Crl> = order.iter().map(|&index| &crls[index]).collect();
            for place in PLACES {
                let outcome = self.ask(place, &crls);
                let words = outcome.as_ref().map_or_else(|error| error.message().to_owned(), |()| String::new());
                assert_eq!(status(outcome.map(|()| String::new())), expected, "{what}, {order:?}, {place:?}: {words}");
            }
        }
    }
}

pub fn orders(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(length - 1).into_iter();
    shorter
        .flat_map(|order| (0..length).map(move |place| [&order[..place], &[length - 1], &order[place..]].concat()))
        .collect()
}

/// It names no key, so that OpenSSL itself cannot tell whose it is.
pub fn keyless(crl: CrlRecipe) -> CrlRecipe {
    CrlRecipe { key_id: None, ..crl }
}

pub fn numbered(number: u32, crl: CrlRecipe) -> CrlRecipe {
    CrlRecipe { number: Some(number), ..crl }
}

pub fn with(more: X509Extension, mut crl: CrlRecipe) -> CrlRecipe {
    crl.extensions.push(more);
    crl
}

/// FreshestCRL with one URI: there are deltas.
pub fn fresh(crl: CrlRecipe) -> CrlRecipe {
    with(extension("2.5.29.46", false, b"\x30\x11\x30\x0f\xa0\x0d\xa0\x0b\x86\x09http://d/"), crl)
}

pub fn delta(number: u32, crl: CrlRecipe) -> CrlRecipe {
    with(delta_since(1), numbered(number, crl))
}

pub fn expired(crl: CrlRecipe) -> CrlRecipe {
    CrlRecipe { this_update: -9 * DAY, next_update: -2 * DAY, ..crl }
}

pub fn of_tomorrow(crl: CrlRecipe) -> CrlRecipe {
    CrlRecipe { this_update: DAY, ..crl }
}

/// An issuingDistributionPoint with onlySomeReasons.
pub fn for_reasons(bits: [u8; 2], crl: CrlRecipe) -> CrlRecipe {
    with(extension("2.5.29.28", true, &[0x30, 5, 0x83, 3, 7, bits[0], bits[1]]), crl)
}

pub const KEY_COMPROMISE: [u8; 2] = [0x40, 0];
pub const OTHER_REASONS: [u8; 2] = [0x3f, 0x80];
pub const EVERY_REASON: [u8; 2] = [0x7f, 0x80];

pub const ON_HOLD: u8 = 6;
pub const REMOVED: u8 = 8;
