//! `hostlock roots diff`

use std::collections::HashMap;

use hostlock::Result;
use hostlock::roots::Root;
use serde_json::{Value, json};

use super::Outcome;
use crate::anchors::{Hashes, Source, Tolerance, as_json, date, uses};
use crate::output::{Style, is_coloured, show};
use crate::table::Table;

/// The arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// One source
    a: Source,
    /// The other source
    b: Source,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tolerance: Tolerance,
    #[command(flatten)]
    hashes: Hashes,
}

struct Difference<'a> {
    only_in_a: Vec<&'a Root>,
    only_in_b: Vec<&'a Root>,
    /// In both, with another date of distrust or other trust settings.
    changed: Vec<(&'a Root, &'a Root)>,
    same: usize,
}

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let (a, b) = (arguments.a.roots(&arguments.tolerance)?, arguments.b.roots(&arguments.tolerance)?);
    let difference = compare(&a, &b);
    if arguments.json {
        show(&format!("{:#}\n", difference.json(arguments)))?;
    } else {
        show(&difference.text(arguments, is_coloured()))?;
    }
    let is_equal = difference.only_in_a.is_empty() && difference.only_in_b.is_empty() && difference.changed.is_empty();
    Ok(if is_equal { Outcome::Fine } else { Outcome::Found })
}

fn compare<'a>(a: &'a [Root], b: &'a [Root]) -> Difference<'a> {
    let in_a: HashMap<_, _> = a.iter().map(|root| (root.sha256, root)).collect();
    let in_b: HashMap<_, _> = b.iter().map(|root| (root.sha256, root)).collect();
    let both = a.iter().filter_map(|root| in_b.get(&root.sha256).map(|other| (root, *other)));
    let (same, changed): (Vec<_>, Vec<_>) =
        both.partition(|(one, other)| one.distrust_after == other.distrust_after && one.uses == other.uses);
    Difference {
        only_in_a: a.iter().filter(|root| !in_b.contains_key(&root.sha256)).collect(),
        only_in_b: b.iter().filter(|root| !in_a.contains_key(&root.sha256)).collect(),
        changed,
        same: same.len(),
    }
}

impl Difference<'_> {
    fn json(&self, arguments: &Arguments) -> Value {
        let list = |roots: &[&Root]| roots.iter().map(|root| as_json(root)).collect::<Vec<_>>();
        let changed = |(one, other): &(&Root, &Root)| {
            let mut item = as_json(one);
            if let Value::Object(keys) = &mut item {
                keys.remove("distrust_after");
                keys.insert("distrust_after_a".to_owned(), json!(one.distrust_after.map(hostlock::words::time)));
                keys.insert("distrust_after_b".to_owned(), json!(other.distrust_after.map(hostlock::words::time)));
                if one.uses != other.uses {
                    keys.remove("trusted_for");
                    keys.remove("rejected_for");
                    for (side, root) in [("a", one), ("b", other)] {
                        let uses = root.uses.as_ref();
                        keys.insert(format!("trusted_for_{side}"), json!(uses.map(|uses| &uses.trusted)));
                        keys.insert(format!("rejected_for_{side}"), json!(uses.map(|uses| &uses.rejected)));
                    }
                }
            }
            item
        };
        json!({
            "a": arguments.a.to_string(),
            "b": arguments.b.to_string(),
            "only_in_a": list(&self.only_in_a),
            "only_in_b": list(&self.only_in_b),
            "changed": self.changed.iter().map(changed).collect::<Vec<_>>(),
            "same": self.same,
        })
    }

    fn text(&self, arguments: &Arguments, coloured: bool) -> String {
        let mut table = Table::new(&["", "NAME", "EXPIRES", "DISTRUST AFTER", "SHA-256", "TRUST SETTINGS"]);
        let distrust = |seconds: Option<i64>| seconds.map_or("never".to_owned(), date);
        let mut row = |mark: &str, style: Style, root: &Root, distrust: String, uses: String| {
            let (mark, name) = (mark.to_owned(), root.name.clone());
            table.row(style, vec![mark, name, date(root.not_after), distrust, arguments.hashes.of(root), uses]);
        };
        for root in &self.only_in_a {
            row("-", Style::Red, root, root.distrust_after.map(date).unwrap_or_default(), uses(root));
        }
        for root in &self.only_in_b {
            row("+", Style::Green, root, root.distrust_after.map(date).unwrap_or_default(), uses(root));
        }
        for (one, other) in &self.changed {
            let change = |one: String, other: String| if one == other { one } else { format!("{one} -> {other}") };
            let dates = match (one.distrust_after, other.distrust_after) {
                (None, None) => String::new(),
                (one, other) => change(distrust(one), distrust(other)),
            };
            let all = |root: &Root| root.uses.as_ref().map_or_else(|| "all uses".to_owned(), ToString::to_string);
            let settings =
                if one.uses.is_none() && other.uses.is_none() { String::new() } else { change(all(one), all(other)) };
            row("~", Style::Yellow, one, dates, settings);
        }
        format!(
            "{}{} only in {} (-), {} only in {} (+), {} with another date or other trust settings (~), {} the same\n",
            table.without_empty_last().text(coloured),
            self.only_in_a.len(),
            arguments.a,
            self.only_in_b.len(),
            arguments.b,
            self.changed.len(),
            self.same,
        )
    }
}
