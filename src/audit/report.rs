//! What was found wrong with a context or a connection: as data, as a table for a person, and as JSON with a stable
//! schema (docs/audit.md). A report only tells; who looked, and at what, is decided elsewhere.

use std::borrow::Cow;
use std::ffi::CString;
use std::fmt::Write;
use std::sync::OnceLock;

use crate::json::Object;

/// How bad a finding is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Anyone on the network path can pose as the peer or read along.
    Critical,
    /// An attacker needs a little more: a certificate of any other host, or a peer that still speaks what is broken.
    High,
    /// A protection that is expected today is missing.
    Medium,
    /// A habit that helps no attacker by itself.
    Low,
    /// Nothing wrong: a fact that a reader wants to know, or one that could not be found out.
    Info,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Severity; 5] =
        [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

    /// The word for it in texts, JSON and the C ABI.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
            Severity::Info => "info",
        }
    }

    /// The severity of a word.
    pub fn named(name: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.name() == name)
    }
}

/// What can be found: one row of a table that docs print and findings refer to.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// A word in kebab case that never changes its meaning.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub what: &'static str,
    /// Why it matters: the attack, with a CVE or an RFC.
    pub why: &'static str,
    /// The call that fixes it; empty where there is nothing to fix.
    pub fix: &'static str,
}

impl Kind {
    /// That it was found.
    pub fn found(&'static self) -> Finding {
        Finding { kind: self, detail: String::new(), fix: Cow::Borrowed(self.fix), items: Vec::new(), is_default: false }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: &'static Kind,
    /// What was seen here, in one line; may be empty.
    pub detail: String,
    /// The call that fixes it here.
    pub fix: Cow<'static, str>,
    /// The single things that it is about, such as the names of cipher suites.
    pub items: Vec<String>,
    /// Whether a context that no program has touched has it too, as far as that was looked at.
    pub is_default: bool,
}

impl Finding {
    /// Adds what was seen here.
    pub fn with_detail(self, detail: impl Into<String>) -> Finding {
        Finding { detail: detail.into(), ..self }
    }

    /// Puts a call with this policy's values in the place of the general one.
    pub fn with_fix(self, fix: impl Into<Cow<'static, str>>) -> Finding {
        Finding { fix: fix.into(), ..self }
    }

    /// Names the single things that it is about.
    pub fn with_items<S: Into<String>>(self, items: impl IntoIterator<Item = S>) -> Finding {
        Finding { items: items.into_iter().map(Into::into).collect(), ..self }
    }

    fn to_json(&self) -> String {
        let mut object = Object::new();
        object.text("id", self.kind.id).text("severity", self.kind.severity.name()).text("what", self.kind.what);
        object.text("detail", &self.detail).texts("items", &self.items);
        object.text("why", self.kind.why).text("fix", &self.fix);
        object.raw("default", if self.is_default { "true" } else { "false" });
        object.finish()
    }
}

/// What was found, the worst first. The texts for C are made when first asked for.
#[derive(Debug)]
pub struct Report {
    subject: String,
    policy: &'static str,
    findings: Vec<Finding>,
    text: OnceLock<CString>,
    json: OnceLock<CString>,
}

/// The version of the JSON schema: raised when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA: i64 = 1;

/// As wide as a terminal on which a person reads tables.
const WIDTH: usize = 110;

impl Report {
    /// The report about `subject` (in words: "a client's SSL_CTX"), compared with the policy of that name.
    pub fn new(subject: impl Into<String>, policy: &'static str, mut findings: Vec<Finding>) -> Report {
        findings.sort_by_key(|finding| finding.kind.severity);
        Report { subject: subject.into(), policy, findings, text: OnceLock::new(), json: OnceLock::new() }
    }

    /// Tells findings that are only this system's defaults apart from those about the program, and puts them last.
    pub fn beside(mut self, is_default: impl Fn(&Finding) -> bool) -> Report {
        for finding in &mut self.findings {
            finding.is_default = is_default(finding);
        }
        self.findings.sort_by_key(|finding| (finding.is_default, finding.kind.severity));
        self
    }

