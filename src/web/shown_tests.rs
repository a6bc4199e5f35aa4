//! What is stored is shown: to whom, and with which fields.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use rolecall_core::conditions::Conditions;
use rolecall_core::guild::{GuildConfig, GuildHealth, GuildSettings, HealthStatus};
use rolecall_core::link::Link;
use rolecall_core::mapping::Mapping;
use rolecall_core::ports::NewGuild;
use rolecall_core::{DiscordId, GuildId, MappingId, RoleId, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::access_tests::{Served, served};
use super::{issue_token, router};

const MAPPING: &str = "64b000000000000000000001";

/// A guild that was looked at, a mapping, and an account of `ada`.
async fn stored() -> Served {
    let served = served(&[]).await;
    let (services, at) = (&served.app.services, Timestamp(1_000));
    let guild_id = GuildId::new(5).unwrap();
    let config = GuildConfig {
        guild_id,
        guild_name: "Corp".into(),
        is_enabled: true,
        bot_user_id: None,
        settings: GuildSettings::default(),
        health: None,
        created_by: None,
        created_at: at,
        updated_at: at,
    };
    let new = NewGuild {
        config,
        sealed_token: None,
    };
    services.guilds.put(new).await.unwrap();
    let health = GuildHealth {
        status: HealthStatus::Degraded,
        last_error: Some("The role Pilot cannot be moved.".into()),
        checked_at: at,
        bot_permissions: Some(268_435_456),
        owner_id: Some(DiscordId::new(9).unwrap()),
    };
    services.guilds.set_health(guild_id, &health).await.unwrap();
    let mapping = Mapping {
        last_sync: None,
        sync_count: 0,
        id: MappingId(MAPPING.into()),
        guild_id,
        group_id: "gone".into(),
        group_name: "Pilots".into(),
        role_id: RoleId::new(6).unwrap(),
        role_name: "Pilot".into(),
        priority: 3,
        conditions: Conditions::default(),
        is_active: true,
        created_by: None,
        created_at: at,
        updated_at: at,
    };
    services.mappings.add(mapping).await.unwrap().unwrap();
    let link = Link {
        user_id: "ada".into(),
        discord_id: DiscordId::new(7).unwrap(),
        username: "ada".into(),
        is_active: true,
        has_token: false,
        token_expiry: None,
        needs_consent: false,
        linked_at: at,
        updated_at: at,
    };
    services.links.put(&link, None).await.unwrap();
    served
}

async fn seen(served: &Served, user: &str, admin: bool, path: &str) -> (u16, Value) {
    let key = served.app.jwt_secret.as_ref().unwrap();
    let token = issue_token(key, &user.into(), admin, Duration::from_secs(60));
    let request = Request::builder()
        .uri(path)
        .header("authorization", format!("Bearer {token}"));
    let router = router(Arc::clone(&served.app), CancellationToken::new());
    let answer = router
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_guild_shows_how_it_was_found() {
    let served = stored().await;
    let (_, list) = seen(&served, "eve", true, "/discord/guilds").await;
    let (status, guild) = seen(&served, "eve", true, "/discord/guilds/5").await;
    assert_eq!((status, &list["guilds"][0]), (200, &guild));
    for (field, value) in [
        ("health_status", json!("degraded")),
        ("last_error", json!("The role Pilot cannot be moved.")),
        ("bot_permissions", json!("268435456")),
        ("owner_id", json!("9")),
        ("last_health_check", json!("1970-01-01T00:00:01.000Z")),
    ] {
        assert_eq!(guild[field], value, "{field}");
    }
    let report = guild["permission_report"].as_array().unwrap();
    let granted: Vec<&str> = report
        .iter()
        .filter(|r| r["granted"] == true)
        .filter_map(|r| r["name"].as_str())
        .collect();
    assert_eq!((report.len(), granted), (6, vec!["Manage Roles"]));
}

#[tokio::test]
async fn one_mapping_is_shown_and_an_unknown_or_wrong_id_is_told() {
    let served = stored().await;
    let (status, mapping) = seen(&served, "eve", true, &format!("/discord/role-mappings/{MAPPING}")).await;
    assert_eq!((status, &mapping["group_name"]), (200, &json!("Pilots")));
    assert!(mapping["warnings"][0].as_str().unwrap().contains("undecided"));
    // A document that another hand wrote has an id of another kind, and is listed with it: so it can be asked for, too.
    let ours = MappingId(MAPPING.into());
    let known = served.app.services.mappings.get(&ours).await.unwrap().unwrap();
    let foreign = Mapping {
        id: MappingId("mapping-uuid".into()),
        group_id: "other".into(),
        ..known
    };
    served.app.services.mappings.add(foreign).await.unwrap().unwrap();
    let (status, mapping) = seen(&served, "eve", true, "/discord/role-mappings/mapping-uuid").await;
    assert_eq!((status, &mapping["id"]), (200, &json!("mapping-uuid")));
    let long = "x".repeat(129);
    let wrong = [
        ("64b000000000000000000002", 404),
        ("xyz", 422),
        ("x%00", 422),
        (long.as_str(), 422),
        ("%ff", 400),
    ];
    for (id, status) in wrong {
        let (answered, problem) = seen(&served, "eve", true, &format!("/discord/role-mappings/{id}")).await;
        assert_eq!(answered, status, "{problem:#}");
        assert!(problem["errors"][0]["message"].is_string(), "{problem:#}");
    }
}

#[tokio::test]
async fn a_user_is_shown_to_administrators_and_to_nobody_else_but_the_user() {
    let served = stored().await;
    for (caller, admin, user, status) in [
        ("ada", false, "ada", 200),
        ("eve", false, "ada", 403),
        ("eve", true, "ada", 200),
        ("eve", true, "bob", 404),
        ("bob", false, "bob", 404),
    ] {
        let (answered, body) = seen(&served, caller, admin, &format!("/discord/users/{user}")).await;
        assert_eq!(answered, status, "{caller} looks at {user}: {body:#}");
        if status == 200 {
            assert_eq!(
                (&body["discord_id"], &body["discord_user_id"]),
                (&json!("7"), &json!("7"))
            );
        }
    }
}
