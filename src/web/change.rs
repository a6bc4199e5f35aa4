//! What every change of a guild or a mapping has around it: its follow-up sync, its audit record, and a task of its own.

use std::future::Future;

use axum::Json;
use axum::http::header::{ETAG, HeaderValue, LOCATION};
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
    pub(crate) route: &'static str,
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
            cause: self.caller.cause(self.route),
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
