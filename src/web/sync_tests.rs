//! Waiting for the end of a sync. No worker runs here: the tests end the runs themselves.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use rolecall_core::guild::{GuildConfig, GuildSettings};
use rolecall_core::job::JobState;
use rolecall_core::link::Link;
use rolecall_core::outcome::Outcome;
use rolecall_core::ports::{Claim, NewGuild, Settlement};
use rolecall_core::run::{Run, RunResults, RunState, counts};
use rolecall_core::{DiscordId, GuildId, RoleId, RunId, Timestamp};
use rolecall_jobs::add_role::AddRole;
use rolecall_jobs::kernel::members::Target;
use rolecall_jobs::kernel::queue::Enqueue;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::access_tests::{Served, served};
use super::state::Web;
use super::wait::{MOST_WAITING, until_ended};
use crate::app::App;

const USER: &str = "/discord/sync/user/ada";
const NOTHING: &str = "";

fn guild(n: u64) -> GuildId {
    GuildId::new(n).unwrap()
}

/// One user with an account, two guilds.
async fn world(sync_wait: &str) -> Served {
    let served = served(&[("API_SYNC_WAIT", sync_wait)]).await;
    let services = &served.app.services;
    for n in [5, 6] {
        let config = GuildConfig {
            guild_id: guild(n),
            guild_name: format!("Guild {n}"),
            is_enabled: true,
            bot_user_id: None,
            settings: GuildSettings::default(),
            health: None,
            created_by: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        };
        let new = NewGuild {
            config,
            sealed_token: None,
        };
        services.guilds.put(new).await.unwrap();
    }
    let link = Link {
        user_id: "ada".into(),
        discord_id: DiscordId::new(9).unwrap(),
        username: "ada".into(),
        is_active: true,
        has_token: false,
        token_expiry: None,
        needs_consent: false,
        linked_at: Timestamp(0),
        updated_at: Timestamp(0),
    };
    services.links.put(&link, None).await.unwrap();
    served
}

/// Stores that a role was given to the user in this run.
async fn role_given(app: &App, run: &Run, outcome: Outcome) {
    let job = AddRole {
        target: Target {
            guild_id: guild(5),
            user_id: "ada".into(),
            discord_id: DiscordId::new(9).unwrap(),
        },
        role_id: RoleId::new(70).unwrap(),
    };
    let job = Enqueue::new(&job, run.cause.clone()).in_run(run.id).0;
    let (id, ledger) = (job.id, &app.services.ledger);
    ledger.insert(vec![job]).await.unwrap();
    let Claim::Claimed(job) = ledger.claim(id, "w", Duration::from_secs(60)).await.unwrap() else {
        panic!("nobody else claims it")
    };
    let settlement = Settlement {
        state: JobState::Completed,
        run_at: None,
        give_back: false,
        outcome: Some(outcome),
        attempt: None,
        fingerprint: None,
        wait: None,
    };
    assert!(ledger.settle(id, job.fence, settlement).await.unwrap());
}

/// Ends the first run that comes.
async fn end(app: Arc<App>, state: RunState, results: RunResults, outcome: Option<Outcome>) {
    let run = loop {
        if let Some(run) = app.services.runs.running().await.unwrap().pop() {
            break run;
        }
        tokio::task::yield_now().await;
    };
    if let Some(outcome) = outcome {
        role_given(&app, &run, outcome).await;
    }
    let at = run.started_at + Duration::from_millis(1_530);
    assert!(
        app.services
            .runs
            .close(run.id, state, &results, at)
            .await
            .unwrap()
    );
}

async fn ask(served: &mut Served, path: &str, prefer: &str, body: &str) -> (u16, HeaderMap, Value) {
    served.text("POST", path, &[("prefer", prefer)], body).await
}

