//! The Pythons that the PATH leads to, and which OpenSSL each of them uses. Each is run once, for that question.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// An interpreter.
pub struct Python {
    /// The command that leads to it.
    pub path: PathBuf,
    /// What it says of itself, or why it says nothing.
    pub answer: Result<Answer, String>,
}

/// What an interpreter says of itself.
pub struct Answer {
    /// Of Python.
    pub version: String,
    /// The words of its OpenSSL; `None` where it has no module ssl.
    pub openssl: Option<String>,
    /// The libssl that it has loaded for its module ssl; `None` where that is inside of it.
    pub libssl: Option<PathBuf>,
    /// Whether it finds the package hostlock.
    pub has_package: bool,
}

/// In Python 2.7 and 3. What lies in the working directory is not imported.
const QUESTION: &str = r#"
import sys
sys.path = [place for place in sys.path if place not in ("", ".")]
import json, os, pkgutil
try:
    import ssl
    openssl = ssl.OPENSSL_VERSION
except ImportError:
    openssl = None
libssl = None
for line in open("/proc/self/maps"):
    path = line.rstrip("\n").split(" ", 5)[-1].strip()
    if os.path.basename(path).startswith("libssl"):
        libssl = path
package = any(os.path.isfile(os.path.join(place, "hostlock", "__init__.py")) for place in sys.path)
version = sys.version.split()[0]
print(json.dumps({"version": version, "program": os.path.realpath(sys.executable), "openssl": openssl, "libssl": libssl, "package": package}))
"#;

const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// Asks all of them at once.
pub fn all() -> Vec<Python> {
    let asked: Vec<_> = candidates().into_iter().map(|path| thread::spawn(move || ask(path))).collect();
    let mut seen = BTreeSet::new();
    let answered = asked.into_iter().filter_map(|thread| thread.join().ok());
    // Names of one interpreter, and shims that lead to it, are told once.
    answered
        .filter(|(_, program)| program.as_ref().is_none_or(|program| seen.insert(program.clone())))
        .map(|(python, _)| python)
        .collect()
}

impl Answer {
    /// As the package calls it: "in place" where hostlock reaches this interpreter's ssl, "afterwards" where it has another OpenSSL.
    pub fn mode(&self, ours: Option<&Path>) -> &'static str {
        match (&self.openssl, &self.libssl) {
            (None, _) => "without ssl",
            (Some(_), Some(theirs)) if theirs.canonicalize().ok().as_deref() == ours => "in place",
            (Some(_), _) => "afterwards",
        }
    }
}

/// python, python3, python2.7, python3.13 and their like, in the order of the PATH; each file once.
fn candidates() -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for directory in env::split_paths(&env::var_os("PATH").unwrap_or_default()).filter(|path| path.is_absolute()) {
        let mut here: Vec<PathBuf> = fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(is_name))
            .map(|entry| entry.path())
            .filter(|path| fs::metadata(path).is_ok_and(|facts| facts.is_file() && facts.mode() & 0o111 != 0))
            .collect();
        here.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        found.extend(here.into_iter().filter(|path| path.canonicalize().is_ok_and(|file| seen.insert(file))));
    }
    found
}

fn is_name(name: &str) -> bool {
    let Some(version) = name.strip_prefix("python") else { return false };
    version.chars().all(|letter| letter.is_ascii_digit() || letter == '.') && !version.starts_with('.')
}

fn ask(path: PathBuf) -> (Python, Option<PathBuf>) {
    let (answer, program) = match question(&path) {
        Ok((answer, program)) => (Ok(answer), Some(program)),
        Err(why) => (Err(why), None),
    };
    (Python { path, answer }, program)
}

fn question(path: &Path) -> Result<(Answer, PathBuf), String> {
    let mut command = Command::new(path);
    command.args(["-c", QUESTION]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| error.to_string())?;
    let said = wait(child)?;
    let unreadable = || "no answer".to_owned();
    let said: Value = serde_json::from_str(said.trim()).map_err(|_| unreadable())?;
    let text = |key: &str| said[key].as_str().map(str::to_owned);
    let answer = Answer {
        version: text("version").ok_or_else(unreadable)?,
        openssl: text("openssl"),
        libssl: text("libssl").map(PathBuf::from),
        has_package: said["package"] == true,
    };
    Ok((answer, text("program").map(PathBuf::from).ok_or_else(unreadable)?))
}

fn wait(mut child: Child) -> Result<String, String> {
    let end = Instant::now() + LONG_ENOUGH;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(Some(_)) => return Err("no interpreter behind the name".to_owned()),
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("does not end within 10 seconds".to_owned());
            }
        }
    }
    // One line: what it left running may hold the pipe open.
    let mut said = String::new();
    let pipe = child.stdout.take().ok_or("no answer")?.take(0x10000);
    BufReader::new(pipe).read_line(&mut said).map_err(|error| error.to_string())?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_known_by_their_names() {
        for name in ["python", "python3", "python2.7", "python3.13"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["python3-config", "python3.11-dbg", "pythonw", "ipython3", "python.exe"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
