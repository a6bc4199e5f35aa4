//! A job as a document, and back.

use std::collections::BTreeSet;

use mongodb::bson::{self, Bson, Document, doc};
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::ids::RoleId;
use rolecall_core::job::{Attempt, Job, JobState, Lane, Lease, NewJob, Subject, WaitNote};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::progress::Progress;
use rolecall_core::time::Timestamp;

use crate::store::mongo::documents::{Fields, count, date, put, small};

/// The name under which errors speak of a job.
pub(super) const JOBS: &str = "rolecall_jobs";

/// A new job, stored at `now`.
///
/// `waiting_lane` is there only while the job waits, `lease` and `concurrency_key` only while it runs, `unique_key`
/// only while it is live: the indexes on them hold nothing else.
pub(super) fn written(job: &NewJob, now: Timestamp) -> Result<Document, StoreError> {
    let payload = bson::to_bson(&job.payload)
        .map_err(|e| StoreError::Corrupt(format!("the payload of job {} cannot be stored: {e}", job.id)))?;
    let run_at = job.due_from(now);
    let state = if run_at > now {
        JobState::Scheduled
    } else {
        JobState::Available
    };
    let mut doc = doc! {
        "_id": job.id.to_string(),
        "kind": &job.kind,
        "version": i32::from(job.version),
        "payload": payload,
        "lane": job.lane.as_str(),
        "waiting_lane": rank(job.lane),
        "state": state.as_str(),
        "run_at": date(run_at),
        "attempt": 0_i32,
        "max_attempts": small(job.max_attempts),
        "crashes": 0_i32,
        "snoozes": 0_i32,
        "fence": 0_i64,
        "cause": { "actor": &job.cause.actor, "reason": &job.cause.reason },
        "inserted_at": date(now),
    };
    put(&mut doc, "unique_key", job.unique_key.clone());
    put(&mut doc, "concurrency", job.concurrency.clone());
    put(&mut doc, "run_id", job.run_id.map(|id| id.to_string()));
    put(&mut doc, "parent_id", job.parent_id.map(|id| id.to_string()));
    put(
        &mut doc,
        "guild_id",
        job.subject.guild_id.map(|id| id.to_string()),
    );
    put(&mut doc, "user_id", job.subject.user_id.clone().map(|id| id.0));
    put(
        &mut doc,
        "discord_id",
        job.subject.discord_id.map(|id| id.to_string()),
    );
    put(&mut doc, "role_id", job.subject.role_id.map(|id| id.to_string()));
    put(
        &mut doc,
        "webhook_id",
        job.subject.webhook_id.map(|id| id.to_string()),
    );
    put(&mut doc, "trace", job.trace.clone());
    put(&mut doc, "sent_at", job.sent.then(|| date(now)));
    Ok(doc)
}

/// A lane as it is sorted.
pub(super) fn rank(lane: Lane) -> i32 {
    i32::from(lane.rank())
}

/// The job of a document.
pub(super) fn read(doc: &Document) -> Result<Job, StoreError> {
    let f = Fields::new(JOBS, doc);
    let payload = f.value("payload").cloned().unwrap_or(Bson::Null);
    Ok(Job {
        id: f.parsed("_id")?,
        kind: f.text("kind")?,
        version: f.number("version")?,
        payload: bson::from_bson(payload).map_err(|_| f.broken("payload", "JSON"))?,
        lane: lane(f)?,
        state: state(f)?,
        run_at: f.at("run_at")?,
        attempt: f.number("attempt")?,
        max_attempts: f.number("max_attempts")?,
        crashes: f.number("crashes")?,
        snoozes: f.number("snoozes")?,
        fence: f.number("fence")?,
        lease: lease(f)?,
        unique_key: f.opt_text("unique_key")?,
        concurrency: f.opt_text("concurrency")?,
        run_id: f.opt_parsed("run_id")?,
        parent_id: f.opt_parsed("parent_id")?,
        subject: Subject {
            guild_id: f.opt_parsed("guild_id")?,
            user_id: f.opt_text("user_id")?.map(Into::into),
            discord_id: f.opt_parsed("discord_id")?,
            role_id: f.opt_parsed("role_id")?,
            webhook_id: f.opt_parsed("webhook_id")?,
        },
        cause: cause(f)?,
        trace: f.opt_text("trace")?,
        attempts: f
            .documents("attempts")?
            .into_iter()
            .map(attempt)
            .collect::<Result<_, _>>()?,
        outcome: outcome(f)?,
        fingerprint: f.opt_text("fingerprint")?,
        inserted_at: f.at("inserted_at")?,
        sent_at: f.opt_at("sent_at")?,
        finished_at: f.opt_at("finished_at")?,
        cancel_by: f.opt_text("cancel_by")?,
        redriven_at: f.opt_at("redriven_at")?,
        waits: f
            .documents("waits")?
            .into_iter()
            .map(wait)
            .collect::<Result<_, _>>()?,
        progress: progress(f)?,
    })
}

pub(super) fn state(f: Fields<'_>) -> Result<JobState, StoreError> {
    JobState::from_name(&f.text("state")?).ok_or_else(|| f.broken("state", "a job's state"))
}

pub(in crate::store::mongo) fn lane(f: Fields<'_>) -> Result<Lane, StoreError> {
    Lane::from_name(&f.text("lane")?).ok_or_else(|| f.broken("lane", "a lane"))
}

fn cause(f: Fields<'_>) -> Result<Cause, StoreError> {
    let cause = f.opt_document("cause")?;
    let cause = cause.ok_or_else(|| f.broken("cause", "a document"))?;
    Ok(Cause::new(cause.text("actor")?, cause.text("reason")?))
}

