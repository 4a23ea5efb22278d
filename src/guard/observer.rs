//! Who wants to know how connections end: the seal of a process, which is above this module and is called through a
//! trait. It may excuse a refused certificate by name; it learns of every end once, and changes none.

use openssl::x509::X509Ref;
use openssl_sys as ffi;

use crate::error::Error;
use crate::host::Wanted;

/// What stands over the contexts of a process.
pub trait Observer: Send + Sync {
    /// What lets the connection go on although its certificate was refused, if anything does.
    ///
    /// # Safety
    /// `occasion.ssl` is a live `SSL` in the thread that uses it.
    unsafe fn exception(&self, occasion: &Occasion<'_>) -> Option<String>;

    /// How a handshake on `ssl` ended.
    ///
    /// # Safety
    /// As for `exception`.
    unsafe fn ended(&self, ssl: *mut ffi::SSL, end: &End);
}

/// A certificate that was refused.
pub struct Occasion<'a> {
    /// The connection.
    pub ssl: *mut ffi::SSL,
    /// The peer's own certificate.
    pub leaf: Option<&'a X509Ref>,
    /// The hosts that were asked for, where any are known.
    pub wanted: Option<&'a Wanted>,
}

/// A refusal that was set aside.
#[derive(Clone, Debug)]
pub struct Excused {
    /// Why it would have been refused.
    pub refusal: Error,
    /// What let it through.
    pub by: String,
}

/// The end of a handshake.
#[derive(Debug)]
pub enum End {
    /// Verified, for this host.
    Connected(Option<String>),
    /// Refused by hostlock.
    Refused(Error),
    /// Only watched, it went on; it would have been refused.
    WouldRefuse(Error),
    /// It would have been refused for this, and was excused by name.
    Excused(Excused),
    /// Ended by libssl, by the program's own verification or by the peer.
    Failed(Error),
    /// A server's handshake is complete.
    Served,
}
