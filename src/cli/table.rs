//! Plain aligned columns.

use super::output;

/// A flexible column is never made narrower than this.
const NARROWEST: usize = 12;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    flexible: bool,
    right: bool,
}

impl Column {
    /// Its title is never shortened.
    fn narrowest(&self) -> usize {
        self.title.chars().count().max(NARROWEST)
    }
}

/// A column whose values are always whole, such as ids.
pub(super) const fn whole(title: &'static str) -> Column {
    Column {
        title,
        flexible: false,
        right: false,
    }
}

/// A column whose values may be shortened.
pub(super) const fn text(title: &'static str) -> Column {
    Column {
        flexible: true,
        ..whole(title)
    }
}

/// A column of numbers.
pub(super) const fn number(title: &'static str) -> Column {
    Column {
        right: true,
        ..whole(title)
    }
}

/// Rows under titles.
#[derive(Debug, Clone)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(super) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: as many values as there are columns.
    pub(super) fn row<const N: usize>(&mut self, values: [String; N]) {
        self.push(values.into());
    }

    /// The same where the columns are not always the same.
    pub(super) fn push(&mut self, values: Vec<String>) {
        debug_assert_eq!(values.len(), self.columns.len(), "a value for each column");
        let tidy = |v: String| output::clean(&v.replace('\n', " "));
        self.rows.push(values.into_iter().map(tidy).collect());
    }

    /// Keeps the first rows.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.rows.truncate(rows);
    }

    /// Prints it so that it fits, see [`output::width`].
    pub(super) fn print(&self) {
        output::say(&self.render(output::width()));
    }

    /// The table as text. Texts are shortened to make it fit; where that is not enough, each row has a line a value.
    pub(super) fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let whole = widths.iter().sum::<usize>() + gaps(widths.len());
        if let Some(limit) = width.filter(|limit| whole > *limit) {
            return self.stacked(limit);
        }
        let titles = self.columns.iter().map(|c| c.title.to_owned()).collect();
        std::iter::once(&titles)
            .chain(&self.rows)
            .map(|row| self.line(row, &widths))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let longest = |i: usize| {
            let titles = std::iter::once(self.columns[i].title);
            let cells = self.rows.iter().filter_map(|row| row.get(i).map(String::as_str));
            titles.chain(cells).map(|v| v.chars().count()).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.columns.len()).map(longest).collect();
        let Some(limit) = limit else { return widths };
        let gaps = gaps(widths.len());
        while widths.iter().sum::<usize>() + gaps > limit {
            let widest = (0..widths.len())
                .filter(|i| self.columns[*i].flexible && widths[*i] > self.columns[*i].narrowest())
                .max_by_key(|i| widths[*i]);
            match widest {
                Some(i) => widths[i] -= 1,
                None => break,
            }
        }
        widths
    }

    /// A line a value: ids stay whole, so that they can be copied.
    fn stacked(&self, limit: usize) -> String {
        let longest = self.columns.iter().map(|c| c.title.chars().count()).max();
        let longest = longest.unwrap_or(0);
        let record = |row: &Vec<String>| {
            let cells = row
                .iter()
                .zip(&self.columns)
                .filter(|(value, _)| !value.is_empty());
            let lines = cells.map(|(value, column)| {
                let room = limit.saturating_sub(longest + 2).max(NARROWEST);
                let value = if column.flexible {
                    shorten(value, room)
                } else {
                    value.clone()
                };
                format!("{:<longest$}  {value}", column.title)
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        self.rows.iter().map(record).collect::<Vec<_>>().join("\n\n")
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .zip(&self.columns)
            .map(|((value, width), column)| {
                let value = shorten(value, *width);
                if column.right {
                    format!("{value:>width$}")
                } else {
                    format!("{value:<width$}")
                }
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    }
}

/// Spaces between so many columns.
fn gaps(columns: usize) -> usize {
    2 * columns.saturating_sub(1)
}

/// At most so many characters, with `…` where some are missing.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[whole("ID"), text("NAME"), number("JOBS")]);
        table.row([
            "123456789012345678".into(),
            "a name that is rather long".into(),
            "7".into(),
        ]);
        table.row(["1".into(), "b\nc".into(), "1200".into()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_numbers_are_at_the_right() {
        let expected = "ID                  NAME                        JOBS\n\
                        123456789012345678  a name that is rather long     7\n\
                        1                   b c                         1200";
        assert_eq!(table().render(None), expected);
    }

    #[test]
    fn only_texts_are_shortened_to_fit() {
        let rendered = table().render(Some(40));
        assert!(rendered.lines().all(|l| l.chars().count() <= 40), "{rendered}");
        assert!(rendered.contains("123456789012345678  a name that"), "{rendered}");
        assert!(rendered.contains('…'), "{rendered}");
        assert!(table().render(Some(1)).contains("123456789012345678"));
    }

    #[test]
    fn a_table_that_cannot_fit_has_a_line_a_value() {
        let expected = "ID    123456789012345678\n\
                        NAME  a name that is rat…\n\
                        JOBS  7\n\
                        \n\
                        ID    1\n\
                        NAME  b c\n\
                        JOBS  1200";
        assert_eq!(table().render(Some(25)), expected);
    }
}
