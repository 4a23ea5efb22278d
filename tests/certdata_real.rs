//! Mozilla's real certdata.txt, as it lies in the source package ca-certificates of Debian, against the roots that come
//! with hostlock and against the bundle that Debian makes of it. The file is not kept here: HOSTLOCK_CERTDATA names one,
//! or apt-get fetches the package.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hostlock::moment;
use hostlock::trust::certdata::{self, Certdata, Purpose, Trust};
use hostlock::trust::decode;
use hostlock::trust::describe::Description;
use hostlock::trust::distrust::Distrust;
use openssl::x509::{X509, X509Ref};
use support::scratch::Scratch;

const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

fn described(certificate: &X509Ref) -> ([u8; 32], String) {
    let root = Description::of(certificate, &Distrust::default()).unwrap();
    (root.sha256, root.name)
}

fn printed(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The source package of this Debian, unpacked under `scratch`, and its version.
fn fetch(scratch: &Scratch) -> Option<(PathBuf, String)> {
    let suite = fs::read_to_string("/etc/os-release").ok()?;
    let suite = suite.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?.to_owned();
    let list = scratch.file("debian.list", format!("deb-src http://deb.debian.org/debian {suite} main\n"));
    for name in ["lists", "cache"] {
        fs::create_dir_all(scratch.join(name).join("partial")).ok()?;
    }
    let options = [
        format!("Dir::Etc::SourceList={}", list.display()),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        format!("Dir::State::Lists={}", scratch.join("lists").display()),
        format!("Dir::Cache={}", scratch.join("cache").display()),
    ];
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(options.iter().flat_map(|option| ["-o", option])).args(arguments).current_dir(scratch.path());
        command.output().ok().filter(|output| output.status.success())
    };
    apt(&["update"])?;
    apt(&["source", "--download-only", "ca-certificates"])?;
    let entries = fs::read_dir(scratch.path()).ok()?;
    let archive =
        entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "xz"))?;
    printed("tar", &["-xf", archive.to_str()?, "-C", scratch.path().to_str()?])?;
    let version = archive.file_name()?.to_str()?.strip_prefix("ca-certificates_")?.strip_suffix(".tar.xz")?.to_owned();
    Some((scratch.join("ca-certificates/mozilla/certdata.txt"), version))
}

fn real_file(scratch: &Scratch) -> Option<(PathBuf, String)> {
    match std::env::var_os("HOSTLOCK_CERTDATA") {
        Some(path) => Some((path.into(), "that HOSTLOCK_CERTDATA names".to_owned())),
        None => fetch(scratch),
    }
}

fn list(title: &str, roots: &BTreeMap<[u8; 32], String>) {
    println!("{}: {title}", roots.len());
    for name in roots.values() {
        println!("    {name}");
    }
}

fn without(from: &BTreeMap<[u8; 32], String>, other: &BTreeMap<[u8; 32], String>) -> BTreeMap<[u8; 32], String> {
    from.iter().filter(|(hash, _)| !other.contains_key(*hash)).map(|(hash, name)| (*hash, name.clone())).collect()
}

fn map<'a>(certificates: impl Iterator<Item = &'a X509>) -> BTreeMap<[u8; 32], String> {
    certificates.map(|certificate| described(certificate)).collect()
}

fn check_is_reproducible(certdata: &Certdata, servers: &BTreeMap<[u8; 32], String>, input: &Path, scratch: &Scratch) {
    let output = scratch.join("roots.pem");
    certdata::to_pem(input, &output, Purpose::ServerAuth).unwrap();
    let first = fs::read(&output).unwrap();
    certdata::to_pem(input, &output, Purpose::ServerAuth).unwrap();
    assert_eq!(fs::read(&output).unwrap(), first);
    assert_eq!(certdata.pem(Purpose::ServerAuth, "it").unwrap().as_bytes(), first);
    assert_eq!(map(decode::parse(&first, "the bundle").unwrap().certificates.iter()), *servers);
}

#[test]
#[ignore = "long: fetches a source package of Debian"]
fn mozillas_own_file_agrees_with_debians_bundle_and_with_the_bundled_roots() {
    let scratch = Scratch::new();
    let Some((path, version)) = real_file(&scratch) else {
        println!("skipped: no source package ca-certificates can be had here, and HOSTLOCK_CERTDATA names no file");
        return;
    };
    let read = certdata::load(&path).unwrap();
    let trusted = |purpose| read.roots.iter().filter(move |root| root.trust(purpose) == Trust::Anchor);
    println!("certdata.txt {version}: {} certificates, {} only named", read.roots.len(), read.absent.len());
    for purpose in [Purpose::ServerAuth, Purpose::Email, Purpose::CodeSigning] {
        println!("    {} for {}", trusted(purpose).count(), purpose.name());
    }
    for root in trusted(Purpose::ServerAuth) {
        if let Some(seconds) = root.distrust_after(Purpose::ServerAuth) {
            println!("    only up to {}: {}", moment::text(seconds), root.label);
        }
    }
    let servers = map(trusted(Purpose::ServerAuth).map(|root| &root.certificate));
    assert!(servers.len() > 100, "Mozilla trusts more than a hundred roots");
    assert!(read.roots.iter().all(|root| root.bits.is_some()), "the real file speaks of each of its certificates");
    check_is_reproducible(&read, &servers, &path, &scratch);

    let bundled: Vec<X509> =
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| X509::from_der(der).unwrap()).collect();
    let bundled = map(bundled.iter());
    list("only in certdata.txt (removed by Mozilla since, or kept with a date)", &without(&servers, &bundled));
    list("only bundled with hostlock (added by Mozilla since)", &without(&bundled, &servers));
    for root in &read.roots {
        let is_distrusted = root.trust(Purpose::ServerAuth) == Trust::Distrusted;
        assert!(!is_distrusted || !bundled.contains_key(&root.sha256), "{} is distrusted, but bundled", root.label);
    }
    assert!(without(&bundled, &servers).len() * 2 < bundled.len(), "most of the bundled roots are in the file");

    let installed = printed("dpkg-query", &["-W", "-f=${Version}", "ca-certificates"]);
    let Some(debian) = fs::read(BUNDLE).ok().filter(|_| installed.as_deref() == Some(&version)) else {
        println!("not compared: Debian's own bundle is not of version {version}, but {installed:?}");
        return;
    };
    let debian = map(decode::parse(&debian, BUNDLE).unwrap().certificates.iter());
    list("only in Debian's bundle (its own patches, and CAs of this machine)", &without(&debian, &servers));
    let missing = without(&servers, &debian);
    list("only in certdata.txt (deselected on this machine)", &missing);
    let deselected = fs::read_to_string("/etc/ca-certificates.conf").unwrap_or_default();
    let deselected = deselected.lines().filter(|line| line.starts_with('!')).count();
    assert!(missing.len() <= deselected, "Debian's bundle lacks roots that nobody deselected");
}
