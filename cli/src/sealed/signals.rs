//! The signals of whoever stands before a program: what a process sent to us was meant for the program, and is passed on.
//! What the terminal sends goes to the whole foreground group, so the program has it already.

use std::ffi::c_int;
use std::fs;
use std::io;
use std::process::{Child, ExitStatus};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::*;
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::exfiltrator::origin::Origin;
use signal_hook::low_level::siginfo::Cause;
use signal_hook::low_level::{emulate_default_handler, signal_name};

use crate::output::note;

/// What service managers, containers and scripts send to programs. TTIN, TTOU and WINCH are orders to some servers.
const PASSED_ON: [Signal; 10] = [
    Signal::TERM,
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::ALARM,
    Signal::WINCH,
    Signal::TTIN,
    Signal::TTOU,
];

/// Stands between those who send signals and the program.
pub struct Relay {
    signals: SignalsInfo<WithOrigin>,
    ignored: Vec<Signal>,
}

impl Relay {
    /// To be made before the program is started, so that no signal ends us alone. What our caller ignores stays ignored
    /// until then: the program inherits that.
    pub fn new() -> io::Result<Relay> {
        let mask = ignored_mask().unwrap_or(0);
        let (ignored, caught): (Vec<Signal>, Vec<Signal>) =
            PASSED_ON.into_iter().partition(|signal| mask >> (signal.as_raw() - 1) & 1 == 1);
        let signals = SignalsInfo::new(caught.iter().map(|signal| signal.as_raw()).chain([SIGCHLD]))?;
        Ok(Relay { signals, ignored })
    }

    /// Waits for the end of the program, and passes on what comes until then.
    pub fn wait(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        // A program may heed what it inherited as ignored.
        for signal in &self.ignored {
            let _ = self.signals.add_signal(signal.as_raw());
        }
        loop {
            // Until it has been waited for, its number is no other process's.
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            for origin in self.signals.wait() {
                heed(&origin, child);
            }
        }
    }
}

fn heed(origin: &Origin, child: &Child) {
    match origin.cause {
        _ if origin.signal == SIGCHLD => {}
        // To stop is our own matter too: the shell waits for us to have stopped.
        Cause::Kernel if matches!(origin.signal, SIGTTIN | SIGTTOU) => drop(emulate_default_handler(origin.signal)),
        Cause::Kernel => {}
        // It signals its whole group, or us as its parent; to send it back would go on for ever.
        _ if origin.process.is_some_and(|sender| Pid::from_raw(sender.pid) == Pid::from_child(child).into()) => {}
        _ => pass_on(origin.signal, child),
    }
}

fn pass_on(number: c_int, child: &Child) {
    let Some(signal) = PASSED_ON.into_iter().find(|signal| signal.as_raw() == number) else { return };
    if let Err(error) = kill_process(Pid::from_child(child), signal) {
        let name = signal_name(number).unwrap_or("a signal");
        note(&format!("hostlock: {name} could not be passed on to process {}: {error}", child.id()));
    }
}

/// Which signals this process ignores: the bit of number 1 is the lowest.
fn ignored_mask() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}
