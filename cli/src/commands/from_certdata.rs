//! `hostlock roots from-certdata`

use std::path::{Path, PathBuf};

use hostlock::error::Result;
use hostlock::trust::certdata::{self, Purpose, Trust};
use hostlock::trust::replace;

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
    let (certdata, pem) = progress::during(&format!("reading {}", input.display()), || -> Result<_> {
        let certdata = certdata::load(input)?;
        let pem = certdata.pem(purpose, &format!("{input:?}"))?;
        Ok((certdata, pem))
    })?;
    if arguments.output == Path::new("-") {
        show(&pem)?;
    } else {
        replace::file(&arguments.output, pem.as_bytes())?;
    }
    let trusted: Vec<_> = certdata.roots.iter().filter(|root| root.trust(purpose) == Trust::Anchor).collect();
    note(&format!("{} for {}", roots(trusted.len()), purpose.name()));
    let dated = trusted.iter().filter(|root| root.distrust_after(purpose).is_some()).count();
    if dated > 0 {
        note(&format!("{} only for certificates issued up to a date, which PEM cannot say to a program", roots(dated)));
    }
    Ok(Outcome::Fine)
}
