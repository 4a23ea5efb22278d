//! Seals the process: every context that this libssl makes from now on is guarded, whoever makes it.
//!
//! No symbol is replaced. The constructor of an ex_data index of `SSL_CTX` runs inside every `SSL_CTX_new`, with a
//! context that can be used, but before the system's configuration is applied to it: so only callbacks are set there,
//! and values follow when the first handshake begins. A seal cannot be taken off.

pub mod allow;
pub mod journal;
mod peer;
pub mod register;
pub mod state;

use std::ffi::{c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::security;
use crate::harden::{self, values};
use crate::libssl::method::{Side, check_known};
use crate::libssl::new_context;
use crate::libssl::ours;
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::os::{errno, images};
use crate::policy::Choice;
use state::{Mode, Seal};

/// Seals the process. The same call again changes nothing; another choice is refused.
pub fn process(choice: Choice, mode: Mode) -> Result<()> {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    ours::check_shared()?;
    openssl::init();
    let (seal, fresh) = state::choose(choice, mode)?;
    // SAFETY: the constructor is ours and stays loaded (the library is linked with -z nodelete).
    let index = *INDEX.get_or_init(|| unsafe {
        ffi::CRYPTO_get_ex_new_index(ffi::CRYPTO_EX_INDEX_SSL_CTX, 0, ptr::null_mut(), Some(construct), None, None)
    });
    if index < 0 {
        return Err(Error::new(Status::EInternal, "OpenSSL gives no place for the seal; the process is not sealed"));
    }
    if fresh {
        announce(seal);
    }
    Ok(())
}

/// Seals a context that was made before the process was sealed. One that is guarded already stays as it is.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` that no other thread uses now.
pub unsafe fn context(ctx: *mut ffi::SSL_CTX) -> Result<()> {
    // SAFETY: as the caller promises, here and below.
    unsafe { ours::check_ctx(ctx)? };
    // SAFETY: the caller promises a live context, which was found to be of our libssl.
    unsafe { check_known(ctx)? };
    let seal = sealed()?;
    // SAFETY: as above.
    if unsafe { Guard::of(ctx) }.is_some() {
        return Ok(());
    }
    // SAFETY: as above.
    let side = unsafe { put_on(ctx, seal, seal.choice)? };
    seal.count_context(side, true);
    Ok(())
}

/// What the seal has seen, as a JSON object.
pub fn report() -> Result<String> {
    ours::check_shared()?;
    Ok(sealed()?.to_json())
}

/// Appends a line of JSON to `path` for every event from now on.
pub fn log(path: &Path) -> Result<()> {
    ours::check_shared()?;
    let was_open = journal::is_open();
    journal::open(path)?;
    if let (false, Some(seal)) = (was_open, state::current()) {
        announce(seal);
    }
    Ok(())
}

fn sealed() -> Result<&'static Seal> {
    state::current().ok_or_else(|| {
        Error::new(Status::EState, "this process is not sealed").with_hint("call hostlock_seal_process first")
    })
}

/// The log's first line of a process, and its last.
fn announce(seal: &'static Seal) {
    static AT_EXIT: OnceLock<c_int> = OnceLock::new();
    if !journal::is_open() {
        return;
    }
    journal::write("began", state::now(), |object| {
        let program = std::fs::read_link("/proc/self/exe").ok();
        object.optional("program", program.as_deref().and_then(Path::to_str));
        object.text("mode", seal.mode.name()).text("policy", &seal.choice.name());
    });
    // SAFETY: the handler is ours and stays loaded.
    AT_EXIT.get_or_init(|| unsafe { libc::atexit(end) });
}

extern "C" fn end() {
    let _ = catch_unwind(|| {
        crate::nets::here!("seal at exit");
        let Some(seal) = state::current() else { return };
        journal::write("ended", state::now(), |object| {
            object.number("contexts", i64::try_from(seal.register.contexts()).unwrap_or(i64::MAX));
            object.texts("other_tls", &images::others());
        });
    });
}

/// Runs inside of `SSL_CTX_new`. It cannot fail, so a context that could not be sealed keeps a callback that
/// refuses everything.
unsafe extern "C" fn construct(
    ctx: *mut c_void,
    _data: *mut c_void,
    _all: *mut ffi::CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    let ctx: *mut ffi::SSL_CTX = ctx.cast();
    let (false, Some(seal)) = (new_context::is_making(), state::current()) else { return };
    let _kept = errno::Kept::now();
    // It has no callback yet that could be lost, even where this OpenSSL would not show one.
    let choice = Choice { replace: true, ..seal.choice };
    // SAFETY: OpenSSL hands the context that it makes now, which no other thread knows.
    let sealed = catch_unwind(AssertUnwindSafe(|| unsafe { put_on(ctx, seal, choice) }));
    match sealed {
        Ok(Ok(side)) => seal.count_context(side, false),
        _ => {
            if seal.mode == Mode::Enforce {
                // Without a guard it permits nothing.
                // SAFETY: as above.
                unsafe { sys::SSL_CTX_set_security_callback(ctx, Some(security::decide)) };
            }
            seal.register.count_unsealed();
        }
    }
}

/// Guards a context, and answers the side that it is for.
///
/// # Safety
/// As for [`context`].
unsafe fn put_on(ctx: *mut ffi::SSL_CTX, seal: &'static Seal, choice: Choice) -> Result<Side> {
    crate::nets::here!("seal constructor");
    let regime = match seal.mode {
        Mode::Enforce => Regime::Sealed,
        Mode::ReportOnly(_) => Regime::Watched,
    };
    // SAFETY: as the caller promises, here and below.
    let (method, side) = unsafe { harden::stream_method(ctx)? };
    // SAFETY: as above.
    let guard = unsafe { harden::install_hooks(ctx, choice, regime, side)? };
    guard.set_observer(seal);
    if regime == Regime::Sealed {
        let _quiet = Quiet::begin();
        // SAFETY: the caller promises a live context that no other thread uses.
        unsafe { values::lift_method(ctx, guard.policy, method, side)? };
    }
    Ok(side)
}
