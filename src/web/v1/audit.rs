//! `GET /v1/audit`, `…/verify` and `…/export`: who did what.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use rolecall_core::audit::{AuditFilter, AuditRecord};
use rolecall_core::error::StoreError;
use rolecall_core::{Timestamp, query};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::list_runs::link_header;
use crate::trail;
use crate::web::auth::right::{Allowed, ReadAudit};
use crate::web::http::cursor::{self, Place};
use crate::web::http::problem::ApiError;
use crate::web::http::query::Params;
use crate::web::http::refused::{ForeignCursor, Refused};
use crate::web::state::Web;

/// A record of who did what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// Its place: 1, 2, 3, … without a gap.
    seq: u64,
    id: String,
    /// When.
    at: String,
    /// Who.
    actor: String,
    /// By which door: `api`, `cli` or `system`.
    via: String,
    /// What, such as `guild.updated`.
    action: String,
    /// On what, such as `guild:123456789012345678`.
    subject: String,
    /// The request that caused it.
    request_id: Option<String>,
    /// How it was; null also after it was erased with the person.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// How it was to become.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// Why.
    reason: Option<String>,
    /// Random text that `details` is computed with; null: before, after and reason were erased.
    salt: Option<String>,
    /// Digest of before, after, reason and salt.
    details: String,
    /// It is older than the chain.
    adopted: bool,
    /// Hash of the record before it.
    prev: String,
    /// Digest of the rest.
    hash: String,
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        Self {
            seq: record.seq,
            id: record.id.to_string(),
            at: record.at.to_rfc3339(),
            actor: record.actor,
            via: record.via.as_str().to_owned(),
            action: record.action,
            subject: record.subject,
            request_id: record.request_id,
            before: record.before,
            after: record.after,
            reason: record.reason,
            salt: record.salt,
            details: record.details,
            adopted: record.adopted,
            prev: record.prev,
            hash: record.hash,
        }
    }
}

/// A page of records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    /// Records, newest first.
    records: Vec<AuditView>,
    /// Cursor of the next page; null on the last.
    next: Option<String>,
}

/// What a look at the whole trail found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditVerdict {
    /// Whether every record is as it was written.
    whole: bool,
    /// The first that is not.
    seq: Option<u64>,
    /// What is wrong with it.
    problem: Option<String>,
    /// Records that were looked at, if all are right.
    records: Option<u64>,
    /// The last of them as `seq:hash`, to be kept elsewhere.
    head: Option<String>,
}

/// Who did what, newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "Audit", operation_id = "listAudit",
    params(
        ("actor" = Option<String>, Query, description = "Only what this actor did"),
        ("action" = Option<String>, Query, description = "Only acts of this name"),
        ("subject" = Option<String>, Query, description = "Only what was done to this"),
        ("since" = Option<String>, Query, description = "Not before then: a date, or so long ago"),
        ("until" = Option<String>, Query, description = "Before then"),
        ("limit" = Option<u32>, Query, description = "1 to 200; default 50"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page; `Link` leads to the next", body = AuditPage, headers(("Link" = String))),
        Refused, ForeignCursor,
    ))]
pub(crate) async fn list_audit(
    State(web): State<Web>,
    _: Allowed<ReadAudit>,
    mut params: Params,
) -> Result<(HeaderMap, Json<AuditPage>), ApiError> {
    let (filter, pairs) = filter(&mut params, web.services.clock.now());
    let limit = params.page_size();
    let cursor = params.text(&["cursor"]);
    params.finish_strictly()?;
    let list = format!("audit?{pairs:?}");
    let before = cursor.map(|text| cursor::read(&text, &list)).transpose()?;
    let before = before.map(|place| u64::try_from(place.at.0).unwrap_or_default());
    let mut records = web.services.audit.list(&filter, before, limit + 1).await?;
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(|record| {
        // Records have an order of their own: their place is the number that a cursor holds.
        let place = Place {
            at: Timestamp(i64::try_from(record.seq).unwrap_or(i64::MAX)),
            id: record.id,
        };
        cursor::write(place, &list)
    });
    let headers = link_header(next.as_deref(), "/v1/audit", &pairs, limit);
    let records = records.into_iter().map(AuditView::from).collect();
    Ok((headers, Json(AuditPage { records, next })))
}

/// Checks that no record was changed, removed or put in. Reads the whole trail.
#[utoipa::path(get, path = "/v1/audit/verify", tag = "Audit", operation_id = "verifyAudit",
    responses((status = 200, description = "What was found", body = AuditVerdict), Refused))]
