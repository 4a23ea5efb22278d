//! A server's side of connections over sockets: hostlock's, and raw OpenSSL's with the same policy and modes, as a careful
//! program sets it up. Clients of the bench are raw OpenSSL's and show a certificate where they are asked for one.

use std::ffi::{CStr, CString, c_int, c_long};
use std::ptr;

use foreign_types::ForeignType;
use hostlock::ffi as abi;
use hostlock::policy::{Policy, suite_list};
use openssl::ssl::{SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslVerifyMode, SslVersion};
use openssl_sys as ffi;

use crate::pair;
use crate::peers::HOSTLOCK;
use crate::pki::{self, Pki};

unsafe extern "C" {
    fn SSL_set_fd(ssl: *mut ffi::SSL, fd: c_int) -> c_int;
    fn SSL_get1_session(ssl: *mut ffi::SSL) -> *mut ffi::SSL_SESSION;
    fn SSL_get_peer_cert_chain(ssl: *const ffi::SSL) -> *mut ffi::stack_st_X509;
}

/// Raw OpenSSL as it comes, in memory.
pub const RAW_DEFAULT: &str = "raw, default";

/// Whom a server lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    Anyone,
    /// Those with a certificate of the CA's.
    Certified,
    /// Those with a certificate of the CA's for [`pki::CLIENT`].
    Named,
}

/// A server's context.
pub struct Server {
    context: SslContext,
    by_hostlock: bool,
}

impl Server {
    pub fn new(peer: &str, pki: &Pki, clients: Clients) -> Server {
        let by_hostlock = peer == HOSTLOCK;
        let context = match peer {
            HOSTLOCK => hostlock_context(pki, clients),
            RAW_DEFAULT => default_context(pki),
            _ => careful_raw_context(pki, clients),
        };
        Server { context, by_hostlock }
    }

    /// The same, by the same context.
    pub fn sharing(&self) -> Server {
        Server { context: self.context.clone(), by_hostlock: self.by_hostlock }
    }

    /// The context.
    pub fn context(&self) -> &SslContext {
        &self.context
    }

    /// The server's side of a connected socket in non-blocking mode; nothing has been read yet.
    pub fn accept(&self, fd: c_int) -> Accepted {
        let mut made = ptr::null_mut();
        // SAFETY: the context is live, and the place is written to.
        unsafe {
            if self.by_hostlock {
                assert_eq!(abi::server::hostlock_accept_fd(self.context.as_ptr(), fd, &mut made), 0);
            } else {
                made = ffi::SSL_new(self.context.as_ptr());
                assert_eq!(SSL_set_fd(made, fd), 1);
                ffi::SSL_set_accept_state(made);
            }
        }
        Accepted { ssl: made, by_hostlock: self.by_hostlock }
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(usize),
    /// Nothing can be read now.
    Later,
    /// The client said goodbye.
    Goodbye,
}

/// A server's connection, which is freed with this.
pub struct Accepted {
    pub ssl: *mut ffi::SSL,
    by_hostlock: bool,
}

impl Accepted {
    pub fn handshake(&mut self) -> Outcome {
        // SAFETY: the connection is live.
        unsafe {
            if self.by_hostlock {
                of_hostlock(abi::connection::hostlock_handshake(self.ssl) as isize)
            } else {
                match ffi::SSL_do_handshake(self.ssl) {
                    1 => Outcome::Done(0),
                    other => self.of_raw(other),
                }
            }
        }
    }

    pub fn read(&mut self, room: &mut [u8]) -> Outcome {
        let (at, len) = (room.as_mut_ptr(), room.len());
        // SAFETY: the connection is live, and the room has that length.
        unsafe {
            if self.by_hostlock {
                match abi::connection::hostlock_read(self.ssl, at.cast(), len) {
                    0 => Outcome::Goodbye,
                    other => of_hostlock(other),
                }
            } else {
                let got = ffi::SSL_read(self.ssl, at.cast(), len as c_int);
                self.of_raw(got)
            }
        }
    }

    /// Writes all of what a socket's buffer has room for.
    pub fn write(&mut self, bytes: &[u8]) {
        let (at, len) = (bytes.as_ptr(), bytes.len());
        // SAFETY: the connection is live, and so many bytes are there.
        let written = unsafe {
            if self.by_hostlock {
                abi::connection::hostlock_write(self.ssl, at.cast(), len)
            } else {
                ffi::SSL_write(self.ssl, at.cast(), len as c_int) as isize
            }
        };
        assert_eq!(usize::try_from(written), Ok(len));
    }

