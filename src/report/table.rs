//! Tables of results, as aligned text, Markdown and CSV.

use std::fmt::Write as _;

/// What stands in one field.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A word.
    Text(String),
    /// A count.
    Count(usize),
    /// A measured number, and how many decimals are shown of it. CSV has all of them.
    Number(f64, usize),
    /// Nothing was measured: `-` in text, empty in CSV.
    Missing,
}

impl Cell {
    /// A number that may be missing.
    pub fn number(value: Option<f64>, decimals: usize) -> Cell {
        value.map_or(Cell::Missing, |value| Cell::Number(value, decimals))
    }

    fn shown(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Count(count) => count.to_string(),
            Cell::Number(value, decimals) => format!("{value:.decimals$}"),
            Cell::Missing => "-".to_owned(),
        }
    }

    fn exact(&self) -> String {
        match self {
            Cell::Text(text) => quoted(text),
            Cell::Count(count) => count.to_string(),
            Cell::Number(value, _) => value.to_string(),
            Cell::Missing => String::new(),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::Text(text)
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Cell {
        Cell::Count(count)
    }
}

/// Rows under a header.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these columns and no rows.
    pub fn new(header: &[&str]) -> Table {
        Table {
            header: header.iter().map(|name| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: what is too long is cut, what is too short is missing.
    pub fn push(&mut self, mut row: Vec<Cell>) {
        row.resize(self.header.len(), Cell::Missing);
        self.rows.push(row);
    }

    /// The rows.
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// Columns of equal width, two spaces apart: words to the left, numbers to the right.
    pub fn text(&self) -> String {
        let lines = self.shown();
        let widths = self.widths(&lines);
        let mut text = String::new();
        for line in &lines {
            let mut row = String::new();
            for (column, (field, width)) in line.iter().zip(&widths).enumerate() {
                let gap = if column > 0 { "  " } else { "" };
                let padding = " ".repeat(width - length(field));
                let (before, after) = match self.is_words(column) {
                    true => ("", padding.as_str()),
                    false => (padding.as_str(), ""),
                };
                row.extend([gap, before, field, after]);
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// A table of GitHub's Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        for (index, line) in self.shown().iter().enumerate() {
            let escaped = |field: &String| field.replace('\\', "\\\\").replace('|', "\\|");
            let fields: Vec<_> = line.iter().map(escaped).collect();
            let _ = writeln!(text, "| {} |", fields.join(" | "));
            if index == 0 {
                let sides = (0..self.header.len()).map(|column| match self.is_words(column) {
                    true => "---",
                    false => "---:",
                });
                let _ = writeln!(text, "| {} |", sides.collect::<Vec<_>>().join(" | "));
            }
        }
        text
    }

    /// Comma-separated values (RFC 4180 with plain line ends), numbers with all their digits.
    pub fn csv(&self) -> String {
        let header = self.header.iter().map(|name| quoted(name)).collect();
        let rows = self
            .rows
            .iter()
            .map(|row| row.iter().map(Cell::exact).collect());
        let lines = std::iter::once(header).chain(rows);
        lines
            .map(|fields: Vec<String>| fields.join(",") + "\n")
            .collect()
    }

    /// The header and the rows as they are shown, each field in one line.
    fn shown(&self) -> Vec<Vec<String>> {
        let rows = self
            .rows
            .iter()
            .map(|row| row.iter().map(Cell::shown).collect());
        let lines = std::iter::once(self.header.clone()).chain(rows);
        let in_one_line = |field: String| field.replace(['\r', '\n'], " ");
        lines
            .map(|fields: Vec<String>| fields.into_iter().map(in_one_line).collect())
            .collect()
    }

    fn widths(&self, lines: &[Vec<String>]) -> Vec<usize> {
        let widest = |column: usize| {
            let fields = lines.iter().filter_map(|line| line.get(column));
            fields
                .map(|field: &String| length(field))
                .max()
                .unwrap_or(0)
        };
        (0..self.header.len()).map(widest).collect()
    }

    /// Whether a column holds words.
    fn is_words(&self, column: usize) -> bool {
        let mut fields = self.rows.iter().filter_map(|row| row.get(column));
        fields.any(|field| matches!(field, Cell::Text(_)))
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// A field of CSV: in quotation marks when it holds what separates fields.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["class", "cases", "Dice"]);
        table.push(vec!["spleen".into(), 12.into(), Cell::Number(0.123_456, 3)]);
        table.push(vec!["vena cava, \"inferior\"".into(), 6.into()]);
        table.push(vec!["ä|b".into(), 100.into(), Cell::number(Some(1.0), 3)]);
        table
    }

    #[test]
    fn text_is_aligned() {
        let expected = "\
class                  cases   Dice
spleen                    12  0.123
vena cava, \"inferior\"      6      -
ä|b                      100  1.000
";
        assert_eq!(table().text(), expected);
        assert_eq!(Table::new(&["a", "b"]).text(), "a  b\n");
    }

    #[test]
    fn csv_keeps_all_digits_and_quotes_what_would_split() {
        let expected = "\
class,cases,Dice
spleen,12,0.123456
\"vena cava, \"\"inferior\"\"\",6,
ä|b,100,1
";
        assert_eq!(table().csv(), expected);
    }

    #[test]
    fn a_name_of_any_letters_stays_in_its_field() {
        let mut table = Table::new(&["a\nb", "n"]);
        table.push(vec!["c\r\nd\\|e".into(), 1.into()]);
        assert_eq!(table.text(), "a b      n\nc  d\\|e  1\n");
        let text = table.markdown();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "| a b | n |");
        assert_eq!(lines[2], r"| c  d\\\|e | 1 |");
        assert_eq!(table.csv(), "\"a\nb\",n\n\"c\r\nd\\|e\",1\n");
    }

    #[test]
    fn markdown_marks_columns_of_numbers() {
        let text = table().markdown();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "| --- | ---: | ---: |");
        assert_eq!(lines[4], "| ä\\|b | 100 | 1.000 |");
    }
}
