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
    #[doc(alias = "X509_STORE_CTX_get_ex_data")]
    #[doc(alias = "SSL_get_ex_data_X509_STORE_CTX_idx")]
    pub fn conn(self) -> Option<Conn<'a>> {
        let found = call!(self, ffi::X509_STORE_CTX_get_ex_data, ffi::SSL_get_ex_data_X509_STORE_CTX_idx());
        // SAFETY: libssl stores the SSL under this index, and lets it live longer than the verification.
        unsafe { Conn::new(found.cast()) }
    }

    /// The certificate that is verified.
    #[doc(alias = "X509_STORE_CTX_get0_cert")]
    pub fn leaf(self) -> Option<&'a X509Ref> {
        let leaf = call!(self, sys::X509_STORE_CTX_get0_cert);
        // SAFETY: not NULL, and it lives as long as the verification.
        (!leaf.is_null()).then(|| unsafe { X509Ref::from_ptr(leaf) })
    }

    /// What else the peer sent.
    #[doc(alias = "X509_STORE_CTX_get0_untrusted")]
    pub fn untrusted(self) -> Option<&'a StackRef<X509>> {
        let found = call!(self, sys::X509_STORE_CTX_get0_untrusted);
        // SAFETY: NULL, or a stack that lives as long as the verification.
        unsafe { store::stack_at(found) }
    }

    /// The store that is verified with.
    #[doc(alias = "X509_STORE_CTX_get0_store")]
    pub fn store(self) -> Option<&'a X509StoreRef> {
        let found = call!(self, sys::X509_STORE_CTX_get0_store);
        // SAFETY: NULL, or a store that lives as long as the verification.
        unsafe { store::at(found) }
    }

    /// What is asked of certificates.
    #[doc(alias = "X509_STORE_CTX_get0_param")]
    pub fn param(self) -> Param<'a> {
        let found = call!(self, sys::X509_STORE_CTX_get0_param);
        // SAFETY: a context of verification has parameters, which live as long.
        unsafe { Param::new(found) }
    }

    /// What was found: `X509_V_*`. libssl derives its alert from this.
    #[doc(alias = "X509_STORE_CTX_get_error")]
    pub fn error(self) -> c_int {
        call!(self, ffi::X509_STORE_CTX_get_error)
    }

    /// The certificate of the chain that this is about: 0 is the leaf.
    #[doc(alias = "X509_STORE_CTX_get_error_depth")]
    pub fn error_depth(self) -> c_int {
        call!(self, ffi::X509_STORE_CTX_get_error_depth)
    }

    /// That certificate.
    #[doc(alias = "X509_STORE_CTX_get_current_cert")]
    pub fn current_certificate(self) -> Option<&'a X509Ref> {
        let found = call!(self, ffi::X509_STORE_CTX_get_current_cert);
        // SAFETY: not NULL, and a part of the chain, which lives as long as the report.
        (!found.is_null()).then(|| unsafe { X509Ref::from_ptr(found) })
    }

    /// Where the CRL is that this is about. Where libcrypto found none it may be one that was freed, to be compared only.
    #[doc(alias = "X509_STORE_CTX_get0_current_crl")]
    pub fn current_crl(self) -> *const ffi::X509_CRL {
        call!(self, sys::X509_STORE_CTX_get0_current_crl)
    }

    /// How many certificates the chain has so far.
    pub fn chain_length(self) -> c_int {
        let chain = call!(self, ffi::X509_STORE_CTX_get0_chain);
        // SAFETY: NULL, which counts -1, or the chain that the verification owns.
        unsafe { ffi::OPENSSL_sk_num(chain.cast()) }.max(0)
    }

    /// The chain as far as it is built, with owners of its own.
    #[doc(alias = "X509_STORE_CTX_get0_chain")]
    pub fn chain(self) -> Vec<X509> {
        let chain = call!(self, ffi::X509_STORE_CTX_get0_chain);
        // SAFETY: NULL, or the chain, which nobody changes while it is copied.
        unsafe { store::stack_at(chain) }.map(|chain| chain.iter().map(ToOwned::to_owned).collect()).unwrap_or_default()
    }

    /// The verification that this one is for: that of a CRL's issuer has one.
    #[doc(alias = "X509_STORE_CTX_get0_parent_ctx")]
    pub fn parent(self) -> Option<StoreCtx<'a>> {
        let parent = call!(self, sys::X509_STORE_CTX_get0_parent_ctx);
        // SAFETY: NULL, or a context that waits for this one, in the same thread.
        unsafe { StoreCtx::new(parent) }
    }

    /// Says what was found.
    #[doc(alias = "X509_STORE_CTX_set_error")]
    pub fn set_error(self, code: c_int) {
        call!(self, ffi::X509_STORE_CTX_set_error, code);
    }

    /// Says that the leaf is looked at.
    #[doc(alias = "X509_STORE_CTX_set_current_cert")]
    #[doc(alias = "X509_STORE_CTX_set_error_depth")]
    pub(super) fn stand_at_leaf(self) {
        call!(self, ffi::X509_STORE_CTX_set_current_cert, sys::X509_STORE_CTX_get0_cert(self.as_ptr()));
        call!(self, sys::X509_STORE_CTX_set_error_depth, 0);
    }

    /// libcrypto's own verification, with the program's callbacks: positive where it accepts.
    #[doc(alias = "X509_verify_cert")]
    pub fn verify(self) -> c_int {
        call!(self, ffi::X509_verify_cert)
    }

    /// The same with other anchors than the store's.
    #[doc(alias = "X509_STORE_CTX_set0_trusted_stack")]
    pub fn verify_under(self, anchors: &StackRef<X509>) -> c_int {
        call!(self, sys::X509_STORE_CTX_set0_trusted_stack, anchors.as_ptr());
        let accepted = self.verify();
        // The stack need not live any longer.
        call!(self, sys::X509_STORE_CTX_set0_trusted_stack, ptr::null_mut());
        accepted
    }

    /// A program's certificate verify callback.
    pub fn ask(self, own: CertVerify) -> c_int {
        // SAFETY: the program gave both for this.
        unsafe { (own.function)(self.as_ptr(), own.argument) }
    }

    /// A program's verify callback, shown one certificate of the chain and what was found about it.
    #[doc(alias = "X509_STORE_CTX_set_current_cert")]
    #[doc(alias = "X509_STORE_CTX_set_error_depth")]
    #[doc(alias = "X509_STORE_CTX_set_error")]
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
    #[doc(alias = "X509_STORE_CTX_set0_verified_chain")]
    pub fn give_chain(self, chain: Stack<X509>) {
        call!(self, sys::X509_STORE_CTX_set0_verified_chain, chain.as_ptr());
        // It belongs to the context now.
        mem::forget(chain);
    }

    /// Takes the chain away that was built.
    #[doc(alias = "X509_STORE_CTX_set0_verified_chain")]
    pub fn take_chain(self) {
        call!(self, sys::X509_STORE_CTX_set0_verified_chain, ptr::null_mut());
    }

    /// The CRLs that the store has under `name`; none where there is no store.
    #[doc(alias = "X509_STORE_CTX_get1_crls")]
    pub fn crls(self, name: &X509NameRef) -> Vec<X509Crl> {
        if self.store().is_none() {
            return Vec::new();
        }
        // SAFETY: the view promises a context, which has a store; each CRL of the new stack has one more owner.
        let crls = unsafe { sys::X509_STORE_CTX_get1_crls(self.as_ptr(), name.as_ptr()) };
        // SAFETY: NULL, or a stack of ours that owns its CRLs.
        unsafe { crls_of(crls) }
    }
}

/// The CRLs of a stack that is given away.
///
/// # Safety
/// `stack` is NULL, or ours alone and the owner of its CRLs.
pub(super) unsafe fn crls_of(stack: *mut ffi::stack_st_X509_CRL) -> Vec<X509Crl> {
    // SAFETY: the caller promises it, and each owner becomes ours.
    unsafe { drain(stack.cast()) }.map(|crl| unsafe { X509Crl::from_ptr(crl.cast()) }).collect()
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
