//! What would have become of a connection that is only watched: its verdict, once its handshake is complete. It changes
//! nothing.

use openssl::x509::X509;

use crate::chain::verdict;
use crate::chain::wishes::Wishes;
use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::guard::case;
use crate::guard::observer::{End, Excused, Observer, Occasion};
use crate::handshake::connection_state::{ConnectionState, Verdict};
use crate::handshake::expected_host;
use crate::host::ExpectedHost;
use crate::libssl::Conn;
use crate::libssl::queue::Quiet;
use crate::policy::Policy;
use crate::role::Role;

/// The end of a handshake that is complete.
pub fn end(conn: Conn<'_>, guard: &Guard, state: &ConnectionState, observer: &'static dyn Observer) -> End {
    let quiet = Quiet::begin();
    let leaf = conn.peer_certificate();
    let wanted = expected_host::of_connection(conn, guard, Some(state), &quiet);
    let verdict = state.known().verdict.clone();
    let judged = check_agreement(conn, guard.policy).and_then(|()| match (verdict, &wanted) {
        (Verdict::Refused(error), _) => Err(error),
        (Verdict::Verified { .. } | Verdict::Excused(_), _) => Ok(()),
        // A session was resumed, or a callback replaced: the certificate went past the hooks.
        (Verdict::Pending, Err(error)) => Err(error.clone()),
        (Verdict::Pending, Ok(wanted)) => judge(conn, guard, leaf.as_ref(), wanted),
    });
    let wanted = wanted.ok();
    let Err(refusal) = judged else {
        return End::Connected(wanted.as_ref().and_then(ExpectedHost::first).map(|host| host.text().into_owned()));
    };
    match observer.exception(&Occasion { conn, leaf: leaf.as_deref(), wanted: wanted.as_ref() }) {
        Some(by) => End::Excused(Excused { refusal, by }),
        None => End::WouldRefuse(refusal),
    }
}

fn judge(conn: Conn<'_>, guard: &Guard, leaf: Option<&X509>, wanted: &ExpectedHost) -> Result<()> {
    let Some(leaf) = leaf else {
        return Err(Error::new(Status::ENoCertificate, "the peer showed no certificate, so nothing says who it is"));
    };
    let store = guard.anchors.in_force(conn.effective_store(), true)?;
    let (untrusted, wishes) = (conn.peer_chain(), Wishes::read(conn.param()));
    let case = case::of(guard, Role::Client, leaf, untrusted, &store, Some(wanted), wishes);
    verdict::judge(&case).map(|_| ()).map_err(|refusal| refusal.error)
}

/// Whether the policy permits what both sides agreed upon.
fn check_agreement(conn: Conn<'_>, policy: &Policy) -> Result<()> {
    if !(policy.min_version..=policy.max_version).contains(&conn.version()) {
        let why =
            format!("the connection uses {}, which the policy does not permit", conn.version_text().to_string_lossy());
        return Err(Error::new(Status::ENoCommonVersion, why));
    }
    if let Some(suite) = conn.suite().filter(|suite| !policy.permits_suite(suite.id())) {
        let why = format!("the connection uses the suite {}, which the policy does not permit", suite.name());
        return Err(Error::new(Status::ENoCommonCipher, why));
    }
    Ok(())
}
