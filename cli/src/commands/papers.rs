//! `hostlock papers`: what an installation keeps beside the command, made of its own help: manual pages of section 1, and
//! completions for the shells.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;

use hostlock::{Error, Result, Status};

use crate::commands::Outcome;

/// Where they go.
#[derive(clap::Args)]
pub struct Arguments {
    /// A directory, which is made where it is missing: man1 and completions come to lie in it
    directory: PathBuf,
}

/// Writes the pages and completions of `command`.
pub fn run(arguments: &Arguments, command: Command) -> Result<Outcome> {
    let directory = &arguments.directory;
    write(directory, &mut without_hidden(&command))
        .map_err(|error| Error::new(Status::EFileIo, format!("{directory:?} could not be written: {error}")))?;
    Ok(Outcome::Fine)
}

/// The shells' completions would offer what the help keeps back.
fn without_hidden(command: &Command) -> Command {
    Command::new("hostlock")
        .version(env!("CARGO_PKG_VERSION"))
        .about(command.get_about().cloned().unwrap_or_default())
        .after_help(command.get_after_help().cloned().unwrap_or_default())
        .subcommand_required(true)
        .subcommands(command.get_subcommands().filter(|noun| !noun.is_hide_set()).cloned())
}

fn write(directory: &Path, command: &mut Command) -> io::Result<()> {
    let (manual, completions) = (directory.join("man1"), directory.join("completions"));
    fs::create_dir_all(&manual)?;
    fs::create_dir_all(&completions)?;
    clap_mangen::generate_to(command.clone(), &manual)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, command, "hostlock", &completions)?;
    }
    Ok(())
}
