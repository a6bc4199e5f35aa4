//! Writing roles.

use reqwest::Method;
use serde_json::json;

use super::*;
use crate::{Fault, FaultKind};

#[tokio::test]
async fn a_role_is_given_and_taken_and_both_can_be_repeated() {
    let server = start().await;
    for _ in 0..2 {
        assert_eq!(server.call(Method::PUT, &member_role(ADA, LOW)).await.status, 204);
        assert_eq!(server.roles_of(ADA), [LOW]);
    }
    for _ in 0..2 {
        assert_eq!(
            server.call(Method::DELETE, &member_role(ADA, LOW)).await.status,
            204
        );
        assert!(server.roles_of(ADA).is_empty());
    }
    let counters = server.simulator.counters();
    assert_eq!((counters.writes, counters.writes_without_effect), (4, 2));
    assert_eq!(
        server
            .simulator
            .touched_roles(GUILD)
            .into_iter()
            .collect::<Vec<_>>(),
        [LOW]
    );
}

#[tokio::test]
async fn a_role_out_of_reach_is_forbidden() {
    let server = start().await;
    for role in [HIGH, MANAGED] {
        let answer = server.call(Method::PUT, &member_role(ADA, role)).await;
        assert_eq!((answer.status, answer.code()), (403, 50013));
    }
    assert_eq!(server.simulator.counters().invalid, 2);
}

#[tokio::test]
async fn what_does_not_exist_is_named() {
    let server = start().await;
    let cases = [
        (member_role(ADA, GUILD), 10011),
        (member_role(ADA, 9), 10011),
        (member_role(9, LOW), 10013),
        (format!("/guilds/9/members/{ADA}/roles/{LOW}"), 10004),
    ];
    for (path, code) in cases {
        let answer = server.call(Method::PUT, &path).await;
        assert_eq!((answer.status, answer.code()), (404, code), "{path}");
    }
    server.simulator.remove_member(GUILD, ADA);
    assert_eq!(
        server.call(Method::PUT, &member_role(ADA, LOW)).await.code(),
        10007
    );
}

#[tokio::test]
async fn patch_replaces_the_whole_set_of_roles() {
    let server = start().await;
    server.simulator.set_member_roles(GUILD, ADA, &[LOW, MANAGED]);
    let answer = server
        .send(
            Method::PATCH,
            &member(ADA),
            json!({ "roles": [MIDDLE.to_string(), MANAGED.to_string()] }),
        )
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json()["roles"],
        json!([MIDDLE.to_string(), MANAGED.to_string()])
    );
    assert_eq!(server.roles_of(ADA), [MIDDLE, MANAGED]);
}

#[tokio::test]
async fn patch_that_drops_a_managed_role_is_forbidden() {
    let server = start().await;
    server.simulator.set_member_roles(GUILD, ADA, &[LOW, MANAGED]);
    let answer = server
        .send(Method::PATCH, &member(ADA), json!({ "roles": [LOW.to_string()] }))
        .await;
    assert_eq!((answer.status, answer.code()), (403, 50013));
    assert_eq!(server.roles_of(ADA), [LOW, MANAGED]);
}

#[tokio::test]
async fn a_nickname_out_of_reach_loses_the_roles_as_well() {
    let server = start().await;
    server.simulator.set_member_roles(GUILD, ADA, &[HIGH]);
    let body = json!({ "nick": "x", "roles": [HIGH.to_string(), LOW.to_string()] });
    assert_eq!(server.send(Method::PATCH, &member(ADA), body).await.code(), 50013);
    assert_eq!(server.roles_of(ADA), [HIGH]);
    let body = json!({ "roles": [HIGH.to_string(), LOW.to_string()] });
    assert_eq!(server.send(Method::PATCH, &member(ADA), body).await.status, 200);
}

#[tokio::test]
async fn a_misspelt_field_is_refused() {
    let server = start().await;
    let answer = server
        .send(Method::PATCH, &member(ADA), json!({ "rolez": [] }))
        .await;
    assert_eq!((answer.status, answer.code()), (400, 50035));
}

