//! Every act over HTTP leaves one record. A new operation that changes something needs a line in [`every_act`].

use std::collections::BTreeSet;

use rolecall_core::audit::AuditFilter;
use rolecall_core::worker::Beat;
use serde_json::{Value, json};

use super::access_tests::Served;
use super::guilds_tests::{TOKEN, World, world};
use crate::web::openapi;

impl Served {
    /// Names of all records, oldest first.
    pub(super) async fn actions(&self) -> Vec<String> {
        let records = self
            .app
            .services
            .audit
            .list(&AuditFilter::default(), None, 99)
            .await;
        records.unwrap().into_iter().map(|r| r.action).rev().collect()
    }
}

/// An act: the operation, where, with what, and the record that it leaves.
type Done = (&'static str, String, Value, &'static str);

/// Every act, in an order in which all can be done.
async fn every_act(world: &World) -> Vec<Done> {
    let account = world.simulator.add_user("Ada");
    let unlink = format!("/discord/auth/unlink/{account}");
    let one = format!("/discord/guilds/{}", world.guild);
    let mut acts = of_guilds(world);
    acts.extend(of_syncs(world, account));
    acts.extend(of_jobs(&world.served).await);
    acts.extend(of_webhooks());
    acts.extend(of_runs_and_processes(&world.served).await);
    for (operation, place, action) in [
        (
            "delete /discord/role-mappings/{mapping_id}",
            "[mapping]",
            "mapping.deleted",
        ),
        (
            "delete /discord/auth/unlink/{discord_id}",
            &unlink,
            "account.unlinked",
        ),
        ("delete /discord/guilds/{guild_id}", &one, "guild.deleted"),
    ] {
        acts.push((operation, place.to_owned(), json!({}), action));
    }
    acts
}

fn of_guilds(world: &World) -> Vec<Done> {
    let one = format!("/discord/guilds/{}", world.guild);
    let mappings = format!("{one}/role-mappings");
    let form = json!({"guild_id": world.guild, "guild_name": "Corp", "bot_token": TOKEN});
    let new = json!({"guild_name": "Corps"});
    let mapping =
        json!({"group_id": world.group, "discord_role_id": world.pilot, "discord_role_name": "Pilot"});
    let (all, role) = ("/discord/guilds".to_owned(), "[mapping]".to_owned());
    let more = json!({"priority": 3});
    vec![
        ("post /discord/guilds", all, form, "guild.created"),
        ("put /discord/guilds/{guild_id}", one, new, "guild.updated"),
        (
            "post /discord/guilds/{guild_id}/role-mappings",
            mappings,
            mapping,
            "mapping.created",
        ),
        (
            "put /discord/role-mappings/{mapping_id}",
            role,
            more,
            "mapping.updated",
        ),
    ]
}

fn of_webhooks() -> Vec<Done> {
    let (all, one) = ("/v1/webhooks", "[webhook]");
    let body = json!({"url": "https://ops.example.com/rolecall"});
    let acts = [
        ("post /v1/webhooks", all, body, "webhook.added"),
        (
            "post /v1/webhooks/{webhook_id}/rotate",
            "[webhook]/rotate",
            json!({}),
            "webhook.rotated",
        ),
        (
            "post /v1/webhooks/{webhook_id}/test",
            "[webhook]/test",
            json!({}),
            "webhook.tested",
        ),
        (
            "patch /v1/webhooks/{webhook_id}",
            one,
            json!({"enabled": false}),
            "webhook.changed",
        ),
        (
            "delete /v1/webhooks/{webhook_id}",
            one,
            json!({}),
            "webhook.removed",
        ),
    ];
    acts.map(|(operation, place, body, action)| (operation, place.to_owned(), body, action))
        .into()
}

fn of_syncs(world: &World, account: u64) -> Vec<Done> {
    let pair = world.simulator.grant_token(account, &["identify", "guilds.join"]);
    let tokens = json!({"access_token": pair.access_token, "refresh_token": pair.refresh_token});
    let dry = json!({"dry_run": true});
    let at = ToOwned::to_owned;
    vec![
        (
            "post /discord/auth/link",
            at("/discord/auth/link"),
            tokens,
            "account.linked",
        ),
        (
            "post /discord/sync/manual",
            at("/discord/sync/manual"),
            dry,
            "run.created",
        ),
        (
            "post /discord/sync/user/{user_id}",
            at("/discord/sync/user/ada"),
            json!({}),
            "run.created",
        ),
        ("post /v1/runs", at("/v1/runs"), json!({}), "run.created"),
    ]
}

