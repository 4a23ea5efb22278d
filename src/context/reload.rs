//! Reads again what a context has from files, under running connections: all is put in force, or nothing.
//!
//! A failure does not poison: what was loaded stays in force, certificates and lists until their own dates, and a file that
//! was half copied must not stop a server. Nothing is done to the `SSL_CTX`, which OpenSSL reads without a lock: what has
//! changed is given to each connection when its handshake starts.

use std::sync::Arc;

use crate::context::{own_certificate, staples};
use crate::credential::{Credential, check_kind};
use crate::error::Result;
use crate::guard::Guard;
use crate::libssl::Ctx;

/// See the module's text.
pub fn reload(ctx: Ctx<'_>, guard: &Guard) -> Result<()> {
    let _one_at_a_time = guard.loading();
    let (own, names, staples, crls, ticket_keys) = {
        let settings = guard.settings();
        let (names, staples) = (Arc::clone(&settings.names), Arc::clone(&settings.staples));
        let crls = Arc::clone(&settings.revocation.crls);
        (settings.own.clone(), names, staples, crls, settings.ticket_keys.clone())
    };
    let fresh_own = own_again(guard, &own)?;
    let fresh_names = Arc::new(names.read_again(guard.policy)?);
    let fresh_crls = crls.reloaded()?;
    let fresh_keys = ticket_keys.map(|keys| keys.read_again().map(Arc::new)).transpose()?;
    let fresh_staples = staples::read_again(&staples, &fresh_own, &fresh_names, &fresh_crls)?;
    let fresh_anchors = guard.anchors.read_again(ctx, guard.broken_anchors)?;
    own_certificate::try_out(ctx, &fresh_own)?;
    for (_, credentials) in fresh_names.iter() {
        own_certificate::try_out(ctx, credentials)?;
    }

    let is_another = fresh_own.iter().zip(&own).any(|(fresh, old)| !fresh.shows_the_same_as(old));
    let has_other_lists = !fresh_crls.is_same_as(&crls);
    guard.reload(has_other_lists || fresh_anchors.is_some(), |settings| {
        settings.own = fresh_own;
        settings.own_is_fresh |= is_another;
        settings.names = fresh_names;
        settings.ticket_keys = fresh_keys;
        settings.staples = fresh_staples;
        if has_other_lists {
            settings.revocation.crls = Arc::new(fresh_crls);
        }
        if let Some(anchors) = fresh_anchors {
            guard.anchors.put(anchors);
        }
    });
    Ok(())
}

fn own_again(guard: &Guard, own: &[Arc<Credential>]) -> Result<Vec<Arc<Credential>>> {
    let mut fresh: Vec<Arc<Credential>> = Vec::with_capacity(own.len());
    for credential in own {
        let one = credential.read_again(guard.policy)?.map_or_else(|| Arc::clone(credential), Arc::new);
        check_kind(&fresh, &one)?;
        fresh.push(one);
    }
    Ok(fresh)
}
