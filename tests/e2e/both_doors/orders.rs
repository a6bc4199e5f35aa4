//! An order is answered with the same document, whichever door it came through.

use serde_json::{Value, json};

use super::the_same;
use crate::api::{Served, served_after};
use crate::operators::until_there_are_jobs;
use crate::support::http::json as body_of;

/// What is held back so that nothing moves: writes, and the jobs that carry out orders.
const HELD: [&str; 5] = [
    "kind:add_role",
    "kind:set_member_roles",
    "kind:bulk_order",
    "kind:cancel_run",
    "kind:retention",
];

impl Served {
    /// An order at the terminal, for scripts.
    #[track_caller]
    fn types(&self, args: &[&str]) -> Value {
        self.installation.run(&[args, &["--json"]].concat()).ok().json()
    }

    /// An order over HTTP.
    async fn posts(&self, path: &str, body: Value) -> Value {
        let answer = self.api.post(path, Some(body)).await;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let status = answer.status();
        body_of(answer, status, path).await
    }
}

/// Without what is another one for each order: who gave it, when, and why.
fn without(document: &Value, names: &[&str]) -> Value {
    let mut document = document.clone();
    for name in names {
        let taken = document.as_object_mut().unwrap().remove(*name);
        assert!(taken.is_some(), "{name} is missing in {document:#}");
    }
    document
}

/// Each order is given at the terminal about one job and over HTTP about another; both answer what is shown of the job
/// afterwards.
async fn orders_about_jobs(served: &Served, waiting: &[Value]) {
    let ids: Vec<&str> = waiting.iter().map(|job| job["id"].as_str().unwrap()).collect();
    let orders = [
        ("reschedule", &["--in", "1h"][..], json!({"in": "1h"}), [0, 1]),
        ("cancel", &[], json!({}), [0, 1]),
        ("retry", &[], json!({}), [0, 1]),
        ("discard", &[], json!({}), [2, 3]),
    ];
    for (order, more, body, [typed, posted]) in orders {
        let (typed, posted) = (ids[typed], ids[posted]);
        let answer = served.types(&[&["jobs", order, typed][..], more].concat());
        assert_eq!(answer["refused"], json!([]));
        let shown = served.api.get(&format!("/v1/jobs/{typed}")).await;
        assert_eq!(answer["jobs"], json!([shown]), "{order}");
        let answer = served.posts(&format!("/v1/jobs/{posted}/{order}"), body).await;
        assert_eq!(answer, served.types(&["jobs", "show", posted]), "{order}");
    }
    let cloned = served.types(&["jobs", "clone", ids[2]]);
    let path = format!("/v1/jobs/{}", cloned["id"].as_str().unwrap());
    assert_eq!(cloned, served.api.get(&path).await);
    assert_eq!(cloned["parent"]["id"], ids[2], "{cloned:#}");

    // Of two, one is refused: the other is done all the same.
    let refused = served
        .installation
        .run(&["jobs", "cancel", ids[3], ids[4], "--json"]);
    assert_eq!(refused.code, Some(1), "{refused:#?}");
    let told = refused.json();
    assert_eq!(told["jobs"][0]["id"], ids[4]);
    assert_eq!(told["refused"][0]["job_id"], ids[3]);
    assert_eq!(told["refused"][0]["result"], "not_possible", "{told:#}");
}

async fn orders_about_many(served: &Served) {
    let query = "state:available queue:normal";
    let words: Vec<&str> = query.split(' ').collect();
    let bulk = [&["jobs", "bulk", "--action", "cancel"][..], &words].concat();
    let body = json!({"action": "cancel", "query": query, "dry_run": true});
    let looked = served.types(&[&bulk[..], &["--dry-run"]].concat());
    assert_eq!(looked, served.posts("/v1/bulk", body).await);
    let given = served.types(&[&bulk[..], &["--yes", "--reason", "a trial"]].concat());
    let path = format!("/v1/bulk/{}", given["id"].as_str().unwrap());
    assert_eq!(given, served.api.get(&path).await);
    let body = json!({"action": "cancel", "query": query, "reason": "a trial"});
    let posted = served.posts("/v1/bulk", body).await;
    let own = ["id", "cause", "asked_at", "links"];
    assert_eq!(without(&given, &own), without(&posted, &own));
}

