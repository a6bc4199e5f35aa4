//! The `OpenAPI` document, put together from the handlers.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::http::problem::{Detail, Problem};
use super::{auth, health, legacy, v1};

#[derive(OpenApi)]
#[openapi(
    info(title = "rolecall", description = "Keeps the roles of Discord servers equal to an application's groups. \
        The `/discord` paths also answer under `/api` and under `API_PREFIX`. Every error is an RFC 9457 problem."),
    paths(
        health::livez,
        health::readyz,
        health::health,
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
        v1::me_export::export_own,
        serve_document,
    ),
    components(schemas(Problem, Detail)),
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
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "Documents", operation_id = "openapi", security(()),
    responses((status = 200, description = "The OpenAPI 3.1 document", content_type = "application/json")))]
pub(crate) async fn serve_document() -> ([(HeaderName, &'static str); 1], Json<utoipa::openapi::OpenApi>) {
    ([(CACHE_CONTROL, "public, max-age=300")], Json(openapi()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_all_routes() {
        let json = serde_json::to_value(openapi()).unwrap();
        let mut listed: Vec<String> = Vec::new();
        for (path, item) in json["paths"].as_object().unwrap() {
            listed.extend(
                item.as_object()
                    .unwrap()
                    .keys()
                    .map(|method| format!("{method} {path}")),
            );
        }
        listed.sort();
        assert_eq!(
            listed,
            [
                "delete /discord/auth/unlink/{discord_id}",
                "delete /discord/guilds/{guild_id}",
                "delete /discord/role-mappings/{mapping_id}",
                "get /discord/auth/callback",
                "get /discord/auth/login",
                "get /discord/auth/status",
                "get /discord/guilds",
                "get /discord/guilds/{guild_id}",
                "get /discord/guilds/{guild_id}/role-mappings",
                "get /discord/guilds/{guild_id}/roles",
                "get /discord/role-mappings",
                "get /discord/role-mappings/{mapping_id}",
                "get /discord/status",
                "get /discord/sync/status",
                "get /discord/user/profile",
                "get /discord/users",
                "get /discord/users/{user_id}",
                "get /health",
                "get /livez",
                "get /openapi.json",
                "get /readyz",
                "get /v1/jobs",
                "get /v1/jobs/{job_id}",
                "get /v1/me/export",
                "get /v1/runs",
                "get /v1/runs/{run_id}",
                "get /v1/runs/{run_id}/events",
                "post /discord/auth/link",
                "post /discord/guilds",
                "post /discord/guilds/{guild_id}/role-mappings",
                "post /discord/sync/manual",
                "post /discord/sync/user/{user_id}",
                "post /v1/runs",
                "put /discord/guilds/{guild_id}",
                "put /discord/role-mappings/{mapping_id}",
            ]
        );
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let json = serde_json::to_value(openapi()).unwrap();
        let text = json.to_string();
        for part in text.split("\"$ref\":\"#").skip(1) {
            let pointer = part.split('"').next().unwrap();
            assert!(json.pointer(pointer).is_some(), "{pointer}");
        }
        assert!(json["components"]["securitySchemes"]["cookieAuth"].is_object());
    }
}
