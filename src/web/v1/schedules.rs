//! `/v1/schedules`: what happens by the clock.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::order_job::{OrderBody, reason};
use crate::timetable::{self, Asked, Failure, ScheduleRun, ScheduleView};
use crate::web::auth::right::{Allowed, ManageJobs, ReadJobs};
use crate::web::change::{Change, Changing};
use crate::web::http::body::Body;
use crate::web::http::problem::ApiError;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// All schedules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScheduleList {
    /// In the order in which they are configured.
    schedules: Vec<ScheduleView>,
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
    Changing(change, _): Changing<ManageJobs>,
    Path(name): Path<String>,
    Body(mut fields): Body,
) -> Result<Response, ApiError> {
    let why = reason(&mut fields);
    fields.finish()?;
    let (web, by) = (change.web.clone(), change.by(why));
    let act = async move {
        let asked = timetable::run_now(&web, &name, &by).await?;
        if asked == Asked::Busy {
            return Err(busy(&name));
        }
        let place = asked.place();
        let body = Json(ScheduleRun::of(name, asked));
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
    Changing(change, _): Changing<ManageJobs>,
    Path(name): Path<String>,
    Body(fields): Body,
) -> Result<Json<ScheduleView>, ApiError> {
    switch(change, name, Body(fields), true).await
}

/// Lets the ticks of a schedule start nothing, until it is switched on. What is at work goes on.
#[utoipa::path(post, path = "/v1/schedules/{name}/disable", tag = "Schedules", operation_id = "disableSchedule",
    params(("name" = String, Path, description = "The schedule")),
    request_body(content = Option<OrderBody>, description = "Optional"),
    responses((status = 200, description = "It is off", body = ScheduleView), Refused, Missing))]
pub(crate) async fn disable_schedule(
    Changing(change, _): Changing<ManageJobs>,
    Path(name): Path<String>,
    Body(fields): Body,
) -> Result<Json<ScheduleView>, ApiError> {
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