async fn orders_about_the_run(served: &Served, run: &str) {
    let retry = ["runs", "retry", run, "--dry-run"];
    let body = json!({"dry_run": true});
    let looked = served.types(&retry);
    assert_eq!(looked, served.posts(&format!("/v1/runs/{run}/retry"), body).await);
    let given = served.types(&["runs", "cancel", run, "--reason", "a trial"]);
    // One job ends a run, however often that is ordered.
    let posted = served.posts(&format!("/v1/runs/{run}/cancel"), json!({})).await;
    assert_eq!(given, posted);
}

async fn orders_about_causes(served: &Served) {
    let groups = the_same(served, &["dead-letters", "list"], "/v1/dead-letters").await;
    let cause = groups["groups"][0]["fingerprint"].as_str().unwrap();
    let check = ["dead-letters", "check", cause, "--json"];
    let checked = served.installation.run(&check);
    assert!(matches!(checked.code, Some(0 | 1)), "{checked:#?}");
    let body = json!({"fingerprint": cause});
    assert_eq!(checked.json(), served.posts("/v1/dead-letters/check", body).await);
    for (order, mark) in [("resolve", "resolved"), ("ignore", "ignored"), ("reopen", "open")] {
        let typed = served.types(&["dead-letters", order, cause, "--reason", "a trial"]);
        assert_eq!(typed, served.types(&["dead-letters", "show", cause]), "{order}");
        let body = json!({"fingerprint": cause, "as": mark, "reason": "a trial"});
        let posted = served.posts("/v1/dead-letters/mark", body).await;
        let own = ["mark", "standing_note"];
        assert_eq!(without(&typed, &own), without(&posted, &own), "{order}");
    }
}

async fn orders_about_schedules_and_processes(served: &Served) {
    let run = "/v1/schedules/retention/run";
    let typed = served.types(&["schedules", "run-now", "retention"]);
    served.types(&["jobs", "cancel", typed["job_id"].as_str().unwrap()]);
    let posted = served.posts(run, json!({})).await;
    assert_eq!(without(&typed, &["job_id"]), without(&posted, &["job_id"]));
    for order in ["enable", "disable"] {
        let typed = served.types(&["schedules", order, "retention"]);
        let path = format!("/v1/schedules/retention/{order}");
        assert_eq!(typed, served.posts(&path, json!({})).await, "{order}");
    }
    let workers = served.api.get("/v1/workers").await;
    let id = workers["workers"][0]["id"].as_str().unwrap();
    for order in ["drain", "undrain"] {
        let typed = served.types(&["workers", order, id]);
        let path = format!("/v1/workers/{id}/{order}");
        let posted = served.posts(&path, json!({})).await;
        assert_eq!(typed["drain"].is_null(), posted["drain"].is_null(), "{order}");
        // It is alive: it says so from time to time, hears of the order, and measures its clock.
        let own = ["drain", "seen_at", "status", "clock_skew_ms"];
        assert_eq!(without(&typed, &own), without(&posted, &own), "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_at_the_terminal_prints_what_the_api_answers() {
    // Before the process is there: of a later pause it hears within a second.
    let served = served_after(|installation| {
        installation.nothing_by_the_clock();
        for kind in HELD {
            let pause = ["pauses", "add", kind, "--reason", "a look first"];
            installation.run(&pause).ok();
        }
    })
    .await;
    let pause = served.types(&["pauses", "add", "kind:join_guild", "--reason", "a look first"]);
    let all = the_same(&served, &["pauses", "list"], "/v1/pauses").await;
    assert_eq!(pause, *all["pauses"].as_array().unwrap().last().unwrap());
    let run = served.api.sync().await;
    let at = &served.installation;
    until_there_are_jobs(at, &["kind:sync_guild", "state:completed"]).await;
    let waiting = until_there_are_jobs(at, &["state:available"]).await;
    assert!(waiting.len() > 5, "{}", waiting.len());
    orders_about_jobs(&served, &waiting).await;
    orders_about_many(&served).await;
    orders_about_causes(&served).await;
    orders_about_the_run(&served, &run).await;
    orders_about_schedules_and_processes(&served).await;
}
