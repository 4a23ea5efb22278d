//! Gives the shared library its soname and its load flags, and tells the code whether this OpenSSL is 4.0.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(ossl400)");
    let version = std::env::var("DEP_OPENSSL_VERSION_NUMBER").unwrap_or_default();
    if u64::from_str_radix(&version, 16).is_ok_and(|version| version >= 0x4000_0000) {
        println!("cargo::rustc-cfg=ossl400");
    }
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // A program that was built for the one must not be given the other: its handles are not what they were.
        let private = std::env::var_os("CARGO_FEATURE_PRIVATE_LIBSSL").is_some();
        let name = if private { "libhostlock-private" } else { "libhostlock" };
        let major = std::env::var("CARGO_PKG_VERSION_MAJOR").expect("cargo sets the version");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{name}.so.{major}");
        println!("cargo::rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
        // OpenSSL keeps our callbacks: after a dlclose the next SSL_CTX_free would jump into nothing.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete,-z,now");
    }
}
