//! `hostlock roots list`

use hostlock::Result;
use serde_json::{Value, json};

use super::Outcome;
use crate::anchors::{Hashes, Source, Tolerance, as_json, date, uses};
use crate::output::{Style, is_coloured, roots, show};
use crate::table::Table;

/// The arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where the roots are; may be given several times
    #[arg(long, value_name = "SOURCE", num_args = 1.., default_value = "system")]
    source: Vec<Source>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tolerance: Tolerance,
    #[command(flatten)]
    hashes: Hashes,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut table = Table::new(&["NAME", "EXPIRES", "DISTRUST AFTER", "SHA-256", "SOURCE", "TRUST SETTINGS"]);
    let mut items = Vec::new();
    for source in &arguments.source {
        for root in source.roots(&arguments.tolerance)? {
            let mut item = as_json(&root);
            if let Value::Object(keys) = &mut item {
                keys.insert("source".to_owned(), Value::String(source.to_string()));
            }
            items.push(item);
            let is_limited = root.distrust_after.is_some() || root.uses.is_some();
            let style = if is_limited { Style::Yellow } else { Style::Plain };
            let distrust = root.distrust_after.map(date).unwrap_or_default();
            let (hash, uses) = (arguments.hashes.of(&root), uses(&root));
            table.row(style, vec![root.name, date(root.not_after), distrust, hash, source.to_string(), uses]);
        }
    }
    if arguments.json {
        show(&format!("{:#}\n", json!({ "roots": items })))?;
    } else {
        show(&format!("{}{}\n", table.without_empty_last().text(is_coloured()), roots(items.len())))?;
    }
    Ok(Outcome::Fine)
}
