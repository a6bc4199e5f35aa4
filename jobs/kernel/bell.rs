//! When the relay looks next. Each look asks the store several questions, so it is woken for what it can do something
//! about, and not for every job.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use rolecall_core::Timestamp;
use rolecall_core::ports::Clock;
use tokio::sync::Notify;

/// The relay is looking: it will plan its next look itself.
const LOOKING: i64 = i64::MAX;

/// Rung by whoever knows of work that only the relay can send.
pub struct Bell {
    /// When the next look is planned, in Unix milliseconds.
    planned: AtomicI64,
    rung: Notify,
    /// More was due than there was room for: so many ended jobs are worth a look. 0: nothing waits for room.
    crowded: AtomicUsize,
    /// Jobs that ended in this process since the last look.
    ended: AtomicUsize,
}

impl Default for Bell {
    fn default() -> Self {
        Self {
            planned: AtomicI64::new(LOOKING),
            rung: Notify::new(),
            crowded: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
        }
    }
}

impl Bell {
    /// Look at once.
    pub fn ring(&self) {
        self.ring_at(Timestamp(0));
    }

    /// Look at this time, unless that is planned for earlier.
    pub fn ring_at(&self, at: Timestamp) {
        if at.0 < self.planned.fetch_min(at.0, Ordering::AcqRel) {
            self.rung.notify_one();
        }
    }

    /// More is due than there is room for: look again when so many jobs have ended, or fewer, if that was said before.
    pub fn crowd(&self, worth_a_look: usize) {
        let fewer = |n: usize| if n == 0 { worth_a_look } else { n.min(worth_a_look) };
        let _ = self
            .crowded
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| Some(fewer(n)));
    }

    /// A job ended here. When enough have, and something waits for their places, it rings.
    pub fn job_ended(&self) {
        let enough = self.crowded.load(Ordering::Acquire);
        if enough > 0 && self.ended.fetch_add(1, Ordering::AcqRel) + 1 >= enough {
            self.ring();
        }
    }

    /// A look begins: what rings from now on is for the one after it.
    pub(super) fn looking(&self) {
        self.planned.store(LOOKING, Ordering::Release);
        self.ended.store(0, Ordering::Release);
        self.crowded.store(0, Ordering::Release);
    }

    /// Waits for the next look: for `pause` at most, and for less if it was rung, or is.
    pub(super) async fn next_look(&self, clock: &dyn Clock, pause: Duration) {
        self.plan(clock.now() + pause);
        loop {
            let left = self.left(clock.now());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                // Never for longer than was planned, even if somebody sets the clock.
                () = tokio::time::sleep(left.min(pause)) => return,
                () = self.rung.notified() => {}
            }
        }
    }

    /// The look after this one is at this time, unless something rang meanwhile for an earlier one.
    fn plan(&self, at: Timestamp) {
        self.planned.fetch_min(at.0, Ordering::AcqRel);
    }

    /// How long until the next look.
    fn left(&self, now: Timestamp) -> Duration {
        let left = self.planned.load(Ordering::Acquire).saturating_sub(now.0);
        Duration::from_millis(u64::try_from(left).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    /// A bell whose relay has looked, and looks again in a second.
    fn planned() -> Bell {
        let bell = Bell::default();
        bell.looking();
        bell.plan(NOW + SECOND);
        bell
    }

    #[test]
    fn a_quiet_bell_lets_the_relay_sleep_as_it_planned() {
        let bell = planned();
        assert_eq!(bell.left(NOW), SECOND);
        assert_eq!(bell.left(NOW + SECOND * 2), Duration::ZERO);
    }

    #[test]
    fn what_rang_during_a_look_is_not_forgotten_and_counts_once() {
        let bell = Bell::default();
        bell.looking();
        bell.ring();
        bell.plan(NOW + SECOND);
        assert_eq!(bell.left(NOW), Duration::ZERO);
        bell.looking();
        bell.plan(NOW + SECOND);
        assert_eq!(bell.left(NOW), SECOND);
    }

    #[test]
    fn an_earlier_time_shortens_the_sleep_and_a_later_one_does_not() {
        let bell = planned();
        bell.ring_at(NOW + SECOND * 9);
        assert_eq!(bell.left(NOW), SECOND);
        bell.ring_at(NOW + SECOND / 4);
        assert_eq!(bell.left(NOW), SECOND / 4);
    }

    #[test]
    fn ended_jobs_ring_only_when_others_wait_for_their_places_and_not_one_by_one() {
        let bell = planned();
        (0..10).for_each(|_| bell.job_ended());
        assert_eq!(bell.left(NOW), SECOND, "nobody waits");
        bell.crowd(3);
        (0..2).for_each(|_| bell.job_ended());
        assert_eq!(bell.left(NOW), SECOND, "two are too few");
        bell.job_ended();
        assert_eq!(bell.left(NOW), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_ring_wakes_a_relay_that_sleeps() {
        struct Still;
        impl Clock for Still {
            fn now(&self) -> Timestamp {
                NOW
            }
        }
        let bell = std::sync::Arc::new(planned());
        let sleeping = std::sync::Arc::clone(&bell);
        let relay = tokio::spawn(async move { sleeping.next_look(&Still, SECOND * 3_600).await });
        tokio::task::yield_now().await;
        bell.ring();
        relay.await.unwrap();
    }
}
