//! What a context of each policy is, as OpenSSL itself reports it: compared with a committed text, and under system
//! configurations that would weaken or strengthen it. Every reading is made in a child process, because OpenSSL reads
//! its configuration once: the test program starts itself.

mod support;

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use foreign_types::{ForeignType, ForeignTypeRef};
use hostlock::context::Context;
use hostlock::policy::{POLICIES, Policy};
use openssl::ssl::{SslCipher, SslContext};
use openssl::stack::StackRef;
use openssl_sys as ffi;
use support::hello;

unsafe extern "C" {
    fn SSL_CTX_get_ciphers(ctx: *const ffi::SSL_CTX) -> *mut ffi::stack_st_SSL_CIPHER;
}

const CHILD: &str = "HOSTLOCK_TEST_DESCRIBE";

fn described_under(configuration: &Path, policy: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["each_policy_is_what_the_committed_text_says", "--exact", "--nocapture"])
        .env("OPENSSL_CONF", configuration)
        .env(CHILD, policy)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = text.split_once("<<<").unwrap_or_else(|| panic!("no answer: {text}"));
    rest.split_once(">>>").unwrap().0.to_owned()
}

fn described_with(section: &str, policy: &str) -> String {
    let path = std::env::temp_dir().join(format!("hostlock-policy-{}-{:p}.cnf", std::process::id(), section));
    let text =
        format!("openssl_conf = top\n[top]\nssl_conf = ssl\n[ssl]\nsystem_default = system\n[system]\n{section}\n");
    std::fs::write(&path, text).unwrap();
    let description = described_under(&path, policy);
    std::fs::remove_file(&path).unwrap();
    description
}

fn describe(policy: &'static Policy) -> String {
    // SAFETY: the new context gives up its one reference.
    let context = unsafe { SslContext::from_ptr(Context::client(policy).unwrap().into_raw()) };
    let mut out = format!("policy {}\n", policy.name);
    let control = |command| {
        // SAFETY: the context is live; these controls take no pointer.
        unsafe { ffi::SSL_CTX_ctrl(context.as_ptr(), command, 0, std::ptr::null_mut()) }
    };
    writeln!(out, "versions {:#06x} to {:#06x}", control(130), control(131)).unwrap();
    // SAFETY: the context is live.
    writeln!(out, "security level {}", unsafe { ffi::SSL_CTX_get_security_level(context.as_ptr()) }).unwrap();
    // SAFETY: the context is live.
    let options = unsafe { ffi::SSL_CTX_get_options(context.as_ptr()) };
    let named = |bits: &[hostlock::policy::OptionBit], on: bool| {
        let names: Vec<_> = bits.iter().filter(|o| (options & o.bit != 0) == on).map(|o| o.name).collect();
        names.join(" ")
    };
    writeln!(out, "options set: {}", named(policy.set_options, true)).unwrap();
    writeln!(out, "options clear: {}", named(policy.clear_options, false)).unwrap();
    // SAFETY: the stack belongs to the context, which is live; the ciphers in it are static.
    let ciphers = unsafe { StackRef::<SslCipher>::from_ptr(SSL_CTX_get_ciphers(context.as_ptr())) };
    for cipher in ciphers {
        writeln!(out, "cipher {} {} {} bits", cipher.name(), cipher.version(), cipher.bits().secret).unwrap();
    }
    let hello = hello::of(&context);
    writeln!(out, "hello suites {:04x?}", hello.suites).unwrap();
    writeln!(out, "hello versions {:04x?}", hello.versions).unwrap();
    writeln!(out, "hello compressions {:?}", hello.compressions).unwrap();
    writeln!(out, "hello groups {:04x?}", hello.groups).unwrap();
    writeln!(out, "hello key shares {:04x?}", hello.key_shares).unwrap();
    writeln!(out, "hello signatures {:04x?}", hello.signatures).unwrap();
    writeln!(out, "verify flags {:#x}, depth {}", policy.verify_flags, policy.verify_depth).unwrap();
    writeln!(out, "handshake bytes at most {}", policy.handshake_bytes).unwrap();
    writeln!(out, "sessions resumed for at most {} seconds", policy.session_age).unwrap();
    policy.checks.iter().for_each(|check| writeln!(out, "check {check:?}").unwrap());
    writeln!(out, "hello extended master secret {}", hello.extensions.contains(&23)).unwrap();
    out
}

#[test]
fn each_policy_is_what_the_committed_text_says() {
    if let Ok(name) = std::env::var(CHILD) {
        println!("<<<{}>>>", describe(Policy::named(&name).unwrap()));
        return;
    }
    let version = openssl::version::number();
    let name = format!("policies-openssl-{}.{}.txt", version >> 28, version >> 20 & 0xff);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(&name);
    let now: String =
        POLICIES.iter().map(|policy| described_under(Path::new("/dev/null"), policy.name) + "\n").collect();
    if std::env::var_os("HOSTLOCK_BLESS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    match std::fs::read_to_string(&path) {
        Ok(committed) => {
            assert_eq!(now, committed, "a default changed; if that is meant, HOSTLOCK_BLESS=1 writes {name}")
        }
        Err(_) => println!("skipped: there is no tests/data/{name} for this OpenSSL"),
    }
}

#[test]
fn a_weak_system_configuration_weakens_nothing() {
    let expected = described_under(Path::new("/dev/null"), "default");
    for weak in [
        "CipherString = DEFAULT@SECLEVEL=0",
        "Options = UnsafeLegacyRenegotiation",
        "Options = UnsafeLegacyServerConnect,-ExtendedMasterSecret",
        "MaxProtocol = TLSv1.1",
        "MinProtocol = TLSv1",
        "Groups = P-256",
        "SignatureAlgorithms = RSA+SHA1",
        "Ciphersuites = TLS_AES_128_CCM_8_SHA256",
        "CipherString = ALL:COMPLEMENTOFALL:@SECLEVEL=0\nMinProtocol = TLSv1\nMaxProtocol = TLSv1.1\n\
         Options = UnsafeLegacyRenegotiation",
    ] {
        assert_eq!(described_with(weak, "default"), expected, "under {weak:?}");
    }
}

#[test]
fn a_strict_system_configuration_is_kept() {
    let strict = described_with("CipherString = DEFAULT@SECLEVEL=3\nMinProtocol = TLSv1.3", "default");
    assert!(strict.contains("versions 0x0304 to 0x0304"), "{strict}");
    assert!(strict.contains("security level 3"), "{strict}");
    assert!(strict.contains("hello versions [0304]"), "{strict}");
}
