//! The handle of libssl among the words of an object of somebody else's, such as one of a scripting language. What an
//! address leads to is read without faulting ([`memory`]) and compared with scratch objects of this process, before any
//! function of libssl sees it.
//!
//! A context is one where the words hold a method of our libssl at the place where contexts hold theirs, and at all
//! places where our scratch contexts hold the same pointer as each other (fetched algorithms) that very pointer. A
//! connection is one where the words hold the given context, contexts at the other places where connections keep theirs,
//! methods where they keep those, and the connection's own address where it refers to itself.

use std::sync::Mutex;

use foreign_types::ForeignType;
use openssl::ssl::Ssl;
use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::method::Side;
use crate::libssl::queue::Quiet;
use crate::libssl::scratch::Scratch;
use crate::libssl::{Ctx, library_span, sys};
use crate::os::memory;

/// The most words of a foreign object that are looked at.
pub const MOST_WORDS: usize = 8192;

/// So many words are compared; a context has more in every version, and so has a connection.
const WORDS_OF_CONTEXT: usize = 112;
const WORDS_OF_CONNECTION: usize = 384;

/// As far as this a connection may refer to itself: its record layer does, near its end.
const WORDS_TO_ITSELF: usize = 800;

/// Fewer facts than these prove nothing.
const FEWEST: usize = 3;

/// What is lower is a number, and no address.
const LOWEST_ADDRESS: usize = 0x1_0000;

type Words<const COUNT: usize> = [usize; COUNT];

/// The one context among the `count` words at `object`.
pub fn context(object: usize, count: usize) -> Result<*mut ffi::SSL_CTX> {
    let _quiet = Quiet::begin();
    let found = match only(object, count, "SSL_CTX", &Contexts::known(false)?) {
        // What was fetched before may have been given up since.
        Err(error) if error.status() == Status::EForeignLibssl => {
            only(object, count, "SSL_CTX", &Contexts::known(true)?)
        }
        found => found,
    }?;
    Ok(std::ptr::with_exposed_provenance_mut(found))
}

/// The one connection of `ctx` among the `count` words at `object`.
pub fn connection(object: usize, count: usize, ctx: Ctx<'_>) -> Result<*mut ffi::SSL> {
    let _quiet = Quiet::begin();
    let proof = Connections::of(ctx.as_ptr().expose_provenance())?;
    let found = only(object, count, "SSL", &proof)?;
    Ok(std::ptr::with_exposed_provenance_mut(found))
}

/// What tells that there is such an object at an address.
trait Proof {
    fn holds(&self, address: usize) -> bool;
}

fn only(object: usize, count: usize, kind: &str, proof: &impl Proof) -> Result<usize> {
    if count == 0 || count > MOST_WORDS {
        let bytes = MOST_WORDS * size_of::<usize>();
        return Err(Error::new(Status::EArg, format!("the size of the object is not between a word and {bytes} bytes")));
    }
    let mut words = vec![0; count];
    if !memory::copy(object, &mut words) {
        return Err(Error::new(Status::EArg, "the object is not readable to its end"));
    }
    words.sort_unstable();
    words.dedup();
    words.retain(|word| *word >= LOWEST_ADDRESS && word.is_multiple_of(align_of::<usize>()) && proof.holds(*word));
    match words[..] {
        [one] => Ok(one),
        [] => Err(Error::new(
            Status::EForeignLibssl,
            format!("the object holds no {kind} of the libssl that hostlock uses"),
        )),
        _ => Err(Error::new(Status::EState, format!("the object holds {} of the type {kind}", words.len()))),
    }
}

/// What all contexts have in common.
#[derive(Clone)]
struct Contexts {
    /// Where they hold their method.
    method: usize,
    /// Where all hold the same pointer, and it.
    same: Vec<(usize, usize)>,
}

impl Contexts {
    /// As found earlier, unless `anew`. Two scratch contexts prove no less than three, but what only those of one more side
    /// lack would be asked of all.
    fn known(anew: bool) -> Result<Contexts> {
        static KNOWN: Mutex<Option<Contexts>> = Mutex::new(None);
        let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if anew {
            *known = Contexts::probe(&[Side::Client, Side::Either, Side::Server]);
        } else if known.is_none() {
            *known = Contexts::probe(&[Side::Client, Side::Either]);
        }
        known.clone().ok_or_else(|| unknown_layout("SSL_CTX"))
    }

