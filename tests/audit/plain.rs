//! A context made with plain OpenSSL calls alone, which follows every fix of the table, and what an audit says of it.

use std::collections::BTreeSet;
use std::ffi::{CString, c_int, c_long, c_void};
use std::ptr;

use foreign_types::ForeignType;
use hostlock::audit;
use hostlock::audit::report::Report;
use hostlock::libssl::ours;
use hostlock::libssl::sys;
use hostlock::policy::{POLICIES, suite_list};
use openssl::x509::X509;
use openssl_sys as ffi;

use crate::support::pki::{Identity, Recipe};

pub const HOST: &std::ffi::CStr = c"host.example";
pub const NEVER_CHECK_SUBJECT: u32 = 0x20;
pub const NO_PARTIAL_WILDCARDS: u32 = 0x4;

unsafe extern "C" {
    pub fn SSL_CTX_set_quiet_shutdown(ctx: *mut ffi::SSL_CTX, mode: c_int);
    pub fn SSL_CTX_set_keylog_callback(ctx: *mut ffi::SSL_CTX, callback: Option<sys::KeylogCallback>);
    pub fn SSL_CTX_set_purpose(ctx: *mut ffi::SSL_CTX, purpose: c_int) -> c_int;
    pub fn SSL_CTX_set_security_level(ctx: *mut ffi::SSL_CTX, level: c_int);
    pub fn SSL_CTX_use_certificate(ctx: *mut ffi::SSL_CTX, certificate: *mut ffi::X509) -> c_int;
    pub fn SSL_CTX_use_PrivateKey(ctx: *mut ffi::SSL_CTX, key: *mut ffi::EVP_PKEY) -> c_int;
    pub fn X509_STORE_set_verify_cb(store: *mut ffi::X509_STORE, callback: Option<sys::VerifyCallback>);
    pub fn X509_STORE_set_check_issued(store: *mut ffi::X509_STORE, function: *const c_void);
}

/// An owner of a plain `SSL_CTX`.
pub struct Plain(pub *mut ffi::SSL_CTX);

impl Drop for Plain {
    fn drop(&mut self) {
        // SAFETY: made in `of`, freed once.
        unsafe { ffi::SSL_CTX_free(self.0) };
    }
}

impl Plain {
    /// A context as SSL_CTX_new gives it.
    pub fn of(method: *const ffi::SSL_METHOD) -> Plain {
        openssl::init();
        // SAFETY: the method is static.
        let ctx = unsafe { ffi::SSL_CTX_new(method) };
        assert!(!ctx.is_null());
        Plain(ctx)
    }

    /// A client's context in which nothing is weak.
    pub fn client() -> Plain {
        // SAFETY: no arguments.
        let plain = Plain::of(unsafe { ffi::TLS_client_method() });
        plain.strengthen();
        plain
    }

    /// A server's.
    pub fn server() -> Plain {
        // SAFETY: no arguments.
        let plain = Plain::of(unsafe { ffi::TLS_server_method() });
        plain.strengthen();
        plain
    }

    /// Follows every fix of the table, by the policy's values.
    pub fn strengthen(&self) {
        let (ctx, policy) = (self.0, POLICIES[0]);
        let suites = CString::new(suite_list(policy.suites_tls12)).unwrap();
        let suites13 = CString::new(suite_list(policy.suites_tls13)).unwrap();
        let ca = Recipe::ca("Plain CA").self_signed();
        // SAFETY: the context is live and ours alone; what is passed outlives the calls, which copy it.
        unsafe {
            ffi::SSL_CTX_set_options(ctx, policy.options_to_set(false));
            ffi::SSL_CTX_clear_options(ctx, policy.options_to_clear());
            self.control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, policy.min_version);
            SSL_CTX_set_security_level(ctx, policy.security_level);
            assert_eq!(ffi::SSL_CTX_set_cipher_list(ctx, suites.as_ptr()), 1);
            assert_eq!(ffi::SSL_CTX_set_ciphersuites(ctx, suites13.as_ptr()), 1);
            self.list(ffi::SSL_CTRL_SET_GROUPS_LIST, policy.groups);
            self.list(ffi::SSL_CTRL_SET_SIGALGS_LIST, policy.signature_algorithms);
            ffi::SSL_CTX_set_verify(ctx, ffi::SSL_VERIFY_PEER, None);
            let param = ffi::SSL_CTX_get0_param(ctx);
            ffi::X509_VERIFY_PARAM_set_flags(param, policy.verify_flags);
            ffi::X509_VERIFY_PARAM_set_depth(param, policy.verify_depth);
            ffi::X509_VERIFY_PARAM_set_hostflags(param, NEVER_CHECK_SUBJECT | NO_PARTIAL_WILDCARDS);
            assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, HOST.as_ptr(), 0), 1);
            ffi::X509_STORE_add_cert(ffi::SSL_CTX_get_cert_store(ctx), ca.certificate.as_ptr());
        }
    }

    pub fn control(&self, command: c_int, number: c_int) {
        // SAFETY: the context is live; the control takes no pointer.
        assert_eq!(unsafe { ffi::SSL_CTX_ctrl(self.0, command, c_long::from(number), ptr::null_mut()) }, 1);
    }

    pub fn list(&self, command: c_int, list: &std::ffi::CStr) {
        // SAFETY: the context is live; the control copies what the list says.
        assert_eq!(unsafe { ffi::SSL_CTX_ctrl(self.0, command, 0, list.as_ptr() as *mut c_void) }, 1, "{list:?}");
    }

    pub fn param(&self) -> *mut ffi::X509_VERIFY_PARAM {
        // SAFETY: the context is live.
        unsafe { ffi::SSL_CTX_get0_param(self.0) }
    }

    pub fn store(&self) -> *mut ffi::X509_STORE {
        // SAFETY: the context is live.
        unsafe { ffi::SSL_CTX_get_cert_store(self.0) }
    }

    /// Shows `identity` to peers.
    pub fn show(&self, identity: &Identity) {
        // SAFETY: all are live; both calls add owners.
        unsafe {
            assert_eq!(SSL_CTX_use_certificate(self.0, identity.certificate.as_ptr()), 1);
            assert_eq!(SSL_CTX_use_PrivateKey(self.0, identity.key.as_ptr()), 1);
        }
    }

    pub fn trust(&self, certificate: &X509) {
        // SAFETY: both are live; the store adds an owner.
        assert_eq!(unsafe { ffi::X509_STORE_add_cert(self.store(), certificate.as_ptr()) }, 1);
    }

    pub fn audit(&self) -> Report {
        // SAFETY: the context is live and ours alone.
        unsafe { ours::ctx(self.0).and_then(audit::context) }.unwrap()
    }

    pub fn probe(&self) -> Report {
        // SAFETY: as above.
        unsafe { ours::ctx(self.0).and_then(audit::with_probe) }.unwrap()
    }
}

/// The ids of a report's findings.
pub fn ids(report: &Report) -> BTreeSet<&'static str> {
    report.findings().iter().map(|finding| finding.kind.id).collect()
}

/// Asserts that `report` says what the clean one says, and the wanted findings besides.
pub fn assert_adds(clean: &Report, report: &Report, wanted: &[&'static str]) {
    let added: BTreeSet<&str> = ids(report).difference(&ids(clean)).copied().collect();
    assert_eq!(added, wanted.iter().copied().collect(), "{}", report.to_text());
}
