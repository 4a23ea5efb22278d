//! One verification of a chain, as libssl or libcrypto hands it to callbacks.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509, X509Crl, X509NameRef, X509Ref};
use openssl_sys as ffi;

use crate::libssl::conn::Conn;
use crate::libssl::layout::CertVerify;
use crate::libssl::param::Param;
use crate::libssl::{store, sys};

/// An `X509_STORE_CTX`, for as long as a callback runs.
#[derive(Clone, Copy)]
pub struct StoreCtx<'a> {
    context: NonNull<ffi::X509_STORE_CTX>,
    life: PhantomData<&'a ()>,
}

/// Calls functions of libcrypto that ask for nothing but a live context of verification.
macro_rules! call {
    ($this:expr, $function:path $(, $argument:expr)*) => {
        // SAFETY: whoever made the view promised such a context; the other arguments are numbers.
        unsafe { $function($this.as_ptr() $(, $argument)*) }
    };
}

impl<'a> StoreCtx<'a> {
    /// A view of `context`; `None` for NULL.
    ///
    /// # Safety
    /// `context` is NULL, or lives for `'a` and is used by no other thread.
    pub unsafe fn new(context: *mut ffi::X509_STORE_CTX) -> Option<StoreCtx<'a>> {
        Some(StoreCtx { context: NonNull::new(context)?, life: PhantomData })
    }

    /// The pointer, for the program's own callbacks.
    pub fn as_ptr(self) -> *mut ffi::X509_STORE_CTX {
        self.context.as_ptr()
    }

    /// The connection that libssl verifies for; always there inside of libssl's own verification.
    pub fn conn(self) -> Option<Conn<'a>> {
        let found = call!(self, ffi::X509_STORE_CTX_get_ex_data, ffi::SSL_get_ex_data_X509_STORE_CTX_idx());
        // SAFETY: libssl stores the SSL under this index, and lets it live longer than the verification.
        unsafe { Conn::new(found.cast()) }
    }

    /// The certificate that is verified.
    pub fn leaf(self) -> Option<&'a X509Ref> {
        let leaf = call!(self, sys::X509_STORE_CTX_get0_cert);
        // SAFETY: not NULL, and it lives as long as the verification.
        (!leaf.is_null()).then(|| unsafe { X509Ref::from_ptr(leaf) })
    }

    /// What else the peer sent.
    pub fn untrusted(self) -> Option<&'a StackRef<X509>> {
        let found = call!(self, sys::X509_STORE_CTX_get0_untrusted);
        // SAFETY: NULL, or a stack that lives as long as the verification.
        unsafe { store::stack_at(found) }
    }

    /// The store that is verified with.
    pub fn store(self) -> Option<&'a X509StoreRef> {
        let found = call!(self, sys::X509_STORE_CTX_get0_store);
        // SAFETY: NULL, or a store that lives as long as the verification.
        unsafe { store::at(found) }
    }

    /// What is asked of certificates.
    pub fn param(self) -> Param<'a> {
        let found = call!(self, sys::X509_STORE_CTX_get0_param);
        // SAFETY: a context of verification has parameters, which live as long.
        unsafe { Param::new(found) }
    }

    /// What was found: `X509_V_*`. libssl derives its alert from this.
    pub fn error(self) -> c_int {
        call!(self, ffi::X509_STORE_CTX_get_error)
    }

    /// Sets that.
    pub fn set_error(self, code: c_int) {
        call!(self, ffi::X509_STORE_CTX_set_error, code);
    }

    /// libcrypto's own verification, with the program's callbacks: positive where it accepts.
    pub fn verify(self) -> c_int {
        call!(self, ffi::X509_verify_cert)
    }

    /// A program's certificate verify callback.
    pub fn ask(self, own: CertVerify) -> c_int {
        // SAFETY: the program gave both for this.
        unsafe { (own.function)(self.as_ptr(), own.argument) }
    }

    /// A program's verify callback, shown one certificate of the chain and what was found about it.
    pub fn show(
        self,
        callback: sys::VerifyCallback,
        depth: usize,
        certificate: Option<&X509Ref>,
        code: c_int,
    ) -> c_int {
        let certificate = certificate.map_or(ptr::null_mut(), ForeignTypeRef::as_ptr);
        // SAFETY: the certificate outlives the callback, for which the program gave its function.
        unsafe {
            ffi::X509_STORE_CTX_set_current_cert(self.as_ptr(), certificate);
            sys::X509_STORE_CTX_set_error_depth(self.as_ptr(), depth as c_int);
            ffi::X509_STORE_CTX_set_error(self.as_ptr(), code);
            callback((code == ffi::X509_V_OK) as c_int, self.as_ptr())
        }
    }

    /// Puts the chain there that was built.
    pub fn give_chain(self, chain: Stack<X509>) {
        call!(self, sys::X509_STORE_CTX_set0_verified_chain, chain.as_ptr());
        // It belongs to the context now.
        mem::forget(chain);
    }

    /// Takes the chain away that was built.
    pub fn take_chain(self) {
        call!(self, sys::X509_STORE_CTX_set0_verified_chain, ptr::null_mut());
    }

    /// The CRLs that the store has under `name`; none where there is no store.
    pub fn crls(self, name: &X509NameRef) -> Vec<X509Crl> {
        if self.store().is_none() {
            return Vec::new();
        }
        // SAFETY: the view promises a context, which has a store; each CRL of the new stack has one more owner.
        let crls = unsafe { sys::X509_STORE_CTX_get1_crls(self.as_ptr(), name.as_ptr()) };
        // SAFETY: NULL, or a stack of ours that owns its CRLs.
        unsafe { drain(crls.cast()) }.map(|crl| unsafe { X509Crl::from_ptr(crl.cast()) }).collect()
    }
}

/// Takes all members out of a stack, last first, and frees it.
///
/// # Safety
/// `stack` is NULL or ours alone.
unsafe fn drain(stack: *mut ffi::OPENSSL_STACK) -> impl Iterator<Item = *mut c_void> {
    std::iter::from_fn(move || {
        if stack.is_null() {
            return None;
        }
        // SAFETY: the caller gave the stack away.
        let member = unsafe { ffi::OPENSSL_sk_pop(stack) };
        if member.is_null() {
            // SAFETY: it is empty, and nobody asks a second time.
            unsafe { ffi::OPENSSL_sk_free(stack) };
            return None;
        }
        Some(member)
    })
    .fuse()
}
