//! Plays commands on a store and on the model, and compares: each answer, and after each command all jobs.

use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::ids::JobId;
use rolecall_core::job::{Attempt, Job, JobState, Lane, NewJob, Subject};
use rolecall_core::outcome::Outcome;
use rolecall_core::pause::Held;
use rolecall_core::ports::{Claim, JobFilter, Settlement};
use rolecall_core::time::Timestamp;
use uuid::Uuid;

use super::adopt::Adopt;
use super::commands::{Command, Ending, Holding, SLOTS, Seed, WORKERS, When};
use super::ledger::{Claimed, Model};
use crate::fixture::{Fixture, Stores};
use crate::given::{LONG, PAST, again, attempt, guild, job, settled};

const HOUR: Duration = Duration::from_secs(3_600);
/// A lease that is over when the next rescue looks.
const BRIEF: Duration = Duration::from_millis(1);
/// Longer than [`BRIEF`].
const PAUSE: Duration = Duration::from_millis(5);
/// The process and a store may tell the time differently by this much.
const SKEW: Duration = Duration::from_secs(5);
/// More than there are jobs.
const ALL: usize = 1_000;

/// Plays a case on an empty store.
///
/// # Errors
/// What differed, and after which command.
pub(crate) async fn play<F: Fixture>(fixture: &F, commands: &[Command]) -> Result<(), String> {
    let mut game = Game {
        fixture,
        stores: fixture.stores().clone(),
        model: Model::default(),
        ids: Ids::default(),
    };
    for (number, command) in commands.iter().enumerate() {
        let step = game.step(command).await;
        step.map_err(|why| format!("command {} ({command:?}): {why}", number + 1))?;
    }
    game.found_by_failure().await?;
    game.stores = fixture.again().await;
    let now = game.now().await?;
    let end = game.compare_jobs(now, None).await;
    end.map_err(|why| format!("after opening the store again: {why}"))
}

/// Which job a slot stands for now: another one, now and then, once the first is completed.
#[derive(Debug, Clone, Copy, Default)]
struct Ids([u128; SLOTS]);

impl Ids {
    fn of(self, slot: usize) -> JobId {
        let number = self.0[slot] * SLOTS as u128 + slot as u128;
        JobId(Uuid::from_u128(
            0x0193_0000_0000_7000_8000_0000_0000_0000 + number,
        ))
    }
}

impl When {
    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Past(order) => PAST + Duration::from_secs(order.into()),
            Self::InHours(hours) => now + HOUR * hours.into(),
        }
    }
}

impl Seed {
    fn job(&self, id: JobId, now: Timestamp) -> NewJob {
        NewJob {
            id,
            kind: self.kind.to_owned(),
            lane: Lane::ALL[self.lane],
            run_at: self.when.at(now),
            unique_key: self.unique.map(ToOwned::to_owned),
            concurrency: self.concurrency.map(ToOwned::to_owned),
            sent: self.sent,
            subject: Subject {
                guild_id: self.guild.map(guild),
                ..Subject::default()
            },
            ..job()
        }
    }
}

impl Holding {
    fn held(&self) -> Held {
        Held {
            lane: self.lane.map(|lane| Lane::ALL[lane]),
            kind: self.kind.map(ToOwned::to_owned),
            guild_id: self.guild.map(guild),
            fingerprint: self.fingerprint.map(ToOwned::to_owned),
        }
    }
}

impl Ending {
    fn settlement(self, now: Timestamp, number: u32) -> Settlement {
        let failed = |result: &str| {
            Some(Attempt {
                error_code: Some("boom".to_owned()),
                message: Some("It went wrong".to_owned()),
                ..attempt(number, result)
            })
        };
        match self {
            Self::Completed => Settlement {
                outcome: Some(Outcome::applied(1, 2)),
                attempt: Some(attempt(number, "applied")),
                ..settled(JobState::Completed)
            },
            Self::Retry(when, told) => Settlement {
                run_at: Some(when.at(now)),
                attempt: failed("retry").filter(|_| told),
                fingerprint: told.then(|| "role.add|x".to_owned()),
                ..settled(JobState::Retryable)
            },
            Self::Snooze(hours) => Settlement {
                run_at: Some(When::InHours(hours).at(now)),
                give_back: true,
                ..settled(JobState::Scheduled)
            },
            Self::HandedBack(at_once) => Settlement {
                run_at: at_once.then_some(PAST),
                give_back: true,
                attempt: at_once.then(|| attempt(number, "released")),
                ..settled(JobState::Available)
            },
            Self::Cancelled => settled(JobState::Cancelled),
            Self::Discarded => Settlement {
                attempt: failed("discard"),
                fingerprint: Some("role.add|x".to_owned()),
                ..settled(JobState::Discarded)
            },
        }
    }
}

