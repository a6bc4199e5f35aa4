//! An endpoint as it is shown, over HTTP and at the command line.

use rolecall_core::Timestamp;
use rolecall_core::webhook::{Endpoint, Sink};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

/// An endpoint of events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndpointView {
    id: String,
    /// `webhook` or `discord_channel`.
    sink: &'static str,
    /// Where a webhook's messages go; null for a channel.
    url: Option<String>,
    /// The guild of the channel; null for a webhook.
    guild_id: Option<String>,
    /// The channel; null for a webhook.
    channel_id: Option<String>,
    /// What it hears of; empty: everything.
    events: Vec<&'static str>,
    /// What it is for.
    description: String,
    /// Whether anything is sent to it.
    enabled: bool,
    /// Why it was switched off, if it was not by order.
    disabled_reason: Option<String>,
    /// When that was.
    disabled_at: Option<String>,
    /// Attempts that failed since the last one that did not.
    failures: u64,
    /// When the first of them did.
    failing_since: Option<String>,
    /// When the last of them did.
    failed_at: Option<String>,
    /// Until when messages are signed with the secret before this one, too.
    old_secret_until: Option<String>,
    created_at: String,
    /// Who made it.
    created_by: String,
    /// The secret that its messages are signed with: told once, when it is made or replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl EndpointView {
    /// Without its secret.
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        let (mut url, mut guild_id, mut channel_id) = (None, None, None);
        match &endpoint.sink {
            Sink::Webhook { url: own } => url = Some(own.clone()),
            Sink::DiscordChannel {
                guild_id: guild,
                channel_id: channel,
            } => (guild_id, channel_id) = (Some(guild.to_string()), Some(channel.to_string())),
        }
        Self {
            id: endpoint.id.to_string(),
            sink: endpoint.sink.as_str(),
            url,
            guild_id,
            channel_id,
            events: endpoint.events.iter().map(|kind| kind.as_str()).collect(),
            description: endpoint.description.clone(),
            enabled: endpoint.enabled,
            disabled_reason: endpoint.disabled_reason.clone(),
            disabled_at: endpoint.disabled_at.map(Timestamp::to_rfc3339),
            failures: endpoint.failures,
            failing_since: endpoint.failing_since.map(Timestamp::to_rfc3339),
            failed_at: endpoint.failed_at.map(Timestamp::to_rfc3339),
            old_secret_until: endpoint.old_secret_until.map(Timestamp::to_rfc3339),
            created_at: endpoint.created_at.to_rfc3339(),
            created_by: endpoint.created_by.clone(),
            secret: None,
        }
    }

    /// With the secret that was just made.
    pub(crate) fn with_secret(endpoint: &Endpoint, secret: Option<&SecretString>) -> Self {
        Self {
            secret: secret.map(|secret| secret.expose_secret().to_owned()),
            ..Self::of(endpoint)
        }
    }
}
