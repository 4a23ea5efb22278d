//! Why a program may not have been seen: what its file says. It only reads the file.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The file that `name` stands for, as execvp finds it.
pub fn find(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(name));
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|facts| facts.is_file() && facts.mode() & 0o111 != 0)
}

/// What runs scripts that do not say by what.
pub const SHELL: &str = "/bin/sh";

/// The file that `name` stands for, where it holds text and no "#!": the shell's. Shells look for a NUL likewise.
pub fn script_of_the_shell(name: &OsStr) -> Option<PathBuf> {
    let file = find(name)?;
    let mut start = [0; 256];
    let length = File::open(&file).ok()?.read(&mut start).ok()?;
    let start = &start[..length];
    (!start.starts_with(b"#!") && !start.contains(&0)).then_some(file)
}

/// Why nothing could be preloaded into the program of a file, where the file says so.
pub fn bar(file: &Path) -> Option<&'static str> {
    if is_set_uid(file) {
        return Some("runs with more rights than its caller (set-uid or set-gid): nothing is preloaded");
    }
    match Kind::of(&start_of(file)?) {
        Kind::Static => Some("is statically linked: nothing can be preloaded"),
        Kind::OtherMachine => Some("is a program for another kind of machine (32 bits?): nothing is preloaded"),
        Kind::Dynamic | Kind::NoProgram => None,
    }
}

/// Whether the file runs as its owner or group. What it then executes is hidden from who may not be that.
pub fn is_set_uid(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|facts| facts.mode() & 0o6000 != 0)
}

/// What speaks TLS inside of a file, in words that follow its name; `None` where nothing was found, or it cannot be read.
pub fn tls_inside(file: &Path) -> Option<&'static str> {
    if file.file_name().is_some_and(|name| name == "libjvm.so") {
        return Some("is the Java VM, whose TLS is Java's own");
    }
    if file.file_name().is_some_and(|name| name.as_bytes().starts_with(b"libssl.so")) {
        return Some("is an OpenSSL that is not watched");
    }
    let bytes = read(file).ok()?;
    if contains(&bytes, b"\xff Go buildinf:") {
        return Some("is a Go program, whose TLS is Go's own");
    }
    if !TLS.iter().any(|mark| contains(&bytes, mark)) {
        return None;
    }
    let made_by = MAKERS.iter().find(|(mark, _)| contains(&bytes, mark));
    Some(made_by.map_or("holds TLS of its own", |(_, words)| words))
}

/// The file that runs where `file` is named: the interpreter of a script.
pub fn run_by(file: PathBuf) -> PathBuf {
    interpreter(&file).unwrap_or(file)
}

/// What every implementation of TLS must have inside, since the protocol hashes it: of TLS 1.3 (RFC 8446 4.4.3), and of
/// those before it (RFC 5246 7.4.9).
const TLS: &[&[u8]] = &[b"TLS 1.3, server CertificateVerify", b"TLS 1.3, client CertificateVerify", b"client finished"];

/// Who made it, by what else is inside.
const MAKERS: &[(&[u8], &str)] = &[
    (b"rustls", "holds rustls"),
    (b"BoringSSL", "holds BoringSSL"),
    (b"gnutls_", "is GnuTLS, or holds it"),
    (b"mbedtls", "holds Mbed TLS"),
    (b"wolfSSL", "holds wolfSSL"),
    (b"NSS_", "is NSS, or holds it"),
    // Not the beginning alone, which mangled names of Rust have in them.
    (b"s2n_connection_new", "holds s2n-tls"),
    (b"SSL_CTX_new", "holds an OpenSSL of its own"),
    (b"OpenSSL", "holds an OpenSSL of its own"),
];

