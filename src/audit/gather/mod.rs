//! Reads the facts of a context or a connection. It changes nothing, runs nothing of the program's, and leaves the error
//! queue as it was.

mod verification;

use std::ffi::{CStr, c_int};

use openssl::x509::store::X509StoreRef;
use openssl_sys as ffi;

use crate::audit::certificate;
use crate::audit::facts::*;
use crate::audit::versions::VERSIONS;
use crate::guard::{Guard, Regime};
use crate::libssl::queue::Quiet;
use crate::libssl::security::Level;
use crate::libssl::{self, Conn, Ctx, certificate_words, method, sys};
use crate::os::clock;
use crate::role::Role;
use crate::trust::store;


/// A context, or a connection with its context. It is only read.
#[derive(Clone, Copy)]
enum Place<'a> {
    Context(Ctx<'a>),
    Connection(Conn<'a>),
}

/// The facts of `ctx`.
pub fn of_context(ctx: Ctx<'_>) -> Facts {
    Place::Context(ctx).facts()
}

/// The facts of `conn`.
pub fn of_connection(conn: Conn<'_>) -> Facts {
    Place::Connection(conn).facts()
}

impl<'a> Place<'a> {
    fn facts(self) -> Facts {
        let _quiet = Quiet::begin();
        let (method, side_of_method) = self.ctx().method();
        let found = Guard::of(self.ctx());
        // Hooks that only watch change nothing: the context is what it would be without them.
        let (watching, guard) = match found {
            Some(guard) if guard.regime() == Regime::ReportOnly => (Some(guard), None),
            other => (None, other),
        };
        let side = self.side(guard, side_of_method);
        let (mut replaced, mut protocol) = (verification::replaced(self.ctx()), self.protocol());
        if let Some(watching) = watching {
            let own = watching.app_cert_verify().is_some();
            replaced = if own { Replaced::ByProgram } else { Replaced::No };
            protocol.security = super::security::whose(watching.previous_security);
        }
        // What a callback of the program's permits is not asked.
        let level = if protocol.security == Security::Program { None } else { Level::at(protocol.level) };
        protocol.permitted = versions_at(level.as_ref());
        Facts {
            object: if matches!(self, Place::Context(_)) { Object::Context } else { Object::Connection },
            method,
            side,
            verification: self.verification(replaced),
            suites: self.suites(level.as_ref()),
            trust: self.trust(guard),
            own: self.own_certificate(),
            habits: self.habits(),
            guarded: guard.map(|guard| guarded(guard, replaced)),
            protocol,
            handshake: self.handshake(),
            probe: Probe::NotMade,
            now: clock::now(),
        }
    }

    fn ctx(self) -> Ctx<'a> {
        match self {
            Place::Context(ctx) => ctx,
            Place::Connection(conn) => conn.ctx(),
        }
    }

    /// A connection of a method for both sides counts as a server's until it is told otherwise.
    fn side(self, guard: Option<&Guard>, of_method: Side) -> Side {
        if let Some(guard) = guard.filter(|guard| !guard.either_side) {
            return if guard.role == Role::Client { Side::Client } else { Side::Server };
        }
        match (of_method, self) {
            (Side::Either, Place::Connection(conn)) if !conn.is_server() => Side::Client,
            (Side::Either, Place::Connection(conn)) if !conn.is_in_before() => Side::Server,
            (side, _) => side,
        }
    }

    fn protocol(self) -> Protocol {
        let (min, max, options, level, callback) = match self {
            Place::Context(ctx) => (
                ctx.control(ffi::SSL_CTRL_GET_MIN_PROTO_VERSION, 0),
                ctx.control(ffi::SSL_CTRL_GET_MAX_PROTO_VERSION, 0),
                ctx.options(),
                ctx.security_level(),
                ctx.security_callback(),
            ),
            Place::Connection(conn) => (
                conn.min_version(),
                conn.max_version(),
                conn.options(),
                conn.security_level(),
                conn.security_callback(),
            ),
        };
        Protocol {
            min: c_int::try_from(min).unwrap_or(0),
            max: c_int::try_from(max).unwrap_or(0),
            options,
            level,
            security: super::security::whose(callback),
            permitted: Vec::new(),
        }
    }

    fn suites(self, level: Option<&Level>) -> Vec<Suite> {
        let suites = match self {
            Place::Context(ctx) => ctx.suites(),
            Place::Connection(conn) => conn.suites(),
        };
        suites.into_iter().map(|of_libssl| suite(of_libssl, level)).collect()
    }

    /// The store that peers are verified with.
    fn store(self) -> Option<&'a X509StoreRef> {
        match self {
            Place::Context(ctx) => ctx.effective_store(),
            Place::Connection(conn) => conn.effective_store(),
        }
    }

    fn trust(self, guard: Option<&Guard>) -> Trust {
        if let Some(guard) = guard {
            return match guard.anchors.count(self.ctx()) {
                Ok(0) => Trust::Empty,
                Ok(count) => Trust::Holds(count),
                Err(error) => Trust::Unknown(error.message().to_owned()),
            };
        }
        match self.store().map(store::contents) {
            None | Some((0, Some(0))) => Trust::Empty,
            Some((0, Some(_))) => Trust::MayFind,
            Some((0, None)) => Trust::Unknown("this OpenSSL does not show whether a directory was named".to_owned()),
            Some((count, _)) => Trust::Holds(count),
        }
    }

    fn own_certificate(self) -> Option<OwnCertificate> {
        // After a reload the context itself still holds what it was given at first.
        if let Place::Context(ctx) = self
            && let Some(settings) = Guard::of(ctx).map(Guard::settings).filter(|settings| settings.own_is_fresh)
        {
            return settings.own.last().map(|own| certificate::of_credential(&own.shown));
        }
        let own = match self {
            Place::Context(ctx) => ctx.own_certificate(),
            Place::Connection(conn) => conn.own_certificate(),
        };
        own.as_ref().map(certificate::read)
    }

    fn habits(self) -> Habits {
        let cache = self.ctx().control(sys::SSL_CTRL_GET_SESS_CACHE_MODE, 0);
        Habits {
            client_sessions: cache & ffi::SSL_SESS_CACHE_CLIENT != 0,
            key_log: self.ctx().keylog_callback().is_some(),
            quiet_shutdown: match self {
                Place::Context(ctx) => ctx.is_quiet_at_shutdown(),
                Place::Connection(conn) => conn.is_quiet_at_shutdown(),
            },
        }
    }

    fn handshake(self) -> Option<Handshake> {
        let Place::Connection(conn) = self else { return None };
        if !conn.is_init_finished() {
            return None;
        }
        let code = conn.verify_result() as c_int;
        Some(Handshake {
            peer_certificate: conn.peer_certificate().is_some(),
            refusal: (code != ffi::X509_V_OK).then(|| certificate_words::code_text(code)),
        })
    }
}

