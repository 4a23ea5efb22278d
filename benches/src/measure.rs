//! Measures child processes: instructions by valgrind's callgrind, the same from run to run and machine to machine; time
//! by the clock, as the least of the steps of several runs that take turns, which is what the work costs where nothing
//! disturbs it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use crate::step;

/// How often times are taken.
const RUNS: usize = 9;
/// What of the caller's environment reaches a child. Other variables would make peers read other roots than they were told
/// to; and each one, whatever it is, costs a look to whoever asks for another.
const KEPT: &[&str] = &["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"];

/// A program with arguments and a known environment.
#[derive(Clone, Debug)]
pub struct Child {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

impl Child {
    /// A piece of work of this program.
    pub fn work(subject: &str, piece: &str, peer: &str, count: usize) -> Child {
        let program = std::env::current_exe().expect("the program knows its path");
        Child::program(program).with(["work", subject, piece, peer, &count.to_string()])
    }

    /// Another program.
    pub fn program(program: impl Into<PathBuf>) -> Child {
        Child { program: program.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    pub fn with(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Child {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Child {
        self.environment.push((name, value.into()));
        self
    }

    /// What it prints, where it ends well.
    pub fn output(&self) -> String {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        String::from_utf8(self.run(command).stdout).expect("it prints text")
    }

    fn run(&self, mut command: Command) -> Output {
        command.env_clear();
        command.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn under_callgrind(&self, options: &[&str]) -> f64 {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).args(options);
        command.arg(&self.program).args(&self.arguments);
        let output = self.run(command);
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().find(|line| line.contains("Collected :")).expect("callgrind says what it collected");
        line.split_whitespace().last().and_then(|number| number.parse().ok()).expect("a number")
    }
}

/// The instructions of all counted steps of a piece of work.
pub fn instructions_of_steps(child: &Child) -> f64 {
    child.under_callgrind(&["--toggle-collect=counted_step"])
}

/// The same where a long preparation says itself when it is over ([`step::begin_to_count`]).
pub fn instructions_after_preparation(child: &Child) -> f64 {
    let from_the_start = if cfg!(target_arch = "x86_64") { "no" } else { "yes" };
    child.under_callgrind(&["--toggle-collect=counted_step", &format!("--instr-atstart={from_the_start}")])
}

/// The instructions of a whole process.
pub fn instructions(child: &Child) -> f64 {
    child.under_callgrind(&[])
}

/// The microseconds that a step of each piece of work takes.
pub fn times_of_steps(children: &[Child]) -> Vec<f64> {
    least(children, |child| step::read(&child.output()).nanoseconds / 1e3)
}

/// The same of the processor's time.
pub fn cpu_of_steps(children: &[Child]) -> Vec<f64> {
    least(children, |child| step::read(&child.output()).cpu / 1e3)
}

/// The microseconds that each process takes.
pub fn times(children: &[Child]) -> Vec<f64> {
    least(children, |child| {
        let start = Instant::now();
        child.output();
        start.elapsed().as_secs_f64() * 1e6
    })
}

/// The microseconds that each process takes, by the clock and of the processor's time, where all take turns: of the last the
/// medians, and of the others that times the median of their ratios to it in the same turn.
pub fn paired(children: &[Child], turns: usize) -> [Vec<f64>; 2] {
    let turn = || {
        children.iter().map(|child| {
            let (start, before) = (Instant::now(), cpu_of_children());
            child.output();
            [start.elapsed().as_secs_f64() * 1e6, cpu_of_children() - before]
        })
    };
    // The first finds nothing in the system's caches.
    let taken: Vec<Vec<[f64; 2]>> = (0..=turns).map(|_| turn().collect()).skip(1).collect();
    [0, 1].map(|which| {
        let last = children.len() - 1;
        let base = median(taken.iter().map(|turn| turn[last][which]));
        let ratio = |at: usize| median(taken.iter().map(|turn| turn[at][which] / turn[last][which]));
        (0..children.len()).map(|at| base * ratio(at)).collect()
    })
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The microseconds that the processes which have ended took of the processor.
fn cpu_of_children() -> f64 {
    // SAFETY: all zero is a value of it, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage), 0);
        usage
    };
    let microseconds = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
    microseconds(usage.ru_utime) + microseconds(usage.ru_stime)
}

/// The microseconds that a step of each of two takes which take turns in one process: of the runs, the one in which the
/// first had the median lead.
pub fn times_by_turns(child: &Child) -> [f64; 2] {
    let mut runs: Vec<[f64; 2]> =
        (0..RUNS).map(|_| step::read(&child.output()).by_turns.map(|time| time / 1e3)).collect();
    runs.sort_by(|one, other| (one[0] / one[1]).total_cmp(&(other[0] / other[1])));
    runs[RUNS / 2]
}

/// The bytes that a piece of work said it takes.
pub fn bytes(child: &Child) -> f64 {
    step::read(&child.output()).bytes
}

fn least(children: &[Child], measure: impl Fn(&Child) -> f64) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; children.len()];
    for _ in 0..RUNS {
        for (best, child) in best.iter_mut().zip(children) {
            *best = best.min(measure(child));
        }
    }
    best
}
