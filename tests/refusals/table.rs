//! The table: rows of what was said, without what differs from run to run.

use std::fmt::Write;

use hostlock::error::Status;

use crate::c::Failure;

/// One refusal.
pub struct Row {
    situation: String,
    status: Status,
    line: String,
    hint: String,
}

impl Row {
    pub fn new(situation: &str, failure: Failure) -> Row {
        let Failure { status, message, hint, .. } = failure;
        // Whether the address of a peer that is gone is still to be had differs from run to run.
        let line = still(&message).replace("the peer", "127.0.0.1:PORT");
        Row { situation: situation.to_owned(), status, line, hint: still(&hint) }
    }
}

pub struct Section {
    title: &'static str,
    rows: Vec<Row>,
}

impl Section {
    pub fn new(title: &'static str, rows: Vec<Row>) -> Section {
        Section { title, rows }
    }
}

const PREFACE: &str = "# What a refusal says

What happened, the status, the line (`hostlock_error_message`) and the hint (`hostlock_error_hint`). A test brings each of
these about with a real peer and compares what it hears with this table; `HOSTLOCK_BLESS=1 cargo test --test refusals`
writes it anew. Ports, dates, keys and directories stand as PORT, DATE, KEY and DIR; where the address of a peer is not known
(any more), the line has \"the peer\" in its place.

The status of each row has HOSTLOCK_E_ in front of it in the header.
";

/// The whole file.
pub fn render(sections: &[Section]) -> String {
    let mut text = PREFACE.to_owned();
    for Section { title, rows } in sections {
        write!(text, "\n## {title}\n\n| situation | status | line | hint |\n| --- | --- | --- | --- |\n").unwrap();
        for Row { situation, status, line, hint } in rows {
            let status = status.name().trim_start_matches("HOSTLOCK_E_");
            writeln!(text, "| {situation} | {status} | {} | {} |", cell(line), cell(hint)).unwrap();
        }
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The lines that only one of the two has.
pub fn differences(said: &str, committed: &str) -> String {
    let only_in = |one: &str, other: &str, mark: char| {
        let other: Vec<&str> = other.lines().collect();
        let lines = one.lines().filter(|line| !other.contains(line));
        lines.fold(String::new(), |text, line| text + &format!("{mark} {line}\n"))
    };
    only_in(committed, said, '-') + &only_in(said, committed, '+')
}

/// `text` without what differs from run to run.
fn still(text: &str) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let directory = std::env::temp_dir().join("hostlock-test-");
    let directory = directory.to_str().unwrap();
    let mut text = text.to_owned();
    while let Some(at) = text.find(directory) {
        // The numbers of the process and of the directory.
        let name = text[at + directory.len()..].trim_start_matches(|one: char| one.is_ascii_digit() || one == '-');
        let end = text.len() - name.len();
        text.replace_range(at..end, "DIR");
    }
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        // "Nov 28 09:53:04 2026 GMT", where one digit stands behind two blanks.
        let date = words.iter().rposition(|word| MONTHS.contains(&word.as_str()));
        let port =
            word.strip_prefix("127.0.0.1:").map(|rest| rest.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        let key = word.strip_prefix("sha256/").filter(|rest| rest.len() >= 44);
        match (date, port, key) {
            (Some(at), ..) if word.starts_with("GMT") => {
                words.truncate(at);
                words.push(format!("DATE{}", &word[3..]));
            }
            (_, Some(behind), _) => words.push(format!("127.0.0.1:PORT{behind}")),
            (_, _, Some(rest)) => words.push(format!("sha256/KEY{}", &rest[44..])),
            _ if is_moment(word) => words.push(format!("DATE{}", &word[MOMENT.len()..])),
            _ => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

const MOMENT: &str = "2026-11-28T09:53:04Z";

fn is_moment(word: &str) -> bool {
    let alike = |(one, other): (u8, u8)| one == other || one.is_ascii_digit() && other.is_ascii_digit();
    word.len() >= MOMENT.len() && word.bytes().zip(MOMENT.bytes()).all(alike)
}
