//! Looks for what operators are told of and what nobody's job it is to notice: causes of dead letters that are new or
//! back, lanes that are late, processes that are lost, a ban that threatens, endpoints that hear nothing any more. Runs in
//! every worker; each thing is told once, whoever sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rolecall_core::dead_letter::{Mark, Standing, standing};
use rolecall_core::error::StoreError;
use rolecall_core::event::{EventType, Example, Occasion, is_ban_risk, is_late};
use rolecall_core::job::{JobState, Lane};
use rolecall_core::pause::Held;
use rolecall_core::ports::{JobFilter, Share, SplitBy};
use rolecall_core::quiet::Quiet;
use rolecall_core::webhook::Alarm;
use rolecall_core::worker::LOST_AFTER;
use rolecall_core::{JobId, Timestamp};
use tokio_util::sync::CancellationToken;

use super::endpoint_notes;
use super::events;
use super::fleet;
use super::patience::in_time;
use super::queue::Queue;
use super::services::Services;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Causes that are looked at; of more, none is taken for gone.
const CAUSES: usize = 500;

/// What is watched, by which worker.
pub struct EventWatch {
    /// The ports.
    pub services: Arc<Services>,
    /// Where deliveries go.
    pub queue: Queue,
    /// This worker.
    pub worker: String,
}

impl EventWatch {
    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut quiet = Quiet::default();
        // Processes that start together should not look together.
        let mut pause = LOOK_EVERY.mul_f64(fastrand::f64());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = LOOK_EVERY;
            if let Err(error) = in_time(self.look()).await
                && let Some(held_back) = quiet.may_speak(Instant::now())
            {
                tracing::warn!(%error, held_back, "Could not look for what operators are told of; trying again");
            }
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// If the store fails; what was told is told.
    pub async fn look(&self) -> Result<(), StoreError> {
        let services = &self.services;
        let endpoints = services.webhooks.list().await?;
        if endpoints.is_empty() {
            return Ok(());
        }
        for stored in &endpoints {
            endpoint_notes::look_at(services, stored).await?;
        }
        let alarms = services.alarms.list().await?;
        let known: BTreeMap<String, Alarm> = alarms.into_iter().map(|a| (a.key.clone(), a)).collect();
        self.endpoints(&known).await?;
        self.lost(&known).await?;
        self.causes(&known).await?;
        self.lanes(&known).await?;
        self.ban(&known).await
    }

    /// Tells of something that was found, unless that was done.
    async fn once(
        &self,
        known: &BTreeMap<String, Alarm>,
        occasion: Occasion,
        since: Timestamp,
    ) -> Result<String, StoreError> {
        let key = events::key(&occasion);
        if known.get(&key).is_none_or(|alarm| !alarm.told) {
            events::raise(&self.services, &self.queue, occasion, since).await?;
        }
        Ok(key)
    }

    /// Forgets alarms of these kinds that are not there any more.
    async fn forget(
        &self,
        known: &BTreeMap<String, Alarm>,
        kinds: &[EventType],
        there: &BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let is_of = |key: &str, kind: &EventType| {
            let rest = key.strip_prefix(kind.as_str());
            rest.is_some_and(|rest| rest.starts_with(':'))
        };
        let over = known
            .keys()
            .filter(|key| kinds.iter().any(|kind| is_of(key, kind)) && !there.contains(*key));
        for key in over {
            self.services.alarms.clear(key).await?;
        }
        Ok(())
    }

    /// Endpoints that were switched off, but not by order.
    async fn endpoints(&self, known: &BTreeMap<String, Alarm>) -> Result<(), StoreError> {
        let mut there = BTreeSet::new();
        for stored in self.services.webhooks.list().await? {
            let endpoint = stored.endpoint;
            let (false, Some(why), Some(at)) =
                (endpoint.enabled, endpoint.disabled_reason, endpoint.disabled_at)
            else {
                continue;
            };
            let occasion = Occasion::EndpointDisabled {
                endpoint_id: endpoint.id.0,
                description: endpoint.description,
                why,
                disabled_at: at,
            };
            there.insert(self.once(known, occasion, at).await?);
        }
        self.forget(known, &[EventType::EndpointDisabled], &there).await
    }

    /// Processes that went away without saying so, whether they held jobs or not.
    async fn lost(&self, known: &BTreeMap<String, Alarm>) -> Result<(), StoreError> {
        let mut there = BTreeSet::new();
        for lost in fleet::lost(&self.services).await? {
            let occasion = Occasion::WorkerLost {
                worker: lost.process.id,
                host: lost.process.host,
                roles: lost.process.roles,
                running: lost.beat.running,
                seen_at: lost.seen_at,
            };
            // Whoever notices it, and when: it was lost then.
            let since = lost.seen_at + LOST_AFTER;
            there.insert(self.once(known, occasion, since).await?);
        }
        self.forget(known, &[EventType::WorkerLost], &there).await
    }

