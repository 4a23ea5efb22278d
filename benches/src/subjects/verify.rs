//! Judging a chain without a connection.

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::{X509, X509StoreContext};
use openssl_sys as ffi;

use super::{Bench, Subject};
use crate::pair;
use crate::peers::{HOSTLOCK, RAW};
use crate::pki::Pki;
use crate::row::Row;
use crate::step::counted;

pub const SUBJECT: Subject = Subject { name: "verify", work, rows };

unsafe extern "C" {
    fn X509_STORE_CTX_get0_param(ctx: *mut ffi::X509_STORE_CTX) -> *mut ffi::X509_VERIFY_PARAM;
}

fn rows(bench: &Bench) -> Vec<Row> {
    if !bench.wants_all() {
        return Vec::new();
    }
    vec![bench.counted("verify_chain, two certificates", ("verify", "chain"), &[(HOSTLOCK, 20), (RAW, 20)])]
}

/// Judges a chain of two certificates from its PEM, parsing included: raw OpenSSL with purpose, level and host set.
fn work(piece: &str, peer: &str, count: usize) -> bool {
    if piece != "chain" {
        return false;
    }
    let pki = Pki::direct();
    let pem = [pki.server.to_pem().unwrap(), pki.ca.to_pem().unwrap()].concat();
    let (client, _) = pair::client(peer, &pki);
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(pki.ca.clone()).unwrap();
    let store = store.build();
    for _ in 0..count {
        counted(|| match peer {
            HOSTLOCK => {
                let (data, len, host) = (pem.as_ptr(), pem.len(), pair::HOST.as_ptr());
                // SAFETY: the context is live; bytes and host outlive the call.
                let status =
                    unsafe { hostlock::ffi::verify::hostlock_ctx_verify_chain(client.as_ptr(), data, len, host) };
                assert_eq!(status, 0);
            }
            _ => raw(&store, &pem),
        });
    }
    true
}

fn raw(store: &X509Store, pem: &[u8]) {
    let mut certificates = X509::stack_from_pem(pem).unwrap().into_iter();
    let leaf = certificates.next().unwrap();
    let mut untrusted = Stack::new().unwrap();
    certificates.for_each(|certificate| untrusted.push(certificate).unwrap());
    let mut context = X509StoreContext::new().unwrap();
    let good = context.init(store, &leaf, &untrusted, |context| {
        // SAFETY: the context is live, and its parameters with it.
        unsafe {
            let param = X509_STORE_CTX_get0_param(context.as_ptr());
            ffi::X509_VERIFY_PARAM_set_purpose(param, ffi::X509_PURPOSE_SSL_SERVER);
            ffi::X509_VERIFY_PARAM_set_auth_level(param, 2);
            ffi::X509_VERIFY_PARAM_set1_host(param, pair::HOST.as_ptr(), pair::HOST.count_bytes());
        }
        context.verify_cert()
    });
    assert!(good.unwrap());
}
