//! Section "Sealing a process" of the header: every context of it, whoever makes one
//!
//! A seal cannot be taken off. Exceptions, and the mode that only reports, give up a check: they take a reason, which
//! may not be empty and is kept for the report, and the compiler warns of them as in "Giving up a check".

use std::ffi::{OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use super::boundary::{null, pointer, status, string_for_c, text, text_bytes};
use super::context::policy_of;
use super::hostlock_ctx;
use crate::chain::waivers;
use crate::libssl::ours;
use crate::seal::state::Mode;
use crate::seal::host_source::{self, Answer, HostSource};
use crate::seal::{self, allow};

/// Seals the process: every context that any code of it makes from now on with the libssl that hostlock uses is guarded
/// as hostlock_harden guards one, whatever that code then sets on it. Client connections verify the certificate and the
/// host; no host named means HOSTLOCK_E_NO_HOST. The host is that of SSL_set1_host (or the connection's
/// X509_VERIFY_PARAM), else the SNI that the program sends, else what the source of hostlock_seal_set_host_source
/// knows. Servers go on as they were set up, with the policy's versions, suites and keys. Whether they ask their
/// clients for certificates stays as it was.
///
/// 0, also if the process is sealed in this way already. HOSTLOCK_E_STATE if it is sealed with another policy or mode.
/// Call it early, from any thread: contexts that exist already must be sealed one by one, with hostlock_seal_ctx.
/// Contexts of other TLS libraries are not sealed. A context for DTLS or QUIC refuses every handshake.
///
/// # Safety
/// `policy` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_seal_process(policy: *const c_char) -> c_int {
    // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
    status(|| seal::process(unsafe { policy_of(policy)? }, Mode::Enforce))
}

/// Seals a context that was made before hostlock_seal_process was called. Connections that it has made already stay as
/// they are, and so does a context that hostlock guards already. HOSTLOCK_E_STATE where the process is not sealed.
///
/// # Safety
/// `ctx` is NULL or a live `SSL_CTX` that no other thread uses now.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_seal_ctx(ctx: *mut hostlock_ctx) -> c_int {
    // SAFETY: the caller promises NULL or a live context of any libssl that no other thread uses.
    status(|| seal::context(unsafe { ours::ctx(ctx)? }))
}

/// What the seal has seen, as one JSON object. "mode" and "policy"; "contexts" and "connections", counted. "entries",
/// 256 at most, each with "outcome", "host", "status", "code", "message", "hint", "peer" (the address, if there is a
/// socket), "count", "first" and "last"; if the program named no host, also "learned" (how the host is known) and
/// "hosts" (which, if there are several). "left_out": how many connections found no place among the entries. "allowed":
/// the exceptions, with their reasons and uses. "other_tls": the other TLS libraries in the process, which are not
/// sealed.
///
/// Free it with hostlock_string_free. NULL on failure: HOSTLOCK_E_STATE where the process is not sealed. The child of a
/// fork begins with its parent's counts.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn hostlock_seal_report() -> *mut c_char {
    pointer(|| string_for_c(seal::report()?))
}

/// Appends one line of JSON to the file `path` for every event of the seal, as it happens. Each line is one write, so
/// several processes can share the file. A line has "event", "pid" and "time"; that of a connection also has what an
/// entry of hostlock_seal_report has. The file is opened for each line, and made with mode 0600 if it is not there. A
/// second file is HOSTLOCK_E_STATE.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_seal_log(path: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let path = unsafe { text_bytes(path, "path")? };
        seal::log(Path::new(OsStr::from_bytes(path)))
    })
}

/// Answers for which hosts a connection of a sealed context is meant, if its program names none to OpenSSL. `fd` is the
/// descriptor that the connection writes to, -1 if it has none. `client_random` is the random of the hello that was
/// sent, 32 bytes; NULL before there is one. `names` has room for `room` bytes, all of them 0.
///
/// The function writes the names, each with its NUL, and answers how many there are: at most 8, and the certificate
/// must be valid for each of them. 0 means that it knows none, -1 that it cannot tell which are meant; any other answer
/// counts as -1. After the names it may write two more texts, each with its NUL: how the names are known, or why they
/// are not; and where the connection leads, as ADDRESS:PORT.
pub type hostlock_seal_ask_host =
    Option<unsafe extern "C" fn(fd: c_int, client_random: *const u8, names: *mut c_char, room: usize, arg: *mut c_void) -> c_int>;

/// Hears that a connection was refused, or would have been where the seal only reports. The arguments are those of
/// hostlock_seal_ask_host.
pub type hostlock_seal_host_refused =
    Option<unsafe extern "C" fn(fd: c_int, client_random: *const u8, arg: *mut c_void)>;

