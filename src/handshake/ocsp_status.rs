//! The stapled OCSP answer of a connection. Every client asks for one; libssl calls the status callback when the server
//! has sent its whole flight, in TLS 1.2 and 1.3 alike after the certificate was judged and before anything of the client's
//! own leaves: no certificate, no data. A program's own status callback is called after ours: it may refuse, never accept.

use std::ffi::c_ulong;
use std::ops::Deref;
use std::ptr;

use openssl::x509::X509Ref;
use openssl::x509::store::X509StoreRef;
use openssl_sys as ffi;

use crate::chain::waivers::Waiver;
use crate::chain::wishes::Wishes;
use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::hooks::{STAPLE, Staple};
use crate::handshake::{outcome, session, session_end, stapling};
use crate::libssl::callback::{self, Callback};
use crate::libssl::verification::crls_named;
use crate::libssl::{Conn, Ctx, queue, sys};
use crate::os::clock::now;
use crate::revocation::Revocation;
use crate::revocation::ocsp::{self, Mode, Question};
use crate::role::Role;

/// Puts the callback in place on a client's context, and has its connections ask for an answer.
pub fn install(ctx: Ctx<'_>) {
    ctx.set_status_callback(STAPLE);
    request(ctx, Mode::default());
}

/// The same on a server's, which is asked what it staples.
pub fn install_on_server(ctx: Ctx<'_>) {
    ctx.set_status_callback(STAPLE);
}

/// Whether new connections of the context ask for an answer.
pub fn request(ctx: Ctx<'_>, mode: Mode) {
    ctx.set_asks_for_ocsp(mode != Mode::Off);
}

/// Before a client's first byte: asks for an answer, and takes the callback's place again where a program has put its
/// own there, which ours then calls.
pub fn prepare(conn: Conn<'_>, guard: &Guard) {
    let ctx = conn.ctx();
    let mut slot = guard.app_status();
    let current = ctx.status_callback();
    if !current.is_some_and(|current| ptr::fn_addr_eq(current, STAPLE)) {
        *slot = current;
        // The lock keeps other connections from doing the same.
        ctx.set_status_callback(STAPLE);
    }
    drop(slot);
    if guard.settings().ocsp != Mode::Off {
        conn.ask_for_ocsp();
    }
}

/// Judges the answer of a handshake whose certificate was judged good, where the callback has not done so: because a
/// program replaced it during the handshake.
pub fn judge_late(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) -> Result<()> {
    if state.known().staple_judged || conn.is_resumed() {
        return Ok(());
    }
    judge(conn, guard)
}

impl Callback for Staple {
    type Question<'a> = Conn<'a>;
    type Answer = callback::Status;
    const CLOSED: callback::Status = callback::Status::Refuse;

    fn answer(conn: Conn<'_>) -> callback::Status {
        if let (true, Some(guard)) = (conn.is_server(), Guard::of_conn(conn))
            && guard.role == Role::Server
            && guard.regime() == Regime::Own
        {
            return stapling::give(conn, guard);
        }
        match decide(conn) {
            Ok(Some(application)) => callback::Status::Ask(application),
            Ok(None) if conn.is_server() => callback::Status::Nothing,
            Ok(None) => callback::Status::GoOn,
            Err(error) => refuse(conn, error),
        }
    }

    fn answer_panicked(conn: Conn<'_>) -> callback::Status {
        refuse(conn, Error::new(Status::EInternal, "a defect inside hostlock stopped the check of the OCSP answer"))
    }
}

fn refuse(conn: Conn<'_>, refusal: Error) -> callback::Status {
    let code = match refusal.x509_code() {
        ffi::X509_V_OK => ffi::X509_V_ERR_APPLICATION_VERIFICATION,
        code => code,
    };
    // The certificate was found good, and its session must not be used for that.
    session::spoil_session(conn);
    conn.set_verify_result(code);
    if let Some(state) = ConnectionState::of(conn) {
        queue::raise_refusal(&refusal);
        state.known().verdict = Verdict::Refused(refusal);
    }
    let _ = callback::stopped(|| outcome::tell_refusal(conn));
    callback::Status::Refuse
}

/// Judges, and gives the program's own callback, if there is one.
fn decide(conn: Conn<'_>) -> Result<Option<sys::StatusCallback>> {
    crate::nets::here!("ocsp_status");
    let guard = Guard::of_conn(conn)
        .ok_or_else(|| Error::new(Status::EState, "the context of this connection is not hostlock's any more"))?;
    let state = ConnectionState::ensure(conn)?;
    // On a server the callback chooses what to staple. A resumed handshake has no certificate.
    let (on_server, resumed) = (conn.is_server(), conn.is_resumed());
    let is_judged = matches!(state.known().verdict, Verdict::Verified { .. });
    if guard.role == Role::Client && !on_server && !resumed && is_judged {
        judge(conn, guard)?;
        state.known().staple_judged = true;
    }
    Ok(*guard.app_status())
}

