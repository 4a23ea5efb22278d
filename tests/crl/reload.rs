//! hostlock_ctx_reload: lists that are replaced under a running program.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use foreign_types::ForeignType;
use hostlock::error::Status;
use hostlock::ffi::context::hostlock_ctx_reload;
use hostlock::ffi::host::hostlock_conn_set_host;
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_file, hostlock_ctx_add_crl_mem};
use openssl::ssl::{Ssl, SslContext, SslSession};

use crate::support::peer::{Client, status};
use crate::support::scratch::Scratch;
use crate::{HOST, put, site};

fn reload(client: &Client) -> Result<(), hostlock::error::Error> {
    // SAFETY: the context is live.
    client.set(|ctx| unsafe { hostlock_ctx_reload(ctx) })
}

#[test]
fn a_reload_takes_every_file_anew_and_keeps_what_came_from_memory() {
    let site = site();
    let dir = Scratch::new();
    let client = site.client();
    let file = put(&dir, "middle.crl", &site.good_middle().pem());
    client.set_text(hostlock_ctx_add_crl_file, &file).unwrap();
    client.set_bytes(hostlock_ctx_add_crl_mem, &site.good_root().pem()).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
    put(&dir, "middle.crl", &site.good_middle().revoking(&site.leaf).pem());
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello", "before the reload");
    reload(&client).unwrap();
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::ERevoked));
    put(&dir, "middle.crl", &site.good_middle().pem());
    reload(&client).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
}

#[test]
fn a_reload_that_fails_says_why_and_changes_nothing() {
    let site = site();
    let dir = Scratch::new();
    let client = site.client();
    let root = put(&dir, "root.crl", &site.good_root().pem());
    let middle = put(&dir, "middle.crl", &site.good_middle().revoking(&site.leaf).pem());
    client.set_text(hostlock_ctx_add_crl_file, &middle).unwrap();
    client.set_text(hostlock_ctx_add_crl_file, &root).unwrap();
    put(&dir, "middle.crl", &site.good_middle().pem());
    let cut = site.good_root().pem();
    put(&dir, "root.crl", &cut[..cut.len() - 30]);
    let error = reload(&client).unwrap_err();
    assert_eq!(error.status(), Status::EBadPem);
    assert!(error.message().contains("root.crl"), "{}", error.message());
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::ERevoked), "all files or none");
    std::fs::remove_file(&root).unwrap();
    assert_eq!(status(reload(&client)), Some(Status::ENotFound));
    put(&dir, "root.crl", &site.good_root().pem());
    reload(&client).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
}

#[test]
fn a_reload_cures_no_failed_call_and_is_none_itself() {
    let site = site();
    let dir = Scratch::new();
    let client = site.client();
    reload(&client).unwrap();
    let file = put(&dir, "both.crl", &[site.good_root().pem(), site.good_middle().pem()].concat());
    client.set_text(hostlock_ctx_add_crl_file, &file).unwrap();
    client.set_text(hostlock_ctx_add_crl_file, "/nonexistent").unwrap_err();
    reload(&client).unwrap();
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::EPoisoned));
}

/// What [`reloads_in_the_middle`] reloads.
static IN_THE_MIDDLE: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn reloads_in_the_middle(ssl: *const openssl_sys::SSL, place: i32, _: i32) {
    const LOOP: i32 = 1;
    if place & LOOP != 0 {
        // SAFETY: libssl hands a live connection, whose context is live.
        let outcome = unsafe { hostlock_ctx_reload(openssl_sys::SSL_get_SSL_CTX(ssl)) };
        assert_eq!(outcome, 0);
        IN_THE_MIDDLE.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_reload_in_the_middle_of_a_resumption_does_not_end_it_and_later_ones_begin_anew() {
    let site = site();
    let dir = Scratch::new();
    let client = site.client();
    let both = [site.good_root().pem(), site.good_middle().pem()].concat();
    client.set_text(hostlock_ctx_add_crl_file, &put(&dir, "both.crl", &both)).unwrap();
    let first = resume(&client, None, site.server.port);
    // SAFETY: the context is live and not in use.
    unsafe { hostlock::libssl::sys::SSL_CTX_set_info_callback(client.0, Some(reloads_in_the_middle)) };
    put(&dir, "both.crl", &[site.good_root().pem(), site.good_middle().pem()].concat());
    let second = resume(&client, Some(&first.1), site.server.port);
    assert!(IN_THE_MIDDLE.load(Ordering::SeqCst) > 1);
    assert!(second.0, "the session was good when the handshake began");
    let third = resume(&client, Some(&second.1), site.server.port);
    assert!(!third.0, "but not after the lists were read again");
}

/// Connects, offering a session: whether it was resumed, and the session of this connection.
fn resume(client: &Client, session: Option<&SslSession>, port: u16) -> (bool, SslSession) {
    // SAFETY: the context is live; one more owner is made for the value.
    let context = unsafe {
        openssl_sys::SSL_CTX_up_ref(client.0);
        SslContext::from_ptr(client.0)
    };
    let mut ssl = Ssl::new(&context).unwrap();
    // SAFETY: the connection is live; the session was made with the same context.
    unsafe {
        assert_eq!(hostlock_conn_set_host(ssl.as_ptr(), c"site.example".as_ptr()), 0);
        if let Some(session) = session {
            ssl.set_session(session).unwrap();
        }
    }
    let mut stream = ssl.connect(std::net::TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
    stream.write_all(b"hi").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    // OpenSSL resumes no session whose connection was not closed by both.
    let _ = stream.shutdown();
    (stream.ssl().session_reused(), stream.ssl().session().unwrap().to_owned())
}

#[test]
fn reloads_lose_no_connection_of_other_threads() {
    let site = site();
    let dir = Scratch::new();
    let client = site.client();
    let both = || [site.good_root().pem(), site.good_middle().pem()].concat();
    client.set_text(hostlock_ctx_add_crl_file, &put(&dir, "both.crl", &both())).unwrap();
    let running = AtomicUsize::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..60 {
                    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let mut reloads = 0;
        while running.load(Ordering::SeqCst) > 0 {
            let contents = both();
            put(&dir, "both.crl", if reloads % 3 == 2 { &contents[..contents.len() - 40] } else { &contents });
            assert_eq!(reload(&client).is_err(), reloads % 3 == 2);
            reloads += 1;
        }
        assert!(reloads > 3);
    });
}
