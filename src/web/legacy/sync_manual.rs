//! `POST /discord/sync/manual`.

use axum::extract::State;
use axum::response::Response;
use rolecall_core::run::Run;
use rolecall_workflows::request::{Refusal, SyncRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::estimate::estimated_duration;
use super::manual_request::{self, ManualRequest};
use crate::web::auth::right::{Allowed, ManageSync};
use crate::web::http::body::Body;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;
use crate::web::v1::accepted;

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

/// A sync that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManualSyncResponse {
    /// In words.
    message: String,
    /// The run's id.
    sync_id: String,
    /// Always true: the sync runs after this answer.
    is_async: bool,
    /// How long the last one like it took, or `unknown`.
    estimated_duration: String,
    /// Where it is, in the original's words.
    status: String,
    /// Where it is.
    state: String,
    /// What it covers.
    sync_type: String,
    /// Whether it only plans.
    dry_run: bool,
}

/// Asks for a sync. Repeating it harms nothing.
#[utoipa::path(post, path = "/discord/sync/manual", tag = "Discord Sync", operation_id = "triggerManualSync",
    request_body(content = Option<ManualSyncBody>, description = "Optional"),
    responses(
        (status = 202, description = "Accepted; `Location` names the run", body = ManualSyncResponse,
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
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let asked = resolve(&web, manual_request::read(fields)?).await?;
    let request = SyncRequest {
        scope: asked.scope,
        dry_run: asked.dry_run,
        trace: Some(names.traceparent),
        ..SyncRequest::default()
    };
    let cause = caller.cause("POST /discord/sync/manual");
    let run = accepted::ask(&web, request, cause).await?;
    let body = answer(&run, estimated_duration(&web, &run).await);
    Ok(accepted::answer(&run, body))
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

fn answer(run: &Run, estimated_duration: String) -> ManualSyncResponse {
    let what = if run.dry_run { "Sync preview" } else { "Sync" };
    ManualSyncResponse {
        message: format!("{what} started"),
        sync_id: run.id.to_string(),
        is_async: true,
        estimated_duration,
        status: run.state.legacy().to_owned(),
        state: run.state.as_str().to_owned(),
        sync_type: run.kind.as_str().to_owned(),
        dry_run: run.dry_run,
    }
}
