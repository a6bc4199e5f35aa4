//! The trail of acts, as the API shows it.

use rolecall_core::ports::permission;
use serde_json::{Value, json};

use super::access_tests::served;

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
async fn who_ends_a_pause_says_why_and_a_reason_that_cannot_be_kept_ends_nothing() {
    let mut served = served(&[]).await;
    let body = json!({"query": "kind:add_role", "reason": "a look first"});
    let (_, _, pause) = served.json("post", "/v1/pauses", body).await;
    let one = format!("/v1/pauses/{}", pause["id"].as_str().unwrap());
    for wrong in [
        format!("reason={}", "x".repeat(501)),
        "reason=a%0Ab".to_owned(),
        "why=a".to_owned(),
    ] {
        let (status, _, problem) = served
            .json("delete", &format!("{one}?{wrong}"), Value::Null)
            .await;
        assert_eq!(status, 422, "{problem}");
    }
    assert_eq!(served.actions().await, ["pause.added"]);
    let path = format!("{one}?reason=the%20bot%20is%20back");
    let (status, _, _) = served.json("delete", &path, Value::Null).await;
    assert_eq!(status, 204);
    let records = served.got("/v1/audit").await["records"].clone();
    assert_eq!(
        (&records[0]["action"], &records[0]["reason"]),
        (&json!("pause.ended"), &json!("the bot is back"))
    );
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
