//! All routes.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use tokio_util::sync::CancellationToken;

use super::auth::memory::Memory;
use super::auth::same_site::Origins;
use super::http::cors;
use super::http::layers::{self, Gates};
use super::http::limit::Limits;
use super::http::read_only::ReadOnly;
use super::http::repeats;
use super::legacy::{guilds, mappings, users};
use super::state::Web;
use super::{health, legacy, metrics, openapi, v1};
use crate::app::App;

/// Everything that is answered over HTTP.
pub fn router(app: Arc<App>, stop: CancellationToken) -> Router {
    let routes = all(&app.config.api_prefix);
    let memory = Arc::new(Memory::default());
    let web = Web::new(app, stop, memory);
    // Inside all gates: what they refuse is not asked for.
    let routes = routes.layer(from_fn_with_state(web.clone(), repeats::check));
    let api = &web.config.api;
    let gates = Gates {
        cors: cors::layer(&api.cors_origins),
        limits: Limits::new(
            api,
            web.jwt_secret.clone(),
            Arc::clone(&web.memory),
            legacy::auth::callback::turned_away(&web.config.accounts),
        ),
        origins: Origins(api.cors_origins.clone().into()),
        read_only: ReadOnly(api.read_only),
    };
    layers::around(routes, Some(gates)).with_state(web)
}

/// `/livez`, `/readyz` and `/health` only, for processes that answer nothing else.
pub fn health_router(app: Arc<App>, stop: CancellationToken) -> Router {
    layers::around(health_routes(), None).with_state(Web::new(app, stop, Arc::default()))
}

/// `/metrics` only, for everybody: for an address of its own.
pub(super) fn metrics_router(app: Arc<App>, stop: CancellationToken) -> Router {
    let routes = Router::new().route("/metrics", get(metrics::open));
    layers::around(routes, None).with_state(Web::new(app, stop, Arc::default()))
}

fn all(api_prefix: &str) -> Router<Web> {
    let mut routes = health_routes()
        .route("/metrics", get(metrics::metrics))
        .route(
            "/v1/runs",
            get(v1::list_runs::list_runs).post(v1::create_run::create_run),
        )
        .route("/v1/runs/{run_id}", get(v1::get_run::get_run))
        .route("/v1/runs/{run_id}/events", get(v1::run_events::run_events))
        .route("/v1/me/export", get(v1::me_export::export_own))
        .merge(job_routes())
        .merge(webhook_routes());
    for prefix in prefixes(api_prefix) {
        let at = |path: &str| format!("{prefix}/discord{path}");
        routes = documents(routes, prefix)
            .route(&at("/status"), get(legacy::status::status))
            .route(&at("/auth/login"), get(legacy::auth::login::login))
            .route(&at("/auth/callback"), get(legacy::auth::callback::callback))
            .route(&at("/auth/link"), post(legacy::auth::link::link))
            .route(&at("/link"), post(legacy::auth::link::link))
            .route(
                &at("/auth/unlink/{discord_id}"),
                delete(legacy::auth::unlink::unlink),
            )
            .route(&at("/auth/status"), get(legacy::auth::auth_status::auth_status))
            .route(
                &at("/user/profile"),
                get(legacy::auth::user_profile::user_profile),
            )
            .route(&at("/sync/status"), get(legacy::sync_status::sync_status))
            .route(&at("/sync/manual"), post(legacy::sync_manual::sync_manual))
            .route(&at("/sync/user/{user_id}"), post(legacy::sync_user::sync_user))
            .route(&at("/users"), get(users::list::list_users))
            .route(&at("/users/{user_id}"), get(users::get::get_user))
            .route(
                &at("/guilds"),
                get(guilds::list::list_guilds).post(guilds::create::create_guild),
            )
            .route(
                &at("/guilds/{guild_id}"),
                get(guilds::get::get_guild)
                    .put(guilds::update::update_guild)
                    .delete(guilds::delete::delete_guild),
            )
            .route(&at("/guilds/{guild_id}/roles"), get(guilds::roles::guild_roles))
            .route(
                &at("/guilds/{guild_id}/members/{discord_id}"),
                get(guilds::member::guild_member),
            )
            .route(
                &at("/guilds/{guild_id}/role-mappings"),
                get(mappings::list_of_guild::list_mappings).post(mappings::create::create_mapping),
            )
            .route(&at("/role-mappings"), get(mappings::list::list_all_mappings))
            .route(
                &at("/role-mappings/{mapping_id}"),
                get(mappings::get::get_mapping)
                    .put(mappings::update::update_mapping)
                    .delete(mappings::delete::delete_mapping),
            );
    }
    routes
}

