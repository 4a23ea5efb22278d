//! `hostlock doctor` in environments that are made for it.

#[path = "../../tests/support/pki.rs"]
mod pki;
mod ran;
#[path = "../../tests/support/scratch.rs"]
mod scratch;

use std::fs;
use std::path::Path;
use std::process::Command;

use pki::{DAY, Recipe};
use ran::{BINARY, Ran};
use scratch::Scratch;
use serde_json::Value;

/// Roots in a file, an initialiser and an empty PATH.
struct Place(Scratch);

impl Place {
    fn new() -> Place {
        let place = Place(Scratch::new());
        let root =
            |name, days| Recipe { not_before: -40 * DAY, not_after: days * DAY + 60, ..Recipe::ca(name) }.self_signed();
        let roots = [root("Good", 400), root("Soon", 30), root("Past", -3)];
        place.0.file("roots.pem", roots.iter().flat_map(pki::Identity::pem).collect::<Vec<_>>());
        place.0.file("initialiser.so", b"");
        place.0.directory("bin");
        place
    }

    fn doctor(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(BINARY);
        command.arg("doctor").args(arguments).env_clear().current_dir(self.0.path());
        command.env("PATH", self.0.join("bin")).env("SSL_CERT_FILE", self.0.join("roots.pem"));
        command.env("HOSTLOCK_PRELOAD", self.0.join("initialiser.so"));
        command.envs(environment.iter().copied()).output().unwrap().into()
    }

    /// A Python that answers `answer`.
    fn python(&self, name: &str, answer: &str) {
        script(&self.0.join("bin").join(name), &format!("printf '%s\\n' '{answer}'"));
    }
}

fn script(path: &Path, line: &str) {
    let text = path.with_extension("txt");
    fs::write(&text, format!("#!/bin/sh\n{line}\n")).unwrap();
    executable(&text, path);
}

/// Another program copies, because what this one holds open for writing is inherited by whatever a test beside it
/// starts just then, and while that has not begun its own program, the file cannot be executed.
fn executable(from: &Path, to: &Path) {
    assert!(Command::new("install").args(["-m", "755"]).args([from, to]).status().unwrap().success());
}

