//! What was asked and answered: counters, the log of calls, and the state of all limits.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;

use crate::buckets::{Bucket, Global};
use crate::config::SimulatorConfig;

/// Answers 429 by what they were about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RateLimited {
    pub user: u64,
    pub global: u64,
    pub shared: u64,
    /// Blocked before the request reached the API.
    pub cloudflare: u64,
}

impl RateLimited {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.user + self.global + self.shared + self.cloudflare
    }
}

/// Numbers since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Calls, aborted ones included.
    pub total: u64,
    /// By method and template, such as `GET /guilds/{guild}/members`.
    pub by_route: BTreeMap<String, u64>,
    pub by_status: BTreeMap<u16, u64>,
    pub rate_limited: RateLimited,
    /// Answers 401, 403 and 429 that was not shared: Discord blocks an address that collects too many.
    pub invalid: u64,
    /// Connections that a fault cut.
    pub aborted: u64,
    /// Changes that were undone unseen: a write that overlapped another one on the same member, or a PATCH that
    /// took a role which somebody else had given since the caller's last read of the member.
    pub lost_updates: u64,
    /// Writes that began while another write to the same member was under way.
    pub overlapping_writes: u64,
    /// Writes to members that were answered with success.
    pub writes: u64,
    /// Those among them that changed nothing.
    pub writes_without_effect: u64,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// Simulated milliseconds since the start, when it came.
    pub at_ms: u64,
    /// The same, when it was answered or cut.
    pub answered_ms: u64,
    /// When it came, in Unix milliseconds of real time, by which other logs tell theirs.
    pub unix_ms: u64,
    pub method: String,
    /// Path with its query.
    pub path: String,
    /// Method and template; empty when nothing matched.
    pub route: String,
    /// 0 when the connection was cut.
    pub status: u16,
    pub audit_reason: Option<String>,
    #[serde(with = "crate::ids::option")]
    pub bot: Option<u64>,
    /// Name of the limit whose budget it uses, if its route has one.
    pub bucket: Option<&'static str>,
    /// Of which limit a 429 spoke.
    pub refused: Option<Refusal>,
    /// The `Retry-After` of the answer, as it was sent.
    pub retry_after: Option<String>,
    /// Body of a change of a member's roles by PATCH.
    pub body: Option<String>,
}

/// Why an answer was 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    User,
    Global,
    Shared,
    /// Before it reached the API.
    Cloudflare,
}

/// What a call did to a member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) changed: bool,
    pub(crate) lost_updates: u64,
}

/// Whose budget a call uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Bot(u64),
    /// User and application of an access token.
    Grant(u64, u64),
    Address,
}

/// Bucket name, whose it is, and the guild or channel (0 for none).
pub(crate) type BucketKey = (&'static str, Subject, u64);

/// An answer as it is counted.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) call: Call,
    /// Present for writes to members.
    pub(crate) effect: Option<Effect>,
}

#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) counters: Counters,
    pub(crate) buckets: HashMap<BucketKey, Bucket>,
    pub(crate) globals: HashMap<Subject, Global>,
    log: VecDeque<Call>,
    /// Simulated times of the invalid answers inside the window.
    invalid_ms: VecDeque<u64>,
    blocked_until_ms: u64,
    /// Writes under way, by guild and user.
    in_flight: HashMap<(u64, u64), u32>,
}

impl Traffic {
    pub(crate) fn is_blocked(&self, now_ms: u64) -> bool {
        now_ms < self.blocked_until_ms
    }

    pub(crate) fn blocked_until_ms(&self) -> u64 {
        self.blocked_until_ms
    }

    /// Invalid answers inside the window as last seen.
    pub(crate) fn invalid_in_window(&self) -> usize {
        self.invalid_ms.len()
    }

    /// Notes the start of a write. Says whether another one to the same member is under way.
    pub(crate) fn begin_write(&mut self, member: (u64, u64)) -> bool {
        let running = self.in_flight.entry(member).or_default();
        *running += 1;
        let overlaps = *running > 1;
        self.counters.overlapping_writes += u64::from(overlaps);
        overlaps
    }

    pub(crate) fn end_write(&mut self, member: (u64, u64)) {
        if let Some(running) = self.in_flight.get_mut(&member) {
            *running -= 1;
            if *running == 0 {
                self.in_flight.remove(&member);
            }
        }
    }

