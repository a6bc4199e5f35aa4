//! What every change over HTTP has around it: who asks, by which request, its audit record, and a task of its own; of a
//! guild or a mapping, its follow-up sync.

use std::future::Future;
use std::marker::PhantomData;

use axum::Json;
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::header::{ETAG, HeaderValue, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rolecall_core::audit::Act;
use rolecall_core::error::StoreError;
use rolecall_core::guild::GuildConfig;
use rolecall_core::{GuildId, MappingId, RunId};
use rolecall_jobs::kernel::audit::audited;
use rolecall_jobs::kernel::steering::By;
use rolecall_workflows::follow_up::{Asked, FollowUp};
use serde::Serialize;
use tracing::Instrument;

use super::auth::Caller;
use super::auth::right::{Allowed, Right};
use super::http::problem::ApiError;
use super::http::trace::RequestNames;
use super::state::Web;
use crate::run_view;

/// Who changes something, by which request.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) web: Web,
    pub(crate) caller: Caller,
    pub(crate) names: RequestNames,
    /// The route, such as `POST /discord/guilds`.
    route: String,
}

/// A change that its caller may make.
pub(crate) struct Changing<R>(pub(crate) Change, pub(crate) PhantomData<R>);

impl<R: Right> FromRequestParts<Web> for Changing<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let Allowed(caller, right) = Allowed::<R>::from_request_parts(parts, web).await?;
        let Ok(names) = RequestNames::from_request_parts(parts, web).await;
        let matched = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
        let change = Change {
            web: web.clone(),
            caller,
            names,
            route: route(parts.method.as_str(), matched.unwrap_or_default()),
        };
        Ok(Self(change, right))
    }
}

/// The same under whichever prefix it was asked for.
fn route(method: &str, matched: &str) -> String {
    let own = matched.rfind("/discord/").map_or(matched, |at| &matched[at..]);
    format!("{method} {own}")
}

impl Change {
    /// Does it in a task of its own: a caller who hangs up must not stop a change half-way.
    pub(crate) async fn whole<T, F>(&self, act: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        match tokio::spawn(act.in_current_span()).await {
            Ok(done) => done,
            Err(broken) => {
                Err(ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause(broken.to_string()))
            }
        }
    }

    /// Stores a sync of this guild that begins in a moment. Called *before* the change is written.
    pub(crate) async fn sync_soon(
        &self,
        guild: GuildId,
        mapping: Option<MappingId>,
    ) -> Result<RunId, ApiError> {
        let follow_up = FollowUp {
            guild,
            sync: Some(mapping),
            retire: None,
        };
        let services = &self.web.services;
        Ok(follow_up.store(services, &self.web.queue, self.asked()).await?)
    }

    /// The same of a guild that was configured, unless it is disabled.
    pub(crate) async fn follow_up(&self, guild: &GuildConfig) -> Result<Option<RunId>, ApiError> {
        match guild.is_enabled {
            true => self.sync_soon(guild.guild_id, None).await.map(Some),
            false => Ok(None),
        }
    }

    /// Who asked for it.
    pub(crate) fn asked(&self) -> Asked {
        Asked {
            cause: self.caller.cause(&self.route),
            trace: Some(self.names.traceparent.clone()),
        }
    }

    /// Who orders it, for this reason.
    pub(crate) fn by(&self, reason: String) -> By {
        self.caller.by(&reason, &self.names)
    }

    /// Records the act, then does it.
    pub(crate) async fn audited<T, E: From<StoreError>>(
        &self,
        act: Act,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        audited(&self.web.services, &self.by(String::new()), act, work).await
    }
}

/// What was done, in words, with the run that follows.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Done {
    /// In words.
    #[schema(example = "Guild configuration deleted successfully")]
    pub(crate) message: String,
    /// The run that follows, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sync_id: Option<String>,
}

/// 200 with this body; the tag of what is stored now, and where the sync that follows is found.
pub(crate) fn answer(body: impl Serialize, tag: Option<&str>, sync: Option<RunId>) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(tag) = tag.and_then(|t| HeaderValue::from_str(t).ok()) {
        headers.insert(ETAG, tag);
    }
    if let Some(place) = sync.and_then(|id| HeaderValue::from_str(&run_view::path(id)).ok()) {
        headers.insert(LOCATION, place);
    }
    (StatusCode::OK, headers, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::route;

    #[test]
    fn a_change_has_one_name_whatever_the_prefix() {
        for prefix in ["", "/api", "/falcon/v2", "/discord"] {
            let matched = format!("{prefix}/discord/guilds/{{guild_id}}");
            assert_eq!(route("PUT", &matched), "PUT /discord/guilds/{guild_id}");
        }
        assert_eq!(route("POST", "/v1/pauses"), "POST /v1/pauses");
    }
}
