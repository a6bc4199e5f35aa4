//! One budget of Discord: how many calls of a route, and of which guild, may be sent now.
//!
//! Discord has two kinds (fixed windows, and sliding ones that refill drop by drop) and does not say which one it is.
//! The rules here are right for both: after a budget is used up, nothing is sent until the latest answer said that it
//! is full again. For a fixed window that is its end; for a sliding one it is later than needed for one call, but a
//! whole burst follows, so that the mean rate is the same.

use rolecall_core::cost::{BUDGET_CALLS, BUDGET_WINDOW};
use rolecall_core::ports::RateHeaders;
use serde::{Deserialize, Serialize};

/// Share of a window that is waited longer than Discord says.
pub(super) const MARGIN: f64 = 0.01;
/// The last part of a window, for which no permits are kept: a call that goes so late may already be the first one of
/// Discord's next window, and then all of that window's others come too late.
pub(super) const LAST_PART: f64 = 0.2;
/// For how many windows a budget that others use, too, is used with care.
pub(super) const CAREFUL_WINDOWS: u64 = 3;

/// What of the limiter's settings a bucket needs. Discord seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuning {
    /// Least margin after a reset.
    pub least_margin: f64,
    /// Least time between two calls of one bucket.
    pub min_spacing: f64,
    /// Time between two planned calls of one burst.
    pub gap: f64,
}

/// What is taken for true before Discord's headers came: sizes that others observed. Only used to plan waits, never
/// to send.
pub fn assumed(group: &str) -> Option<(u32, f64)> {
    match group {
        "role-write" | "member-edit" | "member-add" | "member-list" => {
            Some((BUDGET_CALLS, BUDGET_WINDOW.as_secs_f64()))
        }
        "member-get" => Some((5, 1.0)),
        _ => None,
    }
}

/// What is known of a bucket's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Known {
    /// No answer yet: one call at a time.
    Nothing,
    /// Answers have no headers: only the global limit counts.
    NoHeaders,
    /// This many a window.
    Limit(u32),
}

/// The state of one bucket. All times are Discord seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bucket {
    known: Known,
    /// Prior for waits, from [`assumed`].
    prior: Option<(u32, f64)>,
    /// Best guess of the window's length; 0 if there is none.
    window: f64,
    /// Largest reset-after seen in this window.
    window_seen: f64,
    /// Counts windows.
    epoch: u64,
    /// Calls sent in this window, and those of the last one without an answer when it ended.
    sent: i64,
    /// Answers to those.
    answered: i64,
    /// Permits of this window that others are known to have used.
    foreign: i64,
    /// Permits of this window that others may have used, by the latest answer.
    suspected: i64,
    in_flight: i64,
    /// When the bucket is full again, once an answer of this window said so.
    reset_at: Option<f64>,
    blocked_until: f64,
    last_sent: Option<f64>,
    /// Until this epoch: one call at a time, because others use the budget, too.
    careful_until: u64,
    /// Discord limits this bucket without telling how: one call at a time, for good.
    distrusted: bool,
}

impl Bucket {
    /// A bucket of which nothing is known but its group's name.
    pub fn new(group: &str) -> Self {
        let prior = assumed(group);
        Self {
            known: Known::Nothing,
            prior,
            window: prior.map_or(0.0, |(_, window)| window),
            window_seen: 0.0,
            epoch: 0,
            sent: 0,
            answered: 0,
            foreign: 0,
            suspected: 0,
            in_flight: 0,
            reset_at: None,
            blocked_until: 0.0,
            last_sent: None,
            careful_until: 0,
            distrusted: false,
        }
    }

    /// Calls a window, once known; before that what others observed.
    pub fn limit(&self) -> u32 {
        match self.known {
            Known::Limit(limit) => limit,
            _ => self.prior.map_or(1, |(limit, _)| limit),
        }
    }

    /// Which window it is; a ticket keeps it.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Discord seconds to wait beyond a time that Discord named.
    fn margin(&self, tuning: &Tuning) -> f64 {
        (self.window * MARGIN).max(tuning.least_margin)
    }

    /// Permits left by what is known, calls in flight taken off.
    fn available(&self) -> i64 {
        match self.known {
            Known::Limit(limit) => i64::from(limit) - self.sent - self.foreign.max(self.suspected),
            Known::Nothing => 1 - self.in_flight,
            Known::NoHeaders => i64::MAX,
        }
    }

