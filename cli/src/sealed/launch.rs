//! Starts a program with the initialiser preloaded, waits for its end, and gives the log of its events.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use hostlock::{Error, Policy, Result, Status, words};
use openssl::rand;
use rustix::io::Errno;

use super::signals::Relay;
use super::tree::{INITIALISER, Seen, Watch};

use super::{meant, program};

/// What to run, and how.
pub struct Launch<'a> {
    /// The program and its arguments; never empty.
    pub command: &'a [OsString],
    /// "enforce" or "report".
    pub mode: &'static str,
    /// The policy, where another than the default is wanted.
    pub policy: Option<&'a str>,
    /// The exceptions.
    pub allow: &'a [String],
    /// The hosts of connections that name none.
    pub host: &'a [String],
    /// Whether libpq goes on as it is set up, also in plain text.
    pub keep_pgsslmode: bool,
}

/// How it ended.
pub struct Ended {
    /// Of the program itself.
    pub status: ExitStatus,
    /// Its process.
    pub pid: u32,
    /// The lines that it and its descendants wrote.
    pub log: String,
    /// What was seen of all of them.
    pub seen: Seen,
    /// What was set in the environment, beside what the seal itself needs.
    pub environment: Vec<(&'static str, &'static str)>,
}

/// What a shell would say of the end of a program: its own status, or 128 and the number of the signal.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}

impl Launch<'_> {
    /// Runs it to its end.
    pub fn run(&self) -> Result<Ended> {
        // The initialiser would refuse them too, but it has fewer words.
        self.policy.unwrap_or("default").parse::<Policy>()?;
        self.allow.iter().try_for_each(|what| words::check_exception(what))?;
        self.host.iter().try_for_each(|what| meant::check(what))?;
        let initialiser = initialiser()?;
        let log = Log::new()?;
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| Error::new(Status::EArg, "no program was named"))?;
        let environment = self.environment();
        let of = |program: &OsStr| {
            let mut command = Command::new(program);
            command.env("LD_PRELOAD", preloaded(&initialiser));
            command
                .env("HOSTLOCK_SEAL", self.mode)
                .env("HOSTLOCK_SEAL_REPORT", &log.0)
                .env("HOSTLOCK_SEAL_REPORT_ENDS", "1");
            command.env("HOSTLOCK_SEAL_ALLOW", self.allow.join(","));
            command.env("HOSTLOCK_SEAL_HOST", self.host.join(","));
            command.env("HOSTLOCK_SEAL_POLICY", self.policy.unwrap_or_default());
            command.envs(environment.iter().copied());
            command
        };
        let not_seen = |error| Error::new(Status::EIo, format!("the end of {program:?} could not be seen: {error}"));
        let mut relay = Relay::new().map_err(not_seen)?;
        let mut child = match (of(program).args(arguments).spawn(), program::script_of_the_shell(program)) {
            // What execvp(3), and with it every shell, does with a text that names no interpreter.
            (Err(error), Some(script)) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
                of(OsStr::new(program::SHELL)).arg(script).args(arguments).spawn()
            }
            (spawned, _) => spawned,
        }
        .map_err(|error| not_started(program, &error))?;
        let pid = child.id();
        let watch = Watch::begin(pid);
        let status = relay.wait(&mut child).map_err(not_seen);
        let (status, seen) = (status?, watch.end());
        let text = fs::read(&log.0)
            .map_err(|error| Error::new(Status::EFileIo, format!("the log of events could not be read: {error}")))?;
        tell_outer_run(&text);
        Ok(Ended { status, pid, log: String::from_utf8_lossy(&text).into_owned(), seen, environment })
    }

    fn environment(&self) -> Vec<(&'static str, &'static str)> {
        let is_open = self.mode == "enforce" && !self.keep_pgsslmode && env::var_os(PGSSLMODE.0).is_none();
        is_open.then_some(PGSSLMODE).into_iter().collect()
    }
}

/// Where this command runs under another `hostlock run`, that one is told what this one saw: its log was not in force here.
fn tell_outer_run(events: &[u8]) {
    let is_set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let preloads = is_set("LD_PRELOAD").unwrap_or_default();
    let is_preloaded = memchr::memmem::find(preloads.as_bytes(), INITIALISER.as_bytes()).is_some();
    // A log that stays is the user's own, and gets nothing that was not asked for.
    if !is_preloaded || is_set("HOSTLOCK_SEAL").is_none() || is_set("HOSTLOCK_SEAL_REPORT_ENDS").is_none() {
        return;
    }
    let Some(log) = is_set("HOSTLOCK_SEAL_REPORT") else { return };
    // Without creating it: an outer run that is over has removed it, and nobody waits for what would be written.
    if let Ok(mut log) = OpenOptions::new().append(true).open(log) {
        let whole_lines = events.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let _ = log.write_all(&events[..whole_lines]);
    }
}