fn run_of(body: &Value) -> RunId {
    body["sync_id"]
        .as_str()
        .or(body["id"].as_str())
        .unwrap()
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_ends_while_its_caller_waits_is_answered_with_what_it_did() {
    let mut served = world("10s").await;
    let moved = Outcome::moved([RoleId::new(70).unwrap()].into(), [].into());
    let results = RunResults {
        roles_added: 1,
        ..RunResults::default()
    };
    let ending = tokio::spawn(end(
        Arc::clone(&served.app),
        RunState::Completed,
        results,
        Some(moved),
    ));
    let (status, headers, body) = served.text("POST", USER, &[], NOTHING).await;
    ending.await.unwrap();
    assert_eq!(status, 200, "{body:#}");
    assert_eq!(headers["location"], format!("/v1/runs/{}", run_of(&body)));
    assert!(!headers.contains_key("retry-after") && !headers.contains_key("preference-applied"));
    let result = json!({
        "guild_id": "5", "guild_name": "Guild 5", "roles_added": ["70"], "roles_removed": [], "total_roles": 1,
        "errors": [],
    });
    for (field, expected) in [
        ("user_id", json!("ada")),
        ("discord_user_id", json!("9")),
        ("sync_results", json!([result])),
        ("total_guilds", json!(2)),
        ("successful_guilds", json!(1)),
        ("failed_guilds", json!(0)),
        ("is_async", json!(false)),
        ("estimated_duration", json!("1530ms")),
        ("status", json!("completed")),
    ] {
        assert_eq!(body[field], expected, "{field}: {body:#}");
    }
    let message =
        "User sync completed: 1 accounts processed, 1 successful, 0 failed, 1 roles added, 0 roles removed";
    assert_eq!(body["message"], message);
    assert!(body["synced_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_failed_is_a_200_whose_object_says_so() {
    let mut served = world("10s").await;
    let ending = tokio::spawn(end(
        Arc::clone(&served.app),
        RunState::Failed,
        RunResults::default(),
        None,
    ));
    let body = json!({"user_ids": ["ada"]}).to_string();
    let (status, _, body) = served.text("POST", "/api/discord/sync/manual", &[], &body).await;
    ending.await.unwrap();
    assert_eq!((status, &body["status"]), (200, &json!("failed")), "{body:#}");
    assert_eq!(
        (&body["failed_guilds"], &body["successful_guilds"]),
        (&json!(2), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_goes_on_is_a_202_with_what_is_known() {
    let mut served = world("10s").await;
    for (prefer, applied) in [
        ("respond-async", "respond-async"),
        ("wait=0", "wait=0"),
        ("respond-async, wait=0", "respond-async, wait=0"),
    ] {
        let (status, headers, body) = ask(&mut served, USER, prefer, NOTHING).await;
        assert_eq!(status, 202, "{body:#}");
        assert_eq!(headers["preference-applied"], applied);
        assert!(headers.contains_key("retry-after") && headers.contains_key("location"));
        assert_eq!(
            (&body["is_async"], &body["status"]),
            (&json!(true), &json!("running"))
        );
        assert_eq!(
            (&body["sync_results"], &body["total_guilds"]),
            (&json!([]), &json!(2))
        );
        assert!(body.get("synced_at").is_none());
    }
    // Everything is not waited for unless it is preferred.
    let (status, _, body) = served.text("POST", "/discord/sync/manual", &[], NOTHING).await;
    assert_eq!((status, &body["sync_type"]), (202, &json!("full")));
    assert!(body.get("sync_results").is_none(), "{body:#}");
    let (status, headers, _) = served.text("POST", "/v1/runs", &[], NOTHING).await;
    assert_eq!((status, headers.contains_key("preference-applied")), (202, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_waited_for_where_that_is_preferred() {
    let mut served = world("10s").await;
    let results = RunResults::default();
    let ending = tokio::spawn(end(Arc::clone(&served.app), RunState::Completed, results, None));
    let (status, headers, body) = ask(&mut served, "/v1/runs", "wait=300", NOTHING).await;
    ending.await.unwrap();
    assert_eq!((status, &body["state"]), (200, &json!("completed")), "{body:#}");
    assert_eq!(
        headers["preference-applied"], "wait=10",
        "no longer than the setting"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_waiting_is_switched_off_no_preference_switches_it_on() {
    let mut served = world("0").await;
    let (status, headers, _) = ask(&mut served, USER, "wait=5", NOTHING).await;
    assert_eq!((status, headers.contains_key("preference-applied")), (202, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_should_stop_keeps_nobody_waiting() {
    let mut served = world("12s").await;
    served.stop.cancel();
    let answer = tokio::time::timeout(Duration::from_secs(5), served.text("POST", USER, &[], NOTHING));
    assert_eq!(answer.await.unwrap().0, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_places_are_taken_the_next_is_answered_at_once() {
    let served = world("12s").await;
    let web = Web::new(Arc::clone(&served.app), CancellationToken::new(), Arc::default());
    let places = u32::try_from(MOST_WAITING).unwrap();
    let taken = web.waiting.try_acquire_many(places).unwrap();
    let nobody = RunId("019a2c8e-5b1d-7c3a-9f00-0123456789ab".parse().unwrap());
    let hour = Duration::from_secs(3_600);
    let at_once = tokio::time::timeout(Duration::from_secs(5), until_ended(&web, nobody, hour));
    assert_eq!(at_once.await.expect("no waiting"), None);
    drop(taken);
    let waits = tokio::time::timeout(Duration::from_millis(1), until_ended(&web, nobody, hour));
    assert!(waits.await.is_err(), "with a place, it waits");
    assert_eq!(
        web.waiting.available_permits(),
        MOST_WAITING,
        "who goes away gives the place back"
    );
}

#[test]
fn the_counts_that_reports_are_made_of_have_their_stored_names() {
    assert_eq!((counts::ROLES, counts::LINKED), ("roles", "linked"));
}
