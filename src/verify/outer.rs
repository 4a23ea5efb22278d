//! The certificate verify callback of a context: libssl calls it in place of its own verification, inside the
//! handshake and before a client certificate is sent. It turns verification on again where a program turned it off,
//! lets [`judge`] decide, and asks the application's own callbacks last: they may refuse, never
//! accept. It answers 0 or 1, never a negative number, which libssl would read as "try again".
//!
//! Only here a session gets the mark that lets it be resumed.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::x509::{X509, X509Ref};
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::identity::Reference;
use crate::queue::{self, Quiet};
use crate::sys;
use crate::verify::engine;
use crate::verify::guard::{CertVerify, Guard, Regime, Role};
use crate::verify::insecure::Waiver;
use crate::verify::judge::{self, Case, Refusal, Wishes};
use crate::verify::overseer::{Excused, Occasion};
use crate::verify::recipe::is_tripwire;
use crate::verify::wanted::{self, Wanted};
use crate::verify::watch::{Verdict, Watch};
use crate::verify::{begin, demand, ech, ends, mark, session_end};

/// See the module's text.
///
/// # Safety
/// For libssl to call, with its own live `X509_STORE_CTX`.
pub unsafe extern "C" fn verify(store_ctx: *mut ffi::X509_STORE_CTX, _argument: *mut c_void) -> c_int {
    // SAFETY: libssl hands its own live X509_STORE_CTX, in the connection's thread.
    let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { verify_checked(store_ctx) }));
    if let Ok(Ok(Answer::Programs(answer))) = outcome {
        return answer;
    }
    // libssl reads the mode only now; a program's verify callback may have turned verification off meanwhile.
    // SAFETY: as above.
    let _ = catch_unwind(AssertUnwindSafe(|| unsafe { arm(connection(store_ctx)) }));
    let refusal = match outcome {
        Ok(Ok(_)) => return 1,
        Ok(Err(error)) => error,
        Err(_) => Error::new(Status::EInternal, "a defect inside hostlock stopped the verification"),
    };
    // SAFETY: as above. libssl derives the alert from this code, so it must not say "ok".
    unsafe { ffi::X509_STORE_CTX_set_error(store_ctx, code_for_libssl(&refusal)) };
    queue::raise_refusal(&refusal);
    // SAFETY: as above.
    if let Ok(Some(watch)) = catch_unwind(AssertUnwindSafe(|| unsafe { Watch::of(connection(store_ctx)) })) {
        watch.state().verdict = Verdict::Refused(refusal);
    }
    // SAFETY: as above.
    let _ = catch_unwind(AssertUnwindSafe(|| unsafe { ends::tell_refusal(connection(store_ctx)) }));
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
    if error.x509_code() == ffi::X509_V_OK { sys::X509_V_ERR_APPLICATION_VERIFICATION } else { error.x509_code() }
}

/// Turns verification on.
unsafe fn arm(ssl: *mut ffi::SSL) {
    crate::nets::here!("cert_verify arms");
    if !ssl.is_null() {
        // SAFETY: `ssl` is live in this thread; a NULL callback leaves the application's in place.
        unsafe { ffi::SSL_set_verify(ssl, ffi::SSL_get_verify_mode(ssl) | ffi::SSL_VERIFY_PEER, None) };
    }
}

/// The `SSL` that libssl verifies for; never NULL inside libssl's own verification.
///
/// # Safety
/// `store_ctx` is live.
pub unsafe fn connection(store_ctx: *mut ffi::X509_STORE_CTX) -> *mut ffi::SSL {
    // SAFETY: libssl stores the SSL under this index.
    unsafe { ffi::X509_STORE_CTX_get_ex_data(store_ctx, ffi::SSL_get_ex_data_X509_STORE_CTX_idx()) as *mut ffi::SSL }
}

