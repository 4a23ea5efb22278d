//! The keys of a server's tickets beside those of a file: the program's own, and those that the server makes for itself.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::credential::ticket_keys::OwnKeys;
use crate::error::Result;
use crate::guard::Guard;
use crate::libssl::Ctx;
use crate::libssl::tickets::TicketKey;
use crate::os::clock::now;

/// How long each key seals, in seconds; it opens tickets for as long again.
const PERIOD: i64 = 86_400;

/// See the module's text.
pub struct Tickets {
    own: RwLock<Arc<OwnKeys>>,
    /// The key that libssl made with the context. It is no use to anybody, but a program may set another.
    of_libssl: OnceLock<Option<TicketKey>>,
    of_program: RwLock<Option<Arc<TicketKey>>>,
}

impl Tickets {
    /// Those of a new context: before the first fork, so that all workers have the same.
    pub fn new() -> Result<Tickets> {
        let own = RwLock::new(Arc::new(OwnKeys::new(PERIOD, now())?));
        Ok(Tickets { own, of_libssl: OnceLock::new(), of_program: RwLock::default() })
    }
}

impl Guard {
    /// The keys that the server makes for itself.
    pub fn own_ticket_keys(&self) -> Option<Arc<OwnKeys>> {
        let own = &self.tickets.as_ref()?.own;
        Some(Arc::clone(&own.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// New ones, which open tickets for `life` seconds at least.
    pub fn renew_own_ticket_keys(&self, life: u32) -> Result<()> {
        let Some(tickets) = &self.tickets else { return Ok(()) };
        let keys = Arc::new(OwnKeys::new(PERIOD.max(life.into()), now())?);
        *tickets.own.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The key that the program has set by SSL_CTX_set_tlsext_ticket_keys.
    pub fn ticket_key_of_program(&self) -> Option<Arc<TicketKey>> {
        self.tickets.as_ref()?.of_program.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether the program has set a key on `ctx`, the guard's context: first when that is new.
    pub fn note_ticket_key(&self, ctx: Ctx<'_>) {
        let Some(tickets) = &self.tickets else { return };
        let Some(key) = ctx.ticket_key() else { return };
        let of_libssl = tickets.of_libssl.get_or_init(|| Some(TicketKey::new(key)));
        if of_libssl.as_ref().is_none_or(|of_libssl| of_libssl.is(&key)) {
            return;
        }
        let known = self.ticket_key_of_program();
        if known.is_none_or(|known| !known.is(&key)) {
            *tickets.of_program.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(TicketKey::new(key)));
        }
    }
}