    /// Starts a new window if the old one is over.
    pub fn roll(&mut self, now: f64) {
        if self.reset_at.is_none_or(|at| now < at) {
            return;
        }
        if self.window_seen > self.window || (self.available() <= 0 && self.window_seen > 0.0) {
            self.window = self.window_seen;
        }
        self.epoch += 1;
        self.window_seen = 0.0;
        self.sent = self.in_flight;
        self.answered = 0;
        self.foreign = 0;
        self.suspected = 0;
        self.reset_at = None;
    }

    /// Permits that may be used at `now`. Call [`Self::roll`] first.
    pub fn free(&self, now: f64, tuning: &Tuning) -> i64 {
        let spaced = self.last_sent.is_none_or(|at| now >= at + tuning.min_spacing);
        if now < self.blocked_until || !spaced || (self.is_careful() && self.in_flight > 0) {
            return 0;
        }
        self.available().max(0)
    }

    fn is_careful(&self) -> bool {
        self.distrusted || self.careful_until > self.epoch
    }

    /// Until when the permits that are free now have to last.
    pub fn horizon(&self, now: f64) -> f64 {
        self.reset_at.unwrap_or(now + self.window) - self.window * LAST_PART
    }

    /// A call is sent. Gives the epoch for its ticket.
    pub fn send(&mut self, now: f64) -> u64 {
        self.sent += 1;
        self.in_flight += 1;
        self.last_sent = Some(now);
        self.epoch
    }

    /// A permit is given back: its call was never sent.
    pub fn unsend(&mut self) {
        self.in_flight -= 1;
        // Also true if a window began since: it counts what was in flight as its own.
        self.sent -= 1;
    }

    /// No answer came to a call. It counts as sent.
    pub fn lost(&mut self, now: f64, epoch: u64, tuning: &Tuning) {
        self.settle(epoch);
        self.expect_reset(now, tuning);
    }

    /// An answer came that was no 429. `teaches`: it is one of the route itself (not an error of a server on the way),
    /// so the absence of headers means something.
    pub fn answered(&mut self, now: f64, epoch: u64, headers: &RateHeaders, teaches: bool, tuning: &Tuning) {
        let in_this_window = self.settle(epoch);
        if headers.limit.is_some() || headers.remaining.is_some() {
            self.learn(now, in_this_window, headers, tuning);
        } else if matches!(self.known, Known::Limit(_)) {
            self.expect_reset(now, tuning);
        } else if teaches {
            self.known = Known::NoHeaders;
        }
    }

    /// Without any word of Discord, a window after the latest call the bucket is taken for full.
    fn expect_reset(&mut self, now: f64, tuning: &Tuning) {
        if matches!(self.known, Known::Limit(_)) && self.reset_at.is_none() {
            self.reset_at = Some(now + self.window + self.margin(tuning));
        }
    }

    fn settle(&mut self, epoch: u64) -> bool {
        self.in_flight -= 1;
        // Calls that were in flight when the window began were counted as sent in it.
        self.answered += 1;
        epoch == self.epoch
    }

    fn learn(&mut self, now: f64, in_this_window: bool, headers: &RateHeaders, tuning: &Tuning) {
        let before = self.known;
        if let Some(limit) = headers.limit {
            self.known = Known::Limit(limit.max(1));
            let is_other = self.prior.is_some_and(|(prior, _)| prior != limit);
            // Where Discord tells no window, the one that others observed is better than none.
            if before == Known::Nothing && is_other && headers.reset_after.is_some() {
                self.window = 0.0;
            }
        } else if !matches!(self.known, Known::Limit(_)) {
            // Remaining without a limit: this call and what is left is the least that it can be.
            self.known = Known::Limit(headers.remaining.unwrap_or(0).saturating_add(1));
        }
        if before == Known::NoHeaders {
            // What was sent so far was not counted by windows.
            self.sent = self.in_flight + 1;
            self.answered = 1;
        }
        if let Some(after) = headers.reset_after {
            self.window_seen = self.window_seen.max(after);
            self.window = self.window.max(after);
            let at = now + after + self.margin(tuning);
            self.reset_at = Some(self.reset_at.map_or(at, |old| old.max(at)));
        } else {
            self.expect_reset(now, tuning);
        }
        if let (Some(remaining), true) = (headers.remaining, in_this_window) {
            let used = i64::from(self.limit()) - i64::from(remaining);
            self.suspected = (used - self.answered).max(0);
            if used - self.sent > self.foreign {
                self.foreign = used - self.sent;
                self.careful_until = self.epoch + CAREFUL_WINDOWS;
            }
        }
    }

