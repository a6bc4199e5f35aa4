//! Rate limits.

use reqwest::Method;

use super::*;
use crate::SimulatorConfig;

#[tokio::test]
async fn the_eleventh_role_write_in_a_window_is_refused_with_429() {
    let server = start().await;
    let path = member_role(ADA, LOW);
    for left in (0..10).rev() {
        let answer = server.call(Method::PUT, &path).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("x-ratelimit-limit"), "10");
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
        assert_eq!(answer.header("x-ratelimit-reset-after"), "10.000");
        assert_eq!(answer.header("x-ratelimit-scope"), "");
    }
    server.advance(2_500);
    let answer = server.call(Method::PUT, &path).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["retry_after"], 7.5);
    assert_eq!(answer.json()["global"], false);
    assert_eq!(answer.header("retry-after"), "8");
    assert_eq!(answer.header("x-ratelimit-scope"), "user");
    assert_eq!(answer.header("via"), "1.1 google");
    server.advance(7_500);
    assert_eq!(server.call(Method::PUT, &path).await.status, 204);
    assert_eq!(server.simulator.counters().rate_limited.user, 1);
}

#[tokio::test]
async fn put_and_delete_of_a_role_share_one_bucket() {
    let server = start().await;
    for _ in 0..5 {
        server.call(Method::PUT, &member_role(ADA, LOW)).await;
        server.call(Method::DELETE, &member_role(BOB, MIDDLE)).await;
    }
    let refused = server.call(Method::DELETE, &member_role(ADA, LOW)).await;
    assert_eq!(refused.status, 429);
    let bucket = refused.header("x-ratelimit-bucket");
    assert_eq!(bucket.len(), 32);
    let edit = server
        .send(Method::PATCH, &member(ADA), serde_json::json!({ "roles": [] }))
        .await;
    assert_eq!(edit.status, 200, "PATCH has a bucket of its own");
    assert_ne!(edit.header("x-ratelimit-bucket"), bucket);
}

#[tokio::test]
async fn a_limited_route_has_headers_on_errors_too_and_an_unlimited_one_has_none() {
    let server = start().await;
    assert_eq!(server.get(&member(9)).await.header("x-ratelimit-limit"), "5");
    assert_eq!(
        server
            .get(&format!("/guilds/{GUILD}"))
            .await
            .header("x-ratelimit-limit"),
        ""
    );
}

#[tokio::test]
async fn a_sliding_bucket_refills_by_the_period() {
    let server = start().await;
    for _ in 0..5 {
        assert_eq!(server.get(&member(ADA)).await.status, 200);
    }
    assert_eq!(server.get(&member(ADA)).await.json()["retry_after"], 0.2);
    server.advance(200);
    assert_eq!(server.get(&member(ADA)).await.status, 200);
    assert_eq!(server.get(&member(ADA)).await.status, 429);
}

#[tokio::test]
async fn the_fifty_first_request_in_a_second_meets_the_global_limit() {
    let server = start().await;
    let path = format!("/guilds/{GUILD}/roles");
    for _ in 0..50 {
        assert_eq!(server.get(&path).await.status, 200);
    }
    let answer = server.get(&path).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["global"], true);
    assert_eq!(answer.header("x-ratelimit-global"), "true");
    assert_eq!(answer.header("x-ratelimit-scope"), "global");
    assert_eq!(answer.header("x-ratelimit-limit"), "");
    server.advance(1_000);
    assert_eq!(server.get(&path).await.status, 200);
}

#[tokio::test]
async fn each_guild_and_each_bot_has_buckets_of_its_own() {
    let server = start().await;
    let other = server.simulator.add_guild(NewGuild {
        name: "Other".into(),
        roles: vec![NewRole {
            id: Some(5),
            ..NewRole::at("low", 1)
        }],
        bots: vec![BotIn::with_token(TOKEN)],
        ..NewGuild::default()
    });
    server.simulator.add_member(other, ADA, &[]);
    for _ in 0..11 {
        server.call(Method::PUT, &member_role(ADA, LOW)).await;
    }
    let answer = server
        .call(Method::PUT, &format!("/guilds/{other}/members/{ADA}/roles/5"))
        .await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn an_address_with_too_many_invalid_requests_is_blocked_with_a_page() {
    let server = start_with(SimulatorConfig {
        invalid_limit: 2,
        ..SimulatorConfig::default()
    })
    .await;
    for _ in 0..3 {
        assert_eq!(
            server.call(Method::PUT, &member_role(ADA, HIGH)).await.status,
            403
        );
    }
    let answer = server.get("/users/@me").await;
    assert_eq!(answer.status, 429);
    assert!(answer.text.starts_with("<!DOCTYPE html>"));
    assert_eq!(answer.header("via"), "");
    assert_eq!(server.simulator.counters().rate_limited.cloudflare, 1);
}
