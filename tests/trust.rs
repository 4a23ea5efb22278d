//! Loading trust anchors through the C ABI: what is taken, and that everything else is refused by its own name, changes
//! nothing and stops the context's handshakes until it is cured.

mod support;

use std::ffi::CString;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use hostlock::error::Status;
use hostlock::libssl::Ctx;
use openssl_sys as ffi;
use support::loopback::{Client, Failure, World, c_path};
use support::pem;
use support::pki::Recipe;
use support::scratch::Scratch;

enum Input {
    File(PathBuf),
    Directory(PathBuf),
    Memory(Vec<u8>),
}

impl Input {
    fn give(&self, client: &Client) -> Result<(), Failure> {
        match self {
            Input::File(path) => client.trust_file(path),
            Input::Directory(path) => client.trust_dir(path),
            Input::Memory(data) => client.trust_mem(data),
        }
    }

    fn call(&self) -> &'static str {
        match self {
            Input::File(_) => "hostlock_ctx_trust_file",
            Input::Directory(_) => "hostlock_ctx_trust_dir",
            Input::Memory(_) => "hostlock_ctx_trust_mem",
        }
    }
}

fn fifo(path: PathBuf) -> PathBuf {
    // SAFETY: the path outlives the call.
    assert_eq!(unsafe { libc::mkfifo(c_path(&path).as_ptr(), 0o600) }, 0);
    path
}

fn link(to: impl AsRef<Path>, path: PathBuf) -> PathBuf {
    std::os::unix::fs::symlink(to, &path).unwrap();
    path
}

fn sparse(path: PathBuf, len: u64) -> PathBuf {
    std::fs::File::create(&path).unwrap().set_len(len).unwrap();
    path
}

