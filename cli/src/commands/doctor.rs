//! `hostlock doctor`

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use hostlock::{Result, words};
use serde_json::{Value, json};

use super::Outcome;
use crate::anchors::{date, now};
use crate::doctor::environment::{self, Variable, printable};
use crate::doctor::files;
use crate::doctor::pythons::{self, Python};
use crate::doctor::roots::{self, Ages, Roots, SOON};
use crate::output::{self, Style, is_coloured, show};
use crate::progress;
use crate::sealed::launch;
use crate::table::Table;

/// The arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Everything that was seen.
struct Seen {
    version: &'static str,
    openssl: &'static str,
    libssl: Option<PathBuf>,
    library: Option<PathBuf>,
    initialiser: Result<PathBuf>,
    roots: Roots,
    environment: Vec<Variable>,
    pythons: Vec<Python>,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let seen = progress::during("asking the Pythons", || Seen {
        version: env!("CARGO_PKG_VERSION"),
        openssl: openssl::version::version(),
        libssl: hostlock::libssl_path(),
        library: files::library(),
        initialiser: launch::initialiser(),
        roots: roots::look(now()),
        environment: environment::variables(),
        pythons: pythons::all(),
    });
    let mend = seen.to_mend();
    show(&match arguments.json {
        true => format!("{:#}\n", seen.as_json(&mend)),
        false => seen.as_text(&mend, is_coloured()),
    })?;
    Ok(if mend.is_empty() { Outcome::Fine } else { Outcome::Found })
}

impl Seen {
    /// What a person has to do something about.
    fn to_mend(&self) -> Vec<String> {
        let mut mend = Vec::new();
        if let Err(error) = &self.initialiser {
            mend.push(format!("hostlock run does not find its initialiser: {}", error.hint()));
        }
        match &self.roots.found {
            Err(error) => mend.push(format!("the roots cannot be read: {}", error.message())),
            Ok(ages) if ages.count == ages.expired.len() => {
                mend.push("every root has expired: install newer ones".to_owned())
            }
            Ok(_) => {}
        }
        let harmful = self.environment.iter().filter(|variable| variable.is_harmful);
        mend.extend(harmful.map(|variable| format!("unset {}: {}", variable.name, variable.does)));
        mend
    }

    fn as_text(&self, mend: &[String], coloured: bool) -> String {
        let mut text = format!("hostlock {} on this machine\n\n", self.version);
        let inside = || "inside of hostlock".to_owned();
        let _ = writeln!(text, "libssl       {}, {}", self.openssl, self.libssl.as_deref().map_or_else(inside, path));
        let nowhere =
            || "not where the loader looks (C programs that are linked with it need a path of their own)".to_owned();
        let _ = writeln!(text, "library      {}", self.library.as_deref().map_or_else(nowhere, path));
        let initialiser = match &self.initialiser {
            Ok(file) => path(file),
            Err(_) => Style::Red.paint("not found", coloured),
        };
        let _ = writeln!(text, "initialiser  {initialiser}");
        self.roots_as_text(&mut text, coloured);
        let _ = writeln!(
            text,
            "environment  {}",
            if self.environment.is_empty() { "sets nothing that TLS heeds" } else { "" }
        );
        for variable in &self.environment {
            let style = if variable.is_harmful { Style::Red } else { Style::Plain };
            let line = format!("{}={}", variable.name, variable.value);
            let _ = writeln!(text, "  {}\n      {}", style.paint(&line, coloured), variable.does);
        }
        self.pythons_as_text(&mut text, coloured);
        if mend.is_empty() {
            let _ = writeln!(text, "\n{}", Style::Green.paint("nothing to mend", coloured));
        } else {
            let _ = writeln!(text, "\n{}", Style::Red.paint("to mend:", coloured));
            for one in mend {
                let _ = writeln!(text, "  {one}");
            }
        }
        text.replace("  \n", "\n")
    }