fn keys(json: &Value) -> Vec<&str> {
    json.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_place_without_fault_ends_with_0_and_is_shown_on_one_screen() {
    let place = Place::new();
    let ran = place.doctor(&[], &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    for wanted in [
        format!("libssl       {}, ", openssl::version::version()),
        format!("initialiser  {}\n", place.0.join("initialiser.so").canonicalize().unwrap().display()),
        format!("roots        3 roots in {}, as the environment says\n", place.0.join("roots.pem").display()),
        "expired: 1; within 90 days expire: 1; ".to_owned(),
        "python       none on the PATH\n".to_owned(),
        "\nnothing to mend\n".to_owned(),
    ] {
        assert!(ran.stdout.contains(&wanted), "{wanted:?} in\n{}", ran.stdout);
    }
    assert!(ran.stdout.lines().count() <= 24 && !ran.stdout.contains('\x1b'), "{}", ran.stdout);
}

#[test]
fn json_has_its_documented_keys() {
    let place = Place::new();
    let (libssl, other) = (ours(), "/nowhere/libssl.so.1.1");
    let answer = |libssl: &str, program: &str| {
        format!(
            r#"{{"version": "3.9.1", "program": "{program}", "openssl": "OpenSSL 9", "libssl": {libssl}, "package": false}}"#
        )
    };
    place.python("python3", &answer(&format!("{libssl:?}"), "/one"));
    place.python("python3.9", &answer(&format!("{other:?}"), "/other"));
    place.python("python3.8", &answer("null", "/inside"));
    place.python("python2", &answer("null", "/inside"));
    place.python("python2.7", "what?");
    let json = place.doctor(&["--json"], &[]).json();
    assert_eq!(
        keys(&json),
        ["environment", "initialiser", "library", "libssl", "pythons", "roots", "to_mend", "version"]
    );
    let of_roots = [
        "count",
        "directories",
        "error",
        "expired",
        "expiring",
        "file",
        "from_environment",
        "newest",
        "oldest",
        "written",
    ];
    assert_eq!(keys(&json["roots"]), of_roots);
    assert_eq!((&json["roots"]["expired"][0], &json["roots"]["count"]), (&Value::from("Past"), &Value::from(3)));
    assert_eq!(json["libssl"]["path"], libssl);
    let pythons = json["pythons"].as_array().unwrap();
    let modes: Vec<(&str, &Value)> = pythons
        .iter()
        .map(|python| (python["path"].as_str().unwrap().rsplit('/').next().unwrap(), &python["mode"]))
        .collect();
    let (in_place, afterwards) = (Value::from("in place"), Value::from("afterwards"));
    // "python3.8" is another name of the interpreter that "python2" leads to.
    let wanted =
        [("python2", &afterwards), ("python3", &in_place), ("python2.7", &Value::Null), ("python3.9", &afterwards)];
    assert_eq!(modes, wanted);
    assert_eq!(keys(&pythons[0]), ["libssl", "mode", "openssl", "package", "path", "version"]);
    assert_eq!(keys(&pythons[2]), ["error", "path"]);
    assert_eq!(keys(&json["environment"][0]), ["does", "harmful", "name", "value"]);
}

/// The path of the libssl that this test has loaded, which is the command's too.
fn ours() -> String {
    hostlock::libssl_path().map(|path| path.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn what_stands_in_the_way_or_gives_secrets_away_ends_with_1_and_is_named() {
    let place = Place::new();
    for (environment, wanted) in [
        (("SSLKEYLOGFILE", "/dev/null"), "unset SSLKEYLOGFILE: "),
        (("PYTHONHTTPSVERIFY", "0"), "unset PYTHONHTTPSVERIFY: "),
        (("NODE_TLS_REJECT_UNAUTHORIZED", "0"), "unset NODE_TLS_REJECT_UNAUTHORIZED: "),
        (("GIT_SSL_NO_VERIFY", "1"), "unset GIT_SSL_NO_VERIFY: "),
        (("SSL_CERT_FILE", "/nowhere/roots.pem"), "the roots cannot be read: there is no file \"/nowhere/roots.pem\""),
    ] {
        let ran = place.doctor(&[], &[environment]);
        assert_eq!(ran.code, 1, "{environment:?}\n{}", ran.stdout);
        let (_, mend) = ran.stdout.split_once("\nto mend:\n").unwrap();
        assert!(mend.contains(wanted), "{wanted:?} in\n{}", ran.stdout);
        assert_eq!(place.doctor(&["--json"], &[environment]).code, 1);
    }
    let old = Recipe { not_before: -9 * DAY, not_after: -DAY, ..Recipe::ca("Old") }.self_signed();
    let file = place.0.file("old.pem", old.pem());
    let ran = place.doctor(&[], &[("SSL_CERT_FILE", file.to_str().unwrap())]);
    assert!(ran.code == 1 && ran.stdout.contains("every root has expired"), "{}", ran.stdout);
}

#[test]
fn variables_that_harm_nobody_are_shown_and_those_that_say_nothing_are_not() {
    let place = Place::new();
    let set =
        [("OPENSSL_CONF", "/x.cnf"), ("LD_PRELOAD", ""), ("PYTHONHTTPSVERIFY", "1"), ("PGSSLMODE", "a\x1b[2Jb\n")];
    let ran = place.doctor(&[], &set);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("  OPENSSL_CONF=/x.cnf\n      configures OpenSSL"), "{}", ran.stdout);
    assert!(ran.stdout.contains("  PGSSLMODE=a\\u{1b}[2Jb\\n\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("LD_PRELOAD") && !ran.stdout.contains("PYTHONHTTPSVERIFY"), "{}", ran.stdout);
}

#[test]
fn nothing_of_the_working_directory_is_run() {
    let place = Place::new();
    let trap = place.0.join("sprung");
    script(&place.0.join("python3"), &format!("touch {}", trap.display()));
    fs::write(place.0.join("json.py"), format!("open({:?}, 'w')\n", trap.to_str().unwrap())).unwrap();
    let ran = place.doctor(&["--json"], &[("PATH", ".::/usr/bin")]);
    assert!(!trap.exists(), "{}", ran.stdout);
    let pythons = ran.json()["pythons"].clone();
    assert!(pythons.as_array().unwrap().iter().all(|python| python["path"].as_str().unwrap().starts_with("/usr/bin/")));
}

#[test]
fn a_lost_initialiser_is_named_with_what_to_do() {
    let place = Place::new();
    let alone = place.0.join("bin/hostlock");
    executable(Path::new(BINARY), &alone);
    let ran: Ran = Command::new(&alone).arg("doctor").env_clear().output().unwrap().into();
    if ran.stdout.contains("libhostlock_preload.so") {
        println!("skipped: hostlock is installed on this machine");
        return;
    }
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("initialiser  not found\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("does not find its initialiser: run make install"), "{}", ran.stdout);
}