/// The interpreter of a script.
fn interpreter(file: &Path) -> Option<PathBuf> {
    let mut start = [0; 256];
    let length = File::open(file).ok()?.read(&mut start).ok()?;
    let line = start[..length].strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first = Path::new(OsStr::from_bytes(words.next()?)).to_owned();
    // "#!/usr/bin/env python3" names the interpreter in its second word.
    match words.next() {
        Some(second) if first.file_name() == Some(OsStr::new("env")) => find(OsStr::from_bytes(second)),
        _ => Some(first),
    }
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    // The largest programs with TLS inside have some hundred megabytes.
    const MOST: u64 = 512 * 1024 * 1024;
    let mut bytes = Vec::new();
    File::open(file)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As much of a file as holds what the loader looks at.
fn start_of(file: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(0x10000).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// How a program is loaded.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// By a dynamic loader.
    Dynamic,
    /// By the kernel alone.
    Static,
    /// Not by the loader of this command's own kind.
    OtherMachine,
    /// It is no ELF file, or a damaged one.
    NoProgram,
}

impl Kind {
    fn of(bytes: &[u8]) -> Kind {
        if !bytes.starts_with(b"\x7fELF") {
            return Kind::NoProgram;
        }
        // The class, and the order of bytes.
        const OURS: [u8; 2] =
            [if usize::BITS == 64 { 2 } else { 1 }, if cfg!(target_endian = "little") { 1 } else { 2 }];
        match bytes.get(4..6) {
            None => Kind::NoProgram,
            Some(kind) if kind != OURS => Kind::OtherMachine,
            Some(_) if usize::BITS != 64 => Kind::Dynamic,
            Some(_) => Kind::of_64_bits(bytes).unwrap_or(Kind::NoProgram),
        }
    }

    fn of_64_bits(bytes: &[u8]) -> Option<Kind> {
        const PT_INTERP: u32 = 3;
        let half = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let table = u64::from_ne_bytes(bytes.get(32..40)?.try_into().ok()?);
        let (size, count) = (usize::from(half(54)?), usize::from(half(56)?));
        for index in 0..count {
            let at = usize::try_from(table).ok()?.checked_add(index.checked_mul(size)?)?;
            let kind = bytes.get(at..at.checked_add(4)?)?;
            if u32::from_ne_bytes(kind.try_into().ok()?) == PT_INTERP {
                return Some(Kind::Dynamic);
            }
        }
        Some(Kind::Static)
    }
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    memchr::memmem::find(bytes, mark).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_is_dynamic_and_holds_no_tls_of_its_own() {
        let own = env::current_exe().unwrap();
        assert_eq!(Kind::of(&start_of(&own).unwrap()), Kind::Dynamic);
        assert_eq!(bar(&own), None);
        // The marks themselves stand in it, as they are looked for.
        assert_eq!(tls_inside(Path::new("/bin/sh")), None);
    }

    #[test]
    fn the_libssl_of_the_system_holds_tls_and_its_libcrypto_does_not() {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let of = |name: &str| maps.split_whitespace().find(|word| word.contains(name)).map(Path::new);
        let (Some(libssl), Some(libcrypto)) = (of("/libssl.so"), of("/libcrypto.so")) else { return };
        assert_eq!(tls_inside(libssl), Some("is an OpenSSL that is not watched"));
        assert_eq!(tls_inside(libcrypto), None);
    }

    #[test]
    fn names_of_rust_that_look_like_another_library_s_do_not_mislead() {
        let file = env::temp_dir().join(format!("hostlock-{}-wheel.so", std::process::id()));
        fs::write(&file, b"client finished\0SSL_CTX_new\0_RNvXs2n_NtCsbt7wNemBi9E_17cryptography_x509").unwrap();
        let found = tls_inside(&file);
        fs::remove_file(&file).unwrap();
        assert_eq!(found, Some("holds an OpenSSL of its own"));
    }

    #[test]
    fn damaged_files_are_no_programs() {
        assert_eq!(Kind::of(b""), Kind::NoProgram);
        assert_eq!(Kind::of(b"#!/bin/sh"), Kind::NoProgram);
        assert_eq!(Kind::of(b"\x7fELF\x01\x01"), Kind::OtherMachine);
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        assert_eq!(Kind::of(&header), Kind::NoProgram);
        header.resize(64, 0xff);
        assert_eq!(Kind::of(&header), Kind::NoProgram);
    }
}
