//! What OpenSSL says of certificates in chains: who may have issued whom, and what for.

use std::ffi::{CStr, c_int};
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::asn1::{Asn1Object, Asn1ObjectRef, Asn1TimeRef};
use openssl::stack::StackRef;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509Crl, X509Ref};
use openssl_sys as ffi;

use crate::libssl::{certificate, sys};

/// `X509_V_OK` where names, key identifiers and key usage permit that `issuer` issued `certificate`. No signature is looked at.
#[doc(alias = "X509_check_issued")]
pub fn check_issued(issuer: &X509Ref, certificate: &X509Ref) -> c_int {
    // SAFETY: both are live.
    unsafe { sys::X509_check_issued(issuer.as_ptr(), certificate.as_ptr()) }
}

/// Whether its names, key identifiers and key usage permit that it issued itself.
#[doc(alias = "X509_self_signed")]
pub fn is_self_issued(certificate: &X509Ref) -> bool {
    // SAFETY: the certificate is live; 0 asks for no signature.
    unsafe { sys::X509_self_signed(certificate.as_ptr(), 0) == 1 }
}

/// Whether both have the same key. The bits say it; building and comparing keys costs more than a search for paths.
pub fn has_same_key(one: &X509Ref, other: &X509Ref) -> bool {
    // SAFETY: both are live, and own the strings that are compared.
    unsafe {
        let (one, other) = (sys::X509_get0_pubkey_bitstr(one.as_ptr()), sys::X509_get0_pubkey_bitstr(other.as_ptr()));
        sys::ASN1_STRING_cmp(one.cast(), other.cast()) == 0
    }
}

/// 0 where it is no CA's; above 1 where something else than basicConstraints says that it is one.
#[doc(alias = "X509_check_ca")]
pub fn check_ca(certificate: &X509Ref) -> c_int {
    // SAFETY: the certificate is live; OpenSSL reads its extensions.
    unsafe { sys::X509_check_ca(certificate.as_ptr()) }
}

/// Whether its basicConstraints say that it is a CA's.
#[doc(alias = "X509_get_extension_flags")]
pub fn says_ca(certificate: &X509Ref) -> bool {
    const EXFLAG_CA: u32 = 0x10;
    // SAFETY: the certificate is live; OpenSSL reads its extensions.
    unsafe { sys::X509_get_extension_flags(certificate.as_ptr()) & EXFLAG_CA != 0 }
}

/// The bits of its key usage; all of them where it has none.
#[doc(alias = "X509_get_key_usage")]
pub fn key_usage(certificate: &X509Ref) -> u32 {
    // SAFETY: the certificate is live; OpenSSL reads its extensions.
    unsafe { sys::X509_get_key_usage(certificate.as_ptr()) }
}

/// Whether it is a proxy certificate (RFC 3820), which no CA issued.
#[doc(alias = "X509_get_extension_flags")]
pub fn is_proxy(certificate: &X509Ref) -> bool {
    const EXFLAG_PROXY: u32 = 0x400;
    // SAFETY: the certificate is live; OpenSSL reads its extensions.
    unsafe { sys::X509_get_extension_flags(certificate.as_ptr()) & EXFLAG_PROXY != 0 }
}

/// Where a certificate's signature is verified. There is no getter for the library context of a certificate, nor for the
/// properties that it fetches by; but its own key was fetched by both, and says which provider it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    /// A library context has providers of its own.
    provider: usize,
    /// A later one may lie where one was that is gone.
    name: Vec<u8>,
    is_fips: bool,
}

/// See [`Verifier`]. `None` where its key has no provider, or cannot be read.
#[doc(alias = "EVP_PKEY_get0_provider")]
#[doc(alias = "OSSL_PROVIDER_get0_name")]
#[doc(alias = "EVP_default_properties_is_fips_enabled")]
pub fn verifier(certificate: &X509Ref) -> Option<Verifier> {
    // SAFETY: the certificate is live, and owns its key; NULL is the default library context.
    unsafe {
        let key = sys::X509_get0_pubkey(certificate.as_ptr());
        let provider = if key.is_null() { ptr::null() } else { sys::EVP_PKEY_get0_provider(key) };
        let name = if provider.is_null() { ptr::null() } else { sys::OSSL_PROVIDER_get0_name(provider) };
        let is_fips = ffi::EVP_default_properties_is_fips_enabled(ptr::null_mut()) == 1;
        (!name.is_null()).then(|| Verifier {
            provider: provider.addr(),
            name: CStr::from_ptr(name).to_bytes().to_vec(),
            is_fips,
        })
    }
}

