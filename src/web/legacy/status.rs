//! `GET /discord/status`: the state of the module. Always 200, because the frontend shows nothing else otherwise.

use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use rolecall_core::Timestamp;
use rolecall_core::error::StoreError;
use rolecall_core::guild::{GuildConfig, HealthStatus};
use rolecall_core::job::{Job, JobState};
use rolecall_core::ports::{JobFilter, RunFilter};
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::web::health;
use crate::web::http::limit::TooOften;
use crate::web::state::Web;

/// How long all reads together may take.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// Whoever asks too often is told what was seen within this time.
const SEEN_FOR: Duration = Duration::from_secs(1);
/// How many waiting jobs are looked at to judge Discord.
const JOBS_LOOKED_AT: usize = 20;

/// The state of the module.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusResponse {
    /// Always `discord`.
    module: String,
    /// `healthy`, `degraded` or `unhealthy`.
    status: String,
    /// What is wrong; empty if nothing is.
    message: String,
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
#[derive(Clone, Copy, Default)]
struct Facts {
    guilds: u64,
    links: u64,
    last_sync_at: Option<Timestamp>,
    discord_answers: bool,
    /// Enabled guilds in which the last look found that no sync is possible.
    broken_guilds: u64,
}

/// What was seen at one moment.
#[derive(Clone, Copy)]
struct Seen {
    facts: Result<Facts, NoFacts>,
    delivery_ok: bool,
    at: Timestamp,
}

/// What was seen last for those who ask too often: one look a second, however many they are.
#[derive(Default)]
pub(crate) struct LastLook(Mutex<Option<(Instant, Seen)>>);

impl LastLook {
    async fn or_look(&self, web: &Web) -> Seen {
        let mut last = self.0.lock().await;
        if let Some((looked, seen)) = *last
            && looked.elapsed() < SEEN_FOR
        {
            return seen;
        }
        let seen = look(web).await;
        *last = Some((Instant::now(), seen));
        seen
    }
}

/// The state of the module. Whoever asks too often is told what was seen within the last second.
#[utoipa::path(get, path = "/discord/status", tag = "Module Status", operation_id = "getDiscordStatus", security(()),
    responses((status = 200, description = "Always; the state is in the body", body = StatusResponse)))]
pub(crate) async fn status(
    State(web): State<Web>,
    too_often: Option<Extension<TooOften>>,
) -> Json<StatusResponse> {
    let seen = match too_often {
        None => look(&web).await,
        Some(_) => web.last_look.or_look(&web).await,
    };
    Json(describe(seen.facts, seen.delivery_ok, seen.at))
}

async fn look(web: &Web) -> Seen {
    let (facts, delivery) = tokio::join!(
        tokio::time::timeout(READ_TIMEOUT, read(web)),
        health::check_delivery(web)
    );
    let facts = match facts {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(error)) => {
            tracing::warn!("discord_api: the status could not be read: {error}");
            match error {
                StoreError::Corrupt(_) => Err(NoFacts::Unreadable),
                _ => Err(NoFacts::NoAnswer),
            }
        }
        Err(_) => Err(NoFacts::NoAnswer),
    };
    Seen {
        facts,
        delivery_ok: delivery.is_none_or(|check| check.is_ok()),
        at: web.services.clock.now(),
    }
}

/// Why there are no facts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NoFacts {
    /// The store did not answer.
    NoAnswer,
    /// It did, with something that cannot be read.
    Unreadable,
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
        services.runs.list(RunFilter::default(), None, 1),
        services.ledger.list(&waiting, None, JOBS_LOOKED_AT),
    )?;
    Ok(Facts {
        guilds: guilds.iter().filter(|g| g.is_enabled).count() as u64,
        links,
        last_sync_at: newest.first().map(|run| run.started_at),
        broken_guilds: guilds.iter().filter(|g| g.is_enabled && is_broken(g)).count() as u64,
        discord_answers: !waiting.iter().any(waits_for_discord),
    })
}

