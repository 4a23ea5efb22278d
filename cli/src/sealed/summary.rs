//! What is said after a program has run under the seal: what it did, and what was not seen.

use std::path::Path;

use serde_json::{Value, json};

use super::coverage::{self, Coverage};
use super::events::{Connections, Events};
use super::launch::{Ended, exit_code};
use crate::output::Style;
use crate::table::Table;

/// A run that is over.
pub struct Summary {
    /// What was run, as it was named.
    pub program: String,
    /// "enforce" or "report".
    pub mode: &'static str,
    /// What was seen.
    pub events: Events,
    /// What was not seen, and why.
    pub coverage: Coverage,
    /// What was set in its environment, for PostgreSQL's clients.
    pub environment: Vec<(&'static str, &'static str)>,
    /// Whether one of them was seen: nobody else heeds the variable, and then it is not worth a line.
    is_postgres: bool,
    code: u8,
}

impl Summary {
    /// Reads the log of a run, and looks for what it does not tell.
    pub fn of(ended: &Ended, name: &Path, mode: &'static str) -> Summary {
        let events = Events::read(&ended.log);
        let coverage = coverage::judge(&events, &ended.seen, ended.pid, name, mode);
        let (program, environment) = (name.display().to_string(), ended.environment.clone());
        let seen = ended.seen.values().filter_map(|running| running.files.as_ref()).flatten();
        let loaded = events.processes.values().flat_map(|process| process.loaded.iter().map(Path::new));
        let is_postgres = loaded.chain(seen.map(AsRef::as_ref)).any(is_libpq);
        Summary { program, mode, events, coverage, environment, is_postgres, code: exit_code(ended.status) }
    }

    /// For a person.
    pub fn text(&self, coloured: bool) -> String {
        let events = &self.events;
        let many = |count: u64, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let mut refused = [("refused", "refused"), ("would_refuse", "would be refused")];
        if self.mode == "report" {
            refused.reverse();
        }
        let [refused, by_inner_run] = refused;
        let mut counts = vec![many(events.contexts(), "context")];
        for (outcome, words) in [("connected", "connected"), refused] {
            counts.push(format!("{} {words}", events.count(outcome)));
        }
        for (outcome, words) in [
            // A run inside of this one may have another mode.
            by_inner_run,
            ("excused", "let through by an exception"),
            ("failed", "failed by themselves"),
            ("stopped", "stopped from going on in the clear"),
            ("would_stop", "would be stopped from going on in the clear"),
        ] {
            counts
                .extend(Some(events.count(outcome)).filter(|count| *count > 0).map(|count| format!("{count} {words}")));
        }
        counts.extend(Some(events.served).filter(|count| *count > 0).map(|count| format!("{count} served")));
        let mut text = format!("hostlock: {} ({}): {}\n", self.program, self.mode, counts.join(", "));
        let mut table = Table::new(&["OUTCOME", "HOST", "COUNT", "PEER", "WHY"]);
        for some in &events.connections {
            table.row(style(some), row(some));
        }
        text += &table.text(coloured);
        let mut hints: Vec<&str> = events.connections.iter().filter_map(|some| some.hint.as_deref()).collect();
        hints.sort_unstable();
        hints.dedup();
        for hint in hints {
            text += &format!("hint: {hint}\n");
        }
        for (name, value) in self.environment.iter().filter(|_| self.is_postgres) {
            text += &format!("set: {name}={value}, which was unset: no plain text for it where TLS is refused\n");
        }
        for what in &self.coverage.not_covered {
            text += &format!("not covered: {what}\n");
        }
        for what in &self.coverage.only_loaded {
            text += &format!("not used: {what}\n");
        }
        text += &format!("cannot be seen: {}\n", self.coverage.not_seen.join("; "));
        text
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let mut object = self.events.to_json();
        object["program"] = json!(self.program);
        object["mode"] = json!(self.mode);
        object["exit_status"] = json!(self.code);
        object["contexts"] = json!(self.events.contexts());
        object["environment"] = self.environment.iter().map(|(name, value)| (*name, json!(value))).collect();
        object["not_covered"] = json!(self.coverage.not_covered);
        object["only_loaded"] = json!(self.coverage.only_loaded);
        object["not_seen"] = json!(self.coverage.not_seen);
        object
    }
}

fn is_libpq(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"libpq"))
}

fn row(some: &Connections) -> Vec<String> {
    let mut why = some.message.clone().unwrap_or_default();
    if let Some(allowed) = &some.allowed {
        why += &format!(" (let through by {allowed})");
    }
    if let Some(how) = some.learned.as_ref().filter(|_| some.host.is_some()) {
        let hosts = if some.hosts.is_empty() { String::new() } else { format!("{}, ", some.hosts.join(", ")) };
        let learned = format!("learned: {hosts}{how}");
        why = if why.is_empty() { learned } else { format!("{why} ({learned})") };
    }
    vec![
        some.outcome.replace('_', " "),
        some.host.clone().unwrap_or_else(|| "-".to_owned()),
        some.count.to_string(),
        some.peer.clone().unwrap_or_else(|| "-".to_owned()),
        why,
    ]
}

fn style(some: &Connections) -> Style {
    match some.outcome.as_str() {
        "connected" => Style::Plain,
        "refused" | "would_refuse" | "stopped" | "would_stop" => Style::Red,
        _ => Style::Yellow,
    }
}
