//! Which anchors a context trusts now. Roots that a program chose, by our calls or through any door of OpenSSL, are its
//! decision; only where it chose none do the system's roots stand in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use openssl::x509::X509Name;
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreRef};

use crate::error::{Error, Result, Status};
use crate::libssl::Ctx;
use crate::libssl::queue::Quiet;
use crate::libssl::store::{is_same, owner};
use crate::trust::distrust::Distrust;
use crate::trust::index::hooks::{self, StandIn};
use crate::trust::{Index, list, source, store, store_functions};

/// The trust anchors of one context.
///
/// Handshakes on other threads may go on while anchors are added: each sees those that were there when it looked. No
/// store is ever shared between contexts by hostlock, so that what one context is given stays its own; what is shared
/// are indexes of sources, and the certificates in them.
pub struct Anchors {
    /// The store that the context was born with, kept alive so that its address stays its own.
    born: X509Store,
    /// Whether a program made the context: its store may be shared, so nothing is changed about how it is searched.
    foreign: bool,
    /// Shared with the store that the context was born with, which may outlive the context.
    implicit: Arc<Implicit>,
    /// What the sources of the anchors say against certificates.
    distrust: RwLock<Arc<Distrust>>,
    digest: Mutex<Option<Digest>>,
}

/// The digest of a store's anchors, and what tells whether it still is.
struct Digest {
    /// Kept alive, so that its address stays its own.
    store: X509Store,
    contents: (usize, Option<usize>),
    value: [u8; 32],
}

/// The system's roots, for as long as nobody has named others.
struct Implicit {
    /// Whether one of our own trust calls has succeeded.
    chosen: AtomicBool,
    /// Whether the system's roots may stand in: they say nothing about a server's clients.
    may_stand_in: bool,
    /// The system's roots as they were when the context was made or hardened: what the program does later to its
    /// environment or its root directory does not touch them. A failure counts only where they are needed.
    system: OnceLock<Result<Arc<Index>>>,
    store: OnceLock<X509Store>,
}

impl Anchors {
    /// The anchors of a context that has just been made. `may_stand_in`: whether the system's roots count where the
    /// program names none.
    pub fn of_new_context(ctx: Ctx<'_>, may_stand_in: bool) -> Result<Anchors> {
        let anchors = Anchors::of(ctx, may_stand_in, false)?;
        let stand_in = Arc::clone(&anchors.implicit) as Arc<dyn StandIn>;
        hooks::install(&anchors.born, Some(stand_in))?;
        Ok(anchors)
    }

    /// The anchors of a context that a program made, which may hold anchors already.
    pub fn of_foreign_context(ctx: Ctx<'_>, may_stand_in: bool) -> Result<Anchors> {
        Anchors::of(ctx, may_stand_in, true)
    }

    fn of(ctx: Ctx<'_>, may_stand_in: bool, foreign: bool) -> Result<Anchors> {
        let born = ctx.cert_store().and_then(owner);
        let born = born.ok_or_else(|| Error::new(Status::EInternal, "the context has no certificate store"))?;
        let system = OnceLock::new();
        // What a program has named by now is what counts, and what it will be.
        if may_stand_in && store::is_untouched(&born).unwrap_or(false) {
            let _ = system.set(source::system());
        }
        let implicit = Implicit { chosen: AtomicBool::new(false), may_stand_in, system, store: OnceLock::new() };
        Ok(Anchors {
            born,
            foreign,
            implicit: Arc::new(implicit),
            distrust: RwLock::default(),
            digest: Mutex::default(),
        })
    }

    /// Adds anchors to those that our calls and the program's have named; from here on the system's roots stand back.
    #[cfg(any(test, feature = "internals"))]
    pub fn add(&self, ctx: Ctx<'_>, certificates: &[openssl::x509::X509]) -> Result<()> {
        let set = crate::trust::anchor_set::AnchorSet { certificates: certificates.to_vec(), ..Default::default() };
        let index = Index::of_set(set, "the program")?;
        self.add_index(ctx, Arc::new(index))
    }

    /// As [`Anchors::add`], with all that an index holds, and what its source says against certificates.
    pub fn add_index(&self, ctx: Ctx<'_>, index: Arc<Index>) -> Result<()> {
        self.check_own_store(ctx)?;
        if index.certificates().next().is_none() {
            return Err(store::nothing_in_it());
        }
        // First: no handshake may see an anchor without what is said against it.
        if !index.distrust().is_empty() {
            Arc::make_mut(&mut self.distrust.write().unwrap_or_else(PoisonError::into_inner)).absorb(index.distrust());
        }
        let _quiet = Quiet::begin();
        if self.foreign {
            hooks::fill(&self.born, &index)?
        } else {
            hooks::attach(&self.born, index)?
        }
        self.implicit.chosen.store(true, Ordering::Release);
        Ok(())
    }

