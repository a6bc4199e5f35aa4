//! A member of a guild is looked up by the Discord id.

use rolecall_core::link::Link;
use rolecall_core::ports::ImportRow;
use rolecall_core::{DiscordId, Timestamp};
use serde_json::{Value, json};

use super::guilds_tests::{World, world};

/// The guild with its mapping; a pilot who is a member with the role, as the account of `ada`.
async fn scene() -> (World, u64) {
    let mut world = world().await;
    world.add_guild().await;
    let pilot = world.pilot.clone();
    assert_eq!(world.add_mapping(&pilot).await.0, 200);
    let account = world.simulator.add_user("ada");
    let guild = world.guild.parse().unwrap();
    assert!(
        world
            .simulator
            .add_member(guild, account, &[pilot.parse().unwrap()])
    );
    (world, account)
}

async fn link(world: &World, account: u64, is_active: bool) {
    let link = Link {
        user_id: "ada".into(),
        discord_id: DiscordId::new(account).unwrap(),
        username: "ada at Discord".to_owned(),
        is_active,
        has_token: false,
        token_expiry: None,
        needs_consent: false,
        linked_at: Timestamp(1),
        updated_at: Timestamp(1),
    };
    world.served.app.services.links.put(&link, None).await.unwrap();
}

async fn import(world: &World, groups: &[&str]) {
    let row = ImportRow {
        user_id: "ada".into(),
        name: "Ada".to_owned(),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        discord_id: None,
    };
    let import = &world.served.app.import;
    import.import(&[row], false).await.unwrap().unwrap();
}

impl World {
    async fn member(&mut self, account: &str) -> (u16, Value) {
        let path = format!("/discord/guilds/{}/members/{account}", self.guild);
        // Members may be read five times a second at Discord: who is told to come again does so.
        for _ in 0..20 {
            let (status, headers, body) = self.served.json("GET", &path, Value::Null).await;
            let Some(seconds) = headers.get("retry-after") else {
                return (status, body);
            };
            let seconds: u64 = seconds.to_str().unwrap().parse().unwrap();
            tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
        }
        panic!("told to come again twenty times");
    }
}

#[tokio::test]
async fn a_member_is_shown_with_its_roles_its_user_and_what_becomes_of_each_mapped_role() {
    let (mut world, account) = scene().await;
    let id = account.to_string();
    let (status, body) = world.member(&id).await;
    assert_eq!(status, 200, "{body:#}");
    let role = json!({"id": world.pilot, "name": "Pilot", "managed": false, "mapped": true});
    assert_eq!((&body["roles"], &body["user_id"]), (&json!([role]), &Value::Null));
    assert!(
        body["note"].as_str().unwrap().contains("nobody linked"),
        "{body:#}"
    );
    assert_eq!(body["mapped_roles"], json!([]));

    link(&world, account, true).await;
    let (_, body) = world.member(&id).await;
    assert!(
        body["note"].as_str().unwrap().contains("does not know the user"),
        "{body:#}"
    );
    for (groups, fate, decision) in [(&["pilots"][..], "wanted", "grants"), (&[], "denied", "denies")] {
        import(&world, groups).await;
        let (_, body) = world.member(&id).await;
        let mapped = &body["mapped_roles"][0];
        assert_eq!(
            (&body["user_id"], &body["note"]),
            (&json!("ada"), &Value::Null),
            "{body:#}"
        );
        assert_eq!(
            (
                &mapped["held"],
                &mapped["fate"],
                &mapped["mappings"][0]["decision"]
            ),
            (&json!(true), &json!(fate), &json!(decision)),
            "{body:#}"
        );
        assert!(mapped["mappings"][0]["reasons"][0].is_string(), "{body:#}");
    }
    link(&world, account, false).await;
    let (_, body) = world.member(&id).await;
    assert!(body["note"].as_str().unwrap().contains("not active"), "{body:#}");
}

#[tokio::test]
async fn a_role_that_is_newer_than_what_is_kept_of_the_guild_has_its_name() {
    let (mut world, account) = scene().await;
    let guild: u64 = world.guild.parse().unwrap();
    assert_eq!(world.member(&account.to_string()).await.0, 200);
    let new = rolecall_simulator::NewRole::at("Scout", 2);
    let role = world.simulator.add_role(guild, new).unwrap();
    assert!(world.simulator.set_member_roles(guild, account, &[role]));
    let (_, body) = world.member(&account.to_string()).await;
    assert_eq!(
        (&body["roles"][0]["name"], &body["roles"][0]["mapped"]),
        (&json!("Scout"), &json!(false)),
        "{body:#}"
    );
}

#[tokio::test]
async fn who_is_no_member_is_404_and_a_disabled_guild_is_not_asked() {
    let (mut world, account) = scene().await;
    let stranger = world.simulator.add_user("bob").to_string();
    for (id, words) in [(stranger.as_str(), "not a member"), ("4242", "knows no account")] {
        let (status, problem) = world.member(id).await;
        assert_eq!(
            (status, &problem["code"]),
            (404, &json!("member_unknown")),
            "{problem:#}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem:#}");
    }
    let (status, problem) = world.member("bob").await;
    assert_eq!(
        (status, &problem["errors"][0]["location"]),
        (422, &json!("path.discord_id"))
    );

    let path = format!("/discord/guilds/{}", world.guild);
    let (status, _, _) = world
        .served
        .json("PUT", &path, json!({"is_enabled": false}))
        .await;
    assert_eq!(status, 200);
    let before = world.simulator.counters().total;
    let (status, problem) = world.member(&account.to_string()).await;
    assert_eq!((status, &problem["code"]), (409, &json!("guild_disabled")));
    assert_eq!(world.simulator.counters().total, before);
}
