//! The CA names that a server asks its clients for a certificate of: those of its anchors. Clients with several
//! certificates choose by them.

use openssl::stack::Stack;

use crate::guard::Guard;
use crate::libssl::Ctx;

/// More names would make the question longer than some clients take.
pub const MOST: usize = 100;

/// Puts the names of the anchors on `ctx`. Where they cannot all be told none is: a list without the right one keeps clients
/// from showing what would be accepted.
pub fn tell(ctx: Ctx<'_>, guard: &Guard) {
    // OpenSSL keeps the list without a lock.
    if guard.check_not_frozen("").is_err() {
        return;
    }
    let names = match guard.anchors.subjects(ctx) {
        Ok(names) if names.len() <= MOST && guard.settings().exact.digests().is_empty() => names,
        _ => Vec::new(),
    };
    let Ok(mut list) = Stack::new() else { return };
    if names.into_iter().all(|name| list.push(name).is_ok()) {
        ctx.ask_for_certificates_of(list);
    }
}
