//! `/v1/webhooks`: who is told of events.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::IntoResponse;
use rolecall_core::event::EventType;
use rolecall_core::webhook::{EndpointId, Sink};
use rolecall_core::{ChannelId, GuildId};
use rolecall_jobs::kernel::endpoints::{EndpointChange, EndpointError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::endpoint_view::EndpointView;
use crate::web::auth::right::{Allowed, ManageWebhooks};
use crate::web::change::Changing;
use crate::web::http::body::Body;
use crate::web::http::fields::Fields;
use crate::web::http::problem::{ApiError, Detail};
use crate::web::http::refused::{Missing, Refused};
use crate::web::state::Web;

/// The answer holds a secret.
const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];
/// Most characters of a description.
pub(crate) const LONGEST_DESCRIPTION: usize = 200;

/// Where events go, and which.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "only the document needs it; the body is read field by field"
)]
pub(crate) struct WebhookBody {
    /// Where messages are sent to, by https. Either this, or `guild_id` and `channel_id`.
    url: Option<String>,
    /// The guild of a channel that is told: its bot speaks.
    guild_id: Option<String>,
    /// The channel.
    channel_id: Option<String>,
    /// What it hears of; empty: everything.
    events: Option<Vec<String>>,
    /// What it is for.
    description: Option<String>,
    /// Whether anything is sent to it. Switched on again, what failed before does not count.
    enabled: Option<bool>,
}

/// All endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndpointList {
    /// The oldest first.
    webhooks: Vec<EndpointView>,
}

/// A test that is under way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestView {
    /// The job that sends it: `GET /v1/jobs/{job_id}` tells what became of it.
    job_id: String,
}

/// Who is told of events, the oldest first.
#[utoipa::path(get, path = "/v1/webhooks", tag = "Webhooks", operation_id = "listWebhooks",
    responses((status = 200, description = "All endpoints", body = EndpointList), Refused))]
pub(crate) async fn list_webhooks(
    State(web): State<Web>,
    _: Allowed<ManageWebhooks>,
) -> Result<Json<EndpointList>, ApiError> {
    let all = web.services.webhooks.list().await?;
    Ok(Json(EndpointList {
        webhooks: all
            .iter()
            .map(|stored| EndpointView::of(&stored.endpoint))
            .collect(),
    }))
}

/// Makes an endpoint. Its secret is in this answer and in no other.
#[utoipa::path(post, path = "/v1/webhooks", tag = "Webhooks", operation_id = "createWebhook",
    request_body(content = WebhookBody),
    responses((status = 201, description = "The endpoint, with its secret", body = EndpointView), Refused))]
pub(crate) async fn create_webhook(
    Changing(change, _): Changing<ManageWebhooks>,
    Body(mut fields): Body,
) -> Result<impl IntoResponse, ApiError> {
    let wanted = read(&mut fields);
    if wanted.sink.is_none() {
        fields.require("url");
    }
    fields.finish()?;
    let (web, by) = (change.web.clone(), change.by(String::new()));
    let act = async move {
        let Some(sink) = wanted.sink else {
            return Err(ApiError::invalid(Vec::new()));
        };
        let (events, words) = (
            wanted.events.unwrap_or_default(),
            wanted.description.unwrap_or_default(),
        );
        let (mut endpoint, secret) = web.steering.add_endpoint(sink, events, words, &by).await?;
        if wanted.enabled == Some(false) {
            let off = EndpointChange {
                enabled: Some(false),
                ..EndpointChange::default()
            };
            endpoint = web.steering.change_endpoint(endpoint.id, off, &by).await?;
        }
        let view = EndpointView::with_secret(&endpoint, secret.as_ref());
        Ok((StatusCode::CREATED, NO_STORE, Json(view)))
    };
    change.whole(act).await
}

/// One endpoint.
#[utoipa::path(get, path = "/v1/webhooks/{webhook_id}", tag = "Webhooks", operation_id = "getWebhook",
    params(("webhook_id" = String, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint", body = EndpointView), Refused, Missing))]
pub(crate) async fn get_webhook(
    State(web): State<Web>,
    _: Allowed<ManageWebhooks>,
    Path(id): Path<String>,
) -> Result<Json<EndpointView>, ApiError> {
    let id = id_of(&id)?;
    let found = web.services.webhooks.get(id).await?;
    let found = found.ok_or(EndpointError::Unknown(id))?;
    Ok(Json(EndpointView::of(&found.endpoint)))
}

/// Changes an endpoint: what is not sent stays.
#[utoipa::path(patch, path = "/v1/webhooks/{webhook_id}", tag = "Webhooks", operation_id = "changeWebhook",
    params(("webhook_id" = String, Path, description = "The endpoint")),
    request_body(content = Option<WebhookBody>, description = "What is left out stays as it is"),
    responses((status = 200, description = "The endpoint", body = EndpointView), Refused, Missing))]
