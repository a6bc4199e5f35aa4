//! Storing jobs.

use rolecall_core::ids::JobId;
use rolecall_core::job::{Inserted, JobState, NewJob};
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::store::sqlite::errors::Fault;
use crate::store::sqlite::sql::{Result, change, id, one, text, to_json};

/// Stores each job, unless it or another with its unique key is there.
pub(super) fn insert(db: &Connection, jobs: &[NewJob], now: Timestamp) -> Result<Vec<Inserted>> {
    jobs.iter().map(|job| insert_one(db, job, now)).collect()
}

fn insert_one(db: &Connection, job: &NewJob, now: Timestamp) -> Result<Inserted> {
    if store(db, job, now)? {
        return Ok(Inserted::Created(job.id));
    }
    // The id decides first: a repeated insert of the live job itself is no duplicate.
    let same = one(
        db,
        "SELECT 1 FROM rolecall_jobs WHERE id = ?1",
        [job.id.to_string()],
        |_| Ok(()),
    )?;
    if same.is_some() {
        return Ok(Inserted::Repeated(job.id));
    }
    let live: Option<JobId> = one(
        db,
        "SELECT id FROM rolecall_jobs WHERE unique_key = ?1",
        [&job.unique_key],
        |row| id(row, 0),
    )?;
    live.map(Inserted::Duplicate)
        .ok_or_else(|| Fault::unreadable(format_args!("the job {} was refused by no row", job.id)))
}

/// `false`: a row with its id or its unique key is there.
fn store(db: &Connection, job: &NewJob, now: Timestamp) -> Result<bool> {
    let run_at = job.due_from(now);
    let state = if run_at <= now {
        JobState::Available
    } else {
        JobState::Scheduled
    };
    let stored = change(
        db,
        "INSERT OR IGNORE INTO rolecall_jobs (id, kind, version, payload, lane, state, run_at, max_attempts, \
             unique_key, concurrency, run_id, parent_id, guild_id, user_id, discord_id, role_id, actor, reason, \
             trace, inserted_at, sent_at, webhook_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
        params![
            job.id.to_string(),
            job.kind,
            job.version,
            to_json(&job.payload)?,
            job.lane.as_str(),
            state.as_str(),
            run_at.0,
            job.max_attempts,
            job.unique_key,
            job.concurrency,
            text(job.run_id),
            text(job.parent_id),
            text(job.subject.guild_id),
            text(job.subject.user_id.as_ref()),
            text(job.subject.discord_id),
            text(job.subject.role_id),
            job.cause.actor,
            job.cause.reason,
            job.trace,
            now.0,
            job.sent.then_some(now.0),
            text(job.subject.webhook_id),
        ],
    )?;
    Ok(stored == 1)
}
