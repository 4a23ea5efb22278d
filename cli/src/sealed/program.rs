//! Why a program may not have been seen: what its file says. It only reads the file; a guess is called one.

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
    env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// What keeps the seal out of the program of a file, or makes it blind; empty where nothing was found.
pub fn obstacles(file: &Path) -> Vec<String> {
    let file = interpreter(file).unwrap_or_else(|| file.to_owned());
    let shown = file.display();
    let mut found = Vec::new();
    if fs::metadata(&file).is_ok_and(|facts| facts.mode() & 0o6000 != 0) {
        found.push(format!("{shown} runs with more rights than its caller (set-uid or set-gid): nothing is preloaded"));
    }
    let Ok(bytes) = read(&file) else { return found };
    if is_static(&bytes) == Some(true) {
        found.push(format!("{shown} is statically linked: nothing can be preloaded"));
    }
    for (mark, what) in MARKS {
        if contains(&bytes, mark) {
            found.push(format!("{shown} {what}"));
        }
    }
    found
}

/// What compiled-in TLS leaves in a file.
const MARKS: &[(&[u8], &str)] = &[
    (b"\xff Go buildinf:", "is a Go program, whose TLS is Go's own"),
    (b"rustls::", "seems to hold rustls, which is not watched"),
    (b"BoringSSL", "seems to hold BoringSSL, which is not watched"),
    (b"OpenSSL 1.1.", "seems to hold an OpenSSL of its own, which is not watched"),
    (b"OpenSSL 3.", "seems to hold an OpenSSL of its own, which is not watched"),
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

/// Whether an ELF file has no dynamic section; `None` for what is no ELF file of 64 bits in this machine's order.
fn is_static(bytes: &[u8]) -> Option<bool> {
    const CLASS_64: u8 = 2;
    const PT_DYNAMIC: u32 = 2;
    if !bytes.starts_with(b"\x7fELF") || bytes.get(4) != Some(&CLASS_64) {
        return None;
    }
    let number = |at: usize, length: usize| {
        let mut word = [0; 8];
        word.get_mut(..length)?.copy_from_slice(bytes.get(at..at.checked_add(length)?)?);
        usize::try_from(u64::from_le_bytes(word)).ok()
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        let kind = number(table.checked_add(index.checked_mul(size)?)?, 4)?;
        if kind == PT_DYNAMIC as usize {
            return Some(false);
        }
    }
    Some(true)
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    let Some((first, rest)) = mark.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        if bytes[from + at + 1..].starts_with(rest) {
            return true;
        }
        from += at + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_is_dynamic_and_holds_no_tls_of_its_own() {
        let bytes = read(&env::current_exe().unwrap()).unwrap();
        assert_eq!(is_static(&bytes), Some(false));
    }

    #[test]
    fn damaged_files_are_no_programs() {
        assert_eq!(is_static(b""), None);
        assert_eq!(is_static(b"#!/bin/sh"), None);
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        assert_eq!(is_static(&header), None);
        header.resize(64, 0xff);
        assert_eq!(is_static(&header), None);
    }

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        assert!(contains(b"xx\xff Go buildinf:", MARKS[0].0) && !contains(b"\xff Go buildin", MARKS[0].0));
        assert!(contains(b"aaab", b"aab") && !contains(b"", b"a"));
    }
}
