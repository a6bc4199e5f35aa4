//! The clock of the processes that share a file: the machine's, but it never goes back, and whoever is behind follows.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Seconds since 1970 by the machine's clock.
pub(super) fn wall() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// This process's view of it. The machine's clock is asked once; from then on time goes by as it does here, so that a
/// clock that is set neither shortens nor prolongs what Discord said.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    /// Seconds since 1970 when it started.
    at_start: f64,
}

impl Clock {
    pub(super) fn new(wall: f64) -> Self {
        Self {
            started: Instant::now(),
            at_start: wall,
        }
    }

    /// Discord seconds since the file was begun (`began`, in seconds since 1970). `seen` is the latest time that anybody
    /// decided something at.
    pub(super) fn now(&mut self, began: f64, seen: f64, speed: f64) -> f64 {
        let own = (self.at_start + self.started.elapsed().as_secs_f64() - began) * speed;
        if own >= seen {
            return own;
        }
        self.at_start += (seen - own) / speed;
        seen
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_machine_whose_clock_was_set_back_goes_on_where_the_others_are() {
        let mut clock = Clock::new(1_000.0);
        advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(900.0, 0.0, 10.0), 1_020.0);
        // The next process starts after the clock was set back by an hour.
        let mut late = Clock::new(1_002.0 - 3_600.0);
        assert_eq!(late.now(900.0, 1_020.0, 10.0), 1_020.0);
        advance(Duration::from_secs(1)).await;
        assert_eq!(late.now(900.0, 1_020.0, 10.0), 1_030.0);
        assert_eq!(clock.now(900.0, 1_030.0, 10.0), 1_030.0);
    }
}
