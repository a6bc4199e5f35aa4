//! What is stored when a mapping or a guild is removed: the run that takes its roles, before anybody is answered.

use std::collections::BTreeSet;

use rolecall_core::guild::GuildConfig;
use rolecall_core::job::Job;
use rolecall_core::ports::{JobFilter, NewGuild};
use rolecall_core::{GuildId, RunId};
use rolecall_jobs::kernel::guilds::token_place;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::guilds_tests::{TOKEN, World, world};

impl World {
    fn id(&self) -> GuildId {
        self.guild.parse().unwrap()
    }

    /// The jobs of the run that this answer names.
    async fn jobs(&self, answer: &Value) -> Vec<Job> {
        let run: RunId = answer["sync_id"].as_str().unwrap().parse().unwrap();
        let filter = JobFilter {
            run_id: Some(run),
            ..JobFilter::default()
        };
        let ledger = &self.served.app.services.ledger;
        ledger.list(&filter, None, 10).await.unwrap()
    }

    async fn kinds(&self, answer: &Value) -> BTreeSet<String> {
        self.jobs(answer).await.into_iter().map(|j| j.kind).collect()
    }

    async fn mapped(&mut self) -> String {
        let pilot = self.pilot.clone();
        let (status, body) = self.add_mapping(&pilot).await;
        assert_eq!(status, 200, "{body:#}");
        format!("/discord/role-mappings/{}", body["id"].as_str().unwrap())
    }

    async fn switch(&mut self, on: bool) {
        let path = format!("/discord/guilds/{}", self.guild);
        let (status, _, body) = self.served.json("PUT", &path, json!({"is_enabled": on})).await;
        assert_eq!(status, 200, "{body:#}");
    }
}

fn both() -> BTreeSet<String> {
    ["retire_roles", "sync_guild"].map(str::to_owned).into()
}

#[tokio::test]
async fn a_mapping_that_ends_has_its_role_taken_and_one_that_only_changes_has_not() {
    let mut world = world().await;
    world.add_guild().await;
    let path = world.mapped().await;
    let (_, _, changed) = world.served.json("PUT", &path, json!({"priority": 3})).await;
    assert_eq!(world.kinds(&changed).await, ["sync_guild".to_owned()].into());

    let (_, _, off) = world.served.json("PUT", &path, json!({"is_active": false})).await;
    assert_eq!(
        (world.kinds(&off).await, off.get("warnings")),
        (both(), None),
        "{off:#}"
    );
    let jobs = world.jobs(&off).await;
    let retire = jobs.iter().find(|j| j.kind == "retire_roles").unwrap();
    assert_eq!(retire.payload["roles"], json!([world.pilot]));
    assert_eq!(retire.subject.guild_id, Some(world.id()));

    // It gives nothing, so nothing of it is taken.
    let (_, _, deleted) = world.served.json("DELETE", &path, Value::Null).await;
    assert_eq!(world.kinds(&deleted).await, ["sync_guild".to_owned()].into());
    let path = world.mapped().await;
    let (_, headers, deleted) = world.served.json("DELETE", &path, Value::Null).await;
    assert_eq!(
        (world.kinds(&deleted).await, &deleted["warnings"]),
        (both(), &json!([]))
    );
    let run = deleted["sync_id"].as_str().unwrap();
    assert_eq!(headers["location"], format!("/v1/runs/{run}").as_str());
}

#[tokio::test]
async fn a_role_that_another_mapping_names_is_said_to_stay_with_its_group() {
    let mut world = world().await;
    world.add_guild().await;
    let path = world.mapped().await;
    let import = &world.served.app.import;
    world.group = import.ensure_group("scouts").await.unwrap().id.0;
    world.mapped().await;
    let (_, _, deleted) = world.served.json("DELETE", &path, Value::Null).await;
    let warning = deleted["warnings"][0].as_str().unwrap();
    assert!(warning.contains("another active mapping"), "{warning}");
    // Stored all the same: the other mapping may end before the job begins.
    assert_eq!(world.kinds(&deleted).await, both());
}

