//! Everything that is answered over HTTP, in this process on an empty store; limits, origins and switches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use rolecall_core::Timestamp;
use rolecall_core::api_key::{self, ApiKey};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::app::App;
use crate::config::Config;
use crate::random::hex_256;
use crate::web::{hash_of_key, issue_token, router};
use crate::wiring::{Purpose, connect};

/// Key of the tokens.
pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Everything that is answered over HTTP, on an empty store.
pub(super) struct Served {
    router: Router,
    pub(super) app: Arc<App>,
    pub(super) plain: String,
    pub(super) admin: String,
    /// Says that the process should stop.
    pub(super) stop: CancellationToken,
    _dir: tempfile::TempDir,
}

pub(super) async fn served(more: &[(&str, &str)]) -> Served {
    served_with(more, |_| {}).await
}

/// The same, with parts of the application replaced.
pub(super) async fn served_with(more: &[(&str, &str)], edit: impl FnOnce(&mut App)) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    let mut vars: BTreeMap<String, String> = [("ROLECALL_DATA_DIR", path.as_str()), ("JWT_SECRET", SECRET)]
        .iter()
        .chain(more)
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    // Nothing listens there: a route that asks Discord has to say so.
    vars.entry("DISCORD_API_BASE_URL".to_owned())
        .or_insert_with(|| "http://127.0.0.1:9/api/v10".to_owned());
    let config = Config::load(&vars, &|_| Err(std::io::Error::other("none"))).unwrap();
    let mut app = connect(config, Purpose::Command).await.unwrap();
    app.store.prepare().await.unwrap();
    edit(&mut app);
    let app = Arc::new(app);
    let stop = CancellationToken::new();
    Served {
        router: router(Arc::clone(&app), stop.clone()),
        app,
        stop,
        plain: token("ada", false),
        admin: token("ada", true),
        _dir: dir,
    }
}

/// A token of this user.
pub(super) fn token(user: &str, admin: bool) -> String {
    issue_token(&SECRET.into(), &user.into(), admin, Duration::from_secs(60))
}

impl Served {
    /// Stores a key with these scopes that ends so many milliseconds from now; its text.
    pub(super) async fn key(&self, scopes: &[&str], life_ms: i64) -> String {
        let now = self.app.services.clock.now();
        let secret = hex_256();
        let id = secret[..12].parse().unwrap();
        let key = ApiKey {
            id,
            name: "test".to_owned(),
            scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
            hash: hash_of_key(&secret),
            created_by: "cli:test".to_owned(),
            created_at: now,
            expires_at: Some(Timestamp(now.0 + life_ms)),
            last_used_at: None,
            revoked_at: None,
        };
        assert!(self.app.api_keys.insert(&key).await.unwrap());
        api_key::join(&key.id, &secret)
    }

    /// Asks with these headers; the status and the code of the problem, if the answer is one.
    pub(super) async fn code(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let (parts, body) = self.ask(method, path, headers, "").await.into_parts();
        if !parts.status.is_client_error() && !parts.status.is_server_error() {
            // A stream of events need not end.
            return (parts.status.as_u16(), String::new());
        }
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        (parts.status.as_u16(), code)
    }

    /// The same with a bearer token or key.
    pub(super) async fn bearer(&mut self, method: &str, path: &str, token: &str) -> (u16, String) {
        let bearer = format!("Bearer {token}");
        self.code(method, path, &[("authorization", &bearer)]).await
    }

    /// Asks as an administrator; status, headers and body of the answer.
    pub(super) async fn json(&mut self, method: &str, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        let tag = body["If-Match"].as_str().map(ToOwned::to_owned);
        let headers: Vec<(&str, &str)> = tag.iter().map(|t| ("if-match", t.as_str())).collect();
        let text = match &body {
            Value::Object(object) if !object.contains_key("If-Match") => body.to_string(),
            _ => String::new(),
        };
        self.text(method, path, &headers, &text).await
    }

    /// The same with any body, and these headers besides.
    pub(super) async fn text(
        &mut self,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        text: &str,
    ) -> (u16, HeaderMap, Value) {
        let bearer = format!("Bearer {}", self.admin);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        headers.extend(more);
        let (parts, body) = self.ask(method, path, &headers, text).await.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        (parts.status.as_u16(), parts.headers, body)
    }