    /// What was found, the worst first.
    #[cfg(any(test, feature = "internals"))]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether a finding of this id is among them.
    #[cfg(any(test, feature = "internals"))]
    pub fn has(&self, id: &str) -> bool {
        self.findings.iter().any(|finding| finding.kind.id == id)
    }

    /// How many there are of one severity, or of all.
    pub fn count(&self, severity: Option<Severity>) -> usize {
        self.findings.iter().filter(|finding| severity.is_none_or(|wanted| finding.kind.severity == wanted)).count()
    }

    /// The worst severity; `None` where nothing was found.
    #[cfg(any(test, feature = "internals"))]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.first().map(|finding| finding.kind.severity)
    }

    /// A table for a person: a heading, then each finding with what was seen, why it matters and how to fix it.
    pub fn to_text(&self) -> String {
        let mut out = format!("{}, compared with the policy {}: {}\n", self.subject, self.policy, self.tally());
        let (defaults, own): (Vec<&Finding>, Vec<&Finding>) =
            self.findings.iter().partition(|finding| finding.is_default);
        let ids = own.iter().map(|finding| finding.kind.id.len()).fold("FINDING".len(), usize::max);
        if !own.is_empty() {
            let _ = writeln!(out, "\n{:<9} {:<ids$}  WHAT", "SEVERITY", "FINDING");
        }
        let indent = 9 + 1 + ids + 2;
        for finding in own {
            let kind = finding.kind;
            let _ = writeln!(out, "{:<9} {:<ids$}  {}", kind.severity.name(), kind.id, kind.what);
            let items = finding.items.join(", ");
            for (label, text) in [("", &*finding.detail), ("", &*items), ("why: ", kind.why), ("fix: ", &*finding.fix)]
            {
                if !text.is_empty() {
                    paragraph(&mut out, indent, label, &printable(text));
                }
            }
        }
        if !defaults.is_empty() {
            let of = |finding: &&Finding| format!("{} ({})", finding.kind.id, finding.kind.severity.name());
            let all: Vec<String> = defaults.iter().map(of).collect();
            let _ = writeln!(out, "\nas this system has it, whoever wrote the program: {}", all.join(", "));
        }
        out
    }

    /// One JSON object in ASCII; docs/audit.md says what its keys mean.
    pub fn to_json(&self) -> String {
        let mut counts = Object::new();
        for severity in Severity::ALL {
            counts.number(severity.name(), i64::try_from(self.count(Some(severity))).unwrap_or(i64::MAX));
        }
        let findings: Vec<String> = self.findings.iter().map(Finding::to_json).collect();
        let mut object = Object::new();
        object.number("schema", SCHEMA).text("subject", &self.subject).text("policy", self.policy);
        object.raw("counts", &counts.finish()).raw("findings", &format!("[{}]", findings.join(",")));
        object.finish()
    }

    /// [`Report::to_text`] for C.
    pub fn lend_text(&self) -> &CString {
        self.text.get_or_init(|| CString::new(self.to_text()).unwrap_or_default())
    }

    /// [`Report::to_json`] for C.
    pub fn lend_json(&self) -> &CString {
        self.json.get_or_init(|| CString::new(self.to_json()).unwrap_or_default())
    }

    fn count_own(&self, severity: Severity) -> usize {
        let own = self.findings.iter().filter(|finding| !finding.is_default);
        own.filter(|finding| finding.kind.severity == severity).count()
    }

    /// "2 critical, 1 info", or "nothing found".
    fn tally(&self) -> String {
        let counts: Vec<String> = Severity::ALL
            .into_iter()
            .map(|severity| (severity, self.count_own(severity)))
            .filter(|(_, count)| *count > 0)
            .map(|(severity, count)| format!("{count} {}", severity.name()))
            .collect();
        if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") }
    }
}

