//! Who may do what, on real processes: people without a permission, programs with a key, banned users.

use std::time::Duration;

use mongodb::bson::{Document, doc, oid::ObjectId};
use reqwest::{Method, StatusCode};

use crate::api::served;
use crate::support::http::{Api, json as body_of};
use crate::support::process::Installation;
use crate::support::servers::Mongo;
use crate::support::{free_port, wait_for};

impl Api {
    async fn asked(&self, method: Method, path: &str, credential: &str) -> (StatusCode, String) {
        let answer = self
            .request(method, path)
            .bearer_auth(credential)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body: serde_json::Value = answer.json().await.unwrap_or_default();
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    }
}

fn refused(status: StatusCode, code: &str) -> (StatusCode, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_permission_may_sync_nobody_but_itself() {
    let served = served().await;
    let account = served.world.groups.keys().next().unwrap();
    let (user, other) = (format!("user-{account}"), "somebody");
    let token = |user: &str| {
        served
            .installation
            .run(&["token", "--user", user])
            .ok()
            .out
            .trim()
            .to_owned()
    };
    let (own, foreign) = (token(&user), token(other));
    let path = format!("/discord/sync/user/{user}");
    let denied = refused(StatusCode::FORBIDDEN, "permission_denied");
    for (method, path, credential) in [
        (Method::POST, "/discord/sync/manual", &own),
        (Method::POST, "/v1/runs", &own),
        (Method::GET, "/v1/runs", &own),
        (Method::GET, "/discord/sync/status", &own),
        (Method::GET, "/discord/guilds", &own),
        (Method::POST, path.as_str(), &foreign),
    ] {
        assert_eq!(served.api.asked(method, path, credential).await, denied, "{path}");
    }
    let api = served.api.as_caller(&own);
    let asked = api.request(Method::POST, &path).bearer_auth(&own);
    let answer = asked.header("prefer", "respond-async").send().await.unwrap();
    let accepted = body_of(answer, StatusCode::ACCEPTED, "own sync").await;
    let run = accepted["sync_id"].as_str().unwrap();
    assert_eq!(api.finished(run).await["state"], "completed");
    let run = format!("/v1/runs/{run}");
    assert_eq!(served.api.asked(Method::GET, &run, &foreign).await, denied);
}

/// Makes a key, and says what was printed.
fn key(installation: &Installation) -> (String, String) {
    let create = [
        "keys",
        "create",
        "--name",
        "nightly",
        "--scope",
        "discord:sync:manage",
    ];
    let made = installation.run(&create).ok();
    (made.out.trim().to_owned(), made.err)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_what_its_scopes_say_and_is_listed_with_its_use() {
    let served = served().await;
    let (key, told) = key(&served.installation);
    assert!(
        key.starts_with("rck_") && told.contains("not shown again"),
        "{key} {told}"
    );
    let id = &key[4..16];
    let listed = || {
        let all = served.installation.run(&["keys", "list", "--json"]).ok().json();
        all["keys"][0].clone()
    };
    let new = listed();
    assert_eq!(
        (new["state"].as_str(), new["last_used_at"].as_str()),
        (Some("valid"), None)
    );

    let accepted = served
        .api
        .as_caller(&key)
        .post("/discord/sync/manual", None)
        .await;
    let accepted = body_of(accepted, StatusCode::ACCEPTED, "with a key").await;
    let run = accepted["sync_id"].as_str().unwrap();
    assert_eq!(
        served.api.finished(run).await["cause"]["actor"],
        format!("key:{id}")
    );
    for (path, code) in [
        ("/discord/guilds", "permission_denied"),
        ("/discord/user/profile", "key_has_no_account"),
    ] {
        let answer = served.api.asked(Method::GET, path, &key).await;
        assert_eq!(answer, refused(StatusCode::FORBIDDEN, code));
    }
    wait_for(
        "the use of the key to be noted",
        Duration::from_secs(60),
        || async { listed()["last_used_at"].as_str().map(|_| ()) },
    )
    .await;
    let table = served.installation.run(&["keys", "list"]).ok().out;
    assert!(table.contains(id) && table.contains("nightly"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_opens_nothing_and_its_secret_was_kept_nowhere() {
    let served = served().await;
    let installation = &served.installation;
    let (key, _) = key(installation);
    let id = &key[4..16];
    assert_eq!(
        served.api.asked(Method::GET, "/v1/runs", &key).await,
        refused(StatusCode::OK, "")
    );
    let revoked = installation.run(&["keys", "revoke", id]).ok().out;
    assert!(revoked.contains("Revoked"), "{revoked}");
    let answer = served.api.asked(Method::GET, "/v1/runs", &key).await;
    assert_eq!(answer, refused(StatusCode::UNAUTHORIZED, "api_key_revoked"));
    assert!(
        installation
            .run(&["keys", "revoke", id])
            .ok()
            .out
            .contains("before")
    );
    let none = "000000000000";
    installation
        .run(&["keys", "revoke", none])
        .refused(1, &[none, "keys list"]);

    let secret = &key.as_bytes()[17..];
    let mut kept = Vec::new();
    for name in ["data/rolecall.db", "data/rolecall.db-wal", "all.log"] {
        kept.extend(std::fs::read(installation.path(name)).unwrap_or_default());
    }
    assert!(kept.windows(12).any(|w| w == id.as_bytes()), "the id is kept");
    assert!(
        !kept.windows(secret.len()).any(|w| w == secret),
        "the secret is not"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_for_tokens_the_api_starts_for_programs_with_a_key() {
    let (mongo, port) = (Mongo::fresh(), free_port());
    let installation = Installation::embedded()
        .set("MONGODB_URI", &mongo.uri)
        .set("MONGODB_DATABASE", &mongo.database)
        .set(
            "ROLECALL_ENCRYPTION_KEYS",
            "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        )
        .set("HOST", "127.0.0.1")
        .set("PORT", port);
    installation
        .run(&["web"])
        .refused(2, &["JWT_SECRET", "keys create"]);
    let create = [
        "keys",
        "create",
        "--name",
        "ci",
        "--scope",
        "jobs:read",
        "--expires",
        "never",
        "--json",
    ];
    let made = installation.run(&create).ok().json();
    assert_eq!(
        (&made["expires_at"], &made["state"]),
        (&serde_json::Value::Null, &"valid".into())
    );
    let web = installation.start("web", &["web"], &[]);
    let api = Api::new(port, made["key"].as_str().unwrap());
    api.ready().await;
    assert_eq!(api.get("/v1/runs").await["runs"], serde_json::json!([]));
    assert!(web.log().contains("JWT_SECRET is not set"));
    drop(web);
    mongo.forget().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn go_falcons_collections_say_who_may_what_and_who_is_banned() {
    let (mongo, port) = (Mongo::fresh(), free_port());
    let db = mongo.client().await;
    let group = ObjectId::new();
    let put = async |name: &str, documents: Vec<Document>| {
        db.collection::<Document>(name)
            .insert_many(documents)
            .await
            .unwrap();
    };
    let profile = |user: &str, character: i64, banned: bool| {
        doc! { "user_id": user, "character_id": character, "banned": banned }
    };
    let profiles = vec![
        profile("lead", 1, false),
        profile("eve", 2, false),
        profile("eve", 3, true),
    ];
    put("user_profiles", profiles).await;
    put(
        "groups",
        vec![doc! { "_id": group, "name": "Leads", "is_active": true }],
    )
    .await;
    let members = [1_i64, 2].map(|c| doc! { "group_id": group, "character_id": c, "is_active": true });
    put("group_memberships", members.into()).await;
    let grant = doc! { "group_id": group, "permission_id": "discord:sync:manage", "is_active": true };
    put("group_permissions", vec![grant]).await;
    let installation = Installation::embedded()
        .set("MONGODB_URI", &mongo.uri)
        .set("MONGODB_DATABASE", &mongo.database)
        .set("JWT_SECRET", "an-e2e-secret-that-is-long-enough-0123456789")
        .set("HOST", "127.0.0.1")
        .set("PORT", port);
    let web = installation.start("web", &["web"], &[]);
    let api = Api::new(port, "");
    api.ready().await;
    let token = |user: &str| {
        installation
            .run(&["token", "--user", user])
            .ok()
            .out
            .trim()
            .to_owned()
    };
    let forbidden = StatusCode::FORBIDDEN;
    for (user, path, answer) in [
        ("lead", "/v1/runs", refused(StatusCode::OK, "")),
        ("lead", "/discord/guilds", refused(forbidden, "permission_denied")),
        ("nobody", "/v1/runs", refused(forbidden, "permission_denied")),
        ("eve", "/v1/runs", refused(forbidden, "banned")),
        ("eve", "/discord/user/profile", refused(forbidden, "banned")),
        ("eve", "/discord/auth/status", refused(StatusCode::OK, "")),
    ] {
        assert_eq!(
            api.asked(Method::GET, path, &token(user)).await,
            answer,
            "{user} {path}"
        );
    }
    let unlink = api
        .asked(Method::DELETE, "/discord/auth/unlink/7", &token("eve"))
        .await;
    assert_eq!(unlink, refused(StatusCode::NOT_FOUND, "account_not_linked"));
    drop(web);
    mongo.forget().await;
}
