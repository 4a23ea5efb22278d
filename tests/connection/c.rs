//! The C functions as a test wants them: handles that free themselves, failures with their facts.

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use foreign_types::ForeignType;
use hostlock::error::Status;
use hostlock::ffi::connection::*;
use hostlock::ffi::context::*;
use hostlock::ffi::errors::*;
use hostlock::ffi::hostlock_error;
use hostlock::ffi::library::hostlock_string_free;
use hostlock::guard::Guard;
use hostlock::libssl;
use openssl::x509::X509;
use openssl_sys as ffi;

/// What a failing call left behind.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    pub message: String,
    pub hint: String,
    pub host: Option<String>,
}

impl Failure {
    /// The thread's last failure, whose status the call must have answered.
    pub fn last(answer: impl Into<i64>) -> Failure {
        let error = hostlock_last_error();
        assert!(!error.is_null(), "a failing call leaves an error");
        // SAFETY: the pointer lives until the next failing call of this thread.
        let failure = unsafe { Failure::of(error) };
        assert_eq!(i64::from(failure.status.code()), answer.into());
        failure
    }

    /// What an error says.
    ///
    /// # Safety
    /// `error` is live.
    pub unsafe fn of(error: *const hostlock_error) -> Failure {
        // SAFETY: the caller promises that it is live.
        unsafe {
            Failure {
                status: Status::from_code(hostlock_error_status(error)).unwrap(),
                message: text(hostlock_error_message(error)).unwrap(),
                hint: text(hostlock_error_hint(error)).unwrap(),
                host: text(hostlock_error_host(error)),
            }
        }
    }

    /// Asserts the status, that the host is named, and that the words hold each fact.
    #[track_caller]
    pub fn expect(&self, status: Status, host: &str, facts: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.host.as_deref(), Some(host), "{self:?}");
        for fact in facts {
            assert!(self.message.contains(fact), "{fact:?} is not in {self:?}");
        }
        let first = self.message.chars().next().unwrap();
        assert!(!first.is_uppercase() && !self.message.contains('\n') && !self.message.ends_with('.'), "{self:?}");
    }
}

/// A copy of a C string.
pub fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: what hostlock gives is NULL or NUL-terminated.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_owned())
}

/// A client context.
pub struct Ctx(pub *mut ffi::SSL_CTX);

// SAFETY: a context may be shared by threads.
unsafe impl Send for Ctx {}

impl Ctx {
    /// One that trusts these; the system's, where there are none.
    pub fn trusting(anchors: &[&X509]) -> Ctx {
        // SAFETY: NULL asks for the default policy.
        let ctx = unsafe { hostlock_client_new(ptr::null()) };
        assert!(!ctx.is_null());
        if anchors.is_empty() {
            return Ctx(ctx);
        }
        let anchors: Vec<X509> = anchors.iter().map(|anchor| (*anchor).clone()).collect();
        // SAFETY: the context is live and not in use.
        unsafe { Guard::of(libssl::Ctx::live(ctx)).unwrap().anchors.add(libssl::Ctx::live(ctx), &anchors).unwrap() };
        Ctx(ctx)
    }

    pub fn set_timeout(&self, milliseconds: c_int) {
        // SAFETY: the context is live.
        assert_eq!(unsafe { hostlock_ctx_set_timeout(self.0, milliseconds) }, 0);
    }

    pub fn connect(&self, host: &str, port: u16) -> Result<Conn, Failure> {
        let host = CString::new(host).unwrap();
        let mut conn = ptr::null_mut();
        // SAFETY: all pointers are live.
        match unsafe { hostlock_connect(self.0, host.as_ptr(), port, &mut conn) } {
            0 => Ok(Conn(conn)),
            answer => {
                assert!(conn.is_null(), "written only on success");
                Err(Failure::last(answer))
            }
        }
    }

    pub fn connect_fd(&self, fd: c_int, host: &str) -> Result<Conn, Failure> {
        let host = CString::new(host).unwrap();
        let mut conn = ptr::null_mut();
        // SAFETY: all pointers are live; the caller keeps the descriptor open.
        match unsafe { hostlock_connect_fd(self.0, fd, host.as_ptr(), &mut conn) } {
            0 => Ok(Conn(conn)),
            answer => {
                assert!(conn.is_null(), "written only on success");
                Err(Failure::last(answer))
            }
        }
    }
}

impl Drop for Ctx {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { hostlock_ctx_free(self.0) };
    }
}

/// A connection.
#[derive(Debug)]
pub struct Conn(pub *mut ffi::SSL);

// SAFETY: used by one thread at a time.
unsafe impl Send for Conn {}

impl Conn {
    /// The bytes of one read, none for a clean end, or the status.
    pub fn read(&self) -> Result<Vec<u8>, Status> {
        let mut room = [0u8; 4096];
        // SAFETY: the buffer has that room.
        let got = unsafe { hostlock_read(self.0, room.as_mut_ptr().cast(), room.len()) };
        usize::try_from(got).map(|got| room[..got].to_vec()).map_err(|_| Status::from_code(got as i32).unwrap())
    }

    pub fn read_failure(&self) -> Failure {
        Failure::last(self.read().unwrap_err().code())
    }

    pub fn write(&self, data: &[u8]) -> Result<usize, Status> {
        // SAFETY: the buffer has that length.
        let sent = unsafe { hostlock_write(self.0, data.as_ptr().cast(), data.len()) };
        usize::try_from(sent).map_err(|_| Status::from_code(sent as i32).unwrap())
    }

    pub fn write_all(&self, data: &[u8]) -> Result<usize, Status> {
        // SAFETY: the buffer has that length.
        let sent = unsafe { hostlock_write_all(self.0, data.as_ptr().cast(), data.len()) };
        usize::try_from(sent).map_err(|_| Status::from_code(sent as i32).unwrap())
    }

    pub fn handshake(&self) -> c_int {
        // SAFETY: the connection is live.
        unsafe { hostlock_handshake(self.0) }
    }

    pub fn shutdown(&self) -> c_int {
        // SAFETY: the connection is live.
        unsafe { hostlock_shutdown(self.0) }
    }

    pub fn verified_host(&self) -> Option<String> {
        // SAFETY: the connection is live.
        text(unsafe { hostlock_conn_verified_host(self.0) })
    }

    pub fn info(&self) -> serde_json::Value {
        // SAFETY: the connection is live; the string is freed once.
        unsafe {
            let info = hostlock_conn_info(self.0);
            let value = serde_json::from_str(&text(info).unwrap()).unwrap();
            hostlock_string_free(info);
            value
        }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // SAFETY: freed once.
        unsafe { hostlock_conn_free(self.0) };
    }
}

/// An `SSL` as an old program makes it.
pub fn raw_ssl(ctx: &Ctx) -> openssl::ssl::Ssl {
    // SAFETY: the context is live; one more reference for the wrapper.
    unsafe {
        ffi::SSL_CTX_up_ref(ctx.0);
        let context = openssl::ssl::SslContext::from_ptr(ctx.0);
        openssl::ssl::Ssl::new(&context).unwrap()
    }
}

/// The error queue's entries as "library: reason", oldest first; empties it.
pub fn queue() -> Vec<String> {
    openssl::error::ErrorStack::get()
        .errors()
        .iter()
        .map(|entry| format!("{}: {}", entry.library().unwrap_or("?"), entry.reason().unwrap_or("?")))
        .collect()
}
