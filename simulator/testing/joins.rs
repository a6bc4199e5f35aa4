//! Joining users to a guild.

use reqwest::Method;
use serde_json::json;

use super::*;
use crate::JoinTrouble;

/// A user who granted `guilds.join`, and the access token.
fn newcomer(server: &Served) -> (u64, String) {
    let user = server.simulator.add_user("newcomer");
    let pair = server.simulator.grant_token(user, &["identify", "guilds.join"]);
    (user, pair.access_token)
}

#[tokio::test]
async fn a_member_join_answers_201_then_204() {
    let server = start().await;
    let (user, token) = newcomer(&server);
    let body = json!({ "access_token": token, "roles": [LOW.to_string()] });
    let first = server.send(Method::PUT, &member(user), body).await;
    assert_eq!(
        (first.status, &first.json()["roles"]),
        (201, &json!([LOW.to_string()]))
    );
    let body = json!({ "access_token": token, "roles": [MIDDLE.to_string()] });
    let second = server.send(Method::PUT, &member(user), body).await;
    assert_eq!((second.status, second.text.as_str()), (204, ""));
    assert_eq!(
        server.roles_of(user),
        [LOW],
        "the roles of the second call are ignored"
    );
}

#[tokio::test]
async fn a_join_with_a_role_out_of_reach_adds_nobody() {
    let server = start().await;
    let (user, token) = newcomer(&server);
    let body = json!({ "access_token": token, "roles": [HIGH.to_string()] });
    assert_eq!(server.send(Method::PUT, &member(user), body).await.code(), 50013);
    assert_eq!(server.simulator.member_roles(GUILD, user), None);
}

#[tokio::test]
async fn a_join_needs_a_token_of_this_user_with_the_scope() {
    let server = start().await;
    let (user, _) = newcomer(&server);
    let (_, foreign) = newcomer(&server);
    let answer = server
        .send(Method::PUT, &member(user), json!({ "access_token": foreign }))
        .await;
    assert_eq!((answer.status, answer.code()), (403, 50025));
    let other_app = server.simulator.add_bot("another bot");
    let foreign = server
        .simulator
        .grant_token_for(other_app, user, &["guilds.join"])
        .access_token;
    assert_eq!(
        server
            .send(Method::PUT, &member(user), json!({ "access_token": foreign }))
            .await
            .code(),
        50025
    );
    let shy = server.simulator.add_user("shy");
    let token = server.simulator.grant_token(shy, &["identify"]).access_token;
    assert_eq!(
        server
            .send(Method::PUT, &member(shy), json!({ "access_token": token }))
            .await
            .code(),
        50026
    );
    assert_eq!(
        server.send(Method::PUT, &member(user), json!({})).await.code(),
        50035
    );
}

#[tokio::test]
async fn reasons_that_only_the_user_can_mend_have_codes_of_their_own() {
    let server = start_with(SimulatorConfig {
        guild_cap: 1,
        ..SimulatorConfig::default()
    })
    .await;
    let (user, token) = newcomer(&server);
    let body = json!({ "access_token": token });
    server.simulator.ban(GUILD, user);
    assert_eq!(
        server.send(Method::PUT, &member(user), body.clone()).await.code(),
        40007
    );
    server.simulator.unban(GUILD, user);
    server.simulator.set_join_trouble(user, JoinTrouble::Blocked);
    assert_eq!(
        server.send(Method::PUT, &member(user), body.clone()).await.code(),
        340015
    );
    server.simulator.set_join_trouble(user, JoinTrouble::None);
    let elsewhere = server.simulator.add_guild(NewGuild {
        name: "Elsewhere".into(),
        ..NewGuild::default()
    });
    server.simulator.add_member(elsewhere, user, &[]);
    assert_eq!(
        server.send(Method::PUT, &member(user), body.clone()).await.code(),
        30001
    );
    server.simulator.remove_member(elsewhere, user);
    assert_eq!(server.send(Method::PUT, &member(user), body).await.status, 201);
}

#[tokio::test]
async fn a_nonce_makes_a_message_come_once() {
    let server = start().await;
    let channel = server.simulator.channel_of(GUILD).unwrap();
    let body = json!({ "content": "hello", "nonce": "n1", "enforce_nonce": true });
    let path = format!("/channels/{channel}/messages");
    let first = server.send(Method::POST, &path, body.clone()).await.json();
    let second = server.send(Method::POST, &path, body).await.json();
    assert_eq!(first["id"], second["id"]);
    assert_eq!(server.simulator.messages(channel), ["hello"]);
}
