//! A log line that may come often, kept rare.

use std::time::{Duration, Instant};

/// Says yes once, and then at most every half minute.
#[derive(Debug, Default)]
pub struct Quiet {
    last: Option<Instant>,
    held_back: u32,
}

impl Quiet {
    const EVERY: Duration = Duration::from_secs(30);

    /// `Some` if the line may be written, with the number of lines that were held back since the last one.
    pub fn may_speak(&mut self, now: Instant) -> Option<u32> {
        if self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < Self::EVERY)
        {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_all_the_time_is_written_every_half_minute() {
        let (mut quiet, start) = (Quiet::default(), Instant::now());
        let said: Vec<_> = (0..61)
            .map(|s| quiet.may_speak(start + Duration::from_secs(s)))
            .collect();
        assert_eq!(said.iter().flatten().collect::<Vec<_>>(), [&0, &29, &29]);
    }
}
