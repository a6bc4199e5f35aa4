//! What ticks make, what is told of them, and what is made up for.

use std::sync::Mutex;

use async_trait::async_trait;
use rolecall_core::cause::Cause;
use rolecall_core::ports::{JobFilter, SchedulerTask, SchedulerTasks, Schedules};
use rolecall_core::run::RunKind;
use rolecall_core::webhook::Sink;
use rolecall_jobs::finish_run::{BY_THE_CLOCK, FinishRun};
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::services::Services;
use rolecall_workflows::refresh_tokens::RefreshTokens;
use rolecall_workflows::schedule::{Action, Overlap};
use serde_json::json;

use super::*;
use crate::receiver::OPEN;
use crate::schedules::{Missed, schedules};
use crate::testing::{World, app, context_of, running, world, world_with};

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
        let run = running(
            RunKind::Full,
            Cause::new(actor, "a test"),
            app.services.clock.now(),
        );
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

/// A time at which no schedule ticks: 2027-01-15 08:01 UTC.
const SEEN: Timestamp = Timestamp((TICK + 60) * 1_000);

/// The newest ticks of a schedule, as `08:15 begun`, the oldest first.
async fn noted(app: &App, name: &str) -> Vec<String> {
    let mut ticks = app.schedules.ticks(name, 20).await.unwrap();
    ticks.reverse();
    let line = |tick: &TickRecord| {
        let at = tick.at.to_chrono().format("%H:%M");
        assert_eq!(tick.made.is_some(), tick.outcome == TickOutcome::Begun);
        format!("{at} {}", tick.outcome.as_str())
    };
    ticks.iter().map(line).collect()
}

async fn state(app: &App, name: &str) -> (Timestamp, u64) {
    let states = app.schedules.states().await.unwrap();
    let state = states.into_iter().find(|state| state.name == name).unwrap();
    (state.seen_until, state.missed)
}

/// Looks for what was missed up to this moment.
async fn look_until(app: &App, schedules: &[Schedule], until: Timestamp) -> Result<(), StoreError> {
    look(app, schedules, until + LATE).await
}

async fn jobs(app: &App) -> usize {
    let all = app.services.ledger.list(&JobFilter::default(), None, 99).await;
    all.unwrap().len()
}

#[tokio::test]
async fn what_no_process_saw_is_made_up_for_as_the_schedule_says_and_only_once() {
    let World {
        app, folder: _folder, ..
    } = world().await;
    let schedules: Vec<Schedule> = schedules(Duration::from_secs(900), chrono_tz::UTC)
        .unwrap()
        .into_iter()
        .filter(|s| matches!(s.action, Action::TokenRefresh | Action::HealthCheck))
        .map(|s| match s.action {
            Action::TokenRefresh => Schedule {
                missed: Missed::All(2),
                overlap: Overlap::Allow,
                ..s
            },
            _ => s,
        })
        .collect();
    // The first process there ever was has missed nothing.
    look_until(&app, &schedules, SEEN).await.unwrap();
    assert_eq!(
        (jobs(&app).await, state(&app, "discord_health").await),
        (0, (SEEN + LATE, 0))
    );

    // Two processes begin after two hours and four minutes without any.
    let until = SEEN + Duration::from_secs(124 * 60);
    let (a, b) = tokio::join!(
        look_until(&app, &schedules, until),
        look_until(&app, &schedules, until)
    );
    a.and(b).unwrap();
    let refreshes = ["08:30 missed", "09:00 missed", "09:30 begun", "10:00 begun"];
    assert_eq!(noted(&app, "discord_token_refresh").await, refreshes);
    assert_eq!(state(&app, "discord_token_refresh").await, (until, 2));
    assert_eq!(state(&app, "discord_health").await, (until, 25));
    assert_eq!(
        noted(&app, "discord_health").await.last().unwrap(),
        "10:05 missed"
    );
    assert_eq!(jobs(&app).await, 2);

    // A tick that came in time is not made up for.
    start(&app, &schedules[0], until.0 / 1_000 + 25 * 60 - 5 * 60).await;
    look_until(&app, &schedules, until + Duration::from_secs(22 * 60))
        .await
        .unwrap();
    assert_eq!(jobs(&app).await, 3);
    assert_eq!(state(&app, "discord_token_refresh").await.1, 3 - 1);
}

#[tokio::test]
async fn a_tick_just_before_the_first_process_there_ever_was_is_not_missed() {
    let World {
        app, folder: _folder, ..
    } = world().await;
    let schedules = schedules(Duration::from_secs(900), chrono_tz::UTC).unwrap();
    let first = Timestamp((TICK + 1_800) * 1_000) + Duration::from_secs(5);
    for now in [first, first + LOOK_EVERY] {
        look(&app, &schedules, now).await.unwrap();
    }
    for schedule in &schedules {
        let name = schedule.action.schedule_name();
        assert_eq!(noted(&app, name).await, [""; 0], "{name}");
    }
    assert_eq!(jobs(&app).await, 0);
}

