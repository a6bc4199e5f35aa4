//! Tends the canaries of pauses: lets a job through when its time has come, and ends the pause if that succeeds.
//!
//! Every relay does this. Of two that do it at once, one counts: what became of a canary is stored only if nobody else did
//! so since it was read.

use std::sync::atomic::{AtomicI64, Ordering};

use rolecall_core::Timestamp;
use rolecall_core::canary::{Canary, Sang, Step, step};
use rolecall_core::cause::Cause;
use rolecall_core::error::StoreError;
use rolecall_core::job::Job;
use rolecall_core::pause::{Face, Pause};
use rolecall_core::ports::Envelope;
use serde_json::json;

use super::pauses::waiting as waiting_of;
use super::steering::{By, Steering};

/// They are looked at this often.
const LOOK_EVERY_MS: i64 = 500;
/// Waiting jobs from which the next canary is chosen.
const LOOKED_AT: usize = 50;
/// Who ends a pause, in the records of who did what.
const ACTOR: &str = "canary";

/// See the module.
pub(super) struct Canaries {
    steering: Steering,
    looked_at: AtomicI64,
}

impl Canaries {
    pub(super) fn new(steering: Steering) -> Self {
        Self {
            steering,
            looked_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Looks at those of these pauses. What fails is tried again at the next look.
    pub(super) async fn tend(&self, on: &[Pause], now: Timestamp) {
        let before = self.looked_at.load(Ordering::Relaxed);
        if now.0.saturating_sub(before) < LOOK_EVERY_MS && now.0 >= before {
            return;
        }
        self.looked_at.store(now.0, Ordering::Relaxed);
        for pause in on {
            if let Some(canary) = &pause.canary
                && let Err(error) = self.look(pause, canary, on, now).await
            {
                tracing::warn!(%error, "Could not look after the canary of pause {}; trying again", pause.id);
            }
        }
    }

    async fn look(
        &self,
        pause: &Pause,
        canary: &Canary,
        on: &[Pause],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let services = &self.steering.services;
        let out = match canary.out {
            Some(out) => services.ledger.get(out.job).await?,
            None => None,
        };
        match step(canary, out.as_ref(), now) {
            Step::Nothing => Ok(()),
            Step::Choose => self.choose(pause, canary, on, now).await,
            Step::Send => {
                self.send(out.as_ref()).await;
                Ok(())
            }
            Step::Keep(next) => {
                let turned = services.pauses.turn(pause.id, canary.turn, &next).await?;
                if let Some(Sang { job, what, .. }) =
                    next.last.filter(|_| turned && next.failed > canary.failed)
                {
                    tracing::warn!(job.id = %job, "The canary of pause {} failed, so it stays: {what}", pause.id);
                }
                Ok(())
            }
            Step::Lift(last) => self.lift(pause, canary, &last).await,
        }
    }

    /// Ends the pause; of several processes one notes it.
    async fn lift(&self, pause: &Pause, canary: &Canary, last: &Canary) -> Result<(), StoreError> {
        // The turn is taken first: whoever did not get it leaves the rest to the one who did.
        if !self
            .steering
            .services
            .pauses
            .turn(pause.id, canary.turn, last)
            .await?
        {
            return Ok(());
        }
        let what = last
            .last
            .as_ref()
            .map(|sang| sang.what.clone())
            .unwrap_or_default();
        let by: By = Cause::new(ACTOR, what).into();
        self.steering.resume(pause.id, &by).await?;
        Ok(())
    }

    async fn choose(
        &self,
        pause: &Pause,
        canary: &Canary,
        on: &[Pause],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let services = &self.steering.services;
        let filter = waiting_of(&pause.held);
        let waiting = services.ledger.list(&filter, None, LOOKED_AT).await?;
        let free = waiting.iter().filter(|job| {
            let face = Face::from(*job);
            !on.iter()
                .any(|other| other.id != pause.id && other.holds(face, now))
        });
        let Some(job) = free.min_by_key(|job| (job.run_at, job.id)) else {
            return Ok(());
        };
        let letting = canary.letting(job, now);
        if !services.pauses.turn(pause.id, canary.turn, &letting).await? {
            return Ok(());
        }
        let after = json!({ "job_id": job.id });
        let by: By = Cause::new(ACTOR, format!("let through by pause {}", pause.id)).into();
        self.steering
            .note(
                "pause.canary_sent",
                format!("pause:{}", pause.id),
                None,
                Some(after),
                &by,
            )
            .await;
        if job.run_at > now {
            services.control.reschedule(job.id, now).await?;
        }
        self.send(Some(job)).await;
        Ok(())
    }

    /// What is not taken is sent again.
    async fn send(&self, job: Option<&Job>) {
        let Some(job) = job else { return };
        let envelope = Envelope {
            job_id: job.id,
            kind: job.kind.clone(),
        };
        if let Err(error) = self.steering.queue.send(job.lane, &[envelope]).await {
            tracing::debug!(%error, job.id = %job.id, "The delivery did not take a canary; the relay will try again");
        }
    }
}
