//! For which certificates and which reasons a CRL speaks: its issuing distribution point (RFC 5280 section 5.2.5), held
//! against the distribution points that a certificate names (section 4.2.1.13).

use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::libssl::certificate::{extension_contents, has_extension};
use crate::libssl::issuing::says_ca;
use crate::x509::der::{Malformed, Reader, SEQUENCE};
use crate::x509::same_name;

/// Every reason for which a certificate can be revoked, as bits.
pub const ALL_REASONS: u16 = 0x1fe;

const DIRECTORY_NAME: u8 = 0xa4;

/// A GeneralName: its tag and its contents.
type GeneralName = (u8, Vec<u8>);

/// What an issuing distribution point says.
#[derive(Clone, PartialEq, Eq)]
pub struct Scope {
    /// It may list certificates of other issuers.
    pub indirect: bool,
    /// It names reasons, be it all of them.
    pub has_reasons: bool,
    reasons: u16,
    /// It names a distribution point.
    point: bool,
    /// The full names of its point.
    names: Vec<GeneralName>,
    only_cas: bool,
    only_users: bool,
    /// It says something that is not understood, or speaks of attribute certificates.
    odd: bool,
}

impl Scope {
    /// What the extension `der` says. One that cannot be read covers nothing.
    pub fn parse(der: &[u8]) -> Scope {
        let nothing = Scope {
            indirect: false,
            has_reasons: false,
            reasons: ALL_REASONS,
            point: false,
            names: Vec::new(),
            only_cas: false,
            only_users: false,
            odd: false,
        };
        nothing.clone().read(der).unwrap_or(Scope { odd: true, ..nothing })
    }

    fn read(mut self, der: &[u8]) -> Result<Scope, Malformed> {
        let mut fields = Reader::whole(der, SEQUENCE)?;
        while !fields.is_empty() {
            let (tag, value) = fields.next()?;
            let set = value != [0];
            match tag {
                0xa0 => {
                    self.point = true;
                    self.names = full_names(value)?;
                }
                0x81 => self.only_users = set,
                0x82 => self.only_cas = set,
                0x83 => {
                    self.has_reasons = true;
                    self.reasons = reasons(value);
                }
                0x84 => self.indirect = set,
                _ => self.odd = true,
            }
        }
        Ok(self)
    }

    /// Whether all that it says is known: two that are alike here may else be for different certificates.
    pub fn is_understood(&self) -> bool {
        !self.odd && (!self.point || !self.names.is_empty())
    }

    /// The reasons for which a CRL with this scope speaks for `certificate`, whose issuer also made the CRL. Whatever points
    /// a certificate names, its issuer's name is taken for one besides (RFC 5280 section 6.3.3).
    pub fn covers(&self, certificate: &X509Ref) -> u16 {
        if self.odd || (if says_ca(certificate) { self.only_users } else { self.only_cas }) {
            return 0;
        }
        let issuer = certificate.issuer_name().to_der().unwrap_or_default();
        if !self.point || names_directory(&self.names, &issuer) {
            return self.reasons;
        }
        let points = Point::all_of(certificate).into_iter();
        let own = points.filter(|point| point.issuers.is_empty() || names_directory(&point.issuers, &issuer));
        let fitting = own.filter(|point| point.names.iter().any(|name| self.names.contains(name)));
        self.reasons & fitting.fold(0, |all, point| all | point.reasons)
    }
}

/// One of the distribution points that a certificate names.
pub struct Point {
    names: Vec<GeneralName>,
    reasons: u16,
    /// Who makes the CRL, where that is not the certificate's issuer.
    issuers: Vec<GeneralName>,
}

impl Point {
    /// Those of `certificate`; none where they cannot be read.
    fn all_of(certificate: &X509Ref) -> Vec<Point> {
        let Some(der) = extension_contents(certificate, ffi::NID_crl_distribution_points) else { return Vec::new() };
        Point::parse_all(der).unwrap_or_default()
    }

    fn parse_all(der: &[u8]) -> Result<Vec<Point>, Malformed> {
        let mut points = Vec::new();
        let mut each = Reader::whole(der, SEQUENCE)?;
        while !each.is_empty() {
            let mut point = Point { names: Vec::new(), reasons: ALL_REASONS, issuers: Vec::new() };
            let mut fields = Reader::new(each.expect(SEQUENCE)?);
            while !fields.is_empty() {
                match fields.next()? {
                    (0xa0, name) => point.names = full_names(name)?,
                    (0x81, bits) => point.reasons = reasons(bits),
                    (0xa2, names) => point.issuers = general_names(names)?,
                    _ => return Err(Malformed),
                }
            }
            points.push(point);
        }
        Ok(points)
    }
}

/// The names in DER of those whom `certificate` lets make CRLs about it in place of its issuer.
pub fn crl_issuers(certificate: &X509Ref) -> Vec<Vec<u8>> {
    let issuers = Point::all_of(certificate).into_iter().flat_map(|point| point.issuers);
    issuers.filter(|(kind, _)| *kind == DIRECTORY_NAME).map(|(_, name)| name).collect()
}

/// Whether `certificate` says where its delta CRLs are (RFC 5280 section 4.2.1.15).
pub fn has_freshest(certificate: &X509Ref) -> bool {
    has_extension(certificate, ffi::NID_freshest_crl)
}

fn names_directory(names: &[GeneralName], wanted: &[u8]) -> bool {
    names.iter().any(|(kind, name)| *kind == DIRECTORY_NAME && same_name(name, wanted).unwrap_or(false))
}

/// The full names of a DistributionPointName; none where it is relative to the CRL's issuer.
fn full_names(point: &[u8]) -> Result<Vec<GeneralName>, Malformed> {
    const FULL_NAME: u8 = 0xa0;
    match Reader::new(point).only()? {
        (FULL_NAME, names) => general_names(names),
        _ => Ok(Vec::new()),
    }
}

fn general_names(der: &[u8]) -> Result<Vec<GeneralName>, Malformed> {
    let mut names = Reader::new(der);
    let mut all = Vec::new();
    while !names.is_empty() {
        let (kind, name) = names.next()?;
        all.push((kind, name.to_owned()));
    }
    Ok(all)
}

/// A BIT STRING of ReasonFlags.
fn reasons(bits: &[u8]) -> u16 {
    let octets = bits.get(1..).unwrap_or_default();
    let is_set = |bit: usize| octets.get(bit / 8).is_some_and(|octet| octet & (0x80 >> (bit % 8)) != 0);
    (0..16).filter(|&bit| is_set(bit)).fold(0, |all, bit| all | 1 << bit) & ALL_REASONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_by_their_bits_and_unused_is_none() {
        assert_eq!(reasons(&[1, 0x7e]), 0x7e);
        assert_eq!(reasons(&[7, 0x7f, 0x80]), ALL_REASONS);
        assert_eq!(reasons(&[7, 0xff, 0x80]), ALL_REASONS);
        assert_eq!(reasons(&[7, 0x80]), 0);
        assert_eq!(reasons(&[]), 0);
    }

    #[test]
    fn a_scope_that_cannot_be_read_is_odd_and_one_without_fields_is_for_all() {
        assert!(Scope::parse(&[0x30, 3, 0x81]).odd);
        assert!(Scope::parse(&[0x30, 2, 0x87, 0]).odd);
        assert!(Scope::parse(&[0x30, 3, 0x85, 1, 0xff]).odd);
        let whole = Scope::parse(&[0x30, 0]);
        assert!(!whole.odd && !whole.point && !whole.has_reasons);
        assert!(Scope::parse(&[0x30, 4, 0x83, 2, 1, 0x02]).has_reasons);
    }
}
