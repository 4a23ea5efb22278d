//! What a reload has changed is given to each connection when its handshake starts: OpenSSL keeps a context's certificates
//! and CA names without a lock, so a context that is in use still holds those of before.

use openssl::stack::Stack;
use openssl::x509::X509Name;

use crate::credential::Credential;
use crate::error::{Error, Result, Status};
use crate::guard::{Guard, Regime};
use crate::handshake::acceptable_cas;
use crate::handshake::connection_state::ConnectionState;
use crate::libssl::certificate_words::subject_of;
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, verification};
use crate::role::Role;

/// Prepares the handshake that begins on `conn` now.
pub fn give(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) -> Result<()> {
    let own = {
        let settings = guard.settings();
        settings.own_is_fresh.then(|| settings.own.clone())
    };
    // A program may have given the connection another certificate.
    let is_ours = || state.known().shows_reloaded || conn.shows_what_its_context_does();
    if let Some(own) = own.filter(|_| is_ours()) {
        show(conn, own.iter().map(|credential| &**credential))?;
        state.known().shows_reloaded = true;
    }
    if guard.regime() == Regime::Own && guard.role == Role::Server {
        ask_for_certificates(conn, guard);
    }
    Ok(())
}

/// Shows `credentials` on `conn`, and no others.
pub fn show<'a>(conn: Conn<'_>, credentials: impl Iterator<Item = &'a Credential>) -> Result<()> {
    let quiet = Quiet::begin();
    conn.forget_certificates();
    for credential in credentials {
        let shown = &credential.shown;
        let others = verification::stack(&shown.others)?;
        if !conn.show(&shown.leaf, &credential.key, Some(&others)) {
            let reason = quiet.newest_reason().unwrap_or_else(|| "no reason given".to_owned());
            let what = format!("OpenSSL does not take the certificate of {}: {reason}", subject_of(&shown.leaf));
            return Err(Error::new(Status::EInternal, what));
        }
    }
    Ok(())
}

/// Tells clients the names of the anchors that there are now.
fn ask_for_certificates(conn: Conn<'_>, guard: &Guard) {
    let Some(subjects) = guard.anchors.subjects_since_reload() else { return };
    let is_told = subjects.len() <= acceptable_cas::MOST && guard.settings().exact.is_empty();
    let names = subjects.iter().filter(|_| is_told).filter_map(|der| X509Name::from_der(der).ok());
    let Ok(mut list) = Stack::new() else { return };
    if names.into_iter().all(|name| list.push(name).is_ok()) {
        conn.ask_for_certificates_of(list);
    }
}