    /// Counts an answer and writes it to the log.
    pub(crate) fn record(&mut self, entry: Entry, config: &SimulatorConfig) {
        let Entry { call, effect } = entry;
        let counters = &mut self.counters;
        counters.total += 1;
        if call.status == 0 {
            counters.aborted += 1;
        } else {
            *counters.by_status.entry(call.status).or_default() += 1;
        }
        match counters.by_route.get_mut(&call.route) {
            Some(count) => *count += 1,
            None => {
                counters.by_route.insert(call.route.clone(), 1);
            }
        }
        let limited = &mut counters.rate_limited;
        match call.refused {
            Some(Refusal::User) => limited.user += 1,
            Some(Refusal::Global) => limited.global += 1,
            Some(Refusal::Shared) => limited.shared += 1,
            Some(Refusal::Cloudflare) => limited.cloudflare += 1,
            None => {}
        }
        if let Some(effect) = effect {
            counters.lost_updates += effect.lost_updates;
            if (200..300).contains(&call.status) {
                counters.writes += 1;
                counters.writes_without_effect += u64::from(!effect.changed);
            }
        }
        if matches!(call.status, 401 | 403 | 429) && call.refused != Some(Refusal::Shared) {
            counters.invalid += 1;
            self.note_invalid(call.at_ms, config);
        }
        if self.log.len() >= config.log_size {
            self.log.pop_front();
        }
        if config.log_size > 0 {
            self.log.push_back(call);
        }
    }

    /// Answers during a block do not lengthen it.
    fn note_invalid(&mut self, now_ms: u64, config: &SimulatorConfig) {
        if self.is_blocked(now_ms) {
            return;
        }
        while self
            .invalid_ms
            .front()
            .is_some_and(|at| at + config.invalid_window_ms <= now_ms)
        {
            self.invalid_ms.pop_front();
        }
        self.invalid_ms.push_back(now_ms);
        if self.invalid_ms.len() > config.invalid_limit {
            self.invalid_ms.clear();
            self.blocked_until_ms = now_ms + config.block_ms;
        }
    }

    /// The last calls, oldest first.
    pub(crate) fn last_calls(&self, last: usize) -> Vec<Call> {
        self.log
            .iter()
            .skip(self.log.len().saturating_sub(last))
            .cloned()
            .collect()
    }

    /// Sets the counters and the log to nothing; limits and blocks stay.
    pub(crate) fn reset_counters(&mut self) {
        self.counters = Counters::default();
        self.log.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(at_ms: u64, status: u16, refused: Option<Refusal>) -> Entry {
        let call = Call {
            at_ms,
            method: "GET".into(),
            path: "/".into(),
            route: String::new(),
            status,
            audit_reason: None,
            bot: None,
            answered_ms: at_ms,
            unix_ms: 0,
            bucket: None,
            refused,
            retry_after: None,
            body: None,
        };
        Entry { call, effect: None }
    }

    #[test]
    fn too_many_invalid_answers_block_the_address() {
        let config = SimulatorConfig {
            invalid_limit: 3,
            invalid_window_ms: 100,
            block_ms: 50,
            ..Default::default()
        };
        let mut traffic = Traffic::default();
        for at_ms in [0, 100, 110, 120] {
            traffic.record(answer(at_ms, 403, None), &config);
        }
        assert!(!traffic.is_blocked(120), "the first answer left the window");
        traffic.record(answer(130, 401, None), &config);
        assert!(traffic.is_blocked(130));
        assert!(!traffic.is_blocked(180));
    }

    #[test]
    fn shared_limits_are_not_invalid_requests() {
        let mut traffic = Traffic::default();
        traffic.record(answer(0, 429, Some(Refusal::Shared)), &SimulatorConfig::default());
        traffic.record(answer(0, 429, Some(Refusal::User)), &SimulatorConfig::default());
        assert_eq!(traffic.counters.invalid, 1);
        assert_eq!(traffic.counters.rate_limited.total(), 2);
    }

    #[test]
    fn the_second_of_two_writes_at_once_overlaps() {
        let mut traffic = Traffic::default();
        assert!(!traffic.begin_write((1, 2)));
        assert!(!traffic.begin_write((1, 3)));
        assert!(traffic.begin_write((1, 2)));
        traffic.end_write((1, 2));
        traffic.end_write((1, 2));
        assert!(!traffic.begin_write((1, 2)));
    }
}