/// Jobs, and what operators do to them.
fn job_routes() -> Router<Web> {
    use v1::{order_job, pauses, queues, schedules, workers};
    Router::new()
        .route("/v1/jobs", get(v1::list_jobs::list_jobs))
        .route("/v1/jobs/{job_id}", get(v1::get_job::get_job))
        .route("/v1/jobs/{job_id}/retry", post(order_job::retry_job))
        .route("/v1/jobs/{job_id}/cancel", post(order_job::cancel_job))
        .route("/v1/jobs/{job_id}/discard", post(order_job::discard_job))
        .route("/v1/jobs/{job_id}/reschedule", post(order_job::reschedule_job))
        .route("/v1/jobs/{job_id}/clone", post(order_job::clone_job))
        .route(
            "/v1/bulk",
            get(v1::bulk_orders::list_bulk_orders).post(v1::bulk::bulk_order),
        )
        .route("/v1/bulk/{job_id}", get(v1::bulk_orders::get_bulk_order))
        .route("/v1/dead-letters", get(v1::dead_letters::list_dead_letters))
        .route("/v1/dead-letters/mark", post(v1::mark_cause::mark_dead_letters))
        .route(
            "/v1/dead-letters/check",
            post(v1::check_cause::check_dead_letters),
        )
        .route("/v1/runs/{run_id}/cancel", post(v1::order_run::cancel_run))
        .route("/v1/runs/{run_id}/retry", post(v1::order_run::retry_run))
        .route("/v1/audit", get(v1::audit::list_audit))
        .route("/v1/audit/verify", get(v1::audit::verify_audit))
        .route("/v1/audit/export", get(v1::audit::export_audit))
        .route("/v1/pauses", get(pauses::list_pauses).post(pauses::create_pause))
        .route("/v1/pauses/{pause_id}", delete(pauses::end_pause))
        .route("/v1/queues", get(queues::list_queues))
        .route("/v1/queues/{queue}", get(queues::get_queue))
        .route("/v1/discord/budget", get(v1::budget::get_budget))
        .route("/v1/workers", get(workers::list_workers))
        .route("/v1/workers/{worker_id}/drain", post(workers::drain_worker))
        .route("/v1/workers/{worker_id}/undrain", post(workers::undrain_worker))
        .route("/v1/schedules", get(schedules::list_schedules))
        .route("/v1/schedules/{name}/run", post(schedules::run_schedule))
        .route("/v1/schedules/{name}/enable", post(schedules::enable_schedule))
        .route("/v1/schedules/{name}/disable", post(schedules::disable_schedule))
}

/// Who is told of events.
fn webhook_routes() -> Router<Web> {
    use v1::webhooks;
    Router::new()
        .route(
            "/v1/webhooks",
            get(webhooks::list_webhooks).post(webhooks::create_webhook),
        )
        .route(
            "/v1/webhooks/{webhook_id}",
            get(webhooks::get_webhook)
                .patch(webhooks::change_webhook)
                .delete(webhooks::delete_webhook),
        )
        .route(
            "/v1/webhooks/{webhook_id}/deliveries",
            get(v1::webhook_deliveries::list_deliveries),
        )
        .route("/v1/webhooks/{webhook_id}/test", post(webhooks::test_webhook))
        .route("/v1/webhooks/{webhook_id}/rotate", post(webhooks::rotate_webhook))
}

/// The document and its viewer.
fn documents(routes: Router<Web>, prefix: &str) -> Router<Web> {
    routes
        .route(&format!("{prefix}/openapi.json"), get(openapi::serve::document))
        .route(&format!("{prefix}/docs"), get(openapi::viewer::page))
        .route(&format!("{prefix}/docs/"), get(openapi::viewer::with_slash))
        .route(&format!("{prefix}/docs/{{file}}"), get(openapi::viewer::file))
}

fn health_routes() -> Router<Web> {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/health", get(health::health))
}

/// Where the legacy paths and the documents begin: nowhere, at `/api`, and at the configured prefix.
fn prefixes(api_prefix: &str) -> Vec<&str> {
    let mut out = vec!["", "/api"];
    // The router would read these as patterns.
    if api_prefix.contains(['{', '}', '*', ':', '?', '#', ' ']) {
        tracing::warn!("discord_api: API_PREFIX {api_prefix:?} is no plain path and is left out");
    } else if !out.contains(&api_prefix) {
        out.push(api_prefix);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_routes_collide_whatever_the_prefix() {
        for prefix in ["", "/api", "/falcon/v2", "/v1", "/discord", "/{x}"] {
            let _ = all(prefix);
        }
        assert_eq!(prefixes("/api"), ["", "/api"]);
        assert_eq!(prefixes("/falcon"), ["", "/api", "/falcon"]);
        assert_eq!(prefixes("/*"), ["", "/api"]);
    }
}
