//! The seal of this process: what was chosen when it was put on, and what it has counted since. There is one, and it
//! stays.

use std::net::SocketAddr;
use std::sync::OnceLock;

use openssl::sha::sha256;

use crate::audit;
use crate::audit::defaults::Defaults;
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::guard::observer::{End, Learned, Observer, Occasion, Peer};
use crate::handshake::{expected_host, learned};
use crate::json::Object;
use crate::libssl::Conn;
use crate::libssl::method::Side;
use crate::libssl::queue::Quiet;
use crate::os::clock::now;
use crate::os::{errno, images, socket};
use crate::policy::Choice;
use crate::seal::allow;
use crate::seal::allow::Seen;
use crate::seal::host_source;
use crate::seal::journal;
use crate::seal::register::{Event, Outcome, Register};

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
    /// What contexts are like here before a program touches them, where audits are written down.
    pub defaults: OnceLock<Defaults>,
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
        Seal { choice, mode: mode.clone(), register: Register::default(), defaults: OnceLock::new() }
    });
    let same_kind = std::mem::discriminant(&seal.mode) == std::mem::discriminant(&mode);
    if same_kind && seal.choice.name() == choice.name() {
        return Ok((seal, fresh));
    }
    let (holds, wanted) = (seal.choice.name(), choice.name());
    let (holds_mode, wanted_mode) = (seal.mode.name(), mode.name());
    let what = format!(
        "this process is sealed already, with policy {holds:?} in mode {holds_mode}, and that stays; what was asked for now is \
         policy {wanted:?} in mode {wanted_mode}"
    );
    Err(Error::new(Status::EState, what).with_hint(how_to_seal_otherwise(&mode, same_kind, &wanted)))
}

/// What to do for a seal of `mode`, and of the policy `wanted`, in place of the one that is on.
fn how_to_seal_otherwise(mode: &Mode, same_kind: bool, wanted: &str) -> String {
    // The initialiser seals before the program begins.
    if std::env::var_os("HOSTLOCK_SEAL").is_none() {
        return "the first seal of a process holds: make this call before the other, or leave that out".to_owned();
    }
    match mode {
        _ if same_kind => format!("hostlock run, or HOSTLOCK_SEAL in the environment, has sealed it: give that --policy {wanted}"),
        Mode::Enforce => "hostlock run --report, or HOSTLOCK_SEAL in the environment, has sealed it: leave --report out to have the \
                          program refused what is not safe"
            .to_owned(),
        Mode::ReportOnly(_) => "hostlock run, or HOSTLOCK_SEAL in the environment, has sealed it, and what refuses is never loosened: \
                                use hostlock run --report"
            .to_owned(),
    }
}

impl Seal {
    /// Writes down what a context that is only watched is like, at the end of its first handshake: then the program has
    /// set it up.
    fn audit(&self, conn: Conn<'_>) {
        if self.mode == Mode::Enforce || !journal::is_open() {
            return;
        }
        let first = Guard::of_conn(conn).is_some_and(Guard::claim_first_connection);
        // Where nothing was gathered before the program made contexts, nothing is told apart.
        let audited = || match self.defaults.get() {
            Some(defaults) => audit::connection_beside(conn, defaults),
            None => audit::connection(conn),
        };
        if !first {
            return;
        }
        if let Ok(report) = audited() {
            journal::write("audit", now(), |object| {
                object.raw("report", &report.to_json()).text("text", &report.to_text());
            });
        }
    }

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

    /// Counts a context. The first is written down: a process that ends without a word has made one at least.
    pub fn count_context(&self, side: Side, later: bool) {
        if self.register.count_context(side, later) {
            journal::write("first_context", now(), |object| {
                object.number("contexts", 1);
            });
        }
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

impl Observer for Seal {
    fn exception(&self, occasion: &Occasion<'_>) -> Option<String> {
        if allow::is_empty() {
            return None;
        }
        let _kept = errno::Kept::now();
        let hosts = occasion.wanted.map(|wanted| wanted.references().map(|host| host.text().into_owned()).collect());
        let leaf = occasion.leaf.and_then(|leaf| leaf.to_der().ok()).map(|der| sha256(&der));
        let address = host_source::peer(occasion.conn).map(|address| address.ip());
        allow::find(&Seen { hosts: hosts.unwrap_or_default(), address, leaf }, now())
    }

    fn knows_hosts(&self) -> bool {
        host_source::is_set()
    }

    fn learned(&self, conn: Conn<'_>, random: Option<&[u8; 32]>) -> Learned {
        host_source::learned(conn, random)
    }

    fn ended(&self, conn: Conn<'_>, peer: Peer, end: &End) {
        let _kept = errno::Kept::now();
        let (outcome, host, error, allowed) = match end {
            End::Connected(host) => (Outcome::Connected, host.clone(), None, None),
            End::Refused(error) => (Outcome::Refused, None, Some(error), None),
            End::WouldRefuse(error) => (Outcome::WouldRefuse, None, Some(error), None),
            End::Excused(excused) => (Outcome::Excused, None, Some(&excused.refusal), Some(excused.by.clone())),
            End::Failed(error) => (Outcome::Failed, None, Some(error), None),
            End::Served => (Outcome::Served, None, None, None),
        };
        // What the policy's floor ended would have been encrypted without the seal, however badly.
        let by_policy = matches!(error.map(Error::status), Some(Status::ENoCommonVersion | Status::ENoCommonCipher));
        if matches!(outcome, Outcome::Refused | Outcome::WouldRefuse)
            || outcome == Outcome::Failed && by_policy && self.mode == Mode::Enforce
        {
            host_source::tell_refused(conn);
        }
        self.audit(conn);
        let learned = learned::of_handshake(conn);
        // A BIO that connects by itself has no socket yet when the handshake begins, and one in memory never has.
        let address = peer
            .address
            .or_else(|| learned.as_ref().and_then(|learned| learned.peer.clone()))
            .or_else(|| journal::is_open().then(|| host_source::peer(conn)).flatten().as_ref().map(SocketAddr::to_string));
        let of_error = || error.and_then(|error| error.host()).map(str::to_owned);
        let host = host.or_else(of_error).or(peer.host);
        self.record(Event { outcome, host, error: error.cloned(), peer: address, allowed, learned, time: now() });
    }

    fn peer_of(&self, conn: Conn<'_>) -> Peer {
        // A handshake that begins must not meet what was left on the queue by a look.
        let (_kept, _quiet) = (errno::Kept::now(), Quiet::begin());
        // What a client asks a server for is the client's word, and there is no end to it.
        let host = if conn.is_server() { None } else { expected_host::named(conn) };
        Peer { host, address: conn.descriptors().0.and_then(socket::peer).as_ref().map(SocketAddr::to_string) }
    }

    fn given_up(&self, peer: &Peer, why: &Error) {
        let _kept = errno::Kept::now();
        let (host, address, error) = (peer.host.clone(), peer.address.clone(), Some(why.clone()));
        let outcome = Outcome::Failed;
        self.record(Event { outcome, host, error, peer: address, allowed: None, learned: None, time: now() });
    }
}
