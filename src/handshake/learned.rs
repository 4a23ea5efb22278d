//! The host of a connection whose program names none to OpenSSL, as someone knows it who watched the program: the observer
//! of its context. It is asked twice. Before the hello the answer chooses the SNI and the session; once the hello is sent
//! the random in it says which connection this is, and only that answer is verified. An answer that refuses is final.

use openssl_sys as ffi;

use crate::error::{Error, Status};
use crate::guard::observer::Learned;
use crate::guard::Guard;
use crate::handshake::connection_state::ConnectionState;
use crate::host::{Reference, no_host};
use crate::libssl::Conn;

/// What is known before the hello is sent.
pub fn before_hello(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) -> Option<Learned> {
    if let Some(known) = &state.known().learned {
        return Some(known.0.clone());
    }
    let learned = guard.observer().filter(|observer| observer.knows_hosts())?.learned(conn, None);
    state.known().learned = Some(Box::new((learned.clone(), None)));
    Some(learned)
}

/// What is known of the connection whose hello was sent.
pub fn of_connection(conn: Conn<'_>, guard: &Guard, state: Option<&ConnectionState>) -> Option<Learned> {
    let observer = guard.observer().filter(|observer| observer.knows_hosts())?;
    let random = conn.client_random();
    let known = state.and_then(|state| state.known().learned.clone());
    if let Some((learned, asked_by)) = known.map(|known| *known)
        && (asked_by == Some(random) || asked_by.is_none() && learned.hosts.is_err())
    {
        return Some(learned);
    }
    let learned = observer.learned(conn, Some(&random));
    if let Some(state) = state {
        state.known().learned = Some(Box::new((learned.clone(), Some(random))));
    }
    Some(learned)
}

/// The SNI, where the program set it.
pub fn server_name_of_program<'a>(conn: Conn<'a>, state: Option<&ConnectionState>) -> Option<&'a [u8]> {
    let name = conn.server_name()?;
    let is_ours = state.is_some_and(|state| state.known().learned_sni.as_ref().is_some_and(|own| own.as_bytes() == name));
    (!is_ours).then_some(name)
}

/// What was learned for the handshake of `conn`, where it was asked for.
pub fn of_handshake(conn: Conn<'_>) -> Option<Learned> {
    let state = ConnectionState::of(conn)?;
    state.known().learned.as_ref().map(|known| known.0.clone())
}

/// A name that was learned for one connection must not pass for what the program calls the next one that offers its
/// session. TLS 1.3 does not read it there, and needs it for early data.
pub fn leave_no_name_in_session(conn: Conn<'_>, state: &ConnectionState) {
    if state.known().learned_sni.is_some() && conn.version() < ffi::TLS1_3_VERSION {
        conn.session().inspect(|session| session.clear_server_name());
    }
}

/// The error for a connection of which nobody knows the host; with what to do about it.
pub fn nobody_knows(learned: Option<&Learned>) -> Error {
    let exception = "make an exception for the peer's address or certificate";
    let Some(learned) = learned else {
        return no_host().with_hint(format!("have the program name it, by SNI or SSL_set1_host, or {exception}"));
    };
    let error = match &learned.how {
        Some(why) => no_host_because(why),
        None => no_host(),
    };
    error.with_hint(format!("{}, have the program name it, by SNI or SSL_set1_host, or {exception}", say_so(learned, None)))
}

/// The error where several hosts may be meant, or it was not seen which one.
pub fn cannot_be_told(how: Option<&str>, peer: Option<&str>) -> Error {
    let learned = Learned { hosts: Ok(Vec::new()), how: None, peer: peer.map(str::to_owned) };
    no_host_because(how.unwrap_or("what the program did was not seen whole")).with_hint(say_so(&learned, None))
}

/// Adds to a refusal what to do where several hosts were looked up and one was meant.
pub fn explain(error: &mut Error, learned: &Learned) {
    if let (Status::EHostMismatch, Ok([first, _, ..])) = (error.status(), learned.hosts.as_deref()) {
        let names = list(learned.hosts.as_deref().unwrap_or_default());
        let hint = format!(
            "the program looked up {names} for this address, and the certificate must be for each; {}",
            say_so(learned, Some(first))
        );
        *error = error.clone().with_hint(hint);
    }
}

fn no_host_because(why: &str) -> Error {
    let plain = no_host();
    Error::new(plain.status(), format!("it is not known which host this connection means: {why}"))
        .with_x509_code(plain.x509_code())
}

fn say_so(learned: &Learned, example: Option<&Reference>) -> String {
    let name = example.map_or("NAME".into(), Reference::text);
    match &learned.peer {
        Some(peer) => format!("say which host is meant with hostlock run --host {peer}={name}"),
        None => format!("say which host is meant with hostlock run --host {name}"),
    }
}

fn list(hosts: &[Reference]) -> String {
    let texts: Vec<_> = hosts.iter().map(|host| format!("{:?}", host.text())).collect();
    texts.join(", ")
}
