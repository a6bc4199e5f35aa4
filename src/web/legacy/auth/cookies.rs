//! The cookies of a login: one binds it to the browser, the other is the session that it may begin.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue, Uri};

use super::secret;
use crate::config::AccountsConfig;
use crate::web::auth;

/// Name of the browser's cookie where it travels over plain HTTP.
const BROWSER: &str = "rolecall_oauth";
/// The same over HTTPS. The prefix keeps sibling domains from planting one (RFC 6265bis).
const BROWSER_SECURE: &str = "__Host-rolecall_oauth";

fn is_secure(config: &AccountsConfig) -> bool {
    config
        .redirect_uri
        .as_deref()
        .is_some_and(|uri| uri.starts_with("https://"))
}

fn browser_name(config: &AccountsConfig) -> &'static str {
    if is_secure(config) {
        BROWSER_SECURE
    } else {
        BROWSER
    }
}

/// The value by which this browser is known, if it has one. All its logins share it, so several may be under way.
pub(super) fn browser(config: &AccountsConfig, headers: &HeaderMap) -> Option<String> {
    let name = browser_name(config);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, value)| *n == name && secret::is_random(value))
        .map(|(_, value)| value.to_owned())
}

/// Sets the browser's cookie, for as long as a login may take.
pub(super) fn set_browser(config: &AccountsConfig, value: &str) -> Option<HeaderValue> {
    let name = browser_name(config);
    let secure = if is_secure(config) { "; Secure" } else { "" };
    let age = config.state_expiry.as_secs().max(1);
    sensitive(format!(
        "{name}={value}; Path=/; Max-Age={age}; HttpOnly{secure}; SameSite=Lax"
    ))
}

/// Sets the session's cookie as go-falcon sets it. Its domain is left out where the browser would refuse it, because
/// the callback is on another one.
pub(super) fn set_session(config: &AccountsConfig, token: &str) -> Option<HeaderValue> {
    let name = auth::COOKIE;
    let host = config
        .redirect_uri
        .as_deref()
        .and_then(|uri| uri.parse::<Uri>().ok())
        .and_then(|uri| uri.host().map(str::to_ascii_lowercase))
        .unwrap_or_default();
    let bare = config.cookie_domain.trim_start_matches('.').to_ascii_lowercase();
    let domain = if host == bare || host.ends_with(&format!(".{bare}")) {
        format!("; Domain={}", config.cookie_domain)
    } else {
        String::new()
    };
    let secure = if is_secure(config) { "; Secure" } else { "" };
    let age = config.cookie_duration.as_secs();
    sensitive(format!(
        "{name}={token}; Path=/{domain}; Max-Age={age}; HttpOnly{secure}; SameSite=Lax"
    ))
}

fn sensitive(text: String) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::*;

    pub(in super::super) fn config(redirect_uri: &str) -> AccountsConfig {
        AccountsConfig {
            redirect_uri: Some(redirect_uri.to_owned()),
            scopes: ["identify", "guilds", "guilds.join"].map(Into::into).to_vec(),
            authorize_url: "https://discord.com/oauth2/authorize".to_owned(),
            state_expiry: Duration::from_secs(900),
            frontend_url: "https://react.eveonline.it".to_owned(),
            landing_path: "/user/characters".to_owned(),
            error_path: "/user/characters".to_owned(),
            cookie_duration: Duration::from_secs(86_400),
            cookie_domain: ".eveonline.it".to_owned(),
            allow_account_move: false,
            redirect_allow: vec!["https://admin.example/tools".to_owned()],
        }
    }

    #[test]
    fn the_session_is_set_as_go_falcon_sets_it() {
        let cookie = set_session(&config("https://go.eveonline.it/discord/auth/callback"), "j.w.t").unwrap();
        assert_eq!(
            cookie.to_str().unwrap(),
            "falcon_auth_token=j.w.t; Path=/; Domain=.eveonline.it; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"
        );
        assert!(cookie.is_sensitive());
        for elsewhere in ["http://localhost:8080/x", "https://noteveonline.it/x"] {
            let cookie = set_session(&config(elsewhere), "j.w.t").unwrap();
            assert!(!cookie.to_str().unwrap().contains("Domain"), "{elsewhere}");
        }
    }

    #[test]
    fn a_browser_keeps_its_value_and_a_planted_one_is_not_taken() {
        let value = "a".repeat(64);
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, format!("x=1; rolecall_oauth={value}").parse().unwrap());
        assert_eq!(
            browser(&config("http://localhost/x"), &headers),
            Some(value.clone())
        );
        assert_eq!(browser(&config("https://localhost/x"), &headers), None);
        headers.insert(COOKIE, "rolecall_oauth=short".parse().unwrap());
        assert_eq!(browser(&config("http://localhost/x"), &headers), None);
        let set = set_browser(&config("https://localhost/x"), &value).unwrap();
        let set = set.to_str().unwrap();
        assert!(
            set.starts_with("__Host-rolecall_oauth=a") && set.ends_with("; HttpOnly; Secure; SameSite=Lax")
        );
    }
}
