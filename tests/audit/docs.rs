//! docs/findings.md prints the table of findings as the code has it, and every kind of finding has a test.

use hostlock::audit::kinds;

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn table() -> String {
    let mut table = String::from("| id | severity | what | why | fix |\n| --- | --- | --- | --- | --- |\n");
    for kind in kinds::ALL {
        let fix = if kind.fix.is_empty() { "nothing to fix" } else { kind.fix };
        let row = [&format!("`{}`", kind.id), kind.severity.name(), kind.what, kind.why, fix];
        table.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    table
}

#[test]
fn the_docs_print_the_table_of_the_code() {
    const BEGIN: &str = "<!-- findings: HOSTLOCK_BLESS=1 cargo test --test audit docs -->\n";
    const END: &str = "<!-- /findings -->\n";
    let page = read("docs/findings.md");
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (printed, after) = rest.split_once(END).unwrap();
    if std::env::var_os("HOSTLOCK_BLESS").is_some() {
        let page = format!("{before}{BEGIN}{}{END}{after}", table());
        std::fs::write(format!("{}/docs/findings.md", env!("CARGO_MANIFEST_DIR")), page).unwrap();
        return;
    }
    assert_eq!(printed, table(), "the table is stale: HOSTLOCK_BLESS=1 writes it");
}

#[test]
fn every_kind_of_finding_is_brought_about_by_a_test() {
    let sources =
        ["tests/audit/contexts.rs", "tests/audit/connections.rs", "tests/audit/ours.rs", "src/audit/compare/tests.rs"];
    let tests: String = sources.map(read).concat();
    for kind in kinds::ALL {
        assert!(tests.contains(&format!("\"{}\"", kind.id)), "no test has {:?}", kind.id);
    }
}

#[test]
fn ids_are_kebab_case_and_texts_are_one_line_without_a_full_stop() {
    let mut ids: Vec<&str> = kinds::ALL.iter().map(|kind| kind.id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "an id appears twice");
    for kind in kinds::ALL {
        assert!(kind.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{}", kind.id);
        for text in [kind.what, kind.why, kind.fix] {
            assert!(!text.contains('\n') && !text.ends_with('.'), "{}: {text:?}", kind.id);
        }
        assert!(!kind.what.is_empty() && !kind.why.is_empty(), "{}", kind.id);
    }
}
