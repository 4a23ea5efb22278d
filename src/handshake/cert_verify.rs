//! The certificate verify callback of a context: libssl calls it in place of its own verification, inside the
//! handshake and before a client certificate is sent. It turns verification on again where a program turned it off,
//! lets [`verdict`] decide, and asks the application's own callbacks last: they may refuse, never
//! accept. It answers 0 or 1, never a negative number, which libssl would read as "try again".
//!
//! Only here a session gets the mark that lets it be resumed.

use std::cell::Cell;
use std::ffi::c_int;

use openssl::x509::X509;
use openssl_sys as ffi;

use crate::chain::verdict::{self, Refusal};
use crate::chain::waivers::Waiver;
use crate::chain::wishes::Wishes;
use crate::error::{self, Error, Result, Status};
use crate::guard::case;
use crate::guard::observer::{Excused, Occasion};
use crate::guard::{Guard, Regime};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::hooks::{self, Verify};
use crate::handshake::{client_certificate, ech, expected_host, learned, outcome, session, session_end, start, tickets};
use crate::host::{Reference, ExpectedHost};
use crate::libssl::callback::{self, Callback};
use crate::libssl::certificate_words::code_text;
use crate::libssl::layout::CertVerify;
use crate::libssl::queue::{self, Quiet};
use crate::libssl::verification::OutOfMemory;
use crate::libssl::{Conn, StoreCtx, store, verification};
use crate::role::Role;

impl Callback for Verify {
    type Question<'a> = StoreCtx<'a>;
    type Answer = c_int;
    const CLOSED: c_int = 0;

    fn answer(store_ctx: StoreCtx<'_>) -> c_int {
        match verify(store_ctx) {
            Ok(Answer::Programs(answer)) => answer,
            Ok(Answer::Good) => {
                arm(store_ctx);
                1
            }
            Err(error) => refuse(store_ctx, error),
        }
    }

    fn answer_panicked(store_ctx: StoreCtx<'_>) -> c_int {
        refuse(store_ctx, Error::new(Status::EInternal, "a defect inside hostlock stopped the verification"))
    }
}

/// Answers "no". Whatever panics on the way, the rest is done.
fn refuse(store_ctx: StoreCtx<'_>, refusal: Error) -> c_int {
    let _ = callback::stopped(|| arm(store_ctx));
    // libssl derives the alert from this code, so it must not say "ok".
    store_ctx.set_error(code_for_libssl(&refusal));
    queue::raise_refusal(&refusal);
    error::remember(refusal.clone());
    let Some(conn) = store_ctx.conn() else { return 0 };
    if let Some(state) = ConnectionState::of(conn) {
        state.known().verdict = Verdict::Refused(refusal);
    }
    let _ = callback::stopped(|| outcome::tell_refusal(conn));
    0
}

/// Whose answer it is.
enum Answer {
    /// Ours: the chain is valid and belongs to the host asked for.
    Good,
    /// That of the program's own set-up, which stands.
    Programs(c_int),
}

fn code_for_libssl(error: &Error) -> c_int {
    if error.x509_code() == ffi::X509_V_OK { ffi::X509_V_ERR_APPLICATION_VERIFICATION } else { error.x509_code() }
}

/// Turns verification on. libssl reads the mode only when it has the answer; a program's verify callback may have turned
/// verification off meanwhile.
fn arm(store_ctx: StoreCtx<'_>) {
    crate::nets::here!("cert_verify arms");
    if let Some(conn) = store_ctx.conn() {
        conn.set_verify_mode(conn.verify_mode() | ffi::SSL_VERIFY_PEER);
    }
}

thread_local! {
    /// What the program's certificate verify callback is being asked about in this thread, and whether it was judged good.
    static ASKED: Cell<Option<(*mut ffi::X509_STORE_CTX, bool)>> = const { Cell::new(None) };
}

/// Asks the program's callback. It may be that of another libhostlock in the process, which takes ours for its program's.
fn ask_own(store_ctx: StoreCtx<'_>, own: CertVerify, is_good: bool) -> c_int {
    let outer = ASKED.replace(Some((store_ctx.as_ptr(), is_good)));
    let answer = store_ctx.ask(own);
    ASKED.set(outer);
    answer
}