    /// What the sources of the anchors say against certificates.
    pub fn distrust(&self) -> Arc<Distrust> {
        Arc::clone(&self.distrust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The program has named what it trusts, but no anchor: the system's roots stand back.
    pub fn name_none(&self) {
        self.implicit.chosen.store(true, Ordering::Release);
    }

    /// The store to verify with, where libssl brought `offered`. `servers`: whether it is servers that are judged, for
    /// whom the system's roots may stand in.
    pub fn in_force<'a>(&'a self, offered: Option<&'a X509StoreRef>, servers: bool) -> Result<&'a X509StoreRef> {
        let offered = offered.ok_or_else(store::nothing_in_it)?;
        // Also where the system's roots stand in: a function that would have refused is not passed over.
        store_functions::check_plain(offered)?;
        if servers && is_same(offered, &self.born) && self.implicit.is_in_force(offered)? {
            return Ok(self.implicit.store()?);
        }
        Ok(offered)
    }

    /// How many anchors are in force on `ctx`, those in the system's directories too, but without those that a directory
    /// or URI which the program named through OpenSSL would give when asked.
    pub fn count(&self, ctx: Ctx<'_>) -> Result<usize> {
        Ok(self.listed(ctx)?.len())
    }

    /// The anchors in force on `ctx` as a JSON array; see [`list`].
    pub fn list(&self, ctx: Ctx<'_>) -> Result<String> {
        list::to_json(&self.listed(ctx)?, &self.distrust())
    }

    /// The subjects of the anchors in force on `ctx`.
    pub fn subjects(&self, ctx: Ctx<'_>) -> Result<Vec<X509Name>> {
        Ok(list::subjects(&self.listed(ctx)?))
    }

    /// Puts all anchors in force on `ctx` into its certificate store, for programs that look into that themselves. Where
    /// they were the system's, they are named by this: they stay when the program loads others.
    pub fn materialize(&self, ctx: Ctx<'_>) -> Result<()> {
        let offered = ctx.effective_store().ok_or_else(store::nothing_in_it)?;
        if is_same(offered, &self.born) && self.implicit.is_in_force(offered)? {
            let system = self.implicit.system()?;
            self.add_index(ctx, system)?;
        }
        hooks::materialize(offered)
    }

    /// A digest of the keys of the anchors in `offered`, whatever their order: two stores with the same anchors have the
    /// same.
    pub fn digest(&self, offered: Option<&X509StoreRef>) -> Result<[u8; 32]> {
        let offered = offered.ok_or_else(store::nothing_in_it)?;
        let contents = store::contents(offered);
        let mut known = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref()
            && is_same(&known.store, offered)
            && known.contents == contents
        {
            return Ok(known.value);
        }
        let _quiet = Quiet::begin();
        let value = list::digest_of_keys(&list::of(self.in_force(Some(offered), false)?)?);
        *known = owner(offered).map(|store| Digest { store, contents, value });
        Ok(value)
    }

    /// Whether the program has named anchors for `ctx` through OpenSSL, or has tried to.
    pub fn named_by_openssl(&self, ctx: Ctx<'_>) -> bool {
        let untouched = |store| is_same(store, &self.born) && store::is_untouched(store).unwrap_or(false);
        !ctx.effective_store().is_some_and(untouched)
    }

    fn listed(&self, ctx: Ctx<'_>) -> Result<Vec<list::Listed>> {
        match ctx.effective_store() {
            Some(offered) => list::of(self.in_force(Some(offered), true)?),
            None => Ok(Vec::new()),
        }
    }

    /// What the program put in place of the context's own store may be shared with other contexts, so nothing is added.
    fn check_own_store(&self, ctx: Ctx<'_>) -> Result<()> {
        let is_born = |store: &X509StoreRef| is_same(store, &self.born);
        let door = if ctx.verify_store().is_some_and(|store| !is_born(store)) {
            "SSL_CTX_set1_verify_cert_store"
        } else if !ctx.cert_store().is_some_and(is_born) {
            "SSL_CTX_set_cert_store"
        } else {
            return Ok(());
        };
        Err(Error::new(
            Status::EState,
            format!("the program gave this context a certificate store of its own ({door}), which others may share"),
        )
        .with_hint(
            "add the certificates to that store with X509_STORE_add_cert, or give the context none and make this call",
        ))
    }
}

impl Implicit {
    /// Whether nobody has named an anchor for the context whose own store is `born`.
    fn is_in_force(&self, born: &X509StoreRef) -> Result<bool> {
        if !self.may_stand_in || self.chosen.load(Ordering::Acquire) {
            return Ok(false);
        }
        store::is_untouched(born)
    }

    fn system(&self) -> Result<Arc<Index>> {
        if !self.may_stand_in {
            return Err(store::nothing_in_it());
        }
        self.system.get_or_init(source::system).clone()
    }

    fn store(&self) -> Result<&X509Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let _quiet = Quiet::begin();
        let store = X509StoreBuilder::new()
            .map_err(|_| Error::no_memory("a certificate store"))?
            .build();
        hooks::install(&store, None)?;
        hooks::attach(&store, self.system()?)?;
        Ok(self.store.get_or_init(|| store))
    }
}

impl StandIn for Implicit {
    fn stand_in(&self, born: &X509StoreRef) -> Result<Option<X509Store>> {
        if !self.is_in_force(born)? {
            return Ok(None);
        }
        owner(self.store()?)
            .map(Some)
            .ok_or_else(|| Error::no_memory("the certificate store"))
    }
}
