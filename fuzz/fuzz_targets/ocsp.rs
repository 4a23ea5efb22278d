//! Any bytes as a stapled OCSP answer: a verdict, never a panic. One of the seeds is a good answer, so that mutations of
//! it reach what stands behind the signature check's input.
#![no_main]

use hostlock::libssl::certificate;
use hostlock::revocation::crls::Crls;
use hostlock::revocation::ocsp;
use hostlock::revocation::ocsp::Question;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let leaf = certificate::parse(include_bytes!("../seeds/leaf.der")).unwrap();
    let issuer = certificate::parse(include_bytes!("../seeds/ca.der")).unwrap();
    for time in [None, Some(1_800_000_000)] {
        let question = Question { leaf: &leaf, issuer: &issuer, time, crls: &Crls::default() };
        if let Err(error) = ocsp::check(bytes, &question) {
            assert!(!error.message().is_empty() && !error.message().contains('\n'));
        }
    }
});
