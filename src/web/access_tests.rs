//! Walks the `OpenAPI` document: what every operation answers to whom.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::app::App;
use crate::config::Config;
use crate::web::{issue_token, openapi, router};
use crate::wiring::{Purpose, connect};

/// One's own data: any valid token is enough.
const OWN: [&str; 4] = [
    "/discord/auth/link",
    "/discord/link",
    "/discord/auth/unlink/{discord_id}",
    "/discord/user/profile",
];

/// Everything that is answered over HTTP, on an empty store.
pub(super) struct Served {
    router: Router,
    pub(super) app: Arc<App>,
    plain: String,
    admin: String,
    _dir: tempfile::TempDir,
}

pub(super) async fn served(more: &[(&str, &str)]) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    let secret = "0123456789abcdef0123456789abcdef";
    let mut vars: BTreeMap<String, String> = [("ROLECALL_DATA_DIR", path.as_str()), ("JWT_SECRET", secret)]
        .iter()
        .chain(more)
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    // Nothing listens there: a route that asks Discord has to say so.
    vars.entry("DISCORD_API_BASE_URL".to_owned())
        .or_insert_with(|| "http://127.0.0.1:9/api/v10".to_owned());
    let config = Config::load(&vars, &|_| Err(std::io::Error::other("none"))).unwrap();
    let app = Arc::new(connect(config, Purpose::Command).await.unwrap());
    app.store.prepare().await.unwrap();
    let token = |admin| issue_token(&secret.into(), &"ada".into(), admin, Duration::from_secs(60));
    Served {
        router: router(Arc::clone(&app), CancellationToken::new()),
        app,
        plain: token(false),
        admin: token(true),
        _dir: dir,
    }
}

impl Served {
    /// Asks as an administrator; status, headers and body of the answer.
    pub(super) async fn json(&mut self, method: &str, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        let bearer = format!("Bearer {}", self.admin);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let tag = body["If-Match"].as_str().map(ToOwned::to_owned);
        headers.extend(tag.iter().map(|t| ("if-match", t.as_str())));
        let text = match &body {
            Value::Object(object) if !object.contains_key("If-Match") => body.to_string(),
            _ => String::new(),
        };
        let (parts, body) = self.ask(method, path, &headers, &text).await.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        (parts.status.as_u16(), parts.headers, body)
    }

    pub(super) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let mut request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.router.call(request).await.unwrap()
    }

    async fn status(&mut self, method: &str, path: &str, token: Option<&str>) -> u16 {
        let bearer = token.map(|t| format!("Bearer {t}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
        self.ask(method, path, &headers, "").await.status().as_u16()
    }
}

/// Method and path of every operation that needs a token.
fn protected() -> Vec<(String, String)> {
    let document = openapi();
    let mut out = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let public = operation["security"]
                .as_array()
                .is_some_and(|all| all.is_empty() || all.iter().any(|s| s.as_object().unwrap().is_empty()));
            if !public {
                out.push((method.clone(), path.clone()));
            }
        }
    }
    out
}

fn filled(path: &str) -> String {
    path.replace("{guild_id}", "5")
        .replace("{mapping_id}", "64b000000000000000000001")
        .replace("{user_id}", "eve")
        .replace("{discord_id}", "7")
        .replace("{run_id}", "019a2c8e-5b1d-7c3a-9f00-0123456789ab")
        .replace("{job_id}", "019a2c8e-5b1d-7c3a-9f00-0123456789ab")
}

#[tokio::test]
async fn every_protected_operation_refuses_who_may_not_and_answers_who_may() {
    let mut served = served(&[("ROLECALL_SYNC_NEEDS_PERMISSION", "true")]).await;
    let (plain, admin) = (served.plain.clone(), served.admin.clone());
    let all = protected();
    assert!(all.len() >= 20, "{all:?}");
    for (method, path) in all {
        let what = format!("{method} {path}");
        let place = filled(&path);
        assert_eq!(
            served.status(&method, &place, None).await,
            401,
            "{what} anonymous"
        );
        assert_eq!(
            served.status(&method, &place, Some("x")).await,
            401,
            "{what} bad token"
        );
        if !OWN.contains(&path.as_str()) {
            assert_eq!(
                served.status(&method, &place, Some(&plain)).await,
                403,
                "{what} no permission"
            );
        }
        let status = served.status(&method, &place, Some(&admin)).await;
        assert!(
            ![401, 403, 405, 500].contains(&status),
            "{what} with permission: {status}"
        );
        let prefixed = format!("/api{place}");
        if path.starts_with("/discord") {
            assert_eq!(
                served.status(&method, &prefixed, Some(&admin)).await,
                status,
                "{what} under /api"
            );
        }
    }
}

#[tokio::test]
async fn the_drop_in_switch_lets_every_valid_token_in() {
    let mut served = served(&[("GO_FALCON_COMPAT_ANY_JWT", "true")]).await;
    let plain = served.plain.clone();
    assert_eq!(served.status("get", "/discord/guilds", Some(&plain)).await, 200);
    assert_eq!(served.status("get", "/discord/guilds", None).await, 401);
}

#[tokio::test]
async fn a_preflight_is_answered_for_exactly_the_configured_origins() {
    let mut served = served(&[("CORS_ALLOWED_ORIGINS", "https://app.example")]).await;
    for (origin, allowed) in [("https://app.example", true), ("https://app.example.evil", false)] {
        let headers = [("origin", origin), ("access-control-request-method", "PUT")];
        let answer = served.ask("OPTIONS", "/discord/guilds/5", &headers, "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(
            answer.headers().contains_key("access-control-allow-origin"),
            allowed,
            "{origin}"
        );
        assert!(answer.headers().contains_key("access-control-max-age"));
    }
    let headers = [("origin", "https://app.example")];
    let refused = served.ask("GET", "/discord/guilds", &headers, "").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.headers()["access-control-allow-origin"],
        "https://app.example"
    );
}

#[tokio::test]
async fn a_user_who_asks_too_often_is_told_when_to_come_again() {
    let more = [("API_RATE_LIMIT_PER_MINUTE", "60"), ("API_RATE_LIMIT_BURST", "3")];
    let mut served = served(&more).await;
    let bearer = format!("Bearer {}", served.admin);
    let headers = [("authorization", bearer.as_str())];
    for left in ["r=2", "r=1", "r=0"] {
        let answer = served.ask("GET", "/discord/guilds", &headers, "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.headers()["ratelimit"].to_str().unwrap().contains(left));
    }
    let refused = served.ask("GET", "/discord/guilds", &headers, "").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after") && refused.headers().contains_key("x-request-id"));
    assert_eq!(served.status("get", "/livez", None).await, 200);
}

#[tokio::test]
async fn a_guild_whose_discord_is_away_is_not_stored() {
    let mut served = served(&[("ROLECALL_SYNC_NEEDS_PERMISSION", "true")]).await;
    let bearer = format!("Bearer {}", served.admin);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let body = r#"{"guild_id":"5","guild_name":"Corp","bot_token":"abc.def.ghi"}"#;
    let answer = served.ask("POST", "/discord/guilds", &headers, body).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let admin = served.admin.clone();
    assert_eq!(served.status("get", "/discord/guilds/5", Some(&admin)).await, 404);
    let missing = served
        .ask("POST", "/discord/guilds", &headers, r#"{"guild_id":"5"}"#)
        .await;
    assert_eq!(missing.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
