//! The clock: apalis-cron ticks, and each tick stores a job.
//!
//! Every worker ticks; the job's key is the nominal tick, so that any number of schedulers make one job. apalis-cron
//! skips what it missed, so missed ticks are looked for every minute, and made up for as their schedule says.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{Data, WorkerBuilder, WorkerContext};
use apalis_cron::{CronScheduler, Tick};
use chrono::Utc;
use futures::FutureExt;
use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::ports::TaskEnd;
use rolecall_workflows::schedule::{Ticked, tick, tick_id};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::schedules::Schedule;

/// How often missed ticks are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A tick may be this late before it counts as missed.
const LATE: Duration = Duration::from_secs(20);

async fn start(app: &App, schedule: &Schedule, at: i64) {
    let action = schedule.action;
    match tick(&app.services, &app.queue, action, schedule.overlap, at).await {
        Ok(ticked) => {
            tracing::debug!(
                schedule = action.schedule_name(),
                tick = at,
                ?ticked,
                "discord_sync: a tick"
            );
            if let Err(error) = tell(app, schedule, at, ticked).await {
                tracing::debug!(%error, schedule = action.schedule_name(), "discord_sync: scheduler_tasks not updated");
            }
        }
        Err(error) => tracing::warn!(
            %error, schedule = action.schedule_name(),
            "discord_sync: a tick could not be stored; it is made up for within a minute"
        ),
    }
}

