//! Schedules as operators see and change them, the same for the API and the command line.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use rolecall_core::audit::Act;
use rolecall_core::error::StoreError;
use rolecall_core::schedule::{ScheduleState, TICKS_KEPT, TickOutcome, TickRecord};
use rolecall_core::{JobId, RunId, Timestamp};
use rolecall_jobs::kernel::audit::record;
use rolecall_jobs::kernel::steering::By;
use rolecall_workflows::schedule::{Ticked, by_hand};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::job_view::detail;
use crate::run_view;
use crate::schedules::{self, Schedule};

/// Ticks that are told of a schedule.
const TOLD: usize = 20;
/// A tick that was noted so much later than it was due, in milliseconds, was made up for.
const ON_TIME: i64 = 20_000;
/// What is told of an order that something will follow.
const STORED: &str = "It is stored, and will be done.";

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleView {
    /// Its name.
    pub(crate) name: String,
    /// When it ticks, as a cron expression with seconds first, by the clocks of `zone`.
    pub(crate) cron: String,
    /// The zone, such as `Europe/Berlin`.
    pub(crate) zone: String,
    /// What is done about ticks that no process saw: `skip`, `once` (the newest is made up for) or `all:n` (the newest n).
    pub(crate) missed_policy: String,
    /// What is done about a tick when an earlier one's work is not over: `skip` or `allow`.
    pub(crate) overlap_policy: String,
    /// Whether its ticks start anything.
    pub(crate) enabled: bool,
    /// Who switched it on or off last.
    pub(crate) changed_by: Option<String>,
    /// When that was.
    pub(crate) changed_at: Option<String>,
    /// Ticks up to this moment were looked at; null: no process has ticked yet.
    pub(crate) seen_until: Option<String>,
    /// How many ticks were missed and not made up for, in all.
    pub(crate) missed: u64,
    /// The next three ticks.
    pub(crate) next: Vec<NextView>,
    /// The last twenty, the newest first.
    pub(crate) results: Vec<TickView>,
}

/// A tick to come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NextView {
    /// In UTC.
    pub(crate) at: String,
    /// By the clocks of the zone, with their distance to UTC.
    pub(crate) local: String,
}

/// What became of a tick.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TickView {
    /// When it was due, or asked for.
    pub(crate) at: String,
    /// `begun`, `nothing` (there was nothing to do), `skipped` (an earlier one was at work) or `missed`.
    pub(crate) outcome: String,
    /// Whether it was made up for later.
    pub(crate) late: bool,
    /// Who asked for it, if it was not the clock.
    pub(crate) asked_by: Option<String>,
    /// The job that it made.
    pub(crate) job_id: Option<String>,
    /// The run that it made.
    pub(crate) run_id: Option<String>,
    /// The state of that job or run now; null: it is deleted.
    pub(crate) state: Option<String>,
}

/// Why something could not be done with a schedule.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// There is none of this name.
    #[error("there is no schedule {0}")]
    Unknown(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The schedules of this installation.
///
/// # Errors
/// If an expression cannot be read, which the tests of the schedules exclude.
fn all_schedules(app: &App) -> Result<Vec<Schedule>, StoreError> {
    schedules::of(&app.config).map_err(StoreError::corrupt)
}

fn find(app: &App, name: &str) -> Result<Schedule, Failure> {
    let found = all_schedules(app)?
        .into_iter()
        .find(|schedule| schedule.action.schedule_name() == name);
    found.ok_or_else(|| Failure::Unknown(name.to_owned()))
}

/// All schedules.
///
/// # Errors
/// If the store fails.
pub(crate) async fn list(app: &App) -> Result<Vec<ScheduleView>, StoreError> {
    let states = states(app).await?;
    let mut views = Vec::new();
    for schedule in all_schedules(app)? {
        let state = states.get(schedule.action.schedule_name());
        views.push(view(app, &schedule, state).await?);
    }
    Ok(views)
}

/// One schedule.
///
/// # Errors
/// There is none of this name, or the store fails.
pub(crate) async fn get(app: &App, name: &str) -> Result<ScheduleView, Failure> {
    let schedule = find(app, name)?;
    let states = states(app).await?;
    Ok(view(app, &schedule, states.get(name)).await?)
}

async fn states(app: &App) -> Result<BTreeMap<String, ScheduleState>, StoreError> {
    let states = app.schedules.states().await?;
    Ok(states
        .into_iter()
        .map(|state| (state.name.clone(), state))
        .collect())
}

async fn view(
    app: &App,
    schedule: &Schedule,
    state: Option<&ScheduleState>,
) -> Result<ScheduleView, StoreError> {
    let name = schedule.action.schedule_name();
    let mut results = Vec::new();
    for tick in app.schedules.ticks(name, TOLD).await? {
        results.push(tick_view(app, schedule, tick).await?);
    }
    let now = app.services.clock.now().to_chrono();
    let next = std::iter::successors(schedule.next(now), |tick| schedule.next(*tick));
    let changed = state.and_then(|state| state.changed.clone());
    Ok(ScheduleView {
        name: name.to_owned(),
        cron: schedule.cron.source().to_owned(),
        zone: schedule.zone.name().to_owned(),
        missed_policy: schedule.missed.written(),
        overlap_policy: schedule.overlap.as_str().to_owned(),
        enabled: state.is_none_or(|state| state.enabled),
        changed_by: changed.as_ref().map(|(by, _)| by.clone()),
        changed_at: changed.map(|(_, at)| at.to_rfc3339()),
        seen_until: state.map(|state| state.seen_until.to_rfc3339()),
        missed: state.map_or(0, |state| state.missed),
        next: next.take(3).map(|at| next_view(schedule, at)).collect(),
        results,
    })
}

fn next_view(schedule: &Schedule, at: DateTime<Utc>) -> NextView {
    let local = at.with_timezone(&schedule.zone);
    NextView {
        at: Timestamp::from(at).to_rfc3339(),
        local: local.to_rfc3339_opts(SecondsFormat::Secs, false),
    }
}

async fn tick_view(app: &App, schedule: &Schedule, tick: TickRecord) -> Result<TickView, StoreError> {
    let services = &app.services;
    let is_run = schedule.action.is_run();
    let state = match tick.made {
        None => None,
        Some(id) if is_run => services.runs.get(RunId(id)).await?.map(|run| run.state.as_str()),
        Some(id) => services
            .ledger
            .get(JobId(id))
            .await?
            .map(|job| job.state.as_str()),
    };
    let made = tick.made.map(|id| id.to_string());
    let (run_id, job_id) = if is_run { (made, None) } else { (None, made) };
    Ok(TickView {
        at: tick.at.to_rfc3339(),
        outcome: tick.outcome.as_str().to_owned(),
        late: tick.outcome != TickOutcome::Missed && tick.noted_at.millis_since(tick.at) > ON_TIME,
        asked_by: tick.by,
        job_id,
        run_id,
        state: state.map(str::to_owned),
    })
}

/// What came of an order to run a schedule now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// This job is stored.
    Job(JobId),
    /// This run is stored.
    Run(RunId),
    /// There is nothing to do.
    Nothing,
    /// Its work is not over, and it does not overlap.
    Busy,
}

