//! hostlock's words for what stands in certificates and on its command line, so that programs can use the same.

use openssl::x509::X509;

use crate::error::Result;
use crate::libssl::certificate;
use crate::seal::allow;
use crate::{moment, x509};

/// A time in seconds since 1970, as ISO 8601 in UTC.
///
/// ```
/// assert_eq!(hostlock::words::time(0), "1970-01-01T00:00:00Z");
/// ```
pub fn time(seconds: i64) -> String {
    moment::text(seconds)
}

/// A distinguished name in DER as one line of ASCII, fit to print whatever is in it.
pub fn distinguished_name(der: &[u8]) -> String {
    x509::name_text(der)
}

/// The names of servers that a certificate in DER presents, fit to print; none where it cannot be read.
pub fn presented_names(der: &[u8]) -> Vec<String> {
    let Ok(read) = X509::from_der(der) else { return Vec::new() };
    certificate::presented(&read).map(|presented| presented.names()).unwrap_or_default()
}

/// Whether `text` names an exception from a seal: "host:NAME", "address:IP" or "sha256:HEX".
///
/// ```
/// use hostlock::{Status, words};
///
/// assert!(words::check_exception("host:legacy.example").is_ok());
/// assert_eq!(words::check_exception("everything").unwrap_err().status(), Status::EArg);
/// ```
pub fn check_exception(text: &str) -> Result<()> {
    allow::What::parse(text).map(|_| ())
}
