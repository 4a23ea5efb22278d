//! `hostlock roots from-certdata`

use std::path::{Path, PathBuf};

use hostlock::Result;
use hostlock::roots::Purpose;

use super::Outcome;
use crate::output::{note, roots, show};
use crate::progress;

/// The arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// The certdata.txt
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The PEM file, replaced at once when all is well; "-" is standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// What the roots must be trusted for: server-auth, email or code-signing
    #[arg(long, default_value = "server-auth", value_parser = ["server-auth", "email", "code-signing"], hide_possible_values = true)]
    purpose: String,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let purpose = Purpose::named(&arguments.purpose)?;
    let input = &arguments.input;
    let converted =
        progress::during(&format!("reading {}", input.display()), || hostlock::roots::from_certdata(input, purpose))?;
    if arguments.output == Path::new("-") {
        show(&converted.pem)?;
    } else {
        converted.write(&arguments.output)?;
    }
    note(&format!("{} for {}", roots(converted.count), purpose.name()));
    let dated = converted.dated;
    if dated > 0 {
        note(&format!("{} only for certificates issued up to a date, which PEM cannot say to a program", roots(dated)));
    }
    Ok(Outcome::Fine)
}
