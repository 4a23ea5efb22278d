//! Runs a test again in a process of its own, where the environment can be what the test needs.
#![allow(dead_code, reason = "each test uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CHILD: &str = "HOSTLOCK_TEST_CHILD";

/// The directory that the parent gave, where this process is the child.
pub fn directory() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// A command that runs the test `name` of this program again as a child that works in `directory`.
pub fn command(name: &str, directory: &Path) -> Command {
    of_program(&std::env::current_exe().unwrap(), name, directory)
}

/// The same for a copy of this program.
pub fn of_program(program: &Path, name: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, directory);
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env_remove("OPENSSL_CONF");
    command
}

/// The child must have run its one test, and passed it.
pub fn passes(command: &mut Command) {
    let Output { status, stdout, stderr } = loop {
        match command.output() {
            // A copy of the program, while a process that another test begins has the file that was written open still.
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            ended => break ended.unwrap(),
        }
    };
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && stdout.contains("1 passed"), "in the child: {status}\n{stdout}\n{stderr}");
}
