//! A client and a server in one process, joined by a BIO pair, so that every instruction is a handshake's own.

use std::ffi::{CStr, c_int, c_long, c_void};
use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;

use foreign_types::ForeignType;
use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslMethod, SslVersion};
use openssl::x509::X509;
use openssl_sys as ffi;

use crate::peers::{HARDENED, HOSTLOCK, RAW};
use crate::pki::Pki;
use crate::step::{counted_part, end_step};

pub const HOST: &CStr = c"bench.example";

unsafe extern "C" {
    fn SSL_CTX_get0_param(ctx: *mut ffi::SSL_CTX) -> *mut ffi::X509_VERIFY_PARAM;
    fn SSL_get1_session(ssl: *mut ffi::SSL) -> *mut ffi::SSL_SESSION;
    fn SSL_set_fd(ssl: *mut ffi::SSL, fd: c_int) -> c_int;
    fn SSL_get_fd(ssl: *const ffi::SSL) -> c_int;
    pub fn BIO_new_bio_pair(
        one: *mut *mut ffi::BIO,
        one_size: usize,
        two: *mut *mut ffi::BIO,
        two_size: usize,
    ) -> c_int;
}

/// A joined client and server.
pub struct Pair {
    pub client: *mut ffi::SSL,
    pub server: *mut ffi::SSL,
}

impl Pair {
    /// A new connection between the two contexts; `prepare` names the host.
    pub fn new(client: &SslContext, server: &SslContext, prepare: impl FnOnce(*mut ffi::SSL)) -> Pair {
        // SAFETY: both contexts are live; each SSL takes one end of the pair.
        unsafe {
            let pair = Pair { client: ffi::SSL_new(client.as_ptr()), server: ffi::SSL_new(server.as_ptr()) };
            let (mut one, mut two) = (ptr::null_mut(), ptr::null_mut());
            assert_eq!(BIO_new_bio_pair(&mut one, 1 << 16, &mut two, 1 << 16), 1);
            ffi::SSL_set_bio(pair.client, one, one);
            ffi::SSL_set_bio(pair.server, two, two);
            ffi::SSL_set_connect_state(pair.client);
            ffi::SSL_set_accept_state(pair.server);
            prepare(pair.client);
            pair
        }
    }

    /// Two sides of a socket pair, connected: by hostlock_connect_fd, or by SSL_set_fd where `prepare` names the host.
    pub fn over_sockets(client: &SslContext, server: &SslContext, prepare: Option<fn(*mut ffi::SSL)>) -> Pair {
        let (one, two) = UnixStream::pair().unwrap();
        // The process ends before the descriptors need to be closed.
        let (one, two) = (one.into_raw_fd(), two.into_raw_fd());
        // SAFETY: both contexts are live, and each SSL is used by one thread at a time.
        unsafe {
            let server = ffi::SSL_new(server.as_ptr());
            assert_eq!(SSL_set_fd(server, two), 1);
            let served = Alone(server);
            let accepting = std::thread::spawn(move || served.accept());
            let client = match prepare {
                None => {
                    let mut made = ptr::null_mut();
                    let connect = hostlock::ffi::connection::hostlock_connect_fd;
                    assert_eq!(connect(client.as_ptr(), one, HOST.as_ptr(), &mut made), 0);
                    made
                }
                Some(prepare) => {
                    let made = ffi::SSL_new(client.as_ptr());
                    assert_eq!(SSL_set_fd(made, one), 1);
                    prepare(made);
                    // libssl's own, as the context may be raw OpenSSL's.
                    assert_eq!(ffi::SSL_connect(made), 1);
                    made
                }
            };
            assert_eq!(accepting.join().unwrap(), 1);
            Pair { client, server }
        }
    }

    /// The client is one that hostlock_connect_fd made, over a socket that does not block.
    pub fn by_hostlock(client: &SslContext, server: &SslContext) -> Pair {
        let (one, two) = UnixStream::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        two.set_nonblocking(true).unwrap();
        // The process ends before the descriptors need to be closed.
        let (one, two) = (one.into_raw_fd(), two.into_raw_fd());
        let mut made = ptr::null_mut();
        // SAFETY: both contexts are live.
        unsafe {
            let connect = hostlock::ffi::connection::hostlock_connect_fd;
            assert_eq!(connect(client.as_ptr(), one, HOST.as_ptr(), &mut made), 0);
            let server = ffi::SSL_new(server.as_ptr());
            assert_eq!(SSL_set_fd(server, two), 1);
            ffi::SSL_set_accept_state(server);
            Pair { client: made, server }
        }
    }

