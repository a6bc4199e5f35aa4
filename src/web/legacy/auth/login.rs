//! `GET /discord/auth/login`: the address of Discord's consent page, and a state that only this browser can bring back.

use axum::Json;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rolecall_core::account::OAuthState;
use rolecall_core::secrets::SecretKind;
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use super::visitor::Visitor;
use super::{cookies, redirect, secret};
use crate::config::AccountsConfig;
use crate::web::http::problem::{ApiError, Problem};
use crate::web::http::query::Params;
use crate::web::state::Web;

/// Where to send the browser.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginResponse {
    /// Discord's consent page.
    auth_url: String,
    /// The state that comes back: 64 hex digits.
    state: String,
    /// When the state ends.
    expires_at: String,
}

/// What is wrong when nobody can log in.
pub(super) fn not_configured() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "oauth_not_configured",
        "logins at Discord are not configured",
    )
    .with_hint("The operator has to set DISCORD_CLIENT_ID, DISCORD_CLIENT_SECRET and DISCORD_REDIRECT_URI.")
}

/// Place of a verifier, for the vault.
pub(super) fn verifier_place(state_hash: &str) -> String {
    SecretKind::Verifier.place(state_hash)
}

/// Begins a login.
#[utoipa::path(get, path = "/discord/auth/login", tag = "Discord Authentication", operation_id = "getDiscordAuthURL",
    security((), ("bearerAuth" = []), ("cookieAuth" = [])),
    params(
        ("link" = Option<String>, Query, description = "`true`: only for somebody who is signed in"),
        ("redirect_url" = Option<String>, Query,
            description = "Where to go afterwards: a path of the frontend, or an allowed address"),
        ("scopes" = Option<String>, Query, description = "Fewer scopes than the configured ones, separated by spaces"),
    ),
    responses(
        (status = 200, description = "Send the browser to `auth_url`; a cookie binds the login to it",
            body = LoginResponse, headers(("Set-Cookie" = String))),
        (status = 401, description = "`link=true` without a valid token", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "`link=true` by a banned user or an API key", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Wrong values", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not configured, or the store did not answer", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn login(
    State(web): State<Web>,
    visitor: Visitor,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let config = &web.config.accounts;
    let asked = Asked::read(config, params)?;
    // Somebody who is signed in is known in any case, so that nobody else can finish the login.
    let user_id = if asked.link {
        Some(visitor.required(&web).await?)
    } else {
        visitor.user().cloned()
    };
    let (Some(client), Some(redirect_uri)) = (&web.services.oauth, &config.redirect_uri) else {
        return Err(not_configured());
    };
    let browser = cookies::browser(config, &headers).unwrap_or_else(secret::random);
    let (state, verifier) = (secret::random(), secret::random());
    let hash = secret::fingerprint(&state);
    let scope = asked.scopes.join(" ");
    let auth_url = redirect::with_query(
        &config.authorize_url,
        &[
            ("client_id", client.id.as_str()),
            ("code_challenge", secret::challenge(&verifier).as_str()),
            ("code_challenge_method", "S256"),
            ("redirect_uri", redirect_uri),
            ("response_type", "code"),
            ("scope", &scope),
            ("state", &state),
        ],
    );
    let sealed = web
        .services
        .vault
        .seal(&SecretString::from(verifier), &verifier_place(&hash))
        .map_err(|e| ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause(e.to_string()))?;
    let now = web.services.clock.now();
    let expires_at = now + config.state_expiry;
    let stored = OAuthState {
        hash,
        browser: secret::fingerprint(&browser),
        user_id,
        verifier: sealed,
        redirect_url: asked.redirect_url,
        scopes: asked.scopes,
        created_at: now,
        expires_at,
    };
    web.services.oauth_states.put(&stored).await?;
    let body = LoginResponse {
        auth_url,
        state,
        expires_at: expires_at.to_rfc3339(),
    };
    let mut response = Json(body).into_response();
    if let Some(cookie) = cookies::set_browser(config, &browser) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The query.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    link: bool,
    redirect_url: Option<String>,
    scopes: Vec<String>,
}

impl Asked {
    fn read(config: &AccountsConfig, mut params: Params) -> Result<Self, ApiError> {
        let link = params.text(&["link"]).map(|text| go_bool(&text));
        if link == Some(None) {
            params.wrong("link", "invalid boolean");
        }
        let asked = params.text(&["redirect_url"]);
        let redirect_url = asked.as_deref().and_then(|a| redirect::target(config, a));
        if asked.is_some() && redirect_url.is_none() {
            let allowed = "expected a path of the frontend, or an address that ROLECALL_REDIRECT_ALLOW names";
            params.wrong("redirect_url", allowed);
        }
        let scopes = match params.text(&["scopes", "scope"]) {
            None => config.scopes.clone(),
            Some(text) => {
                let words = text.split([' ', ',', '+']).filter(|w| !w.is_empty());
                let asked: Vec<String> = words.map(ToOwned::to_owned).collect();
                if !asked.iter().any(|s| s == "identify") || asked.iter().any(|s| !config.scopes.contains(s))
                {
                    let configured = config.scopes.join(" ");
                    params.wrong("scopes", format!("expected identify and others of: {configured}"));
                }
                asked
            }
        };
        params.finish()?;
        Ok(Self {
            link: link.flatten().unwrap_or(false),
            redirect_url,
            scopes,
        })
    }
}

/// As Go's `strconv.ParseBool` reads it.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::cookies::tests::config;
    use super::*;

    fn read(query: &str) -> Result<Asked, ApiError> {
        let config = config("https://go.eveonline.it/discord/auth/callback");
        Asked::read(&config, Params::of(&format!("/x?{query}").parse().unwrap()))
    }

    #[test]
    fn nothing_means_all_scopes_and_the_usual_page() {
        for query in ["", "link=", "link=false&redirect_url=&scopes=", "link=0&more=1"] {
            let asked = read(query).unwrap();
            assert!(!asked.link && asked.redirect_url.is_none(), "{query}");
            assert_eq!(asked.scopes, ["identify", "guilds", "guilds.join"]);
        }
        assert!(read("link=T").unwrap().link);
    }

    #[test]
    fn fewer_scopes_may_be_asked_for_and_never_more() {
        assert_eq!(read("scopes=identify").unwrap().scopes, ["identify"]);
        assert_eq!(read("scopes=identify%20guilds").unwrap().scopes.len(), 2);
        for bad in [
            "scopes=guilds",
            "scopes=identify%20email",
            "redirect_url=//x",
            "link=yes",
        ] {
            assert_eq!(read(bad).unwrap_err().problem().status, 422, "{bad}");
        }
    }
}
