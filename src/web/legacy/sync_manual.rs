//! `POST /discord/sync/manual`.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use rolecall_core::RunId;
use rolecall_workflows::request::{Refusal, SyncRequest};
use serde::Deserialize;
use utoipa::ToSchema;

use super::manual_request::{self, ManualRequest};
use super::sync_answer::{self, SyncResponse};
use crate::web::auth::right::{Allowed, ManageSync};
use crate::web::http::body::Body;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;
use crate::web::v1::accepted;
use crate::web::wait::Preference;

/// What to sync. All is optional; nothing means everything.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct ManualSyncBody {
    /// This guild.
    guild_id: Option<String>,
    /// These guilds.
    guild_ids: Option<Vec<String>>,
    /// These users, unless guilds are named.
    user_ids: Option<Vec<String>>,
    /// These mappings.
    mapping_ids: Option<Vec<String>>,
    /// Plan only.
    dry_run: Option<bool>,
    /// `full`, `guild`, `user`, `mapping`, `selective`, `manual` or `incremental`.
    sync_type: Option<String>,
}

/// Asks for a sync. Repeating it harms nothing. If it is about one user, the answer waits for its end as that of
/// `/discord/sync/user/{user_id}` does, else only with `Prefer: wait=N`.
#[utoipa::path(post, path = "/discord/sync/manual", tag = "Discord Sync", operation_id = "triggerManualSync",
    request_body(content = Option<ManualSyncBody>, description = "Optional"),
    params(("Prefer" = Option<String>, Header,
        description = "`wait=10`: seconds to wait for the end of the sync; `respond-async`: do not wait")),
    responses(
        (status = 200, description = "Ended while the caller waited", body = SyncResponse,
            headers(("Location" = String), ("Preference-Applied" = String))),
        (status = 202, description = "Accepted; `Location` names the run", body = SyncResponse,
            headers(("Location" = String), ("Retry-After" = u32))),
        (status = 400, description = "No JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "Unknown guild, mapping or user", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Disabled guild, or none", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Wrong values", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn sync_manual(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageSync>,
    names: RequestNames,
    preference: Preference,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let asked = resolve(&web, manual_request::read(fields)?).await?;
    let by = caller.by("POST /discord/sync/manual", &names);
    let request = SyncRequest {
        scope: asked.scope,
        dry_run: asked.dry_run,
        trace: Some(names.traceparent),
        run_id: names.repeatable.map(RunId),
        ..SyncRequest::default()
    };
    let run = accepted::ask(&web, request, by).await?;
    let default = match run.scope.users.len() {
        1 => web.config.api.sync_wait,
        _ => Duration::ZERO,
    };
    let run = accepted::wait(&web, run, preference, default).await;
    let body = sync_answer::answer(&web, &run).await;
    Ok(accepted::answer(&web, &run, preference, body))
}

/// Several mappings are their guilds.
async fn resolve(web: &Web, mut asked: ManualRequest) -> Result<ManualRequest, Refusal> {
    for id in std::mem::take(&mut asked.mappings) {
        let mapping = web
            .services
            .mappings
            .get(&id)
            .await?
            .ok_or(Refusal::UnknownMapping(id))?;
        if !asked.scope.guilds.contains(&mapping.guild_id) {
            asked.scope.guilds.push(mapping.guild_id);
        }
    }
    Ok(asked)
}
