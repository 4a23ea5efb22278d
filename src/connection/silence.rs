//! What is said of a peer that took too long: from facts to words, as [`failure`](super::failure) does for the others.

use crate::connection::failure::Phase;
use crate::connection::head::{self, begins_like_tls};
use crate::error::{Error, Status};
use crate::role::Role;

/// A peer that took too long.
pub struct Silence<'a> {
    /// What was being done.
    pub phase: Phase,
    /// The side that waited.
    pub role: Role,
    /// The peer's address.
    pub peer: &'a str,
    /// How long it had.
    pub allowed_ms: u32,
    /// How many bytes of a client's hello were sent to a peer that has not said anything, 0 where it has.
    pub hello: usize,
    /// What it said so far, where that is known.
    pub head: Option<&'a [u8]>,
}

/// The error for a limit of time.
pub fn timed_out(silence: &Silence<'_>) -> Error {
    let Silence { phase, role, peer, allowed_ms, hello, head } = silence;
    let message = format!("{peer} kept us waiting {}: {allowed_ms} ms are over", phase.words());
    let error = Error::new(Status::ETimeout, message);
    const MORE: &str = "hostlock_ctx_set_timeout allows more time";
    if *hello > ONE_PACKET {
        return error.with_hint(format!(
            "nothing came back for a hello of {hello} bytes, which takes two packets on many networks, and some \
             middleboxes and old servers drop those; SSL_CTX_set1_groups_list(ctx, \"X25519:P-256\") makes it fit one, \
             without the key share of ML-KEM; or the peer may be overloaded or not speak TLS; {MORE}"
        ));
    }
    match (phase, head, role) {
        (Phase::Handshake, Some(head), _) if !begins_like_tls(*role, head) => error.with_hint(format!(
            "what it sent is not TLS (it begins with {}): check the port",
            head::hex(head)
        )),
        (Phase::Handshake, None | Some([]), Role::Client) => {
            error.with_hint(format!("the peer may be overloaded or not speak TLS; {MORE}"))
        }
        (Phase::Handshake, None | Some([]), Role::Server) => {
            error.with_hint(format!("the client may wait for us to speak first, as plain protocols do; {MORE}"))
        }
        (Phase::Handshake, Some(_), _) => {
            error.with_hint(format!("it began to speak TLS and stopped: it may be overloaded, or cut off on the way; {MORE}"))
        }
        (Phase::Read, ..) => error.with_hint(format!("it may have nothing to say yet, or be overloaded; {MORE}")),
        (Phase::Write, ..) => error.with_hint(format!("it does not take what we send: it may be overloaded; {MORE}")),
        (Phase::Shutdown, ..) => error.with_hint(format!("it does not take our goodbye; {MORE}")),
    }
}

/// What fits into one packet of every network that carries IPv6 without loss: 1,280 bytes less the headers of IP and TCP.
const ONE_PACKET: usize = 1220;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_after_a_hello_of_two_packets_is_explained_and_no_other() {
        let hint = |phase, hello| {
            let silence =
                Silence { phase, role: Role::Client, peer: "192.0.2.1:443", allowed_ms: 300, hello, head: Some(&[]) };
            timed_out(&silence).hint().to_owned()
        };
        let large = hint(Phase::Handshake, 1475);
        assert!(large.contains("a hello of 1475 bytes") && large.contains("SSL_CTX_set1_groups_list"), "{large}");
        for hello in [0, 320, ONE_PACKET] {
            assert!(!hint(Phase::Handshake, hello).contains("packet"));
        }
        for hello in [0, 320, ONE_PACKET, 1475] {
            let said = hint(Phase::Handshake, hello);
            assert!(said.ends_with("not speak TLS; hostlock_ctx_set_timeout allows more time"), "{said}");
        }
    }
}