fn judge(conn: Conn<'_>, guard: &Guard) -> Result<()> {
    let Some(measure) = Measure::of(guard) else { return Ok(()) };
    // It was given to libssl with the verdict.
    let chain = conn.verified_chain().ok_or_else(|| Error::no_memory("the verified chain"))?;
    // A leaf that is its own anchor is trusted because the program says so, and has no issuer to ask.
    let (Some(leaf), Some(issuer)) = (chain.get(0), chain.get(1)) else { return Ok(()) };
    let staple = conn.ocsp_answer().filter(|staple| !is_for_another_sent(conn, leaf, staple));
    let wished = Wishes::read(conn.param()).flags();
    let store = || guard.anchors.in_force(conn.effective_store(), true);
    if let Some(end) = measure.judge(&Shown { leaf, issuer, staple }, wished, store)? {
        session_end::shorten(conn, end);
    }
    Ok(())
}

/// A certificate that was found good, the next of its chain, and the answer that came with it.
pub struct Shown<'a> {
    /// The peer's own certificate.
    pub leaf: &'a X509Ref,
    /// Its issuer's.
    pub issuer: &'a X509Ref,
    /// The answer, where there was one.
    pub staple: Option<&'a [u8]>,
}

/// By what a context measures answers.
pub struct Measure {
    mode: Mode,
    timeless: bool,
    time: Option<i64>,
    revocation: Revocation,
    flags: c_ulong,
}

impl Measure {
    /// The measure of a context; `None` where it looks at no answers.
    pub fn of(guard: &Guard) -> Option<Measure> {
        let settings = guard.settings();
        if settings.ocsp == Mode::Off || settings.waivers.has(Waiver::Chain) {
            return None;
        }
        Some(Measure {
            mode: settings.ocsp,
            timeless: settings.waivers.has(Waiver::Time),
            time: settings.verify_time,
            revocation: settings.revocation.clone(),
            flags: settings.verify_flags,
        })
    }

    /// Judges the answer. `wished`: the program's `X509_V_FLAG_*` bits; `store`: its anchors. Gives the end of what rests on
    /// the answer, in Unix seconds, where anything does.
    pub fn judge<S: Deref<Target = X509StoreRef>>(
        &self,
        shown: &Shown<'_>,
        wished: c_ulong,
        store: impl FnOnce() -> Result<S>,
    ) -> Result<Option<i64>> {
        let Shown { leaf, issuer, staple } = *shown;
        let Some(staple) = staple else {
            let demanded = ocsp::is_demanded_by(leaf);
            return match demanded || self.mode == Mode::Require {
                true => Err(ocsp::missing(leaf, demanded)),
                false => Ok(None),
            };
        };
        let time = (!self.timeless).then(|| self.time.unwrap_or_else(now));
        // The store's CRLs, which may list the responder, count where CRLs are asked for.
        let wished = wished | self.flags;
        let of_store = match (wished | self.revocation.flags(wished)) & ffi::X509_V_FLAG_CRL_CHECK {
            0 => Vec::new(),
            _ => crls_named(&*store()?, issuer.subject_name())?,
        };
        let together;
        let crls = match of_store.is_empty() {
            true => &*self.revocation.crls,
            false => {
                together = self.revocation.crls.with_lists(of_store)?;
                &together
            }
        };
        let end = ocsp::check(staple, &Question { leaf, issuer, time, crls })?;
        // The session rests on an answer only where one is demanded; and a clock that was stopped ends nothing.
        let rests_on_it = self.mode == Mode::Require || ocsp::is_demanded_by(leaf);
        Ok(end.filter(|_| rests_on_it && !self.timeless && self.time.is_none()))
    }
}

/// Whether the answer is one that the server sent beside another certificate of its chain than its own. On TLS 1.3
/// OpenSSL 3.6 and later keep such answers, too, and where the leaf has none the first of them lies in its place.
fn is_for_another_sent(conn: Conn<'_>, leaf: &X509Ref, staple: &[u8]) -> bool {
    if openssl::version::number() < 0x3060_0000 || conn.version() != ffi::TLS1_3_VERSION {
        return false;
    }
    conn.peer_chain().is_some_and(|sent| ocsp::is_for_others(staple, leaf, sent.iter().skip(1)))
}
