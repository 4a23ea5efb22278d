//! All that a connection shows, kept aside and given back.

use std::ffi::c_long;
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::x509::X509;
use openssl_sys as ffi;

use crate::libssl::verification::{self, OutOfMemory};
use crate::libssl::{Conn, sys};

/// One certificate of a connection.
struct One {
    leaf: X509,
    key: PKey<Private>,
    /// `None`: the chain is that of its context.
    others: Option<Vec<X509>>,
}

/// For each kind of key a certificate, its key and its chain; the one that is in use last.
pub struct AllShown(Vec<One>);

impl<'a> Conn<'a> {
    /// What it shows now.
    #[doc(alias = "SSL_set_current_cert")]
    pub fn all_shown(self) -> AllShown {
        let in_use = self.certificate_in_use();
        let mut all = Vec::new();
        let mut found = self.to_certificate(sys::SSL_CERT_SET_FIRST);
        while found {
            all.extend(self.one_shown());
            found = self.to_certificate(sys::SSL_CERT_SET_NEXT);
        }
        all.sort_by_key(|one| one.leaf.as_ptr() == in_use);
        AllShown(all)
    }

    /// Shows `all`, and nothing else. `false` where OpenSSL does not take one of them.
    pub fn show_all(self, all: &AllShown) -> Result<bool, OutOfMemory> {
        self.forget_certificates();
        for one in &all.0 {
            let others = one.others.as_deref().map(verification::stack).transpose()?;
            if !self.show(&one.leaf, &one.key, others.as_deref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The certificate in use, to be compared; NULL for none.
    #[doc(alias = "SSL_get_certificate")]
    pub fn certificate_in_use(self) -> *mut ffi::X509 {
        // SAFETY: the view promises the connection.
        unsafe { ffi::SSL_get_certificate(self.as_ptr()) }
    }

    fn one_shown(self) -> Option<One> {
        let shown = self.own_certificate()?;
        // SAFETY: the view promises the connection, which owns the key where there is one; the reference ends here.
        let key: &PKeyRef<Private> = unsafe {
            let key = ffi::SSL_get_privatekey(self.as_ptr());
            (!key.is_null()).then(|| PKeyRef::from_ptr(key))?
        };
        let others = shown.others.map(|others| others.iter().map(ToOwned::to_owned).collect());
        Some(One { leaf: shown.leaf.to_owned(), key: key.to_owned(), others })
    }

    /// `false` where there is none.
    fn to_certificate(self, which: c_long) -> bool {
        // SAFETY: the view promises the connection, whose certificates are its own copy; the control takes a number.
        unsafe { ffi::SSL_ctrl(self.as_ptr(), sys::SSL_CTRL_SET_CURRENT_CERT, which, ptr::null_mut()) == 1 }
    }
}
