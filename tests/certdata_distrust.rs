//! What handshakes make of the dates and of the distrust in a certdata.txt.

mod support;

use std::ffi::{CStr, CString};
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use foreign_types::ForeignType;
use hostlock::context::Context;
use hostlock::error::{Error, Status};
use hostlock::ffi::certdata::hostlock_ctx_trust_certdata;
use hostlock::ffi::library::hostlock_string_free;
use hostlock::ffi::trust::hostlock_ctx_trust_list;
use hostlock::handshake::connection_state::{ConnectionState, Verdict};
use hostlock::host::Reference;
use hostlock::libssl::{Conn, Ctx};
use hostlock::moment;
use hostlock::policy::Policy;
use hostlock::trust::certdata::Purpose;
use hostlock::trust::source;
use openssl::ssl::{Ssl, SslAcceptor, SslContext, SslMethod, SslStream};
use support::certdata::{ANCHOR, DISTRUSTED, Entry, UNDECIDED, certdata};
use support::pki::{DAY, Identity, Recipe, now};
use support::scratch::Scratch;

fn serve(identity: &Identity, intermediates: &[&Identity]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
    acceptor.set_private_key(&identity.key).unwrap();
    acceptor.set_certificate(&identity.certificate).unwrap();
    for intermediate in intermediates {
        acceptor.add_extra_chain_cert(intermediate.certificate.clone()).unwrap();
    }
    let acceptor = acceptor.build();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(mut tls) = acceptor.accept(stream) {
                let _ = tls.write_all(b"hello");
            }
        }
    });
    port
}

fn client(entries: &[Entry]) -> SslContext {
    let scratch = Scratch::new();
    let path = CString::new(scratch.file("certdata.txt", certdata(entries)).to_str().unwrap()).unwrap();
    let context = Context::client(Policy::named("default").unwrap()).unwrap();
    // SAFETY: a live context and a NUL-terminated path.
    assert_eq!(unsafe { hostlock_ctx_trust_certdata(context.as_ptr(), path.as_ptr()) }, 0);
    // SAFETY: the context gives up its one reference.
    unsafe { SslContext::from_ptr(context.into_raw()) }
}

