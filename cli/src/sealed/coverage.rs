//! What of a run the seal did not cover, judged for each process and for each TLS implementation in it: from what the sealed
//! processes wrote down, from what was seen of all processes, and from the files that they executed.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::{Path, PathBuf};

use super::events::{Events, Process};
use super::program;
use super::tree::{Running, Seen};

/// What is said of it.
#[derive(Debug, Default)]
pub struct Coverage {
    /// What spoke TLS unwatched, or may have.
    pub not_covered: Vec<String>,
    /// TLS libraries that were loaded, of which it is known that they were not used.
    pub only_loaded: Vec<String>,
    /// What nothing tells.
    pub not_seen: Vec<String>,
}

/// Libraries whose use the initialiser notes.
const NOTED: &[&str] = &["libgnutls.so", "libssl3.so"];

/// What is true of every run.
const NEVER_SEEN: &[&str] = &[
    "TLS in code that is no file (interpreted or generated)",
    "processes that were not sealed and ended within some milliseconds",
];

/// Judges the run of `name` in the process `root`.
pub fn judge(events: &Events, seen: &Seen, root: u32, name: &Path, mode: &str) -> Coverage {
    let mut judge = Judge { events, seen, files: BTreeMap::new(), found: Coverage::default() };
    judge.main_program(root, name);
    judge.not_sealed(mode);
    judge.unsealed();
    judge.sealed();
    let mut found = judge.found;
    for list in [&mut found.not_covered, &mut found.only_loaded] {
        let mut before = BTreeSet::new();
        list.retain(|line| before.insert(line.clone()));
    }
    found.not_seen.extend(NEVER_SEEN.iter().map(|what| (*what).to_owned()));
    found
}

struct Judge<'a> {
    events: &'a Events,
    seen: &'a Seen,
    /// What speaks TLS in a file, of those that have been looked into.
    files: BTreeMap<PathBuf, Option<&'static str>>,
    found: Coverage,
}

