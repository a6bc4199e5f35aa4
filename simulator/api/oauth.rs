//! The token endpoints and what a token says about itself.

use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::users::{application_value, user_value};
use super::{Answer, Caller, Reply, Request};
use crate::errors::UNAUTHORIZED;
use crate::time::timestamp;
use crate::tokens::{Code, TokenPair};
use crate::world::World;

/// OAuth errors have a form of their own (RFC 6749).
fn refusal(status: u16, error: &str, description: &str) -> Reply {
    let mut body = json!({ "error": error });
    if !description.is_empty() {
        body["error_description"] = description.into();
    }
    Reply::value(status, &body)
}

fn bad_code() -> Reply {
    refusal(400, "invalid_grant", "Invalid \"code\" in request.")
}

/// The same for every cause: revoked, used already, expired, user gone.
fn bad_refresh_token() -> Reply {
    refusal(400, "invalid_grant", "Invalid \"refresh_token\" in request.")
}

type Form = Vec<(String, String)>;

fn field<'f>(form: &'f Form, name: &str) -> Option<&'f str> {
    form.iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// The form, if the body is one. JSON is refused as Discord refuses it: as a grant type that is missing.
fn form(request: &Request<'_>) -> Result<Form, Reply> {
    if request
        .content_type()
        .starts_with("application/x-www-form-urlencoded")
    {
        return Ok(form_urlencoded::parse(request.body).into_owned().collect());
    }
    Err(refusal(
        400,
        "unsupported_grant_type",
        "Grant type None is not supported",
    ))
}

/// The application whose id and secret stand in the Authorization header or in the form.
fn client(world: &World, request: &Request<'_>, form: &Form) -> Result<u64, Reply> {
    let basic = request
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let basic = basic
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|text| {
            let bytes = STANDARD.decode(text).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            text.split_once(':')
                .map(|(id, secret)| (id.to_owned(), secret.to_owned()))
        });
    let named = || {
        Some((
            field(form, "client_id")?.to_owned(),
            field(form, "client_secret")?.to_owned(),
        ))
    };
    let known = basic.or_else(named).and_then(|(id, secret)| {
        let id: u64 = id
            .parse()
            .ok()
            .or_else(|| (id == request.config.client_id).then_some(world.main_app))?;
        world.apps.get(&id).filter(|app| app.secret == secret).map(|_| id)
    });
    known.ok_or_else(|| refusal(401, "invalid_client", ""))
}

pub(super) fn token(world: &mut World, request: &Request<'_>) -> Reply {
    let answer = form(request).and_then(|form| {
        let app = client(world, request, &form)?;
        match field(&form, "grant_type") {
            Some("authorization_code") => exchange(world, request, &form, app),
            Some("refresh_token") => refresh(world, request, &form, app),
            Some("client_credentials") => client_credentials(world, request, &form, app),
            other => {
                let description = format!("Grant type {} is not supported", other.unwrap_or("None"));
                Err(refusal(400, "unsupported_grant_type", &description))
            }
        }
    });
    answer.unwrap_or_else(|refusal| refusal)
}

fn exchange(world: &mut World, request: &Request<'_>, form: &Form, app: u64) -> Result<Reply, Reply> {
    // The code is used up even by a request that fails.
    let code = field(form, "code").and_then(|code| world.tokens.take_code(code, request.now_ms));
    let code = code.filter(|code| code.app == app).ok_or_else(bad_code)?;
    if field(form, "redirect_uri").unwrap_or_default() != code.redirect_uri || !verifier_fits(&code, form) {
        return Err(bad_code());
    }
    let World { tokens, rng, .. } = world;
    let pair = tokens.issue((code.user, app), &code.scopes, request.issue, rng);
    Ok(pair_reply(&pair, &tokens.scopes(code.user, app)))
}

/// PKCE: the verifier's SHA-256 must be the challenge that the login began with.
fn verifier_fits(code: &Code, form: &Form) -> bool {
    let Some(challenge) = &code.challenge else {
        return true;
    };
    field(form, "code_verifier")
        .is_some_and(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == *challenge)
}

fn refresh(world: &mut World, request: &Request<'_>, form: &Form, app: u64) -> Result<Reply, Reply> {
    let World { tokens, rng, .. } = world;
    let old = field(form, "refresh_token").unwrap_or_default();
    let (pair, user) = tokens
        .rotate(old, app, request.issue, rng)
        .ok_or_else(bad_refresh_token)?;
    Ok(pair_reply(&pair, &tokens.scopes(user, app)))
}

/// A token of the application's owner, who is a user with the application's id here.
fn client_credentials(
    world: &mut World,
    request: &Request<'_>,
    form: &Form,
    app: u64,
) -> Result<Reply, Reply> {
    let scopes: Vec<String> = field(form, "scope")
        .unwrap_or_default()
        .split_whitespace()
        .map(Into::into)
        .collect();
    if scopes.is_empty() {
        return Err(refusal(
            400,
            "invalid_scope",
            "The requested scope is invalid, unknown, or malformed.",
        ));
    }
    let World { tokens, rng, .. } = world;
    let pair = tokens.issue((app, app), &scopes, request.issue, rng);
    let mut body = pair_value(&pair, &scopes);
    if let Some(fields) = body.as_object_mut() {
        fields.remove("refresh_token");
    }
    Ok(Reply::value(200, &body))
}

fn pair_value(pair: &TokenPair, scopes: &[String]) -> Value {
    json!({
        "token_type": "Bearer",
        "access_token": pair.access_token,
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh_token,
        "scope": scopes.join(" "),
    })
}

fn pair_reply(pair: &TokenPair, scopes: &[String]) -> Reply {
    Reply::value(200, &pair_value(pair, scopes))
}

/// Ends every token of the user, whichever one was sent. Unknown tokens are answered the same.
pub(super) fn revoke(world: &mut World, request: &Request<'_>) -> Reply {
    let answer = form(request).and_then(|form| {
        let app = client(world, request, &form)?;
        let Some(token) = field(&form, "token") else {
            return Err(refusal(400, "invalid_request", "Missing \"token\" in request."));
        };
        world.tokens.revoke(token, app);
        Ok(Reply::json(200, "{}"))
    });
    answer.unwrap_or_else(|refusal| refusal)
}

pub(super) fn current_authorization(world: &World, request: &Request<'_>) -> Answer {
    let Caller::User {
        user,
        app,
        scopes,
        expires_ms,
    } = request.caller
    else {
        return Err(UNAUTHORIZED);
    };
    let start_unix_ms = request.unix_ms - request.now_ms;
    let mut body = json!({
        "application": application_value(world, *app),
        "scopes": scopes,
        "expires": timestamp(start_unix_ms + expires_ms),
    });
    if scopes.iter().any(|scope| scope == "identify") {
        body["user"] = json!(user_value(world, *user));
    }
    Ok(Reply::value(200, &body))
}
