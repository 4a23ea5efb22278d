//! How the peers of a context or connection are verified, read from its parameters, its store and its callbacks.

use std::ffi::c_ulong;
use std::ptr;

use openssl_sys as ffi;

use crate::audit::facts::{Replaced, Verification};
use crate::audit::gather::{NAMETYPE_HOST_NAME, Place, text};
use crate::audit::purpose;
use crate::error::Error;
use crate::handshake::cert_verify;
use crate::handshake::install;
use crate::libssl::layout::{self, Found};
use crate::libssl::sys;
use crate::libssl::verify_param;
use crate::trust::store_functions;

impl Place {
    /// # Safety
    /// As for every function of this type.
    pub(super) unsafe fn verification(self, replaced: Replaced) -> Verification {
        let (mode, callback, param, sni) = match self {
            // SAFETY: see `facts`; each call reads one field.
            Place::Context(ctx) => unsafe {
                (
                    ffi::SSL_CTX_get_verify_mode(ctx),
                    sys::SSL_CTX_get_verify_callback(ctx),
                    ffi::SSL_CTX_get0_param(ctx),
                    ptr::null(),
                )
            },
            // SAFETY: as above.
            Place::Connection(ssl, _) => unsafe {
                (
                    ffi::SSL_get_verify_mode(ssl),
                    sys::SSL_get_verify_callback(ssl),
                    ffi::SSL_get0_param(ssl),
                    ffi::SSL_get_servername(ssl, NAMETYPE_HOST_NAME),
                )
            },
        };
        // SAFETY: as above.
        let store = unsafe { self.store() };
        // SAFETY: the store belongs to the context.
        let (store_flags, own_store_callback, own_store_functions) = unsafe { of_store(store) };
        // SAFETY: the parameters belong to the context or connection, as what they lend does.
        let names = unsafe { Names::of(param) };
        // SAFETY: as above; each call reads one field.
        let (flags, depth, auth_level, purpose) = unsafe {
            (
                ffi::X509_VERIFY_PARAM_get_flags(param),
                sys::X509_VERIFY_PARAM_get_depth(param),
                ffi::X509_VERIFY_PARAM_get_auth_level(param),
                purpose::of(param),
            )
        };
        Verification {
            mode,
            own_callback: callback.is_some_and(|callback| !install::is_tripwire(callback)),
            own_store_callback,
            own_store_functions,
            replaced,
            hosts: names.hosts,
            other_names: names.others,
            // SAFETY: NULL, or a name that the connection owns.
            sni: unsafe { text(sni) },
            // SAFETY: as above.
            host_flags: unsafe { sys::X509_VERIFY_PARAM_get_hostflags(param) },
            flags: flags | store_flags,
            depth: (depth >= 0).then_some(depth),
            auth_level: (auth_level >= 0).then_some(auth_level),
            purpose,
        }
    }
}

/// # Safety
/// `ctx` is live and not changed by another thread.
pub(super) unsafe fn replaced(ctx: *const ffi::SSL_CTX) -> Replaced {
    // SAFETY: as the caller promises.
    match unsafe { layout::cert_verify_callback(ctx, cert_verify::verify) } {
        Found::None => Replaced::No,
        Found::Ours => Replaced::ByHostlock,
        Found::Program(..) => Replaced::ByProgram,
        Found::Unknown => Replaced::Unknown,
    }
}

/// Its flags, whether it has a callback, and the setters by which its functions were replaced.
///
/// # Safety
/// `store` is NULL or live.
unsafe fn of_store(store: *mut ffi::X509_STORE) -> (c_ulong, bool, Vec<&'static str>) {
    if store.is_null() {
        return (0, false, Vec::new());
    }
    // SAFETY: as the caller promises; each call reads one field.
    unsafe {
        (
            ffi::X509_VERIFY_PARAM_get_flags(sys::X509_STORE_get0_param(store)),
            sys::X509_STORE_get_verify_cb(store).is_some(),
            store_functions::replaced(store),
        )
    }
}

/// The names that a certificate is compared with.
struct Names {
    hosts: Vec<String>,
    others: Vec<String>,
}

impl Names {
    /// # Safety
    /// `param` is live and not changed by another thread.
    unsafe fn of(param: *mut ffi::X509_VERIFY_PARAM) -> Names {
        let lossy = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let unknown = |error: Error| vec![error.message().to_owned()];
        // SAFETY: `param` is live and nobody changes it, by this function's own contract.
        let hosts = unsafe { verify_param::hosts(param) };
        let hosts = hosts.map_or_else(unknown, |hosts| hosts.into_iter().map(lossy).collect());
        // SAFETY: `param` is live and nobody changes it, by this function's own contract.
        let addresses = unsafe { verify_param::addresses(param) };
        let mut others =
            addresses.map_or_else(unknown, |addresses| addresses.iter().map(|address| address.to_string()).collect());
        // SAFETY: `param` is live and nobody changes it, by this function's own contract.
        let emails = unsafe { verify_param::emails(param) };
        others.extend(emails.map_or_else(unknown, |emails| emails.into_iter().map(lossy).collect()));
        Names { hosts, others }
    }
}
