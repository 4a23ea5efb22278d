//! Reads the facts of a context or a connection. It changes nothing, runs nothing of the program's, and leaves the error
//! queue as it was.

mod verification;

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ptr;
use std::time::{SystemTime, UNIX_EPOCH};

use foreign_types::ForeignTypeRef;
use openssl::ssl::SslCipher;
use openssl::stack::StackRef;
use openssl::x509::X509VerifyResult;
use openssl_sys as ffi;

use crate::audit::certificate;
use crate::audit::facts::*;
use crate::audit::level::Level;
use crate::audit::versions::VERSIONS;
use crate::guard::{Guard, Regime};
use crate::libssl::method;
use crate::libssl::queue::Quiet;
use crate::libssl::sys;
use crate::role::Role;
use crate::trust::{anchors, store};

const SESSION_CACHE_CLIENT: c_long = 0x1;
const NAMETYPE_HOST_NAME: c_int = 0;

/// A context, or a connection with its context.
#[derive(Clone, Copy)]
enum Place {
    Context(*mut ffi::SSL_CTX),
    Connection(*mut ffi::SSL, *mut ffi::SSL_CTX),
}

/// The facts of `ctx`.
///
/// # Safety
/// `ctx` is a live `SSL_CTX` of our libssl whose set-up no other thread changes now. It is only read.
pub unsafe fn of_context(ctx: *const ffi::SSL_CTX) -> Facts {
    // SAFETY: as the caller promises. Getters of OpenSSL take what is not const and change nothing.
    unsafe { Place::Context(ctx.cast_mut()).facts() }
}

/// The facts of `ssl`.
///
/// # Safety
/// `ssl` is a live `SSL` of our libssl that no other thread uses now. It is only read.
pub unsafe fn of_connection(ssl: *const ffi::SSL) -> Facts {
    // SAFETY: as the caller promises.
    let ctx = unsafe { ffi::SSL_get_SSL_CTX(ssl) };
    // SAFETY: as above.
    unsafe { Place::Connection(ssl.cast_mut(), ctx).facts() }
}

