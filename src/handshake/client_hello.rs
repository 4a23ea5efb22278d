//! A hook that no later call takes away: libssl asks a context's *custom extensions* for their bytes in every ClientHello,
//! and has no function that removes one. Ours sends none, unless the hello is encrypted; it looks whether the other hooks
//! are still in place on the connection, and puts them back before a byte is sent.

use std::ffi::c_uint;

use crate::error::{Error, Result, Status};
use crate::handshake::{ech, start};
use crate::libssl::callback::{self, Callback, Extension};
use crate::libssl::{Conn, Ctx};

/// Of the range that is reserved for private use (RFC 8446 11).
const EXTENSION: c_uint = 0xff4c;

/// Adds the hook to a context for clients.
pub fn install(ctx: Ctx<'_>) -> Result<()> {
    if callback::on_client_hello::<Review>(ctx, EXTENSION) {
        return Ok(());
    }
    // libssl takes each number once.
    let what = "this context has the hook of another libhostlock already, and OpenSSL takes no second one";
    Err(Error::new(Status::EUnsupported, what).with_hint(
        "the program has a libhostlock of its own inside (libhostlock.a, or a copy): run it without hostlock run, or link libhostlock.so",
    ))
}

struct Review;

impl Callback for Review {
    type Question<'a> = Conn<'a>;
    type Answer = Extension;
    const CLOSED: Extension = Extension::Refuse;

    fn answer(conn: Conn<'_>) -> Extension {
        if !start::review_hello(conn) {
            return Extension::Refuse;
        }
        // From the inner to the outer hello libssl copies every extension that has a callback, and fails where there is
        // none to copy.
        if ech::progress(conn).is_tried() { Extension::Empty } else { Extension::Absent }
    }
}
