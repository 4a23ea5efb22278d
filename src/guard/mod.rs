//! What a context knows beyond its `SSL_CTX`: policy, role, host, trust, and which of its set-up calls failed.
//! One lives in the ex_data of every context that hostlock guards, and it is shared with the context's connections.
#![forbid(unsafe_code)]

mod attach;
mod tickets;
pub mod case;
pub mod crls;
pub mod kept_sessions;
pub mod key_log;
pub mod last;
pub mod observer;
pub mod settings;
pub mod stores;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use crate::chain::known_anchor::KnownAnchor;
use crate::error::{Error, Result, Status};
use crate::libssl::Conn;
use crate::libssl::layout::CertVerify;
use crate::libssl::method;
use crate::libssl::sys;
use crate::policy::{Choice, Policy};
use crate::role::Role;
use crate::trust::Anchors;
use crate::trust::decode::Broken;
use kept_sessions::KeptSessions;
use last::{LastMark, LastName};
use observer::Observer;
pub use settings::{Family, Settings};
use stores::Stores;
use tickets::Tickets;

/// Who made a context, and with it how far hostlock goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Regime {
    /// hostlock made it.
    Own,
    /// A program made it and had it hardened.
    Hardened,
    /// A program made it and knows nothing of hostlock: what its servers ask of their clients stays as it was set up.
    Sealed,
    /// As above; and nothing is changed or refused, only looked at.
    ReportOnly,
}

impl Regime {
    fn of_byte(byte: u8) -> Regime {
        const HARDENED: u8 = Regime::Hardened as u8;
        const SEALED: u8 = Regime::Sealed as u8;
        const REPORT_ONLY: u8 = Regime::ReportOnly as u8;
        match byte {
            HARDENED => Regime::Hardened,
            SEALED => Regime::Sealed,
            REPORT_ONLY => Regime::ReportOnly,
            _ => Regime::Own,
        }
    }
}

/// What the hooks stand in front of on a context that a program made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Displaced {
    /// Its security callback, or libssl's own.
    pub security: Option<sys::SecurityCallback>,
    /// Its info callback.
    pub info: Option<sys::InfoCallback>,
    /// Its certificate verify callback.
    pub cert_verify: Option<CertVerify>,
}

/// See the module's text.
pub struct Guard {
    /// The policy that the context keeps.
    pub policy: &'static Policy,
    /// The side it is for; where it serves either, the one that calls without a connection mean.
    pub role: Role,
    /// Whether it serves either side: each connection says which.
    pub either_side: bool,
    /// The trust anchors.
    pub anchors: Anchors,
    /// What becomes of broken certificates among those that the program names.
    pub broken_anchors: Broken,
    /// The security callback that was in place before ours.
    pub previous_security: Option<sys::SecurityCallback>,
    /// Whether that is libssl's own.
    pub previous_is_libssls: bool,
    regime: AtomicU8,
    app_info: Option<sys::InfoCallback>,
    app_cert_verify: Mutex<Option<CertVerify>>,
    observer: OnceLock<&'static dyn Observer>,
    connected_before: AtomicBool,
    /// Whether a connection was made, so that what OpenSSL keeps without a lock may not be changed.
    frozen: AtomicBool,
    /// Whether the hook that chooses among a server's names is in place.
    has_names: AtomicBool,
    /// Random, so that a session's mark fits this context only.
    nonce: [u8; 32],
    /// The mark that was computed last.
    pub(crate) last_mark: LastMark,
    /// The stores that verified its peers.
    pub(crate) stores: Stores,
    /// The sessions of its connections that have ended.
    pub(crate) kept_sessions: KeptSessions,
    /// The host of OpenSSL's parameters that was understood last.
    pub(crate) last_name: LastName,
    /// The anchor that kept the rules last.
    pub(crate) known_anchor: KnownAnchor,
    /// How many marks that fit no session were given out.
    unmatchable: AtomicU64,
    settings: RwLock<Settings>,
    loading: Mutex<()>,
    app_status: Mutex<Option<sys::StatusCallback>>,
    tickets: Option<Tickets>,
}

/// What a guard is made for.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    /// The side.
    pub role: Role,
    /// Whether each connection says which side it is.
    pub either_side: bool,
    /// Who made the context.
    pub regime: Regime,
    /// What the hooks will stand in front of.
    pub displaced: Displaced,
}

