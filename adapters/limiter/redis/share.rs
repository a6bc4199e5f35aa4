//! What a process does while Redis does not answer: it keeps its part of each limit by itself.
//!
//! The part is the limit divided by the processes that were seen in the last minute before. If all of them lost Redis,
//! they send together what one may; if only this one did, it sends a little beside the others, who learn of that from
//! the headers of their answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rolecall_core::ids::GuildId;
use rolecall_core::ports::{Answer, DeliveryError, Limiter, RateHeaders, Route};
use tokio::time::Instant;

use super::{LimiterSettings, MemoryLimiter, PAUSE};

/// One part of the limits, kept in the process.
#[derive(Debug, Clone)]
pub(super) struct Share {
    pub(super) limiter: Arc<MemoryLimiter>,
    parts: u32,
}

impl Share {
    fn new(processes: usize, settings: &LimiterSettings) -> Self {
        let parts = u32::try_from(processes).unwrap_or(u32::MAX).max(1);
        let settings = LimiterSettings {
            global_per_second: (settings.global_per_second / parts).max(1),
            ..settings.clone()
        };
        Self {
            limiter: Arc::new(MemoryLimiter::new(settings)),
            parts,
        }
    }

    /// Tells the limiter of this process what came back, as if the whole bucket were its part.
    pub(super) fn complete(&self, ticket: u64, answer: &Answer) {
        let mut answer = answer.clone();
        if let Answer::Status { headers, .. } | Answer::Limited { headers, .. } = &mut answer {
            part_of(headers, self.parts);
        }
        self.limiter.complete(ticket, &answer);
    }
}

/// The headers that a bucket of this part would have had. What the whole has left is divided, too: the others use it up.
pub(super) fn part_of(headers: &mut RateHeaders, parts: u32) {
    let part = |n: u32| n / parts.max(1);
    headers.limit = headers.limit.map(|limit| part(limit).max(1));
    headers.remaining = headers.remaining.map(part);
}

/// Whether Redis answers, and what this process does meanwhile.
#[derive(Debug, Default)]
pub(super) struct Shares {
    processes: usize,
    /// While Redis does not answer.
    alone: Option<Share>,
    /// When it is asked again.
    again: Option<Instant>,
    /// Budgets that were used without Redis' knowledge.
    doubted: HashSet<(u64, &'static str, Option<GuildId>)>,
}

impl Shares {
    /// Redis answered, and told how many processes it sees.
    pub(super) fn found(&mut self, processes: usize) {
        self.processes = processes;
        self.again = None;
        if self.alone.take().is_some() {
            tracing::info!("Redis answers again: Discord's limits are kept by all processes together");
        }
    }

    /// Redis did not answer.
    pub(super) fn failed(&mut self, error: &DeliveryError, settings: &LimiterSettings) {
        self.again = Some(Instant::now() + PAUSE);
        if self.alone.is_none() {
            let share = Share::new(self.processes, settings);
            tracing::warn!(
                %error,
                parts = share.parts,
                "Redis does not answer: until it does, this process keeps its part of Discord's limits by itself"
            );
            self.alone = Some(share);
        }
    }

    /// Whether the next caller asks Redis (and whether its budget was used without), or goes by the share. After
    /// a failure one caller tries, and the others do not wait for it, for `trial` at most.
    pub(super) fn turn(&mut self, route: &Route, trial: Duration) -> Result<bool, Share> {
        let budget = (route.principal, route.bucket, route.guild);
        let now = Instant::now();
        if let Some(share) = &self.alone {
            if self.again.is_some_and(|at| now < at) {
                self.doubted.insert(budget);
                return Err(share.clone());
            }
            self.again = Some(now + trial);
        }
        Ok(self.doubted.remove(&budget))
    }

    pub(super) fn current(&self) -> Option<Share> {
        self.alone.clone()
    }
}
