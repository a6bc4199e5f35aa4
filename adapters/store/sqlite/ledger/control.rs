//! Orders of operators about single jobs.

use async_trait::async_trait;
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::ids::JobId;
use rolecall_core::job::{Attempt, JobState, Lane};
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{JobControl, Ordered, Redrive};
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::settle::with;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::errors::Fault;
use crate::store::sqlite::sql::{Result, change, id as read_id, json, name, one, to_json};

#[async_trait]
impl JobControl for SqliteStore {
    async fn cancel(&self, id: JobId, by: &Cause) -> std::result::Result<Ordered, StoreError> {
        let by = by.clone();
        self.write(move |db, now| cancel(db, id, &by, now)).await
    }

    async fn redrive(&self, id: JobId, how: &Redrive) -> std::result::Result<Ordered, StoreError> {
        let how = how.clone();
        self.write(move |db, now| redrive(db, id, &how, now)).await
    }

    async fn discard(&self, id: JobId, by: &Cause) -> std::result::Result<Ordered, StoreError> {
        let by = by.clone();
        self.write(move |db, now| discard(db, id, &by, now)).await
    }

    async fn reschedule(&self, id: JobId, at: Timestamp) -> std::result::Result<Ordered, StoreError> {
        self.write(move |db, now| reschedule(db, id, at, now)).await
    }
}

/// Why an order changed nothing.
fn state_of(db: &Connection, id: JobId) -> Result<Ordered> {
    let state = one(
        db,
        "SELECT state FROM rolecall_jobs WHERE id = ?1",
        [id.to_string()],
        |row| name(row, 0, JobState::from_name),
    )?;
    Ok(state.map_or(Ordered::Unknown, Ordered::Not))
}

fn cancel(db: &Connection, id: JobId, by: &Cause, now: Timestamp) -> Result<Ordered> {
    let outcome = Outcome::cancelled(&by.to_string());
    let ended = change(
        db,
        "UPDATE rolecall_jobs SET state = 'cancelled', finished_at = ?2, unique_key = NULL, cancel_by = NULL, \
             sent_at = NULL, \
             outcome = ?3, effect = ?4, effect_reason = ?5, granted = 0, revoked = 0 \
         WHERE id = ?1 AND state IN ('scheduled', 'available', 'retryable')",
        params![
            id.to_string(),
            now.0,
            to_json(&outcome)?,
            outcome.effect.as_str(),
            outcome.reason,
        ],
    )?;
    if ended == 1 {
        return Ok(Ordered::Done);
    }
    let asked = change(
        db,
        "UPDATE rolecall_jobs SET cancel_by = ?2 WHERE id = ?1 AND state = 'running'",
        params![id.to_string(), by.to_string()],
    )?;
    if asked == 1 {
        return Ok(Ordered::Asked);
    }
    state_of(db, id)
}

fn redrive(db: &Connection, id: JobId, how: &Redrive, now: Timestamp) -> Result<Ordered> {
    let unique_key = how.unique_key.as_deref();
    let at = how.at.filter(|at| *at > now);
    let state = at.map_or(JobState::Available, |_| JobState::Scheduled);
    let redriven = change(
        db,
        "UPDATE rolecall_jobs SET state = ?4, run_at = ?5, redriven_at = ?2, unique_key = ?3, \
             lane = coalesce(?6, lane), waits = NULL, progress = NULL, \
             attempt = 0, crashes = 0, snoozes = 0, finished_at = NULL, outcome = NULL, effect = NULL, \
             effect_reason = NULL, granted = 0, revoked = 0, cancel_by = NULL \
         WHERE id = ?1 AND state IN ('cancelled', 'discarded')",
        params![
            id.to_string(),
            now.0,
            unique_key,
            state.as_str(),
            at.unwrap_or(now).0,
            how.lane.map(Lane::as_str),
        ],
    );
    match redriven {
        Ok(1) => Ok(Ordered::Done),
        Ok(_) => state_of(db, id),
        Err(fault) if fault.is_duplicate() => {
            let twin = one(
                db,
                "SELECT id FROM rolecall_jobs WHERE unique_key = ?1",
                [unique_key],
                |row| read_id(row, 0),
            )?;
            twin.map(Ordered::Twin)
                .ok_or_else(|| Fault::unreadable(format_args!("the job {id} was refused by no row")))
        }
        Err(fault) => Err(fault),
    }
}

fn discard(db: &Connection, id: JobId, by: &Cause, now: Timestamp) -> Result<Ordered> {
    let waiting: Option<(String, u32, Vec<Attempt>)> = one(
        db,
        "SELECT kind, attempt, attempts FROM rolecall_jobs \
         WHERE id = ?1 AND state IN ('scheduled', 'available', 'retryable')",
        [id.to_string()],
        |row| Ok((row.get(0)?, row.get(1)?, json(row, 2)?)),
    )?;
    let Some((kind, number, history)) = waiting else {
        return state_of(db, id);
    };
    let attempt = Attempt::discarded(number, by, now);
    change(
        db,
        "UPDATE rolecall_jobs SET state = 'discarded', finished_at = ?2, unique_key = NULL, cancel_by = NULL, \
             sent_at = NULL, \
             attempts = ?3, fingerprint = coalesce(fingerprint, ?4), error_code = ?5, error_message = ?6 \
         WHERE id = ?1",
        params![
            id.to_string(),
            now.0,
            to_json(&with(history, Some(attempt.clone())))?,
            format!("{kind}|discarded"),
            attempt.error_code,
            attempt.message,
        ],
    )?;
    Ok(Ordered::Done)
}

fn reschedule(db: &Connection, id: JobId, at: Timestamp, now: Timestamp) -> Result<Ordered> {
    match super::due::defer(db, id, at, now)? {
        true => Ok(Ordered::Done),
        false => state_of(db, id),
    }
}
