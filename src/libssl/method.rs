//! Which function gave a context its method: that says the side, and for old methods the one version that is spoken.
//! OpenSSL tells neither.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicUsize, Ordering};

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::libssl::library::Library;
use crate::libssl::library_span::is_ours;
use crate::libssl::{Ctx, sys};

/// The side that a method or a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It connects.
    Client,
    /// It accepts.
    Server,
    /// The method serves both, and nothing tells which it is.
    Either,
}

impl Side {
    /// Whether it may connect.
    pub fn may_connect(self) -> bool {
        self != Side::Server
    }
}

/// The method that a context was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// The name of the function that gives it; `None` where it is none of those that are known.
    pub name: Option<&'static str>,
    /// The only version that it speaks, where it is such a method.
    pub only: Option<c_int>,
    /// What carries it.
    pub carrier: Carrier,
}

/// What carries the records of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// A stream: TLS.
    Stream,
    /// Datagrams: DTLS.
    Datagrams,
    /// QUIC, which has TLS inside.
    Quic,
    /// Something that this hostlock does not know.
    Unknown,
}

/// A function that gives a method.
struct Known {
    function: &'static CStr,
    name: &'static str,
    side: Side,
    only: Option<c_int>,
    carrier: Carrier,
}

macro_rules! known {
    ($($function:ident: $side:ident $only:expr, $carrier:ident;)*) => {
        &[$(Known {
            // A NUL ends it, and a name in Rust has none inside.
            function: match CStr::from_bytes_with_nul(concat!(stringify!($function), "\0").as_bytes()) {
                Ok(function) => function,
                Err(_) => c"",
            },
            name: stringify!($function),
            side: Side::$side,
            only: $only,
            carrier: Carrier::$carrier,
        }),*]
    };
}

/// Those for one version are gone from OpenSSL 4, so all of them are asked for by name.
static KNOWN: &[Known] = known! {
    TLS_client_method: Client None, Stream;
    TLS_server_method: Server None, Stream;
    TLS_method: Either None, Stream;
    TLSv1_2_client_method: Client Some(ffi::TLS1_2_VERSION), Stream;
    TLSv1_2_server_method: Server Some(ffi::TLS1_2_VERSION), Stream;
    TLSv1_2_method: Either Some(ffi::TLS1_2_VERSION), Stream;
    TLSv1_1_client_method: Client Some(ffi::TLS1_1_VERSION), Stream;
    TLSv1_1_server_method: Server Some(ffi::TLS1_1_VERSION), Stream;
    TLSv1_1_method: Either Some(ffi::TLS1_1_VERSION), Stream;
    TLSv1_client_method: Client Some(ffi::TLS1_VERSION), Stream;
    TLSv1_server_method: Server Some(ffi::TLS1_VERSION), Stream;
    TLSv1_method: Either Some(ffi::TLS1_VERSION), Stream;
    SSLv3_client_method: Client Some(ffi::SSL3_VERSION), Stream;
    SSLv3_server_method: Server Some(ffi::SSL3_VERSION), Stream;
    SSLv3_method: Either Some(ffi::SSL3_VERSION), Stream;
    DTLS_client_method: Client None, Datagrams;
    DTLS_server_method: Server None, Datagrams;
    DTLS_method: Either None, Datagrams;
    DTLSv1_2_client_method: Client None, Datagrams;
    DTLSv1_2_server_method: Server None, Datagrams;
    DTLSv1_2_method: Either None, Datagrams;
    DTLSv1_client_method: Client None, Datagrams;
    DTLSv1_server_method: Server None, Datagrams;
    DTLSv1_method: Either None, Datagrams;
    OSSL_QUIC_client_method: Client None, Quic;
    OSSL_QUIC_client_thread_method: Client None, Quic;
    OSSL_QUIC_server_method: Server None, Quic;
    OSSL_QUIC_method: Either None, Quic;
};

