//! `hostlock audit HOST[:PORT]`; with `--command` it hands over to the audit of a program.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hostlock::{Error, Policy, Result, Starttls, Status, words};
use openssl::x509::X509;
use serde_json::{Value, json};

use super::{Outcome, audit_program};
use crate::anchors::now;
use crate::audit::advice;
use crate::audit::careless::{self, Clients, Habit, Met};
use crate::audit::chain;
use crate::audit::page::Page;
use crate::audit::strict::{self, Verified};
use crate::audit::target::Target;
use crate::output::{Style, is_coloured, show};
use crate::progress;

/// The arguments.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("subject").required(true).args(["target", "command"])))]
pub struct Arguments {
    /// A host name or an address, with a port where that is not the usual one ([ADDRESS]:PORT for IPv6)
    #[arg(value_name = "HOST[:PORT]")]
    target: Option<Target>,
    /// Run this shell command line instead, refuse nothing, and say what its TLS contexts are like
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["ca", "timeout", "starttls", "html"])]
    command: Option<String>,
    /// Ask the server in the clear to begin TLS: smtp, imap, pop3, ftp, nntp or postgres
    #[arg(long, value_name = "PROTOCOL", value_parser = starttls)]
    starttls: Option<Starttls>,
    /// Trust the certificates in this file (PEM or DER) in place of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The policy to judge by, such as 2026-11 or 2026-11-webpki
    #[arg(long, value_name = "POLICY", default_value = "default", value_parser = policy)]
    policy: Policy,
    /// How long each of the two connections may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write the same as a page for a browser, which needs nothing else, to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Everything that was seen of a server.
struct Seen<'a> {
    target: &'a Target,
    policy: &'static str,
    strict: Result<Verified>,
    careless: std::result::Result<Met, String>,
    /// Whether the chain is valid and belongs to the host, though the server then ended the handshake.
    only_the_chain: bool,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    match (&arguments.target, &arguments.command) {
        (Some(target), _) => server(arguments, &target.clone().by(arguments.starttls)),
        (None, Some(command)) => audit_program::run(command, Some(&arguments.policy.to_string()), arguments.json),
        (None, None) => Err(Error::new(Status::EArg, "neither a server nor a program was named")),
    }
}

fn server(arguments: &Arguments, target: &Target) -> Result<Outcome> {
    let ca = arguments.ca.as_deref();
    let timeout = Duration::from_secs(arguments.timeout.into());
    let seen = progress::during(&format!("connecting to {target}"), || {
        let context = strict::context(arguments.policy, ca, timeout).map_err(|error| advice::instead(&error))?;
        let mut strict = strict::connect(&context, target);
        if let Err(error) = &strict
            && strict::met_nobody(error)
        {
            return Err(advice::instead(error));
        }
        let careless = careless::connect(target, ca, timeout);
        let mut only_the_chain = false;
        match (&strict, &careless) {
            (Err(error), Err(_)) if !strict::is_judgement(error) => return Err(advice::instead(error)),
            (Err(error), Ok(met)) if !met.complete && !strict::is_judgement(error) => {
                match strict::judge(&context, &met.presented, &target.host) {
                    Ok(()) => only_the_chain = true,
                    Err(refusal) => strict = Err(refusal),
                }
            }
            _ => {}
        }
        Ok(Seen { target, policy: arguments.policy.name(), strict, careless, only_the_chain })
    })?;
    let habits = careless::habits(&seen.careless, &target.host);
    if let Some(file) = &arguments.html {
        fs::write(file, as_page(&seen, &habits))
            .map_err(|error| Error::new(Status::EFileIo, format!("{file:?} could not be written: {error}")))?;
    }
    let text = if arguments.json {
        format!("{:#}\n", as_json(&seen, &habits))
    } else {
        as_text(&seen, &habits, is_coloured())
    };
    show(&text)?;
    Ok(match &seen.strict {
        Ok(_) => Outcome::Fine,
        Err(_) if seen.only_the_chain => Outcome::Unfinished,
        Err(_) => Outcome::Found,
    })
}

impl Seen<'_> {
    fn presented(&self) -> &[X509] {
        match (&self.strict, &self.careless) {
            (Ok(verified), _) => &verified.presented,
            (Err(_), Ok(met)) => &met.presented,
            _ => &[],
        }
    }

    fn clients(&self) -> Clients {
        self.careless.as_ref().map_or(Clients::Anybody, |met| met.clients)
    }
}

/// Of a server that ended the handshake, and whose chain is good.
const UNFINISHED: &str =
    "the chain is valid, and it is this host's; the server ended the handshake for want of a client certificate";

