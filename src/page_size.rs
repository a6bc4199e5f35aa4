//! How much a list answers at once: one rule for all lists of rolecall's own, at both doors. Lists that go-falcon's callers
//! know keep its numbers.

/// Entries of a page, unless another number is asked for.
pub(crate) const DEFAULT: u16 = 50;
/// Most entries of a page over HTTP, where others wait for the same process.
pub(crate) const MOST: u16 = 200;
/// Most rows at the terminal.
pub(crate) const MOST_PRINTED: u16 = 1_000;