unsafe fn verify_checked(store_ctx: *mut ffi::X509_STORE_CTX) -> Result<Answer> {
    crate::nets::here!("cert_verify");
    // SAFETY: `store_ctx` is live, here and below.
    let ssl = unsafe { connection(store_ctx) };
    if ssl.is_null() {
        return Err(Error::new(Status::EState, "the certificate verify callback was called outside of a connection"));
    }
    // SAFETY: `ssl` is live in this thread, here and below.
    let watch = unsafe { Watch::ensure(ssl)? };
    // SAFETY: as above.
    unsafe { begin::pin_info(ssl) };
    // SAFETY: as above.
    let guard = unsafe { Guard::of_ssl(ssl) }
        .ok_or_else(|| Error::new(Status::EState, "the context of this connection is not hostlock's any more"))?;
    watch.state().guard = Some(guard.share());
    // SAFETY: as above.
    let role = unsafe { guard.role_on(ssl) };
    match guard.regime() {
        Regime::Own | Regime::Hardened => {}
        // SAFETY: as above.
        Regime::Sealed if role == Role::Server && !demand::names_client(guard, Some(watch)) => {
            // SAFETY: as above.
            return Ok(Answer::Programs(unsafe { as_program(store_ctx, guard) }));
        }
        Regime::Sealed => {}
        Regime::Watched => {
            if role == Role::Client {
                // SAFETY: as above.
                let verdict = unsafe { judge(store_ctx, ssl, guard, role, watch) };
                watch.state().verdict = match verdict {
                    Ok(judged) => judged.verdict(),
                    Err(error) => Verdict::Refused(error),
                };
            }
            // SAFETY: as above.
            return Ok(Answer::Programs(unsafe { as_program(store_ctx, guard) }));
        }
    }
    // SAFETY: as above.
    let judged = unsafe { judge(store_ctx, ssl, guard, role, watch) };
    // SAFETY: as above.
    if let Some(excused) = unsafe { excused(store_ctx, ssl, guard, &judged) } {
        watch.state().verdict = Verdict::Excused(excused);
        // SAFETY: as above.
        return Ok(Answer::Programs(unsafe { as_program(store_ctx, guard) }));
    }
    let judged = judged?;
    // SAFETY: as above.
    unsafe { give_chain(store_ctx, judged.chain()) };
    // SAFETY: as above.
    unsafe { ask_application(store_ctx, ssl, guard, &judged.answer)? };
    let verdict = judged.verdict();
    let end = match judged.answer {
        // SAFETY: `store_ctx` is live.
        Ok(chain) => unsafe { session_end::of(store_ctx, guard, &chain) },
        Err(refusal) => return Err(refusal.error),
    };
    watch.state().verdict = verdict;
    if let (Role::Client, Some(wanted), true) = (role, &judged.wanted, judged.may_be_resumed) {
        let generation = watch.state().generation;
        // SAFETY: as above.
        unsafe { mark::put(ssl, &mark::with_end(&mark::compute(guard, generation, wanted), end)) };
    }
    if role == Role::Server && !matches!(guard.regime(), Regime::Sealed | Regime::Watched) {
        // A ticket of TLS 1.2 is written before the handshake is complete.
        // SAFETY: `ssl` is a live server's in its own thread.
        unsafe { demand::mark_session(ssl, guard) };
    }
    if role == Role::Server {
        // After the mark: where nothing is left, the session's is nobody's.
        // SAFETY: `ssl` is a live server's in its own thread, and no ticket of this handshake is written yet.
        unsafe { session_end::limit(ssl, guard, end) };
    }
    // SAFETY: as above.
    unsafe { ffi::X509_STORE_CTX_set_error(store_ctx, ffi::X509_V_OK) };
    Ok(Answer::Good)
}

/// What the program's own set-up says: its certificate verify callback, or libssl's verification with its callbacks.
unsafe fn as_program(store_ctx: *mut ffi::X509_STORE_CTX, guard: &Guard) -> c_int {
    let own = *guard.app_cert_verify();
    match own {
        // SAFETY: `store_ctx` is live; the pair is as the program gave it.
        Some(own) => unsafe { (own.function)(store_ctx, own.argument) },
        // SAFETY: as above.
        None => unsafe { ffi::X509_verify_cert(store_ctx) },
    }
}

/// The refusal, where the context's overseer lets the connection through in spite of it.
unsafe fn excused(
    store_ctx: *mut ffi::X509_STORE_CTX,
    ssl: *mut ffi::SSL,
    guard: &Guard,
    judged: &Result<Judged>,
) -> Option<Excused> {
    let overseer = guard.overseer()?;
    let (refusal, wanted) = match judged {
        Ok(Judged { answer: Err(refusal), wanted, .. }) => (&refusal.error, wanted.as_ref()),
        Ok(_) => return None,
        Err(error) => (error, None),
    };
    // SAFETY: `store_ctx` is live, and so is the certificate in it.
    let leaf = unsafe { sys::X509_STORE_CTX_get0_cert(store_ctx) };
    // SAFETY: as above.
    let leaf = (!leaf.is_null()).then(|| unsafe { X509Ref::from_ptr(leaf) });
    // SAFETY: `ssl` is live in this thread.
    let by = unsafe { overseer.exception(&Occasion { ssl, leaf, wanted }) }?;
    Some(Excused { refusal: refusal.clone(), by })
}

