//! The connection that hostlock makes: the host compared, the chain verified, by a policy.

use std::path::Path;
use std::time::Duration;

use hostlock::{Context, Error, Host, Policy, Result, Status};
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

/// By whom a server is judged.
pub fn context(policy: Policy, ca: Option<&Path>, timeout: Duration) -> Result<Context> {
    let mut context = Context::client(policy)?.timeout(timeout)?;
    if let Some(path) = ca {
        context = context.trust_file(path)?;
    }
    Ok(context.build())
}

/// Judges the certificates that a server showed which then ended the handshake.
pub fn judge(context: &Context, presented: &[X509], host: &Host) -> Result<()> {
    let unreadable = |_| Error::new(Status::EInternal, "a certificate that was presented cannot be written");
    let chain = presented.iter().map(|certificate| certificate.to_pem()).collect::<std::result::Result<Vec<_>, _>>();
    context.verify_chain(&chain.map_err(unreadable)?.concat(), host)
}

/// Connects, and gives what was agreed, or why the server was refused or could not be reached.
pub fn connect(context: &Context, target: &Target) -> Result<Verified> {
    let connection = match target.starttls {
        Some(protocol) => context.connect_by_starttls(protocol, &target.host, target.port)?,
        None => context.connect(&target.host, target.port)?,
    };
    let unreadable = || Error::new(Status::EInternal, "what was agreed cannot be read");
    Ok(Verified {
        agreed: serde_json::from_str(&connection.info_json()?).map_err(|_| unreadable())?,
        presented: X509::stack_from_pem(connection.peer_chain_pem()?.as_bytes()).map_err(|_| unreadable())?,
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
