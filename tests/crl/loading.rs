//! What cannot be loaded or is no mode.

use hostlock::error::Status;
use hostlock::ffi::revocation::{hostlock_ctx_add_crl_file, hostlock_ctx_add_crl_mem, hostlock_ctx_set_crl_mode};

use crate::support::peer::status;
use crate::support::scratch::Scratch;
use crate::{HOST, put, site};

#[test]
fn what_cannot_be_loaded_is_told_apart_and_stops_every_handshake() {
    let site = site();
    let dir = std::env::temp_dir().join(format!("hostlock-crl-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let good = site.good_middle().pem();
    let der = site.good_middle().build().to_der().unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let cases: Vec<(&str, Option<Vec<u8>>, Status, &str)> = vec![
        ("missing", None, Status::ENotFound, "missing"),
        ("empty", Some(vec![]), Status::EEmpty, "is empty"),
        ("garbage", Some(b"not a CRL at all".to_vec()), Status::EBadPem, "neither PEM nor DER"),
        ("cut-pem", Some(good[..good.len() / 2].to_vec()), Status::EBadPem, "is cut off"),
        ("cut-der", Some(der[..der.len() - 1].to_vec()), Status::EBadPem, "is cut off"),
        ("long-der", Some([&der[..], b"x"].concat()), Status::EBadPem, "behind its end"),
        ("bad-base64", Some(text.replacen("MI", "M!", 1).into_bytes()), Status::EBadPem, "is damaged"),
        ("certificate", Some(site.middle.pem()), Status::EWrongPem, "no CRL but CERTIFICATE"),
        ("der-cert", Some(site.middle.certificate.to_der().unwrap()), Status::EWrongPem, "is a certificate"),
        ("other-der", Some(vec![0x30, 3, 2, 1, 0]), Status::EBadPem, "not a CRL"),
    ];
    for (name, contents, expected, words) in cases {
        let path = dir.join(name);
        if let Some(contents) = &contents {
            std::fs::write(&path, contents).unwrap();
        }
        let client = site.client();
        let error = client.set_text(hostlock_ctx_add_crl_file, path.to_str().unwrap()).unwrap_err();
        assert_eq!(error.status(), expected, "{name}: {}", error.message());
        assert!(error.message().contains(words), "{name}: {}", error.message());
        assert!(expected != Status::EEmpty || error.hint().contains("fetch the CRL again"), "{name}: {}", error.hint());
        assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::EPoisoned), "{name}");
        client.set_text(hostlock_ctx_set_crl_mode, "leaf+soft").unwrap();
        assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::EPoisoned), "{name}");
        client.set_bytes(hostlock_ctx_add_crl_mem, &der).unwrap();
        assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello", "{name}");
    }
    let client = site.client();
    let error = client.set_text(hostlock_ctx_add_crl_file, dir.to_str().unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::EWrongFileType);
    assert_eq!(status(client.set_bytes(hostlock_ctx_add_crl_mem, b"")), Some(Status::EEmpty));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn an_endless_or_huge_file_is_refused_unread() {
    let client = site().client();
    let dir = Scratch::new();
    let huge = put(&dir, "huge.crl", b"");
    std::fs::File::options().write(true).open(&huge).unwrap().set_len((256 << 20) + 1).unwrap();
    let error = client.set_text(hostlock_ctx_add_crl_file, &huge).unwrap_err();
    assert_eq!(error.status(), Status::EFileIo, "{}", error.message());
    assert!(error.message().contains("larger than CRLs can be"), "{}", error.message());
    let error = client.set_text(hostlock_ctx_add_crl_file, "/dev/zero").unwrap_err();
    assert_eq!(error.status(), Status::EWrongFileType, "{}", error.message());
}

#[test]
fn several_crls_may_share_a_file_with_other_things() {
    let site = site();
    let mark = "\u{feff}".as_bytes().to_vec();
    let (root, middle) = (site.good_root().pem(), site.good_middle().pem());
    let bundle = [mark.clone(), site.middle.pem(), mark.clone(), root, b"a note\n".to_vec(), mark, middle].concat();
    let client = site.client();
    client.set_bytes(hostlock_ctx_add_crl_mem, &bundle).unwrap();
    assert_eq!(client.connect(Some(HOST), site.server.port).unwrap(), "hello");
}

#[test]
fn an_unknown_mode_lists_the_known_ones_and_stops_every_handshake() {
    let site = site();
    let client = site.client();
    let error = client.set_text(hostlock_ctx_set_crl_mode, "soft").unwrap_err();
    assert_eq!(error.status(), Status::EArg);
    assert!(error.hint().contains("\"leaf\" and \"chain\""), "{}", error.hint());
    assert_eq!(status(client.connect(Some(HOST), site.server.port)), Some(Status::EPoisoned));
}
