//! Orders about many jobs, and dead letters by cause, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use rolecall_core::cause::Cause;
use rolecall_core::order::{BulkAction, Order};
use rolecall_core::ports::Ordered;
use rolecall_core::run::RunState;
use rolecall_jobs::bulk_order::BulkOrder;
use rolecall_jobs::kernel::heartbeat::Heartbeat;
use rolecall_jobs::kernel::job::Job;
use rolecall_jobs::kernel::queue::Enqueue;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::access_tests::served;
use super::operators_tests::ADMIN;
use crate::testing::context_of;

#[tokio::test]
async fn a_bulk_order_tells_what_it_is_about_and_a_job_does_exactly_that() {
    let mut served = served(&[]).await;
    let mut dead = Vec::new();
    for account in 1..=7 {
        dead.push(served.dead(5 + account % 2, account).await);
    }
    // It has a twin that is at work: it stays as it is.
    let twin = served.stored(6, 1).await;
    let cancelled = served.stored(5, 100).await;
    assert_eq!(served.order(cancelled, "cancel", json!({})).await.0, 200);
    let asked = json!({"action": "retry", "query": "code:50013", "dry_run": true});
    let (status, _, seen) = served.json("post", "/v1/bulk", asked).await;
    assert_eq!((status, &seen["total"]), (200, &json!(7)), "{seen}");
    assert_eq!(seen["samples"].as_array().unwrap().len(), 5);
    assert_eq!(
        seen["by_guild"],
        json!([{"value": "6", "total": 4}, {"value": "5", "total": 3}])
    );
    assert_eq!(seen["by_fingerprint"][0]["total"], 7);
    assert_eq!(
        seen["cost"],
        json!({"calls": 7, "most_in_a_guild": 4, "seconds": 0, "minutes": 0, "at_least": false})
    );
    assert!(
        served.listed("state=discarded").await.len() == 7,
        "a dry run changes nothing"
    );

    let asked = json!({"action": "retry", "query": "code:50013", "reason": "moved up"});
    let (status, headers, order) = served.json("post", "/v1/bulk", asked).await;
    assert_eq!((status, &order["action"]), (202, &json!("retry")), "{order}");
    let place = headers["location"].to_str().unwrap().to_owned();
    assert_eq!(place, format!("/v1/bulk/{}", order["id"].as_str().unwrap()));
    assert_eq!(served.got(&place).await, order);
    assert_eq!(served.got("/v1/bulk").await["orders"], json!([order]));
    let job = served.got(order["links"]["job"].as_str().unwrap()).await;
    let later = served.dead(5, 200).await;
    let order: BulkOrder = serde_json::from_value(job["payload"].clone()).unwrap();
    let (context, _lease) = context_of::<BulkOrder>(&served.app);
    let outcome = order.run(&context).await.unwrap();
    assert_eq!((outcome.counts["done"], outcome.counts["twin"]), (6, 1));
    let left = served.listed("state=discarded").await;
    assert_eq!(
        left,
        [later.to_string(), dead[0].to_string()],
        "stored later; and whose twin {twin} lives"
    );
    assert_eq!(
        served.got(&format!("/v1/jobs/{cancelled}")).await["state"],
        "cancelled"
    );
    // One record for all, and a repeat finds nothing more to do.
    assert!(served.records(&format!("job:{}", dead[1])).await.is_empty());
    let records = served.records(&format!("job:{}", context.job_id)).await;
    assert_eq!(
        (records.len(), records[0].action.as_str()),
        (1, "jobs.bulk_ended")
    );
    let after = records[0].after.as_ref().unwrap();
    assert_eq!(
        (&after["jobs"]["done"], records[0].reason.as_deref()),
        (&json!(6), Some("moved up"))
    );
    let again = order.run(&context).await.unwrap();
    assert_eq!(again.counts.get("done"), None);
}

