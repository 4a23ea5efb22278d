//! The application protocols of a context: "h2,http/1.1" as text, and as they stand in a hello (RFC 7301 section 3.1).

use std::sync::Arc;

use crate::context::demand;
use crate::error::{Error, Result, Status};
use crate::guard::{Family, Guard};
use crate::handshake::alpn;
use crate::libssl::Ctx;
use crate::libssl::method::Side;
use crate::role::Role;

/// Offers the protocols in `text` to servers, and chooses among what clients offer.
pub fn set(ctx: Ctx<'_>, guard: &Guard, call: &'static str, text: impl FnOnce() -> Result<String>) -> Result<()> {
    guard.check_not_frozen(call)?;
    let serves = guard.role == Role::Server || guard.either_side || ctx.method().1 == Side::Either;
    let prepare = || {
        let list = encode(&text()?)?;
        if guard.role == Role::Client {
            demand(ctx.offer_protocols(&list), "application protocols")?;
        }
        if serves {
            alpn::install(ctx);
        }
        Ok(list)
    };
    guard.configure(Family::Setting(call), call, prepare, |settings, list| settings.alpn = Arc::from(list))
}

fn encode(text: &str) -> Result<Vec<u8>> {
    let mut list: Vec<u8> = Vec::new();
    for name in text.split(',') {
        let bad = |what: String| Error::new(Status::EArg, what).with_hint("give names between commas, such as \"h2,http/1.1\"");
        let length = match u8::try_from(name.len()) {
            Ok(0) => return Err(bad(format!("there is an empty application protocol in {text:?}"))),
            Ok(length) if name.bytes().all(|byte| byte.is_ascii_graphic()) => length,
            Ok(_) => return Err(bad(format!("the application protocol {name:?} has more than printable ASCII without spaces"))),
            Err(_) => return Err(bad(format!("an application protocol of {} bytes is longer than 255", name.len()))),
        };
        if alpn::names(&list).any(|(_, known)| known == name.as_bytes()) {
            return Err(bad(format!("the application protocol {name:?} stands there twice")));
        }
        list.push(length);
        list.extend_from_slice(name.as_bytes());
    }
    if list.len() > usize::from(u16::MAX) - 2 {
        return Err(Error::new(Status::EArg, "so many application protocols fit into no hello"));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_their_length_before_them_and_what_is_no_name_is_refused() {
        assert_eq!(encode("h2,http/1.1").unwrap(), b"\x02h2\x08http/1.1");
        for bad in ["", ",", "h2,", ",h2", "h2,,x", "h2, http/1.1", "h2,h2", "h\u{e9}", &"x".repeat(256)] {
            assert_eq!(encode(bad).unwrap_err().status(), Status::EArg, "{bad:?}");
        }
        assert_eq!(encode(&"x".repeat(255)).unwrap().len(), 256);
    }
}
