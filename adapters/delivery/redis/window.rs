//! How much of a lane's window is taken, as this process knows it: told by Redis with each push, and asked for only when
//! that is too old or leaves no room.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long it is believed. Meanwhile other processes may overshoot the window together with this one, each by one window
/// at most; the largest window leaves room for that.
const BELIEVED: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Window {
    known: Mutex<Option<(Instant, u64)>>,
}

impl Window {
    /// Envelopes that wait, if that is known and not too old.
    pub(super) fn depth(&self, now: Instant) -> Option<u64> {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .filter(|(at, _)| now.duration_since(*at) < BELIEVED)
            .map(|(_, depth)| depth)
    }

    /// Redis said how many wait.
    pub(super) fn learn(&self, now: Instant, depth: u64) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, depth));
    }

    /// So many are about to be pushed.
    pub(super) fn add(&self, more: usize) {
        if let Some((_, depth)) = &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner) {
            *depth += more as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_is_believed_for_a_second_with_what_was_pushed_since() {
        let (window, now) = (Window::default(), Instant::now());
        assert_eq!(window.depth(now), None);
        window.add(3);
        assert_eq!(window.depth(now), None, "nothing is known yet");
        window.learn(now, 7);
        window.add(3);
        assert_eq!(window.depth(now + BELIEVED / 2), Some(10));
        assert_eq!(window.depth(now + BELIEVED), None);
    }
}
