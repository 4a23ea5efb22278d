//! What one connection knows: the host that it was told, how its handshake was judged, and the application's own
//! callbacks that ours stand in front of. It lives in the ex_data of the `SSL`.

use std::ffi::{CString, c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::identity::Reference;
use crate::sys;
use crate::verify::guard::Guard;
use crate::verify::overseer::Excused;

/// How far the judgement of a handshake has come.
#[derive(Clone, Debug, Default)]
pub enum Verdict {
    /// Nothing has been judged yet.
    #[default]
    Pending,
    /// The chain is valid and belongs to this host.
    Verified {
        /// The reference identity that was matched; `None` where the role needs none.
        host: Option<String>,
    },
    /// Refused, and why.
    Refused(Error),
    /// Refused for this reason, and let through because the process was told to, by name.
    Excused(Excused),
}

/// The changeable part of a [`Watch`].
#[derive(Clone, Default)]
pub struct State {
    /// The guard of the context that the handshake began with, also when the program swaps the context later.
    pub guard: Option<Arc<Guard>>,
    /// The host that `hostlock_conn_set_host` named.
    pub host: Option<Reference>,
    /// The host for the case that nothing else names one, or why there is none.
    pub fallback: Option<Result<Reference>>,
    /// Why naming a host failed, until it succeeds.
    pub poison: Option<Error>,
    /// The judgement.
    pub verdict: Verdict,
    /// The verdict on the handshake before this one, and that handshake's Finished message.
    pub earlier: Option<(Verdict, Vec<u8>)>,
    /// Whether the stapled OCSP answer, or its absence, has been judged.
    pub staple_judged: bool,
    /// The generation of the context's settings that the handshake began with.
    pub generation: u64,
    /// Whether the context's overseer knows how the handshake ended.
    pub told: bool,
    /// Why libssl itself ended the handshake, where it was not for a verdict.
    pub failure: Option<Error>,
    /// The fatal alert that libssl sent, or tried to send.
    pub sent_alert: Option<u8>,
    /// Whether a call of ours has met the end of the connection and has reported it.
    pub end_reported: bool,
    /// The error after which no call of ours goes on; until SSL_clear each gives the same.
    pub ended: Option<Error>,
    /// The address and the length of a write that libssl has begun and not finished.
    pub unfinished: Option<(usize, usize)>,
    /// The application's info callback, which ours calls.
    pub app_info: Option<sys::InfoCallback>,
    /// The security callback that a program put in place of ours; asked in addition.
    pub app_security: Option<sys::SecurityCallback>,
    /// The verified host, as the C ABI lends it out.
    pub lent_host: Option<CString>,
    /// Whether the application's info callback runs now: one that calls the callback it replaced, which is ours, must
    /// not be called by it again.
    pub in_app_info: bool,
    /// The same for the application's security callback.
    pub in_app_security: bool,
}

/// See the module's text. The lock is never held while foreign code runs.
#[derive(Default)]
pub struct Watch {
    state: Mutex<State>,
    /// Whether data may pass without a further question, as long as the handshake is complete.
    open: AtomicBool,
    /// A transport of ours that stands in for the program's socket BIO while a call of ours runs; or NULL.
    courier: AtomicPtr<ffi::BIO>,
}

impl Watch {
    /// The state, locked.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether data may pass without a further question, as long as the handshake is complete.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Sets what [`Watch::is_open`] answers.
    pub fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }

    /// The transport that stands in for the program's BIO, or NULL.
    pub fn courier(&self) -> *mut ffi::BIO {
        self.courier.load(Ordering::Relaxed)
    }

    /// Gives the watch another one to own.
    ///
    /// # Safety
    /// `bio` is NULL, or a live BIO of which the caller gives one reference away.
    pub unsafe fn set_courier(&self, bio: *mut ffi::BIO) {
        let old = self.courier.swap(bio, Ordering::Relaxed);
        // SAFETY: gives up the reference that the watch owned; NULL is ignored.
        unsafe { ffi::BIO_free_all(old) };
    }

    /// The watch of `ssl`, if there is one yet.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl, and outlives the reference.
    pub unsafe fn of<'a>(ssl: *const ffi::SSL) -> Option<&'a Watch> {
        // SAFETY: what is stored under our index is NULL or a leaked Box<Watch> that lives as long as the SSL.
        unsafe { (ffi::SSL_get_ex_data(ssl, index()) as *const Watch).as_ref() }
    }

    /// The watch of `ssl`, made where there is none yet.
    ///
    /// # Safety
    /// As for [`Watch::of`]; never to be called while an `SSL` is being constructed.
    pub unsafe fn ensure<'a>(ssl: *mut ffi::SSL) -> Result<&'a Watch> {
        // SAFETY: as the caller promises.
        if let Some(watch) = unsafe { Watch::of(ssl) } {
            return Ok(watch);
        }
        let raw = Box::into_raw(Box::<Watch>::default());
        // SAFETY: the index is ours; `free` takes the box back when the SSL goes.
        if unsafe { ffi::SSL_set_ex_data(ssl, index(), raw as *mut c_void) } != 1 {
            // SAFETY: OpenSSL did not take the pointer.
            drop(unsafe { Box::from_raw(raw) });
            return Err(Error::new(Status::EInternal, "OpenSSL could not store the connection's data"));
        }
        // SAFETY: just made, and owned by the SSL from here on.
        Ok(unsafe { &*raw })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: no reference to the courier is kept anywhere else once its connection goes.
        unsafe { self.set_courier(ptr::null_mut()) };
    }
}

fn index() -> c_int {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    *INDEX.get_or_init(|| {
        // SAFETY: the callbacks are ours, call no SSL_* function, and stay loaded.
        unsafe {
            ffi::CRYPTO_get_ex_new_index(ffi::CRYPTO_EX_INDEX_SSL, 0, ptr::null_mut(), None, Some(dup), Some(free))
        }
    })
}

/// `SSL_dup` copies ex_data: the copy gets the host and the callbacks, but must earn its own verdict.
unsafe extern "C" fn dup(
    _to: *mut ffi::CRYPTO_EX_DATA,
    _from: *const ffi::CRYPTO_EX_DATA,
    slot: *mut *mut c_void,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) -> c_int {
    let slot = slot as *mut *mut Watch;
    // SAFETY: OpenSSL hands a pointer to the slot that holds the copied pointer (CRYPTO_EX_dup).
    let Some(original) = (unsafe { (*slot).as_ref() }) else { return 1 };
    let mut state = original.state().clone();
    state.verdict = Verdict::Pending;
    state.earlier = None;
    state.staple_judged = false;
    state.failure = None;
    state.told = false;
    (state.sent_alert, state.end_reported) = (None, false);
    (state.in_app_info, state.in_app_security) = (false, false);
    (state.ended, state.unfinished) = (None, None);
    let copy = Watch::default();
    *copy.state() = state;
    // SAFETY: the slot is writable; what is written there belongs to the copy and is freed with it.
    unsafe { *slot = Box::into_raw(Box::new(copy)) };
    1
}

unsafe extern "C" fn free(
    _ssl: *mut c_void,
    data: *mut c_void,
    _all: *mut ffi::CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: `data` came from Box::into_raw in `ensure` or `dup`, and OpenSSL calls this once.
        drop(unsafe { Box::from_raw(data as *mut Watch) });
    }
}