/// The answer to the callback that is asked just now, where it asks back: what it would have been told had it stood alone.
fn asked_back(store_ctx: StoreCtx<'_>) -> Option<c_int> {
    let (asked, is_good) = ASKED.get()?;
    (asked == store_ctx.as_ptr()).then(|| if is_good { 1 } else { store_ctx.verify() })
}

fn verify(store_ctx: StoreCtx<'_>) -> Result<Answer> {
    crate::nets::here!("cert_verify");
    if let Some(answer) = asked_back(store_ctx) {
        return Ok(Answer::Programs(answer));
    }
    let conn = store_ctx.conn().ok_or_else(|| {
        Error::new(Status::EState, "the certificate verify callback was called outside of a connection")
    })?;
    let state = ConnectionState::ensure(conn)?;
    start::pin_info(conn);
    let guard = Guard::of_conn(conn)
        .ok_or_else(|| Error::new(Status::EState, "the context of this connection is not hostlock's any more"))?;
    state.known().guard = Some(guard.share());
    let role = guard.role_on(conn);
    if guard.regime() != Regime::ReportOnly {
        guard.check_side(conn)?;
    }
    match guard.regime() {
        Regime::Own | Regime::Hardened => {}
        Regime::Sealed if role == Role::Server && !client_certificate::names_client(guard, Some(state)) => {
            return Ok(Answer::Programs(as_program(store_ctx, guard)));
        }
        Regime::Sealed => {}
        Regime::ReportOnly => {
            if role == Role::Client {
                let verdict = judge(store_ctx, conn, guard, role, state);
                state.known().verdict = match verdict {
                    Ok(judged) => judged.verdict(),
                    Err(error) => Verdict::Refused(error),
                };
            }
            return Ok(Answer::Programs(as_program(store_ctx, guard)));
        }
    }
    let judged = judge(store_ctx, conn, guard, role, state);
    if let Some(excused) = excused(store_ctx, conn, guard, &judged) {
        state.known().verdict = Verdict::Excused(excused);
        return Ok(Answer::Programs(as_program(store_ctx, guard)));
    }
    let judged = judged?;
    give_chain(store_ctx, judged.chain());
    ask_application(store_ctx, conn, guard, &judged.answer)?;
    let verdict = judged.verdict();
    let end = match judged.answer {
        Ok(chain) => {
            if role == Role::Server && guard.regime() == Regime::Own {
                tickets::note(conn, guard, &chain);
            }
            session_end::of(store_ctx, guard, &chain)
        }
        Err(refusal) => return Err(refusal.error),
    };
    state.known().verdict = verdict;
    if let (Role::Client, Some(wanted), true) = (role, &judged.wanted, judged.may_be_resumed) {
        let generation = state.known().generation;
        learned::leave_no_name_in_session(conn, state);
        session::put(conn, &session::with_end(&session::compute(conn, guard, generation, wanted), end));
    }
    if role == Role::Server && !matches!(guard.regime(), Regime::Sealed | Regime::ReportOnly) {
        // A ticket of TLS 1.2 is written before the handshake is complete. In TLS 1.3 a client may also show its certificate
        // afterwards.
        if conn.version() < ffi::TLS1_3_VERSION || conn.verify_mode() & ffi::SSL_VERIFY_POST_HANDSHAKE != 0 {
            client_certificate::mark_session(conn, guard);
        }
    }
    if role == Role::Server {
        // After the mark: where nothing is left, the session's is nobody's.
        session_end::limit(conn, guard, end);
    }
    store_ctx.set_error(ffi::X509_V_OK);
    Ok(Answer::Good)
}

/// What the program's own set-up says: its certificate verify callback, or libssl's verification with its callbacks.
fn as_program(store_ctx: StoreCtx<'_>, guard: &Guard) -> c_int {
    let own = *guard.app_cert_verify();
    match own {
        Some(own) => ask_own(store_ctx, own, false),
        None => store_ctx.verify(),
    }
}