/// What is known of a method of our libssl, and the side that it is for. It is only compared.
pub(super) fn known(method: *const ffi::SSL_METHOD) -> (Method, Side) {
    // SAFETY: no arguments; they give static methods. To look through all names takes longer.
    let current = unsafe { [ffi::TLS_method(), ffi::TLS_client_method(), ffi::TLS_server_method()] };
    let names = ["TLS_method", "TLS_client_method", "TLS_server_method"];
    let sides = [Side::Either, Side::Client, Side::Server];
    if let Some(at) = current.iter().position(|known| *known == method) {
        return (Method { name: Some(names[at]), only: None, carrier: Carrier::Stream }, sides[at]);
    }
    match Library::ours().and_then(|library| KNOWN.iter().find(|known| gives(&library, known.function, method))) {
        Some(known) => (Method { name: Some(known.name), only: known.only, carrier: known.carrier }, known.side),
        None => (Method { name: None, only: None, carrier: Carrier::Unknown }, Side::Either),
    }
}

/// Refuses a context of a method about which hostlock can say nothing: QUIC's, and those that are not known. The hooks of
/// such a context may be called otherwise, or never.
pub fn check_known(ctx: Ctx<'_>) -> Result<()> {
    let (method, _) = ctx.method();
    match method.carrier {
        Carrier::Stream | Carrier::Datagrams => Ok(()),
        Carrier::Quic | Carrier::Unknown => Err(method.unsupported()),
    }
}

/// The method that speaks all versions on one side, or on both.
pub(super) fn of_all_versions(side: Side) -> *const ffi::SSL_METHOD {
    // SAFETY: no arguments; each gives a static method.
    unsafe {
        match side {
            Side::Client => ffi::TLS_client_method(),
            Side::Server => ffi::TLS_server_method(),
            Side::Either => ffi::TLS_method(),
        }
    }
}

impl Method {
    /// The error for a context that is not for TLS over a stream.
    pub fn unsupported(&self) -> Error {
        let what = match (self.carrier, self.name) {
            (Carrier::Datagrams, Some(name)) => format!("is made for DTLS ({name}), not for TLS over a stream"),
            (Carrier::Quic, Some(name)) => format!("is made for QUIC ({name}), not for TLS over a stream"),
            _ => "is made by a method that hostlock does not know".to_owned(),
        };
        Error::new(Status::EUnsupported, format!("this context {what}"))
            .with_hint("hostlock looks after contexts of TLS_method(), TLS_client_method() and TLS_server_method()")
    }
}

/// Whether `callback` is the one that libssl gives to every context; `false` where that cannot be told.
pub fn is_libssls_security_callback(callback: sys::SecurityCallback) -> bool {
    // Found once per process, as the loader is asked.
    static FOUND: AtomicUsize = AtomicUsize::new(0);
    let address = callback as usize;
    if address == FOUND.load(Ordering::Relaxed) {
        return true;
    }
    // Where libssl is linked into the program, its functions cannot be told from those of others.
    let is_libssls = is_ours(address) && !is_ours(is_libssls_security_callback as *const () as usize);
    if is_libssls {
        FOUND.store(address, Ordering::Relaxed);
    }
    is_libssls
}

/// Whether our libssl speaks SSL 3.0; most are built without.
pub fn knows_ssl3() -> bool {
    Library::ours().is_some_and(|library| !library.symbol(c"SSLv3_method").is_null())
}

/// Whether `function` gives `method`.
fn gives(library: &Library, function: &CStr, method: *const ffi::SSL_METHOD) -> bool {
    let symbol = library.symbol(function);
    if symbol.is_null() {
        return false;
    }
    // SAFETY: every function of this name in a libssl takes nothing and gives a pointer to a static method.
    let function: unsafe extern "C" fn() -> *const ffi::SSL_METHOD = unsafe { std::mem::transmute(symbol) };
    // SAFETY: it takes nothing, and gives a pointer that is only compared.
    unsafe { function() == method }
}
