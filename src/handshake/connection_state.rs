//! What one connection knows: the host that it was told, how its handshake was judged, and the application's own
//! callbacks that ours stand in front of. It lives in the ex_data of the `SSL`.

use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openssl::x509::X509;
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::guard::observer::{Excused, Learned, Peer};
use crate::handshake::open_connections;
use crate::handshake::place::Resumption;
use crate::host::Reference;
use crate::libssl::bio::BioSlot;
use crate::libssl::ex_data::{Last, Place};
use crate::libssl::{AllShown, Conn, sys};

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

/// An id context of a server's: half a SHA-256, as it is in every ticket, and only the server writes it.
pub type Id = [u8; 16];

/// The id context that hostlock gave a connection, and the program's that is folded into it.
#[derive(Clone)]
pub struct GivenId {
    /// Ours.
    pub ours: Id,
    /// The program's.
    pub of_program: Vec<u8>,
    /// Whether the program set it on the context, not on this connection.
    pub of_context: bool,
}

/// How far a listener has been told of the handshake under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// That it began.
    pub begun: bool,
    /// How it ended.
    pub ended: bool,
    /// Of a refusal.
    pub refused: bool,
    /// Whether libssl reports the end of the call under way to an info callback of the program's.
    pub unseen: bool,
    /// Whether the program's function runs now.
    pub running: bool,
}

/// What a server's connection showed until a client asked for one of the server's names.
pub struct BeforeName {
    /// That.
    pub all: AllShown,
    /// The one in use of those that it was given for the name.
    pub of_name: X509,
}

/// The changeable part of a [`ConnectionState`].
#[derive(Clone, Default)]
pub struct Known {
    /// The guard of the context that the handshake began with, also when the program swaps the context later.
    pub guard: Option<Arc<Guard>>,
    /// The same, where nothing replaces it before the handshake is over: libssl goes on asking that context about tickets.
    pub guard_of_tickets: Option<Arc<Guard>>,
    /// The host that `hostlock_conn_set_host` named.
    pub host: Option<Reference>,
    /// The host for the case that nothing else names one, or why there is none.
    pub fallback: Option<Result<Reference>>,
    /// What the observer knew of the host, where nothing named one, and the client random by which it was asked.
    pub learned: Option<Box<(Learned, Option<[u8; 32]>)>>,
    /// The SNI that was set because it was learned: it is not the program's.
    pub learned_sni: Option<String>,
    /// Why naming a host failed, until it succeeds.
    pub poison: Option<Error>,
    /// The judgement.
    pub verdict: Verdict,
    /// The verdict on the handshake before this one, and that handshake's Finished message.
    pub earlier: Option<(Verdict, Vec<u8>)>,
    /// Our side's random value in the handshake that was seen to its end: it tells a later one of which no hook hears.
    pub random: Option<[u8; 32]>,
    /// Whether the stapled OCSP answer, or its absence, has been judged.
    pub staple_judged: bool,
    /// The names that the program had set when a handshake with Encrypted ClientHello began that has not succeeded.
    pub ech_names: Option<Vec<u8>>,
    /// The generation of the context's settings that the handshake began with.
    pub generation: u64,
    /// The session id context that a server's connection was given.
    pub id_context: Option<GivenId>,
    /// Whether this handshake has marked its session, when it verified the client's certificate.
    pub is_session_marked: bool,
    /// By what a hardened server judges clients, where its program's id context was left: of the context at the start.
    pub begun_as: Option<Id>,
    /// Whether the context's observer knows how the connection's first handshake ended.
    pub told: bool,
    /// Whether it knows of a refusal.
    pub told_of_refusal: bool,
    /// What the program's listener has been told of the handshake.
    pub told_events: Told,
    /// Whom the handshake is with, where an observer wants to know of its end.
    pub begun_with: Option<Peer>,
    /// Why libssl itself ended the handshake, where it was not for a verdict.
    pub failure: Option<Error>,
    /// The fatal alert that libssl sent, or tried to send.
    pub sent_alert: Option<u8>,
    /// Whether a call of ours has met the end of the connection and has reported it.
    pub end_reported: bool,
    /// The error after which no call of ours goes on; until SSL_clear each gives the same.
    pub ended: Option<Error>,
    /// Why the connection ended, found behind data that a read gave; the next call tells it.
    pub found_ahead: Option<Error>,
    /// The address and the length of a write that libssl has begun and not finished.
    pub unfinished: Option<(usize, usize)>,
    /// What its session may be kept for, on a connection that hostlock opened.
    pub resumption: Option<Box<Resumption>>,
    /// The application's info callback, which ours calls.
    pub app_info: Option<sys::InfoCallback>,
    /// The security callback that a program put in place of ours; asked in addition.
    pub app_security: Option<sys::SecurityCallback>,
    /// How long a call may take, where it is not the context's time.
    pub timeout_ms: Option<u32>,
    /// The name that a server's client asks for, where the server has names.
    pub asked_name: Option<Vec<u8>>,
    /// The one of the server's names whose certificates it is shown.
    pub served_name: Option<String>,
    /// What it showed before it was given those.
    pub shown_before_name: Option<Arc<BeforeName>>,
    /// Whether it shows the certificates that a reload has put in place of its context's.
    pub shows_reloaded: bool,
    /// The name asked for, as the C ABI lends it out.
    pub lent_sni: Option<CString>,
    /// The verified host, as the C ABI lends it out.
    pub lent_host: Option<CString>,
    /// The application protocol, likewise.
    pub lent_alpn: Option<CString>,
    /// Whether the application's info callback runs now: one that calls the callback it replaced, which is ours, must
    /// not be called by it again.
    pub in_app_info: bool,
    /// The same for the application's security callback.
    pub in_app_security: bool,
}

