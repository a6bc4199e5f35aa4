//! Discord's token endpoint.

use std::time::Duration;

use reqwest::Method;
use rolecall_core::ports::Route;
use rolecall_core::ports::{CallError, CallFailure, CallOptions, OAuthClient, RefreshError, TokenPair};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::DiscordClient;
use super::client::{Reply, principal};
use super::errors::{Told, refused, shorten};
use super::routes::TOKEN;

/// Life of an access token when the answer does not tell it. Discord's is a week; a day is on the safe side.
const LIFE_UNTOLD: u64 = 86_400;

#[derive(Deserialize)]
struct TokenBody {
    access_token: String,
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    scope: Option<String>,
}

impl DiscordClient {
    pub(super) async fn post_refresh(
        &self,
        client: &OAuthClient,
        refresh: &SecretString,
        options: &CallOptions,
    ) -> Result<TokenPair, RefreshError> {
        let route = Route {
            template: TOKEN.template,
            bucket: TOKEN.bucket,
            guild: None,
            principal: principal(&format!("oauth2 {}", client.id)),
        };
        let request = self
            .request(Method::POST, "/oauth2/token")
            .basic_auth(&client.id, Some(client.secret.expose_secret()))
            .form(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh.expose_secret()),
            ]);
        let reply = self.send(&route, options, request).await?;
        if !reply.is_success() {
            return Err(failed(&reply));
        }
        let body: TokenBody = reply.read(TOKEN)?;
        let seconds = match &body.expires_in {
            Value::Number(n) => n.as_f64().map(|n| n as u64),
            Value::String(s) => s.trim().parse().ok(),
            _ => None,
        };
        Ok(TokenPair {
            access: body.access_token.into(),
            // RFC 6749, section 6: without a new one the old one stays valid.
            refresh: body
                .refresh_token
                .map_or_else(|| refresh.clone(), SecretString::from),
            expires_in: Duration::from_secs(seconds.unwrap_or(LIFE_UNTOLD)),
            scope: body.scope.unwrap_or_default(),
        })
    }
}

/// What an answer other than 2xx means. The token endpoint has its own form of errors (RFC 6749, section 5.2).
fn failed(reply: &Reply) -> RefreshError {
    let json = reply.json();
    let field = |name: &str| {
        json.as_ref()
            .and_then(|j| j.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (error, description) = (field("error"), field("error_description"));
    let own_fault = (400..500).contains(&reply.status);
    let about_token = description.contains("refresh_token");
    if own_fault && (error == "invalid_grant" || (error == "invalid_request" && about_token)) {
        return RefreshError::Refused;
    }
    if own_fault && !error.is_empty() {
        let advice = if error == "invalid_client" {
            ": check DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET"
        } else {
            ""
        };
        return RefreshError::Call(call_refused(
            reply.status,
            &format!(" ({}){advice}", shorten(error)),
        ));
    }
    let told = Told::read(json.as_ref());
    if reply.status == 401 && told.is_some() {
        let advice = ": check DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET";
        return RefreshError::Call(call_refused(reply.status, advice));
    }
    RefreshError::Call(refused(TOKEN.template, reply.status, told.as_ref()))
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
