//! The model: a map of jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use rolecall_core::ids::JobId;
use rolecall_core::job::{Attempt, Inserted, Job, JobState, Lane, Lease, NewJob};
use rolecall_core::outcome::{Effect, Outcome};
use rolecall_core::pause::Held;
use rolecall_core::ports::{DueJob, Ordered, Renewed, Rescued, Settlement};
use rolecall_core::time::Timestamp;

/// Stands for the moment at which the store did it, which only the store knows; see [`super::play`].
pub(super) const NOW: Timestamp = Timestamp(i64::MIN);

/// What came of a claim: the job itself is compared with what is read afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claimed {
    Yes,
    Busy,
    Gone,
}

/// All jobs, and the code of each one's last failure, by which jobs are found.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) failures: BTreeMap<JobId, Option<String>>,
}

fn waits(state: JobState) -> bool {
    [JobState::Scheduled, JobState::Available, JobState::Retryable].contains(&state)
}

impl Model {
    fn holder(&self, key: &str) -> Option<JobId> {
        let mut holders = self
            .jobs
            .values()
            .filter(|j| j.unique_key.as_deref() == Some(key));
        holders.next().map(|j| j.id)
    }

    fn waiting(&mut self, id: JobId) -> Option<&mut Job> {
        self.jobs.get_mut(&id).filter(|j| waits(j.state))
    }

    fn not(&self, id: JobId) -> Ordered {
        self.jobs
            .get(&id)
            .map_or(Ordered::Unknown, |j| Ordered::Not(j.state))
    }

    pub(super) fn insert(&mut self, new: &NewJob, now: Timestamp) -> Inserted {
        if self.jobs.contains_key(&new.id) {
            return Inserted::Repeated(new.id);
        }
        if let Some(twin) = new.unique_key.as_deref().and_then(|key| self.holder(key)) {
            return Inserted::Duplicate(twin);
        }
        let new = new.clone();
        let job = Job {
            id: new.id,
            kind: new.kind,
            version: new.version,
            payload: new.payload,
            lane: new.lane,
            state: if new.run_at <= now {
                JobState::Available
            } else {
                JobState::Scheduled
            },
            run_at: new.run_at,
            attempt: 0,
            max_attempts: new.max_attempts,
            crashes: 0,
            snoozes: 0,
            fence: 0,
            lease: None,
            unique_key: new.unique_key,
            concurrency: new.concurrency,
            run_id: new.run_id,
            parent_id: new.parent_id,
            subject: new.subject,
            cause: new.cause,
            trace: new.trace,
            attempts: Vec::new(),
            waits: Vec::new(),
            progress: None,
            outcome: None,
            fingerprint: None,
            cancel_by: None,
            inserted_at: NOW,
            sent_at: new.sent.then_some(NOW),
            finished_at: None,
            redriven_at: None,
        };
        self.failures.insert(new.id, None);
        self.jobs.insert(new.id, job);
        Inserted::Created(new.id)
    }

    pub(super) fn claim(&mut self, id: JobId, worker: &str, lease: Duration, now: Timestamp) -> Claimed {
        let Some(job) = self.waiting(id).filter(|j| j.run_at <= now).cloned() else {
            return Claimed::Gone;
        };
        let mut running = self.jobs.values().filter(|j| j.state == JobState::Running);
        if job.concurrency.is_some() && running.any(|j| j.concurrency == job.concurrency) {
            return Claimed::Busy;
        }
        let taken = Job {
            state: JobState::Running,
            attempt: job.attempt + 1,
            fence: job.fence + 1,
            lease: Some(Lease {
                owner: worker.to_owned(),
                since: Some(NOW),
                until: NOW + lease,
            }),
            sent_at: None,
            ..job
        };
        self.jobs.insert(id, taken);
        Claimed::Yes
    }

    pub(super) fn renew(&mut self, worker: &str, held: &[(JobId, i64)], by: Duration) -> Vec<Renewed> {
        let mut renewed = Vec::new();
        for (id, fence) in held {
            let Some(job) = self.jobs.get_mut(id).filter(|j| j.fence == *fence) else {
                continue;
            };
            // A job has a lease only while it runs.
            if let Some(lease) = job.lease.as_mut().filter(|l| l.owner == worker) {
                lease.until = NOW + by;
                renewed.push(Renewed {
                    id: *id,
                    cancel_asked: job.cancel_by.is_some(),
                });
            }
        }
        renewed
    }

    pub(super) fn settle(&mut self, id: JobId, fence: i64, left: Settlement) -> bool {
        let held = self.jobs.get_mut(&id).filter(|j| j.fence == fence);
        let Some(job) = held.filter(|j| j.state == JobState::Running) else {
            return false;
        };
        (job.lease, job.sent_at) = (None, None);
        if left.give_back {
            job.attempt -= 1;
        } else {
            self.failures
                .insert(id, left.attempt.as_ref().and_then(|a| a.error_code.clone()));
        }
        if !left.give_back || left.fingerprint.is_some() {
            job.fingerprint = left.fingerprint;
        }
        job.attempts.extend(left.attempt);
        match job.cancel_by.take() {
            Some(by) if waits(left.state) => {
                job.state = JobState::Cancelled;
                job.outcome = Some(cancelled(&by));
            }
            _ => {
                job.state = left.state;
                job.outcome = left.outcome;
                job.run_at = left.run_at.unwrap_or(job.run_at);
                job.snoozes += u32::from(left.give_back && left.state == JobState::Scheduled);
            }
        }
        if !waits(job.state) {
            end(job);
        }
        true
    }

    pub(super) fn defer(&mut self, id: JobId, until: Timestamp, now: Timestamp) -> Ordered {
        let Some(job) = self.waiting(id) else {
            return self.not(id);
        };
        (job.run_at, job.sent_at) = (until, None);
        if job.state == JobState::Available && until > now {
            job.state = JobState::Scheduled;
        }
        Ordered::Done
    }

