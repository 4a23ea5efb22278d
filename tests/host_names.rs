//! The host names of other projects' test tables, judged by the rows' own `hostlock` verdict: where that says no, the
//! certificate must not be accepted.

use std::io::Read;
use std::path::PathBuf;

use hostlock::identity::{MatchRules, Presented, Reference, check, is_dns_id};
use serde_json::Value;

/// The rows of a vector file, or None where the files that lie beside the project are absent.
fn rows(file: &str) -> Option<Vec<Value>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("HOSTLOCK_SHARED").map_or(beside, PathBuf::from);
    let path = shared.join("vectors").join(file);
    let Ok(packed) = std::fs::File::open(&path) else {
        println!("skipped: {} is absent", path.display());
        return None;
    };
    let mut json = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut json).expect("the file is gzip");
    let rows: Vec<Value> = serde_json::from_str(&json).expect("the file is a JSON list");
    assert!(!rows.is_empty(), "{file} has rows");
    Some(rows)
}

/// The vectors write one byte as one character (Latin-1).
fn bytes(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a string");
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a Latin-1 character")).collect()
}

fn strings(row: &Value, field: &str) -> Vec<Vec<u8>> {
    row.get(field).and_then(Value::as_array).into_iter().flatten().map(bytes).collect()
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).expect("test names are short").to_be_bytes();
    let header = match length {
        [0, short @ ..0x80] => vec![tag, short],
        [0, long] => vec![tag, 0x81, long],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [header.as_slice(), contents].concat()
}

/// The GeneralNames of a row, or None where it has no name that would go into the extension.
fn subject_alt_name(row: &Value) -> Option<Vec<u8>> {
    let dns = strings(row, "san_dns").into_iter().map(|name| element(0x82, &name));
    let ip = strings(row, "san_ip").into_iter().map(|text| {
        let text = String::from_utf8(text).expect("an address is ASCII");
        match text.parse().expect("an address") {
            std::net::IpAddr::V4(address) => element(0x87, &address.octets()),
            std::net::IpAddr::V6(address) => element(0x87, &address.octets()),
        }
    });
    let email = strings(row, "san_email").into_iter().map(|name| element(0x81, &name));
    let uri = strings(row, "san_uri").into_iter().map(|name| element(0x86, &name));
    let names: Vec<Vec<u8>> = dns.chain(ip).chain(email).chain(uri).collect();
    (!names.is_empty()).then(|| element(0x30, &names.concat()))
}

fn subject(row: &Value) -> Vec<u8> {
    let rdn = |name: Vec<u8>| {
        let attribute = [element(0x06, &[0x55, 0x04, 0x03]), element(0x0c, &name)].concat();
        element(0x31, &element(0x30, &attribute))
    };
    element(0x30, &strings(row, "cn").into_iter().flat_map(rdn).collect::<Vec<u8>>())
}

fn verdict(row: &Value) -> bool {
    let prefix: &[u8] = if row.get("kind").and_then(Value::as_str) == Some("email") { b"email:" } else { b"" };
    let Ok(reference) = Reference::parse_any_bytes(&[prefix, &bytes(&row["host"])].concat()) else { return false };
    let (san, subject) = (subject_alt_name(row), subject(row));
    check(&reference, &Presented::new(san.as_deref(), &subject), MatchRules::default()).is_ok()
}

fn every_row_agrees(file: &str, verdict: impl Fn(&Value) -> Option<bool>) {
    let Some(rows) = rows(file) else { return };
    let judged: Vec<(&Value, bool)> = rows.iter().filter_map(|row| Some((row, verdict(row)?))).collect();
    assert!(!judged.is_empty(), "{file} has rows of this kind");
    let differences: Vec<String> = judged
        .iter()
        .filter(|(row, ours)| row["hostlock"].as_bool() != Some(*ours))
        .map(|(row, _)| row.to_string())
        .collect();
    assert!(differences.is_empty(), "{} of {} rows:\n{}", differences.len(), judged.len(), differences.join("\n"));
}

#[test]
fn the_matcher_agrees_with_every_row_of_the_host_name_tables() {
    every_row_agrees("hostname_vectors.json.gz", |row| Some(verdict(row)));
}

#[test]
fn the_matcher_agrees_with_every_row_of_the_openssl_matrix() {
    every_row_agrees("hostname_vectors_openssl_matrix.json.gz", |row| Some(verdict(row)));
}

#[test]
fn a_text_is_a_host_by_name_where_the_syntax_table_says_so() {
    every_row_agrees("name_syntax_vectors.json.gz", |row| {
        let is_name = || matches!(Reference::parse_bytes(&bytes(&row["name"])), Ok(Reference::Dns(_)));
        (row["role"] == "host").then(is_name)
    });
}

#[test]
fn a_text_may_stand_in_a_certificate_where_the_syntax_table_says_so() {
    every_row_agrees("name_syntax_vectors.json.gz", |row| {
        (row["role"] == "san").then(|| is_dns_id(&bytes(&row["name"])))
    });
}