    /// A 429 for this bucket alone. For one of a budget shared with others (`shared`) only `retry_after` counts.
    pub fn limited(
        &mut self,
        now: f64,
        epoch: u64,
        retry_after: f64,
        shared: bool,
        headers: &RateHeaders,
        tuning: &Tuning,
    ) {
        self.settle(epoch);
        let until = now + retry_after + self.margin(tuning);
        self.blocked_until = self.blocked_until.max(until);
        if shared {
            self.expect_reset(now, tuning);
            return;
        }
        match (headers.limit, self.known) {
            (Some(limit), _) => self.known = Known::Limit(limit.max(1)),
            (None, Known::NoHeaders) => {
                self.known = Known::Nothing;
                self.distrusted = true;
            }
            _ => {}
        }
        if let Known::Limit(limit) = self.known {
            self.foreign = (i64::from(limit) - self.sent).max(0);
            self.careful_until = self.epoch + CAREFUL_WINDOWS;
            let full = now + headers.reset_after.unwrap_or(0.0).max(retry_after) + self.margin(tuning);
            self.reset_at = Some(self.reset_at.map_or(full, |old| old.max(full)));
        }
    }

    /// When the caller with `ahead` others before it will get its permit, by what is known now; not before `from`.
    pub fn time_of(&self, now: f64, from: f64, ahead: usize, tuning: &Tuning) -> f64 {
        let from = from.max(self.blocked_until);
        let ahead_i = i64::try_from(ahead).unwrap_or(i64::MAX);
        let spaced = self
            .last_sent
            .map_or(from, |at| from.max(at + tuning.min_spacing))
            + tuning.min_spacing * ahead as f64;
        let free = self.available().max(0);
        // The next answer tells more; it should come soon.
        let soon = spaced.max(now + 5.0 * tuning.gap);
        match self.known {
            Known::NoHeaders => return if self.is_careful() { soon } else { spaced },
            Known::Nothing if self.prior.is_none() => return if self.in_flight > 0 { soon } else { spaced },
            _ => {}
        }
        let limit = i64::from(self.limit());
        let (free, reset) = match (self.known, self.reset_at) {
            (Known::Nothing, _) => (limit - self.in_flight, now + self.window),
            (_, Some(at)) if from >= at => ((limit - self.in_flight).max(0), from + self.window),
            (_, Some(at)) => (free, at),
            (_, None) => (free, now + self.window),
        };
        if ahead_i < free {
            let waits = self.in_flight > 0 && (self.known == Known::Nothing || self.is_careful());
            return if waits { soon } else { spaced };
        }
        let index = ahead_i - free;
        let burst = (index / limit) as f64 * (self.window + self.margin(tuning));
        let pace = if self.window > 0.0 {
            self.window / limit as f64
        } else {
            tuning.gap
        };
        let place = (index % limit) as f64 * pace.min(tuning.gap);
        spaced.max(reset.max(from) + burst + place)
    }

    /// The last time of which Discord said something: until then a call may be refused.
    pub fn told_until(&self) -> f64 {
        self.blocked_until.max(self.reset_at.unwrap_or(0.0))
    }

    /// Takes over what another bucket knew that turned out to be this one.
    pub fn absorb(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.in_flight += other.in_flight;
        self.blocked_until = self.blocked_until.max(other.blocked_until);
        self.reset_at = match (self.reset_at, other.reset_at) {
            (Some(a), Some(b)) => Some(a.max(b)),
            (a, b) => a.or(b),
        };
        self.careful_until = self.careful_until.max(self.epoch + 1);
        self.distrusted |= other.distrusted;
        if !matches!(self.known, Known::Limit(_)) {
            self.known = other.known;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUNING: Tuning = Tuning {
        least_margin: 0.05,
        min_spacing: 0.0,
        gap: 0.1,
    };

    #[test]
    fn a_budget_that_does_not_tell_its_window_is_not_taken_for_full_at_once() {
        let told = RateHeaders {
            limit: Some(8),
            remaining: Some(0),
            ..RateHeaders::default()
        };
        let mut bucket = Bucket::new("member-edit");
        let epoch = bucket.send(0.0);
        bucket.answered(0.1, epoch, &told, true, &TUNING);
        bucket.roll(5.0);
        assert_eq!(
            bucket.free(5.0, &TUNING),
            0,
            "as others observed, it takes ten seconds"
        );
        bucket.roll(10.3);
        assert_eq!(bucket.free(10.3, &TUNING), 8);
    }
}
