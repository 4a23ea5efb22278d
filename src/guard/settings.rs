//! What may be changed while a context lives, and how: every set-up call passes here. One that fails changes nothing and
//! poisons the context, so that its handshakes are refused until a call of the same family succeeds.

use std::ffi::{c_int, c_ulong};
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError, RwLockReadGuard, RwLockWriteGuard};

use crate::chain::exact::ExactCertificates;
use crate::chain::pins::Pin;
use crate::chain::waivers::{Waiver, Waivers};
use crate::credential::Credential;
use crate::credential::names::Names;
use crate::credential::staple::Staple;
use crate::credential::ticket_keys::KeyFile;
use crate::error::{Error, Result, Status};
use crate::guard::key_log::KeyLog;
use crate::guard::{Guard, Regime};
use crate::host::{MatchRules, Reference};
use crate::libssl::callback;
use crate::libssl::listener::Listener;
use crate::os::interrupt::Interrupt;
use crate::policy::{Check, Choice};
use crate::revocation::{Revocation, ocsp};

/// Set-up calls that cure each other's failure: a later success of one clears what an earlier failure poisoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Everything that chooses trust anchors.
    Trust,
    /// Everything that says which host is meant.
    Host,
    /// Loading CRLs.
    Crl,
    /// How CRLs are used.
    CrlMode,
    /// How stapled OCSP answers are used.
    Ocsp,
    /// Pinned keys.
    Pin,
    /// Certificates trusted as they are.
    Exact,
    /// Certificates of this side.
    OwnCertificate,
    /// Giving up one check.
    Insecure(Waiver),
    /// Everything else that sets one value: only the same function cures its own failure.
    Setting(&'static str),
}

/// What may be changed while the context lives.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The host of connections that name none of their own.
    pub host: Option<Reference>,
    /// Whom a server's clients must be: one of these; anybody where there is none.
    pub client_names: Vec<Reference>,
    /// Whether the SNI that a program set stands for the host where nothing else names one.
    pub host_from_sni: bool,
    /// How names are matched.
    pub match_rules: MatchRules,
    /// How long a connection of ours may take to be made, and any single read or write of it, in milliseconds.
    pub timeout_ms: u32,
    /// The file that gets the secrets of the connections.
    pub key_log: Option<KeyLog>,
    /// What is to be done when a signal interrupts a wait; nothing, where the program has not said.
    pub interrupt: Option<Interrupt>,
    /// Whom the program wants told of events on connections.
    pub listener: Option<Listener>,
    /// The checks that the program gave up.
    pub waivers: Waivers,
    /// CRLs and how they are used.
    pub revocation: Revocation,
    /// How stapled OCSP answers are used.
    pub ocsp: ocsp::Mode,
    /// The keys of which the chain must have one, where there are any.
    pub pins: Vec<Pin>,
    /// Certificates that are trusted as they are.
    pub exact: ExactCertificates,
    /// The moment to verify for, in Unix seconds, in place of now.
    pub verify_time: Option<i64>,
    /// The most intermediates of a chain, in place of the policy's number.
    pub verify_depth: Option<c_int>,
    /// `X509_V_FLAG_*` bits besides the policy's; each makes verification stricter.
    pub verify_flags: c_ulong,
    /// What certificates must keep besides the policy's checks.
    pub verify_checks: Vec<Check>,
    /// The certificates of this side that hostlock loaded.
    pub own: Vec<Arc<Credential>>,
    /// Whether a reload has changed them: the context itself still holds those of before.
    pub own_is_fresh: bool,
    /// The OCSP answers that a server staples.
    pub staples: Arc<[Arc<Staple>]>,
    /// The names of a server that have certificates of their own.
    pub names: Arc<Names>,
    /// Whether a server refuses clients that ask for other names.
    pub refuses_unknown_names: bool,
    /// The keys of a server's tickets, where a file was named.
    pub ticket_keys: Option<Arc<KeyFile>>,
    /// How many seconds a server's sessions may be resumed for, where the program has said.
    pub session_life: Option<u32>,
    /// The application protocols of this side, as they stand in a hello (RFC 7301 3.1); empty where none were named.
    pub alpn: Arc<[u8]>,
    /// Whether the context's connections go on from each other's sessions.
    pub resumes: bool,
    /// Counts the changes, so that a session from before a change is not resumed after it.
    generation: u64,
    /// What was last [said](Settings::words) of them.
    words: OnceLock<Arc<[u8]>>,
    poison: Vec<(Family, Error)>,
}