/// Connects to `server.example`: nothing, or the refusal.
fn connect(context: &SslContext, port: u16) -> Option<Error> {
    let ssl = Ssl::new(context).unwrap();
    hostlock::handshake::set_host::set(Conn::from(&*ssl), || Reference::parse("server.example")).unwrap();
    let mut stream = SslStream::new(ssl, TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
    let is_connected = stream.connect().is_ok();
    // SAFETY: as above.
    match ConnectionState::of(Conn::from(stream.ssl())).unwrap().known().verdict.clone() {
        Verdict::Refused(error) => {
            assert!(!is_connected);
            Some(error)
        }
        _ => {
            assert!(is_connected);
            None
        }
    }
}

fn server(not_before: i64) -> Recipe {
    Recipe { not_before, ..Recipe::server("server.example", &["server.example"]) }
}

#[test]
fn a_leaf_issued_after_the_date_of_its_root_is_refused_with_the_roots_name_and_the_date() {
    let root = Recipe { not_before: -30 * DAY, ..Recipe::ca("Dated Root") }.self_signed();
    let limit = now() - 5 * DAY;
    let context = client(&[Entry { server_distrust_after: Some(limit), ..Entry::root("dated", &root.certificate) }]);
    assert!(connect(&context, serve(&server(-6 * DAY).issued_by(&root), &[])).is_none(), "issued before the date");
    let late = server(-4 * DAY).issued_by(&root);
    let error = connect(&context, serve(&late, &[])).unwrap();
    assert_eq!(error.status(), Status::EDistrusted);
    let issued = moment::text(moment::unix_seconds(late.certificate.not_before()).unwrap());
    let expected = format!(
        "the certificate of \"CN=server.example\" was issued on {issued}, but its root \"CN=Dated Root\" is trusted only for certificates issued up to {}",
        moment::text(limit)
    );
    assert_eq!(error.message(), expected);
    assert_eq!(error.time(), Some(limit));
    assert_eq!(error.certificate().unwrap().depth, 1);
}

#[test]
fn a_path_to_another_root_is_found_where_the_first_ends_at_a_root_that_is_past_its_date() {
    let dated = Recipe { not_before: -30 * DAY, ..Recipe::ca("Dated Root") }.self_signed();
    let other = Recipe::ca("Other Root").self_signed();
    let first = Recipe::ca("Intermediate").issued_by(&dated);
    let second = Recipe { key: first.key.clone(), ..Recipe::ca("Intermediate") }.issued_by(&other);
    let port = serve(&server(0).issued_by(&first), &[&first, &second]);
    let limit = Some(now() - 5 * DAY);
    let past = || Entry { server_distrust_after: limit, ..Entry::root("dated", &dated.certificate) };
    assert!(connect(&client(&[Entry::root("dated", &dated.certificate)]), port).is_none(), "the first path is good");
    assert_eq!(connect(&client(&[past()]), port).unwrap().status(), Status::EDistrusted);
    assert!(connect(&client(&[past(), Entry::root("other", &other.certificate)]), port).is_none());
    let both = [past(), Entry { server_distrust_after: limit, ..Entry::root("other", &other.certificate) }];
    assert_eq!(connect(&client(&both), port).unwrap().status(), Status::EDistrusted, "every path ends at such a root");
}

#[test]
fn the_moment_of_the_date_itself_is_still_good() {
    let root = Recipe { not_before: -30 * DAY, ..Recipe::ca("Dated Root") }.self_signed();
    let leaf = server(-5 * DAY).issued_by(&root);
    let issued = moment::unix_seconds(leaf.certificate.not_before()).unwrap();
    let port = serve(&leaf, &[]);
    let dated =
        |limit| client(&[Entry { server_distrust_after: Some(limit), ..Entry::root("dated", &root.certificate) }]);
    assert!(connect(&dated(issued), port).is_none());
    assert_eq!(connect(&dated(issued - 1), port).unwrap().status(), Status::EDistrusted);
}

#[test]
fn the_date_of_a_root_stands_in_the_list_of_the_anchors() {
    let (dated, plain) = (Recipe::ca("Dated Root").self_signed(), Recipe::ca("Plain Root").self_signed());
    let limit = now() - 5 * DAY;
    let context = client(&[
        Entry { server_distrust_after: Some(limit), ..Entry::root("dated", &dated.certificate) },
        Entry::root("plain", &plain.certificate),
    ]);
    // SAFETY: a live context; the text is read before it is freed.
    let list: serde_json::Value = unsafe {
        let text = hostlock_ctx_trust_list(context.as_ptr());
        assert!(!text.is_null());
        let list = serde_json::from_slice(CStr::from_ptr(text).to_bytes()).unwrap();
        hostlock_string_free(text);
        list
    };
    let told: Vec<_> =
        list.as_array().unwrap().iter().map(|root| (&root["subject"], &root["distrust_after"])).collect();
    assert_eq!(told, [(&"CN=Dated Root".into(), &limit.into()), (&"CN=Plain Root".into(), &serde_json::Value::Null)]);
}

#[test]
fn a_file_is_read_once_for_all_contexts_until_it_changes_and_once_for_each_purpose() {
    let scratch = Scratch::new();
    let (one, other) = (Recipe::ca("One Root").self_signed(), Recipe::ca("Other Root").self_signed());
    let text = |root: &Identity| certdata(&[Entry { email: ANCHOR, ..Entry::root("it", &root.certificate) }]);
    let path = scratch.file("certdata.txt", text(&one));
    let read = |purpose| source::certdata(&path, purpose).unwrap();
    // A file that has only just been written may change again unseen, so it is not shared at first.
    let shared = std::iter::repeat_with(|| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        (read(Purpose::ServerAuth), read(Purpose::ServerAuth))
    });
    let (first, _) = shared.take(500).find(|(first, again)| Arc::ptr_eq(first, again)).expect("it is shared soon");
    assert!(!Arc::ptr_eq(&first, &read(Purpose::Email)));
    assert!(Arc::ptr_eq(&first, &read(Purpose::ServerAuth)), "another purpose does not take its place");
    assert_eq!(source::file(&path).err().unwrap().status(), Status::EBadPem, "it is no PEM, read before or not");
    fs::write(&path, text(&other)).unwrap();
    let changed = read(Purpose::ServerAuth);
    assert!(changed.certificates().eq([other.certificate.to_der().unwrap().as_slice()]));
}

