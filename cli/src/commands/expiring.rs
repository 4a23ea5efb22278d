//! `hostlock roots expiring`

use hostlock::Result;
use serde_json::{Value, json};

use super::Outcome;
use crate::anchors::{Hashes, Source, Tolerance, as_json, date, now};
use crate::output::{Style, is_coloured, roots, show};
use crate::table::Table;

const DAY: i64 = 86_400;

/// The arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// How soon: a number of days or weeks, such as 90d or 12w
    #[arg(long, value_name = "TIME", value_parser = days)]
    within: i64,
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
    let now = now();
    let mut found = Vec::new();
    for source in &arguments.source {
        let soon = source
            .roots(&arguments.tolerance)?
            .into_iter()
            .filter(|root| root.not_after <= now + arguments.within * DAY);
        found.extend(soon.map(|root| (root, source)));
    }
    found.sort_by_key(|(root, _)| root.not_after);
    let mut table = Table::new(&["NAME", "EXPIRES", "DAYS LEFT", "SHA-256", "SOURCE"]);
    let mut items = Vec::new();
    for (root, source) in &found {
        let left = (root.not_after - now).div_euclid(DAY);
        let mut item = as_json(root);
        if let Value::Object(keys) = &mut item {
            keys.insert("days_left".to_owned(), json!(left));
            keys.insert("source".to_owned(), json!(source.to_string()));
        }
        items.push(item);
        let (style, left) =
            if left < 0 { (Style::Red, "expired".to_owned()) } else { (Style::Yellow, left.to_string()) };
        table.row(
            style,
            vec![root.name.clone(), date(root.not_after), left, arguments.hashes.of(root), source.to_string()],
        );
    }
    if arguments.json {
        show(&format!("{:#}\n", json!({ "within_days": arguments.within, "roots": items })))?;
    } else {
        show(&format!("{}within {} days: {}\n", table.text(is_coloured()), arguments.within, roots(found.len())))?;
    }
    Ok(if found.is_empty() { Outcome::Fine } else { Outcome::Found })
}

fn days(text: &str) -> std::result::Result<i64, String> {
    let (number, unit) = match text.strip_suffix('d') {
        Some(number) => (number, 1),
        None => (text.strip_suffix('w').ok_or("it ends in neither d (days) nor w (weeks)")?, 7),
    };
    // A thousand years are more than any certificate has.
    let number: i64 = number
        .parse()
        .ok()
        .filter(|number| (0..=52_000).contains(number))
        .ok_or("it begins with no number up to 52000")?;
    Ok(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_of_days_or_weeks() {
        assert_eq!((days("90d"), days("12w"), days("0d")), (Ok(90), Ok(84), Ok(0)));
        for wrong in ["", "90", "d", "-1d", "1.5d", "90 d", "1y", "99999999999999999999d"] {
            assert!(days(wrong).is_err(), "{wrong:?}");
        }
    }
}
