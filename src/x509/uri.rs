//! The host of a URI, for the one thing that hostlock does with URIs: holding them against name constraints
//! (RFC 5280 4.2.1.10). They never stand for the host of a connection.

use crate::x509::dns::DnsName;

/// The host of `uri` (RFC 3986 3.2), where there is one and it is a domain name: not an address, and without trailing
/// dot.
pub(crate) fn uri_host(uri: &[u8]) -> Option<&[u8]> {
    // What is no URI character (a backslash, say) is read in more than one way, so it is not read at all.
    if !uri.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(byte)) {
        return None;
    }
    let colon = uri.iter().position(|&byte| byte == b':')?;
    let (scheme, rest) = uri.split_at_checked(colon)?;
    let is_scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if !scheme.first()?.is_ascii_alphabetic() || !scheme.iter().all(is_scheme_byte) {
        return None;
    }
    let authority = rest.strip_prefix(b"://")?.split(|byte| b"/?#".contains(byte)).next()?;
    let mut parts = authority.rsplit(|&byte| byte == b'@');
    let host_and_port = parts.next()?;
    if parts.nth(1).is_some() {
        return None;
    }
    let mut parts = host_and_port.splitn(2, |&byte| byte == b':');
    let host = parts.next()?;
    let port = parts.next().unwrap_or_default();
    let is_name = !host.ends_with(b".") && DnsName::parse(host).is_ok();
    (is_name && port.iter().all(u8::is_ascii_digit)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_uri_is_found_where_it_is_a_domain_name() {
        for (uri, host) in [
            ("https://www.example.com", Some("www.example.com")),
            ("https://www.example.com/a?b#c", Some("www.example.com")),
            ("ldap://user:pass@Example.com:389/", Some("Example.com")),
            ("https://www.example.com:", Some("www.example.com")),
            ("https://www.example.com?@evil.example", Some("www.example.com")),
            ("spiffe://trust/workload", Some("trust")),
            ("https://good.example@evil.example/", Some("evil.example")),
            ("https://a@b@evil.example/", None),
            ("https://192.0.2.1/", None),
            ("https://[2001:db8::1]/", None),
            ("https://2001:db8::1/", None),
            ("https://example.com./", None),
            ("https://.example.com/", None),
            ("https://exam|ple.com/", None),
            ("https://example.com%2eevil/", None),
            ("https://example.com:80a/", None),
            ("https://example.com\\@evil.example/", None),
            ("https://example.com/a b", None),
            ("https:///path", None),
            ("urn:example:a", None),
            ("mailto:user@example.com", None),
            ("//example.com/", None),
            ("1https://example.com/", None),
            ("://example.com", None),
            ("example.com", None),
            ("", None),
        ] {
            assert_eq!(uri_host(uri.as_bytes()), host.map(str::as_bytes), "{uri}");
        }
    }
}
