//! The connection that hostlock makes: the host compared, the chain verified, by a policy.

use std::path::Path;

use hostlock::connection::facts::Agreed;
use hostlock::connection::open::Connection;
use hostlock::context::Context;
use hostlock::error::{Error, Result, Status};
use hostlock::guard::Family;
use hostlock::policy::Choice;
use hostlock::trust::source::{self, Input};
use openssl::x509::X509;
use serde_json::Value;

use super::target::Target;

/// A server that was verified.
pub struct Verified {
    /// What was agreed: the object of hostlock_conn_info.
    pub agreed: Value,
    /// The certificates that it presented, its own first.
    pub presented: Vec<X509>,
}

/// Connects, and gives what was agreed, or why the server was refused or could not be reached.
pub fn connect(target: &Target, choice: Choice, ca: Option<&Path>, milliseconds: u32) -> Result<Verified> {
    let context = Context::client(choice)?;
    let guard = context.guard()?;
    if let Some(path) = ca {
        let index = source::index(Input::File(path), guard.broken_anchors)?;
        guard.anchors.add_index(context.as_ctx(), index)?;
    }
    guard.configure(
        Family::Setting("timeout"),
        "--timeout",
        || Ok(()),
        |settings, ()| settings.timeout_ms = milliseconds,
    )?;
    let connection = Connection::to_host(context.as_ctx(), guard, target.host.clone(), target.port)?;
    let agreed = Agreed::of(connection.as_conn())
        .ok_or_else(|| Error::new(Status::EInternal, "the handshake came to no end"))?;
    let unreadable = || Error::new(Status::EInternal, "what was agreed cannot be read");
    Ok(Verified {
        agreed: serde_json::from_str(&agreed.to_json()).map_err(|_| unreadable())?,
        presented: X509::stack_from_pem(agreed.peer_chain_pem()?.as_bytes()).map_err(|_| unreadable())?,
    })
}

/// Whether a failure means that no server of TLS was met at all, so that there is nothing to tell about one.
pub fn met_nobody(error: &Error) -> bool {
    matches!(error.status(), Status::EResolve | Status::EConnect | Status::ETimeout | Status::EPlaintext)
}

/// Whether a failure is a judgement about the server, and not about what happened on the way.
pub fn is_judgement(error: &Error) -> bool {
    let code = error.status().code();
    let about_certificates = (Status::ERevocationInvalid.code()..=Status::EHostMismatch.code()).contains(&code);
    about_certificates
        || matches!(error.status(), Status::EDistrusted | Status::ENoCommonVersion | Status::ENoCommonCipher)
}
