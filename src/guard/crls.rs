//! Loading CRLs into a context.

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
