//! What is said after a program has run under the seal: what it did, and what was not seen.

use std::path::Path;

use serde_json::{Value, json};

use super::events::{Connections, Events};
use super::launch::{Ended, exit_code};
use super::program;
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
    pub not_covered: Vec<String>,
    code: u8,
}

impl Summary {
    /// Reads the log of a run, and looks for what it does not tell.
    pub fn of(ended: &Ended, name: &Path, mode: &'static str) -> Summary {
        let events = Events::read(&ended.log);
        let not_covered = not_covered(&events, ended.pid, name);
        Summary { program: name.display().to_string(), mode, events, not_covered, code: exit_code(ended.status) }
    }

    /// For a person.
    pub fn text(&self, coloured: bool) -> String {
        let events = &self.events;
        let many = |count: u64, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        let refused = if self.mode == "report" { ("would_refuse", "would be refused") } else { ("refused", "refused") };
        let mut counts = vec![many(events.contexts(), "context")];
        for (outcome, words) in [("connected", "connected"), refused] {
            counts.push(format!("{} {words}", events.count(outcome)));
        }
        for (outcome, words) in [
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
        for what in &self.not_covered {
            text += &format!("not covered: {what}\n");
        }
        text
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let mut object = self.events.to_json();
        object["program"] = json!(self.program);
        object["mode"] = json!(self.mode);
        object["exit_status"] = json!(self.code);
        object["contexts"] = json!(self.events.contexts());
        object["not_covered"] = json!(self.not_covered);
        object
    }
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

fn not_covered(events: &Events, pid: u32, name: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let file = program::find(name.as_os_str());
    let began = events.processes.get(&pid.into()).is_some_and(|process| process.program.is_some());
    if !began {
        found.push(format!("{}: the initialiser was not loaded into it", name.display()));
    }
    if events.contexts() == 0 {
        if began {
            found.push(
                "no SSL_CTX was made in the libssl that was watched: whatever TLS there was went another way"
                    .to_owned(),
            );
        }
        found.extend(file.iter().flat_map(|file| program::obstacles(file)));
    }
    let mut others: Vec<&String> = events.processes.values().flat_map(|process| &process.other_tls).collect();
    others.sort_unstable();
    others.dedup();
    found.extend(others.into_iter().map(|path| format!("{path} was loaded too; what it did was not seen")));
    found
}
