//! Faults, and the control API that switches them.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::*;
use crate::{Fault, FaultKind};

async fn strike(server: &Served, kind: FaultKind) -> reqwest::Result<Answer> {
    server.simulator.faults().add(Fault::new(kind).times(1));
    server.try_call(Method::PUT, &member_role(ADA, LOW), None).await
}

#[tokio::test]
async fn a_reset_before_the_effect_does_nothing_and_one_after_it_does() {
    let server = start().await;
    assert!(strike(&server, FaultKind::ResetBefore).await.is_err());
    assert!(server.roles_of(ADA).is_empty());
    assert!(strike(&server, FaultKind::ResetAfter).await.is_err());
    assert_eq!(server.roles_of(ADA), [LOW]);
    let counters = server.simulator.counters();
    assert_eq!((counters.total, counters.aborted, counters.writes), (2, 2, 0));
}

#[tokio::test]
async fn a_lost_refresh_answer_leaves_the_old_token_dead() {
    let server = start().await;
    let pair = server.simulator.grant_token(ADA, &["identify"]);
    let config = server.simulator.config();
    let fields = [
        ("client_id", config.client_id.as_str()),
        ("client_secret", config.client_secret.as_str()),
        ("grant_type", "refresh_token"),
        ("refresh_token", pair.refresh_token.as_str()),
    ];
    server.simulator.faults().add(
        Fault::new(FaultKind::ResetAfter)
            .on("POST /oauth2/token")
            .times(1),
    );
    let url = format!("{}/api/v10/oauth2/token", server.base);
    assert!(read(server.http.post(&url).form(&fields)).await.is_err());
    assert_eq!(
        read(server.http.post(&url).form(&fields)).await.unwrap().status,
        400
    );
}

#[tokio::test]
async fn a_broken_upstream_answers_without_json() {
    let server = start().await;
    let answer = strike(&server, FaultKind::Status { status: 502 }).await.unwrap();
    assert_eq!(answer.status, 502);
    assert!(answer.text.starts_with("<html>"));
    assert!(server.roles_of(ADA).is_empty());
    assert_eq!(
        strike(&server, FaultKind::StatusAfter { status: 504 })
            .await
            .unwrap()
            .status,
        504
    );
    assert_eq!(server.roles_of(ADA), [LOW]);
}

#[tokio::test]
async fn a_body_can_end_in_the_middle() {
    let server = start().await;
    server
        .simulator
        .faults()
        .add(Fault::new(FaultKind::HalfBody).times(1));
    assert!(server.try_call(Method::GET, &member(ADA), None).await.is_err());
    assert_eq!(server.get(&member(ADA)).await.status, 200);
}

#[tokio::test]
async fn a_hung_call_ends_with_the_client_and_is_counted() {
    let server = start().await;
    server
        .simulator
        .faults()
        .add(Fault::new(FaultKind::Hang).times(1));
    let call = server.try_call(Method::PUT, "/guilds/1000/members/2001/roles/101", None);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), call)
            .await
            .is_err()
    );
    // The server learns of the closed connection on its own task.
    while server.simulator.counters().aborted == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.call(Method::PUT, &member_role(ADA, LOW)).await.status, 204);
    assert_eq!(server.simulator.counters().overlapping_writes, 0);
}

#[tokio::test]
async fn limits_of_all_scopes_can_be_made_up() {
    let server = start().await;
    let shared = strike(
        &server,
        FaultKind::LimitShared {
            retry_after: 0.3,
            code: 20029,
        },
    )
    .await
    .unwrap();
    assert_eq!((shared.status, shared.code()), (429, 20029));
    assert_eq!(shared.header("x-ratelimit-scope"), "shared");
    assert_ne!(shared.header("x-ratelimit-remaining"), "0");
    assert_eq!(server.simulator.counters().invalid, 0);
    let global = strike(&server, FaultKind::LimitGlobal { retry_after: 2.0 })
        .await
        .unwrap();
    assert_eq!(global.header("retry-after"), "2");
    let page = strike(&server, FaultKind::CloudflarePage).await.unwrap();
    assert_eq!(
        (page.status, page.header("content-type")),
        (429, "text/html; charset=utf-8")
    );
    let lowered = strike(&server, FaultKind::LowerLimit { limit: 3 }).await.unwrap();
    assert_eq!(lowered.header("x-ratelimit-limit"), "3");
    let silent = strike(&server, FaultKind::MissingHeaders).await.unwrap();
    assert_eq!((silent.status, silent.header("x-ratelimit-limit")), (204, ""));
}

#[tokio::test]
async fn a_present_guild_can_flicker_and_a_token_can_die() {
    let server = start().await;
    assert_eq!(
        strike(&server, FaultKind::UnknownGuild).await.unwrap().code(),
        10004
    );
    assert_eq!(
        strike(&server, FaultKind::Unauthorized).await.unwrap().status,
        401
    );
    assert_eq!(server.call(Method::PUT, &member_role(ADA, LOW)).await.status, 204);
}

async fn control(server: &Served, method: Method, path: &str, body: Value) -> Value {
    let url = format!("{}/simulator{path}", server.base);
    let answer = read(server.http.request(method, url).json(&body)).await.unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn a_world_can_be_built_over_http() {
    let server = start().await;
    control(&server, Method::POST, "/bots", json!({ "token": "b2" })).await;
    let new = json!({ "name": "G", "roles": [{ "id": "77", "name": "r" }], "bots": [{ "token": "b2" }] });
    let guild = control(&server, Method::POST, "/guilds", new).await;
    let path = format!("/guilds/{}", guild["id"].as_str().unwrap());
    let members = json!({ "members": [{ "user_id": "88", "roles": ["77"] }], "count": 3 });
    let added = control(&server, Method::POST, &format!("{path}/members"), members).await;
    assert_eq!(added["added"], 4);
    control(
        &server,
        Method::PUT,
        &format!("{path}/members/88"),
        json!({ "roles": [] }),
    )
    .await;
    let all = control(&server, Method::GET, &format!("{path}/members"), json!({})).await;
    assert_eq!(
        all[0],
        json!({ "user_id": "88", "name": "user 88", "nick": null, "bot": false, "roles": [] })
    );
    let pair = control(
        &server,
        Method::POST,
        "/users/88/tokens",
        json!({ "scopes": ["identify"] }),
    )
    .await;
    assert_eq!(
        server
            .bearer(pair["access_token"].as_str().unwrap(), "/users/@me")
            .await
            .json()["id"],
        "88"
    );
    let calls = control(&server, Method::GET, "/calls?last=5", json!({})).await;
    assert_eq!(
        calls.as_array().unwrap().len(),
        1,
        "control calls are not counted"
    );
    assert_eq!(
        control(&server, Method::GET, "/counters", json!({})).await["total"],
        1
    );
}

#[tokio::test]
async fn faults_can_be_switched_over_http() {
    let server = start().await;
    let fault = json!({ "kind": "status", "status": 503, "route": "GET *" });
    let id = control(&server, Method::POST, "/faults", fault).await["id"]
        .as_u64()
        .unwrap();
    assert_eq!(server.get("/users/@me").await.status, 503);
    assert_eq!(
        control(&server, Method::GET, "/faults", json!({})).await[0]["hits"],
        1
    );
    control(&server, Method::DELETE, &format!("/faults/{id}"), json!({})).await;
    assert_eq!(server.get("/users/@me").await.status, 200);
    let limits = control(&server, Method::GET, "/limits", json!({})).await;
    assert_eq!(limits["global_limit"], 50);
}