/// Thirty seconds: long enough for a slow network, short enough that nothing hangs.
const DEFAULT_TIMEOUT_MS: u32 = 30_000;

impl Settings {
    pub(super) fn new(choice: Choice, regime: Regime) -> Settings {
        Settings {
            host: None,
            client_names: Vec::new(),
            host_from_sni: regime != Regime::Own,
            match_rules: MatchRules { cn_fallback: choice.cn_fallback, ..MatchRules::default() },
            timeout_ms: DEFAULT_TIMEOUT_MS,
            key_log: None,
            interrupt: None,
            listener: None,
            waivers: Waivers::default(),
            revocation: Revocation::default(),
            ocsp: ocsp::Mode::default(),
            pins: Vec::new(),
            exact: ExactCertificates::default(),
            verify_time: None,
            verify_depth: None,
            verify_flags: 0,
            verify_checks: Vec::new(),
            own: Vec::new(),
            own_is_fresh: false,
            staples: Arc::new([]),
            names: Arc::default(),
            refuses_unknown_names: false,
            ticket_keys: None,
            session_life: None,
            alpn: Arc::new([]),
            resumes: true,
            generation: 0,
            words: OnceLock::new(),
            poison: Vec::new(),
        }
    }

    /// What `say` says of these settings. It is asked once after each change, as each handshake wants to know.
    pub fn words(&self, say: impl FnOnce(&Settings) -> Vec<u8>) -> &[u8] {
        self.words.get_or_init(|| say(self).into())
    }
}

impl Guard {
    /// The settings as they are now.
    pub fn settings(&self) -> RwLockReadGuard<'_, Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings, to be changed: what was [said](Settings::words) of them holds no more.
    fn settings_mut(&self) -> RwLockWriteGuard<'_, Settings> {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        settings.words = OnceLock::new();
        settings
    }

    /// Runs one set-up call. Where `prepare` fails nothing is changed and the context is poisoned: its handshakes are
    /// refused until a call of the same family succeeds; a panic is a failure too. Where it succeeds `commit` takes its
    /// result.
    pub fn configure<T>(
        &self,
        family: Family,
        call: &str,
        prepare: impl FnOnce() -> Result<T>,
        commit: impl FnOnce(&mut Settings, T),
    ) -> Result<()> {
        let prepared = callback::stopped(prepare)
            .unwrap_or_else(|| Err(Error::new(Status::EInternal, "a defect inside hostlock stopped the call")));
        match prepared {
            Ok(value) => {
                let mut settings = self.settings_mut();
                commit(&mut settings, value);
                settings.generation += 1;
                settings.poison.retain(|(poisoned, _)| *poisoned != family);
                Ok(())
            }
            Err(error) => {
                let why = format!("{call} failed earlier on this context: {}", error.message());
                let separator = if error.hint().is_empty() { "" } else { "; " };
                let hint = format!("make {call} succeed, or do not use this context{separator}{}", error.hint());
                let poison = Error::new(Status::EPoisoned, why).with_hint(hint);
                let mut settings = self.settings_mut();
                settings.poison.retain(|(poisoned, _)| *poisoned != family);
                settings.poison.push((family, poison));
                Err(error)
            }
        }
    }

    /// Changes the settings by something other than a set-up call: it neither poisons nor cures.
    pub fn update(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings_mut();
        change(&mut settings);
        settings.generation += 1;
    }

    /// The same for a reload; `is_another` says whether what peers are judged by has changed.
    pub fn reload(&self, is_another: bool, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings_mut();
        change(&mut settings);
        settings.generation += u64::from(is_another);
    }

    /// Held by a call that reads settings, works for long, and then replaces them; connections do not wait for it.
    pub fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses where a set-up call failed and nothing has cured it since.
    pub fn check_not_poisoned(&self) -> Result<()> {
        match self.settings().poison.first() {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The failure of a set-up call of `family` that nothing has cured since.
    pub fn poison(&self, family: Family) -> Option<Error> {
        self.settings().poison.iter().find(|(poisoned, _)| *poisoned == family).map(|(_, error)| error.clone())
    }

    /// How often the settings have been changed.
    pub fn generation(&self) -> u64 {
        self.settings().generation
    }
}
