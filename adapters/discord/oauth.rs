//! Discord's token endpoints: exchange, refresh, revoke.

use std::time::Duration;

use reqwest::Method;
use rolecall_core::ports::Route;
use rolecall_core::ports::{
    CallError, CallFailure, CallOptions, ExchangeError, OAuthClient, RefreshError, TokenPair,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::DiscordClient;
use super::client::{Reply, principal};
use super::errors::{Told, refused, shorten};
use super::routes::{REVOKE, RouteSpec, TOKEN};

/// Life of an access token when the answer does not tell it. Discord's is a week; a day is on the safe side.
const LIFE_UNTOLD: u64 = 86_400;

#[derive(Deserialize)]
struct TokenBody {
    access_token: String,
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    scope: Value,
}

impl DiscordClient {
    pub(super) async fn post_refresh(
        &self,
        client: &OAuthClient,
        refresh: &SecretString,
        options: &CallOptions,
    ) -> Result<TokenPair, RefreshError> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose_secret()),
        ];
        let reply = self.post_form(TOKEN, client, &form, options).await?;
        if !reply.is_success() {
            return Err(failed(&reply, "refresh_token").map_or(RefreshError::Refused, RefreshError::Call));
        }
        let body: TokenBody = reply.read(TOKEN)?;
        // RFC 6749, section 6: without a new one the old one stays valid.
        Ok(body.pair(refresh))
    }

    pub(super) async fn post_code(
        &self,
        client: &OAuthClient,
        (code, redirect_uri, verifier): (&SecretString, &str, &SecretString),
        options: &CallOptions,
    ) -> Result<TokenPair, ExchangeError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.expose_secret()),
        ];
        let reply = self.post_form(TOKEN, client, &form, options).await?;
        if reply.is_success() {
            let body: TokenBody = reply.read(TOKEN)?;
            return Ok(body.pair(&SecretString::default()));
        }
        if blames_client(&reply) {
            return Err(ExchangeError::InvalidClient);
        }
        if blames_redirect(&reply) {
            return Err(ExchangeError::RedirectMismatch);
        }
        Err(failed(&reply, "code").map_or(ExchangeError::Refused, ExchangeError::Call))
    }

    pub(super) async fn post_revoke(
        &self,
        client: &OAuthClient,
        token: &SecretString,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let form = [("token", token.expose_secret())];
        let reply = self.post_form(REVOKE, client, &form, options).await?;
        if reply.is_success() {
            // RFC 7009, section 2.2: what the body says does not matter. But a page of something on the way is no answer.
            return if reply.is_empty() {
                Ok(())
            } else {
                reply.done(REVOKE)
            };
        }
        // RFC 7009: a token that is not known (any more) is as good as revoked.
        match failed(&reply, "token") {
            None => Ok(()),
            Some(error) => Err(CallError {
                route: REVOKE.template,
                message: error.message.replace(TOKEN.template, REVOKE.template),
                ..error
            }),
        }
    }

    /// A form with the application's credentials.
    async fn post_form(
        &self,
        spec: RouteSpec,
        client: &OAuthClient,
        form: &[(&str, &str)],
        options: &CallOptions,
    ) -> Result<Reply, CallError> {
        let route = Route {
            template: spec.template,
            bucket: spec.bucket,
            guild: None,
            principal: principal(&format!("oauth2 {}", client.id)),
        };
        let path = spec.template.trim_start_matches("POST ");
        let request = self
            .request(Method::POST, path)
            .basic_auth(&client.id, Some(client.secret.expose_secret()))
            .form(form);
        self.send(&route, options, request).await
    }
}

impl TokenBody {
    fn pair(self, old_refresh: &SecretString) -> TokenPair {
        let seconds = match &self.expires_in {
            Value::Number(n) => n.as_f64(),
            Value::String(s) => s.trim().parse::<f64>().ok().filter(|n| !n.is_nan()),
            _ => None,
        };
        // `as` keeps within the range.
        let seconds = seconds.map(|n| n as u64);
        TokenPair {
            access: self.access_token.into(),
            refresh: self
                .refresh_token
                .map_or_else(|| old_refresh.clone(), SecretString::from),
            expires_in: Duration::from_secs(seconds.unwrap_or(LIFE_UNTOLD)),
            scope: scopes(&self.scope),
        }
    }
}

/// Scopes, with a space between two: as RFC 6749 has them, or as a list.
fn scopes(told: &Value) -> String {
    match told {
        Value::String(scopes) => scopes.clone(),
        Value::Array(scopes) => {
            let scopes: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
            scopes.join(" ")
        }
        _ => String::new(),
    }
}

/// A field of the token endpoint's own form of errors (RFC 6749, section 5.2).
fn told(reply: &Reply, name: &str) -> String {
    reply
        .json()
        .as_ref()
        .and_then(|j| j.get(name))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Whether it is the application that is refused.
fn blames_client(reply: &Reply) -> bool {
    let error = told(reply, "error");
    (400..500).contains(&reply.status)
        && (error == "invalid_client"
            || (reply.status == 401 && error.is_empty() && Told::read(reply.json().as_ref()).is_some()))
}

/// Whether it is the redirect address that is refused. Usually Discord's own page tells that to the person before anybody
/// comes back, or the code is blamed.
fn blames_redirect(reply: &Reply) -> bool {
    (400..500).contains(&reply.status) && told(reply, "error_description").contains("redirect_uri")
}

/// What an answer other than 2xx means. `None`: what was sent as `field` is not accepted (any more).
fn failed(reply: &Reply, field: &str) -> Option<CallError> {
    let (error, description) = (told(reply, "error"), told(reply, "error_description"));
    let own_fault = (400..500).contains(&reply.status);
    let about_field = description.contains(&format!("\"{field}\""));
    if own_fault && (error == "invalid_grant" || (error == "invalid_request" && about_field)) {
        return None;
    }
    let advice = if blames_client(reply) {
        ": check DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET"
    } else {
        ""
    };
    if own_fault && !error.is_empty() {
        let detail = format!(" ({}){advice}", shorten(&error));
        return Some(call_refused(reply.status, &detail));
    }
    if !advice.is_empty() {
        return Some(call_refused(reply.status, advice));
    }
    let told = Told::read(reply.json().as_ref());
    Some(refused(TOKEN.template, reply.status, told.as_ref()))
}

fn call_refused(status: u16, detail: &str) -> CallError {
    CallError {
        failure: CallFailure::Refused,
        route: TOKEN.template,
        status: Some(status),
        code: None,
        message: format!("Discord answered {status} to {}{detail}", TOKEN.template),
    }
}
