//! `POST /v1/jobs/{job_id}/retry`, `…/cancel`, `…/discard`, `…/reschedule` and `…/clone`.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use rolecall_core::job::{JobState, Lane};
use rolecall_core::order::Order;
use rolecall_core::ports::Ordered;
use rolecall_core::{JobId, Timestamp};
use rolecall_jobs::kernel::steering::{Changes, Cloned};
use serde::Deserialize;
use utoipa::ToSchema;

use super::get_job::{detail, id_of, unknown};
use crate::config::parse_duration;
use crate::job_view::JobView;
use crate::job_view::detail::path;
use crate::web::auth::right::ManageJobs;
use crate::web::change::{Change, Changing};
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::{ApiError, Detail};
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// Longest reason of an order.
pub(crate) const LONGEST_REASON: usize = 500;

/// Why something is ordered.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct OrderBody {
    /// Why, for the record of who did what.
    reason: Option<String>,
}

/// Another time for a job: `run_at` or `in`.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct RescheduleBody {
    /// Not before this moment; one in the past means now.
    run_at: Option<String>,
    /// So long from now, such as `10m`; `0s` means now.
    #[serde(rename = "in")]
    after: Option<String>,
    /// Why, for the record of who did what.
    reason: Option<String>,
}

/// Runs a cancelled or discarded job again, with all its tries. Its history stays.
#[utoipa::path(post, path = "/v1/jobs/{job_id}/retry", tag = "Jobs", operation_id = "retryJob",
    params(("job_id" = String, Path, description = "The job")),
    request_body(content = Option<OrderBody>, description = "Optional"),
    responses((status = 200, description = "It runs again", body = JobView), Refused, Missing))]
pub(crate) async fn retry_job(asked: Asked) -> Result<Response, ApiError> {
    give(asked.finish()?, Order::Retry).await
}

/// Ends a job that is not over. A waiting one ends at once, a running one before its next call to Discord.
#[utoipa::path(post, path = "/v1/jobs/{job_id}/cancel", tag = "Jobs", operation_id = "cancelJob",
    params(("job_id" = String, Path, description = "The job")),
    request_body(content = Option<OrderBody>, description = "Optional"),
    responses(
        (status = 200, description = "It has ended", body = JobView),
        (status = 202, description = "It is running, and was told", body = JobView),
        Refused, Missing,
    ))]
pub(crate) async fn cancel_job(asked: Asked) -> Result<Response, ApiError> {
    give(asked.finish()?, Order::Cancel).await
}

/// Makes a dead letter of a waiting job.
#[utoipa::path(post, path = "/v1/jobs/{job_id}/discard", tag = "Jobs", operation_id = "discardJob",
    params(("job_id" = String, Path, description = "The job")),
    request_body(content = Option<OrderBody>, description = "Optional"),
    responses((status = 200, description = "It is discarded", body = JobView), Refused, Missing))]
pub(crate) async fn discard_job(asked: Asked) -> Result<Response, ApiError> {
    give(asked.finish()?, Order::Discard).await
}

/// Gives a waiting job another time.
#[utoipa::path(post, path = "/v1/jobs/{job_id}/reschedule", tag = "Jobs", operation_id = "rescheduleJob",
    params(("job_id" = String, Path, description = "The job")),
    request_body(content = RescheduleBody),
    responses((status = 200, description = "It has another time", body = JobView), Refused, Missing))]
pub(crate) async fn reschedule_job(mut asked: Asked) -> Result<Response, ApiError> {
    let now = asked.change.web.services.clock.now();
    let at = time(&mut asked.fields, ["run_at", "in"], now);
    if at.is_none() && !asked.fields.is_wrong() {
        asked
            .fields
            .wrong("run_at", "is required, or \"in\" instead of it");
    }
    let at = at.unwrap_or_default();
    give(asked.finish()?, Order::Reschedule(at.max(now))).await
}

/// In what the new job differs: everything may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct CloneBody {
    /// Fields of its payload, instead of those of the job.
    #[schema(value_type = Option<Object>)]
    payload: Option<serde_json::Value>,
    /// Another queue: `interactive`, `normal` or `bulk`.
    queue: Option<String>,
    /// Not before this moment; one in the past means now.
    run_at: Option<String>,
    /// So long from now, such as `10m`.
    #[serde(rename = "in")]
    after: Option<String>,
    /// Why, for the record of who did what.
    reason: Option<String>,
}

/// Stores a new job that does the same, whatever became of this one, with changes if there are any. Where a job may exist
/// only once at a time, and one is live, nothing is stored.
#[utoipa::path(post, path = "/v1/jobs/{job_id}/clone", tag = "Jobs", operation_id = "cloneJob",
    params(("job_id" = String, Path, description = "The job")),
    request_body(content = Option<CloneBody>, description = "Optional"),
    responses(
        (status = 201, description = "The new job; `Location` names it", body = JobView,
            headers(("Location" = String))),
        Refused, Missing,
    ))]
