//! `GET /v1/webhooks/{webhook_id}/deliveries`: what became of the events that an endpoint was told of.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use rolecall_core::JobId;
use rolecall_core::ports::JobCursor;
use rolecall_jobs::kernel::endpoints::EndpointError;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked_jobs::{self, Asked};
use super::list_runs::link_header;
use super::webhooks::id_of;
use crate::delivery_view::DeliveryView;
use crate::job_view::detail::every_state;
use crate::web::auth::right::{Allowed, ManageWebhooks};
use crate::web::http::cursor::{self, Place};
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::query::Params;
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPage {
    /// Deliveries, newest first.
    deliveries: Vec<DeliveryView>,
    /// Cursor of the next page; null on the last.
    next: Option<String>,
    /// How many of the whole list are in each state.
    counts: BTreeMap<String, u64>,
    /// How many the whole list has.
    total: u64,
}

/// Deliveries to an endpoint, newest first. They are jobs: `GET /v1/jobs?webhook=…` finds the same ones with all that is
/// known of them, and takes the same words.
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}/deliveries", tag = "Webhooks", operation_id = "listDeliveries",
    params(
        ("webhook_id" = String, Path, description = "The endpoint"),
        ("q" = Option<String>, Query, description = "A query: words such as `state:discarded`, words of error messages"),
        ("state" = Option<String>, Query, description = "In one of these states, comma-separated"),
        ("code" = Option<String>, Query, description = "Whose last failure has this code, such as `webhook_refused`"),
        ("since" = Option<String>, Query, description = "Stored since this time: an age such as `2h`, or a date"),
        ("until" = Option<String>, Query, description = "Stored before this time"),
        ("limit" = Option<u32>, Query, description = "1 to 200; default 50"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page; `Link` leads to the next", body = DeliveryPage, headers(("Link" = String))),
        (status = 400, description = "A foreign cursor", body = Problem, content_type = "application/problem+json"),
        Refused, Missing,
    ))]
pub(crate) async fn list_deliveries(
    State(web): State<Web>,
    _: Allowed<ManageWebhooks>,
    Path(id): Path<String>,
    mut params: Params,
) -> Result<(HeaderMap, Json<DeliveryPage>), ApiError> {
    let id = id_of(&id)?;
    let asked = asked_jobs::read(&mut params, web.services.clock.now());
    let limit = params.page_size();
    let cursor = params.text(&["cursor"]);
    if asked.query.job.is_some() || asked.query.filter.webhook_id.is_some() {
        params.wrong(
            "q",
            "the path says whose deliveries; one job is at /v1/jobs/{job_id}",
        );
    }
    params.finish_strictly()?;
    let Asked { query, pairs, list } = asked;
    let list = format!("deliveries {id} {list}");
    let after = cursor.map(|text| cursor::read(&text, &list)).transpose()?;
    let services = &web.services;
    if services.webhooks.get(id).await?.is_none() {
        return Err(EndpointError::Unknown(id).into());
    }
    let mut filter = asked_jobs::filter(&web, query).await?;
    filter.webhook_id = Some(id);
    let after = after.map(|place| JobCursor {
        inserted_at: place.at,
        id: JobId(place.id),
    });
    let mut jobs = services.ledger.list(&filter, after, limit + 1).await?;
    let more = jobs.len() > limit;
    jobs.truncate(limit);
    let next = jobs.last().filter(|_| more).map(|job| {
        let place = Place {
            at: job.inserted_at,
            id: job.id.0,
        };
        cursor::write(place, &list)
    });
    let path = format!("/v1/webhooks/{id}/deliveries");
    let headers = link_header(next.as_deref(), &path, &pairs, limit);
    let counts = services.ledger.counts(&filter).await?;
    let page = DeliveryPage {
        deliveries: jobs.iter().map(DeliveryView::of).collect(),
        next,
        total: counts.iter().map(|(_, n)| n).sum(),
        counts: every_state(&counts),
    };
    Ok((headers, Json(page)))
}