    async fn causes(&self, known: &BTreeMap<String, Alarm>) -> Result<(), StoreError> {
        let services = &self.services;
        let now = services.clock.now();
        let dead = JobFilter {
            states: vec![JobState::Discarded],
            ..JobFilter::default()
        };
        let shares = services.ledger.split(&dead, SplitBy::Fingerprint, CAUSES).await?;
        let marks = services.cause_marks.list().await?;
        let marks: BTreeMap<&str, &Mark> = marks.iter().map(|m| (m.fingerprint.as_str(), m)).collect();
        let mut there = BTreeSet::new();
        for share in &shares {
            let Some(fingerprint) = &share.value else { continue };
            let mark = marks.get(fingerprint.as_str()).copied();
            for (occasion, since) in of_cause(share, fingerprint, mark, now) {
                let key = events::key(&occasion);
                if known.get(&key).is_none_or(|alarm| !alarm.told) {
                    let example = self.example(share.newest).await?;
                    let occasion = with_example(occasion, example);
                    events::raise(services, &self.queue, occasion, since).await?;
                }
                there.insert(key);
            }
        }
        if shares.len() < CAUSES {
            let kinds = [EventType::GroupOpened, EventType::GroupReopened];
            self.forget(known, &kinds, &there).await?;
        }
        Ok(())
    }

    async fn example(&self, id: JobId) -> Result<Option<Example>, StoreError> {
        let job = self.services.ledger.get(id).await?;
        Ok(job.map(|job| {
            let last = job.attempts.last();
            Example {
                job_id: job.id,
                kind: job.kind.clone(),
                guild_id: job.subject.guild_id,
                message: last.and_then(|attempt| attempt.message.clone()),
                remedy: last.and_then(|attempt| attempt.remedy.clone()),
            }
        }))
    }

    async fn lanes(&self, known: &BTreeMap<String, Alarm>) -> Result<(), StoreError> {
        let services = &self.services;
        let (now, limit) = (services.clock.now(), services.settings.queue_late_after);
        let pauses = services.pauses.list().await?;
        let held: Vec<Held> = pauses
            .into_iter()
            .filter(|p| p.is_on(now))
            .map(|p| p.held)
            .collect();
        for lane in Lane::ALL {
            // Whether they were sent does not matter: sent and not taken is late, too.
            let any = now + Duration::from_secs(1);
            let first = services.ledger.due(lane, any, &held, 1).await?;
            let first = match first.first() {
                Some(due) => services.ledger.get(due.id).await?,
                None => None,
            };
            let waited = first.map_or(0, |job| now.millis_since(job.due_since()));
            let waited = Duration::from_millis(u64::try_from(waited).unwrap_or(0));
            let occasion = Occasion::QueueLate { lane, waited, limit };
            let alarm = known.get(&events::key(&occasion));
            match (is_late(alarm.is_some(), waited, limit), alarm) {
                (true, Some(alarm)) if alarm.told => {}
                (true, _) => events::raise(services, &self.queue, occasion, now).await?,
                (false, Some(alarm)) => drop(services.alarms.clear(&alarm.key).await?),
                (false, None) => {}
            }
        }
        Ok(())
    }

    async fn ban(&self, known: &BTreeMap<String, Alarm>) -> Result<(), StoreError> {
        // What is not known is neither a danger nor the end of one.
        let Some(refusals) = self.services.discord.refusals().await else {
            return Ok(());
        };
        let occasion = Occasion::BanRisk {
            instance: self.worker.clone(),
            refused: refusals.lately,
            limit: refusals.limit,
        };
        let key = events::key(&occasion);
        let was = known.contains_key(&key);
        if is_ban_risk(was, refusals.lately, refusals.limit) {
            self.once(known, occasion, self.services.clock.now()).await?;
        } else if was {
            self.services.alarms.clear(&key).await?;
        }
        Ok(())
    }
}

/// What there is to tell of a cause, and since when.
fn of_cause(share: &Share, cause: &str, mark: Option<&Mark>, now: Timestamp) -> Vec<(Occasion, Timestamp)> {
    let opened = Occasion::GroupOpened {
        fingerprint: cause.to_owned(),
        jobs: share.jobs,
        example: None,
    };
    let mut all = vec![(opened, share.first)];
    if let Standing::Reopened(mark) = standing(mark, share.last, now) {
        let reopened = Occasion::GroupReopened {
            fingerprint: cause.to_owned(),
            jobs: share.jobs,
            was: mark.said.as_str(),
            by: mark.by,
            said_at: mark.at,
            example: None,
        };
        all.push((reopened, now));
    }
    all
}

fn with_example(mut occasion: Occasion, found: Option<Example>) -> Occasion {
    if let Occasion::GroupOpened { example, .. } | Occasion::GroupReopened { example, .. } = &mut occasion {
        *example = found;
    }
    occasion
}
