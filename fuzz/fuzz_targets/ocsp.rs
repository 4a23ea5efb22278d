//! Any bytes as a stapled OCSP answer: refused, never a panic, as nobody has the key that could sign a good one.
#![no_main]

use std::sync::OnceLock;

use hostlock::trust::{AnchorSet, source};
use hostlock::verify::revocation::crls::Crls;
use hostlock::verify::revocation::ocsp::{self, Question};
use libfuzzer_sys::fuzz_target;

fn roots() -> &'static AnchorSet {
    static ROOTS: OnceLock<std::sync::Arc<AnchorSet>> = OnceLock::new();
    ROOTS.get_or_init(|| source::bundled().unwrap())
}

fuzz_target!(|bytes: &[u8]| {
    let certificate = &roots().certificates[0];
    for time in [None, Some(1_790_000_000)] {
        let question = Question { leaf: certificate, issuer: certificate, time, crls: &Crls::default() };
        let error = ocsp::check(bytes, &question).unwrap_err();
        assert!(!error.message().is_empty() && !error.message().contains('\n'));
    }
});
