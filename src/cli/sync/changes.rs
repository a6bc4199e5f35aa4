//! The changes that a dry run planned: its planning jobs keep them as notes.

use rolecall_core::RunId;
use rolecall_core::error::StoreError;
use rolecall_core::job::Job;
use rolecall_core::ports::{JobCursor, JobFilter};
use rolecall_jobs::kernel::services::Services;
use serde::Serialize;

/// Kinds whose outcome holds a plan.
const KINDS: [&str; 2] = ["sync_guild", "sync_member"];
/// Jobs read at once.
const PAGE: usize = 500;
/// Jobs read in all, of each kind.
const MOST: usize = 5_000;
/// So many lines are shown to people.
const SHOWN: usize = 200;

/// What one planning job would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Planned {
    /// In this guild.
    guild_id: Option<rolecall_core::GuildId>,
    /// One line a member.
    lines: Vec<String>,
}

/// What the planning jobs of a run would do.
pub(super) async fn planned(services: &Services, run: RunId) -> Result<Vec<Planned>, StoreError> {
    let mut all = Vec::new();
    for kind in KINDS {
        let filter = JobFilter {
            run_id: Some(run),
            kind: Some(kind.to_owned()),
            ..JobFilter::default()
        };
        let mut after = None;
        for _ in 0..MOST / PAGE {
            let page = services.ledger.list(&filter, after, PAGE).await?;
            after = page.last().map(|job| JobCursor {
                inserted_at: job.inserted_at,
                id: job.id,
            });
            all.extend(page.iter().filter_map(of_job));
            if page.len() < PAGE {
                break;
            }
        }
    }
    Ok(all)
}

fn of_job(job: &Job) -> Option<Planned> {
    let outcome = job.outcome.as_ref()?;
    // Why removals are held is told by the run's results.
    let lines: Vec<String> = outcome
        .notes
        .iter()
        .filter(|n| !n.starts_with("held:"))
        .cloned()
        .collect();
    (!lines.is_empty()).then_some(Planned {
        guild_id: job.subject.guild_id,
        lines,
    })
}

/// For people.
pub(super) fn told(planned: &[Planned]) -> String {
    if planned.is_empty() {
        return "Nothing would be changed.".to_owned();
    }
    let mut lines = Vec::new();
    for plan in planned {
        if let Some(guild) = plan.guild_id {
            lines.push(format!("Planned in guild {guild}:"));
        }
        lines.extend(plan.lines.iter().map(|l| format!("  {l}")));
    }
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("and {more} more lines; --json prints them all"));
    }
    lines.push("Nothing was changed (--dry-run).".to_owned());
    lines.join("\n")
}