    /// Reads what TLS 1.3 sends behind the handshake.
    pub fn read_nothing(&self) {
        let mut nothing = [0_u8; 1];
        let read = hostlock::ffi::connection::hostlock_read;
        // SAFETY: the client is live; so many bytes may be written to.
        assert_eq!(unsafe { read(self.client, nothing.as_mut_ptr().cast(), 1) }, -1);
    }

    /// Has hostlock free the client.
    pub fn free_by_hostlock(mut self) {
        let client = std::mem::replace(&mut self.client, ptr::null_mut());
        // SAFETY: the client is live, and nobody uses it any more.
        unsafe { hostlock::ffi::connection::hostlock_conn_free(client) };
    }

    /// Drives both sides to the end of the handshake.
    pub fn handshake(&self) {
        self.drive(client_step);
    }

    /// The same, where the client's part counts. Answers its nanoseconds.
    pub fn counted_handshake(&self) -> u64 {
        self.drive(|client| counted_part(|| client_step(client)));
        end_step()
    }

    /// The session that the server has given; it lives as long as the process.
    pub fn session(&self) -> *mut ffi::SSL_SESSION {
        let mut nothing = [0_u8; 1];
        // SAFETY: the client is live; TLS 1.3 sends tickets behind the handshake, which reading takes in.
        unsafe {
            ffi::SSL_read(self.client, nothing.as_mut_ptr().cast(), 1);
            ffi::ERR_clear_error();
            let session = SSL_get1_session(self.client);
            assert!(!session.is_null());
            session
        }
    }

    pub fn set_session(&self, session: *mut ffi::SSL_SESSION) {
        // SAFETY: both are live; the client takes a reference of its own.
        assert_eq!(unsafe { ffi::SSL_set_session(self.client, session) }, 1);
    }

    /// The descriptor of the client, where it has one.
    pub fn client_descriptor(&self) -> c_int {
        // SAFETY: the client is live.
        unsafe { SSL_get_fd(self.client) }
    }

    /// Ends the connection well: the session of one that is only freed is good no more.
    pub fn close(&self) {
        // SAFETY: the client is live.
        unsafe { ffi::SSL_shutdown(self.client) };
    }

    pub fn is_verified(&self) -> bool {
        // SAFETY: the client is live.
        unsafe { ffi::SSL_get_verify_result(self.client) == 0 }
    }

    pub fn is_resumed(&self) -> bool {
        // SAFETY: the client is live.
        unsafe { ffi::SSL_session_reused(self.client) == 1 }
    }

    pub fn drive(&self, step: impl Fn(*mut ffi::SSL) -> c_int) {
        for _ in 0..10 {
            let done = step(self.client);
            // SAFETY: the server's side is live.
            let served = unsafe { ffi::SSL_do_handshake(self.server) };
            if done == 1 && served == 1 {
                return;
            }
        }
        panic!("the handshake did not complete: {}", openssl::error::ErrorStack::get());
    }
}

/// A connection that one thread alone uses for a time.
struct Alone(*mut ffi::SSL);

// SAFETY: libssl's connections may go from thread to thread, and the maker waits for the other thread.
unsafe impl Send for Alone {}

impl Alone {
    fn accept(self) -> c_int {
        // SAFETY: the connection is live.
        unsafe { ffi::SSL_accept(self.0) }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // SAFETY: made in `new`, freed once.
        unsafe {
            ffi::SSL_free(self.client);
            ffi::SSL_free(self.server);
        }
    }
}

/// A step of hostlock's: 1 where the handshake is complete.
pub fn hostlock_step(client: *mut ffi::SSL) -> c_int {
    // SAFETY: the client is live.
    c_int::from(unsafe { hostlock::ffi::connection::hostlock_handshake(client) } == 0)
}