fn lease(f: Fields<'_>) -> Result<Option<Lease>, StoreError> {
    let read = |lease: Fields<'_>| {
        Ok(Lease {
            owner: lease.text("owner")?,
            since: lease.opt_at("since")?,
            until: lease.at("until")?,
        })
    };
    f.opt_document("lease")?.map(read).transpose()
}

/// An attempt as a document.
pub(super) fn attempt_written(attempt: &Attempt) -> Document {
    let mut doc = doc! {
        "number": small(attempt.number),
        "worker": &attempt.worker,
        "started_at": date(attempt.started_at),
        "ended_at": date(attempt.ended_at),
        "result": &attempt.result,
    };
    put(&mut doc, "error_class", attempt.error_class.clone());
    put(&mut doc, "error_code", attempt.error_code.clone());
    put(&mut doc, "message", attempt.message.clone());
    put(&mut doc, "remedy", attempt.remedy.clone());
    put(&mut doc, "http_status", attempt.http_status.map(i32::from));
    put(&mut doc, "discord_code", attempt.discord_code.map(i64::from));
    put(&mut doc, "route", attempt.route.clone());
    doc
}

fn attempt(f: Fields<'_>) -> Result<Attempt, StoreError> {
    Ok(Attempt {
        number: f.number("number")?,
        worker: f.text("worker")?,
        started_at: f.at("started_at")?,
        ended_at: f.at("ended_at")?,
        result: f.text("result")?,
        error_class: f.opt_text("error_class")?,
        error_code: f.opt_text("error_code")?,
        message: f.opt_text("message")?,
        remedy: f.opt_text("remedy")?,
        http_status: f.opt_number("http_status")?,
        discord_code: f.opt_number("discord_code")?,
        route: f.opt_text("route")?,
    })
}

/// A time that a job was told to wait, as a document.
pub(super) fn wait_written(wait: &WaitNote) -> Document {
    let mut doc = doc! {
        "at": date(wait.at),
        "until": date(wait.until),
        "code": &wait.code,
        "message": &wait.message,
    };
    put(&mut doc, "route", wait.route.clone());
    doc
}

fn wait(f: Fields<'_>) -> Result<WaitNote, StoreError> {
    Ok(WaitNote {
        at: f.at("at")?,
        until: f.at("until")?,
        code: f.text("code")?,
        message: f.text("message")?,
        route: f.opt_text("route")?,
    })
}

fn progress(f: Fields<'_>) -> Result<Option<Progress>, StoreError> {
    let Some(stored) = f.value("progress") else {
        return Ok(None);
    };
    let read = bson::from_bson(stored.clone());
    read.map(Some)
        .map_err(|_| f.broken("progress", "how far a job is"))
}

/// The roles of a member before its job, of which there may be none.
const BEFORE: &str = "roles_before";

/// The fields of [`outcome_written`].
pub(super) const OUTCOME_FIELDS: [&str; 10] = [
    "effect",
    "reason",
    "granted",
    "revoked",
    "given",
    "taken",
    BEFORE,
    "counts",
    "newest_join",
    "notes",
];

/// An outcome as fields of its job: flat, because a tally groups by them. Counts are an array, because their names
/// have dots.
pub(super) fn outcome_written(outcome: &Outcome) -> Document {
    let counts: Vec<Document> = outcome
        .counts
        .iter()
        .map(|(name, n)| doc! { "name": name, "n": count(*n) })
        .collect();
    let mut doc = doc! {
        "effect": outcome.effect.as_str(),
        "granted": i64::from(outcome.granted),
        "revoked": i64::from(outcome.revoked),
        "counts": counts,
        "notes": outcome.notes.clone(),
    };
    put(&mut doc, "reason", outcome.reason.clone());
    put(&mut doc, "newest_join", outcome.newest_join.map(date));
    let ids = |roles: &BTreeSet<RoleId>| roles.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (field, roles) in [("given", &outcome.given), ("taken", &outcome.taken)] {
        if !roles.is_empty() {
            doc.insert(field, ids(roles));
        }
    }
    put(&mut doc, BEFORE, outcome.before.as_ref().map(ids));
    doc
}

/// What an outcome says it did.
pub(super) fn effect(f: Fields<'_>) -> Result<Option<(Effect, Option<String>)>, StoreError> {
    let Some(name) = f.opt_text("effect")? else {
        return Ok(None);
    };
    let effect = Effect::from_name(&name).ok_or_else(|| f.broken("effect", "an effect"))?;
    Ok(Some((effect, f.opt_text("reason")?)))
}

/// Roles that an outcome names; none in what was written before it named any.
fn roles(f: Fields<'_>, field: &str) -> Result<BTreeSet<RoleId>, StoreError> {
    let ids = f.ids(field)?.into_iter();
    ids.map(|id| id.parse().map_err(|_| f.broken(field, "an array of roles")))
        .collect()
}

fn outcome(f: Fields<'_>) -> Result<Option<Outcome>, StoreError> {
    let Some((effect, reason)) = effect(f)? else {
        return Ok(None);
    };
    let counted = |f: Fields<'_>| Ok((f.text("name")?, f.number("n")?));
    Ok(Some(Outcome {
        effect,
        reason,
        granted: f.number("granted")?,
        revoked: f.number("revoked")?,
        given: roles(f, "given")?,
        taken: roles(f, "taken")?,
        before: f.value(BEFORE).map(|_| roles(f, BEFORE)).transpose()?,
        counts: f
            .documents("counts")?
            .into_iter()
            .map(counted)
            .collect::<Result<_, StoreError>>()?,
        newest_join: f.opt_at("newest_join")?,
        notes: f.texts("notes")?,
    }))
}
