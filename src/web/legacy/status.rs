//! `GET /discord/status`: the state of the module. Always 200, because the frontend shows nothing else otherwise.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::job::{Job, JobState};
use rolecall_core::ports::JobFilter;
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::health;
use crate::web::state::Web;

/// How long all reads together may take.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// How many waiting jobs are looked at to judge Discord.
const JOBS_LOOKED_AT: usize = 20;

/// The state of the module.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusResponse {
    /// Always `discord`.
    module: String,
    /// `healthy`, `degraded` or `unhealthy`.
    status: String,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Enabled guilds.
    configured_guilds: u64,
    /// Linked accounts.
    active_users: u64,
    /// When the newest sync began.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_sync_at: Option<String>,
    /// Whether the store answers.
    database_connected: bool,
    /// Whether no job waits at present because Discord did not answer it.
    discord_api_healthy: bool,
    /// Now.
    last_check: String,
    /// Version of this binary.
    version: String,
}

/// What was read.
#[derive(Default)]
struct Facts {
    guilds: u64,
    links: u64,
    last_sync_at: Option<Timestamp>,
    discord_answers: bool,
}

/// The state of the module.
#[utoipa::path(get, path = "/discord/status", tag = "Module Status", operation_id = "getDiscordStatus", security(()),
    responses((status = 200, description = "Always; the state is in the body", body = StatusResponse)))]
pub(crate) async fn status(State(web): State<Web>) -> Json<StatusResponse> {
    let (facts, delivery) = tokio::join!(
        tokio::time::timeout(READ_TIMEOUT, read(&web)),
        health::check_delivery(&web)
    );
    let facts = match facts {
        Ok(Ok(facts)) => Some(facts),
        Ok(Err(error)) => {
            tracing::warn!("discord_api: the status could not be read: {error}");
            None
        }
        Err(_) => None,
    };
    let delivery_ok = delivery.is_none_or(|check| check.is_ok());
    Json(describe(facts, delivery_ok, web.services.clock.now()))
}

async fn read(web: &Web) -> Result<Facts, StoreError> {
    let services = &web.services;
    let waiting = JobFilter {
        states: vec![JobState::Retryable],
        ..JobFilter::default()
    };
    let (guilds, links, newest, waiting) = tokio::try_join!(
        services.guilds.list(),
        services.links.count_active(),
        services.runs.list(None, None, 1),
        services.ledger.list(&waiting, None, JOBS_LOOKED_AT),
    )?;
    Ok(Facts {
        guilds: guilds.iter().filter(|g| g.is_enabled).count() as u64,
        links,
        last_sync_at: newest.first().map(|run| run.started_at),
        discord_answers: !waiting.iter().any(waits_for_discord),
    })
}

fn waits_for_discord(job: &Job) -> bool {
    let last = job.attempts.last();
    last.and_then(|a| a.error_code.as_deref()) == Some("discord_unavailable")
}

/// Pure. No facts: the store did not answer.
fn describe(facts: Option<Facts>, delivery_ok: bool, now: Timestamp) -> StatusResponse {
    let (status, message) = match &facts {
        None => ("unhealthy", Some("The store does not answer.")),
        Some(_) if !delivery_ok => (
            "degraded",
            Some("The delivery (Redis) does not answer; jobs wait for it."),
        ),
        Some(f) if !f.discord_answers => ("degraded", Some("Discord does not answer; jobs are tried again.")),
        Some(_) => ("healthy", None),
    };
    let database_connected = facts.is_some();
    let facts = facts.unwrap_or_default();
    StatusResponse {
        module: "discord".to_owned(),
        status: status.to_owned(),
        message: message.map(ToOwned::to_owned),
        configured_guilds: facts.guilds,
        active_users: facts.links,
        last_sync_at: facts.last_sync_at.map(Timestamp::to_rfc3339),
        database_connected,
        discord_api_healthy: facts.discord_answers,
        last_check: now.to_rfc3339(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(discord_answers: bool) -> Option<Facts> {
        Some(Facts {
            guilds: 2,
            links: 9,
            last_sync_at: Some(Timestamp(0)),
            discord_answers,
        })
    }

    #[test]
    fn the_state_is_in_the_body() {
        for (facts, delivery_ok, expected) in [
            (facts(true), true, "healthy"),
            (facts(true), false, "degraded"),
            (facts(false), true, "degraded"),
            (None, true, "unhealthy"),
        ] {
            assert_eq!(describe(facts, delivery_ok, Timestamp(0)).status, expected);
        }
    }

    #[test]
    fn an_unhealthy_module_counts_nothing_and_has_all_fields() {
        let body = serde_json::to_value(describe(None, false, Timestamp(0))).unwrap();
        assert_eq!(
            (&body["configured_guilds"], &body["database_connected"]),
            (&0.into(), &false.into())
        );
        for field in [
            "module",
            "message",
            "active_users",
            "discord_api_healthy",
            "last_check",
            "version",
        ] {
            assert!(body.get(field).is_some(), "{field}");
        }
    }
}
