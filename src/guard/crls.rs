//! Loading CRLs into a context, and reading them again.

use std::sync::Arc;

use crate::error::Result;
use crate::guard::{Family, Guard};
use crate::revocation::crls::Crls;

/// Loads CRLs into a context: those that it has, and `more`.
pub fn load(guard: &Guard, call: &str, more: impl FnOnce(&Crls) -> Result<Crls>) -> Result<()> {
    let _one_at_a_time = guard.loading();
    let crls = guard.settings().revocation.crls.clone();
    guard.configure(Family::Crl, call, || more(&crls), |settings, crls| settings.revocation.crls = Arc::new(crls))
}

/// Reads every CRL file of a context again: all are replaced, or none.
///
/// A failure does not poison the context. What was loaded stays in force and grows old by its own dates, so nothing is
/// trusted for it, and a download that was cut must not stop every connection.
pub fn reload(guard: &Guard) -> Result<()> {
    let _one_at_a_time = guard.loading();
    let crls = guard.settings().revocation.crls.clone();
    let fresh = Arc::new(crls.reloaded()?);
    guard.update(|settings| settings.revocation.crls = fresh);
    Ok(())
}
