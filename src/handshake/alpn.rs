//! Which application protocol a server speaks with a client (RFC 7301 section 3.2): the first of its own that the client
//! offers. Where there is none the handshake ends.

use crate::guard::Guard;
use crate::libssl::Ctx;
use crate::libssl::callback::Callback;
use crate::libssl::own_side::{Choice, Offer};

/// Has the server's connections of `ctx` choose by the guard's list.
pub fn install(ctx: Ctx<'_>) {
    ctx.choose_protocol::<Choose>();
}

struct Choose;

impl Callback for Choose {
    type Question<'a> = Offer<'a>;
    type Answer = Choice;
    const CLOSED: Choice = Choice::Refuse;

    fn answer(offer: Offer<'_>) -> Choice {
        crate::nets::here!("alpn");
        let Some(guard) = Guard::of_conn(offer.conn) else { return Choice::Refuse };
        let own = guard.settings().alpn.clone();
        choose(&own, offer.list)
    }
}

fn choose(own: &[u8], offered: &[u8]) -> Choice {
    if own.is_empty() {
        return Choice::Ignore;
    }
    for (_, name) in names(own) {
        if let Some((at, _)) = names(offered).find(|(_, other)| *other == name) {
            return Choice::At(at);
        }
    }
    Choice::Refuse
}

/// The names of a list, and where each stands with the length before it. What is cut off ends the list.
pub fn names(list: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (length, rest) = list.get(at..)?.split_first()?;
        let found = (at, rest.get(..usize::from(*length))?);
        at += 1 + usize::from(*length);
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(own: &[u8], offered: &[u8]) -> Option<usize> {
        match choose(own, offered) {
            Choice::At(at) => Some(at),
            Choice::Ignore => Some(usize::MAX),
            Choice::Refuse => None,
        }
    }

    #[test]
    fn the_servers_first_that_is_offered_is_chosen_and_no_part_of_a_name() {
        for (own, offered, expected) in [
            (&b"\x02h2\x08http/1.1"[..], &b"\x08http/1.1\x02h2"[..], Some(9)),
            (b"\x08http/1.1", b"\x02h2\x08http/1.1", Some(3)),
            (b"\x02h2", b"\x03h2c", None),
            (b"\x02h2", b"\x01h\x012", None),
            (b"\x02h2", b"\x02H2", None),
            (b"\x02h2", b"", None),
            (b"\x02h2", b"\x05h2", None),
            (b"", b"\x02h2", Some(usize::MAX)),
        ] {
            assert_eq!(chosen(own, offered), expected, "{own:?} of {offered:?}");
        }
    }
}
