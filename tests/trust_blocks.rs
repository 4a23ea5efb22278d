//! What the rarer blocks of a bundle bring: trust settings of their own, and revocation lists.

mod support;

use foreign_types::ForeignTypeRef;
use hostlock::error::Status;
use openssl::x509::X509Ref;
use openssl_sys as ffi;
use support::loopback::{Client, HOST, World, serve};
use support::pki::Recipe;
use support::scratch::Scratch;
use support::{crl, pem};

unsafe extern "C" {
    fn X509_add1_trust_object(certificate: *mut ffi::X509, object: *const ffi::ASN1_OBJECT) -> i32;
    fn X509_add1_reject_object(certificate: *mut ffi::X509, object: *const ffi::ASN1_OBJECT) -> i32;
    fn i2d_X509_AUX(certificate: *const ffi::X509, out: *mut *mut u8) -> i32;
}

/// The CA in a TRUSTED CERTIFICATE block with settings that `change` makes.
fn trusted(ca: &X509Ref, change: impl FnOnce(*mut ffi::X509)) -> String {
    let copy = openssl::x509::X509::from_der(&ca.to_der().unwrap()).unwrap();
    change(copy.as_ptr());
    // SAFETY: the certificate is live; the first call tells the length, the second writes so many bytes.
    let der = unsafe {
        let len = i2d_X509_AUX(copy.as_ptr(), std::ptr::null_mut());
        let mut der = vec![0; len as usize];
        assert_eq!(i2d_X509_AUX(copy.as_ptr(), &mut der.as_mut_ptr()), len);
        der
    };
    pem::block("TRUSTED CERTIFICATE", &der)
}

fn object(nid: i32) -> *const ffi::ASN1_OBJECT {
    // SAFETY: gives a static object for a number of OpenSSL's own.
    unsafe { ffi::OBJ_nid2obj(nid) }
}

#[test]
fn the_settings_of_a_trusted_certificate_decide_what_it_is_trusted_for() {
    const CERT_REJECTED: i32 = 28;
    let world = World::new("CA");
    let scratch = Scratch::new();
    // SAFETY: in each row the certificate is live and of this thread alone; the object is copied.
    let rows = [
        (trusted(&world.ca.certificate, |c| unsafe { assert_eq!(X509_add1_trust_object(c, object(129)), 1) }), 0),
        (
            trusted(&world.ca.certificate, |c| unsafe { assert_eq!(X509_add1_trust_object(c, object(132)), 1) }),
            CERT_REJECTED,
        ),
        (
            trusted(&world.ca.certificate, |c| unsafe { assert_eq!(X509_add1_reject_object(c, object(129)), 1) }),
            CERT_REJECTED,
        ),
        (trusted(&world.ca.certificate, |c| unsafe { assert_eq!(X509_add1_reject_object(c, object(132)), 1) }), 0),
    ];
    for (index, (text, code)) in rows.iter().enumerate() {
        let client = Client::new();
        client.trust_file(&scratch.file("trusted.pem", text)).unwrap();
        let outcome = client.connect(world.port);
        let found = outcome.as_ref().map_or_else(|error| error.x509_code(), |()| 0);
        assert_eq!(found, *code, "row {index}: {outcome:?}");
    }
}

/// What the program itself asks of OpenSSL.
fn demand_crls(client: &Client) {
    // SAFETY: the context is live, and its parameters with it.
    unsafe {
        let parameters = ffi::SSL_CTX_get0_param(client.as_ptr());
        assert_eq!(ffi::X509_VERIFY_PARAM_set_flags(parameters, ffi::X509_V_FLAG_CRL_CHECK), 1);
    }
}

#[test]
fn a_crl_beside_the_certificates_is_used_where_revocation_is_checked() {
    let world = World::new("CA");
    let revoked = Recipe::server(HOST, &[HOST]).issued_by(&world.ca);
    let list = crl::of(&world.ca, &[&revoked.certificate]).to_pem().unwrap();
    let revoked = serve(&revoked);
    let bundle = [world.ca.pem(), list.clone()].concat();
    let scratch = Scratch::new();
    let hashed = scratch.directory("hashed");
    let hash = world.ca.certificate.subject_name_hash();
    std::fs::write(hashed.join(format!("{hash:08x}.0")), world.ca.pem()).unwrap();
    std::fs::write(hashed.join(format!("{hash:08x}.r0")), &list).unwrap();
    let (memory, file, directory, without) = (Client::new(), Client::new(), Client::new(), Client::new());
    memory.trust_mem(&bundle).unwrap();
    file.trust_file(&scratch.file("bundle.pem", &bundle)).unwrap();
    directory.trust_dir(&hashed).unwrap();
    without.trust_mem(&world.ca.pem()).unwrap();
    memory.connect(revoked).expect("nobody asked for CRLs");
    demand_crls(&without);
    assert_eq!(without.status(world.port), Status::ERevocationUnknown);
    for client in [memory, file, directory] {
        assert_eq!(client.trust_count(), Ok(1));
        demand_crls(&client);
        client.connect(world.port).unwrap();
        assert_eq!(client.status(revoked), Status::ERevoked);
    }
}

#[test]
fn crls_alone_are_no_trust_anchors() {
    let world = World::new("CA");
    let failure = Client::new().trust_mem(&crl::of(&world.ca, &[]).to_pem().unwrap()).unwrap_err();
    assert_eq!(failure.status, Status::EWrongPem);
    assert!(failure.message.contains("holds no certificate, only: X509 CRL"), "{failure:?}");
}
