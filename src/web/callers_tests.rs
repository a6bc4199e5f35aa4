//! Who is asking: people without a permission, banned people, and garbage.

use std::cell::RefCell;
use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rolecall_core::UserId;
use rolecall_core::error::StoreError;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::link::Link;
use rolecall_core::ports::{Granted, NewGuild, Permissions, permission};
use serde_json::json;

use super::access_tests::{Served, served, served_with, token};

/// `eve` is banned although it has every permission; of `down` nothing can be read.
pub(super) struct Rules;

#[async_trait]
impl Permissions for Rules {
    async fn of_user(&self, user: &UserId) -> Result<Granted, StoreError> {
        match user.as_str() {
            "down" => Err(StoreError::Corrupt("a document with s3cr3t".to_owned())),
            "eve" => Ok(Granted {
                permissions: permission::ALL.map(String::from).into(),
                banned: true,
            }),
            _ => Ok(Granted::default()),
        }
    }
}

pub(super) fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A guild, and an account of `ada`.
pub(super) async fn with_ada(served: &Served) {
    let now = served.app.services.clock.now();
    let config = GuildConfig {
        guild_id: "5".parse().unwrap(),
        guild_name: "Corp".to_owned(),
        is_enabled: true,
        bot_user_id: None,
        settings: GuildSettings::default(),
        health: None,
        created_by: None,
        created_at: now,
        updated_at: now,
    };
    let guild = NewGuild {
        config,
        sealed_token: None,
    };
    served.app.services.guilds.put(guild).await.unwrap();
    let link = Link {
        user_id: "ada".into(),
        discord_id: "7".parse().unwrap(),
        username: "ada".to_owned(),
        is_active: true,
        has_token: false,
        token_expiry: None,
        needs_consent: false,
        linked_at: now,
        updated_at: now,
    };
    served.app.services.links.put(&link, None).await.unwrap();
}

