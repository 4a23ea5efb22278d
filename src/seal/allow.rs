//! The list of exceptions of a sealed process: which hosts, addresses and certificates are let through although they
//! are refused. Each was named with a reason, each use is counted, and none can be taken back.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::{Error, Result, Status};
use crate::host::Reference;
use crate::json::Object;
use crate::libssl::ours;
use crate::moment;

/// What is let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Connections that ask for this host, in normal form.
    Host(String),
    /// Connections to this address.
    Address(IpAddr),
    /// Peers that show the certificate of this SHA-256.
    Leaf([u8; 32]),
}

/// One exception.
#[derive(Debug)]
pub struct Allowed {
    what: What,
    text: String,
    reason: String,
    uses: AtomicU64,
    last: AtomicI64,
}

/// What is known of a connection that was refused.
#[derive(Debug, Default)]
pub struct Seen {
    /// The hosts that it asked for, in normal form.
    pub hosts: Vec<String>,
    /// Where its socket leads.
    pub address: Option<IpAddr>,
    /// The peer's own certificate.
    pub leaf: Option<[u8; 32]>,
}

static LIST: RwLock<Vec<Arc<Allowed>>> = RwLock::new(Vec::new());

/// Adds an exception; one that is there already keeps its first reason.
pub fn add(text: &str, reason: String) -> Result<()> {
    ours::check_shared()?;
    let what = What::parse(text)?;
    let mut list = LIST.write().unwrap_or_else(PoisonError::into_inner);
    if !list.iter().any(|allowed| allowed.what == what) {
        let allowed = Allowed { text: what.text(), what, reason, uses: AtomicU64::new(0), last: AtomicI64::new(0) };
        list.push(Arc::new(allowed));
    }
    Ok(())
}

/// Counts the use of the first exception that fits, and answers its text.
pub fn find(seen: &Seen, now: i64) -> Option<String> {
    let list = LIST.read().unwrap_or_else(PoisonError::into_inner);
    let allowed = list.iter().find(|allowed| allowed.what.fits(seen))?;
    allowed.uses.fetch_add(1, Ordering::Relaxed);
    allowed.last.store(now, Ordering::Relaxed);
    Some(allowed.text.clone())
}

/// Whether there is no exception at all.
pub fn is_empty() -> bool {
    LIST.read().unwrap_or_else(PoisonError::into_inner).is_empty()
}

/// The list as a JSON array.
pub fn to_json() -> String {
    let list = LIST.read().unwrap_or_else(PoisonError::into_inner);
    let items: Vec<String> = list
        .iter()
        .map(|allowed| {
            let mut object = Object::new();
            let uses = allowed.uses.load(Ordering::Relaxed);
            object.text("what", &allowed.text).text("reason", &allowed.reason);
            object.number("uses", i64::try_from(uses).unwrap_or(i64::MAX));
            let last = (uses > 0).then(|| moment::text(allowed.last.load(Ordering::Relaxed)));
            object.optional("last", last.as_deref());
            object.finish()
        })
        .collect();
    format!("[{}]", items.join(","))
}

impl What {
    /// "host:NAME", "address:IP" or "sha256:HEX".
    pub fn parse(text: &str) -> Result<What> {
        let bad = |why: &str| Error::new(Status::EArg, format!("{text:?} {why}")).with_hint(FORMS);
        match text.split_once(':') {
            Some(("host", name)) => match Reference::parse(name) {
                Ok(Reference::Dns(name)) => Ok(What::Host(name.as_str().to_owned())),
                Ok(_) => Err(bad("names an address where a host name belongs")),
                Err(error) => Err(bad(&format!("names no host that can be verified: {}", error.message()))),
            },
            Some(("address", address)) => match address.parse::<IpAddr>() {
                Ok(address) => Ok(What::Address(address.to_canonical())),
                Err(_) => Err(bad("names no IP address")),
            },
            Some(("sha256", hex)) => match sha256(hex) {
                Some(hash) => Ok(What::Leaf(hash)),
                None => Err(bad("holds no SHA-256: that is 64 hexadecimal digits")),
            },
            _ => Err(bad("is not a form of exception that is known")),
        }
    }

    fn text(&self) -> String {
        match self {
            What::Host(name) => format!("host:{name}"),
            What::Address(address) => format!("address:{address}"),
            What::Leaf(hash) => format!("sha256:{}", hex(hash)),
        }
    }

    fn fits(&self, seen: &Seen) -> bool {
        match self {
            What::Host(name) => seen.hosts.contains(name),
            What::Address(address) => seen.address.is_some_and(|seen| seen.to_canonical() == *address),
            What::Leaf(hash) => seen.leaf.as_ref() == Some(hash),
        }
    }
}

const FORMS: &str =
    "the forms are \"host:NAME\", \"address:IP\" and \"sha256:HEX\" (of the peer's own certificate in DER)";

fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> =
        text.chars().filter(|character| *character != ':').map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_names_one_thing_in_normal_form() {
        assert_eq!(What::parse("host:Old.Example.").unwrap(), What::Host("old.example".into()));
        assert_eq!(What::parse("address:::ffff:192.0.2.1").unwrap(), What::Address("192.0.2.1".parse().unwrap()));
        let hash = "AB:".repeat(31) + "ab";
        assert_eq!(What::parse(&format!("sha256:{hash}")).unwrap(), What::Leaf([0xab; 32]));
        assert_eq!(What::parse(&format!("sha256:{hash}")).unwrap().text(), format!("sha256:{}", "ab".repeat(32)));
    }

    #[test]
    fn what_names_nothing_is_refused_with_the_forms_that_are_known() {
        for wrong in [
            "",
            "*",
            "old.example",
            "host:",
            "host:a..b",
            "host:192.0.2.1",
            "host:*.example",
            "address:old.example",
            "address:",
            "sha256:",
            "sha256:abc",
            "sha256:\u{e9}",
            "sha1:00",
            "HOST:a.example",
        ] {
            let error = What::parse(wrong).unwrap_err();
            assert_eq!(error.status(), Status::EArg, "{wrong:?}");
            assert!(error.hint().contains("sha256:HEX"), "{wrong:?}");
        }
    }

    #[test]
    fn an_exception_fits_only_what_it_names() {
        let seen = Seen {
            hosts: vec!["old.example".into()],
            address: Some("::ffff:192.0.2.1".parse().unwrap()),
            leaf: Some([7; 32]),
        };
        for (text, fits) in [
            ("host:old.example", true),
            ("host:older.example", false),
            ("address:192.0.2.1", true),
            ("address:192.0.2.2", false),
        ] {
            assert_eq!(What::parse(text).unwrap().fits(&seen), fits, "{text}");
        }
        assert!(What::Leaf([7; 32]).fits(&seen) && !What::Leaf([8; 32]).fits(&seen));
        assert!(!What::Leaf([0; 32]).fits(&Seen::default()));
    }
}
