//! Who is asking: keys, banned people, people who ask about themselves, and garbage.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rolecall_core::api_key::{ApiKey, ApiKeyId, split};
use rolecall_core::error::StoreError;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::link::Link;
use rolecall_core::ports::{ApiKeys, Granted, NewGuild, Permissions, permission};
use rolecall_core::{Timestamp, UserId};
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

/// Keys in a store of which a part is broken.
struct Broken {
    keys: Arc<dyn ApiKeys>,
    reads: bool,
}

#[async_trait]
impl ApiKeys for Broken {
    async fn insert(&self, key: &ApiKey) -> Result<bool, StoreError> {
        self.keys.insert(key).await
    }
    async fn get(&self, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        if self.reads {
            return Err(StoreError::unavailable("away"));
        }
        self.keys.get(id).await
    }
    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.keys.list().await
    }
    async fn revoke(&self, id: &ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.keys.revoke(id, at).await
    }
    async fn note_use(&self, _: &ApiKeyId, _: Timestamp) -> Result<bool, StoreError> {
        Err(StoreError::unavailable("away"))
    }
}

fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A guild, and an account of `ada`.
async fn with_ada(served: &Served) {
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
async fn a_key_that_ended_is_told_so_and_nobody_learns_which_keys_there_are() {
    let mut served = served(&[]).await;
    let good = served.key(&[permission::JOBS_READ], 60_000).await;
    let other = served.key(&[permission::JOBS_READ], 60_000).await;
    let expired = served.key(&[permission::JOBS_READ], -1).await;
    assert_eq!(served.bearer("get", "/v1/jobs", &good).await.0, 200);
    assert_eq!(
        served.bearer("get", "/v1/jobs", &expired).await,
        told(401, "api_key_expired")
    );
    let wrong_secret = format!("{}{}", &good[..17], &other[17..]);
    let unknown = format!("rck_000000000000{}", &good[16..]);
    for bad in [wrong_secret.as_str(), &unknown, "rck_", "rck_x_y", &good[..80]] {
        assert_eq!(
            served.bearer("get", "/v1/jobs", bad).await,
            told(401, "api_key_invalid"),
            "{bad}"
        );
    }
    // A key that was valid a moment ago is refused as soon as it is revoked.
    let id = split(&good).unwrap().0;
    assert!(served.app.api_keys.revoke(&id, Timestamp(0)).await.unwrap());
    assert_eq!(
        served.bearer("get", "/v1/jobs", &good).await,
        told(401, "api_key_revoked")
    );
    // A token in the key's header is no key, and a bad key is not retried with the cookie.
    let admin = served.admin.clone();
    let cookie = format!("falcon_auth_token={admin}");
    for key in [admin.as_str(), ""] {
        let headers = [("x-api-key", key), ("cookie", cookie.as_str())];
        assert_eq!(
            served.code("get", "/v1/jobs", &headers).await,
            told(401, "api_key_invalid")
        );
    }
}

#[tokio::test]
async fn a_use_is_noted_and_a_store_that_cannot_note_it_refuses_nobody() {
    let mut served = served(&[]).await;
    let key = served.key(&[permission::JOBS_READ], 60_000).await;
    let id = split(&key).unwrap().0;
    let began = served.app.services.clock.now();
    assert_eq!(served.bearer("get", "/v1/jobs", &key).await.0, 200);
    let noted = async {
        loop {
            let stored = served.app.api_keys.get(&id).await.unwrap().unwrap();
            if let Some(at) = stored.last_used_at {
                return at;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let at = tokio::time::timeout(Duration::from_secs(60), noted)
        .await
        .unwrap();
    assert!(at >= began);

    for (reads, answer) in [(false, (200, "")), (true, (503, "store_unavailable"))] {
        let mut served = served_with(&[], |app| {
            let keys = Arc::clone(&app.api_keys);
            app.api_keys = Arc::new(Broken { keys, reads });
        })
        .await;
        let key = served.key(&[permission::JOBS_READ], 60_000).await;
        assert_eq!(
            served.bearer("get", "/v1/jobs", &key).await,
            told(answer.0, answer.1)
        );
    }
}

#[tokio::test]
async fn what_a_key_does_is_done_in_its_name() {
    let mut served = served(&[]).await;
    with_ada(&served).await;
    let key = served.key(&[permission::GUILDS, permission::SYNC], 60_000).await;
    let actor = format!("key:{}", split(&key).unwrap().0);
    assert_eq!(served.bearer("post", "/v1/runs", &key).await.0, 202);
    let runs = served.app.services.runs.list(None, None, 9).await.unwrap();
    assert_eq!(runs[0].cause.actor, actor);
    assert_eq!(served.bearer("delete", "/discord/guilds/5", &key).await.0, 200);
    let records = served.app.services.audit.list(None, None, 9).await.unwrap();
    assert_eq!(records[0].actor, actor);
    let secret = split(&key).unwrap().1;
    assert!(!format!("{runs:?}{records:?}").contains(secret));
}

#[tokio::test]
async fn keys_open_the_door_where_there_is_no_secret_for_tokens() {
    let mut served = served_with(&[], |app| app.jwt_secret = None).await;
    let (key, plain) = (
        served.key(&[permission::JOBS_READ], 60_000).await,
        served.plain.clone(),
    );
    assert_eq!(served.bearer("get", "/v1/jobs", &key).await.0, 200);
    assert_eq!(served.bearer("get", "/v1/runs", &key).await.0, 200);
    assert_eq!(
        served.bearer("get", "/discord/guilds", &key).await,
        told(403, "permission_denied")
    );
    assert_eq!(
        served.bearer("get", "/v1/jobs", &plain).await,
        told(503, "no_jwt_secret")
    );
    assert_eq!(
        served.code("get", "/v1/jobs", &[]).await,
        told(401, "authentication_required")
    );
}

#[tokio::test]
async fn each_key_has_a_bucket_of_its_own() {
    let limits = [("API_RATE_LIMIT_PER_MINUTE", "1"), ("API_RATE_LIMIT_BURST", "3")];
    let mut served = served(&limits).await;
    let first = served.key(&[permission::JOBS_READ], 60_000).await;
    let second = served.key(&[permission::JOBS_READ], 60_000).await;
    // The first request shows that the key is valid; it counts for the address.
    for (key, last) in [(&first, 429), (&second, 429)] {
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(served.bearer("get", "/v1/jobs", key).await.0);
        }
        assert_eq!(answers, [200, 200, 200, 200, last]);
    }
    // Nobody empties a key's bucket with its id alone.
    let guess = format!("{}{}", &first[..17], &second[17..]);
    assert_eq!(served.bearer("get", "/v1/jobs", &guess).await.0, 401);
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
    let mut served = runtime.block_on(served(&[]));
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
        let (status, code) = runtime.block_on(served.code("get", "/v1/jobs", &[(name, &value)]));
        prop_assert_eq!(status, 401, "{} {}: {}", name, value, code);
        Ok(())
    });
    asked.unwrap();
}
