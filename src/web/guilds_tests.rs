//! Guilds and mappings against the simulator, as the frontend and the command lines of the documentation ask.

use rolecall_core::audit::{AuditFilter, AuditRecord};
use rolecall_simulator::{BotIn, NewGuild, NewRole, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::access_tests::{Served, served};

pub(super) const TOKEN: &str = "web.bot.token";

pub(super) const CLIENT: (&str, &str) = ("1190000000000000001", "simulator-client-secret");

pub(super) struct World {
    pub(super) served: Served,
    pub(super) simulator: Simulator,
    pub(super) guild: String,
    pub(super) pilot: String,
    above: String,
    foreign: String,
    pub(super) group: String,
    _stop: DropGuard,
}

fn add_guild(simulator: &Simulator) -> u64 {
    let bot = BotIn {
        position: Some(5),
        ..BotIn::with_token(TOKEN)
    };
    let pilot = NewRole {
        color: 3_447_003,
        hoist: true,
        mentionable: true,
        ..NewRole::at("Pilot", 1)
    };
    simulator.add_guild(NewGuild {
        name: "Testers".into(),
        roles: vec![pilot, NewRole::at("CEO", 9)],
        bots: vec![bot],
        ..NewGuild::default()
    })
}

pub(super) async fn world() -> World {
    let simulator = Simulator::new(SimulatorConfig::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v10", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (answers, stopped) = (simulator.clone(), stop.clone());
    tokio::spawn(async move { answers.serve(listener, stopped.cancelled_owned()).await });
    simulator.add_bot(TOKEN);
    let (guild, other) = (add_guild(&simulator), add_guild(&simulator));
    let role = |guild: u64, name: &str| {
        let roles = simulator.guild_roles(guild);
        roles
            .into_iter()
            .find(|(_, n, _)| n == name)
            .unwrap()
            .0
            .to_string()
    };
    let (pilot, above, foreign) = (role(guild, "Pilot"), role(guild, "CEO"), role(other, "Pilot"));
    let page = url.replace("/api/v10", "/oauth2/authorize");
    let settings = [
        ("DISCORD_API_BASE_URL", url.as_str()),
        ("DISCORD_AUTHORIZE_URL", page.as_str()),
        ("DISCORD_CLIENT_ID", CLIENT.0),
        ("DISCORD_CLIENT_SECRET", CLIENT.1),
        (
            "DISCORD_REDIRECT_URI",
            "http://127.0.0.1:8080/discord/auth/callback",
        ),
        ("FRONTEND_URL", "http://frontend.example"),
        ("API_SYNC_WAIT", "0"),
    ];
    let served = served(&settings).await;
    let group = served.app.import.ensure_group("pilots").await.unwrap().id.0;
    World {
        served,
        simulator,
        guild: guild.to_string(),
        pilot,
        above,
        foreign,
        group,
        _stop: stop.drop_guard(),
    }
}

impl World {
    pub(super) async fn add_guild(&mut self) -> Value {
        let body = json!({"guild_id": self.guild, "guild_name": "Corp", "bot_token": TOKEN});
        let (status, _, body) = self.served.json("POST", "/discord/guilds", body).await;
        assert_eq!(status, 200, "{body:#}");
        body
    }

    pub(super) async fn add_mapping(&mut self, role: &str) -> (u16, Value) {
        let path = format!("/api/discord/guilds/{}/role-mappings", self.guild);
        let body = json!({"group_id": self.group, "discord_role_id": role, "discord_role_name": "x"});
        let (status, _, body) = self.served.json("POST", &path, body).await;
        (status, body)
    }
}

#[tokio::test]
async fn a_guild_is_added_changed_and_removed_and_its_token_never_shown() {
    let mut world = world().await;
    let added = world.add_guild().await;
    assert_eq!(
        (&added["enabled"], &added["is_enabled"]),
        (&json!(true), &json!(true))
    );
    let run = added["sync_id"].as_str().unwrap().to_owned();
    let (status, _, _) = world
        .served
        .json("GET", &format!("/v1/runs/{run}"), Value::Null)
        .await;
    assert_eq!(status, 200, "the sync is stored");
    // The frontend's own repeat is no failure, another content is.
    let again = world.add_guild().await;
    assert_eq!(again["id"], added["id"]);
    let other = json!({"guild_id": world.guild, "guild_name": "Other", "bot_token": TOKEN});
    let (status, _, refused) = world.served.json("POST", "/discord/guilds", other).await;
    assert_eq!((status, &refused["code"]), (409, &json!("guild_exists")));

    let path = format!("/discord/guilds/{}", world.guild);
    let (_, headers, _) = world.served.json("GET", &path, Value::Null).await;
    let tag = headers["etag"].to_str().unwrap().to_owned();
    let form = json!({"guild_id": world.guild, "guild_name": "Renamed", "bot_token": TOKEN});
    let (status, _, changed) = world.served.json("PUT", &path, form).await;
    assert_eq!(
        (status, &changed["guild_name"]),
        (200, &json!("Renamed")),
        "{changed:#}"
    );
    for one in [
        json!({"is_enabled": false}),
        json!({"enabled": true}),
        json!({"settings": {"auto_sync": false}}),
    ] {
        let (status, _, body) = world.served.json("PUT", &path, one).await;
        assert_eq!(status, 200, "{body:#}");
    }
    let (status, _, _) = world
        .served
        .json("PUT", &path, json!({"bot_token": "••••"}))
        .await;
    assert_eq!(status, 422, "a mask is no token");
    let (status, _, _) = world.served.json("DELETE", &path, json!({"If-Match": tag})).await;
    assert_eq!(status, 412, "somebody changed it meanwhile");

    let (_, _, list) = world
        .served
        .json("GET", "/discord/guilds?enabled=true&page=1&limit=20", Value::Null)
        .await;
    assert_eq!(
        (&list["total"], &list["guilds"][0]["settings"]["auto_sync"]),
        (&json!(1), &json!(false))
    );
    assert!(!list.to_string().contains(TOKEN) && list["guilds"][0].get("bot_token").is_none());
    let (status, _, _) = world.served.json("DELETE", &path, Value::Null).await;
    assert_eq!(status, 200);
    let (status, _, _) = world.served.json("DELETE", &path, Value::Null).await;
    assert_eq!(status, 404);
    let audit = world
        .served
        .app
        .services
        .audit
        .list(&AuditFilter::default(), None, 50)
        .await
        .unwrap();
    let actions: Vec<&str> = audit.iter().map(|a: &AuditRecord| a.action.as_str()).collect();
    assert!(
        actions.contains(&"guild.created") && actions.contains(&"guild.deleted"),
        "{actions:?}"
    );
    assert!(!format!("{audit:?}").contains(TOKEN));
}

#[tokio::test]
async fn what_discord_says_against_a_guild_is_told() {
    let mut world = world().await;
    for (id, token, code) in [
        (world.guild.clone(), "another.bot.token", "bot_token_invalid"),
        ("123".to_owned(), TOKEN, "bot_not_in_guild"),
    ] {
        let body = json!({"guild_id": id, "guild_name": "Corp", "bot_token": token});
        let (status, _, body) = world.served.json("POST", "/discord/guilds", body).await;
        assert_eq!((status, &body["code"]), (422, &json!(code)), "{body:#}");
        assert!(!body["errors"][0]["message"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_mapping_is_added_changed_listed_and_removed() {
    let mut world = world().await;
    world.add_guild().await;
    let (above, foreign, pilot) = (world.above.clone(), world.foreign.clone(), world.pilot.clone());
    let (status, body) = world.add_mapping(&above).await;
    let sentence = body["errors"][0]["message"].as_str().unwrap().to_owned();
    assert_eq!(
        (status, &body["code"]),
        (422, &json!("role_above_bot")),
        "{body:#}"
    );
    assert!(sentence.matches("at position").count() == 2, "{sentence}");
    let (status, body) = world.add_mapping(&foreign).await;
    assert_eq!(
        (status, &body["code"]),
        (422, &json!("role_missing")),
        "a role of another guild"
    );

    let of_guild = format!("/discord/guilds/{}/role-mappings", world.guild);
    let named = json!({"group_id": "pilots", "discord_role_id": pilot});
    let (status, _, body) = world.served.json("POST", &of_guild, named).await;
    let sentence = body["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(
        status == 422 && sentence.contains(&world.group),
        "a name in the place of an id: {body:#}"
    );

    let (status, added) = world.add_mapping(&pilot).await;
    assert_eq!(
        (status, &added["discord_role_name"]),
        (200, &json!("Pilot")),
        "{added:#}"
    );
    assert!(added["sync_id"].is_string() && added["is_active"] == added["enabled"]);
    let (status, again) = world.add_mapping(&pilot).await;
    assert_eq!(
        (status, &again["id"]),
        (200, &added["id"]),
        "the frontend's repeat"
    );

    let path = format!("/discord/role-mappings/{}", added["id"].as_str().unwrap());
    let form = json!({"discord_role_id": pilot, "discord_role_name": "Pilot", "is_active": false});
    let (status, _, changed) = world.served.json("PUT", &path, form).await;
    assert_eq!((status, &changed["enabled"]), (200, &json!(false)), "{changed:#}");
    let (status, body) = world.add_mapping(&pilot).await;
    assert_eq!((status, &body["code"]), (409, &json!("mapping_exists")));
    let (_, _, list) = world
        .served
        .json("GET", "/discord/role-mappings?enabled=&group_id=", Value::Null)
        .await;
    assert_eq!(
        (&list["total"], &list["mappings"]),
        (&json!(1), &list["role_mappings"])
    );
    let of_guild = format!("/discord/guilds/{}/role-mappings?is_active=true", world.guild);
    let (_, _, list) = world.served.json("GET", &of_guild, Value::Null).await;
    assert_eq!((&list["total"], &list["guild_name"]), (&json!(0), &json!("Corp")));

    for (path, expected) in [
        (path.as_str(), 200),
        (path.as_str(), 404),
        ("/discord/role-mappings/xyz", 422),
    ] {
        let (status, _, body) = world.served.json("DELETE", path, Value::Null).await;
        assert_eq!(status, expected, "{body:#}");
    }
}

#[tokio::test]
async fn roles_come_from_discord_once_and_then_from_the_cache() {
    let mut world = world().await;
    world.add_guild().await;
    let path = format!("/discord/guilds/{}/roles", world.guild);
    let (_, _, body) = world.served.json("GET", &path, Value::Null).await;
    let mut roles = body["roles"].as_array().unwrap().iter();
    let pilot = roles.find(|r| r["name"] == "Pilot").unwrap();
    let expected = json!({
        "id": world.pilot, "name": "Pilot", "color": 3_447_003, "hoist": true, "position": 1,
        "permissions": "0", "managed": false, "mentionable": true,
    });
    assert_eq!(*pilot, expected);
    let mut calls = Vec::new();
    for _ in 0..3 {
        let (status, _, body) = world.served.json("GET", &path, Value::Null).await;
        assert_eq!(
            (status, body["roles"].as_array().map(Vec::len)),
            (200, Some(4)),
            "{body:#}"
        );
        for field in [
            "id",
            "name",
            "color",
            "hoist",
            "position",
            "permissions",
            "managed",
            "mentionable",
        ] {
            assert!(!body["roles"][0][field].is_null(), "{field} in {body:#}");
        }
        calls.push(world.simulator.counters().total);
    }
    assert_eq!(calls[0], calls[2]);
}
