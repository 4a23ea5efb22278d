//! Tables for people: columns as wide as their widest cell, a heading, nothing else.

use crate::output::Style;

/// Rows of cells under headings.
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<(Style, Vec<String>)>,
}

impl Table {
    /// A table without rows.
    pub fn new(headings: &[&'static str]) -> Table {
        Table { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, style: Style, cells: Vec<String>) {
        self.rows.push((style, cells));
    }

    /// Leaves the last column out where all of its cells are empty.
    pub fn without_empty_last(mut self) -> Table {
        let last = self.headings.len().saturating_sub(1);
        if self.rows.iter().all(|(_, cells)| cells.get(last).is_none_or(String::is_empty)) {
            self.headings.truncate(last);
        }
        self
    }

    /// The lines; a table without rows has none.
    pub fn text(&self, coloured: bool) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let headings: Vec<String> = self.headings.iter().map(|&heading| heading.to_owned()).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|(_, cells)| cells).chain([&headings]);
            cells.filter_map(|cells| cells.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..headings.len()).map(width).collect();
        let line = |style: Style, cells: &[String]| {
            let padded: Vec<String> =
                cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
            style.paint(padded.join("  ").trim_end(), coloured) + "\n"
        };
        let rows = self.rows.iter().map(|(style, cells)| line(*style, cells));
        std::iter::once(line(Style::Bold, &headings)).chain(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_have_no_spaces_at_their_end() {
        let mut table = Table::new(&["NAME", "DATE", "NOTE"]);
        assert_eq!(table.text(true), "");
        table.row(Style::Plain, vec!["F\u{151}tan\u{fa}".into(), "1".into(), String::new()]);
        table.row(Style::Red, vec!["b".into(), "2030-01-01".into(), "x".into()]);
        assert_eq!(table.text(false), "NAME    DATE        NOTE\nF\u{151}tan\u{fa}  1\nb       2030-01-01  x\n");
        assert!(table.text(true).ends_with("\x1b[31mb       2030-01-01  x\x1b[0m\n"));
    }
}
