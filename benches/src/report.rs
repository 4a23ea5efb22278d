//! Prints the rows as a table for people, writes them as JSON, and says whether each goal is reached.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::goal::{Goal, number, ratio};
use crate::row::Row;
use crate::subjects::{Bench, Subject};
use crate::versions;

/// Measures `subjects`. With `gate` only what has a goal that the gate holds, and a goal that is missed is a failure.
pub fn run(subjects: Vec<&Subject>, gate: bool, json: Option<&str>) -> ExitCode {
    let bench = Bench::new(gate);
    let mut items = Vec::new();
    let mut missed = Vec::new();
    print_heading();
    for subject in subjects {
        for row in (subject.rows)(&bench).iter().filter(|row| !gate || row.is_gated()) {
            print(row);
            items.push(item(subject.name, row));
            let goals = row.goals.iter().filter(|goal| row.is_gated() && !row.holds(goal));
            missed.extend(goals.map(|goal| format!("{} ({}): {}", row.what, row.unit.name(), shortfall(row, goal))));
        }
    }
    if let Some(path) = json {
        let all = json!({ "machine": versions::machine(), "versions": versions::all(), "rows": items });
        std::fs::write(path, format!("{all:#}\n")).unwrap_or_else(|error| panic!("{path} cannot be written: {error}"));
    }
    for line in &missed {
        eprintln!("missed: {line}");
    }
    if gate && !missed.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn shortfall(row: &Row, goal: &Goal) -> String {
    let reached = row.reached(goal);
    let reached = if goal.against.is_some() { ratio(reached) } else { number(reached) };
    format!("{reached}, where {} is asked for", goal.text())
}

fn print_heading() {
    println!("{:<52} {:<13} {:>14}  {:<22} {:>14} {:>8}", "what", "unit", "hostlock", "peer", "it", "ratio");
}

fn print(row: &Row) {
    let (what, unit, hostlock) = (row.what, row.unit.name(), number(row.hostlock));
    let mut start = format!("{what:<52} {unit:<13} {hostlock:>14}");
    for (peer, value) in &row.peers {
        println!("{start}  {peer:<22} {:>14} {:>8}", number(*value), ratio(row.hostlock / value));
        start = " ".repeat(81);
    }
    if row.peers.is_empty() {
        println!("{start}");
    }
    for goal in &row.goals {
        let verdict = if row.holds(goal) { "reached" } else { "MISSED" };
        let gated = if row.is_gated() { "" } else { " (not held by the gate: time)" };
        println!("    goal: at most {}: {verdict}{gated}", goal.text());
    }
    if let Some(note) = row.note {
        println!("    {note}");
    }
}

fn item(subject: &str, row: &Row) -> Value {
    let peers: serde_json::Map<String, Value> =
        row.peers.iter().map(|(peer, value)| ((*peer).to_owned(), json!(value))).collect();
    let goals: Vec<Value> = row
        .goals
        .iter()
        .map(|goal| {
            json!({
                "against": goal.against,
                "at_most": goal.at_most,
                "reached": row.reached(goal),
                "holds": row.holds(goal),
                "gated": row.is_gated(),
            })
        })
        .collect();
    json!({
        "subject": subject,
        "what": row.what,
        "unit": row.unit.name(),
        "hostlock": row.hostlock,
        "peers": peers,
        "goals": goals,
        "note": row.note,
    })
}
