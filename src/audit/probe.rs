//! A trial hello: a client's connection of the context writes its ClientHello into memory, and is thrown away. It runs
//! what the program hung on the context (info, message, security and ex_data callbacks), so it is made only where it is
//! asked for. libssl empties the error queue when a handshake begins; what was on it is put back.

use crate::audit::facts::{Facts, Probe, Side};
use crate::audit::hello::Hello;
use crate::libssl::Ctx;
use crate::libssl::method::Carrier;
use crate::libssl::queue::{self, Kept};
use crate::libssl::trial::first_flight;

/// The hello that a connection of `ctx` would begin with.
pub fn hello(ctx: Ctx<'_>, facts: &Facts) -> Probe {
    if facts.side == Side::Server {
        return Probe::Impossible("the context is a server's, and servers send no hello".to_owned());
    }
    if facts.method.carrier != Carrier::Stream {
        return Probe::Impossible("the method is not one for streams".to_owned());
    }
    let kept = Kept::take();
    let wire = first_flight(ctx);
    let why = queue::newest_reason();
    drop(kept);
    match wire.as_deref().and_then(Hello::parse) {
        Some(hello) => Probe::Hello(Box::new(hello)),
        None => Probe::Impossible(format!("libssl sent none: {}", why.as_deref().unwrap_or("no reason given"))),
    }
}
