//! The audit of a server as one page for a browser: nothing is loaded, nothing is run, everything that the peer wrote is escaped.

use std::fmt::Write;

use hostlock::{Error, Status};
use serde_json::Value;

use super::advice;
use super::careless::Habit;
use super::chain::Facts;
use super::markup::{element, escape, shortened};

/// What the page shows.
pub struct Page<'a> {
    /// The server.
    pub target: String,
    /// Why it is refused; `None` where it is verified.
    pub refusal: Option<&'a Error>,
    /// Why it is neither.
    pub unfinished: Option<&'static str>,
    /// Names and values that stand below the verdict.
    pub facts: Vec<(&'static str, String)>,
    /// The certificates as the server presented them, its own first.
    pub chain: Vec<Facts>,
    /// What careless clients would have made of it.
    pub habits: &'a [Habit],
}

/// Nothing may be loaded from anywhere, and no script may run, should ever a mark slip through.
const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
"#;

const STYLE: &str = "<style>
:root { --ink: #1b1f24; --paper: #fff; --line: #c9ced6; --good: #17663a; --good-paper: #e5f5ea; --bad: #9b1c1c; --bad-paper: #fbe9e9; --soft: #59636e }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --paper: #14171b; --line: #3c434c; --good: #7fd6a0; --good-paper: #10301e; --bad: #f3a3a3; --bad-paper: #3a1616; --soft: #9aa4af } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 1rem; overflow-wrap: anywhere } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
.verdict { margin-bottom: 1rem; padding: .8rem 1rem; border-left: .4rem solid; border-radius: .2rem; overflow-wrap: anywhere } .verdict p { margin: .3rem 0 0; color: var(--ink) }
.good { color: var(--good) } .bad { color: var(--bad) } .verdict.good { background: var(--good-paper) } .verdict.bad { background: var(--bad-paper) }
table { border-collapse: collapse; width: 100%; table-layout: fixed } td, th { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere } th { width: 10rem; font-weight: 600 }
svg { max-width: 100%; height: auto } .mono { font-family: ui-monospace, monospace; font-size: .85em } footer { margin-top: 2rem; color: var(--soft); font-size: .85rem }
</style>
";

impl Page<'_> {
    /// The whole file.
    pub fn html(&self) -> String {
        let mut html = HEAD.to_owned();
        let _ = writeln!(html, "{}", element("title", "", &format!("{}: {}", self.target, self.verdict())));
        html += STYLE;
        let _ = writeln!(html, "</head>\n<body>\n{}", element("h1", "", &self.target));
        self.write_verdict(&mut html);
        self.write_facts(&mut html);
        if !self.chain.is_empty() {
            let _ = writeln!(html, "<h2>The chain</h2>\n{}", self.picture());
        }
        self.write_findings(&mut html);
        for (index, certificate) in self.chain.iter().enumerate() {
            write_certificate(&mut html, index, certificate);
        }
        let version = concat!("hostlock ", env!("CARGO_PKG_VERSION"), " audit");
        let _ = writeln!(html, "{}\n</body>\n</html>", element("footer", "", version));
        html
    }

    fn verdict(&self) -> &'static str {
        match (self.refusal, self.unfinished) {
            (Some(_), _) => "refused",
            (None, Some(_)) => "not complete",
            (None, None) => "verified",
        }
    }

    fn class(&self) -> &'static str {
        if self.refusal.is_none() && self.unfinished.is_none() { "good" } else { "bad" }
    }

    fn write_verdict(&self, html: &mut String) {
        let _ = write!(html, "<div class=\"verdict {}\">{}", self.class(), element("strong", "", self.verdict()));
        if let Some(error) = self.refusal {
            html.push_str(&element("p", "", error.message()));
            if !error.hint().is_empty() {
                html.push_str(&element("p", "", &format!("What to do: {}", advice::of_command(error.hint()))));
            }
        }
        if let Some(words) = self.unfinished {
            html.push_str(&element("p", "", words));
        }
        html.push_str("</div>\n");
    }

    fn write_facts(&self, html: &mut String) {
        html.push_str("<table>\n");
        for (name, value) in &self.facts {
            write_row(html, name, "", value);
        }
        html.push_str("</table>\n");
    }

    fn write_findings(&self, html: &mut String) {
        html.push_str("<h2>What clients make of it</h2>\n<table>\n");
        match self.refusal {
            None if self.unfinished.is_some() => {}
            None => write_row(html, "hostlock", "good", "accepts: the chain is valid, and it is this host's"),
            Some(error) => write_row(html, "hostlock", "bad", &format!("refuses: {}", error.message())),
        }
        for habit in self.habits {
            let who = format!("checks {}", habit.checks);
            match &habit.refusal {
                Some(why) => write_row(html, &who, "", &format!("refuses: {why}")),
                None if self.refusal.is_some() => write_row(html, &who, "bad", "would have been fooled: accepts"),
                None => write_row(html, &who, "", "accepts"),
            }
        }
        html.push_str("</table>\n");
    }

    /// The certificate that is to blame, by its place in the chain.
    fn to_blame(&self) -> Option<usize> {
        let error = self.refusal?;
        if error.status() == Status::EHostMismatch {
            return Some(0);
        }
        let facts: Value = serde_json::from_str(&error.to_json()).ok()?;
        facts["certificate"]["depth"].as_u64().and_then(|depth| usize::try_from(depth).ok())
    }

    /// The chain from the server's certificate upwards, as it was presented; a last issuer that was not, in dashes.
    fn picture(&self) -> String {
        const WIDTH: usize = 640;
        const BOX: usize = 84;
        const STEP: usize = BOX + 36;
        let blamed = self.to_blame();
        let missing = self.chain.last().filter(|last| last.subject != last.issuer);
        let count = self.chain.len() + usize::from(missing.is_some());
        let height = count * STEP - (STEP - BOX) + 4;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" \
             font-family=\"system-ui, sans-serif\" font-size=\"14\" fill=\"currentColor\">\n<title>the chain of certificates, the \
             server's own below its issuers</title>\n"
        );
        // The root stands at the top.
        let top = |index: usize| (count - 1 - index) * STEP + 2;
        for (index, one) in self.chain.iter().enumerate() {
            let is_bad = blamed == Some(index) || !one.is_valid_now;
            let place = if index == 0 { "the server's own".to_owned() } else { format!("issuer {index}") };
            let lines = [
                shortened(&one.subject, 66),
                shortened(
                    &format!(
                        "{place}: {}",
                        if one.names.is_empty() { "no names of hosts".to_owned() } else { one.names.join(", ") }
                    ),
                    74,
                ),
                shortened(&format!("{}; {}", one.dates, one.key), 74),
            ];
            svg += &card(top(index), if is_bad { "bad" } else { "good" }, "", &lines);
        }
        if let Some(last) = missing {
            let lines = [
                shortened(&last.issuer, 66),
                "not presented: looked for among the trust anchors".to_owned(),
                String::new(),
            ];
            svg += &card(top(self.chain.len()), "", " stroke-dasharray=\"6 5\"", &lines);
        }
        for index in 1..count {
            let (from, to) = (top(index) + BOX, top(index - 1));
            let _ = writeln!(
                svg,
                "<path d=\"M40 {from} V{} M34 {} L40 {to} L46 {}\" fill=\"none\" stroke=\"currentColor\"/><text x=\"56\" y=\"{}\">signed</text>",
                to,
                to - 9,
                to - 9,
                from + 23
            );
        }
        svg + "</svg>"
    }
}

