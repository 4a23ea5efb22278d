//! The command as people and programs run it.

#[path = "../../tests/support/certdata.rs"]
mod certdata;
#[path = "../../tests/support/pki.rs"]
mod pki;
mod ran;
#[path = "../../tests/support/scratch.rs"]
mod scratch;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use certdata::{ANCHOR, Entry, certdata};
use openssl::hash::MessageDigest;
use openssl::x509::X509;
use pki::{DAY, Recipe, now};
use ran::{BINARY, Ran};
use scratch::Scratch;
use serde_json::Value;

fn run(arguments: &[&str]) -> Ran {
    Command::new(BINARY).arg("roots").args(arguments).output().unwrap().into()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ca(name: &str) -> X509 {
    Recipe::ca(name).self_signed().certificate
}

fn pem(certificates: &[&X509]) -> Vec<u8> {
    certificates.iter().flat_map(|certificate| certificate.to_pem().unwrap()).collect()
}

fn sha256(certificate: &X509) -> String {
    certificate.digest(MessageDigest::sha256()).unwrap().iter().map(|octet| format!("{octet:02x}")).collect()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|root| root["name"].as_str().unwrap()).collect()
}

#[test]
fn list_prints_an_aligned_table_without_colours_where_no_terminal_reads_it() {
    let scratch = Scratch::new();
    let (short, long) = (ca("F\u{151}"), ca("Another Root"));
    let file = scratch.file("roots.pem", pem(&[&short, &long]));
    let ran = run(&["list", "--source", text(&file)]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let column =
        |line: &str, word: &str| line.chars().count() - line.split_once(word).unwrap().1.chars().count() - word.len();
    let expiry = hostlock::moment::text(hostlock::moment::unix_seconds(long.not_after()).unwrap());
    let day = expiry.split('T').next().unwrap();
    assert!(lines[1].starts_with("Another Root") && lines[2].starts_with("F\u{151} "), "ordered by name: {lines:?}");
    assert_eq!(column(lines[0], "EXPIRES"), column(lines[1], day));
    assert_eq!(column(lines[1], day), column(lines[2], day));
    assert_eq!(column(lines[2], &sha256(&short)[..16]), column(lines[0], "SHA-256"));
    assert_eq!(lines[3], "2 roots");
    assert!(!ran.stdout.contains('\x1b'));
}

#[test]
fn list_prints_json_with_its_documented_keys() {
    let scratch = Scratch::new();
    let root = ca("A Root");
    let file = scratch.file(
        "certdata.txt",
        certdata(&[Entry { server_distrust_after: Some(1_733_011_199), ..Entry::root("x", &root) }]),
    );
    let json = run(&["list", "--json", "--source", text(&file)]).json();
    let item = json["roots"][0].as_object().unwrap();
    let mut keys: Vec<&str> = item.keys().map(String::as_str).collect();
    keys.sort();
    assert_eq!(keys, ["distrust_after", "name", "not_after", "not_before", "sha256", "source", "subject"]);
    assert_eq!(item["name"], "A Root");
    assert_eq!(item["subject"], "CN=A Root");
    assert_eq!(item["sha256"], sha256(&root));
    assert_eq!(item["distrust_after"], "2024-11-30T23:59:59Z");
    assert_eq!(item["source"], text(&file));
}

#[test]
fn list_takes_several_sources_and_each_kind_of_them() {
    let scratch = Scratch::new();
    let (one, other) = (ca("One"), ca("Other"));
    let directory = scratch.directory("directory");
    fs::write(directory.join("one.pem"), pem(&[&one])).unwrap();
    let der = scratch.file("other.der", other.to_der().unwrap());
    let json = run(&["list", "--json", "--source", text(&directory), text(&der), "--source", "bundled"]).json();
    let all = names(&json["roots"]);
    assert_eq!(all[..2], ["One", "Other"]);
    assert_eq!(all.len(), 2 + webpki_root_certs::TLS_SERVER_ROOT_CERTS.len());
    let file = scratch.file("system.pem", pem(&[&other]));
    let ran = Command::new(BINARY)
        .args(["roots", "list", "--json"])
        .env("SSL_CERT_FILE", file)
        .env_remove("SSL_CERT_DIR")
        .output();
    assert_eq!(names(&Ran::from(ran.unwrap()).json()["roots"]), ["Other"], "the system's roots are the default");
}

#[test]
fn diff_says_what_only_one_has_and_ends_with_1() {
    let scratch = Scratch::new();
    let (both, only_a, only_b, dated) = (ca("Both"), ca("Only A"), ca("Only B"), ca("Dated"));
    let a = scratch.file("a.pem", pem(&[&both, &only_a, &dated]));
    let entries = [
        Entry::root("", &both),
        Entry::root("", &only_b),
        Entry { server_distrust_after: Some(0), ..Entry::root("", &dated) },
    ];
    let b = scratch.file("b.txt", certdata(&entries));
    let ran = run(&["diff", text(&a), text(&b)]);
    assert_eq!(ran.code, 1);
    let marks: Vec<&str> = ran.stdout.lines().map(|line| &line[..line.len().min(9)]).collect();
    assert_eq!(marks[1..4], ["-  Only A", "+  Only B", "~  Dated "]);
    assert!(ran.stdout.contains("never -> 1970-01-01"), "{}", ran.stdout);
    let ran = run(&["diff", "--json", text(&a), text(&b)]);
    assert_eq!(ran.code, 1);
    let json = ran.json();
    assert_eq!((names(&json["only_in_a"]), names(&json["only_in_b"])), (vec!["Only A"], vec!["Only B"]));
    assert_eq!(names(&json["changed"]), ["Dated"]);
    assert_eq!(json["changed"][0]["distrust_after_a"], Value::Null);
    assert_eq!(json["changed"][0]["distrust_after_b"], "1970-01-01T00:00:00Z");
    assert_eq!(json["same"], 1);
}

#[test]
fn diff_of_equal_sources_ends_with_0_in_whatever_form_and_order_they_are() {
    let scratch = Scratch::new();
    let (one, other) = (ca("One"), ca("Other"));
    let a = scratch.file("a.pem", pem(&[&one, &other]));
    let b = scratch.file("b.txt", certdata(&[Entry::root("x", &other), Entry::root("y", &one)]));
    let ran = run(&["diff", text(&a), text(&b)]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert_eq!(ran.stdout.lines().count(), 1);
}

/// A file of a TRUSTED CERTIFICATE, as `openssl x509 -trustout` writes it.
fn trusted(scratch: &Scratch, name: &str, certificate: &X509, options: &[&str]) -> std::path::PathBuf {
    let (plain, out) = (scratch.file("plain.pem", pem(&[certificate])), scratch.join(name));
    let mut command = Command::new("openssl");
    command.env_remove("LD_LIBRARY_PATH").args(["x509", "-trustout", "-in"]).arg(&plain).arg("-out").arg(&out);
    assert!(command.args(options).status().unwrap().success());
    out
}

#[test]
fn list_and_diff_show_what_a_trusted_certificate_is_for() {
    let scratch = Scratch::new();
    let root = ca("A Root");
    let plain = scratch.file("a.pem", pem(&[&root]));
    let mail = trusted(&scratch, "b.pem", &root, &["-addtrust", "emailProtection", "-addreject", "serverAuth"]);
    let ran = run(&["list", "--source", text(&mail)]);
    assert!(
        ran.stdout.contains("TRUST SETTINGS") && ran.stdout.contains("emailProtection, not serverAuth"),
        "{}",
        ran.stdout
    );
    assert!(!run(&["list", "--source", text(&plain)]).stdout.contains("TRUST SETTINGS"));
    let item = &run(&["list", "--json", "--source", text(&mail)]).json()["roots"][0];
    assert_eq!(item["trusted_for"], serde_json::json!(["emailProtection"]));
    assert_eq!(item["rejected_for"], serde_json::json!(["serverAuth"]));
    let ran = run(&["diff", text(&plain), text(&mail)]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("all uses -> emailProtection, not serverAuth"), "{}", ran.stdout);
    let json = run(&["diff", "--json", text(&plain), text(&mail)]).json();
    assert_eq!((&json["changed"][0]["trusted_for_a"], &json["same"]), (&Value::Null, &Value::from(0)));
    assert_eq!(json["changed"][0]["rejected_for_b"], serde_json::json!(["serverAuth"]));
}

#[test]
fn expiring_finds_what_has_expired_and_what_will_soon() {
    let scratch = Scratch::new();
    let until = |name, days| {
        Recipe { not_before: -40 * DAY, not_after: days * DAY + 60, ..Recipe::ca(name) }.self_signed().certificate
    };
    let file = scratch.file("roots.pem", pem(&[&until("Later", 100), &until("Soon", 30), &until("Past", -10)]));
    let ran = run(&["expiring", "--within", "90d", "--source", text(&file), "--json"]);
    assert_eq!(ran.code, 1);
    let json = ran.json();
    assert_eq!(names(&json["roots"]), ["Past", "Soon"]);
    assert_eq!((&json["roots"][0]["days_left"], &json["roots"][1]["days_left"]), (&Value::from(-10), &Value::from(30)));
    assert_eq!(json["within_days"], 90);
    let ran = run(&["expiring", "--within", "15w", "--source", text(&file)]);
    assert!(
        ran.stdout.contains("Later")
            && ran.stdout.contains("expired")
            && ran.stdout.ends_with("within 105 days: 3 roots\n")
    );
    let later = scratch.file("later.pem", pem(&[&until("Later", 100)]));
    let ran = run(&["expiring", "--within", "90d", "--source", text(&later)]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "within 90 days: 0 roots\n"));
}

#[test]
fn from_certdata_writes_the_roots_of_the_purpose_and_leaves_the_old_file_where_it_fails() {
    let scratch = Scratch::new();
    let (server, mail) = (ca("Server"), ca("Mail"));
    let entries = [
        Entry { server_distrust_after: Some(now()), ..Entry::root("For servers", &server) },
        Entry { server_auth: "CKT_NSS_MUST_VERIFY_TRUST", email: ANCHOR, ..Entry::root("For mail", &mail) },
    ];
    let input = scratch.file("certdata.txt", certdata(&entries));
    let output = scratch.join("out.pem");
    let ran = run(&["from-certdata", text(&input), "-o", text(&output)]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert!(
        ran.stderr.starts_with("1 root for server-auth\n1 root only for certificates issued up to a date"),
        "{}",
        ran.stderr
    );
    let written = fs::read_to_string(&output).unwrap();
    assert!(written.contains("# For servers\n") && !written.contains("# For mail\n"));
    let ran = run(&["from-certdata", text(&input), "-o", "-", "--purpose", "email"]);
    assert!(ran.stdout.contains("# For mail\n") && !ran.stdout.contains("# For servers\n"));
    let ran = run(&["from-certdata", text(&input), "-o", text(&output), "--purpose", "code-signing"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("holds no root that is trusted for code-signing\nhint: "), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&output).unwrap(), written);
}

#[test]
fn what_cannot_be_read_ends_with_3_and_what_is_not_understood_with_2() {
    let scratch = Scratch::new();
    let garbage = scratch.file("garbage.txt", "BEGINDATA\nnonsense\n");
    let ran = run(&["list", "--source", text(&garbage)]);
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(
        ran.stderr.contains("line 2: \"nonsense\" is neither a comment nor an attribute\nhint: "),
        "{}",
        ran.stderr
    );
    assert_eq!(run(&["diff", "bundled", text(&scratch.join("missing"))]).code, 3);
    for wrong in [
        &["list", "--sauce", "x"][..],
        &["expiring"],
        &["expiring", "--within", "soon"],
        &["diff", "bundled"],
        &["from-certdata", "x"],
        &["from-certdata", "x", "-o", "y", "--purpose", "all"],
        &["frobnicate"],
        &[],
    ] {
        let ran = run(wrong);
        assert_eq!(ran.code, 2, "{wrong:?}");
        assert_eq!(ran.stdout, "");
        assert_ne!(ran.stderr, "");
    }
}

#[test]
fn whole_hashes_are_printed_where_they_are_asked_for() {
    let scratch = Scratch::new();
    let root = ca("A Root");
    let file = scratch.file("roots.pem", pem(&[&root]));
    let other = scratch.file("other.pem", pem(&[&ca("Other")]));
    for arguments in [
        &["list", "--source", text(&file)][..],
        &["diff", text(&file), text(&other)],
        &["expiring", "--within", "52000d", "--source", text(&file)],
    ] {
        assert!(!run(arguments).stdout.contains(&sha256(&root)), "{arguments:?}");
        let ran = run(&[arguments, &["--full"]].concat());
        assert!(ran.stdout.contains(&sha256(&root)), "{arguments:?}: {}", ran.stdout);
    }
}

#[test]
fn skip_broken_leaves_a_broken_certificate_out_and_names_it() {
    let scratch = Scratch::new();
    let mut bundle = pem(&[&ca("One")]);
    bundle.extend(b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    let file = scratch.file("roots.pem", bundle);
    let ran = run(&["list", "--source", text(&file)]);
    assert_eq!(ran.code, 3);
    let ran = run(&["list", "--source", text(&file), "--skip-broken"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.ends_with("1 root\n"));
    assert!(
        ran.stderr.starts_with("skipped: ") && ran.stderr.contains("block 2 (CERTIFICATE, line "),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_help_of_every_command_names_the_exit_codes_and_fits_a_page() {
    let of_roots = ["list", "from-certdata", "diff", "expiring"].map(|verb| vec!["roots", verb]);
    for command in [vec![], vec!["roots"], vec!["audit"], vec!["doctor"]].into_iter().chain(of_roots) {
        let ran: Ran = Command::new(BINARY).args(&command).arg("--help").output().unwrap().into();
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let title = format!("Usage: hostlock {}", command.join(" "));
        assert!(ran.stdout.contains(title.trim_end()) && ran.stdout.lines().count() <= 40, "{}", ran.stdout);
        assert!(ran.stdout.contains("Exit codes:\n  0  all is well\n"), "{}", ran.stdout);
        assert!(ran.stdout.lines().all(|line| line.chars().count() <= 120), "{}", ran.stdout);
    }
}

#[test]
fn a_reader_that_went_away_changes_neither_the_answer_nor_the_exit_code() {
    for (arguments, code) in
        [(&["list", "--source", "bundled"][..], 0), (&["expiring", "--within", "52000d", "--source", "bundled"], 1)]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran: Ran = Command::new(BINARY).arg("roots").args(arguments).stdout(writer).output().unwrap().into();
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran: Ran =
        Command::new(BINARY).args(["roots", "list", "--source", "bundled"]).stdout(full).output().unwrap().into();
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("standard output cannot be written"), "{}", ran.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn colours_are_for_a_terminal_that_does_not_refuse_them() {
    let on_a_terminal = |no_color: Option<&str>, terminal: &str| {
        let mut script = Command::new("script");
        script.args([
            "--quiet",
            "--return",
            "--command",
            &format!("{BINARY} roots list --source bundled"),
            "/dev/null",
        ]);
        script.env("TERM", terminal).env_remove("NO_COLOR").stdin(Stdio::null());
        if let Some(value) = no_color {
            script.env("NO_COLOR", value);
        }
        script.output().ok().map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let Some(coloured) = on_a_terminal(None, "xterm") else {
        println!("skipped: there is no script(1) to make a terminal with");
        return;
    };
    assert!(coloured.contains("\x1b[1mNAME"), "{coloured}");
    assert!(on_a_terminal(Some(""), "xterm").unwrap().contains('\x1b'), "an empty NO_COLOR says nothing");
    assert!(!on_a_terminal(Some("1"), "xterm").unwrap().contains('\x1b'));
    assert!(!on_a_terminal(None, "dumb").unwrap().contains('\x1b'));
}
