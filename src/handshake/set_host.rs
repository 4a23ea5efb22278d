//! Naming the host of one connection.

use std::ffi::{CString, c_long, c_void};
use std::ptr;

use openssl_sys as ffi;

use crate::error::{Error, Result, Status};
use crate::guard::Guard;
use crate::handshake::connection_state::Watch;
use crate::handshake::expected_host;
use crate::handshake::start;
use crate::host::Reference;
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::role::Role;

const TLSEXT_NAMETYPE_HOST_NAME: c_long = 0;

/// Gives `ssl` the host that `parse` answers, and sends it as SNI where it is a DNS name. On a server it says who the client
/// must be, and demands a certificate. Where `parse` fails the
/// connection keeps the host it had, and refuses its handshake until a later call succeeds.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn set(ssl: *mut ffi::SSL, parse: impl FnOnce() -> Result<Reference>) -> Result<()> {
    // SAFETY: as the caller promises, here and below.
    let guard = unsafe { guard_before_handshake(ssl)? };
    // SAFETY: as above.
    let watch = unsafe { Watch::ensure(ssl)? };
    // On the connection itself it still is there when the program gives the connection another context.
    // SAFETY: as above.
    unsafe { start::pin_info(ssl) };
    let named = parse().and_then(|host| match guard.role {
        Role::Server => Ok(host),
        // SAFETY: as above. Where the connection comes to serve in the end, libssl sends no name.
        Role::Client => unsafe { send_name(ssl, &host) }.map(|()| host),
    });
    let mut state = watch.state();
    match named {
        Ok(host) => {
            state.host = Some(host);
            state.poison = None;
            Ok(())
        }
        Err(error) => {
            let why = format!("naming the host of this connection failed earlier: {}", error.message());
            state.poison = Some(Error::new(Status::EPoisoned, why).with_hint(error.hint()));
            Err(error)
        }
    }
}

/// Gives `ssl` the host that counts where nothing else names one. It is sent as SNI unless the program has set another.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
pub unsafe fn set_fallback(ssl: *mut ffi::SSL, parse: impl FnOnce() -> Result<Reference>) -> Result<()> {
    // SAFETY: as the caller promises, here and below.
    let guard = unsafe { guard_before_handshake(ssl)? };
    if guard.role == Role::Server {
        return Err(Error::new(Status::EState, "this connection is a server's: no fallback says who its client is")
            .with_hint("name the client with hostlock_conn_set_host, if it must be a certain one"));
    }
    // SAFETY: as above.
    let watch = unsafe { Watch::ensure(ssl)? };
    let earlier = watch.state().fallback.take();
    let earlier = earlier.as_ref().and_then(|host| host.as_ref().ok()).and_then(Reference::sni);
    // SAFETY: as above.
    let of_program =
        unsafe { expected_host::server_name(ssl) }.is_some_and(|name| earlier.map(str::as_bytes) != Some(name));
    let named = parse().and_then(|host| match of_program {
        true => Ok(host),
        // SAFETY: as above.
        false => unsafe { send_name(ssl, &host) }.map(|()| host),
    });
    watch.state().fallback = Some(named.clone());
    named.map(|_| ())
}

/// The guard of `ssl`, whose handshake has not begun: what is named later binds nobody.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now.
unsafe fn guard_before_handshake<'a>(ssl: *mut ffi::SSL) -> Result<&'a Guard> {
    // SAFETY: as the caller promises.
    let guard = unsafe { Guard::of_ssl(ssl) }
        .ok_or_else(|| Error::new(Status::EState, "this SSL belongs to a context that was not made by hostlock"))?;
    // SAFETY: reads the state of the live connection.
    if unsafe { sys::SSL_in_before(ssl) } == 1 {
        return Ok(guard);
    }
    Err(Error::new(
        Status::EState,
        "the handshake of this connection has begun, and nothing can be named for it any more",
    )
    .with_hint("name the host before the handshake, or after SSL_clear for the next one"))
}

/// SNI carries DNS names only (RFC 6066 section 3); an old one must not stay beside an address.
unsafe fn send_name(ssl: *mut ffi::SSL, host: &Reference) -> Result<()> {
    let _quiet = Quiet::begin();
    let name = match host.sni() {
        Some(name) => Some(CString::new(name).map_err(|_| Error::new(Status::EBadHost, "a NUL in the host"))?),
        None => None,
    };
    let pointer = name.as_ref().map_or(ptr::null(), |name| name.as_ptr());
    // SAFETY: `ssl` is live; OpenSSL copies the name, and takes NULL for "send none".
    let done = unsafe {
        ffi::SSL_ctrl(ssl, ffi::SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_HOST_NAME, pointer as *mut c_void)
    };
    if done == 1 { Ok(()) } else { Err(Error::new(Status::EBadHost, "OpenSSL does not take the host as SNI")) }
}
