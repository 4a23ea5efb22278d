//! What is reckoned from settings, compared with what libssl itself does: its hello is the judge.

use std::ffi::{CString, c_int};

use openssl::ssl::SslContext;
use openssl_sys as ffi;

use crate::audit::facts::{Facts, Probe};
use crate::audit::hello::Hello;
use crate::audit::versions::Spoken;
use crate::audit::{gather, probe};
use crate::libssl::method::Side;
use crate::libssl::{Ctx, new_context};

struct Context(SslContext);

impl Context {
    fn at_level(level: c_int) -> Context {
        openssl::init();
        let context = Context(new_context::new_for(Side::Client).unwrap());
        let list = CString::new(format!("ALL:COMPLEMENTOFALL:@SECLEVEL={level}")).unwrap();
        assert!(context.view().set_old_suites(&list));
        let all13 = c"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_8_SHA256";
        assert!(context.view().set_suites_13(all13));
        context
    }

    fn min_version(&self, version: c_int) {
        self.view().control(ffi::SSL_CTRL_SET_MIN_PROTO_VERSION, version.into());
    }

    fn view(&self) -> Ctx<'_> {
        Ctx::from(&*self.0)
    }

    fn facts(&self) -> Facts {
        gather::of_context(self.view())
    }

    fn hello(&self) -> Option<Hello> {
        match probe::hello(self.view(), &self.facts()) {
            Probe::Hello(hello) => Some(*hello),
            _ => None,
        }
    }
}

#[test]
fn the_versions_that_are_reckoned_are_those_that_libssl_offers() {
    let off = [ffi::SSL_OP_NO_TLSv1, ffi::SSL_OP_NO_TLSv1_1, ffi::SSL_OP_NO_TLSv1_2, ffi::SSL_OP_NO_TLSv1_3];
    for level in [0, 1, 2, 3] {
        for subset in 0..16 {
            let context = Context::at_level(level);
            context.min_version(ffi::TLS1_VERSION);
            let bits = (0..4).filter(|bit| subset >> bit & 1 == 1).fold(0, |bits, bit| bits | off[bit]);
            context.view().set_options(bits);
            let mut offered: Vec<u16> = match context.hello() {
                None => Vec::new(),
                Some(hello) if hello.versions.is_empty() => vec![hello.legacy_version],
                Some(hello) => hello.versions,
            };
            offered.retain(|version| (0x0300..=0x0304).contains(version));
            let spoken = Spoken::of(&context.facts()).offered;
            let reckoned: Vec<u16> = spoken.iter().map(|version| version.number as u16).collect();
            // Without TLS 1.3 a hello names only the highest of its versions.
            let named =
                if reckoned.first() == Some(&0x0304) { &reckoned[..] } else { &reckoned[..reckoned.len().min(1)] };
            assert_eq!(offered, named, "level {level}, subset {subset:04b}");
        }
    }
}

#[test]
fn the_suites_that_are_reckoned_at_each_level_are_those_that_libssl_offers() {
    for level in 0..=5 {
        let context = Context::at_level(level);
        let facts = context.facts();
        assert!(facts.suites.len() > 50, "{} suites", facts.suites.len());
        // A hello has no suite of pre-shared keys or passwords without a callback for them.
        let needs_no_callback = |name: &str| !name.contains("PSK-") && !name.starts_with("SRP-");
        let reckoned: Vec<u16> = facts
            .suites
            .iter()
            .filter(|suite| needs_no_callback(&suite.name) && suite.permitted)
            .map(|suite| suite.id)
            .collect();
        // Newer OpenSSLs have no key share for level 5, and send no hello.
        let Some(hello) = context.hello() else {
            assert_eq!(level, 5);
            continue;
        };
        let mut offered = hello.suites;
        // The two that stand for extensions (RFC 5746 section 3.3, RFC 7507).
        offered.retain(|id| ![0x00ff, 0x5600].contains(id));
        assert_eq!(offered, reckoned, "level {level}");
    }
}
