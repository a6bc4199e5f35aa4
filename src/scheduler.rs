//! The clock: apalis-cron ticks, and each tick stores a job.
//!
//! Every worker ticks; the job's key is the nominal tick, so that any number of schedulers make one job. apalis-cron
//! skips what it missed, so missed ticks are looked for at the start and every minute, and made up for as their schedule
//! says; up to when they were looked for is stored, so that the time without any process counts, too.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{Data, WorkerBuilder, WorkerContext};
use apalis_cron::{CronScheduler, Tick};
use chrono::Utc;
use futures::FutureExt;
use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::event::{Event, Occasion};
use rolecall_core::ports::TaskEnd;
use rolecall_core::schedule::{ScheduleState, TICKS_KEPT, TickOutcome, TickRecord};
use rolecall_jobs::kernel::events;
use rolecall_workflows::schedule::{Ticked, tick, tick_id};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::schedules::{Review, Schedule};

/// How often missed ticks are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A tick may be this late before it counts as missed.
const LATE: Duration = Duration::from_secs(20);

async fn start(app: &App, schedule: &Schedule, at: i64) {
    let name = schedule.action.schedule_name();
    if let Err(error) = try_start(app, schedule, at).await {
        tracing::warn!(
            %error, schedule = name,
            "discord_sync: a tick could not be stored; it is looked for again within a minute"
        );
    }
}

/// Starts what is due at this tick, and remembers what became of it.
async fn try_start(app: &App, schedule: &Schedule, at: i64) -> Result<(), StoreError> {
    let action = schedule.action;
    let name = action.schedule_name();
    let states = app.schedules.states().await?;
    if states.iter().any(|state| state.name == name && !state.enabled) {
        return Ok(());
    }
    let ticked = tick(&app.services, &app.queue, action, schedule.overlap, at).await?;
    tracing::debug!(schedule = name, tick = at, ?ticked, "discord_sync: a tick");
    let record = TickRecord {
        schedule: name.to_owned(),
        at: moment(at),
        outcome: ticked.into(),
        made: (ticked == Ticked::Begun).then(|| tick_id(action, at)),
        by: None,
        noted_at: app.services.clock.now(),
    };
    app.schedules.note(&record).await?;
    if let Err(error) = tell(app, schedule, at, ticked).await {
        tracing::debug!(%error, schedule = name, "discord_sync: scheduler_tasks not updated");
    }
    Ok(())
}

/// The moment of a nominal tick, in unix seconds.
fn moment(tick: i64) -> Timestamp {
    Timestamp(tick.saturating_mul(1_000))
}

/// Tells go-falcon's scheduler of its task. Its end is told by the job that is the end; where there is nothing to do,
/// that is at once.
async fn tell(app: &App, schedule: &Schedule, at: i64, ticked: Ticked) -> Result<(), StoreError> {
    let Some(task) = schedule.action.task().filter(|_| ticked != Ticked::UnderWay) else {
        return Ok(());
    };
    let tasks = &app.services.scheduler_tasks;
    let begun = moment(at);
    let next = schedule.next(begun.to_chrono());
    tasks
        .began(task, begun, next.map(|next| Timestamp(next.timestamp_millis())))
        .await?;
    if ticked == Ticked::Nothing {
        let end = TaskEnd {
            id: tick_id(schedule.action, at),
            took: Duration::ZERO,
            error: None,
        };
        tasks.ended(task, &end).await?;
    }
    Ok(())
}

async fn on_tick(tick: Tick<Utc>, schedule: Data<Schedule>, app: Data<Arc<App>>) {
    let at = i64::try_from(tick.get_timestamp()).unwrap_or(i64::MAX);
    start(&app, &schedule, at).await;
}

/// Ticks until `stop`.
pub async fn run(app: Arc<App>, schedules: Vec<Schedule>, stop: CancellationToken) {
    let ticking = schedules
        .iter()
        .map(|s| tick_forever(Arc::clone(&app), s.clone(), stop.clone()));
    let looking = look_for_missed(&app, &schedules, &stop);
    futures::future::join(futures::future::join_all(ticking), looking).await;
}

