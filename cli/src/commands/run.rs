//! `hostlock run`

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueHint;
use hostlock::{Error, Result, Status};

use crate::output::{complain, is_coloured, note};
use crate::sealed::launch::{Launch, exit_code};
use crate::sealed::summary::Summary;

/// What `env`, `timeout` and `nohup` answer when they themselves fail.
const FAILED: u8 = 125;
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// The arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Refuse (this is the default)
    #[arg(long, conflicts_with = "report")]
    enforce: bool,
    /// Refuse nothing, and only say what would be refused
    #[arg(long)]
    report: bool,
    /// The policy, such as "2026-11"
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// An exception: host:NAME, address:IP or sha256:HEX; may be given several times
    #[arg(long, value_name = "WHAT")]
    allow: Vec<String>,
    /// The host of connections that name none: NAME, ADDRESS[:PORT]=NAME, or NAME=NAME for one that was looked up; may be
    /// given several times
    #[arg(long, value_name = "WHAT")]
    host: Vec<String>,
    /// Leave PGSSLMODE unset: PostgreSQL's clients then speak plain text to servers that say they have no TLS
    #[arg(long)]
    keep_pgsslmode: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
    /// Write the summary to a file in place of standard error
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The program, and its arguments: all that follows it is its own. "--" may stand before it
    #[arg(trailing_var_arg = true, allow_hyphen_values = false, required = true, value_name = "PROGRAM",
          value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// Runs it, and gives the program's own status.
pub fn run(arguments: &Arguments) -> ExitCode {
    match attempt(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&error);
            ExitCode::from(match error.status() {
                Status::ENotFound => NOT_FOUND,
                Status::EWrongFileType => CANNOT_RUN,
                _ => FAILED,
            })
        }
    }
}

fn attempt(arguments: &Arguments) -> Result<u8> {
    let mode = if arguments.report { "report" } else { "enforce" };
    let launch = Launch {
        command: &arguments.command,
        mode,
        policy: arguments.policy.as_deref(),
        allow: &arguments.allow,
        host: &arguments.host,
        keep_pgsslmode: arguments.keep_pgsslmode,
    };
    // Before the program runs: its work is not to be lost behind a status that says it was not run.
    let output = arguments.output.as_deref().map(|path| File::create(path).map_err(|error| unwritable(path, &error)));
    let output = output.transpose()?;
    let ended = launch.run()?;
    let name = arguments.command.first().map(Path::new).unwrap_or(Path::new(""));
    let summary = Summary::of(&ended, name, mode);
    let text = if arguments.json { format!("{:#}\n", summary.to_json()) } else { summary.text(is_coloured()) };
    match (output, &arguments.output) {
        (Some(mut file), Some(path)) => {
            file.write_all(text.as_bytes()).map_err(|error| unwritable(path, &error))?;
        }
        _ => note(text.trim_end()),
    }
    Ok(exit_code(ended.status))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::new(Status::EFileIo, format!("{path:?} could not be written: {error}"))
}
