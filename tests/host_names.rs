//! The host names of other projects' test tables, judged by the rows' own `hostlock` verdict: where that says no, the
//! certificate must not be accepted.

mod der;
mod vectors;

use der::element;
use hostlock::host::{MatchRules, Reference, check};
use hostlock::x509::Presented;
use serde_json::Value;
use vectors::{bytes, every_row_agrees};

fn strings(row: &Value, field: &str) -> Vec<Vec<u8>> {
    row.get(field).and_then(Value::as_array).into_iter().flatten().map(bytes).collect()
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
    let host = bytes(&row["host"]);
    let mut written = host.as_slice();
    if let Some(address) = host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]"))
        && matches!(Reference::parse_bytes(address), Ok(Reference::Ip(std::net::IpAddr::V6(_))))
    {
        // The tables take an address in the brackets of a URL. hostlock refuses it wherever a host is named, so that all
        // functions agree, and its hint says how to write it; the row judges what that says.
        let refused = Reference::parse_any_bytes(&host).expect_err("an address in brackets is refused");
        assert!(refused.hint().starts_with("pass only"), "{}", refused.hint());
        written = address;
    }
    let Ok(reference) = Reference::parse_any_bytes(&[prefix, written].concat()) else { return false };
    let (san, subject) = (subject_alt_name(row), subject(row));
    check(&reference, &Presented::new(san.as_deref(), &subject), MatchRules::default()).is_ok()
}

#[test]
fn the_matcher_agrees_with_every_row_of_the_host_name_tables() {
    every_row_agrees("hostname_vectors.json.gz", "hostlock", |row| Some(verdict(row).into()));
}

#[test]
fn the_matcher_agrees_with_every_row_of_the_openssl_matrix() {
    every_row_agrees("hostname_vectors_openssl_matrix.json.gz", "hostlock", |row| Some(verdict(row).into()));
}
