//! What callers of the original are told by the answer itself, without asking again.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::http::json as body_of;
use crate::support::seeded::{GUILD, ROLE, Seeded, USERS};
use crate::support::wait_for;

/// The guild with its one mapping, configured; the sync that follows has not begun yet.
async fn configured() -> Seeded {
    let seeded = Seeded::start(&[]).await;
    let guild = json!({"guild_id": GUILD.to_string(), "guild_name": "My Discord Server"});
    let answer = seeded.api.post("/discord/guilds", Some(guild)).await;
    let guild = body_of(answer, StatusCode::OK, "guild").await;
    let mapping =
        json!({"group_id": seeded.group, "discord_role_id": ROLE.to_string(), "discord_role_name": "x"});
    let path = format!("/discord/guilds/{GUILD}/role-mappings");
    let answer = seeded.api.post(&path, Some(mapping)).await;
    let mapping = body_of(answer, StatusCode::OK, "mapping").await;
    // What the changes themselves set off ends first, so that each answer tells of its own sync alone.
    for change in [guild, mapping] {
        let run = change["sync_id"].as_str().unwrap();
        assert_eq!(seeded.api.finished(run).await["state"], "completed");
    }
    seeded
}

/// Syncs the user until the answer comes within the wait: on a slow machine, one may outlast it.
async fn synced(seeded: &Seeded, body: Option<Value>) -> Value {
    let path = format!("/discord/sync/user/{}", USERS[0]);
    wait_for(
        "a sync that ends while it is waited for",
        Duration::from_secs(120),
        || async {
            let answer = seeded.api.post(&path, body.clone()).await;
            if answer.status() == StatusCode::ACCEPTED {
                let body: Value = answer.json().await.unwrap();
                seeded.api.finished(body["sync_id"].as_str().unwrap()).await;
                return None;
            }
            Some(body_of(answer, StatusCode::OK, "sync").await)
        },
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_sync_is_answered_with_the_names_of_the_roles_that_it_moved() {
    let seeded = configured().await;
    assert_eq!(seeded.roles(0), [ROLE]);
    // Discord's people took the role away by hand.
    seeded.simulator.set_member_roles(GUILD, seeded.accounts[0], &[]);
    let planned = synced(&seeded, Some(json!({"dry_run": true}))).await;
    let result = &planned["sync_results"][0];
    assert_eq!(
        (
            &result["roles_added"],
            &result["total_roles"],
            &planned["dry_run"]
        ),
        (&json!(["EVE Pilot"]), &json!(1), &json!(true)),
        "{planned:#}"
    );
    assert!(seeded.roles(0).is_empty(), "a preview changes nothing");

    let done = synced(&seeded, None).await;
    let expected = json!({
        "guild_id": GUILD.to_string(), "guild_name": "My Discord Server", "roles_added": ["EVE Pilot"],
        "roles_removed": [], "total_roles": 1, "errors": [],
    });
    // Where the machine is so slow that the first one outlasted the wait, the next one finds nothing to do.
    if done["sync_results"][0]["roles_added"] != json!([]) {
        assert_eq!(done["sync_results"], json!([expected]), "{done:#}");
    }
    assert_eq!(
        (
            &done["successful_guilds"],
            &done["failed_guilds"],
            &done["is_async"]
        ),
        (&json!(1), &json!(0), &json!(false))
    );
    assert_eq!(seeded.roles(0), [ROLE]);
    let again = synced(&seeded, None).await;
    assert_eq!(again["sync_results"][0]["roles_added"], json!([]));
    assert_eq!(again["sync_results"][0]["total_roles"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_are_noted_on_their_mappings_and_accounts() {
    let seeded = configured().await;
    let mappings = seeded.api.get("/discord/role-mappings").await;
    let mapping = &mappings["mappings"][0];
    assert!(mapping["last_sync"].is_string(), "{mapping:#}");
    let before = mapping["sync_count"].as_u64().unwrap();
    let run = seeded.api.sync().await;
    seeded.api.finished(&run).await;
    let mappings = seeded.api.get("/discord/role-mappings").await;
    assert_eq!(mappings["mappings"][0]["sync_count"], before + 1);
    assert_eq!(mappings["mappings"][0]["stale"], false);
    let users = seeded.api.get("/discord/users").await;
    assert!(
        users["users"]
            .as_array()
            .unwrap()
            .iter()
            .all(|u| u["last_sync"].is_string())
    );
    let status = seeded.api.get("/discord/sync/status").await;
    assert!(status["last_success_age"].is_u64(), "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_cannot_succeed_says_so_guild_by_guild() {
    let seeded = configured().await;
    seeded.simulator.set_member_roles(GUILD, seeded.accounts[0], &[]);
    assert!(seeded.simulator.move_role(GUILD, ROLE, 30));
    // What is kept about the guild is from before the role was moved; Discord itself refuses then.
    let done = synced(&seeded, None).await;
    let result = &done["sync_results"][0];
    assert!(!result["errors"].as_array().unwrap().is_empty(), "{done:#}");
    assert_eq!(
        (&done["failed_guilds"], &done["successful_guilds"]),
        (&json!(1), &json!(0)),
        "{done:#}"
    );
    assert_eq!(result["roles_added"], json!([]));
}
