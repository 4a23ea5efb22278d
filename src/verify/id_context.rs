//! The session id context of a server: libssl resumes a session only where its own is the same.
//!
//! It is a digest of what a verified session rests on: the policy, the anchors' keys, the names that the client must
//! have, what the program asks for besides, and the id context that it sets. CRLs are no part of it, as each refresh would
//! end every session: they are asked at resumption. It is never random, so that machines that are set up alike resume each
//! other's sessions.
//!
//! OpenSSL has no getter for what the program sets. Its place is found on scratch objects, as for
//! [`hidden`](crate::verify::hidden); where it is not certain the program's is left as it is.

use std::sync::OnceLock;
use std::{ptr, slice};

use openssl_sys as ffi;

use crate::error::Result;
use crate::queue::Quiet;
use crate::sys;
use crate::verify::guard::{Guard, Regime};
use crate::verify::own;
use crate::verify::wanted::{self, Wanted};
use crate::verify::watch::Watch;
use crate::verify::{demand, mark};

/// The id context that hostlock gave a connection, and the program's that is folded into it.
#[derive(Clone)]
pub struct Given {
    ours: [u8; 32],
    of_program: Vec<u8>,
    /// Whether the program set it on the context, not on this connection.
    of_context: bool,
}

/// Puts an id context on a new context: no resuming client may meet none.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl that is not in use yet.
pub unsafe fn install(ctx: *mut ffi::SSL_CTX, guard: &Guard) -> bool {
    let id = openssl::sha::sha256(format!("hostlock|{}", guard.policy.name).as_bytes());
    // SAFETY: the context is live; so many bytes are what OpenSSL takes, and they are copied.
    unsafe { ffi::SSL_CTX_set_session_id_context(ctx, id.as_ptr(), id.len() as u32) == 1 }
}