/// A certificate that has been judged.
struct Judged {
    wanted: Option<Wanted>,
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
                let host = self.wanted.as_ref().and_then(Wanted::first).map(|host| host.text().into_owned());
                Verdict::Verified { host }
            }
            Err(refusal) => Verdict::Refused(refusal.error.clone()),
        }
    }
}

/// Judges what libssl was shown, and changes nothing.
unsafe fn judge(
    store_ctx: *mut ffi::X509_STORE_CTX,
    ssl: *mut ffi::SSL,
    guard: &Guard,
    role: Role,
    watch: &Watch,
) -> Result<Judged> {
    guard.check_not_poisoned()?;
    let quiet = Quiet::begin();
    // SAFETY: `ssl` is live in this thread, and the peer has answered.
    let public_name = if role == Role::Client { unsafe { ech::public_name(ssl) } } else { None };
    let wanted = match role {
        Role::Client if public_name.is_some() => {
            let name = Reference::parse_bytes(public_name.unwrap_or_default())?;
            Some(Wanted::one(name, guard.settings().match_rules))
        }
        // SAFETY: as above.
        Role::Client => match unsafe { wanted::of_connection(ssl, guard, Some(watch), &quiet) } {
            Ok(wanted) => Some(wanted),
            // Only a missing host is waived; one that could not be set still refuses.
            Err(error) if error.status() == Status::ENoHost && guard.settings().waivers.has(Waiver::HostName) => None,
            Err(error) => return Err(error),
        },
        // SAFETY: as above.
        Role::Server => unsafe { wanted::of_client(ssl, guard, Some(watch), &quiet)? },
    };
    let wanted = match wanted {
        wanted if public_name.is_some() || (role == Role::Client && wanted.is_none()) => wanted,
        // SAFETY: as above; libssl has put the store's parameters behind the connection's.
        wanted => unsafe {
            let of_store = sys::X509_STORE_CTX_get0_param(store_ctx);
            wanted::with_store(wanted, ffi::SSL_get0_param(ssl), of_store, guard, &quiet)?
        },
    };
    // SAFETY: as above.
    let answer = unsafe { decide(store_ctx, guard, role, wanted.as_ref()) };
    Ok(Judged { wanted, answer, may_be_resumed: public_name.is_none() })
}

unsafe fn decide(
    store_ctx: *mut ffi::X509_STORE_CTX,
    guard: &Guard,
    role: Role,
    wanted: Option<&Wanted>,
) -> std::result::Result<Vec<X509>, Refusal> {
    // SAFETY: `store_ctx` is live, here and below; everything borrowed from it lives as long as it does.
    let leaf = unsafe { sys::X509_STORE_CTX_get0_cert(store_ctx) };
    if leaf.is_null() {
        return Err(Error::new(Status::ENoCertificate, "the peer showed no certificate").into());
    }
    // SAFETY: as above.
    let param = unsafe { sys::X509_STORE_CTX_get0_param(store_ctx) };
    // SAFETY: as above.
    let offered = unsafe { sys::X509_STORE_CTX_get0_store(store_ctx) };
    // SAFETY: as above.
    let store = unsafe { guard.anchors.in_force(offered, role == Role::Client)? };
    // SAFETY: as above; the pointers are live for the length of the call.
    let case = unsafe {
        Case::of(
            guard,
            role,
            X509Ref::from_ptr(leaf),
            sys::X509_STORE_CTX_get0_untrusted(store_ctx),
            store,
            wanted,
            Wishes::read(param),
        )
    };
    judge::judge(&case)
}

/// Gives libssl the chain that was built.
unsafe fn give_chain(store_ctx: *mut ffi::X509_STORE_CTX, chain: &[X509]) {
    if let Ok(copy) = engine::stack(chain) {
        // SAFETY: `store_ctx` is live; takes the stack, and frees the one it held.
        unsafe { sys::X509_STORE_CTX_set0_verified_chain(store_ctx, copy.as_ptr()) };
        std::mem::forget(copy);
    }
}

