//! Every act over HTTP leaves one record. A new operation that changes something needs a line in [`every_act`].

use std::collections::BTreeSet;

use rolecall_core::audit::AuditFilter;
use rolecall_core::ports::permission;
use serde_json::{Value, json};

use super::access_tests::{Served, served};
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

/// Does one act after the other on this world: the operation, where and with what, and the record that it leaves.
async fn every_act(world: &mut World) -> Vec<(&'static str, &'static str, String, Value, &'static str)> {
    let (guild, pilot, group) = (world.guild.clone(), world.pilot.clone(), world.group.clone());
    let account = world.simulator.add_user("Ada");
    let pair = world.simulator.grant_token(account, &["identify", "guilds.join"]);
    let served = &world.served;
    let mut dead = Vec::new();
    for n in 1..=4 {
        dead.push(served.dead(5, n).await);
    }
    let waiting = [served.stored(5, 11).await, served.stored(5, 12).await];
    let job = |id: &rolecall_core::JobId, order: &str| format!("/v1/jobs/{id}/{order}");
    let (one, mappings) = (
        format!("/discord/guilds/{guild}"),
        format!("/discord/guilds/{guild}/role-mappings"),
    );
    let tokens = json!({"access_token": pair.access_token, "refresh_token": pair.refresh_token});
    let form = json!({"guild_id": guild, "guild_name": "Corp", "bot_token": TOKEN});
    let mapping = json!({"group_id": group, "discord_role_id": pilot, "discord_role_name": "Pilot"});
    let text = ToOwned::to_owned;
    vec![
        (
            "post",
            "/discord/guilds",
            text("/discord/guilds"),
            form,
            "guild.created",
        ),
        (
            "put",
            "/discord/guilds/{guild_id}",
            one.clone(),
            json!({"guild_name": "Corps"}),
            "guild.updated",
        ),
        (
            "post",
            "/discord/guilds/{guild_id}/role-mappings",
            mappings,
            mapping,
            "mapping.created",
        ),
        (
            "put",
            "/discord/role-mappings/{mapping_id}",
            text("[mapping]"),
            json!({"priority": 3}),
            "mapping.updated",
        ),
        (
            "post",
            "/discord/auth/link",
            text("/discord/auth/link"),
            tokens,
            "account.linked",
        ),
        (
            "post",
            "/discord/sync/manual",
            text("/discord/sync/manual"),
            json!({"dry_run": true}),
            "run.created",
        ),
        (
            "post",
            "/discord/sync/user/{user_id}",
            text("/discord/sync/user/ada"),
            json!({}),
            "run.created",
        ),
        ("post", "/v1/runs", text("/v1/runs"), json!({}), "run.created"),
        (
            "post",
            "/v1/jobs/{job_id}/retry",
            job(&dead[0], "retry"),
            json!({}),
            "job.redriven",
        ),
        (
            "post",
            "/v1/jobs/{job_id}/clone",
            job(&dead[1], "clone"),
            json!({}),
            "job.cloned",
        ),
        (
            "post",
            "/v1/jobs/{job_id}/cancel",
            job(&waiting[0], "cancel"),
            json!({}),
            "job.cancelled",
        ),
        (
            "post",
            "/v1/jobs/{job_id}/reschedule",
            job(&waiting[1], "reschedule"),
            json!({"in": "1h"}),
            "job.rescheduled",
        ),
        (
            "post",
            "/v1/jobs/{job_id}/discard",
            job(&waiting[1], "discard"),
            json!({}),
            "job.discarded",
        ),
        (
            "post",
            "/v1/bulk",
            text("/v1/bulk"),
            json!({"action": "retry", "query": "guild:5"}),
            "jobs.bulk_ordered",
        ),
        (
            "post",
            "/v1/pauses",
            text("/v1/pauses"),
            json!({"query": "kind:add_role", "reason": "x"}),
            "pause.added",
        ),
        (
            "delete",
            "/v1/pauses/{pause_id}",
            text("[pause]"),
            json!({}),
            "pause.ended",
        ),
        (
            "delete",
            "/discord/role-mappings/{mapping_id}",
            text("[mapping]"),
            json!({}),
            "mapping.deleted",
        ),
        (
            "delete",
            "/discord/auth/unlink/{discord_id}",
            format!("/discord/auth/unlink/{account}"),
            json!({}),
            "account.unlinked",
        ),
        (
            "delete",
            "/discord/guilds/{guild_id}",
            one,
            json!({}),
            "guild.deleted",
        ),
    ]
}

