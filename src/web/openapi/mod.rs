//! The `OpenAPI` document, put together from the handlers and completed by tables, and its viewer.

mod callers;
mod complete;
mod events;
mod headers;
mod operations;
mod parameters;
mod problems;
mod properties;
pub(crate) mod serve;
#[cfg(test)]
mod tests;
pub(crate) mod viewer;

use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::http::problem::{Detail, Problem};
use super::{auth, health, legacy, metrics, v1};

#[derive(OpenApi)]
#[openapi(
    info(title = "rolecall", description = "Keeps the roles of Discord servers equal to an application's groups. \
        The `/discord` paths also answer under `/api` and under `API_PREFIX`. Every error is an RFC 9457 problem."),
    paths(
        health::livez,
        health::readyz,
        health::health,
        metrics::metrics,
        legacy::status::status,
        legacy::auth::login::login,
        legacy::auth::callback::callback,
        legacy::auth::link::link,
        legacy::auth::unlink::unlink,
        legacy::auth::auth_status::auth_status,
        legacy::auth::user_profile::user_profile,
        legacy::sync_status::sync_status,
        legacy::sync_manual::sync_manual,
        legacy::sync_user::sync_user,
        legacy::users::list::list_users,
        legacy::users::get::get_user,
        legacy::guilds::list::list_guilds,
        legacy::guilds::create::create_guild,
        legacy::guilds::get::get_guild,
        legacy::guilds::update::update_guild,
        legacy::guilds::delete::delete_guild,
        legacy::guilds::roles::guild_roles,
        legacy::guilds::member::guild_member,
        legacy::mappings::list_of_guild::list_mappings,
        legacy::mappings::create::create_mapping,
        legacy::mappings::list::list_all_mappings,
        legacy::mappings::get::get_mapping,
        legacy::mappings::update::update_mapping,
        legacy::mappings::delete::delete_mapping,
        v1::list_runs::list_runs,
        v1::create_run::create_run,
        v1::get_run::get_run,
        v1::run_events::run_events,
        v1::list_jobs::list_jobs,
        v1::get_job::get_job,
        v1::order_job::retry_job,
        v1::order_job::cancel_job,
        v1::order_job::discard_job,
        v1::order_job::reschedule_job,
        v1::order_job::clone_job,
        v1::bulk::bulk_order,
        v1::bulk_orders::list_bulk_orders,
        v1::bulk_orders::get_bulk_order,
        v1::dead_letters::list_dead_letters,
        v1::mark_cause::mark_dead_letters,
        v1::check_cause::check_dead_letters,
        v1::order_run::cancel_run,
        v1::order_run::retry_run,
        v1::audit::list_audit,
        v1::audit::verify_audit,
        v1::audit::export_audit,
        v1::pauses::list_pauses,
        v1::pauses::create_pause,
        v1::pauses::end_pause,
        v1::budget::get_budget,
        v1::queues::list_queues,
        v1::queues::get_queue,
        v1::workers::list_workers,
        v1::workers::drain_worker,
        v1::workers::undrain_worker,
        v1::schedules::list_schedules,
        v1::schedules::run_schedule,
        v1::schedules::enable_schedule,
        v1::schedules::disable_schedule,
        v1::webhooks::list_webhooks,
        v1::webhooks::create_webhook,
        v1::webhooks::get_webhook,
        v1::webhooks::change_webhook,
        v1::webhooks::delete_webhook,
        v1::webhook_deliveries::list_deliveries,
        v1::webhooks::test_webhook,
        v1::webhooks::rotate_webhook,
        v1::me_export::export_own,
        serve::document,
        viewer::page,
    ),
    components(schemas(Problem, Detail, v1::run_events::Snapshot)),
    servers((url = "/", description = "This process. The `/discord` paths, this document and its viewer also answer \
        under `/api`, and under `API_PREFIX` where that is set.")),
    tags(
        (name = "Discord Authentication", description = "Logging in at Discord, linking and unlinking an account"),
        (name = "Discord Users", description = "Linked accounts"),
        (name = "Discord Guilds", description = "Servers that rolecall keeps in order"),
        (name = "Discord Role Mappings", description = "Which group gives which role"),
        (name = "Discord Sync", description = "Syncs in the words of go-falcon's callers"),
        (name = "Module Status", description = "The state of the whole, for people"),
        (name = "Runs", description = "Syncs and what became of them"),
        (name = "Jobs", description = "Stored pieces of work, one for each change at Discord"),
        (name = "Schedules", description = "What happens by the clock"),
        (name = "Webhooks", description = "Who is told of events, and how"),
        (name = "Audit", description = "Who did what, in a chain of records that shows what was changed in it"),
        (name = "Own data", description = "What is stored about oneself"),
        (name = "Health", description = "For platforms that watch a process"),
        (name = "Documents", description = "This document and its viewer"),
    ),
    security(("bearerAuth" = []), ("cookieAuth" = []), ("keyAuth" = [])),
    modifiers(&Schemes),
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        components.add_security_scheme("bearerAuth", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(auth::COOKIE));
        components.add_security_scheme("cookieAuth", SecurityScheme::ApiKey(cookie));
        let key = ApiKey::Header(ApiKeyValue::new("X-Api-Key"));
        components.add_security_scheme("keyAuth", SecurityScheme::ApiKey(key));
    }
}

/// The document of all routes.
pub fn openapi() -> Value {
    whole().0
}

/// The document, and what is missing in it.
fn whole() -> (Value, Vec<String>) {
    match serde_json::to_value(Document::openapi()) {
        Ok(mut document) => {
            let gaps = complete::complete(&mut document);
            document["webhooks"] = events::section();
            (document, gaps)
        }
        Err(error) => (
            Value::Null,
            vec![format!("the document cannot be written: {error}")],
        ),
    }
}
