//! Prints the C header of the library whose source tree is named: `hostlock-header [--private] DIRECTORY`. With `--private`
//! it is that of the build with a libssl of its own inside.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The sections of the header, in its order: what everybody needs comes first. Each is a file of src/ffi, whose module
/// comment is the section's banner.
const SECTIONS: &[&str] = &[
    "context",
    "connection",
    "errors",
    "statuses",
    "host",
    "trust",
    "certdata",
    "pins",
    "own_side",
    "server",
    "names",
    "memory",
    "functions",
    "starttls",
    "sessions",
    "bindings",
    "revocation",
    "verify",
    "insecure",
    "harden",
    "audit",
    "seal",
    "find",
    "library",
];

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let private = arguments.first().is_some_and(|first| first == "--private");
    if private {
        arguments.remove(0);
    }
    let [root] = &arguments[..] else { panic!("usage: hostlock-header [--private] DIRECTORY") };
    print!("{}", header(&PathBuf::from(root), private));
}

fn header(root: &Path, private: bool) -> String {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("the sources are there");
    let mut frame = read("src/ffi/hostlock.h.in");
    if private {
        frame = replaced(&frame, SHARED_ABOUT, PRIVATE_ABOUT);
        frame = replaced(&frame, SHARED_HANDLES, PRIVATE_HANDLES);
    }
    let manifest = read("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = ")).expect("the crate has a version");
    for (part, number) in ["MAJOR", "MINOR", "PATCH"].iter().zip(version.trim_matches('"').split('.')) {
        frame = replaced(&frame, &format!("@{part}@"), number);
    }
    let mut contents = String::new();
    let mut sections = String::new();
    for section in SECTIONS {
        let path = format!("src/ffi/{section}.rs");
        let banner = Banner::of(&read(&path));
        writeln!(contents, " *   {:<36} {}", banner.title, banner.subject).expect("a String takes all text");
        sections.push_str(&(banner.comment() + "\n"));
        if *section == "statuses" {
            sections.push_str(&(declarations(root, "src/error/status.rs") + "\n"));
        }
        sections.push_str(&(declarations(root, &path) + "\n"));
    }
    frame = replaced(&frame, "@CONTENTS@\n", &contents);
    replaced(&frame, "@SECTIONS@\n", &tidy(&sections))
}

/// What one file of Rust declares, in C.
fn declarations(root: &Path, path: &str) -> String {
    let config = cbindgen::Config::from_file(root.join("header/cbindgen.toml")).expect("cbindgen.toml is well-formed");
    let builder = cbindgen::Builder::new().with_config(config).with_src(root.join(path));
    let mut text = Vec::new();
    builder.generate().expect("cbindgen understands src/ffi").write(&mut text);
    String::from_utf8(text).expect("cbindgen writes UTF-8").trim().to_owned() + "\n"
}

/// What the comment at the head of a section's file says: `Section "TITLE" of the header: SUBJECT.`, and paragraphs on
/// what the whole section shares.
struct Banner {
    title: String,
    subject: String,
    paragraphs: String,
}

impl Banner {
    fn of(source: &str) -> Banner {
        let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
        let text: Vec<&str> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let (head, paragraphs) = text.split_first().expect("a section has a comment");
        let (title, subject) = head
            .strip_prefix("Section \"")
            .and_then(|rest| rest.split_once("\" of the header: "))
            .expect("the comment of a section begins with its title and its subject");
        Banner {
            title: title.to_owned(),
            subject: subject.trim_end_matches('.').to_owned(),
            paragraphs: paragraphs.join("\n").trim().to_owned(),
        }
    }

    fn comment(&self) -> String {
        let rule = "=".repeat(116);
        let mut comment = format!("/*\n * {rule}\n * {}: {}\n * {rule}\n", self.title, self.subject);
        for line in self.paragraphs.lines() {
            comment.push_str(format!(" * {line}").trim_end());
            comment.push('\n');
        }
        comment + " */\n"
    }
}

/// What the frame of the header says of the handles, and what it says where hostlock has a libssl of its own.
const SHARED_ABOUT: &str = "\
 * A hostlock_ctx *is* an OpenSSL SSL_CTX and a hostlock_conn *is* an SSL: old code goes on with SSL_new, SSL_connect and
 * SSL_read; new code stays inside hostlock and never links libssl.
";
const PRIVATE_ABOUT: &str = "\
 * This is the build with a libssl of its own inside (the feature private-libssl). Its handles are nobody else's: giving
 * one to a function of OpenSSL is an error of the compiler. Functions for contexts that the program made with OpenSSL
 * answer HOSTLOCK_E_UNSUPPORTED. Link it as -lhostlock-private.
";
const SHARED_HANDLES: &str = "\
/* The handles of OpenSSL, by their own tags: no OpenSSL header is needed, and one may be included beside this one. */
struct ssl_ctx_st;
struct ssl_st;
struct ssl_method_st;
typedef struct ssl_ctx_st hostlock_ctx;
typedef struct ssl_st hostlock_conn;
";
const PRIVATE_HANDLES: &str = "\
/* Handles with tags of their own; OpenSSL's headers may be included beside this one. */
struct ssl_method_st;
typedef struct hostlock_private_ctx hostlock_ctx;
typedef struct hostlock_private_conn hostlock_conn;
#if defined(__GNUC__) && !defined(__cplusplus)
#pragma GCC diagnostic error \"-Wincompatible-pointer-types\"
#endif
";

fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "src/ffi/hostlock.h.in no longer says: {old}");
    text.replace(old, new)
}

/// Rust's "# Safety" sections repeat for Rust readers what the C text says; names get the header's prefix, and the members
/// of an enum one line of comment each, the last no comma behind it: C89 has none there.
fn tidy(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut in_safety = false;
    for line in text.lines() {
        if line.trim() == "* # Safety" {
            in_safety = true;
            while lines.last().is_some_and(|last| last.trim() == "*") {
                lines.pop();
            }
        } else if line.trim() == "*/" {
            in_safety = false;
            if let [.., opening, text] = &lines[..]
                && opening == "    /**"
            {
                let comment = format!("    /** {} */", text.trim().trim_start_matches("* "));
                lines.truncate(lines.len() - 2);
                lines.push(comment);
                continue;
            }
        }
        if line.starts_with('}')
            && let Some(last) = lines.last_mut()
        {
            last.truncate(last.trim_end_matches(',').len());
        }
        if !in_safety {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n").replace("HOSTLOCK_STATUS_", "HOSTLOCK_").replace('`', "").trim_end().to_owned() + "\n\n"
}
