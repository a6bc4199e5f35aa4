//! Plain aligned columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::output;

/// A flexible column is never made narrower than this.
const NARROWEST: usize = 12;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    flexible: bool,
    right: bool,
    /// Its values mean something only on one line.
    drawn: bool,
    /// Left out where the table does not fit otherwise.
    spare: bool,
}

impl Column {
    /// The same column, left out where the table does not fit otherwise: the last of them first.
    pub(super) const fn spare(self) -> Self {
        Self { spare: true, ..self }
    }

    /// Its title is never shortened.
    fn narrowest(&self) -> usize {
        self.title.width().max(NARROWEST)
    }
}

/// A column whose values are always whole, such as ids.
pub(super) const fn whole(title: &'static str) -> Column {
    Column {
        title,
        flexible: false,
        right: false,
        drawn: false,
        spare: false,
    }
}

/// A column whose values may be shortened.
pub(super) const fn text(title: &'static str) -> Column {
    Column {
        flexible: true,
        ..whole(title)
    }
}

/// A column of small drawings, which may be cut off.
pub(super) const fn drawing(title: &'static str) -> Column {
    Column {
        drawn: true,
        ..text(title)
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

    /// The table as text. Texts are shortened to make it fit, then spare columns are left out; where that is not enough,
    /// each row has a line a value, and nothing is left out.
    pub(super) fn render(&self, width: Option<usize>) -> String {
        let mut table = self.clone();
        loop {
            if let Some(text) = table.in_lines(width) {
                return text;
            }
            let Some(spare) = table.columns.iter().rposition(|column| column.spare) else {
                return self.stacked(width.unwrap_or(usize::MAX));
            };
            table.columns.remove(spare);
            for row in &mut table.rows {
                row.remove(spare);
            }
        }
    }

    /// With a line a row, if it fits.
    fn in_lines(&self, width: Option<usize>) -> Option<String> {
        let widths = self.widths(width);
        let whole = widths.iter().sum::<usize>() + gaps(widths.len());
        if width.is_some_and(|limit| whole > limit) {
            return None;
        }
        let titles = self.columns.iter().map(|c| c.title.to_owned()).collect();
        let lines = std::iter::once(&titles).chain(&self.rows);
        let lines: Vec<String> = lines.map(|row| self.line(row, &widths)).collect();
        Some(lines.join("\n"))
    }

    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let longest = |i: usize| {
            let titles = std::iter::once(self.columns[i].title);
            let cells = self.rows.iter().filter_map(|row| row.get(i).map(String::as_str));
            titles.chain(cells).map(UnicodeWidthStr::width).max().unwrap_or(0)
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

    /// A line a value, or more where it is long: nothing is left out there, and ids can be copied.
    fn stacked(&self, limit: usize) -> String {
        let longest = self.columns.iter().map(|c| c.title.width()).max();
        let longest = longest.unwrap_or(0);
        let record = |row: &Vec<String>| {
            let cells = row
                .iter()
                .zip(&self.columns)
                .filter(|(value, _)| !value.is_empty());
            let lines = cells.map(|(value, column)| {
                let room = limit.saturating_sub(longest + 2).max(NARROWEST);
                let value = match (column.drawn, column.flexible) {
                    (true, _) => shorten(value, room),
                    (false, true) => wrapped(value, room).join(&format!("\n{:longest$}  ", "")),
                    (false, false) => value.clone(),
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
                let room = " ".repeat(width.saturating_sub(value.width()));
                if column.right {
                    format!("{room}{value}")
                } else {
                    format!("{value}{room}")
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

/// Lines of at most so many columns of a terminal; a longer word has a line of its own.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// At most so many columns of a terminal, with `…` where some letters are missing.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |letter: &char| {
        let columns = letter.width().unwrap_or(0);
        let fits = columns <= left;
        left = left.saturating_sub(columns);
        fits
    };
    let kept: String = text.chars().take_while(fits).collect();
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
    fn letters_that_take_two_columns_or_none_move_nothing() {
        let mut table = Table::new(&[text("NAME"), number("JOBS")]);
        table.row(["艦隊司令部".into(), "7".into()]);
        table.row(["Zoe\u{301} 🚀".into(), "12".into()]);
        table.row(["plain".into(), "1".into()]);
        let expected = "NAME        JOBS\n\
                        艦隊司令部     7\n\
                        Zoe\u{301} 🚀        12\n\
                        plain          1";
        assert_eq!(table.render(None), expected);
        assert_eq!(shorten("艦隊司令部", 10), "艦隊司令部");
        assert_eq!(shorten("艦隊司令部", 9), "艦隊司令…");
        assert_eq!(shorten("艦隊司令部", 8), "艦隊司…");
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
    fn spare_columns_are_left_out_before_a_table_is_stacked() {
        let columns = [
            whole("ID"),
            number("A").spare(),
            number("BB"),
            number("CC").spare(),
        ];
        let mut table = Table::new(&columns);
        table.row(["123456".into(), "1".into(), "2".into(), "3".into()]);
        assert_eq!(table.render(Some(17)), "ID      A  BB  CC\n123456  1   2   3");
        assert_eq!(table.render(Some(14)), "ID      A  BB\n123456  1   2");
        assert_eq!(table.render(Some(11)), "ID      BB\n123456   2");
        assert!(table.render(Some(9)).contains("CC  3"), "nothing is left out");
    }

    #[test]
    fn a_table_that_cannot_fit_has_a_line_a_value() {
        let expected = "ID    123456789012345678\n\
                        NAME  a name that is\n\
                        \x20     rather long\n\
                        JOBS  7\n\
                        \n\
                        ID    1\n\
                        NAME  b c\n\
                        JOBS  1200";
        assert_eq!(table().render(Some(25)), expected);
    }
}