impl Guard {
    /// A guard for a context.
    pub fn new(choice: Choice, anchors: Anchors, post: Post) -> Result<Guard> {
        let mut nonce = [0; 32];
        openssl::rand::rand_bytes(&mut nonce)
            .map_err(|e| Error::new(Status::EInternal, format!("OpenSSL gives no random bytes: {e}")))?;
        Ok(Guard {
            policy: choice.policy,
            broken_anchors: if choice.skip_broken { Broken::Skip } else { Broken::Refuse },
            role: post.role,
            either_side: post.either_side,
            anchors,
            previous_security: post.displaced.security,
            previous_is_libssls: post.displaced.security.is_some_and(method::is_libssls_security_callback),
            regime: AtomicU8::new(post.regime as u8),
            app_info: post.displaced.info,
            app_cert_verify: Mutex::new(post.displaced.cert_verify),
            observer: OnceLock::new(),
            connected_before: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            has_names: AtomicBool::new(false),
            nonce,
            last_mark: LastMark::default(),
            stores: Stores::default(),
            kept_sessions: KeptSessions::default(),
            last_name: LastName::default(),
            known_anchor: KnownAnchor::default(),
            unmatchable: AtomicU64::new(0),
            settings: RwLock::new(Settings::new(choice, post.regime)),
            loading: Mutex::new(()),
            app_status: Mutex::new(None),
            tickets: if post.role == Role::Server && post.regime == Regime::Own { Some(Tickets::new()?) } else { None },
        })
    }

    /// The side of one connection, inside of its handshake or after it.
    pub fn role_on(&self, conn: Conn<'_>) -> Role {
        match self.either_side {
            true if conn.is_server() => Role::Server,
            true => Role::Client,
            false => self.role,
        }
    }

    /// Refuses a connection that goes out from a context that only serves (`SSL_set_ssl_method`): its settings and hooks
    /// judge clients.
    pub fn check_side(&self, conn: Conn<'_>) -> Result<()> {
        if self.role == Role::Server && !self.either_side && !conn.is_server() {
            return Err(Error::new(Status::EState, "this connection goes out, but its context was made to serve")
                .with_hint("make it from a context of hostlock_client_new, TLS_client_method or TLS_method"));
        }
        Ok(())
    }

    /// Who made the context.
    pub fn regime(&self) -> Regime {
        Regime::of_byte(self.regime.load(Ordering::Acquire))
    }

    /// From here on the context is treated as one that the program wants hardened.
    pub fn harden(&self) {
        if self.regime() != Regime::Own {
            self.regime.store(Regime::Hardened as u8, Ordering::Release);
        }
    }

    /// The info callback that the program had set on the context before ours was.
    pub fn app_info(&self) -> Option<sys::InfoCallback> {
        self.app_info
    }

    /// The program's own certificate verify callback, which ours calls: it may refuse, never accept.
    pub fn app_cert_verify(&self) -> MutexGuard<'_, Option<CertVerify>> {
        self.app_cert_verify.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who learns how this context's connections end.
    pub fn observer(&self) -> Option<&'static dyn Observer> {
        self.observer.get().copied()
    }

    /// Names who learns how this context's connections end; the first name stays.
    pub fn set_observer(&self, observer: &'static dyn Observer) {
        let _ = self.observer.set(observer);
    }

    /// Says once that it is the first: to the observer, when the context's first handshake has ended.
    pub fn claim_first_connection(&self) -> bool {
        !self.connected_before.swap(true, Ordering::Relaxed)
    }

    /// A connection of the context is made.
    pub fn freeze(&self) {
        // Written once, so that threads do not take the line from each other.
        if !self.frozen.load(Ordering::Relaxed) {
            self.frozen.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the hook that chooses among a server's names is in place.
    pub fn has_names(&self) -> bool {
        self.has_names.load(Ordering::Relaxed)
    }

    /// That hook is in place from now on.
    pub fn note_names(&self) {
        self.has_names.store(true, Ordering::Relaxed);
    }

    /// Refuses `call` once a connection was made. It is asked before the call does anything, so that a running server goes
    /// on as it was.
    pub fn check_not_frozen(&self, call: &str) -> Result<()> {
        if !self.frozen.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(Error::new(Status::EFrozen, format!("{call} comes too late: connections of this context were made already"))
            .with_hint("call it before the first connection, or make a new context"))
    }

    /// The program's own status callback, which ours calls.
    pub fn app_status(&self) -> MutexGuard<'_, Option<sys::StatusCallback>> {
        self.app_status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What makes a session's mark this context's.
    pub fn mark_nonce(&self) -> [u8; 32] {
        self.nonce
    }

    /// A mark that no verified session bears, and that is never given twice.
    pub fn unmatchable_mark(&self) -> [u8; 32] {
        let count = self.unmatchable.fetch_add(1, Ordering::Relaxed);
        let mut mark = self.nonce;
        mark[24..].copy_from_slice(&count.to_be_bytes());
        mark
    }
}
