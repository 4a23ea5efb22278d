//! Makes the C header in OUT_DIR, and gives the shared library its soname and its load flags.

use std::path::PathBuf;

/// The sections of the header, in its order.
const SECTIONS: &[&str] = &[
    "library",
    "errors",
    "context",
    "trust",
    "certdata",
    "host",
    "connection",
    "verify",
    "revocation",
    "pins",
    "insecure",
    "harden",
    "seal",
    "audit",
];

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    header(&root, &out);
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhostlock.so.0");
        // OpenSSL keeps our callbacks: after a dlclose the next SSL_CTX_free would jump into nothing.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete,-z,now");
    }
}

fn header(root: &std::path::Path, out: &std::path::Path) {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is well-formed");
    let mut builder = cbindgen::Builder::new().with_config(config).with_src(root.join("src/error.rs"));
    for section in SECTIONS {
        builder = builder.with_src(root.join(format!("src/ffi/{section}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().expect("cbindgen understands src/ffi").write(&mut text);
    let text = String::from_utf8(text).expect("cbindgen writes UTF-8");
    std::fs::write(out.join("hostlock.h"), tidy(&text)).expect("OUT_DIR is writable");
}

/// Rust's "# Safety" sections repeat for Rust readers what the C text says; names get the header's prefix.
fn tidy(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut in_safety = false;
    for line in text.lines() {
        if line.trim() == "* # Safety" {
            in_safety = true;
            while lines.last().is_some_and(|last| last.trim() == "*") {
                lines.pop();
            }
        } else if line.trim() == "*/" {
            in_safety = false;
        }
        if !in_safety {
            lines.push(line);
        }
    }
    lines.join("\n").replace("HOSTLOCK_STATUS_", "HOSTLOCK_").replace('`', "") + "\n"
}
