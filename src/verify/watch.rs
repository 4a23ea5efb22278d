//! What one connection knows: the host that it was told, how its handshake was judged, and the application's own
//! callbacks that ours stand in front of. It lives in the ex_data of the `SSL`.

use std::cell::Cell;
use std::ffi::CString;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::ex_data::Place;
use crate::identity::Reference;
use crate::sys;
use crate::verify::guard::Guard;
use crate::verify::id_context::Given;
use crate::verify::open;
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
    /// The names that the program had set when a handshake with Encrypted ClientHello began that has not succeeded.
    pub ech_names: Option<Vec<u8>>,
    /// The generation of the context's settings that the handshake began with.
    pub generation: u64,
    /// The session id context that a server's connection was given.
    pub id_context: Option<Given>,
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

    /// Sets what [`Watch::is_open`] answers; `ssl` is the connection of this watch.
    pub fn set_open(&self, ssl: *const ffi::SSL, open: bool) {
        self.open.store(open, Ordering::Relaxed);
        if open { open::remember(ssl) } else { open::forget(ssl) }
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
    #[inline]
    pub unsafe fn of<'a>(ssl: *const ffi::SSL) -> Option<&'a Watch> {
        let freed = WATCHES.ended();
        let last = LAST.get();
        if last.ssl == ssl && last.freed == freed {
            // SAFETY: no connection was freed since it was found on this one, which the caller promises to be live.
            return unsafe { last.watch.as_ref() };
        }
        // SAFETY: the caller promises that the connection is live and outlives the reference.
        unsafe { Watch::look_up(ssl, freed) }
    }

    /// # Safety
    /// As for [`Watch::of`].
    #[inline(never)]
    unsafe fn look_up<'a>(ssl: *const ffi::SSL, freed: u64) -> Option<&'a Watch> {
        // SAFETY: the caller promises that the connection is live and outlives the reference.
        let watch: Option<&'a Watch> = unsafe { WATCHES.of(ssl) };
        if let Some(watch) = watch {
            LAST.set(Found { ssl, watch, freed });
        }
        watch
    }

    /// The watch of `ssl`, made where there is none yet.
    ///
    /// # Safety
    /// As for [`Watch::of`]; never to be called while an `SSL` is being constructed.
    #[inline]
    pub unsafe fn ensure<'a>(ssl: *mut ffi::SSL) -> Result<&'a Watch> {
        // SAFETY: as the caller promises.
        if let Some(watch) = unsafe { Watch::of(ssl) } {
            return Ok(watch);
        }
        // SAFETY: the caller promises a live connection, which no other thread uses.
        unsafe { WATCHES.hang(ssl, Arc::default())? };
        // SAFETY: the caller promises that the connection outlives the reference.
        unsafe { Watch::of(ssl) }.ok_or_else(|| Error::new(Status::EInternal, "the connection lost its data"))
    }
}

/// libssl asks the security callback some eighty times a handshake, so a thread remembers the watch that it found last.
/// Another connection may be made at the address of one that is gone, so what was found before a connection was freed is
/// looked up again.
#[derive(Clone, Copy)]
struct Found {
    ssl: *const ffi::SSL,
    watch: *const Watch,
    freed: u64,
}

thread_local! {
    static LAST: Cell<Found> = const { Cell::new(Found { ssl: ptr::null(), watch: ptr::null(), freed: 0 }) };
}

static WATCHES: Place<ffi::SSL, Watch> = Place::copied(for_a_copy, open::forget);

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: no reference to the courier is kept anywhere else once its connection goes.
        unsafe { self.set_courier(ptr::null_mut()) };
    }
}

/// What `SSL_dup` gives the copy: the host and the callbacks; but it must earn its own verdict.
fn for_a_copy(original: &Watch) -> Watch {
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
    copy
}
