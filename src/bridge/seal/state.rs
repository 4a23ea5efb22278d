//! The seal of this process: what was chosen when it was put on, and what it has counted since. There is one, and it
//! stays.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::sha::sha256;
use openssl_sys as ffi;

use super::allow::{self, Seen};
use super::register::{Event, Outcome, Register};
use super::{images, journal, peer};
use crate::error::{Error, Result, Status};
use crate::json::Object;
use crate::policy::Choice;
use crate::verify::overseer::{End, Occasion, Overseer};
use crate::verify::wanted;

/// Whether the seal refuses, or only says what it would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It refuses.
    Enforce,
    /// It only says; for this reason.
    ReportOnly(String),
}

impl Mode {
    /// Its name in the report and in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::ReportOnly(_) => "report-only",
        }
    }
}

/// See the module's text.
pub struct Seal {
    /// The policy.
    pub choice: Choice,
    /// Whether it refuses.
    pub mode: Mode,
    /// What it has counted.
    pub register: Register,
}

static SEAL: OnceLock<Seal> = OnceLock::new();

/// The seal, where the process is sealed.
pub fn current() -> Option<&'static Seal> {
    SEAL.get()
}

/// Puts the seal on; whether it is a new one. Another than the one that is on already is refused.
pub fn choose(choice: Choice, mode: Mode) -> Result<(&'static Seal, bool)> {
    let mut fresh = false;
    let seal = SEAL.get_or_init(|| {
        fresh = true;
        Seal { choice, mode: mode.clone(), register: Register::default() }
    });
    let same_kind = std::mem::discriminant(&seal.mode) == std::mem::discriminant(&mode);
    if same_kind && seal.choice.name() == choice.name() {
        return Ok((seal, fresh));
    }
    Err(Error::new(
        Status::EState,
        format!("this process is sealed already, with policy {:?} in mode {:?}", seal.choice.name(), seal.mode.name()),
    )
    .with_hint("a seal cannot be changed or taken off; start the process again to seal it otherwise"))
}

/// Now, in Unix seconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(since).unwrap_or(i64::MAX)
}

impl Seal {
    /// Everything that was seen, as a JSON object.
    pub fn to_json(&self) -> String {
        let mut object = Object::new();
        object.text("mode", self.mode.name()).text("policy", &self.choice.name());
        if let Mode::ReportOnly(reason) = &self.mode {
            object.text("reason", reason);
        }
        object.number("pid", std::process::id().into());
        self.register.describe(&mut object);
        object.raw("allowed", &allow::to_json()).texts("other_tls", &images::others());
        object.finish()
    }

    /// Counts the end of a connection and writes it down.
    pub fn record(&self, event: Event) {
        journal::write(event.outcome.name(), event.time, |object| {
            object.number("contexts", i64::try_from(self.register.contexts()).unwrap_or(i64::MAX));
            event.describe(object);
        });
        self.register.count(event);
    }
}

/// The exception that fits a connection whose certificate was refused, if there is one; its use is counted.
///
/// # Safety
/// As for [`Overseer::excuses`].
pub unsafe fn exception(occasion: &Occasion<'_>) -> Option<String> {
    if allow::is_empty() {
        return None;
    }
    let mut hosts: Vec<String> = Vec::new();
    if let Some(wanted) = occasion.wanted {
        hosts.extend(wanted.references().map(|reference| reference.text().into_owned()));
    }
    let leaf = occasion.leaf.and_then(|leaf| leaf.to_der().ok()).map(|der| sha256(&der));
    // SAFETY: as the caller promises.
    let address = unsafe { peer::address(occasion.ssl) };
    allow::find(&Seen { hosts, address: address.map(|address| address.ip()), leaf }, now())
}

/// An event with what the connection itself tells.
///
/// # Safety
/// `ssl` is a live `SSL` in the thread that uses it.
pub unsafe fn event(ssl: *mut ffi::SSL, outcome: Outcome, host: Option<String>, error: Option<Error>) -> Event {
    // SAFETY: as the caller promises.
    let peer = unsafe { peer::address(ssl) }.as_ref().map(SocketAddr::to_string);
    // SAFETY: as above.
    let named = || unsafe { wanted::named(ssl) };
    Event { outcome, host: host.or_else(named), error, peer, allowed: None, time: now() }
}

impl Overseer for Seal {
    unsafe fn excuses(&self, occasion: &Occasion<'_>) -> bool {
        // SAFETY: as the caller promises.
        unsafe { exception(occasion) }.is_some()
    }

    unsafe fn ended(&self, ssl: *mut ffi::SSL, end: &End) {
        let (outcome, host, error) = match end {
            End::Connected(host) => (Outcome::Connected, host.clone(), None),
            End::Refused(error) => (Outcome::Refused, error.host().map(str::to_owned), Some(error.clone())),
            End::WouldRefuse(error) => (Outcome::WouldRefuse, error.host().map(str::to_owned), Some(error.clone())),
            End::Excused(error) => (Outcome::Excused, error.host().map(str::to_owned), Some(error.clone())),
            End::Failed(error) => (Outcome::Failed, None, Some(error.clone())),
            End::Served => (Outcome::Served, None, None),
        };
        // SAFETY: as the caller promises.
        self.record(unsafe { event(ssl, outcome, host, error) });
    }
}
