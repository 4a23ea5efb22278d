//! Any bytes as a subjectAltName and a subject: a verdict, never a panic. What matches is found in the bytes.
#![no_main]

use hostlock::host::{MatchRules, Reference, check};
use hostlock::x509::Presented;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, bool, Vec<u8>, Vec<u8>)| {
    let (cn_fallback, wildcards, san, subject) = input;
    let rules = MatchRules { cn_fallback, wildcards };
    for host in ["www.example.com", "192.0.2.1", "2001:db8::1", "email:a@example.com"] {
        let reference = Reference::parse_any(host).unwrap();
        for san in [None, Some(san.as_slice())] {
            let presented = Presented::new(san, &subject);
            let verdict = check(&reference, &presented, rules);
            if let Err(error) = &verdict {
                assert!(error.message().chars().all(|c| !c.is_control()));
            }
            assert!(verdict.is_err() || san.is_some() || cn_fallback);
        }
    }
});
