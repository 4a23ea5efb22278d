//! What one connection knows: the host that it was told, how its handshake was judged, and the application's own
//! callbacks that ours stand in front of. It lives in the ex_data of the `SSL`.

use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::ex_data::Place;
use crate::identity::Reference;
use crate::sys;
use crate::verify::guard::Guard;
use crate::verify::id_context::Given;
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
pub struct Watch(Mutex<State>);

impl Watch {
    /// The state, locked.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watch of `ssl`, if there is one yet.
    ///
    /// # Safety
    /// `ssl` is a live `SSL` of our libssl, and outlives the reference.
    pub unsafe fn of<'a>(ssl: *const ffi::SSL) -> Option<&'a Watch> {
        // SAFETY: the caller promises that the connection is live and outlives the reference.
        unsafe { WATCHES.of(ssl) }
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
        // SAFETY: the caller promises a live connection, which no other thread uses.
        unsafe { WATCHES.hang(ssl, Arc::default())? };
        // SAFETY: the caller promises that the connection outlives the reference.
        unsafe { Watch::of(ssl) }.ok_or_else(|| Error::new(Status::EInternal, "the connection lost its data"))
    }
}

static WATCHES: Place<ffi::SSL, Watch> = Place::copied(for_a_copy);

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
    Watch(Mutex::new(state))
}
