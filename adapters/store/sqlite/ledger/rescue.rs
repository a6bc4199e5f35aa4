//! Jobs whose worker died.

use rolecall_core::ids::{JobId, RunId};
use rolecall_core::job::{Attempt, JobState, Lane};
use rolecall_core::ports::Rescued;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::settle::with;
use crate::store::sqlite::sql::{
    Result, all, change, id, id_or_none, json, limit as at_most, name, one, to_json,
};

/// A running job, as far as a rescue cares.
struct Lost {
    id: JobId,
    kind: String,
    lane: Lane,
    run_id: Option<RunId>,
    crashes: u32,
    attempts: Vec<Attempt>,
    crash: Attempt,
}

/// Whether any lease has ended.
pub(super) fn is_needed(db: &Connection, now: Timestamp) -> Result<bool> {
    let found = one(
        db,
        "SELECT 1 FROM rolecall_jobs INDEXED BY rolecall_jobs_lease \
         WHERE state = 'running' AND lease_until < ?1 LIMIT 1",
        [now.0],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Takes back the jobs whose lease has ended, those that ended first first.
pub(super) fn rescue(
    db: &Connection,
    quarantine_after: u32,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Rescued>> {
    let lost = all(
        db,
        "SELECT id, kind, run_id, crashes, attempts, attempt, lease_owner, claimed_at, lane \
         FROM rolecall_jobs INDEXED BY rolecall_jobs_lease \
         WHERE state = 'running' AND lease_until < ?1 ORDER BY lease_until LIMIT ?2",
        [now.0, at_most(limit)],
        |row| {
            Ok(Lost {
                id: id(row, 0)?,
                kind: row.get(1)?,
                lane: name(row, 8, Lane::from_name)?,
                run_id: id_or_none(row, 2)?,
                crashes: row.get::<_, u32>(3)?.saturating_add(1),
                attempts: json(row, 4)?,
                crash: Attempt {
                    number: row.get(5)?,
                    worker: row.get(6)?,
                    started_at: Timestamp(row.get(7)?),
                    ended_at: now,
                    result: "crashed".to_owned(),
                    error_class: None,
                    error_code: Some("worker_lost".to_owned()),
                    message: None,
                    remedy: None,
                    http_status: None,
                    discord_code: None,
                    route: None,
                },
            })
        },
    )?;
    lost.into_iter()
        .map(|job| take_back(db, job, quarantine_after, now))
        .collect()
}

fn take_back(db: &Connection, job: Lost, quarantine_after: u32, now: Timestamp) -> Result<Rescued> {
    let quarantined = job.crashes >= quarantine_after;
    let mut crash = job.crash;
    let mut message = format!(
        "The worker {} was not heard of again while it ran this job.",
        crash.worker
    );
    if quarantined {
        message += &format!(
            " That was the {}. time, so the job is set aside: it may be what ends its workers.",
            job.crashes
        );
        crash.remedy = Some("Look into the log of that worker, then run the job again.".to_owned());
    }
    crash.message = Some(message);
    let state = if quarantined {
        JobState::Discarded
    } else {
        JobState::Available
    };
    change(
        db,
        "UPDATE rolecall_jobs SET state = ?2, crashes = ?3, attempts = ?4, \
             fingerprint = coalesce(?5, fingerprint), finished_at = ?6, \
             unique_key = CASE WHEN ?6 IS NULL THEN unique_key END, \
             cancel_by = CASE WHEN ?6 IS NULL THEN cancel_by END, \
             error_code = ?7, discord_code = NULL, error_message = ?8, \
             lease_owner = NULL, lease_until = NULL, claimed_at = NULL, running_key = NULL, sent_at = NULL \
         WHERE id = ?1",
        params![
            job.id.to_string(),
            state.as_str(),
            job.crashes,
            to_json(&with(job.attempts, Some(crash.clone())))?,
            quarantined.then(|| format!("{}|quarantined", job.kind)),
            quarantined.then_some(now.0),
            crash.error_code,
            crash.message,
        ],
    )?;
    Ok(Rescued {
        id: job.id,
        kind: job.kind,
        lane: job.lane,
        run_id: job.run_id,
        state,
        crashes: job.crashes,
    })
}