async fn of_jobs(served: &Served) -> Vec<Done> {
    let (dead, other) = (served.dead(5, 1).await, served.dead(5, 2).await);
    let (waiting, late) = (served.stored(5, 11).await, served.stored(5, 12).await);
    served.dead(5, 3).await;
    let nothing = || json!({});
    let mut acts = Vec::new();
    for (operation, id, order, body, action) in [
        (
            "post /v1/jobs/{job_id}/retry",
            dead,
            "retry",
            nothing(),
            "job.redriven",
        ),
        (
            "post /v1/jobs/{job_id}/clone",
            other,
            "clone",
            nothing(),
            "job.cloned",
        ),
        (
            "post /v1/jobs/{job_id}/cancel",
            waiting,
            "cancel",
            nothing(),
            "job.cancelled",
        ),
        (
            "post /v1/jobs/{job_id}/reschedule",
            late,
            "reschedule",
            json!({"in": "1h"}),
            "job.rescheduled",
        ),
        (
            "post /v1/jobs/{job_id}/discard",
            late,
            "discard",
            nothing(),
            "job.discarded",
        ),
    ] {
        acts.push((operation, format!("/v1/jobs/{id}/{order}"), body, action));
    }
    let bulk = json!({"action": "retry", "query": "guild:5"});
    let pause = json!({"query": "kind:add_role", "reason": "x"});
    acts.push(("post /v1/bulk", "/v1/bulk".to_owned(), bulk, "jobs.bulk_ordered"));
    acts.push(("post /v1/pauses", "/v1/pauses".to_owned(), pause, "pause.added"));
    acts.push((
        "delete /v1/pauses/{pause_id}",
        "[pause]".to_owned(),
        nothing(),
        "pause.ended",
    ));
    acts
}

pub(super) async fn running(served: &Served) -> String {
    let run = served.running_run().await;
    served.dead_of(Some(run), 5, 21).await;
    run.to_string()
}

async fn of_runs_and_processes(served: &Served) -> Vec<Done> {
    let (run, clock) = (running(served).await, "retention");
    let worker = served.beats(Beat::default()).await;
    let mark = json!({"fingerprint": "add_role|PUT /roles/{role_id}|403|50013", "as": "resolved"});
    let place = |of: &str, id: &str, order: &str| format!("/v1/{of}/{id}/{order}");
    [
        (
            "post /v1/dead-letters/mark",
            "/v1/dead-letters/mark".to_owned(),
            mark,
            "dead_letters.resolved",
        ),
        (
            "post /v1/runs/{run_id}/retry",
            place("runs", &run, "retry"),
            json!({}),
            "jobs.bulk_ordered",
        ),
        (
            "post /v1/runs/{run_id}/cancel",
            place("runs", &run, "cancel"),
            json!({}),
            "run.cancelled",
        ),
        (
            "post /v1/schedules/{name}/run",
            place("schedules", clock, "run"),
            json!({}),
            "schedule.run",
        ),
        (
            "post /v1/schedules/{name}/disable",
            place("schedules", clock, "disable"),
            json!({}),
            "schedule.disabled",
        ),
        (
            "post /v1/schedules/{name}/enable",
            place("schedules", clock, "enable"),
            json!({}),
            "schedule.enabled",
        ),
        (
            "post /v1/workers/{worker_id}/drain",
            place("workers", &worker, "drain"),
            json!({}),
            "worker.drained",
        ),
        (
            "post /v1/workers/{worker_id}/undrain",
            place("workers", &worker, "undrain"),
            json!({}),
            "worker.undrained",
        ),
    ]
    .into()
}

/// Sent as a POST because it calls Discord; it changes nothing here.
const LOOKS: &str = "post /v1/dead-letters/check";

#[tokio::test]
async fn every_act_of_the_document_leaves_one_record_that_says_who_and_the_chain_is_whole() {
    let mut world = world().await;
    let acts = every_act(&world).await;
    let (mut mapping, mut pause, mut webhook) = (String::new(), String::new(), String::new());
    let mut seen = Vec::new();
    for (n, (operation, place, body, action)) in acts.iter().enumerate() {
        let (method, _) = operation.split_once(' ').unwrap();
        let place = match place.as_str() {
            "[mapping]" => mapping.clone(),
            "[pause]" => pause.clone(),
            other => other.replace("[webhook]", &webhook),
        };
        let request = format!("request-{n}");
        let headers = [("x-request-id", request.as_str())];
        let (status, _, answer) = world
            .served
            .text(method, &place, &headers, &body.to_string())
            .await;
        assert!(
            (200..300).contains(&status),
            "{method} {place}: {status} {answer:#}"
        );
        let id = answer["id"].as_str().unwrap_or_default();
        match *action {
            "mapping.created" => mapping = format!("/discord/role-mappings/{id}"),
            "webhook.added" => webhook = format!("/v1/webhooks/{id}"),
            "pause.added" => pause = format!("/v1/pauses/{id}"),
            _ => {}
        }
        seen.push((*action).to_owned());
        assert_eq!(world.served.actions().await, seen, "{method} {place}");
        let audit = &world.served.app.services.audit;
        let newest = audit
            .list(&AuditFilter::default(), None, 1)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(
            (newest.actor.as_str(), newest.via.as_str(), newest.request_id),
            ("user:ada", "api", Some(request))
        );
        let told = format!("{:?}{:?}", newest.before, newest.after);
        assert!(
            !told.contains(TOKEN) && !told.contains("access_token") && !told.contains("whsec_"),
            "{told}"
        );
    }
    let done: BTreeSet<String> = acts
        .iter()
        .map(|(operation, ..)| (*operation).to_owned())
        .collect();
    let document = openapi();
    let mut unsafe_ones = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let writes = item.as_object().unwrap().keys().filter(|method| *method != "get");
        unsafe_ones.extend(writes.map(|method| format!("{method} {path}")));
    }
    assert!(unsafe_ones.remove(LOOKS));
    assert_eq!(
        done, unsafe_ones,
        "the acts of this test, and the operations of the document"
    );
    let audit = &world.served.app.services.audit;
    let whole = crate::trail::verify(&**audit, None).await.unwrap().unwrap();
    assert_eq!(whole.records, seen.len() as u64);
}