/// See the module's text. The lock is never held while foreign code runs.
#[derive(Default)]
pub struct ConnectionState {
    known: Mutex<Known>,
    /// Whether data may pass without a further question, as long as the handshake is complete.
    open: AtomicBool,
    /// A transport of ours that stands in for the program's socket BIO while a call of ours runs.
    pub courier: BioSlot,
}

impl ConnectionState {
    /// The state, locked.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether data may pass without a further question, as long as the handshake is complete.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Sets what [`ConnectionState::is_open`] answers; `conn` is the connection of this state.
    pub fn set_open(&self, conn: Conn<'_>, open: bool) {
        self.open.store(open, Ordering::Relaxed);
        if open { open_connections::remember(conn) } else { open_connections::forget(conn.as_ptr().addr()) }
    }

    /// Tells the observer of a connection that ends, or begins anew, before anything was told of its end. The `SSL` may be
    /// gone already.
    pub fn tell_given_up(&self) {
        let (peer, observer, why) = {
            let mut known = self.known();
            let (false, Some(peer)) = (known.told, known.begun_with.take()) else { return };
            let Some(observer) = known.guard.as_deref().and_then(Guard::observer) else { return };
            let why = match &known.verdict {
                Verdict::Refused(error) => Some(error.clone()),
                _ => known.failure.clone(),
            };
            known.told = true;
            (peer, observer, why)
        };
        observer.given_up(&peer, &why.unwrap_or_else(given_up));
    }

    /// The state of `conn`, if there is one yet.
    #[inline]
    pub fn of(conn: Conn<'_>) -> Option<&ConnectionState> {
        STATES.of_last(conn, &LAST)
    }

    /// The state of `conn`, made where there is none yet. Not while an `SSL` is being constructed.
    pub fn ensure(conn: Conn<'_>) -> Result<&ConnectionState> {
        if let Some(state) = ConnectionState::of(conn) {
            return Ok(state);
        }
        STATES.hang(conn, Arc::default())?;
        ConnectionState::of(conn).ok_or_else(|| Error::new(Status::EInternal, "the connection lost its data"))
    }
}

fn given_up() -> Error {
    Error::new(Status::EClosed, "the program gave the connection up before its handshake was complete")
        .with_hint("the peer may be slow or silent; where an info callback of the program's own stood, libssl may know more")
}

impl Drop for ConnectionState {
    fn drop(&mut self) {
        self.tell_given_up();
    }
}

static STATES: Place<ffi::SSL, ConnectionState> = Place::copied(for_a_copy, open_connections::forget);

thread_local! {
    /// libssl asks the security callback some eighty times a handshake.
    static LAST: Last<ffi::SSL, ConnectionState> = const { Last::nothing() };
}

/// What `SSL_dup` gives the copy: the host and the callbacks; but it must earn its own verdict.
fn for_a_copy(original: &ConnectionState) -> ConnectionState {
    let mut known = original.known().clone();
    known.verdict = Verdict::Pending;
    known.earlier = None;
    known.random = None;
    known.learned = None;
    known.staple_judged = false;
    known.is_session_marked = false;
    known.failure = None;
    (known.told, known.told_of_refusal, known.begun_with) = (false, false, None);
    known.told_events = Told::default();
    (known.sent_alert, known.end_reported) = (None, false);
    (known.in_app_info, known.in_app_security) = (false, false);
    (known.ended, known.found_ahead, known.unfinished, known.resumption) = (None, None, None, None);
    let copy = ConnectionState::default();
    *copy.known() = known;
    copy
}