/// Asks the application as libssl would: its certificate verify callback alone where it has one, else its verify
/// callback, which is shown the chain.
unsafe fn ask_application(
    store_ctx: *mut ffi::X509_STORE_CTX,
    ssl: *mut ffi::SSL,
    guard: &Guard,
    answer: &std::result::Result<Vec<X509>, Refusal>,
) -> Result<()> {
    let own = *guard.app_cert_verify();
    match own {
        // SAFETY: as the caller promises.
        Some(own) => unsafe { ask_cert_verify(store_ctx, own, answer) },
        // SAFETY: as the caller promises.
        None => unsafe { ask_verify(store_ctx, ssl, answer) },
    }
}

/// A callback that verifies by itself finds the X509_STORE_CTX as libssl would hand it over: with nothing built yet.
unsafe fn ask_cert_verify(
    store_ctx: *mut ffi::X509_STORE_CTX,
    own: CertVerify,
    answer: &std::result::Result<Vec<X509>, Refusal>,
) -> Result<()> {
    let Ok(chain) = answer else { return Ok(()) };
    // SAFETY: `store_ctx` is live, here and below; this frees the chain that it held.
    unsafe { sys::X509_STORE_CTX_set0_verified_chain(store_ctx, ptr::null_mut()) };
    // SAFETY: the pair is as the program gave it.
    let accepted = unsafe { (own.function)(store_ctx, own.argument) } > 0;
    // SAFETY: as above.
    unsafe { give_chain(store_ctx, chain) };
    if accepted {
        return Ok(());
    }
    // SAFETY: as above.
    let code = unsafe { ffi::X509_STORE_CTX_get_error(store_ctx) };
    Err(Error::new(Status::EApplicationRefused, "the application's own certificate verify callback refused the chain")
        .with_x509_code(if code == ffi::X509_V_OK { sys::X509_V_ERR_APPLICATION_VERIFICATION } else { code }))
}

/// Shows the application's verify callback the chain as libssl would: from the anchor down, or at the failure.
unsafe fn ask_verify(
    store_ctx: *mut ffi::X509_STORE_CTX,
    ssl: *mut ffi::SSL,
    answer: &std::result::Result<Vec<X509>, Refusal>,
) -> Result<()> {
    // SAFETY: both are live in this thread, here and below.
    let own = unsafe { sys::SSL_get_verify_callback(ssl) }.filter(|own| !is_tripwire(*own));
    // SAFETY: as above.
    let store = unsafe { sys::X509_STORE_CTX_get0_store(store_ctx) };
    // A program can have taken the store away.
    // SAFETY: as above.
    let of_store = || if store.is_null() { None } else { unsafe { sys::X509_STORE_get_verify_cb(store) } };
    let Some(callback) = own.or_else(of_store) else { return Ok(()) };
    let ask = |depth: usize, certificate: *mut ffi::X509, code: c_int| {
        // SAFETY: as above; the certificate is of the chain that `answer` or libssl holds.
        unsafe {
            ffi::X509_STORE_CTX_set_current_cert(store_ctx, certificate);
            sys::X509_STORE_CTX_set_error_depth(store_ctx, depth as c_int);
            ffi::X509_STORE_CTX_set_error(store_ctx, code);
            callback((code == ffi::X509_V_OK) as c_int, store_ctx)
        }
    };
    match answer {
        Ok(chain) => {
            for (depth, certificate) in chain.iter().enumerate().rev() {
                if ask(depth, certificate.as_ptr(), ffi::X509_V_OK) <= 0 {
                    // SAFETY: as above.
                    let code = unsafe { ffi::X509_STORE_CTX_get_error(store_ctx) };
                    return Err(Error::new(
                        Status::EApplicationRefused,
                        format!("the application's own verify callback refused the certificate at position {depth}"),
                    )
                    .with_x509_code(if code == ffi::X509_V_OK {
                        sys::X509_V_ERR_APPLICATION_VERIFICATION
                    } else {
                        code
                    }));
                }
            }
        }
        Err(refusal) => {
            let depth = refusal.error.certificate().map_or(0, |culprit| culprit.depth as usize);
            let certificate = refusal.chain.get(depth).map(|certificate| certificate.as_ptr());
            // SAFETY: as above.
            let certificate = certificate.unwrap_or_else(|| unsafe { sys::X509_STORE_CTX_get0_cert(store_ctx) });
            ask(depth, certificate, code_for_libssl(&refusal.error));
        }
    }
    Ok(())
}
