//! Which due jobs of a lane are sent next, when there are more than there is room for.

use std::collections::BTreeSet;
use std::time::Duration;

use rolecall_core::error::StoreError;
use rolecall_core::fairness::Turns;
use rolecall_core::job::Lane;
use rolecall_core::pause::Held;
use rolecall_core::ports::{DueJob, Ledger};
use rolecall_core::{GuildId, Timestamp};

/// More due jobs are looked at than there is room for, so that guilds can take turns.
const LOOK_AHEAD: usize = 4;
/// How often a look goes past the guilds that fill it: that reads all of their due jobs in the store.
const LOOK_PAST_EVERY: Duration = Duration::from_secs(1);
/// How many guilds with long queues one look goes past.
const PAST: usize = 4;

/// What is known of a lane from one look to the next.
#[derive(Default)]
pub(super) struct FairLane {
    turns: Turns,
    /// Due jobs of guilds that wait behind those with long queues.
    behind: Vec<DueJob>,
    looked_past: Option<Timestamp>,
}

/// A question for due jobs.
pub(super) struct Look<'a> {
    pub(super) ledger: &'a dyn Ledger,
    pub(super) lane: Lane,
    pub(super) now: Timestamp,
    pub(super) sent_before: Timestamp,
    pub(super) held: &'a [Held],
    pub(super) room: usize,
}

impl FairLane {
    /// The jobs to send now, `room` at most. The store gives them by age, and a big run's jobs are all of one age: so
    /// now and then it is asked for what lies behind them.
    pub(super) async fn next(&mut self, look: Look<'_>) -> Result<Vec<DueJob>, StoreError> {
        let limit = look.room.saturating_mul(LOOK_AHEAD);
        let mut due = look
            .ledger
            .due(look.lane, look.sent_before, look.held, limit)
            .await?;
        if due.len() < limit {
            (self.behind, self.looked_past) = (Vec::new(), None);
        } else if self.looked_past.is_none_or(|at| at + LOOK_PAST_EVERY <= look.now) {
            self.looked_past = Some(look.now);
            self.behind = behind(&look, &due, limit).await?;
        }
        let known: BTreeSet<_> = due.iter().map(|job| job.id).collect();
        due.extend(self.behind.iter().filter(|job| !known.contains(&job.id)).cloned());
        let next = self.turns.take(due, look.room, |job| job.guild_id);
        self.behind.retain(|job| !next.contains(job));
        Ok(next)
    }
}

async fn behind(look: &Look<'_>, front: &[DueJob], limit: usize) -> Result<Vec<DueJob>, StoreError> {
    let (mut found, mut page): (Vec<DueJob>, _) = (Vec::new(), front.to_vec());
    let mut past: BTreeSet<GuildId> = BTreeSet::new();
    for _ in 0..PAST {
        let guilds = past.len();
        past.extend(page.iter().filter_map(|job| job.guild_id));
        if past.len() == guilds {
            break;
        }
        let guild = |id: &GuildId| Held {
            guild_id: Some(*id),
            ..Held::default()
        };
        let held: Vec<Held> = look.held.iter().cloned().chain(past.iter().map(guild)).collect();
        page = look.ledger.due(look.lane, look.sent_before, &held, limit).await?;
        found.extend(page.iter().cloned());
        if page.len() < limit {
            break;
        }
    }
    Ok(found)
}