/// Tells go-falcon's scheduler of its task. Its end is told by the job that is the end; where there is nothing to do,
/// that is at once.
async fn tell(app: &App, schedule: &Schedule, at: i64, ticked: Ticked) -> Result<(), StoreError> {
    let Some(task) = schedule.action.task().filter(|_| ticked != Ticked::UnderWay) else {
        return Ok(());
    };
    let tasks = &app.services.scheduler_tasks;
    let begun = Timestamp(at.saturating_mul(1_000));
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

/// A tick is made up for by its own key, so one that was not missed inserts what is there.
async fn look_for_missed(app: &App, schedules: &[Schedule], stop: &CancellationToken) {
    // Nothing is known of the time before this process: a sync interval that was slept through is not caught up with
    // at once by every start, but by the next tick.
    let mut last = app.services.clock.now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let until: Timestamp = app.services.clock.now() - LATE;
        for schedule in schedules {
            for missed in schedule.made_up_for(last.to_chrono(), until.to_chrono()) {
                start(app, schedule, missed.timestamp()).await;
            }
        }
        last = until.max(last);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use rolecall_core::RunId;
    use rolecall_core::cause::Cause;
    use rolecall_core::ports::{JobFilter, SchedulerTask, SchedulerTasks};
    use rolecall_core::run::{Run, RunKind, RunState, Scope};
    use rolecall_jobs::finish_run::{BY_THE_CLOCK, FinishRun};
    use rolecall_jobs::kernel::job::Job;
    use rolecall_jobs::kernel::services::Services;
    use rolecall_workflows::refresh_tokens::RefreshTokens;
    use rolecall_workflows::schedule::{Action, Overlap};
    use uuid::Uuid;

    use super::*;
    use crate::schedules::schedules;
    use crate::testing::{World, context_of, world};

    /// What go-falcon's scheduler was told.
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    #[async_trait]
    impl SchedulerTasks for Told {
        async fn began(
            &self,
            task: SchedulerTask,
            at: Timestamp,
            next: Option<Timestamp>,
        ) -> Result<(), StoreError> {
            let next = next.map(Timestamp::to_rfc3339).unwrap_or_default();
            let line = format!("{} began {} next {next}", task.id(), at.to_rfc3339());
            self.0.lock().unwrap().push(line);
            Ok(())
        }

        async fn ended(&self, task: SchedulerTask, end: &TaskEnd) -> Result<(), StoreError> {
            let error = end.error.as_deref().unwrap_or("well");
            let line = format!("{} ended {} {error}", task.id(), end.id);
            self.0.lock().unwrap().push(line);
            Ok(())
        }
    }

    impl Told {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    async fn told() -> (App, Arc<Told>, tempfile::TempDir) {
        let World { app, folder, .. } = world().await;
        let told = Arc::new(Told::default());
        let mut app = Arc::into_inner(app).unwrap();
        app.services = Arc::new(Services {
            scheduler_tasks: Arc::clone(&told) as _,
            ..Services::clone(&app.services)
        });
        (app, told, folder)
    }

    /// 2027-01-15 08:00 UTC.
    const TICK: i64 = 1_800_000_000;

    #[tokio::test]
    async fn go_falcons_scheduler_is_told_of_its_two_tasks_and_of_no_other() {
        let (app, told, _folder) = told().await;
        for schedule in schedules(Duration::from_secs(900), chrono_tz::UTC).unwrap() {
            start(&app, &schedule, TICK).await;
        }
        let (sync, refresh) = (SchedulerTask::RoleSync.id(), SchedulerTask::TokenRefresh.id());
        let nothing_to_sync = tick_id(Action::RoleSync, TICK);
        let at = "2027-01-15T08:00:00.000Z";
        assert_eq!(
            told.take(),
            [
                format!("{sync} began {at} next 2027-01-15T08:15:00.000Z"),
                format!("{sync} ended {nothing_to_sync} well"),
                format!("{refresh} began {at} next 2027-01-15T08:30:00.000Z"),
            ]
        );
        let (context, _lease) = context_of::<RefreshTokens>(&app);
        RefreshTokens {}.run(&context).await.unwrap();
        assert_eq!(told.take(), [format!("{refresh} ended {} well", context.job_id)]);
    }

    #[tokio::test]
    async fn the_end_of_a_run_is_told_only_if_the_clock_began_it() {
        // Without a job a run has failed.
        let (app, told, _folder) = told().await;
        let sync = SchedulerTask::RoleSync.id();
        for (actor, is_told) in [(BY_THE_CLOCK, true), ("user:ada", false)] {
            let run = Run {
                id: RunId(Uuid::now_v7()),
                kind: RunKind::Full,
                scope: Scope::default(),
                dry_run: false,
                state: RunState::Running,
                cause: Cause::new(actor, "a test"),
                started_at: app.services.clock.now(),
                finished_at: None,
                results: None,
            };
            app.services.runs.insert(&run).await.unwrap();
            let (context, _lease) = context_of::<FinishRun>(&app);
            FinishRun { run_id: run.id }.run(&context).await.unwrap();
            let wanted: Vec<String> = is_told
                .then(|| format!("{sync} ended {} the run is failed", run.id))
                .into_iter()
                .collect();
            assert_eq!(told.take(), wanted, "{actor}");
        }
        assert_eq!(
            BY_THE_CLOCK,
            format!("schedule:{}", Action::RoleSync.schedule_name())
        );
    }

    #[tokio::test]
    async fn a_tick_whose_earlier_one_is_at_work_is_skipped_unless_its_schedule_allows_both() {
        let world = world().await;
        let (services, queue) = (&world.app.services, &world.app.queue);
        let ticked = async |action, overlap, at| tick(services, queue, action, overlap, at).await.unwrap();
        for action in Action::ALL.into_iter().filter(|a| *a != Action::RoleSync) {
            assert_eq!(ticked(action, Overlap::Skip, 1_000).await, Ticked::Begun);
            // Another scheduler's word of the same tick is no overlap.
            assert_eq!(ticked(action, Overlap::Skip, 1_000).await, Ticked::Begun);
            assert_eq!(ticked(action, Overlap::Skip, 2_000).await, Ticked::UnderWay);
            assert_eq!(ticked(action, Overlap::Allow, 3_000).await, Ticked::Begun);
        }
        let jobs = services.ledger.list(&JobFilter::default(), None, 99).await;
        assert_eq!(jobs.unwrap().len(), 8);
    }
}
