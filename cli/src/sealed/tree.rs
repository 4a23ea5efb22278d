//! The processes below a program while it runs: which files each of them executes, and whether it is sealed. It looks at
//! /proc every few milliseconds, and so may miss what lives for less.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The file name of what seals a process.
pub const INITIALISER: &str = "libhostlock_preload.so";

/// One program in one process: after an exec it is another.
#[derive(Clone, Debug, Default)]
pub struct Running {
    /// Whether the initialiser was loaded into it.
    pub sealed: bool,
    /// Whether it ran with more rights than its caller.
    pub privileged: bool,
    /// Whether its environment told it to load the initialiser; `None` where that may not be read.
    pub told: Option<bool>,
    /// The files that it had mapped to execute; `None` where they may not be read.
    pub files: Option<BTreeSet<PathBuf>>,
}

/// By process and program.
pub type Seen = BTreeMap<(u32, PathBuf), Running>;

/// Looks until it is stopped.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Seen>>,
}

impl Watch {
    /// Begins to look at the process `root` and what it starts. Where no thread can be had nothing is seen.
    pub fn begin(root: u32) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::Builder::new().spawn(move || look_until(&stopped, root)).ok();
        Watch { stop, thread }
    }

    /// What was seen.
    pub fn end(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take();
        thread.inspect(|thread| thread.thread().unpark()).and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

/// The shortest time between two looks, and how often to ask whether there is a new process anywhere.
const SOON: Duration = Duration::from_millis(2);
const LATER: Duration = Duration::from_millis(20);
/// How long after its last new process the tree counts as busy.
const BUSY: Duration = Duration::from_millis(250);
/// How often to look for what a process has loaded meanwhile.
const AGAIN: Duration = Duration::from_millis(500);

fn look_until(stop: &AtomicBool, root: u32) -> Seen {
    let mut tree = Tree { known: BTreeMap::new(), strangers: BTreeSet::new(), seen: Seen::new() };
    tree.known.insert(root, started(root));
    let (mut newest, mut changed, mut looked) = (None, Instant::now(), None::<Instant>);
    while !stop.load(Ordering::Relaxed) {
        let now = newest_process();
        let is_new = now.is_none() || now != newest;
        newest = now;
        // What was just started has not loaded everything yet.
        let busy = changed.elapsed() < BUSY;
        let began = processor_time();
        if is_new || busy || looked.is_none_or(|looked| looked.elapsed() > AGAIN) {
            if tree.look() {
                changed = Instant::now();
            }
            looked = Some(Instant::now());
        }
        // A fifth of one processor's time at most while the program starts others, much less where only others do. Of
        // this thread's own time: by the clock a busy machine would look dear, and be looked at too seldom.
        let cost = processor_time().saturating_sub(began);
        thread::park_timeout(if busy { SOON.max(cost * 4) } else { LATER.max(cost * 40) });
    }
    tree.look();
    tree.seen
}

/// What this thread has had of a processor.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// The number of the process that was started last, anywhere: where it is the same, no process is new.
fn newest_process() -> Option<String> {
    fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().last().map(str::to_owned)
}

struct Tree {
    /// The processes that belong to the tree, by the moment that each was started: numbers are used again.
    known: BTreeMap<u32, Option<u64>>,
    /// Those that do not: nobody becomes a child of ours later.
    strangers: BTreeSet<u32>,
    seen: Seen,
}

impl Tree {
    /// Looks at all of them; whether one is new.
    fn look(&mut self) -> bool {
        let Ok(all) = fs::read_dir("/proc") else { return false };
        let all: BTreeSet<u32> = all.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        self.known.retain(|pid, begun| all.contains(pid) && begun.is_none_or(|begun| started(*pid) == Some(begun)));
        self.strangers.retain(|pid| all.contains(pid));
        let unknown = all.iter().filter(|pid| !self.known.contains_key(pid) && !self.strangers.contains(pid));
        let mut unknown: Vec<(u32, Stat)> = unknown.filter_map(|pid| Some((*pid, Stat::of(*pid)?))).collect();
        let before = self.seen.len();
        // A child may stand before its parent.
        loop {
            let (ours, others): (Vec<_>, Vec<_>) =
                unknown.into_iter().partition(|(_, stat)| self.known.contains_key(&stat.parent));
            unknown = others;
            if ours.is_empty() {
                break;
            }
            self.known.extend(ours.into_iter().map(|(pid, stat)| (pid, Some(stat.started))));
        }
        self.strangers.extend(unknown.into_iter().map(|(pid, _)| pid));
        for pid in self.known.keys().copied().collect::<Vec<_>>() {
            self.look_at(pid);
        }
        self.seen.len() > before
    }

    fn look_at(&mut self, pid: u32) {
        let of = |name: &str| PathBuf::from(format!("/proc/{pid}/{name}"));
        let program = match fs::read_link(of("exe")) {
            Ok(program) => program,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => name_of(pid),
            // It has ended.
            Err(_) => return,
        };
        let maps = fs::read(of("maps")).ok();
        if maps.as_ref().is_some_and(|maps| maps.is_empty()) {
            return;
        }
        let (vector, environment) = (fs::read(of("auxv")), fs::read(of("environ")));
        // Between two of these answers it may have executed another program, or ended.
        match fs::read_link(of("exe")) {
            Ok(now) if now != program => return,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && environment.is_err() => return,
            _ => {}
        }
        let running = self.seen.entry((pid, program)).or_default();
        if let Some(files) = maps.map(|maps| executed(&maps)) {
            running.sealed |= files.iter().any(|file| file.file_name().is_some_and(|name| name == INITIALISER));
            running.files.get_or_insert_default().extend(files);
        }
        running.privileged |= vector.is_ok_and(|vector| is_secure(&vector));
        if let Ok(environment) = environment {
            let mut variables = environment.split(|byte| *byte == 0);
            running.told = Some(variables.any(|variable| {
                variable.starts_with(b"LD_PRELOAD=") && memchr::memmem::find(variable, INITIALISER.as_bytes()).is_some()
            }));
        }
    }
}

struct Stat {
    parent: u32,
    started: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Stat> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold anything; behind its last bracket stand the third field and those after it.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        Some(Stat { parent: fields.nth(1)?.parse().ok()?, started: fields.nth(17)?.parse().ok()? })
    }
}

