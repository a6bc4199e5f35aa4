//! What the client sends.

use std::collections::BTreeSet;

use rolecall_core::ids::{DiscordId, GuildId, RoleId};
use rolecall_core::ports::{Answer, Discord};

use crate::stub::{Stage, TOKEN, options, reply, token};

#[tokio::test]
async fn a_write_has_token_name_and_reason() {
    let mut answer = reply(204, "");
    answer.headers = vec![
        ("x-ratelimit-limit", "10"),
        ("x-ratelimit-remaining", "9"),
        ("x-ratelimit-reset-after", "9.875"),
        ("x-ratelimit-bucket", "abcd"),
    ];
    let stage = Stage::with([answer, reply(204, "")]).await;
    let (guild, user) = (GuildId::new(5).unwrap(), DiscordId::new(6).unwrap());
    let role = RoleId::new(7).unwrap();
    let mut options = options();
    options.reason = Some(format!("group “Pilots”\n{}", "ä".repeat(600)));
    stage
        .client
        .add_role(&token(), guild, user, role, &options)
        .await
        .unwrap();
    stage
        .client
        .remove_role(&token(), guild, user, role, &options)
        .await
        .unwrap();

    let seen = stage.seen();
    assert_eq!(
        format!("{} {}", seen[0].method, seen[0].uri),
        "PUT /api/v10/guilds/5/members/6/roles/7"
    );
    assert_eq!(
        format!("{} {}", seen[1].method, seen[1].uri),
        "DELETE /api/v10/guilds/5/members/6/roles/7"
    );
    assert_eq!(seen[0].header("authorization"), format!("Bot {TOKEN}"));
    let agent = seen[0].header("user-agent");
    assert!(
        agent.starts_with("DiscordBot (https://github.com/rolecall/rolecall, "),
        "{agent}"
    );
    let reason = seen[0].header("x-audit-log-reason");
    assert!(
        reason.starts_with("group%20%E2%80%9CPilots%E2%80%9D%0A%C3%A4"),
        "{reason}"
    );
    let decoded = percent_encoding::percent_decode_str(reason)
        .decode_utf8()
        .unwrap();
    assert_eq!(decoded.chars().count(), 512);

    let asked = stage.notes.asked.lock().unwrap().clone();
    assert_eq!((asked[0].bucket, asked[1].bucket), ("role-write", "role-write"));
    assert_eq!(
        (asked[0].guild, asked[0].principal),
        (Some(guild), asked[1].principal)
    );
    let answers = stage.answers();
    let Answer::Status { status: 204, headers } = &answers[0] else {
        panic!("{answers:?}")
    };
    assert_eq!(
        (headers.limit, headers.remaining, headers.reset_after),
        (Some(10), Some(9), Some(9.875))
    );
    assert_eq!(answers.len(), 2, "told once for each call");
}

#[tokio::test]
async fn a_full_set_of_roles_is_sent_even_when_it_is_empty() {
    let stage = Stage::with([reply(200, "{}"), reply(204, "")]).await;
    let (guild, user) = (GuildId::new(5).unwrap(), DiscordId::new(6).unwrap());
    let roles: BTreeSet<RoleId> = [RoleId::new(8).unwrap(), RoleId::new(7).unwrap()].into();
    stage
        .client
        .set_roles(&token(), guild, user, &roles, &options())
        .await
        .unwrap();
    stage
        .client
        .set_roles(&token(), guild, user, &BTreeSet::new(), &options())
        .await
        .unwrap();
    let seen = stage.seen();
    assert_eq!(
        format!("{} {}", seen[0].method, seen[0].uri),
        "PATCH /api/v10/guilds/5/members/6"
    );
    assert_eq!(&seen[0].body[..], br#"{"roles":["7","8"]}"#);
    assert_eq!(&seen[1].body[..], br#"{"roles":[]}"#);
    assert_eq!(seen[0].header("content-type"), "application/json");
}

#[tokio::test]
async fn a_token_that_fits_into_no_header_is_refused_without_being_told() {
    let stage = Stage::with([]).await;
    let error = stage
        .client
        .me(&"secret\ntoken".into(), &options())
        .await
        .unwrap_err();
    assert!(!error.message.contains("secret"), "{error}");
    assert_eq!(error.error_code(), "discord_unauthorized");
    assert!(stage.seen().is_empty());
}

#[tokio::test]
async fn the_application_of_a_bot_is_asked_for_with_its_token() {
    let told = r#"{"id":"42","name":"Rolecall","redirect_uris":["https://app.example/callback"],"flags":0}"#;
    let stage = Stage::with([reply(200, told), reply(200, r#"{"id":"42"}"#)]).await;
    let found = stage.client.application(&token(), &options()).await.unwrap();
    assert_eq!((found.id.as_str(), found.name.as_str()), ("42", "Rolecall"));
    assert_eq!(
        found.redirect_uris,
        Some(vec!["https://app.example/callback".to_owned()])
    );
    let less = stage.client.application(&token(), &options()).await.unwrap();
    assert_eq!((less.name.as_str(), less.redirect_uris), ("", None));
    let seen = stage.seen();
    assert_eq!(
        format!("{} {}", seen[0].method, seen[0].uri),
        "GET /api/v10/applications/@me"
    );
    assert_eq!(seen[0].header("authorization"), format!("Bot {TOKEN}"));
}

#[tokio::test]
async fn a_request_without_a_body_tells_its_length_where_a_body_could_be() {
    // Otherwise what stands before Discord answers 411 (RFC 9110, section 8.6).
    let stage = Stage::with([reply(204, "")]).await;
    let (guild, user) = (GuildId::new(5).unwrap(), DiscordId::new(6).unwrap());
    let role = RoleId::new(7).unwrap();
    stage
        .client
        .add_role(&token(), guild, user, role, &options())
        .await
        .unwrap();
    assert_eq!(stage.seen()[0].header("content-length"), "0");
}
