//! What the tests over outside test vectors share: reading the rows and comparing verdicts. It must never let a test pass
//! because rows could not be read.

use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;

/// The rows of a vector file, or None where the files that lie beside the project are absent.
fn rows(file: &str) -> Option<Vec<Value>> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("HOSTLOCK_SHARED").map_or(beside, PathBuf::from);
    let path = shared.join("vectors").join(file);
    let Ok(packed) = std::fs::File::open(&path) else {
        println!("skipped: {} is absent", path.display());
        return None;
    };
    let mut json = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut json).expect("the file is gzip");
    let rows: Vec<Value> = serde_json::from_str(&json).expect("the file is a JSON list");
    assert!(!rows.is_empty(), "{file} has rows");
    Some(rows)
}

/// The vectors write one byte as one character (Latin-1).
pub fn bytes(text: &Value) -> Vec<u8> {
    let text = text.as_str().expect("a string");
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a Latin-1 character")).collect()
}

/// Holds the verdict of every row of its kind (where `ours` has one) against the row's own in `field`.
pub fn every_row_agrees(file: &str, field: &str, ours: impl Fn(&Value) -> Option<Value>) {
    let Some(rows) = rows(file) else { return };
    let judged: Vec<(&Value, Value)> = rows.iter().filter_map(|row| Some((row, ours(row)?))).collect();
    assert!(!judged.is_empty(), "{file} has rows of this kind");
    let differences: Vec<String> = judged
        .iter()
        .filter(|(row, ours)| row[field] != *ours)
        .map(|(row, ours)| format!("{ours} for {row}"))
        .collect();
    assert!(differences.is_empty(), "{} of {} rows:\n{}", differences.len(), judged.len(), differences.join("\n"));
}