fn is_broken(guild: &GuildConfig) -> bool {
    let health = guild.health.as_ref();
    health.is_some_and(|h| h.status == HealthStatus::Unhealthy)
}

fn waits_for_discord(job: &Job) -> bool {
    let last = job.attempts.last();
    last.and_then(|a| a.error_code.as_deref()) == Some("discord_unavailable")
}

/// Pure.
fn describe(facts: Result<Facts, NoFacts>, delivery_ok: bool, now: Timestamp) -> StatusResponse {
    let mut wrong = Vec::new();
    let database_connected = !matches!(facts, Err(NoFacts::NoAnswer));
    match facts {
        Ok(_) => {}
        Err(NoFacts::NoAnswer) => wrong.push("The store does not answer.".to_owned()),
        Err(NoFacts::Unreadable) => {
            wrong.push("The store holds something that cannot be read; the log says what.".to_owned());
        }
    }
    let facts = facts.ok();
    if !delivery_ok {
        wrong.push(
            "The delivery (Redis) does not answer, or is unfit; workers do jobs from the store, slowly."
                .to_owned(),
        );
    }
    if facts.as_ref().is_some_and(|f| !f.discord_answers) {
        wrong.push("Discord does not answer; jobs are tried again.".to_owned());
    }
    if let Some(f) = facts.as_ref().filter(|f| f.broken_guilds > 0) {
        // Anybody may read this, so it names none; the list of guilds, for which a permission is needed, does.
        wrong.push(format!(
            "{} of {} guilds cannot be synced; GET /discord/guilds says why in last_error.",
            f.broken_guilds, f.guilds
        ));
    }
    let status = match (&facts, wrong.is_empty()) {
        (None, _) => "unhealthy",
        (Some(_), false) => "degraded",
        (Some(_), true) => "healthy",
    };
    let facts = facts.unwrap_or_default();
    StatusResponse {
        module: "discord".to_owned(),
        status: status.to_owned(),
        message: wrong.join(" "),
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

    fn facts(discord_answers: bool) -> Result<Facts, NoFacts> {
        Ok(Facts {
            guilds: 2,
            links: 9,
            last_sync_at: Some(Timestamp(0)),
            discord_answers,
            broken_guilds: 0,
        })
    }

    #[test]
    fn the_state_is_in_the_body() {
        for (facts, delivery_ok, expected) in [
            (facts(true), true, "healthy"),
            (facts(true), false, "degraded"),
            (facts(false), true, "degraded"),
            (Err(NoFacts::NoAnswer), true, "unhealthy"),
            (Err(NoFacts::Unreadable), true, "unhealthy"),
        ] {
            assert_eq!(describe(facts, delivery_ok, Timestamp(0)).status, expected);
        }
    }

    #[test]
    fn a_guild_that_cannot_be_synced_degrades_the_module_and_is_not_named() {
        let broken = facts(true).map(|f| Facts {
            broken_guilds: 1,
            ..f
        });
        let said = describe(broken, false, Timestamp(0));
        assert_eq!(said.status, "degraded");
        assert!(
            said.message.contains("Redis") && said.message.contains("1 of 2 guilds"),
            "{}",
            said.message
        );
        assert_eq!(describe(facts(true), true, Timestamp(0)).message, "");
    }

    #[test]
    fn a_store_that_answers_with_something_unreadable_is_not_called_silent() {
        let said = describe(Err(NoFacts::Unreadable), true, Timestamp(0));
        assert!(said.database_connected && !said.message.contains("does not answer"));
        assert!(said.message.contains("the log says what"), "{}", said.message);
    }

    #[test]
    fn an_unhealthy_module_counts_nothing_and_has_all_fields() {
        let body = serde_json::to_value(describe(Err(NoFacts::NoAnswer), false, Timestamp(0))).unwrap();
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
