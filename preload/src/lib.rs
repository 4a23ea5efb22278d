//! `libhostlock_preload.so`: one function that runs when the library is loaded, by `LD_PRELOAD` or `dlopen`, and seals the
//! process as the environment says. Where it is preloaded it also watches which hosts the program looks up and where its
//! sockets lead, and tells the library the host of connections that name none; and it notes which of two other TLS libraries
//! are used. Of OpenSSL it replaces nothing. Without `HOSTLOCK_SEAL` it does nothing at all: its functions only call those
//! behind them.
//!
//! - `HOSTLOCK_SEAL`: `enforce` or `report`.
//! - `HOSTLOCK_SEAL_POLICY`: a policy's name; the default is the newest.
//! - `HOSTLOCK_SEAL_ALLOW`: exceptions, separated by commas.
//! - `HOSTLOCK_SEAL_HOST`: hosts of connections that name none, as `hostlock run --host` takes them, separated by commas.
//! - `HOSTLOCK_SEAL_REPORT`: a file to which every event is appended as a line of JSON.
//! - `HOSTLOCK_SEAL_REPORT_ENDS`: set by `hostlock run`, which removes that file in the end.
//!
//! Where sealing was asked for and fails, the program must not run on as if it were sealed: the reason goes to standard
//! error and the process ends with status 125. Where only a report was asked for it runs on.

#![cfg(target_os = "linux")]

mod answers;
mod descriptors;
mod events;
mod hellos;
pub mod hooks;
mod kernel;
mod library;
mod names;
mod others;
mod process;
mod proxies;
mod records;
mod refusals;
mod rules;
mod source;
mod watch;

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use library::Library;
use rules::Rules;

static IS_OFF: AtomicBool = AtomicBool::new(false);

/// Whether nothing is watched. Until it is known what is asked for, everything is: other libraries may begin before us.
fn is_off() -> bool {
    IS_OFF.load(Ordering::Relaxed)
}

/// What `env`, `timeout` and `nohup` answer when they themselves fail.
const FAILED: i32 = 125;

#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;

extern "C" fn at_load() {
    // SAFETY: reads the auxiliary vector. A program with more rights than its caller takes no orders from the environment.
    let takes_orders = unsafe { libc::getauxval(libc::AT_SECURE) } == 0;
    let Some(word) = std::env::var_os("HOSTLOCK_SEAL").filter(|_| takes_orders) else {
        return IS_OFF.store(true, Ordering::Relaxed);
    };
    hooks::find_all();
    process::begin();
    let outcome = catch_unwind(|| Mode::of(&word).and_then(seal));
    let why = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(why)) => why,
        Err(_) => "a defect inside of the initialiser".to_owned(),
    };
    let only_reports = word == "report";
    let consequence = if only_reports { "the program runs without a report" } else { "the program is not run" };
    eprintln!("hostlock: this process could not be sealed: {why}; {consequence}");
    if !only_reports {
        // SAFETY: ends the process at once; nothing of the program has run yet.
        unsafe { libc::_exit(FAILED) };
    }
}

enum Mode {
    Enforce,
    Report,
}

impl Mode {
    fn of(word: &OsString) -> Result<Mode, String> {
        match word.to_str() {
            Some("enforce") => Ok(Mode::Enforce),
            Some("report") => Ok(Mode::Report),
            _ => Err(format!("HOSTLOCK_SEAL is {word:?}, and neither \"enforce\" nor \"report\"")),
        }
    }
}

/// Whether `hostlock run` has ended, and its report with it. A daemon that the program left goes on sealed, and so does what
/// it executes.
fn is_over(report: &CStr) -> bool {
    let ends = std::env::var_os("HOSTLOCK_SEAL_REPORT_ENDS").is_some_and(|value| !value.is_empty());
    ends && !Path::new(OsStr::from_bytes(report.to_bytes())).exists()
}

fn seal(mode: Mode) -> Result<(), String> {
    let before = others::libssls();
    let hostlock = Library::open()?;
    if let Some(path) = text("HOSTLOCK_SEAL_REPORT")?.filter(|path| !is_over(path)) {
        hostlock.call_1(c"hostlock_seal_log", &path)?;
        events::log_to(path.clone());
        others::log_to(OsString::from_vec(path.into_bytes()).into());
        others::note_brought(&before);
    }
    for exception in text("HOSTLOCK_SEAL_ALLOW")?.unwrap_or_default().to_bytes().split(|byte| *byte == b',') {
        if !exception.trim_ascii().is_empty() {
            let exception = CString::new(exception.trim_ascii()).map_err(|_| "a NUL in HOSTLOCK_SEAL_ALLOW")?;
            hostlock.call_2(c"hostlock_insecure_seal_allow", Some(&exception), c"named in HOSTLOCK_SEAL_ALLOW")?;
        }
    }
    let hosts = text("HOSTLOCK_SEAL_HOST")?.unwrap_or_default();
    let hosts = hosts.to_str().map_err(|_| "HOSTLOCK_SEAL_HOST is no UTF-8")?;
    let rules = Rules::parse(hosts, |host| hostlock.normalize(host));
    rules::set(rules.map_err(|why| format!("HOSTLOCK_SEAL_HOST: {why}"))?);
    hostlock.set_host_source(source::ask, source::refused)?;
    if let Mode::Enforce = mode {
        watch::stop();
    }
    let policy = text("HOSTLOCK_SEAL_POLICY")?;
    match mode {
        Mode::Enforce => hostlock.call_0_or_1(c"hostlock_seal_process", policy.as_deref()),
        Mode::Report => {
            hostlock.call_2(c"hostlock_insecure_seal_report_only", policy.as_deref(), c"HOSTLOCK_SEAL is \"report\"")
        }
    }
}

/// A variable of the environment; an empty one counts as none.
fn text(name: &str) -> Result<Option<CString>, String> {
    match std::env::var_os(name).filter(|value| !value.is_empty()) {
        Some(value) => CString::new(value.into_vec()).map(Some).map_err(|_| format!("a NUL in {name}")),
        None => Ok(None),
    }
}