    fn probe(sides: &[Side]) -> Option<Contexts> {
        // Made at one time, so that they have the same algorithms.
        let scratch: Vec<Scratch> = sides.iter().map(|side| Scratch::new(*side)).collect::<Option<_>>()?;
        let words = scratch
            .iter()
            .map(|context| memory::words(context.as_ptr().expose_provenance()))
            .collect::<Option<Vec<Words<WORDS_OF_CONTEXT>>>>()?;
        // SAFETY: each is live.
        let methods = scratch.iter().map(|context| unsafe { sys::SSL_CTX_get_ssl_method(context.as_ptr()) }.addr());
        let methods: Vec<usize> = methods.collect();
        let agree = |at: &usize, wanted: &[usize]| words.iter().zip(wanted).all(|(words, wanted)| words[*at] == *wanted);
        let method = (0..WORDS_OF_CONTEXT).find(|at| agree(at, &methods))?;
        let same = (0..WORDS_OF_CONTEXT).filter(|at| {
            let first = words[0][*at];
            first >= LOWEST_ADDRESS && agree(at, &vec![first; words.len()]) && memory::words::<1>(first).is_some()
        });
        let same: Vec<(usize, usize)> = same.map(|at| (at, words[0][at])).collect();
        (1 + same.len() >= FEWEST).then_some(Contexts { method, same })
    }
}

impl Proof for Contexts {
    fn holds(&self, address: usize) -> bool {
        let Some(words) = memory::words::<WORDS_OF_CONTEXT>(address) else { return false };
        library_span::is_ours(words[self.method]) && self.same.iter().all(|(at, value)| words[*at] == *value)
    }
}

/// What all connections of one context have in common.
struct Connections {
    ctx: usize,
    contexts: Contexts,
    /// Where they hold a context, a method, and themselves.
    places: [Vec<usize>; 3],
}

impl Connections {
    fn of(ctx: usize) -> Result<Connections> {
        let contexts = Contexts::known(false)?;
        let places = Connections::probe().ok_or_else(|| unknown_layout("SSL"))?;
        Ok(Connections { ctx, contexts, places })
    }

    fn probe() -> Option<[Vec<usize>; 3]> {
        static KNOWN: Mutex<Option<[Vec<usize>; 3]>> = Mutex::new(None);
        let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.is_some() {
            return known.clone();
        }
        let mut found: Option<[Vec<usize>; 3]> = None;
        for side in [Side::Client, Side::Server] {
            let context = Scratch::of(side)?;
            let ssl = Ssl::new(&context).ok()?;
            let words = memory::words::<WORDS_OF_CONNECTION>(ssl.as_ptr().expose_provenance())?;
            // SAFETY: it is live.
            let method = unsafe { sys::SSL_CTX_get_ssl_method(context.as_ptr()) }.addr();
            let places = |wanted| (0..words.len()).filter(|at| words[*at] == wanted).collect();
            let address = ssl.as_ptr().addr();
            let to_itself = (0..WORDS_TO_ITSELF).filter(|at| refers(address, *at, address)).collect();
            let here: [Vec<usize>; 3] = [places(context.as_ptr().addr()), places(method), to_itself];
            found = Some(match found {
                None => here,
                Some(before) => {
                    let mut both = before.into_iter().zip(here);
                    std::array::from_fn(|_| {
                        let (before, here) = both.next().unwrap_or_default();
                        before.into_iter().filter(|at| here.contains(at)).collect()
                    })
                }
            });
        }
        let [contexts, methods, selves] = found.as_ref()?;
        let is_proof = !contexts.is_empty()
            && !methods.is_empty()
            && contexts.len() + methods.len() + selves.len() >= FEWEST;
        *known = found.filter(|_| is_proof);
        known.clone()
    }
}

impl Proof for Connections {
    fn holds(&self, address: usize) -> bool {
        let Some(words) = memory::words::<WORDS_OF_CONNECTION>(address) else { return false };
        let [contexts, methods, selves] = &self.places;
        contexts.iter().any(|at| words[*at] == self.ctx)
            && contexts.iter().all(|at| words[*at] == self.ctx || self.contexts.holds(words[*at]))
            && methods.iter().all(|at| library_span::is_ours(words[*at]))
            && selves.iter().all(|at| refers(address, *at, address))
    }
}

/// Whether the word `at` of what stands at `address` is `value`.
fn refers(address: usize, at: usize, value: usize) -> bool {
    memory::words::<1>(address.wrapping_add(at * size_of::<usize>())).is_some_and(|[word]| word == value)
}

fn unknown_layout(kind: &str) -> Error {
    Error::new(
        Status::EUnsupported,
        format!("the libssl that is loaded was built so that hostlock cannot prove what an {kind} is"),
    )
}

#[cfg(test)]
mod tests {
    use openssl::ssl::SslContext;