    /// The same without a token.
    pub(super) async fn anonymous(&mut self, method: &str, path: &str) -> (u16, HeaderMap, Value) {
        let (parts, body) = self.ask(method, path, &[], "").await.into_parts();
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

    pub(super) async fn status(&mut self, method: &str, path: &str, token: Option<&str>) -> u16 {
        let bearer = token.map(|t| format!("Bearer {t}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|b| ("authorization", b.as_str())).collect();
        self.ask(method, path, &headers, "").await.status().as_u16()
    }
}

#[tokio::test]
async fn the_drop_in_switch_lets_every_valid_token_in() {
    let mut served = served(&[("GO_FALCON_COMPAT_ANY_JWT", "true")]).await;
    let plain = served.plain.clone();
    for path in [
        "/discord/guilds",
        "/discord/users",
        "/v1/runs",
        "/v1/jobs",
        "/discord/sync/status",
    ] {
        assert_eq!(served.status("get", path, Some(&plain)).await, 200, "{path}");
        assert_eq!(served.status("get", path, None).await, 401, "{path}");
        // A key has its scopes, and no switch adds to them.
        let key = served.key(&[], 60_000).await;
        assert_eq!(
            served.bearer("get", path, &key).await,
            (403, "permission_denied".to_owned())
        );
    }
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
        // Whatever a request may carry, a page may send, and what an answer tells in a header, it may read.
        let sent = answer.headers()["access-control-allow-headers"].to_str().unwrap();
        for name in [
            "authorization",
            "x-api-key",
            "if-match",
            "prefer",
            "idempotency-key",
        ] {
            assert!(
                sent.split(',').any(|allowed| allowed.trim() == name),
                "{name}: {sent}"
            );
        }
    }
    let headers = [("origin", "https://app.example")];
    let refused = served.ask("GET", "/discord/guilds", &headers, "").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.headers()["access-control-allow-origin"],
        "https://app.example"
    );
    let read = refused.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap();
    for name in [
        "etag",
        "location",
        "preference-applied",
        "idempotency-replayed",
        "www-authenticate",
    ] {
        assert!(
            read.split(',').any(|exposed| exposed.trim() == name),
            "{name}: {read}"
        );
    }
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

/// The frontend shows nothing else when this is anything but 200.
#[tokio::test]
async fn the_modules_state_is_told_however_often_somebody_asks() {
    let more = [("API_RATE_LIMIT_PER_MINUTE", "60"), ("API_RATE_LIMIT_BURST", "2")];
    let mut served = served(&more).await;
    for _ in 0..6 {
        for path in ["/discord/status", "/api/discord/status"] {
            let (status, _, body) = served.text("GET", path, &[], "").await;
            assert_eq!((status, &body["database_connected"]), (200, &Value::Bool(true)));
        }
    }
    // Others wait all the same.
    assert_eq!(served.text("GET", "/discord/guilds", &[], "").await.0, 429);
}

/// A browser that comes back from Discord shows its person whatever is answered.
#[tokio::test]
async fn a_login_that_comes_back_too_often_ends_at_the_frontend_as_every_other() {
    let more = [("API_RATE_LIMIT_PER_MINUTE", "60"), ("API_RATE_LIMIT_BURST", "1")];
    let mut served = served(&more).await;
    let bearer = format!("Bearer {}", served.admin);
    let headers = [("authorization", bearer.as_str())];
    for (path, code) in [
        ("/discord/auth/callback?error=access_denied", "access_denied"),
        ("/discord/auth/callback?error=access_denied", "rate_limited"),
        ("/api/discord/auth/callback?error=access_denied", "rate_limited"),
    ] {
        let answer = served.ask("GET", path, &headers, "").await;
        assert_eq!(answer.status(), StatusCode::FOUND, "{path}");
        let location = answer.headers()["location"].to_str().unwrap();
        assert!(
            location.contains(&format!("/user/characters?discord={code}&message=")),
            "{location}"
        );
    }
}

#[tokio::test]
async fn a_guild_whose_discord_is_away_is_not_stored() {
    let mut served = served(&[]).await;
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