pub(crate) async fn verify_audit(
    State(web): State<Web>,
    _: Allowed<ReadAudit>,
) -> Result<Json<AuditVerdict>, ApiError> {
    let verdict = match trail::verify(&*web.services.audit, None).await? {
        Ok(seen) => AuditVerdict {
            whole: true,
            seq: None,
            problem: None,
            records: Some(seen.records),
            head: Some(format!("{}:{}", seen.head.seq, seen.head.hash)),
        },
        Err(broken) => AuditVerdict {
            whole: false,
            seq: Some(broken.seq),
            problem: Some(broken.to_string()),
            records: None,
            head: None,
        },
    };
    Ok(Json(verdict))
}

/// Who did what, oldest first, a line of JSON each. Without a filter it is the whole trail, which others can check. A
/// store that fails on the way breaks the connection off: what ends well is all.
#[utoipa::path(get, path = "/v1/audit/export", tag = "Audit", operation_id = "exportAudit",
    params(
        ("actor" = Option<String>, Query, description = "Only what this actor did"),
        ("action" = Option<String>, Query, description = "Only acts of this name"),
        ("subject" = Option<String>, Query, description = "Only what was done to this"),
        ("since" = Option<String>, Query, description = "Not before then: a date, or so long ago"),
        ("until" = Option<String>, Query, description = "Before then"),
    ),
    responses(
        (status = 200, description = "Lines of JSON", body = AuditView, content_type = "application/jsonl",
            headers(("Content-Disposition" = String))),
        Refused,
    ))]
pub(crate) async fn export_audit(
    State(web): State<Web>,
    _: Allowed<ReadAudit>,
    mut params: Params,
) -> Result<Response, ApiError> {
    let (filter, _) = filter(&mut params, web.services.clock.now());
    params.finish_strictly()?;
    // The first page before the answer begins: a store that is down is an error with a status.
    let first = trail::page(&*web.services.audit, &filter, 0).await?;
    let pages = stream::try_unfold((web, filter, first), |(web, filter, page)| async move {
        let Some((records, last)) = page else {
            return Ok::<_, StoreError>(None);
        };
        let next = trail::page(&*web.services.audit, &filter, last).await?;
        let lines: String = records
            .iter()
            .map(|record| format!("{}\n", record.document()))
            .collect();
        Ok(Some((lines, (web, filter, next))))
    });
    let headers = [
        (CONTENT_TYPE, "application/jsonl"),
        (
            CONTENT_DISPOSITION,
            "attachment; filename=\"rolecall-audit.jsonl\"",
        ),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

/// The filter, and its parameters as they have to be repeated.
fn filter(params: &mut Params, now: Timestamp) -> (AuditFilter, Vec<(&'static str, String)>) {
    let (actor, action, subject) = (
        params.text(&["actor"]),
        params.text(&["action"]),
        params.text(&["subject"]),
    );
    let mut time = |name: &'static str| {
        let text = params.text(&[name])?;
        let at = query::time(&text, now);
        if at.is_none() {
            params.wrong(
                name,
                "expected a date such as 2026-11-25T10:00:00Z, or so long ago, such as 2h",
            );
        }
        at
    };
    let (since, until) = (time("since"), time("until"));
    // As dates: "two hours ago" is another time on the next page.
    let pairs = [
        ("actor", actor.clone()),
        ("action", action.clone()),
        ("subject", subject.clone()),
        ("since", since.map(Timestamp::to_rfc3339)),
        ("until", until.map(Timestamp::to_rfc3339)),
    ];
    let pairs = pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let filter = AuditFilter {
        actor,
        action,
        subject,
        since,
        until,
    };
    (filter, pairs)
}

#[cfg(test)]
mod tests {
    use rolecall_core::audit::{Act, Draft, Via};
    use rolecall_core::cause::Cause;

    use super::*;

    #[test]
    fn a_record_is_shown_as_it_is_exported() {
        let draft = Draft {
            id: uuid::Uuid::from_u128(5),
            at: Timestamp(1),
            cause: Cause::new("cli:root", "because"),
            via: Via::Cli,
            act: Act::new("a.b", "c").before(&1).after(&"x"),
            request_id: Some("r".to_owned()),
            salt: "s".to_owned(),
        };
        let record = AuditRecord::chained(draft, 7, "p");
        assert_eq!(
            serde_json::to_value(AuditView::from(record.clone())).unwrap(),
            record.document()
        );
    }
}