/// Names in certificates are the work of strangers: what is not printable is escaped, so that it cannot draw on a terminal
/// or end the string for C.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control()
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Words on lines of at most [`WIDTH`], all of them indented; the label stands before the first line only.
fn paragraph(out: &mut String, indent: usize, label: &str, text: &str) {
    let mut line = format!("{:indent$}{label}", "");
    let mut used = line.chars().count();
    let start = used;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > start && used + 1 + length > WIDTH {
            let _ = writeln!(out, "{line}");
            line = format!("{:start$}", "");
            used = start;
        } else if used > start {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    static OFF: Kind =
        Kind { id: "off", severity: Severity::Critical, what: "it is off", why: "CVE-1", fix: "turn_on(ctx)" };
    static NOTE: Kind = Kind { id: "a-note", severity: Severity::Info, what: "so it is", why: "RFC 1", fix: "" };

    fn report() -> Report {
        let weak = NOTE.found().with_items(["A", "B"]).with_detail("two \u{1b}[31m things");
        Report::new("a context", "2026-11", vec![weak, OFF.found().with_fix("turn_on(ctx, 2)")])
    }

    #[test]
    fn the_worst_comes_first_and_each_severity_is_counted() {
        let report = report();
        assert_eq!(report.worst(), Some(Severity::Critical));
        assert_eq!(report.findings()[0].kind.id, "off");
        assert_eq!(
            (report.count(None), report.count(Some(Severity::Info)), report.count(Some(Severity::Low))),
            (2, 1, 0)
        );
        assert!(report.has("a-note") && !report.has("note"));
        assert_eq!(Report::new("x", "y", Vec::new()).worst(), None);
    }

    #[test]
    fn a_person_reads_a_table_in_which_nothing_can_draw() {
        let expected = "a context, compared with the policy 2026-11: 1 critical, 1 info\n\
            \n\
            SEVERITY  FINDING  WHAT\n\
            critical  off      it is off\n\
            \x20                  why: CVE-1\n\
            \x20                  fix: turn_on(ctx, 2)\n\
            info      a-note   so it is\n\
            \x20                  two \\u{1b}[31m things\n\
            \x20                  A, B\n\
            \x20                  why: RFC 1\n";
        assert_eq!(report().to_text(), expected);
        let empty = Report::new("a context", "2026-11", Vec::new()).to_text();
        assert_eq!(empty, "a context, compared with the policy 2026-11: nothing found\n");
    }

    #[test]
    fn long_lines_are_folded_between_words_and_under_their_label() {
        let mut out = String::new();
        paragraph(&mut out, 4, "why: ", &"word ".repeat(40));
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= WIDTH), "{out}");
        assert!(lines[0].starts_with("    why: word") && lines[1].starts_with("         word"), "{out}");
    }

    #[test]
    fn the_same_is_there_as_json() {
        let expected = concat!(
            r#"{"schema":1,"subject":"a context","policy":"2026-11","#,
            r#""counts":{"critical":1,"high":0,"medium":0,"low":0,"info":1},"findings":["#,
            r#"{"id":"off","severity":"critical","what":"it is off","detail":"","items":[],"why":"CVE-1","#,
            r#""fix":"turn_on(ctx, 2)","default":false},"#,
            r#"{"id":"a-note","severity":"info","what":"so it is","detail":"two \u001b[31m things","items":["A","B"],"#,
            r#""why":"RFC 1","fix":"","default":false}]}"#
        );
        assert_eq!(report().to_json(), expected);
    }

    #[test]
    fn what_is_only_a_default_stands_last_in_one_line_and_is_not_in_the_tally() {
        let report = report().beside(|finding| finding.kind.id == "off");
        let text = report.to_text();
        assert!(text.starts_with("a context, compared with the policy 2026-11: 1 info\n"), "{text}");
        assert!(text.ends_with("\nas this system has it, whoever wrote the program: off (critical)\n"), "{text}");
        assert!(!text.contains("CVE-1"), "{text}");
        assert_eq!(report.findings().last().map(|finding| finding.kind.id), Some("off"));
        assert_eq!(report.count(Some(Severity::Critical)), 1);
    }

    #[test]
    fn a_severity_is_known_by_its_word() {
        for severity in Severity::ALL {
            assert_eq!(Severity::named(severity.name()), Some(severity));
        }
        assert_eq!(Severity::named("worst"), None);
    }
}
