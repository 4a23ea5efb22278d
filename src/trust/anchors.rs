//! Which anchors a context trusts now. Roots that a program chose, by our calls or through any door of OpenSSL, are its
//! decision; only where it chose none do the system's roots stand in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use openssl::x509::X509Name;
use openssl::x509::store::{X509Store, X509StoreBuilder, X509StoreRef};

use crate::error::{Error, Result, Status};
use crate::libssl::Ctx;
use crate::libssl::queue::Quiet;
use crate::libssl::layout::lookup_count;
use crate::libssl::store::{self as libssl_store, is_same, owner};
use crate::trust::decode::Broken;
use crate::trust::distrust::Distrust;
use crate::trust::index::hooks::{self, StandIn};
use crate::trust::named::{Named, Origin};
use crate::trust::{Index, list, named, source, store, store_functions};

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
    /// What our calls have named, in that order.
    named: Mutex<Vec<Named>>,
    /// What the sources of the anchors say against certificates.
    distrust: RwLock<Arc<Distrust>>,
    digest: Mutex<Option<Digest>>,
}

/// The digest of a store's anchors, and what tells whether it still is.
struct Digest {
    /// Kept alive, so that its address stays its own.
    store: X509Store,
    contents: (usize, Option<usize>),
    /// Those of the keys.
    keys: Vec<[u8; 32]>,
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
    /// What a reload has put in place of the store, as nothing can be taken out of one.
    fresh: RwLock<Option<Arc<Fresh>>>,
    /// Whether there is such a thing: most contexts are never reloaded.
    is_reloaded: AtomicBool,
}

/// The anchors as they were read again.
struct Fresh {
    store: X509Store,
    /// The system's roots, where they are what stands in.
    system: Option<Arc<Index>>,
    /// What the store that this one replaces held then. `None` where OpenSSL itself puts there what it finds.
    contents: Option<(usize, Option<usize>)>,
    /// The subjects of the anchors, in DER.
    subjects: Vec<Vec<u8>>,
}