fn client_step(client: *mut ffi::SSL) -> c_int {
    // SAFETY: the client is live.
    unsafe { ffi::SSL_do_handshake(client) }
}

/// A client context of `peer` that trusts the CA, and how it names the host.
pub fn client(peer: &str, pki: &Pki) -> (SslContext, fn(*mut ffi::SSL)) {
    match peer {
        HOSTLOCK => (hostlock_context(&pki.ca), name_host_hostlock),
        HARDENED => {
            let context = careful_raw_context(&pki.ca);
            harden(context.as_ptr());
            (context, name_host_raw)
        }
        _ => (careful_raw_context(&pki.ca), name_host_raw),
    }
}

/// Has the context verify for this moment, as if it were another.
pub fn set_moment(peer: &str, client: &SslContext) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is later than 1970");
    let now = i64::try_from(since.as_secs()).expect("it fits");
    // SAFETY: the context is live.
    unsafe {
        if peer == RAW {
            ffi::X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(client.as_ptr()), now);
        } else {
            assert_eq!(hostlock::ffi::verify::hostlock_ctx_set_verify_time(client.as_ptr(), now), 0);
        }
    }
}

/// Hardens a context of raw OpenSSL's in place.
pub fn harden(ctx: *mut ffi::SSL_CTX) {
    // SAFETY: the caller owns the live context; NULL is the newest policy, and no host.
    assert_eq!(unsafe { hostlock::ffi::harden::hostlock_harden(ctx, ptr::null(), ptr::null()) }, 0);
}

/// What careful OpenSSL code does: verify, name the host, send SNI; the suites, groups and algorithms are the policy's,
/// so that the difference is hostlock's own work.
fn careful_raw_context(ca: &X509) -> SslContext {
    let policy = hostlock::policy::Policy::named("default").unwrap();
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(openssl::ssl::SslVerifyMode::PEER);
    builder.cert_store_mut().add_cert(ca.clone()).unwrap();
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    builder.set_cipher_list(&hostlock::policy::suite_list(policy.suites_tls12)).unwrap();
    builder.set_ciphersuites(&hostlock::policy::suite_list(policy.suites_tls13)).unwrap();
    // The newer list first, as hostlock does, where this OpenSSL knows what is in it.
    let set = |set: &mut dyn FnMut(&str) -> Result<(), ErrorStack>, lists: [&CStr; 2]| {
        assert!(lists.into_iter().any(|list| set(list.to_str().unwrap()).is_ok()));
    };
    set(&mut |list| builder.set_groups_list(list), [policy.groups_hybrid, policy.groups]);
    set(&mut |list| builder.set_sigalgs_list(list), [policy.signature_algorithms_mldsa, policy.signature_algorithms]);
    builder.build()
}

/// Names the host the way careful OpenSSL code does.
pub fn name_host_raw(ssl: *mut ffi::SSL) {
    const SNI: (c_int, c_long) = (55, 0);
    // SAFETY: the SSL is live; the strings are static and copied.
    unsafe {
        let param = ffi::SSL_get0_param(ssl);
        assert_eq!(ffi::X509_VERIFY_PARAM_set1_host(param, HOST.as_ptr(), HOST.count_bytes()), 1);
        assert_eq!(ffi::SSL_ctrl(ssl, SNI.0, SNI.1, HOST.as_ptr() as *mut c_void), 1);
    }
}

/// A hostlock context that trusts `ca`.
fn hostlock_context(ca: &X509) -> SslContext {
    let policy = hostlock::policy::Policy::named("default").unwrap();
    let context = hostlock::context::Context::client(policy).unwrap();
    context.guard().unwrap().anchors.add(context.as_ctx(), std::slice::from_ref(ca)).unwrap();
    // SAFETY: the context gives up its one reference.
    unsafe { SslContext::from_ptr(context.into_raw()) }
}

/// Names the host the way hostlock's users do.
pub fn name_host_hostlock(ssl: *mut ffi::SSL) {
    // SAFETY: the SSL is live; the string is static.
    assert_eq!(unsafe { hostlock::ffi::host::hostlock_conn_set_host(ssl, HOST.as_ptr()) }, 0);
}
