//! Collects what the words of a failure need, once a call has failed. It changes nothing about the connection.

use std::ffi::{c_int, c_long};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

use foreign_types::ForeignTypeRef;
use openssl::ssl::SslCipher;
use openssl::stack::StackRef;
use openssl_sys as ffi;

use crate::connection::failure::{Facts, Offer, Phase, Reason, begins_like_tls, explain};
use crate::connection::transport::Transport;
use crate::connection::{alert, gate, resolve};
use crate::error::{Error, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::{Verdict, Watch};
use crate::handshake::expected_host;
use crate::libssl::queue::{Quiet, library, reason_text};
use crate::libssl::{Conn, sys};
use crate::role::Role;

const ERR_LIB_SSL: c_int = 20;
const RECORD_LAYER_FAILURE: c_int = 313;

/// The error for a call on `ssl` that failed just now; `errno` is the system's complaint where the BIO is not ours, and
/// `first` whether no call before this one met the connection's end.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now, and `transport` is its own.
pub unsafe fn failure(
    ssl: *mut ffi::SSL,
    phase: Phase,
    transport: Option<&Transport>,
    errno: Option<c_int>,
    first: bool,
) -> Error {
    // SAFETY: as the caller promises.
    let (state, want, dead) = unsafe { (sys::SSL_get_state(ssl), sys::SSL_want(ssl), gate::given_up(ssl)) };
    if !(sys::SSL_NOTHING..=sys::SSL_READING).contains(&want) {
        return Error::new(Status::EUnsupported, "libssl waits for a callback of the application to finish")
            .with_hint("drive this connection with SSL_do_handshake, whose SSL_get_error says which");
    }
    // SAFETY: as the caller promises.
    let newest = unsafe { newest_reason(ssl) };
    let named = newest.as_ref().is_some_and(|reason| reason.from_libssl);
    let errno = match transport {
        Some(transport) => transport.errno.take(),
        // libssl waits for a BIO that did not say "try again": the system refused. Since 3.2 it waits no more after
        // that, so a complaint is believed once, and where libssl names no reason.
        // Once libssl itself has given the connection up its reason counts, and "try again" is no complaint at all.
        None => errno.filter(|errno| match *errno {
            libc::EAGAIN | libc::EINTR => false,
            errno if dead || want == sys::SSL_NOTHING => first && !named && is_of_a_socket(errno),
            _ => true,
        }),
    };
    // SAFETY: as the caller promises.
    let alive = unsafe { ffi::SSL_is_init_finished(ssl) } == 1;
    // Where libssl itself can go on and the system complained, what is on the queue is an older entry.
    let reason = newest.filter(|_| !(alive && errno.is_some()));
    // SAFETY: as the caller promises.
    let peer = peer_address(unsafe { descriptors(ssl) }.0);
    let established =
        alive || state == sys::TLS_ST_OK || transport.is_some_and(|transport| transport.established.get());
    let words = |head: &[u8]| {
        explain(&Facts {
            phase: if established { phase } else { Phase::Handshake },
            peer: &peer,
            reason: reason.clone(),
            errno,
            ended: transport.is_some_and(|transport| transport.ended.get()),
            head,
            before_server_hello: state == sys::TLS_ST_BEFORE || state == waiting_for_server_hello(),
            // SAFETY: as the caller promises.
            offer: unsafe { offer(ssl) },
        })
    };
    match transport {
        Some(transport) => {
            if !transport.with_head(begins_like_tls) {
                transport.look_further();
            }
            transport.with_head(words)
        }
        None => words(&[]),
    }
}

/// The number of the state in which a client's hello was sent, in the libssl that runs. In words, as SSL_state_string
/// gives it, it cannot be asked for once the handshake has failed.
fn waiting_for_server_hello() -> c_int {
    const OPENSSL_3_2: i64 = 0x3020_0000;
    if openssl::version::number() < OPENSSL_3_2 { sys::TLS_ST_CW_CLNT_HELLO } else { sys::TLS_ST_CW_CLNT_HELLO_3_2 }
}

/// The newest entry of this thread's error queue.
///
/// # Safety
/// As for [`failure`].
unsafe fn newest_reason(ssl: *mut ffi::SSL) -> Option<Reason> {
    // SAFETY: reads this thread's queue.
    let code = unsafe { ffi::ERR_peek_last_error() };
    if ffi::ERR_GET_LIB(code) == library() {
        // Our own entry is about an earlier call.
        return None;
    }
    let mut text = reason_text(code)?;
    let (from_libssl, code) = (ffi::ERR_GET_LIB(code) == ERR_LIB_SSL, ffi::ERR_GET_REASON(code));
    if from_libssl && code == RECORD_LAYER_FAILURE {
        // What was wrong with the record stands below this entry, where nothing can look; the alert says it too.
        // SAFETY: as the caller promises.
        let alert = unsafe { Watch::of(Conn::live(ssl)) }.and_then(|watch| watch.state().sent_alert);
        text = alert.map_or(text, |alert| alert::name(alert).replace('_', " "));
    }
    Some(Reason { from_libssl, code, text })
}

/// Whether the system says so of a connection, and not of a file or a call that something else made meanwhile.
fn is_of_a_socket(errno: c_int) -> bool {
    use libc::{ECONNABORTED, ECONNRESET, EHOSTUNREACH, ENETDOWN, ENETRESET, ENETUNREACH, EPIPE, ETIMEDOUT};
    let known = [ECONNABORTED, ECONNRESET, EHOSTUNREACH, ENETDOWN, ENETRESET, ENETUNREACH, EPIPE, ETIMEDOUT];
    known.contains(&errno)
}

/// What the client `ssl` offers: the security callback keeps every other suite out of the hello.
///
/// # Safety
/// As for [`failure`].
unsafe fn offer(ssl: *mut ffi::SSL) -> Offer {
    // SAFETY: as the caller promises.
    let guard = unsafe { Guard::of_conn(Conn::live(ssl)) };
    let control = |command: c_int| {
        // SAFETY: as the caller promises; these controls take no pointer.
        unsafe { ffi::SSL_ctrl(ssl, command, 0, ptr::null_mut()) }
    };
    let (least, most) = (control(sys::SSL_CTRL_GET_MIN_PROTO_VERSION), control(sys::SSL_CTRL_GET_MAX_PROTO_VERSION));
    let offered = |version: &c_int| (least..=most).contains(&c_long::from(*version));
    // SAFETY: as the caller promises; NULL or a stack that the connection or its context owns.
    let stack = unsafe { sys::SSL_get_ciphers(ssl) };
    let mut suites = Vec::new();
    if let Some(guard) = guard.filter(|_| !stack.is_null()) {
        // SAFETY: as above; the suites in it are static.
        for suite in unsafe { StackRef::<SslCipher>::from_ptr(stack) } {
            let id = u16::from_be_bytes(suite.protocol_id());
            let version = if id >> 8 == 0x13 { ffi::TLS1_3_VERSION } else { ffi::TLS1_2_VERSION };
            if guard.policy.permits_suite(id) && offered(&version) {
                suites.push(suite.name().to_owned());
            }
        }
    }
    Offer { versions: (ffi::TLS1_VERSION..=ffi::TLS1_3_VERSION).filter(offered).collect(), suites }
}

/// `error` with the host of `ssl`, where it has none yet.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn with_host(ssl: *mut ffi::SSL, error: Error) -> Error {
    if error.host().is_some() {
        return error;
    }
    // SAFETY: as the caller promises.
    match unsafe { host(ssl) } {
        Some(host) => error.with_host(host),
        None => error,
    }
}

