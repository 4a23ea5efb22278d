//! Any bytes as a host: parsed or refused, never a panic; what was parsed is in normal form, so that parsing it again
//! gives the same.
#![no_main]

use hostlock::host::{Reference, to_ascii};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for parsed in [Reference::parse_bytes(bytes), Reference::parse_any_bytes(bytes)] {
        match parsed {
            Ok(reference @ (Reference::Dns(_) | Reference::Ip(_))) => {
                let text = reference.text().into_owned();
                assert!(text.is_ascii() && text.len() <= 253 && !text.is_empty());
                assert_eq!(Reference::parse(&text).unwrap(), reference);
            }
            Ok(Reference::Email(_)) => {}
            Err(error) => assert!(!error.message().is_empty() && error.message().is_ascii()),
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(ascii) = to_ascii(text)
    {
        assert!(ascii.is_ascii());
    }
});