#[test]
fn a_date_for_email_says_nothing_about_servers() {
    let root = Recipe::ca("Root").self_signed();
    let context =
        client(&[Entry { email_distrust_after: Some(now() - DAY), ..Entry::root("root", &root.certificate) }]);
    assert!(connect(&context, serve(&server(0).issued_by(&root), &[])).is_none());
}

#[test]
fn the_date_holds_also_where_another_call_names_the_root() {
    let root = Recipe { not_before: -30 * DAY, ..Recipe::ca("Dated Root") }.self_signed();
    let context =
        client(&[Entry { server_distrust_after: Some(now() - 5 * DAY), ..Entry::root("dated", &root.certificate) }]);
    let ctx = Ctx::from(&*context);
    hostlock::guard::Guard::of(ctx).unwrap().anchors.add(ctx, std::slice::from_ref(&root.certificate)).unwrap();
    assert_eq!(connect(&context, serve(&server(0).issued_by(&root), &[])).unwrap().status(), Status::EDistrusted);
}

#[test]
fn a_distrusted_certificate_is_refused_in_any_chain_whether_the_file_holds_it_or_only_names_it() {
    let root = Recipe::ca("Good Root").self_signed();
    let bad = Recipe::ca("Bad Intermediate").issued_by(&root);
    let port = serve(&server(0).issued_by(&bad), &[&bad]);
    assert!(connect(&client(&[Entry::root("good", &root.certificate)]), port).is_none());
    for (has_certificate, has_hash) in [(true, true), (false, true), (false, false)] {
        let distrusted =
            Entry { has_certificate, has_hash, server_auth: DISTRUSTED, ..Entry::root("bad", &bad.certificate) };
        let error = connect(&client(&[Entry::root("good", &root.certificate), distrusted]), port).unwrap();
        assert_eq!(error.status(), Status::EDistrusted, "{has_certificate} {has_hash}");
        assert!(error.message().contains("\"CN=Bad Intermediate\""), "{error}");
        assert_eq!(error.certificate().unwrap().depth, 1);
    }
    let for_email = Entry { email: DISTRUSTED, server_auth: UNDECIDED, ..Entry::root("bad", &bad.certificate) };
    assert!(connect(&client(&[Entry::root("good", &root.certificate), for_email]), port).is_none(), "for e-mail only");
}

#[test]
fn a_file_that_fails_to_load_leaves_no_date_and_poisons_the_context() {
    let scratch = Scratch::new();
    let root = Recipe::ca("Root").self_signed();
    let context = client(&[Entry::root("root", &root.certificate)]);
    let entry = Entry { server_distrust_after: Some(0), ..Entry::root("root", &root.certificate) };
    let broken = certdata(&[entry]).replace("CKT_NSS_MUST_VERIFY_TRUST", "CKT_NSS_WHAT");
    let path = CString::new(scratch.file("broken.txt", broken).to_str().unwrap()).unwrap();
    // SAFETY: a live context and a NUL-terminated path.
    assert_eq!(unsafe { hostlock_ctx_trust_certdata(context.as_ptr(), path.as_ptr()) }, Status::EBadPem.code());
    let port = serve(&server(0).issued_by(&root), &[]);
    assert_eq!(connect(&context, port).unwrap().status(), Status::EPoisoned);
    let good =
        CString::new(scratch.file("good.txt", certdata(&[Entry::root("root", &root.certificate)])).to_str().unwrap())
            .unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { hostlock_ctx_trust_certdata(context.as_ptr(), good.as_ptr()) }, 0);
    assert!(connect(&context, port).is_none(), "the date of the broken file is not kept");
}
