//! `hostlock audit --command`: runs a program that is only watched, and says what its contexts are like.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

use hostlock::{Error, Result, Status};
use serde_json::{Value, json};

use super::Outcome;
use crate::output::{is_coloured, note, show};
use crate::sealed::launch::Launch;
use crate::sealed::summary::Summary;

/// Contexts that were found alike.
struct Alike<'a> {
    report: &'a Value,
    text: &'a str,
    count: u64,
}

/// Runs `command` by the shell, refuses nothing, and prints what was found.
pub fn run(command: &str, policy: Option<&str>, json: bool) -> Result<Outcome> {
    let words: Vec<OsString> = ["sh", "-c", command].map(OsString::from).into();
    let ended =
        Launch { command: &words, mode: "report", policy, allow: &[], host: &[], keep_pgsslmode: true }.run()?;
    let name = command.split_whitespace().next().unwrap_or_default();
    let summary = Summary::of(&ended, Path::new(name), "report");
    let audits = alike(&summary.events.audits);
    if json {
        let mut object = summary.to_json();
        object["audits"] = audits.iter().map(|one| json!({ "count": one.count, "report": one.report })).collect();
        show(&format!("{object:#}\n"))?;
    } else {
        show(&text(&audits))?;
        note(summary.text(is_coloured()).trim_end());
    }
    if summary.events.contexts() == 0 {
        return Err(Error::new(Status::EUnsupported, format!("nothing was seen of {command:?}")).with_hint(
            "only programs that use the system's libssl are covered: not static ones, nor those with another TLS library",
        ));
    }
    let is_bad = |finding: &Value| {
        finding["default"] != true && ["critical", "high", "medium"].iter().any(|word| finding["severity"] == *word)
    };
    let is_bad = |one: &Alike<'_>| one.report["findings"].as_array().into_iter().flatten().any(is_bad);
    let found = audits.iter().any(is_bad) || summary.events.count("would_refuse") > 0;
    Ok(if found { Outcome::Found } else { Outcome::Fine })
}

fn text(audits: &[Alike<'_>]) -> String {
    let mut text = String::new();
    for one in audits {
        let alike = if one.count == 1 { "1 context".to_owned() } else { format!("{} contexts, alike", one.count) };
        let _ = writeln!(text, "{alike}: {}\n", one.text.trim_end());
    }
    text
}

/// In the order in which they were first seen. What was found counts, and not in which connection.
fn alike(events: &[Value]) -> Vec<Alike<'_>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut audits: Vec<Alike<'_>> = Vec::new();
    for event in events {
        let report = &event["report"];
        let place = *places.entry(report.to_string()).or_insert(audits.len());
        match audits.get_mut(place) {
            Some(one) => one.count += 1,
            None => audits.push(Alike { report, text: event["text"].as_str().unwrap_or_default(), count: 1 }),
        }
    }
    audits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_of_which_the_same_was_found_are_shown_once() {
        let one = json!({ "report": { "counts": { "high": 1 } }, "text": "one\n" });
        let other = json!({ "report": { "counts": { "high": 0 } }, "text": "other\n" });
        let events = [one.clone(), other, one];
        let audits = alike(&events);
        assert_eq!(
            audits.iter().map(|audit| (audit.text, audit.count)).collect::<Vec<_>>(),
            [("one\n", 2), ("other\n", 1)]
        );
        assert_eq!(text(&audits), "2 contexts, alike: one\n\n1 context: other\n\n");
    }
}