impl Place {
    /// # Safety
    /// What it holds is live and not changed by another thread: so for every function of this type.
    unsafe fn facts(self) -> Facts {
        let _quiet = Quiet::begin();
        // SAFETY: as the caller promises, here and below.
        let (method, side_of_method) = unsafe { method::of(self.ctx()) };
        // SAFETY: as above.
        let found = unsafe { Guard::of(self.ctx()) };
        // Hooks that only watch change nothing: the context is what it would be without them.
        let (watching, guard) = match found {
            Some(guard) if guard.regime() == Regime::Watched => (Some(guard), None),
            other => (None, other),
        };
        // SAFETY: as above.
        let side = unsafe { self.side(guard, side_of_method) };
        // SAFETY: as above.
        let (mut replaced, mut protocol) = unsafe { (verification::replaced(self.ctx()), self.protocol()) };
        if let Some(watching) = watching {
            let own = watching.app_cert_verify().is_some();
            replaced = if own { Replaced::ByProgram } else { Replaced::No };
            protocol.security = super::security::whose(watching.previous_security);
        }
        // What a callback of the program's permits is not asked.
        let level = if protocol.security == Security::Program { None } else { Level::at(protocol.level) };
        protocol.permitted = versions_at(level.as_ref());
        Facts {
            object: if matches!(self, Place::Context(_)) { Object::Context } else { Object::Connection },
            method,
            side,
            // SAFETY: as above.
            verification: unsafe { self.verification(replaced) },
            // SAFETY: as above.
            suites: unsafe { self.suites(level.as_ref()) },
            // SAFETY: as above.
            trust: unsafe { self.trust(guard) },
            // SAFETY: as above.
            own: unsafe { self.own_certificate() },
            // SAFETY: as above.
            habits: unsafe { self.habits() },
            guarded: guard.map(|guard| guarded(guard, replaced)),
            protocol,
            // SAFETY: as above.
            handshake: unsafe { self.handshake() },
            probe: Probe::NotMade,
            now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64),
        }
    }

    fn ctx(self) -> *mut ffi::SSL_CTX {
        match self {
            Place::Context(ctx) | Place::Connection(_, ctx) => ctx,
        }
    }

    /// A connection of a method for both sides counts as a server's until it is told otherwise.
    unsafe fn side(self, guard: Option<&Guard>, of_method: Side) -> Side {
        if let Some(guard) = guard.filter(|guard| !guard.either_side) {
            return if guard.role == Role::Client { Side::Client } else { Side::Server };
        }
        let Place::Connection(ssl, _) = self else { return of_method };
        // SAFETY: see `facts`, here and below.
        match (of_method, unsafe { ffi::SSL_is_server(ssl) }) {
            (Side::Either, 0) => Side::Client,
            // SAFETY: as above.
            (Side::Either, _) if unsafe { sys::SSL_in_before(ssl) } == 0 => Side::Server,
            (side, _) => side,
        }
    }

    /// A control that takes no pointer.
    unsafe fn control(self, command: c_int) -> c_long {
        match self {
            // SAFETY: see `facts`.
            Place::Context(ctx) => unsafe { ffi::SSL_CTX_ctrl(ctx, command, 0, ptr::null_mut()) },
            // SAFETY: as above.
            Place::Connection(ssl, _) => unsafe { ffi::SSL_ctrl(ssl, command, 0, ptr::null_mut()) },
        }
    }

    unsafe fn protocol(self) -> Protocol {
        // SAFETY: see `facts`, here and below.
        let (min, max) = unsafe {
            (self.control(sys::SSL_CTRL_GET_MIN_PROTO_VERSION), self.control(sys::SSL_CTRL_GET_MAX_PROTO_VERSION))
        };
        let (options, level, callback) = match self {
            // SAFETY: as above; each call reads one field.
            Place::Context(ctx) => unsafe {
                (
                    ffi::SSL_CTX_get_options(ctx),
                    ffi::SSL_CTX_get_security_level(ctx),
                    sys::SSL_CTX_get_security_callback(ctx),
                )
            },
            // SAFETY: as above.
            Place::Connection(ssl, _) => unsafe {
                (sys::SSL_get_options(ssl), ffi::SSL_get_security_level(ssl), sys::SSL_get_security_callback(ssl))
            },
        };
        Protocol {
            min: c_int::try_from(min).unwrap_or(0),
            max: c_int::try_from(max).unwrap_or(0),
            options,
            level,
            security: super::security::whose(callback),
            permitted: Vec::new(),
        }
    }

    unsafe fn suites(self, level: Option<&Level>) -> Vec<Suite> {
        let list = match self {
            // SAFETY: see `facts`; the list belongs to the context or connection.
            Place::Context(ctx) => unsafe { sys::SSL_CTX_get_ciphers(ctx) },
            // SAFETY: as above.
            Place::Connection(ssl, _) => unsafe { sys::SSL_get_ciphers(ssl) },
        };
        if list.is_null() {
            return Vec::new();
        }
        // SAFETY: as above; suites are static.
        unsafe { StackRef::<SslCipher>::from_ptr(list) }.iter().map(|cipher| suite(cipher.as_ptr(), level)).collect()
    }

    /// The store that peers are verified with; may be NULL.
    unsafe fn store(self) -> *mut ffi::X509_STORE {
        let mut store: *mut ffi::X509_STORE = ptr::null_mut();
        if let Place::Connection(ssl, _) = self {
            // SAFETY: see `facts`; the control writes one pointer, and adds no owner.
            unsafe { ffi::SSL_ctrl(ssl, sys::SSL_CTRL_GET_VERIFY_CERT_STORE, 0, (&raw mut store).cast::<c_void>()) };
        }
        // SAFETY: as above.
        if store.is_null() { unsafe { anchors::effective_store(self.ctx()) } } else { store }
    }

    unsafe fn trust(self, guard: Option<&Guard>) -> Trust {
        if let Some(guard) = guard {
            // SAFETY: see `facts`; the guard is that of the context.
            return match unsafe { guard.anchors.count(self.ctx()) } {
                Ok(0) => Trust::Empty,
                Ok(count) => Trust::Holds(count),
                Err(error) => Trust::Unknown(error.message().to_owned()),
            };
        }
        // SAFETY: as above.
        let store = unsafe { self.store() };
        if store.is_null() {
            return Trust::Empty;
        }
        // SAFETY: the store belongs to the context or connection.
        match unsafe { store::contents(store) } {
            (0, Some(0)) => Trust::Empty,
            (0, Some(_)) => Trust::MayFind,
            (0, None) => Trust::Unknown("this OpenSSL does not show whether a directory was named".to_owned()),
            (count, _) => Trust::Holds(count),
        }
    }

    unsafe fn own_certificate(self) -> Option<OwnCertificate> {
        let mut others: *mut ffi::stack_st_X509 = ptr::null_mut();
        let out = (&raw mut others).cast::<c_void>();
        let (certificate, key) = match self {
            // SAFETY: see `facts`; nothing gets another owner.
            Place::Context(ctx) => unsafe {
                ffi::SSL_CTX_ctrl(ctx, sys::SSL_CTRL_GET_CHAIN_CERTS, 0, out);
                (ffi::SSL_CTX_get0_certificate(ctx), ffi::SSL_CTX_get0_privatekey(ctx))
            },
            // SAFETY: as above.
            Place::Connection(ssl, _) => unsafe {
                ffi::SSL_ctrl(ssl, sys::SSL_CTRL_GET_CHAIN_CERTS, 0, out);
                (ffi::SSL_get_certificate(ssl), ffi::SSL_get_privatekey(ssl))
            },
        };
        // SAFETY: all three belong to the context or connection.
        unsafe { certificate::read(certificate, key, others) }
    }

    unsafe fn habits(self) -> Habits {
        // SAFETY: see `facts`; each call reads one field.
        let (cache, key_log) = unsafe {
            (
                ffi::SSL_CTX_ctrl(self.ctx(), sys::SSL_CTRL_GET_SESS_CACHE_MODE, 0, ptr::null_mut()),
                sys::SSL_CTX_get_keylog_callback(self.ctx()),
            )
        };
        let quiet = match self {
            // SAFETY: as above.
            Place::Context(ctx) => unsafe { sys::SSL_CTX_get_quiet_shutdown(ctx) },
            // SAFETY: as above.
            Place::Connection(ssl, _) => unsafe { sys::SSL_get_quiet_shutdown(ssl) },
        };
        Habits {
            client_sessions: cache & SESSION_CACHE_CLIENT != 0,
            key_log: key_log.is_some(),
            quiet_shutdown: quiet != 0,
        }
    }

    unsafe fn handshake(self) -> Option<Handshake> {
        let Place::Connection(ssl, _) = self else { return None };
        // SAFETY: see `facts`, here and below.
        if unsafe { ffi::SSL_is_init_finished(ssl) } == 0 {
            return None;
        }
        // SAFETY: as above; what comes back is ours to free, and NULL is fine.
        let peer = unsafe { ffi::SSL_get1_peer_certificate(ssl) };
        // SAFETY: as above.
        unsafe { ffi::X509_free(peer) };
        // SAFETY: as above.
        let code = unsafe { ffi::SSL_get_verify_result(ssl) } as c_int;
        // SAFETY: the number is one that OpenSSL gave.
        let refusal = (code != ffi::X509_V_OK).then(|| unsafe { X509VerifyResult::from_raw(code) });
        Some(Handshake {
            peer_certificate: !peer.is_null(),
            refusal: refusal.map(|refusal| refusal.error_string().to_owned()),
        })
    }
}

