//! The session id context of a server: libssl resumes a session only where its own is the same.
//!
//! It is the first half of a SHA-256 of what a verified session rests on: the policy, the anchors' keys, the names that the client must
//! have, what the program asks for besides, and the id context that it sets. CRLs are no part of it, as each refresh would
//! end every session: they are asked at resumption. It is never random, so that machines that are set up alike resume each
//! other's sessions.
//!
//! Where OpenSSL does not show what the program set, no session is resumed that rests on more than that.

use crate::error::Result;
use crate::guard::{Guard, Regime, Settings};
use crate::handshake::connection_state::{GivenId, ConnectionState, Id};
use crate::handshake::{expected_host, session};
use crate::host::ExpectedHost;
use crate::last_digest::LastDigest;
use crate::libssl::queue::Quiet;
use crate::libssl::{Conn, Ctx};

/// Puts an id context on a new context: no resuming client may meet none.
pub fn install(ctx: Ctx<'_>, guard: &Guard) -> bool {
    let id = openssl::sha::sha256(format!("hostlock|{}", guard.policy.name).as_bytes());
    ctx.set_session_id_context(&id)
}

/// Whether sessions of this context bear a digest of ours. A program's own server keeps what it chose, until it names who
/// the client must be or changes by our functions what is asked of certificates: libssl asks nothing of that again when a
/// session is resumed.
fn is_ours(guard: &Guard, wanted: &Result<Option<ExpectedHost>>) -> bool {
    if guard.regime() == Regime::Own || !matches!(wanted, Ok(None)) {
        return true;
    }
    let settings = guard.settings();
    !settings.pins.is_empty()
        || !settings.exact.is_empty()
        || settings.verify_time.is_some()
        || settings.verify_depth.is_some()
        || settings.verify_flags != 0
        || !settings.verify_checks.is_empty()
        || settings.revocation.mode.is_some()
        || !settings.waivers.is_empty()
}

/// Gives a server's connection whose handshake begins its id context, where that is [ours](is_ours).
pub fn give(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) {
    let wanted = expected_host::of_client(conn, guard, Some(state), &Quiet::begin());
    if !is_ours(guard, &wanted) {
        state.known().begun_as = (guard.regime() == Regime::Hardened).then(|| compute(conn, guard, None, &[]));
        return;
    }
    let Some(current) = conn.session_id_context() else {
        // What the program keeps apart is not known.
        return session::require(conn, &guard.unmatchable_mark());
    };
    let earlier = state.known().id_context.clone().filter(|given| given.ours[..] == current[..]);
    let (of_program, of_context) = match earlier {
        Some(earlier) => (earlier.of_program, earlier.of_context),
        None => {
            let of_context = conn.ctx().session_id_context().as_ref() == Some(&current);
            (current, of_context)
        }
    };
    // What cannot be understood is refused when a certificate is judged; it resumes nothing.
    let ours = match &wanted {
        Ok(wanted) => compute(conn, guard, wanted.as_ref(), &of_program),
        Err(_) => unmatchable(guard),
    };
    session::require(conn, &ours);
    state.known().id_context = Some(GivenId { ours, of_program, of_context });
}

/// The id context for a session of `conn` by the context in force: a servername callback may have exchanged it since
/// [`give`], and OpenSSL leaves the first one's on the connection. `wanted` says who the client must be. `None` where it is
/// the program's alone.
pub fn in_force(
    conn: Conn<'_>,
    guard: &Guard,
    state: &ConnectionState,
    wanted: &Result<Option<ExpectedHost>>,
) -> Option<Id> {
    let given = state.known().id_context.clone();
    if given.is_none() && !is_ours(guard, wanted) && !is_another(conn, guard, state) {
        return None;
    }
    let wanted = wanted.as_ref().ok()?;
    let of_program = match given {
        Some(given) if given.of_context => conn.ctx().session_id_context().unwrap_or(given.of_program),
        Some(given) => given.of_program,
        None => conn.ctx().session_id_context()?,
    };
    Some(compute(conn, guard, wanted.as_ref(), &of_program))
}

/// Whether a servername callback has exchanged a hardened context for one that judges clients by something else. Sessions of
/// it must not be taken for the first one's, nor the other way round, though the program gave both one id context.
fn is_another(conn: Conn<'_>, guard: &Guard, state: &ConnectionState) -> bool {
    let begun_as = state.known().begun_as;
    begun_as.is_some_and(|begun_as| begun_as != compute(conn, guard, None, &[]))
}

/// One that no session bears.
fn unmatchable(guard: &Guard) -> Id {
    let mark = guard.unmatchable_mark();
    std::array::from_fn(|at| mark[at] ^ mark[at + size_of::<Id>()])
}

fn compute(conn: Conn<'_>, guard: &Guard, wanted: Option<&ExpectedHost>, of_program: &[u8]) -> Id {
    thread_local! {
        static LAST: LastDigest = const { LastDigest::none() };
    }
    let anchors = guard.anchors.digest(conn.effective_store());
    let mut text = Vec::with_capacity(512);
    append(&mut text, guard.policy.name.as_bytes());
    // Where the anchors cannot be told no client's certificate is accepted.
    append(&mut text, &anchors.unwrap_or_default());
    append(&mut text, guard.settings().words(words));
    append_all(&mut text, |sink| {
        if let Some(wanted) = wanted {
            wanted.describe(sink);
        }
    });
    let served_name = ConnectionState::of(conn).and_then(|state| state.known().served_name.clone());
    append(&mut text, served_name.unwrap_or_default().as_bytes());
    append_all(&mut text, |sink| session::describe_wishes(conn, guard, sink));
    append(&mut text, of_program);
    // A thread that ends has no place for it any more.
    let digest = LAST.try_with(|last| last.of(&text)).unwrap_or_else(|_| openssl::sha::sha256(&text));
    std::array::from_fn(|at| digest[at])
}

/// What a session rests on of the settings.
fn words(settings: &Settings) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    let mut exact = settings.exact.digests();
    exact.sort_unstable();
    exact.iter().for_each(|digest| append(&mut text, digest));
    let mut pins: Vec<String> = settings.pins.iter().map(|pin| format!("{pin:?}")).collect();
    pins.sort_unstable();
    pins.iter().for_each(|pin| append(&mut text, pin.as_bytes()));
    let stricter = (settings.verify_depth, settings.verify_flags, &settings.verify_checks, &settings.waivers);
    append(&mut text, format!("{stricter:?} {:?}", (settings.verify_time, settings.revocation.mode)).as_bytes());
    text
}

/// Each part has its length before it, so that no two sets of parts read alike.
fn append(text: &mut Vec<u8>, part: &[u8]) {
    append_all(text, |sink| sink(part));
}

/// The same for a part that comes in pieces.
fn append_all(text: &mut Vec<u8>, feed: impl FnOnce(&mut dyn FnMut(&[u8]))) {
    let start = text.len();
    text.extend_from_slice(&[0; size_of::<u64>()]);
    let contents = text.len();
    feed(&mut |piece| text.extend_from_slice(piece));
    let length = (text.len() - contents) as u64;
    text[start..contents].copy_from_slice(&length.to_be_bytes());
}
