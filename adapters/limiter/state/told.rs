//! What people are told of the limits.

use std::cmp::Reverse;

use rolecall_core::job::Lane;
use rolecall_core::ports::{Barrier, Budget, FullBucket, Keeper};

use super::State;
use crate::limiter::budget::{Global, INVALID_MOST, INVALID_WINDOW};
use crate::limiter::words::{self, real};

/// What is waited for, by who is stopped until when.
fn barrier(now: f64, edge: f64, global: &Global, open: f64) -> Barrier {
    match () {
        () if edge > now => Barrier::Edge,
        () if global.blocked_until() > now => Barrier::Global,
        () if open > now => Barrier::Invalid,
        () => Barrier::Bucket,
    }
}

impl State {
    /// What a caller of this lane waits for.
    pub(in crate::limiter) fn barrier(&mut self, now: f64, principal: u64, lane: Lane) -> Barrier {
        let open = if lane == Lane::Interactive {
            now
        } else {
            self.invalid.open_until(now)
        };
        let global = self.globals.entry(principal).or_default();
        barrier(now, self.edge_until, global, open)
    }

    /// What is left, with `speed` Discord seconds in a real one.
    pub(in crate::limiter) fn budget(&mut self, now: f64, speed: f64) -> Budget {
        let open = self.invalid.open_until(now);
        let global = self
            .globals
            .values()
            .map(Global::blocked_until)
            .fold(0.0, f64::max);
        let stops = [
            (Barrier::Edge, self.edge_until),
            (Barrier::Global, global),
            (Barrier::Invalid, open),
        ];
        Budget {
            keeper: Keeper::Process,
            processes: 1,
            invalid: self.invalid.counted(now) as u64,
            invalid_most: INVALID_MOST as u64,
            invalid_window: real(INVALID_WINDOW, speed),
            stops: stops
                .into_iter()
                .filter(|(_, until)| *until > now)
                .map(|(barrier, until)| (barrier, real(until - now, speed)))
                .collect(),
            waiting: self.waiting(now, speed),
        }
    }

    fn waiting(&mut self, now: f64, speed: f64) -> Vec<FullBucket> {
        let open = self.invalid.open_until(now);
        let from = now.max(self.edge_until).max(open);
        let tuning = self.rules.tuning;
        let mut waiting = Vec::new();
        for slot in self.slots.iter_mut().filter(|s| s.same_as.is_none()) {
            slot.queue
                .expire(now, self.rules.patience, slot.bucket.limit().max(10) as usize);
            if slot.queue.is_empty() {
                continue;
            }
            let global = self.globals.entry(slot.principal).or_default();
            let blocked = from.max(global.blocked_until());
            let barrier = barrier(now, self.edge_until, global, open);
            slot.bucket.roll(now);
            let places = slot.queue.len();
            let until = |ahead| real(slot.bucket.time_of(now, blocked, ahead, &tuning) - now, speed);
            waiting.push(FullBucket {
                bucket: slot.group.clone().into_owned(),
                guild: slot.guild,
                barrier,
                places: places as u64,
                next: until(0),
                last: until(places - 1),
            });
        }
        waiting.sort_by_key(|bucket| Reverse(bucket.last));
        waiting.truncate(Budget::MOST_WAITING);
        waiting
    }

    /// The longest wait for a permit now, in words.
    pub(in crate::limiter) fn longest_wait(&mut self, now: f64, speed: f64) -> Option<String> {
        let waiting = self.waiting(now, speed);
        let bucket = waiting.iter().max_by_key(|bucket| bucket.next)?;
        let what = words::in_words(bucket.barrier, &bucket.bucket, bucket.guild);
        Some(words::with_time(&what, bucket.next.as_secs_f64()))
    }
}