/// The versions that libssl speaks and that the level lets through.
fn versions_at(level: Option<&Level>) -> Vec<c_int> {
    let known = VERSIONS.iter().map(|version| version.number);
    let known = known.filter(|number| *number != ffi::SSL3_VERSION || method::knows_ssl3());
    known.filter(|number| level.is_none_or(|level| level.permits_version(*number))).collect()
}

fn guarded(guard: &Guard, replaced: Replaced) -> Guarded {
    let settings = guard.settings();
    let waivers = settings.waivers.iter();
    Guarded {
        // A program's context keeps the program's callback: the next handshake puts ours before it.
        in_place: matches!(replaced, Replaced::ByHostlock | Replaced::Unknown) || guard.regime() != Regime::Own,
        waivers: waivers.map(|(waiver, why)| (lossy(waiver.name()), lossy(why))).collect(),
        cn_fallback: settings.match_rules.cn_fallback,
        poison: guard.check_not_poisoned().err().map(|error| error.message().to_owned()),
        verify_time: settings.verify_time,
    }
}

fn suite(cipher: *const ffi::SSL_CIPHER, level: Option<&Level>) -> Suite {
    // SAFETY: suites are static, as their names are; each call reads one field. NULL for the total bits asks for none.
    unsafe {
        Suite {
            name: text(ffi::SSL_CIPHER_get_name(cipher)).unwrap_or_default(),
            id: ffi::SSL_CIPHER_get_protocol_id(cipher),
            key_exchange: sys::SSL_CIPHER_get_kx_nid(cipher),
            authentication: sys::SSL_CIPHER_get_auth_nid(cipher),
            cipher: ffi::SSL_CIPHER_get_cipher_nid(cipher),
            digest: ffi::SSL_CIPHER_get_digest_nid(cipher),
            bits: ffi::SSL_CIPHER_get_bits(cipher, ptr::null_mut()),
            aead: sys::SSL_CIPHER_is_aead(cipher) == 1,
            permitted: level.is_none_or(|level| level.permits_suite(cipher)),
        }
    }
}

/// # Safety
/// `pointer` is NULL or NUL-terminated.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: as the caller promises.
    (!pointer.is_null()).then(|| lossy(unsafe { CStr::from_ptr(pointer) }))
}

fn lossy(text: &CStr) -> String {
    text.to_string_lossy().into_owned()
}
