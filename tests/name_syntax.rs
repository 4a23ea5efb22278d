//! The tables of other projects for the syntax of names and for name constraints: is this a valid name, does this
//! constraint cover that name.

mod der;
mod vectors;

use std::net::IpAddr;

use der::element;
use hostlock::error::Result;
use hostlock::host::Reference;
use hostlock::x509::{Budget, NameConstraints, Presented, is_dns_id};
use serde_json::Value;
use vectors::{bytes, every_row_agrees};

const SYNTAX: &str = "name_syntax_vectors.json.gz";
/// X509_V_ERR_PERMITTED_VIOLATION: the name could be compared and is not within the subtree.
const OUTSIDE: i32 = 47;

/// Judges a certificate with the one name `san` below a CA that is permitted the one subtree `base`.
fn within(base: &[u8], san: &[u8]) -> Result<()> {
    let extension = element(0x30, &element(0xa0, &element(0x30, base)));
    let names = element(0x30, san);
    NameConstraints::parse(&extension)?.check(&Presented::new(Some(&names), &[0x30, 0x00]), &mut Budget::default())
}

fn octets(text: &str) -> Vec<u8> {
    match text.parse().expect("an address") {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[test]
fn a_text_is_a_host_by_name_where_the_table_says_so() {
    every_row_agrees(SYNTAX, "hostlock", |row| {
        let host = || matches!(Reference::parse_bytes(&bytes(&row["name"])), Ok(Reference::Dns(_)));
        (row["role"] == "host").then(|| host().into())
    });
}

#[test]
fn a_text_may_stand_in_a_certificate_where_the_table_says_so() {
    every_row_agrees(SYNTAX, "hostlock", |row| (row["role"] == "san").then(|| is_dns_id(&bytes(&row["name"])).into()));
}

#[test]
fn a_text_is_a_mailbox_where_the_table_says_so() {
    every_row_agrees(SYNTAX, "hostlock", |row| {
        let mailbox = || Reference::parse_any_bytes(&[b"email:", bytes(&row["name"]).as_slice()].concat()).is_ok();
        (row["role"] == "mailbox").then(|| mailbox().into())
    });
}

#[test]
fn a_text_is_a_dns_constraint_where_the_table_says_so() {
    every_row_agrees(SYNTAX, "hostlock", |row| {
        let constraint = || {
            let base = element(0x82, &bytes(&row["name"]));
            NameConstraints::parse(&element(0x30, &element(0xa0, &element(0x30, &base)))).is_ok()
        };
        (row["role"] == "constraint-dns").then(|| constraint().into())
    });
}

#[test]
fn a_uri_has_a_host_to_constrain_where_the_table_says_so() {
    every_row_agrees(SYNTAX, "hostlock", |row| {
        let all_hosts = element(0x86, b"");
        (row["role"] == "uri").then(|| within(&all_hosts, &element(0x86, &bytes(&row["name"]))).is_ok().into())
    });
}

#[test]
fn a_constraint_covers_a_name_where_the_table_says_so() {
    every_row_agrees("name_constraint_vectors.json.gz", "matches", |row| {
        let text = |field: &str| String::from_utf8(bytes(&row[field])).expect("the rows are ASCII");
        let (base, san) = match row["type"].as_str().expect("a type") {
            "dns" => (element(0x82, text("constraint").as_bytes()), element(0x82, text("presented").as_bytes())),
            "ip" => {
                let network: Vec<u8> = text("constraint").split('/').flat_map(octets).collect();
                (element(0x87, &network), element(0x87, &octets(&text("presented"))))
            }
            other => panic!("a type that this test does not know: {other}"),
        };
        Some(match within(&base, &san) {
            Ok(()) => Value::Bool(true),
            Err(error) if error.x509_code() == OUTSIDE => Value::Bool(false),
            Err(_) => Value::Null,
        })
    });
}