/// The refusal, where the context's observer lets the connection through in spite of it.
fn excused(store_ctx: StoreCtx<'_>, conn: Conn<'_>, guard: &Guard, judged: &Result<Judged>) -> Option<Excused> {
    let observer = guard.observer()?;
    let (refusal, wanted) = match judged {
        Ok(Judged { answer: Err(refusal), wanted, .. }) => (&refusal.error, wanted.as_ref()),
        Ok(_) => return None,
        Err(error) => (error, None),
    };
    let by = observer.exception(&Occasion { conn, leaf: store_ctx.leaf(), wanted })?;
    Some(Excused { refusal: refusal.clone(), by })
}

/// A certificate that has been judged.
struct Judged {
    wanted: Option<ExpectedHost>,
    /// Whether it is the program's host that was judged, and not the public name of Encrypted ClientHello.
    may_be_resumed: bool,
    answer: std::result::Result<Vec<X509>, Refusal>,
}

impl Judged {
    fn chain(&self) -> &[X509] {
        match &self.answer {
            Ok(chain) => chain,
            Err(refusal) => &refusal.chain,
        }
    }

    fn verdict(&self) -> Verdict {
        match &self.answer {
            Ok(_) => {
                let host = self.wanted.as_ref().and_then(ExpectedHost::first).map(|host| host.text().into_owned());
                Verdict::Verified { host }
            }
            Err(refusal) => Verdict::Refused(refusal.error.clone()),
        }
    }
}

/// Judges what libssl was shown, and changes nothing.
fn judge(store_ctx: StoreCtx<'_>, conn: Conn<'_>, guard: &Guard, role: Role, state: &ConnectionState) -> Result<Judged> {
    guard.check_not_poisoned()?;
    let quiet = Quiet::begin();
    let public_name = if role == Role::Client { ech::public_name(conn) } else { None };
    let wanted = match role {
        Role::Client if public_name.is_some() => {
            let name = Reference::parse_bytes(public_name.unwrap_or_default())?;
            Some(ExpectedHost::one(name, guard.settings().match_rules))
        }
        Role::Client => match expected_host::of_connection(conn, guard, Some(state), &quiet) {
            Ok(wanted) => Some(wanted),
            // Only a missing host is waived; one that could not be set still refuses.
            Err(error) if error.status() == Status::ENoHost && guard.settings().waivers.has(Waiver::HostName) => None,
            Err(error) => return Err(error),
        },
        Role::Server => expected_host::of_client(conn, guard, Some(state), &quiet)?,
    };
    let mut answer = decide(store_ctx, guard, role, wanted.as_ref());
    if answer.is_err() && queue::tells_of_no_memory() {
        return Err(OutOfMemory.into());
    }
    if let (Err(refusal), Some(learned)) = (&mut answer, learned::of_handshake(conn)) {
        learned::explain(&mut refusal.error, &learned);
    }
    Ok(Judged { wanted, answer, may_be_resumed: public_name.is_none() })
}

fn decide(
    store_ctx: StoreCtx<'_>,
    guard: &Guard,
    role: Role,
    wanted: Option<&ExpectedHost>,
) -> std::result::Result<Vec<X509>, Refusal> {
    let leaf = store_ctx.leaf().ok_or_else(|| Error::new(Status::ENoCertificate, "the peer showed no certificate"))?;
    let store = guard.anchors.in_force(store_ctx.store(), role == Role::Client)?;
    let wishes = Wishes::read(store_ctx.param());
    let case = case::of(guard, role, leaf, store_ctx.untrusted(), &store, wanted, wishes);
    verdict::judge(&case)
}

/// Gives libssl the chain that was built.
fn give_chain(store_ctx: StoreCtx<'_>, chain: &[X509]) {
    if let Ok(copy) = verification::stack(chain) {
        store_ctx.give_chain(copy);
    }
}

/// Asks the application as libssl would: its certificate verify callback alone where it has one, else the records of DANE
/// where it switched that on, else its verify callback, which is shown the chain.
fn ask_application(
    store_ctx: StoreCtx<'_>,
    conn: Conn<'_>,
    guard: &Guard,
    answer: &std::result::Result<Vec<X509>, Refusal>,
) -> Result<()> {
    let own = *guard.app_cert_verify();
    match own {
        Some(own) => ask_cert_verify(store_ctx, own, answer),
        None if answer.is_ok() && conn.has_dane() => ask_dane(store_ctx, answer),
        None => ask_verify(store_ctx, conn, answer),
    }
}

