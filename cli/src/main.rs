//! The command `hostlock`: looks at trust anchors and at servers with the library's own eyes, and runs programs under its
//! seal. It changes nothing but the file that it was told to write.
#![forbid(unsafe_code)]

mod anchors;
mod audit;
mod commands;
mod doctor;
mod output;
mod progress;
mod sealed;
mod table;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use commands::{
    Outcome, audit as audit_command, diff, doctor as doctor_command, expiring, from_certdata, list, papers, run,
};

const EXIT_CODES: &str = "Exit codes:
  0  all is well
  1  something was found: a difference (diff), a root that expires (expiring), a server that is refused or a program
     with findings (audit), something to mend (doctor)
  2  the command was not understood
  3  something could not be read or written, no server of TLS answered, or it ended the
     handshake before that was complete (a server of TLS 1.2 that demands a client certificate)";

const EXAMPLES: &str = "Try:
  hostlock doctor
  hostlock audit example.org
  hostlock run curl https://example.org/";

const RUN_CODES: &str =
    "Exit codes: the program's own; 128 and the number of the signal that killed it; 127 where there is no such
program, 126 where it cannot be run, 125 where it could not be sealed.";

const DOCTOR_CODES: &str = "Exit codes:
  0  all is well
  1  something is to be mended: roots that cannot be read or have all expired, no initialiser, a variable that gives
     secrets away or switches verification off
  2  the command was not understood
  3  standard output could not be written

It runs each Python on the PATH once, to ask for its OpenSSL, and changes nothing.";

const SOURCES: &str = "Sources:
  system   the roots that a client of hostlock trusts when it names none (SSL_CERT_FILE and SSL_CERT_DIR count)
  bundled  Mozilla's roots, as they come with hostlock
  PATH     a file (PEM, one certificate in DER, or NSS's certdata.txt: its roots for servers), or a directory of such
           files but certdata.txt; a file that is called \"system\" is \"./system\"";

/// Looks at roots, servers and programs with the eyes of hostlock, and runs programs under its seal
#[derive(Parser)]
#[command(name = "hostlock", version, after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
struct Arguments {
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Subcommand)]
enum Noun {
    /// Lists, compares and converts roots (trust anchors)
    #[command(subcommand, after_help = EXIT_CODES)]
    Roots(Roots),
    /// Looks at a server or a program: what is weak, and whom it would have fooled
    #[command(after_help = EXIT_CODES)]
    Audit(audit_command::Arguments),
    /// Runs a program so that every TLS connection that it makes with OpenSSL is verified
    #[command(after_help = RUN_CODES)]
    Run(run::Arguments),
    /// Shows what TLS rests on here: libssl, roots, environment, Pythons
    #[command(after_help = DOCTOR_CODES)]
    Doctor(doctor_command::Arguments),
    /// Writes the manual pages and the shells' completions of this command, for those who install it
    #[command(hide = true)]
    Papers(papers::Arguments),
}

#[derive(Subcommand)]
enum Roots {
    /// Lists the roots of one source or more
    #[command(after_help = format!("{SOURCES}\n\n{EXIT_CODES}"))]
    List(list::Arguments),
    /// Writes the roots of a certdata.txt as PEM, with a header for each
    #[command(after_help = EXIT_CODES)]
    FromCertdata(from_certdata::Arguments),
    /// Says which roots only one of two sources has, and which have another date of distrust
    #[command(after_help = format!("{SOURCES}\n\n{EXIT_CODES}"))]
    Diff(diff::Arguments),
    /// Lists the roots that have expired or expire soon
    #[command(after_help = format!("{SOURCES}\n\n{EXIT_CODES}"))]
    Expiring(expiring::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().noun {
        Noun::Roots(Roots::List(arguments)) => list::run(&arguments),
        Noun::Roots(Roots::FromCertdata(arguments)) => from_certdata::run(&arguments),
        Noun::Roots(Roots::Diff(arguments)) => diff::run(&arguments),
        Noun::Roots(Roots::Expiring(arguments)) => expiring::run(&arguments),
        Noun::Audit(arguments) => audit_command::run(&arguments),
        Noun::Doctor(arguments) => doctor_command::run(&arguments),
        Noun::Papers(arguments) => papers::run(&arguments, Arguments::command()),
        Noun::Run(arguments) => return run::run(&arguments),
    };
    match outcome {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Ok(Outcome::Unfinished) => ExitCode::from(3),
        Err(error) => {
            output::complain(&error);
            ExitCode::from(3)
        }
    }
}
