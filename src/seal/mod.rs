//! Seals the process: every context that this libssl makes from now on is guarded, whoever makes it.
//!
//! No symbol is replaced. The constructor of an ex_data index of `SSL_CTX` runs inside every `SSL_CTX_new`, with a
//! context that can be used, but before the system's configuration is applied to it: so only callbacks are set there,
//! and values follow when the first handshake begins. A seal cannot be taken off.
#![forbid(unsafe_code)]

pub mod allow;
pub mod host_source;
pub mod journal;
pub mod register;
pub mod state;

use std::path::Path;
use std::sync::OnceLock;

use crate::audit::defaults::Defaults;
use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::hooks;
use crate::harden::{self, values};
use crate::libssl::callback::{self, Callback};
use crate::libssl::method::{Side, check_known};
use crate::libssl::queue::Quiet;
use crate::libssl::{Ctx, new_context, ours};
use crate::os::{clock, errno, exit, images};
use crate::policy::Choice;
use state::{Mode, Seal};

/// Seals the process. The same call again changes nothing; another choice is refused.
pub fn process(choice: Choice, mode: Mode) -> Result<()> {
    static INDEX: OnceLock<bool> = OnceLock::new();
    ours::check_shared()?;
    openssl::init();
    let (seal, fresh) = state::choose(choice, mode)?;
    if !*INDEX.get_or_init(callback::on_new_context::<Construct>) {
        return Err(Error::new(Status::EInternal, "OpenSSL gives no place for the seal; the process is not sealed"));
    }
    if fresh {
        announce(seal);
    }
    Ok(())
}

/// Seals a context that was made before the process was sealed. One that is guarded already stays as it is.
pub fn context(ctx: Ctx<'_>) -> Result<()> {
    check_known(ctx)?;
    let seal = sealed()?;
    if Guard::of(ctx).is_some() {
        return Ok(());
    }
    let side = put_on(ctx, seal, seal.choice)?;
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
    static AT_EXIT: OnceLock<()> = OnceLock::new();
    if !journal::is_open() {
        return;
    }
    if seal.mode != Mode::Enforce {
        // Before the program hangs anything of its own on contexts.
        seal.defaults.get_or_init(|| Defaults::gather(seal.choice.policy));
    }
    journal::write("began", clock::now(), |object| {
        let program = std::fs::read_link("/proc/self/exe").ok();
        object.optional("program", program.as_deref().and_then(Path::to_str));
        object.text("mode", seal.mode.name()).text("policy", &seal.choice.name());
        object.optional("libssl", images::ours().as_deref());
    });
    AT_EXIT.get_or_init(|| exit::at_exit(end));
}

extern "C" fn end() {
    let _ = callback::stopped(|| {
        crate::nets::here!("seal at exit");
        let Some(seal) = state::current() else { return };
        journal::write("ended", clock::now(), |object| {
            object.number("contexts", i64::try_from(seal.register.contexts()).unwrap_or(i64::MAX));
            object.texts("other_tls", &images::others()).texts("loaded", &images::loaded());
        });
        journal::release();
    });
}

struct Construct;

/// Runs inside of `SSL_CTX_new`. It cannot fail, so a context that could not be sealed keeps a callback that refuses
/// everything.
impl Callback for Construct {
    type Question<'a> = Ctx<'a>;
    type Answer = ();
    const CLOSED: () = ();

    fn answer(ctx: Ctx<'_>) {
        let (false, Some(seal)) = (new_context::is_making(), state::current()) else { return };
        let _kept = errno::Kept::now();
        // It has no callback yet that could be lost, even where this OpenSSL would not show one.
        let choice = Choice { replace: true, ..seal.choice };
        match put_on(ctx, seal, choice) {
            Ok(side) => seal.count_context(side, false),
            Err(error) => refuse_everything(ctx, Some(&error)),
        }
    }

    fn answer_panicked(ctx: Ctx<'_>) {
        refuse_everything(ctx, None);
    }
}

/// For a context that could not be sealed.
fn refuse_everything(ctx: Ctx<'_>, why: Option<&Error>) {
    let Some(seal) = state::current() else { return };
    if seal.mode == Mode::Enforce {
        // Without a guard it permits nothing.
        ctx.set_security_callback(hooks::DECIDE);
    }
    seal.register.count_unsealed();
    journal::write("not_sealed", clock::now(), |object| {
        object.number("contexts", i64::try_from(seal.register.contexts()).unwrap_or(i64::MAX));
        object.text("message", why.map_or("this context could not be sealed", Error::message));
    });
}

/// Guards a context, and answers the side that it is for.
fn put_on(ctx: Ctx<'_>, seal: &'static Seal, choice: Choice) -> Result<Side> {
    crate::nets::here!("seal constructor");
    let regime = match seal.mode {
        Mode::Enforce => Regime::Sealed,
        Mode::ReportOnly(_) => Regime::ReportOnly,
    };
    let (method, side) = harden::stream_method(ctx)?;
    let guard = harden::install_hooks(ctx, choice, regime, side)?;
    guard.set_observer(seal);
    if regime == Regime::Sealed {
        let _quiet = Quiet::begin();
        values::lift_method(ctx, guard.policy, method, side)?;
    }
    Ok(side)
}