#[tokio::test]
async fn in_a_disabled_guild_nobody_loses_a_role_and_the_answer_says_so() {
    let mut world = world().await;
    world.add_guild().await;
    let path = world.mapped().await;
    world.switch(false).await;
    for (method, body) in [
        ("PUT", json!({"is_active": false})),
        ("PUT", json!({"is_active": true})),
    ] {
        let (status, _, answer) = world.served.json(method, &path, body).await;
        assert_eq!((status, answer.get("sync_id")), (200, None), "{answer:#}");
    }
    let (_, _, deleted) = world.served.json("DELETE", &path, Value::Null).await;
    assert_eq!(deleted.get("sync_id"), None);
    let warning = deleted["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("disabled") && warning.contains("keeps it"),
        "{warning}"
    );
}

#[tokio::test]
async fn a_guild_removed_with_its_roles_leaves_what_taking_them_needs_and_is_gone() {
    let mut world = world().await;
    world.add_guild().await;
    world.mapped().await;
    // Asked for by name: whether the guild is enabled plays no part.
    world.switch(false).await;
    let path = format!("/discord/guilds/{}", world.guild);
    let delete = format!("{path}?remove_roles=true");
    let (status, headers, answer) = world.served.json("DELETE", &delete, Value::Null).await;
    assert_eq!(status, 200, "{answer:#}");
    let run = answer["sync_id"].as_str().unwrap().to_owned();
    assert_eq!(headers["location"], format!("/v1/runs/{run}").as_str());
    assert_eq!(world.kinds(&answer).await, ["retire_roles".to_owned()].into());

    let services = world.served.app.services.clone();
    let retired = services.retired_guilds.get(world.id()).await.unwrap().unwrap();
    assert_eq!(
        (retired.run_id.to_string(), retired.guild_name.as_str()),
        (run, "Corp")
    );
    assert_eq!(
        retired.roles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [world.pilot.clone()]
    );
    assert!(!retired.sealed_token.contains(TOKEN));
    let opened = services
        .vault
        .open(&retired.sealed_token, &token_place(world.id()));
    assert_eq!(opened.unwrap().expose_secret(), TOKEN);
    assert!(!format!("{:?}", world.jobs(&answer).await).contains(TOKEN));

    for (method, path) in [("GET", &path), ("DELETE", &delete), ("DELETE", &path)] {
        let (status, _, _) = world.served.json(method, path, Value::Null).await;
        assert_eq!(status, 404, "{method} {path}");
    }
    let (_, _, list) = world.served.json("GET", "/discord/guilds", Value::Null).await;
    assert_eq!(list["total"], 0);
    assert_eq!(services.mappings.list(None).await.unwrap(), []);
    world.add_guild().await;
    assert_eq!(
        services.retired_guilds.list().await.unwrap(),
        [],
        "added anew, it is no removed one"
    );
}

#[tokio::test]
async fn roles_that_cannot_be_taken_without_a_token_keep_their_guild() {
    let mut world = world().await;
    let services = world.served.app.services.clone();
    world.add_guild().await;
    world.mapped().await;
    let path = format!("/discord/guilds/{}?remove_roles=true", world.guild);
    let config: GuildConfig = services.guilds.get(world.id()).await.unwrap().unwrap();
    let without = NewGuild {
        config,
        sealed_token: Some(String::new()),
    };
    services.guilds.put(without).await.unwrap();
    let (status, _, body) = world.served.json("DELETE", &path, Value::Null).await;
    assert_eq!(
        (status, &body["code"]),
        (409, &json!("bot_token_missing")),
        "{body:#}"
    );
    assert!(services.guilds.get(world.id()).await.unwrap().is_some());
    assert_eq!(services.retired_guilds.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_guild_that_gave_no_role_or_is_removed_without_them_starts_nothing() {
    for query in ["", "?remove_roles=false", "?remove_roles=true"] {
        let mut world = world().await;
        world.add_guild().await;
        if !query.ends_with("=true") {
            world.mapped().await;
        }
        let path = format!("/discord/guilds/{}{query}", world.guild);
        let (status, _, body) = world.served.json("DELETE", &path, Value::Null).await;
        assert_eq!((status, body.get("sync_id")), (200, None), "{query}: {body:#}");
        let retired = &world.served.app.services.retired_guilds;
        assert_eq!(retired.list().await.unwrap(), []);
    }
}