    fn roots_as_text(&self, text: &mut String, coloured: bool) {
        let Roots { places, written, found } = &self.roots;
        let from = if places.from_environment { ", as the environment says" } else { "" };
        let where_from = match (&places.file, places.directories.as_slice()) {
            (None, []) => "as they come with hostlock: this system has none".to_owned(),
            (file, directories) => {
                let all: Vec<String> = file.iter().chain(directories).map(|one| path(one)).collect();
                format!("in {}{from}", all.join(", "))
            }
        };
        match found {
            Ok(ages) => {
                let _ = writeln!(text, "roots        {} {where_from}", output::roots(ages.count));
                let _ = writeln!(text, "             {}", age(ages, *written));
            }
            Err(error) => {
                let why = Style::Red.paint(&format!("cannot be read: {}", error.message()), coloured);
                let _ = writeln!(text, "roots        {where_from}: {why}");
            }
        }
    }

    fn pythons_as_text(&self, text: &mut String, coloured: bool) {
        let mut table = Table::new(&["PYTHON", "VERSION", "ITS OPENSSL", "HOSTLOCK REACHES IT", "PACKAGE"]);
        let mut silent: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for python in &self.pythons {
            let name = path(&python.path);
            match &python.answer {
                Err(why) => silent.entry(why).or_default().push(name),
                Ok(answer) => {
                    let openssl =
                        answer.openssl.as_deref().map(|words| words.split(' ').take(2).collect::<Vec<_>>().join(" "));
                    let mode = answer.mode(self.libssl.as_deref());
                    let style = if mode == "in place" { Style::Plain } else { Style::Yellow };
                    let package = if answer.has_package { "hostlock" } else { "" };
                    table.row(
                        style,
                        vec![
                            name,
                            printable(&answer.version),
                            printable(&openssl.unwrap_or_default()),
                            mode.to_owned(),
                            package.to_owned(),
                        ],
                    );
                }
            }
        }
        if self.pythons.is_empty() {
            let _ = writeln!(text, "python       none on the PATH");
        }
        if !self.pythons.is_empty() {
            text.push('\n');
        }
        let _ = write!(text, "{}", table.without_empty_last().text(coloured));
        for (why, names) in silent {
            let _ = writeln!(text, "{}: {}", names.join(", "), printable(why));
        }
    }

    fn as_json(&self, mend: &[String]) -> Value {
        let Roots { places, written, found } = &self.roots;
        let ages = found.as_ref().ok();
        let moment = |seconds: Option<i64>| seconds.map(words::time);
        json!({
            "version": self.version,
            "libssl": { "version": self.openssl, "path": self.libssl },
            "library": self.library,
            "initialiser": self.initialiser.as_ref().ok(),
            "roots": {
                "file": places.file,
                "directories": places.directories,
                "from_environment": places.from_environment,
                "written": moment(*written),
                "error": found.as_ref().err().map(|error| error.message()),
                "count": ages.map(|ages| ages.count),
                "expired": ages.map(|ages| &ages.expired),
                "expiring": ages.map(|ages| &ages.expiring),
                "oldest": moment(ages.and_then(|ages| ages.made).map(|(oldest, _)| oldest)),
                "newest": moment(ages.and_then(|ages| ages.made).map(|(_, newest)| newest)),
            },
            "environment": self.environment.iter().map(|variable| json!({
                "name": variable.name, "value": variable.value, "does": variable.does, "harmful": variable.is_harmful,
            })).collect::<Vec<_>>(),
            "pythons": self.pythons.iter().map(|python| self.python_as_json(python)).collect::<Vec<_>>(),
            "to_mend": mend,
        })
    }

    fn python_as_json(&self, python: &Python) -> Value {
        match &python.answer {
            Err(why) => json!({ "path": python.path, "error": why }),
            Ok(answer) => json!({
                "path": python.path,
                "version": answer.version,
                "openssl": answer.openssl,
                "libssl": answer.libssl,
                "mode": answer.mode(self.libssl.as_deref()),
                "package": answer.has_package,
            }),
        }
    }
}

/// "made 1998 to 2024; none has expired, 2 expire within 90 days; written 2026-03-01".
fn age(ages: &Ages, written: Option<i64>) -> String {
    let year = |seconds| date(seconds).split('-').next().unwrap_or_default().to_owned();
    let made = ages.made.map(|(first, last)| format!("made from {} to {}; ", year(first), year(last)));
    let count = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.len().to_string() };
    let written = written.map(|seconds| format!("; the file was written on {}", date(seconds)));
    format!(
        "{}expired: {}; within {SOON} days expire: {}{}",
        made.unwrap_or_default(),
        count(&ages.expired),
        count(&ages.expiring),
        written.unwrap_or_default()
    )
}

fn path(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
