//! What the processes under a seal wrote down, read back. A line that is none is left out: a program may have been killed
//! while the disk was full.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

/// One process.
#[derive(Debug, Default)]
pub struct Process {
    /// The file that it ran, where it said so.
    pub program: Option<String>,
    /// All files that it ran, one after the other.
    pub programs: Vec<String>,
    /// The libssl that is watched in it; after an exec it may be another.
    pub libssls: Vec<String>,
    /// What it had loaded in the end beside that.
    pub loaded: Vec<String>,
    /// Libraries that are not watched, and that it used.
    pub used: Vec<String>,
    /// The libssl that hostlock itself has brought into a program with another one inside.
    pub brought: Vec<String>,
    /// How many contexts it made, as far as is known.
    pub contexts: u64,
    /// Contexts that could not be sealed: why, and how many.
    pub not_sealed: BTreeMap<String, u64>,
    /// Other TLS libraries that it had loaded.
    pub other_tls: Vec<String>,
    /// Whether it came to its end by itself.
    pub ended: bool,
}

impl Process {
    /// Whether it was sealed, and said so.
    pub fn has_begun(&self) -> bool {
        self.program.is_some()
    }

    /// Whether it was sealed when it ran `program`.
    pub fn ran(&self, program: &Path) -> bool {
        self.programs.iter().any(|other| Path::new(other) == program)
    }
}

/// Connections that ended alike.
#[derive(Debug)]
pub struct Connections {
    /// "connected", "refused", "would_refuse", "excused" or "failed".
    pub outcome: String,
    /// The host that was asked for.
    pub host: Option<String>,
    /// The name of the status, and its number.
    pub status: (String, i64),
    /// Why, in the words of the latest.
    pub message: Option<String>,
    /// What can be done.
    pub hint: Option<String>,
    /// The address of the latest, where there was a socket.
    pub peer: Option<String>,
    /// What let it through.
    pub allowed: Option<String>,
    /// How the host is known, where the program did not name it.
    pub learned: Option<String>,
    /// All of them, where there are several.
    pub hosts: Vec<String>,
    /// How many.
    pub count: u64,
}

/// Everything.
#[derive(Debug, Default)]
pub struct Events {
    /// By process number.
    pub processes: BTreeMap<u64, Process>,
    /// In the order in which they were first seen.
    pub connections: Vec<Connections>,
    /// How many connections were served.
    pub served: u64,
    /// What the audits of contexts found, in order.
    pub audits: Vec<Value>,
}

impl Events {
    /// Reads the lines of a log.
    pub fn read(log: &str) -> Events {
        let mut events = Events::default();
        for line in log.lines() {
            if let Ok(Value::Object(line)) = serde_json::from_str(line) {
                events.add(&line.into());
            }
        }
        events
    }

    /// How many contexts were made by all of them.
    pub fn contexts(&self) -> u64 {
        self.processes.values().map(|process| process.contexts).sum()
    }

    /// How many connections ended so.
    pub fn count(&self, outcome: &str) -> u64 {
        self.connections.iter().filter(|some| some.outcome == outcome).map(|some| some.count).sum()
    }

    /// The same as JSON.
    pub fn to_json(&self) -> Value {
        let processes: Vec<Value> = self
            .processes
            .iter()
            .map(|(pid, process)| {
                json!({ "pid": pid, "program": process.program, "contexts": process.contexts,
                    "other_tls": process.other_tls, "used": process.used, "ended": process.ended })
            })
            .collect();
        let connections: Vec<Value> = self
            .connections
            .iter()
            .map(|some| {
                json!({ "outcome": some.outcome, "host": some.host, "status": some.status.0, "code": some.status.1,
                    "message": some.message, "hint": some.hint, "peer": some.peer, "allowed": some.allowed,
                    "learned": some.learned, "hosts": some.hosts, "count": some.count })
            })
            .collect();
        json!({ "processes": processes, "connections": connections, "served": self.served, "audits": self.audits })
    }

    fn add(&mut self, line: &Value) {
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        let process = self.processes.entry(line["pid"].as_u64().unwrap_or(0)).or_default();
        process.contexts = process.contexts.max(line["contexts"].as_u64().unwrap_or(0));
        match line["event"].as_str().unwrap_or_default() {
            "began" => {
                process.program = text("program");
                process.programs.extend(text("program"));
                process.libssls.extend(text("libssl"));
            }
            "ended" => {
                process.ended = true;
                process.other_tls = texts(&line["other_tls"]);
                process.loaded = texts(&line["loaded"]);
            }
            "used" => process.used.extend(text("library")),
            "brought" => process.brought.extend(text("library")),
            "first_context" => {}
            "not_sealed" => *process.not_sealed.entry(text("message").unwrap_or_default()).or_default() += 1,
            "served" => self.served += 1,
            "audit" => self.audits.push(line.clone()),
            outcome => {
                let some = Connections {
                    outcome: outcome.to_owned(),
                    host: text("host"),
                    status: (text("status").unwrap_or_default(), line["code"].as_i64().unwrap_or(0)),
                    message: text("message"),
                    hint: text("hint"),
                    peer: text("peer"),
                    allowed: text("allowed"),
                    learned: text("learned"),
                    hosts: texts(&line["hosts"]),
                    count: 1,
                };
                match self.connections.iter_mut().find(|other| other.is_alike(&some)) {
                    Some(other) => *other = Connections { count: other.count + 1, ..some },
                    None => self.connections.push(some),
                }
            }
        }
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

impl Connections {
    fn is_alike(&self, other: &Connections) -> bool {
        (&self.outcome, &self.host, self.status.1) == (&other.outcome, &other.host, other.status.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_several_processes_are_added_up_and_broken_lines_left_out() {
        let events = Events::read(concat!(
            r#"{"event":"began","pid":7,"program":"/bin/a"}"#,
            "\n",
            r#"{"event":"refused","pid":7,"contexts":1,"host":"h","status":"HOSTLOCK_E_HOST_MISMATCH","code":-12,"message":"one"}"#,
            "\n",
            r#"{"event":"refused","pid":8,"contexts":3,"host":"h","status":"HOSTLOCK_E_HOST_MISMATCH","code":-12,"message":"two"}"#,
            "\n",
            r#"{"event":"served","pid":8,"contexts":3}"#,
            "\n",
            r#"{"event":"not_sealed","pid":8,"contexts":3,"message":"DTLS"}"#,
            "\n",
            r#"{"event":"stopped","pid":8,"peer":"192.0.2.7:5432","message":"text in the clear"}"#,
            "\n",
            r#"{"event":"ended","pid":8,"contexts":4,"other_tls":["/lib/libgnutls.so.30"]}"#,
            "\n{\"event\":\"ref",
        ));
        assert_eq!((events.contexts(), events.count("refused"), events.served), (5, 2, 1));
        assert_eq!((events.connections.len(), events.count("stopped")), (2, 1));
        assert_eq!(events.processes[&8].not_sealed["DTLS"], 1);
        assert_eq!(events.connections[1].peer.as_deref(), Some("192.0.2.7:5432"));
        assert_eq!(events.connections[0].message.as_deref(), Some("two"));
        assert_eq!(events.processes[&7].program.as_deref(), Some("/bin/a"));
        assert!(!events.processes[&7].ended && events.processes[&8].ended);
        assert_eq!(events.processes[&8].other_tls, ["/lib/libgnutls.so.30"]);
    }
}