/// Whether sessions of this context bear a digest of ours. A program's own server keeps what it chose, until it names who
/// the client must be or changes by our functions what is asked of certificates: libssl asks nothing of that again when a
/// session is resumed.
fn is_ours(guard: &Guard, wanted: &Result<Option<Wanted>>) -> bool {
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
///
/// # Safety
/// `ssl` is a live `SSL` of `guard`'s context in the thread that uses it.
pub unsafe fn give(ssl: *mut ffi::SSL, guard: &Guard, watch: &Watch) {
    // SAFETY: `ssl` is live in its own thread.
    let wanted = unsafe { wanted::of_client(ssl, guard, Some(watch), &Quiet::begin()) };
    if !is_ours(guard, &wanted) {
        return;
    }
    // SAFETY: the connection is live.
    let Some(current) = (unsafe { of_connection(ssl) }) else { return };
    let earlier = watch.state().id_context.clone().filter(|given| given.ours[..] == current[..]);
    let (of_program, of_context) = match earlier {
        Some(earlier) => (earlier.of_program, earlier.of_context),
        None => {
            // SAFETY: the connection keeps its context alive.
            let of_context = unsafe { of_context(ffi::SSL_get_SSL_CTX(ssl)) }.as_ref() == Some(&current);
            (current, of_context)
        }
    };
    // What cannot be understood is refused when a certificate is judged; it resumes nothing.
    let ours = match &wanted {
        // SAFETY: `ssl` is live in its own thread.
        Ok(wanted) => unsafe { compute(ssl, guard, wanted.as_ref(), &of_program) },
        Err(_) => guard.unmatchable_mark(),
    };
    // SAFETY: `ssl` is live, its handshake has read nothing yet.
    unsafe { mark::require(ssl, &ours) };
    watch.state().id_context = Some(Given { ours, of_program, of_context });
}

/// The id context for a session of `ssl` by the context in force: a servername callback may have exchanged it since
/// [`give`], and OpenSSL leaves the first one's on the connection. `None` where it is not [ours](is_ours).
///
/// # Safety
/// `ssl` is a live server's `SSL` of `guard`'s context in the thread that uses it.
pub unsafe fn in_force(ssl: *mut ffi::SSL, guard: &Guard, watch: &Watch) -> Option<[u8; 32]> {
    let given = watch.state().id_context.clone();
    // SAFETY: `ssl` is live in its own thread.
    let wanted = unsafe { wanted::of_client(ssl, guard, Some(watch), &Quiet::begin()) };
    if given.is_none() && !is_ours(guard, &wanted) {
        return None;
    }
    let wanted = wanted.ok()?;
    // SAFETY: the connection keeps its context alive.
    let now = || unsafe { of_context(ffi::SSL_get_SSL_CTX(ssl)) };
    let of_program = match given {
        Some(given) if given.of_context => now().unwrap_or(given.of_program),
        Some(given) => given.of_program,
        None => now()?,
    };
    // SAFETY: `ssl` is live in its own thread.
    Some(unsafe { compute(ssl, guard, wanted.as_ref(), &of_program) })
}

unsafe fn compute(ssl: *mut ffi::SSL, guard: &Guard, wanted: Option<&Wanted>, of_program: &[u8]) -> [u8; 32] {
    // SAFETY: `ssl` is live and keeps its store alive.
    let anchors = unsafe { guard.anchors.digest(demand::store_of(ssl)) };
    let mut hash = openssl::sha::Sha256::new();
    // Each part has its length before it, so that no two sets of parts read alike.
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(guard.policy.name.as_bytes());
    // Where the anchors cannot be told no client's certificate is accepted.
    part(&anchors.unwrap_or_default());
    {
        let settings = guard.settings();
        let mut exact = settings.exact.digests();
        exact.sort_unstable();
        exact.iter().for_each(|digest| part(digest));
        let mut pins: Vec<String> = settings.pins.iter().map(|pin| format!("{pin:?}")).collect();
        pins.sort_unstable();
        pins.iter().for_each(|pin| part(pin.as_bytes()));
        let stricter = (settings.verify_depth, settings.verify_flags, &settings.verify_checks, &settings.waivers);
        part(format!("{stricter:?}").as_bytes());
        part(format!("{:?}", (settings.verify_time, settings.revocation.mode)).as_bytes());
    }
    let mut names = Vec::new();
    if let Some(wanted) = wanted {
        wanted.describe(|bytes| names.extend_from_slice(bytes));
    }
    part(&names);
    part(of_program);
    hash.finish()
}

/// OpenSSL keeps the length before the bytes.
const LONGEST: usize = 32;

/// So many words are looked at; a connection has more than twice as many, a context somewhat more.
const WORDS_OF_CONNECTION: usize = 384;
const WORDS_OF_CONTEXT: usize = 112;

/// # Safety
/// `ssl` is live.
unsafe fn of_connection(ssl: *const ffi::SSL) -> Option<Vec<u8>> {
    // SAFETY: the place was found within the words that every connection has.
    unsafe { read(ssl.cast(), places()?.0) }
}

/// # Safety
/// `ctx` is live.
unsafe fn of_context(ctx: *const ffi::SSL_CTX) -> Option<Vec<u8>> {
    // SAFETY: the place was found within the words that every context has.
    unsafe { read(ctx.cast(), places()?.1) }
}

unsafe fn read(object: *const usize, place: usize) -> Option<Vec<u8>> {
    // SAFETY: as the caller promises.
    let length = unsafe { ptr::read_volatile(object.add(place)) };
    // SAFETY: OpenSSL has room for so many bytes behind the length.
    (length <= LONGEST).then(|| unsafe { slice::from_raw_parts(object.add(place + 1).cast::<u8>(), length) }.to_vec())
}

/// Where a connection and a context keep their id contexts, in words.
fn places() -> Option<(usize, usize)> {
    static PLACES: OnceLock<Option<(usize, usize)>> = OnceLock::new();
    *PLACES.get_or_init(probe)
}

/// The one place where an id context appears on scratch objects, whichever it is.
fn probe() -> Option<(usize, usize)> {
    let _quiet = Quiet::begin();
    // SAFETY: the method is static.
    let ctx = unsafe { own::new_context(ffi::TLS_method()) };
    if ctx.is_null() {
        return None;
    }
    // SAFETY: the context is live.
    let ssl = unsafe { ffi::SSL_new(ctx) };
    let found = (!ssl.is_null()).then(|| {
        let on_connection = place(ssl.cast(), WORDS_OF_CONNECTION, |id| {
            // SAFETY: the connection is live; the bytes are copied.
            unsafe { sys::SSL_set_session_id_context(ssl, id.as_ptr(), id.len() as u32) == 1 }
        });
        let on_context = place(ctx.cast(), WORDS_OF_CONTEXT, |id| {
            // SAFETY: the context is live; the bytes are copied.
            unsafe { ffi::SSL_CTX_set_session_id_context(ctx, id.as_ptr(), id.len() as u32) == 1 }
        });
        on_connection.zip(on_context)
    });
    // SAFETY: both are ours; NULL is fine.
    unsafe { ffi::SSL_free(ssl) };
    // SAFETY: the connection is gone, and this is the last owner.
    unsafe { ffi::SSL_CTX_free(ctx) };
    found.flatten()
}

fn place(object: *const usize, words: usize, set: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let find = |id: &[u8]| {
        if !set(id) {
            return None;
        }
        // SAFETY: the object is live, and the first place that fits lies within it.
        let bears = |at: &usize| unsafe { read(object, *at) }.is_some_and(|found| found == id);
        (0..words - 1 - LONGEST / size_of::<usize>()).find(bears)
    };
    let one = find(b"hostlock looks for these bytes")?;
    let other = find(b"and then for others")?;
    (one == other).then_some(one)
}

#[cfg(test)]
mod tests {
    use foreign_types::ForeignTypeRef;
    use openssl::ssl::{Ssl, SslContext, SslMethod};

    use super::*;

    #[test]
    fn this_openssl_shows_the_id_context_that_a_program_sets() {
        let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
        builder.set_session_id_context(b"of the context").unwrap();
        let context = builder.build();
        let ssl = Ssl::new(&context).unwrap();
        // SAFETY: both are live; the bytes are copied.
        unsafe {
            assert_eq!(of_context(context.as_ptr()).as_deref(), Some(&b"of the context"[..]));
            assert_eq!(of_connection(ssl.as_ptr()).as_deref(), Some(&b"of the context"[..]));
            assert_eq!(sys::SSL_set_session_id_context(ssl.as_ptr(), b"own".as_ptr(), 3), 1);
            assert_eq!(of_connection(ssl.as_ptr()).as_deref(), Some(&b"own"[..]));
        }
    }
}
