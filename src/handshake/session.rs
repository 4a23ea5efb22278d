//! Sessions are bound to the host, the policy, the context and the store that verified them.
//!
//! Only a verified handshake puts the mark on its session. Until then the connection and its new session bear one that
//! fits nothing, so that a handshake whose verification was missed leaves nothing that could be resumed.
//!
//! The mark is the session's *id context*, which libssl itself compares when a session is resumed, copies into the
//! sessions that TLS 1.3 tickets make, and keeps when a program stores or duplicates a session. So there is no ex_data
//! on `SSL_SESSION` objects, which programs own and duplicate in ways of their own.

use crate::chain::wishes::Wishes;
use crate::guard::Guard;
use crate::host::ExpectedHost;
use crate::libssl::{Conn, store};

/// The mark of sessions that `guard` verified for `wanted` with the store of `conn`, in a handshake that began with this
/// generation of settings: a change meanwhile neither refuses what has begun, nor lets its session outlive it.
pub fn compute(conn: Conn<'_>, guard: &Guard, generation: u64, wanted: &ExpectedHost) -> [u8; 32] {
    let store = conn.effective_store().map_or(0, |store| guard.stores.number(store));
    let mut meaning = Vec::with_capacity(128);
    meaning.extend_from_slice(&generation.to_be_bytes());
    meaning.extend_from_slice(&store.to_be_bytes());
    meaning.extend_from_slice(guard.policy.name.as_bytes());
    wanted.describe(|bytes| meaning.extend_from_slice(bytes));
    describe_wishes(conn, guard, |bytes| meaning.extend_from_slice(bytes));
    // Where another thread looks just now, nobody waits.
    let mut last = guard.last_mark.0.try_lock().ok();
    if let Some(Some((known, mark))) = last.as_deref()
        && *known == meaning
    {
        return *mark;
    }
    let mut hash = openssl::sha::Sha256::new();
    hash.update(&guard.mark_nonce());
    hash.update(&meaning);
    let mark = hash.finish();
    if let Some(last) = last.as_deref_mut() {
        *last = Some((meaning, mark));
    }
    mark
}

/// Feeds what the program asks of certificates on `conn` through OpenSSL to a session's mark. Of DANE it is only known
/// whether it is switched on.
pub fn describe_wishes(conn: Conn<'_>, guard: &Guard, mut sink: impl FnMut(&[u8])) {
    let wishes = Wishes::read(conn.param()).at_level(conn.security_level().max(guard.policy.security_level));
    let wishes = match conn.effective_store() {
        Some(store) => wishes.and(Wishes::read(store::param(store))),
        None => wishes,
    };
    sink(&[conn.has_dane().into()]);
    wishes.describe(sink);
}

/// What a client's session bears: when it ends, in Unix seconds, and what it was verified for. The end needs no secret: the
/// session lies with the program, and only its mistakes are meant.
pub fn with_end(meaning: &[u8; 32], end: i64) -> [u8; 32] {
    let mut mark = [0; 32];
    mark[..END].copy_from_slice(&end.to_be_bytes());
    mark[END..].copy_from_slice(&meaning[..32 - END]);
    mark
}

/// As much of a meaning as the mark of a client's session bears.
pub fn borne(meaning: &[u8; 32]) -> &[u8] {
    &meaning[..32 - END]
}

/// What a session was verified for by the mark that it bears.
pub fn borne_by(mark: &[u8; 32]) -> &[u8] {
    &mark[END..]
}

/// When the session ends by the mark that it bears, in Unix seconds.
pub fn end(mark: &[u8; 32]) -> i64 {
    mark.first_chunk().map_or(i64::MIN, |end| i64::from_be_bytes(*end))
}

/// How many bytes of a client's mark say when its session ends.
const END: usize = size_of::<i64>();

/// The mark that the session of `conn` bears, where it was verified for `meaning` and has not ended at `now`; `None` also
/// where there is no session.
pub fn of_session(conn: Conn<'_>, meaning: &[u8; 32], now: i64) -> Option<[u8; 32]> {
    let mark: [u8; 32] = conn.session()?.id_context().try_into().ok()?;
    let (end, rest) = mark.split_first_chunk::<END>()?;
    (*rest == meaning[..32 - END] && now < i64::from_be_bytes(*end)).then_some(mark)
}

/// Ends the session of `conn`, which bears a client's mark, at `end` at the latest.
pub fn shorten(conn: Conn<'_>, end: i64) {
    let Some(session) = conn.session() else { return };
    let Ok(mut mark) = <[u8; 32]>::try_from(session.id_context()) else { return };
    let Some((of_session, _)) = mark.split_first_chunk_mut::<END>() else { return };
    if end < i64::from_be_bytes(*of_session) {
        *of_session = end.to_be_bytes();
        session.set_id_context(&mark);
    }
}

/// Makes libssl refuse to resume a session on `conn` that does not bear `mark`.
pub fn require<const LEN: usize>(conn: Conn<'_>, mark: &[u8; LEN]) {
    conn.set_session_id_context(mark);
}

/// Marks the session of `conn` as verified, for the one that the handshake just made.
pub fn put<const LEN: usize>(conn: Conn<'_>, mark: &[u8; LEN]) {
    if let Some(session) = conn.session() {
        session.set_id_context(mark);
    }
}

/// Whether `conn` holds a session that it would offer.
pub fn offers_session(conn: Conn<'_>) -> bool {
    // For Encrypted ClientHello libssl gives the session that the handshake is about to make an id at once. It has no
    // key yet, so there is nothing to resume.
    conn.session().is_some_and(|session| session.is_resumable() && session.has_key())
}

/// Whether the session that `conn` holds bears `mark`; `None` where it holds no session.
pub fn session_bears(conn: Conn<'_>, mark: &[u8]) -> Option<bool> {
    Some(conn.session()?.id_context() == mark)
}

/// Makes the session of `conn` worthless: no mark, not resumable.
pub fn spoil_session(conn: Conn<'_>) {
    if let Some(session) = conn.session() {
        session.clear_id_context();
        session.forget(conn.ctx());
    }
}