/// Registers a function that knows the hosts of connections whose program names none, once and for the life of the
/// process. It is for code that watches what the program asks of the system. What the program told OpenSSL always comes
/// first. A single name is sent as SNI, unless the seal only reports; sessions are bound to the names. `refused` may be
/// NULL. Of a connection whose BIO has no socket it is asked besides where it leads: for the log of the seal, and for an
/// exception.
///
/// Both functions are called inside handshakes, in the thread of each, and may call no function of libssl or hostlock
/// on the connection. HOSTLOCK_E_STATE where one was registered before. It may be called before the process is sealed.
///
/// # Safety
/// The functions can be called with `arg` from any thread, for the life of the process.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn hostlock_seal_set_host_source(
    ask: hostlock_seal_ask_host,
    refused: hostlock_seal_host_refused,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let ask = ask.ok_or_else(|| null("ask"))?;
        host_source::set(Box::new(Functions { ask, refused, arg }))
    })
}

/// A source that is written in C.
struct Functions {
    ask: unsafe extern "C" fn(c_int, *const u8, *mut c_char, usize, *mut c_void) -> c_int,
    refused: hostlock_seal_host_refused,
    arg: *mut c_void,
}

// SAFETY: whoever registered it promised that any thread may call the functions with `arg`.
unsafe impl Send for Functions {}
// SAFETY: whoever registered it promised that any thread may call the functions with `arg`.
unsafe impl Sync for Functions {}

/// Room for as many names as a connection may have, each of 255 bytes at most, and two texts.
const ROOM: usize = (host_source::MOST_NAMES + 2) * 256;

impl HostSource for Functions {
    fn ask(&self, descriptor: Option<c_int>, random: Option<&[u8; 32]>) -> Answer {
        let mut room = [0u8; ROOM];
        let random = random.map_or(ptr::null(), |random| random.as_ptr());
        // SAFETY: whoever registered the function promised that it can be called so; the last byte stays a NUL.
        let count = unsafe { (self.ask)(descriptor.unwrap_or(-1), random, room.as_mut_ptr().cast(), ROOM - 1, self.arg) };
        read(count, &room)
    }

    fn refused(&self, descriptor: Option<c_int>, random: Option<&[u8; 32]>) {
        let Some(refused) = self.refused else { return };
        let random = random.map_or(ptr::null(), |random| random.as_ptr());
        // SAFETY: whoever registered the function promised that it can be called so.
        unsafe { refused(descriptor.unwrap_or(-1), random, self.arg) };
    }
}

/// What a function in C wrote; an answer that contradicts itself is none.
fn read(count: c_int, room: &[u8]) -> Answer {
    let count = usize::try_from(count).ok().filter(|count| *count <= host_source::MOST_NAMES);
    let mut texts = room.split(|byte| *byte == 0).map(<[u8]>::to_vec);
    let names: Vec<Vec<u8>> = texts.by_ref().take(count.unwrap_or(0)).collect();
    let is_whole = count.is_some() && names.iter().all(|name| !name.is_empty());
    let mut word = || texts.next().filter(|text| !text.is_empty()).map(|text| String::from_utf8_lossy(&text).into_owned());
    let (how, peer) = (word(), word());
    Answer { names: is_whole.then_some(names), how, peer }
}

/// Seals the process in the mode that only reports: each connection is judged and recorded, nothing is refused, and no
/// option, version, suite or verdict of the program is altered.
///
/// HOSTLOCK_E_STATE where the process is sealed otherwise already.
///
/// # Safety
/// `policy` is NULL or NUL-terminated; `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(note = "nothing is refused; define HOSTLOCK_ALLOW_INSECURE if that is meant")]
pub unsafe extern "C" fn hostlock_insecure_seal_report_only(policy: *const c_char, reason: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let choice = unsafe { policy_of(policy)? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let reason = waivers::reason(unsafe { text(reason, "reason")? })?;
        seal::process(choice, Mode::ReportOnly(reason.to_string_lossy().into_owned()))
    })
}

/// Makes an exception in a sealed process for the connections that `what` describes. If hostlock would refuse the
/// certificate of one, or knows no host for it, only the program's own settings decide. Versions, suites and keys keep
/// the policy's floor.
///
/// `what` is "host:NAME" (the host that the program asks for), "address:IP" (where the socket leads) or "sha256:HEX"
/// (of the peer's own certificate in DER). Anything else is HOSTLOCK_E_ARG. The report counts each use. It may be
/// called before the process is sealed.
///
/// # Safety
/// `what` is NULL or NUL-terminated; `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
#[must_use]
#[deprecated(note = "anyone can pose as what is named; define HOSTLOCK_ALLOW_INSECURE if that is meant")]
pub unsafe extern "C" fn hostlock_insecure_seal_allow(what: *const c_char, reason: *const c_char) -> c_int {
    status(|| {
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let what = unsafe { text(what, "what")? };
        // SAFETY: the caller promises NULL or a text that ends, for the length of this call.
        let reason = waivers::reason(unsafe { text(reason, "reason")? })?;
        allow::add(what, reason.to_string_lossy().into_owned())
    })
}
