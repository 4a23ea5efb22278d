//! As OpenSSL keeps them up to 3.x: one address of each kind, and every copy ends with a NUL.

use std::net::IpAddr;

use super::{places, terminated};
use crate::error::{Error, Result, Status};
use crate::libssl::Param;

/// The hosts.
pub fn hosts(param: Param<'_>) -> Result<Vec<&[u8]>> {
    Ok(terminated::hosts(param))
}

/// The e-mail addresses.
pub fn emails(param: Param<'_>) -> Result<Vec<&[u8]>> {
    let Some(email) = terminated::email(param) else { return Ok(Vec::new()) };
    match places::email_length(param) {
        Some(length) if length == email.len() => Ok(vec![email]),
        Some(_) => Err(Error::new(Status::EBadHost, "the e-mail address that was named to OpenSSL has a NUL inside")
            .with_hint("nobody's address has one; name the length of the address alone, or 0")),
        None => Err(super::hidden("e-mail address")),
    }
}

/// The IP addresses. Where there is none and this OpenSSL does not show where it would be, an entry of OpenSSL's error
/// queue remains.
pub fn addresses(param: Param<'_>) -> Result<Vec<IpAddr>> {
    // To ask for an address that is not there costs more than all names together: it makes an entry of the queue.
    if !places::may_hold_address(param) {
        return Ok(Vec::new());
    }
    let Some(address) = terminated::address(param) else { return Ok(Vec::new()) };
    let refuse = |text| Error::new(Status::EBadHost, format!("OpenSSL's parameters hold no IP address but {text:?}"));
    Ok(vec![address.map_err(refuse)?])
}