pub(crate) async fn change_webhook(
    Changing(change, _): Changing<ManageWebhooks>,
    Path(id): Path<String>,
    Body(mut fields): Body,
) -> Result<Json<EndpointView>, ApiError> {
    let id = id_of(&id)?;
    let wanted = read(&mut fields);
    fields.finish()?;
    let (web, by) = (change.web.clone(), change.by(String::new()));
    let act = async move {
        let endpoint = web.steering.change_endpoint(id, wanted, &by).await?;
        Ok(Json(EndpointView::of(&endpoint)))
    };
    change.whole(act).await
}

/// Removes an endpoint. What is under way to it is dropped.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook_id}", tag = "Webhooks", operation_id = "deleteWebhook",
    params(("webhook_id" = String, Path, description = "The endpoint")),
    responses((status = 204, description = "It is gone"), Refused, Missing))]
pub(crate) async fn delete_webhook(
    Changing(change, _): Changing<ManageWebhooks>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = id_of(&id)?;
    let (web, by) = (change.web.clone(), change.by(String::new()));
    let act = async move {
        web.steering.remove_endpoint(id, &by).await?;
        Ok(StatusCode::NO_CONTENT)
    };
    change.whole(act).await
}

/// Sends a test event to an endpoint, whatever it asked for.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/test", tag = "Webhooks", operation_id = "testWebhook",
    params(("webhook_id" = String, Path, description = "The endpoint")),
    responses((status = 202, description = "The job that sends it", body = TestView), Refused, Missing))]
pub(crate) async fn test_webhook(
    Changing(change, _): Changing<ManageWebhooks>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<TestView>), ApiError> {
    let id = id_of(&id)?;
    let (web, by) = (change.web.clone(), change.by(String::new()));
    let act = async move {
        let job = web.steering.test_endpoint(id, &by).await?;
        let view = TestView {
            job_id: job.to_string(),
        };
        Ok((StatusCode::ACCEPTED, Json(view)))
    };
    change.whole(act).await
}

/// Replaces an endpoint's secret. For a day messages are signed with both; the new one is in this answer and in no other.
#[utoipa::path(post, path = "/v1/webhooks/{webhook_id}/rotate", tag = "Webhooks", operation_id = "rotateWebhook",
    params(("webhook_id" = String, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint, with its new secret", body = EndpointView), Refused, Missing))]
pub(crate) async fn rotate_webhook(
    Changing(change, _): Changing<ManageWebhooks>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let id = id_of(&id)?;
    let (web, by) = (change.web.clone(), change.by(String::new()));
    let act = async move {
        let (endpoint, secret) = web.steering.rotate_endpoint(id, &by).await?;
        Ok((
            NO_STORE,
            Json(EndpointView::with_secret(&endpoint, Some(&secret))),
        ))
    };
    change.whole(act).await
}

pub(super) fn id_of(text: &str) -> Result<EndpointId, ApiError> {
    text.parse().map_err(|_| {
        ApiError::invalid(vec![Detail::at(
            "path.webhook_id",
            "expected an endpoint's id: a UUID",
        )])
    })
}

/// What a body asks for; what is wrong in it stays with the fields.
fn read(fields: &mut Fields) -> EndpointChange {
    let url = fields.text("url");
    let guild: Option<GuildId> = fields.snowflake("guild_id");
    let channel: Option<ChannelId> = fields.snowflake("channel_id");
    let sink = match (url, guild, channel) {
        (Some(url), None, None) => Some(Sink::Webhook { url }),
        (None, Some(guild_id), Some(channel_id)) => Some(Sink::DiscordChannel { guild_id, channel_id }),
        (Some(_), ..) => {
            fields.wrong("url", "either an address, or a guild_id and a channel_id");
            None
        }
        (None, Some(_), None) => {
            fields.require("channel_id");
            None
        }
        (None, None, Some(_)) => {
            fields.require("guild_id");
            None
        }
        (None, None, None) => None,
    };
    let names: Option<Vec<String>> = fields
        .has("events")
        .then(|| fields.list("events", "an event's name"));
    let events = names.map(|names| {
        let mut events = BTreeSet::new();
        for name in names {
            match EventType::from_name(&name) {
                Some(kind) => drop(events.insert(kind)),
                None => {
                    let known: Vec<_> = EventType::all().map(EventType::as_str).collect();
                    fields.wrong("events", format!("{name:?} is no event: {}", known.join(", ")));
                }
            }
        }
        events
    });
    EndpointChange {
        sink,
        events,
        description: fields.line("description", LONGEST_DESCRIPTION),
        enabled: fields.flag("enabled"),
    }
}

impl From<EndpointError> for ApiError {
    fn from(error: EndpointError) -> Self {
        let detail = error.to_string();
        match error {
            EndpointError::Store(error) => error.into(),
            EndpointError::Unknown(_) => Self::not_found("unknown_webhook", detail),
            EndpointError::Address(why) => Self::invalid(vec![Detail::at("/url", why)]),
            EndpointError::NoSecret => Self::new(StatusCode::CONFLICT, "webhook_has_no_secret", detail),
            EndpointError::Disabled => Self::new(StatusCode::CONFLICT, "webhook_disabled", detail),
            EndpointError::Changed => Self::new(StatusCode::CONFLICT, "webhook_busy", detail),
        }
    }
}