#[tokio::test]
async fn every_act_of_the_document_leaves_one_record_that_says_who_and_the_chain_is_whole() {
    let mut world = world().await;
    let acts = every_act(&mut world).await;
    let (mut mapping, mut pause) = (String::new(), String::new());
    let mut seen = Vec::new();
    for (n, (method, _, place, body, action)) in acts.iter().enumerate() {
        let place = match place.as_str() {
            "[mapping]" => mapping.clone(),
            "[pause]" => pause.clone(),
            other => other.to_owned(),
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
        assert!(!told.contains(TOKEN) && !told.contains("access_token"), "{told}");
    }
    let done: BTreeSet<(String, String)> = acts
        .iter()
        .map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    let document = openapi();
    let mut unsafe_ones = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let writes = item.as_object().unwrap().keys().filter(|method| *method != "get");
        unsafe_ones.extend(writes.map(|method| (method.clone(), path.clone())));
    }
    assert_eq!(
        done, unsafe_ones,
        "the acts of this test, and the operations of the document"
    );
    let audit = &world.served.app.services.audit;
    let whole = crate::trail::verify(&**audit, None).await.unwrap().unwrap();
    assert_eq!(whole.records, seen.len() as u64);
}

#[tokio::test]
async fn what_is_refused_or_only_looked_at_leaves_no_record() {
    let mut served = served(&[]).await;
    let dead = served.dead(5, 1).await;
    for (path, body) in [
        (
            "/v1/bulk".to_owned(),
            json!({"action": "retry", "query": "guild:5", "dry_run": true}),
        ),
        (format!("/v1/jobs/{dead}/cancel"), json!({})),
        ("/v1/runs".to_owned(), json!({})),
        ("/v1/pauses".to_owned(), json!({"query": "kind:add_role"})),
    ] {
        served.json("post", &path, body).await;
    }
    let key = served.key(&[permission::JOBS_READ], 60_000).await;
    assert_eq!(
        served
            .bearer("post", &format!("/v1/jobs/{dead}/retry"), &key)
            .await
            .0,
        403
    );
    assert_eq!(served.actions().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_trail_is_listed_by_filters_page_by_page_exported_as_lines_and_verified() {
    let mut served = served(&[]).await;
    let mut ids = Vec::new();
    for n in 1..=3 {
        let body = json!({"query": "kind:add_role", "reason": format!("reason {n}")});
        let (_, _, pause) = served.json("post", "/v1/pauses", body).await;
        ids.push(pause["id"].as_str().unwrap().to_owned());
    }
    served
        .json("delete", &format!("/v1/pauses/{}", ids[0]), Value::Null)
        .await;
    let page = served.got("/v1/audit?limit=3").await;
    let seqs = |page: &Value| -> Vec<u64> {
        let records = page["records"].as_array().unwrap();
        records.iter().map(|r| r["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(seqs(&page), [4, 3, 2]);
    let next = format!("/v1/audit?limit=3&cursor={}", page["next"].as_str().unwrap());
    let last = served.got(&next).await;
    assert_eq!((seqs(&last), &last["next"]), (vec![1], &Value::Null));
    let found = served
        .got(&format!(
            "/v1/audit?subject=pause:{}&actor=user:ada&since=1h",
            ids[0]
        ))
        .await;
    assert_eq!(seqs(&found), [4, 1]);
    assert_eq!(
        seqs(&served.got("/v1/audit?action=pause.added&until=1h").await),
        [] as [u64; 0]
    );
    let (status, _, _) = served.json("get", "/v1/audit?since=soon", Value::Null).await;
    assert_eq!(status, 422);
    let admin = format!("Bearer {}", served.admin);
    let export = served
        .ask(
            "get",
            "/v1/audit/export?action=pause.added",
            &[("authorization", &admin)],
            "",
        )
        .await;
    assert_eq!(export.headers()["content-type"], "application/jsonl");
    let bytes = axum::body::to_bytes(export.into_body(), 1 << 20).await.unwrap();
    let lines: Vec<Value> = String::from_utf8(bytes.to_vec())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (&lines[0]["seq"], &lines[0]["reason"]),
        (&json!(1), &json!("reason 1"))
    );
    let verdict = served.got("/v1/audit/verify").await;
    assert_eq!(
        (&verdict["whole"], &verdict["records"]),
        (&json!(true), &json!(4))
    );
}
