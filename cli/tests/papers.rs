//! The manual pages and completions that the command writes of itself.

#[path = "../../tests/support/scratch.rs"]
mod scratch;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use scratch::Scratch;

fn papers(directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hostlock")).arg("papers").arg(directory).output().unwrap()
}

#[test]
fn every_subcommand_has_a_page_with_its_options_and_exit_codes() {
    let scratch = Scratch::new();
    let directory = scratch.path().join("made/when/missing");
    let ran = papers(&directory);
    assert!(ran.status.success() && ran.stdout.is_empty() && ran.stderr.is_empty(), "{ran:?}");
    for (name, says) in [
        ("hostlock", "Exit codes"),
        ("hostlock-run", "\\-\\-report"),
        ("hostlock-audit", "\\-\\-json"),
        ("hostlock-roots", "diff"),
        ("hostlock-doctor", "Exit codes"),
        ("hostlock-roots-list", "\\-\\-source"),
        ("hostlock-roots-from-certdata", "Exit codes"),
    ] {
        let page = fs::read_to_string(directory.join(format!("man1/{name}.1"))).unwrap();
        assert!(page.contains(says), "{name}: {page}");
    }
    assert!(!directory.join("man1/hostlock-papers.1").exists(), "it is for those who install only");
}

#[test]
fn bash_can_read_its_completions() {
    let scratch = Scratch::new();
    assert!(papers(scratch.path()).status.success());
    let script = "source \"$0\"; complete -p hostlock";
    let file = scratch.path().join("completions/hostlock.bash");
    let bash = Command::new("bash").args(["-c", script]).arg(file).output().unwrap();
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));
    for name in ["hostlock.bash", "_hostlock", "hostlock.fish"] {
        let words = fs::read_to_string(scratch.path().join("completions").join(name)).unwrap();
        assert!(words.contains("audit"), "{name}");
        assert!(!words.contains("papers"), "{name}: it is for those who install only");
    }
}

#[test]
fn a_place_where_nothing_can_be_written_is_named() {
    let scratch = Scratch::new();
    let file = scratch.file("taken", b"");
    let ran = papers(&file);
    assert_eq!(ran.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("taken"), "{ran:?}");
}