/// A certificate in the picture.
fn card(top: usize, class: &str, stroke: &str, lines: &[String; 3]) -> String {
    let mut svg = format!(
        "<g class=\"{class}\"><rect x=\"2\" y=\"{top}\" width=\"636\" height=\"84\" rx=\"6\" fill=\"none\" stroke=\"currentColor\" \
         stroke-width=\"2\"{stroke}/>"
    );
    for (line, text) in lines.iter().enumerate() {
        let weight = if line == 0 { " font-weight=\"600\"" } else { "" };
        let _ = write!(svg, "<text x=\"16\" y=\"{}\"{weight}>{}</text>", top + 26 + 23 * line, escape(text));
    }
    svg + "</g>\n"
}

fn write_certificate(html: &mut String, index: usize, certificate: &Facts) {
    let title = if index == 0 { "The server's certificate".to_owned() } else { format!("Issuer {index}") };
    let _ = writeln!(html, "{}\n<table>", element("h2", "", &title));
    let names = if certificate.names.is_empty() { "none".to_owned() } else { certificate.names.join(", ") };
    for (name, class, value) in [
        ("subject", "", certificate.subject.as_str()),
        ("issuer", "", &certificate.issuer),
        ("names", "", &names),
        ("valid", if certificate.is_valid_now { "" } else { "bad" }, &certificate.dates),
        ("key", "", &certificate.key),
        ("signed with", "", &certificate.signature),
        ("SHA-256", "mono", &certificate.sha256),
    ] {
        write_row(html, name, class, value);
    }
    html.push_str("</table>\n");
}

fn write_row(html: &mut String, name: &str, class: &str, value: &str) {
    let _ = writeln!(html, "<tr>{}{}</tr>", element("th", "", name), element("td", class, value));
}