impl Asked {
    /// Where what was stored is found.
    pub(crate) fn place(self) -> Option<String> {
        match self {
            Self::Job(id) => Some(detail::path(id)),
            Self::Run(id) => Some(run_view::path(id)),
            Self::Nothing | Self::Busy => None,
        }
    }
}

/// What came of an order to run a schedule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleRun {
    /// The schedule.
    schedule: String,
    /// The job that was stored; `Location` names it.
    job_id: Option<String>,
    /// The run that was stored; `Location` names it.
    run_id: Option<String>,
    /// Both are null: there was nothing to do, in words.
    message: String,
}

impl ScheduleRun {
    /// What came of it, as it is shown.
    pub(crate) fn of(schedule: String, asked: Asked) -> Self {
        let (job_id, run_id, message) = match asked {
            Asked::Job(id) => (Some(id.to_string()), None, STORED),
            Asked::Run(id) => (None, Some(id.to_string()), STORED),
            Asked::Nothing => (None, None, "There is nothing to do."),
            Asked::Busy => (None, None, "The work of an earlier tick is not over."),
        };
        Self {
            schedule,
            job_id,
            run_id,
            message: message.to_owned(),
        }
    }
}

/// Does now what the next tick would, whether the schedule is on or off; recorded.
///
/// # Errors
/// There is none of this name, or the store fails.
pub(crate) async fn run_now(app: &App, name: &str, by: &By) -> Result<Asked, Failure> {
    let schedule = find(app, name)?;
    let (action, at) = (schedule.action, app.services.clock.now());
    let recorded = record(&app.services, by, Act::new("schedule.run", target(name))).await?;
    let (id, cause) = (by.new_id(), by.cause.clone());
    let ticked = match by_hand(&app.services, &app.queue, action, schedule.overlap, id, cause).await {
        Ok(Ticked::Begun) => {
            recorded.done();
            Ticked::Begun
        }
        other => {
            recorded.not_done(&app.services).await;
            other?
        }
    };
    if ticked == Ticked::UnderWay {
        return Ok(Asked::Busy);
    }
    let tick = TickRecord {
        schedule: name.to_owned(),
        at,
        outcome: ticked.into(),
        made: (ticked == Ticked::Begun).then_some(id),
        by: Some(by.cause.actor.clone()),
        noted_at: at,
    };
    if !is_noted(app, &tick).await? {
        app.schedules.note(&tick).await?;
    }
    Ok(match ticked {
        Ticked::Begun => made(action.is_run(), id),
        _ => Asked::Nothing,
    })
}

/// Whether the same request noted what it made before its process died.
async fn is_noted(app: &App, tick: &TickRecord) -> Result<bool, StoreError> {
    let ticks = app.schedules.ticks(&tick.schedule, TICKS_KEPT).await?;
    Ok(tick.made.is_some() && ticks.iter().any(|noted| noted.made == tick.made))
}

fn made(is_run: bool, id: Uuid) -> Asked {
    if is_run {
        Asked::Run(RunId(id))
    } else {
        Asked::Job(JobId(id))
    }
}

/// Switches a schedule on or off; recorded if that changed something. `false`: it was so already.
///
/// # Errors
/// There is none of this name, or the store fails.
pub(crate) async fn switch(app: &App, name: &str, enabled: bool, by: &By) -> Result<bool, Failure> {
    find(app, name)?;
    let now = app.services.clock.now();
    let state = |enabled: bool| serde_json::json!({ "enabled": enabled });
    let action = if enabled {
        "schedule.enabled"
    } else {
        "schedule.disabled"
    };
    let act = Act::new(action, target(name))
        .before(&state(!enabled))
        .after(&state(enabled));
    let states = app.schedules.states().await?;
    let is_on = states
        .iter()
        .find(|state| state.name == name)
        .is_none_or(|state| state.enabled);
    if is_on == enabled {
        return Ok(false);
    }
    let recorded = record(&app.services, by, act).await?;
    let switched = app.schedules.switch(name, enabled, &by.cause.actor, now).await;
    match &switched {
        Ok(true) => recorded.done(),
        Ok(false) | Err(_) => recorded.not_done(&app.services).await,
    }
    Ok(switched?)
}

fn target(name: &str) -> String {
    format!("schedule:{name}")
}
