//! Numbered pages, as go-falcon's callers ask for them.

use super::query::Params;

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// From 1.
    pub(crate) page: u64,
    /// Entries a page.
    pub(crate) limit: usize,
}

/// Most entries of a page.
const MOST: usize = 100;
/// Entries of a page.
const DEFAULT: usize = 20;
/// The last page that can be asked for.
const LAST: u64 = 1_000_000;

impl Page {
    /// `page` (default 1) and `limit` (1 to 100, default 20).
    pub(crate) fn read(params: &mut Params) -> Self {
        let mut page = 1;
        if let Some(text) = params.text(&["page"]) {
            match text.parse::<i64>().map(u64::try_from) {
                Ok(Ok(n)) if (1..=LAST).contains(&n) => page = n,
                Ok(Ok(n)) if n > LAST => params.wrong("page", format!("expected number <= {LAST}")),
                Ok(_) => params.wrong("page", "expected number >= 1"),
                Err(_) => params.wrong("page", "invalid integer"),
            }
        }
        Self {
            page,
            limit: params.limit(DEFAULT, MOST),
        }
    }

    /// Entries before this page.
    pub(crate) fn skip(self) -> u64 {
        (self.page - 1) * self.limit as u64
    }

    /// The entries of this page.
    pub(crate) fn of<T>(self, all: Vec<T>) -> Vec<T> {
        let skip = usize::try_from(self.skip()).unwrap_or(usize::MAX);
        all.into_iter().skip(skip).take(self.limit).collect()
    }

    /// How many pages so many entries fill.
    pub(crate) fn total_pages(self, total: u64) -> u64 {
        total.div_ceil(self.limit as u64)
    }
}

/// A switch that has several names: the first that has a value. Values that contradict one another are wrong.
pub(crate) fn flag(params: &mut Params, names: &[&str]) -> Option<bool> {
    let mut found = None;
    for name in names {
        let Some(text) = params.text(&[name]) else {
            continue;
        };
        let value = match text.as_str() {
            "true" => true,
            "false" => false,
            _ => {
                params.wrong(name, "expected value to be one of \"true, false\"");
                continue;
            }
        };
        if found.is_some_and(|other| other != value) {
            params.wrong(name, format!("contradicts {}", names[0]));
        }
        found = Some(value);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::of(&format!("/x?{query}").parse().unwrap())
    }

    #[test]
    fn a_page_is_cut_out_and_wrong_numbers_are_refused() {
        let page = Page::read(&mut params("page=2&limit=2"));
        assert_eq!(page.of(vec![1, 2, 3]), [3]);
        assert_eq!((page.skip(), page.total_pages(3), page.total_pages(0)), (2, 2, 0));
        assert_eq!(
            Page::read(&mut params("page=&limit=")),
            Page { page: 1, limit: 20 }
        );
        for bad in [
            "page=0",
            "page=-1",
            "page=x",
            "page=99999999999",
            "limit=101",
            "limit=0",
        ] {
            let mut params = params(bad);
            Page::read(&mut params);
            assert!(params.finish().is_err(), "{bad}");
        }
    }

    #[test]
    fn both_names_of_a_switch_are_read_and_may_not_disagree() {
        let read = |query: &str| {
            let mut params = params(query);
            let flag = flag(&mut params, &["is_enabled", "enabled"]);
            params.finish().map(|()| flag)
        };
        assert_eq!(read("enabled=").unwrap(), None);
        assert_eq!(read("enabled=false").unwrap(), Some(false));
        assert_eq!(read("enabled=true&is_enabled=true").unwrap(), Some(true));
        assert!(read("enabled=true&is_enabled=false").is_err() && read("enabled=1").is_err());
    }
}
