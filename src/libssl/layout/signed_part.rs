//! The part of a certificate that its issuer signed, as the bytes that libcrypto keeps of it. To encode the whole
//! certificate again only to see them costs more than all rules that read them. Nothing here judges a certificate.

use std::ffi::c_int;
use std::ptr;
use std::sync::OnceLock;

use foreign_types::ForeignTypeRef;
use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::libssl::sys;
use crate::x509::der::{OID, Reader, SEQUENCE};

/// The bytes of one certificate after the other; what was allocated for one serves the next.
pub struct SignedPart(Vec<u8>);

impl SignedPart {
    /// Has no certificate yet, but room for most.
    pub fn new() -> SignedPart {
        SignedPart(Vec::with_capacity(1024))
    }

    /// The DER of the TBSCertificate, and behind it that of the AlgorithmIdentifier beside the signature; `None` where
    /// OpenSSL has no memory left.
    pub fn of(&mut self, certificate: &X509Ref) -> Option<&[u8]> {
        self.0.clear();
        match place() {
            Some(offset) => {
                // SAFETY: libcrypto says that the signed part lies so far into each of its certificates.
                let signed = unsafe { certificate.as_ptr().byte_add(offset) } as *const sys::X509_CINF;
                // SAFETY: the part lives as long as the certificate.
                self.append(|der| unsafe { sys::i2d_X509_CINF(signed, der) })?;
                self.append_algorithm(certificate)?;
            }
            None => self.cut_out(&certificate.to_der().ok()?),
        }
        Some(&self.0)
    }

    /// Appends what an `i2d` function writes: it answers the length, and with a place for it also writes.
    fn append(&mut self, encode: impl Fn(*mut *mut u8) -> c_int) -> Option<()> {
        let length = usize::try_from(encode(ptr::null_mut())).ok().filter(|&length| length > 0)?;
        self.0.reserve(length);
        let mut end = self.0.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        if usize::try_from(encode(&mut end)) != Ok(length) {
            return None;
        }
        // SAFETY: so many bytes were reserved, and have been written.
        unsafe { self.0.set_len(self.0.len() + length) };
        Some(())
    }

    fn append_algorithm(&mut self, certificate: &X509Ref) -> Option<()> {
        let mut algorithm = ptr::null();
        // SAFETY: the certificate is live, and owns what is lent out; NULL asks for nothing.
        unsafe { ffi::X509_get0_signature(ptr::null_mut(), &mut algorithm, certificate.as_ptr()) };
        if algorithm.is_null() {
            return None;
        }
        let (mut oid, mut kind) = (ptr::null(), 0);
        // SAFETY: the algorithm is the certificate's, and lends out its object; NULL asks for nothing.
        unsafe { ffi::X509_ALGOR_get0(&mut oid, &mut kind, ptr::null_mut(), algorithm) };
        // SAFETY: the object is the certificate's; NULL has no length.
        let length = unsafe { ffi::OBJ_length(oid) };
        let parameters: &[u8] = match kind {
            V_ASN1_UNDEF => &[],
            V_ASN1_NULL => &[V_ASN1_NULL as u8, 0],
            // SAFETY: the algorithm lives as long as the certificate, and is written to a place of the right length.
            _ => return self.append(|der| unsafe { sys::i2d_X509_ALGOR(algorithm, der) }),
        };
        if !(1..0x40).contains(&length) {
            // SAFETY: the algorithm lives as long as the certificate, and is written to a place of the right length.
            return self.append(|der| unsafe { sys::i2d_X509_ALGOR(algorithm, der) });
        }
        // SAFETY: the object owns so many bytes.
        let oid = unsafe { std::slice::from_raw_parts(ffi::OBJ_get0_data(oid), length) };
        let whole = 2 + oid.len() + parameters.len();
        self.0.extend_from_slice(&[SEQUENCE, whole as u8, OID, oid.len() as u8]);
        self.0.extend_from_slice(oid);
        self.0.extend_from_slice(parameters);
        Some(())
    }

    /// The same two from a whole certificate; nothing where it is not the DER of one.
    fn cut_out(&mut self, der: &[u8]) {
        let Ok(mut fields) = Reader::whole(der, SEQUENCE) else { return };
        while let Ok(field) = fields.element(SEQUENCE) {
            self.0.extend_from_slice(field);
        }
    }
}

const V_ASN1_UNDEF: c_int = -1;
const V_ASN1_NULL: c_int = 5;

/// How far into an `X509` its signed part lies, by libcrypto's own description of the type; `None` where that is not
/// described as a structure inside of the certificate.
fn place() -> Option<usize> {
    static PLACE: OnceLock<Option<usize>> = OnceLock::new();
    crate::nets::unproved!("signed part");
    *PLACE.get_or_init(|| {
        // SAFETY: both give libcrypto's static descriptions, or NULL.
        let (certificate, signed) = unsafe { (sys::X509_it().as_ref()?, sys::X509_CINF_it().as_ref()?) };
        if certificate.itype != sys::ASN1_ITYPE_SEQUENCE || certificate.tcount < 1 {
            return None;
        }
        // SAFETY: a type with fields has a table of so many.
        let first = unsafe { certificate.templates.as_ref()? };
        // SAFETY: a function of libcrypto without arguments.
        let described = unsafe { first.item?() };
        let end = first.offset.checked_add(signed.size.try_into().ok()?)?;
        let fits = ptr::eq(described, signed)
            && first.flags == sys::ASN1_TFLG_EMBED
            && end <= certificate.size.try_into().ok()?;
        if fits { first.offset.try_into().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignType;
    use openssl::x509::X509;

    use super::*;

    unsafe extern "C" {
        fn i2d_re_X509_tbs(certificate: *mut ffi::X509, der: *mut *mut u8) -> c_int;
    }

    #[test]
    fn the_bytes_are_those_of_the_certificates_der() {
        let (mut kept, mut cut) = (SignedPart::new(), SignedPart::new());
        for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let certificate = X509::from_der(der).unwrap();
            cut.0.clear();
            cut.cut_out(der);
            assert!(!cut.0.is_empty());
            assert_eq!(kept.of(&certificate), Some(&cut.0[..]));
        }
    }

    #[test]
    fn a_changed_certificate_shows_its_new_bytes() {
        let certificate = X509::from_der(webpki_root_certs::TLS_SERVER_ROOT_CERTS.first().unwrap()).unwrap();
        let mut signed = SignedPart::new();
        let before = signed.of(&certificate).unwrap().to_vec();
        // SAFETY: the certificate is ours alone; the second function forgets the bytes that were kept.
        unsafe {
            assert_eq!(ffi::X509_set_version(certificate.as_ptr(), 1), 1);
            assert!(i2d_re_X509_tbs(certificate.as_ptr(), ptr::null_mut()) > 0);
        }
        let after = signed.of(&certificate).unwrap();
        assert_ne!(after, before);
        let mut cut = SignedPart::new();
        cut.cut_out(&certificate.to_der().unwrap());
        assert_eq!(after, cut.0);
    }

    #[test]
    fn libcrypto_describes_where_the_signed_part_lies() {
        assert!(place().is_some());
    }
}
