//! Leaving jobs.

use rolecall_core::ids::JobId;
use rolecall_core::job::{ATTEMPTS_KEPT, Attempt, JobState, WAITS_KEPT, WaitNote};
use rolecall_core::ports::Settlement;
use rolecall_core::progress::Progress;
use rolecall_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::store::sqlite::errors::Fault;
use crate::store::sqlite::sql::{Result, change, json, json_or_none, one, to_json};

/// `false`: the job is not running under this fence.
pub(super) fn settle(
    db: &Connection,
    id: JobId,
    fence: i64,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<bool> {
    if settlement.state == JobState::Running {
        return Err(Fault::unreadable("a job cannot be left as running"));
    }
    let held = one(
        db,
        "SELECT attempts, waits, cancel_by FROM rolecall_jobs WHERE id = ?1 AND fence = ?2 AND state = 'running'",
        params![id.to_string(), fence],
        |row| {
            let history: Vec<Attempt> = json(row, 0)?;
            let waits: Option<Vec<WaitNote>> = json_or_none(row, 1)?;
            let cancel_by: Option<String> = row.get(2)?;
            Ok((history, waits, cancel_by))
        },
    )?;
    let Some((history, waits, cancel_by)) = held else {
        return Ok(false);
    };
    let settlement = &settlement.clone().unless_cancelled(cancel_by.as_deref());
    let outcome = settlement.outcome.as_ref();
    let error = settlement.attempt.as_ref();
    let finished_at = settlement.state.is_final().then_some(now.0);
    let snoozed = settlement.give_back && settlement.state == JobState::Scheduled;
    let waits = match &settlement.wait {
        None => waits,
        Some(wait) => Some(newest(waits.unwrap_or_default(), Some(wait.clone()), WAITS_KEPT)),
    };
    let settled = change(
        db,
        "UPDATE rolecall_jobs SET state = ?2, run_at = coalesce(?3, run_at), waits = ?18, \
             attempt = max(attempt - ?4, 0), snoozes = snoozes + ?5, attempts = ?6, \
             outcome = ?7, effect = ?8, effect_reason = ?9, granted = ?10, revoked = ?11, \
             fingerprint = CASE WHEN ?4 THEN coalesce(?12, fingerprint) ELSE ?12 END, \
             finished_at = ?13, unique_key = CASE WHEN ?13 IS NULL THEN unique_key END, cancel_by = NULL, \
             error_code = CASE WHEN ?4 THEN error_code ELSE ?15 END, \
             discord_code = CASE WHEN ?4 THEN discord_code ELSE ?16 END, \
             error_message = CASE WHEN ?4 THEN error_message ELSE ?17 END, \
             lease_owner = NULL, lease_until = NULL, claimed_at = NULL, running_key = NULL, sent_at = NULL \
         WHERE id = ?1 AND fence = ?14 AND state = 'running'",
        params![
            id.to_string(),
            settlement.state.as_str(),
            settlement.run_at.map(|at| at.0),
            settlement.give_back,
            snoozed,
            to_json(&with(history, settlement.attempt.clone()))?,
            outcome.map(to_json).transpose()?,
            outcome.map(|o| o.effect.as_str()),
            outcome.and_then(|o| o.reason.as_deref()),
            outcome.map_or(0, |o| o.granted),
            outcome.map_or(0, |o| o.revoked),
            settlement.fingerprint,
            finished_at,
            fence,
            error.and_then(|a| a.error_code.as_deref()),
            error.and_then(|a| a.discord_code),
            error.and_then(|a| a.message.as_deref()),
            waits.map(|waits| to_json(&waits)).transpose()?,
        ],
    )?;
    Ok(settled == 1)
}

/// The history with one more, of which the newest are kept.
pub(super) fn with(history: Vec<Attempt>, attempt: Option<Attempt>) -> Vec<Attempt> {
    newest(history, attempt, ATTEMPTS_KEPT)
}

fn newest<T>(mut all: Vec<T>, one: Option<T>, kept: usize) -> Vec<T> {
    all.extend(one);
    let too_many = all.len().saturating_sub(kept);
    all.drain(..too_many);
    all
}

/// `false`: the job is not running under this fence.
pub(super) fn report(db: &Connection, id: JobId, fence: i64, progress: &Progress) -> Result<bool> {
    let reported = change(
        db,
        "UPDATE rolecall_jobs SET progress = ?3 WHERE id = ?1 AND fence = ?2 AND state = 'running'",
        params![id.to_string(), fence, to_json(progress)?],
    )?;
    Ok(reported == 1)
}