/// Says what differs.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, store: &T, model: &T) -> Result<(), String> {
    if store == model {
        return Ok(());
    }
    Err(format!("{what} differs\n  store: {store:?}\n  model: {model:?}"))
}

fn said<T>(answer: Result<T, rolecall_core::error::StoreError>) -> Result<T, String> {
    answer.map_err(|error| format!("the store failed: {error}"))
}

struct Game<'f, F> {
    fixture: &'f F,
    stores: Stores,
    model: Model,
    ids: Ids,
}

impl<F: Fixture> Game<'_, F> {
    async fn now(&self) -> Result<Timestamp, String> {
        said(self.stores.ledger.now().await)
    }

    async fn step(&mut self, command: &Command) -> Result<(), String> {
        match command {
            Command::Rescue { .. } => self.fixture.pass(PAUSE).await,
            Command::Hour => drop(self.fixture.advance(HOUR)),
            _ => {}
        }
        let now = self.now().await?;
        let claimed = match command {
            Command::Claim { slot, worker, brief } => self.claim(*slot, *worker, *brief, now).await?,
            Command::Cancel(_) | Command::Redrive(..) | Command::Discard(_) | Command::Reschedule(..) => {
                self.order(command, now).await?;
                None
            }
            _ => {
                self.work(command, now).await?;
                None
            }
        };
        self.compare_jobs(now, claimed).await
    }

    async fn claim(
        &mut self,
        slot: usize,
        worker: usize,
        brief: bool,
        now: Timestamp,
    ) -> Result<Option<Job>, String> {
        let lease = if brief { BRIEF } else { LONG };
        let id = self.ids.of(slot);
        let answer = said(self.stores.ledger.claim(id, WORKERS[worker], lease).await)?;
        let (claimed, job) = match answer {
            Claim::Claimed(job) => (Claimed::Yes, Some(*job)),
            Claim::Busy => (Claimed::Busy, None),
            Claim::Gone | Claim::Suspect(_) => (Claimed::Gone, None),
        };
        let expected = self.model.claim(id, WORKERS[worker], lease, now);
        same("the answer", &claimed, &expected).map(|()| job)
    }

    async fn order(&mut self, command: &Command, now: Timestamp) -> Result<(), String> {
        let ids = self.ids;
        let (control, model) = (&self.stores.control, &mut self.model);
        let by = Cause::new("user:ada", "because");
        let (answer, expected) = match command {
            Command::Cancel(slot) => {
                let answer = control.cancel(ids.of(*slot), &by).await;
                (answer, model.cancel(ids.of(*slot), "user:ada (because)"))
            }
            Command::Redrive(slot, key) => (
                control.redrive(ids.of(*slot), &again(*key)).await,
                model.redrive(ids.of(*slot), *key),
            ),
            Command::Discard(slot) => {
                let answer = control.discard(ids.of(*slot), &by).await;
                (answer, model.discard(ids.of(*slot), "user:ada"))
            }
            Command::Reschedule(slot, when) => {
                let answer = control.reschedule(ids.of(*slot), when.at(now)).await;
                (answer, model.defer(ids.of(*slot), when.at(now), now))
            }
            other => return Err(format!("{other:?} is no order")),
        };
        same("the answer", &said(answer)?, &expected)
    }

    async fn work(&mut self, command: &Command, now: Timestamp) -> Result<(), String> {
        if let Command::Insert(seeds) = command {
            self.renew_slots(seeds);
        }
        let ids = self.ids;
        let (ledger, model) = (&self.stores.ledger, &mut self.model);
        match command {
            Command::Insert(seeds) => {
                let new: Vec<NewJob> = seeds.iter().map(|s| s.job(ids.of(s.slot), now)).collect();
                let expected = new.iter().map(|n| model.insert(n, now)).collect();
                same("the answer", &said(ledger.insert(new).await)?, &expected)
            }
            Command::Renew { worker, held } => {
                let mut held = self.fences(held);
                held.sort_unstable();
                held.dedup_by_key(|(id, _)| *id);
                let answer = self.stores.ledger.renew(WORKERS[*worker], &held, LONG).await;
                let mut answer = said(answer)?;
                answer.sort_by_key(|r| r.id);
                let expected = self.model.renew(WORKERS[*worker], &held, LONG);
                same("the answer", &answer, &expected)
            }
            Command::Settle { slot, old, ending } => {
                let job = model.jobs.get(&ids.of(*slot));
                let fence = job.map_or(0, |j| j.fence) - i64::from(*old);
                let left = ending.settlement(now, job.map_or(0, |j| j.attempt));
                let answer = said(ledger.settle(ids.of(*slot), fence, left.clone()).await)?;
                same("the answer", &answer, &model.settle(ids.of(*slot), fence, left))
            }
            Command::Defer(slot, when) => {
                model.defer(ids.of(*slot), when.at(now), now);
                said(ledger.defer(ids.of(*slot), when.at(now)).await)
            }
            Command::MarkSent(slots) => {
                let ids: Vec<JobId> = slots.iter().map(|s| ids.of(*s)).collect();
                model.mark_sent(&ids);
                said(ledger.mark_sent(&ids).await)
            }
            Command::MarkUnsent(slots) => {
                let ids: Vec<JobId> = slots.iter().map(|s| ids.of(*s)).collect();
                model.mark_unsent(&ids);
                said(ledger.mark_unsent(&ids).await)
            }
            Command::Due {
                lane,
                paused,
                limit,
                resend,
            } => {
                let sent_before = if *resend { now + HOUR } else { PAST };
                let (lane, held): (_, Vec<Held>) =
                    (Lane::ALL[*lane], paused.iter().map(Holding::held).collect());
                let answer = said(ledger.due(lane, sent_before, &held, *limit).await)?;
                let expected = model.due(lane, *resend, &held, *limit, now);
                same("the answer", &answer, &expected)
            }
            Command::NextDue(lane) => {
                let lane = Lane::ALL[*lane];
                let answer = said(ledger.next_due(lane).await)?;
                same("the answer", &answer, &model.next_due(lane, now))
            }
            Command::Rescue { quarantine_after } => {
                let mut answer = said(ledger.rescue(*quarantine_after, ALL).await)?;
                answer.sort_by_key(|r| r.id);
                same("the answer", &answer, &model.rescue(*quarantine_after, now))
            }
            _ => Ok(()),
        }
    }

    fn renew_slots(&mut self, seeds: &[Seed]) {
        for seed in seeds.iter().filter(|s| s.fresh) {
            let job = self.model.jobs.get(&self.ids.of(seed.slot));
            if job.is_some_and(|j| j.state == JobState::Completed) {
                self.ids.0[seed.slot] += 1;
            }
        }
    }

    fn fences(&self, held: &[(usize, bool)]) -> Vec<(JobId, i64)> {
        let fence = |id: JobId| self.model.jobs.get(&id).map_or(0, |j| j.fence);
        let fences = held.iter().map(|(slot, old)| {
            let id = self.ids.of(*slot);
            (id, fence(id) - i64::from(*old))
        });
        fences.collect()
    }

    /// All jobs are as the model has them; what the store's clock decided is between the two times, and the model then
    /// takes it over, so that a later change of it is seen. A claimed job was answered as it is read now.
    async fn compare_jobs(&mut self, before: Timestamp, claimed: Option<Job>) -> Result<(), String> {
        let read = said(self.stores.ledger.list(&JobFilter::default(), None, ALL).await)?;
        let after = self.now().await?;
        let ids: Vec<JobId> = self.model.jobs.keys().copied().collect();
        let mut found: Vec<JobId> = read.iter().map(|j| j.id).collect();
        found.sort_unstable();
        same("the set of jobs", &found, &ids)?;
        let newest_first = read.is_sorted_by_key(|j| std::cmp::Reverse((j.inserted_at, j.id)));
        same("the order of the list", &newest_first, &true)?;
        for mut job in read {
            if let Some(claimed) = claimed.as_ref().filter(|c| c.id == job.id) {
                same("the claimed job", claimed, &job)?;
            }
            let Some(expected) = self.model.jobs.get_mut(&job.id) else {
                continue;
            };
            expected.adopt(&mut job, (before - SKEW, after + SKEW));
            same("a job", &job, expected)?;
        }
        Ok(())
    }

    /// What is kept of failures beside the jobs: people find jobs by it.
    async fn found_by_failure(&self) -> Result<(), String> {
        for code in ["boom", "worker_lost", "discarded_by_operator"] {
            let filter = JobFilter {
                error_code: Some(code.to_owned()),
                ..JobFilter::default()
            };
            let found = said(self.stores.ledger.list(&filter, None, ALL).await)?;
            let mut found: Vec<JobId> = found.iter().map(|j| j.id).collect();
            found.sort_unstable();
            let failed = self.model.failures.iter();
            let failed = failed.filter(|(_, last)| last.as_deref() == Some(code));
            let expected: Vec<JobId> = failed.map(|(id, _)| *id).collect();
            same(&format!("what is found by {code}"), &found, &expected)?;
        }
        Ok(())
    }
}