/// libpq's own default, `prefer`, goes on in plain text where TLS is refused, and reports success.
const PGSSLMODE: (&str, &str) = ("PGSSLMODE", "require");

/// A program that cannot be started, told apart as shells do: status 127 where there is none, 126 where it cannot run.
fn not_started(program: &OsString, error: &std::io::Error) -> Error {
    let status = if error.kind() == ErrorKind::NotFound { Status::ENotFound } else { Status::EWrongFileType };
    let not_started = Error::new(status, format!("{program:?} could not be started: {error}"));
    match error.raw_os_error() {
        Some(number) if number == Errno::NOEXEC.raw_os_error() => {
            not_started.with_hint("it is no script, and no program for this kind of machine")
        }
        _ => not_started,
    }
}

/// What is preloaded already goes on being so.
fn preloaded(initialiser: &Path) -> OsString {
    let mut value = initialiser.as_os_str().to_owned();
    if let Some(before) = env::var_os("LD_PRELOAD").filter(|before| !before.is_empty()) {
        value.push(":");
        value.push(before);
    }
    value
}

/// Where `make install` puts libraries, where it was told another place than `lib` beside the command's `bin`.
const LIBDIR: Option<&str> = option_env!("HOSTLOCK_LIBDIR");

/// Where the initialiser lies: beside the command in a build tree, or where `make install` puts it.
pub fn initialiser() -> Result<PathBuf> {
    let own = env::current_exe().ok();
    let directory = own.as_deref().and_then(Path::parent);
    let mut places: Vec<PathBuf> = Vec::new();
    places.extend(env::var_os("HOSTLOCK_PRELOAD").map(PathBuf::from));
    places.extend(directory.map(|directory| directory.join(INITIALISER)));
    let prefix = directory.and_then(Path::parent);
    let libraries = prefix
        .into_iter()
        .flat_map(directories_of_libraries)
        .chain(LIBDIR.filter(|place| !place.is_empty()).map(PathBuf::from));
    let usual = ["/usr/local", "/usr"].into_iter().flat_map(|prefix| directories_of_libraries(Path::new(prefix)));
    places.extend(libraries.chain(usual).map(|libraries| libraries.join("hostlock").join(INITIALISER)));
    let found = places.iter().find(|place| place.is_file()).and_then(|place| place.canonicalize().ok());
    found.ok_or_else(|| {
        let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        Error::new(Status::EState, format!("there is no {INITIALISER}; looked for {}", looked.join(", ")))
            .with_hint("run make install, or name the file in HOSTLOCK_PRELOAD")
    })
}

/// What systems take for LIBDIR: lib, lib64, and on Debian a directory for the machine.
fn directories_of_libraries(prefix: &Path) -> Vec<PathBuf> {
    let mut found = vec![prefix.join("lib"), prefix.join("lib64")];
    found.push(prefix.join(format!("lib/{}-linux-gnu", env::consts::ARCH)));
    found
}

/// An empty file in a directory of its own, both removed in the end.
///
/// Where we are root the program's processes may become other users, who are then to open the file for writing, by a name
/// that nobody else can find out. Nobody but us reads it.
struct Log(PathBuf);

impl Log {
    fn new() -> Result<Log> {
        let is_root = rustix::process::geteuid().is_root();
        let (of_directory, of_file) = if is_root { (0o711, 0o622) } else { (0o700, 0o600) };
        let mut name = [0; 16];
        rand::rand_bytes(&mut name)
            .map_err(|error| Error::new(Status::EInternal, format!("OpenSSL gives no random bytes: {error}")))?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        for attempt in 0..100 {
            let directory = env::temp_dir().join(format!("hostlock-{}-{attempt}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&directory) {
                Ok(()) => {
                    let log = Log(directory.join(name).with_extension("jsonl"));
                    let made = File::create_new(&log.0)
                        .and_then(|file| file.set_permissions(Permissions::from_mode(of_file)))
                        .and_then(|()| fs::set_permissions(&directory, Permissions::from_mode(of_directory)));
                    return made.map(|()| log).map_err(|error| not_made(&directory, &error));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(not_made(&directory, &error)),
            }
        }
        Err(Error::new(Status::EFileIo, "no file for the log of events could be made"))
    }
}

fn not_made(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Status::EFileIo, format!("{path:?} could not be made: {error}"))
        .with_hint("the run is logged in the directory for temporary files; TMPDIR names another")
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        let _ = self.0.parent().map(fs::remove_dir);
    }
}
