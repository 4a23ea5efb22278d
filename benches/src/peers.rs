//! Who makes contexts for clients: hostlock, raw OpenSSL, the `openssl` crate's connector, and rustls with the roots of
//! the system and with Mozilla's. Each trusts what a program without wishes of its own would get from it.

use std::ffi::{CString, c_char, c_int};
use std::sync::Arc;

use foreign_types::ForeignType;
use hostlock::context::Context;
use openssl::ssl::{SslConnector, SslContext, SslMethod, SslVerifyMode};
use openssl_sys as ffi;
use rustls::{ClientConfig, RootCertStore};

pub const HOSTLOCK: &str = "hostlock";
pub const RAW: &str = "raw";
/// A context of raw OpenSSL's that hostlock hardened.
pub const HARDENED: &str = "hardened";
/// One of a process that hostlock sealed.
pub const SEALED: &str = "sealed";
/// Raw OpenSSL that loads no root but the one that it will need.
pub const RAW_ONE_ROOT: &str = "raw, the one root";
pub const CONNECTOR: &str = "SslConnector";
pub const RUSTLS_NATIVE: &str = "rustls, native roots";
pub const RUSTLS_MOZILLA: &str = "rustls, webpki-roots";
/// rustls with ring, whatever roots it has.
pub const RUSTLS: &str = "rustls";
pub const ALL: &[&str] = &[HOSTLOCK, RAW, CONNECTOR, RUSTLS_NATIVE, RUSTLS_MOZILLA];

/// The file of roots that raw OpenSSL is told to load.
pub const ROOTS_VARIABLE: &str = "HOSTLOCK_BENCH_ROOTS";

unsafe extern "C" {
    fn SSL_CTX_load_verify_file(ctx: *mut ffi::SSL_CTX, file: *const c_char) -> c_int;
}

/// What a peer makes.
pub enum Made {
    OpenSsl(SslContext),
    Rustls(Arc<ClientConfig>),
}

/// A context for clients, as `peer` makes it.
pub fn context(peer: &str) -> Made {
    match peer {
        HOSTLOCK => Made::OpenSsl(hostlock()),
        RAW | RAW_ONE_ROOT => Made::OpenSsl(raw()),
        CONNECTOR => Made::OpenSsl(SslConnector::builder(SslMethod::tls()).unwrap().build().into_context()),
        RUSTLS_NATIVE => Made::Rustls(rustls(native_roots())),
        RUSTLS_MOZILLA => Made::Rustls(rustls(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())),
        _ => panic!("there is no peer {peer:?}"),
    }
}

fn hostlock() -> SslContext {
    let policy = hostlock::policy::Policy::named("default").unwrap();
    // SAFETY: the context gives up its one reference.
    unsafe { SslContext::from_ptr(Context::client(policy).unwrap().into_raw()) }
}

/// What a careful program does: it verifies, and names the roots.
fn raw() -> SslContext {
    let roots = CString::new(std::env::var(ROOTS_VARIABLE).expect("the parent names the roots")).unwrap();
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::PEER);
    // SAFETY: the context is live, and the path outlives the call.
    assert_eq!(unsafe { SSL_CTX_load_verify_file(builder.as_ptr(), roots.as_ptr()) }, 1);
    builder.build()
}

/// The system's roots as rustls takes them.
pub fn native_roots() -> RootCertStore {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    assert!(added > 0, "the system has roots");
    store
}

/// A configuration for clients that trust `roots`.
pub fn rustls(roots: RootCertStore) -> Arc<ClientConfig> {
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}