/// The versions that libssl speaks and that the level lets through.
fn versions_at(level: Option<&Level>) -> Vec<c_int> {
    let known = VERSIONS.iter().map(|version| version.number);
    let known = known.filter(|number| *number != ffi::SSL3_VERSION || method::knows_ssl3());
    known.filter(|number| level.is_none_or(|level| level.permits_version(*number))).collect()
}

fn guarded(guard: &Guard, replaced: Replaced) -> Guarded {
    let settings = guard.settings();
    let waivers = settings.waivers.iter();
    Guarded {
        // A program's context keeps the program's callback: the next handshake puts ours before it.
        in_place: matches!(replaced, Replaced::ByHostlock | Replaced::Unknown) || guard.regime() != Regime::Own,
        waivers: waivers.map(|(waiver, why)| (lossy(waiver.name()), lossy(why))).collect(),
        cn_fallback: settings.match_rules.cn_fallback,
        poison: guard.check_not_poisoned().err().map(|error| error.message().to_owned()),
        verify_time: settings.verify_time,
    }
}

fn suite(suite: libssl::Suite, level: Option<&Level>) -> Suite {
    Suite {
        name: suite.name().to_owned(),
        id: suite.id(),
        key_exchange: suite.key_exchange(),
        authentication: suite.authentication(),
        cipher: suite.cipher(),
        digest: suite.digest(),
        bits: suite.bits(),
        aead: suite.is_aead(),
        permitted: level.is_none_or(|level| level.permits_suite(suite)),
    }
}

fn lossy(text: &CStr) -> String {
    text.to_string_lossy().into_owned()
}
