//! A job as a row.

use rolecall_core::cause::Cause;
use rolecall_core::job::{Job, JobState, Lane, Lease, Subject};
use rolecall_core::time::Timestamp;
use rusqlite::Row;
use serde_json::Value;

use crate::store::sqlite::errors::Fault;
use crate::store::sqlite::sql::{Result, id, id_or_none, json, json_or_none, name};

/// The columns that [`job`] reads, in its order.
macro_rules! job_columns {
    () => {
        "id, kind, version, payload, lane, state, run_at, attempt, max_attempts, crashes, snoozes, fence, \
         lease_owner, lease_until, unique_key, concurrency, run_id, parent_id, guild_id, user_id, discord_id, \
         role_id, actor, reason, trace, attempts, outcome, fingerprint, inserted_at, sent_at, finished_at, \
         cancel_by, redriven_at, waits, progress, claimed_at, webhook_id"
    };
}
pub(super) use job_columns;

/// What is no JSON, or no text, is still the payload of a job that can be claimed: as a text, which no kind can read, so that
/// the job ends as undecodable and says so.
fn payload(row: &Row<'_>, column: usize) -> Result<Value> {
    let bytes = row.get_ref(column)?.as_bytes().map_err(Fault::unreadable)?;
    let read = serde_json::from_slice(bytes);
    Ok(read.unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned())))
}

/// Reads a job from a row of [`job_columns`].
pub(super) fn job(row: &Row<'_>) -> Result<Job> {
    let owner: Option<String> = row.get(12)?;
    let until: Option<i64> = row.get(13)?;
    let time = |column: usize| -> Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
    };
    let since = time(35)?;
    Ok(Job {
        id: id(row, 0)?,
        kind: row.get(1)?,
        version: row.get(2)?,
        payload: payload(row, 3)?,
        lane: name(row, 4, Lane::from_name)?,
        state: name(row, 5, JobState::from_name)?,
        run_at: Timestamp(row.get(6)?),
        attempt: row.get(7)?,
        max_attempts: row.get(8)?,
        crashes: row.get(9)?,
        snoozes: row.get(10)?,
        fence: row.get(11)?,
        lease: owner.zip(until).map(|(owner, until)| Lease {
            owner,
            since,
            until: Timestamp(until),
        }),
        unique_key: row.get(14)?,
        concurrency: row.get(15)?,
        run_id: id_or_none(row, 16)?,
        parent_id: id_or_none(row, 17)?,
        subject: Subject {
            guild_id: id_or_none(row, 18)?,
            user_id: row.get::<_, Option<String>>(19)?.map(Into::into),
            discord_id: id_or_none(row, 20)?,
            role_id: id_or_none(row, 21)?,
            webhook_id: id_or_none(row, 36)?,
        },
        cause: Cause {
            actor: row.get(22)?,
            reason: row.get(23)?,
        },
        trace: row.get(24)?,
        attempts: json(row, 25)?,
        outcome: json_or_none(row, 26)?,
        fingerprint: row.get(27)?,
        inserted_at: Timestamp(row.get(28)?),
        sent_at: time(29)?,
        finished_at: time(30)?,
        cancel_by: row.get(31)?,
        redriven_at: time(32)?,
        waits: json_or_none(row, 33)?.unwrap_or_default(),
        progress: json_or_none(row, 34)?,
    })
}