fn started(pid: u32) -> Option<u64> {
    Stat::of(pid).map(|stat| stat.started)
}

/// What the kernel calls a process whose program may not be read.
fn name_of(pid: u32) -> PathBuf {
    fs::read_to_string(format!("/proc/{pid}/comm")).map(|name| name.trim_end().into()).unwrap_or_default()
}

/// The files of which parts are mapped to be executed.
fn executed(maps: &[u8]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for line in maps.split(|byte| *byte == b'\n') {
        let mut fields = line.splitn(6, |byte| *byte == b' ');
        let rights = fields.nth(1).unwrap_or_default();
        let path = fields.nth(3).unwrap_or_default().trim_ascii_start();
        if rights.get(2) == Some(&b'x') && path.starts_with(b"/") && !path.starts_with(b"/memfd:") {
            found.insert(Path::new(std::ffi::OsStr::from_bytes(path)).to_owned());
        }
    }
    found
}

/// Whether the kernel gave it more rights than its caller has (AT_SECURE).
fn is_secure(vector: &[u8]) -> bool {
    const AT_SECURE: usize = 23;
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| bytes.try_into().map(usize::from_ne_bytes).unwrap_or_default();
    let mut pairs = vector.chunks_exact(2 * WORD).map(|pair| (word(&pair[..WORD]), word(&pair[WORD..])));
    pairs.any(|(key, value)| key == AT_SECURE && value != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_off_what_may_be_executed() {
        let maps =
            b"55d0-55d1 r--p 00000000 fe:00 131 /usr/bin/a\n55d1-55d2 r-xp 00001000 fe:00 131      /usr/bin/a b\n\
            7f00-7f01 r-xp 00000000 00:00 0 \n7f02-7f03 r-xp 00000000 00:00 0    [vdso]\n\
            7f04-7f05 rwxp 00000000 00:01 9   /memfd:code (deleted)\nnonsense\n";
        assert_eq!(executed(maps), BTreeSet::from([PathBuf::from("/usr/bin/a b")]));
    }

    #[test]
    fn this_process_is_seen_with_what_it_executes_and_its_child_too() {
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let watch = Watch::begin(std::process::id());
        thread::sleep(Duration::from_millis(100));
        let seen = watch.end();
        let _ = (child.kill(), child.wait());
        let own = &seen[&(std::process::id(), fs::read_link("/proc/self/exe").unwrap())];
        assert!(!own.sealed && !own.privileged && own.told == Some(false));
        assert!(own.files.as_ref().unwrap().iter().any(|file| file.ends_with("libc.so.6")));
        assert!(seen.keys().any(|(pid, program)| *pid == child.id() && program.ends_with("sleep")), "{seen:?}");
    }
}
