//! `POST /v1/runs`.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use rolecall_core::run::Scope;
use rolecall_core::{MappingId, RunId};
use rolecall_workflows::request::SyncRequest;
use serde::Deserialize;
use utoipa::ToSchema;

use super::accepted;
use crate::run_view::RunView;
use crate::web::auth::right::{Allowed, ManageSync, Right, demand};
use crate::web::http::body::Body;
use crate::web::http::fields::{Fields, is_mapping_id};
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::trace::RequestNames;
use crate::web::state::Web;
use crate::web::wait::Preference;

/// What to sync. All is optional; nothing means everything.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct NewRun {
    /// These guilds; with `user_ids`, the users in these guilds.
    guild_ids: Option<Vec<String>>,
    /// These users.
    user_ids: Option<Vec<String>>,
    /// The guild of this mapping, and only its role. Not with the others.
    mapping_id: Option<String>,
    /// Plan only.
    dry_run: Option<bool>,
    /// Let removals pass the guard.
    allow_removals: Option<bool>,
}

/// Asks for a sync. Repeating it harms nothing. With `Prefer: wait=N`, the answer waits for its end.
#[utoipa::path(post, path = "/v1/runs", tag = "Runs", operation_id = "createRun",
    request_body(content = Option<NewRun>, description = "Optional"),
    params(("Prefer" = Option<String>, Header, description = "`wait=10`: seconds to wait for the end of the sync")),
    responses(
        (status = 200, description = "Ended while the caller waited; `Location` names the run", body = RunView,
            headers(("Location" = String), ("Preference-Applied" = String))),
        (status = 202, description = "Accepted; `Location` names the run", body = RunView,
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
pub(crate) async fn create_run(
    State(web): State<Web>,
    Allowed(caller, _): Allowed<ManageSync>,
    names: RequestNames,
    preference: Preference,
    Body(fields): Body,
) -> Result<Response, ApiError> {
    let (scope, dry_run) = read(fields)?;
    if scope.allow_removals {
        // Past the guard only somebody goes who answers for it.
        demand(&web, &caller, ManageSync::ANY_OF).await?;
    }
    let by = caller.by("POST /v1/runs", &names);
    let request = SyncRequest {
        scope,
        dry_run,
        trace: Some(names.traceparent),
        run_id: names.repeatable.map(RunId),
        ..SyncRequest::default()
    };
    let run = accepted::ask(&web, request, by).await?;
    let run = accepted::wait(&web, run, preference, Duration::ZERO).await;
    Ok(accepted::answer(&web, &run, preference, RunView::of(&run)))
}

fn read(mut fields: Fields) -> Result<(Scope, bool), ApiError> {
    let scope = Scope {
        guilds: fields.snowflakes("guild_ids"),
        users: fields.users("user_ids"),
        mapping: fields.text("mapping_id").map(MappingId),
        allow_removals: fields.flag("allow_removals").unwrap_or(false),
    };
    let dry_run = fields.flag("dry_run").unwrap_or(false);
    if let Some(mapping) = &scope.mapping {
        if !is_mapping_id(mapping.as_str()) {
            fields.wrong("mapping_id", "expected a mapping's id: 24 hex digits");
        }
        if !scope.guilds.is_empty() || !scope.users.is_empty() {
            fields.wrong("mapping_id", "cannot be combined with guild_ids or user_ids");
        }
    }
    fields.finish()?;
    Ok((scope, dry_run))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: &Value) -> Result<(Scope, bool), ApiError> {
        read(Fields::new(body.as_object().cloned().unwrap()))
    }

    #[test]
    fn users_and_guilds_can_be_named_together_and_a_mapping_alone() {
        let (scope, dry_run) =
            parse(&json!({"guild_ids": ["5"], "user_ids": ["a"], "dry_run": true})).unwrap();
        assert_eq!((scope.guilds.len(), scope.users.len(), dry_run), (1, 1, true));
        let id = "64b000000000000000000001";
        let (scope, _) = parse(&json!({"mapping_id": id, "allow_removals": true})).unwrap();
        assert_eq!((scope.mapping, scope.allow_removals), (Some(id.into()), true));
    }

    #[test]
    fn contradictions_and_unknown_properties_are_refused() {
        let id = "64b000000000000000000001";
        for body in [
            json!({"mapping_id": id, "guild_ids": ["5"]}),
            json!({"mapping_id": "x"}),
            json!({"guild_id": "5"}),
        ] {
            assert!(parse(&body).is_err(), "{body}");
        }
    }
}
