//! Who came to a guild and who left it since its members were read the last time.

use rolecall_core::GuildId;
use rolecall_core::error::StoreError;
use rolecall_core::job::JobState;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::JobFilter;
use rolecall_core::run::counts;
use rolecall_core::turnover::{Count, Reading};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::services::Services;

use crate::sync_guild::SyncGuild;

/// Syncs of a guild that are looked through for one that read its members: some had nothing to do.
const SYNCS: usize = 5;

/// Begins to count, from where the last sync of the guild left off.
pub(crate) async fn begin(services: &Services, guild: GuildId) -> Result<Count, StoreError> {
    let filter = JobFilter {
        kind: Some(SyncGuild::KIND.to_owned()),
        states: vec![JobState::Completed],
        guild_id: Some(guild),
        ..JobFilter::default()
    };
    let ended = services.ledger.list(&filter, None, SYNCS).await?;
    let readings = ended
        .iter()
        .filter_map(|job| Some((job.finished_at, reading(job.outcome.as_ref()?)?)));
    let last = readings.max_by_key(|(at, _)| *at);
    Ok(Count::since(last.map(|(_, reading)| reading)))
}

fn reading(outcome: &Outcome) -> Option<Reading> {
    Some(Reading {
        members: *outcome.counts.get(counts::MEMBERS)?,
        newest_join: outcome.newest_join?,
    })
}

/// Notes what was counted, for the next time and for the metrics.
pub(crate) fn end(count: &Count, outcome: &mut Outcome) {
    outcome.newest_join = count.newest_join();
    if let Some(turnover) = count.turnover() {
        outcome.count(counts::MEMBERS_JOINED, turnover.joined);
        outcome.count(counts::MEMBERS_LEFT, turnover.left);
    }
}
