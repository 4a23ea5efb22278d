//! Which certificate a server shows: by the name that the client asks for (RFC 6066 section 3), as soon as its hello has come.
//! All else is the same for every name of a server: whom it lets in, versions, protocols. Sessions are not: one that began
//! under one name is not resumed under another.

use std::sync::Arc;

use foreign_types::ForeignTypeRef;

use crate::credential::Credential;
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::{BeforeName, ConnectionState, Verdict};
use crate::handshake::{id_context, reloaded};
use crate::host::Reference;
use crate::libssl::callback::Callback;
use crate::libssl::client_hello::Answer;
use crate::libssl::queue::{self, Quiet};
use crate::libssl::{Conn, Ctx, certificate};

const SERVER_NAME: u16 = 0;
const INTERNAL_ERROR: u8 = 80;
const UNRECOGNIZED_NAME: u8 = 112;

/// Has the server's connections of `ctx` choose by the guard's names.
pub fn install(ctx: Ctx<'_>) {
    ctx.on_hello_of_client::<Choose>();
}

struct Choose;

impl Callback for Choose {
    type Question<'a> = Conn<'a>;
    type Answer = Answer;
    const CLOSED: Answer = Answer::Refuse(INTERNAL_ERROR);

    fn answer(conn: Conn<'_>) -> Answer {
        crate::nets::here!("server names");
        let (Ok(state), Some(guard)) = (ConnectionState::ensure(conn), Guard::of_conn(conn)) else { return Choose::CLOSED };
        let error = match choose(conn, guard, state) {
            Ok(()) => return Answer::GoOn,
            Err(error) => error,
        };
        queue::raise(&error);
        let alert = match error.status() {
            // RFC 8446 9.2 has missing_extension for a name that was not asked for; libssl sends no alert of TLS 1.3 so early.
            Status::EHostMismatch | Status::ENoCommonCipher => UNRECOGNIZED_NAME,
            _ => INTERNAL_ERROR,
        };
        state.known().verdict = Verdict::Refused(error);
        Answer::Refuse(alert)
    }
}

fn choose(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) -> Result<()> {
    let (names, refuses) = {
        let settings = guard.settings();
        (settings.names.clone(), settings.refuses_unknown_names)
    };
    // A server without a certificate of its own has nothing to show but those of its names.
    let has_default = names.is_empty() || conn.own_certificate().is_some();
    let Some(asked) = conn.extension_of_hello(SERVER_NAME).and_then(host_name) else {
        return if has_default { Ok(()) } else { Err(nameless()) };
    };
    let refuses = refuses || !has_default;
    state.known().asked_name = Some(asked.to_vec());
    let host = match Reference::parse_bytes(asked) {
        Ok(Reference::Dns(host)) => host,
        _ if refuses => return Err(unknown(asked)),
        _ => return Ok(()),
    };
    let Some((name, credentials)) = names.find(&host) else {
        return if refuses && !is_own(guard, &Reference::Dns(host)) { Err(unknown(asked)) } else { Ok(()) };
    };
    show(conn, state, credentials)?;
    state.known().served_name = Some(name.to_owned());
    id_context::give(conn, guard, state);
    Ok(())
}

/// Shows `credentials` in this handshake.
fn show(conn: Conn<'_>, state: &ConnectionState, credentials: &[Arc<Credential>]) -> Result<()> {
    // A handshake may have a second hello.
    take_back(conn, state)?;
    let all = conn.all_shown();
    reloaded::show(conn, credentials.iter().map(|credential| &**credential))?;
    if let Some(in_use) = conn.own_certificate() {
        state.known().shown_before_name = Some(Arc::new(BeforeName { all, of_name: in_use.leaf.to_owned() }));
    }
    Ok(())
}

/// Takes back what was shown to an earlier client for its name, unless the program, or another context, has given
/// `conn` something else meanwhile.
pub fn take_back(conn: Conn<'_>, state: &ConnectionState) -> Result<()> {
    let Some(before) = state.known().shown_before_name.clone() else { return Ok(()) };
    if before.is_in_force(conn) {
        let quiet = Quiet::begin();
        if !conn.show_all(&before.all)? {
            let reason = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
            let what = format!("OpenSSL does not take back the certificate that the connection showed before: {reason}");
            return Err(Error::new(Status::EInternal, what));
        }
    }
    state.known().shown_before_name = None;
    Ok(())
}

impl BeforeName {
    /// Whether `conn` still shows what it was given for the name.
    fn is_in_force(&self, conn: Conn<'_>) -> bool {
        conn.certificate_in_use() == self.of_name.as_ptr()
    }
}

/// The host name in the extension (RFC 6066 section 3): one entry of the kind 0, and nothing behind it.
fn host_name(extension: &[u8]) -> Option<&[u8]> {
    let (length, list) = extension.split_first_chunk::<2>()?;
    let (kind, rest) = list.split_first()?;
    let (of_name, name) = rest.split_first_chunk::<2>()?;
    let lengths_fit = usize::from(u16::from_be_bytes(*length)) == list.len() && usize::from(u16::from_be_bytes(*of_name)) == name.len();
    (lengths_fit && *kind == 0 && !name.is_empty()).then_some(name)
}

/// Whether one of the certificates that the context itself shows is for `host`.
fn is_own(guard: &Guard, host: &Reference) -> bool {
    let settings = guard.settings();
    let rules = settings.match_rules;
    settings.own.iter().any(|own| certificate::check_host(&own.shown.leaf, host, rules).is_ok())
}

fn nameless() -> Error {
    Error::new(Status::ENoCommonCipher, "the client asked for no name (SNI), and this server has certificates for its names only")
        .with_hint("clients ask for none where they connect to an IP address; hostlock_ctx_add_cert_file sets the certificate for them")
}

fn unknown(asked: &[u8]) -> Error {
    Error::new(Status::EHostMismatch, format!("the client asked for \"{}\", which is none of this server's names", asked.escape_ascii()))
        .with_hint("hostlock_server_add_name adds one; hostlock_server_set_unknown_name says what becomes of others")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_from_a_whole_extension_only() {
        for (extension, expected) in [
            (&b"\0\x08\0\0\x05a.b.c"[..], Some(&b"a.b.c"[..])),
            (b"\0\x07\0\0\x05a.b.c", None),
            (b"\0\x08\x01\0\x05a.b.c", None),
            (b"\0\x08\0\0\x04a.b.c", None),
            (b"\0\x03\0\0\0", None),
            (b"\0", None),
            (b"", None),
        ] {
            assert_eq!(host_name(extension), expected, "{extension:?}");
        }
    }
}