#[tokio::test]
async fn everybody_may_sync_themselves_and_look_at_that_run_and_no_other() {
    let mut served = served(&[]).await;
    with_ada(&served).await;
    let (ada, eve) = (token("ada", false), token("eve", false));
    let own = "/discord/sync/user/ada";
    assert_eq!(
        served.bearer("post", own, &eve).await,
        told(403, "permission_denied")
    );
    assert_eq!(served.app.services.runs.count(None).await.unwrap(), 0);
    let bearer = format!("Bearer {ada}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let past = json!({"allow_removals": true}).to_string();
    assert_eq!(served.ask("POST", own, &headers, &past).await.status(), 422);
    let answer = served.ask("POST", own, &headers, "").await;
    assert_eq!(answer.status(), 202);
    let run = answer.headers()["location"].to_str().unwrap().to_owned();
    for path in [run.clone(), format!("{run}/events")] {
        assert_eq!(served.bearer("get", &path, &ada).await.0, 200, "{path}");
        assert_eq!(
            served.bearer("get", &path, &eve).await,
            told(403, "permission_denied")
        );
    }
    // Somebody who may see none learns not even which there are.
    let unknown = "/v1/runs/019a2c8e-5b1d-7c3a-9f00-0123456789ab";
    assert_eq!(
        served.bearer("get", unknown, &ada).await,
        told(403, "permission_denied")
    );
    let admin = served.admin.clone();
    assert_eq!(
        served.bearer("get", unknown, &admin).await,
        told(404, "unknown_run")
    );
    let full = served
        .ask(
            "POST",
            "/v1/runs",
            &[("authorization", &format!("Bearer {admin}"))],
            "",
        )
        .await;
    let full = full.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(
        served.bearer("get", &full, &ada).await,
        told(403, "permission_denied")
    );
    for (method, path) in [
        ("get", "/v1/runs"),
        ("get", "/v1/jobs"),
        ("get", "/discord/sync/status"),
        ("post", "/discord/sync/manual"),
    ] {
        assert_eq!(
            served.bearer(method, path, &ada).await,
            told(403, "permission_denied"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_operator_may_open_syncs_and_runs_to_people_and_not_to_keys() {
    let mut served = served(&[("ROLECALL_SYNC_NEEDS_PERMISSION", "false")]).await;
    with_ada(&served).await;
    let (plain, key) = (token("eve", false), served.key(&[], 60_000).await);
    for (method, path, status) in [
        ("get", "/v1/runs", 200),
        ("get", "/v1/jobs", 200),
        ("get", "/discord/sync/status", 200),
        ("post", "/discord/sync/manual", 202),
        ("post", "/discord/sync/user/ada", 202),
    ] {
        assert_eq!(served.bearer(method, path, &plain).await.0, status, "{path}");
        assert_eq!(
            served.bearer(method, path, &key).await,
            told(403, "permission_denied"),
            "{path}"
        );
    }
    // Past the guard only somebody goes who answers for it.
    let bearer = format!("Bearer {plain}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let past = json!({"allow_removals": true}).to_string();
    assert_eq!(
        served.ask("POST", "/v1/runs", &headers, &past).await.status(),
        403
    );
    assert_eq!(
        served.bearer("get", "/discord/guilds", &plain).await,
        told(403, "permission_denied")
    );
}

#[tokio::test]
async fn a_banned_user_may_look_after_its_own_data_and_do_nothing_else() {
    let mut served = served_with(&[], |app| app.permissions = Arc::new(Rules)).await;
    let eve = token("eve", false);
    for (method, path) in [
        ("get", "/discord/user/profile"),
        ("get", "/discord/users/eve"),
        ("post", "/discord/auth/link"),
        ("post", "/discord/link"),
        ("post", "/discord/sync/user/eve"),
        ("get", "/discord/auth/login?link=true"),
        ("get", "/discord/guilds"),
        ("post", "/v1/runs"),
        ("get", "/v1/runs/019a2c8e-5b1d-7c3a-9f00-0123456789ab"),
    ] {
        assert_eq!(
            served.bearer(method, path, &eve).await,
            told(403, "banned"),
            "{path}"
        );
        let cookie = format!("falcon_auth_token={eve}");
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        assert_eq!(
            served.code(method, path, &headers).await,
            told(403, "banned"),
            "{path}"
        );
    }
    let unlink = served.bearer("delete", "/discord/auth/unlink/7", &eve).await;
    assert_eq!(unlink, told(404, "account_not_linked"));
    assert_eq!(served.bearer("get", "/discord/auth/status", &eve).await.0, 200);
    // The operator's own token is believed, and the drop-in switch asks nobody.
    assert_eq!(
        served
            .bearer("get", "/discord/guilds", &token("eve", true))
            .await
            .0,
        200
    );
    let any = [("GO_FALCON_COMPAT_ANY_JWT", "true")];
    let mut served = served_with(&any, |app| app.permissions = Arc::new(Rules)).await;
    for user in ["eve", "down"] {
        assert_eq!(
            served
                .bearer("get", "/discord/guilds", &token(user, false))
                .await
                .0,
            200
        );
    }
}

#[tokio::test]
async fn where_permissions_cannot_be_read_nothing_is_allowed_and_it_is_said_to_pass() {
    let mut served = served_with(&[], |app| app.permissions = Arc::new(Rules)).await;
    let bearer = format!("Bearer {}", token("down", false));
    for path in ["/discord/user/profile", "/discord/guilds", "/v1/runs"] {
        let answer = served.ask("GET", path, &[("authorization", &bearer)], "").await;
        assert_eq!(answer.status(), 503, "{path}");
        assert!(answer.headers().contains_key("retry-after"));
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(
            body.contains("permissions_unavailable") && !body.contains("s3cr3t"),
            "{body}"
        );
    }
    // What a banned user may do does not depend on it.
    let unlink = served
        .bearer("delete", "/discord/auth/unlink/7", &token("down", false))
        .await;
    assert_eq!(unlink, told(404, "account_not_linked"));
    let key = served.key(&[permission::GUILDS], 60_000).await;
    assert_eq!(served.bearer("get", "/discord/guilds", &key).await.0, 200);
}

#[tokio::test]
async fn the_caller_is_known_before_the_body_is_judged() {
    let mut served = served(&[]).await;
    let admin = format!("Bearer {}", served.admin);
    let json = ("content-type", "application/json");
    for (authorization, body, status) in [
        (None, "{", 401),
        (Some("Bearer x"), "{", 401),
        (Some(admin.as_str()), "{", 400),
        (Some(admin.as_str()), "{\"a\":1}", 422),
        (Some(admin.as_str()), "", 409),
    ] {
        let mut headers = vec![json];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let answer = served.ask("POST", "/v1/runs", &headers, body).await;
        assert_eq!(answer.status(), status, "{authorization:?} {body}");
    }
}

#[test]
fn garbage_in_the_place_of_a_token_is_401_and_breaks_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = RefCell::new(runtime.block_on(served(&[])));
    let garbage = prop_oneof![
        "[ -~]{0,120}",
        "([A-Za-z0-9_-]{0,40}\\.){2}[A-Za-z0-9_-]{0,40}",
        "rck_[0-9a-f]{12}_[0-9a-f]{64}",
        "rck_[ -~]{0,90}",
    ];
    let strategy = (garbage, 0..3_usize);
    let config = Config {
        cases: 128,
        failure_persistence: None,
        ..Config::default()
    };
    let asked = TestRunner::new(config).run(&strategy, |(garbage, place)| {
        let (name, value) = match place {
            0 => ("authorization", format!("Bearer {garbage}")),
            1 => ("x-api-key", garbage),
            _ => ("cookie", format!("falcon_auth_token={garbage}")),
        };
        let (status, code) = runtime.block_on(served.borrow_mut().code("get", "/v1/jobs", &[(name, &value)]));
        prop_assert_eq!(status, 401, "{} {}: {}", name, value, code);
        Ok(())
    });
    asked.unwrap();
}
