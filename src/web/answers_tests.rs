//! What every legacy path answers, kept as snapshots: names, types, sentences and codes that callers rely on.
//!
//! After a wanted change: `INSTA_UPDATE=always cargo nextest run -E 'test(answers_tests)'`, and look at the difference.

use axum::http::HeaderMap;
use rolecall_core::guild::GuildHealth;
use rolecall_core::guild::HealthStatus;
use rolecall_core::run::{RunError, RunResults, RunState};
use rolecall_core::{GuildId, Timestamp};
use serde_json::{Map, Value, json};

use super::guilds_tests::{TOKEN, World, world};

/// Questions and answers, in their order.
struct Talk {
    world: World,
    told: Vec<Value>,
}

impl Talk {
    async fn begin() -> Self {
        Self {
            world: world().await,
            told: Vec::new(),
        }
    }

    /// Asks as an administrator, and keeps what is answered.
    async fn ask(&mut self, method: &str, path: &str, body: Value) -> Value {
        let (status, headers, answer) = self.world.served.json(method, path, body.clone()).await;
        self.keep(method, path, &body, (status, &headers, &answer));
        answer
    }

    /// The same without a token.
    async fn ask_anonymously(&mut self, method: &str, path: &str) {
        let (status, headers, answer) = self.world.served.anonymous(method, path).await;
        self.keep(method, path, &Value::Null, (status, &headers, &answer));
    }

    fn keep(
        &mut self,
        method: &str,
        path: &str,
        sent: &Value,
        (status, headers, body): (u16, &HeaderMap, &Value),
    ) {
        let mut told = Map::new();
        told.insert("asked".into(), format!("{method} {path}").into());
        if !sent.is_null() {
            told.insert("sent".into(), sent.clone());
        }
        told.insert("status".into(), status.into());
        for name in ["location", "etag", "retry-after", "content-type"] {
            if let Some(value) = headers.get(name) {
                told.insert(name.into(), value.to_str().unwrap().into());
            }
        }
        told.insert("body".into(), body.clone());
        self.told.push(Value::Object(told));
    }

