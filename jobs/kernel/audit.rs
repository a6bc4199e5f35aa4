//! Records acts in the audit trail. One call around the act is all that a new one needs: [`audited`].
//!
//! The record is stored *before* the act, so that a process that dies between the two leaves a record too many, and
//! never an act without one. An act that is refused or fails after its record is followed by a record that says so
//! ([`action::NOT_DONE`]). If the record cannot be stored, nothing is done. How the trail is checked is told in `docs/audit.md`.

use std::future::Future;

use rolecall_core::audit::{Act, AuditFilter, Draft, Via, action};
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::{DiscordId, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::services::Services;
use super::steering::By;

/// Records the act, then does it.
///
/// # Errors
/// Those of the act; and if the record cannot be stored, then nothing was done.
pub async fn audited<T, E: From<StoreError>>(
    services: &Services,
    by: &By,
    act: Act,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let recorded = record(services, by, act).await?;
    let done = work.await;
    if done.is_err() {
        recorded.not_done(services).await;
    }
    done
}

/// Records an act that follows at once. For acts that may find nothing to do; else use [`audited`].
///
/// # Errors
/// If the record cannot be stored: then the act must not be done.
pub async fn record(services: &Services, by: &By, act: Act) -> Result<Recorded, StoreError> {
    let via = Via::of_actor(&by.cause.actor);
    append(services, by, via, act).await
}

/// Records an act of a schedule or a job, also of one that somebody ordered.
///
/// # Errors
/// As [`record`].
pub async fn record_of_system(services: &Services, cause: &Cause, act: Act) -> Result<Recorded, StoreError> {
    append(services, &By::from(cause.clone()), Via::System, act).await
}

async fn append(services: &Services, by: &By, via: Via, act: Act) -> Result<Recorded, StoreError> {
    let draft = Draft {
        id: Uuid::now_v7(),
        at: services.clock.now(),
        cause: by.cause.clone(),
        via,
        act,
        request_id: by.request_id.clone(),
        salt: Uuid::new_v4().simple().to_string(),
    };
    let record = services.audit.append(&draft).await?;
    // With its hash: whoever keeps the log elsewhere can tell a trail that was rewritten as a whole.
    tracing::info!(
        audit.seq = record.seq,
        audit.hash = record.hash,
        audit.action = record.action,
        audit.subject = record.subject,
        "discord_audit: {} {} {}",
        record.actor,
        record.action,
        record.subject
    );
    Ok(Recorded {
        seq: record.seq,
        subject: record.subject,
        by: by.clone(),
        via,
    })
}

/// An act with its record.
#[derive(Debug, Clone)]
#[must_use = "say if the act was not done"]
pub struct Recorded {
    /// The place of its record.
    pub seq: u64,
    subject: String,
    by: By,
    via: Via,
}

impl Recorded {
    /// The act was done.
    pub fn done(self) {}

    /// The act found nothing to do, was refused, or failed with an error (then it may have been done all the same): a
    /// second record says so. If that cannot be stored, the log does.
    pub async fn not_done(self, services: &Services) {
        let act = Act::new(action::NOT_DONE, self.subject).after(&json!({ "record": self.seq }));
        if let Err(error) = append(services, &self.by, self.via, act).await {
            tracing::error!(
                %error, audit.seq = self.seq,
                "discord_audit: it could not be recorded that the act of record {} was not confirmed", self.seq
            );
        }
    }
}

/// What the trail calls an account.
pub fn account(account: DiscordId) -> String {
    format!("account:{account}")
}

/// Erases what is known of a person under this subject, and records that it was.
///
/// # Errors
/// If the store fails; again does what is left.
pub async fn erase(services: &Services, subject: &str, cause: &Cause) -> Result<(), StoreError> {
    let filter = AuditFilter::about(subject);
    let mut before = None;
    loop {
        let page = services.audit.list(&filter, before, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        before = Some(last.seq);
        let tells = |r: &rolecall_core::audit::AuditRecord| {
            r.before.is_some() || r.after.is_some() || r.reason.is_some()
        };
        if page.iter().any(tells) {
            break;
        }
    }
    // Without a reason: it would be erased by the next one.
    let nameless = Cause::new(cause.actor.clone(), "");
    record_of_system(services, &nameless, Act::new(action::ERASED, subject))
        .await?
        .done();
    services.audit.erase(subject).await.map(drop)
}

/// Records that are read or deleted at once.
const PAGE: usize = 500;
/// Deletions in one go; what is left goes at the next.
const BATCHES: usize = 400;

/// Deletes records that are older than this, and records that they were; how many.
///
/// # Errors
/// If the store fails; again does what is left.
pub async fn prune(services: &Services, before: Timestamp) -> Result<u64, StoreError> {
    let last = match services.audit.prunable(before).await? {
        Some(last) => {
            let cause = Cause::new(PRUNER, "");
            let act = Act::new(action::PRUNED, "audit").after(&json!({ "seq": last.seq, "hash": last.hash }));
            record_of_system(services, &cause, act).await?.done();
            last
        }
        // What an earlier one left behind.
        None => services.audit.ends().await?.pruned,
    };
    let mut all = 0;
    for _ in 0..BATCHES {
        let n = services.audit.prune(&last, PAGE).await?;
        all += n;
        if n < PAGE as u64 {
            break;
        }
    }
    Ok(all)
}

/// Who prunes.
pub const PRUNER: &str = "schedule:retention";