/// What [`Anchors::read_again`] has found, ready to be put in force.
pub struct Reread {
    named: Vec<Named>,
    distrust: Distrust,
    fresh: Arc<Fresh>,
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
        let implicit = Implicit {
            chosen: AtomicBool::new(false),
            may_stand_in,
            system,
            store: OnceLock::new(),
            fresh: RwLock::default(),
            is_reloaded: AtomicBool::new(false),
        };
        Ok(Anchors {
            born,
            foreign,
            implicit: Arc::new(implicit),
            named: Mutex::default(),
            distrust: RwLock::default(),
            digest: Mutex::default(),
        })
    }

    /// Adds anchors to those that our calls and the program's have named; from here on the system's roots stand back.
    #[cfg(any(test, feature = "internals"))]
    pub fn add(&self, ctx: Ctx<'_>, certificates: &[openssl::x509::X509]) -> Result<()> {
        let set = crate::trust::anchor_set::AnchorSet { certificates: certificates.to_vec(), ..Default::default() };
        let index = Index::of_set(set, "the program")?;
        self.add_index(ctx, Arc::new(index), Origin::Fixed)
    }

    /// As [`Anchors::add`], with all that an index holds, and what its source says against certificates. `origin` is where
    /// [`Anchors::read_again`] will find it.
    pub fn add_index(&self, ctx: Ctx<'_>, index: Arc<Index>, origin: Origin) -> Result<()> {
        self.check_own_store(ctx)?;
        if index.certificates().next().is_none() {
            return Err(store::nothing_in_it());
        }
        // First: no handshake may see an anchor without what is said against it.
        if !index.distrust().is_empty() {
            Arc::make_mut(&mut self.distrust.write().unwrap_or_else(PoisonError::into_inner)).absorb(index.distrust());
        }
        let _quiet = Quiet::begin();
        let named = Named { origin, index: Arc::clone(&index) };
        let fresh = self.implicit.fresh().filter(|fresh| fresh.system.is_none());
        if let Some(fresh) = &fresh {
            hooks::attach(&fresh.store, Arc::clone(&index))?;
        }
        if self.foreign {
            hooks::fill(&self.born, &index)?
        } else {
            hooks::attach(&self.born, index)?
        }
        let mut all = self.named();
        all.push(named);
        self.implicit.chosen.store(true, Ordering::Release);
        // What stood in for a choice does so no more.
        let fresh = fresh.map(|fresh| fresh.after(&self.born, &all).map(Arc::new)).transpose()?;
        self.implicit.put(fresh);
        Ok(())
    }

    fn named(&self) -> MutexGuard<'_, Vec<Named>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads again what came from files and directories, the system's roots too, and changes nothing. `None` where all of
    /// it is as it was.
    pub fn read_again(&self, ctx: Ctx<'_>, broken: Broken) -> Result<Option<Reread>> {
        let offered = ctx.effective_store().ok_or_else(store::nothing_in_it)?;
        if is_same(offered, &self.born) && self.implicit.is_in_force(offered)? {
            return self.read_system_again();
        }
        let (named, is_another) = named::read_again(&self.named(), broken)?;
        if !is_another {
            return Ok(None);
        }
        self.check_own_store(ctx)?;
        self.check_nobody_elses()?;
        let _quiet = Quiet::begin();
        let store = empty_store()?;
        libssl_store::param(&store).take_all_of(libssl_store::param(&self.born))?;
        named.iter().try_for_each(|one| hooks::attach(&store, Arc::clone(&one.index)))?;
        let fresh = Arc::new(Fresh::of(store, None, &self.born, &named)?);
        let mut distrust = Distrust::default();
        named.iter().for_each(|one| distrust.absorb(one.index.distrust()));
        Ok(Some(Reread { named, distrust, fresh }))
    }

    fn read_system_again(&self) -> Result<Option<Reread>> {
        let current = match self.implicit.fresh().and_then(|fresh| fresh.system.clone()) {
            Some(system) => Ok(system),
            None => self.implicit.system(),
        };
        let system = named::system_again(current.as_ref().ok())?;
        if current.is_ok_and(|current| current.is_same_as(&system)) {
            return Ok(None);
        }
        let _quiet = Quiet::begin();
        let store = empty_store()?;
        hooks::attach(&store, Arc::clone(&system))?;
        let distrust = system.distrust().clone();
        let fresh = Arc::new(Fresh::of(store, Some(system), &self.born, &[])?);
        Ok(Some(Reread { named: Vec::new(), distrust, fresh }))
    }

    /// Puts in force what was read again. Verifications that run go on with what they began with.
    pub fn put(&self, reread: Reread) {
        let Reread { named, distrust, fresh } = reread;
        // What was said against the anchors of before holds on: one who has found such an anchor may only now look for that.
        // It goes with the next reload.
        let mut all = distrust;
        self.named().iter().for_each(|one| all.absorb(one.index.distrust()));
        *self.distrust.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all);
        self.implicit.put(Some(fresh));
        *self.named() = named;
    }

    /// The subjects of the anchors in DER, where a reload has changed them.
    pub fn subjects_since_reload(&self) -> Option<Vec<Vec<u8>>> {
        self.implicit.fresh().map(|fresh| fresh.subjects.clone())
    }

    /// OpenSSL takes nothing out of a store, and does not say what came into it by its own functions.
    fn check_nobody_elses(&self) -> Result<()> {
        let all = self.named();
        let has_directories = all.iter().any(|one| one.index.has_directories());
        let by_program = |der: Vec<u8>| !all.iter().any(|one| one.index.certificates().any(|known| known == der));
        let certificates = self.born.all_certificates();
        let has_others =
            || !has_directories && certificates.iter().any(|one| one.to_der().map_or(true, by_program));
        if lookup_count(&self.born) != Some(usize::from(has_directories)) || has_others() {
            return Err(Error::new(
                Status::EState,
                "the program gave this context certificates through OpenSSL too, and those cannot be told from what the files held",
            )
            .with_hint("name all anchors by hostlock_ctx_trust_*, or make a new context"));
        }
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
    pub fn in_force(&self, offered: Option<&X509StoreRef>, servers: bool) -> Result<X509Store> {
        let offered = offered.ok_or_else(store::nothing_in_it)?;
        // Also where the system's roots stand in: a function that would have refused is not passed over.
        store_functions::check_plain(offered)?;
        let replaced = if is_same(offered, &self.born) { self.implicit.replacement(offered, servers)? } else { None };
        match replaced {
            Some(store) => Ok(store),
            None => owned(offered),
        }
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
        if self.implicit.fresh().is_some() {
            return Err(Error::new(Status::EState, "a reload has changed the anchors, and the store still holds those of before")
                .with_hint("call hostlock_ctx_trust_materialize before hostlock_ctx_reload; hostlock_ctx_trust_list tells the anchors"));
        }
        if is_same(offered, &self.born) && self.implicit.is_in_force(offered)? {
            let system = self.implicit.system()?;
            self.add_index(ctx, system, Origin::System)?;
        }
        hooks::materialize(offered)
    }

    /// A digest of the keys of the anchors in `offered`, whatever their order: two stores with the same anchors have the
    /// same.
    pub fn digest(&self, offered: Option<&X509StoreRef>) -> Result<[u8; 32]> {
        self.with_digest(offered, |digest| digest.value)
    }

    /// Whether an anchor in `offered` has the key whose digest begins so.
    pub fn holds_key(&self, offered: Option<&X509StoreRef>, key: &[u8; 16]) -> bool {
        let is_among = |keys: &[[u8; 32]]| {
            let at = keys.partition_point(|known| known[..key.len()] < key[..]);
            keys.get(at).is_some_and(|known| known.starts_with(key))
        };
        self.with_digest(offered, |digest| is_among(&digest.keys)).unwrap_or(false)
    }

    fn with_digest<T>(&self, offered: Option<&X509StoreRef>, answer: impl Fn(&Digest) -> T) -> Result<T> {
        let offered = offered.ok_or_else(store::nothing_in_it)?;
        let fresh = self.implicit.fresh().filter(|_| is_same(offered, &self.born));
        let looked_into = fresh.as_ref().map_or(offered, |fresh| &fresh.store);
        let contents = store::contents(looked_into);
        let mut known = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_ref()
            && is_same(&known.store, looked_into)
            && known.contents == contents
        {
            return Ok(answer(known));
        }
        let _quiet = Quiet::begin();
        let store = self.in_force(Some(offered), false)?;
        let keys = list::keys_of(&list::of(&store)?);
        let digest = Digest { store: owned(looked_into)?, contents, value: openssl::sha::sha256(keys.as_flattened()), keys };
        Ok(answer(known.insert(digest)))
    }

    /// Whether the program has named anchors for `ctx` through OpenSSL, or has tried to.
    pub fn named_by_openssl(&self, ctx: Ctx<'_>) -> bool {
        let untouched = |store| is_same(store, &self.born) && store::is_untouched(store).unwrap_or(false);
        !ctx.effective_store().is_some_and(untouched)
    }

    fn listed(&self, ctx: Ctx<'_>) -> Result<Vec<list::Listed>> {
        match ctx.effective_store() {
            Some(offered) => {
                let store = self.in_force(Some(offered), true)?;
                list::of(&store)
            }
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

    /// What was read again, where anything was.
    fn fresh(&self) -> Option<Arc<Fresh>> {
        if !self.is_reloaded.load(Ordering::Acquire) {
            return None;
        }
        self.fresh.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, fresh: Option<Arc<Fresh>>) {
        let is_some = fresh.is_some();
        *self.fresh.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.is_reloaded.store(is_some, Ordering::Release);
    }

    /// The store to verify with in place of `born`, the context's own; `None` where it is that one.
    fn replacement(&self, born: &X509StoreRef, servers: bool) -> Result<Option<X509Store>> {
        let fresh = self.fresh();
        let stands_in = servers && self.is_in_force(born)?;
        let Some(fresh) = fresh else {
            return if stands_in { owned(self.store()?).map(Some) } else { Ok(None) };
        };
        // The system's roots step back when the program names others by OpenSSL.
        if fresh.system.is_some() {
            return if stands_in { owned(&fresh.store).map(Some) } else { Ok(None) };
        }
        if fresh.contents.is_some_and(|contents| contents != store::contents(born)) {
            return Err(Error::new(
                Status::EState,
                "the program gave this context certificates or CRLs through OpenSSL after a reload had changed its anchors",
            )
            .with_hint("use hostlock_ctx_trust_* and hostlock_ctx_add_crl_* on a context that is reloaded"));
        }
        owned(&fresh.store).map(Some)
    }

    fn store(&self) -> Result<&X509Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let _quiet = Quiet::begin();
        let store = empty_store()?;
        hooks::attach(&store, self.system()?)?;
        Ok(self.store.get_or_init(|| store))
    }
}

impl StandIn for Implicit {
    fn stand_in(&self, born: &X509StoreRef) -> Result<Option<X509Store>> {
        self.replacement(born, true)
    }
}

impl Fresh {
    fn of(store: X509Store, system: Option<Arc<Index>>, born: &X509StoreRef, named: &[Named]) -> Result<Fresh> {
        let is_searched = named.iter().any(|one| one.index.has_directories());
        let contents = (!is_searched).then(|| store::contents(born));
        let subjects = if system.is_none() { list::subjects(&list::of(&store)?) } else { Vec::new() };
        let subjects = subjects.iter().filter_map(|name| name.to_der().ok()).collect();
        Ok(Fresh { store, system, contents, subjects })
    }

    /// The same, now that `born` and `named` have become more.
    fn after(&self, born: &X509StoreRef, named: &[Named]) -> Result<Fresh> {
        let is_searched = self.contents.is_none() || named.iter().any(|one| one.index.has_directories());
        let contents = (!is_searched).then(|| store::contents(born));
        let subjects = list::of(&self.store).map(|all| list::subjects(&all)).unwrap_or_default();
        let subjects = subjects.iter().filter_map(|name| name.to_der().ok()).collect();
        Ok(Fresh { store: owned(&self.store)?, system: None, contents, subjects })
    }
}

fn owned(store: &X509StoreRef) -> Result<X509Store> {
    owner(store).ok_or_else(|| Error::no_memory("the certificate store"))
}

fn empty_store() -> Result<X509Store> {
    let store = X509StoreBuilder::new().map_err(|_| Error::no_memory("a certificate store"))?.build();
    hooks::install(&store, None)?;
    Ok(store)
}
