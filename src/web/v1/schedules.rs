//! `/v1/schedules`: what happens by the clock.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::order_job::{OrderBody, reason};
use crate::job_view::detail;
use crate::run_view;
use crate::timetable::{self, Asked, Failure, ScheduleView};
use crate::web::auth::right::{Allowed, ManageJobs, ReadJobs};
use crate::web::change::Change;
use crate::web::http::body::Body;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;

/// All schedules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleList {
    /// In the order in which they are configured.
    schedules: Vec<ScheduleView>,
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

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error.into(),
            unknown @ Failure::Unknown(_) => Self::not_found("unknown_schedule", unknown.to_string())
                .with_hint("GET /v1/schedules lists all."),
        }
    }
}

/// What happens by the clock: when next, and what became of the last ticks.
#[utoipa::path(get, path = "/v1/schedules", tag = "Schedules", operation_id = "listSchedules",
    responses((status = 200, description = "All schedules", body = ScheduleList), Refused))]
pub(crate) async fn list_schedules(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
) -> Result<Json<ScheduleList>, ApiError> {
    let schedules = timetable::list(&web).await?;
    Ok(Json(ScheduleList { schedules }))
}

/// Does now what the next tick would, whether the schedule is on or off. The next tick comes all the same.
#[utoipa::path(post, path = "/v1/schedules/{name}/run", tag = "Schedules", operation_id = "runSchedule",
    params(("name" = String, Path, description = "The schedule")),
    request_body(content = Option<OrderBody>, description = "Optional"),
    responses(
        (status = 200, description = "There was nothing to do", body = ScheduleRun),
        (status = 202, description = "It is stored, and will be done; `Location` names it", body = ScheduleRun,
            headers(("Location" = String))),
        Refused, Missing,
    ))]
pub(crate) async fn run_schedule(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageJobs>,
    names: RequestNames,
    Path(name): Path<String>,
    Body(mut fields): Body,
) -> Result<Response, ApiError> {
    let why = reason(&mut fields);
    fields.finish()?;
    let change = Change {
        web,
        caller,
        names,
        route: "POST /v1/schedules/{name}/run",
    };
    let (web, by) = (change.web.clone(), change.by(why));
    let act = async move {
        let (job, run, message) = match timetable::run_now(&web, &name, &by).await? {
            Asked::Job(id) => (Some(id), None, "It is stored, and will be done."),
            Asked::Run(id) => (None, Some(id), "It is stored, and will be done."),
            Asked::Nothing => (None, None, "There is nothing to do."),
            Asked::Busy => return Err(busy(&name)),
        };
        let place = job.map(detail::path).or(run.map(run_view::path));
        let body = Json(ScheduleRun {
            schedule: name,
            job_id: job.map(|id| id.to_string()),
            run_id: run.map(|id| id.to_string()),
            message: message.to_owned(),
        });
        Ok(match place {
            Some(place) => (StatusCode::ACCEPTED, [(LOCATION, place)], body).into_response(),
            None => body.into_response(),
        })
    };
    change.whole(act).await
}

fn busy(name: &str) -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "schedule_is_busy",
        format!("the work of an earlier tick of {name} is not over, and two would do the same"),
    )
    .with_hint("GET /v1/schedules names the job or run; wait for its end, or cancel it.")
}

/// Lets the ticks of a schedule start something again, from the next one on.
#[utoipa::path(post, path = "/v1/schedules/{name}/enable", tag = "Schedules", operation_id = "enableSchedule",
    params(("name" = String, Path, description = "The schedule")),
    request_body(content = Option<OrderBody>, description = "Optional"),
    responses((status = 200, description = "It is on", body = ScheduleView), Refused, Missing))]
pub(crate) async fn enable_schedule(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageJobs>,
    names: RequestNames,
    Path(name): Path<String>,
    Body(fields): Body,
) -> Result<Json<ScheduleView>, ApiError> {
    let change = Change {
        web,
        caller,
        names,
        route: "POST /v1/schedules/{name}/enable",
    };
    switch(change, name, Body(fields), true).await
}

/// Lets the ticks of a schedule start nothing, until it is switched on. What is at work goes on.
#[utoipa::path(post, path = "/v1/schedules/{name}/disable", tag = "Schedules", operation_id = "disableSchedule",
    params(("name" = String, Path, description = "The schedule")),
    request_body(content = Option<OrderBody>, description = "Optional"),
    responses((status = 200, description = "It is off", body = ScheduleView), Refused, Missing))]
pub(crate) async fn disable_schedule(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageJobs>,
    names: RequestNames,
    Path(name): Path<String>,
    Body(fields): Body,
) -> Result<Json<ScheduleView>, ApiError> {
    let change = Change {
        web,
        caller,
        names,
        route: "POST /v1/schedules/{name}/disable",
    };
    switch(change, name, Body(fields), false).await
}

async fn switch(
    change: Change,
    name: String,
    Body(mut fields): Body,
    enabled: bool,
) -> Result<Json<ScheduleView>, ApiError> {
    let why = reason(&mut fields);
    fields.finish()?;
    let (web, by) = (change.web.clone(), change.by(why));
    let act = async move {
        timetable::switch(&web, &name, enabled, &by).await?;
        Ok(Json(timetable::get(&web, &name).await?))
    };
    change.whole(act).await
}
