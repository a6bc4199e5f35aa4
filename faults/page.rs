//! docs/reliability.md: which part of it a run writes.

use std::path::Path;

/// A part of the page, between two marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// All scenarios.
    Run,
    /// What is noticed when a mechanism is taken away.
    Proof,
    /// The same for plain apalis-redis.
    Contrast,
}

impl Section {
    const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Proof => "proof",
            Self::Contrast => "contrast",
        }
    }

    /// Writes this part of the page, or prints it where there is none.
    pub(crate) fn tell(self, page: Option<&Path>, text: &str) -> Result<(), String> {
        let Some(path) = page else {
            crate::print(text);
            return Ok(());
        };
        let fail = |e: std::io::Error| format!("{}: {e}", path.display());
        let old = std::fs::read_to_string(path).map_err(fail)?;
        let new = self.replaced(&old, text).ok_or_else(|| {
            let (begin, end) = self.marks();
            format!("{} has no lines {begin} and {end}", path.display())
        })?;
        std::fs::write(path, new).map_err(fail)
    }

    fn marks(self) -> (String, String) {
        let name = self.name();
        (
            format!("<!-- the {name} -->"),
            format!("<!-- the end of the {name} -->"),
        )
    }

    fn replaced(self, page: &str, text: &str) -> Option<String> {
        let (begin, end) = self.marks();
        let (head, rest) = page.split_once(&begin)?;
        let (_, tail) = rest.split_once(&end)?;
        Some(format!("{head}{begin}\n\n{text}\n{end}{tail}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_replaced_and_the_rest_of_the_page_stays() {
        let page = "a\n<!-- the run -->\nold\n<!-- the end of the run -->\nb\n<!-- the proof -->\n<!-- the end of the proof -->\n";
        let new = Section::Run.replaced(page, "new").unwrap();
        assert!(new.starts_with("a\n<!-- the run -->\n\nnew\n<!-- the end of the run -->\nb\n"));
        assert!(new.contains("<!-- the proof -->\n<!-- the end of the proof -->"));
        assert_eq!(Section::Run.replaced("no marks", "new"), None);
    }
}