#[tokio::test]
async fn a_bulk_order_goes_through_all_pages_and_stops_when_it_is_cancelled() {
    let served = served(&[]).await;
    for account in 1..=450 {
        served.stored(5, account).await;
    }
    let order = BulkOrder {
        action: BulkAction::Cancel,
        query: "guild:5".to_owned(),
        reason: String::new(),
        asked_at: served.app.services.clock.now() + Duration::from_secs(1),
        request_id: None,
        spread_seconds: None,
    };
    let enqueue = Enqueue::new(&order, Cause::new(ADMIN, ""));
    let id = served.app.queue.insert(vec![enqueue]).await.unwrap()[0].id();
    let fence = served.claimed(id).await;
    let by = Cause::new(ADMIN, "stop").into();
    let ordered = served.app.steering.give(id, Order::Cancel, &by).await.unwrap();
    assert_eq!(ordered, Ordered::Asked);
    let heartbeat = Heartbeat::default();
    let (_held, lease) = heartbeat.hold(id, fence, tokio::time::Instant::now()).unwrap();
    let stop = CancellationToken::new();
    let ledger = Arc::clone(&served.app.services.ledger);
    let thread = heartbeat
        .start(ledger, "worker".to_owned(), stop.clone())
        .unwrap();
    let heard = tokio::time::timeout(Duration::from_secs(60), async {
        while !lease.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    heard
        .await
        .expect("nobody told the job that it is to be cancelled");
    let (mut context, _unused) = context_of::<BulkOrder>(&served.app);
    (context.job_id, context.lease) = (id, lease);
    let outcome = order.run(&context).await.unwrap();
    assert_eq!(
        (outcome.reason.as_deref(), outcome.counts.len()),
        (Some("aborted"), 0)
    );
    stop.cancel();
    thread.join().unwrap();
    let (context, _lease) = context_of::<BulkOrder>(&served.app);
    let outcome = order.run(&context).await.unwrap();
    assert_eq!((outcome.reason, outcome.counts["done"]), (None, 450));
}

#[tokio::test]
async fn a_bulk_order_without_action_or_query_is_refused() {
    let mut served = served(&[]).await;
    let job = "019a2c8e-5b1d-7c3a-9f00-0123456789ab";
    for (body, place) in [
        (json!({"query": "guild:5"}), "/action"),
        (json!({"action": "delete", "query": "guild:5"}), "/action"),
        (json!({"action": "retry"}), "/query"),
        (json!({"action": "retry", "query": "colour:red"}), "/query"),
        (json!({"action": "retry", "query": job}), "/query"),
        (
            json!({"action": "retry", "query": "guild:5", "filter": "guild:5"}),
            "/filter",
        ),
        (
            json!({"action": "retry", "filter": "guild:5", "spread": "soon"}),
            "/spread",
        ),
        (
            json!({"action": "retry", "filter": "guild:5", "spread": "25h"}),
            "/spread",
        ),
        (
            json!({"action": "cancel", "filter": "guild:5", "spread": "10m"}),
            "/spread",
        ),
    ] {
        let (status, _, problem) = served.json("post", "/v1/bulk", body.clone()).await;
        assert_eq!(
            (status, &problem["errors"][0]["location"]),
            (422, &json!(place)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn dead_letters_are_grouped_by_cause_with_an_example_and_what_to_do() {
    let mut served = served(&[]).await;
    for account in 1..=3 {
        served.dead(5 + account % 2, account).await;
    }
    let discarded = served.stored(5, 9).await;
    served.order(discarded, "discard", json!({})).await;
    let found = served.got("/v1/dead-letters").await;
    let groups = found["groups"].as_array().unwrap();
    assert_eq!((groups.len(), &found["more"]), (2, &json!(false)), "{found}");
    assert_eq!(
        groups[0]["fingerprint"],
        "add_role|PUT /roles/{role_id}|403|50013"
    );
    assert_eq!((&groups[0]["total"], &groups[1]["total"]), (&json!(3), &json!(1)));
    assert_eq!(
        groups[0]["guilds"],
        json!([{"value": "6", "total": 2}, {"value": "5", "total": 1}])
    );
    assert_eq!(groups[0]["error"]["remedy"], "Drag the bot's role up.");
    let all = groups[0]["jobs"].as_str().unwrap().to_owned();
    assert_eq!(served.got(&all).await["total"], 3);
    let of_guild = served.got("/v1/dead-letters?guild=6&limit=1").await;
    assert_eq!(
        (&of_guild["groups"][0]["total"], &of_guild["more"]),
        (&json!(2), &json!(false))
    );
    assert_eq!(served.got("/v1/dead-letters?limit=1").await["more"], true);
    assert_eq!(
        served.got("/v1/dead-letters?q=state:completed").await["groups"],
        json!([])
    );
}

#[tokio::test]
async fn a_cause_that_was_called_mended_and_comes_back_is_open_again_and_says_so() {
    let mut served = served(&[]).await;
    served.dead(5, 1).await;
    let cause = "add_role|PUT /roles/{role_id}|403|50013";
    let group = served.got("/v1/dead-letters").await["groups"][0].clone();
    assert_eq!(
        (&group["standing"], &group["mark"]),
        (&json!("open"), &json!(null))
    );
    assert_eq!(group["by_hour"][0]["total"], 1, "{group}");
    let said = json!({"fingerprint": cause, "as": "resolved", "reason": "moved up"});
    let (status, _, group) = served.json("post", "/v1/dead-letters/mark", said).await;
    assert_eq!(
        (status, &group["standing"], &group["mark"]["reason"]),
        (200, &json!("resolved"), &json!("moved up"))
    );
    let now = served.app.services.clock.now();
    // The next failure is later than what was said, by the clock of the store.
    while served.app.services.clock.now() <= now {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    served.dead(5, 2).await;
    let group = served.got("/v1/dead-letters").await["groups"][0].clone();
    assert_eq!(group["standing"], "reopened", "{group}");
    assert!(
        group["standing_note"].as_str().unwrap().contains("came back"),
        "{group}"
    );
    let said = json!({"fingerprint": cause, "as": "ignored", "for": "1h"});
    let (_, _, group) = served.json("post", "/v1/dead-letters/mark", said).await;
    assert_eq!(group["standing"], "ignored");
    let (_, _, group) = served
        .json(
            "post",
            "/v1/dead-letters/mark",
            json!({"fingerprint": cause, "as": "open"}),
        )
        .await;
    assert_eq!(group["standing"], "open");
    let actions: Vec<_> = served
        .records(&format!("cause:{cause}"))
        .await
        .into_iter()
        .map(|r| r.action)
        .collect();
    assert_eq!(
        actions,
        [
            "dead_letters.reopened",
            "dead_letters.ignored",
            "dead_letters.resolved"
        ]
    );
    let unknown = json!({"fingerprint": "x|y", "as": "resolved"});
    assert_eq!(served.json("post", "/v1/dead-letters/mark", unknown).await.0, 404);
}

#[tokio::test]
async fn what_failed_of_a_run_runs_again_and_the_run_with_it() {
    let mut served = served(&[]).await;
    let services = Arc::clone(&served.app.services);
    let run = served.running_run().await;
    let dead = served.dead_of(Some(run), 5, 1).await;
    let results = rolecall_jobs::finish_run::results(&services, run).await.unwrap();
    services
        .runs
        .close(run, RunState::Failed, &results, services.clock.now())
        .await
        .unwrap();
    let path = format!("/v1/runs/{}", run);
    let told = served.got(&path).await;
    assert_eq!(
        (&told["error_groups"][0]["total"], &told["eta"]),
        (&json!(1), &json!(null)),
        "{told}"
    );
    let (status, _, seen) = served
        .json("post", &format!("{path}/retry"), json!({"dry_run": true}))
        .await;
    assert_eq!((status, &seen["total"]), (200, &json!(1)), "{seen}");
    let (status, _, order) = served.json("post", &format!("{path}/retry"), json!({})).await;
    assert_eq!(status, 202, "{order}");
    let job = served.got(order["links"]["job"].as_str().unwrap()).await;
    let order: BulkOrder = serde_json::from_value(job["payload"].clone()).unwrap();
    let (context, _lease) = context_of::<BulkOrder>(&served.app);
    order.run(&context).await.unwrap();
    assert_eq!(
        served.got(&format!("/v1/jobs/{dead}")).await["state"],
        "available"
    );
    let told = served.got(&path).await;
    assert_eq!(
        (&told["state"], &told["results"]["jobs"]["available"]),
        (&json!("running"), &json!(1)),
        "{told}"
    );
    let (status, _, problem) = served.json("post", &format!("{path}/retry"), json!({})).await;
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("nothing_failed")),
        "{problem}"
    );
    let (status, _, job) = served
        .json("post", &format!("{path}/cancel"), json!({"reason": "no"}))
        .await;
    assert_eq!((status, &job["kind"]), (202, &json!("cancel_run")), "{job}");
}

#[tokio::test]
async fn a_clone_may_differ_in_what_its_payload_has_and_in_nothing_else() {
    let mut served = served(&[]).await;
    let id = served.dead(5, 1).await;
    let changed = json!({"payload": {"role_id": "78"}, "queue": "normal", "in": "1h"});
    let (status, new) = served.order(id, "clone", changed).await;
    assert_eq!(
        (status, &new["subject"]["role_id"], &new["lane"]),
        (201, &json!("78"), &json!("normal")),
        "{new}"
    );
    assert_eq!(
        (&new["state"], &new["parent_id"]),
        (&json!("scheduled"), &json!(id))
    );
    assert!(new["unique_key"].as_str().unwrap().ends_with(":78"), "{new}");
    for payload in [json!({"rolle": "78"}), json!({"role_id": "x"})] {
        let (status, problem) = served.order(id, "clone", json!({"payload": payload})).await;
        assert_eq!(
            (status, &problem["errors"][0]["location"]),
            (422, &json!("/payload")),
            "{problem}"
        );
    }
}