    pub(super) fn mark_sent(&mut self, ids: &[JobId]) {
        for id in ids {
            if let Some(job) = self.waiting(*id) {
                job.sent_at = Some(NOW);
            }
        }
    }

    pub(super) fn mark_unsent(&mut self, ids: &[JobId]) {
        for id in ids {
            if let Some(job) = self.waiting(*id) {
                job.sent_at = None;
            }
        }
    }

    pub(super) fn due(
        &self,
        lane: Lane,
        resend: bool,
        paused: &[Held],
        limit: usize,
        now: Timestamp,
    ) -> Vec<DueJob> {
        let held = |job: &Job, held: &Held| {
            (held.lane.is_none() || held.lane == Some(job.lane))
                && (held.kind.is_none() || held.kind.as_ref() == Some(&job.kind))
                && (held.guild_id.is_none() || held.guild_id == job.subject.guild_id)
                && (held.fingerprint.is_none() || held.fingerprint == job.fingerprint)
        };
        let mut due: Vec<&Job> = self
            .jobs
            .values()
            .filter(|j| waits(j.state) && j.lane == lane && j.run_at <= now)
            .filter(|j| resend || j.sent_at.is_none())
            .filter(|j| !paused.iter().any(|pause| held(j, pause)))
            .collect();
        due.sort_by_key(|j| (j.run_at, j.id));
        let due = due.into_iter().take(limit).map(|j| DueJob {
            id: j.id,
            kind: j.kind.clone(),
            guild_id: j.subject.guild_id,
            sent_before: j.sent_at.is_some(),
        });
        due.collect()
    }

    pub(super) fn next_due(&self, lane: Lane, now: Timestamp) -> Option<Timestamp> {
        let waiting = self.jobs.values().filter(|j| waits(j.state) && j.lane == lane);
        waiting.map(|j| j.run_at).filter(|at| *at > now).min()
    }

    pub(super) fn rescue(&mut self, quarantine_after: u32, now: Timestamp) -> Vec<Rescued> {
        let mut rescued = Vec::new();
        for job in self.jobs.values_mut() {
            let Some(lease) = job.lease.take_if(|l| l.until < now) else {
                continue;
            };
            job.crashes += 1;
            job.sent_at = None;
            job.attempts.push(Attempt {
                worker: lease.owner,
                ..noted(job.attempt, "crashed", "worker_lost")
            });
            self.failures.insert(job.id, Some("worker_lost".to_owned()));
            if job.crashes >= quarantine_after {
                job.state = JobState::Discarded;
                job.fingerprint = Some(format!("{}|quarantined", job.kind));
                end(job);
            } else {
                job.state = JobState::Available;
            }
            rescued.push(Rescued {
                id: job.id,
                kind: job.kind.clone(),
                lane: job.lane,
                run_id: job.run_id,
                state: job.state,
                crashes: job.crashes,
            });
        }
        rescued
    }

    pub(super) fn cancel(&mut self, id: JobId, by: &str) -> Ordered {
        if let Some(job) = self.waiting(id) {
            job.state = JobState::Cancelled;
            job.outcome = Some(cancelled(by));
            job.sent_at = None;
            end(job);
            return Ordered::Done;
        }
        match self.jobs.get_mut(&id) {
            Some(job) if job.state == JobState::Running => {
                job.cancel_by = Some(by.to_owned());
                Ordered::Asked
            }
            _ => self.not(id),
        }
    }

    pub(super) fn redrive(&mut self, id: JobId, key: Option<&str>) -> Ordered {
        let over = [JobState::Cancelled, JobState::Discarded];
        let twin = key.and_then(|key| self.holder(key));
        let Some(job) = self.jobs.get_mut(&id).filter(|j| over.contains(&j.state)) else {
            return self.not(id);
        };
        if let Some(twin) = twin {
            return Ordered::Twin(twin);
        }
        job.state = JobState::Available;
        job.unique_key = key.map(ToOwned::to_owned);
        (job.attempt, job.crashes, job.snoozes) = (0, 0, 0);
        (job.outcome, job.finished_at) = (None, None);
        (job.run_at, job.redriven_at) = (NOW, Some(NOW));
        Ordered::Done
    }

    pub(super) fn discard(&mut self, id: JobId, actor: &str) -> Ordered {
        let Some(job) = self.waiting(id) else {
            return self.not(id);
        };
        job.state = JobState::Discarded;
        job.sent_at = None;
        let cause = format!("{}|discarded", job.kind);
        job.fingerprint.get_or_insert(cause);
        job.attempts.push(Attempt {
            worker: actor.to_owned(),
            ..noted(job.attempt, "discard", "discarded_by_operator")
        });
        end(job);
        self.failures.insert(id, Some("discarded_by_operator".to_owned()));
        Ordered::Done
    }
}

/// What all ends have in common.
fn end(job: &mut Job) {
    (job.unique_key, job.cancel_by) = (None, None);
    job.finished_at = Some(NOW);
}

fn cancelled(by: &str) -> Outcome {
    Outcome {
        reason: Some("cancelled".to_owned()),
        notes: vec![format!("cancelled by {by}")],
        ..Outcome::of(Effect::Skipped)
    }
}

/// An entry of the history that the store itself writes.
fn noted(number: u32, result: &str, code: &str) -> Attempt {
    Attempt {
        number,
        worker: String::new(),
        started_at: NOW,
        ended_at: NOW,
        result: result.to_owned(),
        error_class: None,
        error_code: Some(code.to_owned()),
        message: None,
        remedy: None,
        http_status: None,
        discord_code: None,
        route: None,
    }
}
