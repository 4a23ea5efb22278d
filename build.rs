//! Makes the C header and the table of the bundled roots in OUT_DIR, and gives the shared library its soname and its load
//! flags.

use std::fmt::Write;
use std::path::{Path, PathBuf};

// The library's own code tells where the name of a root is and what its key is, so that both say the same.
#[path = "src/identity"]
#[allow(dead_code, reason = "the library uses all of it")]
mod identity {
    pub mod der;
}
#[path = "src/trust"]
#[allow(dead_code, reason = "the library uses all of it")]
mod trust {
    pub mod index {
        pub mod name;
        pub mod shape;
    }
}

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
];

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    header(&root, &out);
    bundled_roots(&out);
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libhostlock.so.0");
        // OpenSSL keeps our callbacks: after a dlclose the next SSL_CTX_free would jump into nothing.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete,-z,now");
    }
}

/// What src/trust/bundled.rs includes.
fn bundled_roots(out: &Path) {
    let mut der = Vec::new();
    let mut keys = Vec::new();
    let mut roots = String::new();
    for (root, position) in webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().zip(0u32..) {
        let key = trust::index::shape::subject_key(root).expect("the walk knows the form of each bundled root");
        der.extend_from_slice(root);
        keys.push((key, position));
        write!(roots, "({}, {key}),", der.len()).expect("a String takes all text");
    }
    keys.sort_unstable();
    let text = format!(
        "pub static ROOTS: [(usize, u64); {0}] = [{roots}];\npub static BY_KEY: [(u64, u32); {0}] = {keys:?};\n",
        keys.len()
    );
    std::fs::write(out.join("bundled.der"), der).expect("OUT_DIR is writable");
    std::fs::write(out.join("bundled.rs"), text).expect("OUT_DIR is writable");
}

fn header(root: &Path, out: &Path) {
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
