//! `GET /v1/runs`.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::LINK;
use rolecall_core::GuildId;
use rolecall_core::ports::RunFilter;
use rolecall_core::run::RunState;

use crate::run_view::page::{Found, RunPage, list_name, words};
use crate::web::auth::right::{Allowed, ReadRuns};
use crate::web::http::cursor;
use crate::web::http::fields::SNOWFLAKE;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::query::Params;
use crate::web::state::Web;

/// Runs, newest first.
#[utoipa::path(get, path = "/v1/runs", tag = "Runs", operation_id = "listRuns",
    params(
        ("guild" = Option<String>, Query, description = "Only runs of this guild"),
        ("state" = Option<String>, Query, description = "Only runs in this state: `running`, `completed`, `partial`, \
            `failed` or `held`"),
        ("limit" = Option<u32>, Query, description = "1 to 200; default 50"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page; `Link` leads to the next", body = RunPage, headers(("Link" = String))),
        (status = 400, description = "A foreign cursor", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token lacks the permission", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Wrong values", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn list_runs(
    State(web): State<Web>,
    _: Allowed<ReadRuns>,
    mut params: Params,
) -> Result<(HeaderMap, Json<RunPage>), ApiError> {
    let guild: Option<GuildId> = params.parsed(&["guild", "guild_id"], SNOWFLAKE);
    let state = params.text(&["state"]);
    let state = state.as_deref().and_then(|name| {
        let state = RunState::from_name(name);
        if state.is_none() {
            let all = RunState::ALL.map(RunState::as_str).join(", ");
            params.wrong("state", format!("expected one of {all}"));
        }
        state
    });
    let limit = params.page_size();
    let cursor = params.text(&["cursor"]);
    params.finish_strictly()?;
    let filter = RunFilter { guild, state };
    let after = cursor
        .map(|text| cursor::read(&text, &list_name(filter)))
        .transpose()?;
    let found = Found::page(&web.services, filter, after, limit).await?;
    let headers = link_header(found.next.as_deref(), "/v1/runs", &words(filter), limit);
    Ok((headers, Json(found.view())))
}

/// `Link` to the next page, if there is one.
pub(crate) fn link_header(
    next: Option<&str>,
    path: &str,
    filter: &[(&str, String)],
    limit: usize,
) -> HeaderMap {
    let link = next.and_then(|next| cursor::next_link(path, filter, limit, next).parse().ok());
    link.map(|value| (LINK, value)).into_iter().collect()
}