/// Where the program's own verification says no, hostlock has nothing against the chain.
const OWN_CALLBACK: &str = "hostlock finds the chain good: look into what the program's callback wants";

/// A callback that verifies by itself finds the X509_STORE_CTX as libssl would hand it over: with nothing built yet.
fn ask_cert_verify(
    store_ctx: StoreCtx<'_>,
    own: CertVerify,
    answer: &std::result::Result<Vec<X509>, Refusal>,
) -> Result<()> {
    let Ok(chain) = answer else { return Ok(()) };
    store_ctx.take_chain();
    let accepted = ask_own(store_ctx, own, true) > 0;
    give_chain(store_ctx, chain);
    if accepted {
        return Ok(());
    }
    let code = store_ctx.error();
    Err(Error::new(Status::EApplicationRefused, "the application's own certificate verify callback refused the chain")
        .with_hint(OWN_CALLBACK)
        .with_x509_code(if code == ffi::X509_V_OK { ffi::X509_V_ERR_APPLICATION_VERIFICATION } else { code }))
}

/// Only OpenSSL's own verification knows the records, and it asks the program's verify callback. It is given the anchor
/// that was found: the program's store need not hold it.
fn ask_dane(store_ctx: StoreCtx<'_>, answer: &std::result::Result<Vec<X509>, Refusal>) -> Result<()> {
    let Ok(chain) = answer else { return Ok(()) };
    let anchor = verification::stack(chain.last().map_or(&[], std::slice::from_ref))?;
    store_ctx.take_chain();
    let accepted = store_ctx.verify_under(&anchor) > 0;
    give_chain(store_ctx, chain);
    if accepted {
        return Ok(());
    }
    let code = store_ctx.error();
    Err(if code == ffi::X509_V_ERR_DANE_NO_MATCH {
        Error::new(Status::EPinMismatch, "the chain fits none of the TLSA records that the program added (DANE, RFC 6698)")
            .with_hint("ask the owner of the server's DNS zone to publish a record for its certificate")
            .with_x509_code(code)
    } else {
        Error::new(
            Status::EApplicationRefused,
            format!(
                "the program switched DANE on, and then OpenSSL's own verification counts too: {}",
                code_text(code)
            ),
        )
        .with_x509_code(if code == ffi::X509_V_OK { ffi::X509_V_ERR_APPLICATION_VERIFICATION } else { code })
    })
}

/// Shows the application's verify callback the chain as libssl would: from the anchor down, or at the failure.
fn ask_verify(store_ctx: StoreCtx<'_>, conn: Conn<'_>, answer: &std::result::Result<Vec<X509>, Refusal>) -> Result<()> {
    let own = conn.verify_callback().filter(|own| !hooks::is_tripwire(*own));
    // A program can have taken the store away.
    let of_store = || store_ctx.store().and_then(store::verify_callback);
    let Some(callback) = own.or_else(of_store) else { return Ok(()) };
    match answer {
        Ok(chain) => {
            for (depth, certificate) in chain.iter().enumerate().rev() {
                if store_ctx.show(callback, depth, Some(certificate), ffi::X509_V_OK) <= 0 {
                    let code = store_ctx.error();
                    return Err(Error::new(
                        Status::EApplicationRefused,
                        format!("the application's own verify callback refused the certificate at position {depth}"),
                    )
                    .with_hint(OWN_CALLBACK)
                    .with_x509_code(if code == ffi::X509_V_OK {
                        ffi::X509_V_ERR_APPLICATION_VERIFICATION
                    } else {
                        code
                    }));
                }
            }
        }
        Err(refusal) => {
            let depth = refusal.error.certificate().map_or(0, |culprit| culprit.depth as usize);
            let certificate = refusal.chain.get(depth).map(|certificate| &**certificate);
            let certificate = certificate.or_else(|| store_ctx.leaf());
            store_ctx.show(callback, depth, certificate, code_for_libssl(&refusal.error));
        }
    }
    Ok(())
}