    /// Compares with what was kept. What differs from run to run is replaced by what it is.
    fn end(self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path("answers");
        settings.set_omit_expression(true);
        settings.set_sort_maps(true);
        for (known, shown) in [
            (self.world.guild.as_str(), "[guild]"),
            (&self.world.pilot, "[pilot role]"),
            (&self.world.group, "[group]"),
            (TOKEN, "[the bot's token]"),
        ] {
            settings.add_filter(known, shown);
        }
        for (pattern, shown) in [
            (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[time]"),
            (
                r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                "[uuid]",
            ),
            (r#""trace_id": "[0-9a-f]{32}""#, r#""trace_id": "[trace]""#),
            (
                r"(state=|code_challenge=|state.: .)[A-Za-z0-9_-]{43,64}",
                "${1}[random]",
            ),
            (r#""etag": "[^,]*""#, r#""etag": "[tag]""#),
            (r"\b[0-9a-f]{24}\b", "[id]"),
            (r"\b\d{17,20}\b", "[snowflake]"),
            (r"127\.0\.0\.1:\d+", "[host]"),
            (r#""version": "[^"]*""#, r#""version": "[version]""#),
            (r#"_age": \d+"#, r#"_age": "[seconds]""#),
            (r#""\d+ms""#, r#""[ms]""#),
            (r#""duration": \d+"#, r#""duration": "[ms]""#),
        ] {
            settings.add_filter(pattern, shown);
        }
        settings.bind(|| insta::assert_json_snapshot!(name, self.told));
    }
}

#[tokio::test]
async fn guilds() {
    let mut talk = Talk::begin().await;
    let guild = talk.world.guild.clone();
    let path = format!("/discord/guilds/{guild}");
    let form = json!({"guild_id": guild, "guild_name": "Corp", "bot_token": TOKEN});
    talk.ask("GET", "/discord/guilds", Value::Null).await;
    talk.ask("POST", "/discord/guilds", form).await;
    talk.ask(
        "POST",
        "/discord/guilds",
        json!({"guild_id": guild, "guild_name": "Other", "bot_token": TOKEN}),
    )
    .await;
    talk.ask(
        "POST",
        "/discord/guilds",
        json!({"guild_name": "No id", "bot_token": "•••"}),
    )
    .await;
    talk.ask(
        "POST",
        "/discord/guilds",
        json!({"guild_id": "5", "guild_name": "Not there", "bot_token": TOKEN}),
    )
    .await;
    talk.ask("GET", &path, Value::Null).await;
    let health = GuildHealth {
        status: HealthStatus::Unhealthy,
        last_error: Some("Bot missing Manage Roles permission".to_owned()),
        checked_at: Timestamp(0),
        bot_permissions: Some(2_147_483_647),
        owner_id: None,
    };
    let guilds = &talk.world.served.app.services.guilds;
    guilds
        .set_health(guild.parse::<GuildId>().unwrap(), &health)
        .await
        .unwrap();
    talk.ask("GET", "/discord/guilds?enabled=true", Value::Null).await;
    talk.ask("GET", "/discord/guilds?limit=0", Value::Null).await;
    talk.ask("GET", "/discord/status", Value::Null).await;
    talk.ask(
        "PUT",
        &path,
        json!({"is_enabled": false, "settings": {"sync_interval": "1h"}}),
    )
    .await;
    talk.ask(
        "PUT",
        &path,
        json!({"is_enabled": true, "enabled": false, "surprise": 1}),
    )
    .await;
    talk.ask("GET", &format!("{path}/roles"), Value::Null).await;
    talk.ask("GET", "/discord/guilds/x", Value::Null).await;
    talk.ask("GET", "/discord/guilds/5", Value::Null).await;
    talk.ask("GET", "/discord/guilds/5/roles", Value::Null).await;
    talk.ask("DELETE", &path, Value::Null).await;
    talk.ask("DELETE", &path, Value::Null).await;
    talk.ask_anonymously("GET", "/discord/guilds").await;
    talk.end("guilds");
}

#[tokio::test]
async fn mappings() {
    let mut talk = Talk::begin().await;
    let (guild, pilot, group) = (
        talk.world.guild.clone(),
        talk.world.pilot.clone(),
        talk.world.group.clone(),
    );
    let all = format!("/discord/guilds/{guild}/role-mappings");
    talk.ask("GET", &all, Value::Null).await;
    let form = json!({"guild_id": guild, "guild_name": "Corp", "bot_token": TOKEN});
    talk.world.served.json("POST", "/discord/guilds", form).await;
    let form =
        json!({"group_id": group, "discord_role_id": pilot, "discord_role_name": "Pilot", "is_active": true});
    let added = talk.ask("POST", &all, form.clone()).await;
    let mut other = form.clone();
    other["discord_role_id"] = guild.clone().into();
    talk.ask("POST", &all, other).await;
    talk.ask(
        "POST",
        &all,
        json!({"group_id": "nobody", "discord_role_id": pilot, "discord_role_name": "Pilot"}),
    )
    .await;
    talk.ask("POST", &all, json!({"discord_role_name": "Pilot"}))
        .await;
    talk.ask("GET", &all, Value::Null).await;
    talk.ask("GET", "/discord/role-mappings?enabled=&group_id=", Value::Null)
        .await;
    talk.ask("GET", "/discord/role-mappings?is_active=maybe", Value::Null)
        .await;
    let one = format!("/discord/role-mappings/{}", added["id"].as_str().unwrap());
    talk.ask("GET", &one, Value::Null).await;
    talk.ask("GET", "/discord/role-mappings/xyz", Value::Null).await;
    talk.ask(
        "GET",
        "/discord/role-mappings/64b000000000000000000001",
        Value::Null,
    )
    .await;
    talk.ask("PUT", &one, json!({"is_active": false, "priority": 3}))
        .await;
    talk.ask("PUT", &one, json!({"conditions": {"require_all": "yes"}}))
        .await;
    talk.ask("DELETE", &one, Value::Null).await;
    talk.ask("DELETE", &one, Value::Null).await;
    talk.end("mappings");
}

#[tokio::test]
async fn accounts() {
    let mut talk = Talk::begin().await;
    talk.ask_anonymously("GET", "/discord/auth/login").await;
    talk.ask_anonymously("GET", "/discord/auth/login?link=perhaps")
        .await;
    talk.ask_anonymously("GET", "/discord/auth/callback?error=access_denied&state=x")
        .await;
    talk.ask_anonymously("GET", "/discord/auth/callback?code=c").await;
    talk.ask_anonymously("GET", "/discord/auth/status").await;
    talk.ask("GET", "/discord/user/profile", Value::Null).await;
    let account = talk.world.simulator.add_user("Ada");
    let pair = talk
        .world
        .simulator
        .grant_token(account, &["identify", "guilds", "guilds.join"]);
    let tokens = json!({"access_token": pair.access_token, "refresh_token": pair.refresh_token});
    let (status, headers, body) = talk
        .world
        .served
        .json("POST", "/discord/auth/link", tokens.clone())
        .await;
    talk.keep(
        "POST",
        "/discord/auth/link",
        &json!("[tokens]"),
        (status, &headers, &body),
    );
    let (status, headers, body) = talk.world.served.json("POST", "/discord/link", tokens).await;
    talk.keep(
        "POST",
        "/discord/link",
        &json!("[tokens]"),
        (status, &headers, &body),
    );
    talk.ask(
        "POST",
        "/discord/auth/link",
        json!({"access_token": "unknown", "refresh_token": ""}),
    )
    .await;
    talk.ask("POST", "/discord/auth/link", json!({})).await;
    talk.ask("GET", "/discord/auth/status", Value::Null).await;
    talk.ask("GET", "/discord/user/profile", Value::Null).await;
    talk.ask("GET", "/discord/users?is_active=true&page=1&limit=5", Value::Null)
        .await;
    talk.ask("GET", "/discord/users?page=x", Value::Null).await;
    talk.ask("GET", "/discord/users/ada", Value::Null).await;
    talk.ask("GET", "/discord/users/nobody", Value::Null).await;
    talk.ask("DELETE", &format!("/discord/auth/unlink/{account}"), Value::Null)
        .await;
    talk.ask("DELETE", "/discord/auth/unlink/7", Value::Null).await;
    talk.ask("DELETE", "/discord/auth/unlink/x", Value::Null).await;
    talk.end("accounts");
}

#[tokio::test]
async fn syncs() {
    let mut talk = Talk::begin().await;
    talk.ask("GET", "/discord/status", Value::Null).await;
    talk.ask("GET", "/discord/sync/status", Value::Null).await;
    talk.ask("POST", "/discord/sync/manual", Value::Null).await;
    let guild = talk.world.guild.clone();
    let form = json!({"guild_id": guild, "guild_name": "Corp", "bot_token": TOKEN, "is_enabled": true});
    talk.world.served.json("POST", "/discord/guilds", form).await;
    talk.ask(
        "POST",
        "/discord/sync/manual",
        json!({"sync_type": "full", "guild_ids": [guild]}),
    )
    .await;
    talk.ask(
        "POST",
        "/discord/sync/manual",
        json!({"guild_id": guild, "user_ids": null, "dry_run": true}),
    )
    .await;
    talk.ask(
        "POST",
        "/discord/sync/manual",
        json!({"guild_id": 123_456_789_012_345_678_u64, "sync_type": "all"}),
    )
    .await;
    talk.ask("POST", "/discord/sync/manual", json!({"guild_id": "5"}))
        .await;
    talk.ask("POST", "/discord/sync/user/nobody", Value::Null).await;
    let account = talk.world.simulator.add_user("Ada");
    let pair = talk.world.simulator.grant_token(account, &["identify"]);
    let tokens = json!({"access_token": pair.access_token, "refresh_token": pair.refresh_token});
    talk.world.served.json("POST", "/discord/link", tokens).await;
    end_all(&talk.world).await;
    talk.ask("POST", "/discord/sync/user/ada", Value::Null).await;
    talk.ask("GET", "/discord/sync/status?limit=1", Value::Null).await;
    talk.ask("GET", "/discord/sync/status?limit=51", Value::Null)
        .await;
    talk.end("syncs");
}

/// Ends all runs, with one error.
async fn end_all(world: &World) {
    let services = &world.served.app.services;
    for run in services.runs.running().await.unwrap() {
        let results = RunResults {
            users_processed: 4,
            users_succeeded: 3,
            users_failed: 1,
            roles_added: 2,
            errors: vec![RunError {
                user_id: Some("user-123".into()),
                discord_id: None,
                guild_id: world.guild.parse().ok(),
                error: "Bot missing permissions".to_owned(),
                occurred_at: run.started_at,
            }],
            ..RunResults::default()
        };
        let at = services.clock.now();
        services
            .runs
            .close(run.id, RunState::Partial, &results, at)
            .await
            .unwrap();
    }
}