    use super::*;
    use crate::libssl::new_context;

    fn find_ctx(object: &[usize]) -> Result<usize> {
        context(object.as_ptr().expose_provenance(), object.len()).map(|found| found.addr())
    }

    fn find_ssl(object: &[usize], ctx: &SslContext) -> Result<usize> {
        // SAFETY: the context is live.
        let ctx = unsafe { Ctx::new(ctx.as_ptr()) }.unwrap();
        connection(object.as_ptr().expose_provenance(), object.len(), ctx).map(|found| found.addr())
    }

    fn refusal(found: Result<usize>) -> Status {
        found.unwrap_err().status()
    }

    #[test]
    fn a_handle_is_found_among_words_that_lead_anywhere() {
        let ctx = new_context::new_for(Side::Either).unwrap();
        let ssl = Ssl::new(&ctx).unwrap();
        let (ctx_word, ssl_word) = (ctx.as_ptr().expose_provenance(), ssl.as_ptr().expose_provenance());
        let zeroes = vec![0_usize; 1024];
        let wild = [0, 1, 8, usize::MAX, 0xdead_beef_dead_bee8, 1 << 47, zeroes.as_ptr().expose_provenance()];
        let object: Vec<usize> = wild.iter().copied().chain([ctx_word, ssl_word, ctx_word + 8, ssl_word + 8]).collect();
        assert_eq!(find_ctx(&object).unwrap(), ctx_word);
        assert_eq!(find_ssl(&object, &ctx).unwrap(), ssl_word);
        for lacking in [&object[..wild.len()], &[ssl_word][..]] {
            assert_eq!(refusal(find_ctx(lacking)), Status::EForeignLibssl);
        }
        assert_eq!(refusal(find_ssl(&[ctx_word], &ctx)), Status::EForeignLibssl);
    }

    #[test]
    fn a_connection_of_another_context_and_two_at_once_are_not_taken() {
        let [one, other] = [Side::Client, Side::Server].map(|side| new_context::new_for(side).unwrap());
        let [first, second] = [0, 1].map(|_| Ssl::new(&one).unwrap());
        let [first_word, second_word] = [&first, &second].map(|ssl| ssl.as_ptr().expose_provenance());
        assert_eq!(refusal(find_ssl(&[first_word], &other)), Status::EForeignLibssl);
        assert_eq!(refusal(find_ssl(&[first_word, second_word], &one)), Status::EState);
        let both = [&one, &other].map(|ctx| ctx.as_ptr().expose_provenance());
        assert_eq!(refusal(find_ctx(&both)), Status::EState);
        assert_eq!(find_ctx(&[both[0], both[0]]).unwrap(), both[0]);
    }

    #[test]
    fn a_copy_of_a_connection_is_no_connection() {
        let ctx = new_context::new_for(Side::Client).unwrap();
        let ssl = Ssl::new(&ctx).unwrap();
        let copy = memory::words::<700>(ssl.as_ptr().expose_provenance()).unwrap();
        assert_eq!(refusal(find_ssl(&[copy.as_ptr().expose_provenance()], &ctx)), Status::EForeignLibssl);
    }

    #[test]
    fn a_context_with_everything_set_and_a_connection_in_use_are_found() {
        let ctx = new_context::new_for(Side::Client).unwrap();
        let ssl = Ssl::new(&ctx).unwrap();
        // SAFETY: both are live and this thread's alone.
        unsafe {
            ffi::SSL_CTX_set_cipher_list(ctx.as_ptr(), c"HIGH".as_ptr());
            ffi::SSL_CTX_set_ex_data(ctx.as_ptr(), 0, std::ptr::null_mut());
            ffi::SSL_CTX_set_verify(ctx.as_ptr(), ffi::SSL_VERIFY_PEER, None);
            ffi::SSL_set_connect_state(ssl.as_ptr());
            ffi::SSL_do_handshake(ssl.as_ptr());
        }
        let word = ctx.as_ptr().expose_provenance();
        assert_eq!(find_ctx(&[word]).unwrap(), word);
        assert_eq!(find_ssl(&[ssl.as_ptr().expose_provenance()], &ctx).unwrap(), ssl.as_ptr().addr());
    }

    #[test]
    fn objects_of_no_size_of_too_much_and_out_of_memory_are_errors() {
        let word = [0_usize; 4];
        let address = word.as_ptr().expose_provenance();
        for (object, count) in [(address, 0), (address, MOST_WORDS + 1), (8, 4), (usize::MAX - 8, 4)] {
            assert_eq!(context(object, count).unwrap_err().status(), Status::EArg, "{object:x} {count}");
        }
    }
}