#[tokio::test]
async fn patch_from_an_old_read_is_a_lost_update() {
    let server = start().await;
    server.get(&member(ADA)).await;
    server.simulator.set_member_roles(GUILD, ADA, &[MIDDLE]);
    server
        .send(Method::PATCH, &member(ADA), json!({ "roles": [LOW.to_string()] }))
        .await;
    assert_eq!(server.simulator.counters().lost_updates, 1);
}

#[tokio::test]
async fn patch_from_a_fresh_read_is_none() {
    let server = start().await;
    server.simulator.set_member_roles(GUILD, ADA, &[MIDDLE]);
    server.get(&format!("/guilds/{GUILD}/members?limit=1000")).await;
    server
        .send(Method::PATCH, &member(ADA), json!({ "roles": [LOW.to_string()] }))
        .await;
    assert_eq!(server.simulator.counters().lost_updates, 0);
}

/// Gives Ada a role in a call that hangs at its work.
async fn hang_at_ada(server: &Served) -> tokio::task::JoinHandle<()> {
    server
        .simulator
        .faults()
        .add(Fault::new(FaultKind::Hang).times(1));
    let url = format!("{}/api/v10{}", server.base, member_role(ADA, LOW));
    let call = read(
        server
            .http
            .put(url)
            .header("content-length", 0)
            .header("authorization", format!("Bot {TOKEN}")),
    );
    let task = tokio::spawn(async move { drop(call.await) });
    // The fault leaves the list when it strikes.
    while !server.simulator.faults().list().is_empty() {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test]
async fn of_two_writes_to_one_member_at_once_the_later_is_lost() {
    let server = start().await;
    let first = hang_at_ada(&server).await;
    let second = server.call(Method::PUT, &member_role(ADA, MIDDLE)).await;
    assert_eq!(second.status, 204);
    assert!(server.roles_of(ADA).is_empty());
    let counters = server.simulator.counters();
    assert_eq!((counters.overlapping_writes, counters.lost_updates), (1, 1));
    first.abort();
}

#[tokio::test]
async fn writes_to_different_members_do_not_overlap() {
    let server = start().await;
    let first = hang_at_ada(&server).await;
    assert_eq!(server.call(Method::PUT, &member_role(BOB, LOW)).await.status, 204);
    assert_eq!(server.roles_of(BOB), [LOW]);
    assert_eq!(server.simulator.counters().overlapping_writes, 0);
    first.abort();
}

#[tokio::test]
async fn an_ignored_write_is_answered_with_success() {
    let server = start().await;
    server
        .simulator
        .faults()
        .add(Fault::new(FaultKind::Ignored).on("PUT *").times(1));
    assert_eq!(server.call(Method::PUT, &member_role(ADA, LOW)).await.status, 204);
    assert!(server.roles_of(ADA).is_empty());
}

#[tokio::test]
async fn a_guild_that_asks_for_two_factor_refuses_a_bot_whose_owner_has_none() {
    let server = start().await;
    server.simulator.set_mfa_level(GUILD, 1);
    server.simulator.set_owner_2fa(server.bot, false);
    let answer = server.call(Method::PUT, &member_role(ADA, LOW)).await;
    assert_eq!((answer.status, answer.code()), (403, 60003));
}

#[tokio::test]
async fn the_reason_is_decoded_and_logged_and_not_longer_than_512() {
    let server = start().await;
    let put = |reason: String| {
        let url = format!("{}/api/v10{}", server.base, member_role(ADA, LOW));
        read(
            server
                .http
                .put(url)
                .header("content-length", 0)
                .header("authorization", format!("Bot {TOKEN}"))
                .header("x-audit-log-reason", reason),
        )
    };
    assert_eq!(put("caf%C3%A9%20sync".into()).await.unwrap().status, 204);
    assert_eq!(put("x".repeat(513)).await.unwrap().status, 400);
    assert_eq!(
        server.simulator.calls(2)[0].audit_reason.as_deref(),
        Some("café sync")
    );
}

#[tokio::test]
async fn a_write_that_does_not_tell_its_length_is_refused_before_anybody_looks_at_it() {
    let server = start().await;
    let url = format!("{}/api/v10{}", server.base, member_role(ADA, LOW));
    let bare = server
        .http
        .put(url)
        .header("authorization", format!("Bot {TOKEN}"));
    let answer = read(bare).await.unwrap();
    assert_eq!(answer.status, 411);
    assert!(server.roles_of(ADA).is_empty());
}