#[tokio::test]
async fn what_is_switched_off_does_nothing_and_misses_nothing() {
    let World {
        app, folder: _folder, ..
    } = world().await;
    let schedules = schedules(Duration::from_secs(900), chrono_tz::UTC).unwrap();
    look_until(&app, &schedules, SEEN).await.unwrap();
    for schedule in &schedules {
        let name = schedule.action.schedule_name();
        assert!(app.schedules.switch(name, false, "user:eve", SEEN).await.unwrap());
        start(&app, schedule, TICK + 900).await;
        assert_eq!(noted(&app, name).await, [""; 0]);
    }
    let until = SEEN + Duration::from_secs(7_200);
    look_until(&app, &schedules, until).await.unwrap();
    for schedule in &schedules {
        assert_eq!(state(&app, schedule.action.schedule_name()).await, (until, 0));
    }
    assert_eq!(jobs(&app).await, 0);
    // On again: from the next tick on.
    let on_at = until + Duration::from_secs(600);
    assert!(
        app.schedules
            .switch("retention", true, "user:eve", on_at)
            .await
            .unwrap()
    );
    look_until(&app, &schedules, on_at + Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!((jobs(&app).await, state(&app, "retention").await.1), (0, 0));
}

#[tokio::test]
async fn a_tick_that_was_skipped_for_an_earlier_one_is_not_made_up_for() {
    let World {
        app, folder: _folder, ..
    } = world().await;
    let mut schedules = schedules(Duration::from_secs(900), chrono_tz::UTC).unwrap();
    schedules.retain(|s| s.action == Action::TokenRefresh);
    look_until(&app, &schedules, SEEN).await.unwrap();
    for tick in [TICK + 1_800, TICK + 3_600] {
        start(&app, &schedules[0], tick).await;
    }
    let until = SEEN + Duration::from_secs(3_600);
    look_until(&app, &schedules, until).await.unwrap();
    assert_eq!(
        noted(&app, "discord_token_refresh").await,
        ["08:30 begun", "09:00 skipped"]
    );
    assert_eq!(
        (jobs(&app).await, state(&app, "discord_token_refresh").await),
        (1, (until, 0))
    );
}

/// The schedules of a store, whose process dies before it notes a tick that it made up for.
struct Dies(Arc<dyn Schedules>);

#[async_trait]
impl Schedules for Dies {
    async fn states(&self) -> Result<Vec<ScheduleState>, StoreError> {
        self.0.states().await
    }

    async fn begin(&self, name: &str, at: Timestamp) -> Result<(), StoreError> {
        self.0.begin(name, at).await
    }

    async fn see(
        &self,
        name: &str,
        from: Timestamp,
        until: Timestamp,
        missed: u64,
    ) -> Result<bool, StoreError> {
        self.0.see(name, from, until, missed).await
    }

    async fn switch(&self, name: &str, enabled: bool, by: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.0.switch(name, enabled, by, at).await
    }

    async fn note(&self, tick: &TickRecord) -> Result<(), StoreError> {
        match tick.outcome {
            TickOutcome::Missed => self.0.note(tick).await,
            _ => Err(StoreError::unavailable("the process died")),
        }
    }

    async fn ticks(&self, name: &str, limit: usize) -> Result<Vec<TickRecord>, StoreError> {
        self.0.ticks(name, limit).await
    }
}

#[tokio::test]
async fn ticks_that_nobody_made_are_told_once_with_all_of_them_also_if_a_process_dies_over_them() {
    let world = world_with(&OPEN).await;
    let by = Cause::new("user:ada", "a test").into();
    let sink = Sink::Webhook {
        url: "http://127.0.0.1:9/hook".to_owned(),
    };
    let made = world
        .app
        .steering
        .add_endpoint(sink, [].into(), String::new(), &by)
        .await;
    made.unwrap();
    let mut schedules = schedules(Duration::from_secs(900), chrono_tz::UTC).unwrap();
    schedules.retain(|s| s.action == Action::TokenRefresh);
    look_until(&world.app, &schedules, SEEN).await.unwrap();
    let until = SEEN + Duration::from_secs(124 * 60);

    let folder = world.folder.path().to_owned();
    let mut dying = app(folder, "http://127.0.0.1:9/api/v10", &world.simulator, &OPEN).await;
    let own = Arc::get_mut(&mut dying).unwrap();
    own.schedules = Arc::new(Dies(Arc::clone(&own.schedules)));
    look_until(&dying, &schedules, until).await.unwrap_err();
    assert_eq!(noted(&world.app, "discord_token_refresh").await.len(), 3);
    for _ in 0..2 {
        let looks = [
            look_until(&world.app, &schedules, until),
            look_until(&world.app, &schedules, until),
        ];
        let [a, b] = looks;
        let (a, b) = tokio::join!(a, b);
        a.and(b).unwrap();
    }
    let filter = JobFilter {
        kind: Some("deliver_webhook".to_owned()),
        ..JobFilter::default()
    };
    let told = world.app.services.ledger.list(&filter, None, 9).await.unwrap();
    assert_eq!(told.len(), 1, "{told:#?}");
    let data = &told[0].payload["body"]["data"];
    assert_eq!(data["schedule"], "discord_token_refresh");
    assert_eq!((&data["missed"], &data["made_up_for"]), (&json!(3), &json!(1)));
}
