//! Certificates that a trusted CA issued to somebody else, or to the host in a form that does not count.

use crate::c::Ctx;
use crate::peer;
use crate::support::pki::{Identity, Recipe};
use crate::table::Row;

const HOST: &str = "localhost";
const ADDRESS: &str = "127.0.0.1";

pub fn rows() -> Vec<Row> {
    let ca = Recipe::ca("Test CA").self_signed();
    let ctx = Ctx::trusting(&[&ca.certificate]);
    let refused = |situation: &str, host: &str, identity: &Identity| {
        Row::new(situation, ctx.connect(host, peer::greeter(identity)).unwrap_err())
    };
    let dns = |names: &[&str]| Recipe::server("subject", names).issued_by(&ca);
    let mixed = |names: &[&str], addresses: &[&str]| {
        let mut recipe = Recipe::server("subject", names);
        recipe.ip = addresses.iter().map(|address| (*address).to_owned()).collect();
        recipe.issued_by(&ca)
    };
    let many: Vec<String> = (0..40).map(|number| format!("host{number}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        refused("another host's certificate", HOST, &dns(&["evil.example"])),
        refused("another host's, with two names", HOST, &dns(&["www.evil.example", "evil.example"])),
        refused("another host's wildcard", HOST, &dns(&["*.evil.example"])),
        refused("a name that no host can have", HOST, &dns(&["-x\u{7f}.evil.example"])),
        refused("forty names", HOST, &dns(&many)),
        refused("the host as a common name alone", HOST, &Recipe::server(HOST, &[]).issued_by(&ca)),
        refused("no names at all", HOST, &Recipe::server("subject", &[]).issued_by(&ca)),
        refused("the host with a trailing dot", HOST, &dns(&["localhost."])),
        refused("a star above one label", HOST, &dns(&["*"])),
        refused("a part of a label as a star", HOST, &dns(&["local*.example", "l*t"])),
        refused("addresses, asked for a name", HOST, &mixed(&[], &["192.0.2.7", "127.0.0.1"])),
        refused("names, asked for an address", ADDRESS, &dns(&["evil.example"])),
        refused("the address as a dNSName", ADDRESS, &dns(&["127.0.0.1"])),
        refused(
            "the address as a dNSName beside another's",
            ADDRESS,
            &mixed(&["evil.example", "127.0.0.1"], &["192.0.2.7"]),
        ),
        refused("the address as a common name", ADDRESS, &Recipe::server(ADDRESS, &[]).issued_by(&ca)),
        refused("another address", ADDRESS, &mixed(&[], &["192.0.2.7"])),
        refused("the address written as an IPv6 one", ADDRESS, &mixed(&[], &["::ffff:127.0.0.1"])),
        by_call("a star above two labels", "a.b.example", &dns(&["*.example", "*.b.example.net"])),
        by_call("a star for two labels", "x.y.corp.example", &dns(&["*.corp.example"])),
        by_call("a star for no label", "corp.example", &dns(&["*.corp.example"])),
        by_call("a star for a label with an underscore", "_sip.corp.example", &dns(&["*.corp.example"])),
        by_call("a name that is not in its A-label form", "xn--bcher-kva.example", &umlaut()),
    ]
}

/// A name in Latin-1, which no name of a certificate may be.
fn umlaut() -> Identity {
    use crate::support::raw::{self, Raw};
    let name = raw::der(0x82, "b\u{fc}cher.example".as_bytes());
    let ca = Raw::ca("Test CA").self_signed();
    let made = Raw::leaf("subject").instead(raw::SUBJECT_ALT_NAME, false, &raw::der(0x30, &name)).issued_by(&ca);
    Identity { certificate: made.x509(), key: made.key }
}

/// The same question without a connection.
fn by_call(situation: &str, host: &str, identity: &Identity) -> Row {
    let (der, host) = (identity.certificate.to_der().unwrap(), std::ffi::CString::new(host).unwrap());
    // SAFETY: the bytes are there, the host is NUL-terminated.
    let answer = unsafe { hostlock::ffi::host::hostlock_cert_check_host(der.as_ptr(), der.len(), host.as_ptr()) };
    Row::new(situation, crate::c::Failure::last(answer))
}