/// Every row: an input, the status, and what the message must say.
fn bad_inputs(scratch: &Scratch, good: &str, key: &str) -> Vec<(Input, Status, Vec<&'static str>)> {
    use Input::{Directory, File, Memory};
    let lines: Vec<&str> = good.lines().collect();
    let cut = lines[..lines.len() - 2].join("\n");
    // The second block begins in line 41.
    let before = good.to_owned() + &"\n".repeat(40 - lines.len());
    let twice_cut = format!("{before}{cut}\n{good}");
    let broken = format!("{before}{}", pem::block("CERTIFICATE", b"\x30\x82\x01\x00 not a certificate"));
    let mut der = openssl::x509::X509::from_pem(good.as_bytes()).unwrap().to_der().unwrap();
    let cut_der = der[..der.len() - 1].to_vec();
    der.push(0);
    let with_rest = pem::block("CERTIFICATE", &der);
    let with_broken = scratch.directory("with-broken");
    std::fs::write(with_broken.join("a.pem"), good).unwrap();
    std::fs::write(with_broken.join("b.crt"), &cut).unwrap();
    let with_huge = scratch.directory("with-huge");
    std::fs::write(with_huge.join("a.pem"), good).unwrap();
    sparse(with_huge.join("b.pem"), 1 << 30);
    let with_loop = scratch.directory("with-loop");
    link("loop.pem", with_loop.join("loop.pem"));
    let looped = link("looped", scratch.join("looped"));
    let only_key = scratch.directory("only-key");
    std::fs::write(only_key.join("key.pem"), key).unwrap();
    let other_names = scratch.directory("other-names");
    std::fs::write(other_names.join("README.txt"), good).unwrap();
    let socket = scratch.join("socket.pem");
    drop(UnixListener::bind(&socket).unwrap());
    let regular = scratch.file("good-as-directory.pem", good);
    let text = |text: &str| Memory(text.as_bytes().to_vec());
    vec![
        (File(scratch.join("missing.pem")), Status::ENotFound, vec!["there is no file", "missing.pem"]),
        (File(link("nowhere", scratch.join("dangling.pem"))), Status::ENotFound, vec!["there is no file"]),
        (File(regular.join("x.pem")), Status::ENotFound, vec!["a part of the path is not a directory"]),
        (File(scratch.path().to_owned()), Status::EWrongFileType, vec!["is a directory, not a file"]),
        (File(fifo(scratch.join("fifo.pem"))), Status::EWrongFileType, vec!["is a FIFO, not a file"]),
        (File("/dev/zero".into()), Status::EWrongFileType, vec!["is a device, not a file"]),
        (File(socket), Status::EWrongFileType, vec!["is a socket, not a file"]),
        (File("/proc/self/mem".into()), Status::EFileIo, vec!["cannot be read: ", "input/output error"]),
        (File(link("loop.pem", scratch.join("loop.pem"))), Status::EFileIo, vec!["too many levels of symbolic links"]),
        (File(sparse(scratch.join("large.pem"), (64 << 20) + 1)), Status::EFileIo, vec!["larger than"]),
        (File(sparse(scratch.join("huge.pem"), 1 << 30)), Status::EFileIo, vec!["larger than"]),
        (File(scratch.file("empty.pem", "")), Status::EEmpty, vec!["empty.pem\" is empty"]),
        (File(scratch.file("blank.pem", " \n\n")), Status::EEmpty, vec!["nothing but white space"]),
        (File(scratch.file("garbage.pem", "garbage")), Status::EBadPem, vec!["neither PEM nor DER"]),
        (File(scratch.file("zeros.pem", [0; 4096])), Status::EBadPem, vec!["neither PEM nor DER"]),
        (
            File(scratch.file("cut.pem", &twice_cut)),
            Status::EBadPem,
            vec!["block 2 (CERTIFICATE, line 41)", "cut off", "begins another block"],
        ),
        (File(scratch.file("key.pem", key)), Status::EWrongPem, vec!["no certificate, only: PRIVATE KEY"]),
        (Directory(scratch.join("missing")), Status::ENotFound, vec!["there is no directory"]),
        (Directory(regular.clone()), Status::EWrongFileType, vec!["is a file, not a directory"]),
        (Directory(scratch.join("fifo.pem")), Status::EWrongFileType, vec!["is a FIFO, not a directory"]),
        (Directory(scratch.directory("nothing")), Status::EEmpty, vec!["holds no file of certificates"]),
        (Directory(other_names), Status::EEmpty, vec!["holds no file of certificates"]),
        (Directory(with_broken), Status::EBadPem, vec!["b.crt", "block 1 (CERTIFICATE, line 1) is cut off"]),
        (Directory(with_huge), Status::EFileIo, vec!["b.pem", "larger than"]),
        (Directory(with_loop), Status::EEmpty, vec!["holds no file of certificates"]),
        (Directory(looped), Status::EFileIo, vec!["too many levels of symbolic links"]),
        (Directory(only_key), Status::EWrongPem, vec!["no file of the directory", "holds a certificate"]),
        (Memory(Vec::new()), Status::EEmpty, vec!["the memory block is empty"]),
        (Memory(vec![0; (64 << 20) + 1]), Status::EArg, vec!["67108865 bytes long"]),
        (text(&cut), Status::EBadPem, vec!["block 1 (CERTIFICATE, line 1) is cut off: the text ends"]),
        (
            text(&broken),
            Status::EBadPem,
            vec!["block 2 (CERTIFICATE, line 41)", "is not a certificate", "OpenSSL says"],
        ),
        (text(&with_rest), Status::EBadPem, vec!["is not a certificate: 1 bytes follow it"]),
        (text(&good.replace(lines[2], &"*".repeat(64))), Status::EBadPem, vec!["not base64 in line 3"]),
        (text(&good.replacen("MII", "M\0I", 1)), Status::EBadPem, vec!["a NUL byte in line 2"]),
        (text(&good.replace("END CERTIFICATE", "END")), Status::EBadPem, vec!["line 1) is cut off"]),
        (text(&pem::block("PKCS7", b"x")), Status::EWrongPem, vec!["only: PKCS7"]),
        (text(&pem::block("CERTIFICATE REQUEST", b"x")), Status::EWrongPem, vec!["only: CERTIFICATE REQUEST"]),
        (text(&pem::block("X509 CRL", b"x")), Status::EBadPem, vec!["block 1 (X509 CRL, line 1) is not a CRL"]),
        (Memory(cut_der), Status::EBadPem, vec!["is not a certificate in DER"]),
        (Memory(der), Status::EBadPem, vec!["is not a certificate in DER: 1 bytes follow it"]),
        (Memory(b"\xff\xfe-\0-\0".to_vec()), Status::EBadPem, vec!["neither PEM nor DER"]),
    ]
}

#[test]
fn every_bad_input_is_refused_by_its_own_name_and_stops_handshakes_until_it_is_cured() {
    let (first, second) = (World::new("First CA"), World::new("Second CA"));
    let scratch = Scratch::new();
    let good = String::from_utf8(first.ca.pem()).unwrap();
    let key = String::from_utf8(first.ca.key_pem()).unwrap();
    for (input, status, words) in bad_inputs(&scratch, &good, &key) {
        let client = Client::new();
        client.trust_mem(&first.ca.pem()).unwrap();
        client.connect(first.port).unwrap();

        let failure = input.give(&client).unwrap_err();
        assert_eq!(failure.status, status, "{failure:?}");
        for word in &words {
            assert!(failure.message.contains(word), "{word:?} in {failure:?}");
        }
        assert!(!failure.message.contains("PRIVATE KEY-----"), "{failure:?}");

        let refusal = client.connect(first.port).unwrap_err();
        assert_eq!(refusal.status(), Status::EPoisoned, "{refusal}");
        assert!(refusal.message().contains(input.call()) && refusal.message().contains(words[0]), "{refusal}");
        assert_eq!(client.trust_count().unwrap_err().status, Status::EPoisoned);

        client.trust_mem(&second.ca.pem()).unwrap();
        assert_eq!(client.trust_count(), Ok(2), "the previous anchor and the new one, after {failure:?}");
        client.connect(first.port).unwrap();
        client.connect(second.port).unwrap();
    }
}