fn as_text(seen: &Seen<'_>, habits: &[Habit], coloured: bool) -> String {
    let by = seen.target.starttls.map_or_else(String::new, |protocol| format!(" by STARTTLS of {protocol}"));
    let mut text = format!("{}{by}, judged by the policy {}\n\n", seen.target, seen.policy);
    match &seen.strict {
        Ok(verified) => {
            let host = word(&verified.agreed, "verified_host");
            let _ = writeln!(text, "verdict  {}", Style::Green.paint(&format!("verified for {host:?}"), coloured));
            let _ = writeln!(text, "agreed   {}", agreed(verified));
            let _ = writeln!(text, "address  {}", word(&verified.agreed, "peer"));
        }
        Err(_) if seen.only_the_chain => {
            let _ =
                writeln!(text, "verdict  {}", Style::Yellow.paint(&format!("not complete: {UNFINISHED}"), coloured));
        }
        Err(error) => {
            let _ = writeln!(text, "verdict  {}", Style::Red.paint(&format!("refused: {error}"), coloured));
            if !error.hint().is_empty() {
                let _ = writeln!(text, "hint     {}", advice::of_command(error.hint()));
            }
        }
    }
    if let (Err(_), Ok(met)) = (&seen.strict, &seen.careless) {
        let _ = writeln!(text, "agreed   {}, {}, by a client that does not verify", met.version, met.suite);
    }
    if let Some(words) = seen.clients().words() {
        let _ = writeln!(text, "clients  {words}");
    }
    if !seen.presented().is_empty() {
        let _ = write!(text, "\nchain, as presented:\n{}", chain::tree(seen.presented(), now(), coloured));
    }
    if let Err(error) = &seen.strict
        && let Some((_, built)) = error.chain_text().split_once("\nbuilt:\n")
    {
        let _ = write!(text, "\nchain, as judged:\n{built}");
    }
    text.push_str("\na client that checks\n");
    for habit in habits {
        let answer = match &habit.refusal {
            None if seen.strict.is_ok() || seen.only_the_chain => "accepts".to_owned(),
            None => Style::Yellow.paint("would have let it through", coloured),
            Some(why) => format!("refuses: {why}"),
        };
        let _ = writeln!(text, "  {:<32}{answer}", habit.checks);
    }
    text
}

fn as_page(seen: &Seen<'_>, habits: &[Habit]) -> String {
    let agreed = match (&seen.strict, &seen.careless) {
        (Ok(verified), _) => Some(agreed(verified)),
        (_, Ok(met)) => Some(format!("{}, {}, by a client that does not verify", met.version, met.suite)),
        _ => None,
    };
    let facts = [
        ("policy", Some(seen.policy.to_owned())),
        ("agreed", agreed),
        ("address", seen.strict.as_ref().ok().map(|verified| word(&verified.agreed, "peer").to_owned())),
        ("clients", seen.clients().words().map(str::to_owned)),
        ("looked at", Some(words::time(now()))),
    ];
    Page {
        target: seen.target.to_string(),
        refusal: seen.strict.as_ref().err().filter(|_| !seen.only_the_chain),
        unfinished: seen.only_the_chain.then_some(UNFINISHED),
        facts: facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        chain: chain::facts(seen.presented(), now()),
        habits,
    }
    .html()
}

fn as_json(seen: &Seen<'_>, habits: &[Habit]) -> Value {
    let habits: Vec<Value> = habits
        .iter()
        .map(|habit| json!({ "client": habit.id, "accepts": habit.refusal.is_none(), "refusal": habit.refusal }))
        .collect();
    let careless =
        seen.careless.as_ref().map_or(Value::Null, |met| json!({ "version": met.version, "cipher": met.suite }));
    json!({
        "host": seen.target.host.to_string(),
        "port": seen.target.port,
        "starttls": seen.target.starttls.map(|protocol| protocol.to_string()),
        "policy": seen.policy,
        "verified": seen.strict.is_ok(),
        "error": seen.strict.as_ref().err().map_or(Value::Null, error_as_json),
        "agreed": seen.strict.as_ref().map_or(Value::Null, |verified| verified.agreed.clone()),
        "agreed_without_verification": careless,
        "chain": chain::as_json(seen.presented()),
        "chain_verified": seen.strict.is_ok() || seen.only_the_chain,
        "client_certificate": seen.clients().id(),
        "careless": habits,
    })
}

fn error_as_json(error: &Error) -> Value {
    serde_json::from_str(&error.to_json()).unwrap_or(Value::Null)
}

/// "TLSv1.3, TLS_AES_128_GCM_SHA256, x25519".
fn agreed(verified: &Verified) -> String {
    let words = ["version", "cipher", "group"].map(|key| word(&verified.agreed, key));
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
}

fn word<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn policy(text: &str) -> std::result::Result<Policy, String> {
    text.parse().map_err(|error: Error| format!("{}; {}", error.message(), error.hint()))
}

fn starttls(word: &str) -> std::result::Result<Starttls, String> {
    word.parse().map_err(|error: Error| format!("{}; {}", error.message(), error.hint()))
}

/// Up to an hour.
fn seconds(text: &str) -> std::result::Result<u32, String> {
    text.parse()
        .ok()
        .filter(|seconds| (1..=3600).contains(seconds))
        .ok_or_else(|| "give seconds, from 1 to 3600".to_owned())
}
