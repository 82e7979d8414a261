//! Tables as aligned text and as CSV.

/// Rows as text: the first column to the left, the others to the right, a line under the first row.
pub fn text(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let width = *width;
            line += &match column {
                0 => format!("{cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            };
        }
        out += line.trim_end();
        out.push('\n');
        if index == 0 {
            let total = widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1);
            out += &"-".repeat(total);
            out.push('\n');
        }
    }
    out
}

/// Rows as CSV (RFC 4180): a cell with a comma, a quote or a line break stands in quotes.
pub fn csv(rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| quoted(cell)).collect();
        out += &cells.join(",");
        out += "\r\n";
    }
    out
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        [["name", "n"], ["a, \"b\"", "12"]]
            .map(|row| row.map(str::to_owned).to_vec())
            .to_vec()
    }

    #[test]
    fn text_is_aligned() {
        assert_eq!(text(&rows()), "name       n\n------------\na, \"b\"   12\n");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        assert_eq!(csv(&rows()), "name,n\r\n\"a, \"\"b\"\"\",12\r\n");
    }
}