#[test]
fn a_failure_before_any_success_does_not_leave_the_system_roots_trusted() {
    let world = World::new("CA");
    let client = Client::new();
    client.trust_file(Path::new("/nonexistent/ca.pem")).unwrap_err();
    assert_eq!(client.status(world.port), Status::EPoisoned);
    assert_eq!(client.trust_count().unwrap_err().status, Status::EPoisoned);
    client.trust_mem(&world.ca.pem()).unwrap();
    assert_eq!(client.trust_count(), Ok(1));
    client.connect(world.port).unwrap();
}

#[test]
fn arguments_that_are_null_or_empty_are_refused() {
    use hostlock::ffi::trust::{hostlock_ctx_trust_count, hostlock_ctx_trust_file, hostlock_ctx_trust_mem};
    let client = Client::new();
    let null = std::ptr::null_mut();
    // SAFETY: NULL is what is tested; the context is live.
    unsafe {
        assert_eq!(hostlock_ctx_trust_file(null, c"x".as_ptr()), Status::EArg.code());
        assert_eq!(hostlock_ctx_trust_count(null, std::ptr::null_mut()), Status::EArg.code());
        assert_eq!(hostlock_ctx_trust_file(client.as_ptr(), std::ptr::null()), Status::EArg.code());
        assert_eq!(hostlock_ctx_trust_mem(client.as_ptr(), std::ptr::null(), 1), Status::EArg.code());
        assert_eq!(hostlock_ctx_trust_mem(client.as_ptr(), c"".as_ptr().cast(), usize::MAX), Status::EArg.code());
    }
    assert_eq!(client.trust_file(Path::new("")).unwrap_err().status, Status::EArg);
}

#[test]
fn good_input_is_taken_in_every_form() {
    let (first, second) = (World::new("First CA"), World::new("Second CA"));
    let scratch = Scratch::new();
    let (one, two) = (String::from_utf8(first.ca.pem()).unwrap(), String::from_utf8(second.ca.pem()).unwrap());
    let der = first.ca.certificate.to_der().unwrap();
    let key = String::from_utf8(first.ca.key_pem()).unwrap();
    let rows: Vec<(&str, Vec<u8>, usize)> = vec![
        ("one", one.clone().into(), 1),
        ("two", format!("{one}{two}").into(), 2),
        ("the same one twice", format!("{one}{one}").into(), 1),
        ("with its key first", format!("{key}{one}").into(), 1),
        ("with a key that is nonsense", format!("{}{one}", pem::block("RSA PRIVATE KEY", b"x")).into(), 1),
        ("CRLF", one.replace('\n', "\r\n").into(), 1),
        ("no line end at the end", one.trim_end().into(), 1),
        ("text around", format!("subject=CN = x\n\n{one}\nCaf\u{e9}\n{two}bye").into(), 2),
        ("Latin-1 text", [b"Caf\xe9\n".as_slice(), one.as_bytes()].concat(), 1),
        ("byte order mark", format!("\u{feff}{one}").into(), 1),
        ("byte order marks of joined files", format!("\u{feff}{one}\u{feff}{two}").into(), 2),
        ("a byte order mark behind words", format!("{one}words\n\u{feff}{two}").into(), 2),
        ("the old label", pem::block("X509 CERTIFICATE", &der).into(), 1),
        ("trusted, without settings", pem::block("TRUSTED CERTIFICATE", &der).into(), 1),
        ("DER", der.clone(), 1),
    ];
    for (what, data, count) in rows {
        let (from_file, from_memory) = (Client::new(), Client::new());
        from_file.trust_file(&scratch.file("good.pem", &data)).unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
        from_memory.trust_mem(&data).unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
        for client in [from_file, from_memory] {
            assert_eq!(client.trust_count(), Ok(count), "{what}");
            client.connect(first.port).unwrap_or_else(|error| panic!("{what}: {error}"));
            let expected = if count == 2 { Status::Ok } else { Status::EUnknownIssuer };
            assert_eq!(client.status(second.port), expected, "{what}");
        }
    }
}