/// Whether its dates are good at this moment, as OpenSSL reads them and the clock.
#[doc(alias = "X509_cmp_time")]
pub fn is_valid_now(certificate: &X509Ref) -> bool {
    let (since, until) = (certificate.not_before().as_ptr(), certificate.not_after().as_ptr());
    // SAFETY: the dates are the certificate's, which is live; NULL is the present moment.
    unsafe { sys::X509_cmp_time(since, ptr::null_mut()) < 0 && sys::X509_cmp_time(until, ptr::null_mut()) > 0 }
}

/// Whether it may serve `purpose`, as a CA's or as itself: 1, or above 1 where OpenSSL has its doubts.
#[doc(alias = "X509_check_purpose")]
pub fn check_purpose(certificate: &X509Ref, purpose: c_int, as_ca: bool) -> c_int {
    // SAFETY: the certificate is live; OpenSSL reads its extensions.
    unsafe { sys::X509_check_purpose(certificate.as_ptr(), purpose, as_ca.into()) }
}

/// Whether the trust settings of an anchor reject `trust`.
#[doc(alias = "X509_check_trust")]
pub fn rejects_trust(anchor: &X509Ref, trust: c_int) -> bool {
    const REJECTED: c_int = 2;
    // SAFETY: the certificate is live.
    unsafe { sys::X509_check_trust(anchor.as_ptr(), trust, 0) == REJECTED }
}

/// The uses that stand beside the certificate in a TRUSTED CERTIFICATE, as OpenSSL's short names or dotted numbers: those that
/// it is trusted for, and those that it is rejected for. Both are empty where it is a plain one.
#[doc(alias = "X509_get0_trust_objects")]
#[doc(alias = "X509_get0_reject_objects")]
pub fn trust_settings(certificate: &X509Ref) -> [Vec<String>; 2] {
    // SAFETY: the certificate is live, and owns both lists; NULL is none.
    let lists = unsafe {
        [sys::X509_get0_trust_objects(certificate.as_ptr()), sys::X509_get0_reject_objects(certificate.as_ptr())]
    };
    lists.map(|list| {
        // SAFETY: NULL, or a stack of objects that lives as long as the certificate; the names are copied.
        let objects = (!list.is_null()).then(|| unsafe { StackRef::<Asn1Object>::from_ptr(list.cast()) });
        let name = |object: &Asn1ObjectRef| object.nid().short_name().map_or_else(|_| object.to_string(), str::to_owned);
        objects.into_iter().flatten().map(name).collect()
    })
}

/// Below 0 where `date` is not after `seconds` (in Unix time), above 0 where it is, and 0 where it cannot be read.
#[doc(alias = "X509_cmp_time")]
pub fn compare_time(date: &Asn1TimeRef, seconds: i64) -> c_int {
    if let Some(date) = certificate::seconds(date) {
        return if date <= seconds { -1 } else { 1 };
    }
    let mut seconds = seconds as libc::time_t;
    // SAFETY: the date is live; OpenSSL does not write through the pointer.
    unsafe { sys::X509_cmp_time(date.as_ptr(), &mut seconds) }
}

/// The subjectPublicKeyInfo in DER.
#[doc(alias = "i2d_X509_PUBKEY")]
pub fn public_key_info(certificate: &X509Ref) -> Option<Vec<u8>> {
    let mut der = std::ptr::null_mut();
    // SAFETY: the certificate owns the key; the place is for bytes that are ours.
    let len = unsafe { sys::i2d_X509_PUBKEY(sys::X509_get_X509_PUBKEY(certificate.as_ptr()), &mut der) };
    let len = usize::try_from(len).ok().filter(|len| *len > 0 && !der.is_null())?;
    // SAFETY: OpenSSL wrote so many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(der, len) }.to_vec();
    // SAFETY: allocated by OpenSSL, freed once.
    unsafe { ffi::CRYPTO_free(der.cast(), c"hostlock".as_ptr(), 0) };
    Some(bytes)
}

/// Has `store` ask `C` whether one certificate may have issued another, in place of OpenSSL's own look.
pub fn set_check_issued<C: Issuing>(store: &X509StoreRef) {
    // SAFETY: the store is live; the function stays loaded.
    unsafe { sys::X509_STORE_set_check_issued(store.as_ptr(), Some(may_have_issued::<C>)) };
}