async fn tick_forever(app: Arc<App>, schedule: Schedule, stop: CancellationToken) {
    let name = schedule.action.schedule_name();
    while !stop.is_cancelled() {
        let context = WorkerContext::new(name);
        let backend = CronScheduler::new(schedule.clone());
        // No concurrency limit: a full worker is not polled at the next tick, which apalis-cron takes for an error.
        let worker = WorkerBuilder::new(context.clone())
            .backend(backend)
            .data(schedule.clone())
            .data(Arc::clone(&app))
            .build(on_tick);
        let mut run = tokio::spawn(worker.run().boxed());
        tokio::select! {
            end = &mut run => {
                tracing::warn!(schedule = name, ?end, "A schedule's worker ended; starting it again");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            () = stop.cancelled() => {
                let stopped = context.stop().is_ok()
                    && tokio::time::timeout(Duration::from_secs(2), &mut run).await.is_ok();
                if !stopped {
                    run.abort();
                }
            }
        }
    }
}

/// Looks for missed ticks at the start, for the time in which nothing ran, and every minute. A tick is made up for by its
/// own key, so whoever looks second inserts what is there.
async fn look_for_missed(app: &App, schedules: &[Schedule], stop: &CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = look(app, schedules, app.services.clock.now()).await {
            tracing::warn!(%error, "discord_sync: missed ticks could not be looked for; trying again in a minute");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn look(app: &App, schedules: &[Schedule], now: Timestamp) -> Result<(), StoreError> {
    let until = now - LATE;
    let states = app.schedules.states().await?;
    for schedule in schedules {
        let name = schedule.action.schedule_name();
        match states.iter().find(|state| state.name == name) {
            // Of a schedule that is new here, nothing was missed: not what was due just before, either.
            None => app.schedules.begin(name, now).await?,
            Some(state) if until <= state.seen_until => {}
            Some(state) if state.enabled => make_up(app, schedule, state, until).await?,
            // What is switched off misses nothing.
            Some(state) => drop(app.schedules.see(name, state.seen_until, until, 0).await?),
        }
    }
    Ok(())
}

/// Deals with the ticks of a schedule that nobody has dealt with.
async fn make_up(
    app: &App,
    schedule: &Schedule,
    state: &ScheduleState,
    until: Timestamp,
) -> Result<(), StoreError> {
    let (name, from) = (state.name.as_str(), state.seen_until);
    let known = app.schedules.ticks(name, TICKS_KEPT).await?;
    // What another process noted as missed, it or this one counts: whoever says first that all was looked at.
    let noted = known
        .iter()
        .filter(|tick| tick.outcome == TickOutcome::Missed && tick.at > from && tick.at <= until)
        .count() as u64;
    let known = known.iter().map(|tick| tick.at.to_chrono()).collect();
    let review = schedule.review(from.to_chrono(), &known, until.to_chrono());
    if review != Review::default() {
        // First, and of the same event whenever it is told: whoever is killed after it was noted finds nothing to tell of.
        let event = Event {
            occasion: Occasion::TickMissed {
                schedule: name.to_owned(),
                after: from,
                missed: review.missed_in_all,
                made_up_for: review.make_up.len() as u64,
            },
            at: app.services.clock.now(),
        };
        events::tell(&app.services, &app.queue, &event).await?;
    }
    for missed in &review.missed {
        let at = Timestamp::from(*missed);
        let record = TickRecord {
            schedule: name.to_owned(),
            at,
            outcome: TickOutcome::Missed,
            made: None,
            by: None,
            noted_at: app.services.clock.now(),
        };
        app.schedules.note(&record).await?;
    }
    for tick in &review.make_up {
        try_start(app, schedule, tick.timestamp()).await?;
    }
    // Last, so that what fails or is killed before is looked at again.
    let missed = review.missed_in_all + noted;
    let first = app.schedules.see(name, from, until, missed).await?;
    if first && review != Review::default() {
        tracing::warn!(
            schedule = name,
            missed = review.missed_in_all,
            made_up_for = review.make_up.len(),
            "discord_sync: no process looked at ticks of this schedule after {}",
            from.to_rfc3339()
        );
    }
    Ok(())
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