/// The host that `ssl` is to reach.
///
/// # Safety
/// As for [`with_host`].
unsafe fn host(ssl: *mut ffi::SSL) -> Option<String> {
    // SAFETY: as the caller promises, here and below.
    let (guard, watch) = unsafe { (Guard::of_conn(Conn::live(ssl))?, Watch::of(Conn::live(ssl))) };
    if let Some(Verdict::Verified { host: Some(host) }) = watch.map(|watch| watch.state().verdict.clone()) {
        return Some(host);
    }
    // SAFETY: as above.
    if unsafe { guard.role_on(Conn::live(ssl)) } != Role::Client {
        return None;
    }
    // SAFETY: as above.
    let wanted = unsafe { expected_host::of_connection(Conn::live(ssl), guard, watch, &Quiet::begin()) }.ok()?;
    wanted.first().map(|host| host.text().into_owned())
}

/// The descriptors that `ssl` reads from and writes to, where it has any.
///
/// # Safety
/// As for [`with_host`].
pub unsafe fn descriptors(ssl: *const ffi::SSL) -> (Option<c_int>, Option<c_int>) {
    // SAFETY: as the caller promises, here and below. Asked for a descriptor, libssl complains about a missing BIO on the
    // error queue.
    let (reader, writer) = unsafe { (ffi::SSL_get_rbio(ssl), ffi::SSL_get_wbio(ssl)) };
    let ask = |bio: *mut ffi::BIO, get: unsafe extern "C" fn(*const ffi::SSL) -> c_int| {
        // SAFETY: as above.
        (!bio.is_null()).then(|| unsafe { get(ssl) }).filter(|fd| *fd >= 0)
    };
    (ask(reader, sys::SSL_get_rfd), ask(writer, sys::SSL_get_wfd))
}

/// The address of the peer of a socket, or "the peer" where there is none that could be shown.
pub fn peer_address(fd: Option<c_int>) -> String {
    let nobody = || "the peer".to_owned();
    let Some(fd) = fd else { return nobody() };
    // SAFETY: plain data, which getpeername fills in.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: `storage` has room for `len` bytes.
    if unsafe { libc::getpeername(fd, (&raw mut storage).cast(), &mut len) } != 0 {
        return nobody();
    }
    let address = match c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which form it is, and sockaddr_storage is aligned for every form.
            let v4 = unsafe { &*(&raw const storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            SocketAddr::new(IpAddr::V4(ip), u16::from_be(v4.sin_port))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*(&raw const storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            SocketAddr::new(IpAddr::V6(ip), u16::from_be(v6.sin6_port))
        }
        _ => return nobody(),
    };
    resolve::show(&address)
}