impl Judge<'_> {
    fn main_program(&mut self, root: u32, name: &Path) {
        let began = self.events.processes.get(&root.into()).is_some_and(Process::has_begun);
        let of_root = self.seen.iter().filter(|((pid, program), _)| *pid == root && !is_this_command(program));
        if !began && !of_root.clone().any(|(_, running)| running.sealed) {
            self.found.not_covered.push(format!("{}: the initialiser was not loaded into it", name.display()));
            if of_root.count() == 0
                && let Some(file) = program::find(name.as_os_str()).map(program::run_by)
            {
                self.unsealed_program(&file, &Running::default(), 1);
            }
        } else if self.events.contexts() == 0 && self.events.processes.values().all(|one| one.not_sealed.is_empty()) {
            self.found.not_covered.push(
                "no SSL_CTX was made in the libssl that was watched: whatever TLS there was went another way"
                    .to_owned(),
            );
        }
    }

    /// Contexts that were seen and are for no TLS over a stream.
    fn not_sealed(&mut self, mode: &str) {
        let what = if mode == "report" { "its handshakes would be refused" } else { "its handshakes are refused" };
        for process in self.events.processes.values() {
            for (why, count) in &process.not_sealed {
                let program = process.program.as_deref().unwrap_or("a program");
                let times = if *count == 1 { String::new() } else { format!(" ({count} contexts)") };
                self.found.not_covered.push(format!("{program}: {why}{times}; {what}"));
            }
        }
    }

    /// Processes without the initialiser.
    fn unsealed(&mut self) {
        let mut programs: BTreeMap<&Path, (Running, usize)> = BTreeMap::new();
        for ((pid, program), running) in self.seen {
            let began = self.events.processes.get(&u64::from(*pid)).is_some_and(|process| process.ran(program));
            if running.sealed || began || is_this_command(program) {
                continue;
            }
            let (all, count) = programs.entry(program).or_default();
            *count += 1;
            all.privileged |= running.privileged;
            all.told = if running.told == Some(false) { running.told } else { all.told.or(running.told) };
            if let Some(files) = &running.files {
                all.files.get_or_insert_default().extend(files.iter().cloned());
            }
        }
        for (program, (running, count)) in programs {
            self.unsealed_program(program, &running, count);
        }
    }

    fn unsealed_program(&mut self, program: &Path, running: &Running, count: usize) {
        let bar = program::bar(program);
        let privileged = running.privileged.then_some("ran with more rights than its caller: nothing is preloaded");
        let cleaned = (running.told == Some(false)).then_some("was started with a cleaned environment");
        let why = privileged.or(bar).or(cleaned).unwrap_or("did not load the initialiser");
        let mut files = running.files.clone().unwrap_or_default();
        files.insert(program.to_owned());
        let signs: Vec<String> = files
            .iter()
            .filter_map(|file| self.tls_inside(file).map(|words| format!("{} {words}", file.display())))
            .collect();
        let shown = match count {
            1 => program.display().to_string(),
            _ => format!("{} ({count} processes)", program.display()),
        };
        let blind = running.files.is_none() && bar.is_none() && !program.is_file();
        if !signs.is_empty() {
            self.found.not_covered.push(format!("{shown} {why}; {}", signs.join(", ")));
        } else if blind || running.files.is_none() && (privileged.is_some() || program::is_set_uid(program)) {
            self.found.not_covered.push(format!("{shown} {why}; what it executed may not be read"));
        } else if bar.is_some() || privileged.is_some() {
            self.found.not_covered.push(format!("{shown} {why}; no TLS was recognised in it"));
        } else if running.told != Some(true) {
            self.found.not_seen.push(format!("{shown}, which {why} and shows no TLS"));
        }
    }

    /// Other TLS implementations in processes that are sealed.
    fn sealed(&mut self) {
        let mut programs: BTreeMap<u64, (PathBuf, BTreeSet<PathBuf>)> = BTreeMap::new();
        for (pid, process) in &self.events.processes {
            let program = process.program.clone().unwrap_or_default();
            let (shown, files) = programs.entry(*pid).or_default();
            *shown = PathBuf::from(&program);
            files.extend(process.loaded.iter().map(PathBuf::from));
            files.extend(process.programs.iter().map(PathBuf::from));
        }
        for ((pid, program), running) in self.seen.iter().filter(|(_, running)| running.sealed) {
            let (shown, files) = programs.entry((*pid).into()).or_default();
            if shown.as_os_str().is_empty() {
                shown.clone_from(program);
            }
            files.extend(running.files.iter().flatten().cloned());
        }
        let watched: BTreeSet<PathBuf> = self
            .events
            .processes
            .values()
            .flat_map(|process| &process.libssls)
            .map(|path| real(Path::new(path)))
            .collect();
        for (pid, (program, files)) in programs {
            let own = self.events.processes.get(&pid);
            let own_libssls: BTreeSet<PathBuf> =
                own.iter().flat_map(|process| &process.libssls).map(|path| real(Path::new(path))).collect();
            let watched = if own_libssls.is_empty() { &watched } else { &own_libssls };
            let used: BTreeSet<PathBuf> =
                own.iter().flat_map(|process| &process.used).map(|path| real(Path::new(path))).collect();
            let files: BTreeSet<PathBuf> = files.iter().chain(&used).map(|file| real(file)).collect();
            let brought: BTreeSet<PathBuf> =
                own.iter().flat_map(|process| &process.brought).map(|path| real(Path::new(path))).collect();
            for file in files.difference(watched) {
                if brought.contains(file) {
                    let (file, program) = (file.display(), program.display());
                    let line = format!("whether {program} used {file}, which hostlock itself has brought into it");
                    self.found.not_seen.push(line);
                } else {
                    self.in_sealed(file, &program, used.contains(file));
                }
            }
        }
    }

    fn in_sealed(&mut self, file: &Path, program: &Path, used: bool) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let noted = NOTED.iter().any(|beginning| name.starts_with(beginning));
        if is_this_command(file) {
            return;
        }
        let shown = file.display();
        match self.tls_inside(file) {
            _ if used => {
                let program = program.display();
                self.found.not_covered.push(format!("{shown} was used by {program}; what it did was not seen"));
            }
            None => {}
            Some(_) if noted => {
                self.found.only_loaded.push(format!("{shown} was loaded, and its handshake was not called"));
            }
            Some(words) if file == real(program) => {
                self.found.not_covered.push(format!("{shown} {words}, which is not watched"));
            }
            Some(words) => {
                let program = program.display();
                let line = format!("{shown} {words}, and was loaded into {program}; what it did was not seen");
                self.found.not_covered.push(line);
            }
        }
    }

    fn tls_inside(&mut self, file: &Path) -> Option<&'static str> {
        let file = real(file);
        if !self.files.contains_key(&file) {
            let words = program::tls_inside(&file);
            self.files.insert(file.clone(), words);
        }
        self.files.get(&file).copied().flatten()
    }
}

/// Between fork and exec a child is still this command, which also knows the marks of TLS.
fn is_this_command(program: &Path) -> bool {
    env::current_exe().is_ok_and(|own| own == program)
}

/// The path without symbolic links, as /proc gives it.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn of_a_set_uid_program_whose_libraries_may_not_be_read_nothing_is_said_that_was_not_seen() {
        let program = env::temp_dir().join(format!("hostlock-{}-set-uid", std::process::id()));
        fs::copy("/bin/true", &program).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o4755)).unwrap();
        let seen = Seen::from([((7, program.clone()), Running::default())]);
        let found = judge(&Events::default(), &seen, 1, Path::new("/bin/true"), "enforce");
        fs::remove_file(&program).unwrap();
        let line = found.not_covered.iter().find(|line| line.contains("set-uid or set-gid")).unwrap();
        assert!(line.ends_with("what it executed may not be read"), "{line}");
    }
}