#[test]
fn a_plain_and_a_hashed_directory_are_read_alike_and_what_does_not_belong_is_passed_over() {
    let (first, second) = (World::new("First CA"), World::new("Second CA"));
    let scratch = Scratch::new();
    let plain = scratch.directory("plain");
    std::fs::write(plain.join("first.PEM"), first.ca.pem()).unwrap();
    std::fs::write(plain.join("second.cer"), second.ca.certificate.to_der().unwrap()).unwrap();
    std::fs::write(plain.join("key.pem"), first.ca.key_pem()).unwrap();
    std::fs::write(plain.join("notes.txt"), "not for us").unwrap();
    std::fs::create_dir(plain.join("deeper.pem")).unwrap();
    fifo(plain.join("fifo.pem"));
    link("gone.pem", plain.join("dangling.pem"));
    link("first.PEM", plain.join("again.pem"));
    let hashed = scratch.directory("hashed");
    std::fs::write(hashed.join("first"), first.ca.pem()).unwrap();
    std::fs::write(hashed.join("second"), second.ca.pem()).unwrap();
    for (name, world) in [("first", &first), ("second", &second)] {
        link(name, hashed.join(format!("{:08x}.0", world.ca.certificate.subject_name_hash())));
    }
    for directory in [plain, hashed] {
        let client = Client::new();
        client.trust_dir(&directory).unwrap();
        assert_eq!(client.trust_count(), Ok(2), "{directory:?}");
        client.connect(first.port).unwrap();
        client.connect(second.port).unwrap();
    }
}

#[test]
fn calls_that_succeed_add_up_and_the_system_and_bundled_roots_can_be_added() {
    let world = World::new("CA");
    let client = Client::new();
    client.trust_mem(&world.ca.pem()).unwrap();
    assert_eq!(client.trust_count(), Ok(1));
    client.trust_bundled().unwrap();
    let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.len();
    assert_eq!(client.trust_count(), Ok(1 + bundled));
    client.trust_bundled().unwrap();
    assert_eq!(client.trust_count(), Ok(1 + bundled), "twice is once");
    client.connect(world.port).unwrap();
}

#[test]
fn loading_leaves_the_callers_error_queue_as_it_was() {
    let world = World::new("CA");
    let broken = pem::block("CERTIFICATE", b"\x30\x82\x01\x00 not a certificate");
    let (client, empty) = (Client::new(), Vec::new());
    openssl::error::ErrorStack::get();
    // SAFETY: the callers' own entry; the strings are literals.
    unsafe {
        ffi::ERR_new();
        ffi::ERR_set_error(20, 100, c"the caller's".as_ptr());
    }
    client.trust_mem(broken.as_bytes()).unwrap_err();
    client.trust_mem(&empty).unwrap_err();
    client.trust_file(Path::new("/nonexistent")).unwrap_err();
    client.trust_mem(&world.ca.pem()).unwrap();
    client.trust_system().unwrap();
    client.trust_bundled().unwrap();
    client.trust_count().unwrap();
    let left = openssl::error::ErrorStack::get();
    assert_eq!(left.errors().len(), 1, "{left}");
    assert_eq!(left.errors()[0].data(), Some("the caller's"));
}

#[test]
fn a_path_may_be_any_bytes_and_is_shown_on_one_line() {
    use hostlock::ffi::errors::{hostlock_error_message, hostlock_last_error};
    let client = Client::new();
    let path = CString::new(b"/nonexistent/\xff\n.pem".to_vec()).unwrap();
    // SAFETY: the context is live, and the path outlives the call; the message is read before another call fails.
    let message = unsafe {
        let code = hostlock::ffi::trust::hostlock_ctx_trust_file(client.as_ptr(), path.as_ptr());
        assert_eq!(code, Status::ENotFound.code());
        std::ffi::CStr::from_ptr(hostlock_error_message(hostlock_last_error())).to_str().unwrap().to_owned()
    };
    assert!(message.contains(r#"/nonexistent/\xFF\n.pem"#), "{message}");
}

#[test]
fn anchors_may_be_added_while_other_threads_shake_hands() {
    let (first, second) = (World::new("First CA"), World::new("Second CA"));
    let client = Client::new();
    client.trust_mem(&first.ca.pem()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..20 {
                    client.connect(first.port).unwrap();
                }
            });
        }
        for number in 0..200 {
            client.trust_mem(&Recipe::ca(&format!("CA {number}")).self_signed().pem()).unwrap();
        }
        client.trust_mem(&second.ca.pem()).unwrap();
    });
    assert_eq!(client.trust_count(), Ok(202));
    client.connect(second.port).unwrap();
}

#[test]
fn a_set_up_call_that_panics_poisons_like_one_that_fails() {
    use hostlock::guard::{Family, Guard};
    let world = World::new("CA");
    let client = Client::new();
    client.trust_mem(&world.ca.pem()).unwrap();
    let guard = Guard::of(Ctx::from(&*client.0)).unwrap();
    let error = guard.configure(Family::Trust, "the call", || panic!("on purpose"), |_, ()| ()).unwrap_err();
    assert_eq!(error.status(), Status::EInternal);
    assert_eq!(client.status(world.port), Status::EPoisoned);
}
