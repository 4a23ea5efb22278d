//! `hostlock roots list`

use hostlock::Result;
use serde_json::{Value, json};

use super::Outcome;
use crate::anchors::{Source, Tolerance, as_json, date, short_hash};
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
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut table = Table::new(&["NAME", "EXPIRES", "DISTRUST AFTER", "SHA-256", "SOURCE"]);
    let mut items = Vec::new();
    for source in &arguments.source {
        for root in source.roots(&arguments.tolerance)? {
            let mut item = as_json(&root);
            if let Value::Object(keys) = &mut item {
                keys.insert("source".to_owned(), Value::String(source.to_string()));
            }
            items.push(item);
            let style = if root.distrust_after.is_some() { Style::Yellow } else { Style::Plain };
            let distrust = root.distrust_after.map(date).unwrap_or_default();
            let hash = short_hash(&root);
            table.row(style, vec![root.name, date(root.not_after), distrust, hash, source.to_string()]);
        }
    }
    if arguments.json {
        show(&format!("{:#}\n", json!({ "roots": items })))?;
    } else {
        show(&format!("{}{}\n", table.text(is_coloured()), roots(items.len())))?;
    }
    Ok(Outcome::Fine)
}
