//! Any bytes as CRLs: loaded or refused with a reason, never a panic; what was loaded can be asked about a certificate.
#![no_main]

use hostlock::error::Status;
use hostlock::libssl::certificate;
use hostlock::revocation::crls::Crls;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Crls::default().with_memory(bytes) {
        Ok(crls) => {
            assert!(!crls.is_empty());
            let certificate = certificate::parse(include_bytes!("../seeds/leaf.der")).unwrap();
            for crl in crls.iter() {
                let _ = crl.lists(&certificate) && crl.names_issuer_of(&certificate) && crl.is_signed_by(&certificate);
                assert!(!(crl.is_delta() && hostlock::libssl::crl::is_delta_without_number(crl.list())));
            }
        }
        Err(error) => {
            assert!(!error.message().is_empty() && !error.message().contains('\n'));
            assert!(matches!(error.status(), Status::EEmpty | Status::EBadPem | Status::EWrongPem), "{error:?}");
        }
    }
});