    pub fn say_goodbye(&mut self) {
        // SAFETY: the connection is live.
        unsafe {
            if self.by_hostlock {
                assert_eq!(abi::connection::hostlock_shutdown(self.ssl), 0);
            } else {
                ffi::SSL_shutdown(self.ssl);
            }
        }
    }

    pub fn is_resumed(&self) -> bool {
        // SAFETY: the connection is live.
        unsafe { ffi::SSL_session_reused(self.ssl) == 1 }
    }

    /// Whether the client has shown certificates in this handshake.
    pub fn has_seen_a_chain(&self) -> bool {
        // SAFETY: the connection is live.
        unsafe { !SSL_get_peer_cert_chain(self.ssl).is_null() }
    }

    fn of_raw(&self, answer: c_int) -> Outcome {
        if let Ok(amount @ 1..) = usize::try_from(answer) {
            return Outcome::Done(amount);
        }
        // SAFETY: the connection is live.
        match unsafe { ffi::SSL_get_error(self.ssl, answer) } {
            ffi::SSL_ERROR_WANT_READ => Outcome::Later,
            ffi::SSL_ERROR_ZERO_RETURN => Outcome::Goodbye,
            other => panic!("error {other}: {}", openssl::error::ErrorStack::get()),
        }
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        // SAFETY: made by `accept`, freed once.
        unsafe {
            if self.by_hostlock {
                abi::connection::hostlock_conn_free(self.ssl);
            } else {
                ffi::SSL_free(self.ssl);
            }
        }
    }
}

fn of_hostlock(answer: isize) -> Outcome {
    let want_read = hostlock::error::Status::WantRead.code() as isize;
    match usize::try_from(answer) {
        Ok(amount) => Outcome::Done(amount),
        Err(_) if answer == want_read => Outcome::Later,
        Err(_) => {
            // SAFETY: the last error is live until the next call.
            let why =
                unsafe { CStr::from_ptr(abi::errors::hostlock_error_message(abi::errors::hostlock_last_error())) };
            panic!("status {answer}: {}", why.to_string_lossy())
        }
    }
}

/// A context of hostlock's, with the server's certificate, made by the C ABI.
fn hostlock_context(pki: &Pki, clients: Clients) -> SslContext {
    let chain = [pki.server.to_pem().unwrap(), pki.above()].concat();
    let key = pki.key.private_key_to_pem_pkcs8().unwrap();
    let ca = pki.ca.to_pem().unwrap();
    // SAFETY: NULL is the newest policy; the context is live, and the bytes outlive the calls.
    unsafe {
        let ctx = abi::context::hostlock_server_new(ptr::null());
        assert!(!ctx.is_null());
        let add = abi::own_side::hostlock_ctx_add_cert_mem;
        assert_eq!(add(ctx, chain.as_ptr(), chain.len(), key.as_ptr(), key.len(), ptr::null()), 0);
        if clients != Clients::Anyone {
            assert_eq!(abi::trust::hostlock_ctx_trust_mem(ctx, ca.as_ptr(), ca.len()), 0);
        }
        if clients == Clients::Named {
            let name = CString::new(pki::CLIENT).expect("no NUL");
            assert_eq!(abi::server::hostlock_server_set_client_names(ctx, name.as_ptr()), 0);
        }
        SslContext::from_ptr(ctx)
    }
}

/// What careful OpenSSL code does, with the policy's versions, options, suites, groups and algorithms, and with buffers that
/// idle connections give back, so that the difference is hostlock's own work.
fn careful_raw_context(pki: &Pki, clients: Clients) -> SslContext {
    let policy = Policy::named("default").unwrap();
    let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
    builder.set_options(SslOptions::from_bits_retain(policy.options_to_set(true) as _));
    builder.clear_options(SslOptions::from_bits_retain(policy.options_to_clear() as _));
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    builder.set_cipher_list(&suite_list(policy.suites_tls12)).unwrap();
    builder.set_ciphersuites(&suite_list(policy.suites_tls13)).unwrap();
    builder.set_groups_list(policy.groups.to_str().unwrap()).unwrap();
    builder.set_sigalgs_list(policy.signature_algorithms.to_str().unwrap()).unwrap();
    builder.set_security_level(policy.security_level as u32);
    builder.set_mode(SslMode::RELEASE_BUFFERS | SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
    builder.set_session_id_context(b"bench").unwrap();
    if clients == Clients::Named {
        builder.verify_param_mut().set_host(pki::CLIENT).unwrap();
    }
    if clients != Clients::Anyone {
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        builder.cert_store_mut().add_cert(pki.ca.clone()).unwrap();
        builder.add_client_ca(&pki.ca).unwrap();
    }
    show_certificate(&mut builder, pki);
    builder.build()
}

fn default_context(pki: &Pki) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
    show_certificate(&mut builder, pki);
    builder.build()
}

fn show_certificate(builder: &mut SslContextBuilder, pki: &Pki) {
    builder.set_certificate(&pki.server).unwrap();
    if let Some(intermediate) = &pki.intermediate {
        builder.add_extra_chain_cert(intermediate.clone()).unwrap();
    }
    builder.set_private_key(&pki.key).unwrap();
}

/// A client's context of raw OpenSSL's that verifies the server, speaks that version, and has a certificate to show.
pub fn client_context(pki: &Pki, version: SslVersion) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::PEER);
    builder.cert_store_mut().add_cert(pki.ca.clone()).unwrap();
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.set_certificate(&pki.client).unwrap();
    if let Some(intermediate) = &pki.intermediate {
        builder.add_extra_chain_cert(intermediate.clone()).unwrap();
    }
    builder.set_private_key(&pki.client_key).unwrap();
    builder.build()
}

