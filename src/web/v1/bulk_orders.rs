//! `GET /v1/bulk` and `GET /v1/bulk/{job_id}`: orders about many jobs, and how far they are.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use rolecall_core::JobId;
use rolecall_core::ports::{JobCursor, JobFilter};
use rolecall_jobs::bulk_order::BulkOrder;
use rolecall_jobs::kernel::job::Job as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::get_job::id_of;
use super::list_runs::link_header;
use crate::bulk_view::BulkView;
use crate::web::auth::right::{Allowed, ReadJobs};
use crate::web::http::cursor::{self, Place};
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// A page of orders about many jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkPage {
    /// Orders, newest first.
    orders: Vec<BulkView>,
    /// Cursor of the next page; null on the last.
    next: Option<String>,
}

/// Orders about many jobs, newest first.
#[utoipa::path(get, path = "/v1/bulk", tag = "Jobs", operation_id = "listBulkOrders",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 200; default 50"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page; `Link` leads to the next", body = BulkPage, headers(("Link" = String))),
        Refused,
    ))]
pub(crate) async fn list_bulk_orders(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
    mut params: Params,
) -> Result<(HeaderMap, Json<BulkPage>), ApiError> {
    const LIST: &str = "bulk";
    let limit = params.page_size();
    let after = params.text(&["cursor"]);
    params.finish_strictly()?;
    let after = after.map(|text| cursor::read(&text, LIST)).transpose()?;
    let after = after.map(|place| JobCursor {
        inserted_at: place.at,
        id: JobId(place.id),
    });
    let filter = JobFilter {
        kind: Some(BulkOrder::KIND.to_owned()),
        ..JobFilter::default()
    };
    let mut jobs = web.services.ledger.list(&filter, after, limit + 1).await?;
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    let next = jobs.last().filter(|_| more).map(|job| {
        let place = Place {
            at: job.inserted_at,
            id: job.id.0,
        };
        cursor::write(place, LIST)
    });
    let headers = link_header(next.as_deref(), "/v1/bulk", &[], limit);
    let orders = jobs.iter().filter_map(BulkView::of).collect();
    Ok((headers, Json(BulkPage { orders, next })))
}

/// An order about many jobs: what it is about, how far it is, and when it will be over.
#[utoipa::path(get, path = "/v1/bulk/{job_id}", tag = "Jobs", operation_id = "getBulkOrder",
    params(("job_id" = String, Path, description = "The order: the id of the job that does it")),
    responses((status = 200, description = "The order", body = BulkView), Refused, Missing))]
pub(crate) async fn get_bulk_order(
    State(web): State<Web>,
    _: Allowed<ReadJobs>,
    Path(id): Path<String>,
) -> Result<Json<BulkView>, ApiError> {
    Ok(Json(order(&web, id_of(&id)?).await?))
}

/// The order that a job carries out.
pub(super) async fn order(web: &Web, id: JobId) -> Result<BulkView, ApiError> {
    let found = BulkView::find(&web.services, id).await?;
    found.ok_or_else(|| {
        ApiError::not_found(
            "unknown_bulk_order",
            format!("there is no order {id} about many jobs"),
        )
    })
}