/// What answers whether one certificate may have issued another.
pub trait Issuing: 'static {
    /// Whether it may. It must not panic: then nobody has.
    fn may_have_issued(issuer: &X509Ref, certificate: &X509Ref) -> bool;
}

unsafe extern "C" fn may_have_issued<C: Issuing>(
    _: *mut ffi::X509_STORE_CTX,
    certificate: *mut ffi::X509,
    issuer: *mut ffi::X509,
) -> c_int {
    // SAFETY: OpenSSL hands live certificates.
    let (certificate, issuer) = unsafe { (X509Ref::from_ptr(certificate), X509Ref::from_ptr(issuer)) };
    super::callback::stopped(|| C::may_have_issued(issuer, certificate)).unwrap_or(false).into()
}

/// Adds a CRL to `store`, which may have it already; `false` where there is no memory.
#[doc(alias = "X509_STORE_add_crl")]
pub fn add_crl(store: &X509StoreRef, crl: &X509Crl) -> bool {
    // SAFETY: both are live; the store locks itself and takes a reference of its own.
    unsafe { sys::X509_STORE_add_crl(store.as_ptr(), foreign_types::ForeignType::as_ptr(crl)) == 1 }
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignType;
    use openssl::asn1::Asn1Time;
    use openssl::x509::X509;

    use super::*;

    /// A time of any type and text, as a certificate may have it.
    fn time(kind: c_int, text: &str) -> Asn1Time {
        // SAFETY: the functions allocate, and copy so many bytes; the time owns the string.
        unsafe {
            let string = ffi::ASN1_STRING_type_new(kind);
            assert_eq!(ffi::ASN1_STRING_set(string, text.as_ptr().cast(), text.len() as c_int), 1);
            Asn1Time::from_ptr(string.cast())
        }
    }

    #[test]
    fn a_date_compares_as_openssl_compares_it_in_whatever_form_it_stands() {
        let texts = [
            "240229120000Z", "20240229120000Z", "230229120000Z", "20230229120000Z", "000101000000Z", "491231235959Z",
            "500101000000Z", "99991231235959Z", "00000101000000Z", "19500101000000Z", "20500101000000Z", "240131240000Z",
            "240131006000Z", "240131000060Z", "241301000000Z", "240100000000Z", "2402291200Z", "240229120000", "", "Z",
            "240229120000+0100", "20240229120000.5Z", "24022912000xZ", "-40229120000Z",
        ];
        for (kind, text) in [ffi::V_ASN1_UTCTIME, ffi::V_ASN1_GENERALIZEDTIME, ffi::V_ASN1_UTF8STRING]
            .into_iter()
            .flat_map(|kind| texts.map(|text| (kind, text)))
        {
            let date = time(kind, text);
            let around = certificate::seconds(&date).unwrap_or(1_709_208_000);
            // The first second of the year 0 and the last of 9999: OpenSSL compares with none beyond them.
            const FIRST: i64 = -62_167_219_200;
            const LAST: i64 = 253_402_300_799;
            for seconds in [0, (around - 1).max(FIRST), around, (around + 1).min(LAST), LAST] {
                let mut by_openssl = seconds as libc::time_t;
                // SAFETY: the date is live, and so is the number.
                let by_openssl = unsafe { sys::X509_cmp_time(date.as_ptr(), &mut by_openssl) };
                assert_eq!(compare_time(&date, seconds), by_openssl, "type {kind}, {text:?}, {seconds}");
            }
        }
    }

    unsafe extern "C" {
        fn X509_new_ex(context: *mut ffi::OSSL_LIB_CTX, properties: *const std::ffi::c_char) -> *mut ffi::X509;
    }

    #[test]
    fn certificates_of_different_library_contexts_are_verified_in_different_places() {
        let der: &[u8] = &webpki_root_certs::TLS_SERVER_ROOT_CERTS[0];
        let usual = [X509::from_der(der).unwrap(), X509::from_der(der).unwrap()].map(|one| verifier(&one));
        assert!(usual[0].is_some());
        assert_eq!(usual[0], usual[1]);
        // SAFETY: the context outlives its certificate; d2i frees or fills the certificate that it is given.
        unsafe {
            let context = ffi::OSSL_LIB_CTX_new();
            let mut made = X509_new_ex(context, ptr::null());
            let (mut start, len) = (der.as_ptr(), der.len());
            assert!(!ffi::d2i_X509(&mut made, &mut start, len as _).is_null());
            let other = verifier(&X509::from_ptr(made));
            assert!(other.is_some() && other != usual[0]);
            ffi::OSSL_LIB_CTX_free(context);
        }
    }
}