/// A client over a connected socket in non-blocking mode; freed with this.
pub struct Client(*mut ffi::SSL);

impl Client {
    pub fn over(context: &SslContext, fd: c_int) -> Client {
        // SAFETY: the context is live, and the new connection with it.
        unsafe {
            let ssl = ffi::SSL_new(context.as_ptr());
            assert_eq!(SSL_set_fd(ssl, fd), 1);
            ffi::SSL_set_connect_state(ssl);
            pair::name_host_raw(ssl);
            Client(ssl)
        }
    }

    /// Offers the session of another connection.
    pub fn resume(&self, session: *mut ffi::SSL_SESSION) {
        // SAFETY: both are live; the client takes a reference of its own.
        assert_eq!(unsafe { ffi::SSL_set_session(self.0, session) }, 1);
    }

    /// The session that it has got; it lives as long as the process.
    pub fn session(&self) -> *mut ffi::SSL_SESSION {
        // SAFETY: the client is live.
        let session = unsafe { SSL_get1_session(self.0) };
        assert!(!session.is_null());
        session
    }

    /// Whether the handshake is complete now.
    pub fn handshake(&self) -> bool {
        // SAFETY: the client is live.
        let answer = unsafe { ffi::SSL_do_handshake(self.0) };
        self.is_done(answer)
    }

    /// Whether something was read, or the server said goodbye.
    pub fn read(&self, room: &mut [u8]) -> Outcome {
        // SAFETY: the client is live, and the room has that length.
        unsafe {
            let got = ffi::SSL_read(self.0, room.as_mut_ptr().cast(), room.len() as c_int);
            if got == 0 && ffi::SSL_get_error(self.0, got) == ffi::SSL_ERROR_ZERO_RETURN {
                return Outcome::Goodbye;
            }
            if self.is_done(got) { Outcome::Done(got as usize) } else { Outcome::Later }
        }
    }

    pub fn write(&self, bytes: &[u8]) {
        // SAFETY: the client is live, and so many bytes are there.
        let written = unsafe { ffi::SSL_write(self.0, bytes.as_ptr().cast(), bytes.len() as c_int) };
        assert_eq!(written as usize, bytes.len());
    }

    pub fn say_goodbye(&self) {
        // SAFETY: the client is live.
        unsafe { ffi::SSL_shutdown(self.0) };
    }

    fn is_done(&self, answer: c_int) -> bool {
        if answer > 0 {
            return true;
        }
        // SAFETY: the client is live.
        let error = unsafe { ffi::SSL_get_error(self.0, answer) };
        assert_eq!(error, ffi::SSL_ERROR_WANT_READ, "{}", openssl::error::ErrorStack::get());
        false
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: made in `over`, freed once.
        unsafe { ffi::SSL_free(self.0) };
    }
}

/// Has the process open as many descriptors as the system lets it.
pub fn allow_descriptors(count: usize) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the place is written to, and read.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    assert!(
        limit.rlim_cur as usize >= count,
        "this needs {count} descriptors, and `ulimit -Hn` says {}",
        limit.rlim_max
    );
}

/// Memory that the process occupies, in bytes.
pub fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("the kernel tells");
    let pages: u64 = text.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("the second number is resident");
    // SAFETY: takes a number.
    pages * u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as c_long).expect("pages have a size")
}