pub(crate) async fn clone_job(mut asked: Asked) -> Result<Response, ApiError> {
    let changes = changes(&mut asked);
    let Ordering { change, id, reason } = asked.finish()?;
    let (web, by) = (change.web.clone(), change.by(reason));
    let act = async move {
        match web.steering.clone_of(id, &changes, &by).await? {
            Cloned::Unknown => Err(unknown(id)),
            Cloned::Twin(twin) => Err(twin_is_live(id, twin)),
            Cloned::Unreadable(why) => Err(ApiError::invalid(vec![Detail::at("/payload", why)])),
            Cloned::Created(new) => {
                let body = Json(detail(&web, new).await?);
                Ok((StatusCode::CREATED, [(LOCATION, path(new))], body).into_response())
            }
        }
    };
    change.whole(act).await
}

fn changes(asked: &mut Asked) -> Changes {
    let now = asked.change.web.services.clock.now();
    let fields = &mut asked.fields;
    let lane = fields.text("queue").and_then(|name| {
        let lane = Lane::from_name(&name);
        if lane.is_none() {
            fields.wrong("queue", "expected interactive, normal or bulk");
        }
        lane
    });
    Changes {
        payload: fields
            .one("payload", "an object with fields of the job's payload")
            .unwrap_or_default(),
        run_at: time(fields, ["run_at", "in"], now).map(|at| at.max(now)),
        lane,
    }
}

/// Somebody who may, a job, and a body that is not read to its end yet.
pub(crate) struct Asked {
    change: Change,
    id: JobId,
    reason: String,
    fields: Fields,
}

/// What was asked, with nothing wrong in it.
struct Ordering {
    change: Change,
    id: JobId,
    reason: String,
}

impl FromRequest<Web> for Asked {
    type Rejection = Response;

    /// In the order of all other routes: who asks, about what, and then what they say.
    async fn from_request(request: Request, web: &Web) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let change = Changing::<ManageJobs>::from_request_parts(&mut parts, web).await;
        let Changing(change, _) = change.map_err(IntoResponse::into_response)?;
        let id = Path::<String>::from_request_parts(&mut parts, web).await;
        let Path(id) = id.map_err(IntoResponse::into_response)?;
        let body = Body::from_request(Request::from_parts(parts, body), web).await;
        let Body(mut fields) = body.map_err(IntoResponse::into_response)?;
        let id = id_of(&id).map_err(IntoResponse::into_response)?;
        let reason = reason(&mut fields);
        Ok(Self {
            change,
            id,
            reason,
            fields,
        })
    }
}

impl Asked {
    /// # Errors
    /// All that is wrong with the body.
    fn finish(self) -> Result<Ordering, ApiError> {
        let Self {
            change,
            id,
            reason,
            fields,
        } = self;
        fields.finish()?;
        Ok(Ordering { change, id, reason })
    }
}

/// `reason` of a body; empty if there is none.
pub(super) fn reason(fields: &mut Fields) -> String {
    fields.line("reason", LONGEST_REASON).unwrap_or_default()
}

/// A moment in the future, by one of these fields: as a date, or as a length of time from now.
pub(super) fn time(fields: &mut Fields, [date, after]: [&str; 2], now: Timestamp) -> Option<Timestamp> {
    let (by_date, by_length) = (fields.text(date), fields.text(after));
    if by_date.is_some() && by_length.is_some() {
        fields.wrong(after, format!("cannot be combined with {date}"));
    }
    let mut read =
        |name: &str, text: Option<String>, read: &dyn Fn(&str) -> Option<Timestamp>, expected: &str| {
            let text = text?;
            let at = read(&text);
            if at.is_none() {
                fields.wrong(name, format!("expected {expected}"));
            }
            at
        };
    let by_date = read(
        date,
        by_date,
        &Timestamp::from_rfc3339,
        "a date such as 2026-11-25T10:00:00Z",
    );
    let length = |text: &str| parse_duration(text).map(|length| now + length);
    let by_length = read(
        after,
        by_length,
        &length,
        "a length of time such as 90s, 10m or 2h",
    );
    by_date.or(by_length)
}

async fn give(asked: Ordering, order: Order) -> Result<Response, ApiError> {
    let Ordering { change, id, reason } = asked;
    let (web, by) = (change.web.clone(), change.by(reason));
    let act = async move {
        let ordered = web.steering.give(id, order, &by).await?;
        let status = match ordered {
            Ordered::Done => StatusCode::OK,
            Ordered::Asked => StatusCode::ACCEPTED,
            Ordered::Unknown => return Err(unknown(id)),
            Ordered::Twin(twin) => return Err(twin_is_live(id, twin)),
            Ordered::Not(state) => return Err(not(order, id, state)),
        };
        Ok((status, Json(detail(&web, id).await?)).into_response())
    };
    change.whole(act).await
}

fn not(order: Order, id: JobId, state: JobState) -> ApiError {
    let code = match state.is_final() {
        true => "job_is_final",
        false => "job_is_live",
    };
    ApiError::new(
        StatusCode::CONFLICT,
        code,
        order.told(id, Ordered::Not(state)).trim_end_matches('.'),
    )
}

fn twin_is_live(id: JobId, twin: JobId) -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "twin_is_live",
        format!("job {id} was left alone: job {twin} does the same, and is at work"),
    )
    .with_hint(format!("Look at GET {}, or cancel it first.", path(twin)))
}
